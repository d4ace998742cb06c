"""
From logits to token ids: what a request may ask for, and the one function that does it.

Order: repetition penalty, temperature, top-k, top-p, min-p. Every row brings its own uniform number, so that what a row
draws depends on its seed and its logits and never on its neighbours.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from acorn.errors import UserError

# field -> (lowest, highest) allowed value
RANGES = {
    "temperature": (0.0, 100.0),
    "top_k": (0, 1 << 31),
    "top_p": (0.0, 1.0),
    "min_p": (0.0, 1.0),
    "repetition_penalty": (0.01, 100.0),
    "max_tokens": (0, 1 << 31),
}


@dataclass(frozen=True)
class Sampling:
    temperature: float = 1.0  # 0 is greedy: always the likeliest token
    top_k: int = 0  # draw from the k likeliest tokens; 0 is all
    top_p: float = 1.0  # draw from the fewest tokens that together have this probability
    min_p: float = 0.0  # leave out tokens less likely than this times the likeliest
    repetition_penalty: float = 1.0  # above 1 makes tokens of the prompt and the reply less likely (arXiv 1909.05858)
    seed: int | None = None  # None draws differently each time
    max_tokens: int = 256
    stop: Sequence[str] = ()  # the reply ends before the first of these strings

    def __post_init__(self):
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high:  # also false for NaN
                raise UserError(f"{name} = {value}: expected {low:g} " + (f"to {high:g}" if high <= 100 else "or more"))
        if self.top_p == 0:
            raise UserError("top_p = 0 leaves no token to draw from: expected more than 0, up to 1")
        if isinstance(self.stop, str) or not all(isinstance(s, str) and s for s in self.stop):
            raise UserError(f"stop = {self.stop!r}: expected a list of strings, none of them empty")


def stream_of_draws(seed: int | None, row: int) -> Callable[[], float]:
    """
    The uniform numbers in [0, 1) of one row. Python's generator, not torch's: it takes 50 ns a draw, it is seeded by
    all of (seed, row) where torch's keeps 32 bits of an integer, and it draws the same on every device and version.
    """
    return random.Random(None if seed is None else f"{seed}/{row}").random


def pick(logits: Tensor, sampling: Sampling, draws: Sequence[float] = (), seen: Tensor | None = None) -> Tensor:
    """
    logits (B, V) -> ids (B,) int64.
    draws: one uniform number in [0, 1) a row, unused when temperature is 0.
    seen (B, V) bool: tokens of the prompt and the reply so far, needed for the repetition penalty only.
    """
    if sampling.repetition_penalty != 1:
        penalised = torch.where(logits > 0, logits / sampling.repetition_penalty, logits * sampling.repetition_penalty)
        logits = torch.where(seen, penalised, logits)
    if sampling.temperature == 0:
        return logits.argmax(dim=-1)
    probs, order = probabilities(logits, sampling)
    # inverse of the distribution function: the first token whose cumulated probability exceeds the draw. In float64,
    # since a float32 sum over a large vocabulary loses the tail.
    cumulated = probs.cumsum(dim=-1)
    draw = torch.tensor(draws, dtype=torch.float64).to(logits.device, non_blocking=True)[:, None]
    place = torch.searchsorted(cumulated, draw * cumulated[:, -1:], right=True).clamp_(max=probs.shape[1] - 1)
    return (place if order is None else order.gather(1, place))[:, 0]


def probabilities(logits: Tensor, sampling: Sampling) -> tuple[Tensor, Tensor | None]:
    """
    logits (B, V) -> probs (B, K) float64, not normalised again after tokens were left out, and the token ids (B, K)
    that they belong to, likeliest first; None when nothing was sorted, so that K = V and places are ids.
    """
    V = logits.shape[1]
    order = None
    if 0 < sampling.top_k < V:
        logits, order = logits.topk(sampling.top_k, dim=-1)
    elif sampling.top_p < 1:
        logits, order = logits.sort(dim=-1, descending=True)
    logits = logits.double()
    # minus the maximum before the division, so that no temperature overflows
    probs = ((logits - logits.amax(dim=-1, keepdim=True)) / sampling.temperature).softmax(dim=-1)
    if sampling.top_p < 1:
        before = probs.cumsum(dim=-1) - probs  # of the likelier tokens; the likeliest has 0 and always stays
        probs = probs.masked_fill(before >= sampling.top_p, 0)
    if sampling.min_p > 0:
        probs = probs.masked_fill(probs < sampling.min_p * probs.amax(dim=-1, keepdim=True), 0)
    return probs, order
