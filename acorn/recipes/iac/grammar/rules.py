"""
Writing a grammar in llguidance's kind of Lark. Rules are written when somebody asks for them, so that a grammar holds
only what can be reached. A rule of entries has a parameter of 64 bits: which of its entries have been said.
"""

import json
from collections.abc import Callable, Hashable, Iterable
from typing import NamedTuple

BITS = 64


class Entry(NamedTuple):
    """One argument or key with its value. needed: the whole is not complete without it."""

    text: str
    needed: bool = False
    repeats: bool = False


class Rules:
    def __init__(self):
        self.names: dict[Hashable, str] = {}
        self.lines: list[str] = []
        self.terminals: dict[str, str] = {}
        self.bits: dict[Hashable, list[tuple[Entry, int | None]]] = {}

    def of(self, key: Hashable, make: Callable[[], str], parameter: str = "") -> str:
        """The name of a rule, which `make` writes the first time it is asked for."""
        if key not in self.names:
            self.names[key] = f"r{len(self.names)}"
            place = len(self.lines)
            self.lines.append("")  # in the order of asking, so that what is asked for first stands first
            self.lines[place] = f"{self.names[key]}{parameter}: {make()}"
        return self.names[key]

    def terminal(self, name: str, pattern: str) -> str:
        self.terminals[name] = pattern
        return name

    def entries(self, key: Hashable, make: Callable[[], list[Entry]]) -> str:
        """
        A rule (with a parameter) for entries in any order, at least one, none twice unless it repeats, the needed ones
        there.
        """

        def write() -> str:
            found = self.bits[key] = numbered(make())
            needed = sum(entry.needed for entry, _ in found)
            some = bool(found) and all(bit is not None for _, bit in found)  # then an empty one can be told
            end = f"is_ones([0:{needed}])" if needed else "bit_count_ge(_, 1)" if some else "true"
            return "\n  | ".join([f'"" %if {end}', *(self.step(key, entry, bit) for entry, bit in found)])

        return self.of(key, write, "::_ ")

    def step(self, key: Hashable, entry: Entry, bit: int | None) -> str:
        if bit is None:
            return f"{entry.text} {self.names[key]}::_"
        once = "" if entry.repeats else f" %if bit_clear({bit})"
        return f"{entry.text} {self.names[key]}::set_bit({bit}){once}"

    def text(self, start: str) -> str:
        terminals = [f"{name}: {pattern}" for name, pattern in self.terminals.items()]
        return "\n".join([f"start: {start}", *self.lines, *terminals])


def numbered(entries: list[Entry]) -> list[tuple[Entry, int | None]]:
    """Entries with their bits, the needed ones first; None for what has none left."""
    free = iter(range(BITS))
    return [(entry, next(free, None)) for entry in sorted(entries, key=lambda entry: not entry.needed)]


def quoted(text: str) -> str:
    """A literal of the grammar."""
    return json.dumps(text, ensure_ascii=False)


def either(parts) -> str:
    parts = list(dict.fromkeys(parts))
    return parts[0] if len(parts) == 1 else f"({' | '.join(parts)})"


def known(said: Iterable[str], words: Iterable[str], strings: Iterable[str]) -> str:
    """
    A pattern for strings that nobody made up: one of `strings`, or numbers with units, or a text of words that has one
    of `said` in it and beside those at most `words` and numbers. "" if nothing is said.
    """
    said, number = sorted(said, key=lambda w: (-len(w), w)), "[0-9]+[A-Za-z]{0,2}"
    if not said:
        return ""
    gap, one = r"[^A-Za-z0-9\x00-\x1f\x7f]", "|".join(said)
    any_ = "|".join([*said, *sorted(set(words) - set(said), key=lambda w: (-len(w), w)), number])
    fixed = "|".join(rf"\"?{escaped(text)}\"?" for text in sorted(strings, key=lambda w: (-len(w), w)))
    parts = [f"{gap}*(({number}){gap}+)*({number})?{gap}*", f"{gap}*(({any_}){gap}+)*({one})({gap}+({any_}))*{gap}*"]
    return f"/{'|'.join([*([fixed] if fixed else []), *parts])}/"


def escaped(text: str) -> str:
    """Text as a pattern that means it."""
    return "".join(char if char.isalnum() or char in " -_=:,<>@%&~'`!;" else f"\\{char}" for char in text)
