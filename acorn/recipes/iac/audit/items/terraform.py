"""Terraform -> items. Nested blocks are lists of mappings; policies in JSON or jsonencode are opened up."""

import json
import re
from collections.abc import Iterator

from acorn.recipes.iac import hcl
from acorn.recipes.iac.audit.rule import Item

ENCODED = re.compile(r"\$\{\s*jsonencode\((.*)\)\s*\}", re.DOTALL)
EXACT = re.compile(r"\$\{\s*(var|local)\.([A-Za-z_][\w-]*)\s*\}")
TYPED = {"resource": "", "data": "data."}
MAX_JSON_DEPTH = 60


def items(text: str) -> list[Item]:
    """Raises hcl.HclError."""
    return [item for block in hcl.parse(text).blocks if (item := _item(block))]


def _item(block: hcl.Block) -> Item | None:
    if block.type in TYPED:
        if len(block.labels) != 2:
            return None
        type_, name = TYPED[block.type] + block.labels[0], block.labels[1]
    else:
        type_, name = block.type, block.labels[0] if block.labels else ""
    marks: dict[tuple, tuple[int, int]] = {(): (block.line, block.column)}
    attributes: dict[tuple, hcl.Attr] = {}
    body = _body(block.body, (), marks, attributes)
    known: dict[int, dict] = {}
    place = lambda path: _place(path, marks, attributes, known)
    return Item(type_, name, body, place, marks=marks, sources=attributes)


def _body(body: hcl.Body, path: tuple, marks: dict, attributes: dict) -> dict:
    found = {}
    for name, attribute in body.attributes.items():
        here = (*path, name)
        marks[here], attributes[here] = (attribute.line, attribute.column), attribute
        found[name] = opened(attribute.value)
    for block in body.blocks:
        inside, name = block.body, block.type
        if block.type == "dynamic" and block.labels:
            name = block.labels[0]
            inside = next((one.body for one in block.body.blocks if one.type == "content"), hcl.Body())
        several = found.setdefault(name, [])
        if not isinstance(several, list):
            continue
        here = (*path, name, len(several))
        marks[here] = (block.line, block.column)
        several.append(_body(inside, here, marks, attributes))
    return found


def opened(value):
    """A text that holds JSON, or a call of jsonencode, as the data in it."""
    if isinstance(value, dict):
        return {key: opened(one) for key, one in value.items()}
    if isinstance(value, list):
        return [opened(one) for one in value]
    if not isinstance(value, str):
        return value
    if encoded := ENCODED.fullmatch(value):
        try:
            return hcl.parse_expression(encoded[1].strip())[0]
        except hcl.HclError:
            return value
    return decoded(value)


def decoded(text: str):
    """The data of a text that is JSON with a mapping or a list on top; else the text."""
    bare = text.strip()
    if bare[:1] not in ("{", "[") or bare[-1:] not in ("}", "]") or len(bare) < 3:
        return text
    if bare.count("{") + bare.count("[") > 10_000:
        return text
    try:
        return json.loads(bare)
    except (ValueError, RecursionError):
        return text


def _place(path: tuple, marks: dict, attributes: dict, known: dict) -> tuple[int, int]:
    for end in range(len(path), -1, -1):
        if path[:end] in marks:
            if path[end:] and path[:end] in attributes:
                return within(attributes[path[:end]], path[end:], known)
            return marks[path[:end]]
    return marks[()]


def within(attribute: hcl.Attr, path: tuple, known: dict) -> tuple[int, int]:
    """Where in the text of an argument a nested key stands; the argument itself where that can't be told."""
    text = attribute.text
    if id(attribute) not in known:
        known[id(attribute)] = offsets(text)
    found = (known[id(attribute)].get(path[:end]) for end in range(len(path), 0, -1))
    at = next((one for one in found if one is not None), 0)
    line = attribute.line + text.count("\n", 0, at)
    return (line, attribute.column) if line == attribute.line else (line, at - text.rfind("\n", 0, at))


TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\w-]+|[\[{(\])},]')
KEY = re.compile(r"\s*[=:]")


def offsets(text: str) -> dict[tuple, int]:
    """{path: offset} of the keys and items in an expression (of JSON or HCL), in one pass. Calls are looked through."""
    found: dict[tuple, int] = {}
    stack: list[list] = []  # [bracket, key or index]
    for token in TOKEN.finditer(text):
        word = token[0]
        if word in ("]", "}", ")"):
            if stack:
                stack.pop()
            continue
        top = stack[-1] if stack else None
        if word == ",":
            if top and top[0] == "[":
                top[1] += 1
            continue
        if top and top[0] == "{" and word not in ("[", "{", "(") and KEY.match(text, token.end()):
            top[1] = word.strip('"')
        if top and top[0] in ("[", "{") and len(stack) <= 20:
            found.setdefault(tuple(part for bracket, part in stack if bracket != "("), token.start())
        if word in ("[", "{", "("):
            stack.append([word, 0 if word == "[" else None])
    return found


def resolve(items_: list[Item]) -> None:
    """Replace var.x by its default and local.x by its value, where these are plain, over the items of one folder."""
    known: dict[tuple[str, str], object] = {}
    for item in items_:
        if item.type == "variable" and "default" in item.body and item.body["default"] is not None:
            known["var", item.name] = item.body["default"]
        elif item.type == "locals":
            known |= {("local", name): value for name, value in item.body.items()}
    if not known:
        return
    for item in items_:
        if item.type not in ("variable", "locals", "output"):
            item.written, item.body = item.body, _resolved(item.body, known, 0)


def _resolved(value, known: dict, depth: int):
    if isinstance(value, dict):
        return {key: _resolved(one, known, depth) for key, one in value.items()}
    if isinstance(value, list):
        return [_resolved(one, known, depth) for one in value]
    if isinstance(value, str) and depth < 5 and (name := EXACT.fullmatch(value)):
        found = known.get((name[1], name[2]))
        return value if found is None else _resolved(found, known, depth + 1)
    return value


def from_json(document) -> Iterator[tuple[str, str, dict, tuple]]:
    """(type, name, body, path) of everything in a .tf.json"""
    for word, found in document.items() if isinstance(document, dict) else ():
        if not isinstance(found, dict):
            continue
        for name, one in found.items():
            if word not in TYPED:
                yield word, name, opened(one), (word, name)
                continue
            for label, body in one.items() if isinstance(one, dict) else ():
                yield TYPED[word] + name, label, opened(body), (word, name, label)
