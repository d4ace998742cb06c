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
        self.ids: dict[int, set[str]] = {}  # line -> rules that are silenced there
        if "acorn:ignore" not in text:
            return
        above: set[str] = set()  # by the comments right above
        for number, line in enumerate(text.split("\n"), 1):
            here = IGNORE.search(line)
            said = {one.strip() for one in here[1].split(",")} if here else set()
            if line.lstrip().startswith(("#", "//")):
                above |= said
                if said:
                    self.ids[number] = said
            else:
                if above or said:
                    self.ids[number] = above | said
                above = set()

    def cover(self, rule: str, item: Item, hit: Hit) -> bool:
        return bool(self.ids) and any(rule in self.ids.get(line, ()) for line in lines(item, hit))


def lines(item: Item, hit: Hit) -> set[int]:
    """Where the finding stands, and where everything around it begins."""
    found = {item.place(hit.path[:end])[0] for end in range(len(hit.path) + 1)} | set(item.roots)
    while (item := item.parent) is not None:
        found.add(item.place(())[0])
    return found
