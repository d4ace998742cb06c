"""
Reading a run's folder so that nothing in it can stop the report. A file or line that is damaged is named in `problems`
and passed over; what has another type than it should counts as absent.
"""

import json
import math
from pathlib import Path

from safetensors import SafetensorError, safe_open

from acorn.checkpoint import find_checkpoint
from acorn.config import from_dict, read_toml
from acorn.errors import UserError
from acorn.model import MODELS, build

LARGEST = 1 << 28  # bytes of a JSON file that are read
LAST = 20  # training steps of which the final loss is the mean


def number(value) -> float | int | None:
    """The value if it is a number that one can calculate with."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e100 else None


def count_of(value) -> int:
    """The value if it is a whole number from 0, else 0."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63 else 0


def mapping(value) -> dict:
    return value if isinstance(value, dict) else {}


def listing(value) -> list:
    return value if isinstance(value, list) else []


def text_of(value, most: int = 200) -> str:
    """Any value as one bounded line."""
    text = " ".join(("" if value is None else str(value)).split())
    return text if len(text) <= most else text[: most - 1] + "…"


def parse(text: str):
    """JSON without NaN and Infinity: they become None. ValueError on anything that is not JSON."""

    def real(digits: str) -> float | None:
        return number(float(digits))

    try:
        return json.loads(text, parse_constant=lambda name: None, parse_float=real)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def read_text(path: Path, problems: list[str]) -> str:
    """'' if it is not there, or with a problem if it cannot be read."""
    try:
        if path.stat().st_size > LARGEST:
            problems.append(f"{path} has {path.stat().st_size:,} bytes, more than the {LARGEST:,} that are read.")
            return ""
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    except OSError as e:
        problems.append(f"{path} cannot be read: {e.strerror}.")
        return ""


def read_json(path: Path, problems: list[str]) -> dict:
    """{} if there is no such file, or with a problem if it is not a JSON object."""
    text = read_text(path, problems)
    if not text:
        return {}
    try:
        value = parse(text)
    except ValueError as e:
        problems.append(f"{path} is damaged and left out: {text_of(e)}.")
        return {}
    if not isinstance(value, dict):
        problems.append(f"{path} is left out: it is not a JSON object.")
    return mapping(value)


def read_config(path: Path, problems: list[str]) -> dict:
    """run.toml -> {option: value}"""
    if not path.exists():
        return {}
    try:
        return read_toml(path)
    except UserError as e:
        problems.append(f"{text_of(e.message)}; left out.")
        return {}


def read_rows(path: Path, problems: list[str]) -> list[dict]:
    """
    The rows of a metrics.jsonl. A row for a step that an earlier row has too replaces what came from that step on: so
    a log that a resumed run added to reads as if the run had never stopped. A kill may have cut off the last line.
    """
    lines = read_text(path, problems).splitlines()
    rows, bad = [], []
    for i, line in enumerate(lines, 1):
        try:
            row = parse(line)
            if not isinstance(row, dict) or not is_step(row["step"], row):
                raise ValueError("not a row")
        except (ValueError, KeyError):
            if i < len(lines):
                bad.append(i)
            continue
        here = (row["step"], bool(row.get("eval")))
        while rows and (before := (rows[-1]["step"], bool(rows[-1].get("eval")))) >= here:
            last = rows.pop()
            if before == here and here[1]:  # two evaluations of one step are one
                row = {**last, **row}
        rows.append(row)
    if bad:
        some = ", ".join(map(str, bad[:5])) + (" …" if len(bad) > 5 else "")
        problems.append(f"{path}: {len(bad)} damaged line{'s' * (len(bad) > 1)} left out (line {some}).")
    return rows


def is_step(step, row: dict) -> bool:
    """Steps count from 0; an evaluation before the first has -1."""
    first = -1 if row.get("eval") else 0
    return isinstance(step, int) and not isinstance(step, bool) and first <= step < 1 << 63


def stage_figures(folder: Path, problems: list[str], rows: list[dict] | None = None) -> dict | None:
    """What a stage's folder says; None if it has neither made a step nor holds a checkpoint."""
    rows = read_rows(folder / "metrics.jsonl", problems) if rows is None else rows
    steps = [row for row in rows if not row.get("eval")]
    try:
        checkpoint, damaged = find_checkpoint(folder), ""
    except UserError as e:
        checkpoint, damaged = None, text_of(e.message, 400)
    if not steps and not checkpoint and not damaged:
        return None
    losses = [loss for row in steps if (loss := number(row.get("loss"))) is not None]
    tokens = max((count_of(row.get("tokens")) for row in steps), default=0)
    seconds = max((number(row.get("time_s")) or 0.0 for row in steps), default=0.0)
    held_out: dict[str, list[float]] = {}
    for row in rows:
        for name, value in row.items():
            if row.get("eval") and name not in ("step", "tokens", "time_s", "stderr") and number(value) is not None:
                held_out.setdefault(text_of(name, 40), []).append(value)
    return {
        "name": folder.name,
        "steps": steps[-1]["step"] + 1 if steps else 0,
        "tokens": tokens,
        "seconds": seconds,
        "tokens_per_s": tokens / seconds if seconds else 0.0,
        "first_loss": losses[0] if losses else None,
        "final_loss": sum(losses[-LAST:]) / len(losses[-LAST:]) if losses else None,
        "skipped_steps": sum(bool(row.get("skipped")) or number(row.get("loss")) is None for row in steps),
        "val": {n: {"first": v[0], "last": v[-1], "best": best(n, v)} for n, v in held_out.items()},
        "checkpoint": str(checkpoint) if checkpoint else None,
        "damaged": damaged,
    }


def best(name: str, values: list[float]) -> float:
    """The lowest loss, the highest of anything else."""
    return min(values) if any(word in name for word in ("loss", "bpb", "perplexity")) else max(values)


def model_figures(checkpoint: Path, problems: list[str]) -> dict:
    """
    Shape from model.json, parameters from the header of the weights (no weight is read); groups and FLOPs from the
    model itself, built without memory.
    """
    import torch

    description = read_json(checkpoint / "model.json", problems)
    kind, config = text_of(description.get("kind"), 40), mapping(description.get("config"))
    parameters, tensors = 0, 0
    try:
        with safe_open(checkpoint / "model.safetensors", "np") as f:
            tensors = len(f.keys())
            parameters = sum(math.prod(f.get_slice(name).get_shape()) for name in f.keys())
    except (SafetensorError, OSError) as e:
        problems.append(f"{checkpoint / 'model.safetensors'} cannot be read: {text_of(e)}.")
    lora = mapping(description.get("lora"))
    found = {
        "kind": kind,
        "config": config,
        "lora": lora,
        "parameters": parameters,
        "groups": {},
        "flops_per_token": None,
    }
    if kind not in MODELS:
        problems.append(f"{checkpoint / 'model.json'}: no model kind {kind!r}, so its FLOPs are not known.")
        return found
    try:
        if count_of(config.get("n_layer")) > tensors:
            raise UserError(f"n_layer {config['n_layer']} with {tensors} tensors")
        with torch.device("meta"):
            model = build(kind, from_dict(MODELS[kind][0], config, str(checkpoint / "model.json")))
        found["groups"] = {name: sum(p.numel() for p in group) for name, group in model.groups().items() if group}
        if lora:
            found["groups"]["adapters"] = parameters - sum(found["groups"].values())
        found["flops_per_token"] = float(model.flops_per_token(model.config.block_size))
    except (UserError, ValueError, TypeError, RuntimeError, MemoryError) as e:
        problems.append(f"{checkpoint / 'model.json'}: its FLOPs are not known: {text_of(e)}.")
    return found


def size(path: Path, leave_out: tuple[str, ...] = ()) -> int:
    """Bytes of a file or of everything in a folder; 0 if it is not there."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(p.stat().st_size for p in files if p.is_file() and p.name not in leave_out)


def place(checkpoint: str | Path) -> str:
    """'runs/oak/sft/checkpoint-000200' -> 'sft/checkpoint-000200'"""
    return "/".join(Path(checkpoint).parts[-2:])
