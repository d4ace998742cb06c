"""What the tests of training share: commands of tiny runs, and everything that two equal runs must have in common."""

import json
from pathlib import Path

from safetensors.torch import load_file

from acorn import checkpoint, cli
from acorn.evals.task import Example, Grade, Task

STEPS = 12
COMMON = ["--steps", STEPS, "--save-every", 3, "--eval-every", 4, "--device", "cpu", "--dtype", "float32"]
BASE = ["train", "base", "--run", "t", "--depth", 1, "--n-embd", 32, "--block-size", 32, "--batch-tokens", 256,
        "--micro-rows", 3, *COMMON]  # fmt: skip
MID = ["train", "mid", "--run", "t", "--chats", "chats.jsonl", "--batch-tokens", 256, "--micro-tokens", 96, *COMMON]
SFT = ["train", "sft", "--run", "t", "--chats", "chats.jsonl", "--batch-tokens", 300, "--micro-tokens", 150, *COMMON]
RL = ["train", "rl", "--run", "t", "--tasks", "vowels", "--prompts", 6, "--samples", 4, "--max-tokens", 6,
      "--rounds", 1, "--round-prompts", 8, "--batch-tokens", 256, "--micro-tokens", 64, "--eval-prompts", 8,
      "--no-fall-back", *COMMON]  # fmt: skip
COMMANDS = {"base": BASE, "mid": MID, "sft": SFT, "rl": RL}
TIMES = ("time_s", "tokens_per_s")


def vowels(split, seed, count):
    return [Example(f"How tall is the oak, {i}?", "tree", {}, f"oak {i} feet") for i in range(count)]


def run(argv):
    """`acorn ...` with one more task, which replies of a model that has learned little can win or lose."""
    from acorn.commands import stages

    known = stages.find_task
    task = Task("vowels", 1, vowels, lambda example, reply: Grade(" " in reply, "e" in reply or "a" in reply))
    stages.find_task = lambda name, data=None: task if name == "vowels" else known(name, data)
    return cli.main(argv)


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
