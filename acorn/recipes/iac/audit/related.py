"""What resources of one folder say about each other."""

import re
from collections.abc import Iterator

from acorn.recipes.iac.audit.rule import MISSING, Check, Hit, Item, listed


def points_at(value, item: Item) -> bool:
    """Whether a value names this resource: ${aws_s3_bucket.logs.id}, or the same name in plain text."""
    for one in listed(value):
        if not isinstance(one, str):
            continue
        if re.search(rf"\b{re.escape(item.type)}\.{re.escape(item.name)}\b", one):
            return True
        if one and one in (item.body.get("bucket"), item.body.get("name")):
            return True
    return False


def lone(type_: str, argument: str, own: str = "", when: Check | None = None) -> Check:
    """
    No resource of this type in the folder names the item in that argument, and the item has no argument `own` that says
    it by itself. Where the partner's argument is an expression that leads nowhere known, nothing is said.
    """

    def check(item: Item) -> Iterator[Hit]:
        if (own and item.body.get(own)) or (when and not any(True for _ in when(item))):
            return
        for other in item.folder:
            if other.type == "module" and any(points_at(value, item) for value in other.body.values()):
                return
            if other.type == type_:
                value = other.body.get(argument, MISSING)
                if points_at(value, item) or (isinstance(value, str) and vague(value)):
                    return
        yield Hit((), f"no {type_} belongs to it")

    return check


def vague(value: str) -> bool:
    """An expression that does not name a resource: var.bucket, each.value, module.x.id, local.y"""
    return "${" in value and re.search(r"\b(var|local|each|module|data|count)\b[.\[]", value) is not None
