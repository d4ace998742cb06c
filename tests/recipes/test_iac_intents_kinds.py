"""Intents with several kinds, and the rules that some checks have of their own."""

from itertools import permutations
from random import Random

import pytest

from acorn.recipes.iac import validate
from acorn.recipes.iac.intents import INTENTS, PAIRS

SEVERAL = [intent for intent in INTENTS.values() if len(intent.kinds) > 1]


def problems(intent, p, text, kind):
    parsed, findings = validate.read(text, kind)
    errors = [str(one) for one in findings if one.severity == "error"]
    return errors + intent.check(p, parsed, kind)


def both(intent, rng, one, other):
    """Parameters that can be had in two kinds."""
    return next(p for p in iter(lambda: intent.sample(rng), None) if intent.fits(p, one) and intent.fits(p, other))


@pytest.mark.parametrize("intent", SEVERAL, ids=[intent.name for intent in SEVERAL])
def test_what_is_said_in_one_kind_can_be_said_in_another(intent):
    """Pairs for translation: the same parameters, right in both; neither answer passes for the other."""
    rng = Random(intent.name)
    for one, other in permutations(intent.kinds, 2):
        for _ in range(3):
            p = both(intent, rng, one, other)
            for kind in (one, other):
                assert problems(intent, p, intent.render(p, kind), kind) == []
            assert problems(intent, p, intent.render(p, one), other)


def test_there_are_enough_of_each_kind():
    counts = {kind: sum(found == kind for _, found in PAIRS) for kind in validate.KINDS}
    assert len(INTENTS) >= 60 and len(SEVERAL) >= 12
    assert counts["kubernetes"] >= 25 and min(counts.values()) >= 4, counts


def swapped(name, kind, *pairs, **wanted):
    """The problems of an answer to a draw (in which `wanted` holds), after (what, by what) replacements."""
    intent, rng = INTENTS[name], Random(3)
    p = next(p for p in iter(lambda: intent.sample(rng), None) if wanted.items() <= p.items())
    text = intent.render(p, kind)
    assert problems(intent, p, text, kind) == []
    for old, new in pairs:
        old, new = old.format_map(p), new.format_map(p)
        assert old in text, f"{old!r} is not in\n{text}"
        text = text.replace(old, new, 1)
    return problems(intent, p, text, kind)


def test_sidecar_and_main_container_may_change_places():
    pair = (("image: {image}", "image: TO"), ("image: {sidecar}", "image: {image}"), ("image: TO", "image: {sidecar}"))
    assert swapped("sidecar", "kubernetes", *pair) == []
    assert swapped("sidecar", "kubernetes", pair[1])
    assert swapped("sidecar", "kubernetes", ("mountPath: {path}", "mountPath: /else"))
    assert swapped("sidecar", "kubernetes", ("- name: shared", "- name: other"))


def test_a_secret_needs_its_keys_and_takes_any_value():
    assert swapped("secret", "kubernetes", ("${{", "later-")) == []
    secret, p = INTENTS["secret"], {"name": "mail", "namespace": "dev", "keys": ["API_KEY"]}
    coded = secret.render(p, "kubernetes").replace("stringData", "data").replace('"${API_KEY}"', "c29vbg==")
    assert problems(secret, p, coded, "kubernetes") == []
    assert swapped("secret", "kubernetes", ("stringData:", "stringData:\n  MORE: y"))


def test_workloads_select_their_own_pods():
    for name in ("stateful-set", "daemon-set", "spread", "web-service", "memory-cache"):
        assert swapped(name, "kubernetes", ("        app: {name}", "        app: other"))


def test_commands_may_be_text_or_words_in_compose():
    words = ("command: {command}", "command: [WORDS]")
    intent, rng = INTENTS["queue-worker"], Random(3)
    p = intent.sample(rng)
    text = intent.render(p, "compose")
    listed = text.replace(words[0].format_map(p), f"command: [{', '.join(p['command'].split())}]")
    assert listed != text and problems(intent, p, listed, "compose") == []
    assert swapped("queue-worker", "compose", ("command: {command}", "command: {command} now"))


def test_a_health_check_may_be_text_or_words():
    test = "test:\n        - CMD\n        - curl\n        - \"-f\"\n        - http://localhost:{port}{path}"
    shell = "test: curl -f http://localhost:{port}{path} || exit 1"
    assert swapped("health-check", "compose", (test, shell)) == []
    assert swapped("health-check", "compose", (test, shell.replace("{path}", "/else")))


def test_the_data_of_a_database_lie_in_the_volume():
    assert swapped("web-database", "compose", ("data:/var/lib", "data:/var/log"))
    assert swapped("web-database", "compose", ("    volumes:", "    ports:\n      - \"1:1\"\n    volumes:"))


def test_a_password_in_a_playbook_is_wrong():
    assert swapped("postgres-database", "ansible", ("{{{{ db_password }}}}", "hunter2"))
    assert swapped("postgres-database", "ansible", ("{{{{ db_password }}}}", "{{{{ vault_password }}}}")) == []


def test_a_play_is_for_the_hosts_that_were_asked_for():
    for name in ("sysctl", "mount", "checkout", "unit", "host-user"):
        assert swapped(name, "ansible", ("hosts: {hosts}", "hosts: all"))


def test_a_provider_may_come_from_any_registry():
    assert swapped("crossplane-provider", "crossplane", ("xpkg.upbound.io", "registry.example.org")) == []
    assert swapped("crossplane-provider", "crossplane", (":{version}", ":v99"))
