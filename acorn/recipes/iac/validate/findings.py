"""
What a validator says, and the bounds that every text meets first. The text comes from a model or from a stranger: it
may be huge, nested without end, or no text at all. Parsers recurse, so size and depth are bounded before they see it.
"""

import re
from dataclasses import dataclass

MAX_CHARS = 64 * 1024  # a second or so of the slowest parser here
MAX_DEPTH = 40  # brackets open at once; real files stay below 15
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True)
class Finding:
    message: str
    line: int = 0  # from 1; 0 when it is about the whole text

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}" if self.line else self.message


def bounds(text: str) -> list[Finding]:
    """Why this text should not be given to a parser; empty when it may."""
    if len(text) > MAX_CHARS:
        return [Finding(f"too long: {len(text):,} characters, at most {MAX_CHARS:,} are read")]
    if not text.strip():
        return [Finding("empty")]
    if found := CONTROL.search(text):
        return [Finding(f"not text: it holds the character U+{ord(found[0]):04X}", line_at(text, found.start()))]
    depth = 0
    for found in re.finditer(r"[\[{(]|[\])}]", text):
        depth = depth + 1 if found[0] in "[{(" else max(depth - 1, 0)
        if depth > MAX_DEPTH:
            return [Finding(f"nested too deep: more than {MAX_DEPTH} open brackets", line_at(text, found.start()))]
    return []


def line_at(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def line_of(text: str, pattern: str) -> int:
    """The line of the first match, or 0."""
    found = re.search(pattern, text, re.MULTILINE)
    return line_at(text, found.start()) if found else 0
