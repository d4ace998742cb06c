"""acorn data import | download | stats"""

import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import tyro

from acorn.commands.sources import documents, table, watched
from acorn.data.documents import MAX_BROKEN, Counts
from acorn.errors import UserError, did_you_mean


@dataclass
class Import:
    """Turn text into token shards, which training maps into memory."""

    sources: tyro.conf.Positional[tuple[str, ...]]  # files (.txt .md .jsonl .parquet, code), folders, recipe:NAME:COUNT
    tokenizer: Path  # tokenizer.json
    out: Path  # folder to write; it appears whole or not at all
    split: Literal["hash", "tail"] = "hash"  # validation: documents chosen by a hash of their text, or every text's end
    val_fraction: float = 0.02  # share that goes to validation
    text_key: str = "text"  # field of .jsonl lines, column of .parquet files
    max_broken: float = MAX_BROKEN  # share of broken lines, rows or files that is put up with
    force: bool = False  # replace a finished import
    json: bool = False  # the manifest as JSON on stdout

    def run(self) -> None:
        from acorn.data.shards import write_shards
        from acorn.tokenizer.tokenizer import Tokenizer

        tokenizer, counts, start = Tokenizer.load(self.tokenizer), Counts(), time.monotonic()
        read = watched(documents(self.sources, counts, self.text_key, self.max_broken), counts, "importing")
        how = {"split": self.split, "val_fraction": self.val_fraction, "force": self.force}
        manifest = write_shards(read, tokenizer, self.out, counts=counts, **how)
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
            about = {key: manifest[key] for key in ("tokenizer", "split", "val_fraction", "read")}
            print(json.dumps({"folder": str(self.folder), **about, "splits": splits}))
            return
        kind, digest = manifest["tokenizer"]["kind"], manifest["tokenizer"]["hash"][:12]
        print(f"{self.folder}: tokenizer {digest} ({kind}, {manifest['tokenizer']['n_vocab']:,} tokens)")
        print(f"validation by {manifest['split']}, {manifest['val_fraction']:.1%}\n")
        show_splits(manifest)
        for name, bars in histograms.items():
            if bars:
                print(f"\nlengths in {name}, in tokens\n{draw(bars)}")
        if manifest["read"].get("dropped"):
            print("\nnot used: " + ", ".join(f"{n:,} {cause}" for cause, n in manifest["read"]["dropped"].items()))
        if self.verify:
            print("\nevery file has the content that the manifest says")


def histogram(lengths: np.ndarray) -> list[dict]:
    """In powers of two, from the first that occurs: [{"from": 1, "to": 1, "documents": n}, {"from": 2, "to": 3, …}]"""
    power = np.floor(np.log2(lengths)).astype(int)
    used = np.bincount(power)
    return [{"from": 2**p, "to": 2 ** (p + 1) - 1, "documents": int(used[p])} for p in range(power.min(), len(used))]


def draw(bars: list[dict], width: int = 40) -> str:
    most = max(bar["documents"] for bar in bars)
    rows = []
    for bar in bars:
        length = -(-bar["documents"] * width // most)  # rounded up, so that few is not none
        rows.append([f"{bar['from']:,}-{bar['to']:,}", f"{bar['documents']:,}", "█" * length])
    left, middle = (max(len(row[i]) for row in rows) for i in (0, 1))
    return "\n".join(f"{a:>{left}}  {b:>{middle}}  {c}".rstrip() for a, b, c in rows)


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
