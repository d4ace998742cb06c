"""What `acorn iac audit --fix` shows and writes."""

import difflib
import os
import sys
from pathlib import Path

from acorn.commands import iac
from acorn.errors import UserError


def run(found: list, kind: str, only: frozenset[str], root: str, run_name: str, write: bool) -> tuple[str, int]:
    """Results of a scan -> (the diff of all patches, how many findings they remove); written where asked for."""
    from acorn.recipes.iac.audit import fix

    if write and any(path == iac.STDIN for path, _ in found):
        raise UserError("standard input can't be written to; leave --write out")
    propose = fix.asking(engine(run_name)) if run_name else None
    paths = [path for path, rows in found if any(row.fingerprint for row in rows) and path != iac.STDIN]
    shown, done, refused = [], 0, 0
    for one in fix.fix_files(paths, iac.source, kind, only, root, propose):
        refused += len(one.refused)
        if one.done:
            done += len(one.done)
            shown.append(difference(one.document.path, one.document.text, one.text))
            if write:
                save(Path(one.document.path), one.text)
    tail = f"; {refused:,} patches did not hold and were dropped" if refused else ""
    verb = "removed" if write else "could be removed, with --write"
    print(f"{done:,} findings in {len(shown):,} files {verb}{tail}", file=sys.stderr)
    return "".join(shown), done


def engine(run_name: str):
    from acorn.infer.load import load_engine

    found, _ = load_engine(run_name, "auto", say=lambda line: print(line, file=sys.stderr))
    return found


def difference(path: str, old: str, new: str) -> str:
    """A unified diff that `patch -p1` takes."""
    name = path.replace(os.sep, "/").removeprefix("./").lstrip("/")
    rows = difflib.unified_diff(old.splitlines(True), new.splitlines(True), f"a/{name}", f"b/{name}")
    return "".join(row if row.endswith("\n") else f"{row}\n\\ No newline at end of file\n" for row in rows)


def save(path: Path, text: str) -> None:
    """With the line ends and the mark that the file had, in one step."""
    old = path.read_bytes()
    data = (text.replace("\n", "\r\n") if b"\r\n" in old else text).encode()
    half = path.with_name(f".{path.name}.{os.getpid()}")
    half.write_bytes((b"\xef\xbb\xbf" if old.startswith(b"\xef\xbb\xbf") else b"") + data)
    half.chmod(path.stat().st_mode)
    half.replace(path)
