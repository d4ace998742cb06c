"""Made-up problems: the same for ever, apart by split whatever the task, graded strictly, and never a crash."""

import ast
import hashlib
import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acorn.errors import UserError
from acorn.evals.procedural import PROCEDURAL, make, split_of
from acorn.evals.task import SPLITS, Example
from acorn.tokenizer.chat import text_of

NAMES = list(PROCEDURAL)


@pytest.mark.parametrize("name", NAMES)
def test_examples_are_the_same_for_ever(name):
    task = make(name)
    first = task.examples("train", 3, 60)
    assert first == make(name).examples("train", 3, 60) and len(first) == 60
    assert task.examples("train", 3, 25) == first[:25]
    assert task.examples("train", 4, 60) != first and task.examples("test", 3, 60) != first
    for e in first:
        assert json.loads(json.dumps(e.data)) == e.data and 0 <= e.level < task.levels and e.kind and e.request
    assert {e.level for e in first} == set(range(task.levels))


def test_problems_stay_what_they_are():
    """A change here changes what was measured: raise VERSION."""
    digests = {}
    for name in NAMES:
        asked = [[e.request, e.answer, e.level, e.kind] for e in make(name).examples("test", 0, 100)]
        digests[name] = hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:8]
    assert digests == {
        "add2": "2b3499c1",
        "addition": "83d2a9c7",
        "arithmetic": "bccf7e47",
        "arithmetic-tool": "0db1c289",
        "letters": "c1635cc1",
        "letters-tool": "52ef1aa7",
        "spelling": "e8ba4dbc",
        "sorting": "ebb41d0e",
        "json": "8cdcd980",
    }


@pytest.mark.parametrize("name", NAMES)
def test_the_answer_is_right(name):
    task = make(name)
    for split in SPLITS:
        for e in task.examples(split, 1, 100):
            grade = task.grade(e, text_of(e.answer))
            assert grade.valid and grade.right and not grade.why
            assert len(text_of(e.answer)) <= task.max_tokens  # also where a token is a character


def test_answers_of_an_independent_way():
    """What is asked, read from the request alone, has the answer that is given."""
    for e in make("arithmetic").examples("test", 2, 300):
        a, sign, b = e.data["a"], e.data["sign"], e.data["b"]
        assert str(a) in e.request and str(b) in e.request
        assert int(e.answer) == {"+": int.__add__, "-": int.__sub__, "*": int.__mul__}[sign](a, b)
    for e in make("letters").examples("test", 2, 100):
        assert e.data["word"] in e.request and e.data["letter"] in e.request.replace(e.data["word"], "")
        assert int(e.answer) == sum(c == e.data["letter"] for c in e.data["word"])
    for e in make("sorting").examples("test", 2, 100):
        down = any(word in e.request for word in ("largest to smallest", "descending", "Largest first"))
        assert [int(n) for n in e.answer.split(", ")] == sorted(e.data["numbers"], reverse=down)
    for e in make("json").examples("test", 2, 100):
        answer, kept = json.loads(e.answer), e.data["keep"] or list(e.data["object"])
        assert answer == {k: e.data["object"][k] for k in kept} and all(k in e.request for k in kept)


def problem_keys(name: str, split: str, count: int) -> set[str]:
    """What a problem is about, in the words of this test: commuted sums and permuted lists are one problem."""
    keys = set()
    for e in make(name).examples(split, 5, count):
        d = e.data
        if "sign" in d:
            pair = (d["a"], d["b"]) if d["sign"] == "-" else tuple(sorted((d["a"], d["b"])))
            keys.add(f"{d['sign']} {pair}")
        elif "numbers" in d:
            keys.add(str(sorted(d["numbers"])))
        else:
            keys.add(d.get("word") or json.dumps(d["object"], sort_keys=True))
    return keys


def test_no_held_out_problem_is_trained_on():
    """Not in its own task, and not in another one."""
    for group in (["add2", "addition", "arithmetic", "arithmetic-tool"], ["letters", "letters-tool", "spelling"],
                  ["sorting"], ["json"]):  # fmt: skip
        of = {split: set().union(*(problem_keys(name, split, 800) for name in group)) for split in SPLITS}
        assert not of["train"] & of["test"] and not of["train"] & of["val"] and not of["val"] & of["test"]
        assert all(len(keys) > 20 for keys in of.values())


def test_two_digit_addition_can_be_had_to_the_last():
    all_of = {split: make("add2").examples(split, 0, 10**6) for split in SPLITS}
    pairs = [(e.data["a"], e.data["b"]) for examples in all_of.values() for e in examples]
    assert sorted(pairs) == [(a, b) for a in range(10, 100) for b in range(10, 100)]
    assert {split: len(examples) for split, examples in all_of.items()} == {"train": 6432, "val": 796, "test": 872}
    assert make("add2").examples("test", 0, 50) == make("addition", low=2, high=2).examples("test", 0, 50)
    assert make("add2").levels == 1 and make("add2").examples("val", 0, 1)[0].level == 0


def test_splits_have_their_shares():
    shares = Counter(split_of(str(i)) for i in range(20_000))
    assert abs(shares["train"] - 16_000) < 300 and abs(shares["val"] - 2000) < 200


def test_a_level_that_ends_leaves_the_others():
    examples = make("addition", high=2).examples("test", 0, 500)
    by_level = Counter(e.level for e in examples)
    assert len(examples) == 500 and by_level[0] == 11
    assert len({json.dumps(e.data) for e in examples}) == 500  # none twice


def test_levels_get_harder():
    for low, digits in ((1, 1), (3, 3)):
        for e in make("arithmetic", low=low, high=low).examples("train", 0, 50):
            assert len(str(e.data["a"])) == digits and len(str(e.data["b"])) <= digits
    for name, size in (("spelling", "word"), ("sorting", "numbers"), ("json", "object")):
        sizes = [[len(e.data[size]) for e in make(name, low=n, high=n).examples("train", 0, 20)] for n in (1, 2, 3, 4)]
        assert all(max(a) < min(b) for a, b in zip(sizes, sizes[1:]))


def test_chance_of_counting_letters():
    answers = Counter(e.answer for e in make("letters").examples("test", 0, 4000))
    assert abs(answers.most_common(1)[0][1] / 4000 - make("letters").chance) < 0.03


def test_calculator_answers():
    for name in ("arithmetic-tool", "letters-tool"):
        for e in make(name).examples("train", 0, 100):
            call, output, text = e.answer
            assert [part["type"] for part in e.answer] == ["python", "output", "text"]
            assert output["text"] == text["text"]
            if name == "arithmetic-tool":
                tree = ast.parse(call["text"], mode="eval").body
                ops = {ast.Add: int.__add__, ast.Sub: int.__sub__, ast.Mult: int.__mul__}
                assert str(ops[type(tree.op)](tree.left.value, tree.right.value)) == output["text"]


def test_the_tool_gives_what_the_answers_say():
    tools = pytest.importorskip("acorn.infer.tools")
    for name in ("arithmetic-tool", "letters-tool"):
        for e in make(name).examples("train", 0, 200):
            assert tools.run_tool(e.answer[0]["text"]) == e.answer[1]["text"]


SUM = Example("", "", {"a": 12, "sign": "+", "b": 34})
BIG = Example("", "", {"a": 1200, "sign": "-", "b": 3434})
BANANA = Example("", "", {"word": "banana", "letter": "a"})
DOWN = Example("", "", {"numbers": [3, 10, 3], "down": True})
MAKE = Example("", "", {"object": {"name": "Uma", "age": 1, "active": True}, "keep": []})
KEEP = Example("", "", {"object": {"name": "Uma", "age": 1, "active": True}, "keep": ["age"]})
WHOLE = '{"name": "Uma", "age": 1, "active": true}'

GRADES = [  # name, example, reply, (valid, right)
    *[("add2", SUM, reply, (True, True)) for reply in [
        "46", " 46\n", "46.", "12 + 34 = 46", "12+34=46", "The sum is 46.", "Let me see.\n\n#### 46", "It is: 46",
        "**46**", "12 plus 34 equals 46", "4\n= 45\n= 46",
    ]],
    *[("add2", SUM, reply, (True, False)) for reply in ["47", "046", "-46", "46\n47", "= 46 = 47", "46" * 300]],
    *[("add2", SUM, reply, (False, False)) for reply in [
        "", "\n", "46 apples", "46 or 47", "45 46", "46\nDone", "12 + 34", "4 6", "forty-six", "46.0", "4.6e1", "−46",
        "٤٦", "46?", "so 46", "0-46", "this46", "x" * 2000 + "= 46", "46\n\n.", "1,2,46", "{46}", "46\x00",
    ]],
    *[("arithmetic", BIG, reply, (True, True)) for reply in ["-2234", "1200 - 3434 = -2234", "-2,234", "=-2234"]],
    *[("arithmetic", BIG, reply, (True, False)) for reply in ["2234", "2,234"]],
    *[("arithmetic", BIG, reply, (False, False)) for reply in ["- 2234", "--2234", "-22,34"]],
    *[("letters", BANANA, reply, (True, True)) for reply in ["3", "The answer is 3."]],
    ("letters", BANANA, "three", (False, False)),
    ("letters", BANANA, "2", (True, False)),
    *[("spelling", BANANA, reply, (True, True)) for reply in [
        "b, a, n, a, n, a", "b a n a n a", "B-A-N-A-N-A", "Sure: b, a, n, a, n, a.", "Yes.\nb,a,n,a,n,a",
    ]],
    *[("spelling", BANANA, reply, (True, False)) for reply in ["b, a, n, a, n", "b, a, n, a, n, a, s", "a"]],
    *[("spelling", BANANA, reply, (False, False)) for reply in ["banana", "", "b, a, n, an, a", "b, a, n, a, n, a!"]],
    *[("sorting", DOWN, reply, (True, True)) for reply in ["10, 3, 3", "10 3 3", "[10, 3, 3]", "So: 10,3,3."]],
    *[("sorting", DOWN, reply, (True, False)) for reply in ["3, 3, 10", "10, 3", "10, 3, 3, 3", "1033", "10, 03, 3"]],
    *[("sorting", DOWN, reply, (False, False)) for reply in ["", "10 > 3 > 3", "10, 3, 3 or so", "10, 3, -3"]],
    *[("json", MAKE, reply, (True, True)) for reply in [
        WHOLE, '{"active":true,"age":1,"name":"Uma"}', f"```json\n{WHOLE}\n```", f"\n{WHOLE} ",
    ]],
    *[("json", MAKE, reply, (True, False)) for reply in [
        "{}", WHOLE.replace("1", "1.0"), WHOLE.replace("true", "1"), WHOLE.replace("1", "true"),
        WHOLE.replace("1", '"1"'), WHOLE.replace("Uma", "uma"), WHOLE[:-1] + ', "x": 1}',
    ]],
    *[("json", MAKE, reply, (False, False)) for reply in [
        "", "Here: " + WHOLE, WHOLE + "!", WHOLE[:-1], f"[{WHOLE}]", WHOLE[:-1] + ', "age": 1}', '{"age": NaN}',
        "[" * 9000, '{"a":' * 1900, '{"age": ' + "1" * 5000 + "}", "1", "null", WHOLE + " " * 20_000 + WHOLE,
    ]],
    ("json", KEEP, '{"age": 1}', (True, True)),
    ("json", KEEP, WHOLE, (True, False)),
]  # fmt: skip


@pytest.mark.parametrize("name, example, reply, expected", GRADES)
def test_grades(name, example, reply, expected):
    grade = make(name).grade(example, reply)
    assert (grade.valid, grade.right) == expected
    assert grade.right or (grade.why and len(grade.why) < 1000)


PIECES = st.sampled_from(
    ["46", "= ", ": ", "-", ",", "{", "\"age\"", "}", "\n", "b", " is ", "```json\n", "[", "\ud800", "\0", "٤"]
)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60, deadline=None)
@given(reply=st.one_of(st.text(), st.lists(PIECES, max_size=30).map("".join)))
def test_no_reply_breaks_a_grade(name, reply):
    task = make(name)
    grade = task.grade(EXAMPLE_OF[name], reply)
    assert grade.valid or not grade.right


EXAMPLE_OF = {name: make(name).examples("val", 0, 1)[0] for name in NAMES}


@pytest.mark.parametrize(
    "name, dials, message",
    [
        ("adition", {}, "no task 'adition'. Did you mean addition"),
        ("addition", {"high": 5}, "addition has levels 1 to 4, not 1 to 5"),
        ("sorting", {"low": 3, "high": 2}, "sorting has levels 1 to 4, not 3 to 2"),
        ("json", {"low": 0}, "json has levels 1 to 4, not 0 to 4"),
        ("json", {"digits": 2}, "the task json has no dial 'digits'; its dials are low and high"),
    ],
)
def test_what_cannot_be_made(name, dials, message):
    with pytest.raises(UserError, match=message):
        make(name, **dials)


def test_names_tell_the_levels():
    assert make("sorting").name == "sorting" and make("sorting", low=2, high=3).name == "sorting-2-3"
    assert make("sorting", low=4).name == "sorting-4" and make("add2").name == "add2"
    with pytest.raises(UserError, match="no split 'validation'; there are train, val, test"):
        make("add2").examples("validation", 0, 1)
