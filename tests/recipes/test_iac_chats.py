"""The conversations beside plain requests: their code is good, their prompts are the commands' own."""

from collections import Counter
from random import Random

import pytest

from acorn.recipes.iac import audit, chats, faults, prompts, risks, validate
from acorn.recipes.iac.audit.rules import rules
from acorn.recipes.iac.intents import INTENTS, PAIRS


def draws(make, count=12, split="train"):
    rng = Random(make.__name__)
    return [make(rng, split) for _ in range(count)]


def kind_of(prompt, word):
    """The kind that a prompt names: 'Fix this Terraform: ...'"""
    said = prompt.split(word, 1)[1].lstrip()
    return next(kind for kind, name in prompts.NAMES.items() if said.startswith(name))


def code_of(prompt):
    return prompt.split("\n", 1)[1]


def test_shares():
    rng = Random(1)
    found = Counter(chats.other(rng) for _ in range(20_000))
    assert 0.88 < found[None] / 20_000 < 0.92
    assert all(abs(found[make] / 20_000 - share) < 0.006 for make, share in chats.SHARES.items())


def test_explanations_say_every_name():
    for ask, answer in draws(chats.explain, 30):
        kind = kind_of(ask["content"], "Explain this")
        assert answer["content"].startswith("This is ") and validate.validate(code_of(ask["content"]), kind) == []
    for intent, kind in PAIRS:
        p = intent.draw(Random(2), "train", kind)
        said = chats.summary(intent, p, kind)
        values = [str(value) for key, value in p.items() if key != "cloud" and isinstance(value, str)]
        assert all(value.lower() in said.lower() for value in values) and not set("[]{}<>|") & set(said), said


def test_fixes_are_good_and_what_they_fix_is_not():
    for ask, answer in draws(chats.fix, 40):
        kind = kind_of(ask["content"], "Fix this")
        said, broken = ask["content"].split("\n", 1)
        said = said.partition(": ")[2]
        assert validate.validate(answer["content"], kind) == [] and broken != answer["content"]
        messages = [one.message for one in validate.validate(broken, kind)]
        messages += [] if messages else [one.message for one in audit.findings(broken, kind)]
        assert any(said in one for one in messages), (said, messages)


@pytest.mark.parametrize("risk", risks.RISKS, ids=[f"{risk.rule}-{risk.kinds[0]}" for risk in risks.RISKS])
def test_a_planted_risk_is_seen_by_its_rule(risk):
    """And it is not seen before: good code stays good."""
    rng, seen = Random(1), 0
    kind = risk.kinds[0]
    for intent in (intent for intent, one in PAIRS if one == kind):
        for _ in range(9):
            good = intent.render(intent.draw(rng, "train", kind), kind)
            found = risks.plant_one(risk, good)
            if found and not seen:
                new = {one.rule for one in audit.findings(found, kind)} - {
                    one.rule for one in audit.findings(good, kind)
                }
                assert risk.rule in new, found
                seen += 1
    assert seen


def test_audits_name_a_rule_and_its_remedy_or_nothing():
    answers = Counter(answer["content"] == prompts.CLEAN for _, answer in draws(chats.audit, 60))
    assert 10 < answers[True] < 32
    known = {f"{rule.title}. {rule.remedy}" for rule in rules().values()} | {prompts.CLEAN}
    assert all(answer["content"] in known for _, answer in draws(chats.audit, 60))


def test_translations_are_the_same_want_in_another_kind():
    for ask, answer in draws(chats.translate, 20):
        kind, to = kind_of(ask["content"], "Translate this"), kind_of(ask["content"].split("\n")[0], " to ")
        assert kind != to and validate.validate(code_of(ask["content"]), kind) == []
        assert validate.validate(answer["content"], to) == []


def test_changes_change_what_was_said():
    for ask, first, said, second in draws(chats.change, 20):
        assert ask["content"] and first["content"] != second["content"]
        name = said["content"].rstrip(".").split()[-1]
        assert said["content"].startswith("With") or name in second["content"]


def test_warnings_are_safe_code_or_a_question():
    for _, answer in draws(chats.warn, 20):
        text = answer["content"]
        assert text.endswith("network.") or text.endswith("day.") or text.startswith("# ")
    for intent, danger in chats.DANGEROUS:
        kind = next(kind for other, kind in PAIRS if other is intent)
        good = intent.render(intent.draw(Random(4), "train", kind), kind)
        if danger.comment:
            assert validate.validate(risks.answer(danger, good), kind) == []


def test_dangers_name_intents():
    assert set(risks.DANGERS) <= set(INTENTS)


def test_misspelt_is_never_the_word():
    rng = Random(3)
    for word in ("bucket", "class", "encrypted"):
        assert all(faults.misspelt(rng, word) != word for _ in range(50))
