"""Every intent: its answers validate and pass their own check, its requests say all, its check misses no change."""

import json
import re
from random import Random

import pytest

from acorn.recipes.iac import validate
from acorn.recipes.iac.intents import INTENTS, PAIRS, Intent

SAMPLES = 12
TRIES, ENOUGH = 120, 3
LONGEST = 1400  # characters of an answer
DEFAULTS = re.compile(r"final_snapshot|serviceName|secretName|USER|npm ci|-dead\"")  # lines that nobody asked for
intents = pytest.mark.parametrize("intent", INTENTS.values(), ids=list(INTENTS))
pairs = pytest.mark.parametrize("intent, kind", PAIRS, ids=[f"{intent.name}-{kind}" for intent, kind in PAIRS])


def problems(intent, p, text, kind):
    parsed, findings = validate.read(text, kind)
    errors = [str(one) for one in findings if one.severity == "error"]
    return errors + intent.check(p, parsed, kind)


def sample(intent, rng, kind):
    return next(p for p in iter(lambda: intent.sample(rng), None) if intent.fits(p, kind))


@pairs
def test_rendered_answers_validate_and_pass_their_own_check(intent, kind):
    rng = Random(intent.name)
    for _ in range(SAMPLES):
        p = sample(intent, rng, kind)
        assert p == json.loads(json.dumps(p))
        text = intent.render(p, kind)
        assert problems(intent, p, text, kind) == [], text
        assert intent.check(p, {}, kind) and len(text) < LONGEST


@pairs
def test_check_sees_a_change_of_any_parameter(intent, kind):
    """One parameter at a time takes another value: the answer to that must fail the check of this."""
    rng = Random(intent.name)
    changes = dict.fromkeys(sample(intent, rng, kind), 0)
    for _ in range(TRIES):
        p, other = sample(intent, rng, kind), sample(intent, rng, kind)
        for key in p:
            changed = {**p, key: other[key]}
            if p[key] == other[key] or changes[key] >= ENOUGH or not intent.fits(changed, kind):
                continue
            seen = problems(intent, p, intent.render(changed, kind), kind)
            assert seen, f"{key}: {p[key]} -> {other[key]} was not seen"
            changes[key] += 1
    alone = {key for key, count in changes.items() if count >= ENOUGH}
    assert alone == changes.keys() or type(intent).fits is not Intent.fits, changes  # what only fits with another value


@pairs
def test_check_sees_a_change_in_the_text(intent, kind):
    """Every name and number of the request that stands in the answer, changed wherever it stands."""
    rng = Random(intent.name)
    for _ in range(5):
        p = sample(intent, rng, kind)
        text = intent.render(p, kind)
        checked = []
        values = {key: value for key, value in p.items() if key != "cloud" and not isinstance(value, bool)}
        said = [str(value) for value in values.values() if isinstance(value, str | int)]
        for value in said:
            whole = re.compile(rf"(?<![\w.-]){re.escape(value)}(?![\w-]|\.\w)")
            other = str(int(value) + 1) if value.isdecimal() else value[:-1] + ("y" if value[-1] != "y" else "z")
            changed = whole.sub(other, text)
            checked += [line for line in text.splitlines() if whole.search(line) and not DEFAULTS.search(line)]
            assert changed == text or problems(intent, p, changed, kind), f"{value} -> {other}\n{changed}"
        for line in set(checked):
            assert problems(intent, p, text.replace(line + "\n", "", 1), kind), f"without {line!r}\n{text}"


@pairs
def test_check_does_not_mind_order_and_formatting(intent, kind):
    p = sample(intent, Random(intent.name), kind)
    text = intent.render(p, kind)
    if kind == "terraform":
        blocks = re.split(r"\n(?=\w)", text)
        text = "# a comment\n" + "\n".join(reversed([re.sub(r" +=", " =", one) for one in blocks]))
        text = text.replace('"this"', '"main"').replace(".this.", ".main.").replace(".this[", ".main[")
    if kind == "kubernetes":
        import yaml

        text = yaml.safe_dump_all(list(yaml.safe_load_all(text))[::-1], sort_keys=True, default_flow_style=True)
    if kind == "dockerfile":
        text = "# syntax=docker/dockerfile:1\n" + text.replace("\nEXPOSE ", "\n\nLABEL team=web\nexpose ")
    assert problems(intent, p, text, kind) == [], text


@intents
def test_there_are_many_combinations(intent):
    rng = Random(intent.name)
    assert len({json.dumps(intent.sample(rng), sort_keys=True) for _ in range(1000)}) > 850


def test_every_pair_has_its_turn():
    assert len({(intent.name, kind) for intent, kind in PAIRS}) == len(PAIRS) >= len(INTENTS)
    assert all(kind in validate.KINDS for _, kind in PAIRS)


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
    kind = intent.kinds[0]
    draw = lambda wanted: next(p for p in iter(lambda: intent.sample(rng), None) if wanted(p))
    if name == "queue":
        p = draw(lambda p: p["receives"])
        text = intent.render(p, kind)
        assert problems(intent, p, text.replace("aws_sqs_queue.dead.arn", '"arn"'), kind)
        assert problems(intent, p, text[: text.index('\nresource "aws_sqs_queue" "dead"')], kind)
    if name == "network":
        p = draw(lambda p: p["subnets"] == 2 and p["cloud"] == "aws")
        text = intent.render(p, kind)
        start = text.index('resource "aws_subnet"')
        subnet = (
            text[start : text.index("}\n", start) + 2].replace("  count      = 2\n", "").replace("count.index", "0")
        )
        both = text[:start] + subnet + subnet.replace('"this"', '"other"').replace("8, 0", "8, 1")
        assert problems(intent, p, both + text[start:].partition("}\n")[2], kind) == []
        assert problems(intent, p, text[:start] + subnet + text[start:].partition("}\n")[2], kind)
    if name == "security-group":
        p = draw(lambda p: len(p["ports"]) == 2)
        one = intent.render({**p, "ports": p["ports"][:1]}, kind)
        assert problems(intent, p, one, kind)
        low, high = p["ports"]
        assert problems(intent, p, one.replace(f"to_port     = {low}", f"to_port     = {high}"), kind)
    if name == "deployment":
        p = intent.sample(rng)
        text = intent.render(p, kind)
        assert problems(intent, p, text.replace(f"        app: {p['name']}", "        app: other", 1), kind)
    if name == "quota":
        p = {"name": "mail-api", "cpu": 10, "memory": 96, "pods": 100}
        text = intent.render(p, kind)
        short = text.replace("requests.", "")
        assert short != text and problems(intent, p, short, kind) == []
        assert problems(intent, p, short.replace("96Gi", "64Gi"), kind)
        assert problems(intent, p, text.replace("requests.cpu", "limits.cpu"), kind)
        assert problems(intent, p, text.replace("    pods:", '    cpu: "20"\n    pods:'), kind)
