"""
Files -> documents, one after the other, in memory that does not grow with the input.

    .jsonl                 a document a line, under `text_key`                .gz and .zst of it too
    .parquet               a document a row, in the column `text_key`
    anything else          a document a file, UTF-8                           .gz and .zst of it too
    a folder               every file below it, in order of name; hidden, binary, huge files and links are passed over

Whatever cannot be used is counted by cause. Broken input (as opposed to what is empty or passed over) above a stated
share stops the run: a corpus must not shrink unnoticed.
"""

import codecs
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from acorn.errors import UserError

CHUNK = 1 << 20
MAX_BYTES = 16 << 20  # a longer line is dropped, a longer text file becomes several documents: memory stays bounded
MAX_CODE_BYTES = 1 << 20  # in folders; larger files that are not plain text are mostly generated
PROSE = {".txt", ".md", ".rst"}
CODECS = {".gz": "gzip", ".zst": "zstd"}
VENDORED = {"node_modules", "__pycache__"}  # copies of other people's work

MAX_BROKEN = 0.05


@dataclass(frozen=True)
class Document:
    text: str
    source: str = ""  # where it came from, for people: a path, or path:line


@dataclass
class Counts:
    """What was read, and what was not used for which cause. A unit is a line, a row or a file."""

    seen: int = 0
    kept: int = 0
    broken: Counter = field(default_factory=Counter)  # damaged: should not be so
    passed: Counter = field(default_factory=Counter)  # passed over: empty, binary, too large, a link
    first: dict[str, str] = field(default_factory=dict)  # cause -> the first place where it was met
    bytes_total: int = 0  # of all files, as they lie on disk
    bytes_read: int = 0

    def keep(self, text: str, source: str) -> Document:
        self.seen += 1
        self.kept += 1
        return Document(text, source if source.isascii() else printable(source))

    def drop(self, cause: str, where: str, broken: bool = True) -> None:
        self.seen += 1
        (self.broken if broken else self.passed)[cause] += 1
        self.first.setdefault(cause, where if where.isascii() else printable(where))

    @property
    def dropped(self) -> dict[str, int]:
        return {**self.broken, **self.passed}

    def causes(self) -> str:
        """'3 not JSON (first: a.jsonl:7), 1 empty (first: a.jsonl:9)'"""
        return ", ".join(f"{n:,} {cause} (first: {self.first[cause]})" for cause, n in self.dropped.items())

    def check(self, max_broken: float) -> None:
        broken = sum(self.broken.values())
        if broken > max_broken * self.seen:
            raise UserError(
                f"{broken:,} of {self.seen:,} documents are broken ({broken / self.seen:.1%}), more than the "
                f"{max_broken:.1%} that --max-broken allows: {self.causes()}",
                "repair the input, or allow more with --max-broken SHARE",
            )

    def to_dict(self) -> dict:
        return {"seen": self.seen, "kept": self.kept, "dropped": self.dropped, "first": self.first}


def read_documents(
    paths: Iterable, counts: Counts, text_key: str = "text", max_broken: float = MAX_BROKEN
) -> Iterator[Document]:
    """The documents of the files and folders, in a fixed order; `counts` fills on the way and is checked at the end."""
    paths = [Path(path) for path in paths]
    files = [found for path in paths for found in find_files(path, counts)]
    counts.bytes_total += sum(path.stat().st_size for path, _ in files)
    for path, named in files:
        before, size = counts.bytes_read, path.stat().st_size
        yield from read_file(path, counts, text_key, named)
        counts.bytes_read = before + size
    counts.check(max_broken)
    if not counts.kept:
        found = f": {counts.causes()}" if counts.dropped else ""
        raise UserError(f"no text in {', '.join(map(str, paths))}{found}")


def find_files(path: Path, counts: Counts) -> Iterator[tuple[Path, bool]]:
    """A file or folder -> (file, named). What a person named must be usable, what lies in a folder need not."""
    if path.is_file():
        yield path, True
    elif path.is_dir():
        for folder, folders, names in os.walk(path, onerror=lambda e: counts.drop("cannot be read", e.filename)):
            folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in VENDORED)
            for name in sorted(names):
                file = Path(folder, name)
                if name.startswith("."):
                    continue
                if file.is_symlink():  # its target is read at its own place, or lies outside of what was asked for
                    counts.drop("a symbolic link", str(file), broken=False)
                elif not file.is_file():
                    counts.drop("not a regular file", str(file), broken=False)
                elif inner_suffix(file) not in PROSE | {".jsonl", ".parquet"} and file.stat().st_size > MAX_CODE_BYTES:
                    counts.drop("larger than 1 MB", str(file), broken=False)
                else:
                    yield file, False
    elif path.exists():
        raise UserError(f"{path} is neither a file nor a folder")
    else:
        raise UserError(f"no file or folder {path}")


def inner_suffix(path: Path) -> str:
    """The suffix below compression.  a.JSONL.zst -> .jsonl"""
    return Path(path.stem).suffix.lower() if path.suffix.lower() in CODECS else path.suffix.lower()


def printable(path: str | Path) -> str:
    """Bytes of a name that are no UTF-8 are written as \\xNN: no file of ours could hold them."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def read_file(path: Path, counts: Counts, text_key: str, named: bool) -> Iterator[Document]:
    if path.stat().st_size == 0:
        if named:
            raise UserError(f"{path} is empty")
        return counts.drop("empty", str(path), broken=False)
    suffix = inner_suffix(path)
    reader = {".jsonl": read_jsonl, ".parquet": read_parquet}.get(suffix, read_text)
    try:
        yield from reader(path, counts, text_key, named)
    except PermissionError:
        if named:
            raise UserError(f"{path} cannot be read: permission denied") from None
        counts.drop("cannot be read", str(path))
    except UnicodeEncodeError:  # pyarrow opens .parquet by names in UTF-8 only
        if named:
            raise UserError(f"{printable(path)} cannot be read: its name is not UTF-8", "rename it") from None
        counts.drop("name not UTF-8", str(path))
    except OSError as e:  # pyarrow raises it for damaged compression too
        raise UserError(f"{path} cannot be read to its end, it may be cut off or damaged: {str(e)[:200]}") from None


def chunks(path: Path, at: Callable[[int], None]) -> Iterator[bytes]:
    """The file's bytes, decompressed, at most CHUNK at a time; `at` hears how far into the file we are."""
    import pyarrow as pa

    with pa.OSFile(os.fsencode(path)) as raw:  # a name may hold bytes that are no UTF-8
        codec = CODECS.get(path.suffix.lower())
        stream = pa.CompressedInputStream(raw, codec) if codec else raw
        while chunk := stream.read(CHUNK):
            at(raw.tell())
            yield chunk


def progress(counts: Counts) -> Callable[[int], None]:
    before = counts.bytes_read

    def at(position: int) -> None:
        counts.bytes_read = before + position

    return at


# --- text -------------------------------------------------------------------------------------------------------------


def read_text(path: Path, counts: Counts, text_key: str, named: bool) -> Iterator[Document]:
    utf8 = codecs.getincrementaldecoder("utf-8-sig")()
    text, size, part = "", 0, 1
    try:
        for chunk in chunks(path, progress(counts)):
            if not size and b"\0" in chunk[:8192]:
                if named:
                    raise UserError(f"{path} is a binary file, not text")
                return counts.drop("binary", str(path), broken=False)
            size += len(chunk)
            text += utf8.decode(chunk)
            if len(text) > MAX_BYTES:
                cut = text.rfind("\n") + 1 or len(text)
                yield counts.keep(text[:cut], f"{path}#{part}")
                text, part = text[cut:], part + 1
        text += utf8.decode(b"", final=True)
    except UnicodeDecodeError:
        if named:
            raise UserError(f"{path} is not UTF-8 text", f"iconv -f LATIN1 -t UTF-8 {path} > utf8.txt") from None
        return counts.drop("not UTF-8", str(path))
    if text.strip():
        yield counts.keep(text, str(path) if part == 1 else f"{path}#{part}")
    elif part == 1:
        if named:
            raise UserError(f"{path} holds nothing but white space")
        counts.drop("empty", str(path), broken=False)


# --- lines ------------------------------------------------------------------------------------------------------------


def read_jsonl(path: Path, counts: Counts, text_key: str, named: bool) -> Iterator[Document]:
    for number, line in enumerate(lines(chunks(path, progress(counts))), 1):
        where = f"{path}:{number}"
        if line is None:
            counts.drop(f"longer than {MAX_BYTES >> 20} MB", where)
            continue
        if not line.strip():
            continue  # a blank line is layout
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            counts.drop("not JSON", where)
            continue
        text = row.get(text_key) if isinstance(row, dict) else None
        if not isinstance(text, str):
            has = f", it has {', '.join(list(row)[:8])}" if isinstance(row, dict) else ""
            counts.drop(f"without a text {text_key!r}", where + has)
        else:
            yield from usable(text, where, counts)


def lines(chunks: Iterable[bytes], limit: int | None = None) -> Iterator[bytes | None]:
    """Lines without their ends; None for one of more than `limit` (MAX_BYTES) bytes, which is never held as a whole."""
    limit = MAX_BYTES if limit is None else limit
    rest, too_long = b"", False
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield None if too_long or len(line) > limit else line
            too_long = False
        if too_long or len(rest) > limit:
            rest, too_long = b"", True
    if rest or too_long:
        yield None if too_long else rest


def usable(text: str, where: str, counts: Counts) -> Iterator[Document]:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, written as \ud83d
        counts.drop("not valid Unicode", where)
        return
    if text.strip():
        yield counts.keep(text, where)
    else:
        counts.drop("empty", where, broken=False)


# --- rows -------------------------------------------------------------------------------------------------------------


def read_parquet(path: Path, counts: Counts, text_key: str, named: bool) -> Iterator[Document]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    at, size, number = progress(counts), path.stat().st_size, 0
    try:
        with pq.ParquetFile(path, memory_map=True) as file:
            names, rows = file.schema_arrow.names, file.metadata.num_rows
            if text_key not in names:
                raise UserError(f"{path} has no column {text_key!r}; it has {', '.join(names)}", "--text-key COLUMN")
            for batch in file.iter_batches(batch_size=256, columns=[text_key], use_threads=False):
                for value in batch.column(0):
                    number += 1
                    where = f"{path}:{number}"
                    try:
                        text = value.as_py()
                    except UnicodeDecodeError:
                        counts.drop("not UTF-8", where)
                        continue
                    if not isinstance(text, str):
                        counts.drop(f"without a text {text_key!r}", where)
                    elif len(text) > MAX_BYTES:
                        counts.drop(f"longer than {MAX_BYTES >> 20} MB", where)
                    else:
                        yield from usable(text, where, counts)
                at(size * number // rows)
    except pa.ArrowException as e:
        raise UserError(f"{path} is not a whole parquet file: {str(e)[:200]}") from None
