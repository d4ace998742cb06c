"""
What was kept -> the corpus: train and val by repository, code, instruction and docs in their shares of the bytes.

    DIR/documents/train/code-00000.jsonl.zst   instruction-00000.jsonl.zst   docs-00000.jsonl.zst
    DIR/documents/val/...
    DIR/manifest.jsonl.zst                      a row for each file: licence, where it is said, origin, split
"""

import hashlib
import json
import os
import shutil
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from acorn.data.documents import chunks, lines
from acorn.data.parts import write_rows
from acorn.recipes.iac.corpus.pairs import pairs, rendered

SHARES = {"code": 0.7, "instruction": 0.2, "docs": 0.1}
SHARD_BYTES = 64 << 20  # of text in a file
MADE = "made by the recipe"


def key(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def rows(paths: Iterable[Path]) -> Iterator[dict]:
    for path in paths:
        for line in lines(chunks(path, lambda at: None), limit=1 << 30):
            if line:
                yield json.loads(line)


def expanded(paths: Iterable[Path]) -> Iterator[dict]:
    """Every row, and behind it the instruction pairs that its text holds, each code once."""
    seen = set()
    for row in rows(paths):
        yield row
        for request, code, kind in pairs(row["text"], row["kind"]):
            if (mark := key(code)) not in seen:
                seen.add(mark)
                yield {**row, "text": rendered(request, code, kind), "kind": kind, "sort": "instruction"}


def split_of(sizes: dict[str, int], fraction: float) -> dict[str, str]:
    """
    repository -> train or val. In the order of a hash of their names repositories go to val until it has its share of
    the bytes; one that would give it more than twice that is passed over. The smallest goes there when none did.
    """
    total, held, chosen = sum(sizes.values()), 0, set()
    for name in sorted(sizes, key=key):
        if held < fraction * total and held + sizes[name] <= 2 * fraction * total:
            chosen.add(name)
            held += sizes[name]
    if not chosen and len(sizes) > 1 and fraction:
        chosen.add(min(sizes, key=lambda name: (sizes[name], name)))
    return {name: "val" if name in chosen else "train" for name in sizes}


def thresholds(found: dict[str, array]) -> dict[str, int]:
    """
    sort -> rows whose key is not above this are taken. Code is taken whole; of instruction and docs as many as their
    share beside that code allows, or all where there are fewer.
    """
    keyed = {sort: np.array(found[sort], np.uint64).reshape(-1, 2) for sort in SHARES}
    code, limits = float(keyed["code"][:, 1].sum()), {}
    for sort, pairs_ in keyed.items():
        pairs_ = pairs_[np.argsort(pairs_[:, 0])]
        budget = code * SHARES[sort] / SHARES["code"] if code and sort != "code" else float("inf")
        taken = int(np.searchsorted(np.cumsum(pairs_[:, 1].astype(np.float64)), budget, "right"))
        limits[sort] = int(pairs_[taken - 1, 0]) if taken else -1
    return limits


def mix(
    paths: list[Path], out: Path, val_fraction: float, conversations: Callable[[int, int], list] | None, seed: int
) -> dict:
    """Writes documents/ and manifest.jsonl.zst. conversations(seed, count): what fills the instruction share up."""
    repositories = Counter()
    for row in rows(paths):
        repositories[row["repository"]] += len(row["text"].encode())
    split = split_of(repositories, val_fraction)
    found = {name: defaultdict(lambda: array("Q")) for name in ("train", "val")}  # key, size, key, size ...
    for row in expanded(paths):
        found[split[row["repository"]]][row["sort"]].extend((key(row["text"]), len(row["text"].encode())))
    limits = {name: thresholds(found[name]) for name in found}
    target, beside = out / "documents", out / ".work" / "documents"
    shutil.rmtree(beside, ignore_errors=True)
    writer, taken = Writer(beside), lambda row: key(row["text"]) <= limits[split[row["repository"]]][row["sort"]]
    for row in expanded(paths):
        if taken(row):
            writer.add(split[row["repository"]], row["sort"], row)
    if conversations:
        for text in made(conversations, writer.missing("train", "instruction"), seed):
            writer.add("train", "instruction", {"text": text, "source": MADE, "kind": "conversation", "licence": "MIT"})
    numbers = writer.finish()
    about = ("source", "repository", "path", "kind", "licence", "licence_from")
    write_rows(
        out / "manifest.jsonl.zst",
        ({**{name: row[name] for name in about}, "split": split[row["repository"]], "bytes": len(row["text"].encode()),
          "taken": taken(row)} for row in rows(paths)),
    )  # fmt: skip
    shutil.rmtree(target, ignore_errors=True)
    os.replace(beside, target)
    by_split = Counter(split.values())
    return {"repositories": {name: by_split[name] for name in ("train", "val")}, **numbers}


def as_text(talk: list[dict]) -> str:
    return "\n\n".join(turn["content"] for turn in talk if isinstance(turn["content"], str)) + "\n"


def made(conversations: Callable[[int, int], list], size: int, seed: int, batch: int = 500) -> Iterator[str]:
    """Conversations of the recipe as text, about `size` bytes of them."""
    seen = set()
    while size > 0:
        before = len(seen)
        for talk in conversations(seed, batch):
            text = as_text(talk)
            if size > 0 and (mark := key(text)) not in seen:
                seen.add(mark)
                size -= len(text.encode())
                yield text
        if len(seen) < before + batch // 20:  # they begin to repeat themselves
            return
        seed += 1


class Writer:
    def __init__(self, folder: Path):
        self.folder, self.held, self.size = folder, defaultdict(list), Counter()
        self.numbers: dict = {
            name: {sort: {"documents": 0, "bytes": 0, "files": 0} for sort in SHARES} for name in ("train", "val")
        }

    def add(self, split: str, sort: str, row: dict) -> None:
        size, count = len(row["text"].encode()), self.numbers[split][sort]
        count["documents"] += 1
        count["bytes"] += size
        self.held[split, sort].append({name: value for name, value in row.items() if name != "sort"})
        self.size[split, sort] += size
        if self.size[split, sort] >= SHARD_BYTES:
            self.write(split, sort)

    def missing(self, split: str, sort: str) -> int:
        """Bytes that a sort lacks to have its share beside the code."""
        code = self.numbers[split]["code"]["bytes"]
        return int(code * SHARES[sort] / SHARES["code"]) - self.numbers[split][sort]["bytes"]

    def write(self, split: str, sort: str) -> None:
        count = self.numbers[split][sort]
        (self.folder / split).mkdir(parents=True, exist_ok=True)
        write_rows(self.folder / split / f"{sort}-{count['files']:05d}.jsonl.zst", self.held.pop((split, sort)))
        count["files"] += 1
        self.size[split, sort] = 0

    def finish(self) -> dict:
        for split, sort in list(self.held):
            self.write(split, sort)
        self.folder.mkdir(parents=True, exist_ok=True)
        return {"splits": self.numbers}
