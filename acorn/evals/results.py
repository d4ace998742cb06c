"""
What an evaluation writes. runs/NAME/eval.json holds the checkpoint scored last, runs/NAME/STAGE/eval.json that stage's:

    run, stage, checkpoint, seconds
    bpb      value, stderr, bytes, documents, tokens: bits per byte; the error is that of drawing other documents
    tasks    by name, each with
        version  hash  n  seconds     hash: SHA-256 of the version and of everything asked; equal hashes compare
        chance                        the share that guessing gets right
        right    value, low, high     share of right answers, and its 95 % interval
        stderr   centred              of `right`; (right - chance) / (1 - chance)
        valid    value, low, high     replies that have the form asked for; of generated answers only
        k                             replies to each example, if several (--samples)
        pass@k   value, low, high     an example counts if one of k replies is right (`right` is pass@1)
        normalised                    likelihood only: as right, but the likelihood of a choice counts by character
        steps   {name: value, low, high}: more shares that a grader tells, such as those that parse
        by_kind  {kind: n, valid, right, steps {name}}, counts of replies
        ways    {name: as a task, of its first n examples, answered in another way; samples that are not right}
        samples  request, reply, kind, valid, right, why
    tasks.core      n, hash, seconds, and CORE as `centred` {value, low, high}; one more for each other baseline file;
                    tasks {label: n, kind, shots, right, stderr, chance, centred, hash, seconds, note}
    tasks.chatcore  `centred` {value, low, high}: mean of five centred accuracies, where all five have been asked
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from acorn.evals.intervals import wilson

CHATCORE = ("arc-easy-letter", "arc-challenge-letter", "mmlu-letter", "gsm8k", "humaneval")  # nanochat's five


def share(hits: int, n: int) -> dict:
    """Hits of n, with the 95 % Wilson interval."""
    low, high = wilson(hits, n)
    return {"value": hits / n if n else 0.0, "low": low, "high": high}


def around(value: float, error: float) -> dict:
    """A mean with the 95 % interval that its standard error gives."""
    return {"value": value, "low": value - 1.96 * error, "high": value + 1.96 * error}


def deviation(values: Iterable[float]) -> float:
    """Standard error of the mean of values; 0 for fewer than two."""
    values = list(values)
    n = len(values)
    mean = sum(values) / n if n else 0.0
    return (sum((v - mean) ** 2 for v in values) / (n - 1) / n) ** 0.5 if n > 1 else 0.0


def centred(accuracy: float, chance: float) -> float:
    """0 is guessing, 1 is all right."""
    return (accuracy - chance) / (1 - chance)


def fingerprint(name: str, version: int, asked: Iterable) -> str:
    """SHA-256 of a version of a task and of what was asked, which is JSON."""
    digest = hashlib.sha256(json.dumps([name, version]).encode())
    for one in asked:
        digest.update(json.dumps(one, sort_keys=True, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def chatcore(tasks: dict) -> dict | None:
    """ChatCORE of results that hold all five tasks, else None."""
    if any(name not in tasks for name in CHATCORE):
        return None
    parts = [tasks[name] for name in CHATCORE]
    errors = [part["stderr"] / (1 - part["chance"]) for part in parts]
    error = sum(e * e for e in errors) ** 0.5 / len(parts)
    value = sum(part["centred"] for part in parts) / len(parts)
    together = fingerprint("chatcore", 1, [part["hash"] for part in parts])
    n = sum(part["n"] for part in parts)
    return {"version": 1, "hash": together, "n": n, "centred": around(value, error), "stderr": error}


def earlier(path: Path, checkpoint: str) -> dict:
    """What an eval.json says about the same checkpoint, so that scoring one thing does not lose the others."""
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
        same = before["checkpoint"] == checkpoint
    except (OSError, ValueError, KeyError, TypeError):  # none, or not ours: then it is replaced
        return {}
    return {key: before[key] for key in ("tasks", "bpb") if same and isinstance(before.get(key), dict)}
