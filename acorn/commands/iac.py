"""What the commands of `acorn iac` share: which files are meant, how they are read, how findings are written."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from acorn.errors import UserError

SKIP = {".git", ".hg", ".svn", ".terraform", ".terragrunt-cache", "node_modules", ".venv", "__pycache__", ".tox"}
MAX_BYTES = 4_000_000  # of one file; more is no configuration that somebody wrote
STDIN = "<stdin>"


@dataclass(frozen=True)
class Source:
    """A file to look at. `text` is None when it can't be read as text; then `problem` says why."""

    path: str
    text: str | None
    problem: str = ""


def files(paths: tuple[str, ...], wanted: Callable[[str], bool]) -> Iterator[str]:
    """
    Files are taken as they are named; of folders, what `wanted(path)` takes, in order of names, without the folders of
    SKIP and without following links to folders. `-` is standard input. Nothing is given twice.
    """
    if not paths:
        raise UserError("name at least one file or folder, or - for standard input")
    seen = set()
    for path in paths:
        if path != "-" and not os.path.exists(path):
            raise UserError(f"there is no file or folder {path}")
        for one in _walk(path, wanted) if os.path.isdir(path) else [path]:
            if (name := os.path.normpath(one)) not in seen:
                seen.add(name)
                yield one


def _walk(folder: str, wanted: Callable[[str], bool]) -> Iterator[str]:
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in SKIP)
        for name in sorted(names):
            path = os.path.join(here, name)
            if wanted(path) and os.path.isfile(path):
                yield path


def source(path: str) -> Source:
    """Read a file (or `-`), at most MAX_BYTES of it."""
    name = STDIN if path == "-" else path
    try:
        if path == "-":
            data = _all(sys.stdin.buffer)
        elif not os.path.isfile(path):
            return Source(name, None, "not a file")
        else:
            with open(path, "rb") as file:
                data = file.read(MAX_BYTES + 1)
    except OSError as error:
        return Source(name, None, f"cannot be read: {error.strerror}")
    if len(data) > MAX_BYTES:
        size = f"{os.path.getsize(path) / 1e6:,.1f} MB" if path != "-" else "it"
        return Source(name, None, f"too long: {size} is over the {MAX_BYTES // 1_000_000} MB that are read")
    if b"\0" in data:
        return Source(name, None, "a binary file, not text")
    try:
        return Source(name, data.decode("utf-8-sig").replace("\r\n", "\n"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return Source(name, None, f"not UTF-8 text: byte 0x{data[error.start]:02x} in line {line}")


@lru_cache(maxsize=1)
def _all(stream) -> bytes:
    """Of a stream that can be read once, however often it is asked for."""
    return stream.read(MAX_BYTES + 1)


def guess(path: str) -> str:
    """A kind to name in a hint, where a file's own can't be told."""
    return "kubernetes" if path.endswith((".yaml", ".yml", ".json")) else "terraform"


def form(json: bool, sarif: bool, junit: bool) -> str:
    """The one form of output that was asked for."""
    chosen = [name for name, on in (("json", json), ("sarif", sarif), ("junit", junit)) if on]
    if len(chosen) > 1:
        raise UserError(f"--{chosen[0]} and --{chosen[1]} can't be had together; choose one")
    return chosen[0] if chosen else "text"


def text_of(path: str) -> str | None:
    """The text of a file by the name that results give it."""
    return source("-" if path == STDIN else path).text


def write(text: str, out: Path | None) -> None:
    if out is None:
        sys.stdout.write(text)
        return
    with writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Say it in a sentence when a file can't be where it was wanted."""
    if path.is_dir():
        raise UserError(f"can't write {path}: it is a folder")
    try:
        yield
    except (NotADirectoryError, FileExistsError):
        raise UserError(f"can't write {path}: it would lie in a file") from None
