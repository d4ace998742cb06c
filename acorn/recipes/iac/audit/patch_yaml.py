"""One value of a YAML (or JSON) text set: the rest of the text keeps every space and comment."""

import json
import re

from acorn.recipes.iac.audit.rule import Fix, Item, unknown
from acorn.recipes.iac.render.manifest import Quoted, scalar

KEY = r"(\"{0}\"|'{0}'|{0})\s*:[ \t]*"
TOKEN = re.compile(r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\n]|'')*'|[^\s,\]}#][^,\]}#\n]*?(?=\s*(?:[,\]}]|#|\n|\Z))")
PLAIN = re.compile(r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\n]|'')*'|[^\s#][^\n]*?(?=\s+#|\s*\n|\s*\Z)")


def patch(text: str, item: Item, fix: Fix) -> str | None:
    """The new text, or None where there is no sure way to write it."""
    value, known = item.body, 0
    for part in fix.path:
        if not (isinstance(value, dict) and part in value or isinstance(value, list) and part in range(len(value))):
            break
        value, known = value[part], known + 1
    if known == len(fix.path):
        return None if isinstance(value, dict | list) else replaced(text, item, fix, value)
    if not isinstance(value, dict) or any(isinstance(part, int) for part in fix.path[known:]) or unknown(value):
        return None
    names = tuple(written(item, fix.path[:known], part) for part in fix.path[known:])
    new = fix.value
    for name in reversed(names[1:]):
        new = {name: new}
    return inserted(text, item, fix.path[:known], value, names[0], new)


def written(item: Item, before: tuple, name: str) -> str:
    """Crossplane's fields are in camel case."""
    return name if item.camel is None else re.sub(r"_([a-z0-9])", lambda found: found[1].upper(), name)


def real(item: Item, path: tuple) -> str:
    """The key as it stands in the text."""
    return str((item.camel or {}).get(path, path)[-1])


def replaced(text: str, item: Item, fix: Fix, value) -> str | None:
    if unknown(value) or item.written is not None and unknown(at_path(item.written, fix.path)):
        return None
    line, column = item.place(fix.path)
    lines = text.split("\n")
    here = lines[line - 1]
    found = re.compile(KEY.format(re.escape(real(item, fix.path)))).match(here, column - 1)
    flow = found is not None and inside_flow(here[: found.start()])
    token = (TOKEN if flow else PLAIN).match(here, found.end()) if found else None
    if token is None or token[0][:1] in "|>&*!{[":
        return None
    as_json = found[1].startswith('"')
    lines[line - 1] = here[: token.start()] + shown(fix.value, as_json) + here[token.end() :]
    return "\n".join(lines)


def inserted(text: str, item: Item, path: tuple, mapping: dict, name: str, value) -> str | None:
    """A new key in a mapping that is there, behind its first plain value or before its first key."""
    if not mapping:
        return None
    keys = [key for key in mapping if item.place((*path, key)) != item.place(path)]
    if not keys:
        return None
    lines = text.split("\n")
    simple = [
        key for key in keys if isinstance(mapping[key], str | int | float | bool) and "\n" not in str(mapping[key])
    ]
    for key in (*simple[:1], *keys[:1]):
        line, column = item.place((*path, key))
        here = lines[line - 1]
        found = re.compile(KEY.format(re.escape(real(item, (*path, key))))).match(here, column - 1)
        if not found:
            return None
        as_json = found[1].startswith('"')
        if inside_flow(here[: column - 1]) or as_json:
            piece = f"{shown(name, as_json)}: {flowed(value, as_json)}, "
            lines[line - 1] = here[: column - 1] + piece + here[column - 1 :]
            return "\n".join(lines)
        rest = here[found.end() :]
        if key in simple and rest.strip() and rest.strip()[0] not in "|>&*":
            lines[line:line] = block(name, value, " " * (column - 1))
            return "\n".join(lines)
    if here[: column - 1].strip(" -"):
        return None
    new = block(name, value, " " * (column - 1))
    new[0] = here[: column - 1] + new[0].lstrip()
    lines[line - 1 : line] = [*new, " " * (column - 1) + here[column - 1 :]]
    return "\n".join(lines)


def block(name: str, value, indent: str) -> list[str]:
    if isinstance(value, dict):
        return [f"{indent}{name}:", *(line for key, one in value.items() for line in block(key, one, indent + "  "))]
    return [f"{indent}{name}: {flowed(value, False)}"]


def flowed(value, as_json: bool) -> str:
    if as_json:
        return json.dumps(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flowed(one, False)}" for key, one in value.items()) + "}"
    return json.dumps(value) if isinstance(value, list) else shown(value, False)


def shown(value, as_json: bool) -> str:
    if as_json:
        return json.dumps(value)
    return scalar(Quoted(value) if isinstance(value, str) and re.fullmatch(r"[\d.]+|0\d+", value) else value)


def inside_flow(before: str) -> bool:
    """Whether a bracket of this line is still open."""
    bare = re.sub(r"\"(?:[^\"\\]|\\.)*\"|'[^']*'", "", before)
    return bare.count("{") > bare.count("}") or bare.count("[") > bare.count("]")


def at_path(value, path: tuple):
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return None
    return value
