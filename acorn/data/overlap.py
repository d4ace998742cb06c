"""Does a document hold what a model is to be evaluated on? Runs of WORDS words that both have, counted by item."""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from acorn.data.block import Block
from acorn.data.documents import Counts, find_files, inner_suffix, read_text
from acorn.errors import UserError

WORDS = 13
SHARE = 0.3  # of an item's runs; boilerplate is common to many texts, a third of an item is not
BITS = 20


class Overlap:
    def __init__(self, items: Iterable[str]):
        """items: the texts to stay away from; those of fewer than WORDS words say too little and are left out."""
        documents = [item.encode("utf-8", "replace") for item in items]
        hashes, owner, number = (
            runs(Block(documents))
            if documents
            else (np.zeros(0, np.uint64), np.zeros(0, np.int64), np.zeros(0, np.int64))
        )
        order = np.argsort(hashes, kind="stable")
        self.hashes, self.owner, self.number = hashes[order], owner[order], number
        self.items = int((number > 0).sum())
        self.likely = np.zeros(1 << BITS, bool)
        self.likely[self.hashes >> np.uint64(64 - BITS)] = True

    def find(self, block: Block) -> np.ndarray:
        """True for each document that holds at least SHARE of an item, and 3 runs or all there are."""
        if not len(self.hashes):
            return np.zeros(len(block), bool)
        hashes, owner, _ = runs(block)
        maybe = np.flatnonzero(self.likely[hashes >> np.uint64(64 - BITS)])
        if not len(maybe):
            return np.zeros(len(block), bool)
        first = np.searchsorted(self.hashes, hashes[maybe], "left")
        last = np.searchsorted(self.hashes, hashes[maybe], "right")
        met = np.repeat(maybe, last - first)  # an entry for each item that has the run
        at = (
            np.repeat(first, last - first)
            + np.arange(len(met))
            - np.repeat(np.cumsum(last - first) - (last - first), last - first)
        )
        trios = np.unique(np.stack([owner[met], self.owner[at], hashes[met].astype(np.int64)]), axis=1)
        pairs, common = np.unique(trios[:2], axis=1, return_counts=True)
        needed = np.maximum(np.ceil(SHARE * self.number[pairs[1]]), np.minimum(3, self.number[pairs[1]]))
        return np.bincount(pairs[0][common >= needed], minlength=len(block)) > 0


def runs(block: Block) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(hashes, document of each, runs of each document) of whole runs of WORDS words."""
    hashes, owner = block.shingles(WORDS)
    whole = np.zeros(len(owner), bool)
    whole[: -(WORDS - 1)] = owner[WORDS - 1 :] == owner[: -(WORDS - 1)]
    return hashes[whole], owner[whole], np.maximum(block.words_each - WORDS + 1, 0)


def read_items(paths: Iterable[Path]) -> Iterator[str]:
    """Every text of the files: strings of JSON and .jsonl, cells of CSV and parquet, other files as a whole."""
    kinds = {".json": json_strings, ".jsonl": lines_strings, ".csv": cells}
    for path in paths:
        for file, named in find_files(Path(path), Counts()):
            if inner_suffix(file) == ".parquet":
                yield from parquet_strings(file)
                continue
            for document in read_text(file, Counts(), "", named):
                yield from kinds.get(inner_suffix(file), lambda text, file: [text])(document.text, file)


def json_strings(text: str, file: Path) -> Iterator[str]:
    try:
        waiting = [json.loads(text)]
    except (ValueError, RecursionError):
        raise UserError(f"{file} is not JSON") from None
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict | list):
            waiting += value.values() if isinstance(value, dict) else value


def lines_strings(text: str, file: Path) -> Iterator[str]:
    for line in text.splitlines():
        if line.strip():
            yield from json_strings(line, file)


def cells(text: str, file: Path) -> Iterator[str]:
    try:
        for row in csv.reader(io.StringIO(text)):
            yield from row
    except csv.Error as e:
        raise UserError(f"{file} is not CSV: {e}") from None


def parquet_strings(file: Path) -> Iterator[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(file)
    for column in table.columns:
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            yield from (value for value in column.to_pylist() if value)
