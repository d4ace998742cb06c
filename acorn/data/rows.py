"""
From shards to training rows, in an order that depends on (seed, epoch) alone.

A document with the <|bos|> that ends it is cut into pieces of at most `length` targets; neighbours overlap by one
token, so every token is a target exactly once an epoch. Pieces are packed into rows of length + 1 tokens:

    row       bos a a a a bos b b bos | c c c c c | pad pad    a, b: whole documents; the bos that ends a starts b
    weight        1 1 1 1  1  1 1  1    0 1 1 1 1    0   0     c goes on from another row: its first token is input only

Reading is by global row number. `world` ranks share it out, so a run can be resumed with another number of ranks.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from acorn.data.packing import pack
from acorn.data.shards import Shard, Shards
from acorn.errors import UserError


@dataclass(frozen=True)
class Rows:
    ids: np.ndarray  # (n, length + 1) int64
    weights: np.ndarray  # (n, length) float32: weights[:, t] belongs to the target ids[:, t + 1]
    counted: float  # sum of the weights over all rows that were taken, those of the other ranks included
    starts: np.ndarray | None = None  # (n, length) int64: where the text that a position belongs to begins in its row;
    # None: all of a row may be looked at


class Stream:
    """
    Endless rows. take(n, wanted) moves n rows on and reads those whose place among the n is in `wanted`; what it gives
    depends on the seed and the position alone. state_dict() is the position, load_state_dict() goes there.
    """

    def take(self, n: int, wanted: Iterable[int]) -> Rows:
        raise NotImplementedError

    def next(self, n: int, rank: int = 0, world: int = 1) -> Rows:
        """The next n rows of the global order; of these, rank gets rows rank, rank + world, …"""
        if n % world:
            raise ValueError(f"{n} rows cannot be shared out evenly to {world} ranks")
        return self.take(n, range(rank, n, world))


class RowStream(Stream):
    """Documents, epoch after epoch, each in another order and, for long documents, cut at other places."""

    def __init__(self, shards: Shards, split: str, length: int, seed: int):
        if length < 1:
            raise UserError(f"a row needs room for at least 1 token, got {length}")
        if split not in shards.splits or not shards.splits[split]:
            raise UserError(
                f"{shards.folder} has no {split} documents", "import more than one document, or use --split tail"
            )
        self.shards, self.split, self.length, self.seed = shards.splits[split], split, length, seed
        self.files = [entry["sha256"] for entry in shards.manifest["splits"][split]["shards"]]
        self.epoch, self.turn, self.row = 0, 0, 0  # the next row: of the turn-th shard in this epoch's order
        self._plan, self._plan_key = None, None

    def take(self, n: int, wanted: Iterable[int]) -> Rows:
        wanted = set(wanted)
        parts, counted, seen = [empty_rows(self.length)], 0, 0
        while seen < n:
            plan = self.plan()
            rows = range(self.row, min(self.row + n - seen, plan.n_rows))
            counted += plan.targets(rows.start, rows.stop)
            mine = [r for i, r in enumerate(rows, seen) if i in wanted]
            if mine:
                parts.append(plan.read(mine))
            seen += len(rows)
            self.row = rows.stop
            if self.row == plan.n_rows:
                self.row, self.turn = 0, self.turn + 1
                if self.turn == len(self.shards):
                    self.turn, self.epoch = 0, self.epoch + 1
        ids, weights = (np.concatenate(arrays) for arrays in zip(*parts))
        return Rows(ids, weights, float(counted))

    def plan(self) -> "Plan":
        key = (self.epoch, self.turn)
        if self._plan_key != key:
            order = np.random.default_rng((self.seed, self.epoch)).permutation(len(self.shards))
            which = int(order[self.turn])
            rng = np.random.default_rng((self.seed, self.epoch, which))
            self._plan = Plan(self.shards[which], self.length, rng, shift=self.epoch > 0)
            self._plan_key = key
        return self._plan

    def state_dict(self) -> dict:
        place = {"epoch": self.epoch, "turn": self.turn, "row": self.row}
        return {**place, "seed": self.seed, "length": self.length, "split": self.split, "files": self.files}

    def load_state_dict(self, state: dict) -> None:
        for name in ("seed", "length", "split", "files"):
            if state[name] != getattr(self, name):
                then, now = (f"{name} {str(value)[:20]}" for value in (state[name], getattr(self, name)))
                raise UserError(f"this run was reading data with {then}, now with {now}: it cannot go on at its place")
        self.epoch, self.turn, self.row = state["epoch"], state["turn"], state["row"]


def empty_rows(length: int) -> tuple[np.ndarray, np.ndarray]:
    return np.empty((0, length + 1), np.int64), np.empty((0, length), np.float32)


class Plan:
    """One shard's rows for one epoch: which pieces, in which row, at which place."""

    def __init__(self, shard: Shard, length: int, rng: np.random.Generator, shift: bool):
        self.shard, self.length = shard, length
        start, stop, cont, ends = cut(np.asarray(shard.offsets), length, rng if shift else None)
        # Cost in tokens after a row's first. A piece that continues brings one input-only token; one that does not end
        # its document leaves room for the bos of the next. Alone in a row neither counts, hence the minimum.
        cost = np.minimum(stop - start + cont + ~ends, length)
        mixed = rng.permutation(len(start))  # so that pieces of equal length meet different neighbours each epoch
        row_of = np.empty(len(start), dtype=np.int64)
        row_of[mixed] = pack(cost[mixed], length)
        self.n_rows = int(row_of.max()) + 1
        row_of = rng.permutation(self.n_rows)[row_of]
        order = mixed[np.argsort(row_of[mixed], kind="stable")]
        start, stop, cont, ends, row_of = start[order], stop[order], cont[order], ends[order], row_of[order]

        first = np.r_[True, row_of[1:] != row_of[:-1]]
        shares = ~first & ~cont & np.r_[False, ends[:-1]]  # its bos is the one that ended the piece before it
        self.source = start + shares  # first token to copy
        self.count = stop + 1 - self.source
        behind = np.cumsum(self.count) - self.count
        self.at = behind - np.repeat(behind[first], np.diff(np.r_[np.flatnonzero(first), len(first)]))
        self.silent = ~shares  # its first token is no target (or the first of the row)
        self.piece = np.r_[np.flatnonzero(first), len(first)]  # row r holds pieces piece[r] : piece[r + 1]
        self.targets_before = np.r_[0, np.cumsum(np.bincount(row_of, weights=stop - start))]

    def targets(self, a: int, b: int) -> int:
        return int(self.targets_before[b] - self.targets_before[a])

    def read(self, rows: list[int]) -> tuple[np.ndarray, np.ndarray]:
        tokens = self.shard.tokens
        ids = np.full((len(rows), self.length + 1), tokens[-1], dtype=np.int64)  # padding is bos, with weight 0
        weights = np.zeros((len(rows), self.length + 1), dtype=np.float32)
        for i, row in enumerate(rows):
            for p in range(self.piece[row], self.piece[row + 1]):
                at, source, count = self.at[p], self.source[p], self.count[p]
                ids[i, at : at + count] = tokens[source : source + count]
                weights[i, at + self.silent[p] : at + count] = 1
        return ids, weights[:, 1:]


def cut(offsets: np.ndarray, length: int, rng: np.random.Generator | None):
    """
    Documents -> pieces (start, stop, continues, ends): tokens start…stop inclusive, stop - start <= length targets.
    With rng the first piece of a document that is longer than that is cut at a random place.
    """
    begin, end = offsets[:-1], offsets[1:]  # end is the bos that closes the document
    size = end - begin
    first = np.minimum(size, length)
    if rng is not None:
        first = np.where(size > length, rng.integers(1, length + 1, size=len(size)), first)
    pieces = 1 + -(-(size - first) // length)
    which = np.repeat(np.arange(len(size)), pieces)
    nth = np.arange(len(which)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    start = np.where(nth == 0, begin[which], begin[which] + first[which] + (nth - 1) * length)
    stop = np.where(nth == 0, begin[which] + first[which], np.minimum(start + length, end[which]))
    return start, stop, nth > 0, stop == end[which]
