"""
From a command's options to the four things the loop needs. Options that were left open (how many steps fit the
minutes, which dtype) are settled once and kept in run.toml, so that a resumed or repeated run is the same run.
"""

import dataclasses
import math
import statistics
import time
from pathlib import Path

import torch

from acorn.config import dump, from_dict, read_toml, to_dict
from acorn.errors import UserError
from acorn.model import kind_of
from acorn.model.lora import adapters, lora_of
from acorn.optim.adamw import WEIGHT_DECAY, AdamW, usual_lr
from acorn.optim.muon import MuonAdamW
from acorn.runlog import environment, write_json, write_text
from acorn.runtime import Runtime
from acorn.train.loop import forward_backward, gradient_norm, inject

CALIBRATION_STEPS = 12  # of four the middle one was up to 40 % off, and so were the minutes
CALIBRATION_SECONDS = 5.0
ANY = math.inf
LIMITS = {  # option -> least and largest value
    "depth": (1, 128), "steps": (1, ANY), "tokens": (1, ANY), "minutes": (1e-3, ANY), "epochs": (1e-3, ANY),
    "batch_tokens": (1, ANY), "block_size": (1, ANY), "n_embd": (1, ANY), "micro_rows": (1, ANY),
    "micro_tokens": (1, ANY), "count": (1, ANY), "bigram": (0, ANY), "lr_scale": (0, ANY), "matrix_lr": (0, ANY),
    "embed_lr": (0, ANY), "head_lr": (0, ANY), "weight_decay": (0, ANY), "prompt_weight": (0, 1), "warmup": (0, 1),
    "cooldown": (0, 1), "clip": (0, ANY), "eval_every": (0, ANY), "save_every": (0, ANY), "eval_tokens": (0, ANY),
    "seed": (0, 2**63 - 1), "documents": (0, 1), "rounds": (0, ANY), "round_prompts": (1, ANY),
    "round_epochs": (1e-3, ANY), "gold": (0, 0.99), "prompts": (1, ANY), "samples": (2, ANY), "max_tokens": (1, ANY),
    "valid_reward": (0, 1), "eval_prompts": (1, ANY), "eval_samples": (0, ANY), "n_head": (1, ANY), "lr": (0, ANY),
    "beta2": (0, 0.999999), "floor": (0, 1), "lora": (0, ANY), "lora_alpha": (1e-6, ANY), "dropout": (0, 0.999),
}  # fmt: skip
# options that a run settles for itself when they are not given
OPEN = ("steps", "batch_tokens", "micro_tokens", "block_size", "dtype", "device", "init", "matrix_lr", "embed_lr",
        "head_lr", "lr", "lr_scale", "optimizer")  # fmt: skip


def check_options(config) -> None:
    """UserError names the first option that is out of its range."""
    for name, (least, most) in LIMITS.items():
        value = getattr(config, name, None)
        if value is not None and not least <= value <= most:  # NaN fails too
            limits = f"at least {least:g}" if most == ANY else f"between {least:g} and {most:g}"
            raise UserError(f"--{name.replace('_', '-')} {value}: must be {limits}")
    if getattr(config, "lora_alpha", None) and not config.lora:
        raise UserError(f"--lora-alpha {config.lora_alpha:g} has no meaning without adapters", "--lora RANK")
    inject(config.inject, "", 0)


def settle(config, folder: Path):
    """
    Fill the open options from the run.toml of an earlier start, and refuse if the rest differs: a run has one
    configuration. Returns the configuration; nothing changes when the stage is new.
    """
    path = folder / "run.toml"
    if not path.exists():
        return config
    before = from_dict(type(config), read_toml(path), str(path))
    kept = {name: getattr(before, name) for name in OPEN if getattr(config, name, "") in (None, "auto")}
    config = dataclasses.replace(config, **kept, inject=before.inject)
    a, b = to_dict(before), to_dict(config)
    different = [k for k in sorted({*a, *b}) if a.get(k) != b.get(k)]
    if different:
        changes = ", ".join(f"{k} was {a.get(k)!r}, now {b.get(k)!r}" for k in different)
        raise UserError(f"{folder} was started with other options: {changes}",
                        f"the options of {path}, another --run, or remove {folder} to start anew")  # fmt: skip
    return config


def write_record(config, folder: Path, runtime: Runtime) -> None:
    """run.toml, once, and env.json of the newest start. The caller holds the lock of the folder."""
    if not runtime.first:
        return
    record, text = folder / "run.toml", dump(config)
    if not record.exists():
        write_text(record, text)
    elif record.read_text(encoding="utf-8") != text:  # another process began between `settle` and the lock
        raise UserError(f"{folder} was started by another process meanwhile", "run the same command again")
    write_json(
        folder / "env.json",
        {**environment(), "device_type": runtime.device.type, "dtype": str(runtime.dtype), "world": runtime.world},
    )


def make_optimizer(
    model,
    plan,
    runtime: Runtime,
    lr_scale: float,
    weight_decay: float | None = None,
    optimizer: str | None = None,
    lr: float | None = None,
    beta2: float = 0.95,
) -> MuonAdamW | AdamW:
    """
    optimizer: muon, adamw or None: muon for nano, adamw for the other kinds and for adapters. lr: AdamW's, before
    lr_scale; None: by width, ten times that for adapters. With muon a nano model takes the plan's rates; in the others
    that is the matrices' alone.
    """
    lora, named, nano = lora_of(model), dict(model.named_parameters()), kind_of(model) == "nano"
    if lora and optimizer == "muon":
        raise UserError("--lora with --optimizer muon: adapters are trained with adamw")
    # adapters want about ten times the rate of the weights (LoRA without regret, 2025; SmolLM2: docs/LOG.md)
    lr = (lr or usual_lr(model.config.n_embd) * (10 if lora else 1)) * lr_scale
    if lora or (optimizer or ("muon" if nano else "adamw")) == "adamw":
        decay = WEIGHT_DECAY if weight_decay is None else weight_decay
        groups = adapters(model) if lora else model.groups()
        return AdamW(named, groups, lr, decay, (0.9, beta2), rank=runtime.rank, world=runtime.world)
    rates = {"matrix": plan.matrix_lr * lr_scale, "embed": lr, "head": lr, "scalar": lr}
    if nano:
        rates |= {
            "embed": plan.embed_lr * lr_scale,
            "head": plan.head_lr * lr_scale,
            "scalar": plan.scalar_lr * lr_scale,
        }
    decay = plan.weight_decay if weight_decay is None else weight_decay
    return MuonAdamW(named, model.groups(), rates, decay, runtime.dtype, runtime.rank, runtime.world)


def seconds_per_step(make, runtime: Runtime) -> float:
    """The middle one of a few real steps, on things that `make` builds and that are thrown away after."""
    model, optimizer, stage = make()
    times = []
    # the first one warms up; two long steps tell as much as four short ones
    while len(times) < 2 or (len(times) < CALIBRATION_STEPS and not runtime.any(sum(times) > CALIBRATION_SECONDS)):
        begin = time.perf_counter()
        forward_backward(model, stage.batches(), runtime)
        gradient_norm(model)
        optimizer.step(0.1)
        model.zero_grad()
        times.append(time.perf_counter() - begin)
    middle = torch.tensor([statistics.median(times[1:])], device=runtime.device)
    return float(runtime.sum(middle)) / runtime.world  # the same number on all ranks
