"""
YAML as render/manifest.py lays it out, by a JSON schema. Indentation is not context-free, but keys whose depth the
schema fixes are: there is a rule for each part of the schema at each depth where it can stand.
"""

from collections.abc import Callable, Hashable

from acorn.recipes.iac.grammar.rules import Entry, Rules, either, quoted
from acorn.recipes.iac.render.manifest import scalar

DEEPEST = 14  # levels of indentation
SCALARS = {"string": "STRING", "integer": "INTEGER", "number": "NUMBER", "boolean": "BOOLEAN", "null": "NULL"}
MEANING = r"/(?i:true|false|yes|no|on|off|null|y|n)/"
PATTERNS = {
    # what render.manifest writes without quotes
    "PLAIN": r"/[A-Za-z\/]([A-Za-z0-9_.\/@*+-]|:[A-Za-z0-9_.\/@*+-])*( [A-Za-z0-9_.\/@+-]+)*|[0-9]+[A-Za-z]+/ "
    rf"& ~{MEANING}",
    "QUOTED": r"/\"([^\"\\\x00-\x1f\x7f]|\\[\"\\nt])*\"/",
    "STRING": "PLAIN | QUOTED",
    "INTEGER": r"/-?(0|[1-9][0-9]{0,14})/",
    "NUMBER": r"/-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,6})?/",
    "BOOLEAN": '"true" | "false"',
    "NULL": '"null"',
    "KEY": rf"/[A-Za-z_][A-Za-z0-9_.\/-]{{0,80}}/ & ~{MEANING}",
    "TEXT": r"/[^ \n\x00-\x1f\x7f][^\n\x00-\x1f\x7f]*/",
}
VALUES = ("NAME", "LABELLED")  # terminals of special schemas that are values, no keys or numbers
ANY = {"type": ["string", "integer", "boolean", "object", "array"]}


class Yaml:
    """
    resolve: what a $ref stands for. special: names of terminals with patterns of their own, which a schema asks for by
    {"type": "string", "terminal": NAME}. known: a pattern that every string has to fit as well.
    """

    def __init__(
        self,
        resolve: Callable[[str], dict],
        known: str = "",
        special: dict[str, str] | None = None,
        deepest: int = DEEPEST,
    ):
        self.resolve, self.known, self.special, self.deepest = resolve, known, special or {}, deepest
        self.rules = Rules()

    def text(self, schemas: list[dict]) -> str:
        """A grammar of documents that each fit one of the schemas, with --- between them."""
        documents = [self.object(schema, ("document", i), 0) + "::0x0" for i, schema in enumerate(schemas)]
        one = self.rules.of("document", lambda: " | ".join(documents))
        return self.finish(f'{one} ("---\\n" {one})*')

    def sequence(self, schemas: list[dict]) -> str:
        """A grammar of one document: a list of things that each fit one of the schemas."""
        return self.finish(self.array({"items": {"anyOf": schemas}}, "list", 0))

    def finish(self, start: str) -> str:
        for name, pattern in {**PATTERNS, **self.special}.items():
            self.rules.terminal(name, pattern)
        if self.known:
            self.rules.terminal("KNOWN", self.known)
            for name in ("PLAIN", "QUOTED", "TEXT", *(name for name in self.special if name in VALUES)):
                self.rules.terminal(name, f"{self.rules.terminals[name]} & KNOWN")
        return self.rules.text(start)

    def followed(self, schema: dict | bool, key: Hashable) -> tuple[dict, Hashable]:
        for _ in range(20):
            if not isinstance(schema, dict):
                return ANY, "any"
            if "$ref" not in schema:
                break
            key = schema["$ref"]
            schema = self.resolve(key)
        if "allOf" in schema:
            parts = [self.followed(part, (key, "all", i))[0] for i, part in enumerate(schema["allOf"])]
            schema = merged([{k: v for k, v in schema.items() if k != "allOf"}, *parts])
        return schema, key

    def value(self, schema: dict | bool, key: Hashable, depth: int) -> str:
        """What stands after `key:` or `-`, to the end of its last line; lines of its own are at `depth`."""
        schema, key = self.followed(schema, key)
        return self.rules.of(("value", key, depth), lambda: either(self.forms(schema, key, depth)))

    def forms(self, schema: dict, key: Hashable, depth: int) -> list[str]:
        found = [f'" " {one} "\\n"' for one in self.scalars(schema)]
        if "enum" in schema or "const" in schema:
            return found
        for i, part in enumerate(schema.get("anyOf", []) + schema.get("oneOf", [])):
            part, below = self.followed(part, (key, "of", i))
            if part.keys() - {"required", "not", "description"}:  # those only narrow what the rest allows
                found += self.forms(part, below, depth)
        types = types_of(schema)
        if "string" in types and "terminal" not in schema and depth < self.deepest:
            found.append(f'" |\\n" ("{"  " * depth}" TEXT "\\n")+')
        if "array" in types:
            found.append('" []\\n"')
            if depth < self.deepest:
                found.append(f'"\\n" {self.array(schema, key, depth)}')
        if "object" in types:
            if not schema.get("required"):
                found.append('" {}\\n"')
            if depth < self.deepest:
                found.append(f'"\\n" {self.object(schema, key, depth)}::0x0')
        return found or ['" " STRING "\\n"']

    def scalars(self, schema: dict) -> list[str]:
        if "const" in schema or "enum" in schema:
            values = [schema["const"]] if "const" in schema else schema["enum"]
            return [
                quoted(scalar(value))
                for value in values
                if not isinstance(value, dict | list) and value not in (None, "")
            ]
        if "terminal" in schema:
            return [schema["terminal"]]
        return [SCALARS[type_] for type_ in types_of(schema) if type_ in SCALARS]

    def object(self, schema: dict | bool, key: Hashable, depth: int) -> str:
        schema, key = self.followed(schema, key)
        indent = "  " * depth

        def entries() -> list[Entry]:
            needed = set(schema.get("required", ()))
            found = []
            for name, below in schema.get("properties", {}).items():
                line = quoted(f"{indent}{scalar(name)}:")
                found.append(Entry(f"{line} {self.value(below, (key, name), depth + 1)}", name in needed))
            other = schema.get("additionalProperties", not schema.get("properties"))
            patterns = schema.get("patternProperties", {})
            for i, below in enumerate([other] * (other is not False) + list(patterns.values())):
                word = schema.get("keys", "KEY")
                value = self.value(below, (key, "*", i), depth + 1)
                found.append(Entry(f'"{indent}" {word} ":" {value}', repeats=True))
            return found

        return self.rules.entries(("object", key, depth), entries)

    def array(self, schema: dict, key: Hashable, depth: int) -> str:
        items = schema.get("items", True)
        return self.rules.of(("array", key, depth), lambda: f"({self.item(items, (key, 'items'), depth)})+")

    def item(self, schema: dict | bool, key: Hashable, depth: int) -> str:
        """One item with its dash. The first key of a mapping stands in the dash's line."""
        schema, key = self.followed(schema, key)
        indent = "  " * depth

        def make() -> str:
            found = [f'"{indent}- " {one} "\\n"' for one in self.scalars(schema)]
            for i, part in enumerate(schema.get("anyOf", []) + schema.get("oneOf", [])):
                found.append(self.item(part, (key, "of", i), depth))
            if "object" in types_of(schema) and depth < self.deepest:
                rule = self.object(schema, key, depth + 1)
                for entry, bit in self.rules.bits.get(("object", key, depth + 1), []):
                    first = entry.text.replace(f'"{indent}  ', f'"{indent}- ', 1)
                    found.append(f"{first} {rule}::{hex(0 if bit is None else 1 << bit)}")
            return either(found) if found else f'"{indent}- " STRING "\\n"'

        return self.rules.of(("item", key, depth), make)


def types_of(schema: dict) -> list[str]:
    found = schema.get("type")
    if found is None:
        if "properties" in schema or "additionalProperties" in schema or "patternProperties" in schema:
            return ["object"]
        if "items" in schema:
            return ["array"]
        return [] if schema.keys() & {"anyOf", "oneOf", "enum", "const"} else ANY["type"]
    return [one for one in ([found] if isinstance(found, str) else found) if one != "null" or found == "null"]


def merged(parts: list[dict]) -> dict:
    """One schema for all of several: what each of them has, together."""
    found: dict = {}
    for part in parts:
        for word, value in part.items():
            if word == "properties":
                found[word] = {**found.get(word, {}), **value}
            elif word == "required":
                found[word] = [*found.get(word, []), *value]
            else:
                found.setdefault(word, value)
    return found
