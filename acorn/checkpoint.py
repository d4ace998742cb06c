"""
Checkpoints that survive a kill, a full disk and a flipped bit.

    runs/NAME/base/checkpoint-000500/
        model.safetensors  optimizer.safetensors  model.json  state.json  tokenizer.json
        manifest.json      size and SHA-256 of each file, format version, its own SHA-256    (written last)

Commit protocol: everything goes to a hidden temporary folder, each file and then the manifest is fsynced, the folder
is renamed, its parent fsynced. A reader trusts only a folder whose manifest verifies, and "newest" is computed, never
stored. Old checkpoints are removed only after the new one is in place: rename to a dead name first, then delete.
"""

import dataclasses
import hashlib
import json
import os
import shutil
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from acorn.config import from_dict
from acorn.errors import StorageError, UserError, did_you_mean
from acorn.model import MODELS, build, kind_of
from acorn.model.lora import Lora, add_lora, lora_of, merge
from acorn.tokenizer.tokenizer import Tokenizer

FORMAT = 1
STAGES = ("rl", "sft", "mid", "base")  # furthest first: what RUN means when it names no stage


def save_checkpoint(folder: Path, step: int, model, optimizer_state: dict, state: dict, tokenizer: Tokenizer) -> Path:
    """
    Write FOLDER/checkpoint-{step}. optimizer_state: name -> CPU tensor. state: JSON-able, everything else that feeds
    the next step. StorageError if the disk refuses; then nothing half-written is left and older checkpoints are
    untouched.
    """
    final = Path(folder) / f"checkpoint-{step:06d}"
    temporary = Path(folder) / f".{final.name}.tmp-{os.getpid()}"
    try:
        temporary.mkdir(parents=True)
        description = {"kind": kind_of(model), "config": dataclasses.asdict(model.config)}
        if lora := lora_of(model):
            description["lora"] = dataclasses.asdict(lora)
        weights = {name: t.detach().cpu().contiguous() for name, t in model.state_dict().items()}
        save_file(weights, temporary / "model.safetensors")
        save_file({name: t.contiguous() for name, t in optimizer_state.items()}, temporary / "optimizer.safetensors")
        write_plain(temporary / "model.json", description)
        write_plain(temporary / "state.json", {**state, "step": step})
        tokenizer.save(temporary / "tokenizer.json")
        files = {p.name: {"bytes": p.stat().st_size, "sha256": sha256(p)} for p in sorted(temporary.iterdir())}
        for name in files:
            fsync(temporary / name)
        manifest = {"format": FORMAT, "step": step, "torch": torch.__version__, "files": files}
        write_plain(temporary / "manifest.json", {**manifest, "sha256": hash_of(manifest)})
        fsync(temporary / "manifest.json")
        fsync(temporary)
        if final.exists():  # the same step again, after a resume: it holds the same bits
            retire(final)
        temporary.rename(final)
        fsync(final.parent)
    except (OSError, SafetensorError, StorageError) as e:  # the last one from tokenizer.save
        shutil.rmtree(temporary, ignore_errors=True)
        free = shutil.disk_usage(existing_parent(Path(folder))).free
        good = [p.name for p in list_checkpoints(folder)]
        kept = f"{good[-1]} is still there" if good else "there is no earlier checkpoint"
        raise StorageError(
            f"cannot write {final}: {e} ({free / 1e6:,.0f} MB free); {kept}",
            "free some space, then run the same command to go on",
        ) from e
    return final


def prune(folder: Path, best_step: int | None, keep: int = 2) -> None:
    """
    Keep the newest `keep` checkpoints and the best one; also sweeps up what a kill left behind. Nothing is removed
    unless the newest verifies: a disk that lies must not cost the older ones.
    """
    sweep(folder)
    found = list_checkpoints(folder)
    if not found or verify(found[-1]):
        return
    wanted = {p.name for p in found[-keep:]} | ({f"checkpoint-{best_step:06d}"} if best_step is not None else set())
    for path in found:
        if path.name not in wanted:
            retire(path)


def sweep(folder: Path) -> None:
    for leftover in [*Path(folder).glob(".checkpoint-*.tmp-*"), *Path(folder).glob(".dead-*")]:
        shutil.rmtree(leftover, ignore_errors=True)


def retire(path: Path) -> None:
    """Remove a checkpoint so that no reader ever sees half of it."""
    dead = path.with_name(f".dead-{path.name}-{os.getpid()}")
    path.rename(dead)
    shutil.rmtree(dead, ignore_errors=True)


def list_checkpoints(folder: Path) -> list[Path]:
    """Committed checkpoints, oldest first; not verified."""
    found = [
        p for p in Path(folder).glob("checkpoint-*") if p.name.removeprefix("checkpoint-").isdigit() and p.is_dir()
    ]
    return sorted(found, key=lambda p: int(p.name.removeprefix("checkpoint-")))


def verify(path: Path) -> str:
    """'' if every file is as the manifest says, else one sentence that names the damaged file."""
    try:
        manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
        if manifest["format"] != FORMAT:
            return f"{path} has checkpoint format {manifest['format']!r}, this acorn reads {FORMAT}"
        if manifest.pop("sha256") != hash_of(manifest):
            return f"{path / 'manifest.json'} is damaged: it does not have the SHA-256 that it names"
        for name, expected in manifest["files"].items():
            file = path / name
            if not file.exists():
                return f"{file} is missing"
            if file.stat().st_size != expected["bytes"]:
                return f"{file} has {file.stat().st_size:,} bytes, the manifest says {expected['bytes']:,}"
            if (found := sha256(file)) != expected["sha256"]:
                return f"{file} is damaged: its SHA-256 is {found[:12]}…, the manifest says {expected['sha256'][:12]}…"
    except FileNotFoundError:
        return f"{path} has no manifest.json"
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as e:
        return f"{path / 'manifest.json'} cannot be read: {e!r}"
    return ""


def find_checkpoint(folder: Path, say=None) -> Path | None:
    """
    The newest checkpoint of a stage that verifies, or None when there is none at all. `say` is told of each damaged
    one passed over.
    """
    damaged = []
    for path in reversed(list_checkpoints(folder)):
        problem = verify(path)
        if not problem:
            if damaged and say:
                for text in damaged:
                    say(f"warning: {text}; falling back to {path.name}")
            return path
        damaged.append(problem)
    if damaged:
        raise UserError("no checkpoint in " + str(folder) + " is whole:\n  " + "\n  ".join(damaged),
                        "delete them and run the same command to start this stage anew")  # fmt: skip
    return None


def resolve_run(run: str, runs: Path = Path("runs"), say=None) -> Path:
    """
    RUN -> checkpoint folder. RUN is a name in runs/, a run folder, a stage folder (runs/x/base) or a checkpoint
    folder; of a run the furthest stage is meant.
    """
    candidates = [Path(run)] if os.sep in run or run in (".", "..") else [runs / run, Path(run)]
    folder = next((p for p in candidates if p.is_dir()), None)
    if folder is None:
        names = sorted(p.name for p in runs.iterdir() if p.is_dir() and p.name[0] != ".") if runs.is_dir() else []
        found = f" (found: {', '.join(names)})" if names else ""
        raise UserError(f"no run {run!r} in {runs}/{found}.{did_you_mean(run, names)}", "acorn runs")
    if folder.name.startswith("checkpoint-"):
        problem = verify(folder)
        if problem:
            others = [p.name for p in list_checkpoints(folder.parent) if p != folder and not verify(p)]
            raise UserError(
                problem, f"use {folder.parent / others[-1]} instead" if others else "train this stage again"
            )
        return folder
    for stage in (folder, *(folder / name for name in STAGES)):
        if list_checkpoints(stage):
            return find_checkpoint(stage, say)
    looked = ", ".join(f"{folder / s}/checkpoint-*" for s in STAGES)
    there = ", ".join(sorted(p.name for p in folder.iterdir())) or "nothing"
    raise UserError(
        f"no checkpoint in {folder} (looked for {looked}; found: {there})", f"acorn train base --run {folder.name}"
    )


def load_checkpoint(path: Path, device="cpu", dtype: torch.dtype = torch.float32, merged: bool = True):
    """
    A verified checkpoint folder -> (model in eval mode, tokenizer, state dict). dtype: of activations. merged: LoRA
    adapters become part of the weights; only whoever goes on training them wants them apart.
    """
    path = Path(path)
    description = json.loads((path / "model.json").read_text(encoding="utf-8"))
    model = build(
        description["kind"], from_dict(MODELS[description["kind"]][0], description["config"], str(path / "model.json"))
    )
    if "lora" in description:
        add_lora(model, from_dict(Lora, description["lora"], str(path / "model.json")))
    model.load_state_dict(load_file(path / "model.safetensors"))
    if merged and lora_of(model):
        merge(model)
    model.compute_dtype = dtype
    state = json.loads((path / "state.json").read_text(encoding="utf-8"))
    return model.to(device).eval(), Tokenizer.load(path / "tokenizer.json"), state


def load_optimizer(path: Path) -> dict[str, torch.Tensor]:
    return load_file(Path(path) / "optimizer.safetensors")


def load_model(run: str, device="cpu", dtype: torch.dtype = torch.float32, say=None):
    """RUN as people write it -> (model, tokenizer, checkpoint folder)."""
    path = resolve_run(str(run), say=say)
    model, tokenizer, _ = load_checkpoint(path, device, dtype)
    return model, tokenizer, path


def write_plain(path: Path, value) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def hash_of(manifest: dict) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def sha256(path: Path) -> str:
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def existing_parent(path: Path) -> Path:
    while not path.exists():
        path = path.parent if path != path.parent else Path(".")
    return path
