"""Every intent in words: its requests say all of it, in many orders; the held-out sentences are new."""

import re
from itertools import permutations, product
from random import Random

import pytest

from acorn.recipes.iac.intents import INTENTS, PAIRS, Phrasing, frames
from acorn.recipes.iac.intents.intent import CHOICE, FREE

intents = pytest.mark.parametrize("intent", INTENTS.values(), ids=list(INTENTS))
pairs = pytest.mark.parametrize("intent, kind", PAIRS, ids=[f"{intent.name}-{kind}" for intent, kind in PAIRS])
NAMES = "terraform|hcl|opentofu|kubernetes|k8s|docker|cloudformation|ansible|compose|crossplane"


@pairs
def test_requests_say_every_parameter(intent, kind):
    rng = Random(intent.name)
    for template in intent.templates["train"] + intent.templates["held"]:
        turn = rng.getrandbits(32)
        for _ in range(4):
            p, other = intent.draw(rng, "train", kind), intent.sample(rng)
            request = intent.describe(p, kind, Phrasing(template, turn))
            assert not re.search(r"[{}|\[\]]|  |None|True|False", request) and len(request) <= 240, request
            for key, value in p.items():
                if key != "cloud" and isinstance(value, str | int) and not isinstance(value, bool):
                    assert str(value).lower() in request.lower(), f"{key} = {value} is not in: {request}"
                changed = {**p, key: other[key]}
                if value != other[key] and intent.fits(changed, kind):
                    said = intent.describe(changed, kind, Phrasing(template, turn))
                    assert said != request, f"{key} is not said by {template!r}"
            assert re.search(NAMES, request, re.IGNORECASE), request


@pairs
def test_requests_name_their_kind(intent, kind):
    """Where an intent has several kinds, the words for one never fit another."""
    words = {
        one: set(CHOICE.findall(frames.TOOLS[one])[0].lower().split("|"))
        for one in intent.kinds
        if len(intent.kinds) > 1
    }
    for template in intent.templates["train"] + intent.templates["held"]:
        p = intent.draw(Random(1), "train", kind)
        request = intent.describe(p, kind, Phrasing(template, 5)).lower()
        if words:
            assert any(word in request for word in words[kind]), request


@intents
def test_enough_phrasings(intent):
    assert len(intent.templates["train"]) >= 14 and len(intent.templates["held"]) >= 3


def forms(template):
    """All texts of a template before its slots are filled: every order of its free parts, every choice."""
    found = [template]
    while (left := next((FREE.search(text) for text in found if FREE.search(text)), None)) is not None:
        orders = [", ".join(parts) for parts in permutations(left[1].split("; "))]
        orders += [" and ".join(text.rsplit(", ", 1)) for text in orders]
        found = [text.replace(left[0], order) for text in found for order in orders]
    for text in found:
        pieces = CHOICE.split(text)  # words outside and inside of brackets by turns
        yield from map("".join, product(*(piece.split("|") if n % 2 else [piece] for n, piece in enumerate(pieces))))


def skeletons(template):
    """Texts as their words alone: every slot is '#', options are left out, case and punctuation do not count."""
    template = re.sub(r"(; )?\{(extras|plus)\}", "", template)
    for text in forms(template):
        yield " ".join(re.findall(r"\w+|#", re.sub(r"\{\w+\}", "#", text.lower())))


@intents
def test_no_training_sentence_is_a_held_out_one(intent):
    """No sequence of words with slots between them is in both; what may come in any order counts as one slot."""
    whole = {split: [FREE.sub("{parts}", text) for text in texts] for split, texts in intent.templates.items()}
    held = {one for template in whole["held"] for one in skeletons(template)}
    for template in whole["train"]:
        found = held.intersection(skeletons(template))
        assert not found, f"{template!r} can say {found}"


@intents
def test_no_order_of_free_parts_is_a_held_out_sentence(intent):
    held = {one for template in intent.held if not FREE.search(template) for one in skeletons(template)}
    for template in intent.templates["train"]:
        if FREE.search(template) and len(intent.parts.split("; ")) < 5:
            assert not held.intersection(skeletons(template)), template


@intents
def test_slots_come_in_many_orders(intent):
    """In templates whose order is fixed, and all the more in those where it is free."""
    templates = intent.templates["train"]
    fixed = [template for template in templates if not FREE.search(template)]
    free = len(templates) - len(fixed)
    slots = [re.findall(r"\{(\w+)\}", template.replace("{plus}", "{extras}")) for template in fixed]
    slots = [[one for one in found if one not in ("tool", "code", "thing", "bare")] for found in slots]
    assert free >= 3 and (free >= 12 or len(set(map(tuple, slots))) >= 4)
    said = set(re.findall(r"\{(\w+)\}", intent.parts.replace("{plus}", "{extras}")))
    for template, found in zip(fixed, slots):
        assert len(set(found)) == len(found) and (free < 12 or set(found) <= said | {"extras"}), template
    rest = intent.parts.replace("name {name}; ", "").replace("; name {name}", "")
    assert all(f"<{intent.parts}>" in one or f"<{rest}>" in one for one in templates if one not in fixed)


def test_held_out_sentences_are_new_but_their_words_are_not():
    words = lambda texts: set(re.findall(r"\w+", CHOICE.sub(r" \1 ", " ".join(texts)).replace("|", " ").lower()))
    things = [intent.thing for intent in INTENTS.values()]
    things += [thing for intent in INTENTS.values() for thing in getattr(intent, "things", {}).values()]
    trained = words(text for intent in INTENTS.values() for text in intent.templates["train"]) | words(things)
    assert words(text for intent in INTENTS.values() for text in intent.templates["held"]) <= trained


PLACE = {"cloud": "aws", "environment": "dev", "group": None, "region": None}
BUCKET = PLACE | {"name": "mail-api", "versioning": True, "kms": True}


def test_choices_in_a_template_follow_the_turn():
    template = "[Write|Make] {name} [in|for] {environment}{extras}{plus}"
    texts = [INTENTS["bucket"].describe(BUCKET, "terraform", Phrasing(template, turn)) for turn in range(4)]
    assert texts[0] == "Write mail-api in dev with versioning and KMS encryption, versioning, KMS encryption"
    assert len(set(texts)) == 4


def test_free_parts_come_in_every_order_and_each_option_is_a_part():
    say = lambda p, template, turns: {
        INTENTS["bucket"].describe(p, "terraform", Phrasing(template, turn)) for turn in range(turns)
    }
    texts = say(BUCKET, "<{name}; {environment}; {plus}>", 48)
    assert len(texts) == 4 * 3 * 2 * 2  # each order, with a comma and with 'and'
    assert {"KMS encryption, mail-api, versioning, dev", "dev, versioning, mail-api and KMS encryption"} <= texts
    texts = say(BUCKET | {"versioning": False, "kms": False}, "a <{name}; {environment}; {plus}>.", 4)
    assert texts == {"a mail-api, dev.", "a dev, mail-api.", "a mail-api and dev.", "a dev and mail-api."}
