"""The arguments and blocks of a body against a schema: names, what is required, types, argument or block."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from acorn.errors import did_you_mean
from acorn.recipes.iac import hcl
from acorn.recipes.iac.terraform import types
from acorn.recipes.iac.terraform.language import INNER_LABELS

EMPTY: dict = {}


@dataclass
class Check:
    """
    title: what is checked, for the messages. type_of gives the type of an argument whose value is an expression.
    severity: "note" where the schema is one of another version. newer: what to do where it is too old.
    """

    report: Callable[..., None]  # (message, line, column, rule, severity, hint)
    type_of: Callable[[hcl.Attr], str]
    title: str
    severity: str = "error"
    newer: str = ""

    def body(self, body: hcl.Body, schema: dict, at: tuple[int, int], meta: dict = EMPTY, inside: str = "") -> None:
        """
        meta: a schema of what may stand here besides. at: where to report what is missing. inside: 'rule: filter: ',
        the blocks around.
        """
        for attribute in body.twice:
            self.say(inside, f"argument {attribute.name} is set twice", attribute, "set-twice", "error")
        arguments, blocks = schema.get("a", EMPTY), schema.get("b", EMPTY)
        for name, attribute in body.attributes.items():
            code = arguments.get(name) or meta.get("a", EMPTY).get(name)
            if code:
                self.argument(inside, attribute, code, schema.get("o", EMPTY).get(name, EMPTY))
            elif name in blocks or name in meta.get("b", EMPTY):
                self.say(inside, f"{name} is a block, not an argument: no equals sign", attribute, "not-an-argument")
            elif not schema.get("free"):
                self.unknown(inside, "argument", attribute.name, attribute, schema, meta)
        counts = Counter()
        for block in body.blocks:
            if block.type == "dynamic":
                self.dynamic(inside, block, schema)
                counts[block.labels[0] if block.labels else ""] -= 1000
                continue
            counts[block.type] += 1
            self.block(inside, block, schema, meta)
        there = {*body.attributes, *(name for name in counts)}
        for name, code in arguments.items():
            if code[0] == "!" and name not in there:
                self.say(inside, f"argument {name} is missing", at, "missing-argument")
        for name, block in blocks.items():
            if block.get("r") and name not in there:
                self.say(inside, f"block {name} is missing", at, "missing-block")
            if block["k"] == "1" and counts[name] > 1:
                self.say(inside, f"there can be one block {name}, here are {counts[name]}", at, "too-many-blocks")

    def say(self, inside: str, message: str, at, rule: str, severity: str = "", hint: str = "") -> None:
        line, column = at if isinstance(at, tuple) else (at.line, at.column)
        self.report(f"{self.title}: {inside}{message}", line, column, rule, severity or self.severity, hint)

    def unknown(self, inside: str, what: str, name: str, at, schema: dict, meta: dict) -> None:
        settable = [one for one, code in schema.get("a", EMPTY).items() if code[0] != "="]
        known = [*settable, *schema.get("b", EMPTY), *meta.get("a", EMPTY), *meta.get("b", EMPTY)]
        near = did_you_mean(name, known)
        self.say(inside, f"there is no {what} {name}.{near}", at, f"unknown-{what}", hint="" if near else self.newer)

    def argument(self, inside: str, attribute: hcl.Attr, code: str, fields: dict) -> None:
        name = attribute.name
        if code[0] == "=":
            self.say(inside, f"{name} is decided by the provider, it can't be set", attribute, "computed-argument")
            return
        expression = self.type_of(attribute) if types.whole(attribute.value) else "a"
        if wrong := types.problem(attribute.value, code[1:], expression):
            self.say(inside, f"{name}: {wrong}", attribute, "wrong-type")
        elif fields:
            self.objects(f"{inside}{name}: ", attribute.value, fields, attribute)

    def objects(self, inside: str, value, fields: dict, at: hcl.Attr) -> None:
        """The attributes of objects that an argument is made of. fields: their schema."""
        if isinstance(value, list):
            for one in value:
                self.objects(inside, one, fields, at)
        if not isinstance(value, dict) or any(types.computed(name) for name in value):
            return
        known = fields.get("a", EMPTY)
        if not value.keys() & known.keys() and all(isinstance(one, dict) for one in value.values()):
            for one in value.values():  # a map of objects
                self.objects(inside, one, fields, at)
            return
        for name, one in value.items():
            if name not in known:
                self.unknown(inside, "argument", name, at, fields, EMPTY)
            elif wrong := types.problem(one, known[name][1:]):
                self.say(inside, f"{name}: {wrong}", at, "wrong-type")
            elif below := fields.get("o", EMPTY).get(name):
                self.objects(f"{inside}{name}: ", one, below, at)
        for name, code in known.items():
            if code[0] == "!" and name not in value:
                self.say(inside, f"argument {name} is missing", at, "missing-argument")

    def block(self, inside: str, block: hcl.Block, schema: dict, meta: dict) -> None:
        below = self.find(inside, block, block.type, schema, meta)
        wanted = INNER_LABELS.get(block.type, 0) if below and (below.get("any") or meta) else 0
        if below is None:
            return
        if len(block.labels) != wanted and not below.get("any"):
            self.say(inside, f"block {block.type} takes {wanted or 'no'} label", block, "labels")
        if block.type == "lifecycle" and meta:
            self.ignored(block, schema)
        self.body(block.body, below, (block.line, block.column), EMPTY, f"{inside}{block.type}: ")

    def find(self, inside: str, at: hcl.Block, name: str, schema: dict, meta: dict) -> dict | None:
        """The schema of a nested block; None where there is none, which is reported here, or nothing is known of it."""
        if below := schema.get("b", EMPTY).get(name) or meta.get("b", EMPTY).get(name):
            return below
        code = schema.get("a", EMPTY).get(name, "")
        if code[1:] in ("Lo", "To") and code[0] != "=":  # older providers take lists of objects as blocks too
            fields = schema.get("o", EMPTY).get(name, EMPTY)
            return {"k": "*", "a": fields.get("a", EMPTY), "o": fields.get("o", EMPTY)}
        if code[1:] == "a" or schema.get("any"):
            return None
        if code or name in meta.get("a", EMPTY):
            self.say(inside, f"{name} is an argument, not a block: it needs an equals sign", at, "not-a-block")
        else:
            self.unknown(inside, "block", name, at, schema, meta)
        return None

    def dynamic(self, inside: str, block: hcl.Block, schema: dict) -> None:
        """dynamic "name" { for_each = ...  content { ... } }"""
        if len(block.labels) != 1:
            self.say(inside, 'dynamic has one label, the block to make: dynamic "ingress" { ... }', block, "labels")
            return
        name, shape = block.labels[0], block.body
        if name in ("lifecycle", "provisioner", "connection"):
            self.say(inside, f"{name} can't be made by dynamic", block, "unknown-block")
            return
        below = self.find(inside, block, name, schema, EMPTY)
        where = f"{inside}dynamic {name}: "
        for attribute in shape.attributes.values():
            if attribute.name not in ("for_each", "iterator", "labels"):
                near = did_you_mean(attribute.name, ("for_each", "iterator", "labels"))
                message = f"there is no argument {attribute.name}; those of the block stand in content {{ }}.{near}"
                self.say(where, message, attribute, "unknown-argument")
        if "for_each" not in shape.attributes:
            self.say(where, "argument for_each is missing", block, "missing-argument")
        content = [one for one in shape.blocks if one.type == "content"]
        if len(content) != 1:
            self.say(where, f"one block content {{ }} is needed, here are {len(content)}", block, "missing-block")
        for one in shape.blocks:
            if one.type != "content":
                self.say(where, f"there is no block {one.type}; blocks stand in content {{ }}", one, "unknown-block")
        if below is not None and content:
            self.body(content[0].body, below, (content[0].line, content[0].column), EMPTY, f"{inside}{name}: ")

    def ignored(self, block: hcl.Block, schema: dict) -> None:
        """lifecycle { ignore_changes = [tags, all] } names arguments of the resource."""
        known = {*schema.get("a", EMPTY), *schema.get("b", EMPTY)}
        attribute = block.body.attributes.get("ignore_changes")
        for use in attribute.uses if attribute and not schema.get("free") else ():
            if use.path[0] not in known and use.path[0] != "all":
                message = f"ignore_changes: there is no argument {use.path[0]}.{did_you_mean(use.path[0], known)}"
                self.say("", message, (use.line, use.column), "unknown-argument")


