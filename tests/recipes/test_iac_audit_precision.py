"""What the audit says of code that nothing is wrong with: renders of every intent, 20 draws of each."""

from collections import Counter
from random import Random

import pytest

from acorn.recipes.iac import audit
from acorn.recipes.iac.intents import PAIRS

# True, and not for the render to decide: it was asked for, or it needs a network that the request did not name.
TRUE = {
    ("service", "kubernetes"): {"ACORN-K8S-051"},  # on a port of every node, as was asked
    ("ingress", "kubernetes"): {"ACORN-K8S-054"},  # without TLS, as was asked
    ("bucket", "terraform"): {"ACORN-AZ-005"},
    ("cache", "terraform"): {"ACORN-AZ-015"},
    ("registry", "terraform"): {"ACORN-AZ-015"},
    ("postgres", "terraform"): {"ACORN-GCP-031"},
    ("cluster", "terraform"): {"ACORN-AZ-041", "ACORN-AZ-042"},
}


def test_renders_of_intents_bring_no_finding_that_fails_a_check():
    seen, found = 0, Counter()
    for intent, kind in PAIRS:
        for seed in range(20):
            text = intent.render(intent.draw(Random(seed), "train", kind), kind)
            findings = audit.findings(text, kind)
            assert not [one for one in findings if one.message.startswith(audit.UNREAD)]
            seen += 1
            found.update((intent.name, kind, one.rule) for one in findings if one.severity != "note")
    assert seen >= 2_800
    assert [key for key in found if key[2] not in TRUE.get(key[:2], ())] == []


@pytest.mark.parametrize("image, known", [("acme/shop:1.2", False), ("cassandra:5.0", True), ("${IMAGE}", False)])
def test_a_port_that_anybody_uses_is_a_database_only_by_its_image(image, known):
    text = f'services:\n  a:\n    image: "{image}"\n    ports: ["7000:7000"]\n'
    rules = {one.rule for one in audit.findings(text, "compose")}
    assert ("ACORN-COMPOSE-008" in rules) == known
    assert "ACORN-COMPOSE-008" in {one.rule for one in audit.findings(text.replace("7000", "5432"), "compose")}
