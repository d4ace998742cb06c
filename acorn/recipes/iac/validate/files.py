"""
Many files -> findings of each. Terraform files of a folder are one configuration, and their neighbours belong to it
too; everything else stands by itself. CRDs among the files are known to all of them.
"""

import importlib
import inspect
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context

from acorn.recipes.iac import kinds, validate
from acorn.recipes.iac.terraform.modules import SUFFIXES, Folders
from acorn.recipes.iac.validate.findings import Finding

MANY = 200  # files; fewer are done before another process has started
CHUNK = 40  # files that are handed over at once
MAX_FINDINGS = 500  # of one file; what is beyond is counted
DEFINES = ("CustomResourceDefinition", "CompositeResourceDefinition")

Read = Callable[[str], object]  # path -> something with .path, .text (None: not text) and .problem
Results = list[tuple[str, list[Finding]]]


def wanted(path: str) -> bool:
    """Whether a file of a folder may be of a kind, by its name alone."""
    name = os.path.basename(path)
    endings = tuple(ending for kind in kinds.KINDS.values() for ending in kind.suffixes if ending.startswith("."))
    return name.endswith((*endings, ".j2", ".tpl", ".cfn")) or kinds.DOCKERFILE.fullmatch(name) is not None


class Look:
    """What all files of one question share; it is sent to other processes once."""

    def __init__(self, read: Read, kind: str = "", named: Iterable[str] = (), **context):
        """
        kind: of all files, or "" to find it. named: paths that somebody asked for, not only found in a folder. context:
        what validators may take: crds, modules ...
        """
        self.read, self.kind, self.named, self.context = read, kind, frozenset(named), context
        self.folders = Folders(lambda path: getattr(read(path), "text", None))

    def kind_of(self, path: str, text: str) -> str | None:
        return self.kind or kinds.detect("" if path == "-" else path, text)

    def unit(self, paths: list[str]) -> Results:
        """Files of one configuration, or several that stand by themselves."""
        if paths[0].endswith(SUFFIXES) and self.kind in ("", "terraform"):
            fine = self.readable(paths, problems := [])
            return [*problems, *(self.folders.check(fine).items() if fine else ())]
        return [(path, found) for path in paths if (found := self.file(path)) is not None]

    def readable(self, paths: list[str], problems: Results) -> list[str]:
        fine = []
        for path in paths:
            source = self.read(path)
            if source.text is None:
                problems.append((source.path, [self.unreadable(path, source.problem)]))
            else:
                fine.append(path)
        return fine

    def unreadable(self, path: str, problem: str) -> Finding:
        """Wrong where it is infrastructure code by its name, or was asked for; else it may be any data."""
        ours = path in self.named or self.kind or kinds.detect(path, "") is not None
        return Finding(problem, rule="unreadable", severity="error" if ours else "note")

    def file(self, path: str) -> list[Finding] | None:
        """None: it is of no kind that is known."""
        source = self.read(path)
        if source.text is None:
            return [self.unreadable(path, source.problem)]
        kind = self.kind_of(path, source.text)
        if kind not in validate.KINDS:
            return None
        takes = inspect.signature(importlib.import_module(f"acorn.recipes.iac.validate.{kind}").read).parameters
        given = {"path": "" if path == "-" else path, **self.context}
        return validate.read(source.text, kind, **{name: one for name, one in given.items() if name in takes})[1]


def look(paths: list[str], shared: Look, jobs: int, tick: Callable[[int], None] = lambda done: None) -> Results:
    """(path, findings) of every file that has a kind, in the order of `paths`. tick(n): n more files are done."""
    units = _units(paths)
    found: Results = []
    if jobs < 2 or len(paths) < MANY:
        for unit in units:
            found += shared.unit(unit)
            tick(len(unit))
    else:
        chunks = list(_chunks(units))
        start = (shared.read, shared.kind, shared.named, shared.context)
        with ProcessPoolExecutor(jobs, get_context("spawn"), initializer=_start, initargs=start) as pool:
            for done in as_completed([pool.submit(_chunk, chunk) for chunk in chunks]):
                found += done.result()
                tick(len(done.result()))
    order = {os.path.normpath(path): number for number, path in enumerate(paths)}
    found.sort(key=lambda one: order.get(os.path.normpath(one[0]), 0))
    return [(path, _few(findings)) for path, findings in found]


def _units(paths: list[str]) -> list[list[str]]:
    folders: dict[str, list[str]] = {}
    alone = []
    for path in paths:
        if path.endswith(SUFFIXES):
            folders.setdefault(os.path.dirname(path), []).append(path)
        else:
            alone.append([path])
    return [*folders.values(), *alone]


def _chunks(units: list[list[str]]) -> Iterator[list[list[str]]]:
    chunk, size = [], 0
    for unit in units:
        chunk.append(unit)
        size += len(unit)
        if size >= CHUNK:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


_shared: Look | None = None  # of a child process


def _start(read: Read, kind: str, named: Iterable[str], context: dict) -> None:
    global _shared
    _shared = Look(read, kind, named, **context)


def _chunk(units: list[list[str]]) -> Results:
    return [one for unit in units for one in _shared.unit(unit)]


def _few(findings: list[Finding]) -> list[Finding]:
    if len(findings) <= MAX_FINDINGS:
        return findings
    more = f"{len(findings) - MAX_FINDINGS:,} more findings in this file"
    return [*findings[:MAX_FINDINGS], Finding(more, rule="more")]


def definitions(paths: list[str], read: Read) -> dict:
    """The CRDs that these files hold, as the Kubernetes validator takes them."""
    from acorn.recipes.iac import yamls
    from acorn.recipes.iac.validate.kubernetes_schema import custom

    manifests = []
    for path in paths:
        text = read(path).text if path.endswith((".yaml", ".yml", ".json")) else None
        if text and any(word in text for word in DEFINES):
            try:
                manifests += [doc.value for doc in yamls.documents(text, "kubernetes")]
            except yamls.YamlError:  # said when the file itself is looked at
                continue
    return custom(manifests) if manifests else {}
