"""
gpt2: OpenAI's GPT-2 and what nanoGPT trains. Learned positions, LayerNorm, GELU, biases, the embedding as head,
dropout. Its projection of queries, keys and values is kept as three matrices.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from acorn.errors import UserError
from acorn.model.cache import KVCache
from acorn.model.layers import LayerNorm, Linear, TiedHead, apart, attend, segment_mask, weighted_nll


@dataclass(frozen=True)
class GPT2Config:
    vocab_size: int
    n_layer: int = 12
    n_head: int = 12
    n_embd: int = 768
    n_inner: int = 0  # width inside the MLP; 0 = 4 n_embd
    block_size: int = 1024  # longest context, tokens: there are this many positions
    norm_eps: float = 1e-5
    bias: bool = True  # of the matrices and the norms; OpenAI's weights have them
    dropout: float = 0.0  # of attention, of what enters the residual stream and of the embeddings; in training only

    def __post_init__(self):
        problems = []
        if min(self.vocab_size, self.n_layer, self.n_head, self.n_embd, self.block_size) < 1:
            problems.append("every size must be at least 1")
        elif self.n_inner < 0:
            problems.append(f"n_inner {self.n_inner} must be at least 0")
        elif self.n_embd % self.n_head:
            problems.append(f"n_embd {self.n_embd} must be a multiple of n_head {self.n_head}")
        if not 0 <= self.dropout < 1:
            problems.append(f"dropout {self.dropout} must be at least 0 and below 1")
        if not self.norm_eps > 0:
            problems.append(f"norm_eps {self.norm_eps} must be above 0")
        if problems:
            raise UserError("impossible model shape: " + "; ".join(problems))
        object.__setattr__(self, "n_inner", self.n_inner or 4 * self.n_embd)

    @property
    def n_kv_head(self) -> int:
        return self.n_head

    @property
    def head_dim(self) -> int:
        return self.n_embd // self.n_head


class Attention(nn.Module):
    def __init__(self, config: GPT2Config):
        super().__init__()
        self.head_dim, self.dropout = config.head_dim, config.dropout
        self.q, self.k, self.v, self.out = (Linear(config.n_embd, config.n_embd, config.bias) for _ in range(4))

    def forward(self, x: Tensor, layer: int, cache: KVCache | None, mask: Tensor | None) -> Tensor:
        B, T, C = x.shape
        q, k, v = (y.view(B, T, -1, self.head_dim).transpose(1, 2) for y in apart(x, self.q, self.k, self.v))
        if cache is not None:
            k, v, mask = cache.append(layer, k, v)
        y = attend(q, k, v, mask, causal=T > 1, dropout=self.dropout if self.training else 0.0)
        return F.dropout(self.out(y.transpose(1, 2).reshape(B, T, C)), self.dropout, self.training)


class MLP(nn.Module):
    def __init__(self, config: GPT2Config):
        super().__init__()
        self.dropout = config.dropout
        self.up = Linear(config.n_embd, config.n_inner, config.bias)
        self.down = Linear(config.n_inner, config.n_embd, config.bias)

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(self.down(F.gelu(self.up(x), approximate="tanh")), self.dropout, self.training)


class Block(nn.Module):
    def __init__(self, config: GPT2Config):
        super().__init__()
        self.attention_norm = LayerNorm(config.n_embd, config.norm_eps, config.bias)
        self.attention = Attention(config)
        self.mlp_norm = LayerNorm(config.n_embd, config.norm_eps, config.bias)
        self.mlp = MLP(config)

    def forward(self, x: Tensor, layer: int, cache: KVCache | None, mask: Tensor | None) -> Tensor:
        x = x + self.attention(self.attention_norm(x), layer, cache, mask)
        return x + self.mlp(self.mlp_norm(x))


class GPT2(nn.Module):
    def __init__(self, config: GPT2Config):
        super().__init__()
        self.config = config
        self.embed = nn.Embedding(config.vocab_size, config.n_embd)
        self.positions = nn.Embedding(config.block_size, config.n_embd)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layer))
        self.norm = LayerNorm(config.n_embd, config.norm_eps, config.bias)
        self.head = TiedHead(self.embed)
        self.compute_dtype = torch.float32  # of activations; the caller sets bf16 where the device is faster in it

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
        mask = None
        if cache is not None:
            positions = cache.positions(T)
        elif T > self.config.block_size:
            raise ValueError(f"{T} tokens do not fit the context of {self.config.block_size}")
        else:
            positions = torch.arange(T, device=ids.device)
            if starts is not None:
                mask, positions = segment_mask(starts), positions - starts
        x = (self.embed(ids) + self.positions(positions)).to(self.compute_dtype)
        x = F.dropout(x, self.config.dropout, self.training)
        for layer, block in enumerate(self.blocks):
            x = block(x, layer, cache, mask)
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

    def new_cache(self, batch: int, length: int) -> KVCache:
        c = self.config
        if length > c.block_size:
            raise ValueError(f"a cache of {length} tokens a row is longer than the context of {c.block_size}")
        return KVCache(c.n_layer, batch, c.n_head, length, c.head_dim, self.compute_dtype, self.embed.weight.device)

    def groups(self) -> dict[str, list[nn.Parameter]]:
        """Parameters by the treatment they need; together they are all parameters, each once."""
        inside = list(self.blocks.parameters())
        return {
            "matrix": [p for p in inside if p.ndim == 2],
            "embed": [self.embed.weight, self.positions.weight],
            "head": [],  # the embedding
            "scalar": [p for p in inside if p.ndim < 2] + list(self.norm.parameters()),
        }

    def flops_per_token(self, length: int) -> float:
        """
        Training FLOPs a token at this context: 6 a matrix weight, and 12 · L · C · T/2 for causal attention (PaLM,
        appendix B).
        """
        matrices = sum(p.numel() for p in self.groups()["matrix"]) + self.head.weight.numel()
        return 6 * matrices + 6 * self.config.n_layer * self.config.n_embd * length
