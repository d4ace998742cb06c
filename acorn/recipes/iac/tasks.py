"""The chats that a model is finetuned on, the held-out requests that it is graded on, and the grade."""

from functools import lru_cache
from random import Random

from acorn.errors import UserError
from acorn.evals.task import Example, Grade
from acorn.recipes.iac import chats, validate
from acorn.recipes.iac.intents import INTENTS, PAIRS, Intent
from acorn.recipes.iac.intents.intent import SPLITS


def conversations(split: str, seed: int, count: int) -> list[list[dict]]:
    """
    Nine of ten are one request and one answer, bare code; what the others are, `chats` says. 'train' and 'val' share
    sentences but no parameters; 'test', what `examples` draws from, has other parameters *and* other sentences.
    """
    if split not in SPLITS:
        raise UserError(f"there is no split {split!r}; there is: {', '.join(SPLITS)}")
    rng = Random(f"conversations {split} {seed}")
    found = []
    for number in range(count):
        other = chats.other(rng)
        found.append(
            chats.addressed(rng, other(rng, split) if other else chats.write(rng, split, *_turn(number, TURNS)))
        )
    return found


def examples(split: str, seed: int, count: int) -> list[Example]:
    """Requests of a split (see `conversations`), each (intent, kind) equally often (to one), no two the same."""
    rng = Random(f"examples {seed}" if split == "test" else f"examples {split} {seed}")
    found: dict[tuple, Example] = {}
    while len(found) < count:
        intent, kind = _turn(len(found), PAIRS)
        p = intent.draw(rng, split, kind)
        request = intent.describe(p, kind, intent.phrasing(rng, split))
        data = {"intent": intent.name, "params": p}
        one = Example(request, kind, data, intent.render(p, kind), topic=intent.name)
        found.setdefault((intent.name, kind, repr(p)), one)
    return list(found.values())


def grade(example: Example, reply: str) -> Grade:
    parsed, findings = validate.read(reply, example.kind)
    if errors := [str(one) for one in findings if one.severity == "error"]:
        return Grade(False, False, "; ".join(errors[:3]))
    if not parsed:
        return Grade(False, False, f"nothing of {example.kind} in it")
    intent = INTENTS[example.data["intent"]]
    problems = intent.check(example.data["params"], parsed, example.kind)
    return Grade(True, not problems, "; ".join(problems[:3]))


TURNS = tuple(pair for pair in PAIRS for _ in range(pair[0].turns if pair[1] == "terraform" else 1))


def _turn(number: int, pairs: tuple[tuple[Intent, str], ...]) -> tuple[Intent, str]:
    """All pairs one after the other, in an order that changes every round."""
    round_, place = divmod(number, len(pairs))
    return _order(round_, pairs)[place]


@lru_cache(maxsize=4)
def _order(round_: int, pairs: tuple[tuple[Intent, str], ...]) -> list[tuple[Intent, str]]:
    return Random(round_).sample(pairs, len(pairs))
