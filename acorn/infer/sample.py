"""
From logits to token ids: what a request may ask for, and the one function that does it.

Order: repetition penalty, temperature, top-k, top-p, min-p. Every row brings its own uniform number and its own
settings, so that what a row draws depends on its seed and its logits and never on its neighbours.
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

MOST_LOGPROBS = 100
BLOCK = 64  # the tokens of a vocabulary are summed in blocks, so that a draw looks at one block and not at all tokens


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
    logprobs: int | None = None  # say how likely the model found each token, and as many of the likeliest; None: don't

    def __post_init__(self):
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high:  # also false for NaN
                raise UserError(f"{name} = {value}: expected {low:g} " + (f"to {high:g}" if high <= 100 else "or more"))
        if self.top_p == 0:
            raise UserError("top_p = 0 leaves no token to draw from: expected more than 0, up to 1")
        if isinstance(self.stop, str) or not all(isinstance(s, str) and s for s in self.stop):
            raise UserError(f"stop = {self.stop!r}: expected a list of strings, none of them empty")
        if self.logprobs is not None and not 0 <= self.logprobs <= MOST_LOGPROBS:
            raise UserError(f"logprobs = {self.logprobs}: expected 0 to {MOST_LOGPROBS}")


def stream_of_draws(seed: int | None, row: int) -> Callable[[], float]:
    """
    The uniform numbers in [0, 1) of one row. Python's generator, not torch's: it takes 50 ns a draw, it is seeded by
    all of (seed, row) where torch's keeps 32 bits of an integer, and it draws the same on every device and version.
    """
    return random.Random(None if seed is None else f"{seed}/{row}").random


def pick(
    logits: Tensor, sampling: Sampling | Sequence[Sampling], draws: Sequence[float] = (), seen: Tensor | None = None
) -> Tensor:
    """
    logits (B, V) -> ids (B,) int64.
    sampling: of all rows, or one a row.
    draws: one uniform number in [0, 1) a row, unused where temperature is 0.
    seen (B, V) bool: tokens of the prompt and the reply so far, needed for the repetition penalty only.
    """
    each = [sampling] * len(logits) if isinstance(sampling, Sampling) else sampling
    return Mix(each, logits.device).pick(logits, draws, seen)


class Mix:
    """
    The samplings of a batch, ready for many steps: rows that need the same computation are grouped, and within a group
    every row has its own numbers. A row must not be sorted because its neighbour is: among equal logits the order of a
    sort is not the order of the vocabulary, and the same draw would be another token.
    """

    def __init__(self, samplings: Sequence[Sampling], device):
        groups: dict[tuple, list[int]] = {}
        for i, s in enumerate(samplings):
            how = ("greedy", 0) if s.temperature == 0 else ("sorted" if s.top_k or s.top_p < 1 else "plain", s.top_k)
            groups.setdefault(how, []).append(i)
        self.groups = [Group(*how, rows, [samplings[i] for i in rows], device) for how, rows in groups.items()]
        self.whole = len(self.groups) == 1
        self.penalised = any(s.repetition_penalty != 1 for s in samplings)
        self.logprobs = any(s.logprobs is not None for s in samplings)

    def pick(self, logits: Tensor, draws: Sequence[float], seen: Tensor | None) -> Tensor:
        """As the function of this name. Changes nothing in logits."""
        draw = torch.tensor(draws, dtype=torch.float64).to(logits.device, non_blocking=True) if len(draws) else None
        if self.whole:
            return self.groups[0].pick(logits, draw, seen)
        ids = torch.empty(len(logits), dtype=torch.int64, device=logits.device)
        for group in self.groups:
            at = group.rows
            ids[at] = group.pick(logits[at], None if draw is None else draw[at], None if seen is None else seen[at])
        return ids


class Group:
    """Rows that are greedy, or drawn from all tokens, or drawn from tokens sorted by how likely they are."""

    def __init__(self, how: str, top_k: int, rows: list[int], samplings: list[Sampling], device):
        self.how, self.top_k, self.rows = how, top_k, torch.tensor(rows, device=device)

        def column(values) -> Tensor:
            return torch.tensor(values, device=device)[:, None]

        # a smaller temperature would make 1/temperature infinite in fp32; at this one it is greedy already
        self.temperature = column([max(s.temperature, 1e-30) for s in samplings])
        self.top_p, self.min_p = column([s.top_p for s in samplings]), column([s.min_p for s in samplings])
        self.penalty = column([s.repetition_penalty for s in samplings])
        self.has_temperature = any(s.temperature != 1 for s in samplings)
        self.has_top_p = any(s.top_p < 1 for s in samplings)
        self.has_min_p = any(s.min_p > 0 for s in samplings)
        self.has_penalty = any(s.repetition_penalty != 1 for s in samplings)

    def pick(self, logits: Tensor, draw: Tensor | None, seen: Tensor | None) -> Tensor:
        if self.has_penalty:
            penalised = torch.where(logits > 0, logits / self.penalty, logits * self.penalty)
            logits = torch.where(seen, penalised, logits)
        if self.how == "greedy":
            return logits.argmax(dim=-1)
        order = None
        if self.how == "sorted":
            if 0 < self.top_k < logits.shape[1]:
                logits, order = logits.topk(self.top_k, dim=-1)
            else:
                logits, order = logits.sort(dim=-1, descending=True, stable=True)
        place = draw_from(self.probabilities(logits), draw)[:, None]
        return (place if order is None else order.gather(1, place))[:, 0]

    def probabilities(self, logits: Tensor) -> Tensor:
        """logits (B, K), sorted if top-p is asked for -> (B, K) fp32, not normalised again after leaving out."""
        if self.has_temperature:
            # minus the maximum before the division, so that no temperature overflows
            logits = (logits - logits.amax(dim=-1, keepdim=True)).div_(self.temperature)
        probs = logits.softmax(dim=-1)
        if self.has_top_p:
            cumulated = probs.cumsum(dim=-1, dtype=torch.float64)
            before = cumulated - probs  # of the likelier tokens; the likeliest has 0 and always stays
            probs = probs.masked_fill(before >= self.top_p, 0)
        if self.has_min_p:
            probs = probs.masked_fill(probs < self.min_p * probs.amax(dim=-1, keepdim=True), 0)
        return probs


def draw_from(probs: Tensor, draw: Tensor) -> Tensor:
    """
    probs (B, K), draw (B,) float64 in [0, 1) -> (B,) the first place whose cumulated probability exceeds draw times the
    sum: the inverse of the distribution function. First the block, then the place in it; sums are float64, since in
    float32 those over a large vocabulary lose the tail.
    """
    B, K = probs.shape
    if K % BLOCK:
        probs = torch.nn.functional.pad(probs, (0, BLOCK - K % BLOCK))
    blocks = probs.view(B, -1, BLOCK)
    sums = blocks.sum(dim=-1).double().cumsum(dim=-1)
    target = draw[:, None] * sums[:, -1:]
    block = first_above(sums, target)
    before = torch.where(block > 0, sums.gather(1, (block - 1).clamp_(min=0)), 0)
    inside = blocks.gather(1, block[:, :, None].expand(-1, -1, BLOCK))[:, 0].double().cumsum(dim=-1)
    return (block * BLOCK + first_above(inside, target - before))[:, 0]


def first_above(cumulated: Tensor, target: Tensor) -> Tensor:
    """
    cumulated (B, n), not falling; target (B, 1) -> (B, 1), the first place above the target; where rounding left none,
    the last that adds something.
    """
    last = (cumulated < cumulated[:, -1:]).sum(dim=-1, keepdim=True)
    return torch.minimum(torch.searchsorted(cumulated, target, right=True), last)
