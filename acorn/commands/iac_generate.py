"""acorn iac generate"""

import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from acorn.errors import UserError, did_you_mean


@dataclass
class Generate:
    """
    Write infrastructure code that was asked for in words. What is printed has been validated; where no candidate is
    valid, nothing is printed but what failed, and the exit code is 1.
    """

    request: tyro.conf.Positional[str]  # what is wanted; - is stdin, FILE:path a file
    kind: str = ""  # terraform, kubernetes ... (default: what the request names, or is about)
    run_name: Annotated[str, tyro.conf.arg(name="run", metavar="RUN")] = ""  # default: the newest that can do it
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None  # write to this file instead
    force: bool = False  # write over the file
    context: Path | None = None  # folder that it is for: its names can be used, and are not declared again
    samples: int = 8  # candidates at most
    seed: int = 0  # the same seed gives the same answer
    unconstrained: bool = False  # follow no grammar
    json: bool = False  # one JSON object, with the findings of a rejected answer
    device: str = "auto"  # auto, cpu or cuda

    def run(self) -> int:
        from acorn.commands.sample import read_prompt, say
        from acorn.recipes.iac import context, generate, request, validate

        self.check(validate.KINDS)
        text = read_prompt(self.request).strip()
        if any("\ud800" <= char <= "\udfff" for char in text):
            raise UserError("the request is not UTF-8 text")
        if not text:
            raise UserError("the request is empty", 'acorn iac generate "a private bucket with versioning"')
        kind = self.kind or request.guess_kind(text)
        around = context.read(self.context) if self.context else context.NOTHING
        for problem in around.skipped:
            say(f"not seen: {problem}")
        engine, where = load(self.run_name, self.device, say)
        generate.prepare(kind)
        begin = time.perf_counter()
        library = None if self.unconstrained else grammars(engine)
        (answer,) = generate.write(engine, [generate.Ask(text, kind, around)], self.samples, self.seed, library)
        seconds = time.perf_counter() - begin
        best = answer.best
        about = {
            "request": text,
            "kind": kind,
            "checkpoint": str(where),
            "valid": best.valid,
            "code": best.text if best.valid else None,
            "way": best.way,
            "mended": best.mended,
            "candidates": len(answer.candidates),
            "known": best.known,
            "doubts": best.doubts,
            "not_in_code": [value.text for value in best.missing],
            "findings": [{"message": one.message, "line": one.line, "rule": one.rule} for one in best.findings],
            "rejected": None if best.valid else best.text,
            "seconds": round(seconds, 3),
        }
        if best.valid and self.out:
            save(self.out, best.text, self.force)
        if self.json:
            print(json.dumps(about))
        elif best.valid and not self.out:
            sys.stdout.write(best.text)
        say(summary(answer, kind, seconds, self.out))
        return 0 if best.valid else 1

    def check(self, kinds: tuple[str, ...]) -> None:
        if self.kind and self.kind not in kinds:
            near = did_you_mean(self.kind, kinds)
            raise UserError(f"there is no kind {self.kind!r}.{near} There is: {', '.join(kinds)}")
        if not 1 <= self.samples <= 64:
            raise UserError(f"--samples {self.samples}: expected 1 to 64")
        if self.out:
            refuse(self.out, self.force)


def summary(answer, kind: str, seconds: float, out: Path | None) -> str:
    best, n = answer.best, len(answer.candidates)
    if not best.valid:
        lines = [f"none of {n} candidates is valid {kind}; the best of them fails:"]
        return "\n".join([*lines, *(f"  {one}" for one in best.findings[:10])])
    text = f"[valid {kind}, candidate {answer.candidates.index(best) + 1} of {n}, {seconds:.2f} s]"
    if out:
        text = f"wrote {out} {text}"
    if best.known:
        return "\n".join([text, *(f"not as asked: {one}" for one in best.doubts)])
    text += "\nit is nothing that acorn knows by heart, so read it before you use it"
    absent = [value.text for value in best.missing]
    return f"{text}\nnot in it: {', '.join(absent)}" if absent else text


def load(run: str, device: str, say):
    from acorn.infer.load import load_engine

    return load_engine(run or newest_run(), device, say=say)


def newest_run(runs: Path = Path("runs")) -> str:
    """The run that was taught this recipe last."""
    from acorn.config import read_toml

    found = {}
    for path in runs.glob("*/*/run.toml"):
        if str(read_toml(path).get("recipe")).partition("-")[0] == "iac":
            found[str(path.parents[1])] = max(path.stat().st_mtime, found.get(str(path.parents[1]), 0))
    if not found:
        raise UserError(f"no run in {runs}/ was taught to write infrastructure code", "acorn speedrun configs/cpu.toml")
    return max(found, key=found.get)


def grammars(engine):
    from acorn.recipes.iac.grammar import Library

    return Library(engine.tokenizer)


def refuse(path: Path, force: bool) -> None:
    if path.is_dir():
        raise UserError(f"-o {path}: this is a folder", f"-o {path}/NAME")
    if path.exists() and not force:
        raise UserError(f"{path} is there already", f"--force, or another name than -o {path}")
    if not path.parent.is_dir():
        raise UserError(f"there is no folder {path.parent}", f"mkdir -p {path.parent}")


def save(path: Path, text: str, force: bool) -> None:
    """All of it or nothing; a file that came to be in the meantime stays."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        refuse(path, force)
        temporary.replace(path)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}") from None
    finally:
        temporary.unlink(missing_ok=True)
