"""
Learning rate, momentum and weight decay as pure functions of progress (step / steps), so that they fit any horizon.
"""

import math


def cosine(step: int, steps: int, warmup: float, floor: float) -> float:
    """
    Linear up over the first `warmup` of the steps, then half a cosine down to `floor` at the end (nanoGPT's, with its
    lr_decay_iters = steps).  cosine(50, 100, 0.0, 0.0) -> 0.5
    """
    up = warmup * steps
    if step < up:
        return (step + 1) / (up + 1)
    progress = (step - up) / max(1.0, steps - up)
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * progress))


def lr_scale(step: int, steps: int, warmup: float, cooldown: float, floor: float) -> float:
    """
    Trapezoid: linear up over the first `warmup` of the steps, flat, linear down over the last `cooldown` to `floor`.
    lr_scale(0, 100, 0.0, 0.5, 0.0) -> 1.0;  lr_scale(75, 100, 0.0, 0.5, 0.0) -> 0.5
    """
    up, down = warmup * steps, cooldown * steps
    if step < up:
        return (step + 1) / (up + 1)
    if step > steps - down:
        return floor + (1 - floor) * (steps - step) / down
    return 1.0


def momentum(step: int, steps: int) -> float:
    """0.85 -> 0.95 over the first 15 % (at most 300 steps); at 5 minutes a longer ramp cost loss (docs: LOG.md)."""
    ramp = max(1.0, min(300.0, 0.15 * steps))
    return 0.85 + 0.10 * min(1.0, step / ramp)
