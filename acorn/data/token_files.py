"""
nanoGPT's token files -> documents of token ids: train.bin and val.bin (uint16, nothing else in them), and meta.pkl with
the characters of a character-level set.

meta.pkl is a pickle, and unpickling runs whatever its maker wrote into it. So it is not unpickled: `read_plain` knows
the few opcodes that make dicts of texts and whole numbers, and refuses all others by name. None of them can call or
import anything, and no size in the file is believed before as many bytes have been seen.
"""

import pickletools  # only for the names of opcodes
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from acorn.data.documents import Counts
from acorn.errors import UserError
from acorn.tokenizer.tokenizer import Tokenizer
from acorn.tokenizer.train import with_specials

SPLITS = {"train": "train.bin", "val": "val.bin"}
MAX_META = 8 << 20  # bytes of a meta.pkl; all of Unicode would take less
CHUNK = 1 << 20  # tokens that are read at once
MAX_DOCUMENT = 1 << 24  # tokens; a longer document becomes several, so that memory stays bounded


def folder_tokenizer(folder: Path) -> Tokenizer | None:
    """The characters that meta.pkl names, with nanoGPT's ids; None where there is no meta.pkl: then it is GPT-2's."""
    path = Path(folder) / "meta.pkl"
    if not path.is_file():
        return None
    size = path.stat().st_size
    if size > MAX_META:
        raise UserError(f"{path} has {size:,} bytes; a vocabulary of characters has at most {MAX_META:,}")
    try:
        return with_specials("chars", characters(read_plain(path.read_bytes())), "")
    except OSError as e:
        raise UserError(f"cannot read {path}: {e.strerror or e}") from None
    except ValueError as e:
        raise UserError(
            f"{path} is not the vocabulary that nanoGPT's data/shakespeare_char/prepare.py writes: {e}",
            f"acorn tokenizer train TEXT --chars --out tokenizer.json, then import the text itself ({path} is not run)",
        ) from None


def characters(meta) -> list[bytes]:
    """{"itos": {0: "\\n", 1: " ", ...}, "stoi": {...}, "vocab_size": n} -> [b"\\n", b" ", ...]"""
    itos = meta.get("itos") if isinstance(meta, dict) else None
    if not isinstance(itos, dict) or not itos:
        raise ValueError("it holds no dict 'itos' of characters")
    if not all(type(i) is int for i in itos) or sorted(itos) != list(range(len(itos))):
        raise ValueError(f"the keys of 'itos' are not the numbers 0 to {len(itos) - 1:,}")
    texts = [itos[i] for i in range(len(itos))]
    for i, text in enumerate(texts):
        if not isinstance(text, str) or len(text) != 1 or 0xD800 <= ord(text) < 0xE000:
            raise ValueError(f"itos[{i}] is {shown(text)}, not one character")
    if len(set(texts)) != len(texts):
        raise ValueError("'itos' names a character twice")
    if meta.get("stoi", wanted := {c: i for i, c in enumerate(texts)}) != wanted:
        raise ValueError("'stoi' is not 'itos' the other way round")
    if meta.get("vocab_size", len(texts)) != len(texts):
        raise ValueError(f"vocab_size is {shown(meta['vocab_size'])}, but 'itos' has {len(texts):,}")
    return [text.encode() for text in texts]


def shown(value) -> str:
    return "a dict" if isinstance(value, dict) else f"{value!r:.40}"  # which may hold itself, or go very deep


# --- the train.bin of a folder ----------------------------------------------------------------------------------------


def token_documents(folder: Path, tokenizer: Tokenizer, counts: Counts) -> Iterator[tuple[str, np.ndarray]]:
    """
    ("train" | "val", ids (n,) int64 without the token between documents), document by document. A character-level file
    is one document.
    """
    paths = {name: Path(folder) / file for name, file in SPLITS.items()}
    for path in paths.values():
        if not path.is_file():
            raise UserError(f"no file {path}; nanoGPT's data/*/prepare.py writes train.bin and val.bin")
        if (size := path.stat().st_size) == 0 or size % 2:
            raise UserError(f"{path} has {size:,} bytes: it holds no uint16 tokens, or is cut off")
    counts.bytes_total = sum(path.stat().st_size for path in paths.values())
    for name, path in paths.items():
        for ids in cut(read_ids(path, tokenizer, counts), tokenizer.bos):
            counts.seen += 1
            counts.kept += 1
            yield name, ids


def read_ids(path: Path, tokenizer: Tokenizer, counts: Counts) -> Iterator[np.ndarray]:
    """The ids (n,) int64 of a file, a part at a time, each of them in the vocabulary."""
    chars = tokenizer.kind == "chars"
    known = len(tokenizer.ordinary) if chars else tokenizer.n_vocab
    at = 0
    try:
        with open(path, "rb") as f:
            while part := f.read(2 * CHUNK):
                ids = np.frombuffer(part, "<u2").astype(np.int64)
                if (beyond := ids >= known).any():
                    where = int(beyond.argmax())
                    raise UserError(
                        f"{path} has token {ids[where]:,} at position {at + where:,}, but the vocabulary has {known:,}",
                        "the meta.pkl of this very file" if chars else "--tokenizer of the vocabulary it was made with",
                    )
                at += len(ids)
                counts.bytes_read += len(part)
                yield ids
    except OSError as e:
        raise UserError(f"cannot read {path}: {e.strerror or e}") from None


def cut(parts: Iterator[np.ndarray], between: int) -> Iterator[np.ndarray]:
    """Parts of a stream -> documents. `between` stands after each, or before; empty ones are left out."""
    rest, size = [], 0
    for ids in parts:
        start = 0
        for end in [*np.flatnonzero(ids == between).tolist(), len(ids)]:
            if end > start:
                rest.append(ids[start:end])
                size += end - start
            if size and (end < len(ids) or size >= MAX_DOCUMENT):
                yield np.concatenate(rest)
                rest, size = [], 0
            start = end + 1
    if size:
        yield np.concatenate(rest)


# --- meta.pkl ---------------------------------------------------------------------------------------------------------

MARK = object()
# opcode -> bytes of the number that follows it: a length, a place in the memo, or the value itself
NUMBERS = {b"K": 1, b"M": 2, b"J": 4, b"X": 4, b"\x8c": 1, b"q": 1, b"r": 4, b"h": 1, b"j": 4, b"\x80": 1, b"\x95": 8}


def read_plain(data: bytes):
    """A pickle (protocol 2 to 5) of nothing but dicts, texts and whole numbers -> the value. ValueError otherwise."""
    stack, memo, at = [], {}, 0

    def take(n: int) -> bytes:
        nonlocal at
        if n > len(data) - at:
            raise ValueError(f"it is cut off: byte {at:,} announces {n:,} bytes and {len(data) - at:,} follow")
        at += n
        return data[at - n : at]

    def pop():
        if not stack or stack[-1] is MARK:
            raise ValueError(f"it is damaged at byte {at:,}: a value is missing")
        return stack.pop()

    def put(pairs: list) -> None:
        if not stack or not isinstance(stack[-1], dict) or len(pairs) % 2:
            raise ValueError(f"it is damaged at byte {at:,}: pairs for a dict, but no dict or no pairs")
        for key, value in zip(pairs[::2], pairs[1::2]):
            if not isinstance(key, str | int):
                raise ValueError("a dict in it has a key that is neither text nor number")
            stack[-1][key] = value

    while True:
        op = take(1)
        number = int.from_bytes(raw := take(NUMBERS.get(op, 0)), "little")
        if op in (b"X", b"\x8c"):
            stack.append(take(number).decode("utf-8", "surrogatepass"))
        elif op in (b"K", b"M"):
            stack.append(number)
        elif op == b"J":
            stack.append(int.from_bytes(raw, "little", signed=True))
        elif op == b"}":
            stack.append({})
        elif op == b"(":
            stack.append(MARK)
        elif op == b"s":
            value, key = pop(), pop()
            put([key, value])
        elif op == b"u":
            pairs = []
            while stack and stack[-1] is not MARK:
                pairs.append(stack.pop())
            if not stack:
                raise ValueError(f"it is damaged at byte {at:,}: a list without beginning")
            stack.pop()
            put(pairs[::-1])
        elif op in (b"q", b"r", b"\x94"):  # remember what is on top, under a number
            value = pop()
            stack.append(value)
            memo[len(memo) if op == b"\x94" else number] = value
        elif op in (b"h", b"j"):
            if number not in memo:
                raise ValueError(f"it is damaged at byte {at:,}: nothing was remembered as {number:,}")
            stack.append(memo[number])
        elif op == b".":
            return pop()
        elif op not in (b"\x80", b"\x95"):  # its version, and frames, which only group what follows
            known = pickletools.code2op.get(op.decode("latin-1"))
            name = known.name if known else f"0x{op[0]:02x}"
            raise ValueError(f"it holds the opcode {name} at byte {at - 1:,}; only dicts, texts and numbers are read")
