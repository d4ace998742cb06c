"""Folders and installed packages, file by file; links, devices and pipes are not opened."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from acorn.errors import UserError
from acorn.recipes.iac.corpus.entries import MAX_DEPTH, MAX_FILE, MAX_FILES, VENDORED, Entry, Want

FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe that nobody writes to must not hold us


def files(root: Path, name: str, want: Want) -> Iterator[Entry]:
    """A folder with a .git in it begins a repository of its own, named by its path."""
    number = 0
    for folder, repository, base in folders(root, name):
        try:
            inside = sorted(os.scandir(folder), key=lambda file: file.name)
        except OSError as e:
            yield Entry(repository, printable(os.path.relpath(folder, base)), None, f"cannot be read: {e.strerror}")
            continue
        for file in inside:
            if file.is_dir(follow_symlinks=False) or file.name.startswith("."):
                continue
            number += 1
            if number > MAX_FILES:
                yield Entry(name, "", None, f"more than {MAX_FILES:,} files, the rest is not read")
                return
            path = printable(os.path.relpath(file.path, base))
            yield Entry(repository, path, *read(file.path, path, want))


def folders(root: Path, name: str) -> Iterator[tuple[str, str, str]]:
    """(folder, repository that it belongs to, that repository's folder), in order of name."""
    waiting = [(str(root), name, str(root), 0)]
    while waiting:
        folder, repository, base, depth = waiting.pop()
        try:
            below = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False))
        except OSError:
            below = []  # may not be read, or has gone; whoever asks for its files hears of it
        if ".git" in below and folder != str(root):
            repository, base = f"{name}/{printable(os.path.relpath(folder, root))}", folder
        yield folder, repository, base
        if depth < MAX_DEPTH:
            names = [one for one in below if one not in VENDORED and not one.startswith(".")]
            waiting += [(os.path.join(folder, one), repository, base, depth + 1) for one in reversed(names)]


def read(file: str, path: str, want: Want) -> tuple[bytes | None, str]:
    """file: where it lies. path: what it is called. -> (bytes, why not)"""
    try:
        about = os.lstat(file)
        if stat.S_ISLNK(about.st_mode):
            return None, "a symbolic link"
        if not stat.S_ISREG(about.st_mode):
            return None, "a pipe, socket or device"
        if cause := want(path, about.st_size) or ("larger than 1 MB" if about.st_size > MAX_FILE else ""):
            return None, cause
        with os.fdopen(os.open(file, FLAGS), "rb") as opened:
            if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):  # it was changed since it was listed
                return None, "a pipe, socket or device"
            data = opened.read(MAX_FILE + 1)
    except OSError as e:
        return None, f"cannot be read: {e.strerror}"
    return (data, "") if len(data) <= MAX_FILE else (None, "larger than 1 MB")


def printable(path: str) -> str:
    """Names may hold bytes that are no UTF-8; they are written as \\xNN."""
    return os.fsencode(path).decode("utf-8", "backslashreplace").replace(os.sep, "/")


# --- installed packages -----------------------------------------------------------------------------------------------


def package(name: str):
    """The files of a package in this Python's environment are read, nothing of it is imported."""
    from importlib import metadata

    try:
        return metadata.distribution(name)
    except (metadata.PackageNotFoundError, ValueError):
        raise UserError(
            f"no package {name!r} is installed in this Python", f"pip download --no-deps {name}, then name the file"
        ) from None


def package_licence(found) -> str:
    """As the package's own description says: License-Expression, License, or a classifier."""
    from acorn.data.licences import UNKNOWN, expression, of_text, sort_of

    about = found.metadata
    for text in (about.get("License-Expression"), about.get("License")):
        if text and (name := expression(text) if len(text) < 80 else of_text(text)) and sort_of(name) != UNKNOWN:
            return name
    classifiers = " ".join(value for key, value in about.items() if key == "Classifier" and value.startswith("License"))
    for words, name in (("MIT License", "MIT"), ("Apache Software", "Apache-2.0"), ("BSD License", "BSD-3-Clause"),
                        ("Mozilla", "MPL-2.0"), ("GPLv3", "GPL-3.0"),
                        ("General Public", "GPL-3.0"), ("ISC", "ISC")):  # fmt: skip
        if words in classifiers:
            return name
    return UNKNOWN


def package_files(found, name: str, want: Want) -> Iterator[Entry]:
    root = Path(str(found.locate_file(""))).resolve()
    for listed in sorted(found.files or [], key=str):
        path = Path(str(found.locate_file(listed)))
        if ".." in listed.parts or not path.resolve().is_relative_to(root):
            yield Entry(name, str(listed), None, "outside of the package")
            continue
        yield Entry(name, str(listed), *read(str(path), str(listed), want))
