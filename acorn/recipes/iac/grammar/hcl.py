"""
HCL as render/hcl.py lays it out: resources and data sources of chosen types, with the arguments and blocks that the
provider's schema has. Beside them variables, outputs, locals, providers and modules.
"""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass

from acorn.recipes.iac.grammar.rules import Entry, Known, Rules, either, quoted

DEEPEST = 8  # blocks, maps and lists in one another
ANY = "a"


@dataclass(frozen=True)
class Block:
    """
    What may stand in a block: arguments {name: (type, needed)}, blocks {name: (Block, needed, several)}. Types as in
    schemas: s string, n number, b bool, a anything, o object; L list of, T set of, M map of. Our own: r a list of
    references, E what for_each takes, f a fixed string, f2 a fixed bool.
    """

    arguments: Mapping[str, tuple[str, bool]]
    blocks: Mapping[str, tuple["Block", bool, bool]]
    names: frozenset[str] = frozenset()  # what an expression can ask of it


def plain(**arguments: str) -> Block:
    """A block of arguments: name="s" may be there, name="s!" must."""
    return Block({name: (type_.rstrip("!"), type_.endswith("!")) for name, type_ in arguments.items()}, {})


LIFECYCLE = plain(create_before_destroy="b", prevent_destroy="b")
OUTPUT = plain(value="a!", description="f", sensitive="f2")
VARIABLE = plain(description="f", sensitive="f2")
DEFAULTS = {"string": "PLAIN", "number": "NUMBER", "bool": "BOOL", "list(string)": '"[" (PLAIN (", " PLAIN)*)? "]"'}
CALLS = {  # functions of one line that give a type
    "s": (
        '"file(" PLAIN ")"',
        '"base64encode(" (STRING | REFERENCE) ")"',
        '"cidrsubnet(" (PLAIN | REFERENCE) ", " NUMBER ", " (NUMBER | REFERENCE (SIGN NUMBER)?) ")"',
        '"join(" PLAIN ", " REFERENCE ")"',
    ),
    "n": ('"length(" REFERENCE ")"',),
    "L": (
        '"[for n in range(" NUMBER ") : cidrsubnet(" (PLAIN | REFERENCE) ", " NUMBER ", n" (SIGN NUMBER)? ")]"',
        '"slice(" REFERENCE ", " NUMBER ", " NUMBER ")"',
        '"concat(" REFERENCE ", " REFERENCE ")"',
    ),
}


class Hcl:
    """
    resources, data: {type: Block}. names: what may stand after `var.`, `local.` and so on, {"var": {"region"}}
    labels: of resources that expressions may name beside `this`. loops: count, each, where one of them is used. known:
    what strings and numbers may be. likely: arguments that are kept where there are too many.
    """

    def __init__(
        self,
        resources: Mapping[str, Block],
        data: Mapping[str, Block],
        names: Mapping[str, Iterable[str]],
        labels: Iterable[str],
        loops: Iterable[str],
        known: Known,
        likely: Iterable[str],
    ):
        self.resources, self.data, self.names, self.known = resources, data, names, known
        self.loops = [{"count": r"count\.index", "each": r"each\.(key|value)"}[word] for word in sorted(loops)]
        self.labels = sorted({"this", *labels})
        self.rules = Rules(likely)

    def text(self) -> str:
        rules = self.rules
        top = [self.typed("resource", name, block) for name, block in self.resources.items()]
        top += [self.typed("data", name, block) for name, block in self.data.items()]
        typed = [
            f'"  type" EQUALS {quoted(type_)} "\\n" ("  default" EQUALS {fixed} "\\n")?'
            for type_, fixed in DEFAULTS.items()
        ]
        lines = self.body("variable", VARIABLE, 1)
        top.append(f'"variable \\"" LABEL "\\" {{\\n" {either(typed)} ({lines}::0x0)? "}}\\n"')
        top.append(f'"output \\"" LABEL "\\" {{\\n" {self.body("output", OUTPUT, 1)}::0x0 "}}\\n"')
        lines = f'("\\n"? "  " NAME EQUALS {self.value(ANY, 1)} "\\n")+'
        top += [f'"locals {{\\n" {lines} "}}\\n"', f'"provider \\"" LABEL "\\" {{\\n" {lines} "}}\\n"']
        if "module" in self.names:
            top.append(f'"module \\"" LABEL "\\" {{\\n" {lines} "}}\\n"')
        blocks = rules.of("top", lambda: "\n  | ".join(top))
        self.terminals()
        return rules.text(f'{blocks} ("\\n" {blocks})*')

    def typed(self, word: str, type_: str, block: Block) -> str:
        head = quoted(f'{word} "{type_}" "')
        return f'{head} LABEL "\\" {{\\n" {self.body((word, type_), block, 1, True)}::0x0 "}}\\n"'

    def body(self, key: Hashable, block: Block, depth: int, top: bool = False) -> str:
        """The inside of a block, its lines indented `depth` times. Empty lines may stand before each entry."""
        indent = "  " * depth

        def entries() -> list[Entry]:
            arguments = dict(block.arguments)
            blocks = dict(block.blocks)
            found = []
            if top:
                arguments.setdefault("depends_on", ("r", False))
                blocks.setdefault("lifecycle", (LIFECYCLE, False, False))
                repeated = f'"  count" EQUALS {self.value("n", 1)} | "  for_each" EQUALS {self.value("E", 1)}'
                found.append(Entry(f'"\\n"? ({repeated}) "\\n"'))
            for name, (type_, needed) in arguments.items():
                if name not in blocks:
                    value = f'EQUALS {self.value(type_, depth)} "\\n"'
                    if type_ == ANY and name not in ("default", "value") and depth < DEEPEST:
                        value = f"({value} | {self.free(depth)})"  # it may also be written as a block
                    found.append(Entry(f'"\\n"? {quoted(indent + name)} {value}', needed, name=name))
            for name, (inside, needed, several) in blocks.items() if depth < DEEPEST else ():
                text = self.nested((key, name), name, inside, depth)
                found.append(Entry(f'"\\n"? {text}', needed, several, name))
            return found

        return self.rules.entries(("body", key), entries)

    def nested(self, key: Hashable, name: str, inside: Block, depth: int) -> str:
        """A block in a block. Where nothing has to be in it, {} will do."""
        indent = "  " * depth
        needed = any(one[1] for one in (*inside.arguments.values(), *inside.blocks.values()))
        found = [] if needed else [quoted(f"{indent}{name} {{}}\n")]
        if inside.arguments or inside.blocks:
            lines = self.body(key, inside, depth + 1)
            found.append(f'"{indent}{name} {{\\n" {lines}::0x0 "{indent}}}\\n"')
        return either(found)

    def free(self, depth: int) -> str:
        """The rest of a block of which nothing is known, behind its name."""
        indent = "  " * depth

        def make() -> str:
            below = f" | {self.free(depth + 1)}" if depth + 1 < DEEPEST else ""
            line = f'"\\n"? "{indent}  " NAME (EQUALS {self.value(ANY, depth + 1)} "\\n"{below})'
            return f'" {{\\n" ({line})+ "{indent}}}\\n"'

        return self.rules.of(("free", depth), make)

    def value(self, type_: str, depth: int) -> str:
        """A value of a type, where its last lines are indented `depth` times."""
        deeper = depth < DEEPEST

        def make() -> str:
            code, inside = type_[:1], type_[1:] or ANY
            listed = self.items(inside if code in "LT" else ANY, depth) if deeper else '"[]"'
            mapped = self.map(inside if code == "M" else ANY, depth) if deeper else '"{}"'
            match code:
                case "s":
                    encoded = f'"jsonencode(" ({mapped} | {self.items(ANY, depth)}) ")"' if deeper else "STRING"
                    return either(["STRING", "NUMBER", "BOOL", "REFERENCE", *CALLS["s"], encoded])
                case "n":
                    return either(["NUMBER", "REFERENCE", *CALLS["n"]])
                case "b":
                    return "BOOL | OUTSIDE"
                case "f":
                    return "BOOL" if inside == "2" else "PLAIN"
                case "r":
                    return '"[" OUTSIDE (", " OUTSIDE)* "]"'
                case "L" | "T":
                    return either(["OUTSIDE", *CALLS["L"], listed])
                case "M" | "o":
                    return either(["OUTSIDE", mapped])
                case "E":
                    return either(["OUTSIDE", *self.sets(depth), mapped])
            nested = [listed, mapped, f'"jsonencode(" {mapped} ")"']
            return either(["STRING", "NUMBER", "BOOL", "REFERENCE", *CALLS["s"], *CALLS["n"], *CALLS["L"], *nested])

        return self.rules.of(("value", type_, depth), make)

    def sets(self, depth: int) -> list[str]:
        """Sets of strings, on a line or with a line each, which older layouts indent less."""
        lines = [f'"toset([\\n" ("{"  " * d}  " PLAIN ",\\n")+ "{"  " * d}])"' for d in (depth - 1, depth)]
        return ['"toset([" PLAIN (", " PLAIN)* "])"', '"toset(" OUTSIDE ")"', *lines]

    def items(self, type_: str, depth: int) -> str:
        def make() -> str:
            one, long = self.value(type_, depth), self.value(type_, depth + 1)
            indent = "  " * depth
            return f'"[]" | "[" {one} (", " {one})* "]" | "[\\n" ("{indent}  " {long} ",\\n")+ "{indent}]"'

        return self.rules.of(("items", type_, depth), make)

    def map(self, type_: str, depth: int) -> str:
        indent = "  " * depth

        def make() -> str:
            line = f'"{indent}  " KEY EQUALS {self.value(type_, depth + 1)} "\\n"'
            return f'"{{}}" | "{{\\n" ({line})+ "{indent}}}"'

        return self.rules.of(("map", type_, depth), make)

    def terminals(self) -> None:
        add = self.rules.terminal
        label = f"({'|'.join(self.labels)})"
        places = "|".join(["[0-9]", r"\*", *self.loops])
        index = rf"(\[({places})\])?"
        things = [rf"{name}\.{self.asked(label, index, block)}" for name, block in self.resources.items()]
        things += [rf"data\.{name}\.{self.asked(label, index, block)}" for name, block in self.data.items()]
        things += [
            rf"{word}\.({'|'.join(sorted(found))}){index}" + (r"\.[a-z][a-z0-9_]{0,40}" if word == "module" else "")
            for word, found in self.names.items()
        ]
        outside = f"({'|'.join(things)})"
        reference = f"({'|'.join([*things, *self.loops])})"
        text = r"([^\"\\\x00-\x1f$%\x7f]|\\[\"\\nt]|\$[^{\"\\\x00-\x1f\x7f$%])"
        add("REFERENCE", f"/{reference}/")
        add("PLAIN", rf"/\"{text}*\"/" + (" & KNOWN" if self.known.strings else ""))
        add("MIXED", rf"/\"{text}*(\$\{{{reference}\}}{text}*)+\"/" + (" & KNOWN" if self.known.strings else ""))
        add("STRING", "PLAIN | MIXED")
        if self.known.strings:
            add("KNOWN", self.known.strings)
        add("OUTSIDE", f"/{outside}/")
        add("NUMBER", self.known.numbers or r"/-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,9})?/")
        add("SIGN", '" + " | " - " | " * "')
        add("BOOL", '"true" | "false"')
        add("LABEL", r"/[a-z][a-z0-9_]{0,40}/")
        add("NAME", r"/[A-Za-z_][A-Za-z0-9_-]{0,60}/")
        if self.known.keys:
            add("KNOWNKEY", self.known.keys)
        either_ = r"NAME | /\"[^\"\\\x00-\x1f$%\x7f]+\"/"
        add("KEY", f"({either_}) & KNOWNKEY" if self.known.keys else either_)
        add("EQUALS", r"/ {1,48}= /")

    @staticmethod
    def asked(label: str, index: str, block: Block) -> str:
        """A pattern for what follows the type: this.id, this[0].arn, this[*].id; for_each names the whole: this"""
        names = "|".join(sorted({*block.names, *block.arguments, "id"}))
        return rf"{label}{index}(\.({names}){index})?"
