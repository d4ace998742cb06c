"""
step.c, compiled at first use with the compiler that is there, for the CPU that is here. The library lies in a folder
of the user's own, under a name made of the source, the compiler, the CPU and the OpenMP library of torch, so that any
other of these gives another file. ACORN_NATIVE=0 turns it off.
"""

import ctypes
import functools
import hashlib
import os
import platform
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

from acorn.infer.native.pack import sums_alike

SOURCE = Path(__file__).with_name("step.c")
INCLUDED = Path(__file__).with_name("product.h")
# -mtune=generic: tuned for some CPUs, gcc takes fused products of long sums apart, and not in all places alike
FLAGS = ("-O3", "-std=gnu11", "-fPIC", "-shared", "-fopenmp", "-fno-math-errno", "-ffp-contract=fast")
TUNES = (("-march=native", "-mtune=generic"), ("-mcpu=native",), ())  # the first that the compiler knows
SWITCHED_OFF = "ACORN_NATIVE=0"
SECONDS = 120  # a compiler that takes longer is given up


class Unavailable(Exception):
    """Why there is no native step, in a few words."""


def library() -> ctypes.CDLL:
    """The compiled step, compiled now if need be; raises Unavailable."""
    if os.environ.get("ACORN_NATIVE", "1") == "0":
        raise Unavailable(SWITCHED_OFF)
    found = compiled()
    if isinstance(found, str):
        raise Unavailable(found)
    return found


@functools.cache
def compiled() -> ctypes.CDLL | str:
    """-> the library, or why there is none: tried once in a process."""
    try:
        loaded = ctypes.CDLL(str(build()))
    except Unavailable as e:
        return str(e)
    except (OSError, subprocess.SubprocessError) as e:
        return f"the native step cannot be built: {e}".splitlines()[0]
    for name, restype in (("acorn_linear", None), ("acorn_step", None), ("acorn_room", ctypes.c_int64)):
        getattr(loaded, name).restype = restype
    return loaded if sums_alike(loaded) else "what the C compiler made sums rows differently in different company"


def build() -> Path:
    compiler = find_compiler()
    openmp = openmp_of_torch()
    version = subprocess.run([*compiler, "--version"], capture_output=True, timeout=SECONDS, check=True).stdout
    parts = (
        SOURCE.read_bytes(),
        INCLUDED.read_bytes(),
        version,
        repr((compiler, openmp, FLAGS, TUNES)).encode(),
        cpu().encode(),
    )
    name = f"step-{hashlib.sha256(b'/'.join(parts)).hexdigest()[:24]}.so"
    folder = private_folder()
    if not (folder / name).exists():
        compile_to(compiler, openmp, folder / name)
    return folder / name


def find_compiler() -> list[str]:
    """$CC, which may bring options, or the first that is found."""
    for word in (os.environ.get("CC", ""), "cc", "gcc", "clang"):
        words = word.split()
        if words and shutil.which(words[0]):
            return [shutil.which(words[0]), *words[1:]]
    raise Unavailable("no C compiler")


def openmp_of_torch() -> str | None:
    """
    The OpenMP library that torch has loaded, for one pool of threads: two would spin beside each other on the same
    cores. None where that cannot be seen: then the compiler's own.
    """
    import torch  # noqa: F401 loads it

    try:
        maps = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    found = re.findall(r"(/\S*/lib(?:gomp|iomp5|omp)[^/\s]*\.so[.\d]*)$", maps, re.MULTILINE)
    return found[0] if found else None


def cpu() -> str:
    """What -march=native depends on."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = [platform.processor()]
    kept = [line for line in lines if line.startswith(("model name", "cpu family", "model\t", "flags", "Features"))]
    return "\n".join([platform.machine(), platform.system(), *sorted(set(kept or lines[:1]))])


def private_folder() -> Path:
    """Where libraries are kept. It is code that will run, so nobody else may write there."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    folder = Path(base) / "acorn" / "native"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = folder.stat()
    except OSError as e:
        raise Unavailable(f"the native step has no folder: {e.strerror or e}: {folder}") from None
    if hasattr(os, "getuid") and (found.st_uid != os.getuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)):
        raise Unavailable(f"others can write to {folder}")
    if not os.access(folder, os.W_OK):
        raise Unavailable(f"{folder} cannot be written")
    return folder


def compile_to(compiler: list[str], openmp: str | None, path: Path) -> None:
    print(f"compiling the native step with {compiler[0]} (once)", file=sys.stderr, flush=True)
    flags = list(FLAGS)
    with tempfile.TemporaryDirectory(dir=path.parent) as work:
        made = Path(work) / "step.so"
        for tune in TUNES:
            words = [*compiler, *flags, *tune, str(SOURCE), "-o", str(made), *([openmp] if openmp else []), "-lm"]
            done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, stdin=subprocess.DEVNULL)
            if done.returncode == 0 and made.exists():
                os.replace(made, path)  # whole or not at all, whoever else compiles it now
                return
    last = (done.stderr.strip().splitlines() or ["no message"])[-1]
    raise Unavailable(f"{compiler[0]} does not compile the native step: {last}")
