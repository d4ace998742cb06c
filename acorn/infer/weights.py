"""
A model as decoding wants it. Training keeps weights in fp32, one matrix a parameter, and casts and joins them at each
use, which costs little beside a batch of 8,000 tokens and much beside one token a row. A copy for inference does both
once. It shares every other tensor with its model, so it costs the bytes of the cast matrices, and none in fp32 but
those that are joined.
"""

import copy
import functools

import torch
import torch.nn.functional as F
from torch import nn

from acorn.model.layers import Linear, TiedHead


@torch.inference_mode(False)
@torch.no_grad()
def inference_copy(model: nn.Module) -> nn.Module:
    """The model as its weights are now, in evaluation mode; computes what the model computes."""
    # deepcopy takes what it finds here for already copied: tensors stay those of the model
    fast = copy.deepcopy(model, {id(t): t for t in (*model.parameters(), *model.buffers())})
    dtype = getattr(model, "compute_dtype", torch.float32)
    for module in list(fast.modules()):
        for name, child in module.named_children():
            if isinstance(child, TiedHead) and child.weight.dtype != dtype:
                head = Linear(*reversed(child.weight.shape))
                head.weight = child.weight
                setattr(module, name, head)
    for module in fast.modules():
        if isinstance(module, Linear):
            module.weight = frozen(module.weight.to(dtype))
            if module.bias is not None:
                module.bias = frozen(module.bias.to(dtype))
    for module in fast.modules():
        side = [getattr(module, name, None) for name in "qkv"]
        if all(type(linear) is Linear for linear in side):
            joined = torch.cat([linear.weight for linear in side])
            bias = None if side[0].bias is None else torch.cat([linear.bias for linear in side])
            side[0].joined = functools.partial(F.linear, weight=joined, bias=bias)
            for linear, weight in zip(side, joined.split([linear.weight.shape[0] for linear in side])):
                linear.weight = frozen(weight)  # one memory, two views of it
    return fast.eval()


def frozen(tensor: torch.Tensor) -> nn.Parameter:
    return nn.Parameter(tensor, requires_grad=False)
