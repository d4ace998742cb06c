"""Matrices as product.h reads them, and the module that stands for one in a model."""

import ctypes

import torch
from torch import Tensor, nn

F32, I8, I4 = range(3)
KIND = {"none": F32, "int8": I8, "int4": I4}
PANEL = 32  # outputs that stand side by side
GROUP = (64, 32, 32)  # inputs of a group, by kind
TINY = 1e-30  # a group of zeros is divided by it


class Matrix(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int64) for name in ("kind", "n", "k")] + [
        (name, ctypes.c_void_p) for name in ("panels", "bias")
    ]


def pack(weight: Tensor, kind: int) -> Tensor:
    """(n, k) fp32 -> (panels, groups, bytes of a group) uint8; product.h has the layout."""
    n, k = weight.shape
    g = GROUP[kind]
    w = torch.nn.functional.pad(weight, (0, -k % g, 0, -n % PANEL))
    w = w.reshape(-1, PANEL, w.shape[1] // g, g).permute(0, 2, 3, 1)  # (panels, groups, inputs, outputs)
    if kind == F32:
        return plain(w).flatten(2)
    if kind == I8:
        scale = (w.abs().amax(dim=2, keepdim=True) / 127).bfloat16()
        # with the scale as it is kept, so that its rounding is not added to the weights'
        q = (w / scale.float().clamp_min(TINY)).round_().clamp_(-127, 127).to(torch.int8)
        return torch.cat((plain(scale).flatten(2), plain(q).flatten(2)), dim=2)
    low, high = w.amin(dim=2, keepdim=True).clamp_(max=0), w.amax(dim=2, keepdim=True).clamp_(min=0)
    scale = ((high - low) / 15).bfloat16()
    steps = scale.float().clamp_min(TINY)
    middle = (-low / steps).bfloat16()
    q = (w / steps + middle.float()).round_().clamp_(0, 15).to(torch.uint8)
    pairs = q[:, :, ::2] | q[:, :, 1::2] << 4
    return torch.cat((plain(scale).flatten(2), plain(middle).flatten(2), pairs.flatten(2)), dim=2)


def plain(x: Tensor) -> Tensor:
    """The bytes of numbers."""
    return x.contiguous().view(torch.uint8)


def unpack(packed: Tensor, kind: int, n: int, k: int) -> Tensor:
    """The weights that the product stands for, (n, k) fp32."""
    P, G, _ = packed.shape
    g = GROUP[kind]
    if kind == F32:
        w = packed.contiguous().view(torch.float32).view(P, G, g, PANEL)
    else:
        scale = packed[:, :, : 2 * PANEL].contiguous().view(torch.bfloat16).float()[:, :, None]
        if kind == I8:
            w = scale * packed[:, :, 2 * PANEL :].contiguous().view(torch.int8).view(P, G, g, PANEL)
        else:
            middle = packed[:, :, 2 * PANEL : 4 * PANEL].contiguous().view(torch.bfloat16).float()[:, :, None]
            pairs = packed[:, :, 4 * PANEL :].reshape(P, G, g // 2, 1, PANEL)
            w = scale * (torch.cat((pairs & 15, pairs >> 4), dim=3).view(P, G, g, PANEL) - middle)
    return w.permute(0, 3, 1, 2).reshape(P * PANEL, G * g)[:n, :k]


class Packed(nn.Module):
    """y = x Wᵀ (+ b) by acorn_linear, any number of rows; the bits of a row do not depend on the others."""

    def __init__(self, library: ctypes.CDLL, weight: Tensor, bias: Tensor | None, kind: int):
        super().__init__()
        self.library, self.kind = library, kind
        self.out_features, self.in_features = weight.shape
        self.count = weight.numel() + self.out_features * (bias is not None)
        self.panels = pack(weight.detach().float(), kind)
        self.bias = None if bias is None else bias.detach().float().contiguous().clone()
        pointer = None if self.bias is None else self.bias.data_ptr()
        self.matrix = Matrix(kind, self.out_features, self.in_features, self.panels.data_ptr(), pointer)

    @property
    def nbytes(self) -> int:
        """Of the weights."""
        return self.panels.nbytes

    def __deepcopy__(self, memo) -> "Packed":
        return self  # nothing in it changes

    def unpacked(self) -> Tensor:
        return unpack(self.panels, self.kind, self.out_features, self.in_features)

    def forward(self, x: Tensor) -> Tensor:
        if x.dtype != torch.float32 or x.device.type != "cpu" or x.shape[-1] != self.in_features:
            raise ValueError(f"expected float32 (..., {self.in_features}) on a CPU, not {x.dtype} {tuple(x.shape)}")
        flat = x.reshape(-1, self.in_features).contiguous()
        y, threads = torch.empty(len(flat), self.out_features), torch.get_num_threads()
        if len(flat):
            wide = torch.empty(threads * self.in_features * PANEL)
            self.library.acorn_linear(
                ctypes.byref(self.matrix), pointer(flat), number(len(flat)), pointer(y), pointer(wide), number(threads)
            )
        return y.view(*x.shape[:-1], self.out_features)


def pointer(x: Tensor) -> ctypes.c_void_p:
    return ctypes.c_void_p(x.data_ptr())


number = ctypes.c_int64


def sums_alike(library: ctypes.CDLL) -> bool:
    """Whether a row has the same bits alone and in company: the compiler decides which products are fused."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(11, 70, generator=generator)
    for kind in KIND.values():
        packed = Packed(library, torch.randn(40, 70, generator=generator), None, kind)
        if not torch.equal(packed(x), torch.cat([packed(row[None]) for row in x])):
            return False
    return True
