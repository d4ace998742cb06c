"""Ask a model the tasks of a recipe and count what its replies are worth."""

from collections.abc import Callable

from acorn.evals.intervals import wilson
from acorn.infer.engine import Engine
from acorn.infer.sample import Sampling
from acorn.tokenizer.chat import render_prompt


def score_examples(engine: Engine, examples: list, grade: Callable, version: int, max_tokens: int = 400) -> dict:
    """
    Greedy replies to examples (request, kind), each graded (valid, right, why) -> the task's part of eval.json: shares
    with 95 % Wilson intervals, counts by kind, and every reply, so that anyone can look at what was counted.
    """
    prompts = [render_prompt(engine.tokenizer, [{"role": "user", "content": e.request}]) for e in examples]
    fit = [i for i, p in enumerate(prompts) if len(p) < engine.context]
    replies = dict(
        zip(fit, engine.complete([prompts[i] for i in fit], Sampling(temperature=0.0, max_tokens=max_tokens)))
    )
    samples, kinds = [], {}
    for i, example in enumerate(examples):
        text = replies[i].text if i in replies else ""
        mark = grade(example, text)
        samples.append(
            {
                "request": example.request,
                "reply": text,
                "kind": example.kind,
                "valid": mark.valid,
                "right": mark.right,
                "why": mark.why,
            }
        )
        counts = kinds.setdefault(example.kind, {"n": 0, "valid": 0, "right": 0})
        counts["n"] += 1
        counts["valid"] += mark.valid
        counts["right"] += mark.right

    def share(key: str) -> dict:
        low, high = wilson(sum(s[key] for s in samples), len(samples))
        return {"value": sum(s[key] for s in samples) / max(1, len(samples)), "low": low, "high": high}

    return {
        "version": version,
        "n": len(samples),
        "valid": share("valid"),
        "right": share("right"),
        "by_kind": kinds,
        "samples": samples,
    }
