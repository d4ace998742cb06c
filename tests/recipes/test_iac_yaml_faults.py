"""A fixed sample of benchmarks/iac_yaml.py and iac_yaml_fuzz.py: right texts pass, planted faults are found."""

import sys
import time
from pathlib import Path
from random import Random

import pytest

from acorn.recipes.iac import validate
from acorn.recipes.iac.intents import PAIRS

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from iac_yaml_faults import plant, plant_docker
from iac_yaml_fuzz import torn

KINDS = tuple(kind for kind in validate.KINDS if kind != "terraform")


def rendered(kind):
    texts = []
    for intent, one in PAIRS:
        if one == kind:
            texts.append(intent.render(intent.draw(Random(intent.name), "train", kind), kind))
    return texts


def errors(text, kind):
    return [one for one in validate.validate(text, kind) if one.severity == "error"]


@pytest.mark.parametrize("kind", KINDS)
def test_right_texts_pass_and_planted_faults_are_found(kind):
    texts = rendered(kind)
    assert [errors(text, kind) for text in texts] == [[]] * len(texts)
    texts = [text for text in texts if not validate.validate(text, kind)]
    rng, done = Random(1), 0
    while done < 80:
        text = rng.choice(texts)
        made = plant_docker(rng, text) if kind == "dockerfile" else plant(rng, kind, text)
        if made is not None:
            done += 1
            assert errors(made[1], kind), f"not found: {made[0]}\n{made[1]}"


@pytest.mark.parametrize("kind", KINDS)
def test_torn_texts_are_judged_soon(kind):
    rng, texts = Random(2), [text for one in KINDS for text in rendered(one)[:6]]
    start = time.process_time()
    for _ in range(150):
        validate.validate(torn(rng, texts), kind)
    assert time.process_time() - start < 5
