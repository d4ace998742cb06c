"""The grammar of a Terraform answer: the types that some texts name, as the providers' schemas have them."""

import re

from acorn.recipes.iac import schemas
from acorn.recipes.iac.grammar.hcl import Block, Hcl
from acorn.recipes.iac.grammar.rules import EVERYTHING, Known, likely

HEAD = re.compile(r'^(resource|data|variable|module) "([A-Za-z0-9_-]+)"(?: "([A-Za-z0-9_-]+)")?', re.MULTILINE)
LOCAL = re.compile(r"^  ([A-Za-z_][\w-]*) += ", re.MULTILINE)
NAMED = {"variable": "var", "module": "module"}


def text(texts: list[str], known: Known = EVERYTHING) -> str:
    types: dict[str, dict[str, Block]] = {"resource": {}, "data": {}}
    names: dict[str, set[str]] = {}
    labels = set()
    for word, first, second in (found for one in texts for found in HEAD.findall(one)):
        if word in NAMED:
            names.setdefault(NAMED[word], set()).add(first)
        elif (found := block(word, first)) and second:
            types[word][first] = found
            labels.add(second)
    if not types["resource"] and not types["data"] and "module" not in names:
        return ""
    for inside in (
        inside for one in texts for inside in re.findall(r"^locals \{\n(.*?)^\}", one, re.MULTILINE | re.DOTALL)
    ):
        names.setdefault("local", set()).update(LOCAL.findall(inside))
    loops = {word for word in ("count", "each") if any(f"{word}." in one for one in texts)}
    return Hcl(types["resource"], types["data"], names, labels, loops, known, likely(texts)).text()


def block(word: str, type_: str) -> Block | None:
    body = schemas.find(word, type_)
    return shape(body) if body else None


def shape(body: dict) -> Block:
    """
    A body of acorn/recipes/iac/schemas, without what the provider computes. Lists of objects are written as blocks,
    which Terraform takes for both.
    """
    blocks = {
        name: (shape(inside), bool(inside.get("r")), inside["k"] == "*") for name, inside in body.get("b", {}).items()
    }
    arguments = {}
    for name, code in body.get("a", {}).items():
        if code[1:] in ("Lo", "To") and code[0] != "=" and name in body.get("o", {}):
            blocks[name] = (shape(body["o"][name]), code[0] == "!", True)
        elif code[0] != "=":
            arguments[name] = (code[1:], code[0] == "!")
    return Block(arguments, blocks, frozenset(body.get("a", {})) | frozenset(blocks))
