"""Every reference has to lead somewhere and every function has to exist; and what types they give."""

import difflib
from collections.abc import Iterator

from acorn.errors import did_you_mean
from acorn.recipes.iac import hcl
from acorn.recipes.iac.terraform import types
from acorn.recipes.iac.terraform.configuration import RESOURCES, Configuration, Place
from acorn.recipes.iac.terraform.functions import FUNCTIONS

FIXED = {  # root -> what may stand behind it, with types
    "path": {"module": "s", "root": "s", "cwd": "s"},
    "terraform": {"workspace": "s", "applying": "b"},
    "count": {"index": "n"},
    "each": {"key": "s", "value": "a"},
}
ROOTS = ("var", "local", "module", "data", "ephemeral", "self", "resource", *FIXED)
NO_VALUES = {  # (top-level block, argument): names stand here, not values
    ("variable", "type"), ("moved", "from"), ("moved", "to"), ("import", "to"), ("import", "provider"),
    ("removed", "from"), *((kind, "provider") for kind in RESOURCES), ("module", "providers"),
}  # fmt: skip
WORDS = {("lifecycle", "ignore_changes"), ("provisioner", "when"), ("provisioner", "on_failure")}  # the same, in blocks
SELF = {"provisioner", "connection", "postcondition"}


class References:
    def __init__(self, configuration: Configuration):
        self.configuration = configuration
        self.nested = {  # data sources within check blocks
            ("data", *inner.labels)
            for place in configuration.places
            if place.block.type == "check"
            for inner in place.block.body.blocks
            if inner.type == "data"
        }

    # ---- checks ------------------------------------------------------------------------------------------------

    def check(self, place: Place) -> None:
        """All expressions of a block at the top."""
        if place.block.type in ("terraform", "action"):
            return
        seen: set[str] = set()  # the same wrong name is said once a block
        for attribute, iterators, around in self.walk(place.block.body, frozenset(), ()):
            self.calls(place, attribute)
            if around == () and (place.block.type, attribute.name) in NO_VALUES:
                self.provider(place, attribute)
                continue
            if around and ((around[-1], attribute.name) in WORDS or around[-1] == "action_trigger"):
                continue
            for use in attribute.uses:
                if use.path[0] in iterators:
                    continue
                wrong = self.wrong(use.path, place, around)
                if wrong and wrong[0] not in seen:
                    seen.add(wrong[0])
                    self.configuration.report(place.path, wrong[0], use.line, use.column, *wrong[1:])

    def walk(self, body: hcl.Body, iterators: frozenset, around: tuple) -> Iterator[tuple[hcl.Attr, frozenset, tuple]]:
        """(argument, names that dynamic blocks around it declare, types of the blocks around it)"""
        for attribute in [*body.attributes.values(), *body.twice]:
            yield attribute, iterators, around
        for block in body.blocks:
            inner = iterators
            if block.type == "dynamic" and block.labels:
                named = block.body.attributes.get("iterator")
                inner = iterators | {named.text if named else block.labels[0]}
                own = hcl.Body({name: one for name, one in block.body.attributes.items() if name != "iterator"})
                yield from self.walk(own, iterators if named is None else inner, (*around, "dynamic"))
                yield from self.walk(hcl.Body({}, block.body.blocks), inner, (*around, "dynamic"))
                continue
            yield from self.walk(block.body, inner, (*around, block.type))

    def calls(self, place: Place, attribute: hcl.Attr) -> None:
        if (place.block.type, attribute.name) == ("variable", "type"):
            return
        for call in attribute.calls:
            name = call.name.removeprefix("core::")
            if "::" in name:
                continue
            function, wrong, rule = FUNCTIONS.get(name), "", "arguments"
            if not function:
                wrong, rule = f"there is no function {name}.{did_you_mean(name, FUNCTIONS)}", "unknown-function"
            elif call.arguments < function.least and not call.expanded:
                wrong = f"{name} takes {_count(function)}, here are {call.arguments}"
            elif function.most is not None and call.arguments > function.most:
                wrong = f"{name} takes {_count(function)}, here are {call.arguments}"
            if wrong:
                self.configuration.report(place.path, wrong, call.line, call.column, rule)

    def provider(self, place: Place, attribute: hcl.Attr) -> None:
        """provider = aws.east: somebody has to declare the alias."""
        configuration = self.configuration
        for use in attribute.uses if attribute.name == "provider" else ():
            name, alias = use.path[0], use.path[1] if len(use.path) > 1 else ""
            given = {(other, one) for other, wanted in configuration.wanted.items() for one in wanted.aliases}
            known = configuration.aliases | given
            if alias and (name, alias) not in known and configuration.complete and alias != "[]":
                near = did_you_mean(alias, [one for other, one in known if other == name])
                message = f"no provider {name} with the alias {alias} is declared.{near}"
                configuration.report(place.path, message, use.line, use.column, "undeclared-provider")

    def wrong(self, path: tuple[str, ...], place: Place, around: tuple) -> tuple[str, ...] | None:
        """(what is wrong with a reference, rule[, severity]), or None"""
        root, second = path[0], path[1] if len(path) > 1 else ""
        if root in FIXED:
            return self.fixed(root, second, place)
        if root == "self":
            fine = SELF & {*around}
            return None if fine else ("self is only known in provisioners, connections and postconditions", "scope")
        if len(path) == 1:
            near = did_you_mean(root, (*ROOTS, "true", "false", "null"))
            if root in ROOTS:
                return f"behind {root}, a name is missing: {root}.NAME", "undeclared"
            return f"{root} alone is no value; a text stands in double quotes.{near}", "undeclared"
        if root in ("var", "local", "module"):
            return self.named(root, path)
        if root == "resource":
            return self.wrong(path[1:], place, around) if len(path) > 2 else None
        if root in ("data", "ephemeral"):
            if len(path) < 3:
                return f"{'.'.join(path)} is incomplete: {root}.TYPE.NAME", "undeclared"
            return self.resource(path[:3], path[3:])
        return self.resource(path[:2], path[2:])

    def fixed(self, root: str, second: str, place: Place) -> tuple[str, str] | None:
        if second not in FIXED[root]:
            there = " or ".join(f"{root}.{name}" for name in FIXED[root])
            return f"there is no {root}.{second}; there is {there}", "undeclared"
        needed = {"count": "count", "each": "for_each"}.get(root)
        if needed and needed not in place.block.body.attributes:
            return f"{root}.{second} is only known where the block sets {needed}", "scope"
        return None

    def named(self, root: str, path: tuple[str, ...]) -> tuple[str, str] | None:
        """var.x, local.x, module.x.output"""
        configuration, name = self.configuration, path[1]
        known = configuration.locals if root == "local" else configuration.names(root)
        if name not in known:
            if not configuration.complete:
                return None
            return f"{root}.{name} is used but not declared.{_near(root, name, known)}", "undeclared"
        outputs = configuration.outputs.get(name) if root == "module" else None
        step = next((step for step in path[2:] if step not in ("[]", "*")), None)
        if outputs is not None and step and step not in outputs:
            return f"module.{name} has no output {step}.{did_you_mean(step, outputs)}", "undeclared"
        return None

    def resource(self, key: tuple[str, ...], rest: tuple[str, ...]) -> tuple[str, ...] | None:
        """key: ("aws_vpc", "main") or ("data", "aws_ami", "x"); rest: what stands behind it"""
        configuration = self.configuration
        place = configuration.declared.get(key)
        if not place:
            if key in self.nested or not configuration.complete:
                return None
            same = [".".join(one) for one in configuration.declared if one[:-1] == key[:-1]]
            others = [".".join(one) for one in configuration.declared if len(one) == len(key)]
            name = ".".join(key)
            near = _nearest(name, same) or _nearest(name, [*others, *(f"{root}.{key[-1]}" for root in ROOTS)])
            return f"{name} is used but not declared.{near}", "undeclared"
        several = {"count", "for_each"} & place.block.body.attributes.keys()
        if rest and several and rest[0] not in ("[]", "*"):
            sort = several.pop()
            example = "each.key" if sort == "for_each" else "count.index"
            if rest[0] in self.attributes(place):
                return f"{'.'.join(key)} has {sort}: say which one, {'.'.join(key)}[{example}].{rest[0]}", "index"
            return None
        if rest and rest[0] == "[]" and not several:
            return f"{'.'.join(key)} has neither count nor for_each: no index", "index"
        step = next((step for step in rest if step not in ("[]", "*")), None)
        known = self.attributes(place)
        if step and known and step not in known:
            name = configuration.provider_name(place.block)
            provider = configuration.provider(name)
            severity = "note" if provider and configuration.outdated(name, provider) else "error"
            near = did_you_mean(step, known)
            return f"{'.'.join(key)} has no attribute {step}.{near}", "unknown-attribute", severity
        return None

    # ---- types -------------------------------------------------------------------------------------------------

    def attributes(self, place: Place) -> set[str]:
        """Names that may stand behind a resource; empty where that is not known."""
        schema = self.configuration.schema(place.block) if place.block.type in RESOURCES else None
        return {*schema.get("a", {}), *schema.get("b", {}), "id"} if schema else set()

    def type_of(self, attribute: hcl.Attr) -> str:
        """The type of an argument's value that is one call or one reference; 'a' where it is not known."""
        if attribute.calls and attribute.calls[-1].length == len(attribute.text):
            function = FUNCTIONS.get(attribute.calls[-1].name)
            return function.gives if function else "a"
        if len(attribute.uses) == 1 and attribute.text == ".".join(path := attribute.uses[0].path):
            return self.type_of_reference(path)
        return "a"

    def type_of_reference(self, path: tuple[str, ...]) -> str:
        configuration, root = self.configuration, path[0]
        if root in FIXED and len(path) == 2:
            return FIXED[root].get(path[1], "a")
        if root == "var" and len(path) == 2 and (place := configuration.declared.get(path)):
            type_ = place.block.body.attributes.get("type")
            return types.of_constraint(type_.value)[0] if type_ else "a"
        if root == "local" and len(path) == 2 and (local := configuration.locals.get(path[1])):
            return _of_literal(local.value)
        key, rest = (path[:3], path[3:]) if root in ("data", "ephemeral") else (path[:2], path[2:])
        place = configuration.declared.get(key)
        if place and place.block.type in RESOURCES and len(rest) == 1 and (schema := configuration.schema(place.block)):
            several = {"count", "for_each"} & place.block.body.attributes.keys()
            code = schema.get("a", {}).get(rest[0], "")
            return "a" if several or "o" in code else code[1:] or "a"
        return "a"


def _of_literal(value) -> str:
    if isinstance(value, bool):
        return "b"
    if isinstance(value, int | float):
        return "n"
    if isinstance(value, str):
        return "a" if types.computed(value) else "s"
    return {list: "La", dict: "o"}.get(type(value), "a")


def _count(function) -> str:
    if function.most is None:
        return f"at least {function.least} argument{'s' * (function.least != 1)}"
    if function.least != function.most:
        return f"{function.least} or {function.most} arguments"
    return f"{function.least} argument{'s' * (function.least != 1)}"


def _near(root: str, name: str, known) -> str:
    near = did_you_mean(name, known)
    return near.replace(" mean ", f" mean {root}.")


def _nearest(name: str, names: list[str]) -> str:
    """As did_you_mean, but closer: two names of one type share most of their letters."""
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.8)
    return f" Did you mean {near[0]}?" if near else ""


