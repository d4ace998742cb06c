"""
`# acorn:ignore ACORN-AWS-001 the reason`: on the line of a finding, above it, or on or above a block that holds it.
Several ids stand with commas between them. Comments begin with # or //.
"""

import re

from acorn.recipes.iac.audit.rule import Hit, Item

IGNORE = re.compile(
    r"(?:#|//)\s*acorn:ignore[:\s]\s*(ACORN-[A-Z0-9]+-\d+(?:\s*,\s*ACORN-[A-Z0-9]+-\d+)*)[ \t]*([^\n]*)"
)


class Suppressions:
    """Of one text."""

    def __init__(self, text: str):
        self.ids: dict[int, set[str]] = {}  # line -> rules
        self.bare: set[int] = set()  # lines that hold nothing but a comment
        if "acorn:ignore" not in text:
            return
        for number, line in enumerate(text.split("\n"), 1):
            if line.lstrip().startswith(("#", "//")):
                self.bare.add(number)
            if found := IGNORE.search(line):
                self.ids[number] = {one.strip() for one in found[1].split(",")}

    def cover(self, rule: str, item: Item, hit: Hit) -> bool:
        return bool(self.ids) and any(self._at(rule, line) for line in lines(item, hit))

    def _at(self, rule: str, line: int) -> bool:
        if rule in self.ids.get(line, ()):
            return True
        while (line := line - 1) in self.bare:
            if rule in self.ids.get(line, ()):
                return True
        return False


def lines(item: Item, hit: Hit) -> set[int]:
    """Where the finding stands, and where everything around it begins."""
    found = {item.place(hit.path[:end])[0] for end in range(len(hit.path) + 1)} | set(item.roots)
    while (item := item.parent) is not None:
        found.add(item.place(())[0])
    return found
