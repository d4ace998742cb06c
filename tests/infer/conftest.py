"""A byte tokenizer, a tiny model with every weight random, and a model that recites: enough to test decoding without training."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from acorn.model.cache import KVCache
from acorn.model.nano import Nano, NanoConfig

SPECIALS = ("<|bos|>", "<|user_start|>", "<|user_end|>", "<|assistant_start|>", "<|assistant_end|>")


class ByteTokenizer:
    """One token a byte, so every character beyond ASCII is split over tokens."""

    n_vocab = 256 + len(SPECIALS)
    specials = {name: 256 + i for i, name in enumerate(SPECIALS)}
    bos = 256

    def encode(self, text):
        return list(text.encode())

    def decode_bytes(self, ids):
        return bytes(i for i in ids if i < 256)

    def decode(self, ids):
        return self.decode_bytes(ids).decode(errors="replace")

    def token_bytes(self):
        return np.array([1] * 256 + [0] * len(SPECIALS), dtype=np.int32)

    def special(self, name):
        return self.specials[name]


class Reciter(torch.nn.Module):
    """Says at position p what `script` says there, whatever it reads: the reply to a prompt of n tokens is script[n:]."""

    def __init__(self, script, vocab_size, block_size=128):
        super().__init__()
        self.config = SimpleNamespace(vocab_size=vocab_size, block_size=block_size)
        self.script = torch.tensor([*script, *[0] * block_size])
        self.forwards = []  # (rows, tokens) of each

    def new_cache(self, batch, length):
        return KVCache(1, batch, 1, length, 2, torch.float32, "cpu")

    def forward(self, ids, cache=None):
        B, T = ids.shape
        self.forwards.append((B, T))
        positions = cache.positions(T)
        cache.append(0, torch.zeros(B, 1, T, 2), torch.zeros(B, 1, T, 2))
        cache.advance(T)
        return torch.nn.functional.one_hot(self.script[positions + 1], self.config.vocab_size).float()


def build_nano(seed=0, **config):
    """No zero weights: with the zero output projections of a fresh model attention would change nothing, and test nothing."""
    sizes = dict(vocab_size=ByteTokenizer.n_vocab, n_layer=2, n_head=4, n_kv_head=2, n_embd=32, block_size=128)
    model = Nano(NanoConfig(**sizes | config))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in model.parameters():
            p.normal_(0, 2 / p.shape[-1] ** 0.5 if p.ndim > 1 else 0.5, generator=generator)
    return model.eval()


@pytest.fixture
def tokenizer():
    return ByteTokenizer()


@pytest.fixture
def random_nano():
    return build_nano


@pytest.fixture
def nano():
    return build_nano()


@pytest.fixture
def reciter(tokenizer):
    """reciter(text) -> a model that says text, a str or token ids, after a one-token prompt."""
    return lambda says, **kw: Reciter(
        [0, *(tokenizer.encode(says) if isinstance(says, str) else says)], tokenizer.n_vocab, **kw
    )
