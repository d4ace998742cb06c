"""
zip and tar archives, read as a stream: nothing is written to disk, no link is followed, sizes and counts are bounded.
The tar reader is our own because Python's reads extended headers whole, whatever size they claim.
"""

import bz2
import lzma
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

from acorn.errors import UserError
from acorn.recipes.iac.corpus.entries import (
    ARCHIVES,
    MAX_ARCHIVE,
    MAX_FILE,
    MAX_FILES,
    Entry,
    Want,
    passed_over,
    unsafe,
)

BLOCK = 512
MAX_DIRECTORY = 64 << 20  # bytes of a zip's list of files, which is held in memory
MAX_HEADER = 64 << 10  # bytes of a tar's extended header
CHUNK = 1 << 16


def is_archive(path: str) -> bool:
    return path.lower().endswith(ARCHIVES)


def members(path: Path, name: str, want: Want) -> Iterator[Entry]:
    lower = path.name.lower()
    read = zip_members if lower.endswith((".zip", ".whl")) else tar_members
    for number, entry in enumerate(read(path, want)):
        if number >= MAX_FILES:
            yield Entry(name, "", None, f"more than {MAX_FILES:,} files, the rest is not read")
            return
        yield Entry(name, *entry)


def refused(member: str, size: int, want: Want) -> str:
    if unsafe(member):
        return "an unsafe path"
    if passed_over(member):
        return "hidden or vendored"
    if is_archive(member):
        return "an archive in an archive"
    return want(member, size)


# --- zip --------------------------------------------------------------------------------------------------------------


def zip_members(path: Path, want: Want) -> Iterator[tuple[str, bytes | None, str]]:
    check_directory(path)
    try:
        with zipfile.ZipFile(path) as archive:
            for info in sorted(archive.infolist(), key=lambda info: info.filename):
                member, mode = info.filename, info.external_attr >> 16
                if info.is_dir():
                    continue
                if mode & 0o170000 not in (0, 0o100000):
                    yield member, None, "a link or a device"
                elif info.flag_bits & 1:
                    yield member, None, "encrypted"
                elif cause := refused(member, info.file_size, want):
                    yield member, None, cause
                else:
                    yield member, *zip_member(archive, info)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError) as e:
        raise UserError(f"{path} is not a whole zip archive: {str(e)[:200]}") from None


def zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> tuple[bytes | None, str]:
    try:
        with archive.open(info) as file:
            data = file.read(MAX_FILE + 1)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError, ValueError, lzma.LZMAError, RuntimeError) as e:
        return None, "damaged" if not isinstance(e, NotImplementedError) else "packed in an unknown way"
    except Exception as e:  # zlib.error has no name of its own here
        if type(e).__module__ != "zlib":
            raise
        return None, "damaged"
    return (data, "") if len(data) <= MAX_FILE else (None, "larger than 1 MB")


def check_directory(path: Path) -> None:
    """The end of a zip says how large its list of files is: a bomb of names is refused before it is read."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        file.seek(max(0, size - 66_000))
        tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < 22:
        raise UserError(f"{path} is not a whole zip archive: its end is missing")
    directory = int.from_bytes(tail[at + 12 : at + 16], "little")
    if directory == 0xFFFFFFFF or tail[at - 20 : at - 16] == b"PK\x06\x07":
        large = tail.rfind(b"PK\x06\x06", 0, at)
        directory = int.from_bytes(tail[large + 40 : large + 48], "little") if large >= 0 else MAX_DIRECTORY + 1
    if directory > MAX_DIRECTORY:
        raise UserError(f"{path}: its list of files is larger than {MAX_DIRECTORY >> 20} MB")


# --- tar --------------------------------------------------------------------------------------------------------------


class Unpacked:
    """The bytes of a tar, unpacked as they are asked for, up to MAX_ARCHIVE of them."""

    def __init__(self, path: Path):
        import pyarrow as pa

        lower, self.path, self.seen = path.name.lower(), path, 0
        if lower.endswith(("bz2",)):
            self.file = bz2.open(path)
        elif lower.endswith(("xz",)):
            self.file = lzma.open(path)
        elif lower.endswith(("gz", "zst")):
            codec = "gzip" if lower.endswith("gz") else "zstd"
            self.file = pa.CompressedInputStream(pa.OSFile(os.fsencode(path)), codec)
        else:
            self.file = open(path, "rb")

    def read(self, size: int) -> bytes:
        parts, wanted = [], size
        while wanted:
            part = self.file.read(min(wanted, CHUNK))
            if not part:
                break
            parts.append(part)
            wanted -= len(part)
            self.seen += len(part)
            if self.seen > MAX_ARCHIVE:
                raise UserError(f"{self.path} unpacks to more than {MAX_ARCHIVE >> 30} GB")
        return b"".join(parts)

    def skip(self, size: int) -> None:
        while size > 0 and (part := self.read(min(size, CHUNK))):
            size -= len(part)


def tar_members(path: Path, want: Want) -> Iterator[tuple[str, bytes | None, str]]:
    tar = Unpacked(path)
    try:
        yield from tar_entries(tar, path, want)
    except (OSError, EOFError, lzma.LZMAError) as e:
        raise UserError(f"{path} is not a whole tar archive: {str(e)[:200]}") from None
    finally:
        tar.file.close()


def tar_entries(tar: Unpacked, path: Path, want: Want) -> Iterator[tuple[str, bytes | None, str]]:
    name, size_says, first = "", None, True
    while len(header := tar.read(BLOCK)) == BLOCK and header.strip(b"\0"):
        size, kind = number(header[124:136]), header[156:157]
        if not checksum(header) or size < 0:
            if first:
                raise UserError(f"{path} is not a tar archive")
            raise UserError(f"{path} is damaged: a header after {tar.seen:,} bytes has a wrong checksum")
        first = False
        if kind in b"LKxg" and kind:  # what follows says more about the next entry
            extended = tar.read(min(size, MAX_HEADER))
            tar.skip(padded(size) - len(extended))
            if kind == b"L":
                name = extended.rstrip(b"\0").decode("utf-8", "replace")
            elif kind == b"x":
                says = pax(extended)
                name, size_says = says.get("path", name), says.get("size", size_says)
            if size > MAX_HEADER:
                name = ".."  # is refused as unsafe below
            continue
        member = name or plain_name(header)
        size = int(size_says) if size_says and size_says.isdigit() else size
        name, size_says = "", None
        if kind == b"S":
            extended = header[482]
            while extended and len(more := tar.read(BLOCK)) == BLOCK:
                extended = more[504]
        if kind == b"5" or member.endswith("/"):
            tar.skip(padded(size))
        elif kind not in (b"0", b"\0", b"7"):
            tar.skip(padded(size))
            yield member, None, "a link or a device"
        elif cause := "larger than 1 MB" if size > MAX_FILE else refused(member.removeprefix("./"), size, want):
            tar.skip(padded(size))
            yield member.removeprefix("./"), None, cause
        else:
            data = tar.read(size)
            tar.skip(padded(size) - size)
            yield member.removeprefix("./"), data, ""
            if len(data) < size:
                raise UserError(f"{path} is cut off in {member!r}")


def padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def number(field: bytes) -> int:
    """Octal digits, or with the first bit set a large number in base 256; -1 for what is neither."""
    if field[:1] >= b"\x80":
        return int.from_bytes(field[1:], "big")
    text = field.strip(b" \0")
    return int(text, 8) if all(48 <= byte <= 55 for byte in text) and text else 0 if not text else -1


def checksum(header: bytes) -> bool:
    return number(header[148:156]) == sum(header) - sum(header[148:156]) + 8 * 32


def plain_name(header: bytes) -> str:
    name, prefix = header[:100].split(b"\0")[0], header[345:500].split(b"\0")[0]
    whole = prefix + b"/" + name if prefix and header[257:262] == b"ustar" and header[257:263] != b"ustar " else name
    return whole.decode("utf-8", "replace")


def pax(data: bytes) -> dict[str, str]:
    """'30 path=...\\n' lines"""
    says, at = {}, 0
    while at < len(data):
        space = data.find(b" ", at, at + 12)
        if space < 0 or not data[at:space].isdigit():
            break
        end = at + int(data[at:space])
        key, _, value = data[space + 1 : end - 1].partition(b"=")
        says[key.decode("utf-8", "replace")] = value.decode("utf-8", "replace")
        at = max(end, space + 1)
    return says
