"""
THE loop. Every stage minimises Σ weightᵢ · nllᵢ and differs only in where (inputs, targets, weights) come from, so a
stage is an object that yields batches; the loop owns accumulation, schedules, clipping, timing, logging, evaluation,
checkpoints, resume, preemption and non-finite steps. It never asks which stage it runs.
"""

import contextlib
import fcntl
import math
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from acorn import checkpoint
from acorn.errors import Diverged, Stopped, UserError
from acorn.optim.muon import MuonAdamW
from acorn.optim.schedule import lr_scale, momentum
from acorn.runlog import RunLog
from acorn.runtime import Runtime


@dataclass(frozen=True)
class Batch:
    """One micro-batch, all (B, T). Weights already hold the 1/N of the whole step: all micro-batches, all ranks."""

    inputs: Tensor  # int64
    targets: Tensor  # int64
    weights: Tensor  # float32, 0 where nothing is to be learned


class Stage(Protocol):
    def batches(self) -> list[Batch]: ...  # this rank's micro-batches of the next optimizer step
    def evaluate(self, model) -> dict[str, float]: ...  # called in eval mode without gradients, on every rank
    def state_dict(self) -> dict: ...  # the position in the data, the same on all ranks: resume is exact
    def load_state_dict(self, state: dict) -> None: ...


@dataclass(frozen=True)
class LoopConfig:
    steps: int
    warmup: float = 0.0  # fraction of the steps
    cooldown: float = 0.7  # fraction of the steps over which the learning rate falls
    floor: float = 0.05  # learning rate at the end, as a fraction of the peak
    clip: float = 0.0  # largest gradient norm; 0 = off
    eval_every: int = 0  # steps; 0 = only at the end
    save_every: int = 0  # steps; 0 = only at the end
    best: str = ""  # evaluation figure of which the lowest checkpoint is kept besides the last
    inject: str = ""  # fault to cause, to try our promises: nan@STEP or kill@STEP


BAD_STEPS_IN_A_ROW = 3  # skipped non-finite steps before the run is given up


def train(
    name: str, model, optimizer: MuonAdamW, stage: Stage, config: LoopConfig, folder: Path, runtime: Runtime, tokenizer
) -> dict:
    """
    Run (or resume) a stage to its last step; returns the last evaluation with step, loss, tokens and time_s.
    Raises Stopped after a signal (the checkpoint of the current step is written) and Diverged when the loss stays
    non-finite.
    """
    with locked(folder, runtime), StopSignals() as stopping:
        state = {
            "step": 0,
            "tokens": 0,
            "time_s": 0.0,
            "bad": 0,
            "skipped": 0,
            "best": None,
            "best_step": None,
            "last": {},
        }
        found = checkpoint.find_checkpoint(folder, say=print_first(runtime))
        if found:
            state.update(resume(found, model, optimizer, stage))
        log = RunLog(folder, after_step=state["step"], show=runtime.first) if runtime.first else None
        if log and found:
            log.say(f"{name}: resuming at step {state['step']} of {config.steps}")
        model.train()

        while state["step"] < config.steps:
            begin = time.perf_counter()
            step = state["step"]
            inject(config.inject, "kill", step)
            batches = stage.batches()
            loss = forward_backward(model, batches, runtime)
            if inject(config.inject, "nan", step) and runtime.first:
                loss += float("nan")
            counts = torch.tensor([float(loss), float(sum(b.inputs.numel() for b in batches))], dtype=torch.float64)
            loss, tokens = runtime.sum(counts.to(runtime.device)).tolist()
            norm = gradient_norm(model)
            scale = lr_scale(step, config.steps, config.warmup, config.cooldown, config.floor)
            finite = math.isfinite(loss) and math.isfinite(norm)  # summed over ranks, so all of them agree
            if finite:
                if config.clip and norm > config.clip:
                    torch._foreach_mul_([p.grad for p in model.parameters()], config.clip / norm)
                optimizer.step(scale, momentum(step, config.steps))
            for p in model.parameters():
                p.grad = None
            state["bad"] = 0 if finite else state["bad"] + 1
            state["skipped"] += not finite
            state["step"], state["tokens"] = step + 1, state["tokens"] + int(tokens)
            dt = time.perf_counter() - begin
            state["time_s"] += dt
            row = {"step": step, "loss": loss, "lr": scale, "grad_norm": norm, "tokens": state["tokens"],
                   "tokens_per_s": tokens / dt, "time_s": state["time_s"]}  # fmt: skip
            if log:
                log.write(row if finite else {**row, "loss": None, "grad_norm": None, "skipped": True})
                if finite:
                    log.progress(
                        name, state["step"], config.steps, row, (config.steps - step - 1) * state["time_s"] / (step + 1)
                    )
                else:
                    log.say(
                        f"{name}: step {step} skipped, weights unchanged: loss {loss}, gradient norm {norm}"
                    )
            if state["bad"] >= BAD_STEPS_IN_A_ROW:
                raise Diverged(diverged(name, step, folder), f"acorn train {name} with a lower --lr-scale")

            done, stop = state["step"] == config.steps, runtime.any(stopping.signal is not None)
            if done or due(state["step"], config.eval_every):
                figures = evaluate(stage, model)
                state["last"] = {**figures, "loss": loss if finite else None}
                if config.best and (state["best"] is None or figures[config.best] < state["best"]):
                    state["best"], state["best_step"] = figures[config.best], state["step"]
                if log:
                    log.write(
                        {"step": step, "eval": True, **figures, "tokens": state["tokens"], "time_s": state["time_s"]}
                    )
                    shown = "  ".join(f"{k} {v:.4f}" for k, v in figures.items())
                    log.say(
                        f"{name}: step {state['step']}/{config.steps}  {shown}  ({state['time_s']:.0f} s of training)"
                    )
            if done or stop or due(state["step"], config.save_every):
                save(folder, model, optimizer, stage, state, tokenizer, runtime)
            if stop and not done:
                raise Stopped(f"{name}: stopped by {stopping.name} after step {state['step']} of {config.steps}; all is saved",
                              "run the same command to go on")  # fmt: skip
        if log:
            log.close()
        return {k: state[k] for k in ("step", "tokens", "time_s", "skipped", "best", "best_step")} | state["last"]


def forward_backward(model, batches: list[Batch], runtime: Runtime) -> Tensor:
    """Gradients of this step, summed over micro-batches and ranks -> this rank's part of the loss."""
    total = torch.zeros((), device=runtime.device)
    for batch in batches:
        inputs, targets, weights = (
            t.to(runtime.device, non_blocking=True) for t in (batch.inputs, batch.targets, batch.weights)
        )
        loss = model.loss(inputs, targets, weights)
        loss.backward()
        total += loss.detach()
    for p in model.parameters():
        if p.grad is None:  # a rank without batches still takes part in the sum
            p.grad = torch.zeros_like(p)
    if runtime.world > 1:
        flat = torch.cat([p.grad.flatten() for p in model.parameters()])
        runtime.sum(flat)
        for p, part in zip(model.parameters(), flat.split([p.numel() for p in model.parameters()])):
            p.grad.copy_(part.view_as(p))
    return total


def gradient_norm(model) -> float:
    return float(torch.linalg.vector_norm(torch.stack(torch._foreach_norm([p.grad for p in model.parameters()]))))


@torch.no_grad()
def evaluate(stage: Stage, model) -> dict[str, float]:
    model.eval()
    try:
        return stage.evaluate(model)
    finally:
        model.train()


def due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0


def save(folder: Path, model, optimizer, stage: Stage, state: dict, tokenizer, runtime: Runtime) -> None:
    optimizer_state = optimizer.state_dict()  # gathers from all ranks
    if runtime.first:
        rng = torch.get_rng_state().numpy().tobytes().hex()
        whole = {**state, "stage": stage.state_dict(), "rng": rng, "world": runtime.world, "threads": torch.get_num_threads(), "dtype": str(model.compute_dtype)}  # fmt: skip
        checkpoint.save_checkpoint(folder, state["step"], model, optimizer_state, whole, tokenizer)
        checkpoint.prune(folder, state["best_step"])
    runtime.barrier()


def resume(path: Path, model, optimizer: MuonAdamW, stage: Stage) -> dict:
    """Load everything that feeds the next step; returns the loop's own part of the state."""
    saved, _, state = checkpoint.load_checkpoint(path)
    if saved.config != model.config:
        raise UserError(f"{path} holds a model of another shape: {saved.config}, this command asks for {model.config}",
                        "use the options the run was started with (its run.toml), or another --run")  # fmt: skip
    model.load_state_dict(saved.state_dict())
    optimizer.load_state_dict(checkpoint.load_optimizer(path))
    stage.load_state_dict(state.pop("stage"))
    torch.set_rng_state(torch.frombuffer(bytearray.fromhex(state.pop("rng")), dtype=torch.uint8))
    return {k: v for k, v in state.items() if k not in ("world", "threads", "dtype")}


def diverged(name: str, step: int, folder: Path) -> str:
    good = checkpoint.list_checkpoints(folder)
    last = f"the last good checkpoint is {good[-1]}" if good else "there is no checkpoint yet"
    return f"{name} diverged: {BAD_STEPS_IN_A_ROW} steps up to step {step} had a non-finite loss or gradient; {last}"


def print_first(runtime: Runtime):
    return print if runtime.first else lambda text: None


def inject(fault: str, kind: str, step: int) -> bool:
    """Whether `fault` ("nan@17") is of this kind and due at this step; "kill" does not return."""
    if not fault:
        return False
    what, _, when = fault.partition("@")
    if what not in ("nan", "kill") or not when.isdigit():
        raise UserError(f"--inject {fault!r}: expected nan@STEP or kill@STEP")
    hit = what == kind and (step >= int(when) if kind == "nan" else step == int(when))
    if hit and kind == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    return hit


class StopSignals:
    """
    While open, SIGTERM, SIGINT and SIGUSR1 only set a flag: the step in flight is finished and saved. A second one
    leaves at once.
    """

    def __enter__(self):
        self.signal, self.name = None, "another rank"
        self.before = {}
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
            with contextlib.suppress(ValueError):  # not in the main thread: then nobody sends us signals
                self.before[number] = signal.signal(number, self.catch)
        return self

    def catch(self, number, frame):
        if self.signal is not None:
            raise Stopped(
                "stopped at once by a second signal; the run goes on from its last checkpoint",
                "run the same command to go on",
            )
        self.signal, self.name = number, signal.Signals(number).name

    def __exit__(self, *_):
        for number, handler in self.before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def locked(folder: Path, runtime: Runtime):
    """One process group a folder. The kernel frees the lock when its owner dies, however it dies."""
    if not runtime.first:
        yield
        return
    Path(folder).mkdir(parents=True, exist_ok=True)
    with open(Path(folder) / ".lock", "a+", encoding="utf-8") as f:
        try:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            f.seek(0)
            raise UserError(
                f"{folder} is in use by process {f.read().strip() or '?'}", "wait for it, or choose another --run"
            ) from None
        f.truncate(0)
        f.write(f"{os.getpid()} since {time.strftime('%H:%M:%S')}")
        f.flush()
        checkpoint.sweep(Path(folder))
        yield
