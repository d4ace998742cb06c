"""
What a rule is, and the small words that most checks are made of:

    never("acl", "public-read", fix="private")          the argument may be left out, but must not be that
    must("metadata_options/http_tokens", "required")    it has to be there and be that
    at_least("backup_retention_period", 7)              a number that may not be smaller

A path goes through blocks, lists and mappings; `*` is any key, `name?` may be missing with all that is below it. What
is an expression that nobody can resolve here is never judged.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

SEVERITIES = ("low", "medium", "high")
NOTHING = object()  # no fix
LONGEST = 8_000  # characters of a text that are looked at: some patterns read on from each match


class Missing:
    """What stands at a path where nothing stands."""

    def __repr__(self) -> str:
        return "missing"

    def __bool__(self) -> bool:
        return False


MISSING = Missing()


@dataclass(frozen=True)
class Fix:
    """Set what stands at `path` in the item to `value`; it is inserted where it is missing."""

    path: tuple
    value: Any


@dataclass(frozen=True)
class Hit:
    """A rule does not hold here. The path may lead to what is missing: its nearest parent gives the line."""

    path: tuple = ()
    note: str = ""  # what was seen, in a few words: "is missing", "is 'public-read'"
    fix: Fix | None = None


@dataclass
class Item:
    """
    One thing that rules look at: a resource, a manifest, a container, an instruction, a task. `type` is what rules
    name: aws_s3_bucket, data.aws_iam_policy_document, AWS::S3::Bucket, k8s/container, docker/RUN, compose/service,
    ansible/copy. `place` gives the line and column of a path in the body, from 1.
    """

    type: str
    name: str
    body: Any
    place: Callable[[tuple], tuple[int, int]]
    parent: "Item | None" = None
    folder: Any = None  # the Folder (related.py) that it lies in
    base: tuple = ()  # where the body stands in its document
    roots: tuple[int, ...] = ()  # lines where its document begins: a suppression there is for the whole item
    written: Any = None  # the body before defaults of variables were put in; None when nothing was
    marks: dict | None = None  # Terraform: path -> (line, column)
    sources: dict | None = None  # Terraform: path -> the argument as it was parsed
    camel: dict | None = None  # Crossplane: path here -> path below forProvider

    def find(self, path: str) -> Iterator[tuple[tuple, Any]]:
        """[(path, value or MISSING)]: find('ingress?/cidr_blocks') of two blocks gives two."""
        return walk(self.body, path.split("/"), ())

    def get(self, path: str, default=None):
        """The first value at a path that is there."""
        return next((value for _, value in self.find(path) if value is not MISSING), default)


Check = Callable[[Item], Iterable[Hit]]


@dataclass(frozen=True)
class Rule:
    id: str
    title: str
    severity: str
    checks: dict[str, Check]
    why: str
    remedy: str
    # The same check elsewhere: checkov's id, a section of CIS AWS 3.0, Kubernetes 1.8 or Docker 1.6, hadolint's id.
    links: tuple[str, ...] = ()

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(kind_of(type_) for type_ in self.checks))


PREFIXES = {"k8s": "kubernetes", "docker": "dockerfile", "compose": "compose", "ansible": "ansible", "xp": "crossplane"}


def kind_of(type_: str) -> str:
    """The kind of document that an item of this type stands in."""
    if type_.startswith(("AWS::", "cfn/")):
        return "cloudformation"
    return PREFIXES.get(type_.partition("/")[0], "terraform") if "/" in type_ else "terraform"


def walk(value, parts: list[str], path: tuple) -> Iterator[tuple[tuple, Any]]:
    if not parts:
        yield path, value
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from walk(one, parts, (*path, index))
        if not value and not parts[0].endswith("?"):
            yield (*path, *names(parts)), MISSING
    elif isinstance(value, dict):
        part, rest = parts[0].rstrip("?"), parts[1:]
        if part == "*":
            for key, one in value.items():
                yield from walk(one, rest, (*path, key))
        elif part in value and value[part] is not None:
            yield from walk(value[part], rest, (*path, part))
        elif not parts[0].endswith("?") and not unknown(value):
            yield (*path, *names(parts)), MISSING
    elif value is None and not parts[0].endswith("?"):
        yield (*path, *names(parts)), MISSING


def names(parts: list[str]) -> list[str]:
    return [part.rstrip("?") for part in parts]


# ---- values ------------------------------------------------------------------------------------------------------

TEMPLATE = re.compile(r"\$\{|\{\{|%\{")
INTRINSIC = re.compile(r"Fn::|Ref$|Condition$|!")


def unknown(value) -> bool:
    """Whether only a run of the tool could say what this is: an expression, an intrinsic function, a template."""
    if isinstance(value, str):
        return TEMPLATE.search(value) is not None
    return isinstance(value, dict) and len(value) == 1 and INTRINSIC.match(str(next(iter(value)))) is not None


def same(value, want) -> bool:
    """Equal as configuration goes: true and "true", 22 and "22", Enabled and enabled."""
    return plain(value) == plain(want)


def plain(value) -> str:
    return str(value).lower() if isinstance(value, str | int | float | bool) else repr(value)


def among(value, choices) -> bool:
    return any(same(value, one) for one in choices)


def blocks(item: Item, path: str) -> Iterator[tuple[tuple, dict]]:
    """[(path, mapping)] of what stands at a path: one mapping, or a list of them."""
    for where, value in item.find(path):
        if isinstance(value, dict):
            yield where, value
        for index, one in enumerate(value if isinstance(value, list) else ()):
            if isinstance(one, dict):
                yield (*where, index), one


def listed(value) -> list:
    """A single value and a list of one are the same thing to most tools."""
    return value if isinstance(value, list) else [] if value is None or value is MISSING else [value]


def says(value) -> str:
    """'is missing', "is 'public-read'" """
    if value is MISSING:
        return "is missing"
    text = {True: "true", False: "false"}[value] if isinstance(value, bool) else repr(value)
    return f"is {text if len(text) <= 60 else text[:57] + '...'}"


def number(value) -> float | None:
    try:
        return None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None


# ---- checks ------------------------------------------------------------------------------------------------------


def must(path: str, *good, fix: Any = NOTHING) -> Check:
    """It has to be there and be one of `good` (anything that is not empty, when none is named)."""

    def check(item: Item) -> Iterator[Hit]:
        for where, value in item.find(path):
            if unknown(value) or (among(value, good) if good else value not in (MISSING, "", [], {})):
                continue
            yield hit(where, value, fix)

    return check


def never(path: str, *bad, fix: Any = NOTHING) -> Check:
    """It may be missing; in a list, no member may be one of `bad`."""

    def check(item: Item) -> Iterator[Hit]:
        for where, value in item.find(path):
            members = value if isinstance(value, list) else [value]
            found = [one for one in members if one is not MISSING and not unknown(one) and among(one, bad)]
            if found:
                yield hit(where, found[0], fix)

    return check


def at_least(path: str, least: float, missing: bool = True, fix: Any = NOTHING) -> Check:
    """A number that is not smaller; `missing` says whether it has to be there."""

    def check(item: Item) -> Iterator[Hit]:
        for where, value in item.find(path):
            size = number(value)
            if (value is MISSING and missing) or (size is not None and size < least):
                yield hit(where, value, fix)

    return check


def matches(path: str, pattern: str, fix: Any = NOTHING) -> Check:
    """No text there may match."""
    compiled = re.compile(pattern)

    def check(item: Item) -> Iterator[Hit]:
        for where, value in item.find(path):
            for one in listed(value):
                if isinstance(one, str) and compiled.search(one[:LONGEST]):
                    yield hit(where, one, fix)

    return check


def there(path: str, note: str = "is there") -> Check:
    """It must not be there at all."""

    def check(item: Item) -> Iterator[Hit]:
        for where, value in item.find(path):
            if value not in (MISSING, [], {}, "", False, None):
                yield Hit(where, f"{label(where)} {note}")

    return check


def itself(note: str) -> Check:
    """That there is such a thing is the finding."""
    return lambda item: [Hit((), note)]


def every(*checks: Check) -> Check:
    """All that each of them finds."""

    def check(item: Item) -> Iterator[Hit]:
        for one in checks:
            yield from one(item)

    return check


def when(path: str, values: tuple, then: Check) -> Check:
    """The check counts only where the path holds one of the values (or anything, when none is named)."""

    def check(item: Item) -> Iterator[Hit]:
        if any(value is not MISSING and (not values or among(value, values)) for _, value in item.find(path)):
            yield from then(item)

    return check


def unless(path: str, values: tuple, then: Check) -> Check:
    """The check counts unless the path holds one of the values (or anything, when none is named) or is unknown."""

    def check(item: Item) -> Iterator[Hit]:
        for _, value in item.find(path):
            if value is not MISSING and (unknown(value) or not values or among(value, values)):
                return
        yield from then(item)

    return check


def hit(where: tuple, value, fix: Any = NOTHING) -> Hit:
    return Hit(where, f"{label(where)} {says(value)}", None if fix is NOTHING else Fix(where, fix))


def label(path: tuple) -> str:
    """('ingress', 0, 'cidr_blocks') -> 'ingress.cidr_blocks'"""
    return ".".join(str(part) for part in path if not isinstance(part, int)) or "it"
