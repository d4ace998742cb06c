"""
The report card as text: what report.gather found -> tables -> a Markdown page. The terminal prints the same tables.
"""

from pathlib import Path

from acorn.evals.intervals import wilson
from acorn.runlog import clock

LAST = 20  # training steps of which the final loss is the mean


def markdown(report: dict, picture: bool) -> str:
    parts = [f"# {report['run']}: report card", report["headline"]]
    if picture:
        parts.append("![loss and bits per byte](loss.png)")
    parts += [f"> {line}" for line in report["absent"]]
    for name, task in (report["eval"].get("tasks") or {}).items():
        parts.append(f"## {name}\n\n{tabulate(*kinds_table(task))}")
        parts += [sample_text(sample) for sample in pick_samples(task.get("samples", []))]
    parts.append(f"## Stages\n\n{tabulate(*stages_table(report['stages']))}")
    parts.append(f"The final loss is the mean of the last {LAST} steps, in nats per counted token.")
    if report["timings"]:
        parts.append(f"## Time\n\n{tabulate(*timings_table(report['timings']))}")
    parts.append(f"## Made of\n\n{tabulate(*facts_table(report))}")
    if report["commands"]:
        commands = "\n".join(report["commands"])
        parts.append(f"Made by\n\n```\n{commands}\n```")
    return "\n\n".join(parts) + "\n"


def kinds_table(task: dict) -> tuple[list[str], list[list[str]]]:
    rows = [[kind, str(k["n"]), outcome(k["valid"], k["n"]), outcome(k["right"], k["n"])]
            for kind, k in sorted(task.get("by_kind", {}).items())]  # fmt: skip
    return ["kind", "requests", "validate", "do what was asked"], [
        *rows,
        ["all", str(task["n"]), share(task["valid"]), share(task["right"])],
    ]


def stages_table(stages: list[dict]) -> tuple[list[str], list[list[str]]]:
    rows = []
    for s in stages:
        loss = "-" if s["final_loss"] is None else f"{s['final_loss']:.4f}"
        saved = Path(s["checkpoint"]).name if s["checkpoint"] else "none"
        rows.append([s["name"], f"{s['steps']:,}", f"{s['tokens']:,}", clock(s["seconds"]), f"{s['tokens_per_s']:,.0f}",
                     loss, held_out_text(s), saved])  # fmt: skip
    return ["stage", "steps", "tokens", "time", "tokens/s", "final loss", "held out", "checkpoint"], rows


def held_out_text(stage: dict) -> str:
    units = {"val_bpb": "bits/byte", "val_loss": "nats/token"}
    return ", ".join(f"{figure['last']:.4f} {units[name]}" for name, figure in stage["val"].items()) or "-"


def timings_table(timings: dict) -> tuple[list[str], list[list[str]]]:
    stages = timings.get("stages", [])
    rows = [[s["name"], "done before" if s.get("skipped") else duration(s["seconds"])] for s in stages]
    total = sum(s["seconds"] for s in stages if not s.get("skipped"))
    return ["part", "time"], [*rows, ["all", duration(total)]]


def facts_table(report: dict) -> tuple[list[str], list[list[str]]]:
    """Model, sizes, versions and machine, one fact a row."""
    env, model, sizes = report["environment"], report["model"], report["sizes"]
    facts = []
    if model:
        shape = ", ".join(f"{k} {v}" for k, v in model.get("config", {}).items() if v is not None)
        facts.append(["model", f"{model.get('kind', '')}: {shape}"])
        tables = f"{model['parameters']:,}, of them {model['vocabulary_parameters']:,} in tables of the vocabulary"
        facts.append(["parameters", tables])
        facts.append(["checkpoint", f"{model['checkpoint']}, {bytes_text(sizes['checkpoint_bytes'])}"])
    facts.append(["run folder", f"{bytes_text(sizes['run_bytes'])}, of it {bytes_text(sizes['data_bytes'])} data"])
    if peak := report["timings"].get("peak_memory_bytes"):
        facts.append(["peak memory", bytes_text(peak)])
    if env:
        commit = (
            f"{env.get('commit', '')[:12] or 'unknown commit'}{' with uncommitted changes' if env.get('dirty') else ''}"
        )
        facts.append(["acorn", f"{env.get('acorn', '')}, {commit}"])
        facts.append(["versions", f"torch {env.get('torch')}, python {env.get('python')}, numpy {env.get('numpy')}"])
        cores = f"{env.get('threads')} threads on {env.get('cpu_count')} cores"
        facts.append(["machine", f"{env.get('device')}, {cores}, {env.get('system')}"])
        facts.append(["started", env.get("started", "")])
    return ["", ""], facts


def pick_samples(samples: list[dict], each: int = 3) -> list[dict]:
    """Up to `each` right ones and as many wrong ones, of different kinds where there are."""
    chosen = []
    for right in (True, False):
        pool = [s for s in samples if bool(s["right"]) is right]
        first = list({s["kind"]: s for s in reversed(pool)}.values())[::-1]
        chosen += (first + [s for s in pool if s not in first])[:each]
    return chosen


def sample_text(sample: dict) -> str:
    fence = "`" * max(3, longest_run(sample["reply"]) + 1)
    return f"**{verdict(sample)}**  {one_line(sample['request'])}\n\n{fence}\n{cut(sample['reply'], 40)}\n{fence}"


def verdict(sample: dict) -> str:
    if sample["right"]:
        return "right"
    why = one_line(sample.get("why") or "it is not what was asked")
    return f"validates, but: {why}" if sample["valid"] else f"does not validate: {why}"


def tabulate(head: list[str], rows: list[list[str]]) -> str:
    cells = [[one_line(cell).replace("|", "\\|") for cell in row] for row in (head, ["---"] * len(head), *rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)


def outcome(hits: int, n: int) -> str:
    low, high = wilson(hits, n)
    return share({"value": hits / n if n else 0.0, "low": low, "high": high})


def share(figure: dict) -> str:
    """{'value': .815, 'low': .755, 'high': .863} -> '81.5 % (75.5–86.3)'"""
    return f"{100 * figure['value']:.1f} % ({100 * figure['low']:.1f}–{100 * figure['high']:.1f})"


def bytes_text(n: float) -> str:
    """1234567 -> '1.2 MB'"""
    for unit in ("B", "kB", "MB", "GB"):
        if n < 1000:
            return f"{n:.0f} B" if unit == "B" else f"{n:.1f} {unit}"
        n /= 1000
    return f"{n:.1f} TB"


def count(n: int) -> str:
    """3214567 -> '3.2 M'"""
    return f"{n / 1e9:.2f} B" if n >= 1e9 else f"{n / 1e6:.1f} M" if n >= 1e6 else f"{n:,}"


def duration(seconds: float) -> str:
    """4.64 -> '4.6 s';  75 -> '1:15'"""
    return f"{seconds:.1f} s" if seconds < 60 else clock(seconds)


def cut(text: str, lines: int) -> str:
    """The first lines, and how many more there are."""
    found = text.rstrip().splitlines()
    return "\n".join(found if len(found) <= lines else [*found[:lines], f"... ({len(found) - lines} more lines)"])


def longest_run(text: str) -> int:
    """Longest run of backticks."""
    return max((len(run) for run in "".join(c if c == "`" else " " for c in text).split()), default=0)


def one_line(text: str) -> str:
    return " ".join(str(text).split())
