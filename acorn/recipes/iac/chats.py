"""
Conversations beside plain requests: explain, fix, audit, translate, change, warn, small talk. All code in them is what
intents render, which validates (the tests draw and validate), so a set of 14,000 is drawn in seconds.
"""

from collections.abc import Callable
from random import Random

from acorn.recipes.iac import faults, prompts, risks
from acorn.recipes.iac.audit.rules import rules
from acorn.recipes.iac.intents import INTENTS, PAIRS, Intent, Phrasing
from acorn.recipes.iac.talk import about, small_talk

LONGEST = 540  # characters of code in a prompt: it and the answer have to fit into a short context
SYSTEM_SHARE = 0.03  # of the conversations begin with the system prompt
SUMMARY = Phrasing("This is {thing} in {tool}: <{parts}>.")  # with turn 0: parts in their order, first choices


def turns(*texts: str) -> list[dict]:
    """user, assistant, user, ..."""
    return [{"role": ("user", "assistant")[n % 2], "content": text} for n, text in enumerate(texts)]


def request(rng: Random, split: str, intent: Intent, kind: str) -> tuple[dict, str, str]:
    """(parameters, a request, its answer)"""
    p = intent.draw(rng, split, kind)
    return p, intent.describe(p, kind, intent.phrasing(rng, split)), intent.render(p, kind)


def write(rng: Random, split: str, intent: Intent, kind: str) -> list[dict]:
    return turns(*request(rng, split, intent, kind)[1:])


def code(rng: Random, split: str) -> tuple[Intent, str, dict, str]:
    """(intent, kind, parameters, code that is not long)"""
    while True:
        intent, kind = rng.choice(PAIRS)
        p, _, text = request(rng, split, intent, kind)
        if len(text) <= LONGEST:
            return intent, kind, p, text


def summary(intent: Intent, p: dict, kind: str) -> str:
    """What code is about, in a sentence: 'This is an S3 bucket in Terraform: name billing, environment dev.'"""
    template = SUMMARY.template.replace("{parts}", intent.parts)
    if not intent.thing:
        template = template.replace("{thing}", f"a {intent.title}")
    return intent.describe(p, kind, Phrasing(template))


def explain(rng: Random, split: str) -> list[dict]:
    intent, kind, p, text = code(rng, split)
    return turns(prompts.explain(text, kind), f"{summary(intent, p, kind)} {intent.notes[0]}")


def fix(rng: Random, split: str) -> list[dict]:
    """A misspelt word, or a risk that the audit found; the answer is the code as it was."""
    while True:
        _, kind, _, text = code(rng, split)
        found = faults.plant(rng, text, kind) if rng.random() < 0.6 else risks.plant(rng, text, kind)
        if found:
            broken, said = found
            return turns(prompts.fix(broken, kind, rules()[said].title if said in rules() else said), text)


def audit(rng: Random, split: str) -> list[dict]:
    """One in three has nothing to be found."""
    while True:
        _, kind, _, text = code(rng, split)
        if found := risks.plant(rng, text, kind):
            if rng.random() < 1 / 3:
                return turns(prompts.audit(text, kind), prompts.CLEAN)
            rule = rules()[found[1]]
            return turns(prompts.audit(found[0], kind), f"{rule.title}. {rule.remedy}")


def translate(rng: Random, split: str) -> list[dict]:
    """The same want in another kind."""
    while True:
        intent, kind = rng.choice(TRANSLATED)
        to = rng.choice([one for other, one in TRANSLATED if other is intent and one != kind])
        p = intent.draw(rng, split, kind)
        if intent.fits(p, to) and max(len(intent.render(p, one)) for one in (kind, to)) <= LONGEST:
            return turns(prompts.translate(intent.render(p, kind), kind, to), intent.render(p, to))


def change(rng: Random, split: str) -> list[dict]:
    """Two turns: something, then the same under another name or with an option more or less."""
    while True:
        intent, kind = rng.choice(PAIRS)
        p, ask, text = request(rng, split, intent, kind)
        if len(text) > LONGEST or "name" not in p:
            continue
        other = intent.sample(rng)
        flags = [key for key, value in p.items() if isinstance(value, bool)]
        if flags and rng.random() < 0.5:
            key = rng.choice(flags)
            changed = {**p, key: not p[key]}
            [option] = set(intent.options(p)) ^ set(intent.options(changed)) or [""]
            said = f"{'With' if changed[key] else 'Without'} {option}, please."
            if not option:
                continue
        else:
            changed = {**p, "name": other["name"]}
            said = rng.choice(("Call it {}.", "Rename it to {}.", "The name should be {}.")).format(other["name"])
        if changed != p and intent.fits(changed, kind) and intent.split(changed) == split:
            return turns(ask, text, said, intent.render(changed, kind))


def warn(rng: Random, split: str) -> list[dict]:
    """A request for something dangerous: the safe code under a comment that says why, or a question."""
    while True:
        intent, danger = rng.choice(DANGEROUS)
        kind = rng.choice([kind for other, kind in PAIRS if other is intent])
        _, ask, text = request(rng, split, intent, kind)
        if len(text) <= LONGEST:
            return turns(f"{ask.rstrip('.')}. {rng.choice(danger.asks)}", risks.answer(danger, text))


TRANSLATED = [pair for pair in PAIRS if sum(other is pair[0] for other, _ in PAIRS) > 1]
DANGEROUS = risks.endangered(INTENTS)
SHARES: dict[Callable[[Random, str], list[dict]], float] = {  # what is left over is `write`
    explain: 0.015,
    fix: 0.015,
    audit: 0.01,
    translate: 0.015,
    change: 0.01,
    warn: 0.01,
    lambda rng, split: small_talk(rng): 0.015,
    lambda rng, split: about(rng): 0.01,
}


def other(rng: Random) -> Callable[[Random, str], list[dict]] | None:
    """What this conversation is, by the shares; None for a plain request."""
    left = rng.random()
    for kind, share in SHARES.items():
        left -= share
        if left < 0:
            return kind
    return None


def addressed(rng: Random, chat: list[dict]) -> list[dict]:
    """Now and then under the system prompt."""
    return [{"role": "system", "content": prompts.SYSTEM}, *chat] if rng.random() < SYSTEM_SHARE else chat
