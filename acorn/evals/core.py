"""
CORE: the 22 in-context-learning tasks of DCLM (arXiv 2406.11794) for base models, asked and scored as nanochat does,
so that figures compare. A folder holds them:

    core.yaml                  icl_tasks: label, dataset_uri, num_fewshot, icl_task_type, continuation_delimiter
    eval_data/.../*.jsonl      the items
    eval_meta_data*.csv        'Eval Task', 'Random baseline' in percent; one CORE score is given for each such file

Few-shot examples stand before an item with a blank line after each. Scored is, in tokens of the whole prompt:
    multiple_choice     what follows the beginning that all choices share; the least mean loss wins
    schema              the end that all contexts share; the least mean loss wins
    language_modeling   what the continuation adds; right if each of its tokens is the likeliest

CORE is the mean of the centred accuracies, (accuracy - chance) / (1 - chance).
"""

import csv
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from acorn.errors import UserError
from acorn.evals.choice import Question, Score, common_prefix, crop, score
from acorn.evals.files import index, read_records, text, texts
from acorn.evals.results import around, centred, deviation, fingerprint, share

VERSION = 1
AT_ONCE = 1024  # items tokenised together
KINDS = ("multiple_choice", "schema", "language_modeling")
BASELINES = "eval_meta_data.csv"  # whose score is called CORE; nanochat's and the first published ones


@dataclass(frozen=True)
class CoreTask:
    label: str
    kind: str
    file: Path
    shots: int
    delimiter: str

    @property
    def standin(self) -> bool:
        """The file holds other items than the name promises."""
        return "standin" in self.file.stem


@dataclass(frozen=True)
class Core:
    tasks: list[CoreTask]
    baselines: dict[str, dict[str, float]]  # file -> label -> accuracy of guessing, 0 to 1


def open_core(folder: Path) -> Core:
    """Reads core.yaml and the baselines. UserError that names what is missing or wrong."""
    folder = Path(folder)
    hint = "acorn eval RUN --tasks core --core DIR   (a folder with core.yaml, eval_data/ and eval_meta_data.csv)"
    import yaml

    try:
        entries = yaml.safe_load((folder / "core.yaml").read_text(encoding="utf-8"))["icl_tasks"]
    except (OSError, UnicodeDecodeError) as e:
        raise UserError(f"cannot read {folder / 'core.yaml'}: {getattr(e, 'strerror', e)}", hint) from None
    except (yaml.YAMLError, KeyError, TypeError, RecursionError) as e:
        raise UserError(f"{folder / 'core.yaml'} is not YAML with a list icl_tasks: {e}", hint) from None
    if not isinstance(entries, list) or not entries:
        raise UserError(f"{folder / 'core.yaml'}: icl_tasks must be a list of tasks", hint)
    tasks = [core_task(folder, n, entry) for n, entry in enumerate(entries, 1)]
    files = sorted(folder.glob("eval_meta_data*.csv"))
    if not (folder / BASELINES).is_file():
        raise UserError(f"there is no {folder / BASELINES}", hint)
    return Core(tasks, {file.name: read_baselines(file, [task.label for task in tasks]) for file in files})


def core_task(folder: Path, n: int, entry) -> CoreTask:
    where = f"{folder / 'core.yaml'}, task {n}"
    if not isinstance(entry, dict):
        raise UserError(f"{where}: must have label, dataset_uri, num_fewshot and icl_task_type")
    for name, right in (("label", str), ("dataset_uri", str), ("num_fewshot", list), ("icl_task_type", str)):
        if not isinstance(entry.get(name), right):
            raise UserError(f"{where}: field {name!r} is {entry.get(name)!r}, it must be a {right.__name__}")
    if entry["icl_task_type"] not in KINDS:
        raise UserError(f"{where}: icl_task_type {entry['icl_task_type']!r} is none of {', '.join(KINDS)}")
    shots, delimiter = entry["num_fewshot"][:1], entry.get("continuation_delimiter", " ")
    if not shots or index(shots[0]) or not isinstance(delimiter, str):
        raise UserError(f"{where}: num_fewshot must be like [10] and continuation_delimiter a text")
    data = (folder / "eval_data").resolve()
    file = (data / entry["dataset_uri"]).resolve()
    if not file.is_relative_to(data):
        raise UserError(f"{where}: dataset_uri {entry['dataset_uri']!r} leads out of {data}")
    return CoreTask(entry["label"], entry["icl_task_type"], file, shots[0], delimiter)


def read_baselines(file: Path, labels: list[str]) -> dict[str, float]:
    try:
        with file.open(encoding="utf-8", newline="") as f:
            found = {row["Eval Task"]: float(row["Random baseline"]) / 100 for row in csv.DictReader(f)}
    except (OSError, UnicodeDecodeError, KeyError, TypeError, ValueError, csv.Error) as e:
        raise UserError(f"{file} needs the columns 'Eval Task' and 'Random baseline' (percent): {e!r}") from None
    for label in labels:
        if not 0 <= found.get(label, -1) < 1:
            raise UserError(f"{file}: no baseline from 0 to below 100 for {label!r}")
    return found


def load_items(task: CoreTask, limit: int = 0) -> list[dict]:
    """
    The task's items in the reference's order: shuffled with seed 1337, then cut to `limit`; 0 = all. Few-shot examples
    come from what is left, as in the reference.
    """
    fields, check = {
        "multiple_choice": ({"query": text, "choices": texts, "gold": index}, gold_among("choices")),
        "schema": ({"context_options": texts, "continuation": text, "gold": index}, gold_among("context_options")),
        "language_modeling": ({"context": text, "continuation": text}, lambda record: ""),
    }[task.kind]
    items = read_records(task.file, fields, check, "acorn eval RUN --tasks core --core DIR")
    random.Random(1337).shuffle(items)
    items = items[:limit] if limit else items
    if len(items) <= task.shots:
        why = f"--limit {limit} is too small" if limit else f"{task.file} has {len(items)} items"
        raise UserError(f"{why}: {task.label} shows {task.shots} other items before each, so it needs more than that")
    return items


def gold_among(field: str, gold: str = "gold"):
    """-> a check that the index in `gold` is one of `field`'s."""

    def check(record: dict) -> str:
        many = len(record[field])
        return "" if record[gold] < many else f"field {gold!r} is {record[gold]}, but {field!r} has {many} entries"

    return check


def prompts(task: CoreTask, items: list[dict], i: int) -> list[str]:
    """Item i as the texts that the model reads: one a choice, one a context; or without and with the continuation."""
    # not itself; sample() draws the same from equally long sequences, whatever they hold
    others = random.Random(1234 + i).sample(range(len(items) - 1), task.shots) if task.shots else []
    shown = [items[j + (j >= i)] for j in others]
    item, space = items[i], task.delimiter
    if task.kind == "multiple_choice":
        before = "".join(f"{s['query']}{space}{s['choices'][s['gold']]}\n\n" for s in shown)
        return [f"{before}{item['query']}{space}{choice}" for choice in item["choices"]]
    if task.kind == "schema":
        before = "".join(f"{s['context_options'][s['gold']]}{space}{s['continuation']}\n\n" for s in shown)
        return [f"{before}{context}{space}{item['continuation']}" for context in item["context_options"]]
    before = "".join(f"{s['context'].strip()}{space}{s['continuation']}\n\n" for s in shown)
    context = f"{before}{item['context'].strip()}{space}"
    # without the blank at the end, which would be part of the continuation's first token
    return [context.strip(), context + item["continuation"]]


def questions(task: CoreTask, items: list[dict], span: range, tokenizer, context: int) -> list[Question]:
    """Items of `span` as questions; prompts longer than the context lose their beginning."""
    asked = [prompts(task, items, i) for i in span]
    encoded = iter(tokenizer.encode_batch([prompt for texts in asked for prompt in texts]))
    found = []
    for texts_of_item in asked:
        rows = [np.array([tokenizer.bos, *next(encoded)], dtype=np.int64) for _ in texts_of_item]
        if task.kind == "multiple_choice":
            starts = [common_prefix(rows)] * len(rows)
        elif task.kind == "schema":
            end = common_prefix([row[::-1] for row in rows])
            starts = [len(row) - end for row in rows]
        else:
            # where the tokens differ, which is behind the context unless the continuation changes how it is cut
            starts, rows = [common_prefix(rows)], rows[1:]
        found.append(crop(rows, starts, context))
    return found


def is_right(task: CoreTask, item: dict, scores: list[Score]) -> bool:
    if task.kind == "language_modeling":
        return scores[0].tokens > 0 and scores[0].greedy
    means = [score.mean for score in scores]
    # A choice that is how all others begin has no token of its own and a mean of NaN, which min() keeps where it comes
    # first and passes over elsewhere. So does the reference.
    return means.index(min(means)) == item["gold"]


def score_core(model, tokenizer, core: Core, limit: int = 0, progress: Callable | None = None) -> dict:
    """
    -> the part `core` of eval.json's tasks. progress(label, n) -> a function that is told how many more items are done.
    All files are read before the model is asked anything.
    """
    begin, parts, hashes = time.perf_counter(), {}, []
    loaded = [load_items(task, limit) for task in core.tasks]
    for task, items in zip(core.tasks, loaded):
        started = time.perf_counter()
        tick = progress(task.label, len(items)) if progress else None
        rights = [float(right) for right in score_items(model, tokenizer, task, items, tick)]
        accuracy, chance = sum(rights) / len(items), core.baselines[BASELINES][task.label]
        hashes.append(fingerprint(task.label, VERSION, [[task.kind, task.shots, task.delimiter], *items]))
        parts[task.label] = {
            "n": len(items), "kind": task.kind, "shots": task.shots, "right": share(round(sum(rights)), len(items)),
            "stderr": deviation(rights), "chance": chance, "centred": centred(accuracy, chance), "hash": hashes[-1],
            "seconds": time.perf_counter() - started,
        }  # fmt: skip
        if task.standin:
            parts[task.label]["note"] = f"stand-in: {task.file.name}"
    result = {
        "version": VERSION,
        "hash": fingerprint("core", VERSION, hashes),
        "n": sum(part["n"] for part in parts.values()),
    }
    for file, chances in core.baselines.items():
        errors = [part["stderr"] / (1 - chances[label]) for label, part in parts.items()]
        error = sum(e * e for e in errors) ** 0.5 / len(parts)
        value = sum(centred(part["right"]["value"], chances[label]) for label, part in parts.items()) / len(parts)
        name = "centred" + Path(file).stem.removeprefix(Path(BASELINES).stem)
        result |= {name: around(value, error)} | ({"stderr": error} if file == BASELINES else {})
    notes = [f"{label} is a {part['note']}" for label, part in parts.items() if "note" in part]
    about = {"note": "; ".join(notes)} if notes else {}
    return {**result, **about, "seconds": time.perf_counter() - begin, "tasks": parts}


def score_items(model, tokenizer, task: CoreTask, items: list[dict], tick=None) -> list[bool]:
    """Whether each item is answered right."""
    rights = []
    for start in range(0, len(items), AT_ONCE):
        span = range(start, min(start + AT_ONCE, len(items)))
        scores = score(model, questions(task, items, span, tokenizer, model.config.block_size), tick=tick)
        rights += [is_right(task, items[i], found) for i, found in zip(span, scores)]
    return rights
