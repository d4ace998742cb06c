"""
Leaves that the models share: norms, rotary embedding, activations, linear, attention, and the loss over a large
vocabulary. Each custom backward has a plain twin in tests/model/test_layers_math.py.

Legend: B batch, T tokens, C channels, H query heads, G key/value heads, D head size, V vocabulary, N = B * T.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EPS = 1e-6


class Linear(nn.Linear):
    """y = x Wᵀ (+ b). Weights stay fp32 for the optimizer; the product runs in the dtype of x (bf16 or fp32)."""

    joined: Callable | None = None  # in a copy for inference: the product with all that stand beside it

    def __init__(self, n_in: int, n_out: int, bias: bool = False):
        super().__init__(n_in, n_out, bias)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight.to(x.dtype), None if self.bias is None else self.bias.to(x.dtype))


def side_by_side(x: Tensor, *linears: Linear) -> Tensor:
    """
    The products of one x with several matrices, one behind the other in the last dimension. Several matrices for the
    optimizer, one product for the machine; an adapter's matrix is not its whole product, so then it is several.
    """
    if linears[0].joined is not None:
        return linears[0].joined(x)
    if any(type(linear) is not Linear for linear in linears):
        return torch.cat([linear(x) for linear in linears], dim=-1)
    bias = None if linears[0].bias is None else torch.cat([linear.bias for linear in linears]).to(x.dtype)
    return F.linear(x, torch.cat([linear.weight for linear in linears]).to(x.dtype), bias)


def apart(x: Tensor, *linears: Linear) -> Sequence[Tensor]:
    """The products of one x with several matrices, each by itself: one product only where they were joined before."""
    if linears[0].joined is None:
        return [linear(x) for linear in linears]
    return linears[0].joined(x).split([linear.out_features for linear in linears], dim=-1)


class TiedHead(nn.Module):
    """A head that is the embedding read backwards. It has `weight` as Linear has, but holds no parameter."""

    def __init__(self, embed: nn.Embedding):
        super().__init__()
        self._embed = [embed]  # in a list, so that it is no submodule: the weight has one name

    @property
    def weight(self) -> Tensor:
        return self._embed[0].weight

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight.to(x.dtype))


class RMSNorm(nn.Module):
    """rms_norm times a weight a channel, in the dtype of x."""

    def __init__(self, size: int, eps: float):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(size)), eps

    def forward(self, x: Tensor) -> Tensor:
        return rms_norm(x, self.eps) * self.weight.to(x.dtype)


class LayerNorm(nn.Module):
    """(x - mean) / sqrt(variance + eps) times a weight a channel (+ bias), in the dtype of x."""

    def __init__(self, size: int, eps: float, bias: bool):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(size)), eps
        self.bias = nn.Parameter(torch.zeros(size)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        bias = None if self.bias is None else self.bias.to(x.dtype)
        return F.layer_norm(x, self.weight.shape, self.weight.to(x.dtype), bias, self.eps)


def rms_norm(x: Tensor, eps: float = EPS) -> Tensor:
    """x / sqrt(mean(x²) + eps) over the last dimension, without weights."""
    if x.device.type != "cpu" or torch.compiler.is_compiling():
        return F.rms_norm(x, (x.shape[-1],), eps=eps)
    # a Function costs more than the norm of one token, so it is called where there is something to learn
    return _RMSNorm.apply(x, eps) if torch.is_grad_enabled() else x * reciprocal_rms(x, eps).to(x.dtype)


def reciprocal_rms(x: Tensor, eps: float) -> Tensor:
    """(..., C) -> (..., 1) fp32"""
    # trap: the mean of squares must be fp32, bf16 has 8 bits; linalg.vector_norm accumulates in fp32 without a copy
    norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=torch.float32)
    return norm.square_().div_(x.shape[-1]).add_(eps).rsqrt_()


class _RMSNorm(torch.autograd.Function):
    """
    On CPU the composite F.rms_norm keeps four temporaries; this keeps two.
    d/dx: r (g - y mean(g y)), with r = 1/rms and y = r x.
    """

    @staticmethod
    def forward(ctx, x: Tensor, eps: float) -> Tensor:
        r = reciprocal_rms(x, eps)
        y = x * r.to(x.dtype)
        ctx.save_for_backward(y, r)
        return y

    @staticmethod
    def backward(ctx, g: Tensor) -> Tensor:
        y, r = ctx.saved_tensors
        dot = (g * y).sum(-1, keepdim=True, dtype=torch.float32).div_(y.shape[-1])
        return torch.addcmul(g, y, dot.to(g.dtype), value=-1).mul_(r.to(g.dtype)), None


def relu2(x: Tensor) -> Tensor:
    learns = torch.is_grad_enabled() and x.device.type == "cpu" and not torch.compiler.is_compiling()
    return _ReLU2.apply(x) if learns else F.relu(x).square()


class _ReLU2(torch.autograd.Function):
    """relu(x)²; saves relu(x) alone."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        r = F.relu(x)
        ctx.save_for_backward(r)
        return r.square()

    @staticmethod
    def backward(ctx, g: Tensor) -> Tensor:
        (r,) = ctx.saved_tensors
        return (g * r).mul_(2)


def swiglu(gate: Tensor, up: Tensor) -> Tensor:
    """silu(gate) * up (arXiv 2002.05202)"""
    return F.silu(gate) * up


def rope_frequencies(head_dim: int, base: float, device=None) -> Tensor:
    """(D/2,) float32: pair i turns by base^(-2i/D) radians a token (arXiv 2104.09864)."""
    return 1.0 / base ** (torch.arange(0, head_dim, 2, device=device, dtype=torch.float32) / head_dim)


def rope_tables(length: int, frequencies: Tensor) -> tuple[Tensor, Tensor]:
    """cos and sin, each (length, D/2) float32: the angle of position t and pair i is t * frequencies[i]."""
    angle = torch.outer(torch.arange(length, device=frequencies.device, dtype=torch.float32), frequencies)
    return angle.cos(), angle.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """
    Rotate pairs (i, i + D/2) of the last dimension, as Llama does. x (B, T, H, D); cos, sin (T, 1, D/2) or (B, T, 1,
    D/2).
    """
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)


def segment_mask(starts: Tensor) -> Tensor:
    """
    starts (B, T) int: where in its row the text of each position begins -> (B, 1, T, T) bool, True where position i may
    look at j: no further than itself, and not into the text before its own.
    """
    at = torch.arange(starts.shape[1], device=starts.device)
    return ((at <= at[:, None]) & (at >= starts[:, :, None]))[:, None]


def attend(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, causal: bool = True, scale: float | None = None,
    dropout: float = 0.0,
) -> Tensor:  # fmt: skip
    """
    q (B, H, T, D), k and v (B, G, S, D) -> (B, H, T, D). mask: boolean, broadcast to (B, H, T, S), True = may look. It
    replaces `causal`. dropout: of the probabilities.
    """
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    if mask is not None and not isinstance(mask, Tensor):  # acorn.model.branches.Shared
        return mask.attend(q, k, v, scale)
    if q.shape[2] == 1 and q.device.type == "cpu" and not (torch.is_grad_enabled() or dropout):
        return attend_one(q, k, v, mask, scale)
    own = mask is None or mask.shape[-2:] == (q.shape[2], q.shape[2])
    plain = causal and own and not dropout and torch.is_grad_enabled()
    if plain and q.device.type == "cpu" and not torch.compiler.is_compiling():
        if k.shape[1] != q.shape[1]:
            k, v = (t.repeat_interleave(q.shape[1] // t.shape[1], dim=1) for t in (k, v))
        return _BlockAttention.apply(q, k, v, scale, mask)
    return F.scaled_dot_product_attention(
        q, k, v, mask, dropout, causal and mask is None, scale=scale, enable_gqa=k.shape[1] != q.shape[1]
    )


def attend_one(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, scale: float) -> Tensor:
    """
    `attend` for one query a head on a CPU, where reading the keys and values is the work. As products of matrices with
    vectors it is two to five times as fast as torch's kernel, which copies what it reads; keys stand on the left,
    since on the right they would be reordered first. q (B, H, 1, D), k and v (B, G, S, D) -> (B, H, 1, D)
    """
    B, H, _, D = q.shape
    groups = (q * scale).reshape(B, k.shape[1], -1, D)  # heads that share keys: one product for them
    scores = (k @ groups.transpose(2, 3)).transpose(2, 3)  # (B, G, H/G, S)
    if mask is not None:
        scores = scores.masked_fill(mask.logical_not(), float("-inf"))
    return (scores.softmax(-1) @ v).reshape(B, H, 1, D)


class _BlockAttention(torch.autograd.Function):
    """
    Causal attention for training on CPU, a block of 128 queries at a time, so that half of the scores are never
    computed. It keeps the probabilities, as a CPU has the memory, and is two to three times as fast as torch's flash
    kernel (docs/BENCHMARKS.md). mask: None, or at most what causal attention may look at.
    """

    BLOCK = 128

    @staticmethod
    def forward(ctx, q: Tensor, k: Tensor, v: Tensor, scale: float, mask: Tensor | None) -> Tensor:
        T, block = q.shape[2], _BlockAttention.BLOCK
        y, kept = torch.empty_like(q), []
        future = torch.ones(block, block, dtype=torch.bool).triu_(1)
        for s in range(0, T, block):
            e = min(T, s + block)
            scores = (q[:, :, s:e] * scale) @ k[:, :, :e].transpose(-1, -2)  # (B, H, e - s, e)
            if mask is None:
                scores[..., s:e].masked_fill_(future[: e - s, : e - s], float("-inf"))
            else:
                scores.masked_fill_(mask[:, :, s:e, :e].logical_not(), float("-inf"))
            p = torch.softmax(scores, dim=-1)
            y[:, :, s:e] = p @ v[:, :, :e]
            kept.append(p)
        ctx.save_for_backward(q, k, v, y, *kept)
        ctx.scale = scale
        return y

    @staticmethod
    def backward(ctx, g: Tensor):
        q, k, v, y, *kept = ctx.saved_tensors
        dq, dk, dv = torch.empty_like(q), torch.zeros_like(k), torch.zeros_like(v)
        # Σ_j p_j dp_j of a row is g · y (flash attention's identity), so no pass over the scores is needed for it
        delta = (g * y).sum(-1, keepdim=True, dtype=torch.float32).to(g.dtype)
        for i, p in enumerate(kept):
            s, e = i * _BlockAttention.BLOCK, p.shape[-1]
            rows = g[:, :, s:e]
            dv[:, :, :e] += p.transpose(-1, -2) @ rows
            ds = (rows @ v[:, :, :e].transpose(-1, -2)).sub_(delta[:, :, s:e]).mul_(p).mul_(ctx.scale)
            dq[:, :, s:e] = ds @ k[:, :, :e]
            dk[:, :, :e] += ds.transpose(-1, -2) @ q[:, :, s:e]
        return dq, dk, dv, None, None


def weighted_nll(x: Tensor, weight: Tensor, targets: Tensor, weights: Tensor, chunk: int = 0) -> Tensor:
    """
    Σ weightsᵢ · nllᵢ, where nll is the cross-entropy of x @ weightᵀ against targets; the (N, V) logits never exist as
    a whole. x (N, C) in compute dtype, weight (V, C) fp32, targets (N,) int64, weights (N,) fp32 -> scalar fp32.
    chunk: rows at a time; 0 picks about 8 MB of logits on CPU (stays in the last-level cache), 256 MB on a GPU.
    """
    if not chunk:
        chunk = max(64, (1 << 21 if x.device.type == "cpu" else 1 << 26) // weight.shape[0])
    # asked here: inside a Function gradients are always off, and an evaluation must not pay for them
    need = [torch.is_grad_enabled() and t.requires_grad for t in (x, weight)]
    return _ChunkedNLL.apply(x, weight, targets, weights, chunk, *need)


class _ChunkedNLL(torch.autograd.Function):
    """
    The gradient needs nothing from above but one scalar, so it is computed chunk by chunk in forward, in place over
    the logits.
    """

    @staticmethod
    def forward(ctx, x, weight, targets, weights, chunk, need_x, need_weight):
        w = weight.to(x.dtype)
        dx = torch.empty_like(x) if need_x else None
        dw = torch.zeros_like(weight) if need_weight else None
        total = torch.zeros((), dtype=torch.float32, device=x.device)
        for i in range(0, x.shape[0], chunk):
            xi, ti, wi = x[i : i + chunk], targets[i : i + chunk, None], weights[i : i + chunk, None]
            logits = (xi @ w.t()).float()
            logp = torch.log_softmax(logits, dim=-1)
            total -= (logp.gather(1, ti) * wi).sum()
            if need_x or need_weight:
                g = logp.exp_().mul_(wi)  # softmax * weight
                g.scatter_add_(1, ti, -wi)
                g = g.to(x.dtype)
                if need_x:
                    torch.mm(g, w, out=dx[i : i + chunk])
                if need_weight:
                    dw += g.t() @ xi
        ctx.save_for_backward(dx, dw)
        return total

    @staticmethod
    def backward(ctx, g):
        dx, dw = ctx.saved_tensors
        dx, dw = (None if d is None else d * g.to(d.dtype) for d in (dx, dw))
        return dx, dw, None, None, None, None, None
