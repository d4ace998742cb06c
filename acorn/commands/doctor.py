"""
`acorn doctor`: what this machine can do, measured where that is possible, and what is missing with the way to get it.
Takes about two seconds. Whatever fails is a line in the answer, not a traceback: a doctor must survive a sick machine.
"""

import importlib.metadata
import json
import os
import platform
import re
import shutil
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from acorn.errors import AcornError, install_command
from acorn.runlog import cpu_name, git_state

ROOM = 2 << 30  # bytes that a small run with its checkpoints needs


@dataclass
class Doctor:
    """Say what this machine can do, and what is missing. Exits with 1 if something that acorn needs is missing."""

    runs: Path = Path("runs")  # the folder whose disk is measured
    json: bool = False  # one JSON object on stdout

    def run(self) -> int:
        lines = [*software(), *hardware(), *disk(self.runs), sandbox()]
        sick = [line for line in lines if line.ok is False]
        if self.json:
            print(json.dumps({"ok": not sick, "lines": [asdict(line) for line in lines]}, indent=1))
        else:
            print(table(lines))
            print(f"\n{len(sick)} of these must be put right." if sick else "\nAll that acorn needs is here.")
        return 1 if sick else 0


@dataclass
class Line:
    name: str  # what was looked at
    text: str  # what was found
    ok: bool | None = True  # None: good to have, and not there
    fix: str = ""  # the command that gets it
    data: dict | None = None  # the same in numbers


# ---- software ---------------------------------------------------------------------------------------------------


def software() -> list[Line]:
    enough = sys.version_info >= (3, 11)
    python = Line("python", platform.python_version(), enough, "" if enough else "make PYTHON=python3.12 install")
    commit, dirty = git_state()
    version = importlib.metadata.version("acorn")
    code = f"{version}, commit {commit[:12]}{' with uncommitted changes' if dirty else ''}" if commit else version
    return [python, Line("acorn", code, data={"version": version, "commit": commit, "dirty": dirty}), *packages()]


def packages() -> list[Line]:
    """One line for what acorn requires, and one for each extra; the lists are the installed package's own."""
    lines = []
    for extra, names in sorted(requirements().items()):
        versions = {name: installed(name) for name in names}
        missing = [name for name, version in versions.items() if not version]
        have = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
        text = f"missing: {', '.join(missing)}" + (f"; here: {have}" if have else "") if missing else have
        fix = (install_command(extra) if extra else "make install") if missing else ""
        name = f"extra [{extra}]" if extra else "packages"
        lines.append(Line(name, text, True if not missing else None if extra else False, fix, versions))
    return lines


def requirements() -> dict[str, list[str]]:
    """{'': ['torch', ...], 'export': ['gguf'], ...}"""
    found: dict[str, list[str]] = {}
    for line in importlib.metadata.requires("acorn") or []:
        extra = re.search(r"""extra == ["'](\w+)["']""", line)
        found.setdefault(extra.group(1) if extra else "", []).append(re.match(r"[\w.-]+", line).group(0))
    return found


def installed(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


# ---- hardware ---------------------------------------------------------------------------------------------------


def hardware() -> list[Line]:
    total, free = memory()
    text = f"{total / 2**30:.1f} GiB, {free / 2**30:.1f} GiB of it free"
    lines = [Line("memory", text, data={"total_bytes": total, "free_bytes": free})]
    try:
        import torch

        from acorn.runtime import pick_device
    except (ImportError, OSError) as e:  # OSError: a shared library that torch needs
        return [Line("torch", f"cannot be imported: {e}", False, "make install"), *lines]
    device = pick_device("auto")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    threads = f"torch uses {torch.get_num_threads()}; {cores} of {os.cpu_count()} cores are ours"
    compiler = next((path for name in ("c++", "g++", "clang++") if (path := shutil.which(name))), "")
    counts = {"torch": torch.get_num_threads(), "ours": cores, "cores": os.cpu_count()}
    lines = [
        device_line(device),
        *lines,
        Line("threads", threads, data=counts),
        dtype_line(device),
        attention_line(device),
        *([native_line()] if device.type == "cpu" else []),
    ]
    if compiler:
        return [*lines, Line("compiler", compiler)]
    return [*lines, Line("compiler", "none for C++, which torch.compile wants on a CPU", None, "apt-get install g++")]


def native_line() -> Line:
    """Tried, not guessed: compiled now if it never was."""
    from acorn.infer.native.build import SWITCHED_OFF, Unavailable, find_compiler, library

    try:
        library()
        return Line("decoding", f"by the native step, compiled with {find_compiler()[0]}")
    except Unavailable as e:
        fix = "unset ACORN_NATIVE" if str(e) == SWITCHED_OFF else "apt-get install gcc"
        return Line("decoding", f"by torch, several times slower than by the native step: {e}", None, fix)


def device_line(device) -> Line:
    import torch

    if device.type == "cpu":
        built = (
            "" if torch.version.cuda is None else f"; torch is built for CUDA {torch.version.cuda}, but sees no card"
        )
        return Line("device", f"cpu: {cpu_name()}{built}", data={"type": "cpu", "name": cpu_name(), "count": 0})
    cards = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
    names = [f"{c.name}, {c.total_memory / 2**30:.0f} GiB, capability {c.major}.{c.minor}" for c in cards]
    return Line(
        "device", f"cuda: {'; '.join(names)}", data={"type": "cuda", "name": cards[0].name, "count": len(cards)}
    )


def dtype_line(device) -> Line:
    """What a run would compute in, by the run's own rule, and the speeds behind it."""
    import torch

    from acorn.runtime import gemm_flops, pick_dtype

    size = 512 if device.type == "cpu" else 4096
    speed = {name: gemm_flops(getattr(torch, name), device.type, size) / 1e9 for name in ("float32", "bfloat16")}
    dtype = str(pick_dtype("auto", device)).removeprefix("torch.")
    other = next(name for name in speed if name != dtype)
    text = f"{dtype}: {size} x {size} products at {speed[dtype]:,.0f} GFLOP/s, {other} at {speed[other]:,.0f}"
    return Line("dtype", text, data={"dtype": dtype, "gflops": {name: round(v, 1) for name, v in speed.items()}})


def attention_line(device) -> Line:
    """Launch the model's own attention once, forward and backward, and read off the result which kernel made it."""
    import torch

    from acorn.model.layers import attend
    from acorn.runtime import pick_dtype

    dtype = pick_dtype("auto", device)
    q = torch.randn(1, 4, 128, 64, device=device, dtype=dtype, requires_grad=True)
    try:
        begin = time.perf_counter()
        out = attend(q, q, q)
        out.sum().backward()
        milliseconds = 1e3 * (time.perf_counter() - begin)
    except RuntimeError as e:
        return Line("attention", f"does not launch on {device.type} in {dtype}: {e}", False, "make install")
    # e.g. ScaledDotProductFlashAttentionForCpuBackward0; something else where it was composed of plain products
    made_by = re.match(r"_?(?:ScaledDotProduct)?(\w*Attention)(?:ForCpu)?Backward\d*$", out.grad_fn.name())
    kernel = re.sub(r"(?<!^)(?=[A-Z])", " ", made_by.group(1)).lower() if made_by else "plain products, no fused kernel"
    text = f"{kernel}: launched forward and backward, {milliseconds:.0f} ms the first time"
    return Line("attention", text, data={"kernel": kernel, "first_call_ms": round(milliseconds, 2)})


def memory() -> tuple[int, int]:
    """(total, available) bytes, a container's limit included; (0, 0) where the system does not say."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0
    found = re.search(r"MemAvailable:\s+(\d+) kB", read("/proc/meminfo"))
    free = int(found.group(1)) * 1024 if found else 0
    limit, used = read("/sys/fs/cgroup/memory.max").strip(), read("/sys/fs/cgroup/memory.current").strip()
    if limit.isdigit() and int(limit) < total:
        total, free = int(limit), min(free, int(limit) - int(used or 0))
    return total, free


def read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


# ---- disk -------------------------------------------------------------------------------------------------------


def disk(runs: Path) -> list[Line]:
    """Room in `runs` (or the nearest folder above that exists), and how fast 64 MiB get onto the disk, with fsync."""
    folder = next(p for p in (runs, *runs.absolute().parents) if p.is_dir())
    free = shutil.disk_usage(folder).free
    data = {"folder": str(runs), "free_bytes": free}
    text = f"{free / 2**30:.1f} GiB free for {runs}/"
    if free < ROOM:
        return [Line("disk", f"{text}; a run wants {ROOM >> 30} GiB", False, f"df -h {folder}", data)]
    try:
        speed = write_speed(folder)
    except OSError as e:
        return [Line("disk", f"{text}, but it cannot be written: {e.strerror}", False, f"ls -ld {folder}", data)]
    data["write_mb_per_s"] = round(speed / 1e6)
    return [Line("disk", f"{text}, written at {speed / 1e6:,.0f} MB/s", data=data)]


def write_speed(folder: Path, size: int = 64 << 20) -> float:
    """Bytes a second."""
    block = os.urandom(1 << 20)
    with tempfile.TemporaryFile(dir=folder) as f:
        begin = time.perf_counter()
        for _ in range(size >> 20):
            f.write(block)
        f.flush()
        os.fsync(f.fileno())
        return size / (time.perf_counter() - begin)


# ---- running what a model wrote ---------------------------------------------------------------------------------


def sandbox() -> Line:
    """Open it, which includes its self-test, and run a program."""
    from acorn.infer.sandbox import Sandbox

    try:
        with Sandbox() as found:
            seconds = min(found.run("print(6 * 7)").seconds for _ in range(5))
            data = {"tier": found.tier, "program_ms": round(1e3 * seconds, 1)}
            return Line("sandbox", f"{found.tier}: holds in its self-test, {1e3 * seconds:.0f} ms a program", data=data)
    except AcornError as e:
        return Line("sandbox", e.message, None, e.hint)


def table(lines: list[Line]) -> str:
    mark = {True: "ok", False: "MISSING", None: "-"}
    width = max(len(line.name) for line in lines)
    rows = []
    for line in lines:
        rows.append(f"{mark[line.ok]:<8}{line.name:<{width}}  {line.text}")
        if line.fix:
            rows.append(f"{'':<8}{'':<{width}}  try: {line.fix}")
    return "\n".join(rows)
