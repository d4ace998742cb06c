"""
Reading GGUF, llama.cpp's file of weights and metadata, of which nothing is believed: every length is compared with what
is left of the file before anything of that size is made.

    "GGUF" version u32   tensors u64   pairs u64
    pairs     key, type u32, value          key and text: length u64, bytes; array: type u32, count u64, values
    tensors   name, dimensions u32, sizes u64 (the fastest first), type u32, offset u64
    padding to general.alignment (32), then the data
"""

import math
import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from acorn.errors import UserError

MAX_ITEMS = 1 << 21  # of tensors, pairs and entries of an array of texts; the largest vocabularies have 2^18
SCALARS = {0: "u1", 1: "i1", 2: "<u2", 3: "<i2", 4: "<u4", 5: "<i4", 6: "<f4", 7: "?", 10: "<u8", 11: "<i8", 12: "<f8"}
TEXT, ARRAY = 8, 9

TYPES = {  # number -> (name, values of a block, bytes of a block)
    0: ("F32", 1, 4),
    1: ("F16", 1, 2),
    2: ("Q4_0", 32, 18),
    3: ("Q4_1", 32, 20),
    8: ("Q8_0", 32, 34),
    30: ("BF16", 1, 2),
}
NOT_READ = (
    "6 Q5_0 7 Q5_1 9 Q8_1 10 Q2_K 11 Q3_K 12 Q4_K 13 Q5_K 14 Q6_K 15 Q8_K 16 IQ2_XXS 17 IQ2_XS 18 IQ3_XXS 19 IQ1_S "
    "20 IQ4_NL 21 IQ3_S 22 IQ2_S 23 IQ4_XS 24 I8 25 I16 26 I32 27 I64 28 F64 29 IQ1_M 34 TQ1_0 35 TQ2_0 39 MXFP4"
)
OTHER_TYPES = dict(zip(map(int, NOT_READ.split()[::2]), NOT_READ.split()[1::2]))


@dataclass(frozen=True)
class Stored:
    """Where a tensor lies. shape as torch has it, the fastest dimension last."""

    shape: tuple[int, ...]
    type: int
    start: int
    bytes: int


class GGUF:
    """metadata: key -> value. tensors: name -> Stored. `read` makes a float32 tensor of one."""

    def __init__(self, path: Path):
        self.path = Path(path)
        try:
            with open(path, "rb") as f:
                size = f.seek(0, 2)
                self.data = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
        except OSError as e:
            raise UserError(f"cannot read {path}: {e.strerror or e}") from None
        self.at = 0
        if self.data[:4] != b"GGUF":
            raise self.bad(f"does not begin with GGUF but with {bytes(self.data[:4])!r}: it is no GGUF file")
        self.at = 4
        version = self.number("<u4")
        if version not in (2, 3):
            big = " (written on a big-endian machine)" if version in (2 << 24, 3 << 24) else ""
            raise self.bad(f"has GGUF version {version}{big}; versions 2 and 3 are read")
        n_tensors, n_pairs = self.count(24, "tensors"), self.count(13, "metadata entries")
        self.metadata: dict = {}
        for _ in range(n_pairs):
            key = self.text(1 << 16)
            if key in self.metadata:
                raise self.bad(f"has the metadata {key!r} twice")
            self.metadata[key] = self.value(self.number("<u4"))
        self.tensors = self.read_table(n_tensors)

    def bad(self, what: str) -> UserError:
        return UserError(f"{self.path} {what}")

    # --- the header ---------------------------------------------------------------------------------------------------

    def take(self, size: int) -> bytes:
        if size > len(self.data) - self.at:
            raise self.bad(
                f"is cut off or damaged: byte {self.at:,} of {len(self.data):,} is followed by {size:,} more"
            )
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, kind: str):
        kind = np.dtype(kind)
        return np.frombuffer(self.take(kind.itemsize), kind)[0].item()

    def count(self, least: int, what: str) -> int:
        """How many follow, each of at least `least` bytes."""
        n = self.number("<u8")
        if n > min(MAX_ITEMS, (len(self.data) - self.at) // least):
            raise self.bad(f"is cut off or damaged: it claims {n:,} {what}, for which it is too short")
        return n

    def text(self, most: int = 1 << 24) -> str:
        size = self.number("<u8")
        if size > most:
            raise self.bad(f"is damaged: at byte {self.at:,} it claims a text of {size:,} bytes")
        return self.take(size).decode("utf-8", errors="replace")

    def value(self, kind: int):
        if kind == TEXT:
            return self.text()
        if kind in SCALARS:
            return self.number(SCALARS[kind])
        if kind != ARRAY:
            raise self.bad(f"is damaged: metadata of type {kind} before byte {self.at:,}")
        inner = self.number("<u4")
        if inner == TEXT:
            return [self.text() for _ in range(self.count(8, "texts"))]
        if inner not in SCALARS:
            raise self.bad(f"is damaged: an array of type {inner} before byte {self.at:,}")
        kind, n = np.dtype(SCALARS[inner]), self.number("<u8")
        return np.frombuffer(self.take(n * kind.itemsize), kind)  # take compares before it makes anything

    def read_table(self, n: int) -> dict[str, Stored]:
        rows = []
        for _ in range(n):
            name, dims = self.text(1 << 10), self.number("<u4")
            if not 1 <= dims <= 4:
                raise self.bad(f"is damaged: tensor {name!r} has {dims} dimensions")
            shape = struct.unpack(f"<{dims}Q", self.take(8 * dims))
            rows.append((name, shape, self.number("<u4"), self.number("<u8")))
        align = self.metadata.get("general.alignment", 32)
        if type(align) is not int or not 1 <= align <= 1 << 20 or align & (align - 1):
            raise self.bad(f"is damaged: general.alignment is {align!r}")
        start = -(-self.at // align) * align
        tensors, room = {}, len(self.data) - start
        for name, shape, kind, offset in rows:
            if kind not in TYPES:
                raise self.bad(
                    f"has tensors in {OTHER_TYPES.get(kind, f'type {kind}')} ({name!r}), which is not read; "
                    f"read are {', '.join(t[0] for t in TYPES.values())}"
                )
            _, block, block_bytes = TYPES[kind]
            size = math.prod(shape) // block * block_bytes
            if shape[0] % block or offset % align or math.prod(shape) == 0:
                raise self.bad(f"is damaged: tensor {name!r} of shape {shape[::-1]} at offset {offset}")
            if offset + size > len(self.data) - start:
                raise self.bad(f"is cut off or damaged: tensor {name!r} ends at byte {start + offset + size:,} "
                               f"of {len(self.data):,}")  # fmt: skip
            if name in tensors:
                raise self.bad(f"has the tensor {name!r} twice")
            room -= size
            tensors[name] = Stored(shape[::-1], kind, start + offset, size)
        if room < 0:
            raise self.bad("is damaged: its tensors overlap")
        return tensors

    # --- the data -----------------------------------------------------------------------------------------------------

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: stored.shape for name, stored in self.tensors.items()}

    def read(self, name: str) -> torch.Tensor:
        """-> float32, dequantised"""
        stored = self.tensors[name]
        raw = np.frombuffer(self.data, np.uint8, stored.bytes, stored.start)
        return torch.from_numpy(dequantise(raw, TYPES[stored.type][0])).reshape(stored.shape)


def dequantise(raw: np.ndarray, kind: str) -> np.ndarray:
    """
    Bytes -> float32 values, in a new array. Blocks of 32 values:
        Q8_0  d f16, 32 i8              value = d · q
        Q4_0  d f16, 16 bytes           value = d · (q - 8); the low halves of the bytes come first, then the high ones
        Q4_1  d f16, m f16, 16 bytes    value = d · q + m
    """
    if kind == "F32":
        return raw.view("<f4").copy()
    if kind == "F16":
        return raw.view("<f2").astype(np.float32)
    if kind == "BF16":
        return (raw.view("<u2").astype(np.uint32) << 16).view(np.float32)
    blocks = raw.reshape(-1, {"Q8_0": 34, "Q4_0": 18, "Q4_1": 20}[kind])
    scale = blocks[:, :2].copy().view("<f2").astype(np.float32)
    if kind == "Q8_0":
        return (scale * blocks[:, 2:].view(np.int8)).ravel()
    packed = blocks[:, -16:]
    values = np.concatenate([packed & 15, packed >> 4], axis=1)
    if kind == "Q4_0":
        return (scale * (values.astype(np.int8) - np.int8(8))).ravel()
    return (scale * values + blocks[:, 2:4].copy().view("<f2").astype(np.float32)).ravel()
