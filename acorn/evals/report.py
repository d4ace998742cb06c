"""
The report card of a run: what its folder holds, gathered into one dict (report.json) and one page (report.md).

    runs/NAME/{base,mid,sft,rl}/{env.json,metrics.jsonl,checkpoint-NNNNNN/}   eval.json   timings.json
        -> gather() -> report.json -> markdown() -> report.md         and the curves -> loss.png

Every figure comes from one of these files. A part that is not there is named in `absent`, with the way to get it.
"""

import json
import shlex
import statistics
import time
from pathlib import Path

from safetensors import safe_open

from acorn.checkpoint import STAGES, find_checkpoint
from acorn.errors import UserError, did_you_mean
from acorn.evals.card import LAST, count, markdown, one_line, pick_samples, share
from acorn.evals.curves import draw
from acorn.runlog import clock, read_metrics, write_json, write_text

FORMAT = 1


def write_report(folder: Path) -> dict:
    """Write report.json, loss.png and report.md into the run's folder. Without matplotlib all but the picture."""
    report = gather(folder)
    write_json(folder / "report.json", report)
    picture = folder / "loss.png"
    try:
        draw(curves_of(folder), picture)
    except UserError:
        picture.unlink(missing_ok=True)  # that of another day would be wrong
        raise
    finally:
        write_text(folder / "report.md", markdown(report, picture.exists()))
    return report


def find_run(run: str, runs: Path = Path("runs")) -> Path:
    """A name in runs/, or a path -> the run's folder."""
    folder = next((p for p in (runs / run, Path(run)) if p.is_dir()), None)
    if folder is None:
        names = sorted(p.name for p in runs.iterdir() if p.is_dir()) if runs.is_dir() else []
        raise UserError(f"no run {run!r} in {runs}/.{did_you_mean(run, names)}", "acorn runs")
    return folder


def gather(folder: Path) -> dict:
    """Run folder -> the report as a plain dict. UserError if no stage has logged a step or a file is damaged."""
    folder = Path(folder)
    stages = [stage for name in reversed(STAGES) if (stage := stage_figures(folder / name))]
    if not stages:
        raise UserError(
            f"nothing to report: no stage in {folder} has made a step", f"acorn train base --run {folder.name}"
        )
    environments = [env for stage in stages if (env := read_json(folder / stage["name"] / "env.json"))]
    checkpoint = next((stage["checkpoint"] for stage in reversed(stages) if stage["checkpoint"]), None)
    evaluation, timings = read_json(folder / "eval.json"), read_json(folder / "timings.json")
    report: dict = {
        "format": FORMAT,
        "run": folder.name,
        "folder": str(folder),
        "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "commands": list(dict.fromkeys(command_line(env["argv"]) for env in environments if env.get("argv"))),
        "environment": {k: v for k, v in environments[-1].items() if k != "argv"} if environments else {},
        "model": model_figures(Path(checkpoint)) if checkpoint else {},
        "stages": stages,
        "eval": shorten(evaluation),
        "timings": timings,
        "sizes": {
            "checkpoint_bytes": size(Path(checkpoint)) if checkpoint else 0,
            "data_bytes": size(folder / "data"),
            "run_bytes": size(folder),
        },
    }
    return report | {"absent": absent(report, environments), "headline": headline(report)}


def stage_figures(folder: Path) -> dict | None:
    """What metrics.jsonl says about a stage; None if it has not made a step."""
    rows = read_metrics(folder / "metrics.jsonl")
    steps = [row for row in rows if not row.get("eval")]
    if not steps:
        return None
    losses = [row["loss"] for row in steps if row.get("loss") is not None]
    last, seconds = steps[-1], steps[-1]["time_s"]
    scores: dict[str, list[float]] = {}
    for row in rows:
        for name in ("val_bpb", "val_loss"):
            if row.get("eval") and row.get(name) is not None:
                scores.setdefault(name, []).append(row[name])
    try:
        checkpoint, damaged = find_checkpoint(folder), ""
    except UserError as e:
        checkpoint, damaged = None, e.message
    return {
        "name": folder.name,
        "steps": last["step"] + 1,
        "tokens": last["tokens"],
        "seconds": seconds,
        "tokens_per_s": last["tokens"] / seconds if seconds else 0.0,
        "first_loss": losses[0] if losses else None,
        "final_loss": statistics.fmean(losses[-LAST:]) if losses else None,
        "skipped_steps": sum(bool(row.get("skipped")) for row in steps),
        "val": {name: {"last": values[-1], "best": min(values)} for name, values in scores.items()},
        "checkpoint": str(checkpoint) if checkpoint else None,
        "damaged": damaged,
    }


def model_figures(checkpoint: Path) -> dict:
    """Shape from model.json; parameters counted in the weights' header, which is all that is read of them."""
    description = read_json(checkpoint / "model.json")
    shapes = {}
    with safe_open(checkpoint / "model.safetensors", "np") as f:
        for name in f.keys():
            shapes[name] = f.get_slice(name).get_shape()
    count = {name: product(shape) for name, shape in shapes.items()}
    vocab = description.get("config", {}).get("vocab_size")
    inside = {name for name in shapes if any(word.isdigit() for word in name.split("."))}  # blocks.0.qkv.weight
    tables = sum(n for name, n in count.items() if name not in inside and vocab in shapes[name])
    return description | {
        "parameters": sum(count.values()),
        "vocabulary_parameters": tables,
        "checkpoint": place(checkpoint),
    }


def curves_of(folder: Path) -> dict[str, list[dict]]:
    """{'base': rows of metrics.jsonl, ...} in the order of training."""
    found = {name: read_metrics(folder / name / "metrics.jsonl") for name in reversed(STAGES)}
    return {name: rows for name, rows in found.items() if rows}


def shorten(evaluation: dict) -> dict:
    """eval.json holds every reply; the card a few."""
    tasks = evaluation.get("tasks") or {}
    few = {name: {**task, "samples": pick_samples(task.get("samples", []))} for name, task in tasks.items()}
    return {**evaluation, "tasks": few} if tasks else evaluation


def absent(report: dict, environments: list[dict]) -> list[str]:
    """What the card lacks or what does not fit together, each with the way to put it right."""
    run, found = report["run"], []
    newest = report["model"].get("checkpoint")
    found += [f"{stage['name']}: {one_line(stage['damaged'])}." for stage in report["stages"] if stage["damaged"]]
    if not report["model"]:
        found.append("There is no whole checkpoint yet.")
    if not report["eval"]:
        found.append(f"It has not been evaluated yet: `acorn eval {run}`.")
    elif newest and (scored := place(report["eval"].get("checkpoint", newest))) != newest:
        found.append(f"The figures are of {scored}, the newest is {newest}: `acorn eval {run}`.")
    if not report["timings"]:
        found.append("There are no timings of the whole pipeline: `acorn speedrun` writes them.")
    if len({env.get("commit") for env in environments}) > 1:
        found.append("The stages were made at different commits; the newest is shown.")
    return found


def headline(report: dict) -> str:
    """The run in one or two sentences."""
    said = []
    for name, task in (report["eval"].get("tasks") or {}).items():
        said.append(f"Of {task['n']} held-out {name} requests {share(task['valid'])} validate "
                    f"and {share(task['right'])} do what was asked.")  # fmt: skip
    if bpb := report["eval"].get("bpb"):
        said.append(f"{bpb['value']:.4f} bits per byte.")
    total = sum(stage["seconds"] for stage in report["stages"])
    size_text = f"{count(report['model']['parameters'])} parameters" if report["model"] else "A model"
    machine = report["environment"]
    where = f" on {machine['device']}, {machine['threads']} threads" if machine.get("device") else ""
    return " ".join([*said, f"{size_text}, trained for {clock(total)}{where}."])


def read_json(path: Path) -> dict:
    """{} if there is no such file; UserError if it is not a JSON object."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as e:
        raise UserError(f"cannot read {path}: {e}", f"rm {path}") from None
    if not isinstance(value, dict):
        raise UserError(f"{path} is not a JSON object", f"rm {path}")
    return value


def size(path: Path) -> int:
    """Bytes of a file or of everything in a folder; 0 if it is not there."""
    return sum(p.stat().st_size for p in (path.rglob("*") if path.is_dir() else [path]) if p.is_file())


def place(checkpoint: str | Path) -> str:
    """'runs/oak/sft/checkpoint-000200' -> 'sft/checkpoint-000200'"""
    return "/".join(Path(checkpoint).parts[-2:])


def command_line(argv: list[str]) -> str:
    return shlex.join(["acorn", *argv[1:]])  # argv[0] is this machine's business


def product(shape) -> int:
    result = 1
    for n in shape:
        result *= n
    return result
