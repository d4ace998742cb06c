"""
Writing a grammar in llguidance's kind of Lark. Rules are written when somebody asks for them, so that a grammar holds
only what can be reached. A rule of entries has a parameter of 64 bits: which of its entries have been said.
"""

import json
import re
from collections.abc import Callable, Hashable, Iterable
from typing import NamedTuple

BITS = 64


class Entry(NamedTuple):
    """One argument or key with its value. needed: the whole is not complete without it."""

    text: str
    needed: bool = False
    repeats: bool = False
    name: str = ""


class Rules:
    def __init__(self, likely: Iterable[str] = ()):
        self.likely = set(likely)  # names of entries; where there are more than bits, the others are left out
        self.names: dict[Hashable, str] = {}
        self.lines: list[str] = []
        self.terminals: dict[str, str] = {}
        self.bits: dict[Hashable, list[tuple[Entry, int]]] = {}

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
            found = self.bits[key] = numbered(make(), self.likely)
            needed = sum(entry.needed for entry, _ in found)
            end = f"is_ones([0:{needed}])" if needed else "bit_count_ge(_, 1)"
            return "\n  | ".join([f'"" %if {end}', *(self.step(key, entry, bit) for entry, bit in found)])

        return self.of(key, write, "::_ ")

    def step(self, key: Hashable, entry: Entry, bit: int) -> str:
        once = "" if entry.repeats else f" %if bit_clear({bit})"
        return f"{entry.text} {self.names[key]}::set_bit({bit}){once}"

    def text(self, start: str) -> str:
        terminals = [f"{name}: {pattern}" for name, pattern in self.terminals.items()]
        return "\n".join([f"start: {start}", *self.lines, *terminals])


def numbered(entries: list[Entry], likely: set[str]) -> list[tuple[Entry, int]]:
    """Entries with their bits, the needed ones first. Of more than BITS, those that nobody thinks of are left out."""
    order = sorted(entries, key=lambda entry: (not entry.needed, not entry.repeats, entry.name not in likely))
    return [(entry, bit) for bit, entry in enumerate(order[:BITS])]


def quoted(text: str) -> str:
    """A literal of the grammar."""
    return json.dumps(text, ensure_ascii=False)


def either(parts) -> str:
    parts = list(dict.fromkeys(parts))
    return parts[0] if len(parts) == 1 else f"({' | '.join(parts)})"


HOLE, DIGITS = "\x00", "\x01"  # in the strings that `known` takes


class Known(NamedTuple):
    """What may stand in an answer where nothing may be made up. The empty one lets everything stand."""

    strings: str = ""  # a pattern that every string has to fit
    keys: str = ""  # and every key of a free mapping
    numbers: str = ""  # and every number
    tokens: frozenset[str] = frozenset()  # of choices, those that were asked for


EVERYTHING = Known()


def known(said: Iterable[str], strings: Iterable[str]) -> str:
    """A pattern for strings that nobody made up: one of `strings`, with something that was said for each HOLE."""
    said = longest_first(said)
    units = [f"({'|'.join(numbers)})[A-Za-z]{{1,2}}"] if (numbers := [one for one in said if one.isdecimal()]) else []
    name = f"({'|'.join([*map(escaped, said), *units])})"
    forms = [escaped(text).replace(f"\\{HOLE}", name).replace(f"\\{DIGITS}", "[0-9]{1,9}") for text in {HOLE, *strings}]
    return f'/"?({"|".join(longest_first(forms))})"?/'


def longest_first(texts: Iterable[str]) -> list[str]:
    return sorted(set(texts), key=lambda text: (-len(text), text))


def escaped(text: str) -> str:
    """Text as a pattern that means it."""
    return "".join(char if char.isalnum() or char in " -_=:,<>@%&~'`!;" else f"\\{char}" for char in text)


def likely(texts: Iterable[str]) -> set[str]:
    """The names of arguments and keys in some texts."""
    return {name for text in texts for name in re.findall(r'^ *(?:- )?"?([\w.-]+)"?(?: +=|:| \{)', text, re.MULTILINE)}
