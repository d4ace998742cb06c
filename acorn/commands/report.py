"""`acorn report RUN`: write report.json, report.md and loss.png into the run's folder, and print the card."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from acorn.errors import UserError

RunName = Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]


@dataclass
class Report:
    """Write and print the report card of a run: figures, stages, timings, model, machine and versions."""

    run_name: RunName  # name of a run in runs/, or its folder
    open: bool = False  # show report.md with the desktop's viewer
    json: bool = False  # report.json on stdout

    def run(self) -> int:
        from acorn.evals.report import find_run, write_report

        folder = find_run(self.run_name)
        report = write_report(folder)
        if self.json:
            print(json.dumps(report, indent=1))
        else:
            show(report)
            print(f"written: {folder}/report.json, report.md, loss.png", file=sys.stderr)
        if self.open:
            open_file(folder / "report.md")
        return 0


def show(report: dict) -> None:
    """The card on stdout: the same tables as report.md."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from acorn.evals import card

    console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)

    def section(title: str, head: list[str], rows: list[list[str]]) -> None:
        table = Table(title=title, title_justify="left", box=None, pad_edge=False, show_header=any(head))
        for i, name in enumerate(head):
            number = i > 0 and any(head) and name not in ("checkpoint", "held out")
            table.add_column(name, justify="right" if number else "left", overflow="fold")
        for row in rows:
            table.add_row(*map(escape, row))
        console.print(table)
        console.print()

    console.print(f"[bold]{escape(report['run'])}[/]: {escape(report['headline'])}\n")
    for line in report["absent"]:
        console.print(f"[yellow]note[/] {escape(line)}")
    for name, task in (report["eval"].get("tasks") or {}).items():
        section(name, *card.kinds_table(task))
        for sample in card.pick_samples(task.get("samples", []), each=1):
            console.print(f"[bold]{escape(card.verdict(sample))}[/]  {escape(card.one_line(sample['request']))}")
            console.print(escape(card.cut(sample["reply"], 16)) + "\n", style="dim")
    section("stages", *card.stages_table(report["stages"]))
    if report["timings"]:
        section("time", *card.timings_table(report["timings"]))
    section("made of", *card.facts_table(report))


def open_file(path: Path) -> None:
    viewer = "open" if sys.platform == "darwin" else "xdg-open"
    try:
        subprocess.run([viewer, str(path)], check=True, capture_output=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        raise UserError(f"{viewer} cannot show {path} here", f"less {path}") from None
