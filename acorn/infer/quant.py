"""
Weights of fewer bits for decoding on a CPU, where a token costs the time it takes to read them. Where there is a C
compiler, acorn/infer/native has its own kinds and products for them; elsewhere torch's are taken:

    int8   256 steps for each row of a matrix. Activations are written as two bytes each, so a product is one of whole
           numbers, exact whatever stands beside it: a row of a batch gets the same bits alone and in company.
    int4   16 steps for every 32 weights of a row, activations in bf16; the head stays int8.

A quantised model is for inference alone: it is the model with other leaves, in fp32 between them. Embedding and norms
stay as they were.
"""

import functools
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from acorn.errors import UserError
from acorn.infer.native.build import Unavailable, library
from acorn.infer.native.pack import I8, KIND, Packed
from acorn.infer.native.step import Step
from acorn.model.layers import Linear, TiedHead

KINDS = ("none", "int8", "int4")
BESIDE = ("q", "k", "v"), ("gate", "up")  # matrices that read the same x: one product for them
GROUP = 32  # weights that share a scale in int4
FULL = 127 * 256  # the largest activation of a row; 127.5 * 256 would still fit into two bytes
TINY = 1e-30  # a matrix's row of zeros is divided by it
LOUD = 32  # inputs of a matrix that are given more bits
LISTENED = 256  # tokens read to find them


class Int8(nn.Module):
    """
    y = x Wᵀ (+ b) with W[n, k] ≈ scale[n] · q[n, k]. A row of x is divided by its largest number and becomes
    u = 256 high + low of 16 bits; then y = scale · largest / FULL · (256 (high qᵀ) + low qᵀ), one product of twice as
    many rows. Bytes are unsigned and stand for themselves minus 128: 256 · 128 + 128 is in MIDDLE, and 2²³ besides,
    since the last bits of a float between 2²³ and 2²⁴ are the whole number itself.

    loud: inputs that tend to be large, where the rounding of a weight is heard most. Each stands in the product three
    times: twice, so that its weights may be twice as large as a byte can be, and once as x / 256, with what is left of
    its weights.
    """

    MIDDLE = 2.0**23 + 256 * 128 + 128

    def __init__(self, weight: Tensor, bias: Tensor | None = None, loud: Tensor | None = None):
        super().__init__()
        self.out_features, self.in_features = weight.shape
        self.count = weight.numel() + self.out_features * (bias is not None)
        loud = torch.zeros(0, dtype=torch.int64) if loud is None else loud
        size = weight.abs().index_fill(1, loud, 0).amax(dim=1)
        scale = torch.maximum(size, weight[:, loud].abs().amax(dim=1) / 2 if len(loud) else size) / 127
        steps = weight / scale.clamp_min_(TINY)[:, None]
        q = steps.round().clamp_(-127, 127)
        rest = steps[:, loud] - q[:, loud]
        again = rest.round().clamp_(-127, 127)
        fine = ((rest - again) * 256).round().clamp_(-127, 127)
        q = torch.cat((q, again, fine), dim=1).to(torch.int8)
        order = torch.cat((torch.arange(self.in_features), loud, loud))
        factor = torch.ones(len(order))
        factor[len(order) - len(loud) :] = 1 / 256
        # no buffers: looking one up costs as much as a small operation, and there are seven
        self.packed = torch.ops.onednn.qlinear_prepack(q, None)
        self.scale, self.zeros = scale / FULL, torch.zeros(len(scale), dtype=torch.int64)
        self.order, self.factor = (order, factor) if len(loud) else (None, None)
        self.bias = None if bias is None else bias.detach().clone()
        self.middle = torch.tensor([self.MIDDLE])

    @property
    def nbytes(self) -> int:
        """Of the weights."""
        return self.packed.numel() + self.scale.nbytes

    def __deepcopy__(self, memo) -> "Int8":
        return self  # nothing in it changes

    def forward(self, x: Tensor) -> Tensor:
        flat = x.reshape(-1, self.in_features)
        largest = flat.abs().amax(dim=1, keepdim=True)  # 0: what follows are no numbers, and times 0 it is 0 again
        if self.order is not None:
            flat = flat.index_select(1, self.order).mul_(self.factor)
        M, K = flat.shape
        numbers = torch.addcdiv(self.middle, flat, largest, value=FULL)
        # of each number's four bytes the first two: all low ones, then all high ones
        planes = numbers.view(torch.uint8).as_strided((2, M, K), (1, 4 * K, 4)).reshape(2 * M, K)
        y = torch.ops.onednn.qlinear_pointwise(
            planes, 1.0, 128, self.packed, self.scale, self.zeros, None, 1.0, 0, torch.float32, "none", [], ""
        )
        low, high = y.chunk(2)
        y = torch.add(low, high, alpha=256).mul_(largest)
        if self.bias is not None:
            y += self.bias
        return y.view(*x.shape[:-1], self.out_features)


class Int4(nn.Module):
    """y = x Wᵀ (+ b) with W[n, k] ≈ scale · (q[n, k] - 8) + zero, scale and zero of a group of 32, q from 0 to 15."""

    def __init__(self, weight: Tensor, bias: Tensor | None = None):
        super().__init__()
        self.out_features, self.in_features = weight.shape
        self.count = weight.numel() + self.out_features * (bias is not None)
        groups = weight.reshape(len(weight), -1, GROUP)
        low, high = groups.amin(dim=2, keepdim=True), groups.amax(dim=2, keepdim=True)
        scale = ((high - low) / 15).clamp_min(TINY).bfloat16()
        zero = (low + 8 * scale.float()).bfloat16()
        # with scale and zero as they are kept, so that their rounding is not added to the weights'
        q = ((groups - zero.float()) / scale.float()).round().add_(8).clamp_(0, 15).to(torch.int32)
        self.packed = torch.ops.aten._convert_weight_to_int4pack_for_cpu(q.reshape(weight.shape), 1)
        self.steps = torch.cat((scale, zero), dim=2).transpose(0, 1).contiguous()  # (K/32, N, 2)
        self.bias = None if bias is None else bias.detach().clone()

    @property
    def nbytes(self) -> int:
        """Of the weights."""
        return self.packed.nbytes + self.steps.nbytes

    def __deepcopy__(self, memo) -> "Int4":
        return self

    def forward(self, x: Tensor) -> Tensor:
        flat = x.reshape(-1, self.in_features).bfloat16()
        y = torch.ops.aten._weight_int4pack_mm_for_cpu(flat, self.packed, GROUP, self.steps).float()
        if self.bias is not None:
            y += self.bias
        return y.view(*x.shape[:-1], self.out_features)

    @staticmethod
    def takes(weight: Tensor) -> bool:
        """The kernel reads whole groups of inputs and 16 outputs at a time."""
        return weight.shape[1] % GROUP == 0 and weight.shape[0] % 16 == 0


class Part(nn.Module):
    """One of several matrices that stand in one product; the first of them holds it. acorn.model.layers reads them."""

    def __init__(self, out_features: int, joined: nn.Module | None):
        super().__init__()
        self.out_features, self.joined = out_features, joined


@torch.inference_mode(False)
@torch.no_grad()
def quantise(model: nn.Module, kind: str) -> nn.Module:
    """
    In place, matrix by matrix, so that what is replaced can be freed -> the model. kind: int8 or int4, or none: fp32,
    in the order that the native step reads, if there is one. A LoRA adapter must have been merged.
    """
    model.eval().compute_dtype, model.quant = torch.float32, kind
    loud: dict[nn.Module, Tensor] = {}
    try:
        native = library()
    except Unavailable as e:
        native, model.unavailable = None, str(e)
        if kind == "none":
            return model
        loud = loud_inputs(model)

    def small(weight: Tensor, bias: Tensor | None, reader: nn.Module) -> nn.Module:
        if native:
            return Packed(native, weight, bias, I8 if kind == "int4" and reader is model.head else KIND[kind])
        if kind == "int4" and reader is not model.head and Int4.takes(weight):
            return Int4(weight, bias)
        return Int8(weight.float(), bias, loud.get(reader))

    for parent, side in list(readers(model)):
        linears = [getattr(parent, name) for name in side]
        if len(side) > 1:
            bias = None if linears[0].bias is None else torch.cat([linear.bias for linear in linears])
            joined = small(torch.cat([linear.weight for linear in linears]), bias, parent)
            for name, linear in zip(side, linears):
                setattr(parent, name, Part(linear.out_features, joined))
                joined = None
        else:
            made = small(linears[0].weight, getattr(linears[0], "bias", None), linears[0])
            if isinstance(linears[0], TiedHead):
                made.count = 0  # the embedding stays, and these are its weights
            setattr(parent, *side, made)
    if native:
        try:
            model.step = Step(model, native)
        except Unavailable as e:
            model.unavailable = str(e)
    return model


def readers(model: nn.Module) -> Iterator[tuple[nn.Module, tuple[str, ...]]]:
    """(module, names of its matrices that become one product)"""
    for parent in model.modules():
        plain = [name for name, child in parent.named_children() if type(child) in (Linear, TiedHead)]
        for names in BESIDE:
            if set(names) <= set(plain):
                yield parent, names
                plain = [name for name in plain if name not in names]
        yield from ((parent, (name,)) for name in plain)


def loud_inputs(model: nn.Module) -> dict[nn.Module, Tensor]:
    """
    Reader -> its inputs that are largest, by their squares over some hundred tokens. Which tokens hardly matters, so
    they are drawn at random, always the same ones. Matrices that stand in one product are found by their parent.
    """
    found, hooks = {}, []

    def note(reader, args) -> None:
        found[reader] = args[0].flatten(0, -2).float().square().sum(dim=0)

    for parent, side in readers(model):
        reader = parent if len(side) > 1 else getattr(parent, *side)
        hooks.append(reader.register_forward_pre_hook(note))
    length = min(LISTENED, model.config.block_size)
    model(torch.randint(model.config.vocab_size, (1, length), generator=torch.Generator().manual_seed(0)))
    for hook in hooks:
        hook.remove()
    return {reader: power.topk(min(LOUD, len(power) // 16)).indices.sort().values for reader, power in found.items()}


def quant_of(model: nn.Module) -> str:
    return getattr(model, "quant", "none")


def parameter_count(model: nn.Module) -> int:
    """Of the model as it was trained, however its weights are kept now."""
    small = sum(module.count for module in model.modules() if isinstance(module, Int8 | Int4 | Packed))
    return small + sum(p.numel() for p in model.parameters())


@functools.cache
def exact() -> bool:
    """
    Whether this CPU's product of bytes is one of whole numbers. It is tried, not guessed: there are CPUs without the
    instruction that add pairs in 16 bits, which do not hold the sum, and torch builds without the operator.
    """
    x, w = torch.full((2, 64), 255, dtype=torch.uint8), torch.full((16, 64), 127, dtype=torch.int8)
    one, zero = torch.ones(16), torch.zeros(16, dtype=torch.int64)
    try:
        packed = torch.ops.onednn.qlinear_prepack(w, None)
        y = torch.ops.onednn.qlinear_pointwise(
            x, 1.0, 128, packed, one, zero, None, 1.0, 0, torch.float32, "none", [], ""
        )
    except (AttributeError, RuntimeError, NotImplementedError):
        return False
    return bool((y == 127 * 127 * 64).all())


def check(kind: str, device: torch.device) -> None:
    """UserError where weights of that kind cannot be used."""
    if kind not in KINDS:
        raise UserError(f"--quant {kind}: choose one of auto, {', '.join(KINDS)}")
    if kind != "none" and device.type != "cpu":
        raise UserError(f"--quant {kind}: small weights are for CPUs, and this is {device}", "--quant none")
    if kind != "none" and not exact():
        raise UserError(f"--quant {kind}: this CPU has no exact product of bytes (VNNI)", "--quant none")
