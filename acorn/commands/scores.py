"""What `acorn eval` shows: how far it is, and the table at the end."""

import sys
import time
from collections.abc import Callable


class Bars:
    """A bar for the task under way on a terminal, otherwise a line every ten seconds and at the end of each task."""

    def __enter__(self):
        self.bars = None
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
            self.bars = Progress(*columns, console=Console(stderr=True), transient=True)
            self.bars.start()
        return self

    def __exit__(self, *error) -> None:
        if self.bars:
            self.bars.stop()

    def start(self, label: str, total: int) -> Callable[[int], None]:
        """-> what to call with the number of items that are newly done."""
        if self.bars:
            bar = self.bars.add_task(label, total=total)
            return lambda done: self.bars.advance(bar, done)
        begin = shown = time.monotonic()
        reached = 0

        def tick(done: int) -> None:
            nonlocal reached, shown
            reached, now = reached + done, time.monotonic()
            if done and (reached >= total or now - shown >= 10):
                shown = now
                print(f"{label} {reached}/{total} in {now - begin:.1f} s", file=sys.stderr, flush=True)

        return tick


def show(result: dict, names: list[str]) -> None:
    """The table of what was scored just now, on stdout."""
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
    if "bpb" in names:
        bpb = result["bpb"]
        about = f"{bpb['documents']:,} validation documents, {bpb['bytes']:,} bytes"
        console.print(f"bits per byte   {bpb['value']:.4f} ± {bpb['stderr']:.4f}   ({about})")
    table = Table(box=None, pad_edge=False)
    for head in ("task", "n", "right", "95 % interval", "± stderr", "chance", "centred", "also", "time"):
        table.add_column(head, justify="left" if head in ("task", "also") else "right", no_wrap=head != "also")
    tasks = [name for name in result["tasks"] if name in names or name == "chatcore"]
    for name in tasks:
        add(table, name, result["tasks"][name])
    if tasks:
        console.print(table)
    for name in [name for name in tasks if result["tasks"][name].get("ways")]:
        console.print(f"\n{name} by kind")
        console.print(by_kind(result["tasks"][name]))
    for name in tasks:
        for sample in [s for s in result["tasks"][name].get("samples", []) if "valid" in result["tasks"][name]][:3]:
            verdict = "right" if sample["right"] else f"wrong: {sample['why']}"
            reply = "\n".join("    " + line for line in sample["reply"].splitlines())
            print(f"\n  {name} > {sample['request']}\n{reply}\n  [{verdict}]")


def add(table, name: str, task: dict) -> None:
    for label, part in task.get("tasks", {}).items():
        table.add_row(f"  {label}", *figures(part), f"{part['shots']}-shot {part.get('note', '')}", seconds(part))
    if "right" in task:
        also = [f"{100 * task[key]['value']:.1f} % {words}" for key, words in
                (("valid", "valid"), ("normalised", "by character")) if key in task]  # fmt: skip
        also += [f"{100 * task[key]['value']:.1f} % {key}" for key in task if key.startswith("pass@")]
        also += [f"{100 * value['value']:.1f} % {step}" for step, value in task.get("steps", {}).items()]
        table.add_row(name, *figures(task), ", ".join(also), seconds(task))
        for way, part in task.get("ways", {}).items():
            shares = {"valid": part["valid"], **part.get("steps", {})}
            also = [f"{100 * value['value']:.1f} % {step}" for step, value in shares.items()]
            table.add_row(f"  {way}", *figures(part)[:3], "", "", "", ", ".join(also), seconds(part))
        return
    if "centred" not in task:  # measured without a model
        shares = [
            f"{key} {100 * value['value']:.1f} % ({100 * value['low']:.1f}–{100 * value['high']:.1f})"
            for key, value in task.items()
            if isinstance(value, dict)
        ]
        table.add_row(name, f"{task['n']:,}", *[""] * 5, ", ".join(shares), seconds(task))
        return
    others = [f"{key.removeprefix('centred_')} baselines: {value['value']:.4f}" for key, value in task.items()
              if key.startswith("centred_")]  # fmt: skip
    also = "; ".join([*others, *([task["note"]] if "note" in task else [])])
    score = task["centred"]
    interval = f"{score['low']:.4f}–{score['high']:.4f}"
    error, value = f"{task['stderr']:.4f}", f"{score['value']:.4f}"
    table.add_row(name, f"{task['n']:,}", "", interval, error, "", value, also, seconds(task))


def figures(task: dict) -> list[str]:
    """The cells n, right, interval, stderr, chance, centred."""
    right, chance = task["right"], task["chance"]
    percent = [
        f"{100 * value:.1f} %" for value in (right["value"], right["low"], right["high"], task["stderr"], chance)
    ]
    return [f"{task['n']:,}", percent[0], f"{percent[1]}–{percent[2]}", *percent[3:], f"{task['centred']:.3f}"]


def by_kind(task: dict):
    """A table with a line a kind, its replies in the task's other ways beside the plain ones."""
    from rich.table import Table

    parts = {"": task, **task["ways"]}
    table = Table(box=None, pad_edge=False)
    for column in ("kind", *(f"{way} {key}".strip() for way in parts for key in ("n", "valid", "right"))):
        table.add_column(column, justify="left" if column == "kind" else "right")
    for kind in sorted(task["by_kind"]):
        found = [part["by_kind"].get(kind, {"n": 0, "valid": 0, "right": 0}) for part in parts.values()]
        table.add_row(kind, *(str(counts[key]) for counts in found for key in ("n", "valid", "right")))
    return table


def seconds(task: dict) -> str:
    return f"{task['seconds']:.1f} s" if "seconds" in task else ""
