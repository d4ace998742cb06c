"""
Conversations from files: one a line (.jsonl, also .gz and .zst of it), one JSON array of them, or .parquet with one a
row; in any of the shapes of chat_shapes.py, each recognised by itself. A file is read a piece at a time, and no piece
is held that is longer than MAX_LINE.
"""

import codecs
import itertools
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from acorn.data.chat_shapes import FIELDS, conversation
from acorn.data.documents import CHUNK, chunks, lines
from acorn.errors import UserError
from acorn.tokenizer.chat import BadChat

MAX_LINE = 4 << 20  # bytes; a longer line is no conversation
BAD_SHARE = 0.05  # of the lines; above it the file is refused
BETWEEN = re.compile(r"[\s,]*")  # the items of an array


@dataclass
class Chats:
    """What a file gave."""

    path: Path
    good: list[list[dict]] = field(default_factory=list)
    shapes: Counter = field(default_factory=Counter)  # name of the shape -> conversations
    dropped: Counter = field(default_factory=Counter)  # cause -> lines
    first: str = ""  # the first that was dropped: 'line 7: message 1 has the role ...'

    @property
    def bad(self) -> int:
        return self.dropped.total()

    @property
    def seen(self) -> int:
        return len(self.good) + self.bad

    @property
    def refused(self) -> bool:
        return not self.good or self.bad > BAD_SHARE * self.seen

    def __str__(self) -> str:
        """chats.jsonl: 98 conversations (Alpaca); 2 of 100 lines are left out (not JSON 2); line 7: Expecting ..."""
        shapes = ", ".join(shape if n == len(self.good) else f"{shape} {n:,}" for shape, n in self.shapes.most_common())
        name = "stdin" if str(self.path) == "-" else self.path
        text = f"{name}: {len(self.good):,} conversation{'s' * (len(self.good) != 1)}" + f" ({shapes})" * bool(shapes)
        if self.bad:
            text += f"; {self.bad:,} of {self.seen:,} lines are left out ({self.causes()}); {self.first}"
        return text

    def causes(self) -> str:
        return ", ".join(f"{cause} {n:,}" for cause, n in self.dropped.most_common())


def to_stderr(text: str) -> None:
    print(text, file=sys.stderr)


def read_conversations(path: Path, say: Callable[[str], None] = to_stderr) -> list[list[dict]]:
    """
    -> lists of {"role", "content"}. Says what was found and what was left out; UserError above 5 % of the lines, or
    when nothing is left.
    """
    found = read_chats(path)
    if found.refused:
        why = f"{found.causes()}); {found.first}" if found.bad else "it is empty)"
        raise UserError(
            f"{path}: {found.bad:,} of {found.seen:,} lines are no conversation ({why}",
            f"acorn data preview {path}",
        )
    say(str(found))
    return found.good


def read_chats(path: Path) -> Chats:
    """Everything that a file gives, however little; UserError where it cannot be read at all."""
    found, path = Chats(path), Path(path)
    if path.is_dir():
        raise UserError(f"{path} is a folder; name a file of conversations")
    try:
        for place, row in rows(path):
            try:
                shape, messages = conversation(row())
            except BadChat as e:
                found.dropped[e.cause] += 1
                found.first = found.first or f"{place}: {e.message}"
            else:
                found.shapes[shape] += 1
                found.good.append(messages)
    except FileNotFoundError:
        raise UserError(f"no file {path}") from None
    except OSError as e:
        raise UserError(f"cannot read {path}: {e.strerror or str(e)[:200]}") from None
    return found


# --- files ------------------------------------------------------------------------------------------------------------


def rows(path: Path) -> Iterator[tuple[str, Callable]]:
    """-> (place, what gives its row or raises BadChat). The path - is stdin."""
    if path.suffix.lower() == ".parquet":
        yield from parquet_rows(path)
        return
    blocks = iter(lambda: sys.stdin.buffer.read(CHUNK), b"") if str(path) == "-" else chunks(path, lambda at: None)
    head = b""
    for block in blocks:
        head += block
        if len(head.lstrip()) > 100 or len(head) > MAX_LINE:
            break
    head = head.removeprefix(codecs.BOM_UTF8)
    if is_array(head):
        yield from array_rows(path, itertools.chain([head.lstrip()[1:]], blocks))
        return
    for number, line in enumerate(lines(itertools.chain([head], blocks), MAX_LINE), 1):
        if line is None or line.strip():
            yield f"line {number}", partial(parse, line)


def is_array(head: bytes) -> bool:
    """Whether the file is one array of conversations: not where a list of messages stands on the first line."""
    return head.lstrip().startswith(b"[") and not re.match(rb'\s*\[[ \t]*{[ \t]*"(role|content|from|value)"', head)


def parse(line: bytes | None):
    if line is None:
        raise BadChat("too long", f"longer than {MAX_LINE:,} bytes")
    try:
        return json.loads(line.decode())
    except UnicodeDecodeError as e:
        raise BadChat("not UTF-8", f"not UTF-8: {e.reason} at byte {e.start}") from None
    except ValueError as e:
        raise BadChat("not JSON", f"not JSON: {e}") from None
    except RecursionError:
        raise BadChat("not JSON", "nested too deeply") from None


def array_rows(path: Path, blocks: Iterator[bytes]) -> Iterator[tuple[str, Callable]]:
    """Items of an array, after its [. Where one is broken nobody knows where the next begins: UserError."""
    utf8, decoder, number = codecs.getincrementaldecoder("utf-8")(), json.JSONDecoder(), 1
    text, at, ended = "", 0, False
    while True:
        at = BETWEEN.match(text, at).end()
        why = "the array does not end; the file may be cut off"
        if at < len(text):
            if text[at] == "]":
                return
            try:
                row, at = decoder.raw_decode(text, at)
            except ValueError as e:  # also where it goes on in the next block
                why = getattr(e, "msg", str(e))
            except RecursionError:
                raise UserError(f"{path}: item {number} of the array is nested too deeply") from None
            else:
                yield f"item {number}", partial(lambda row: row, row)
                number += 1
                continue
        if ended or len(text) - at > MAX_LINE:
            long = f", or longer than {MAX_LINE:,} characters" * (not ended)
            raise UserError(f"{path}: item {number} of the array is broken{long}: {why}")
        block = next(blocks, b"")
        ended = not block
        try:
            text, at = text[at:] + utf8.decode(block, final=ended), 0
        except UnicodeDecodeError:
            raise UserError(f"{path}: item {number} of the array or the next is not UTF-8") from None


def parquet_rows(path: Path) -> Iterator[tuple[str, Callable]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    def row_of(batch, i: int) -> dict:
        try:
            return batch.slice(i, 1).to_pylist()[0]
        except UnicodeDecodeError:
            raise BadChat("not UTF-8", "not UTF-8") from None

    number = 0
    try:
        with pq.ParquetFile(path, memory_map=True) as file:
            names = file.schema_arrow.names
            columns = [name for name in names if name in FIELDS]
            if not columns:
                raise UserError(f"{path} has no conversations; its columns are {', '.join(names)}")
            for batch in file.iter_batches(batch_size=64, columns=columns, use_threads=False):
                for i in range(len(batch)):
                    number += 1
                    yield f"row {number}", partial(row_of, batch, i)
    except pa.ArrowException as e:
        raise UserError(f"{path} is not a whole parquet file: {str(e)[:200]}") from None
