"""One argument of a Terraform text set to a value: the rest of the text keeps every space and comment."""

import re

from acorn.recipes.iac.audit.rule import Fix, Item, unknown
from acorn.recipes.iac.render.hcl import expression

LINE = re.compile(r"(\s*)([\w-]+)(\s*)= (.*)")


def patch(text: str, item: Item, fix: Fix) -> str | None:
    """The new text, or None where there is no sure way to write it."""
    if item.marks is None or item.sources is None:
        return None
    if fix.path in item.sources:
        return replaced(text, item.sources[fix.path], fix.value)
    for end in range(len(fix.path) - 1, -1, -1):
        if fix.path[:end] in item.sources:
            return None  # within a map or a list
        if fix.path[:end] in item.marks:
            return inserted(text, item, fix.path[:end], fix.path[end:], fix.value)
    return None


def replaced(text: str, attribute, value) -> str | None:
    if unknown(attribute.value) or "\n" in attribute.text or isinstance(attribute.value, dict | list):
        return None
    at = offset(text, attribute.line, attribute.column)
    start = text.find(attribute.text, text.find("=", at + len(attribute.name)))
    return text[:start] + expression(value) + text[start + len(attribute.text) :]


def inserted(text: str, item: Item, block: tuple, names: tuple, value) -> str | None:
    """A new argument in a block that is there; blocks between them are made."""
    if any(isinstance(name, int) for name in names):
        return None
    opening = text.find("{", offset(text, *item.marks[block]))
    closing = end_of(text, opening)
    if opening < 0 or closing < 0:
        return None
    column = item.marks[block][1]
    indent = " " * (column - 1)
    new = made(names, value, indent + "  ")
    if "\n" not in text[opening:closing]:  # { } or { a = 1 }
        inside = text[opening + 1 : closing].strip()
        first = f"{indent}  {inside}\n" if inside else ""
        return f"{text[: opening + 1]}\n{first}{new}{indent}{text[closing:]}"
    line = last_argument(text, item, block, opening)
    if line is None or len(names) > 1:
        at = text.rfind("\n", 0, closing) + 1
        gap = "\n" if len(names) > 1 and text[opening + 1 : at].strip() else ""
        return text[:at] + gap + new + text[at:]
    lines = text.split("\n")
    lines.insert(line, new.rstrip("\n"))
    return "\n".join(aligned(lines, line))


def made(names: tuple, value, indent: str) -> str:
    name, *rest = names
    if not rest:
        return f"{indent}{name} = {expression(value, indent)}\n"
    return f"{indent}{name} {{\n{made(tuple(rest), value, indent + '  ')}{indent}}}\n"


def last_argument(text: str, item: Item, block: tuple, opening: int) -> int | None:
    """The number of the line (from 1) of the last one-line argument before the first nested block."""
    inner = [line for path, (line, _) in item.marks.items()
             if path[: len(block)] == block and len(path) > len(block) and path not in item.sources]  # fmt: skip
    first = min(inner, default=10**9)
    lines = [
        one.line
        for path, one in item.sources.items()
        if path[:-1] == block and "\n" not in one.text and one.line < first and offset(text, one.line, 1) > opening
    ]
    return max(lines, default=None)


def aligned(lines: list[str], at: int) -> list[str]:
    """The equals signs of the arguments around a line in one column, as terraform fmt has it."""
    first = last = at
    while first > 0 and single(lines[first - 1]):
        first -= 1
    while last + 1 < len(lines) and single(lines[last + 1]):
        last += 1
    group = [LINE.fullmatch(line) for line in lines[first : last + 1]]
    width = max(len(one[2]) for one in group)
    return [*lines[:first], *(f"{one[1]}{one[2]:<{width}} = {one[4]}" for one in group), *lines[last + 1 :]]


def single(line: str) -> bool:
    found = LINE.fullmatch(line)
    return found is not None and not found[4].rstrip().endswith(("{", "[", "(")) and "<<" not in found[4]


def offset(text: str, line: int, column: int) -> int:
    at = 0
    for _ in range(line - 1):
        at = text.find("\n", at) + 1
    return at + column - 1


TOKEN = re.compile(r'"(?:[^"\\\n]|\\.)*"|#[^\n]*|//[^\n]*|/\*.*?\*/|<<-?(\w+)\n.*?\n[ \t]*\1(?=\n|\Z)|[{}]', re.DOTALL)


def end_of(text: str, opening: int) -> int:
    """Where the brace that opens here is closed."""
    depth = 0
    for found in TOKEN.finditer(text, opening):
        depth += {"{": 1, "}": -1}.get(found[0], 0)
        if depth == 0:
            return found.start()
    return -1
