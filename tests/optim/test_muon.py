"""Muon and AdamW against slow twins, their state through a save, 2 ranks against 1."""

import math

import pytest
import torch
from children import call_ranks

from acorn.model.nano import Nano, NanoConfig
from acorn.optim.muon import POLAR_EXPRESS, MuonAdamW, orthogonalize

LR = {"matrix": 0.02, "embed": 0.1, "head": 0.004, "scalar": 0.05}


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def nano(seed=0):
    model = Nano(NanoConfig(vocab_size=61, n_layer=3, n_head=2, n_kv_head=1, n_embd=16, block_size=16, bigram=7))
    with torch.no_grad():
        for i, p in enumerate(model.parameters()):
            p.copy_(randn(*p.shape, seed=seed * 1000 + i) * 0.3)
    return model


def optimizer_of(model, weight_decay=0.1, **more):
    return MuonAdamW(dict(model.named_parameters()), model.groups(), LR, weight_decay, **more)


def give_gradients(model, step):
    for i, p in enumerate(model.parameters()):
        p.grad = randn(*p.shape, seed=step * 1000 + i + 7) * 0.1


def run(model, optimizer, steps):
    for step in steps:
        give_gradients(model, step)
        optimizer.step(1 - step / 50, 0.85 + step / 500)


# --- orthogonalize ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(64, 64), (96, 32), (32, 96), (128, 16), (1, 8), (8, 1)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_singular_values_land_near_1(shape, dtype, size):
    x = randn(3, *shape) * size
    y = orthogonalize(x.to(dtype))
    assert y.dtype == dtype and y.shape == x.shape
    u, s, vt = torch.linalg.svd(x, full_matrices=False)
    found = torch.linalg.svdvals(y.float())
    # a singular value that began below 1e-3 of the norm has not yet arrived after five steps
    begun = s / x.norm(dim=(-2, -1))[:, None] > 5e-3
    assert 0.65 < found[begun].min() and found.max() < 1.35
    near = torch.nn.functional.cosine_similarity(y.float().flatten(1), (u @ vt).flatten(1))
    assert near.min() > 0.95


def test_a_stack_is_its_matrices_one_by_one():
    x = randn(5, 24, 40)
    torch.testing.assert_close(orthogonalize(x), torch.cat([orthogonalize(m[None]) for m in x]), rtol=1e-4, atol=1e-5)


def test_zeros_stay_zeros():
    assert not orthogonalize(torch.zeros(2, 4, 6)).any()


# --- Muon -------------------------------------------------------------------------------------------------------------


def slow_muon(w, grads, lr, weight_decay, momenta, scales):
    """One matrix as python lists would do it: what acorn/optim/muon.py says in batches, step by step in float64."""
    rows, columns = w.shape
    by_row = rows >= columns
    momentum, second = torch.zeros(rows, columns).double(), [0.0] * (rows if by_row else columns)
    for grad, beta, scale in zip(grads, momenta, scales):
        grad = grad.double()
        momentum = beta * momentum + (1 - beta) * grad
        u = (1 - beta) * grad + beta * momentum
        x = (u if rows <= columns else u.T) / (1.02 * math.sqrt(float((u**2).sum())) + 1e-6)
        for a, b, c in POLAR_EXPRESS:
            s = x @ x.T
            x = a * x + (b * s + c * s @ s) @ x
        u = x if rows <= columns else x.T
        lines = u if by_row else u.T
        means = [float((line**2).mean()) for line in lines]
        second = [0.95 * old + 0.05 * new for old, new in zip(second, means)]
        before = math.sqrt(sum(means))
        evened = torch.stack([line / math.sqrt(max(v, 1e-10)) for line, v in zip(lines, second)])
        after = math.sqrt(sum(float((line**2).mean()) for line in evened))
        evened *= before / after
        u = (evened if by_row else evened.T).clone()
        for i in range(rows):
            for j in range(columns):
                if u[i, j] * w[i, j] > 0:
                    u[i, j] += weight_decay * w[i, j]
        w = w - lr * scale * math.sqrt(max(1, rows / columns)) * u
    return w


@pytest.mark.parametrize("shape", [(12, 12), (20, 8), (8, 20)])
def test_muon_equals_a_slow_twin(shape):
    start = randn(3, *shape).double() * 0.3
    params = {f"m{i}": torch.nn.Parameter(m.float()) for i, m in enumerate(start)}
    optimizer = MuonAdamW(params, {"matrix": list(params.values())}, LR, weight_decay=0.5)
    steps = range(6)
    for step in steps:
        for i, p in enumerate(params.values()):
            p.grad = randn(*shape, seed=100 * step + i)
        optimizer.step(1 - step / 10, 0.9 + step / 100)
    for i, p in enumerate(params.values()):
        grads = [randn(*shape, seed=100 * step + i) for step in steps]
        slow = slow_muon(
            start[i], grads, LR["matrix"], 0.5, [0.9 + s / 100 for s in steps], [1 - s / 10 for s in steps]
        )
        torch.testing.assert_close(p.detach().double(), slow, rtol=1e-3, atol=1e-4)


def test_weights_shrink_only_where_the_update_agrees():
    """Entries whose update has the weight's sign go further, the others go as without decay."""
    moved = {}
    for decay in (0.0, 0.4):
        w = torch.nn.Parameter(randn(10, 6) * 0.5)
        w.grad = randn(10, 6, seed=1)
        MuonAdamW({"w": w}, {"matrix": [w]}, LR, decay).step()
        moved[decay] = randn(10, 6) * 0.5 - w.detach()  # lr · update
    agree = moved[0.0] * randn(10, 6) > 0
    assert 10 < agree.sum() < 50
    assert torch.equal(moved[0.4][~agree], moved[0.0][~agree])
    lr = LR["matrix"] * (10 / 6) ** 0.5
    expected = moved[0.0] + lr * 0.4 * randn(10, 6) * 0.5
    torch.testing.assert_close(moved[0.4][agree], expected[agree], rtol=1e-4, atol=1e-6)


def test_the_gradient_is_not_changed():
    w = torch.nn.Parameter(randn(6, 6))
    w.grad = randn(6, 6, seed=1)
    MuonAdamW({"w": w}, {"matrix": [w]}, LR).step()
    assert torch.equal(w.grad, randn(6, 6, seed=1))


# --- AdamW ------------------------------------------------------------------------------------------------------------


def test_the_rest_equals_torch_adamw():
    ours, theirs = nano(), nano()
    optimizer = optimizer_of(ours)
    names = [name for name in theirs.groups() if name != "matrix"]
    twin = torch.optim.AdamW(
        [{"params": theirs.groups()[name], "lr": LR[name]} for name in names],
        betas=(0.8, 0.95), eps=1e-10, weight_decay=0.0, foreach=False,
    )  # fmt: skip
    for step in range(20):
        scale = 1 - step / 25
        for model in (ours, theirs):
            give_gradients(model, step)
        optimizer.step(scale)
        for group, name in zip(twin.param_groups, names):
            group["lr"] = LR[name] * scale
        twin.step()
    for name in names:
        for a, b in zip(ours.groups()[name], theirs.groups()[name]):
            torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


# --- state ------------------------------------------------------------------------------------------------------------


def test_a_run_that_was_saved_goes_on_bit_for_bit():
    straight, first = nano(), nano()
    run(straight, optimizer_of(straight), range(8))
    half = optimizer_of(first)
    run(first, half, range(4))
    state = {name: t.clone() for name, t in half.state_dict().items()}
    run(first, half, range(4, 6))  # what was given out is a copy: going on does not change it
    second = nano()
    rest = optimizer_of(second)
    rest.load_state_dict(state)
    again = rest.state_dict()
    assert state.keys() == again.keys() and all(torch.equal(state[name], again[name]) for name in state)
    fresh = nano()
    run(fresh, optimizer_of(fresh), range(4))
    second.load_state_dict(fresh.state_dict())
    run(second, rest, range(4, 8))
    assert all(torch.equal(a, b) for a, b in zip(straight.parameters(), second.parameters()))


def test_state_has_every_parameter_by_name():
    model = nano()
    state = optimizer_of(model).state_dict()
    matrices = {id(p) for p in model.groups()["matrix"]}
    wanted = {"steps"}
    for name, p in model.named_parameters():
        wanted |= {f"{name}.momentum", f"{name}.second"} if id(p) in matrices else {f"{name}.first", f"{name}.second"}
    assert set(state) == wanted
    assert all(state[f"{name}.first"].shape == p.shape for name, p in model.named_parameters() if id(p) not in matrices)


# --- ranks ------------------------------------------------------------------------------------------------------------


def train_on_ranks(runtime, start_state, expected, expected_state):
    """5 steps on 1 rank equal 5 here, and the whole state of a run on 1 rank is what the ranks gather."""
    model = nano()
    optimizer = optimizer_of(model, rank=runtime.rank, world=runtime.world)
    run(model, optimizer, range(3))
    if start_state is not None:  # go on from what 1 rank saved
        optimizer.load_state_dict(start_state)
    run(model, optimizer, range(3, 5))
    for (name, p), wanted in zip(model.named_parameters(), expected):
        torch.testing.assert_close(
            p.detach(), wanted, rtol=1e-5, atol=1e-6, msg=lambda text, name=name: f"{name}: {text}"
        )
    state = optimizer.state_dict()
    assert state.keys() == expected_state.keys()
    for name, wanted in expected_state.items():
        torch.testing.assert_close(state[name], wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("world", [2, 3])
def test_ranks_with_shares_of_the_state_equal_one(world, tmp_path):
    """3 ranks: some have no matrix of a shape at all, and 61 x 16 elements do not divide."""
    model = nano()
    optimizer = optimizer_of(model)
    run(model, optimizer, range(3))
    middle = optimizer.state_dict()
    run(model, optimizer, range(3, 5))
    weights = [p.detach() for p in model.parameters()]
    call_ranks(world, train_on_ranks, middle if world == 3 else None, weights, optimizer.state_dict(), folder=tmp_path)
