"""
Git repositories, read without running anything that they carry: no work tree, so no filters and no hooks; no
submodules; blobs come out of `git cat-file`. Their own configuration can name programs only for transports, which are
all off while a repository is read. What could hold git up is looked for before it is asked: a pipe or a device among
its files, a configuration that includes others.
"""

import os
import re
import shutil
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from acorn.errors import UserError
from acorn.recipes.iac.corpus.entries import MAX_FILE, MAX_FILES, Entry, Want, passed_over, unsafe

URL = re.compile(
    r"(?:https?|ssh|git|file)://[^\s\x00-\x1f-][^\s\x00-\x1f]*|[\w.-]+@[\w.-]+:[^\s\x00-\x1f-][^\s\x00-\x1f]*"
)
SAFE = {
    "core.hooksPath": "/dev/null", "core.fsmonitor": "false", "core.attributesFile": "/dev/null", "core.pager": "cat",
    "core.editor": "true", "core.sshCommand": "ssh -oBatchMode=yes", "diff.external": "", "gc.auto": "0",
    "maintenance.auto": "false", "submodule.recurse": "false", "fetch.recurseSubmodules": "false",
    "uploadpack.packObjectsHook": "", "protocol.ext.allow": "never",
    "safe.directory": "*", "advice.detachedHead": "false",
}  # fmt: skip
CLONING = {f"protocol.{name}.allow": "always" for name in ("https", "http", "ssh", "git", "file")}
MAX_CLONE = 4 << 30  # bytes on disk
CLONE_SECONDS = 1800
ANSWER_SECONDS = 120  # for a question with a short answer
SMALL = {"HEAD": 1 << 12, "config": 1 << 18, "config.worktree": 1 << 18, "packed-refs": 1 << 28}  # bytes, at most
INCLUDES = re.compile(rb"^\s*\[\s*include", re.IGNORECASE | re.MULTILINE)


def is_url(source: str) -> bool:
    return "://" in source or bool(re.match(r"[\w.-]+@[\w.-]+:", source))


def check_url(url: str) -> None:
    if not URL.fullmatch(url) or re.search(r"(?:://|@)-", url) or url.startswith("-"):
        raise UserError(f"{url!r} is not an address of a repository", "https://host/owner/name")


def shown(url: str) -> str:
    """Without a user's name and password."""
    return re.sub(r"://[^/@]*@", "://", url)


def is_repository(path: Path) -> bool:
    """A bare repository; one with a work tree is read as a folder."""
    return (path / "HEAD").is_file() and (path / "objects").is_dir() and (path / "refs").is_dir()


def command(*words: str, allow: dict | None = None) -> list[str]:
    settings = {**SAFE, "protocol.allow": "never", **(allow or {})}
    return ["git", *(word for key, value in settings.items() for word in ("-c", f"{key}={value}")), *words]


def environment() -> dict[str, str]:
    """The caller's, without what redirects git; nothing may ask for a password."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    off = dict.fromkeys(("GIT_TERMINAL_PROMPT", "GIT_OPTIONAL_LOCKS"), "0")
    on = dict.fromkeys(("GIT_NO_LAZY_FETCH", "GIT_NO_REPLACE_OBJECTS", "GIT_ATTR_NOSYSTEM"), "1")
    return kept | off | on | {"GIT_ASKPASS": "true", "SSH_ASKPASS": "true", "LC_ALL": "C"}


def run(*words: str, **options) -> subprocess.CompletedProcess:
    try:
        return subprocess.run(
            command(*words),
            env=environment(),
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=ANSWER_SECONDS,
            **options,
        )
    except subprocess.TimeoutExpired:
        raise UserError(f"git gave no answer in {ANSWER_SECONDS} s") from None
    except FileNotFoundError:
        raise UserError("reading repositories needs the program git, which is not installed") from None


def clone(url: str, folder: Path) -> None:
    """The newest commit of the default branch, bare, into `folder`, which appears whole or not at all."""
    check_url(url)
    if folder.exists():
        return
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    words = [
        "clone",
        "--bare",
        "--depth",
        "1",
        "--single-branch",
        "--no-tags",
        "--quiet",
        "--template=",
        "--",
        url,
        str(partial),
    ]
    try:
        process = subprocess.Popen(
            command(*words, allow=CLONING),
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
    except FileNotFoundError:
        raise UserError("cloning needs the program git, which is not installed") from None
    start = time.monotonic()
    try:
        while True:
            try:
                _, said = process.communicate(timeout=0.5)
                break
            except subprocess.TimeoutExpired:
                size = sum(path.stat().st_size for path in partial.rglob("*") if path.is_file())
                if size > MAX_CLONE or time.monotonic() - start > CLONE_SECONDS:
                    what = (
                        f"is larger than {MAX_CLONE >> 30} GB"
                        if size > MAX_CLONE
                        else f"took longer than {CLONE_SECONDS // 60} minutes"
                    )
                    raise UserError(f"{shown(url)} {what}, so cloning was stopped") from None
        if process.returncode:
            raise UserError(f"{shown(url)} cannot be cloned: {shown(last_line(said))}")
        os.replace(partial, folder)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
        shutil.rmtree(partial, ignore_errors=True)


def check(folder: Path) -> None:
    """A repository that somebody else made may hold what git would wait for, or read without end."""
    if (folder / "commondir").exists():
        raise UserError(f"{folder} is part of another repository", "name that one")
    for here, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in ("hooks", "logs")]  # nobody reads them
        for name in names:
            path = Path(here, name)
            about = path.lstat()
            if not stat.S_ISREG(about.st_mode):
                raise UserError(f"{folder} is not read: {path.relative_to(folder)} in it is a link, a pipe or a device")
            if here == str(folder) and about.st_size > SMALL.get(name, about.st_size):
                raise UserError(f"{folder} is not read: its {name} has {about.st_size:,} bytes")
    for name in ("config", "config.worktree"):
        path = folder / name
        if path.exists() and INCLUDES.search(path.read_bytes()):
            raise UserError(f"{folder} is not read: its {name} includes other files")


def head(folder: Path) -> str:
    """The commit that HEAD names."""
    check(folder)
    found = run(f"--git-dir={folder}", "rev-parse", "--verify", "--end-of-options", "HEAD^{commit}")
    if found.returncode:
        raise UserError(f"{folder} has no commit that can be read: {last_line(found.stderr)}")
    return found.stdout.decode().strip()


def blobs(folder: Path, name: str, want: Want) -> Iterator[Entry]:
    """The files of the commit that HEAD names, in the order of git."""
    tree = subprocess.Popen(
        command(f"--git-dir={folder}", "ls-tree", "-r", "-l", "-z", "--full-tree", head(folder)),
        env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    reader = subprocess.Popen(
        command(f"--git-dir={folder}", "cat-file", "--batch"),
        env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for number, (mode, sha, size, path) in enumerate(listed(tree.stdout)):
            if number >= MAX_FILES:
                yield Entry(name, "", None, f"more than {MAX_FILES:,} files, the rest is not read")
                return
            if cause := refused(mode, size, path, want):
                yield Entry(name, path, None, cause)
                continue
            data = blob(reader, sha)
            yield Entry(name, path, data, "" if data is not None else "missing in the repository")
    finally:
        for process in (tree, reader):
            process.kill()
            process.communicate()


def listed(stream) -> Iterator[tuple[bytes, bytes, int, str]]:
    """'100644 blob SHA    SIZE\\tPATH\\0' -> (mode, sha, size, path)"""
    rest = b""
    while chunk := stream.read(1 << 16):
        *lines, rest = (rest + chunk).split(b"\0")
        if len(rest) > 1 << 20:
            raise UserError("the repository has a path of more than a megabyte")
        for line in lines:
            about, _, path = line.partition(b"\t")
            mode, _, sha, size = about.split()
            yield mode, sha, int(size) if size.isdigit() else -1, path.decode("utf-8", "replace")


def refused(mode: bytes, size: int, path: str, want: Want) -> str:
    if mode == b"120000":
        return "a symbolic link"
    if not mode.startswith(b"100"):
        return "a submodule"
    if unsafe(path):
        return "an unsafe path"
    if passed_over(path):
        return "hidden or vendored"
    return want(path, size) or ("larger than 1 MB" if not 0 <= size <= MAX_FILE else "")


def blob(reader: subprocess.Popen, sha: bytes) -> bytes | None:
    reader.stdin.write(sha + b"\n")
    reader.stdin.flush()
    about = reader.stdout.readline(200).split()
    if len(about) != 3 or about[1] != b"blob" or int(about[2]) > MAX_FILE:
        return None
    data = reader.stdout.read(int(about[2]))
    reader.stdout.read(1)
    return data


def last_line(said: bytes) -> str:
    lines = said.decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:300] if lines else "git said nothing"
