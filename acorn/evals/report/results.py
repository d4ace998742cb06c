"""
Evaluation results of every stage -> one table.

    runs/NAME/eval.json  and  runs/NAME/{base,mid,sft,rl}/eval.json  ->  task and metric  x  BASE MID SFT RL

A task's metrics are read by what they look like, not by a list of names: {"value", "low", "high"} or a plain number.
"""

from pathlib import Path

from acorn.checkpoint import STAGES
from acorn.evals.report.files import count_of, listing, mapping, number, place, read_json, text_of

NOT_METRICS = {"n", "version", "chance", "seconds", "samples", "samples_each", "by_kind", "steps", "ways", "hash",
               "stderr", "tasks"}  # fmt: skip
TASKS = 64  # more are not read
EACH_KIND = 1  # right and wrong samples of a kind
SAMPLES = 12  # of a task
WAYS = 8  # to answer a task, and steps of a grade
LINES, LETTERS = 40, 3000  # of a reply


def read_results(folder: Path, problems: list[str]) -> dict[str, dict]:
    """{stage: {"checkpoint", "bpb", "tasks"}} in the order of training; a stage's own file wins over the run's."""
    order = list(reversed(STAGES))
    found: dict[str, dict] = {}
    for path in [folder / "eval.json", *(folder / stage / "eval.json" for stage in order)]:
        data = read_json(path, problems)
        stage = text_of(data.get("stage") or (path.parent.name if path.parent.name in order else ""), 20)
        for name, part in (mapping(data.get("stages")) or {stage: data}).items():
            if name in order and isinstance(part, dict) and part:
                before = found.setdefault(name, {"checkpoint": "", "bpb": {}, "tasks": {}})
                before["checkpoint"] = place(text_of(part.get("checkpoint"))) or before["checkpoint"]
                before["bpb"] = mapping(part.get("bpb")) or before["bpb"]
                tasks = {text_of(k, 40): v for k, v in mapping(part.get("tasks")).items() if isinstance(v, dict)}
                before["tasks"] |= dict(list(tasks.items())[:TASKS])
    return {stage: found[stage] for stage in order if stage in found}


def table(results: dict[str, dict]) -> list[dict]:
    """
    [{"task", "metric", "chance", "cells": {stage: {"value", "low", "high", "n"}}}]: a row a metric, in the order in
    which the tasks stand in the files, bits per byte last.
    """
    rows: dict[tuple[str, str], dict] = {}
    for stage, found in results.items():
        if (value := number(found["bpb"].get("value"))) is not None:
            row = rows.setdefault(("", "bpb"), {"task": "", "metric": "bpb", "chance": None, "cells": {}})
            error = number(found["bpb"].get("stderr"))
            row["cells"][stage] = {
                "value": value,
                "low": value - 1.96 * error if error is not None else None,
                "high": value + 1.96 * error if error is not None else None,
                "n": count_of(found["bpb"].get("documents")),
            }
        for name, task in found["tasks"].items():
            for metric, figure in {**metrics(task), **more_metrics(task)}.items():
                row = rows.setdefault(
                    (name, metric), {"task": name, "metric": metric, "chance": number(task.get("chance")), "cells": {}}
                )
                row["cells"][stage] = {"n": count_of(task.get("n")), **figure}
    return sorted(rows.values(), key=lambda row: row["metric"] == "bpb" and not row["task"])


def asked_of(task: dict) -> dict:
    """What names the questions of a task: results compare where these are equal."""
    return {
        "version": text_of(task.get("version"), 20),
        "hash": text_of(task.get("hash"), 64),
        "n": count_of(task.get("n")),
    }


def metrics(task: dict) -> dict[str, dict]:
    """{'right': {'value': .8, 'low': .7, 'high': .9}, 'acc': {'value': .31, 'low': None, 'high': None}}"""
    found = {}
    for name, figure in task.items():
        if name in NOT_METRICS or name.endswith("stderr") or ("right" in task and name in ("centred", "pass@1")):
            continue  # the last two say what `right` says
        if (value := number(mapping(figure).get("value"))) is not None:
            low, high = number(figure.get("low")), number(figure.get("high"))
        elif (value := number(figure)) is not None:
            low, high = None, None
        else:
            continue
        error = number(task.get(f"{name}_stderr"))
        if (low is None or high is None) and error is not None:
            low, high = value - 1.96 * error, value + 1.96 * error
        found[text_of(name, 40)] = {"value": value, "low": low, "high": high}
    return found


def more_metrics(task: dict) -> dict[str, dict]:
    """The steps of a task's grades, and the other ways in which its requests were answered: 'valid (checked)'"""
    found = metrics(mapping(task.get("steps")))
    for way, part in list(mapping(task.get("ways")).items())[:WAYS]:
        part = mapping(part)
        for name, figure in {**metrics(part), **metrics(mapping(part.get("steps")))}.items():
            found[f"{name} ({text_of(way, 20)})"] = {**figure, "n": count_of(part.get("n"))}
    return found


def parts(results: dict[str, dict]) -> dict[str, list[dict]]:
    """Of tasks that are made of others (CORE): {task: rows as table's}, with the right answers of each."""
    found: dict[str, dict[str, dict]] = {}
    for stage, result in results.items():
        for name, task in result["tasks"].items():
            for label, part in list(mapping(task.get("tasks")).items())[:TASKS]:
                if isinstance(part, dict) and (figure := metrics(part).get("right")):
                    empty = {
                        "task": text_of(label, 60),
                        "metric": "right",
                        "chance": number(part.get("chance")),
                        "cells": {},
                    }
                    row = found.setdefault(name, {}).setdefault(empty["task"], empty)
                    row["cells"][stage] = {**figure, "n": count_of(part.get("n"))}
    return {name: list(rows.values()) for name, rows in found.items()}


def kinds_of(name: str, task: dict) -> dict[str, list[dict]]:
    """{task: rows, task (way): rows} of `kinds`, those that have any."""
    ways = {f"{name} ({text_of(way, 20)})": mapping(part) for way, part in mapping(task.get("ways")).items()}
    every = [(name, task), *list(ways.items())[:WAYS]]
    return {label: found for label, part in every if (found := kinds(part))}


def kinds(task: dict) -> list[dict]:
    """[{"kind", "n", "valid", "right", and the steps of the grades}] by name."""
    found = []
    for kind, counts in sorted(mapping(task.get("by_kind")).items()):
        if n := count_of(mapping(counts).get("n")):
            hits = {k: min(n, count_of(counts.get(k))) for k in ("valid", "right") if k in counts}
            steps = {text_of(k, 40): min(n, count_of(v)) for k, v in list(mapping(counts.get("steps")).items())[:WAYS]}
            found.append({"kind": text_of(kind, 60), "n": n, **hits, "steps": steps})
    return found if len(found) > 1 else []


def pick_samples(task: dict, each: int = EACH_KIND) -> list[dict]:
    """Of each kind the first right and the first wrong reply, cut to what one reads; of chosen answers only two."""
    most = SAMPLES if "valid" in task else 2
    taken: dict[tuple[str, bool], list[dict]] = {}
    for sample in listing(task.get("samples")):
        if isinstance(sample, dict):
            plain = shorten(sample)
            pool = taken.setdefault((plain["kind"], plain["right"]), [])
            if len(pool) < each:
                pool.append(plain)
    by_kind = sorted(taken, key=lambda key: (key[0], not key[1]))
    return [sample for key in by_kind for sample in taken[key]][:most]


def shorten(sample: dict) -> dict:
    reply = str(sample.get("reply") or "")
    lines = reply[:LETTERS].rstrip().splitlines()
    shown = "\n".join(lines[:LINES])
    return {
        "request": text_of(sample.get("request"), 600),
        "reply": shown,
        "more_lines": max(0, len(reply.rstrip().splitlines()) - len(lines[:LINES])),
        "kind": text_of(sample.get("kind"), 60),
        "valid": bool(sample.get("valid")),
        "right": bool(sample.get("right")),
        "why": text_of(sample.get("why"), 300),
    }
