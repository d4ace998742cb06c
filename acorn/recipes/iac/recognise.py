"""
Code -> what somebody wanted with it: the intent and its parameters. An intent is rendered with marks for parameters
and parsed; what comes out is a pattern with holes, which is laid over the parsed code. What the code has and the
pattern has not is `extra`; what the pattern has, always the same, and the code has not is `added`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from random import Random

from acorn.recipes.iac import validate
from acorn.recipes.iac.intents import INTENTS, PAIRS, Intent

DRAWS = 48  # of parameters, to see which options there are
FREE = (4, 8)  # a parameter with so many values among the draws can have any; both are tried
MARK = re.compile(r"zq(\d+)qz")
NUMBER = 970_000  # plus the number of the hole: a mark where a number is needed
IN_TEXT = re.compile(r"9700(\d\d)")
LABEL = re.compile(r"\$\{((?:data\.)?[a-z][a-z0-9]*_[a-z0-9_]+)\.[A-Za-z_][\w-]*")


@dataclass
class Match:
    intent: Intent
    p: dict
    extra: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Shape:
    """One pattern of an intent: the parameters that it was drawn with, and which of them are holes."""

    p: dict
    holes: tuple[tuple, ...]  # (parameter,) or (parameter, place in it), of a list or of the words of a text
    pattern: dict


def recognise(
    parsed: dict, kind: str, to: str | None = None, among: Iterable[tuple[Intent, str]] = PAIRS
) -> Match | None:
    """The intent (with `to` among its kinds) that fits all of `parsed` best, or None."""
    source, found = plain(parsed), []
    for intent, its_kind in among:
        if its_kind == kind and (to is None or to in intent.kinds):
            found += [match for shape in shapes(intent.name, kind) if (match := lay(intent, kind, shape, source, to))]
    return min(found, key=lambda match: (len(match.extra), len(match.added)), default=None)


def lay(intent: Intent, kind: str, shape: Shape, source: dict, to: str | None) -> Match | None:
    if not set(source) <= set(shape.pattern):
        return None
    numbers = {n for n, hole in enumerate(shape.holes) if isinstance(drawn_at(shape.p, hole), int)}
    laid = Laid(fixed(intent.name, kind), numbers)
    if not laid.fit(shape.pattern, source, ()) or set(laid.bound) != set(range(len(shape.holes))):
        return None
    given = {}
    for number, value in laid.bound.items():
        if number in numbers:  # '300' where 300 is meant
            if not str(value).isdecimal():
                return None
            value = int(value)
        given[shape.holes[number]] = value
    p = filled(shape.p, given)
    if (to is not None and not intent.fits(p, to)) or not same(intent, kind, p, source, laid):
        return None
    return Match(intent, p, laid.extra, laid.added)


def same(intent: Intent, kind: str, p: dict, source: dict, laid: "Laid") -> bool:
    """Does the intent with these parameters give the code, apart from what is extra and added?"""
    try:
        parsed = plain(validate.read(intent.render(p, kind), kind)[0])
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        return False
    again = Laid(laid.fixed, set())
    return again.fit(parsed, source, ()) and len(again.extra) == len(laid.extra) and len(again.added) == len(laid.added)


class Laid:
    """A pattern that is being laid over a value."""

    def __init__(self, fixed_: dict[tuple, set], numbers: set[int]):
        self.fixed, self.numbers, self.bound = fixed_, numbers, {}
        self.extra: list[str] = []
        self.added: list[str] = []

    def fit(self, pattern, source, path: tuple) -> bool:
        if isinstance(pattern, dict) and (number := mark_of(pattern)) is not None:
            return isinstance(source, dict) and self.bind(number, source)
        if isinstance(pattern, dict):
            return isinstance(source, dict) and self.mapping(pattern, source, path)
        if isinstance(pattern, list):
            return isinstance(source, list) and self.listing(pattern, source, path)
        if isinstance(pattern, str) and MARK.search(pattern):
            return isinstance(source, str | int | float) and self.text(pattern, str(source))
        if isinstance(pattern, int) and not isinstance(pattern, bool) and pattern >= NUMBER:
            return not isinstance(source, bool | dict | list) and self.bind(pattern - NUMBER, source)
        return pattern == source or (
            str(pattern).lower() == str(source).lower() and not isinstance(source, dict | list)
        )

    def bind(self, number: int, value) -> bool:
        return str(self.bound.setdefault(number, value)) == str(value)

    def text(self, pattern: str, source: str) -> bool:
        pieces = MARK.split(pattern)  # literal, number, literal, ...
        expression = "".join(
            re.escape(piece) if i % 2 == 0 else r"(\d+)" if int(piece) in self.numbers else "(.+?)"
            for i, piece in enumerate(pieces)
        )
        found = re.fullmatch(expression, source)
        return found is not None and all(self.bind(int(n), v) for n, v in zip(pieces[1::2], found.groups()))

    def mapping(self, pattern: dict, source: dict, path: tuple) -> bool:
        left = dict(source)
        for key, inside in pattern.items():
            if MARK.search(key):
                name = next((one for one in left if self.text(key, one)), None)
                if name is None or not self.fit(inside, left.pop(name), (*path, "*")):
                    return False
            elif key in left:
                if not self.fit(inside, left.pop(key), (*path, key)):
                    return False
            elif not self.add(inside, (*path, key)):
                return False
        self.extra += [".".join(map(str, (*path, key))) for key in left]
        return True

    def listing(self, pattern: list, source: list, path: tuple) -> bool:
        """Each item of the pattern takes the first that fits it; the order does not matter."""
        left = list(source)
        for item in pattern:
            for place, one in enumerate(left):
                before = dict(self.bound), list(self.extra), list(self.added)
                if self.fit(item, one, (*path, "*")):
                    left.pop(place)
                    break
                self.bound, self.extra, self.added = before
            else:
                if not self.add(item, (*path, "*")):
                    return False
        self.extra += [f"{'.'.join(map(str, path))}: {str(one)[:60]}" for one in left]
        return True

    def add(self, pattern, path: tuple) -> bool:
        """Something that the source lacks: fine where it is the same in every answer to this intent."""
        found = dict(leaves(pattern, path))
        if not all(self.fixed.get(place) == {repr(value)} for place, value in found.items()):
            return False
        self.added.append(".".join(map(str, path)))
        return True


@cache
def shapes(name: str, kind: str) -> list[Shape]:
    """Patterns of an intent in a kind, one for each set of options that the draws had."""
    rng, intent = Random(f"shapes {name}"), INTENTS[name]
    drawn = [intent.draw(rng, "train", kind) for _ in range(DRAWS)]
    found: dict[str, Shape] = {}
    for many in FREE:
        free = [key for key in drawn[0] if len({repr(p[key]) for p in drawn}) >= many]
        for p in drawn:
            holes = tuple(hole for key in free for hole in holes_of(key, p[key]))
            options = repr([holes, {key: value for key, value in p.items() if (key,) not in holes and key not in free}])
            if options not in found and (shape := marked(intent, kind, p, holes)):
                found[options] = shape
    return list(found.values())


def holes_of(key: str, value) -> list[tuple]:
    if isinstance(value, list) or (isinstance(value, str) and " " in value):
        return [(key, place) for place in range(len(value if isinstance(value, list) else value.split()))]
    return [(key,)] if value not in (None, False, True, "", 0) else []


def marked(intent: Intent, kind: str, p: dict, holes: tuple[tuple, ...]) -> Shape | None:
    """A parameter that cannot be marked (its value is computed with, or is not in the text) is no hole."""
    for _ in range(len(holes) + 1):
        try:
            parsed = told(plain(validate.read(intent.render(with_marks(p, holes), kind), kind)[0]))
            seen = {number for _, value in leaves(parsed, ()) for number in marks(value)} | keys(parsed)
        except (ValueError, TypeError, KeyError, IndexError, AttributeError):
            parsed, seen = {}, set()
        if parsed and seen >= set(range(len(holes))):
            return Shape(p, holes, parsed)
        holes = tuple(hole for number, hole in enumerate(holes) if number in seen) if parsed else holes[:-1]
    return None


def with_marks(p: dict, holes: tuple[tuple, ...]) -> dict:
    return filled(p, {hole: mark(number, drawn_at(p, hole)) for number, hole in enumerate(holes)})


def drawn_at(p: dict, hole: tuple):
    """The value that was drawn for a hole."""
    value = p[hole[0]]
    return value if len(hole) == 1 else (value.split() if isinstance(value, str) else value)[hole[1]]


def filled(p: dict, given: dict[tuple, object]) -> dict:
    """The parameters with other values in holes."""
    found = {key: list(value) if isinstance(value, list) else value for key, value in p.items()}
    for hole, value in given.items():
        if len(hole) == 1:
            found[hole[0]] = value
        elif isinstance(found[hole[0]], list):
            found[hole[0]][hole[1]] = value
        else:
            words = found[hole[0]].split()
            found[hole[0]] = " ".join([*words[: hole[1]], str(value), *words[hole[1] + 1 :]])
    return found


def told(value):
    """Marks that are numbers, where they stand within a text, as marks of texts."""
    if isinstance(value, dict):
        return {told(key): told(one) for key, one in value.items()}
    if isinstance(value, list):
        return [told(one) for one in value]
    return IN_TEXT.sub(lambda found: f"zq{int(found[1])}qz", value) if isinstance(value, str) else value


def mark(number: int, value):
    if isinstance(value, dict):
        return {f"zq{number}qz": "zq"}
    return NUMBER + number if isinstance(value, int) else f"zq{number}qz"


def mark_of(pattern: dict) -> int | None:
    """The number of the parameter that this whole mapping is."""
    found = MARK.fullmatch(next(iter(pattern), "")) if list(pattern.values()) == ["zq"] else None
    return int(found[1]) if found else None


def marks(value) -> list[int]:
    if isinstance(value, int) and not isinstance(value, bool):
        return [value - NUMBER] if value >= NUMBER else []
    return [int(number) for number in MARK.findall(str(value))]


def keys(value) -> set[int]:
    """Marks in the keys of mappings."""
    if isinstance(value, dict):
        return {n for key in value for n in marks(str(key))} | {n for one in value.values() for n in keys(one)}
    return {n for one in value for n in keys(one)} if isinstance(value, list) else set()


@cache
def fixed(name: str, kind: str) -> dict[tuple, set]:
    """{place: the values that it has in any pattern}"""
    found: dict[tuple, set] = {}
    for shape in shapes(name, kind):
        for place, value in leaves(shape.pattern, ()):
            found.setdefault(place, set()).add(repr(value))
    return found


def leaves(value, path: tuple) -> list[tuple[tuple, object]]:
    """[(place, value)] of everything that is no mapping and no list; items of lists are at '*'."""
    if isinstance(value, dict):
        return [leaf for key, one in value.items() for leaf in leaves(one, (*path, key))]
    if isinstance(value, list):
        return [leaf for one in value for leaf in leaves(one, (*path, "*"))]
    return [(path, value)]


def plain(value):
    """Parsed code without the names that its parts give each other."""
    if isinstance(value, dict):
        if len(value) == 1 and "Ref" in value:
            return {"Ref": "*"}
        if len(value) == 1 and "Fn::GetAtt" in value:
            whole = value["Fn::GetAtt"]
            parts = whole.split(".") if isinstance(whole, str) else list(map(str, whole))
            return {"Fn::GetAtt": ["*", *parts[1:]]}
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, str):
        return LABEL.sub(r"${\1", str(value))
    return value
