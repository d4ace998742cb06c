"""acorn plan: what --depth means, before anything is trained."""

import json
from dataclasses import dataclass

from acorn.optim.plan import H100_DOLLARS, H100_FLOPS, H100_USE, Plan, plan


@dataclass
class PlanCommand:
    """Parameters, tokens, FLOPs, batch, time, cost and memory of a run. Trains nothing."""

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
        p = plan(self.depth, self.tokens, self.vocab_size, self.block_size, self.batch_tokens, self.n_embd)
        speed = self.gpus * H100_FLOPS * self.mfu if self.gpus else self.cpu_gflops * 1e9
        hours = p.flops / speed / 3600
        memory = p.peak_memory_bytes(cpu=not self.gpus)
        room = 80e9 if self.gpus else None
        figures = {**p.to_dict(), "hours": hours, "dollars": hours * self.gpus * self.dollars, "memory_bytes": memory,
                   "fits": memory < room if room else None}  # fmt: skip
        print(json.dumps(figures) if self.json else table(p, figures, self))
        return 0


def table(p: Plan, figures: dict, asked: PlanCommand) -> str:
    where = (
        f"{asked.gpus} x H100 at {asked.mfu:.0%} of peak" if asked.gpus else f"CPU at {asked.cpu_gflops:.0f} GFLOP/s"
    )
    hours = figures["hours"]
    rows = [
        ("shape", f"{p.depth} x {p.n_embd}, {p.n_head} heads, vocabulary {p.vocab_size:,}, context {p.block_size:,}"),
        ("parameters", f"{p.parameters / 1e6:,.1f} M  (blocks {p.matrices / 1e6:,.1f} M, head {p.head / 1e6:,.1f} M)"),
        ("horizon", f"{p.tokens / 1e9:,.3f} B tokens in {p.steps:,} steps of {p.batch_tokens:,}"),
        ("compute", f"{p.flops:.2e} FLOPs  ({p.flops_per_token / 1e6:,.0f} MFLOP a token)"),
        ("peak lr", f"matrices {p.matrix_lr:.4f}, embedding {p.embed_lr:.3f}, head {p.head_lr:.4f}"),
        ("decay", f"{p.weight_decay:.3f} of the matrices, times their learning rate"),
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
