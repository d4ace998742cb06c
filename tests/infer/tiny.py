"""A byte tokenizer and a tiny model with random weights, for tests that cannot wait for fixtures."""

import torch

from acorn.model.nano import Nano, NanoConfig
from acorn.tokenizer.chat import SPECIALS
from acorn.tokenizer.tokenizer import Tokenizer

VOCAB = 256 + len(SPECIALS)


def build_tokenizer():
    """One token a byte, so every character beyond ASCII is split over tokens."""
    return Tokenizer("bpe", [bytes([i]) for i in range(256)], {name: 256 + i for i, name in enumerate(SPECIALS)})


def build_nano(seed=0, **config):
    """No weight is zero: with the zero output projections of a fresh model, attention would change and test nothing."""
    sizes = dict(vocab_size=VOCAB, n_layer=2, n_head=4, n_kv_head=2, n_embd=32, block_size=128)
    model = Nano(NanoConfig(**sizes | config))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in model.parameters():
            p.normal_(0, 2 / p.shape[-1] ** 0.5 if p.ndim > 1 else 0.5, generator=generator)
    return model.eval()
