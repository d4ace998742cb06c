"""
Exact and near duplicates among any number of documents, about 350 bytes of memory for each.

Near means: of the shingles (runs of SHINGLE words) of two documents, at least
`threshold` are common to both. That share is estimated from SLOTS minima (one-permutation MinHash: a shingle's hash
chooses the slot and competes there), and documents that could be near are met in BANDS tables (LSH). With the default,
a pair that shares 80 % is met with 95 % probability, one of 90 % with 99.9 %.
"""

import hashlib

import numpy as np

from acorn.data.block import MULTIPLIERS, Block, mix

SHINGLE = 4  # words
SLOTS, BANDS, ROWS = 64, 10, 6
EMPTY = np.uint32(0xFFFFFFFF)
FEW = 8  # shingles; documents of fewer say too little about likeness
UNIQUE, EXACT, NEAR = 0, 1, 2


class Table:
    """uint64 -> uint32 in two arrays (open addressing, never more than half full); who comes first stays."""

    def __init__(self, room: int = 1 << 12):
        self.keys, self.values, self.used = np.zeros(room, np.uint64), np.zeros(room, np.uint32), 0

    def first(self, keys: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Put in what is new; the value under each key. Among equal keys the first in order counts."""
        keys = np.where(keys == 0, np.uint64(1), keys)  # zero marks a free place
        unique, at, back = np.unique(keys, return_index=True, return_inverse=True)
        if 2 * (self.used + len(unique)) > len(self.keys):
            self.grow(2 * (self.used + len(unique)))
        return self.put(unique, values[at])[back]

    def put(self, keys: np.ndarray, values: np.ndarray) -> np.ndarray:
        """keys: all different"""
        mask = np.uint64(len(self.keys) - 1)
        place, open_ = keys & mask, np.arange(len(keys))
        while len(open_):
            here, wanted = place[open_], keys[open_]
            free = self.keys[here] == 0
            self.keys[here[free]] = wanted[free]  # of several for one place the last wins, the others go on
            won = free & (self.keys[here] == wanted)
            self.values[here[won]] = values[open_[won]]
            self.used += int(won.sum())
            open_ = open_[self.keys[here] != wanted]
            place[open_] = (place[open_] + np.uint64(1)) & mask
        return self.values[place]

    def grow(self, least: int) -> None:
        keys, values = self.keys, self.values
        held = np.flatnonzero(keys)
        self.__init__(1 << int(least * 2 - 1).bit_length())
        self.put(keys[held], values[held])


class Duplicates:
    def __init__(self, threshold: float = 0.8):
        """threshold 0: only exact duplicates are found"""
        self.threshold, self.seen = threshold, 0
        self.exact = Table()
        self.bands = [Table() for _ in range(BANDS)]
        self.sketches, self.sizes = np.zeros((1024, SLOTS), np.uint8), np.zeros(1024, np.uint32)

    def find(self, block: Block, asked: np.ndarray) -> tuple[np.ndarray, np.ndarray, dict]:
        """
        For the documents whose numbers in the block are `asked`: UNIQUE, EXACT or NEAR; the number of the earlier
        document that each repeats; rows to `restore`. Documents are numbered as they are asked for, over all blocks.
        """
        digests = [hashlib.blake2b(block.documents[i], digest_size=8).digest() for i in asked.tolist()]
        minima, sizes = signatures(block)
        minima = minima[asked]
        rows = {"digest": np.frombuffer(b"".join(digests), np.uint64), "keys": band_keys(minima),
                "sketch": (minima & np.uint32(255)).astype(np.uint8), "size": sizes[asked]}  # fmt: skip
        return *self.add(rows), rows

    def restore(self, rows: dict) -> None:
        """What was found before an interruption is known again."""
        self.add(rows)

    def add(self, rows: dict) -> tuple[np.ndarray, np.ndarray]:
        n, sizes = len(rows["digest"]), rows["size"]
        mine = np.arange(self.seen, self.seen + n, dtype=np.uint32)
        self.keep(rows["sketch"], sizes, n)
        of = self.exact.first(rows["digest"], mine)
        verdict = np.where(of < mine, EXACT, UNIQUE).astype(np.uint8)
        asked = np.flatnonzero((verdict == UNIQUE) & (sizes >= FEW))
        for keys, table in zip(rows["keys"].T, self.bands if self.threshold else ()):
            other = table.first(keys[asked], mine[asked])
            met = np.flatnonzero((other < mine[asked]) & (verdict[asked] == UNIQUE))
            near = met[self.alike(mine[asked[met]], other[met]) >= self.threshold]
            verdict[asked[near]], of[asked[near]] = NEAR, other[near]
        self.seen += n
        return verdict, of

    def alike(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Estimated share of common shingles. At most the ratio of the sizes; one slot in 256 agrees by chance."""
        agree = (self.sketches[a] == self.sketches[b]).mean(axis=1)
        smaller, larger = np.minimum(self.sizes[a], self.sizes[b]), np.maximum(self.sizes[a], self.sizes[b])
        return np.minimum((agree - 1 / 256) * (256 / 255), smaller / larger)

    def keep(self, sketches: np.ndarray, sizes: np.ndarray, n: int) -> None:
        if self.seen + n > len(self.sizes):
            room = max(2 * len(self.sizes), self.seen + n)
            self.sketches = np.concatenate([self.sketches, np.zeros((room - len(self.sizes), SLOTS), np.uint8)])
            self.sizes = np.concatenate([self.sizes, np.zeros(room - len(self.sizes), np.uint32)])
        self.sketches[self.seen : self.seen + n] = sketches
        self.sizes[self.seen : self.seen + n] = sizes


def signatures(block: Block) -> tuple[np.ndarray, np.ndarray]:
    """(minima (documents, SLOTS) uint32, shingles of each document uint32)"""
    hashes, owner = block.shingles(SHINGLE)
    slot = owner * SLOTS + (hashes >> np.uint64(58)).astype(np.int64)
    minima = np.full(len(block) * SLOTS, EMPTY)
    np.minimum.at(minima, slot, (hashes & np.uint64(0xFFFFFFFE)).astype(np.uint32))  # never EMPTY
    return filled(minima.reshape(-1, SLOTS)), block.words_each.astype(np.uint32)


def filled(minima: np.ndarray) -> np.ndarray:
    """
    An empty slot copies another one, chosen by the slot and the attempt alone, so that two documents with the same
    shingles copy alike (optimal densification). Documents without words stay empty.
    """
    source, rng = minima.copy(), np.random.default_rng(0)
    rows = np.flatnonzero((minima == EMPTY).any(axis=1) & (minima != EMPTY).any(axis=1))
    while len(rows):
        partner = rng.integers(0, SLOTS, SLOTS)
        part = minima[rows]
        part = np.where(part == EMPTY, source[rows][:, partner], part)
        minima[rows] = part
        rows = rows[(part == EMPTY).any(axis=1)]
    return minima


def band_keys(minima: np.ndarray) -> np.ndarray:
    """(documents, BANDS) uint64"""
    bands = minima[:, : BANDS * ROWS].reshape(-1, BANDS, ROWS).astype(np.uint64)
    return mix((bands * MULTIPLIERS[:ROWS]).sum(axis=2, dtype=np.uint64))
