"""What SOURCE means: a folder, an archive, a repository, an address of one, package:NAME; and what it is right now."""

import hashlib
import os
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial
from importlib import resources
from pathlib import Path

from acorn.data.licences import UNKNOWN
from acorn.errors import UserError
from acorn.recipes.iac.corpus import archives, folders, git
from acorn.recipes.iac.corpus.entries import Entries

PACKAGE = "package:"


@dataclass(frozen=True)
class Source:
    given: str  # on the command line
    name: str  # of the repository in the manifest
    state: str  # differs when the content does
    entries: Entries
    licence: tuple[str, str] = (UNKNOWN, "")  # of the whole, and where it is said; files inside may say otherwise


def open_sources(given: list[str], clones: Path) -> Iterator[Source]:
    """clones: the folder that repositories are cloned into; one that is there is not asked for again."""
    for one in given:
        yield open_source(one, clones)


def open_source(given: str, clones: Path) -> Source:
    if given.startswith("-"):
        raise UserError(f"{given!r} is not a source", "acorn iac corpus --help")
    if given.startswith(PACKAGE):
        name = given.removeprefix(PACKAGE)
        found = folders.package(name)
        entries = partial(folders.package_files, found, given)
        return Source(given, given, found.version, entries, (folders.package_licence(found), "the package's metadata"))
    if git.is_url(given):
        git.check_url(given)
        folder = clones / f"{hashlib.sha256(given.encode()).hexdigest()[:16]}.git"
        git.clone(given, folder)
        return Source(given, short(given), git.head(folder), partial(git.blobs, folder, short(given)))
    path = Path(given)
    name = folders.printable(path.resolve().name)
    if path.is_dir() and git.is_repository(path):
        name = name if name != "repo" else folders.printable(path.resolve().parent.name)
        return Source(given, name, git.head(path), partial(git.blobs, path, name))
    if path.is_dir():
        return Source(given, name, folder_state(path), partial(folders.files, path, name))
    if path.is_file() and archives.is_archive(given):
        about = path.stat()
        return Source(given, name, f"{about.st_size} {about.st_mtime_ns}", partial(archives.members, path, name))
    if path.is_file():
        raise UserError(
            f"{given} is neither a folder nor an archive ({', '.join(archives.ARCHIVES)})",
            f"name its folder: {path.parent}",
        )
    if re.fullmatch(r"[\w.-]+/[\w.-]+", given):
        raise UserError(f"no folder or archive {given}", f"of GitHub: https://github.com/{given}")
    raise UserError(f"no folder or archive {given}")


def short(url: str) -> str:
    """https://github.com/owner/name.git -> github.com/owner/name, without a user's name and password"""
    return re.sub(r"^\w+://", "", url).rpartition("@")[2].replace(":", "/").removesuffix("/").removesuffix(".git")


def folder_state(root: Path) -> str:
    state = hashlib.sha256()
    for folder, _, _ in folders.folders(root, ""):
        if not os.access(folder, os.R_OK | os.X_OK):
            continue
        for file in sorted(os.scandir(folder), key=lambda file: file.name):
            if not file.is_dir(follow_symlinks=False):
                about = file.stat(follow_symlinks=False)
                state.update(os.fsencode(f"{file.path}\0{about.st_size}\0{about.st_mtime_ns}\n"))
    return state.hexdigest()


@cache
def curated() -> list[dict]:
    """[{"name": "owner/name", "licence": ..., "kinds": [...], "megabytes": ...}]"""
    text = resources.files("acorn.recipes.iac.corpus").joinpath("repositories.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)["repository"]
