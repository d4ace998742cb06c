"""What the benchmarks share: the machine in words, running a command under a clock, a table and one JSON line."""

import json
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from acorn.runlog import cpu_name, git_state  # noqa: E402

ACORN = [sys.executable, "-m", "acorn"]


def timed(
    command: list, cwd=None, env: dict | None = None, log: Path | None = None
) -> tuple[float, list[tuple[float, str]]]:
    """Run to the end -> (seconds, [(seconds since start, line)]). Stops the benchmark with the output if it fails."""
    begin = time.perf_counter()
    process = subprocess.Popen(
        list(map(str, command)),
        cwd=cwd,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT), **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    lines = [(time.perf_counter() - begin, line.rstrip()) for line in process.stdout]
    code = process.wait()
    seconds = time.perf_counter() - begin
    if log:
        log.write_text("\n".join(f"{t:9.2f} {line}" for t, line in lines))
    if code:
        sys.exit(f"failed with {code}: {' '.join(map(str, command))}\n" + "\n".join(line for _, line in lines[-30:]))
    return seconds, lines


def matches(pattern: str, lines: list[tuple[float, str]]) -> list[tuple[float, re.Match]]:
    return [(t, m) for t, line in lines if (m := re.search(pattern, line))]


def median(values) -> float:
    return statistics.median(values)


def emit(name: str, rows: list[list[str]], figures: dict) -> None:
    """Table for people, then one JSON line for programs."""
    widths = [max(len(str(row[i])) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(str(cell).ljust(width) for cell, width in zip(row, widths)).rstrip())
    commit, dirty = git_state()
    machine = {"cpu": cpu_name(), "cores": os.cpu_count(), "commit": commit[:12], "dirty": dirty}
    print(json.dumps({"benchmark": name, "date": time.strftime("%Y-%m-%d"), **machine, **figures}))
