"""What the tests of training share: commands of tiny runs, and everything that two equal runs must have in common."""

import json
from pathlib import Path

from safetensors.torch import load_file

from acorn import checkpoint

STEPS = 12
COMMON = ["--steps", STEPS, "--save-every", 3, "--eval-every", 4, "--device", "cpu", "--dtype", "float32"]
BASE = ["train", "base", "--run", "t", "--depth", 1, "--n-embd", 32, "--block-size", 32, "--batch-tokens", 256,
        "--micro-rows", 3, *COMMON]  # fmt: skip
SFT = ["train", "sft", "--run", "t", "--chats", "chats.jsonl", "--batch-tokens", 300, "--micro-tokens", 150, *COMMON]
TIMES = ("time_s", "tokens_per_s")


def rows(stage: Path) -> list[dict]:
    """metrics.jsonl without what the clock decides"""
    lines = [json.loads(line) for line in (stage / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in row.items() if k not in TIMES} for row in lines]


def losses(stage: Path) -> list[float]:
    return [row["loss"] for row in rows(stage) if "loss" in row]


def bits(stage: Path) -> dict:
    """All that feeds the next step, and what was logged on the way."""
    newest = checkpoint.find_checkpoint(stage)
    files = {name: load_file(newest / f"{name}.safetensors") for name in ("model", "optimizer")}
    state = json.loads((newest / "state.json").read_text())
    del state["loop"]["time_s"]
    tensors = {f"{file}/{name}": t.numpy().tobytes() for file, found in files.items() for name, t in found.items()}
    return {"name": newest.name, "state": state, "rows": rows(stage), **tensors}


def assert_same(a: dict, b: dict) -> None:
    assert a.keys() == b.keys()
    different = [name for name in a if a[name] != b[name]]
    assert not different, different
