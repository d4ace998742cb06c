"""Faults planted in good configurations are found, and near their place. benchmarks/iac_terraform.py does 1,000."""

from random import Random

import pytest

from acorn.recipes.iac import validate
from acorn.recipes.iac.synthesis import documents
from acorn.recipes.iac.terraform.plant import FAULTS, plant

# What shows behind its place, or at the block that lacks something.
LATER = "as_argument declared_twice missing_argument missing_block missing_label open_text set_twice".split()
LATER += ["stray_brace", "unclosed_block", "unclosed_list"]


@pytest.fixture(scope="module")
def texts():
    return list(documents(21, 60))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault, texts):
    rng, planted = Random(fault), []
    while len(planted) < 4:
        if one := plant(rng, rng.choice(texts), fault):
            planted.append(one)
    for one in planted:
        findings = validate.validate(one.text, "terraform")
        assert findings and all(finding.severity == "error" for finding in findings), one
        if fault not in LATER:
            assert any(finding.line == one.line for finding in findings), one


def test_a_fault_is_drawn_where_none_is_named(texts):
    drawn = {plant(Random(n), texts[n % len(texts)]).fault for n in range(80)}
    assert len(drawn) > 15
    assert plant(Random(1), "locals {\n  a = 1\n}\n", "missing_block") is None
