"""acorn data clean"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import tyro

from acorn.commands.sources import table, watched
from acorn.data.documents import MAX_BROKEN, Counts, find_files, read_documents
from acorn.errors import UserError


@dataclass
class Clean:
    """
    A corpus without its duplicates, secrets, personal data and rubbish: text, .jsonl and .parquet -> .jsonl.zst.
    Secrets and personal data give way to placeholders; documents are dropped for the causes that the report counts.
    Run the same command again to go on after an interruption.
    """

    inputs: tyro.conf.Positional[tuple[Path, ...]]  # files and folders of text
    out: Path  # folder: documents/ with what is kept, report.json, report.md
    text_key: str = "text"  # field of .jsonl lines, column of .parquet files
    near: float = 0.8  # share of common word runs that makes two documents near-duplicates; 0: exact ones only
    avoid: tuple[Path, ...] = ()  # evaluation files: documents that hold their texts are dropped
    min_words: int = 5  # drop documents of fewer words
    english: bool = False  # drop prose in other languages
    keep_generated: bool = False  # keep what says that a program wrote it
    keep_profanity: bool = False  # keep what curses a lot
    keep_secrets: bool = False  # do not look for secrets and personal data
    keep_personal: bool = False  # leave e-mail addresses, telephone, card and account numbers alone
    max_broken: float = MAX_BROKEN  # share of broken lines, rows or files that is put up with
    force: bool = False  # begin again, without what is there
    json: bool = False  # the report as JSON on stdout

    def run(self) -> None:
        from acorn.data.clean import Cleaner, Options, clean
        from acorn.data.overlap import Overlap, read_items
        from acorn.data.parts import Parts
        from acorn.data.quality import Limits

        if not self.inputs:
            raise UserError("name at least one file or folder of text", "acorn data clean corpus/ --out clean")
        if not 0 <= self.near <= 1:
            raise UserError(f"--near {self.near}: a share from 0 to 1")
        files = [path for one in self.inputs for path, _ in find_files(one, Counts())]
        if any(self.out.resolve() in path.resolve().parents for path in files):
            raise UserError(f"--out {self.out} lies among the input", "choose a folder outside of it")
        limits = Limits(
            self.min_words,
            generated=not self.keep_generated,
            english=self.english,
            max_profane=0 if self.keep_profanity else 3,
        )
        options = Options(limits, self.near, not self.keep_secrets, not self.keep_personal)
        avoid = Overlap(read_items(self.avoid)) if self.avoid else None
        stats = [(str(path), path.stat()) for path in [*files, *self.avoid]]
        job = {
            "inputs": [[name, stat.st_size, stat.st_mtime_ns] for name, stat in stats],
            "options": repr(options),
            "text key": self.text_key,
        }
        parts = Parts(self.out, "documents", job, self.force)
        try:
            if parts.done:
                print(f"{parts.done} parts are there, going on", file=sys.stderr)
            counts = Counts()
            read = read_documents(self.inputs, counts, self.text_key, self.max_broken)
            tally = clean(watched(read, counts, "cleaning"), parts, Cleaner(options, avoid=avoid))
            for cause, n in counts.dropped.items():  # what could not be read at all
                tally.dropped[cause] += n
                tally.seen += n
                tally.example(cause, counts.first[cause])
            self.report(tally, parts)
        finally:
            parts.close()

    def report(self, tally, parts) -> None:
        from acorn.data.clean import markdown
        from acorn.data.parts import write_whole

        lines = [
            f"{tally.seen:,} documents seen, {tally.kept:,} kept ({tally.kept / max(1, tally.seen):.1%})",
            f"{tally.bytes_seen / 1e6:,.1f} MB read, {tally.bytes_kept / 1e6:,.1f} MB kept, "
            f"{tally.changed:,} documents with placeholders",
        ]
        files = [str(parts.path(number).relative_to(self.out)) for number in range(parts.done)]
        write_whole(self.out / "report.md", markdown("What was cleaned", lines, tally.tables()).encode())
        write_whole(self.out / "report.json", json.dumps({**tally.to_dict(), "files": files}, indent=1).encode())
        if self.json:
            print(json.dumps({**tally.to_dict(), "files": files}))
            return
        print("\n".join(lines))
        for head, rows in tally.tables():
            print("\n" + table(head[:2], [row[:2] for row in rows]))
        print(f"\nnext: acorn tokenizer train {self.out / 'documents'} --out tokenizer.json", file=sys.stderr)
