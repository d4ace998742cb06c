"""
LoRA (arXiv 2106.09685): the weights stay as they are, and beside every matrix of the blocks two thin ones are trained:
y = x Wᵀ + alpha/rank · (x Aᵀ) Bᵀ. Works on any model, since all of them multiply by layers.Linear.

A checkpoint of such a training holds W, A and B apart, W bit for bit as it was. Whoever loads it to use it gets the
merged weights, a plain model.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from acorn.errors import UserError
from acorn.model.layers import Linear


@dataclass(frozen=True)
class Lora:
    rank: int
    alpha: float  # the product of the thin matrices counts alpha / rank times

    def __post_init__(self):
        if self.rank < 1 or not 0 < self.alpha < math.inf:
            raise UserError(f"LoRA needs a rank of at least 1 and an alpha above 0, not {self.rank} and {self.alpha}")


class LoraLinear(Linear):
    """`base` with its weights fixed, and the adapter: a (rank, n_in), b (n_out, rank)."""

    def __init__(self, base: Linear, lora: Lora):
        nn.Module.__init__(self)
        self.in_features, self.out_features = base.in_features, base.out_features
        self.weight, self.bias, self.scale = base.weight, base.bias, lora.alpha / lora.rank
        self.lora_a = nn.Parameter(base.weight.new_zeros(lora.rank, base.in_features))
        self.lora_b = nn.Parameter(base.weight.new_zeros(base.out_features, lora.rank))

    def forward(self, x: Tensor) -> Tensor:
        thin = F.linear(x, self.lora_a.to(x.dtype)) * self.scale
        return super().forward(x) + F.linear(thin, self.lora_b.to(x.dtype))

    @torch.no_grad()
    def merged(self) -> Linear:
        plain = Linear(self.in_features, self.out_features, self.bias is not None).to(self.weight.device)
        plain.weight.copy_(torch.addmm(self.weight, self.lora_b, self.lora_a, alpha=self.scale))
        if self.bias is not None:
            plain.bias.copy_(self.bias)
        return plain


def lora_of(model) -> Lora | None:
    return getattr(model, "lora", None)


def add_lora(model, lora: Lora, generator: torch.Generator | None = None) -> None:
    """In place: adapters on every Linear of the blocks, all else fixed. They begin as no change: a random, b zero."""
    if lora_of(model):
        raise ValueError("the model has adapters already")
    model.requires_grad_(False)
    for parent, name, linear in list(linears(model)):
        adapted = LoraLinear(linear, lora)
        bound = linear.in_features**-0.5
        with torch.no_grad():
            adapted.lora_a.uniform_(-bound, bound, generator=generator)
        setattr(parent, name, adapted)
    model.lora = lora


def merge(model) -> None:
    """In place: the adapters become part of the weights, everything can be trained again."""
    for parent, name, linear in list(linears(model)):
        setattr(parent, name, linear.merged())
    model.requires_grad_(True)
    model.lora = None


def linears(model):
    """(parent module, name, Linear) of the blocks."""
    for parent in model.blocks.modules():
        for name, child in parent.named_children():
            if isinstance(child, Linear):
                yield parent, name, child


def adapters(model) -> dict[str, list[nn.Parameter]]:
    """What is trained, as optimizer groups."""
    return {"adapter": [p for p in model.parameters() if p.requires_grad]}
