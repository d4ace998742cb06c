"""
What `acorn eval` measures beside plain replies: the same requests through the loop of generate.py, audit findings that
an answer has and the known one has not, translations, and the audit itself on code with planted risks.
"""

from collections.abc import Callable, Sequence
from random import Random

from acorn.evals.results import fingerprint, share
from acorn.evals.task import Example, Grade, Measure, Task
from acorn.recipes.iac import audit, generate, prompts, risks, tasks, validate
from acorn.recipes.iac.intents import PAIRS


def inspect(example: Example, reply: str) -> dict[str, bool]:
    """Whether it can be read at all, and whether it is free of risks that the known answer has not."""
    parsed = bool(validate.read(reply, example.kind)[0])
    return {
        "parses": parsed,
        "no new risk": parsed and found(reply, example.kind) <= found(example.answer, example.kind),
    }


def found(text: str, kind: str) -> set[str]:
    return {one.rule for one in audit.findings(text, kind) if one.severity != "note"}


def verified(engine, examples: Sequence[Example], plain: Sequence[str], seed: int) -> list[str]:
    """Answers of the loop, with the plain replies as drafts; '' where nothing was valid."""
    from acorn.recipes.iac.grammar import Library

    asks = [generate.Ask(example.request, example.kind) for example in examples]
    answers = generate.write(engine, asks, seed=seed, library=Library(engine.tokenizer), drafts=plain)
    return [answer.best.text if answer.valid else "" for answer in answers]


# --- translation ------------------------------------------------------------------------------------------------------

TRANSLATED = [(intent, kind, to) for intent, kind in PAIRS for to in intent.kinds if to != kind]


def translations(split: str, seed: int, count: int) -> list[Example]:
    """Code of one kind, asked for in another; each (intent, kind, kind) equally often, as far as parameters allow."""
    rng, made = Random(f"translations {split} {seed}"), []
    order = list(TRANSLATED)
    rng.shuffle(order)
    for number in range(4 * count):
        intent, kind, to = order[number % len(order)]
        p = intent.draw(rng, split, kind)
        if intent.fits(p, to) and len(made) < count:
            code = intent.render(p, kind)
            data = {"intent": intent.name, "params": p, "from": kind, "code": code}
            label = f"{kind} to {to}"
            made.append(Example(prompts.translate(code, kind, to), label, data, intent.render(p, to), topic=to))
    return made


def grade_translation(example: Example, reply: str) -> Grade:
    """kept: every resource of the code has a counterpart; right: it is all that the code was for."""
    from acorn.recipes.iac.translate import missing

    to, kind = example.topic, example.data["from"]
    mark = tasks.grade(Example(example.request, to, example.data), reply)
    source, result = validate.read(example.data["code"], kind)[0], validate.read(reply, to)[0]
    return Grade(mark.valid, mark.right, mark.why, {"kept": mark.valid and not missing(source, kind, result, to)})


def translated(engine, examples: Sequence[Example], plain: Sequence[str], seed: int) -> list[str]:
    from acorn.recipes.iac.translate import replies

    codes = [(example.data["code"], example.data["from"], example.topic) for example in examples]
    return replies(engine, codes, plain, seed)


def translation_task() -> Task:
    return Task(
        "iac-translate",
        1,
        translations,
        grade_translation,
        max_tokens=440,
        prepare=validate.prepare,
        ways={"verified": translated},
    )


# --- the audit itself -------------------------------------------------------------------------------------------------


def audit_measure() -> Measure:
    return Measure("iac-audit", 1, audited)


def audited(n: int, seed: int, tick: Callable[[int], None]) -> dict:
    """
    recall: planted risks that the audit finds. precision: of its findings of a planted rule, those that are in the
    planted code and not in its clean twin. clean: clean twins where that rule says nothing.
    """
    rng, planted, hits, alarms = Random(f"audit {seed}"), [], 0, 0
    while len(planted) < n:
        intent, kind = rng.choice(PAIRS)
        code = intent.render(intent.draw(rng, "test", kind), kind)
        if made := risks.plant(rng, code, kind):
            planted.append([code, *made])
            hits += made[1] in found(made[0], kind)
            alarms += made[1] in found(code, kind)
            tick(1)
    return {
        "version": 1,
        "hash": fingerprint("iac-audit", 1, planted),
        "n": n,
        "recall": share(hits, n),
        "precision": share(hits, hits + alarms),
        "clean": share(n - alarms, n),
    }
