"""
The report card of a run: what its folder holds, gathered into one dict (report.json), from which every rendering is
made and nothing else.

    runs/NAME/{base,mid,sft,rl}/{env.json,run.toml,metrics.jsonl,checkpoint-NNNNNN/}  eval.json  timings.json  data/
        -> gather() -> report.json -> card.sections() -> the terminal, report.md, report.html

Every figure comes from one of these files. A part that is not there is named in `notes`, with the way to get it.
"""

import shlex
from dataclasses import asdict, dataclass
from pathlib import Path

from acorn.checkpoint import STAGES
from acorn.errors import UserError, did_you_mean
from acorn.evals.report import files
from acorn.evals.report.curves import charts
from acorn.evals.report.files import count_of, listing, mapping, number, place, read_json, text_of
from acorn.evals.report.results import asked_of, kinds_of, parts, pick_samples, read_results, table
from acorn.optim.plan import H100_DOLLARS, H100_FLOPS, H100_USE
from acorn.runlog import write_json, write_text

FORMAT = 2
WRITTEN = ("report.json", "report.md", "report.html")


@dataclass(frozen=True)
class Price:
    """What a rented GPU is assumed to do and to cost."""

    peak_flops: float = H100_FLOPS
    use: float = H100_USE  # share of the peak that training reaches
    dollars: float = H100_DOLLARS  # an hour


def write_report(folder: Path, price: Price = Price()) -> dict:
    """Write report.json, report.md and report.html into the run's folder."""
    from acorn.evals.report.markdown import markdown
    from acorn.evals.report.page import page

    report = gather(folder, price)
    write_json(folder / "report.json", report)
    write_text(folder / "report.md", markdown(report))
    write_text(folder / "report.html", page(report))
    return report


def find_run(run: str, runs: Path = Path("runs")) -> Path:
    """A name in runs/, or a path -> the run's folder."""
    folder = next((p for p in (runs / run, Path(run)) if p.is_dir()), None) if run else None
    if folder is None:
        names = sorted(p.name for p in runs.iterdir() if p.is_dir() and p.name[0] != ".") if runs.is_dir() else []
        raise UserError(f"no run {run!r} in {runs}/.{did_you_mean(run, names)}", "acorn runs")
    return folder


def gather(folder: Path, price: Price = Price()) -> dict:
    """Run folder -> the report as a plain dict, the same for the same files. UserError if no stage has begun."""
    folder, problems = Path(folder), []
    order = list(reversed(STAGES))
    rows = {name: files.read_rows(folder / name / "metrics.jsonl", problems) for name in order}
    stages = [stage for name in order if (stage := files.stage_figures(folder / name, problems, rows[name]))]
    if not stages:
        hint = f"acorn train base --run {folder.resolve().name}"
        raise UserError(f"nothing to report: no stage in {folder} has made a step", hint)
    names = [stage["name"] for stage in stages]
    configs = {name: files.read_config(folder / name / "run.toml", problems) for name in names}
    environments = {name: read_json(folder / name / "env.json", problems) for name in names}
    results, timings = read_results(folder, problems), read_json(folder / "timings.json", problems)
    checkpoint = next((Path(s["checkpoint"]) for s in reversed(stages) if s["checkpoint"]), None)
    model = files.model_figures(checkpoint, problems) if checkpoint else {}
    for stage in stages:
        stage["steps_asked"] = count_of(configs[stage["name"]].get("steps"))
        stage |= provenance(stage, problems)
    last = list(results.values())[-1] if results else {"tasks": {}, "bpb": {}}
    report = {
        "format": FORMAT,
        "run": folder.resolve().name,
        "folder": str(folder),
        "stages": stages,
        "results": {
            "stages": {name: {"checkpoint": part["checkpoint"]} for name, part in results.items()},
            "rows": table(results),
            "asked": {name: asked_of(task) for name, task in last["tasks"].items()},
            "parts": parts(results),
            "kinds": {k: v for name, task in last["tasks"].items() for k, v in kinds_of(name, task).items()},
            "samples": {name: found for name, task in last["tasks"].items() if (found := pick_samples(task))},
        },
        "curves": {name: charts(rows[name], name) for name in names if rows[name]},
        "time": time_figures(timings, stages),
        "compute": compute_figures(stages, model.get("flops_per_token"), price),
        "model": model,
        "data": data_figures(read_json(folder / "data" / "manifest.json", problems)),
        "sizes": sizes(folder, checkpoint),
        "environment": environment(environments),
        "commands": commands(environments),
        "config": {name: {k: text_of(v) for k, v in config.items()} for name, config in configs.items() if config},
    }
    return report | {"notes": notes(report, results, environments, bool(timings), problems)}


def provenance(stage: dict, problems: list[str]) -> dict:
    """Hash of the stage's checkpoint, and where its weights came from if they were not grown here."""
    if not stage["checkpoint"]:
        return {"sha256": "", "imported": {}}
    path = Path(stage["checkpoint"])
    imported = mapping(read_json(path / "state.json", problems).get("imported")) if not stage["steps"] else {}
    return {
        "sha256": text_of(read_json(path / "manifest.json", problems).get("sha256"), 64),
        "imported": {text_of(k, 40): text_of(v) for k, v in list(imported.items())[:20]},
    }


def time_figures(timings: dict, stages: list[dict]) -> dict:
    """Seconds of each part of the pipeline; without timings.json those of training alone."""
    parts = []
    for part in listing(timings.get("stages")):
        if isinstance(part, dict) and number(part.get("seconds")) is not None:
            peak = count_of(part.get("peak_memory_bytes"))
            skipped = bool(part.get("skipped"))
            parts.append({"name": text_of(part.get("name"), 40), "seconds": part["seconds"], "skipped": skipped,
                          "peak_memory_bytes": peak})  # fmt: skip
    training = sum(stage["seconds"] for stage in stages)
    return {
        "parts": parts,
        "seconds": sum(part["seconds"] for part in parts if not part["skipped"]) if parts else training,
        "training_seconds": training,
        "peak_memory_bytes": count_of(timings.get("peak_memory_bytes")),
        "started": text_of(timings.get("started"), 40),
        "finished": text_of(timings.get("finished"), 40),
    }


def compute_figures(stages: list[dict], flops_per_token: float | None, price: Price) -> dict:
    """FLOPs = tokens x training FLOPs a token at the full context; GPU time = FLOPs / (peak x assumed use)."""
    found: dict = {"flops_per_token": flops_per_token, "price": asdict(price), "stages": {}}
    if flops_per_token is None:
        return found
    for stage in [*stages, {"name": "all", **{k: sum(s[k] for s in stages) for k in ("tokens", "seconds")}}]:
        flops = stage["tokens"] * flops_per_token
        gpu = flops / (price.peak_flops * price.use)
        found["stages"][stage["name"]] = {
            "tokens": stage["tokens"],
            "seconds": stage["seconds"],
            "flops": flops,
            "flops_per_s": flops / stage["seconds"] if stage["seconds"] else None,
            "gpu_seconds": gpu,
            "dollars": gpu / 3600 * price.dollars,
        }
    return found


def data_figures(manifest: dict) -> dict:
    """Documents, tokens and bytes of each split, and the hashes that name them."""
    splits = {}
    for name, split in mapping(manifest.get("splits")).items():
        split = mapping(split)
        tokens, n_bytes = count_of(split.get("tokens")), count_of(split.get("bytes"))
        splits[text_of(name, 20)] = {
            "documents": count_of(split.get("documents")),
            "tokens": tokens,
            "bytes": n_bytes,
            "bytes_per_token": n_bytes / tokens if tokens else None,
            "sha256": [text_of(mapping(shard).get("sha256"), 64) for shard in listing(split.get("shards"))],
        }
    tokenizer = mapping(manifest.get("tokenizer"))
    known = {"kind": text_of(tokenizer.get("kind"), 20), "vocabulary": count_of(tokenizer.get("n_vocab")),
             "hash": text_of(tokenizer.get("hash"), 64)}  # fmt: skip
    return {"splits": splits, "tokenizer": known} if splits or tokenizer else {}


def sizes(folder: Path, checkpoint: Path | None) -> dict:
    return {
        "weights_bytes": files.size(checkpoint / "model.safetensors") if checkpoint else 0,
        "checkpoint_bytes": files.size(checkpoint) if checkpoint else 0,
        "data_bytes": files.size(folder / "data"),
        "run_bytes": files.size(folder, leave_out=WRITTEN),
    }


def environment(environments: dict[str, dict]) -> dict:
    """Of the newest stage that has one: what a person needs to make the run again."""
    newest = next((env for env in reversed(environments.values()) if env), {})
    numbers = {k: count_of(newest.get(k)) for k in ("threads", "cpu_count", "world")}
    words = ("acorn", "commit", "python", "torch", "numpy", "system", "device", "dtype", "started")
    return {k: text_of(newest.get(k)) for k in words} | numbers | {"dirty": bool(newest.get("dirty"))} if newest else {}


def commands(environments: dict[str, dict]) -> list[str]:
    """argv[0] is this machine's business."""
    lines = (shlex.join(["acorn", *map(str, listing(env.get("argv"))[1:])]) for env in environments.values() if env)
    return [text_of(line, 1000) for line in dict.fromkeys(lines)]


def notes(report: dict, results: dict, environments: dict, timed: bool, problems: list[str]) -> list[str]:
    """What the card lacks or what does not fit together, each with the way to put it right."""
    run, found, stages = report["run"], [], report["stages"]
    for stage in stages:
        name, asked = stage["name"], stage["steps_asked"]
        if stage["damaged"]:
            found.append(f"{name}: {stage['damaged']}.")
        if asked and 0 < stage["steps"] < asked:
            found.append(
                f"{name} is not finished: {stage['steps']:,} of {asked:,} steps. Run its command again to go on."
            )
        if stage["skipped_steps"]:
            found.append(f"{name}: {stage['skipped_steps']:,} of {stage['steps']:,} steps were skipped; their loss or "
                         "gradient was not finite.")  # fmt: skip
    if not report["model"]:
        found.append("There is no whole checkpoint yet.")
    newest = {stage["name"]: place(stage["checkpoint"]) for stage in stages if stage["checkpoint"]}
    furthest = list(newest)[-1] if newest else ""
    if not results:
        found.append(f"It has not been evaluated yet: `acorn eval {run}`.")
    elif furthest and furthest not in results:
        found.append(f"{furthest} has not been evaluated yet: `acorn eval {run}`.")
    for stage, part in results.items():
        if part["checkpoint"] and part["checkpoint"] != newest.get(stage, part["checkpoint"]):
            found.append(f"The results of {stage} are those of {part['checkpoint']}, the newest checkpoint is "
                         f"{newest[stage]}: `acorn eval {run}`.")  # fmt: skip
    for task in sorted({name for part in results.values() for name in part["tasks"]}):
        asked = [asked_of(part["tasks"][task]) for part in results.values() if task in part["tasks"]]
        if any(one != asked[0] for one in asked):
            found.append(f"{task}: the stages were not asked the same, so their results do not compare.")
    if not timed:
        found.append("Only the training itself is timed; `acorn speedrun` times the whole pipeline.")
    if len({text_of(env.get("commit")) for env in environments.values() if env}) > 1:
        found.append("The stages were made at different commits; the newest is shown.")
    return found + problems
