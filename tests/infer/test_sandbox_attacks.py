"""Hostile programs, in every tier, as root and as an ordinary user. See hostile.py for what they try."""

import os
import time

import hostile
import pytest
import wards

pytestmark = wards.linux

ENOUGH = {"wall": 3.0, "memory": 48 << 20, "disk": 4 << 20}
SHORT = {"wall": 0.15}  # for what would go on for ever
KINDS = {
    "read": hostile.READ,
    "secrets": hostile.SECRETS,
    "change": hostile.CHANGE,
    "processes": hostile.PROCESSES,
    "network": hostile.NETWORK,
    "resources": hostile.RESOURCES,
    "harness": hostile.HARNESS,
}
ENDLESS = {"thread that stays", "multiprocessing", "stack"}  # these may wait
ATTACKS = [(kind, name) for kind, programs in KINDS.items() for name in programs]

ODD_SOURCES = [
    "\0", "print(1)\0", "\ud800", "(" * 50_000, "-" * 100_000 + "1", "[" * 3000, "x = " + "1+" * 100_000 + "1",
    "if 1:\n" + "".join(" " * n + "if 1:\n" for n in range(1, 120)), "\x0c\x0b", "print('\ufeff')", "lambda: (yield)",
    "# coding: nonsense", "# coding: utf-7\n+AG8-", "x" * 500_000,
]  # fmt: skip


class Outcomes:
    """Runs all attacks of a kind at once, when the first of them is asked for: four at a time, on one sandbox."""

    def __init__(self, who: str, tier: str):
        self.ward = wards.shared(who, tier)
        self.world = self.ward.world
        self.results, self.damage, self.survivors = {}, {}, {}

    def of(self, kind: str) -> dict:
        if kind not in self.results:
            told = self.ward.told()
            self.ward.run(f"hidden = 'earlier-program-{wards.SECRET}'; open('left', 'w').write(hidden)")
            futures = {}
            for name, program in KINDS[kind].items():
                source, ending = program if isinstance(program, tuple) else (program, "")
                limits = SHORT if ending == "longer" or name in ENDLESS else ENOUGH
                futures[name] = self.ward.start(hostile.PRELUDE + source, told, **limits)
            self.results[kind] = {name: wards.done(future, wards.Result) for name, future in futures.items()}
            self.survivors[kind] = self.after_a_moment()
            self.damage[kind] = self.world.changes()
        return self.results[kind]

    def after_a_moment(self) -> list[str]:
        """The processes that stay. A keeper ends itself after it has answered; its program was dead before that."""
        deadline = time.monotonic() + 2
        while len(found := self.ward.processes()) > 1 and time.monotonic() < deadline:
            time.sleep(0.01)
        return found


@pytest.fixture(scope="module", params=wards.WARDS, ids="-".join)
def outcomes(request):
    return Outcomes(*request.param)


@pytest.mark.parametrize("kind, name", ATTACKS, ids=lambda part: part)
def test_attack(outcomes, kind, name):
    result = outcomes.of(kind)[name]
    text = result.stdout + result.stderr
    assert "BREACH" not in result.stdout and wards.SECRET not in text, text[-2000:]
    assert result.tier == outcomes.ward.hello["tier"]
    assert result.seconds < 10, result
    assert "confined" not in result.why and "lost" not in result.why, result.why
    if kind == "resources":
        assert KINDS[kind][name][1] in result.why, result


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_outside_has_changed_and_nobody_survives(outcomes, kind):
    outcomes.of(kind)
    assert outcomes.damage[kind] == []
    assert len(outcomes.survivors[kind]) == 1, "the server, and no one else"
    assert outcomes.ward.left_on_disk() == []
    assert outcomes.ward.run("print(6 * 7)").stdout == "42\n"


def test_there_are_many_attacks():
    assert len(ATTACKS) >= 150


def test_a_source_of_any_kind_is_only_a_result(outcomes):
    ward = outcomes.ward
    for source in ("x" * (1 << 20) + "y", "# " + "\N{SNOWMAN}" * 400_000):
        assert "at most" in ward.run(source).why
    for source in ODD_SOURCES:
        result = ward.run(source, wall=10)
        assert result.seconds < 10 and "lost" not in result.why, (source[:30], result)
    assert ward.run("print(len(open(0).read()))", stdin="x" * 1_000_000).stdout == "1000000\n"
    assert ward.run("print(1)", stdin="\ud800" * 1000).ok
    assert ward.run("print(1)", stdin="x" * (1 << 20)).ok, "it need not read what it is given"


def test_all_ends_when_acorn_is_killed(outcomes):
    """Of the user's own ward, so that killing it shows nothing to the others."""
    ward = wards.Ward(outcomes.ward.who, outcomes.ward.kind, outcomes.world)
    ward.start("import time; time.sleep(1000)", wall=1000, cpu=1000)
    deadline = time.monotonic() + 20
    while len(ward.processes()) < 3 and time.monotonic() < deadline:  # server, keeper, program
        time.sleep(0.02)
    assert len(ward.processes()) == 3
    ward.process.kill()
    ward.process.wait()
    while (ward.processes() or os.path.exists(ward.hello["scratch"])) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert ward.processes() == [] and not os.path.exists(ward.hello["scratch"])
    ward.process.stdin.close()
