"""Grading: cheats fail, honest solutions pass, values keep their types, HumanEval's and MBPP's own code is right."""

import array
import collections
import json
import os
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cheats
import pytest
import wards
from hypothesis import given
from hypothesis import strategies as st

from acorn.infer import sandbox_wire as wire
from acorn.infer.sandbox import Limits, Sandbox, check_solution

pytestmark = wards.linux

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "chat_eval"
SHORT = {"wall": 0.4}


class Grades:
    """All cheats against a test at once, four at a time, when the first is asked for."""

    def __init__(self, who: str, tier: str):
        self.ward = wards.shared(who, tier)
        self.verdicts = {}

    def of(self, test: str) -> dict:
        if test not in self.verdicts:
            entry, source = cheats.TESTS[test]
            wishes = {
                name: {"prompt_and_solution": cheat, "test": source, "entry_point": entry, "setup": ""}
                for name, cheat in {**cheats.CHEATS, "honest": cheats.HONEST}.items()
            }
            futures = {name: self.ward.ask(check=wish, limits=SHORT) for name, wish in wishes.items()}
            self.verdicts[test] = {name: wards.done(future, wards.Verdict) for name, future in futures.items()}
        return self.verdicts[test]


@pytest.fixture(scope="module", params=wards.WARDS, ids="-".join)
def grades(request):
    return Grades(*request.param)


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as found:
        yield found


ONE_TEST = dict(zip(wards.WARDS, ("swallowing", "check", "all", "itself")))  # each ward takes another


@pytest.mark.parametrize("name", cheats.CHEATS)
def test_cheat(grades, name):
    verdict = grades.of(ONE_TEST[grades.ward.who, grades.ward.kind])[name]
    assert not verdict.passed and verdict.why and verdict.why.isprintable(), verdict
    assert verdict.tier == grades.ward.hello["tier"]


def test_honest_passes(grades):
    verdict = grades.of(ONE_TEST[grades.ward.who, grades.ward.kind])["honest"]
    assert verdict.passed, verdict.why


@pytest.mark.slow
def test_every_cheat_against_every_test(grades):
    for test in cheats.TESTS:
        verdicts = grades.of(test)
        assert [name for name, verdict in verdicts.items() if verdict.passed] == ["honest"]


def test_the_swallowing_test_cannot_be_passed_by_dying(sandbox):
    """A test that forgives every exception forgives those of a function, not the end of its process."""
    forgiving = "def check(candidate):\n    try:\n        candidate(1)\n    except:\n        pass"
    assert not check_solution(sandbox, "def f(x): import os; os._exit(0)", forgiving, "f").passed
    assert check_solution(sandbox, "def f(x): raise ValueError", forgiving, "f").passed


@pytest.mark.parametrize(
    "solution, test, entry, passes, why",
    [
        ("def f(x): return x", "assert f(1) == 1 and f('a') == 'a'", "", True, ""),
        ("def f(x): return x", "def check(c):\n    assert c(x=1) == 1", "f", True, ""),
        ("def f(x): return [x]", "assert f(1) == (1,)", "", False, "AssertionError"),
        ("def f(x): raise KeyError", "try:\n    f('a')\n    assert False\nexcept KeyError:\n    pass", "", True, ""),
        ("class Odd(Exception): pass\ndef f(x): raise Odd(x)", "f(1)", "", False, "Odd: 1"),
        ("def f(x): return object()", "assert f(1)", "", False, "cannot be sent"),
        ("def f(x): return x", "assert f(lambda: 1)", "", False, "cannot be sent"),
        ("def f(x): return x", "assert True", "", False, "uses none"),
        ("def f(x): return x", "", "f", False, "never calls"),
        ("def f(x): return x", "def check(c: pass", "f", False, "SyntaxError"),
        ("def f(x): return x", "f(1)\nimport os; os._exit(0)", "", False, "no verdict"),
        ("def f(x): return x", "f(1)\nimport os; os.write(4, b'....5'); os._exit(0)", "", False, "no verdict"),
        ("def f(x): return x", "f(1)\nimport os; os.write(4, b'....[1, 5]'); os._exit(0)", "", False, "5"),
        ("def f(x): return x\ndef g(x): return x", "assert f(4) == g(4)", "", False, "and uses f, g"),
        ("def f(x): return x\ndef g(x): return x", "assert f(4) == g(4)", "f", False, "NameError"),
        ("def f(x): return x", "f(1)\nwhile True: pass", "", False, "ran longer"),
        ("import os\nos.fork()", "assert f(1)", "", False, "PermissionError"),
        ("import nonsense", "assert f(1)", "", False, "does not load: ModuleNotFoundError"),
        ("def f(x): return 1 / 0", "assert f(1) == 1", "", False, "ZeroDivisionError (division by zero) in line 1"),
        ("def f(x):\n while True: pass", "assert f(1) == 1", "", False, "the candidate: ran longer than"),
        ("def f(x): return 'x' * 10**9", "assert f(1) == 1", "", False, "MemoryError"),
        ("def f(x): print('x' * 10**6)", "assert f(1) == 1", "", False, "wrote more"),
        ("def f(x): import ctypes; ctypes.string_at(0)", "assert f(1) == 1", "", False, "signal 11"),
        ("def f(x): x.append(1); return x", "a = [0]\nassert f(a) == [0, 1]\nassert a == [0]", "", True, ""),
        ("import random\ndef f(): return random.random()", "assert f() == 0.8444218515250481", "", True, ""),
        ("def f(x): return '\\x1b[2J'", "assert f(1) == 1, f(1)", "", False, "\N{REPLACEMENT CHARACTER}[2J"),
        ("def f(x): return x", "import sys\nassert f(sys.modules['__main__'] is None) is False", "", True, ""),
        ("def f(a): return sum(a)", "assert math.floor(f([1.5])) == 1", "", True, ""),
    ],
)  # fmt: skip
def test_verdicts(sandbox, solution, test, entry, passes, why):
    verdict = check_solution(sandbox, solution, test, entry, limits=Limits(wall=1.0))
    assert verdict.passed is passes and why in verdict.why, verdict


def test_setup_is_the_graders_own(sandbox):
    """The prompt's helper is taken from the prompt, not from the solution that overwrites it."""
    prompt = "def helper(x):\n    return x * 2\n\ndef f(x):\n    '''helper(f(x)) == x'''\n"
    test = "def check(candidate):\n    assert helper(candidate(4)) == 4"
    wrong = prompt + "    return 9\ndef helper(x): return 4"
    assert check_solution(sandbox, prompt + "    return x // 2", test, "f", setup=prompt).passed
    assert not check_solution(sandbox, wrong, test, "f", setup=prompt).passed


def test_too_long_is_said(sandbox):
    assert "at most" in check_solution(sandbox, "x" * (2 << 20), "assert f(1)").why
    assert "at most" in check_solution(sandbox, "x", "#" * (2 << 20)).why


# ---- values -----------------------------------------------------------------------------------------------------

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=20,
)


def same(a, b) -> bool:
    """Equal, and of equal types all the way down: 1, 1.0 and True are three things."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b and repr(a) == repr(b)


@given(plain)
def test_values_arrive_as_they_were(value):
    assert same(wire.unpack(json.loads(json.dumps(wire.pack(value)))), value)


def test_containers_arrive_as_they_were():
    for value in (
        {1, "a"}, frozenset([2]), range(3, 9, 2), collections.deque([1]), array.array("i", [1, 2]), bytearray(b"x"),
        collections.Counter("aab"), collections.OrderedDict(a=1), float("inf"), -0.0, 1j, 1 << 10000, "\ud800",
        {(1, 2): {3: [None]}}, int,
    ):  # fmt: skip
        assert same(wire.unpack(json.loads(json.dumps(wire.pack(value)))), value), value
    assert list(wire.unpack(wire.pack(map(str, [1, 2])))) == ["1", "2"]
    assert wire.unpack(wire.pack({1: 2}.items())) == {1: 2}.items()
    assert wire.unpack(wire.pack({1: 2}.keys())) == {1} and list(wire.unpack(wire.pack({1: 2}.values()))) == [2]


def test_a_hostile_sender_makes_only_wire_errors():
    """Random damage to real messages, and messages that only look like values."""
    rng = random.Random(0)
    good = wire.pack(
        [1, 2.5, "x", {"a": (1, {2})}, b"y", range(3), 1j, collections.Counter("ab"), array.array("b", [1])]
    )

    def damage(part):
        if isinstance(part, list) and part and rng.random() < 0.9:
            i = rng.randrange(len(part))
            return [damage(p) if k == i else p for k, p in enumerate(part)]
        junk = [
            None,
            True,
            0,
            -1,
            1.5,
            "",
            "zz",
            "l",
            [],
            [[]],
            {},
            {"a": 1},
            ["n"],
            ["T", "eval"],
            ["i", 3],
            ["d", [[[], 1]]],
            "0x" * 9,
        ]
        return rng.choice(junk)

    for _ in range(3000):
        try:
            wire.unpack(damage(good))
        except wire.WireError:
            pass


def test_frames():
    ours, theirs = os.pipe()
    for message in ({"a": [1, None, "\ud800"]}, [], "x" * 1000):
        wire.send(theirs, message)
        assert wire.receive(ours) == message
    with pytest.raises(ValueError, match="too much"):
        wire.send(theirs, "x" * (wire.MAX_FRAME + 1))
    for broken in (b"\x01", b"\xff\xff\xff\xff", b"\x02\x00\x00\x00{]"):
        r, w = os.pipe()
        os.write(w, broken)
        os.close(w)
        with pytest.raises(wire.WireError):
            wire.receive(r)
        os.close(r)
    os.close(ours)
    os.close(theirs)


# ---- the real tasks ---------------------------------------------------------------------------------------------


def rows(name: str) -> list[dict]:
    path = DATA / name
    if not path.exists():
        pytest.skip("no data here")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("every", [3, pytest.param(1, marks=pytest.mark.slow)])
def test_canonical_solutions_of_humaneval_pass(sandbox, every):
    def grade(row):
        solution = row["prompt"] + row["canonical_solution"]
        return row["task_id"], check_solution(sandbox, solution, row["test"], row["entry_point"], setup=row["prompt"])

    with ThreadPoolExecutor(2) as pool:
        verdicts = list(pool.map(grade, rows("humaneval/HumanEval.jsonl")[::every]))
    assert [(task, verdict.why) for task, verdict in verdicts if not verdict.passed] == []
    assert len(verdicts) == -(-164 // every)


# 126 tests a function that is called like a builtin, and must be named; 367, 601 and 927 hand over objects of classes
# that the solution defines.
MBPP_NOT = {126, 367, 601, 927}


@pytest.mark.slow
def test_mbpps_own_code_passes_its_tests(sandbox):
    failed = set()
    for row in rows("mbpp/mbpp.jsonl"):
        test, patient = "\n".join(row["test_list"]), Limits(wall=30.0, cpu=30)  # 123 counts for seconds
        verdict = check_solution(sandbox, row["code"], test, setup=row["test_setup_code"], limits=patient)
        failed |= set() if verdict.passed else {row["task_id"]}
    assert failed == MBPP_NOT
    row = next(row for row in rows("mbpp/mbpp.jsonl") if row["task_id"] == 126)
    assert check_solution(sandbox, row["code"], "\n".join(row["test_list"]), "sum").passed
