"""
nano: the model that acorn grows. Pre-norm RMSNorm without weights, RoPE, QK-norm, squared ReLU, no biases, untied head,
learned residual scales; grouped-query attention where n_kv_head < n_head. Everything here folds exactly into stock
classes at export, but `bigram` (a hashed table of token pairs, off by default).
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from acorn.errors import UserError
from acorn.model.cache import KVCache
from acorn.model.layers import (
    Linear,
    attend,
    relu2,
    rms_norm,
    rope_frequencies,
    rope_tables,
    rotate,
    segment_mask,
    side_by_side,
    weighted_nll,
)

QK_GAIN = 1.2  # sharper attention than unit-norm queries and keys give; value from nanochat's sweep


@dataclass(frozen=True)
class NanoConfig:
    vocab_size: int
    n_layer: int = 4
    n_head: int = 4
    n_kv_head: int = 4
    n_embd: int = 256
    block_size: int = 512  # longest context, tokens
    rope_base: float = 100_000.0
    bigram: int = 0  # rows of the hashed bigram table; 0 = none. Not exportable.

    def __post_init__(self):
        problems = []
        if min(self.vocab_size, self.n_layer, self.n_head, self.n_kv_head, self.n_embd, self.block_size) < 1:
            problems.append("every size must be at least 1")
        elif self.bigram < 0:
            problems.append(f"bigram {self.bigram} must be 0 (no table) or its number of rows")
        elif self.n_embd % self.n_head or (self.n_embd // self.n_head) % 2:
            problems.append(f"n_embd {self.n_embd} must be n_head {self.n_head} times an even head size")
        elif self.n_head % self.n_kv_head:
            problems.append(f"n_head {self.n_head} must be a multiple of n_kv_head {self.n_kv_head}")
        if problems:
            raise UserError("impossible model shape: " + "; ".join(problems))

    @property
    def head_dim(self) -> int:
        return self.n_embd // self.n_head


class Attention(nn.Module):
    def __init__(self, config: NanoConfig):
        super().__init__()
        self.n_head, self.n_kv_head, self.head_dim = config.n_head, config.n_kv_head, config.head_dim
        self.q = Linear(config.n_embd, config.n_head * config.head_dim)
        self.k = Linear(config.n_embd, config.n_kv_head * config.head_dim)
        self.v = Linear(config.n_embd, config.n_kv_head * config.head_dim)
        self.out = Linear(config.n_head * config.head_dim, config.n_embd)

    def forward(self, x: Tensor, rope, layer: int, cache: KVCache | None, mask: Tensor | None) -> Tensor:
        B, T, _ = x.shape
        H, G = self.n_head, self.n_kv_head
        qkv = side_by_side(x, self.q, self.k, self.v).view(B, T, H + 2 * G, self.head_dim)
        qk = rms_norm(rotate(qkv[:, :, : H + G], *rope)).transpose(1, 2)  # (B, H + G, T, D)
        q, k, v = qk[:, :H], qk[:, H:], qkv[:, :, H + G :].transpose(1, 2)
        if cache is not None:
            k, v, mask = cache.append(layer, k, v)
        # both q and k carry the gain, so it enters the scores squared
        y = attend(q, k, v, mask, causal=q.shape[2] > 1, scale=QK_GAIN**2 / math.sqrt(self.head_dim))
        return self.out(y.transpose(1, 2).reshape(B, T, H * self.head_dim))


class MLP(nn.Module):
    def __init__(self, config: NanoConfig):
        super().__init__()
        self.up = Linear(config.n_embd, 4 * config.n_embd)
        self.down = Linear(4 * config.n_embd, config.n_embd)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(relu2(self.up(x)))


class Block(nn.Module):
    def __init__(self, config: NanoConfig):
        super().__init__()
        self.attention, self.mlp = Attention(config), MLP(config)

    def forward(self, x: Tensor, scale: Tensor, rope, layer: int, cache: KVCache | None, mask: Tensor | None) -> Tensor:
        x = x * scale
        x = x + self.attention(rms_norm(x), rope, layer, cache, mask)
        return x + self.mlp(rms_norm(x))


class Nano(nn.Module):
    def __init__(self, config: NanoConfig):
        super().__init__()
        self.config = config
        self.embed = nn.Embedding(config.vocab_size, config.n_embd)
        self.bigram = nn.Embedding(config.bigram, config.n_embd) if config.bigram else None
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layer))
        self.scales = nn.Parameter(torch.ones(config.n_layer))  # of the residual stream on entering each block
        self.head = Linear(config.n_embd, config.vocab_size)
        self.compute_dtype = torch.float32  # of activations; the caller sets bf16 where the device is faster in it
        self._rope: tuple[Tensor, Tensor] | None = None

    @torch.no_grad()
    def init_weights(self, generator: torch.Generator | None = None) -> None:
        """
        embed N(0, 1)   q, k, v U(±√3/√C)   up U(±0.4·√3/√C)   out, down 0   head N(0, 0.001)   scales 1.15 → 1.05
        bigram 0
        """
        bound = math.sqrt(3 / self.config.n_embd)
        self.embed.weight.normal_(0, 1, generator=generator)
        self.head.weight.normal_(0, 0.001, generator=generator)
        self.scales.copy_(torch.linspace(1.15, 1.05, self.config.n_layer))
        if self.bigram is not None:
            self.bigram.weight.zero_()
        for block in self.blocks:
            for linear in (block.attention.q, block.attention.k, block.attention.v):
                linear.weight.uniform_(-bound, bound, generator=generator)
            block.mlp.up.weight.uniform_(-0.4 * bound, 0.4 * bound, generator=generator)
            block.attention.out.weight.zero_()
            block.mlp.down.weight.zero_()

    def features(self, ids: Tensor, cache: KVCache | None = None, starts: Tensor | None = None) -> Tensor:
        """
        ids (B, T) int64 -> normalised features (B, T, C) that the head reads, in the compute dtype. starts (B, T), for
        rows of several texts: where the text of each position begins; none sees another, each counts from 0.
        """
        B, T = ids.shape
        cos, sin = self.rope_tables(ids.device)
        mask = positions = None
        if cache is not None:
            positions = cache.positions(T)
        elif T > self.config.block_size:
            raise ValueError(f"{T} tokens do not fit the context of {self.config.block_size}")
        elif starts is not None:
            mask, positions = segment_mask(starts), torch.arange(T, device=ids.device) - starts
        if positions is None:
            rope = cos[:T, None], sin[:T, None]
        else:
            rope = cos[positions][:, :, None], sin[positions][:, :, None]
        x = self.embed(ids)
        if self.bigram is not None:
            x = x + self.bigram(self.pair_hash(ids, cache, positions))
        x = rms_norm(x.to(self.compute_dtype))
        for layer, block in enumerate(self.blocks):
            x = block(x, self.scales[layer].to(x.dtype), rope, layer, cache, mask)
        if cache is not None:
            cache.advance(T)
        return rms_norm(x)

    def forward(self, ids: Tensor, cache: KVCache | None = None) -> Tensor:
        """ids (B, T) int64 -> logits (B, T, V) float32. With a cache, the T tokens follow those that it holds."""
        return self.head(self.features(ids, cache)).float()

    def loss(self, ids: Tensor, targets: Tensor, weights: Tensor, starts: Tensor | None = None) -> Tensor:
        """Σ weights · nll over all positions; all (B, T), weights fp32, starts as in `features` -> scalar fp32."""
        x = self.features(ids, starts=starts).flatten(0, 1)
        return weighted_nll(x, self.head.weight, targets.flatten(), weights.flatten())

    def pair_hash(self, ids: Tensor, cache: KVCache | None, positions: Tensor | None) -> Tensor:
        """(B, T) -> row of the bigram table for (previous token, token); the first token's previous is 0."""
        before = F.pad(ids[:, :-1], (1, 0)) if cache is None else cache.preceding(ids)
        if cache is None and positions is not None:
            before = before.masked_fill(positions == 0, 0)
        return (before * 1_000_003 + ids * 7919) % self.config.bigram

    def rope_tables(self, device) -> tuple[Tensor, Tensor]:
        """cos, sin (block_size, D/2) in the compute dtype; built once for a device, not part of the weights."""
        if self._rope is None or self._rope[0].device != device or self._rope[0].dtype != self.compute_dtype:
            cos, sin = rope_tables(
                self.config.block_size, rope_frequencies(self.config.head_dim, self.config.rope_base, device)
            )
            self._rope = cos.to(self.compute_dtype), sin.to(self.compute_dtype)
        return self._rope

    def new_cache(self, batch: int, length: int) -> KVCache:
        c = self.config
        if length > c.block_size:
            raise ValueError(f"a cache of {length} tokens a row is longer than the context of {c.block_size}")
        return KVCache(c.n_layer, batch, c.n_kv_head, length, c.head_dim, self.compute_dtype, self.embed.weight.device)

    def groups(self) -> dict[str, list[nn.Parameter]]:
        """Parameters by the treatment they need; together they are all parameters, each once."""
        groups = {
            "matrix": [p for block in self.blocks for p in block.parameters()],
            "embed": [self.embed.weight] + ([self.bigram.weight] if self.bigram is not None else []),
            "head": [self.head.weight],
            "scalar": [self.scales],
        }
        if sorted(id(p) for g in groups.values() for p in g) != sorted(id(p) for p in self.parameters()):
            raise AssertionError("a parameter is in no optimizer group, or in two")
        return groups

    def flops_per_token(self, length: int) -> float:
        """
        Training FLOPs a token at this context: 6 a matrix weight, and 12 · L · C · T/2 for causal attention (PaLM,
        appendix B).
        """
        matrices = sum(p.numel() for p in self.groups()["matrix"]) + self.head.weight.numel()
        return 6 * matrices + 6 * self.config.n_layer * self.config.n_embd * length
