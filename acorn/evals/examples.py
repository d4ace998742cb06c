"""Ask a model to answer the examples of a task, grade each reply, and count."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import comb

from acorn.evals.results import around, centred, deviation, fingerprint, share
from acorn.evals.task import Example, Grade, Task
from acorn.infer.engine import Engine
from acorn.infer.sample import Sampling
from acorn.tokenizer.chat import render_prompt

WORTH_A_TRY = 0.5  # of plain replies have to be valid, or a model has not learned the task: then no way is tried


def score_examples(
    engine: Engine, task: Task, examples: Sequence[Example], samples: int = 1, temperature: float = 0.0, seed: int = 0,
    tick: Callable[[int], None] = lambda n: None, ways: int = 0,
) -> dict:  # fmt: skip
    """
    `samples` replies to each example -> the task's part of eval.json (acorn/evals/results.py), with every reply, so
    that anyone can look at what was counted. A prompt longer than the context has the empty reply. ways: so many of the
    examples are answered in the task's other ways too.
    """
    prompts = [render_prompt(engine.tokenizer, [{"role": "user", "content": e.request}]) for e in examples]
    fit = sorted((i for i, p in enumerate(prompts) if len(p) < engine.context), key=lambda i: len(prompts[i]))
    texts = [[""] * samples for _ in examples]
    tick(len(examples) - len(fit))
    step = max(1, 4 * engine.max_batch // samples)  # at once, so that progress can be shown
    for start in range(0, len(fit), step):
        part = fit[start : start + step]
        sampling = Sampling(temperature=temperature, max_tokens=task.max_tokens, seed=seed + start)
        replies = engine.complete([prompts[i] for i in part], sampling, samples)
        for place, i in enumerate(part):
            texts[i] = [reply.text for reply in replies[place * samples : (place + 1) * samples]]
        tick(len(part))
    marked = [[(text, graded(task, example, text)) for text in found] for example, found in zip(examples, texts)]
    result = counted(task, examples, marked)
    if ways and task.ways and result["valid"]["value"] >= WORTH_A_TRY:
        some, first = examples[:ways], [found[0] for found in texts[:ways]]
        result["ways"] = {name: in_another_way(engine, task, name, some, first, seed) for name in task.ways}
    return result


def in_another_way(
    engine: Engine, task: Task, name: str, examples: Sequence[Example], plain: list[str], seed: int
) -> dict:
    """The same examples answered in one of the task's ways; of the replies, those that are not right are kept."""
    begin = time.perf_counter()
    replies = task.ways[name](engine, examples, plain, seed)
    seconds = time.perf_counter() - begin
    found = counted(task, examples, [[(text, graded(task, e, text))] for e, text in zip(examples, replies)])
    kept = {key: one for key, one in found.items() if key not in ("version", "hash", "samples")}
    return {**kept, "seconds": seconds, "samples": [one for one in found["samples"] if not one["right"]]}


def graded(task: Task, example: Example, reply: str) -> Grade:
    """A grader that fails costs one reply, not the evaluation."""
    try:
        grade = task.grade(example, reply)
        return replace(grade, steps={**grade.steps, **task.inspect(example, reply)}) if task.inspect else grade
    except Exception as e:
        return Grade(False, False, f"the grader failed: {e!r}")


def counted(task: Task, examples: Sequence[Example], marked: list[list[tuple[str, Grade]]]) -> dict:
    n, k = len(examples), len(marked[0]) if marked else 1
    rights = [sum(mark.right for _, mark in found) for found in marked]
    kinds: dict[str, dict] = {}
    steps: dict[str, int] = {}
    replies = []
    for example, found in zip(examples, marked):
        counts = kinds.setdefault(example.kind, {"n": 0, "valid": 0, "right": 0})
        for text, mark in found:
            counts["n"] += 1
            counts["valid"] += mark.valid
            counts["right"] += mark.right
            for step, yes in mark.steps.items():
                steps[step] = steps.get(step, 0) + yes
                of_kind = counts.setdefault("steps", {})
                of_kind[step] = of_kind.get(step, 0) + yes
            about = {"request": example.request, "reply": text, "kind": example.kind}
            replies.append({**about, "valid": mark.valid, "right": mark.right, "why": mark.why})
    error = deviation(c / k for c in rights)
    right = share(sum(rights), n) if k == 1 else around(sum(rights) / n / k, error)
    asked = [[e.request, e.kind, e.data, e.answer] for e in examples]
    several = {"k": k, **pass_at(rights, k)} if k > 1 else {}
    return {
        "version": task.version,
        "hash": fingerprint(task.name, task.version, asked),
        "n": n,
        "chance": task.chance,
        "valid": share(sum(mark.valid for found in marked for _, mark in found), n * k),
        "right": right,
        "stderr": error,
        "centred": centred(right["value"], task.chance),
        **({"steps": {step: share(hits, n * k) for step, hits in steps.items()}} if steps else {}),
        **several,
        "by_kind": kinds,
        "samples": replies,
    }


def pass_at(rights: list[int], n: int) -> dict[str, dict]:
    """
    rights: how many of an example's n replies are right. -> pass@k for k = 1, 2, 4 ... and n: the chance that k replies
    hold a right one, without bias from the n that were drawn (arXiv 2107.03374): 1 - C(n - right, k) / C(n, k).
    """
    ks = sorted({1 << i for i in range(n.bit_length()) if 1 << i <= n} | {n})
    found = {}
    for k in ks:
        each = [1 - comb(n - c, k) / comb(n, k) for c in rights]
        found[f"pass@{k}"] = around(sum(each) / len(each), deviation(each))
    return found
