"""
Audit: rules over what texts say, not over how they are written.
    rule            what a rule and an item are, the words that checks are made of
    rules/          every rule, by area
    items/          a text -> items; network, policy, secrets, images, related: what several rules ask of them
    suppress        comments that silence a finding       baseline   findings that are known already
    fix             patches                               scan       many files, several processes
`findings(text, kind)` is the whole of it for one text.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from acorn.recipes.iac.audit.items import Unread, read
from acorn.recipes.iac.audit.related import Folder
from acorn.recipes.iac.audit.rule import MISSING, Hit, Item, Rule
from acorn.recipes.iac.audit.suppress import Suppressions
from acorn.recipes.iac.validate.findings import Finding

LEVELS = {"high": "error", "medium": "warning", "low": "note"}  # our severities in the words of Finding
UNREAD = "not audited:"  # how a message begins that says why a text could not be looked at
MOST = 1_000  # findings of one file; who has more does not read them
TOGETHER = {"terraform"}  # kinds whose files of one folder are one configuration


@dataclass(frozen=True)
class Document:
    path: str
    text: str
    kind: str


@dataclass(frozen=True)
class Found:
    """A rule that does not hold."""

    path: str
    rule: Rule
    item: Item
    hit: Hit
    fingerprint: str
    written_as: str = ""  # the expression that the value came from: var.public

    @property
    def place(self) -> tuple[int, int]:
        return self.item.place(self.hit.path)

    @property
    def finding(self) -> Finding:
        line, column = self.place
        note = f"{self.hit.note}, by {self.written_as}" if self.written_as else self.hit.note
        message = f"{self.rule.title}: {': '.join(part for part in (title(self.item), note) if part)}"
        return Finding(message, line, column, self.rule.id, LEVELS[self.rule.severity], self.path, self.rule.remedy)


def findings(text: str, kind: str, only: Iterable[str] = ()) -> list[Finding]:
    """Of a text that stands by itself; of the rules in `only`, or all. What can't be read is a finding too."""
    found, problems = audit([Document("", text, kind)], frozenset(only))
    return [one for _, one in problems] + [one.finding for one in found]


def audit(
    documents: list[Document], only: frozenset[str] = frozenset(), root: str = ""
) -> tuple[list[Found], list[tuple[str, Finding]]]:
    """
    Documents of one folder -> (found, [(path, Finding that says why a document was not read)]). Fingerprints name paths
    as they are seen from the folder `root`.
    """
    from acorn.recipes.iac.audit.items.terraform import resolve

    parsed, problems, folder = [], [], []
    for document in documents:
        try:
            items = read(document.text, document.kind, document.path)
        except Unread as error:
            problems.append((document.path, unread(error)))
            continue
        parsed.append((document, items))
        if document.kind in TOGETHER:
            folder += items
    resolve(folder)
    together = Folder(folder)
    found: list[Found] = []
    for document, items in parsed:
        around = together if document.kind in TOGETHER else Folder(items)
        for item in items:
            item.folder = around
        name = os.path.relpath(document.path, root) if root and document.path else document.path
        own = list(islice(violations(document, items, name, only), MOST + 1))
        if len(own) > MOST:
            message = f"{UNREAD} the rest of it, for there are more than {MOST:,} findings"
            problems.append((document.path, Finding(message, 0, 0, "too-many", "note")))
        found += own[:MOST]
    return found, problems


def violations(document: Document, items: list[Item], name: str, only: frozenset[str]) -> Iterator[Found]:
    """What rules find in the items of one document, suppressions heeded."""
    from acorn.recipes.iac.audit.rules import checks

    suppressions, seen = Suppressions(document.text), {}
    for item in items:
        for rule, check in checks(item.type):
            if only and rule.id not in only:
                continue
            for hit in check(item):
                if not suppressions.cover(rule.id, item, hit):
                    mark = fingerprint(name, rule, item, hit, seen)
                    yield Found(document.path, rule, item, hit, mark, written_as(item, hit))


def unread(error: Unread) -> Finding:
    """A template is fine as it is; what is broken or too big can't be vouched for."""
    severity = "note" if error.rule == "template" else "warning"
    return Finding(f"{UNREAD} {error.message}", error.line, error.column, error.rule, severity)


def fingerprint(path: str, rule: Rule, item: Item, hit: Hit, seen: dict[str, int]) -> str:
    """What stays the same when lines are added or moved. Equal ones of a file are counted."""
    keys = [str(part) for part in hit.path if not isinstance(part, int)]
    text = "\0".join([os.path.normpath(path).replace(os.sep, "/"), rule.id, item.type, item.name, *keys, hit.note])
    seen[text] = seen.get(text, 0) + 1
    return hashlib.sha256(f"{text}\0{seen[text]}".encode(errors="replace")).hexdigest()[:20]


def written_as(item: Item, hit: Hit) -> str:
    """'var.public' when the value at a path is the default of a variable and does not stand there itself."""
    value = item.written if item.written is not None else MISSING
    for part in hit.path:
        if isinstance(value, dict) and part in value or isinstance(value, list) and part in range(len(value)):
            value = value[part]
        else:
            break
    if isinstance(value, str) and value.startswith("${"):
        return value[2:-1].strip()
    return f"!Ref {value['Ref']}" if isinstance(value, dict) and len(value) == 1 and "Ref" in value else ""


def title(item: Item) -> str:
    """aws_s3_bucket.logs, Deployment/web app, RUN apt-get ..."""
    prefix, _, rest = item.type.partition("/")
    if prefix in ("docker", "cfn", "compose") or (prefix == "ansible" and rest in ("play", "vars")):
        return " ".join(part for part in (rest if rest != "file" else "", item.name) if part)
    if prefix == "ansible":
        name = item.name or (item.parent.name if item.parent else "")
        return f"{rest} {name!r}" if name else rest
    if prefix == "k8s":
        return item.name if rest in ("pod", "container") else f"{rest}/{item.name}"
    if prefix == "xp":
        return item.name
    return f"{item.name} ({item.type})" if "::" in item.type else f"{item.type}.{item.name}".removesuffix(".")
