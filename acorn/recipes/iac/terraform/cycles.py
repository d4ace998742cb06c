"""Locals, resources and data sources that need each other in a circle: nothing could be computed first."""

from acorn.recipes.iac.terraform.configuration import RESOURCES, Configuration
from acorn.recipes.iac.terraform.references import References

Key = tuple[str, ...]


def cycles(configuration: Configuration, references: References) -> None:
    """Each circle is reported once, where its first member is declared."""
    edges = _edges(configuration, references)
    done: set[Key] = set()
    for start in edges:
        trail: list[Key] = [start]
        ways = [iter(() if start in done else edges[start][1])]
        inside = {start}
        while ways:
            key = next(ways[-1], None)
            if key is None:
                ways.pop()
                done.add(last := trail.pop())
                inside.discard(last)
            elif key in inside:
                _report(configuration, edges, trail[trail.index(key) :])
                return
            elif key not in done:
                trail.append(key)
                inside.add(key)
                ways.append(iter(edges[key][1]))


def _report(configuration: Configuration, edges: dict, circle: list[Key]) -> None:
    path, line, column = edges[circle[0]][0]
    names = [".".join(key) for key in [*circle, circle[0]]]
    way = " -> ".join(names) if len(names) > 2 else f"{names[0]} needs itself"
    configuration.report(path, f"{way}: nothing here can be computed first", line, column, "circle")


def _edges(configuration: Configuration, references: References) -> dict[Key, tuple[tuple, list[Key]]]:
    """{key: (where it is declared, what it refers to)}"""
    found: dict[Key, tuple[tuple, list[Key]]] = {}
    for place in configuration.places:
        block = place.block
        if block.type == "locals":
            for name, attribute in block.body.attributes.items():
                where = (place.path, attribute.line, attribute.column)
                found["local", name] = (where, [_key(use.path) for use in attribute.uses])
        elif block.type in RESOURCES:
            key = block.labels if block.type == "resource" else (block.type, *block.labels)
            uses = [
                _key(use.path)
                for attribute, iterators, around in references.walk(block.body, frozenset(), ())
                for use in attribute.uses
                if use.path[0] not in iterators and attribute.name not in ("provider", "ignore_changes")
            ]
            found[key] = ((place.path, block.line, block.column), uses)
    return {key: (where, [one for one in uses if one in found]) for key, (where, uses) in found.items()}


def _key(path: Key) -> Key:
    return path[:3] if path[0] in ("data", "ephemeral") else path[:2]
