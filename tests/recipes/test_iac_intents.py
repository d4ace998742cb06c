"""Every intent: its answers validate and pass their own check, its requests say all, its check misses no change."""

import json
import re
from itertools import permutations, product
from random import Random

import pytest

from acorn.recipes.iac import validate
from acorn.recipes.iac.intents import INTENTS, Phrasing
from acorn.recipes.iac.intents.intent import CHOICE, FREE

SAMPLES = 60
DEFAULTS = re.compile(r"final_snapshot|secretName|USER|npm ci|-dead\"")  # lines that nobody asked for
intents = pytest.mark.parametrize("intent", INTENTS.values(), ids=list(INTENTS))


def problems(intent, p, text):
    parsed, findings = validate.read(text, intent.kind)
    return [*map(str, findings), *intent.check(p, parsed)]


@intents
def test_rendered_answers_validate_and_pass_their_own_check(intent):
    rng = Random(intent.name)
    for _ in range(SAMPLES):
        p = intent.sample(rng)
        assert p == json.loads(json.dumps(p))
        text = intent.render(p)
        assert problems(intent, p, text) == [], text
        assert intent.check(p, {}) and len(text) < 760


@intents
def test_check_sees_a_change_of_any_parameter(intent):
    """One parameter at a time takes another value: the answer to that must fail the check of this."""
    rng, changes = Random(intent.name), dict.fromkeys(intent.sample(Random(0)), 0)
    for _ in range(SAMPLES):
        p, other = intent.sample(rng), intent.sample(rng)
        for key in p:
            if p[key] == other[key]:
                continue
            changed = {**p, key: other[key]}
            assert problems(intent, p, intent.render(changed)), f"{key}: {p[key]} -> {other[key]} was not seen"
            changes[key] += 1
    assert min(changes.values()) >= 8, changes


@intents
def test_check_sees_a_change_in_the_text(intent):
    """Every name and number of the request that stands in the answer, changed wherever it stands."""
    rng = Random(intent.name)
    for _ in range(SAMPLES // 6):
        p = intent.sample(rng)
        text = intent.render(p)
        checked = []
        values = [str(value) for value in p.values() if isinstance(value, str | int) and not isinstance(value, bool)]
        for value in values:
            whole = re.compile(rf"(?<![\w.-]){re.escape(value)}(?![\w-]|\.\w)")
            other = str(int(value) + 1) if value.isdecimal() else value[:-1] + ("y" if value[-1] != "y" else "z")
            changed = whole.sub(other, text)
            checked += [line for line in text.splitlines() if whole.search(line) and not DEFAULTS.search(line)]
            assert changed == text or problems(intent, p, changed), f"{value} -> {other}\n{changed}"
        for line in set(checked):
            assert problems(intent, p, text.replace(line + "\n", "", 1)), f"without {line!r}\n{text}"


@intents
def test_check_does_not_mind_order_and_formatting(intent):
    p = intent.sample(Random(intent.name))
    text = intent.render(p)
    if intent.kind == "terraform":
        blocks = text.removesuffix("\n").split("\n\nresource ")
        blocks = [one if number == 0 else "resource " + one for number, one in enumerate(blocks)]
        text = "# a comment\n" + "\n".join(reversed([re.sub(r" +=", " =", one) + "\n" for one in blocks]))
        text = text.replace('"this"', '"main"').replace(".this.", ".main.")
    if intent.kind == "kubernetes":
        import yaml

        text = yaml.safe_dump_all(list(yaml.safe_load_all(text))[::-1], sort_keys=True, default_flow_style=True)
    if intent.kind == "dockerfile":
        text = "# syntax=docker/dockerfile:1\n" + text.replace("\nEXPOSE ", "\n\nLABEL team=web\nexpose ")
    assert problems(intent, p, text) == [], text


@intents
def test_requests_say_every_parameter(intent):
    rng = Random(intent.name)
    for template in intent.train + intent.held:
        turn = rng.getrandbits(32)
        for _ in range(20):
            p, other = intent.sample(rng), intent.sample(rng)
            request = intent.describe(p, Phrasing(template, turn))
            assert not re.search(r"[{}|\[\]]|  |None|True|False", request) and len(request) <= 200, request
            for key, value in p.items():
                if isinstance(value, str | int) and not isinstance(value, bool):
                    assert str(value).lower() in request.lower(), f"{key} = {value} is not in: {request}"
                if value != other[key]:
                    said = intent.describe({**p, key: other[key]}, Phrasing(template, turn))
                    assert said != request, f"{key} is not said by {template!r}"
            assert re.search("terraform|hcl|kubernetes|k8s|dockerfile", request, re.IGNORECASE), request


@intents
def test_enough_phrasings_and_combinations(intent):
    assert len(intent.train) >= 14 and len(intent.held) >= 2
    rng = Random(intent.name)
    assert len({json.dumps(intent.sample(rng), sort_keys=True) for _ in range(3000)}) > 2500


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
    """Whatever the order of the free parts: no sequence of words with slots between them is in both."""
    held = {one for template in intent.held for one in skeletons(template)}
    for template in intent.train:
        found = held.intersection(skeletons(template))
        assert not found, f"{template!r} can say {found}"
    assert held.intersection(skeletons(f"<{'; '.join(next(forms(intent.held[-1])).split(', '))}>"))  # it would be seen


@intents
def test_slots_come_in_many_orders(intent):
    """In templates whose order is fixed, and all the more in those where it is free."""
    fixed = [template for template in intent.train if not FREE.search(template)]
    slots = [re.findall(r"\{(\w+)\}", template.replace("{plus}", "{extras}")) for template in fixed]
    assert len(set(map(tuple, slots))) >= 4 and len(intent.train) - len(fixed) >= 3
    subject = "name" if "name" in slots[0] else "command"
    assert any(one[0] == subject for one in slots) and any(one[-1] == subject for one in slots)
    options = any("extras" in one for one in slots)
    assert not options or any("extras" in one[:-1] for one in slots)
    said = set(re.findall(r"\{(\w+)\}", intent.parts.replace("{plus}", "{extras}")))
    assert said == set(slots[0]) | ({"extras"} if options else set())
    assert all(f"<{intent.parts}>" in template for template in intent.train if template not in fixed)


def test_held_out_sentences_are_new_but_their_words_are_not():
    words = lambda texts: set(re.findall(r"\w+", CHOICE.sub(r" \1 ", " ".join(texts)).replace("|", " ").lower()))
    trained = words(text for intent in INTENTS.values() for text in intent.train)
    assert words(text for intent in INTENTS.values() for text in intent.held) <= trained


def test_choices_in_a_template_follow_the_turn():
    intent = INTENTS["bucket"]
    p = {"name": "mail-api", "environment": "dev", "versioning": True, "kms": True}
    template = "[Write|Make] {name} [in|for] {environment}{extras}{plus}"
    texts = [intent.describe(p, Phrasing(template, turn)) for turn in range(4)]
    assert texts[0] == "Write mail-api in dev with versioning and KMS encryption, versioning, KMS encryption"
    assert len(set(texts)) == 4


def test_free_parts_come_in_every_order_and_each_option_is_a_part():
    intent = INTENTS["bucket"]
    p = {"name": "mail-api", "environment": "dev", "versioning": True, "kms": True}
    texts = {intent.describe(p, Phrasing("<{name}; {environment}; {plus}>", turn)) for turn in range(48)}
    assert len(texts) == 4 * 3 * 2 * 2  # each order, with a comma and with 'and'
    assert {"KMS encryption, mail-api, versioning, dev", "dev, versioning, mail-api and KMS encryption"} <= texts
    p |= {"versioning": False, "kms": False}
    texts = {intent.describe(p, Phrasing("a <{name}; {environment}; {plus}>.", turn)) for turn in range(4)}
    assert texts == {"a mail-api, dev.", "a dev, mail-api.", "a mail-api and dev.", "a dev and mail-api."}


def test_a_combination_belongs_to_one_split_for_ever():
    intent = INTENTS["service"]
    p = {"name": "mail-api", "namespace": "shop", "type": "ClusterIP", "port": 80, "target": 8080}
    assert intent.split(p) == "train" == intent.split(dict(reversed(p.items())))
    rng = Random(5)
    shares = [intent.split(intent.sample(rng)) for _ in range(4000)]
    assert 0.82 < shares.count("train") / 4000 < 0.88 and 0.06 < shares.count("test") / 4000 < 0.09


@pytest.mark.parametrize("name", ["queue", "network", "security-group", "deployment", "quota"])
def test_checks_with_rules_of_their_own(name):
    intent, rng = INTENTS[name], Random(1)
    draw = lambda wanted: next(p for p in iter(lambda: intent.sample(rng), None) if wanted(p))
    if name == "queue":
        p = draw(lambda p: p["receives"])
        text = intent.render(p)
        assert problems(intent, p, text.replace("aws_sqs_queue.dead.arn", '"arn"'))
        assert problems(intent, p, text[: text.index('\nresource "aws_sqs_queue" "dead"')])
    if name == "network":
        p = draw(lambda p: p["subnets"] == 2)
        text = intent.render(p)
        start = text.index('resource "aws_subnet"')
        subnet = (
            text[start : text.index("}\n", start) + 2].replace("  count      = 2\n", "").replace("count.index", "0")
        )
        both = text[:start] + subnet + subnet.replace('"this"', '"other"').replace("8, 0", "8, 1")
        assert problems(intent, p, both + text[start:].partition("}\n")[2]) == []
        assert problems(intent, p, text[:start] + subnet + text[start:].partition("}\n")[2])
    if name == "security-group":
        p = draw(lambda p: len(p["ports"]) == 2)
        one = intent.render({**p, "ports": p["ports"][:1]})
        assert problems(intent, p, one)
        low, high = p["ports"]
        assert problems(intent, p, one.replace(f"to_port     = {low}", f"to_port     = {high}"))
    if name == "deployment":
        p = intent.sample(rng)
        text = intent.render(p)
        assert problems(intent, p, text.replace(f"        app: {p['name']}", "        app: other", 1))
    if name == "quota":
        p = {"name": "mail-api", "cpu": 10, "memory": 96, "pods": 100}
        text = intent.render(p)
        short = text.replace("requests.", "")
        assert short != text and problems(intent, p, short) == []
        assert problems(intent, p, short.replace("96Gi", "64Gi"))
        assert problems(intent, p, text.replace("requests.cpu", "limits.cpu"))
        assert problems(intent, p, text.replace("    pods:", '    cpu: "20"\n    pods:'))
