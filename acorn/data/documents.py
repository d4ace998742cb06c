"""A document: the unit of text that everything else counts, splits and shuffles."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Document:
    text: str
    source: str = ""  # where it came from, for people: a path, or path:line


@dataclass
class Counts:
    """What was read, and what was dropped for which cause."""

    seen: int = 0
    kept: int = 0
    dropped: Counter = field(default_factory=Counter)

    def to_dict(self) -> dict:
        return {"seen": self.seen, "kept": self.kept, "dropped": dict(self.dropped)}
