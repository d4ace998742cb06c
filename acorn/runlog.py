"""
What a run leaves behind beside its weights: metrics.jsonl (one JSON object a line), env.json (how it was made), and
the line that a person watches.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path


class RunLog:
    """
    Appends rows to FOLDER/metrics.jsonl and shows progress on stderr. A resumed run drops the rows behind its
    checkpoint first, so the file reads as if the run had never stopped. active=False (ranks that are not the first)
    writes and says nothing.
    """

    def __init__(self, folder: Path, after_step: int = 0, active: bool = True):
        self.active, self.shown, self.recent = active, 0.0, []
        if active:
            path = Path(folder) / "metrics.jsonl"
            rows = [row for row in read_metrics(path) if after_step and row["step"] < after_step]
            write_text(path, "".join(json.dumps(row) + "\n" for row in rows))
            self.file = path.open("a", encoding="utf-8")

    def write(self, row: dict) -> None:
        if self.active:
            rounded = {k: round(v, 7) if isinstance(v, float) else v for k, v in row.items()}
            self.file.write(json.dumps(rounded) + "\n")
            self.file.flush()

    def progress(self, name: str, step: int, steps: int, row: dict) -> None:
        """On a terminal one line that is rewritten, otherwise a line every ten seconds."""
        self.recent = [*self.recent[-19:], row["tokens_per_s"]]
        terminal = sys.stderr.isatty()
        now, last = time.monotonic(), step >= steps
        if not self.active or (now - self.shown < (0.2 if terminal else 10) and not last):
            return
        self.shown = now
        speed = statistics.median(self.recent)
        left = clock((steps - step) * row["time_s"] / step)
        fill = 20 * step // steps
        bar = f"[{'#' * fill}{'.' * (20 - fill)}] " if terminal else ""
        figure = f"reward {row['reward']:.3f}" if "reward" in row else f"loss {row['loss']:.4f}"
        text = f"{name} {bar}{step}/{steps}  {figure}  {speed:,.0f} tokens/s  {left} left"
        print(
            f"\r\033[K{text}" if terminal else text,
            end="\n" if last or not terminal else "",
            file=sys.stderr,
            flush=True,
        )

    def say(self, text: str) -> None:
        if self.active:
            print(("\r\033[K" if sys.stderr.isatty() else "") + text, file=sys.stderr, flush=True)

    def close(self) -> None:
        if self.active:
            self.file.close()


def clock(seconds: float) -> str:
    """75 -> '1:15'"""
    s = max(0, int(seconds + 0.5))
    return f"{s // 3600}:{s // 60 % 60:02d}:{s % 60:02d}" if s >= 3600 else f"{s // 60}:{s % 60:02d}"


def read_metrics(path: Path) -> list[dict]:
    """All whole rows; the last line may have been cut off by a kill."""
    if not path.exists():
        return []
    rows = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return rows


def write_text(path: Path, text: str) -> None:
    """Write beside the name, flush to disk, rename: a kill leaves the old file or the new one, never half."""
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("w", encoding="utf-8") as f:
        f.write(text)
        f.flush()
        os.fsync(f.fileno())
    temporary.replace(path)


def write_json(path: Path, value) -> None:
    write_text(path, json.dumps(value, indent=1) + "\n")


def environment() -> dict:
    """Commit, versions, machine and command line of this process."""
    import numpy
    import torch

    from acorn import __version__

    commit, dirty = git_state()
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else cpu_name()
    return {
        "acorn": __version__, "commit": commit, "dirty": dirty, "python": platform.python_version(),
        "torch": torch.__version__, "numpy": numpy.__version__, "system": platform.platform(), "device": device,
        "cpu_count": os.cpu_count(), "threads": torch.get_num_threads(), "argv": sys.argv,
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }  # fmt: skip


def git_state() -> tuple[str, bool]:
    """(commit, has uncommitted changes) of the checkout that this package lies in; ('', False) outside of one."""
    here = Path(__file__).resolve().parent.parent

    def git(*args: str) -> str:
        return subprocess.run(
            ["git", "-C", str(here), *args], capture_output=True, text=True, timeout=10
        ).stdout.strip()

    try:
        commit = git("rev-parse", "HEAD") if (here / ".git").exists() else ""
        return commit, bool(commit and git("status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.TimeoutExpired):
        return "", False


def cpu_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        return platform.processor() or platform.machine()
    return platform.machine()
