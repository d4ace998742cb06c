"""Learning rate and momentum by worked examples."""

import math

import pytest

from acorn.optim.schedule import cosine, lr_scale, momentum


@pytest.mark.parametrize(
    "step, expected",
    [(0, 1.0), (50, 1.0), (51, 0.98), (75, 0.5), (99, 0.02)],
)
def test_flat_then_down(step, expected):
    assert lr_scale(step, 100, 0.0, 0.5, 0.0) == pytest.approx(expected)


@pytest.mark.parametrize("step, expected", [(0, 1 / 11), (4, 5 / 11), (9, 10 / 11), (10, 1.0), (30, 1.0)])
def test_warmup(step, expected):
    assert lr_scale(step, 100, 0.1, 0.5, 0.0) == pytest.approx(expected)


@pytest.mark.parametrize("steps", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(
    "warmup, cooldown, floor", [(0, 0.7, 0.05), (0.1, 0.9, 0.0), (0, 1, 0), (0.5, 0, 0.1), (1, 1, 0)]
)
def test_no_step_is_lost_at_any_horizon(steps, warmup, cooldown, floor):
    scales = [lr_scale(step, steps, warmup, cooldown, floor) for step in range(steps)]
    assert all(0 < scale <= 1 for scale in scales)
    peak = scales.index(max(scales))
    assert min(scales[peak:]) >= floor
    assert scales[:peak] == sorted(scales[:peak]) and scales[peak:] == sorted(scales[peak:], reverse=True)


def test_the_end_is_the_floor():
    assert lr_scale(1000, 1000, 0, 0.7, 0.05) == pytest.approx(0.05)
    assert lr_scale(999, 1000, 0, 0.7, 0.05) == pytest.approx(0.05 + 0.95 / 700)


@pytest.mark.parametrize(
    "step, steps, expected",
    [(0, 100, 0.85), (15, 100, 0.95), (99, 100, 0.95), (7.5, 100, 0.90), (150, 10_000, 0.90), (300, 10_000, 0.95)],
)
def test_momentum(step, steps, expected):
    assert momentum(step, steps) == pytest.approx(expected)


def test_momentum_of_a_run_of_one_step():
    assert momentum(0, 1) == 0.85


def nanogpt_lr(it, learning_rate, min_lr, warmup_iters, lr_decay_iters):
    """get_lr of nanoGPT's train.py, as it stands there"""
    if it < warmup_iters:
        return learning_rate * (it + 1) / (warmup_iters + 1)
    if it > lr_decay_iters:
        return min_lr
    decay_ratio = (it - warmup_iters) / (lr_decay_iters - warmup_iters)
    coeff = 0.5 * (1.0 + math.cos(math.pi * decay_ratio))
    return min_lr + coeff * (learning_rate - min_lr)


@pytest.mark.parametrize("steps, warmup_iters, floor", [(600_000, 2000, 0.1), (5000, 100, 0.1), (20, 0, 0.0)])
def test_cosine_is_nanogpts(steps, warmup_iters, floor):
    for step in range(0, steps, max(1, steps // 997)):
        expected = nanogpt_lr(step, 6e-4, 6e-4 * floor, warmup_iters, steps)
        assert 6e-4 * cosine(step, steps, warmup_iters / steps, floor) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("steps", [1, 2, 3, 7])
@pytest.mark.parametrize("warmup", [0, 0.3, 1])
def test_cosine_at_short_horizons(steps, warmup):
    assert all(0 < cosine(step, steps, warmup, 0.0) <= 1 for step in range(steps))
