"""What resources of one folder say about each other, looked up and not searched: a folder may hold thousands."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from acorn.recipes.iac.audit.rule import Check, Hit, Item, listed

REFERENCE = re.compile(r"(?<![\w.-])([A-Za-z_]\w*\.[A-Za-z_][\w-]*)")
VAGUE = re.compile(r"\b(?:var|local|each|module|data|count)\b[.\[]")


@dataclass
class Named:
    """What the values of an argument name: resources, plain texts, or something that is not known here."""

    references: set[str] = field(default_factory=set)  # aws_s3_bucket.logs
    texts: set[str] = field(default_factory=set)
    vague: bool = False

    def add(self, value) -> None:
        for one in listed(value):
            if not isinstance(one, str):
                continue
            if "${" in one:
                self.references |= set(REFERENCE.findall(one))
                self.vague = self.vague or VAGUE.search(one) is not None
            else:
                self.texts.add(one)

    def has(self, item: Item) -> bool:
        own = [item.body.get("bucket"), item.body.get("name")]
        plain = any(isinstance(one, str) and one in self.texts for one in own)
        return f"{item.type}.{item.name}" in self.references or plain


class Folder:
    """Every item of the documents that are looked at together."""

    def __init__(self, items: list[Item]):
        self.types: dict[str, list[Item]] = {}
        for item in items:
            self.types.setdefault(item.type, []).append(item)
        self.named: dict[tuple[str, str], Named] = {}

    def of(self, type_: str) -> list[Item]:
        return self.types.get(type_, [])

    def names(self, type_: str, argument: str) -> Named:
        """What an argument of all items of a type names; of "*", all their arguments."""
        if (type_, argument) not in self.named:
            found = self.named[type_, argument] = Named()
            for item in self.of(type_):
                for value in item.body.values() if argument == "*" else [item.body.get(argument)]:
                    found.add(value)
        return self.named[type_, argument]


def lone(type_: str, argument: str, own: str = "") -> Check:
    """
    No resource of this type in the folder names the item in that argument, and the item has no argument `own` that
    says it by itself. Where the partner's argument is an expression that leads nowhere known, or a module is given the
    item, nothing is said; nor for Crossplane, whose manifests lie one a file.
    """

    def check(item: Item) -> Iterator[Hit]:
        if own and item.body.get(own) or item.camel is not None:
            return
        partners = item.folder.names(type_, argument)
        given = f"{item.type}.{item.name}" in item.folder.names("module", "*").references
        if not (partners.vague or given or partners.has(item)):
            yield Hit((), f"no {type_} belongs to it")

    return check
