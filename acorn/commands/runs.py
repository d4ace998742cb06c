"""`acorn runs`: what is in runs/, a line a stage."""

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Runs:
    """List the runs: stages, steps, newest whole checkpoint, last loss, evaluation figures, size and age."""

    runs: Path = Path("runs")  # the folder they are in
    json: bool = False  # one JSON object on stdout

    def run(self) -> int:
        every = self.runs.iterdir() if self.runs.is_dir() else []
        folders = sorted(p for p in every if p.is_dir() and p.name[0] != ".")  # a hidden one is half made
        found = sorted(map(describe, folders), key=lambda run: run["age_s"])
        if self.json:
            print(json.dumps({"runs": found}, indent=1))
        elif found:
            show(found)
        else:
            print(f"There are no runs in {self.runs}/ yet. The first one: acorn speedrun configs/cpu.toml")
        return 0


def describe(folder: Path) -> dict:
    """One run as a plain dict; a damaged file is a line in `problems`, so that one sick run hides no other."""
    from acorn.checkpoint import STAGES
    from acorn.evals.report.files import size, stage_figures
    from acorn.evals.report.results import metrics, read_results

    problems: list[str] = []
    stages = [stage for name in reversed(STAGES) if (stage := stage_figures(folder / name, problems))]
    problems += [stage["damaged"] for stage in stages if stage["damaged"]]
    results = list(read_results(folder, problems).values())
    tasks = results[-1]["tasks"] if results else {}
    newest = max((p.stat().st_mtime for p in [folder, *folder.rglob("metrics.jsonl")]), default=0.0)
    return {
        "name": folder.name,
        "stages": stages,
        "eval": {name: {"n": task.get("n"), **metrics(task)} for name, task in tasks.items()},
        "checkpoint": next((stage["checkpoint"] for stage in reversed(stages) if stage["checkpoint"]), None),
        "bytes": size(folder),
        "age_s": max(0.0, time.time() - newest),
        "problems": problems,
    }


def show(runs: list[dict]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from acorn.evals.report.clean import one_line
    from acorn.evals.report.units import bytes_text

    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("run", "stage", "steps", "loss", "held out", "newest checkpoint", "size", "age"):
        table.add_column(name, justify="right" if name in ("steps", "loss", "size", "age") else "left", overflow="fold")
    for run in runs:
        end = [bytes_text(run["bytes"]), age_text(run["age_s"])]
        rows = [[stage["name"], f"{stage['steps']:,}", number(stage["final_loss"]), held_out_text(stage),
                 Path(stage["checkpoint"]).name if stage["checkpoint"] else "none"]
                for stage in run["stages"]] or [["nothing trained yet", "", "", "", ""]]  # fmt: skip
        for i, row in enumerate(rows):
            cells = [run["name"] if i == 0 else "", *row, *(end if i == 0 else ["", ""])]
            table.add_row(*(escape(one_line(cell)) for cell in cells))
    console.print(table)
    for run in runs:
        for name, task in run["eval"].items():
            shares = ", ".join(f"{what} {score(figure)}" for what, figure in task.items() if what != "n")
            console.print(escape(one_line(f"{run['name']}: {name}: {shares} of {task['n']}")))
        for problem in run["problems"]:
            print(f"warning: {run['name']}: {problem}", file=sys.stderr)


def score(figure: dict) -> str:
    """A share with its interval where it has one: '81.5 % (75.5–86.3)', else the number."""
    from acorn.evals.report.units import share

    return share(figure) if figure["low"] is not None else f"{figure['value']:.4f}"


def held_out_text(stage: dict) -> str:
    units = {"val_bpb": "{:.4f} bits/byte", "val_loss": "{:.4f} nats/token"}
    known = [units.get(name, name + " {:.4f}").format(figure["last"]) for name, figure in stage["val"].items()]
    return ", ".join(known[:3]) or "-"


def number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def age_text(seconds: float) -> str:
    """200 -> '3 min';  90000 -> '1 day'"""
    for unit, length in (("day", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            n = int(seconds // length)
            return f"{n} {unit}{'s' if unit == 'day' and n > 1 else ''}"
    return f"{int(seconds)} s"
