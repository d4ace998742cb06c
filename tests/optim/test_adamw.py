"""AdamW with weight decay against torch.optim.AdamW with nanoGPT's groups; its state through a save and over ranks."""

import pytest
import torch
from children import call_ranks

from acorn.model.gpt2 import GPT2, GPT2Config
from acorn.optim.adamw import AdamW


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def gpt2(seed=0):
    model = GPT2(GPT2Config(vocab_size=61, n_layer=2, n_head=2, n_embd=15 * 2, block_size=16))
    with torch.no_grad():
        for i, p in enumerate(model.parameters()):
            p.copy_(randn(*p.shape, seed=seed * 1000 + i) * 0.3)
    return model


def optimizer_of(model, **more):
    return AdamW(dict(model.named_parameters()), model.groups(), 0.01, 0.1, **more)


def give_gradients(model, step):
    for i, p in enumerate(model.parameters()):
        p.grad = randn(*p.shape, seed=step * 1000 + i + 7) * 0.1


def run(model, optimizer, steps):
    for step in steps:
        give_gradients(model, step)
        optimizer.step(1 - step / 50)


@pytest.mark.parametrize("betas", [(0.9, 0.95), (0.9, 0.99)])
def test_equals_torch_with_the_groups_of_nanogpt(betas):
    ours, theirs = gpt2(), gpt2()
    optimizer = optimizer_of(ours, betas=betas)
    decayed = [p for p in theirs.parameters() if p.dim() >= 2]
    rest = [p for p in theirs.parameters() if p.dim() < 2]
    groups = [{"params": decayed, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}]
    twin = torch.optim.AdamW(groups, lr=0.01, betas=betas, foreach=False)
    for step in range(30):
        for model in (ours, theirs):
            give_gradients(model, step)
        optimizer.step(1 - step / 50)
        for group in twin.param_groups:
            group["lr"] = 0.01 * (1 - step / 50)
        twin.step()
    for (name, a), b in zip(ours.named_parameters(), theirs.parameters()):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6, msg=lambda text, name=name: f"{name}: {text}")


def test_only_what_has_two_dimensions_decays():
    model = gpt2()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    for p in model.parameters():
        p.grad = torch.zeros_like(p)
    optimizer_of(model).step()
    for name, p in model.named_parameters():
        torch.testing.assert_close(p.detach(), before[name] * (1 - 0.001 if p.ndim == 2 else 1), rtol=1e-6, atol=0)


def test_a_run_that_was_saved_goes_on_bit_for_bit():
    straight, saved = gpt2(), gpt2()
    run(straight, optimizer_of(straight), range(8))
    half = optimizer_of(saved)
    run(saved, half, range(4))
    weights = {name: t.clone() for name, t in saved.state_dict().items()}
    state = half.state_dict()
    run(saved, half, range(4, 6))  # what was given out is a copy: going on does not change it
    second = gpt2(seed=5)
    second.load_state_dict(weights)
    rest = optimizer_of(second)
    rest.load_state_dict(state)
    run(second, rest, range(4, 8))
    assert all(torch.equal(a, b) for a, b in zip(straight.parameters(), second.parameters()))


def train_on_ranks(runtime, expected, expected_state):
    model = gpt2()
    optimizer = optimizer_of(model, rank=runtime.rank, world=runtime.world)
    run(model, optimizer, range(4))
    for p, wanted in zip(model.parameters(), expected):
        torch.testing.assert_close(p.detach(), wanted, rtol=1e-5, atol=1e-6)
    state = optimizer.state_dict()
    assert state.keys() == expected_state.keys()
    for name, wanted in expected_state.items():
        torch.testing.assert_close(state[name], wanted, rtol=1e-5, atol=1e-6)


def test_two_ranks_equal_one(tmp_path):
    model = gpt2()
    optimizer = optimizer_of(model)
    run(model, optimizer, range(4))
    call_ranks(2, train_on_ranks, [p.detach() for p in model.parameters()], optimizer.state_dict(), folder=tmp_path)
