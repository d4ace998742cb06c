"""
One fault in a good configuration: misspelt names, what is required left out, wrong types, references that lead nowhere,
brackets that are not closed. For measuring the validator, and for pairs of wrong and right code.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from random import Random
from typing import NamedTuple

from acorn.recipes.iac import hcl, schemas
from acorn.recipes.iac.faults import misspelt
from acorn.recipes.iac.terraform.configuration import RESOURCES
from acorn.recipes.iac.terraform.functions import FUNCTIONS


class Planted(NamedTuple):
    text: str
    fault: str  # of FAULTS
    line: int  # where it was planted


class Spot(NamedTuple):
    """An argument of a resource or data source, or of a block in it, with its place in the text."""

    attribute: hcl.Attr
    code: str  # its type: "!s", or "" where it is not of the schema (for_each)
    names: frozenset  # what may stand beside it
    start: int  # of its name
    value: int  # of its value
    end: int


class Nest(NamedTuple):
    """A nested block."""

    block: hcl.Block
    required: bool
    names: frozenset
    start: int
    head: int  # of the {


class Source:
    """A parsed configuration with the places of what faults are planted in."""

    def __init__(self, text: str):
        self.text = text
        self.starts = [0]
        for line in text.split("\n"):
            self.starts.append(self.starts[-1] + len(line) + 1)
        self.tops = hcl.parse(text).blocks
        self.spots: list[Spot] = []
        self.nests: list[Nest] = []
        for block in self.tops:
            schema = schemas.find(block.type, block.labels[0]) if block.type in RESOURCES else None
            if schema:
                self.walk(block.body, schema)

    def offset(self, line: int, column: int) -> int:
        return self.starts[line - 1] + column - 1

    def line(self, offset: int) -> int:
        return bisect_right(self.starts, offset)

    def walk(self, body: hcl.Body, schema: dict) -> None:
        names = frozenset({*schema.get("a", {}), *schema.get("b", {})})
        for name, attribute in body.attributes.items():
            start = self.offset(attribute.line, attribute.column)
            value = self.text.index(attribute.text, self.text.index("=", start))
            code = schema.get("a", {}).get(name, "")
            self.spots.append(Spot(attribute, code, names, start, value, value + len(attribute.text)))
        for block in body.blocks:
            inner = schema.get("b", {}).get(block.type)
            if inner and not block.labels:
                start = self.offset(block.line, block.column)
                head = self.text.index("{", start)
                self.nests.append(Nest(block, bool(inner.get("r")), names, start, head))
                self.walk(block.body, inner)

    def plain(self) -> list[Spot]:
        """Arguments of the schema whose value is a literal or a reference on one line."""
        return [spot for spot in self.spots if spot.code and "\n" not in spot.attribute.text]

    def replaced(self, start: int, end: int, new: str) -> tuple[str, int]:
        return self.text[:start] + new + self.text[end:], self.line(start)

    def without(self, start: int, end: int) -> tuple[str, int]:
        """Without the lines from one place to another."""
        first, last = self.line(start), self.line(end)
        return self.text[: self.starts[first - 1]] + self.text[self.starts[last] :], first


Edit = tuple[str, int] | None


def plant(rng: Random, text: str, fault: str = "") -> Planted | None:
    """`fault` of FAULTS, or one that is drawn; None where it does not fit this text."""
    source = Source(text)
    names = [fault] if fault else rng.sample(sorted(FAULTS), len(FAULTS))
    for name in names:
        if edit := FAULTS[name](rng, source):
            return Planted(edit[0], name, edit[1])
    return None


def _pick(rng: Random, spots: Iterator | list):
    found = list(spots)
    return rng.choice(found) if found else None


def _renamed(rng: Random, word: str, known) -> str:
    while (wrong := misspelt(rng, word)) in known:
        pass
    return wrong


def misspelt_type(rng: Random, source: Source) -> Edit:
    block = _pick(rng, (one for one in source.tops if one.type in RESOURCES and schemas.find(one.type, one.labels[0])))
    if not block:
        return None
    type_ = block.labels[0]
    start = source.text.index(f'"{type_}"', source.offset(block.line, block.column)) + 1
    prefix, _, rest = type_.partition("_")
    wrong = f"{prefix}_{_renamed(rng, rest, ())}" if len(rest) > 3 else f"{type_}x"
    known = schemas.find(block.type, wrong)
    return None if known else source.replaced(start, start + len(type_), wrong)


def misspelt_argument(rng: Random, source: Source) -> Edit:
    spot = _pick(rng, (one for one in source.spots if one.code and len(one.attribute.name) > 3))
    return spot and source.replaced(
        spot.start, spot.start + len(spot.attribute.name), _renamed(rng, spot.attribute.name, spot.names)
    )


def misspelt_block(rng: Random, source: Source) -> Edit:
    nest = _pick(rng, (one for one in source.nests if len(one.block.type) > 3))
    name = nest and nest.block.type
    return nest and source.replaced(nest.start, nest.start + len(name), _renamed(rng, name, nest.names))


def missing_argument(rng: Random, source: Source) -> Edit:
    spot = _pick(rng, (one for one in source.spots if one.code[:1] == "!"))
    return spot and source.without(spot.start, spot.end)


def missing_block(rng: Random, source: Source) -> Edit:
    kinds = [one.block.type for one in source.nests]
    nest = _pick(rng, (one for one in source.nests if one.required and kinds.count(one.block.type) == 1))
    if not nest:
        return None
    if source.text.startswith("{}", nest.head):
        return source.without(nest.start, nest.start)
    close = source.text.index("\n" + " " * (nest.block.column - 1) + "}\n", nest.head)
    return source.without(nest.start, close + 1)


WRONG = {"n": '"many"', "b": '"perhaps"', "s": '["a", "b"]', "L": '"one"', "T": '"one"', "M": '["a"]'}


def wrong_type(rng: Random, source: Source) -> Edit:
    spot = _pick(rng, (one for one in source.plain() if one.code[1:2] in WRONG))
    return spot and source.replaced(spot.value, spot.end, WRONG[spot.code[1]])


def as_block(rng: Random, source: Source) -> Edit:
    spot = _pick(rng, (one for one in source.spots if one.code[1:2] == "M" and one.attribute.text.startswith("{")))
    return spot and source.replaced(spot.start + len(spot.attribute.name), spot.value, " ")


def as_argument(rng: Random, source: Source) -> Edit:
    nest = _pick(rng, source.nests)
    return nest and source.replaced(nest.head, nest.head, "= ")


def undeclared_variable(rng: Random, source: Source) -> Edit:
    spot = _pick(rng, source.plain())
    return spot and source.replaced(spot.value, spot.end, f"var.{misspelt(rng, 'missing_' + spot.attribute.name)}")


def unresolved_reference(rng: Random, source: Source) -> Edit:
    spot = _pick(rng, (one for one in source.plain() if one.code[1] == "s"))
    block = _pick(rng, (one for one in source.tops if one.type == "resource"))
    return spot and block and source.replaced(spot.value, spot.end, f"{block.labels[0]}.nowhere.id")


def unknown_attribute(rng: Random, source: Source) -> Edit:
    spot = _pick(rng, (one for one in source.plain() if one.code[1] == "s"))
    known = (one for one in source.tops if one.type == "resource" and schemas.find("resource", one.labels[0]))
    block = _pick(rng, (one for one in known if not {"count", "for_each"} & one.body.attributes.keys()))
    return spot and block and source.replaced(spot.value, spot.end, f"{'.'.join(block.labels)}.idd")


def unclosed_block(rng: Random, source: Source) -> Edit:
    lines = source.text.split("\n")
    number = _pick(rng, (n for n, line in enumerate(lines) if line.strip() == "}"))
    return None if number is None else ("\n".join(lines[:number] + lines[number + 1 :]), number + 1)


def unclosed_string(rng: Random, source: Source) -> Edit:
    spot = _pick(rng, (one for one in source.plain() if one.attribute.text.endswith('"')))
    return spot and source.replaced(spot.end - 1, spot.end, "")


def unclosed_list(rng: Random, source: Source) -> Edit:
    spot = _pick(rng, (one for one in source.plain() if one.attribute.text.endswith("]")))
    return spot and source.replaced(spot.end - 1, spot.end, "")


def missing_equals(rng: Random, source: Source) -> Edit:
    spot = _pick(rng, source.plain())
    return spot and source.replaced(spot.start + len(spot.attribute.name), spot.value, " ")


def colon(rng: Random, source: Source) -> Edit:
    spot = _pick(rng, source.plain())
    return spot and source.replaced(spot.start + len(spot.attribute.name), spot.value, ": ")


def missing_value(rng: Random, source: Source) -> Edit:
    spot = _pick(rng, source.plain())
    return spot and source.replaced(spot.value, spot.end, "")


def single_quotes(rng: Random, source: Source) -> Edit:
    spot = _pick(rng, (one for one in source.plain() if one.attribute.text.startswith('"')))
    return spot and source.replaced(spot.value, spot.end, f"'{spot.attribute.text[1:-1]}'")


def set_twice(rng: Random, source: Source) -> Edit:
    spot = _pick(rng, source.plain())
    return spot and source.replaced(spot.end, spot.end, f"\n{spot.attribute.name} = {spot.attribute.text}")


def two_on_a_line(rng: Random, source: Source) -> Edit:
    spot = _pick(rng, source.plain())
    return spot and source.replaced(spot.end, spot.end, " depends_on = []")


def open_text(rng: Random, source: Source) -> Edit:
    spot = _pick(rng, (one for one in source.plain() if one.code[1] == "s"))
    return spot and source.replaced(spot.value, spot.end, "<<EOT\n  a\n  b")


def misspelt_function(rng: Random, source: Source) -> Edit:
    calls = [(spot, call) for spot in source.spots for call in spot.attribute.calls]
    if not calls:
        return None
    _, call = rng.choice(calls)
    start = source.offset(call.line, call.column)
    return source.replaced(start, start + len(call.name), _renamed(rng, call.name, FUNCTIONS))


def missing_label(rng: Random, source: Source) -> Edit:
    block = _pick(rng, (one for one in source.tops if one.type == "resource"))
    if not block:
        return None
    label = f' "{block.labels[1]}"'
    start = source.text.index(label, source.offset(block.line, block.column) + len(block.labels[0]))
    return source.replaced(start, start + len(label), "")


def misspelt_keyword(rng: Random, source: Source) -> Edit:
    block = _pick(rng, source.tops)
    start = source.offset(block.line, block.column)
    return source.replaced(start, start + len(block.type), _renamed(rng, block.type, ()))


def declared_twice(rng: Random, source: Source) -> Edit:
    block = _pick(rng, (one for one in source.tops if one.type in ("resource", "variable", "output") and one.labels))
    if not block:
        return None
    labels = " ".join(f'"{label}"' for label in block.labels)
    return f"{source.text}\n{block.type} {labels} {{\n}}\n", len(source.starts)


def stray_brace(rng: Random, source: Source) -> Edit:
    return f"{source.text}}}\n", len(source.starts) - 1


def each_without_for_each(rng: Random, source: Source) -> Edit:
    if "for_each" in source.text:
        return None
    spot = _pick(rng, (one for one in source.plain() if one.code[1] == "s"))
    return spot and source.replaced(spot.value, spot.end, "each.value.name")


FAULTS: dict[str, Callable[[Random, Source], Edit]] = {
    function.__name__: function
    for function in (
        misspelt_type, misspelt_argument, misspelt_block, missing_argument, missing_block, wrong_type, as_block,
        as_argument, undeclared_variable, unresolved_reference, unknown_attribute, unclosed_block, unclosed_string,
        unclosed_list, missing_equals, colon, missing_value, single_quotes, set_twice, two_on_a_line, open_text,
        misspelt_function, missing_label, misspelt_keyword, declared_twice, stray_brace, each_without_for_each,
    )
}  # fmt: skip
