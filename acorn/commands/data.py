"""acorn data import | preview | download | stats"""

import json
import random
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import tyro

from acorn.commands.sources import documents, table, watched
from acorn.data.documents import MAX_BROKEN, Counts
from acorn.errors import UserError, did_you_mean

NANOGPT = "nanogpt:"  # source: a folder with nanoGPT's token files


@dataclass
class Import:
    """
    Turn text into token shards, which training maps into memory. nanogpt:DIR stands for train.bin, val.bin and, if
    there is one, meta.pkl, as nanoGPT's prepare.py writes them.
    """

    sources: tyro.conf.Positional[tuple[str, ...]]  # files and folders of text, recipe:NAME:COUNT, or nanogpt:DIR
    out: Path  # folder to write; it appears whole or not at all
    tokenizer: Path | None = None  # tokenizer.json; of nanogpt:DIR with a meta.pkl: its characters
    split: Literal["hash", "tail"] = "hash"  # validation: documents chosen by a hash of their text, or every text's end
    val_fraction: float = 0.02  # share that goes to validation
    text_key: str = "text"  # field of .jsonl lines, column of .parquet files
    max_broken: float = MAX_BROKEN  # share of broken lines, rows or files that is put up with
    force: bool = False  # replace a finished import
    json: bool = False  # the manifest as JSON on stdout

    def run(self) -> None:
        counts, start = Counts(), time.monotonic()
        if any(source.startswith(NANOGPT) for source in self.sources):
            manifest = self.token_files(counts)
        else:
            manifest = self.text(counts)
        if self.json:
            print(json.dumps(manifest))
            return
        seconds, size = time.monotonic() - start, sum(split["bytes"] for split in manifest["splits"].values())
        print(f"{self.out}: {size / 1e6:.1f} MB of text in {seconds:.1f} s ({size / 1e6 / seconds:.1f} MB/s)")
        show_splits(manifest)
        if counts.dropped:
            print(f"not used: {counts.causes()}")
        if not manifest["splits"]["val"]["documents"]:
            print("validation is empty: import more than one document, or use --split tail", file=sys.stderr)

    def text(self, counts: Counts) -> dict:
        from acorn.data.shards import write_shards
        from acorn.tokenizer.tokenizer import Tokenizer

        if self.tokenizer is None:
            raise UserError(
                "--tokenizer is missing: the tokenizer.json that cuts text into tokens",
                f"acorn tokenizer train {' '.join(self.sources)} --out tokenizer.json",
            )
        read = watched(documents(self.sources, counts, self.text_key, self.max_broken), counts, "importing")
        how = {"split": self.split, "val_fraction": self.val_fraction, "force": self.force}
        return write_shards(read, Tokenizer.load(self.tokenizer), self.out, counts=counts, **how)

    def token_files(self, counts: Counts) -> dict:
        """nanoGPT's folder has its own split, and its own vocabulary or GPT-2's."""
        from acorn.data.shards import write_tokens
        from acorn.data.token_files import folder_tokenizer, token_documents
        from acorn.tokenizer.tokenizer import Tokenizer

        if len(self.sources) > 1:
            raise UserError(f"{NANOGPT}DIR is imported alone: its tokens cannot be mixed with other sources")
        folder = Path(self.sources[0].removeprefix(NANOGPT))
        if not folder.is_dir():
            raise UserError(f"no folder {folder}", f"acorn data import {NANOGPT}data/shakespeare_char --out {self.out}")
        tokenizer = folder_tokenizer(folder)
        if tokenizer is not None and self.tokenizer is not None:
            raise UserError(f"--tokenizer {self.tokenizer}: {folder / 'meta.pkl'} says already what its tokens mean")
        if tokenizer is None and self.tokenizer is None:
            raise UserError(
                f"{folder} has no meta.pkl, so its tokens are GPT-2's: --tokenizer is missing",
                "acorn tokenizer import FOLDER_OF_VOCAB_AND_MERGES --out gpt2.json, then --tokenizer gpt2.json",
            )
        tokenizer = tokenizer or Tokenizer.load(self.tokenizer)
        sizes, read = tokenizer.token_bytes(), token_documents(folder, tokenizer, counts)
        parts = ((name, ids, int(sizes[ids].sum())) for name, ids in read)
        parts = watched(parts, counts, "importing", bytes_of=lambda part: part[2])
        return write_tokens(parts, tokenizer, self.out, {"split": "nanogpt"}, force=self.force, counts=counts)


def show_splits(manifest: dict) -> None:
    rows = []
    for name, split in manifest["splits"].items():
        content = max(1, split["tokens"] - split["documents"])  # without the bos of each document
        numbers = [f"{split[key]:,}" for key in ("documents", "tokens", "bytes")]
        rows.append([name, *numbers, f"{split['bytes'] / content:.3f}", str(len(split["shards"]))])
    print(table(["split", "documents", "tokens", "bytes", "bytes/token", "files"], rows))


@dataclass
class Stats:
    """What is in a folder of token shards: documents, tokens, how long the documents are."""

    folder: tyro.conf.Positional[Path]  # folder of token shards
    verify: bool = False  # read every byte and compare with the hashes in the manifest
    json: bool = False  # result as JSON on stdout

    def run(self) -> None:
        from acorn.data.shards import open_shards

        shards = open_shards(self.folder, verify=self.verify)
        lengths = {name: [np.diff(shard.offsets) for shard in files] for name, files in shards.splits.items()}
        manifest = shards.manifest
        histograms = {name: histogram(np.concatenate(parts)) if parts else [] for name, parts in lengths.items()}
        if self.json:
            splits = {
                name: {key: split[key] for key in ("documents", "tokens", "bytes")} | {"lengths": histograms[name]}
                for name, split in manifest["splits"].items()
            }
            about = {key: manifest.get(key) for key in ("tokenizer", "split", "val_fraction", "read")}
            print(json.dumps({"folder": str(self.folder), **about, "splits": splits}))
            return
        kind, digest = manifest["tokenizer"]["kind"], manifest["tokenizer"]["hash"][:12]
        print(f"{self.folder}: tokenizer {digest} ({kind}, {manifest['tokenizer']['n_vocab']:,} tokens)")
        share = f", {manifest['val_fraction']:.1%}" if "val_fraction" in manifest else ""
        print(f"validation by {manifest['split']}{share}\n")
        show_splits(manifest)
        for name, bars in histograms.items():
            if bars:
                print(f"\nlengths in {name}, in tokens\n{draw(bars)}")
        if manifest["read"].get("dropped"):
            print("\nnot used: " + ", ".join(f"{n:,} {cause}" for cause, n in manifest["read"]["dropped"].items()))
        if self.verify:
            print("\nevery file has the content that the manifest says")


def histogram(lengths: np.ndarray, what: str = "documents") -> list[dict]:
    """In powers of two, from the first that occurs: [{"from": 1, "to": 1, "documents": n}, {"from": 2, "to": 3, …}]"""
    power = np.floor(np.log2(lengths)).astype(int)
    used = np.bincount(power)
    return [{"from": 2**p, "to": 2 ** (p + 1) - 1, what: int(used[p])} for p in range(power.min(), len(used))]


def draw(bars: list[dict], what: str = "documents", width: int = 40) -> str:
    most = max(bar[what] for bar in bars)
    rows = []
    for bar in bars:
        length = -(-bar[what] * width // most)  # rounded up, so that few is not none
        rows.append([f"{bar['from']:,}-{bar['to']:,}", f"{bar[what]:,}", "█" * length])
    left, middle = (max(len(row[i]) for row in rows) for i in (0, 1))
    return "\n".join(f"{a:>{left}}  {b:>{middle}}  {c}".rstrip() for a, b, c in rows)


@dataclass
class Preview:
    """What files of conversations hold: a few to read, what of it is learned (▌), how long they are, what is broken."""

    files: tyro.conf.Positional[tuple[Path, ...]]  # files of conversations (.jsonl, .json, .parquet); - is stdin
    run_name: Annotated[str | None, tyro.conf.arg(name="run")] = None  # count in the tokens of this run
    tokenizer: Path | None = None  # or of this tokenizer.json (default: in characters)
    context: int | None = None  # tokens that fit the model (default: of the run)
    n: Annotated[int, tyro.conf.arg(aliases=["-n"])] = 3  # conversations to show
    seed: int = 0  # which ones
    chars: int = 600  # characters of a turn to show; 0 is all
    json: bool = False  # result as JSON on stdout, the conversations with their messages

    def run(self) -> int:
        from acorn.commands.paint import find_tokenizer
        from acorn.data.chats import read_chats

        if not self.files:
            raise UserError("name at least one file of conversations", "acorn data preview FILE.jsonl")
        if self.run_name and self.tokenizer:
            raise UserError("--run and --tokenizer: one of them")
        tokenizer, context = None, None
        if self.run_name or self.tokenizer:
            tokenizer, context = find_tokenizer(self.run_name or str(self.tokenizer))
        context = self.context if self.context is not None else context
        found = [read_chats(path) for path in self.files]
        talks = [talk for chats in found for talk in chats.good]
        counts = measure(talks, tokenizer, context)
        shown = random.Random(self.seed).sample(range(len(talks)), min(max(0, self.n), len(talks)))
        if self.json:
            files = [
                {"path": str(f.path), "conversations": len(f.good), "shapes": f.shapes, "dropped": f.dropped}
                | {"first": f.first, "refused": f.refused}
                for f in found
            ]
            print(json.dumps({"files": files, **counts, "shown": [talks[i] for i in shown]}))
        else:
            show_conversations([(i, talks[i]) for i in shown], len(talks), self.chars)
            show_counts(found, counts)
        return int(any(chats.refused for chats in found))


def measure(talks: list, tokenizer, context: int | None) -> dict:
    """Lengths are in tokens as they are trained on, or in characters where there is no tokenizer."""
    from acorn.tokenizer.chat import parts_of, render

    lengths, learned, unencodable, first = [], 0, 0, ""
    for i, talk in enumerate(talks):
        if tokenizer:
            try:
                ids, mask = render(tokenizer, talk)
            except UserError as e:  # a character that a character-level tokenizer does not know
                unencodable, first = unencodable + 1, first or f"conversation {i + 1}: {e.message}"
                continue
            lengths.append(len(ids))
            learned += sum(mask)
        else:
            parts = [(m["role"], part) for m in talk for part in parts_of(m["content"])]
            lengths.append(sum(len(part["text"]) for _, part in parts))
            learned += sum(len(part["text"]) for who, part in parts if who == "assistant" and part["type"] != "output")
    calls = sum(part["type"] == "python" for talk in talks for m in talk for part in parts_of(m["content"]))
    return {
        "conversations": len(talks),
        "turns": sum(map(len, talks)),
        "calls": calls,
        "unit": "tokens" if tokenizer else "characters",
        "size": sum(lengths),
        "learned": learned,
        "longest": max(lengths, default=0),
        "context": context,
        "longer": sum(length > context + 1 for length in lengths) if tokenizer and context else None,
        "unencodable": unencodable,
        "unencodable_first": first,
        "lengths": histogram(np.array(lengths), "conversations") if lengths else [],
    }


def show_conversations(shown: list[tuple[int, list]], total: int, chars: int) -> None:
    from acorn.commands.paint import print_conversation

    for i, talk in shown:
        print(f"conversation {i + 1:,} of {total:,}")
        print_conversation(talk, chars)
        print()


def show_counts(found: list, counts: dict) -> None:
    from acorn.commands.paint import visible

    for chats in found:
        refused = "; too many are broken for training, which refuses the file" if chats.good and chats.refused else ""
        print(visible(f"{chats}{refused}"))
    if not counts["conversations"]:
        example = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]
        print("\na line of such a file: " + json.dumps({"messages": example}), file=sys.stderr)
        return
    unit, size, talks = counts["unit"], counts["size"], counts["conversations"]
    calls = f", {counts['calls']:,} call{'s' * (counts['calls'] > 1)} of a tool" if counts["calls"] else ""
    print(f"\n{talks:,} conversation{'s' * (talks > 1)}, {counts['turns']:,} turns{calls}")
    if counts["lengths"]:
        mean = size / (talks - counts["unencodable"])
        print(f"{size:,} {unit}, {counts['learned'] / size:.1%} of them learned, {mean:,.0f} a conversation")
        print(f"\nlengths in {unit}\n{draw(counts['lengths'], 'conversations')}")
    if counts["longer"] is not None:
        share = f"{counts['longer']:,} ({counts['longer'] / talks:.1%})"
        left_out = ", left out of training" if counts["longer"] else ""
        print(f"\nlonger than the context of {counts['context']:,} tokens: {share}{left_out}")
    elif unit == "characters":
        print("\nwith --run RUN or --tokenizer FILE the lengths are in tokens", file=sys.stderr)
    if counts["unencodable"]:
        print(f"{counts['unencodable']:,} cannot be encoded; {counts['unencodable_first']}")


@dataclass
class Download:
    """Fetch a public pretraining set. Run the same command again to go on where it stopped."""

    name: tyro.conf.Positional[str]  # climbmix
    out: Path  # folder for the files
    shards: int = 1  # how many files, from the first
    url: str = ""  # folder on another server, such as a mirror
    workers: int = 4  # files at a time

    def run(self) -> None:
        from acorn.data.download import DATASETS, fetch

        if self.name not in DATASETS:
            known = ", ".join(f"{name} ({set.what})" for name, set in DATASETS.items())
            raise UserError(f"no set {self.name!r}.{did_you_mean(self.name, DATASETS)} There is: {known}")
        if self.workers < 1:
            raise UserError(f"--workers {self.workers}: at least 1")
        names = DATASETS[self.name].names(self.shards)
        base = (self.url or DATASETS[self.name].url).rstrip("/")
        stop = threading.Event()

        def one(name: str) -> bool:
            task = progress.add_task(name, total=None)
            update = lambda have, total: progress.update(task, completed=have, total=total)
            new = fetch(f"{base}/{name}", self.out / name, on_bytes=update, stop=stop)
            progress.remove_task(task)
            progress.console.print(f"{name}: {'fetched' if new else 'is there already'}")
            return new

        with transfers() as progress, ThreadPoolExecutor(self.workers) as pool:
            try:
                fetched = list(pool.map(one, names))
            except BaseException:  # the first error ends them all; what has come stays, as .part
                stop.set()
                pool.shutdown(cancel_futures=True)
                raise
        print(f"{self.out}: {sum(fetched)} fetched, {len(fetched) - sum(fetched)} were there")
        print(f"next: acorn tokenizer train {self.out} --out tokenizer.json --max-bytes 2000000000", file=sys.stderr)


def transfers():
    """A bar for each file that is under way, on a terminal; elsewhere only what is printed."""
    from rich import progress
    from rich.console import Console

    text, bar, size = progress.TextColumn("{task.description}"), progress.BarColumn(), progress.DownloadColumn()
    columns = [text, bar, size, progress.TransferSpeedColumn(), progress.TimeRemainingColumn()]
    return progress.Progress(*columns, console=Console(stderr=True, highlight=False), disable=not sys.stderr.isatty())
