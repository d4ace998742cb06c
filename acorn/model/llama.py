"""
llama: the family of Llama, SmolLM2, Qwen2 and Qwen3, to load public weights and to grow models that need no conversion.
Pre-norm RMSNorm with weights, RoPE, grouped-query attention, SwiGLU; options: QK-norm per head (Qwen3), biases on q, k
and v (Qwen2), a head that is the embedding read backwards, and Llama 3's stretched rotary frequencies.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from acorn.errors import UserError
from acorn.model.cache import KVCache
from acorn.model.layers import (
    Linear,
    RMSNorm,
    TiedHead,
    apart,
    attend,
    rope_frequencies,
    rope_tables,
    rotate,
    segment_mask,
    side_by_side,
    swiglu,
    weighted_nll,
)


@dataclass(frozen=True)
class LlamaConfig:
    vocab_size: int
    n_layer: int = 4
    n_head: int = 4
    n_kv_head: int = 4
    n_embd: int = 256
    head_dim: int = 0  # 0 = n_embd / n_head
    n_inner: int = 0  # width inside the MLP; 0 = 8/3 n_embd, up to the next multiple of 64
    block_size: int = 512  # longest context, tokens
    rope_base: float = 10_000.0
    rope_scaling: Literal["none", "linear", "llama3"] = "none"
    rope_factor: float = 1.0  # how far the scaling stretches the context; of linear and llama3
    rope_low: float = 1.0  # llama3: fewer turns than this in rope_original tokens: stretched wholly
    rope_high: float = 4.0  # llama3: more turns than this: not at all
    rope_original: int = 8192  # llama3: context that the frequencies were trained at
    norm_eps: float = 1e-5
    qk_norm: bool = False  # RMSNorm with weights on each head's query and key, before the rotation
    qkv_bias: bool = False
    tied: bool = False  # the head is the embedding

    def __post_init__(self):
        problems = []
        if min(self.vocab_size, self.n_layer, self.n_head, self.n_kv_head, self.n_embd, self.block_size) < 1:
            problems.append("every size must be at least 1")
        elif min(self.head_dim, self.n_inner) < 0:
            problems.append(f"head_dim {self.head_dim} and n_inner {self.n_inner} must be at least 0")
        elif not self.head_dim and self.n_embd % self.n_head:
            problems.append(f"n_embd {self.n_embd} must be a multiple of n_head {self.n_head}, or head_dim be given")
        elif (self.head_dim or self.n_embd // self.n_head) % 2:
            problems.append(f"head_dim {self.head_dim or self.n_embd // self.n_head} must be even")
        elif self.n_head % self.n_kv_head:
            problems.append(f"n_head {self.n_head} must be a multiple of n_kv_head {self.n_kv_head}")
        if not (self.rope_base > 0 and self.rope_factor > 0 and self.norm_eps > 0):
            problems.append("rope_base, rope_factor and norm_eps must be above 0")
        if self.rope_scaling == "llama3" and not (0 < self.rope_low < self.rope_high and self.rope_original > 0):
            problems.append("llama3 scaling needs 0 < rope_low < rope_high and rope_original above 0")
        if problems:
            raise UserError("impossible model shape: " + "; ".join(problems))
        object.__setattr__(self, "head_dim", self.head_dim or self.n_embd // self.n_head)
        object.__setattr__(self, "n_inner", self.n_inner or -(-8 * self.n_embd // 192) * 64)


class Attention(nn.Module):
    def __init__(self, config: LlamaConfig):
        super().__init__()
        self.n_head, self.n_kv_head, self.head_dim = config.n_head, config.n_kv_head, config.head_dim
        self.q = Linear(config.n_embd, config.n_head * config.head_dim, config.qkv_bias)
        self.k = Linear(config.n_embd, config.n_kv_head * config.head_dim, config.qkv_bias)
        self.v = Linear(config.n_embd, config.n_kv_head * config.head_dim, config.qkv_bias)
        self.out = Linear(config.n_head * config.head_dim, config.n_embd)
        self.q_norm = RMSNorm(config.head_dim, config.norm_eps) if config.qk_norm else None
        self.k_norm = RMSNorm(config.head_dim, config.norm_eps) if config.qk_norm else None

    def forward(self, x: Tensor, rope, layer: int, cache: KVCache | None, mask: Tensor | None) -> Tensor:
        B, T, _ = x.shape
        H, G = self.n_head, self.n_kv_head
        qkv = side_by_side(x, self.q, self.k, self.v).view(B, T, H + 2 * G, self.head_dim)
        qk, v = qkv[:, :, : H + G], qkv[:, :, H + G :].transpose(1, 2)
        if self.q_norm is not None:
            qk = torch.cat((self.q_norm(qk[:, :, :H]), self.k_norm(qk[:, :, H:])), dim=2)
        q, k = rotate(qk, *rope).transpose(1, 2).split((H, G), dim=1)
        if cache is not None:
            k, v, mask = cache.append(layer, k, v)
        y = attend(q, k, v, mask, causal=T > 1)
        return self.out(y.transpose(1, 2).reshape(B, T, -1))


class MLP(nn.Module):
    def __init__(self, config: LlamaConfig):
        super().__init__()
        self.gate = Linear(config.n_embd, config.n_inner)
        self.up = Linear(config.n_embd, config.n_inner)
        self.down = Linear(config.n_inner, config.n_embd)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(swiglu(*apart(x, self.gate, self.up)))


class Block(nn.Module):
    def __init__(self, config: LlamaConfig):
        super().__init__()
        self.attention_norm = RMSNorm(config.n_embd, config.norm_eps)
        self.attention = Attention(config)
        self.mlp_norm = RMSNorm(config.n_embd, config.norm_eps)
        self.mlp = MLP(config)

    def forward(self, x: Tensor, rope, layer: int, cache: KVCache | None, mask: Tensor | None) -> Tensor:
        x = x + self.attention(self.attention_norm(x), rope, layer, cache, mask)
        return x + self.mlp(self.mlp_norm(x))


class Llama(nn.Module):
    def __init__(self, config: LlamaConfig):
        super().__init__()
        self.config = config
        self.embed = nn.Embedding(config.vocab_size, config.n_embd)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layer))
        self.norm = RMSNorm(config.n_embd, config.norm_eps)
        self.head = TiedHead(self.embed) if config.tied else Linear(config.n_embd, config.vocab_size)
        self.compute_dtype = torch.float32  # of activations; the caller sets bf16 where the device is faster in it
        self._rope: tuple[Tensor, Tensor] | None = None

    @torch.no_grad()
    def init_weights(self, generator: torch.Generator | None = None) -> None:
        """matrices N(0, 0.02), those that write to the residual stream N(0, 0.02/√2L)   norms 1   biases 0"""
        for name, p in self.named_parameters():
            if p.ndim < 2:
                p.fill_(0.0 if name.endswith("bias") else 1.0)
            else:
                last = name.endswith(("out.weight", "down.weight"))
                p.normal_(0, 0.02 / math.sqrt(2 * self.config.n_layer) if last else 0.02, generator=generator)

    def features(self, ids: Tensor, cache: KVCache | None = None, starts: Tensor | None = None) -> Tensor:
        """
        ids (B, T) int64 -> normalised features (B, T, C) that the head reads, in the compute dtype. starts (B, T), for
        rows of several texts: where the text of each position begins; none sees another, each counts from 0.
        """
        T = ids.shape[1]
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
        x = self.embed(ids).to(self.compute_dtype)
        for layer, block in enumerate(self.blocks):
            x = block(x, rope, layer, cache, mask)
        if cache is not None:
            cache.advance(T)
        return self.norm(x)

    def forward(self, ids: Tensor, cache: KVCache | None = None) -> Tensor:
        """ids (B, T) int64 -> logits (B, T, V) float32. With a cache, the T tokens follow those that it holds."""
        return self.head(self.features(ids, cache)).float()

    def loss(self, ids: Tensor, targets: Tensor, weights: Tensor, starts: Tensor | None = None) -> Tensor:
        """Σ weights · nll over all positions; all (B, T), weights fp32, starts as in `features` -> scalar fp32."""
        x = self.features(ids, starts=starts).flatten(0, 1)
        return weighted_nll(x, self.head.weight, targets.flatten(), weights.flatten())

    def rope_tables(self, device) -> tuple[Tensor, Tensor]:
        """cos, sin (block_size, D/2) in the compute dtype; built once for a device, not part of the weights."""
        if self._rope is None or self._rope[0].device != device or self._rope[0].dtype != self.compute_dtype:
            c = self.config
            cos, sin = rope_tables(c.block_size, stretched(c, rope_frequencies(c.head_dim, c.rope_base, device)))
            self._rope = cos.to(self.compute_dtype), sin.to(self.compute_dtype)
        return self._rope

    def new_cache(self, batch: int, length: int) -> KVCache:
        c = self.config
        if length > c.block_size:
            raise ValueError(f"a cache of {length} tokens a row is longer than the context of {c.block_size}")
        return KVCache(c.n_layer, batch, c.n_kv_head, length, c.head_dim, self.compute_dtype, self.embed.weight.device)

    def groups(self) -> dict[str, list[nn.Parameter]]:
        """Parameters by the treatment they need; together they are all parameters, each once."""
        inside, outside = list(self.blocks.parameters()), [self.norm.weight]
        return {
            "matrix": [p for p in inside if p.ndim == 2],
            "embed": [self.embed.weight],
            "head": list(self.head.parameters()),  # none if it is tied
            "scalar": [p for p in inside if p.ndim < 2] + outside,
        }

    def flops_per_token(self, length: int) -> float:
        """
        Training FLOPs a token at this context: 6 a matrix weight, and 12 · L · H D · T/2 for causal attention (PaLM,
        appendix B).
        """
        c = self.config
        matrices = sum(p.numel() for p in self.groups()["matrix"]) + self.head.weight.numel()
        return 6 * matrices + 6 * c.n_layer * c.n_head * c.head_dim * length


def stretched(config: LlamaConfig, frequencies: Tensor) -> Tensor:
    """
    Rotary frequencies (D/2,), in radians a token, for a context longer than they were trained at. linear: all divided
    by the factor. llama3: the slow ones divided, the fast ones kept, a ramp between, by their turns in the old context.
    """
    slow = frequencies / config.rope_factor
    if config.rope_scaling == "none":
        return frequencies
    if config.rope_scaling == "linear":
        return slow
    turns = config.rope_original / (2 * math.pi / frequencies)
    ramp = ((turns - config.rope_low) / (config.rope_high - config.rope_low)).clamp(0, 1)
    return (1 - ramp) * slow + ramp * frequencies
