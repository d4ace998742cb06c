"""
A run folder as training, evaluation and speedrun leave it, made in a moment and without torch: losses that fall with
noise, a checkpoint whose manifest verifies, figures that fit together. For the tests of what reads such folders.
"""

import hashlib
import json
import random
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

#            steps  first  last  seconds  tokens a step  what is held out
STAGES = {
    "base": (600, 6.9, 1.4, 300.0, 8192, "val_bpb"),
    "mid": (100, 1.6, 1.0, 60.0, 8192, "val_bpb"),
    "sft": (200, 1.1, 0.2, 120.0, 4096, "val_loss"),
    "rl": (50, 0.3, 0.1, 40.0, 2048, "pass@1"),
}

ENVIRONMENT = {
    "acorn": "0.1.0",
    "commit": "0123456789abcdef",
    "dirty": False,
    "python": "3.11.7",
    "torch": "2.13.0",
    "numpy": "2.4.0",
    "system": "Linux-6.0",
    "device": "A CPU",
    "cpu_count": 2,
    "threads": 2,
    "argv": ["/somewhere/acorn/__main__.py", "speedrun", "configs/cpu.toml"],
    "started": "2030-01-01T00:00:00Z",
}

SAMPLES = [
    {
        "request": "a private\nplot | herbs",
        "reply": "plot {\n  herbs = 3\n}\n",
        "kind": "one",
        "valid": True,
        "right": True,
    },
    {
        "request": "three trees",
        "reply": "trees = 2",
        "kind": "two",
        "valid": True,
        "right": False,
        "why": "trees is 2, not 3",
    },
    {
        "request": "a ``` fence",
        "reply": "```\n[bold]x",
        "kind": "two",
        "valid": False,
        "right": False,
        "why": "line 1: ```",
    },
]

EVALUATION = {
    "run": "oak",
    "stage": "sft",
    "checkpoint": "runs/oak/sft/checkpoint-000200",
    "bpb": {"value": 0.7012, "stderr": 0.01, "bytes": 250_000, "documents": 120, "tokens": 90_000},
    "tasks": {
        "garden": {
            "version": 1,
            "hash": "12" * 32,
            "n": 200,
            "chance": 0.0,
            "stderr": 0.0278,
            "centred": 0.81,
            "valid": {"value": 0.965, "low": 0.9295, "high": 0.9830},
            "right": {"value": 0.81, "low": 0.7499, "high": 0.8584},
            "by_kind": {"one": {"n": 120, "valid": 118, "right": 110}, "two": {"n": 80, "valid": 75, "right": 52}},
            "samples": SAMPLES,
        }
    },
    "seconds": 41.0,
}

TIMINGS = {
    "stages": [
        {"name": "data", "seconds": 11.2, "skipped": False},
        {"name": "tokenizer", "seconds": 4.1, "skipped": True},
        {"name": "base", "seconds": 300.5, "skipped": False},
        {"name": "sft", "seconds": 120.25, "skipped": False},
    ],
    "peak_memory_bytes": 1_234_567_890,
    "started": "2030-01-01T00:00:00Z",
    "finished": "2030-01-01T00:08:00Z",
}


DATA = {
    "tokenizer": {"hash": "ab" * 32, "kind": "bpe", "n_vocab": 1024},
    "splits": {
        "train": {"documents": 90, "tokens": 100_000, "bytes": 275_000, "shards": [{"sha256": "cd" * 32}]},
        "val": {"documents": 10, "tokens": 9_000, "bytes": 25_000, "shards": [{"sha256": "ef" * 32}]},
    },
}


def score(folder: Path, stage: str, right: int, core: float) -> None:
    """An eval.json of the stage's own, `right` of 200 requests, with CORE of two tasks."""

    def share(hits: int, n: int) -> dict:
        return {"value": hits / n, "low": max(0.0, hits / n - 0.05), "high": min(1.0, hits / n + 0.05)}

    garden = {**EVALUATION["tasks"]["garden"], "right": share(right, 200), "valid": share(195, 200)}
    parts = {
        name: {"n": 100, "kind": "schema", "shots": 10, "right": share(round(50 + 50 * core), 100), "stderr": 0.05,
               "chance": 0.5, "centred": core, "hash": "34" * 32, "seconds": 1.0}
        for name in ("winogrande", "copa")
    }  # fmt: skip
    about = {"version": 1, "hash": "56" * 32, "n": 200, "stderr": 0.02, "seconds": 2.0}
    overall = {**about, "centred": {"value": core, "low": core - 0.04, "high": core + 0.04}, "tasks": parts}
    result = {"run": "oak", "stage": stage, "checkpoint": f"{stage}/checkpoint-{STAGES[stage][0]:06d}"}
    write_json(
        folder / stage / "eval.json", {**result, "tasks": {"garden": garden, "core": overall}, "bpb": EVALUATION["bpb"]}
    )


def make(folder: Path, stages=("base", "sft"), evaluated: bool = True, timed: bool = True) -> Path:
    for name in stages:
        make_stage(folder / name, *STAGES[name])
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "train-000.bin").write_bytes(bytes(200_000))
    write_json(folder / "data" / "manifest.json", DATA)
    if evaluated:
        write_json(folder / "eval.json", EVALUATION)
    if timed:
        write_json(folder / "timings.json", TIMINGS)
    return folder


def make_stage(folder: Path, steps: int, first: float, last: float, seconds: float, tokens: int, held_out: str) -> None:
    folder.mkdir(parents=True)
    noise, rows = random.Random(steps), []
    for step in range(steps):
        done = (step + 1) / steps
        at = {"step": step, "tokens": (step + 1) * tokens, "time_s": seconds * done}
        loss = last + (first - last) * 2.0 ** (-8 * done) + noise.gauss(0, 0.06)
        rows.append({**at, "loss": loss, "lr": 1 - done, "grad_norm": 0.5, "tokens_per_s": steps * tokens / seconds})
        if folder.name == "rl":
            rows[-1] |= {"reward": 0.5 + done / 4, "right": 0.4 + done / 2, "kept": 12}
        if (step + 1) % (steps // 10) == 0:
            rows.append({**at, "eval": True, held_out: loss / 2})
            if folder.name == "rl":
                rows[-1] |= {"pass@1": 0.5 + done / 4, "pass@4": 0.75, "greedy": 0.6 + done / 5, "valid": 0.97}
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "run.toml").write_text(f"steps = {steps}\nseed = 1\n")
    write_json(folder / "env.json", ENVIRONMENT)
    make_checkpoint(folder / f"checkpoint-{steps:06d}")


def make_checkpoint(folder: Path) -> None:
    folder.mkdir(parents=True)
    shapes = {"embed.weight": (1024, 64), "head.weight": (1024, 64), "scales": (1,)}
    shapes |= {f"blocks.0.attention.{name}.weight": (64, 64) for name in ("q", "k", "v", "out")}
    shapes |= {"blocks.0.mlp.up.weight": (256, 64), "blocks.0.mlp.down.weight": (64, 256)}
    save_file({name: np.zeros(shape, np.float32) for name, shape in shapes.items()}, folder / "model.safetensors")
    config = {"vocab_size": 1024, "n_layer": 1, "n_head": 2, "n_kv_head": 2, "n_embd": 64, "block_size": 128}
    write_json(folder / "model.json", {"kind": "nano", "config": config})
    files = {}
    for path in sorted(folder.iterdir()):
        files[path.name] = {"bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    step = int(folder.name.removeprefix("checkpoint-"))
    manifest = {"format": 1, "step": step, "torch": "2.13.0", "files": files}
    own = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
    write_json(folder / "manifest.json", {**manifest, "sha256": own})


def write_json(path: Path, value) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")
