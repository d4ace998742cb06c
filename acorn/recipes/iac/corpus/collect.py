"""Sources -> documents: files of the kinds we know, and the prose about them, each with its licence and origin."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from acorn.data.clean import Tally
from acorn.data.documents import Document
from acorn.data.licences import Licences, is_licence_file, of_header, sort_of
from acorn.recipes.iac.corpus.sources import Source
from acorn.recipes.iac.kinds import KINDS, detect, template

CODE = (".tf", ".tofu", ".yaml", ".yml", ".json", ".template", ".cfn")
PROSE = (".md", ".markdown")
IMAGE = re.compile(r"(?:.*[._-])?(?:dockerfile|containerfile)(?:[._-].*)?", re.IGNORECASE)
NOT_OURS = re.compile(
    r"(?:package(?:-lock)?|tsconfig.*|composer|renovate|\.?eslintrc|mkdocs|pnpm-lock|Chart\.lock|.*\.min)\.\w+",
    re.IGNORECASE,
)
MODULE = re.compile(r"(?:^|/)(?:plugins/modules|library)/.*\.py$")
EXAMPLES = re.compile(r"^EXAMPLES\s*=\s*r?(?P<q>\"{3}|'{3})(?P<text>.*?)(?P=q)", re.MULTILINE | re.DOTALL)
ABOUT = re.compile(
    r"terraform|opentofu|kubernetes|kubectl|\bhelm\b|ansible|crossplane|cloudformation|docker|compose\.ya?ml|\bhcl\b|\baws_|azurerm",
    re.IGNORECASE,
)
NOT_TEXT = "not UTF-8 text"
OTHER = "of another kind"


@dataclass(frozen=True)
class Found(Document):
    repository: str = ""
    path: str = ""
    kind: str = ""  # of KINDS, or markdown
    sort: str = ""  # code or docs
    licence: str = ""
    licence_from: str = ""

    def row(self, text: str) -> dict:
        about = ("source", "repository", "path", "kind", "sort", "licence", "licence_from")
        return {"text": text, **{name: getattr(self, name) for name in about}}


@dataclass
class Reading:
    """What came of the files before any document was judged."""

    tally: Tally = field(default_factory=Tally)
    sources: dict[str, Counter] = field(default_factory=dict)  # source -> files, documents


def wanted(path: str, size: int) -> str:
    """By its name: '' for a file that may be of use, or why it is none."""
    name = PurePosixPath(path).name
    if NOT_OURS.fullmatch(name):
        return OTHER
    if name.lower().endswith(CODE + PROSE) or (
        IMAGE.fullmatch(name) and not name.lower().endswith((".sh", ".py", ".go"))
    ):
        return ""
    return "" if MODULE.search(path) else OTHER


def licence_file(path: str, size: int) -> str:
    return "" if is_licence_file(path) and size <= 1 << 18 else "skip"


def documents(sources: list[Source], reading: Reading, sorts: tuple[str, ...], templates: bool) -> Iterator[Found]:
    """In a fixed order. sorts: of licences that are taken. templates: keep YAML that Helm or Jinja has to fill in."""
    for source in sources:
        licences: dict[str, Licences] = {}
        for entry in source.entries(licence_file):
            if entry.data is not None:
                known = licences.setdefault(entry.repository, Licences(*source.licence))
                known.add(entry.path, entry.data.decode("utf-8", "replace"))
        count = reading.sources.setdefault(source.name, Counter())
        for entry in source.entries(wanted):
            count["files"] += 1
            where = f"{entry.repository}/{entry.path}"
            cause, found = entry.cause, []
            if entry.data is not None:
                known = licences.get(entry.repository, Licences(*source.licence))
                cause, found = judge(entry, where, known, sorts, templates)
            if cause:
                reading.tally.drop(cause, where)
            count["documents"] += len(found)
            yield from found


def judge(entry, where: str, licences: Licences, sorts: tuple[str, ...], templates: bool) -> tuple[str, list[Found]]:
    """(cause to leave the file out, or '', its documents)"""
    try:
        text = entry.data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        return NOT_TEXT, []
    name = PurePosixPath(entry.path).name.lower()
    if name.endswith(".py"):
        block = EXAMPLES.search(text)
        parts, kind, sort = ([block["text"].strip() + "\n"] if block else []), "ansible", "code"
    elif name.endswith(PROSE):
        parts, kind, sort = ([text] if ABOUT.search(text) else []), "markdown", "docs"
    else:
        kind, sort = detect(entry.path, text) or "", "code"
        parts = [text] if kind in KINDS else []
        if parts and not templates and name.endswith((".yaml", ".yml")) and (what := template(text)):
            return what, []
    if not parts or not parts[0].strip():
        return OTHER, []
    licence, said = (of_header(text), entry.path) if of_header(text) else licences.of(entry.path, text)
    if sort_of(licence) not in sorts:
        return f"licence: {sort_of(licence)}" + (f" ({licence})" if licence != sort_of(licence) else ""), []
    return "", [Found(part, where, entry.repository, entry.path, kind, sort, licence, said) for part in parts]
