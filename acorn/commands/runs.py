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
        folders = sorted(p for p in self.runs.iterdir() if p.is_dir()) if self.runs.is_dir() else []
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
    from acorn.errors import UserError
    from acorn.evals.report import read_json, size, stage_figures

    stages = [stage for name in reversed(STAGES) if (stage := stage_figures(folder / name))]
    problems = [stage["damaged"] for stage in stages if stage["damaged"]]
    try:
        tasks = read_json(folder / "eval.json").get("tasks", {})
    except UserError as e:
        tasks, problems = {}, [*problems, e.message]
    newest = max((p.stat().st_mtime for p in [folder, *folder.rglob("metrics.jsonl")]), default=0.0)
    figures = ("n", "valid", "right")
    return {
        "name": folder.name,
        "stages": stages,
        "eval": {name: {k: task[k] for k in figures if k in task} for name, task in tasks.items()},
        "checkpoint": next((stage["checkpoint"] for stage in reversed(stages) if stage["checkpoint"]), None),
        "bytes": size(folder),
        "age_s": max(0.0, time.time() - newest),
        "problems": problems,
    }


def show(runs: list[dict]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from acorn.evals.card import bytes_text, held_out_text, share

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
            table.add_row(*map(escape, [run["name"] if i == 0 else "", *row, *(end if i == 0 else ["", ""])]))
    console.print(table)
    for run in runs:
        for name, task in run["eval"].items():
            shares = ", ".join(f"{what} {share(task[what])}" for what in ("valid", "right") if what in task)
            console.print(escape(f"{run['name']}: {name}: {shares} of {task.get('n', '?')}"))
        for problem in run["problems"]:
            print(f"warning: {run['name']}: {problem}", file=sys.stderr)


def number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def age_text(seconds: float) -> str:
    """200 -> '3 min';  90000 -> '1 day'"""
    for unit, length in (("day", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            n = int(seconds // length)
            return f"{n} {unit}{'s' if unit == 'day' and n > 1 else ''}"
    return f"{int(seconds)} s"
