"""
Secrets and personal data out of documents: what is found gives way to a placeholder of the same form, so that the
document stays whole. A document that is mostly secrets (a leaked list) is better dropped: see `MANY`.

detect-secrets in its default settings, measured on the same cases, lets 60 % of the planted secrets through and changes
29 % of the look-alikes (docs/BENCHMARKS.md), so these rules stand alone.
"""

import re
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from acorn.data import assignments, personal
from acorn.data.anchors import Anchors
from acorn.data.block import Block
from acorn.data.secret_rules import RULES
from acorn.data.values import placeholder

MANY = 40  # in one document: a list of secrets, not a text that holds some

ENDS = re.compile(rb"(?:[ \t\r\n]|\\[nr])+\Z")  # line ends, also as JSON writes them
ASSIGNED = "assigned secret"

# An extra finder: (data, position of its anchor, start and end of the document) -> spans of secrets
Finder = Callable[[bytes, int, int, int], Iterable[tuple[int, int]]]


class Secrets:
    def __init__(self, extra: Iterable[tuple[str, tuple[bytes, ...], Finder]] = (), personal_data: bool = True):
        self.finders: list[tuple[str, Finder]] = [(ASSIGNED, assignments.find)]
        anchors = [(anchor, 0) for anchor in assignments.ANCHORS]
        for rule in RULES:
            anchors += [(anchor, len(self.finders)) for anchor in rule.anchors]
            self.finders.append((rule.name, by_pattern(rule)))
        for name, words, finder in extra:
            anchors += [(anchor, len(self.finders)) for anchor in words]
            self.finders.append((name, finder))
        self.anchors, self.personal = Anchors(anchors), personal_data

    def find(self, block: Block, wanted: list[bool] | None = None) -> list[list[tuple[int, int, str, bytes]]]:
        """
        For each document (start, end, kind, what to put there), in order, apart from each other; offsets in it.
        wanted: for each document whether it is looked at (default: all)
        """
        data, found, wanted = block.data, [], wanted or [True] * len(block)
        hits = self.anchors.find(block)
        owners = block.owners(np.array([position for position, _ in hits], np.int64)).tolist()
        starts, ends = block.starts.tolist(), block.ends.tolist()
        for (position, number), owner in zip(hits, owners):
            if not wanted[owner]:
                continue
            kind, finder = self.finders[number]
            for start, end in finder(data, position, starts[owner], ends[owner]):
                found.append((start, end, kind, None))
        if self.personal:
            found += personal.find(block)
        return by_document(found, block)

    def clean(self, block: Block, wanted: list[bool] | None = None) -> list[tuple[bytes, list[str]]]:
        """(document without its secrets, the kind of each) for each document that is wanted, or as it is."""
        return [
            (replaced(document, spans), [kind for _, _, kind, _ in spans]) if spans else (document, [])
            for document, spans in zip(block.documents, self.find(block, wanted))
        ]


def by_pattern(rule) -> Finder:
    match, back, accept = re.compile(rule.pattern).match, rule.back, rule.accept

    def find(data: bytes, position: int, start: int, end: int) -> Iterator[tuple[int, int]]:
        found = match(data, max(start, position - back), end)
        if found:
            value = ENDS.sub(b"", found["s"])
            if accept(value):
                yield found.start("s"), found.start("s") + len(value)

    return find


def by_document(found: list, block: Block) -> list[list[tuple[int, int, str, bytes]]]:
    """Overlapping spans become one: a secret before personal data, a known form before a name."""
    spans: list[list] = [[] for _ in block.documents]
    found.sort(key=lambda span: span[:2])
    for (start, end, kind, instead), owner in zip(
        found, block.owners(np.array([f[0] for f in found], np.int64)).tolist()
    ):
        start, end, mine = start - int(block.starts[owner]), end - int(block.starts[owner]), spans[owner]
        if mine and start < mine[-1][1]:
            first = mine.pop()
            start, end = first[0], max(end, first[1])
            kind, instead = min((first[2:], (kind, instead)), key=lambda one: (one[1] is not None, one[0] == ASSIGNED))
        mine.append((start, end, kind, instead))
    return spans


def replaced(document: bytes, spans: list[tuple[int, int, str, bytes]]) -> bytes:
    parts, at = [], 0
    for start, end, _, instead in spans:
        parts += [document[at:start], placeholder(document[start:end]) if instead is None else instead]
        at = end
    return b"".join([*parts, document[at:]])
