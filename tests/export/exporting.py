"""Tiny random models with a tokenizer, and runs that hold them, for the tests of export."""

import torch

from acorn.checkpoint import save_checkpoint
from acorn.export.tokenizer_in import PRE
from acorn.model.gpt2 import GPT2, GPT2Config
from acorn.model.llama import Llama, LlamaConfig
from acorn.model.nano import Nano, NanoConfig
from acorn.tokenizer.foreign import ForeignTokenizer
from acorn.tokenizer.tokenizer import STOPS
from acorn.tokenizer.train import train_bpe

VOCAB = 320
TEXTS = ["the oak and the ash, 1234 of them\n" * 9, "def f(x):\n    return {'a': x}\n" * 9, "naïve 北京 ünï\t \r\n" * 9]
SHAPE = {"vocab_size": VOCAB, "n_layer": 2, "n_head": 4, "n_embd": 64, "block_size": 128}
CONFIGS = {
    "nano": NanoConfig(**SHAPE, n_kv_head=2),
    "llama": LlamaConfig(**SHAPE, n_kv_head=2),
    "tied": LlamaConfig(**SHAPE, n_kv_head=1, tied=True, n_inner=96, rope_base=1e5),
    "llama3": LlamaConfig(**SHAPE, rope_base=5e5, rope_scaling="llama3", rope_factor=8.0),
    "linear": LlamaConfig(**SHAPE, rope_scaling="linear", rope_factor=2.5),
    "qwen2": LlamaConfig(**SHAPE | {"vocab_size": 317}, qkv_bias=True, norm_eps=1e-6),  # its tokenizer has as many
    "qwen3": LlamaConfig(**SHAPE, n_kv_head=2, head_dim=32, qk_norm=True, tied=True),
    "gpt2": GPT2Config(**SHAPE),
    "gpt2-plain": GPT2Config(**SHAPE, bias=False),
}


def tokenizer(name: str = ""):
    """Ours; for qwen2 a foreign one that cuts text as Qwen's does: transformers takes no other."""
    if name != "qwen2":
        return train_bpe(TEXTS, VOCAB)
    words = train_bpe(TEXTS, VOCAB, PRE["qwen2"][0]["pretokenizers"][0]["pattern"]["Regex"])
    bos, end = (words.special(special) for special in STOPS[::-1])
    file = {**words._body, "normalizer": {"type": "NFC"}}
    return ForeignTokenizer(file, bos, {bos, end}, names={"eos_token": STOPS[0]})


def make(name: str, seed: int = 0, config=None):
    """A model of CONFIGS[name] (or of `config`), random everywhere."""
    config = config or CONFIGS[name]
    cls = {NanoConfig: Nano, LlamaConfig: Llama, GPT2Config: GPT2}[type(config)]
    model, generator = cls(config), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for key, p in model.named_parameters():
            if p.ndim < 2:
                p.uniform_(-0.5, 0.5, generator=generator)
                p.add_(0 if key.endswith("bias") else 1)
            else:
                scale = 1.0 if key == "embed.weight" and isinstance(model, Nano) else p.shape[-1] ** -0.5
                p.normal_(0, scale, generator=generator)
    return model.eval()


def save(folder, model, words, stage: str = "sft", step: int = 3):
    """folder/sft/checkpoint-000003"""
    return save_checkpoint(folder / stage, step, model, {}, {}, words)
