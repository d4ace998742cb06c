"""The backwards that we wrote ourselves, against plain autograd of the plain formula in float64."""

import math

import pytest
import torch
import torch.nn.functional as F

from acorn.model.layers import EPS, attend, relu2, rms_norm, rope_frequencies, rope_tables, rotate, weighted_nll

LENGTHS = (1, 127, 128, 129, 300)


def randn(*shape, seed=0, dtype=torch.float32):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def backward(function, *inputs):
    """Output and the gradient of Σ output · noise with respect to each input, in the dtype of the inputs."""
    inputs = [x.detach().requires_grad_() for x in inputs]
    y = function(*inputs)
    g = randn(*y.shape, seed=99).to(y.dtype)
    return [y.detach(), *torch.autograd.grad((y * g).sum(), inputs)]


def assert_same(function, plain, *inputs, dtype=torch.float32):
    ours = backward(function, *(x.to(dtype) for x in inputs))
    theirs = backward(plain, *(x.to(dtype).double() for x in inputs))
    tolerance = 2e-5 if dtype == torch.float32 else 4e-2
    for a, b in zip(ours, theirs):
        assert a.dtype == dtype
        # by the largest value: in bf16 single small values may lose all their bits
        assert (a.double() - b).abs().max() <= tolerance * b.abs().max().clamp(min=0.1)


def plain_norm(x):
    return x * (x.square().mean(-1, keepdim=True) + EPS).rsqrt()


def plain_attention(q, k, v, scale):
    k, v = (t.repeat_interleave(q.shape[1] // t.shape[1], dim=1) for t in (k, v))
    scores = q @ k.mT * scale
    T = q.shape[2]
    return scores.masked_fill(torch.ones(T, T, dtype=torch.bool).triu(1), -math.inf).softmax(-1) @ v


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("size", [1e-4, 1.0, 1e3])
def test_rms_norm(dtype, size):
    """size 1e-4: where eps weighs as much as the mean square."""
    assert_same(rms_norm, plain_norm, randn(3, 5, 48) * size, dtype=dtype)
    assert_same(rms_norm, plain_norm, randn(3, 48, 5).transpose(1, 2) * size, dtype=dtype)


def test_rms_norm_of_zeros_is_zero_with_a_finite_gradient():
    y, dx = backward(rms_norm, torch.zeros(2, 8))
    assert not y.any() and dx.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_relu2(dtype):
    assert_same(relu2, lambda x: F.relu(x).square(), randn(7, 33), dtype=dtype)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("groups", [4, 2, 1])
def test_block_attention(length, groups):
    q, k, v = randn(2, 4, length, 16), randn(2, groups, length, 16, seed=1), randn(2, groups, length, 16, seed=2)
    assert_same(lambda *x: attend(*x, scale=0.36), lambda *x: plain_attention(*x, 0.36), q, k, v)


def test_block_attention_as_the_model_calls_it():
    """Queries and keys are transposed views; without a scale it is 1/sqrt(D)."""
    q, k, v = randn(2, 4, 150, 8, dtype=torch.bfloat16), randn(2, 4, 150, 8, seed=1), randn(2, 4, 150, 8, seed=2)
    views = [x.transpose(1, 2).contiguous().transpose(1, 2) for x in (q, k, v)]
    assert not views[0].is_contiguous()
    assert_same(attend, lambda *x: plain_attention(*x, 8**-0.5), *views, dtype=torch.bfloat16)


def test_training_and_evaluation_attend_alike():
    q, k, v = randn(1, 4, 200, 16), randn(1, 2, 200, 16, seed=1), randn(1, 2, 200, 16, seed=2)
    with torch.no_grad():
        quick = attend(q, k, v)
    torch.testing.assert_close(attend(q, k, v), quick, rtol=1e-5, atol=1e-6)


def test_attention_never_looks_ahead():
    q, k, v = (randn(1, 2, 260, 8, seed=s) for s in range(3))
    before = attend(q, k, v)
    k[:, :, 200:], v[:, :, 200:] = 9.0, -9.0
    assert torch.equal(attend(q, k, v)[:, :, :200], before[:, :, :200])


@pytest.mark.parametrize("chunk", [0, 1, 7, 64, 1000])
def test_weighted_nll(chunk):
    x, weight = randn(50, 16), randn(40, 16, seed=1)
    targets = torch.randint(0, 40, (50,), generator=torch.Generator().manual_seed(2))
    weights = randn(50, seed=3).relu()  # about half of them are 0

    def plain(x, weight):
        return (F.cross_entropy(x @ weight.T, targets, reduction="none") * weights).sum()

    assert_same(lambda x, w: weighted_nll(x, w, targets, weights, chunk), plain, x, weight)


def test_weighted_nll_in_bf16_keeps_the_head_in_fp32():
    x, weight = randn(50, 16, dtype=torch.bfloat16).requires_grad_(), randn(40, 16, seed=1).requires_grad_()
    targets, weights = torch.arange(50) % 40, torch.full((50,), 1 / 50)
    loss = weighted_nll(x, weight, targets, weights, 16)
    dx, dw = torch.autograd.grad(loss, (x, weight))
    exact = F.cross_entropy(x.double() @ weight.double().T, targets)
    ex, ew = torch.autograd.grad(exact, (x, weight))
    assert loss.dtype == dw.dtype == torch.float32 and dx.dtype == torch.bfloat16
    assert abs(loss.item() - exact.item()) < 0.01 * exact.item()
    assert (dw - ew).abs().max() < 0.03 * ew.abs().max() and (dx - ex).float().abs().max() < 0.03 * ex.abs().max()


def test_weighted_nll_scales_with_what_comes_from_above():
    x, weight = randn(9, 4).requires_grad_(), randn(5, 4, seed=1).requires_grad_()
    targets, weights = torch.arange(9) % 5, torch.ones(9)
    one = torch.autograd.grad(weighted_nll(x, weight, targets, weights), (x, weight))
    three = torch.autograd.grad(3 * weighted_nll(x, weight, targets, weights), (x, weight))
    for a, b in zip(one, three):
        torch.testing.assert_close(3 * a, b)


def test_evaluation_computes_no_gradient(monkeypatch):
    x, weight = randn(9, 4), randn(5, 4, seed=1).requires_grad_()
    monkeypatch.setattr(torch, "mm", None)  # what the gradient would need
    with torch.no_grad():
        loss = weighted_nll(x, weight, torch.arange(9) % 5, torch.ones(9))
    assert loss.isfinite() and not loss.requires_grad


def test_rope_turns_by_distance():
    """The product of a rotated query and a rotated key depends on how far apart they stand, not on where."""
    cos, sin = rope_tables(64, rope_frequencies(8, base=100.0))
    q, k = randn(8), randn(8, seed=1)
    turned = [rotate(x.expand(1, 64, 1, 8), cos[:, None], sin[:, None])[0, :, 0] for x in (q, k)]
    scores = turned[0] @ turned[1].T
    for distance in (0, 1, 5):
        diagonal = scores.diagonal(-distance)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal), rtol=1e-4, atol=1e-4)
    assert torch.equal(turned[0][0], q)  # position 0 is not turned
    # by hand: pair (0, 4) of position 3 turns by 3 radians
    torch.testing.assert_close(turned[0][3, 0], q[0] * math.cos(3) - q[4] * math.sin(3))
