"""Small models of every kind, no weight zero, for the tests that hold for all of them."""

import torch

from acorn.model import MODELS
from acorn.model.gpt2 import GPT2Config
from acorn.model.llama import LlamaConfig
from acorn.model.nano import NanoConfig

CONFIGS = {
    "nano": NanoConfig(vocab_size=67, n_layer=2, n_head=4, n_kv_head=2, n_embd=32, block_size=40),
    "nano-bigram": NanoConfig(vocab_size=67, n_layer=2, n_head=2, n_kv_head=2, n_embd=16, block_size=40, bigram=31),
    "llama": LlamaConfig(vocab_size=67, n_layer=2, n_head=4, n_kv_head=2, n_embd=32, block_size=40),
    "smollm2": LlamaConfig(67, 2, 3, 1, 24, n_inner=40, block_size=40, rope_base=1e5, tied=True),
    "qwen2": LlamaConfig(67, 2, 4, 2, 32, block_size=40, rope_base=1e6, norm_eps=1e-6, qkv_bias=True),
    "qwen3": LlamaConfig(67, 2, 4, 2, 24, head_dim=16, block_size=40, norm_eps=1e-6, qk_norm=True, tied=True),
    "llama3": LlamaConfig(67, 2, 4, 2, 32, block_size=40, rope_base=5e5, rope_scaling="llama3", rope_factor=8.0,
                          rope_original=24),
    "linear": LlamaConfig(67, 2, 4, 2, 32, block_size=40, rope_scaling="linear", rope_factor=2.5),
    "gpt2": GPT2Config(vocab_size=67, n_layer=2, n_head=4, n_embd=32, block_size=40),
    "gpt2-plain": GPT2Config(vocab_size=67, n_layer=2, n_head=4, n_embd=32, block_size=40, bias=False),
}  # fmt: skip


def small(name: str, seed: int = 0, config=None):
    """A model of CONFIGS[name] (or of `config`) in eval mode. Random everywhere: zero outputs would hide the blocks."""
    config = config or CONFIGS[name]
    model = next(cls for config_class, cls in MODELS.values() if isinstance(config, config_class))(config)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for key, p in model.named_parameters():
            if p.ndim < 2:
                p.normal_(0 if key.endswith("bias") else 1, 0.3, generator=generator)
            else:
                p.normal_(0, p.shape[-1] ** -0.5, generator=generator)
    return model.eval()


def tokens(batch: int, length: int, seed: int = 0, vocab: int = 67):
    return torch.randint(0, vocab, (batch, length), generator=torch.Generator().manual_seed(seed))
