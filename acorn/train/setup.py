"""
From a command's options to the four things the loop needs. Options that were left open (how many steps fit the
minutes, which dtype) are settled once and kept in run.toml, so that a resumed or repeated run is the same run.
"""

import dataclasses
import time
import tomllib
from pathlib import Path

import torch

from acorn.config import dump, from_dict, to_dict
from acorn.errors import UserError
from acorn.optim.muon import MuonAdamW
from acorn.runlog import environment, write_json, write_text
from acorn.runtime import Runtime
from acorn.train.loop import forward_backward, gradient_norm

CALIBRATION_STEPS = 4
OPEN = ("steps", "batch_tokens", "dtype", "device")  # options that a run settles for itself when they are not given


def settle(config, folder: Path):
    """
    Fill the open options from the run.toml of an earlier start, and refuse if the rest differs: a run has one
    configuration. Returns the configuration; nothing changes when the stage is new.
    """
    path = folder / "run.toml"
    if not path.exists():
        return config
    before = from_dict(type(config), tomllib.loads(path.read_text(encoding="utf-8")), str(path))
    kept = {name: getattr(before, name) for name in OPEN if getattr(config, name, "auto") in (None, "auto")}
    config = dataclasses.replace(config, **kept, inject=before.inject)
    a, b = to_dict(before), to_dict(dataclasses.replace(config))
    different = [k for k in sorted({*a, *b}) if a.get(k) != b.get(k)]
    if different:
        changes = ", ".join(f"{k} was {a.get(k)!r}, now {b.get(k)!r}" for k in different)
        raise UserError(f"{folder} was started with other options: {changes}",
                        f"the options of {path}, another --run, or remove {folder} to start anew")  # fmt: skip
    return config


def write_record(config, folder: Path, runtime: Runtime) -> None:
    """run.toml, and env.json with one entry for each start."""
    if not runtime.first:
        return
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "run.toml", dump(config))
    write_json(
        folder / "env.json",
        {**environment(), "device_type": runtime.device.type, "dtype": str(runtime.dtype), "world": runtime.world},
    )


def make_optimizer(model, plan, runtime: Runtime, lr_scale: float, weight_decay: float | None = None) -> MuonAdamW:
    lr = {"matrix": plan.matrix_lr, "embed": plan.embed_lr, "head": plan.head_lr, "scalar": plan.scalar_lr}
    decay = plan.weight_decay if weight_decay is None else weight_decay
    return MuonAdamW(dict(model.named_parameters()), model.groups(), {k: v * lr_scale for k, v in lr.items()}, decay,
                     runtime.dtype, runtime.rank, runtime.world)  # fmt: skip


def seconds_per_step(make, runtime: Runtime) -> float:
    """The fastest of a few real steps, on things that `make` builds and that are thrown away after."""
    model, optimizer, stage = make()
    times = []
    for _ in range(CALIBRATION_STEPS):
        begin = time.perf_counter()
        forward_backward(model, stage.batches(), runtime)
        gradient_norm(model)
        optimizer.step(0.1)
        for p in model.parameters():
            p.grad = None
        times.append(time.perf_counter() - begin)
    slowest = torch.tensor([min(times)], device=runtime.device)
    return float(runtime.sum(slowest)) / runtime.world  # the same number on all ranks
