"""Learning rate and momentum by worked examples."""

import pytest

from acorn.optim.schedule import lr_scale, momentum


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
