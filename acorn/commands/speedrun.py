"""
acorn speedrun: every stage that a config names, one after the other; finished ones are skipped, a cut-off one goes on.
"""

import importlib
import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import tyro

from acorn.cli import COMMANDS
from acorn.config import from_dict, read_toml
from acorn.errors import UserError, did_you_mean
from acorn.runlog import clock, write_json

# section of the config -> command that does it; this is also their order
STAGES = {
    "tokenizer": "tokenizer train",
    "data": "data import",
    "base": "train base",
    "mid": "train mid",
    "sft": "train sft",
    "rl": "train rl",
    "eval": "eval",
}
SHARED = ("base", "mid", "sft", "rl")  # stages that all ranks do together; the others are the first rank's


@dataclass
class Speedrun:
    """
    Every stage that a config names, one after the other. Run it again: finished stages are skipped, a cut-off one goes
    on.
    """

    config_file: tyro.conf.Positional[Path] = Path("configs/cpu.toml")  # TOML with one section a stage
    name: str | None = None  # name of the run (default: the config's)

    def run(self) -> int:
        begin = time.time()
        settings = read_toml(self.config_file)
        name = settings.pop("name", self.config_file.stem)
        name = self.name or name
        if not isinstance(name, str):
            raise UserError(f"{self.config_file}: name = {name!r}: expected str, got {type(name).__name__}")
        home = Path("runs") / name
        commands = {
            step: command(step, settings, home, name, self.config_file) for step in in_order(settings, self.config_file)
        }
        first = int(os.environ.get("RANK", 0)) == 0
        if first:
            keep_config(home, settings, self.config_file)
        timings = read_timings(home)
        for section, stage in commands.items():
            if finished(section, home, stage):
                say(first, f"[{section}] done already")
                continue
            if not first and section not in SHARED:
                while not finished(section, home, stage):
                    time.sleep(1)
                continue
            say(first, f"[{section}]")
            started = time.time()
            stage.run()
            if first:
                record(timings, section, time.time() - started)
                timings.setdefault("started", stamp(begin))
                timings["finished"] = stamp(time.time())
                write_json(home / "timings.json", timings)
        if first:
            say(first, "[report]")
            from acorn.commands.report import Report

            Report(name).run()
            print(closing(name, home, time.time() - begin, timings))
        return 0


def record(timings: dict, section: str, seconds: float) -> None:
    """Add a finished stage; a stage that was cut off earlier and went on now counts the part that finished it."""
    from acorn.runtime import peak_memory_bytes

    peak = peak_memory_bytes()  # of the process so far, so of this stage if it is higher than before
    others = [s for s in timings["stages"] if s["name"] != section]
    timings["stages"] = [*others, {"name": section, "seconds": seconds, "skipped": False, "peak_memory_bytes": peak}]
    timings["peak_memory_bytes"] = max(timings.get("peak_memory_bytes", 0), peak)


def in_order(settings: dict, path: Path) -> list[str]:
    for section, values in settings.items():
        if section not in STAGES:
            raise UserError(
                f"{path}: unknown section {section!r}.{did_you_mean(section, STAGES)} Known: name, {', '.join(STAGES)}"
            )
        if not isinstance(values, dict):
            raise UserError(f"{path}: {section} must be a section, [{section}]")
    if not settings:
        raise UserError(f"{path} names no stage. Known: {', '.join(STAGES)}")
    steps = [section for section in STAGES if section in settings]
    if "eval" in steps:  # every trained stage is scored, the furthest one last: it is what the run's eval.json holds
        trained = [section for section in SHARED if section in settings]
        steps = [s for s in steps if s != "eval"] + [f"eval {section}" for section in trained] * bool(trained)
    return steps


def command(step: str, settings: dict, home: Path, name: str, path: Path):
    """
    The command of a step ("base", "eval sft") with the config's options, and the places in the run's folder where its
    input and output lie.
    """
    section, _, scored = step.partition(" ")
    module, _, cls = COMMANDS[STAGES[section]][0].partition(":")
    places = {
        "tokenizer": {"out": str(home / "tokenizer.json")},
        "data": {"out": str(home / "data")},
        "eval": {"target": str(home / scored), **({} if scored == furthest(settings) else {"ways": 0})},
    }.get(section, {"name": name})
    if section == "data":
        places |= tokenizer_of(settings, home, path)
    options = {**settings[section], **places}
    return from_dict(getattr(importlib.import_module(module), cls), options, f"{path}: [{section}]")


def furthest(settings: dict) -> str:
    """The trained stage that is scored last: it alone is asked to answer in other ways, which take time."""
    return next((section for section in reversed(SHARED) if section in settings), "")


def tokenizer_of(settings: dict, home: Path, path: Path) -> dict[str, str]:
    """The run's own, which a stage learns or which was put there; that of the weights it starts from; or none."""
    start = settings.get("base", {}).get("init")
    if "tokenizer" in settings or (home / "tokenizer.json").exists():
        return {"tokenizer": str(home / "tokenizer.json")}
    if start is not None:
        from acorn.checkpoint import resolve_run

        return {"tokenizer": str(resolve_run(start) / "tokenizer.json")}
    if not any(str(source).startswith("nanogpt:") for source in settings.get("data", {}).get("sources", [])):
        missing = home / "tokenizer.json"
        raise UserError(
            f"{path} has no section [tokenizer], and there is no {missing}",
            f"acorn tokenizer import FOLDER_OF_VOCAB_AND_MERGES --out {missing}",
        )
    return {}  # nanoGPT's character-level files bring theirs


def finished(section: str, home: Path, stage) -> bool:
    from acorn import checkpoint

    if section == "tokenizer":
        return (home / "tokenizer.json").exists()
    if section == "data":
        return (home / "data" / "manifest.json").exists()
    if section.startswith("eval "):
        scored = read_json(Path(stage.target) / "eval.json")
        if not scored or Path(scored["checkpoint"]) != (path := checkpoint.resolve_run(stage.target)):
            return False
        # a kill leaves what was scored before it; the whole time is written last
        return "seconds" in scored and set(stage.names(home, path)) <= {*scored["tasks"], *scored}
    record = home / section / "run.toml"
    if not record.exists():
        return False
    steps = read_toml(record).get("steps", 0)
    newest = checkpoint.find_checkpoint(home / section, say=lambda text: print(text, file=sys.stderr))
    if newest is None or newest.name != f"checkpoint-{steps:06d}":
        return False
    checkpoint.sweep(home / section)  # a kill while the older ones were removed: nobody else will come by
    return True


def keep_config(home: Path, settings: dict, path: Path) -> None:
    """A run has one configuration: remember it, and refuse another one."""
    kept = home / "speedrun.json"
    if kept.exists():
        before = read_json(kept)
        flat = [{f"{s}.{k}": v for s, values in d.items() for k, v in values.items()} for d in (before, settings)]
        changes = [
            f"{k} was {flat[0].get(k)!r}, now {flat[1].get(k)!r}"
            for k in sorted({*flat[0], *flat[1]})
            if flat[0].get(k) != flat[1].get(k)
        ]
        if changes:
            raise UserError(
                f"{home} was made with other settings: {'; '.join(changes)}",
                f"acorn speedrun {path} --name OTHER  (or remove {home})",
            )
    home.mkdir(parents=True, exist_ok=True)
    write_json(kept, settings)


def read_timings(home: Path) -> dict:
    return read_json(home / "timings.json") or {"stages": []}


def read_json(path: Path) -> dict:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as e:
        raise UserError(f"{path} is damaged: {e}", f"remove {path} and run the same command again") from None


def stamp(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def say(first: bool, text: str) -> None:
    if first:
        print(text, file=sys.stderr, flush=True)


def closing(name: str, home: Path, seconds: float, timings: dict) -> str:
    """What to type next, with a request that the model was right about, if there is one."""
    tasks = read_json(home / "eval.json").get("tasks", {}).values()
    samples = [s for task in tasks for s in task.get("samples", [])]
    request = next((s["request"] for s in samples if s["right"]), "hello")
    total = sum(s["seconds"] for s in timings["stages"])
    return f"""
done in {clock(seconds)} (the stages took {clock(total)}); peak memory {timings["peak_memory_bytes"] / 1e9:.2f} GB

  talk to it       .venv/bin/acorn chat {name}
  one answer       .venv/bin/acorn chat {name} -p {json.dumps(request, ensure_ascii=False)}
  continue a text  .venv/bin/acorn sample {name} -p "..."
  report card      {home}/report.html"""
