"""What `acorn iac audit --fix` shows and writes, and what a model says in `--run`."""

import difflib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from acorn.commands import iac
from acorn.errors import UserError
from acorn.recipes.iac.results import visible


@dataclass(frozen=True)
class Job:
    """What of an audit its patches depend on."""

    kind: str
    only: frozenset[str]
    root: str


def patches(found: list, job: Job, engine, write: bool, tick: Callable[[int], None]) -> str:
    """Results of a scan -> the diff of all patches; written where asked for. engine: of a model that is asked too."""
    from acorn.recipes.iac.audit import fix, model

    if write and any(path == iac.STDIN for path, _ in found):
        raise UserError("standard input can't be written to; leave --write out")
    propose = model.asking(engine) if engine else None
    marks = {path: frozenset(row.fingerprint for row in rows if row.fingerprint) for path, rows in found}
    wanted = {path: own for path, own in marks.items() if own and path != iac.STDIN}
    shown, done, refused = [], 0, 0
    for one in fix.fix_files(wanted, iac.source, job.kind, job.only, job.root, propose):
        tick(1)
        refused += len(one.refused)
        if one.done:
            done += len(one.done)
            shown.append(difference(one.document.path, one.document.text, one.text))
            if write:
                save(Path(one.document.path), one.text)
    tail = f"; {count(refused, 'patch', 'patches')} did not hold and were dropped" if refused else ""
    verb = "removed" if write else "could be removed, with --fix --write"
    print(f"{count(done, 'finding')} in {count(len(shown), 'file')} {verb}{tail}", file=sys.stderr)
    return "".join(shown)


def explanations(found: list, job: Job, engine) -> dict[str, str]:
    """fingerprint -> what a model says of the code there, once for every block or document."""
    from acorn.recipes.iac.audit import fix, model

    explain, said = model.explaining(engine), {}
    for path, rows in found:
        marks = {row.fingerprint for row in rows if row.fingerprint}
        if not marks or (document := fix.document(path, iac.source, job.kind)) is None:
            continue
        seen = set()
        for one in fix.look(document, fix.beside(document, iac.source), job.only, job.root)[0]:
            place = fix.piece(document.text, document.kind, one.item)
            if one.fingerprint in marks and place not in seen:
                seen.add(place)
                if text := explain(document.text[slice(*place)].strip("\n"), document.kind):
                    said[one.fingerprint] = text
    return said


def load(run_name: str):
    from acorn.infer.load import load_engine

    found, _ = load_engine(run_name, "auto", say=lambda line: print(line, file=sys.stderr))
    return found


def count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def difference(path: str, old: str, new: str) -> str:
    """A unified diff that `patch -p1` takes."""
    name = visible(path.replace(os.sep, "/").removeprefix("./").lstrip("/"))
    rows = difflib.unified_diff(old.splitlines(True), new.splitlines(True), f"a/{name}", f"b/{name}")
    return "".join(row if row.endswith("\n") else f"{row}\n\\ No newline at end of file\n" for row in rows)


def save(path: Path, text: str) -> None:
    """With the line ends and the mark that the file had, in one step."""
    path = path.resolve()
    old = path.read_bytes()
    data = (text.replace("\n", "\r\n") if b"\r\n" in old else text).encode()
    half = path.parent / f".{path.name}.{os.getpid()}"
    try:
        half.write_bytes((b"\xef\xbb\xbf" if old.startswith(b"\xef\xbb\xbf") else b"") + data)
        half.chmod(path.stat().st_mode)
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)
