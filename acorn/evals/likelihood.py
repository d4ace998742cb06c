"""
Multiple choice without generation, two ways:

    likelihood   the log-likelihood of each choice behind the example's context, as lm-eval-harness has it: `right`
                 takes the likeliest choice, `normalised` the likeliest by character
    letter       the likeliest letter behind the question as a conversation, as nanochat has it
"""

from collections.abc import Callable, Sequence

import numpy as np

from acorn.evals.choice import Question, crop, score
from acorn.evals.results import centred, deviation, fingerprint, share
from acorn.evals.task import Example, Task
from acorn.tokenizer.chat import render_prompt

KEPT = 200  # answers written out
AT_ONCE = 1024  # examples tokenised together

Tick = Callable[[int], None]


def score_likelihood(model, tokenizer, task: Task, examples: Sequence[Example], tick: Tick | None = None) -> dict:
    """-> the task's part of eval.json"""
    picks, normalised = [], []
    for example, scores in answers(model, continuations, tokenizer, examples, tick):
        nll = [s.nll for s in scores]
        by_character = [loss / max(1, len(choice)) for loss, choice in zip(nll, example.data["choices"])]
        picks.append(nll.index(min(nll)))
        normalised.append(by_character.index(min(by_character)))
    result = counted(task, "likelihood", examples, picks)
    hits = sum(pick == e.data["gold"] for pick, e in zip(normalised, examples))
    kinds, samples = result.pop("by_kind"), result.pop("samples")
    return {**result, "normalised": share(hits, len(examples)), "by_kind": kinds, "samples": samples}


def score_letters(model, tokenizer, task: Task, examples: Sequence[Example], tick: Tick | None = None) -> dict:
    """-> the task's part of eval.json"""
    picks = []
    for _, scores in answers(model, letters, tokenizer, examples, tick):
        nll = [s.nll for s in scores]
        picks.append(nll.index(min(nll)))
    return counted(task, "letter", examples, picks)


def answers(model, ask: Callable, tokenizer, examples: Sequence[Example], tick: Tick | None):
    """-> (example, score of each choice), in order"""
    for start in range(0, len(examples), AT_ONCE):
        part = examples[start : start + AT_ONCE]
        yield from zip(part, score(model, ask(tokenizer, part, model.config.block_size), tick=tick))


def continuations(tokenizer, examples: Sequence[Example], context: int) -> list[Question]:
    """Context and continuation are tokenised together, and parted where the context alone ends."""
    texts = []
    for example in examples:
        before = example.data["context"]
        # blanks at its end belong to the continuation's first token
        texts += [before.rstrip(), *(f"{before} {choice}" for choice in example.data["choices"])]
    encoded, start, found = iter(tokenizer.encode_batch(texts)), [tokenizer.bos] if tokenizer.adds_bos else [], []
    for example in examples:
        before = start + next(encoded)
        wholes = [start + next(encoded) for _ in example.data["choices"]]
        rows = [np.array(before + whole[len(before) :], dtype=np.int64) for whole in wholes]
        # the last token is scored and not read, so one more than the context fits
        found.append(crop(rows, [len(before)] * len(rows), context + 1))
    return found


def letters(tokenizer, examples: Sequence[Example], context: int) -> list[Question]:
    found = []
    for example in examples:
        prompt = render_prompt(tokenizer, [{"role": "user", "content": example.request}])
        rows = [np.array(prompt + tokenizer.encode(letter), dtype=np.int64) for letter in example.data["letters"]]
        found.append(crop(rows, [len(prompt)] * len(rows), context + 1))
    return found


def counted(task: Task, way: str, examples: Sequence[Example], picks: list[int]) -> dict:
    kinds: dict[str, dict] = {}
    samples = []
    for example, pick in zip(examples, picks):
        gold, choices = example.data["gold"], example.data["choices" if way == "likelihood" else "letters"]
        counts = kinds.setdefault(example.kind, {"n": 0, "right": 0})
        counts["n"] += 1
        counts["right"] += pick == gold
        if len(samples) < KEPT:
            why = "" if pick == gold else f"{choices[pick]}, not {choices[gold]}"
            about = {"request": example.request, "reply": choices[pick], "kind": example.kind}
            samples.append({**about, "valid": True, "right": pick == gold, "why": why})
    hits, n = sum(k["right"] for k in kinds.values()), len(examples)
    asked = [[way, e.request, e.kind, e.data] for e in examples]
    return {
        "version": task.version,
        "hash": fingerprint(task.name, task.version, asked),
        "n": n,
        "chance": task.chance,
        "right": share(hits, n),
        "stderr": deviation(float(pick == e.data["gold"]) for pick, e in zip(picks, examples)),
        "centred": centred(hits / n if n else 0.0, task.chance),
        "by_kind": kinds,
        "samples": samples,
    }
