"""
Conversations in rows of one length, packed best-fit, so that next to nothing is padding:

    row       c c c c c c d d d d e e e | pad
    starts    0 0 0 0 0 0 6 6 6 6 10 10   13      a position looks no further back than its conversation's start

Every conversation is whole. The step from one to the next, and the padding, have weight 0.
"""

import hashlib
from collections.abc import Iterable

import numpy as np

from acorn.data.packing import pack
from acorn.data.rows import Rows, Stream
from acorn.errors import UserError


class ChatRows(Stream):
    """
    conversations: (ids int32, weights float32), equally long, at most length + 1 tokens; weights[t] belongs to ids[t]
    as a target. Each epoch packs them anew, in another order.
    """

    def __init__(self, conversations: list[tuple[np.ndarray, np.ndarray]], length: int, seed: int):
        self.conversations, self.length, self.seed = conversations, length, seed
        self.sizes = np.array([len(ids) for ids, _ in conversations])
        self.worth = np.array([weights[1:].sum(dtype=np.float64) for _, weights in conversations])
        self.data = fingerprint(conversations)
        self.epoch, self.row = 0, 0
        self._rows, self._rows_epoch = [], -1

    def take(self, n: int, wanted: Iterable[int]) -> Rows:
        wanted, taken, counted = set(wanted), [], 0.0
        for i in range(n):
            row = self._next()
            counted += self.worth[row].sum()
            if i in wanted:
                taken.append([self.conversations[c] for c in row])
        ids, weights, starts = lay_out(taken, self.length)
        return Rows(ids, weights, float(counted), starts)

    def _next(self) -> list[int]:
        if self.row == len(self._epoch_rows()):
            self.epoch, self.row = self.epoch + 1, 0
        self.row += 1
        return self._epoch_rows()[self.row - 1]

    def _epoch_rows(self) -> list[np.ndarray]:
        """A function of (seed, epoch), so that the position alone restores it."""
        if self._rows_epoch != self.epoch:
            rng = np.random.default_rng((self.seed, self.epoch))
            order = rng.permutation(len(self.sizes))
            rows = groups(self.sizes[order], self.length + 1)
            self._rows = [order[rows[i]] for i in rng.permutation(len(rows))]
            self._rows_epoch = self.epoch
        return self._rows

    def state_dict(self) -> dict:
        return {"epoch": self.epoch, "row": self.row, "seed": self.seed, "length": self.length, "data": self.data}

    def load_state_dict(self, state: dict) -> None:
        if any(state[name] != getattr(self, name) for name in ("seed", "length", "data")):
            raise UserError("the conversations are not those that this run was reading: it cannot go on at its place")
        self.epoch, self.row = state["epoch"], state["row"]


class Mixture(Stream):
    """Rows of several streams in fixed shares: each row comes from the stream that is furthest behind its share."""

    def __init__(self, streams: dict[str, Stream], shares: dict[str, float]):
        total = sum(shares.values())
        self.streams, self.shares = streams, {name: shares[name] / total for name in streams}
        self.given = dict.fromkeys(streams, 0)

    def take(self, n: int, wanted: Iterable[int]) -> Rows:
        wanted, places = set(wanted), {name: [] for name in self.streams}
        for i in range(n):
            so_far = sum(self.given.values()) + 1
            name = max(self.streams, key=lambda s: self.shares[s] * so_far - self.given[s])
            self.given[name] += 1
            places[name].append(i)
        parts = [
            stream.take(len(places[name]), [k for k, i in enumerate(places[name]) if i in wanted])
            for name, stream in self.streams.items()
        ]
        starts = [np.zeros_like(p.ids[:, :-1]) if p.starts is None else p.starts for p in parts]
        ids, weights = (np.concatenate([getattr(p, name) for p in parts]) for name in ("ids", "weights"))
        return Rows(ids, weights, sum(p.counted for p in parts), np.concatenate(starts))

    def state_dict(self) -> dict:
        return {"given": self.given, "streams": {name: s.state_dict() for name, s in self.streams.items()}}

    def load_state_dict(self, state: dict) -> None:
        if state["streams"].keys() != self.streams.keys():
            then, now = ", ".join(state["streams"]), ", ".join(self.streams)
            raise UserError(f"this run was reading a mixture of {then}, now of {now}: it cannot go on at its place")
        for name, stream in self.streams.items():
            stream.load_state_dict(state["streams"][name])
        self.given = dict(state["given"])


def groups(sizes: np.ndarray, room: int) -> list[np.ndarray]:
    """Sizes (n,) -> for each row the places of what is packed into it."""
    row_of = pack(sizes, room)
    order = np.argsort(row_of, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(row_of[order])) + 1) if len(sizes) else []


def lay_out(rows: list[list[tuple[np.ndarray, np.ndarray]]], length: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of (ids, weights) -> ids (n, length + 1) int64, weights (n, length) float32, starts (n, length) int64"""
    ids = np.zeros((len(rows), length + 1), dtype=np.int64)
    weights = np.zeros((len(rows), length + 1), dtype=np.float32)
    starts = np.zeros((len(rows), length + 1), dtype=np.int64)
    for i, row in enumerate(rows):
        at = 0
        for tokens, worth in row:
            end = at + len(tokens)
            ids[i, at:end], weights[i, at + 1 : end], starts[i, at:end] = tokens, worth[1:], at
            at = end
        starts[i, at:] = at
    return ids, weights[:, 1:], starts[:, :-1]


def fingerprint(conversations: list) -> str:
    digest = hashlib.sha256()
    for ids, weights in conversations:
        digest.update(np.int64(len(ids)).tobytes())
        digest.update(np.ascontiguousarray(ids, dtype=np.int32).tobytes())
        digest.update(np.ascontiguousarray(weights, dtype=np.float32).tobytes())
    return digest.hexdigest()
