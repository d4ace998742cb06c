"""
The --depth dial: depth and horizon -> shape, batch, learning rates, weight decay. Pure arithmetic: print it, test it,
plot it.

Batch and learning rates follow the *actual* horizon (tokens), not the depth alone: at a 5-minute horizon nanochat's
depth-derived batch takes a quarter of the useful steps. Constants measured by us on CPU (docs/BENCHMARKS.md) for depth
<= 6, taken from public sweeps for depth >= 8; between, interpolation.
"""

import math
from dataclasses import asdict, dataclass

from acorn.errors import UserError

H100_FLOPS, H100_USE, H100_DOLLARS = 989e12, 0.40, 2.5  # bf16 peak of one card, the share reached, a usual rent an hour
ACTIVATIONS = 34  # values that a layer keeps for backward, a token and a channel: norms, q k v, attention, 4C up twice


@dataclass(frozen=True)
class Plan:
    depth: int
    n_embd: int
    n_head: int
    n_kv_head: int
    vocab_size: int
    block_size: int  # tokens of context
    tokens: int  # horizon
    batch_tokens: int  # of one optimizer step
    micro_rows: int  # rows of block_size in one forward on one device
    matrix_lr: float
    embed_lr: float
    head_lr: float
    scalar_lr: float
    weight_decay: float
    matrices: int  # parameters in the blocks
    head: int  # parameters in the head; the embedding has as many
    flops_per_token: float  # training, forward and backward

    @property
    def parameters(self) -> int:
        return self.matrices + 2 * self.head + self.depth

    @property
    def steps(self) -> int:
        return max(1, round(self.tokens / self.batch_tokens))

    @property
    def flops(self) -> float:
        return self.flops_per_token * self.tokens

    def peak_memory_bytes(self, cpu: bool) -> float:
        """
        Weights, gradients, Muon and AdamW state in fp32, plus the activations that one micro-batch keeps for backward:
        on a CPU in fp32, where it was measured within a third (bf16 takes about half of it).
        """
        state = 4 * (self.parameters * 2 + self.matrices + 4 * self.head)
        rows = self.micro_rows * self.block_size
        activations = rows * self.depth * self.n_embd * ACTIVATIONS * (4 if cpu else 2)
        # on a CPU the attention also keeps its probabilities
        scores = rows * self.block_size * self.n_head * self.depth * 0.6 * 4 if cpu else 0
        return state + activations + scores

    def to_dict(self) -> dict:
        return {**asdict(self), "parameters": self.parameters, "steps": self.steps, "flops": self.flops}


def vocabulary(depth: int) -> int:
    """
    A head as wide as a big model's costs a small one most of its time: 2K at depth 2-3, 4K at 4-5, 8K to 8, 16K to 11,
    then 32K.
    """
    return next(v for d, v in ((3, 2048), (5, 4096), (8, 8192), (11, 16384), (10**9, 32768)) if depth <= d)


def context(depth: int) -> int:
    return next(t for d, t in ((3, 256), (6, 512), (11, 1024), (10**9, 2048)) if depth <= d)


def plan(depth: int, tokens: int | None = None, vocab_size: int | None = None, block_size: int | None = None,
         batch_tokens: int | None = None, n_embd: int | None = None, ratio: float = 12.0) -> Plan:  # fmt: skip
    """
    plan(12).n_embd -> 768.  tokens: horizon; None means `ratio` tokens for each parameter of the blocks and the head.
    Explicit values win over derived ones. UserError on impossible sizes.
    """
    for name, value in {"depth": depth, "tokens": tokens, "vocab_size": vocab_size, "block_size": block_size,
                        "batch_tokens": batch_tokens, "n_embd": n_embd}.items():  # fmt: skip
        if value is not None and value < 1:
            raise UserError(f"--{name.replace('_', '-')} {value}: must be at least 1")
    if depth > 128:
        raise UserError(f"--depth {depth}: at most 128 (the width would be {64 * depth:,})")
    width = n_embd or 64 * depth
    head_dim = 64 if width < 1024 and width % 128 or width <= 512 else 128
    if width % head_dim:
        head_dim = next((d for d in (64, 48, 32, 16, 8, 2) if width % d == 0), 0)
    if not head_dim:
        raise UserError(f"--n-embd {width}: must be even, best a multiple of 64")
    vocab, length = vocab_size or vocabulary(depth), block_size or context(depth)
    matrices, head = 12 * depth * width**2, vocab * width
    horizon = tokens or int(ratio * (matrices + head))
    # B = 131K (D / 0.3B)^0.57, the step law's exponent (arXiv 2503.04715), which also fits our own 0.5M-token runs: at
    # depth 4 batches of 2K and 4K tokens beat 8K by 0.1 bits per byte (docs/LOG.md)
    batch = batch_tokens or max(2048, int(131_072 * (horizon / 3e8) ** 0.57))
    rows = max(1, round(batch / length))
    # learning rates: 1 at 131K tokens a step from public sweeps, 0.75 at 4K from our own (half of it lost 0.07 bits)
    scale = min(2.0, max(0.75, (rows * length / 131_072) ** 0.25))
    # a forward of 8K tokens keeps a CPU's caches busy; a GPU wants 64K, or what keeps 40 GB of activations (bf16)
    micro = (8192 if depth <= 6 else 65_536) // length
    micro = min(micro, int(40e9 / (depth * width * ACTIVATIONS * 2 * length)))
    width_scale = math.sqrt(768 / width) * scale
    return Plan(
        depth=depth,
        n_embd=width,
        n_head=width // head_dim,
        n_kv_head=width // head_dim,
        vocab_size=vocab,
        block_size=length,
        tokens=horizon,
        batch_tokens=rows * length,
        micro_rows=max(1, min(rows, micro)),
        matrix_lr=0.026 * scale,
        embed_lr=0.3 * width_scale,
        head_lr=0.004 * width_scale,
        scalar_lr=0.05,
        weight_decay=0.2 * math.sqrt(rows * length / 131_072) * min(1.0, 4e8 / horizon) ** 0.5,
        matrices=matrices,
        head=head,
        flops_per_token=6 * (matrices + head) + 6 * depth * width * length,
    )
