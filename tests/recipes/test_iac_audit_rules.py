"""Every rule finds its planted faults, and nothing else does: the twins in audit_cases/ are clean of every rule."""

import re

import pytest
from audit_cases import documents

from acorn.recipes.iac import audit
from acorn.recipes.iac.audit.rule import SEVERITIES
from acorn.recipes.iac.audit.rules import rules

DOCUMENTS = documents()


@pytest.mark.parametrize("clean", DOCUMENTS, ids=lambda clean: clean.name)
def test_planted_faults_are_found_and_nothing_else(clean):
    assert [str(one) for one in audit.findings(clean.text, clean.kind)] == []
    for fault in clean.faults:
        found = {one.rule for one in audit.findings(fault.apply(clean.text), clean.kind)}
        assert found == {fault.rule}, f"{fault.rule}: {fault.new}"


def test_a_finding_stands_at_what_was_planted():
    """Within four lines of what came, where something came; references may lead further away."""
    far = []
    for clean in DOCUMENTS:
        for fault in clean.faults[::2]:
            bad = fault.apply(clean.text)
            start = bad.find(fault.new)
            first, last = (bad.count("\n", 0, at) + 1 for at in (start, start + len(fault.new)))
            lines = [one.line for one in audit.findings(bad, clean.kind)]
            if len(fault.new) > 8 and not any(first - 4 <= line <= last + 4 for line in lines):
                far.append((clean.name, fault.rule, lines, first))
    assert len(far) <= 20, far


def test_every_rule_has_a_planted_fault():
    planted = {fault.rule for clean in DOCUMENTS for fault in clean.faults}
    assert planted == set(rules())
    assert sum(len(clean.faults) for clean in DOCUMENTS) > 400


def test_rules_say_what_they_are_about():
    for rule in rules().values():
        assert re.fullmatch(r"ACORN-(AWS|AZ|GCP|TF|K8S|DOCKER|COMPOSE|ANSIBLE|XP|CFN)-\d{3}", rule.id)
        assert rule.severity in SEVERITIES and rule.kinds and rule.checks
        assert rule.title[0].isupper() or rule.title.startswith(("sudo", "pip", "apk"))
        assert not rule.title.endswith(".") and rule.why.endswith(".") and rule.remedy.endswith(".")
    assert len({rule.title + rule.id.split("-")[1] for rule in rules().values()}) == len(rules())
