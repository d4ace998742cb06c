"""acorn tokenizer train | import | eval | show"""

import json
import re
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import tyro

from acorn.commands.paint import find_tokenizer, print_tokens
from acorn.commands.sources import documents, table, watched
from acorn.data.documents import MAX_BROKEN, PROSE, Counts, Document, inner_suffix, read_documents
from acorn.errors import UserError
from acorn.tokenizer.tokenizer import Tokenizer


@dataclass
class Train:
    """Learn a vocabulary from text: byte-pair encoding (any text can be encoded) or one token per character."""

    sources: tyro.conf.Positional[tuple[str, ...]]  # files (.txt .md .jsonl .parquet, code), folders, recipe:NAME:COUNT
    out: Path = Path("tokenizer.json")  # file to write
    vocab_size: int = 4096  # tokens, with the 256 bytes and the special tokens
    chars: bool = False  # one token per character instead; vocab_size follows from the text
    max_bytes: int | None = None  # stop after this much text (default: all of it)
    text_key: str = "text"  # field of .jsonl lines, column of .parquet files
    max_broken: float = MAX_BROKEN  # share of broken lines, rows or files that is put up with
    force: bool = False  # replace a tokenizer that is there already
    json: bool = False  # result as JSON on stdout

    def run(self) -> None:
        from acorn.tokenizer.train import train_bpe, train_chars

        if self.out.exists() and not self.force:
            raise UserError(f"{self.out} exists, and shards may need it", "add --force, or choose another --out")
        counts, size, start = Counts(), Size(), time.monotonic()
        read = watched(documents(self.sources, counts, self.text_key, self.max_broken), counts, "reading")
        texts = size.of(read, self.max_bytes)
        tokenizer = train_chars(texts) if self.chars else train_bpe(texts, self.vocab_size)
        seconds = time.monotonic() - start
        tokenizer.save(self.out)
        result = {
            "tokenizer": str(self.out),
            "kind": tokenizer.kind,
            "n_vocab": tokenizer.n_vocab,
            "hash": tokenizer.hash,
            "documents": size.documents,
            "bytes": size.bytes,
            "seconds": round(seconds, 3),
            "read": counts.to_dict(),
        }
        if self.json:
            print(json.dumps(result))
            return
        print(f"{self.out}: {tokenizer.n_vocab:,} tokens ({tokenizer.kind}), hash {tokenizer.hash[:12]}")
        rate = f"{size.bytes / 1e6:.1f} MB, {seconds:.1f} s ({size.bytes / 1e6 / seconds:.1f} MB/s)"
        print(f"learned from {size.documents:,} documents, {rate}")
        if not self.chars and tokenizer.n_vocab < self.vocab_size:
            print(f"fewer than the {self.vocab_size:,} tokens asked for: the text has no more pairs to merge")
        if counts.dropped:
            print(f"not used: {counts.causes()}")


class Size:
    """Counts what passes, and stops the flow at a limit."""

    documents = bytes = 0

    def of(self, source: Iterable[Document], limit: int | None) -> Iterator[str]:
        for document in source:
            yield document.text
            self.documents += 1
            self.bytes += len(document.text.encode())
            if limit is not None and self.bytes >= limit:
                return


@dataclass
class Import:
    """
    A public tokenizer -> a tokenizer.json of ours, with the same ids: to train a new model on GPT-2's tokens. A model
    that is imported brings its own.
    """

    folder: tyro.conf.Positional[Path]  # vocab.json with merges.txt, encoder.json with vocab.bpe, or a tokenizer.json
    out: Path = Path("tokenizer.json")  # file to write
    force: bool = False  # replace a tokenizer that is there already

    def run(self) -> None:
        from acorn.export.tokenizer_in import tokenizer_from_folder

        if self.out.exists() and not self.force:
            raise UserError(f"{self.out} exists, and shards may need it", "add --force, or choose another --out")
        if not self.folder.is_dir():
            raise UserError(f"no folder {self.folder}", "acorn tokenizer import FOLDER --out tokenizer.json")
        tokenizer = tokenizer_from_folder(self.folder, {}, None)
        tokenizer.save(self.out)
        print(f"{self.out}: {tokenizer.n_vocab:,} tokens, hash {tokenizer.hash[:12]}")


@dataclass
class Eval:
    """Bytes per token by kind of text (more is better), beside GPT-2's tokenizer where its files are given."""

    tokenizer: tyro.conf.Positional[Path]  # tokenizer.json
    sources: tyro.conf.Positional[tuple[str, ...]]  # files and folders
    gpt2: Path | None = None  # folder with GPT-2's encoder.json and vocab.bpe (or vocab.json and merges.txt)
    gpt2_vocab: Path | None = None  # GPT-2's encoder.json, where it has another name
    gpt2_merges: Path | None = None  # GPT-2's vocab.bpe, where it has another name
    max_bytes: int = 20_000_000  # text read per source
    text_key: str = "text"  # field of .jsonl lines, column of .parquet files
    json: bool = False  # result as JSON on stdout

    def run(self) -> None:
        ours, theirs = Tokenizer.load(self.tokenizer), self.load_gpt2()
        if not self.sources:
            raise UserError("name at least one file or folder to measure on")
        kinds: dict[str, dict] = {}
        for source in self.sources:
            counts = Counts()
            read = watched(read_documents([source], counts, self.text_key), counts, f"reading {source}")
            for batch in batches(read, self.max_bytes):
                measure(kinds, batch, ours, theirs)
        for row in kinds.values():
            row["bytes_per_token"] = row["bytes"] / row["tokens"]
            if theirs:
                row["gpt2_bytes_per_token"] = row["bytes"] / row["gpt2_tokens"]
        if self.json:
            print(json.dumps({"tokenizer": str(self.tokenizer), "n_vocab": ours.n_vocab, "kinds": kinds}))
        else:
            show_rates(kinds, ours, theirs)

    def load_gpt2(self) -> Tokenizer | None:
        from acorn.tokenizer.gpt2 import load_gpt2

        if bool(self.gpt2_vocab) != bool(self.gpt2_merges):
            raise UserError("--gpt2-vocab and --gpt2-merges belong together: give both, or --gpt2 FOLDER")
        if self.gpt2_vocab:
            return load_gpt2(self.gpt2_vocab, self.gpt2_merges)
        if self.gpt2 is None:
            return None
        for vocab, merges in (("encoder.json", "vocab.bpe"), ("vocab.json", "merges.txt")):
            if (self.gpt2 / vocab).is_file() and (self.gpt2 / merges).is_file():
                return load_gpt2(self.gpt2 / vocab, self.gpt2 / merges)
        raise UserError(f"{self.gpt2} has neither encoder.json and vocab.bpe nor vocab.json and merges.txt")


def kind_of(document: Document) -> str:
    """prose, or the suffix of the file: a.md -> prose, main.py -> py, wiki.jsonl.zst:7 -> wiki.jsonl"""
    path = Path(re.sub(r"[:#]\d+$", "", document.source))
    suffix = inner_suffix(path)
    if suffix in (".jsonl", ".parquet"):
        return path.stem if path.suffix.lower() != suffix else path.name
    return "prose" if suffix in PROSE else {".yml": "yaml", "": path.name}.get(suffix, suffix[1:])


def batches(source: Iterable[Document], max_bytes: int, batch_chars: int = 4_000_000) -> Iterator[list[Document]]:
    batch, size, total = [], 0, 0
    for document in source:
        batch.append(document)
        size += len(document.text)
        if size >= batch_chars or total + size >= max_bytes:
            yield batch
            batch, size, total = [], 0, total + size
        if total >= max_bytes:
            return
    if batch:
        yield batch


def measure(kinds: dict, batch: list[Document], ours: Tokenizer, theirs: Tokenizer | None) -> None:
    texts = [document.text for document in batch]
    encoded = [ours.encode_batch(texts)] + ([theirs.encode_batch(texts)] if theirs else [])
    for document, *ids in zip(batch, *encoded):
        row = kinds.setdefault(kind_of(document), {"documents": 0, "bytes": 0, "tokens": 0, "gpt2_tokens": 0})
        row["documents"] += 1
        row["bytes"] += len(document.text.encode())
        for name, tokens in zip(("tokens", "gpt2_tokens"), ids):
            row[name] += len(tokens)


def show_rates(kinds: dict, ours: Tokenizer, theirs: Tokenizer | None) -> None:
    head = ["kind", "documents", "MB", f"bytes/token ({ours.n_vocab:,})"]
    head += [f"GPT-2's ({theirs.n_vocab:,})", "tokens against GPT-2"] if theirs else []
    rows = []
    for kind, row in sorted(kinds.items()):
        line = [kind, f"{row['documents']:,}", f"{row['bytes'] / 1e6:.2f}", f"{row['bytes_per_token']:.3f}"]
        if theirs:
            more = row["tokens"] / row["gpt2_tokens"] - 1
            line += [f"{row['gpt2_bytes_per_token']:.3f}", f"{more:+.1%}"]
        rows.append(line)
    print(table(head, rows))


@dataclass
class Show:
    """How a text is cut into tokens, in colour; or a chat, with what is learned in green (in [ ] without colour)."""

    tokenizer: tyro.conf.Positional[str]  # tokenizer.json, or a run
    text: tyro.conf.Positional[str] = "-"  # the text; - reads it from stdin
    file: Path | None = None  # read the text from this file
    chat: Path | None = None  # conversations, any file that acorn data preview reads; - is stdin
    limit: int = 3  # conversations to show
    json: bool = False  # ids, pieces and mask as JSON on stdout, a line for each

    def run(self) -> None:
        tokenizer, _ = find_tokenizer(self.tokenizer)
        if self.chat and (self.file or self.text != "-"):
            raise UserError("--chat shows conversations; a text is shown without it")
        if self.chat:
            from acorn.data.chats import read_conversations
            from acorn.tokenizer.chat import render

            pairs = [render(tokenizer, messages) for messages in read_conversations(self.chat)[: self.limit]]
        else:
            pairs = [(tokenizer.encode(self.read()), None)]
        for ids, mask in pairs:
            if self.json:
                pieces = [tokenizer.decode([i]) for i in ids]
                print(json.dumps({"ids": ids, "pieces": pieces, **({"mask": mask} if mask else {})}))
                continue
            print_tokens(tokenizer, ids, mask)
            size = len(tokenizer.decode_bytes([i for i in ids if i not in tokenizer.specials.values()]))
            learned = f", {sum(mask):,} to learn" if mask else ""
            rate = f"{size:,} bytes, {size / max(1, len(ids)):.2f} bytes/token"
            print(f"{len(ids):,} tokens{learned}, {rate}", file=sys.stderr)

    def read(self) -> str:
        try:
            if self.file:
                return self.file.read_text(encoding="utf-8")
            return sys.stdin.read() if self.text == "-" else self.text
        except OSError as e:
            raise UserError(f"cannot read {self.file}: {e.strerror}") from None
        except UnicodeDecodeError:
            raise UserError(f"{self.file or 'stdin'} is not UTF-8 text") from None
