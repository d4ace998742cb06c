"""acorn iac corpus"""

import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import tyro

from acorn.commands.sources import table, watched
from acorn.data.documents import Counts
from acorn.errors import UserError, did_you_mean

LOST = "a repository that cannot be cloned"


@dataclass
class Corpus:
    """
    Folders, archives, git repositories and installed packages -> a corpus for training: only infrastructure code and
    the prose about it, under licences that allow it, without secrets, duplicates and evaluation data; train and val by
    repository; 70 % code, 20 % instruction, 10 % docs. Nothing of a source is run or unpacked to disk. Run the same
    command again to go on after an interruption.
    """

    sources: tyro.conf.Positional[tuple[str, ...]]  # folders, archives, addresses of repositories, package:NAME
    out: Path | None = None  # folder: documents/train and val, manifest.jsonl.zst, report.json, report.md
    curated: bool = False  # the repositories of acorn's own list, too (network)
    list: bool = False  # print that list and stop
    licences: tuple[str, ...] = ("permissive",)  # taken: permissive, weak-copyleft, copyleft, restricted, unknown
    avoid: tuple[Path, ...] = ()  # evaluation files: documents that hold their texts are dropped
    near: float = 0.8  # share of common word runs that makes two files near-duplicates
    val_fraction: float = 0.02  # share of the bytes that goes to validation, in whole repositories
    templates: bool = False  # keep YAML that Helm or Jinja has to fill in
    no_conversations: bool = False  # do not fill the instruction share up with the recipe's own conversations
    seed: int = 0  # of those conversations
    force: bool = False  # begin again, without what is there
    json: bool = False  # the report, or the list, as JSON on stdout

    def run(self) -> None:
        from acorn.recipes.iac.corpus import sources

        if self.list:
            return self.show_list(sources.curated())
        given = [*self.sources, *(f"https://github.com/{one['name']}" for one in sources.curated() if self.curated)]
        if not given:
            raise UserError("name at least one source, or --curated", "acorn iac corpus modules/ --out corpus")
        if self.out is None:
            raise UserError(
                "--out is missing: the folder to write", f"acorn iac corpus {' '.join(given[:3])} --out corpus"
            )
        if not 0 <= self.val_fraction < 1 or not 0 <= self.near <= 1:
            raise UserError(f"--val-fraction {self.val_fraction}, --near {self.near}: shares from 0 to 1")
        for one in given:
            if Path(one).is_dir() and Path(one).resolve() in (self.out.resolve(), *self.out.resolve().parents):
                raise UserError(f"--out {self.out} lies in the source {one}", "choose a folder outside of it")
        self.collect(given)

    def collect(self, given: "list[str]") -> None:
        from acorn.data.block import Block
        from acorn.data.clean import Cleaner, Options, clean
        from acorn.data.overlap import Overlap, read_items
        from acorn.data.parts import Parts
        from acorn.recipes.iac.corpus import collect, git, mixture
        from acorn.recipes.iac.corpus.secrets import EXTRA

        sorts = self.sorts()
        options = (sorts, self.near, self.val_fraction, self.templates, self.no_conversations, self.seed)
        shown = [git.shown(one) for one in given]
        job = {"sources": shown, "options": repr(options), "evaluation files": [str(path) for path in self.avoid]}
        parts = Parts(self.out, ".work/kept", job, self.force)
        try:
            if (self.out / "report.json").exists():
                print(f"{self.out} is complete (--force begins again)", file=sys.stderr)
                return self.show(json.loads((self.out / "report.json").read_text(encoding="utf-8")))
            reading, counts = collect.Reading(), Counts()
            opened = self.opened(given, parts, reading)
            avoid = Overlap(read_items(self.avoid)) if self.avoid else None
            cleaner = Cleaner(Options(near=self.near), EXTRA, avoid)
            read = collect.documents(opened, reading, sorts, self.templates)
            tally = clean(watched(counted(read, counts), counts, "collecting"), parts, cleaner, collect.Found.row)
            conversations = None
            if not self.no_conversations:
                from acorn.recipes.iac import recipe

                conversations = lambda seed, count: [
                    talk
                    for talk in recipe().conversations("train", seed, count)
                    if avoid is None or not avoid.find(Block([mixture.as_text(talk).encode()]))[0]
                ]
            if not tally.kept:
                files = reading.tally.dropped.total() + tally.seen
                raise UserError(f"nothing was kept of {files:,} files: {causes(reading.tally, tally)}")
            paths = [parts.path(number) for number in range(parts.done)]
            mixed = mixture.mix(paths, self.out, self.val_fraction, conversations, self.seed)
            report = self.report(tally, reading, mixed, list_kept(self.out))
            for name in ("kept", "clones"):
                shutil.rmtree(parts.work / name, ignore_errors=True)
            self.show(report)
        finally:
            parts.close()

    def opened(self, given: "list[str]", parts, reading) -> "list":
        """The sources; of the curated list those that can be had now, or could when the job began."""
        from acorn.recipes.iac.corpus import git, sources

        said = parts.work / "sources.json"
        before = dict(json.loads(said.read_text(encoding="utf-8"))["state of the sources"]) if said.exists() else {}
        clones, opened, states = parts.work / "clones", [], []
        clones.mkdir(exist_ok=True)
        for one in given:
            if before.get(git.shown(one), "") is None:
                reading.tally.drop(LOST, git.shown(one))
                states.append([git.shown(one), None])
                continue
            if git.is_url(one):
                print(f"cloning {sources.short(one)}", file=sys.stderr)
            try:
                opened.append(sources.open_source(one, clones))
                states.append([git.shown(one), opened[-1].state])
            except UserError as e:
                if one in self.sources:
                    raise
                print(f"left out: {e.message}", file=sys.stderr)
                reading.tally.drop(LOST, git.shown(one))
                states.append([git.shown(one), None])
        parts.check({"state of the sources": states}, "sources.json")
        return opened

    def sorts(self) -> tuple[str, ...]:
        from acorn.data.licences import SORTS, UNKNOWN

        known = {sort.replace(" ", "-"): sort for sort in [*SORTS, UNKNOWN]}
        for one in self.licences:
            if one not in known:
                raise UserError(
                    f"--licences {one!r}: no such sort.{did_you_mean(one, known)} There is: {', '.join(known)}"
                )
        return tuple(known[one] for one in self.licences)

    def report(self, tally, reading, mixed: dict, kept: dict) -> dict:
        from acorn.data.clean import markdown
        from acorn.data.parts import write_whole

        tally.seen += reading.tally.dropped.total()
        for cause, n in reading.tally.dropped.items():
            tally.dropped[cause] += n
            tally.examples.setdefault(cause, reading.tally.examples[cause])
        sources = {name: dict(count) for name, count in reading.sources.items()}
        report = {**tally.to_dict(), "sources": sources, **kept, **mixed}
        write_whole(
            self.out / "report.md", markdown("The corpus", summary(report), [*tables(report), *tally.tables()]).encode()
        )
        write_whole(self.out / "report.json", json.dumps(report, indent=1).encode())
        return report

    def show(self, report: dict) -> None:
        if self.json:
            print(json.dumps(report))
            return
        from acorn.data.clean import Tally

        names = Tally.__dataclass_fields__
        tally = Tally.of({name: report[name] for name in names})
        print("\n".join(summary(report)))
        for head, rows in tables(report):
            print("\n" + table(head, rows))
        for head, rows in tally.tables():
            print("\n" + table(head[:2], [row[:2] for row in rows]))
        print(f"\nnext: acorn tokenizer train {self.out / 'documents' / 'train'} --out tokenizer.json", file=sys.stderr)

    def show_list(self, repositories: "list[dict]") -> None:
        if self.json:
            print(json.dumps(repositories))
            return
        rows = [[one["name"], one["licence"], ", ".join(one["kinds"])] for one in repositories]
        print(table(["repository", "licence", "kinds"], rows))
        print(f"\n{len(rows)} repositories of GitHub; next: acorn iac corpus --curated --out corpus", file=sys.stderr)


def counted(documents, counts: Counts):
    for document in documents:
        counts.kept += 1
        yield document


def causes(*tallies) -> str:
    return ", ".join(f"{n:,} {cause}" for tally in tallies for cause, n in tally.dropped.most_common(6))


def list_kept(out: Path) -> dict:
    """Of the files in the manifest: by kind and by licence."""
    from collections import Counter

    from acorn.recipes.iac.corpus.mixture import rows

    kinds, licences = {}, Counter()
    for row in rows([out / "manifest.jsonl.zst"]):
        kind = kinds.setdefault(row["kind"], {"files": 0, "bytes": 0})
        kind["files"] += 1
        kind["bytes"] += row["bytes"]
        licences[row["licence"]] += 1
    return {"kinds": kinds, "licences": dict(licences.most_common())}


def summary(report: dict) -> list[str]:
    repositories = report["repositories"]
    return [
        f"{report['seen']:,} files seen, {report['kept']:,} kept ({report['kept'] / max(1, report['seen']):.1%}), "
        f"{report['bytes_kept'] / 1e6:,.1f} MB",
        f"{repositories['train']:,} repositories for training, {repositories['val']:,} for validation",
        f"{report['changed']:,} files with placeholders instead of secrets and personal data",
    ]


def tables(report: dict) -> list[tuple[list[str], list[list[str]]]]:
    mixture = []
    for split, sorts in report["splits"].items():
        total = sum(one["bytes"] for one in sorts.values())
        for sort, one in sorts.items():
            mixture.append(
                [
                    f"{split} {sort}",
                    f"{one['documents']:,}",
                    f"{one['bytes'] / 1e6:,.2f}",
                    f"{one['bytes'] / max(1, total):.1%}",
                ]
            )
    kinds = [[kind, f"{one['files']:,}", f"{one['bytes'] / 1e6:,.2f}"] for kind, one in report["kinds"].items()]
    licences = [[name, f"{n:,}"] for name, n in report["licences"].items()]
    sources = [
        [name, f"{one.get('files', 0):,}", f"{one.get('documents', 0):,}"] for name, one in report["sources"].items()
    ]
    return [
        (["mixture", "documents", "MB", "share"], mixture),
        (["kind", "files", "MB"], kinds),
        (["licence", "files"], licences),
        (["source", "files", "candidates"], sources),
    ]
