"""The engine on every kind of model: greedy replies equal the plain forward's, ragged prompts, several samples."""

import dataclasses

import pytest
import torch

from acorn.infer.engine import Engine
from acorn.infer.sample import Sampling
from acorn.model import MODELS, build
from acorn.model.gpt2 import GPT2Config
from acorn.model.llama import LlamaConfig

CONFIGS = {
    "llama": LlamaConfig(1, 2, 4, 2, 32, block_size=64),
    "qwen3": LlamaConfig(1, 2, 4, 1, 24, head_dim=16, block_size=64, qk_norm=True, tied=True),
    "gpt2": GPT2Config(1, 2, 4, 32, block_size=64, dropout=0.3),  # which acts in training only
}


@pytest.mark.parametrize("name", CONFIGS)
def test_greedy_replies_equal_the_plain_forward(name, tokenizer):
    config = dataclasses.replace(CONFIGS[name], vocab_size=tokenizer.n_vocab)
    model = build(next(k for k, (cls, _) in MODELS.items() if isinstance(config, cls)), config)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for p in model.parameters():
            p.normal_(0, 1.5 * p.shape[-1] ** -0.5 if p.ndim > 1 else 0.5, generator=generator)
    prompts = [tokenizer.encode(text) for text in ("oak", "a willow", "elm and ash")]
    replies = Engine(model.eval(), tokenizer).complete(prompts, Sampling(temperature=0, max_tokens=12), samples=3)
    for i, prompt in enumerate(prompts):
        ids = list(prompt)
        with torch.no_grad():
            for _ in range(12):
                ids.append(int(model(torch.tensor([ids]))[0, -1].argmax()))
        for reply in replies[3 * i : 3 * i + 3]:
            assert reply.ids and reply.ids == ids[len(prompt) : len(prompt) + len(reply.ids)]
