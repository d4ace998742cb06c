"""
Patches for findings. A rule may know what has to stand there; for the others a model may be asked. One at a time, and a
patch is kept only when the text still parses, validates no worse than before, keeps every resource, has lost the
finding and has no other one that is new. What a model proposes may differ from the text in one place only: a model that
writes the code anew loses what nobody checks.
"""

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from acorn.recipes.iac import kinds
from acorn.recipes.iac.audit import Document, Found, audit, patch_hcl, patch_yaml, title
from acorn.recipes.iac.audit.items import Unread, read
from acorn.recipes.iac.audit.model import Propose, strays
from acorn.recipes.iac.audit.rule import Item
from acorn.recipes.iac.audit.scan import Read, neighbours
from acorn.recipes.iac.validate import KINDS, validate

MOST = 200  # patches of one file


@dataclass
class Fixed:
    """What became of one document."""

    document: Document
    text: str
    done: list[Found] = field(default_factory=list)
    refused: list[tuple[Found, str]] = field(default_factory=list)  # there was a patch, which did not hold


def fix_files(
    wanted: Mapping[str, frozenset[str]],
    read_: Read,
    kind: str,
    only: frozenset[str],
    root: str,
    propose: Propose | None,
) -> Iterable[Fixed]:
    """wanted: path -> fingerprints of the findings to remove. Each file is looked at with its folder in view."""
    for path, marks in wanted.items():
        if one := document(path, read_, kind):
            yield fix(one, beside(one, read_), only, root, propose, marks)


def document(path: str, read_: Read, kind: str) -> Document | None:
    """None: it can't be read, or is of no kind."""
    source = read_(path)
    what = source.text and (kind or kinds.detect(path, source.text))
    return Document(source.path, source.text, what) if what else None


def beside(one: Document, read_: Read) -> list[Document]:
    """The documents of the same configuration."""
    if one.kind != "terraform":
        return []
    others = map(read_, neighbours(os.path.dirname(one.path), [one.path]))
    return [Document(other.path, other.text, one.kind) for other in others if other.text]


def fix(
    document: Document,
    others: list[Document],
    only: frozenset[str] = frozenset(),
    root: str = "",
    propose: Propose | None = None,
    wanted: frozenset[str] | None = None,
) -> Fixed:
    """
    `others` are the documents of the same folder, which rules look at too. wanted: fingerprints; None for all. Findings
    alike are counted in their fingerprints, so the one that is left when one is gone may bear the name of the other.
    """
    result, failed = Fixed(document, document.text), set()
    found, before = look(document, others, only, root)
    for _ in range(MOST):
        able = [one for one in found if one.fingerprint not in failed and (one.hit.fix or propose)]
        one = next((one for one in able if wanted is None or one.fingerprint in wanted), None)
        if one is None:
            break
        for new, why in ways(result.text, document.kind, one, propose):
            changed = Document(document.path, new, document.kind)
            if not why:
                left, after = look(changed, others, only, root)
                why = worse(one, before, after, result.text, new, document.kind)
            if why:
                result.refused.append((one, why))
                continue
            result.text, found, before = new, left, after
            result.done.append(one)
            break
        else:
            failed.add(one.fingerprint)
    return result


def look(document: Document, others: list[Document], only: frozenset[str], root: str):
    """(what is found in the document, how often each rule is found in all of them; None: it can't be read)"""
    found, problems = audit([document, *others], only, root)
    if any(path == document.path and one.rule != "too-many" for path, one in problems):
        return [], None
    return [one for one in found if one.path == document.path], Counter((one.path, one.rule.id) for one in found)


def worse(one: Found, before: Counter, after: Counter | None, old: str, new: str, kind: str) -> str:
    """Why a patch must not be kept, or ''."""
    if after is None:
        return "the patched text can't be parsed"
    if after[one.path, one.rule.id] >= before[one.path, one.rule.id]:
        return "the finding is still there"
    if more := [rule for (path, rule), number in after.items() if number > before[path, rule]]:
        return f"it brings {more[0]}"
    if lost := things(old, kind) - things(new, kind):
        return f"it drops {next(iter(lost))}"
    if kind in KINDS:
        was = Counter(problem.message for problem in validate(old, kind))
        if more := Counter(problem.message for problem in validate(new, kind)) - was:
            return f"it is not valid: {next(iter(more))}"
    return ""


def things(text: str, kind: str) -> Counter:
    """The resources, manifests, services, stages of a text."""
    try:
        found = read(text, kind)
    except Unread:
        return Counter()
    return Counter(title(item) or item.type for item in found if not item.type.startswith(("docker/", "ansible/")))


def ways(text: str, kind: str, one: Found, propose: Propose | None) -> Iterable[tuple[str, str]]:
    """Texts in which the finding may be gone, each with why it is out of the question, or ''."""
    if one.hit.fix:
        new = patch(text, kind, one)
        if new is not None and new != text:
            yield new, ""
    if propose:
        start, end = piece(text, kind, one.item)
        code = text[start:end].strip("\n")
        first = text.count("\n", 0, text.find(code, start)) + 1
        for said in propose(code, kind, one.rule.title):
            new = said.strip("\n")
            if new.split() != code.split():
                yield text[:start] + text[start:end].replace(code, new, 1) + text[end:], strays(code, new, first, one)


def piece(text: str, kind: str, item: Item) -> tuple[int, int]:
    """The part of a text that a model is shown: the block of Terraform, the YAML document; else all of it."""
    if kind == "terraform" and item.marks is not None:
        start = patch_hcl.offset(text, *item.marks[()])
        return start, patch_hcl.end_of(text, text.find("{", start)) + 1
    if kind in ("kubernetes", "crossplane"):
        at = patch_hcl.offset(text, item.place(())[0], 1)
        marks = [found.end() for found in re.finditer(r"(?m)^---.*\n", text)]
        start = max((end for end in marks if end <= at), default=0)
        end = next((found.start() for found in re.finditer(r"(?m)^---", text) if found.start() > at), len(text))
        return start, end
    return 0, len(text)


def patch(text: str, kind: str, one: Found) -> str | None:
    item, change = one.item, one.hit.fix
    if kind == "dockerfile":
        return patch_dockerfile(text, item, change.value)
    if kind == "terraform" and item.marks is not None:
        return patch_hcl.patch(text, item, change)
    return patch_yaml.patch(text, item, change)


def patch_dockerfile(text: str, item: Item, change: tuple[str, str]) -> str:
    """(pattern, what comes in its place), in the lines of the instruction."""
    lines = text.split("\n")
    first, last = item.base[0] - 1, item.base[1]
    part = "\n".join(lines[first:last])
    return "\n".join([*lines[:first], re.sub(change[0], change[1], part), *lines[last:]])
