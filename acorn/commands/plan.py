"""acorn plan: what --depth means, before anything is trained."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

import tyro

from acorn.config import from_dict, read_toml
from acorn.errors import UserError
from acorn.optim.plan import H100_DOLLARS, H100_FLOPS, H100_USE, Plan, plan


@dataclass
class PlanCommand:
    """
    Parameters, tokens, FLOPs, batch, time, cost and memory of a run. Trains nothing. With a config: of its [base], and
    the options of shape and horizon are the config's.
    """

    config_file: tyro.conf.Positional[Path | None] = None  # such as configs/gpt2.toml (default: by --depth)
    depth: int = 12  # the dial
    gpus: int = 0  # how many H100; 0 = this kind of machine's CPU
    tokens: int | None = None  # horizon (default: 12 tokens for each parameter that multiplies)
    vocab_size: int | None = None  # tokens in the vocabulary (default: by depth)
    block_size: int | None = None  # context in tokens (default: by depth)
    batch_tokens: int | None = None  # tokens of one step (default: by horizon)
    n_embd: int | None = None  # width (default: 64 a layer)
    mfu: float = H100_USE  # share of the GPUs' peak that training is assumed to reach
    cpu_gflops: float = 130.0  # what training sustains on the CPU; `acorn doctor` measures products
    dollars: float = H100_DOLLARS  # price of a GPU hour
    json: bool = False  # result as JSON on stdout

    def run(self) -> int:
        speed = self.gpus * H100_FLOPS * self.mfu if self.gpus else self.cpu_gflops * 1e9
        if self.config_file:
            p, exact = planned(self.config_file, self.vocab_size, speed)
        else:
            sizes = (self.vocab_size, self.block_size, self.batch_tokens, self.n_embd)
            p, exact = plan(self.depth, self.tokens, *sizes), {}
        hours = p.flops / speed / 3600
        memory = p.peak_memory_bytes(cpu=not self.gpus)
        room = 80e9 if self.gpus else None
        figures = {**p.to_dict(), "hours": hours, "dollars": hours * self.gpus * self.dollars, "memory_bytes": memory,
                   "fits": memory < room if room else None} | exact  # fmt: skip
        print(json.dumps(figures) if self.json else table(p, figures, self))
        return 0


def planned(path: Path, vocab_size: int | None, speed: float) -> tuple[Plan, dict]:
    """The [base] of a config -> (its plan, what is counted from the model itself). speed: FLOP/s."""
    import torch

    from acorn.checkpoint import load_checkpoint, resolve_run
    from acorn.commands.train import Base
    from acorn.model import build
    from acorn.optim.adamw import usual_lr
    from acorn.train.models import shape_of

    settings = read_toml(path)
    if not isinstance(settings.get("base"), dict):
        raise UserError(f"{path} has no section [base] to plan", f"acorn speedrun {path}")
    config = from_dict(Base, {"name": path.stem, **settings["base"]}, f"{path}: [base]")
    sizes = (config.depth, vocab_size or settings.get("tokenizer", {}).get("vocab_size"), config.block_size)
    width, model = config.n_embd, None
    if config.init:
        model, _, _ = load_checkpoint(resolve_run(config.init))
        c = model.config
        sizes, width = (c.n_layer, c.vocab_size, config.block_size or c.block_size), c.n_embd

    def shape(tokens: int | None) -> Plan:
        depth, vocab, length = sizes
        return plan(depth, tokens, vocab, length, config.batch_tokens, width)

    p = shape(config.tokens)
    if config.steps:
        for _ in range(20):  # as training does: the batch follows from the horizon, and the horizon from the batch
            p = shape(config.steps * p.batch_tokens)
    elif config.minutes:
        p = shape(int(config.minutes * 60 * speed / p.flops_per_token))
    given = ("micro_rows", "matrix_lr", "embed_lr", "head_lr", "weight_decay")
    p = dataclasses.replace(p, **{name: v for name in given if (v := getattr(config, name)) is not None})
    if model is None:
        with torch.device("meta"):  # all of the model but its numbers
            model = build(config.arch, shape_of(config, p, p.vocab_size))
    exact = {"parameters": sum(w.numel() for w in model.parameters()), "n_head": model.config.n_head}
    if (config.optimizer or ("muon" if config.arch == "nano" and not config.init else "adamw")) == "adamw":
        lr = config.lr or usual_lr(p.n_embd) * (10 if config.lora else 1)
        exact["adamw_lr"] = lr * (config.lr_scale or (0.1 if config.init else 1.0))
    return p, exact


def table(p: Plan, figures: dict, asked: PlanCommand) -> str:
    where = (
        f"{asked.gpus} x H100 at {asked.mfu:.0%} of peak" if asked.gpus else f"CPU at {asked.cpu_gflops:.0f} GFLOP/s"
    )
    hours = figures["hours"]
    rates = [
        ("peak lr", f"matrices {p.matrix_lr:.4f}, embedding {p.embed_lr:.3f}, head {p.head_lr:.4f}"),
        ("decay", f"{p.weight_decay:.3f} of the matrices, times their learning rate"),
    ]
    if "adamw_lr" in figures:
        rates = [("peak lr", f"{figures['adamw_lr']:.2g}, AdamW")]
    heads, parameters = figures["n_head"], figures["parameters"]
    rows = [
        ("shape", f"{p.depth} x {p.n_embd}, {heads} heads, vocabulary {p.vocab_size:,}, context {p.block_size:,}"),
        ("parameters", f"{parameters / 1e6:,.1f} M  (blocks {p.matrices / 1e6:,.1f} M, head {p.head / 1e6:,.1f} M)"),
        ("horizon", f"{p.tokens / 1e9:,.3f} B tokens in {p.steps:,} steps of {p.batch_tokens:,}"),
        ("compute", f"{p.flops:.2e} FLOPs  ({p.flops_per_token / 1e6:,.0f} MFLOP a token)"),
        *rates,
        ("time", f"{hours:,.1f} h" if hours >= 1 else f"{hours * 60:,.1f} min") ,
        ("on", where),
        ("memory", f"about {figures['memory_bytes'] / 1e9:,.1f} GB{' a card' if asked.gpus else ''}"),
    ]  # fmt: skip
    if asked.gpus:
        rows.append(("cost", f"about ${figures['dollars']:,.0f} at ${asked.dollars:.2f} a GPU hour"))
        rows.append(
            ("fits", "yes, on 80 GB cards" if figures["fits"] else "no: 80 GB cards are too small at this micro-batch")
        )
    return "\n".join(f"{name:<11} {value}" for name, value in rows)
