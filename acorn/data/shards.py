"""
Token shards: a folder of files that are mapped into memory, so opening terabytes costs nothing.

    DIR/manifest.json     written last; its existence means that the import is complete
    DIR/train-00000.bin   header (128 bytes) | tokens | padding to 8 | offsets (documents + 1) int64
    DIR/val-00000.bin
    DIR/tokenizer.json    what wrote them

Every document is <|bos|> and its tokens. After the last document stands one more <|bos|>, so that document i with
the <|bos|> that ends it is always the one slice tokens[offsets[i] : offsets[i + 1] + 1].
"""

import hashlib
import json
import os
import shutil
import struct
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from acorn.data.documents import Counts, Document
from acorn.errors import StorageError, UserError
from acorn.tokenizer.tokenizer import Tokenizer

MAGIC, FORMAT = b"ACORNTOK", 1
HEADER = struct.Struct("<8sII32sQQ")  # magic, format, bytes per token, tokenizer hash, documents, tokens
HEADER_SIZE = 128
SPLITS = ("train", "val")
SHARD_TOKENS = 1 << 26  # a shard is also the unit of shuffling: rows mix within it
BATCH_CHARS = 4 << 20  # text that is encoded at once, on all cores


# --- writing ----------------------------------------------------------------------------------------------------------


def write_shards(
    documents: Iterable[Document],
    tokenizer: Tokenizer,
    out,
    split: str = "hash",
    val_fraction: float = 0.02,
    shard_tokens: int = SHARD_TOKENS,
    force: bool = False,
    counts: Counts | None = None,
) -> dict:
    """
    Documents -> a folder of shards, as write_tokens.
    split="hash": a document goes to validation by a hash of its text, so it stays there whatever else is imported, and
                  copies of it never stand on both sides. One at least goes there when there are two.
    split="tail": the last val_fraction of the characters of every document; for corpora of one long text.
    """
    if not 0 <= val_fraction < 1:
        raise UserError(f"--val-fraction {val_fraction} must be at least 0 and less than 1")
    if split not in ("hash", "tail"):
        raise UserError(f"--split {split!r}: choose hash or tail")
    parts = hash_split(documents, val_fraction) if split == "hash" else tail_split(documents, val_fraction)
    about = {"split": split, "val_fraction": val_fraction}
    return write_tokens(encoded(parts, tokenizer), tokenizer, out, about, shard_tokens, force, counts)


def write_tokens(
    parts: Iterable[tuple[str, Sequence[int], int]],
    tokenizer: Tokenizer,
    out,
    about: dict,
    shard_tokens: int = SHARD_TOKENS,
    force: bool = False,
    counts: Counts | None = None,
) -> dict:
    """
    (split, ids of a document, bytes of its text) -> a folder of shards, the tokenizer and the manifest, which is
    returned. The folder appears whole or not at all.
    about: what the manifest says of the split. counts: what reading the documents counts on its way; kept in it too.
    """
    out = Path(out)
    check_target(out, force)
    beside = out.with_name(f".{out.name}.{os.getpid()}.partial")
    try:
        remove_leftovers(out)
        beside.mkdir(parents=True)
        writers = {name: SplitWriter(beside, name, tokenizer, shard_tokens) for name in SPLITS}
        for name, ids, size in parts:
            writers[name].add(ids, size)
        manifest = {
            "kind": "acorn token shards",
            "format": FORMAT,
            "tokenizer": {"hash": tokenizer.hash, "kind": tokenizer.kind, "n_vocab": tokenizer.n_vocab},
            **about,
            "splits": {name: writer.finish() for name, writer in writers.items()},
            "read": counts.to_dict() if counts else {},
        }
        if not manifest["splits"]["train"]["documents"]:
            raise UserError("there is no text to train on: no document was kept")
        tokenizer.save(beside / "tokenizer.json")  # so that the folder is all that training needs
        write_text(beside / "manifest.json", json.dumps(manifest, indent=1))
        replace_folder(beside, out)
    except OSError as e:
        raise StorageError(f"cannot write {out}: {e.strerror or e}; nothing was changed there") from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return manifest


def encoded(parts: Iterator[tuple[str, str]], tokenizer: Tokenizer) -> Iterator[tuple[str, list[int], int]]:
    """(split, text) -> (split, ids, bytes), many texts at once, on all cores."""
    while batch := take(parts, BATCH_CHARS):
        for (name, text), ids in zip(batch, tokenizer.encode_batch([text for _, text in batch])):
            yield name, ids, len(text.encode())


def take(parts: Iterator[tuple[str, str]], chars: int) -> list[tuple[str, str]]:
    """The next parts, about `chars` characters of them; [] at the end."""
    batch, size = [], 0
    for part in parts:
        batch.append(part)
        size += len(part[1]) + 64
        if size >= chars:
            break
    return batch


def hash_split(documents: Iterable[Document], val_fraction: float) -> Iterator[tuple[str, str]]:
    """
    Text whose hash is below val_fraction goes to validation. The smallest and the largest hash are held back to the end
    and go to validation and to training in any case, so that two different documents are enough to fill both.
    """
    held: list[tuple[float, str]] = []
    for document in documents:
        held.append((unit_hash(document.text), document.text))
        if len(held) == 3:
            held.sort(key=lambda pair: pair[0])
            where, text = held.pop(1)
            yield ("val" if where < val_fraction else "train"), text
    held.sort(key=lambda pair: pair[0])
    both = len(held) == 2 and held[0] != held[1] and val_fraction > 0
    for i, (_, text) in enumerate(held):
        yield ("val" if i == 0 and both else "train"), text


def unit_hash(text: str) -> float:
    """A number in [0, 1) that depends on the text alone."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=6).digest(), "big") / 2**48


def tail_split(documents: Iterable[Document], val_fraction: float) -> Iterator[tuple[str, str]]:
    for document in documents:
        cut = int(len(document.text) * (1 - val_fraction))
        for name, text in (("train", document.text[:cut]), ("val", document.text[cut:])):
            if text:
                yield name, text


class SplitWriter:
    """Writes one split, a shard at a time."""

    def __init__(self, folder: Path, name: str, tokenizer: Tokenizer, shard_tokens: int):
        self.folder, self.name, self.shard_tokens = folder, name, shard_tokens
        self.dtype = np.dtype("<u2" if tokenizer.n_vocab <= 1 << 16 else "<u4")
        self.bos, self.hash = tokenizer.bos, bytes.fromhex(tokenizer.hash)
        self.file, self.offsets, self.text_bytes, self.shards = None, [0], 0, []

    def add(self, ids: Sequence[int], size: int) -> None:
        """ids without <|bos|>, size in bytes of text"""
        if self.file is None:
            self.file = open(self.folder / f"{self.name}-{len(self.shards):05d}.bin", "wb")
            self.file.write(bytes(HEADER_SIZE))  # the real one comes when the counts are known
        self.file.write(np.array([self.bos], dtype=self.dtype).tobytes())
        self.file.write(np.asarray(ids, dtype=self.dtype).tobytes())
        self.offsets.append(self.offsets[-1] + 1 + len(ids))
        self.text_bytes += size
        if self.offsets[-1] >= self.shard_tokens:
            self.close()

    def close(self) -> None:
        documents, tokens = len(self.offsets) - 1, self.offsets[-1]
        self.file.write(np.array([self.bos], dtype=self.dtype).tobytes())
        self.file.write(bytes(-self.file.tell() % 8))
        self.file.write(np.array(self.offsets, dtype="<i8").tobytes())
        self.file.seek(0)
        self.file.write(HEADER.pack(MAGIC, FORMAT, self.dtype.itemsize, self.hash, documents, tokens))
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()
        path = Path(self.file.name)
        shard = {"file": path.name, "sha256": sha256(path), "size": path.stat().st_size}
        self.shards.append({**shard, "documents": documents, "tokens": tokens, "bytes": self.text_bytes})
        self.file, self.offsets, self.text_bytes = None, [0], 0

    def finish(self) -> dict:
        if self.file is not None:
            self.close()
        totals = {key: sum(shard[key] for shard in self.shards) for key in ("documents", "tokens", "bytes")}
        return {**totals, "shards": self.shards}


def check_target(out: Path, force: bool) -> None:
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not (out / "manifest.json").is_file():
        raise UserError(f"{out} exists and is not a folder of token shards; choose another --out")
    if not force:
        raise UserError(f"{out} holds a finished import already", "add --force to replace it, or choose another --out")


def remove_leftovers(out: Path) -> None:
    """What killed imports left behind; a folder whose process still runs is not touched."""
    for old in out.parent.glob(f".{out.name}.*.partial"):
        pid = old.suffixes[-2][1:] if len(old.suffixes) > 1 else ""
        if pid.isdigit() and not is_running(int(pid)):
            shutil.rmtree(old, ignore_errors=True)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it runs, and belongs to somebody else
        pass
    return True


def replace_folder(new: Path, out: Path) -> None:
    if out.exists():
        old = out.with_name(f".{out.name}.{os.getpid()}.old.partial")
        out.rename(old)
        new.rename(out)
        shutil.rmtree(old, ignore_errors=True)
    else:
        new.rename(out)


def write_text(path: Path, text: str) -> None:
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
        f.flush()
        os.fsync(f.fileno())


def sha256(path: Path) -> str:
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


# --- reading ----------------------------------------------------------------------------------------------------------


class Shard:
    """One file. tokens (tokens + 1,), the last a closing <|bos|>; offsets (documents + 1,). Both lie in the file."""

    def __init__(self, path: Path, expect: dict, tokenizer_hash: str):
        self.path = path
        size = path.stat().st_size if path.is_file() else None
        if size != expect["size"]:
            found = "is missing" if size is None else f"has {size:,} bytes"
            raise damaged(path, f"{found}, the manifest says {expect['size']:,} bytes")
        with open(path, "rb") as f:
            head = f.read(HEADER.size)
        magic, version, width, digest, documents, tokens = HEADER.unpack(head)
        if magic != MAGIC or version != FORMAT:
            raise damaged(path, "it does not start with the header of an acorn token shard")
        says = (tokenizer_hash, expect["documents"], expect["tokens"])
        if (digest.hex(), documents, tokens) != says or width not in (2, 4):
            raise damaged(path, "its header and the manifest disagree")
        start = HEADER_SIZE + (tokens + 1) * width
        start += -start % 8
        if size != start + 8 * (documents + 1):
            raise damaged(path, "its size does not fit its header")
        self.tokens = np.memmap(path, dtype=f"<u{width}", mode="r", offset=HEADER_SIZE, shape=(tokens + 1,))
        self.offsets = np.memmap(path, dtype="<i8", mode="r", offset=start, shape=(documents + 1,))

    def __len__(self) -> int:
        return len(self.offsets) - 1


class Shards:
    def __init__(self, folder: Path, manifest: dict):
        self.folder, self.manifest = folder, manifest
        self.tokenizer_hash = manifest["tokenizer"]["hash"]
        self.splits = {
            name: [Shard(folder / entry["file"], entry, self.tokenizer_hash) for entry in split["shards"]]
            for name, split in manifest["splits"].items()
        }

    def documents(self, split: str, limit: int | None = None) -> Iterator[np.ndarray]:
        """Each document's ids (int64), <|bos|> first."""
        places = ((s, a, b) for s in self.splits[split] for a, b in zip(s.offsets, s.offsets[1:]))
        return (s.tokens[a:b].astype(np.int64) for s, a, b in islice(places, limit))

    def count(self, split: str, what: str = "tokens") -> int:
        """what: tokens (with <|bos|>), documents or bytes (of text)"""
        return self.manifest["splits"][split][what]


def open_shards(folder, tokenizer: Tokenizer | None = None, verify: bool = False) -> Shards:
    """Checks manifest, headers and sizes, and that `tokenizer` wrote them; verify: also every byte against its hash."""
    folder = Path(folder)
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"no token shards in {folder} (no manifest.json)", reimport(folder)) from None
    except OSError as e:
        raise UserError(f"cannot read {folder / 'manifest.json'}: {e.strerror or e}") from None
    except ValueError as e:
        raise damaged(folder / "manifest.json", f"it is not JSON: {e}") from None
    if not isinstance(manifest, dict) or manifest.get("kind") != "acorn token shards":
        raise UserError(f"{folder / 'manifest.json'} is not the manifest of token shards")
    if manifest.get("format") != FORMAT:
        raise UserError(f"{folder} has shard format {manifest.get('format')!r}; this acorn reads format {FORMAT}")
    try:
        shards = Shards(folder, manifest)
    except (KeyError, TypeError, AttributeError, ValueError) as e:
        raise damaged(folder / "manifest.json", f"it lacks {e}") from None
    if tokenizer is not None and shards.tokenizer_hash != tokenizer.hash:
        raise UserError(
            f"the shards in {folder} were written with tokenizer {shards.tokenizer_hash[:12]}, "
            f"but this tokenizer is {tokenizer.hash[:12]}",
            reimport(folder, force=True),
        )
    if verify:
        for split in manifest["splits"].values():
            for entry in split["shards"]:
                if sha256(folder / entry["file"]) != entry["sha256"]:
                    raise damaged(folder / entry["file"], "its content does not have the hash in the manifest")
    return shards


def damaged(path: Path, why: str) -> UserError:
    return UserError(f"{path} is damaged: {why}", reimport(path.parent, force=True))


def reimport(folder: Path, force: bool = False) -> str:
    return f"acorn data import SOURCE... --tokenizer TOKENIZER --out {folder}{' --force' if force else ''}"
