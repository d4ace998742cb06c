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
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from acorn import checkpoint
from acorn.errors import Diverged, Stopped, UserError
from acorn.model.lora import lora_of
from acorn.optim.adamw import AdamW
from acorn.optim.muon import MuonAdamW
from acorn.optim.schedule import cosine, lr_scale, momentum
from acorn.runlog import RunLog
from acorn.runtime import Runtime


@dataclass(frozen=True)
class Batch:
    """One micro-batch, all (B, T). Weights already hold the 1/N of the whole step: all micro-batches, all ranks."""

    inputs: Tensor  # int64
    targets: Tensor  # int64
    weights: Tensor  # float32, 0 where nothing is to be learned
    starts: Tensor | None = None  # int64, where rows hold several texts: where that of each position begins

    def to(self, device) -> list[Tensor | None]:
        parts = (self.inputs, self.targets, self.weights, self.starts)
        return [None if t is None else t.to(device, non_blocking=True) for t in parts]


class Stage(Protocol):
    notes: dict[str, float]  # what else the log should hold about the last step

    def batches(self) -> list[Batch]: ...  # this rank's micro-batches of the next optimizer step
    def evaluate(self, model) -> dict[str, float]: ...  # called in eval mode without gradients, on every rank
    def state_dict(self) -> dict: ...  # the position in the data, the same on all ranks: resume is exact
    def load_state_dict(self, state: dict) -> None: ...


@dataclass(frozen=True)
class LoopConfig:
    steps: int
    schedule: str = "linear"  # how the learning rate falls: linear (over the cooldown) or cosine (over all steps)
    warmup: float = 0.0  # fraction of the steps
    cooldown: float = 0.7  # fraction of the steps over which the learning rate falls
    floor: float = 0.05  # learning rate at the end, as a fraction of the peak
    clip: float = 0.0  # largest gradient norm; 0 = off
    eval_every: int = 0  # steps; 0 = only at the end
    save_every: int = 0  # steps; 0 = only at the end
    eval_first: bool = False  # also before the first step
    seed: int = 0  # of dropout
    best: str = ""  # evaluation figure; the checkpoint where it was lowest is kept besides the last
    fall_back: str = ""  # evaluation figure: unless it rose by more than its stderr, end with the first weights
    inject: str = ""  # fault to cause, to try our promises: nan@STEP, nan@FIRST-LAST or kill@STEP


Optimizer = MuonAdamW | AdamW
AGAIN = "run the same command to go on"
BAD_STEPS_IN_A_ROW = 3  # skipped non-finite steps before the run is given up


@dataclass
class Progress:
    """The loop's own part of a checkpoint's state."""

    step: int = 0  # optimizer steps done
    tokens: int = 0
    time_s: float = 0.0  # of training; evaluation and saving are not counted
    bad: int = 0  # non-finite steps in a row up to now
    skipped: int = 0  # non-finite steps in all
    best: float | None = None  # lowest figure so far, and where
    best_step: int | None = None
    began: dict = field(default_factory=dict)  # figures before the first step, with eval_first
    figures: dict = field(default_factory=dict)  # of the last evaluation


def train(
    name: str, model, optimizer: Optimizer, stage: Stage, config: LoopConfig, folder: Path, runtime: Runtime, tokenizer
) -> Progress:
    """
    Run (or resume) a stage to its last step; the caller holds `locked(folder)`. Raises Stopped after a signal, when
    the checkpoint of the current step is written, and Diverged when the loss stays non-finite.
    """
    with StopSignals() as stopping:
        now = Progress()
        first = {k: v.clone() for k, v in model.state_dict().items()} if config.fall_back else {}
        if found := checkpoint.find_checkpoint(folder, say=print if runtime.first else None):
            now = resume(found, model, optimizer, stage)
        log = RunLog(folder, after_step=now.step, active=runtime.first)
        if found:
            log.say(f"{name}: resuming at step {now.step} of {config.steps}")
        model.train()
        if config.eval_first and now.step == 0:
            now.began = evaluate(stage, model)
            report(now.began, log, name, now, config)
        while now.step < config.steps:
            row = one_step(model, optimizer, stage, config, runtime, now)
            log.write(row)
            if row["skipped"]:
                log.say(f"{name}: step {row['step']} skipped, weights unchanged: its loss or gradient is not finite")
                if now.bad == BAD_STEPS_IN_A_ROW:
                    raise diverged(name, now.step, folder)
            else:
                log.progress(name, now.step, config.steps, row)
            done, stop = now.step == config.steps, runtime.any(stopping.signal is not None)
            saving = done or stop or due(now.step, config.save_every)
            if done or due(now.step, config.eval_every):
                now.figures = evaluate(stage, model)
                if saving and config.best and (now.best is None or now.figures[config.best] < now.best):
                    now.best, now.best_step = now.figures[config.best], now.step
                report(now.figures, log, name, now, config)
            if done and first and not risen(now, config.fall_back):
                log.say(f"{name}: held-out {config.fall_back} rose by no more than chance: the first weights stay")
                model.load_state_dict(first)
                now.figures = now.began
                report(now.figures, log, name, now, config)
            if saving:
                save(folder, model, optimizer, stage, now, tokenizer, runtime)
            if stop and not done:
                done_so_far = f"{name}: stopped by {stopping.name} after step {now.step} of {config.steps}"
                raise Stopped(f"{done_so_far}; all is saved", AGAIN)
        log.close()
        return now


def one_step(model, optimizer: Optimizer, stage: Stage, config: LoopConfig, runtime: Runtime, now: Progress) -> dict:
    """One optimizer step: moves `now` on, returns the row for the log. A non-finite step leaves the weights alone."""
    begin, step = time.perf_counter(), now.step
    inject(config.inject, "kill", step)
    batches = stage.batches()
    # from the step alone: a resume draws the same, on any device, and no generator's state need be kept
    torch.manual_seed((config.seed * 1_000_003 + step * runtime.world + runtime.rank) % 2**63)
    loss = forward_backward(model, batches, runtime)
    if inject(config.inject, "nan", step) and runtime.first:
        loss += float("nan")
    counts = torch.stack([loss.double(), loss.new_tensor(sum(b.inputs.numel() for b in batches)).double()])
    loss, tokens = runtime.sum(counts).tolist()
    norm = gradient_norm(model)
    finite = math.isfinite(loss) and math.isfinite(norm)  # both are summed over ranks, so all of them agree
    if config.schedule == "cosine":
        scale = cosine(step, config.steps, config.warmup, config.floor)
    else:
        scale = lr_scale(step, config.steps, config.warmup, config.cooldown, config.floor)
    if finite:
        if config.clip and norm > config.clip:
            torch._foreach_mul_([p.grad for p in trained(model)], config.clip / norm)
        optimizer.step(scale, momentum(step, config.steps))
    for p in model.parameters():
        p.grad = None
    seconds = time.perf_counter() - begin
    now.step, now.tokens, now.time_s = step + 1, now.tokens + int(tokens), now.time_s + seconds
    now.bad, now.skipped = (0, now.skipped) if finite else (now.bad + 1, now.skipped + 1)
    row = {"step": step, "loss": loss if finite else None, "lr": scale, "grad_norm": norm if finite else None}
    row |= {"tokens": now.tokens, "tokens_per_s": tokens / seconds, "time_s": now.time_s, "skipped": not finite}
    return row | stage.notes


def report(figures: dict[str, float], log: RunLog, name: str, now: Progress, config: LoopConfig) -> None:
    """The row of an evaluation has the number of the step before it."""
    log.write({"step": now.step - 1, "eval": True, **figures, "tokens": now.tokens, "time_s": now.time_s})
    shown = "  ".join(f"{k} {v:.4f}" for k, v in figures.items())
    log.say(f"{name}: step {now.step}/{config.steps}  {shown}  after {now.time_s:.0f} s of training")


def forward_backward(model, batches: list[Batch], runtime: Runtime) -> Tensor:
    """Gradients of this step, summed over micro-batches and ranks -> this rank's part of the loss."""
    total, parameters = torch.zeros((), device=runtime.device), trained(model)
    for batch in batches:
        loss = model.loss(*batch.to(runtime.device))
        loss.backward()
        total += loss.detach()
    for p in parameters:
        if p.grad is None:  # a rank without batches still takes part in the sum
            p.grad = torch.zeros_like(p)
    if runtime.world > 1:
        flat = torch.cat([p.grad.flatten() for p in parameters])
        runtime.sum(flat)
        for p, part in zip(parameters, flat.split([p.numel() for p in parameters])):
            p.grad.copy_(part.view_as(p))
    return total


def gradient_norm(model) -> float:
    return float(torch.linalg.vector_norm(torch.stack(torch._foreach_norm([p.grad for p in trained(model)]))))


def trained(model) -> list[torch.nn.Parameter]:
    """All parameters, or with LoRA the adapters."""
    return [p for p in model.parameters() if p.requires_grad]


@torch.no_grad()
def evaluate(stage: Stage, model) -> dict[str, float]:
    model.eval()
    try:
        return stage.evaluate(model)
    finally:
        model.train()


def risen(now: Progress, figure: str) -> bool:
    """By more than its standard error, since before the first step."""
    return not now.began or now.figures[figure] > now.began[figure] + now.began["stderr"]


def due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0


def save(folder: Path, model, optimizer, stage: Stage, now: Progress, tokenizer, runtime: Runtime) -> None:
    weights = optimizer.state_dict()  # gathers from all ranks
    if runtime.first:
        how = {"world": runtime.world, "threads": torch.get_num_threads(), "dtype": str(model.compute_dtype)}
        state = {"loop": asdict(now), "stage": stage.state_dict(), **how}
        checkpoint.save_checkpoint(folder, now.step, model, weights, state, tokenizer)
        checkpoint.prune(folder, now.best_step)
    runtime.barrier()


def resume(path: Path, model, optimizer: Optimizer, stage: Stage) -> Progress:
    """Load everything that feeds the next step; returns the loop's own part of the state."""
    saved, _, state = checkpoint.load_checkpoint(path, merged=False)
    if "loop" not in state:
        raise UserError(
            f"{path} holds weights that were imported, there is no training to go on with",
            f"--init {path.parent.parent.name} with another --run",
        )
    if saved.config != model.config or lora_of(saved) != lora_of(model):
        raise UserError(
            f"{path} holds a model of another shape: {saved.config}, this command asks for {model.config}",
            "use the options the run was started with (its run.toml), or another --run",
        )
    model.load_state_dict(saved.state_dict())
    optimizer.load_state_dict(checkpoint.load_optimizer(path))
    stage.load_state_dict(state["stage"])
    return Progress(**state["loop"])


def diverged(name: str, step: int, folder: Path) -> Diverged:
    good = checkpoint.list_checkpoints(folder)
    last = f"the last good checkpoint is {good[-1]}" if good else "there is no checkpoint yet"
    what = f"{name} diverged: the last {BAD_STEPS_IN_A_ROW} steps up to step {step} had a non-finite loss or gradient"
    return Diverged(f"{what}; {last}", f"acorn train {name} with a lower --lr-scale and another --run")


def inject(fault: str, kind: str, step: int) -> bool:
    """Whether `fault` ("nan@17", "nan@17-19") is of this kind and due at this step; "kill" does not return."""
    if not fault:
        return False
    what, _, when = fault.partition("@")
    first, _, last = when.partition("-")
    if what not in ("nan", "kill") or not first.isdigit() or not (last or first).isdigit():
        raise UserError(f"--inject {fault!r}: expected nan@STEP, nan@FIRST-LAST or kill@STEP")
    hit = what == kind and int(first) <= step <= int(last or first)
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
            raise Stopped("stopped at once by a second signal; the run goes on from its last checkpoint", AGAIN)
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
