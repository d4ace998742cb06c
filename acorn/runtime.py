"""
What this process runs on: device, compute dtype, ranks. Functions that return a `Runtime`; no globals, nothing at
import. Started by torchrun there are N ranks, otherwise one; one rank is the degenerate case of N.

    torchrun --standalone --nproc-per-node 8 -m -- acorn train base --run oak

Without the -- torchrun takes --run for an option of its own.
"""

import os
import time
from dataclasses import dataclass, replace

import torch

from acorn.errors import UserError


@dataclass(frozen=True)
class Runtime:
    device: torch.device
    dtype: torch.dtype  # of activations; weights and optimizer state are fp32
    rank: int = 0
    world: int = 1
    local_rank: int = 0

    @property
    def first(self) -> bool:
        """Whether this rank writes files and talks."""
        return self.rank == 0

    def sum(self, tensor: torch.Tensor) -> torch.Tensor:
        """Sum over all ranks, in place; does nothing when there is one."""
        if self.world > 1:
            torch.distributed.all_reduce(tensor)
        return tensor

    def any(self, flag: bool) -> bool:
        """True on all ranks if it is true on one."""
        if self.world == 1:
            return flag
        return bool(self.sum(torch.tensor([float(flag)], device=self.device)).item())

    def barrier(self) -> None:
        if self.world > 1:
            torch.distributed.barrier()


def start(device: str = "auto", dtype: str = "auto", alone: bool = False) -> Runtime:
    """
    Pick device and dtype, join the other ranks if torchrun started us, and set up the allocator. alone: this is work
    for one rank, do not wait for the others.
    """
    rank, world, local = (int(os.environ.get(k, d)) for k, d in (("RANK", 0), ("WORLD_SIZE", 1), ("LOCAL_RANK", 0)))
    if alone:
        rank, world = 0, 1
    place = pick_device(device, local)
    if place.type == "cpu":
        keep_freed_memory()
        # trap: a product of a new shape is compiled and kept, megabytes each, and decoding has a new shape every step
        os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "128")  # oneDNN's own limit is 1,024
        if "OMP_NUM_THREADS" not in os.environ and world > 1:
            torch.set_num_threads(max(1, (os.cpu_count() or 1) // world))
    else:
        torch.cuda.set_device(place)
        torch.set_float32_matmul_precision("high")
    if world > 1 and not torch.distributed.is_initialized():
        torch.distributed.init_process_group("nccl" if place.type == "cuda" else "gloo")
    runtime = Runtime(place, pick_dtype(dtype, place), rank, world, local)
    if runtime.any(runtime.dtype == torch.float32):  # "auto" measures, so ranks can come to different results
        runtime = replace(runtime, dtype=torch.float32)
    return runtime


def stop(runtime: Runtime) -> None:
    if runtime.world > 1 and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def pick_device(name: str, local_rank: int = 0) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda":
        if not torch.cuda.is_available():
            raise UserError("--device cuda: torch sees no CUDA device here", "acorn doctor")
        return torch.device("cuda", local_rank)
    if name == "cpu":
        return torch.device("cpu")
    raise UserError(f"--device {name!r}: choose one of auto, cpu, cuda")


def pick_dtype(name: str, device: torch.device) -> torch.dtype:
    """'auto': bf16 where the device multiplies faster in it, which on a CPU is measured (under 0.1 s), not guessed."""
    names = {"float32": torch.float32, "bfloat16": torch.bfloat16}
    if name in names:
        return names[name]
    if name != "auto":
        raise UserError(f"--dtype {name!r}: choose one of auto, {', '.join(names)}")
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.get_device_capability(device) >= (8, 0) else torch.float32
    speed = {dtype: gemm_flops(dtype) for dtype in names.values()}
    return torch.bfloat16 if speed[torch.bfloat16] > 1.5 * speed[torch.float32] else torch.float32


def gemm_flops(dtype: torch.dtype, device: str = "cpu", size: int = 512, repeats: int = 5) -> float:
    """Best of a few (size × size) products, in FLOP/s."""
    a, b = (torch.ones(size, size, dtype=dtype, device=device) for _ in range(2))
    best = float("inf")
    for _ in range(repeats + 1):  # the first one warms up
        begin = time.perf_counter()
        a @ b
        if device != "cpu":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - begin)
    return 2 * size**3 / best


def keep_freed_memory() -> None:
    """
    Tell glibc to keep freed blocks. By default it gives every large temporary back to the kernel, and each operator
    then pays page faults for its output: 15 to 20 % of a training step on 2 cores. Does nothing on other C libraries.
    """
    import ctypes

    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return
    m_trim_threshold, m_mmap_threshold = -1, -3
    mallopt(m_mmap_threshold, 1 << 30)
    mallopt(m_trim_threshold, (1 << 31) - 1)


def seed_everything(seed: int) -> torch.Generator:
    """Seed torch's global generator, and return one for weight initialisation."""
    torch.manual_seed(seed)
    return torch.Generator().manual_seed(seed)


def peak_memory_bytes() -> int:
    """Largest resident size of this process so far."""
    import resource
    import sys

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
