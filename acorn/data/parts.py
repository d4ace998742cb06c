"""
A long job whose output grows by whole parts, so that it may be killed at any moment and goes on to the same result.

    DIR/NAME/part-00000.jsonl.zst    rows of JSON
    DIR/.work/job.json               what the job is: inputs and options; another job is refused
    DIR/.work/part-00000.npz         what goes on from here; written last, its existence means that the part counts
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from acorn.errors import UserError

WORK = ".work"


class Parts:
    def __init__(self, out: Path, name: str, job: dict, force: bool = False):
        self.out, self.folder, self.work = Path(out), Path(out) / name, Path(out) / WORK
        if self.out.exists() and not self.out.is_dir():
            raise UserError(f"{self.out} is not a folder")
        if (
            self.out.is_dir()
            and any(self.out.iterdir())
            and not (self.work / "job.json").exists()
            and not (self.work / "lock").exists()
        ):
            raise UserError(
                f"{self.out} holds other things, so nothing is written there", "--out with an empty or new folder"
            )
        self.work.mkdir(parents=True, exist_ok=True)
        self.lock = open(self.work / "lock", "a")
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UserError(f"another process writes to {self.out}") from None
        if force:
            self.forget()
        self.check(job)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.done = 0
        while self.state(self.done).exists():
            self.done += 1
        for path in [*self.work.iterdir(), *self.folder.iterdir()]:  # what an interruption left half done
            number = path.name.split(".")[0].removeprefix("part-")
            if path.name.endswith(".tmp") or (number.isdigit() and int(number) >= self.done):
                path.unlink()

    def check(self, job: dict, name: str = "job.json") -> None:
        """What is said now must be what was said when the job began."""
        path, job = self.work / name, json.loads(json.dumps(job))
        if path.exists():
            before = json.loads(path.read_text(encoding="utf-8"))
            other = [key for key in {**before, **job} if before.get(key) != job.get(key)]
            if other:
                raise UserError(
                    f"{self.out} was begun with other {' and '.join(other)}",
                    "--force begins again, or choose another --out",
                )
        else:
            write_whole(path, json.dumps(job).encode())

    def forget(self) -> None:
        for path in [*self.out.iterdir()]:
            if path == self.work:
                for one in path.iterdir():
                    if one.is_dir():
                        shutil.rmtree(one)
                    elif one.name != "lock":
                        one.unlink()
            elif path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    def state(self, number: int) -> Path:
        return self.work / f"part-{number:05d}.npz"

    def path(self, number: int) -> Path:
        return self.folder / f"part-{number:05d}.jsonl.zst"

    def states(self) -> Iterator[tuple[dict, dict]]:
        """(info, arrays) of every finished part."""
        for number in range(self.done):
            with np.load(self.state(number)) as arrays:
                arrays = dict(arrays)
            yield json.loads(bytes(arrays.pop("info"))), arrays

    def commit(self, rows: Iterable[dict], info: dict, arrays: dict) -> None:
        write_rows(self.path(self.done), rows)
        temporary = self.work / f"part-{self.done:05d}.tmp"
        with open(temporary, "wb") as file:
            np.savez(file, info=np.frombuffer(json.dumps(info).encode(), np.uint8), **arrays)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, self.state(self.done))
        self.done += 1

    def close(self) -> None:
        self.lock.close()


def write_rows(path: Path, rows: Iterable[dict]) -> None:
    """Appears whole or not at all. Reads back with read_documents."""
    import pyarrow as pa

    temporary = path.with_name(path.name + ".tmp")
    with pa.OSFile(str(temporary), "wb") as raw, pa.CompressedOutputStream(raw, "zstd") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
    with open(temporary, "rb") as file:
        os.fsync(file.fileno())
    os.replace(temporary, path)


def write_whole(path: Path, data: bytes) -> None:
    temporary = path.with_name(path.name + ".tmp")
    with open(temporary, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
