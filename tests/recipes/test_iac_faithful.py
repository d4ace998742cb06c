"""Does code do what a request said, and is what was copied wrongly put right?"""

import random

import pytest

from acorn.recipes.iac import faithful, validate
from acorn.recipes.iac.intents import INTENTS, PAIRS


def asked(intent, kind: str, seed: int) -> tuple[dict, str]:
    rng = random.Random(f"{intent.name} {kind} {seed}")
    p = intent.draw(rng, "test", kind)
    return p, intent.describe(p, kind, intent.phrasing(rng, "test"))


def look(code: str, kind: str, text: str):
    return faithful.look(validate.read(code, kind)[0], kind, text)


def test_the_known_answer_to_a_request_is_never_astray():
    known = 0
    for intent, kind in PAIRS:
        p, text = asked(intent, kind, 1)
        found = look(intent.render(p, kind), kind, text)
        assert not found or found.astray == (), text
        known += found is not None
    assert known > 0.9 * len(PAIRS)


def test_an_answer_to_another_request_is_astray_and_put_right():
    """Another draw of the same intent differs in all names and numbers, more than an answer of a model ever does."""
    seen = right = 0
    for intent, kind in PAIRS[::2]:
        (p, text), (other, _) = asked(intent, kind, 1), asked(intent, kind, 2)
        if intent.render(p, kind) == intent.render(other, kind) or not (
            found := look(intent.render(other, kind), kind, text)
        ):
            continue
        seen += bool(found.astray)
        mended = faithful.mended(found)
        right += mended == intent.render(p, kind)
    assert seen > 50 and right > 0.35 * seen, (seen, right)


@pytest.mark.parametrize(
    ("given", "text", "wanted"),
    [
        ({"name": "the"}, "Terraform: S3 bucket called orders-x1, environment dev", {"name": "orders-x1"}),
        ({"name": "the"}, "Terraform: S3 bucket called session, environment dev", {"name": "session"}),
        (
            {"name": "the"},
            "Terraform: S3 bucket that somebody ordered, environment dev",
            None,
        ),  # a word is no name by itself
        ({"versioning": True}, "Terraform: S3 bucket orders, environment dev", {"versioning": False}),
    ],
)
def test_names_and_options(given, text, wanted):
    bucket = INTENTS["bucket"]
    p = {"cloud": "aws", "environment": "dev", "group": None, "region": None, "name": "orders", "versioning": False}
    p = {**p, "kms": False, **given}
    found = look(bucket.render(p, "terraform"), "terraform", text)
    assert found.astray
    assert faithful.mended(found) == (bucket.render({**p, **wanted}, "terraform") if wanted else None)


def test_what_is_nothing_known_is_not_judged():
    assert look('resource "aws_ebs_volume" "a" {\n  availability_zone = "b"\n}\n', "terraform", "a volume") is None
    assert look("", "terraform", "a volume") is None
