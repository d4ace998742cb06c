"""
What a validator or an auditor says, and the bounds that every text meets first. The text comes from a model or from a
stranger: it may be huge, nested without end, or no text at all. Parsers recurse, so size and depth are bounded before
they see it.
"""

import re
from dataclasses import dataclass

MAX_CHARS = 64 * 1024  # a second or so of the slowest parser here; a module of a kind may set its own
MAX_DEPTH = 40  # brackets open at once; real files stay below 15
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
SEVERITIES = ("error", "warning", "note")  # a note is information: it does not make a text wrong


@dataclass(frozen=True)
class Finding:
    message: str
    line: int = 0  # from 1; 0 when it is about the whole text
    column: int = 0  # from 1, in characters; 0 when it is about the whole line
    rule: str = ""  # a short name that never changes, to select and to suppress by: unknown-argument
    severity: str = "error"  # of SEVERITIES
    path: str = ""  # the file, where one look covers several
    hint: str = ""  # what to do about it
    fingerprint: str = ""  # what stays the same when lines move, where there is one

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}" if self.line else self.message


def bounds(text: str, max_chars: int = MAX_CHARS, max_depth: int | None = MAX_DEPTH) -> list[Finding]:
    """Why this text should not be given to a parser; empty when it may. max_depth None: the parser bounds its own."""
    if len(text) > max_chars:
        message = f"too long: {len(text):,} characters, at most {max_chars:,} are read"
        return [Finding(message, rule="too-long")]
    if not text.strip():
        return [Finding("empty", rule="empty")]
    if found := CONTROL.search(text):
        line, column = place(text, found.start())
        return [Finding(f"not text: it holds the character U+{ord(found[0]):04X}", line, column, "not-text")]
    depth = 0
    for found in re.finditer(r"[\[{(]|[\])}]", text) if max_depth else ():
        depth = depth + 1 if found[0] in "[{(" else max(depth - 1, 0)
        if depth > max_depth:
            line, column = place(text, found.start())
            return [Finding(f"nested too deep: more than {max_depth} open brackets", line, column, "too-deep")]
    return []


def place(text: str, position: int) -> tuple[int, int]:
    """(line, column) of a character, both from 1."""
    return text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)


def line_at(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def line_of(text: str, pattern: str) -> int:
    """The line of the first match, or 0."""
    found = re.search(pattern, text, re.MULTILINE)
    return line_at(text, found.start()) if found else 0
