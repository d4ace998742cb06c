"""A model whose matrices are packed, described to step.c, and the call that makes every row one token longer."""

import ctypes
import math

import torch
from torch import Tensor, nn

from acorn.infer.native.build import Unavailable
from acorn.infer.native.pack import Matrix, Packed, number, pointer
from acorn.model import kind_of
from acorn.model.branches import Branches
from acorn.model.cache import KVCache
from acorn.model.layers import EPS, rms_norm
from acorn.model.nano import QK_GAIN

RMS, LAYER = range(2)
ACTIVATION = {"nano": 0, "llama": 1, "gpt2": 2}  # squared ReLU, SwiGLU, GELU
PLAIN, BEFORE, AFTER = range(3)  # norm of queries and keys: none, before they are turned, after


def fields(kind, *names: str) -> list:
    return [(name, kind) for name in names]


class Layer(ctypes.Structure):
    _fields_ = [
        *fields(Matrix, "qkv", "out", "up", "down"),
        *fields(ctypes.c_void_p, "norm1", "bias1", "norm2", "bias2", "q_norm", "k_norm"),
        *fields(ctypes.c_float, "scale", "unused"),
    ]


class Model(ctypes.Structure):
    _fields_ = [
        *fields(ctypes.c_int64, "layers", "width", "heads", "groups", "dim", "inner", "norm", "act", "qk"),
        *fields(ctypes.c_float, "eps", "qk_eps", "sharpness", "unused"),
        *fields(ctypes.c_void_p, "cos", "sin", "norm_weight", "norm_bias", "layer"),
        ("head", Matrix),
    ]


class Cache(ctypes.Structure):
    _fields_ = [*fields(ctypes.c_void_p, "k", "v"), *fields(ctypes.c_int64, "slots", "length")]


class Step:
    """
    step(ids (B,), cache) -> logits (B, V) fp32, as model.head(model.features(ids[:, None], cache)[:, 0]) gives them,
    and the cache holds the tokens. model: its matrices are Packed. It raises Unavailable for a model that step.c does
    not know.
    """

    def __init__(self, model: nn.Module, library: ctypes.CDLL):
        self.library, self.kind, self.config = library, kind_of(model), model.config
        self.held: list = []  # what the pointers point to
        c, kind = model.config, self.kind
        if model.compute_dtype != torch.float32:
            raise Unavailable("activations are not in fp32")
        # embeddings, and what else comes before the blocks, by torch
        self.model = [model]
        self.positions = c.block_size
        self.layers = (Layer * c.n_layer)(*(self.layer(block) for block in model.blocks))
        if kind == "nano":
            for layer, scale in zip(self.layers, model.scales.tolist()):
                layer.scale = scale
        norm = getattr(model, "norm", None)
        cos = sin = None
        if kind != "gpt2":
            cos, sin = (self.keep(table) for table in model.rope_tables(torch.device("cpu")))
        gain = QK_GAIN**2 if kind == "nano" else 1.0
        eps = EPS if kind == "nano" else c.norm_eps
        self.plan = Model(
            c.n_layer, c.n_embd, c.n_head, c.n_kv_head, c.head_dim, model.blocks[0].mlp.down.in_features,
            LAYER if kind == "gpt2" else RMS, ACTIVATION[kind],
            AFTER if kind == "nano" else BEFORE if getattr(c, "qk_norm", False) else PLAIN,
            eps, eps, gain / math.sqrt(c.head_dim), 0.0, cos, sin,
            self.keep(getattr(norm, "weight", None)), self.keep(getattr(norm, "bias", None)),
            ctypes.addressof(self.layers), self.matrix(model.head),
        )  # fmt: skip

    def layer(self, block: nn.Module) -> Layer:
        attention, mlp = block.attention, block.mlp
        norms = [getattr(block, name, None) for name in ("attention_norm", "mlp_norm")]
        weights = [getattr(norm, name, None) for norm in norms for name in ("weight", "bias")]
        weights += [getattr(getattr(attention, name, None), "weight", None) for name in ("q_norm", "k_norm")]
        up = getattr(mlp.gate, "joined", None) if self.kind == "llama" else mlp.up
        matrices = (getattr(attention.q, "joined", None), attention.out, up, mlp.down)
        return Layer(*(self.matrix(one) for one in matrices), *(self.keep(one) for one in weights), 1.0, 0.0)

    def matrix(self, module: nn.Module) -> Matrix:
        if not isinstance(module, Packed):
            raise Unavailable(f"a matrix is {type(module).__name__}")
        self.held.append(module)
        return module.matrix

    def keep(self, tensor: Tensor | None) -> int | None:
        """-> its address"""
        if tensor is None:
            return None
        self.held.append(tensor.detach().float().contiguous())
        return self.held[-1].data_ptr()

    def __deepcopy__(self, memo) -> "Step":
        return self  # a copy for inference shares what it points to

    @torch.no_grad()
    def __call__(self, ids: Tensor, cache: KVCache | Branches) -> Tensor:
        own, trunk = (cache.own, cache.trunk) if isinstance(cache, Branches) else (cache, None)
        rows = torch.zeros(len(ids), 3, dtype=torch.int64)
        rows[:, 2] = own.lengths
        if trunk is not None:
            rows[:, 0] = torch.tensor(cache.owners)
            rows[:, 1] = trunk.lengths[cache.owners]
        longest = self.check(ids, rows, own, trunk)
        x = self.embed(ids, cache, rows)
        logits, threads = torch.empty(len(ids), self.plan.head.n), torch.get_num_threads()
        caches = [Cache(c.k.data_ptr(), c.v.data_ptr(), c.slots, c.capacity) for c in (own, trunk or own)]
        plan, (mine, theirs) = ctypes.byref(self.plan), map(ctypes.byref, caches)
        sizes = number(len(ids)), number(longest), number(threads)
        room = torch.empty(self.library.acorn_room(plan, *sizes))
        self.library.acorn_step(
            plan, sizes[0], pointer(rows), mine, theirs, pointer(x), pointer(room), sizes[1], pointer(logits), sizes[2]
        )
        cache.advance(1)
        return logits

    def check(self, ids: Tensor, rows: Tensor, own: KVCache, trunk: KVCache | None) -> int:
        """ValueError where step.c would read or write outside of the caches -> tokens of the longest row, then."""
        p = self.plan
        for cache in (own,) if trunk is None else (own, trunk):
            shape = (p.layers, cache.slots, p.groups, cache.capacity, p.dim)
            for held in (cache.k, cache.v):
                if held.dtype != torch.float32 or held.shape != shape or not held.is_contiguous() or held.is_cuda:
                    raise ValueError(
                        f"a cache of {held.dtype} {tuple(held.shape)} on {held.device} is not this model's"
                    )
        numbers = rows.tolist()
        if ids.dtype != torch.int64 or ids.shape != (own.batch,) or not numbers:
            raise ValueError(f"tokens {ids.dtype} {tuple(ids.shape)} for a cache of {own.batch} rows")
        for owner, before, length in numbers:
            if length + 1 > own.capacity or length < 0 or not before + length < self.positions:
                raise ValueError(
                    f"the cache holds {own.capacity} tokens a row and the model {self.positions}: {before} + {length} "
                    "are used, 1 more does not fit"
                )
            if trunk is not None and not (0 <= owner < trunk.slots and 0 <= before <= trunk.capacity):
                raise ValueError(f"row {owner} of {trunk.slots}, {before} of {trunk.capacity} tokens")
        return max(before + length for _, before, length in numbers) + 1

    def embed(self, ids: Tensor, cache: KVCache | Branches, rows: Tensor) -> Tensor:
        """-> (B, width) fp32, new memory: what enters the first block."""
        (model,) = self.model
        x = model.embed(ids)
        if self.kind == "gpt2":
            x = x + model.positions(rows[:, 1] + rows[:, 2])
        if self.kind == "nano":
            if model.bigram is not None:
                pairs = ids[:, None]
                x = x + model.bigram(model.pair_hash(pairs, cache, cache.positions(1)))[:, 0]
            x = rms_norm(x)
        return x.float().contiguous()


def decode(model: nn.Module, ids: Tensor, cache: KVCache | Branches) -> Tensor:
    """One token more for every row of the cache, ids (B,) -> logits (B, V) fp32; natively if the model has a step."""
    step = getattr(model, "step", None)
    return step(ids, cache) if step else model.head(model.features(ids[:, None], cache)[:, 0]).float()
