"""Code of several things in pieces that hang together, and pieces as one file again."""

import re

from acorn.recipes.iac import hcl

LOGICAL = re.compile(r"^  ([A-Za-z0-9]+):$", re.MULTILINE)
REFERENCE = re.compile(r"!(?:Ref|GetAtt) ([A-Za-z0-9]+)|(?:Ref|Fn::GetAtt): \[?\"?([A-Za-z0-9]+)")


def pieces(code: str, kind: str) -> list[str]:
    """Each holds what refers to one another. Kinds without references: a document, a play, or all."""
    match kind:
        case "terraform":
            return terraform(code)
        case "cloudformation":
            return cloudformation(code)
        case "kubernetes" | "crossplane":
            return [part.strip("\n") + "\n" for part in re.split(r"^---\s*$", code, flags=re.MULTILINE) if part.strip()]
        case "ansible":
            return [part for part in re.split(r"(?=^- )", code, flags=re.MULTILINE) if part.startswith("- ")]
    return [code]


def terraform(code: str) -> list[str]:
    body, lines = hcl.parse(code), code.splitlines(keepends=True)
    starts = [block.line - 1 for block in body.blocks]
    texts = ["".join(lines[a:b]) for a, b in zip(starts, [*starts[1:], len(lines)])]
    texts = [re.sub(r"(?m)^#.*\n|^//.*\n", "", text).rstrip("\n") + "\n" for text in texts]
    names = [name(block) for block in body.blocks]
    links = [
        (i, j) for i, text in enumerate(texts) for j, one in enumerate(names) if i != j and one and says(text, one)
    ]
    groups = together(len(texts), links)
    every = [[texts[i] for i in group] for group in groups if any(body.blocks[i].type not in ALONE for i in group)]
    return ["\n".join(group) for group in every]


ALONE = ("terraform", "provider")  # of no use in another kind, and nobody refers to them


def name(block: hcl.Block) -> str:
    """How expressions name a block."""
    before = {"resource": "", "data": "data.", "variable": "var.", "module": "module."}.get(block.type)
    return "" if before is None else before + ".".join(block.labels)


def says(text: str, name: str) -> bool:
    return re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", text) is not None


def cloudformation(code: str) -> list[str]:
    """Resources that refer to each other, each group with a head of its own."""
    start = re.search(r"^Resources:\n", code, re.MULTILINE)
    if not start:
        return [code]
    inside = re.split(r"^(?=\S)", code[start.end() :], maxsplit=1, flags=re.MULTILINE)[0]
    parts = [part for part in re.split(r"^(?=  [A-Za-z0-9]+:\s*$)", inside, flags=re.MULTILINE) if part.strip()]
    names = [part.strip().partition(":")[0] for part in parts]
    links = [(i, names.index(one)) for i, part in enumerate(parts) for a, b in REFERENCE.findall(part)
             if (one := a or b) in names]  # fmt: skip
    return ["Resources:\n" + "".join(parts[i] for i in group) for group in together(len(parts), links)]


def together(count: int, links: list[tuple[int, int]]) -> list[list[int]]:
    """0 to count - 1 in groups: what is linked is in one group. In the order of their first."""
    group = list(range(count))
    for a, b in links:
        old, new = group[b], group[a]
        group = [new if one == old else one for one in group]
    found: dict[int, list[int]] = {}
    for i, one in enumerate(group):
        found.setdefault(one, []).append(i)
    return list(found.values())


def join(texts: list[str], kind: str) -> str:
    """One file of several; names that are there twice are changed in the later text."""
    if len(texts) == 1:
        return texts[0]
    match kind:
        case "terraform":
            from acorn.recipes.iac.context import Context

            found = texts[0]
            for text in texts[1:]:
                taken = {(b.type, *b.labels): "" for b in hcl.parse(found).blocks if b.type in ("resource", "data")}
                found += "\n" + Context(taken).fit(text, kind)
            return found
        case "cloudformation":
            taken: set[str] = set()
            bodies = []
            for text in texts:
                body = text.partition("Resources:\n")[2]
                for one in LOGICAL.findall(body):
                    new, number = one, 2
                    while new in taken:
                        new, number = f"{one}{number}", number + 1
                    taken.add(new)
                    if new != one:
                        body = re.sub(rf"(?m)(^  |!Ref |!GetAtt ){one}(?=[:.\n])", rf"\g<1>{new}", body)
                bodies.append(body)
            return "Resources:\n" + "".join(bodies)
        case "compose":
            return "services:\n" + "".join(text.partition("services:\n")[2] for text in texts)
        case "ansible":
            return "\n".join(texts)
    return "---\n".join(texts)
