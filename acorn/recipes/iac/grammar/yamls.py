"""
YAML as render/manifest.py lays it out, by a JSON schema. Indentation is not context-free, but keys whose depth the
schema fixes are: there is a rule for each part of the schema at each depth where it can stand.
"""

from collections.abc import Callable, Hashable, Iterable

from acorn.recipes.iac.grammar.rules import EVERYTHING, Entry, Known, Rules, either, quoted
from acorn.recipes.iac.render.manifest import scalar

DEEPEST = 14  # levels of indentation
SCALARS = {"string": "STRING", "integer": "INTEGER", "number": "NUMBER", "boolean": "BOOLEAN", "null": "NULL"}
BAD = r"\x00-\x1f\x7f-\x{9f}\x{2028}\x{2029}\x{feff}\x{fffe}\x{ffff}"  # what YAML does not take as it is
MEANING = r"/(?i:true|false|yes|no|on|off|null|y|n)/"
PATTERNS = {
    # what render.manifest writes without quotes
    "PLAIN": r"/[A-Za-z\/]([A-Za-z0-9_.\/@*+-]|:{1,3}[A-Za-z0-9_.\/@*+-])*( [A-Za-z0-9_.\/@+-]+)*|[0-9]+[A-Za-z]+/ "
    rf"& ~{MEANING}",
    "QUOTED": rf"/\"([^\"\\{BAD}]|\\[\"\\nt])*\"/",
    "STRING": "PLAIN | QUOTED",
    "INTEGER": r"/-?(0|[1-9][0-9]{0,14})/",
    "NUMBER": r"/-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,6})?/",
    "BOOLEAN": '"true" | "false"',
    "NULL": '"null"',
    "KEY": rf"/[A-Za-z_][A-Za-z0-9_.\/-]{{0,80}}/ & ~{MEANING}",
    "TEXT": rf"/[^ {BAD}][^{BAD}]*/",
}
VALUES = ("NAME", "LABELLED", "IMAGE", "PORT", "MOUNT", "PERIOD")  # terminals of special schemas that are values
ANY = {"type": ["string", "integer", "boolean", "object", "array"]}


class Yaml:
    """
    resolve: what a $ref stands for. special: names of terminals with patterns of their own, which a schema asks for by
    {"type": "string", "terminal": NAME}. known: what strings and numbers may be.
    everywhere: a terminal that may stand for any value. likely: keys that are kept where there are too many.
    """

    def __init__(
        self,
        resolve: Callable[[str], dict],
        known: Known = EVERYTHING,
        special: dict[str, str] | None = None,
        everywhere: str = "",
        likely: Iterable[str] = (),
        deepest: int = DEEPEST,
    ):
        self.resolve, self.known, self.special, self.deepest = resolve, known, special or {}, deepest
        self.everywhere = everywhere
        self.rules = Rules(likely)

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
        for name in [name for name in self.rules.terminals if name.endswith("COLON")]:
            self.rules.terminals[name] = self.rules.terminals.pop(name)  # after what they are made of
        if self.known.numbers:
            self.rules.terminals |= {"INTEGER": self.known.numbers, "NUMBER": self.known.numbers}
        if self.known.strings:
            self.rules.terminal("KNOWN", self.known.strings)
            for name in ("PLAIN", "QUOTED", "TEXT", *(name for name in self.special if name in VALUES)):
                self.rules.terminal(name, f"{self.rules.terminals[name]} & KNOWN")
        if self.known.keys:
            self.rules.terminal("KNOWNKEY", self.known.keys)
            for name in {"KEY", "LABEL", "LOGICAL", "NAMED"} & self.rules.terminals.keys():
                self.rules.terminal(name, f"{self.rules.terminals[name]} & KNOWNKEY")
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
        if self.everywhere and not schema.get("keys"):
            found.append(f'" " {self.everywhere} "\\n"')
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
            if depth < self.deepest and not nothing(schema):
                found.append(f'"\\n" {self.object(schema, key, depth)}::0x0')
        return found or ['" " STRING "\\n"']

    def scalars(self, schema: dict) -> list[str]:
        if "const" in schema or "enum" in schema:
            values = [schema["const"]] if "const" in schema else schema["enum"]
            values = [value for value in values if str(value) in self.known.tokens] or values
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
                value = self.value(below, (key, name), depth + 1)
                found.append(Entry(f"{line} {value}", name in needed, name=name))
            patterns = patterns_of(schema)
            other = schema.get("additionalProperties", not schema.get("properties") and not patterns)
            for i, below in enumerate([other] * (other is not False) + list(patterns.values())):
                word = schema.get("keys", "KEY")
                value = self.value(below, (key, "*", i), depth + 1)
                # the colon belongs to the token, or else a plain word with colons in it would be read on
                colon = self.rules.terminal(f"{word}COLON", f'{word} ":"')
                found.append(Entry(f'"{indent}" {colon} {value}', repeats=True))
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
            found += [f'"{indent}- " {self.everywhere} "\\n"'] if self.everywhere else []
            for i, part in enumerate(schema.get("anyOf", []) + schema.get("oneOf", [])):
                found.append(self.item(part, (key, "of", i), depth))
            if "object" in types_of(schema) and depth < self.deepest and not nothing(schema):
                rule = self.object(schema, key, depth + 1)
                for entry, bit in self.rules.bits.get(("object", key, depth + 1), []):
                    # the dash is a token of its own: a plain word may stand there as well
                    line = entry.text.replace(f'"{indent}  " ', f'"{indent}- " ', 1)
                    first = line.replace(f'"{indent}  ', f'"{indent}- " "', 1)
                    found.append(f"{first} {rule}::{hex(1 << bit)}")
            return either(found) if found else f'"{indent}- " STRING "\\n"'

        return self.rules.of(("item", key, depth), make)


def nothing(schema: dict) -> bool:
    """Is it an object in which nothing can stand?"""
    return not schema.get("properties") and schema.get("additionalProperties") is False and not patterns_of(schema)


def patterns_of(schema: dict) -> dict[str, dict]:
    """Patterns of keys, without those of extensions, which no model should make up."""
    return {word: one for word, one in schema.get("patternProperties", {}).items() if word != "^x-"}


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
