"""
Many files -> rows of findings. Terraform files of a folder are looked at together, with their neighbours that were not
asked for; everything else stands by itself. Beyond MANY files, several processes share the work.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from multiprocessing import get_context

from acorn.recipes.iac import kinds
from acorn.recipes.iac.audit import UNREAD, Document, audit
from acorn.recipes.iac.validate.findings import Finding

MANY = 50  # files; fewer are done before other processes have started
CHUNK = 25
CONFIGURATION = kinds.KINDS["terraform"].suffixes


@dataclass(frozen=True)
class Row:
    """One finding, fit to travel between processes."""

    finding: Finding
    fingerprint: str = ""  # empty for what could not be read: no baseline holds it

    @property
    def marked(self) -> Finding:
        return replace(self.finding, fingerprint=self.fingerprint)


@dataclass(frozen=True)
class Job:
    """Files that are looked at in one go. `context` is read too, but not reported."""

    paths: tuple[str, ...]
    context: tuple[str, ...] = ()


Read = Callable[[str], object]  # path -> something with .path, .text (None: not text) and .problem


def jobs(paths: list[str]) -> list[Job]:
    folders: dict[str, list[str]] = {}
    alone, found = [], []
    for path in paths:
        if path.endswith(CONFIGURATION):
            folders.setdefault(os.path.dirname(path), []).append(path)
        else:
            alone.append(path)
    small: list[str] = []
    for folder, own in folders.items():
        found.append(Job(tuple(own), tuple(neighbours(folder, own))))
    for path in alone:
        small.append(path)
        if len(small) == CHUNK:
            found.append(Job(tuple(small)))
            small = []
    return [*found, *([Job(tuple(small))] if small else [])]


def neighbours(folder: str, own: list[str]) -> Iterator[str]:
    """The other Terraform files beside these."""
    named = {os.path.basename(path) for path in own}
    try:
        names = sorted(os.listdir(folder or "."))
    except OSError:
        return
    for name in names:
        if name.endswith(CONFIGURATION) and name not in named and os.path.isfile(os.path.join(folder, name)):
            yield os.path.join(folder, name)


def look(job: Job, read: Read, kind: str, only: frozenset[str], root: str) -> list[tuple[str, list[Row]]]:
    """[(path, rows)] for every file that has a kind, clean ones too."""
    found: dict[str, list[Row]] = {}
    documents: dict[str, list[Document]] = {}  # what is looked at together
    for path in (*job.paths, *job.context):
        source, asked = read(path), path in job.paths
        if source.text is None:
            if asked:
                severity = "warning" if kind or kinds.detect(path, "") else "note"  # what else may be any data
                found[source.path] = [Row(Finding(f"{UNREAD} {source.problem}", 0, 0, "unreadable", severity))]
            continue
        what = kind or kinds.detect(path, source.text)
        if what is None:
            continue
        if asked:
            found[source.path] = []
        together = os.path.dirname(path) if what == "terraform" else source.path
        documents.setdefault(together, []).append(Document(source.path, source.text, what))
    for several in documents.values():
        violations, problems = audit(several, only, root)
        for path, problem in problems:
            if path in found:
                found[path].append(Row(problem))
        for one in violations:
            if one.path in found:
                found[one.path].append(Row(one.finding, one.fingerprint))
    return list(found.items())


def scan(
    paths: list[str],
    read: Read,
    kind: str = "",
    only: frozenset[str] = frozenset(),
    root: str = "",
    processes: int = 0,
    tick: Callable[[int], None] = lambda files: None,
) -> list[tuple[str, list[Row]]]:
    """[(path, rows)] in the order of the paths. `tick` is told how many files were done each time."""
    work, found = jobs(paths), []
    processes = min(processes or len(os.sched_getaffinity(0)), len(work))
    if len(paths) <= MANY or processes < 2:
        for job in work:
            found += look(job, read, kind, only, root)
            tick(len(job.paths))
    else:
        work.sort(key=lambda job: -len(job.paths))  # the biggest first, so that nobody waits for it at the end
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            waiting = {pool.submit(look, job, read, kind, only, root): len(job.paths) for job in work}
            for done in as_completed(waiting):
                found += done.result()
                tick(waiting[done])
    order = {os.path.normpath(path): index for index, path in enumerate(paths)}
    return sorted(found, key=lambda one: order.get(os.path.normpath(one[0]), -1))


def wanted(path: str) -> bool:
    """Whether a file in a folder could be of a kind, by its name alone."""
    name = os.path.basename(path)
    if kinds.detect(name, "") is not None:
        return True
    return name.endswith((".yaml", ".yml", ".template", ".cfn")) or (name.endswith(".json") and "package" not in name)
