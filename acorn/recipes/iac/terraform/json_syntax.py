"""Terraform's JSON syntax (.tf.json) as the same bodies as HCL gives. Which key is a block is decided by the schema."""

import json
import re
from json.decoder import scanstring
from typing import NamedTuple

from acorn.recipes.iac import hcl, schemas
from acorn.recipes.iac.terraform.language import BUILT_IN, LABELS, META, OWN
from acorn.recipes.iac.validate.findings import place

MAX_DEPTH = 60
SPACE = re.compile(r"[ \t\n\r]*")
SCALAR = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null")
REFERENCES = {"depends_on", "provider", "providers", "ignore_changes", "replace_triggered_by", "from", "to"}
EMPTY: dict = {}


class Item(NamedTuple):
    """A member of an object, with the place of its key."""

    key: str
    value: object  # a list of Items for an object, a list in a tuple for an array, else plain
    line: int
    column: int


class Objects(list):
    """An object: Items."""


def parse_json(text: str) -> hcl.Body:
    text = text.removeprefix("\ufeff")
    value, at = _value(text, 0, 0)
    if (at := SPACE.match(text, at).end()) < len(text):
        _fail(text, at, "did not expect anything behind the last }")
    if not isinstance(value, Objects):
        _fail(text, 0, "a configuration in JSON is one object { }")
    body = hcl.Body()
    for item in value:
        if item.key == "//":
            continue
        if item.key not in LABELS:
            body.blocks.append(hcl.Block(item.key, (), hcl.Body(), item.line, item.column))
            continue
        for labels, inside, where in _labelled(item, LABELS[item.key]):
            shape, meta = _schema(item.key, labels)
            body.blocks.append(hcl.Block(item.key, labels, _body(inside, shape, meta), where.line, where.column))
    return body


def _labelled(item: Item, count: int):
    """{"aws_vpc": {"main": {...}}} -> (("aws_vpc", "main"), {...}, where)"""
    for one in item.value if isinstance(item.value, list) and not isinstance(item.value, Objects) else [item.value]:
        if not isinstance(one, Objects):
            raise hcl.HclError(f"{item.key} is an object {{ }} here", item.line, item.column)
        if count == 0:
            yield (), one, item
            continue
        for inner in one:
            if inner.key != "//":
                for labels, inside, where in _labelled(inner, count - 1):
                    yield (inner.key, *labels), inside, where


def _schema(type_: str, labels: tuple[str, ...]) -> tuple[dict, dict]:
    if type_ in ("resource", "data", "ephemeral"):
        return BUILT_IN.get((type_, labels[0])) or schemas.find(type_, labels[0]) or EMPTY, META
    if type_ == "provider":
        found = schemas.providers().get(labels[0])
        return (found and found.settings()) or EMPTY, EMPTY
    return OWN.get(type_, EMPTY), EMPTY


def _body(items: Objects, schema: dict, meta: dict) -> hcl.Body:
    body = hcl.Body()
    for item in items:
        name, value = item.key, item.value
        if name == "//":
            continue
        below = schema.get("b", EMPTY).get(name) or meta.get("b", EMPTY).get(name)
        single = isinstance(value, Objects)
        if name == "dynamic" and single:
            for labels, inside, where in _labelled(item, 1):
                shape = {"b": {"content": schema.get("b", EMPTY).get(labels[0], EMPTY)}}
                body.blocks.append(hcl.Block("dynamic", labels, _body(inside, shape, EMPTY), where.line, where.column))
        elif below is not None and (single or _all_objects(value)):
            count = 1 if name in ("provisioner", "backend", "provider_meta") else 0
            for labels, inside, where in _labelled(item, count):
                body.blocks.append(hcl.Block(name, labels, _body(inside, below, EMPTY), where.line, where.column))
        else:
            attribute = _attribute(item)
            (body.twice.append(attribute) if name in body.attributes else body.attributes.setdefault(name, attribute))
    return body


def _all_objects(value) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, Objects) for one in value)


def _attribute(item: Item) -> hcl.Attr:
    uses, calls = [], []

    def plain(value, key: str):
        if isinstance(value, Objects):
            return {one.key: plain(one.value, key) for one in value}
        if isinstance(value, list):
            return [plain(one, key) for one in value]
        if not isinstance(value, str):
            return value
        if key == "type":
            return f"${{{value}}}"
        try:
            if key in REFERENCES and not value.startswith("${"):
                value, found, called = hcl.parse_expression(value)
            else:
                found, called = hcl.parse_template(value)
        except hcl.HclError as error:
            raise hcl.HclError(f"{item.key}: {error.message}", item.line, item.column) from None
        uses.extend(one._replace(line=item.line, column=item.column) for one in found)
        calls.extend(one._replace(line=item.line, column=item.column) for one in called)
        return value

    value = plain(item.value, item.key)
    text = value[2:-1] if isinstance(value, str) and value.startswith("${") else json.dumps(value)
    return hcl.Attr(item.key, value, item.line, item.column, text, uses, calls)


# ---- JSON with the places of its keys --------------------------------------------------------------------------------


def _value(text: str, at: int, depth: int) -> tuple[object, int]:
    at = SPACE.match(text, at).end()
    char = text[at : at + 1]
    if depth > MAX_DEPTH:
        _fail(text, at, f"nested too deep: more than {MAX_DEPTH} levels")
    if char == "{":
        return _object(text, at, depth)
    if char == "[":
        values, start = [], at
        at = SPACE.match(text, at + 1).end()
        while text[at : at + 1] != "]":
            value, at = _value(text, at, depth + 1)
            values.append(value)
            at = _comma(text, at, "]", start)
        return values, at + 1
    if char == '"':
        return _string(text, at)
    if scalar := SCALAR.match(text, at):
        return json.loads(scalar[0][:400]), scalar.end()
    _fail(text, at, f"expected a value, found {text[at : at + 10]!r}" if char else "expected a value, the text ends")


def _object(text: str, start: int, depth: int) -> tuple[Objects, int]:
    items, at = Objects(), SPACE.match(text, start + 1).end()
    while text[at : at + 1] != "}":
        if text[at : at + 1] != '"':
            _fail(text, at, "expected a key in double quotes" if at < len(text) else "the object { is not closed")
        line, column = place(text, at)
        key, at = _string(text, at)
        at = SPACE.match(text, at).end()
        if text[at : at + 1] != ":":
            _fail(text, at, f'expected a colon behind the key "{key[:40]}"')
        value, at = _value(text, at + 1, depth + 1)
        items.append(Item(key, value, line, column))
        at = _comma(text, at, "}", start)
    return items, at + 1


def _comma(text: str, at: int, bracket: str, start: int) -> int:
    """Behind a member: the place of the next one, or of the bracket."""
    at = SPACE.match(text, at).end()
    if text[at : at + 1] == bracket:
        return at
    if text[at : at + 1] != ",":
        _fail(text, at, f"expected ',' or {bracket!r} (for the {text[start]!r} of line {place(text, start)[0]})")
    at = SPACE.match(text, at + 1).end()
    if text[at : at + 1] == bracket:
        _fail(text, at, f"a comma stands before this {bracket}")
    return at


def _string(text: str, at: int) -> tuple[str, int]:
    try:
        return scanstring(text, at + 1)
    except json.JSONDecodeError as error:
        _fail(text, error.pos, error.msg)


def _fail(text: str, at: int, message: str):
    raise hcl.HclError(message, *place(text, min(at, len(text))))
