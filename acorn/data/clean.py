"""
Documents -> documents worth training on: quality, what a model is evaluated on, duplicates, secrets, in this order.

    Cleaner   what happens to a block of documents
    clean     a whole corpus, in parts, so that it can be interrupted
    Tally     what was seen, kept, dropped and changed, by cause, with the first examples
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from acorn.data.block import BLOCK_CHARS, Block
from acorn.data.documents import Document
from acorn.data.duplicates import EXACT, NEAR, Duplicates
from acorn.data.overlap import Overlap
from acorn.data.parts import Parts
from acorn.data.quality import Limits, Quality
from acorn.data.secrets import MANY, Secrets

PART_BYTES = 16 << 20  # text that is read for a part
EXAMPLES = 3
LIST_OF_SECRETS, OVERLAPS, DUPLICATE, NEAR_DUPLICATE = (
    "a list of secrets or people",
    "holds evaluation data",
    "duplicate",
    "near-duplicate",
)


@dataclass
class Tally:
    seen: int = 0
    kept: int = 0
    bytes_seen: int = 0
    bytes_kept: int = 0
    dropped: Counter = field(default_factory=Counter)  # cause -> documents
    changed: int = 0  # documents in which something gave way to a placeholder
    replaced: Counter = field(default_factory=Counter)  # kind of secret or personal data -> how many
    examples: dict[str, list[str]] = field(default_factory=dict)  # cause or kind -> the first places

    def see(self, where: str, size: int, cause: str, kept: int, kinds: list[str]) -> None:
        self.seen += 1
        self.bytes_seen += size
        if cause:
            self.drop(cause, where)
            return
        self.kept += 1
        self.bytes_kept += kept
        self.changed += bool(kinds)
        self.replaced.update(kinds)
        for kind in dict.fromkeys(kinds):
            self.example(kind, where)

    def drop(self, cause: str, where: str) -> None:
        self.dropped[cause] += 1
        self.example(cause, where)

    def example(self, what: str, where: str) -> None:
        if len(places := self.examples.setdefault(what, [])) < EXAMPLES:
            places.append(where)

    @classmethod
    def of(cls, data: dict) -> "Tally":
        return cls(**{**data, "dropped": Counter(data["dropped"]), "replaced": Counter(data["replaced"])})

    def to_dict(self) -> dict:
        return {**vars(self), "dropped": dict(self.dropped), "replaced": dict(self.replaced)}

    def tables(self) -> list[tuple[list[str], list[list[str]]]]:
        """(heads, rows) of what was dropped and of what was replaced, most first."""
        found = []
        for head, counter in (("dropped", self.dropped), ("replaced", self.replaced)):
            rows = [
                [what, f"{n:,}", ", ".join(map(printable, self.examples.get(what, [])))]
                for what, n in counter.most_common()
            ]
            if rows:
                found.append(([head, "number", "first"], rows))
        return found


def printable(text: str) -> str:
    """A path may hold line ends and control characters."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def markdown(title: str, lines: Iterable[str], tables: Iterable[tuple[list[str], list[list[str]]]]) -> str:
    out = [f"# {title}", "", *lines]
    for head, rows in tables:
        cells = [[str(cell).replace("|", "\\|") for cell in row] for row in rows]
        out += ["", *(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *cells])]
    return "\n".join(out) + "\n"


@dataclass(frozen=True)
class Options:
    limits: Limits = Limits()
    near: float = 0.8  # share of common shingles from which documents are near-duplicates; 0: exact ones only
    secrets: bool = True
    personal: bool = True  # e-mail addresses, telephone numbers, cards, accounts


class Cleaner:
    def __init__(self, options: Options, extra_secrets: Iterable = (), avoid: Overlap | None = None):
        self.quality, self.duplicates, self.avoid = Quality(options.limits), Duplicates(options.near), avoid
        self.secrets = Secrets(extra_secrets, options.personal) if options.secrets else None

    def clean(self, documents: list[bytes]) -> tuple[list[tuple[bytes, str, list[str]]], dict]:
        """[(text, cause to drop it or '', kinds of what was replaced)], rows for Duplicates.restore"""
        block = Block(documents)
        causes = self.quality.judge(block)
        if self.avoid is not None and self.avoid.items:
            for i in np.flatnonzero(self.avoid.find(block)).tolist():
                causes[i] = causes[i] or OVERLAPS
        asked = np.array([i for i, cause in enumerate(causes) if not cause], np.int64)
        verdicts, _, rows = self.duplicates.find(block, asked)
        for i, verdict in zip(asked.tolist(), verdicts.tolist()):
            causes[i] = {EXACT: DUPLICATE, NEAR: NEAR_DUPLICATE}.get(verdict, "")
        found = [(document, []) for document in documents]
        if self.secrets:
            found = self.secrets.clean(block, [not cause for cause in causes])
        results = [
            (text, cause or (LIST_OF_SECRETS if len(kinds) > MANY else ""), kinds)
            for (text, kinds), cause in zip(found, causes)
        ]
        return results, rows


def blocks(documents: Iterable[Document], chars: int) -> Iterator[list[Document]]:
    """Lists of documents of at least so many characters together; the last one may have fewer."""
    held, size = [], 0
    for document in documents:
        held.append(document)
        size += len(document.text)
        if size >= chars:
            yield held
            held, size = [], 0
    if held:
        yield held


def clean(
    documents: Iterable[Document],
    parts: Parts,
    cleaner: Cleaner,
    row: Callable[[Document, str], dict] = lambda document, text: {"text": text, "source": document.source},
) -> Tally:
    """
    What is kept, as rows of the parts. `documents` must come in the same order each time: after an interruption those
    of the finished parts are passed over and not judged again.
    """
    tally = Tally()
    for info, arrays in parts.states():
        tally = Tally.of(info)
        cleaner.duplicates.restore(arrays)
    documents = islice(documents, tally.seen, None)
    rows, found, size = [], [], 0
    for held in blocks(documents, BLOCK_CHARS):
        texts = [document.text.encode() for document in held]
        results, arrays = cleaner.clean(texts)
        for document, before, (text, cause, kinds) in zip(held, texts, results):
            tally.see(document.source, len(before), cause, len(text), kinds)
            if not cause:
                rows.append(row(document, text.decode()))
        found.append(arrays)
        size += sum(map(len, texts))
        if size >= PART_BYTES:
            parts.commit(rows, tally.to_dict(), joined(found))
            rows, found, size = [], [], 0
    if found:
        parts.commit(rows, tally.to_dict(), joined(found))
    return tally


def joined(found: list[dict]) -> dict:
    return {key: np.concatenate([arrays[key] for arrays in found]) for key in found[0]}
