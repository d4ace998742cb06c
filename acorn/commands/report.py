"""`acorn report RUN`: write report.json, report.md and report.html into the run's folder, and print the card."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from acorn.errors import UserError
from acorn.optim.plan import H100_DOLLARS, H100_FLOPS, H100_USE

RunName = Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]


@dataclass
class Report:
    """
    Write and print the report card of a run: results of every stage, samples, curves, time and cost, sizes and
    provenance.
    """

    run_name: RunName  # name of a run in runs/, or its folder
    open: bool = False  # show report.html with the desktop's viewer
    json: bool = False  # report.json on stdout
    gpu_tflops: float = H100_FLOPS / 1e12  # bf16 peak of the GPU that the cost is estimated for
    mfu: float = H100_USE  # share of this peak that training is assumed to reach
    dollars: float = H100_DOLLARS  # price of a GPU hour

    def run(self) -> int:
        from acorn.evals.report.gather import WRITTEN, Price, find_run, write_report

        if not (0 < self.gpu_tflops < 1e9 and 0 < self.mfu <= 1 and 0 <= self.dollars < 1e9):
            given = f"--gpu-tflops {self.gpu_tflops:g} --mfu {self.mfu:g} --dollars {self.dollars:g}"
            raise UserError(f"{given}: the peak must be above 0, the share between 0 and 1, the price at least 0")
        folder = find_run(self.run_name)
        report = write_report(folder, Price(self.gpu_tflops * 1e12, self.mfu, self.dollars))
        if self.json:
            print(json.dumps(report, indent=1))
        else:
            show(report)
            print(f"written: {folder}/{', '.join(WRITTEN)}", file=sys.stderr)
        if self.open:
            open_file(folder / "report.html")
        return 0


def show(report: dict) -> None:
    """The card on stdout: the same blocks as the page has, and a right and a wrong sample of each task."""
    from rich.console import Console
    from rich.text import Text

    from acorn.evals.report import card
    from acorn.evals.report.clean import clean, one_line

    console = Console(highlight=False, soft_wrap=False, width=None if sys.stdout.isatty() else 140)

    def say(text: str, style: str = "") -> None:
        console.print(Text(clean(text), style=style))

    say(one_line(card.title(report)), "bold")
    say(one_line(card.summary(report)))
    for line in report["notes"]:
        say(f"note: {one_line(line)}", "yellow")
    for section in card.sections(report):
        say(f"\n{section.title}", "bold")
        for block in section.blocks:
            draw(console, say, block)


def draw(console, say, block) -> None:
    from acorn.evals.report import card
    from acorn.evals.report.clean import one_line
    from acorn.evals.report.markdown import curve_rows

    match block:
        case card.Text(text):
            say(text, "dim")
        case card.Code(text, caption):
            say(f"\n{caption}\n{text}")
        case card.Table(head, rows, words, caption):
            console.print()
            draw_table(console, caption, head, [[str(cell) for cell in row] for row in rows], words)
        case card.Samples(task, samples):
            for right in (True, False):
                if sample := next((s for s in samples if s["right"] is right), None):
                    say(f"{task}, {card.verdict(sample)}: {one_line(sample['request'])}", "bold")
                    say(sample["reply"] + "\n", "dim")
        case card.Curves(stage, facts, charts):
            say(f"\n{stage}: " + ", ".join(f"{name} {value}" for name, value in facts))
            draw_table(console, "", ["curve", "first", "last", ""], curve_rows(charts), 1)


def draw_table(console, caption: str, head: list[str], rows: list[list[str]], words: int) -> None:
    from rich.table import Table
    from rich.text import Text

    from acorn.evals.report.clean import one_line

    if caption:
        console.print(Text(one_line(caption), style="dim"))
    table = Table(box=None, pad_edge=False, show_header=any(head), header_style="dim")
    for i, name in enumerate(head):
        table.add_column(Text(one_line(name)), justify="left" if i < words or not name else "right", overflow="fold")
    for row in rows:
        table.add_row(*(Text(one_line(cell)) for cell in row))
    console.print(table)


def open_file(path: Path) -> None:
    viewer = "open" if sys.platform == "darwin" else "xdg-open"
    try:
        subprocess.run([viewer, str(path)], check=True, capture_output=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        raise UserError(f"{viewer} cannot show {path} here", f"open {path.resolve().as_uri()} in a browser") from None
