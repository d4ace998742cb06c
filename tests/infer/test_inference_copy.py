"""The copy that decodes computes what the model computes, and costs no more memory than it says."""

import copy

import pytest
import torch

from acorn.infer.weights import inference_copy
from acorn.model import MODELS

SHAPES = {
    "nano": dict(vocab_size=64, n_layer=2, n_head=4, n_kv_head=2, n_embd=32, block_size=32, bigram=16),
    "llama": dict(vocab_size=64, n_layer=2, n_head=4, n_kv_head=2, n_embd=32, block_size=32, tied=True),
    "gpt2": dict(vocab_size=64, n_layer=2, n_head=4, n_embd=32, block_size=32),
}


def build(kind, dtype):
    config, model = MODELS[kind]
    built = model(config(**SHAPES[kind]))
    with torch.no_grad():
        for p in built.parameters():
            p.normal_(0, 0.2, generator=torch.Generator().manual_seed(p.numel()))
    built.compute_dtype = dtype
    return built.train()


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("kind", SHAPES)
def test_same_numbers(kind, dtype):
    model = build(kind, dtype)
    ids = torch.randint(0, 64, (3, 20), generator=torch.Generator().manual_seed(0))
    before, own = model.state_dict(), copy.deepcopy(model.state_dict())
    fast = inference_copy(model)
    assert torch.equal(fast(ids), model.eval()(ids))
    cache, twin = fast.new_cache(3, 20), model.new_cache(3, 20)
    for t in range(0, 20, 5):
        assert torch.equal(fast(ids[:, t : t + 5], cache), model(ids[:, t : t + 5], twin))
    after = model.state_dict()
    assert all(after[name] is not None and torch.equal(after[name], own[name]) for name in before)


@pytest.mark.parametrize("kind", SHAPES)
def test_the_copy_is_in_evaluation_and_the_model_is_not_touched(kind):
    model = build(kind, torch.bfloat16)
    names = [name for name, _ in model.named_parameters()]
    fast = inference_copy(model)
    assert model.training and not fast.training and not any(m.training for m in fast.modules())
    assert [name for name, _ in model.named_parameters()] == names
    assert all(p.dtype == torch.float32 and p.requires_grad for p in model.parameters())
    assert fast.embed.weight is model.embed.weight  # what is not cast is shared
    model.loss(torch.zeros(1, 4, dtype=torch.int64), torch.zeros(1, 4, dtype=torch.int64), torch.ones(1, 4)).backward()


def test_an_fp32_copy_shares_all_but_the_joined():
    model = build("nano", torch.float32)
    fast = inference_copy(model)
    held = {p.untyped_storage().data_ptr(): p.untyped_storage().nbytes() for p in fast.parameters()}
    for p in model.parameters():
        held.pop(p.untyped_storage().data_ptr(), None)
    assert sum(held.values()) == 2 * 4 * 32 * (32 + 16 + 16)  # q, k and v of two layers
