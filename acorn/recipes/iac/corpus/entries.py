"""What a source yields, and the bounds that hold for all sources."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

MAX_FILE = 1 << 20  # bytes of a file that is read; larger ones are mostly generated
MAX_FILES = 2_000_000  # files of a source that are looked at
MAX_ARCHIVE = 32 << 30  # bytes that an archive may unpack to, streamed
MAX_PATH = 1000  # characters
MAX_DEPTH = 60  # folders in each other
VENDORED = {
    "node_modules",
    "__pycache__",
    "vendor",
    "third_party",
    "thirdparty",
    ".terraform",
    "site-packages",
    "bower_components",
}
ARCHIVES = (".zip", ".whl", ".tar", ".tar.gz", ".tgz", ".tar.zst", ".tar.bz2", ".tar.xz", ".tzst", ".tbz2", ".txz")

Want = Callable[[str, int], str]  # (path, size) -> '' to read the file, or the cause not to; size -1: not known


@dataclass(frozen=True)
class Entry:
    repository: str
    path: str  # below the repository, with /
    data: bytes | None  # None: was not read
    cause: str = ""  # why not


Entries = Callable[[Want], Iterator[Entry]]


def unsafe(path: str) -> bool:
    """A path that would lead out of its folder, or that no file should have."""
    parts = path.replace("\\", "/").split("/")
    return (
        path.startswith("/")
        or ".." in parts
        or len(path) > MAX_PATH
        or len(parts) > MAX_DEPTH
        or "\0" in path
        or ":" in parts[0]
    )


def passed_over(path: str) -> bool:
    """Hidden, or somebody else's copy."""
    parts = path.split("/")
    return any(part in VENDORED or (part.startswith(".") and part not in (".", "..")) for part in parts[:-1])
