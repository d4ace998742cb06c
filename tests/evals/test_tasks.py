"""Tasks from files: what is asked, what the right answer is, what counts as right, and what a broken file is told."""

import json
from pathlib import Path

import pytest

from acorn.errors import Refused, UserError
from acorn.evals.code import Grader
from acorn.evals.gsm8k import parts
from acorn.evals.humaneval import program
from acorn.evals.task import SPLITS
from acorn.evals.tasks import CHOICES, CODE, FILES, get_task

DATA = Path(__file__).parents[3] / "shared" / "data" / "chat_eval"
real = pytest.mark.skipif(not DATA.exists(), reason="no task data here")

ARC = {"question": "What melts?", "choices": {"text": ["ice", "fog"], "label": ["A", "B"]}, "answerKey": "A"}
MMLU = {"question": "2 + 2?", "subject": "high_school_sums", "choices": ["1", "2", "3", "4"], "answer": 3}
AQUA = {"question": "2 + 3?", "options": ["A)4", "B) 5"], "rationale": "count", "correct": "B"}
GSM = {"question": "How many?", "answer": "She has 48/2 = <<48/2=24>>24 left.\n#### 24"}
SVAMP = {
    "Body": "Ann has 5 pens",
    "Question": "How many?",
    "Equation": "( 5.0 - 2.0 )",
    "Answer": 3.0,
    "Type": "Subtraction",
}
HUMANEVAL = {"prompt": "import math\n\n\ndef f(x):\n    '''Twice x.'''\n", "canonical_solution": "    return 2 * x\n",
             "test": "def check(candidate):\n    assert candidate(2) == 4\n", "entry_point": "f"}  # fmt: skip
MBPP = {"task_id": 12, "text": "Write f.", "code": "def g(x):\r\n    return x\r\ndef f(x):\r\n    return g(x)",
        "test_list": ["assert f(1) == 1", "assert f(2) == 2"], "test_setup_code": ""}  # fmt: skip

RECORDS = {
    "arc/ARC-Easy-test.jsonl": [ARC],
    "arc/ARC-Easy-train.jsonl": [ARC, *({**ARC, "question": f"Question {i}?"} for i in range(40))],
    "arc/ARC-Challenge-test.jsonl": [ARC],
    "arc/ARC-Challenge-train.jsonl": [{**ARC, "question": "Another?"}],
    "mmlu/test.jsonl": [MMLU],
    "mmlu/dev.jsonl": [{**MMLU, "question": f"{i}?", "answer": i % 4} for i in range(6)],
    "aqua/test.jsonl": [AQUA],
    "aqua/dev.jsonl": [AQUA, {**AQUA, "question": "2 + 4?"}],
    "gsm8k/test.jsonl": [GSM],
    "gsm8k/train.jsonl": [GSM, *({**GSM, "question": f"Question {i}?"} for i in range(40))],
    "svamp/SVAMP.json": [SVAMP],
    "humaneval/HumanEval.jsonl": [HUMANEVAL],
    "mbpp/mbpp.jsonl": [MBPP, {**MBPP, "task_id": 601, "text": "Write f again."}, {**MBPP, "task_id": 3}],
}


def write(folder: Path, records: dict = RECORDS) -> Path:
    for name, rows in records.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        path.write_text(json.dumps(rows) if name.endswith(".json") else lines)
    return folder


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path)


def first(name, folder, split="test"):
    task = get_task(name, folder)
    return task, task.examples(split, 1, 1)[0]


@pytest.mark.parametrize("name", FILES)
def test_splits_are_apart_and_draws_are_stable(folder, name):
    task = get_task(name, folder)
    assert task.name == name and task.version >= 1
    everything = {split: task.examples(split, 3, 1000) for split in SPLITS}
    requests = [example.request for examples in everything.values() for example in examples]
    assert len(requests) == len(set(requests))
    assert everything["test"]
    for split, examples in everything.items():
        assert task.examples(split, 3, 5) == examples[:5]
        assert sorted(e.request for e in task.examples(split, 4, 1000)) == sorted(e.request for e in examples)


@pytest.mark.parametrize("name", [name for name in FILES if name not in CODE])
def test_the_answer_is_right_and_no_reply_raises(folder, name):
    task, example = first(name, folder)
    answer = example.answer if isinstance(example.answer, str) else "".join(p["text"] for p in example.answer)
    assert task.grade(example, answer).right
    for odd in (
        "",
        "\0",
        "#### ",
        "#### ,,,",
        "9" * 5000,
        "####" * 5000,
        "é",
        "(((" * 999,
        "#### 1e999",
        "####-" + "." * 30,
    ):
        assert not task.grade(example, odd).right


def test_multiple_choice_is_laid_out(folder):
    _, example = first("arc-easy", folder)
    assert example.request == (
        "Multiple Choice question: What melts?\n- ice=A\n- fog=B\n\nRespond only with the letter of the correct answer."
    )
    assert example.data == {
        "letters": ["A", "B"], "gold": 0, "context": "Question: What melts?\nAnswer:", "choices": ["ice", "fog"],
    }  # fmt: skip
    _, example = first("mmlu", folder)
    assert example.kind == "high_school_sums" and example.answer == "D" and example.data["choices"] == list("ABCD")
    assert example.data["context"].startswith(
        "The following are multiple choice questions (with answers) about high school sums.\n\n0?\nA. 1\nB. 2\n"
        "C. 3\nD. 4\nAnswer: A\n\n1?\n"
    )
    assert example.data["context"].endswith("\n\n2 + 2?\nA. 1\nB. 2\nC. 3\nD. 4\nAnswer:")
    assert example.data["context"].count("Answer:") == 6
    _, example = first("aqua", folder)
    assert example.answer == "B" and example.data["choices"] == ["4", "5"]


@pytest.mark.parametrize(
    ("reply", "valid", "right"),
    [
        ("A", 1, 1),
        (" a.\n", 1, 1),
        ("(A)", 1, 1),
        ("B", 1, 0),
        ("C", 0, 0),
        ("A or B", 0, 0),
        ("ice", 0, 0),
        ("", 0, 0),
    ],
)
def test_letters(folder, reply, valid, right):
    task, example = first("arc-easy", folder)
    mark = task.grade(example, reply)
    assert (mark.valid, mark.right) == (valid, right) and bool(mark.why) != mark.right


@pytest.mark.parametrize(
    ("reply", "valid", "right"),
    [("so\n#### 24", 1, 1), ("#### 24.00", 1, 1), ("####24.", 1, 1), ("#### 2,4", 1, 1), ("#### 25", 1, 0),
     ("24", 0, 0), ("#### 25 #### 24", 1, 0), ("#### x", 0, 0)],
)  # fmt: skip
def test_final_numbers(folder, reply, valid, right):
    task, example = first("gsm8k", folder)
    mark = task.grade(example, reply)
    assert (mark.valid, mark.right) == (valid, right)


def test_svamp_takes_the_last_number(folder):
    task, example = first("svamp", folder)
    assert example.request == "Ann has 5 pens. How many?"
    assert task.grade(example, "5 - 2 is 3.").right and task.grade(example, "3.0").right
    assert not task.grade(example, "3 of 5").right and not task.grade(example, "none").valid


def test_calculator_annotations_become_parts(folder):
    assert parts("a <<48/2=24>>24, <<1+1=2>>2\n#### 2") == [
        {"type": "text", "text": "a "},
        {"type": "python", "text": "48/2"},
        {"type": "output", "text": "24"},
        {"type": "text", "text": "24, "},
        {"type": "python", "text": "1+1"},
        {"type": "output", "text": "2"},
        {"type": "text", "text": "2\n#### 2"},
    ]


def test_replies_become_programs():
    prompt = HUMANEVAL["prompt"]
    spaces = {}
    for reply in (
        "    return 2 * x\n",
        "```python\ndef f(x):\n    return 2 * x\n```",
        "Sure!\n\n```\ndef f(x):\n    return 2 * x\n```\nDone.",
        "def f(x):\n    return 2 * x",
        "```python\n    return 2 * x",
    ):
        spaces[reply] = program(prompt, "f", reply)
        compile(spaces[reply], "reply", "exec")
    assert len({text.count("return 2 * x") for text in spaces.values()}) == 1


@pytest.fixture(scope="module")
def sandbox():
    """Skips where no sandbox works."""
    try:
        Grader(unsafe=False).prepare()
    except Refused as e:
        pytest.skip(e.message)


@pytest.mark.parametrize("name", CODE)
def test_programs_are_graded_by_running_them(folder, sandbox, name):
    task, example = first(name, folder)
    assert task.grade(example, example.answer).right
    assert task.grade(example, f"Here you are:\n```python\n{example.answer}\n```").right
    wrong = task.grade(example, "```python\ndef f(x):\n    return 'no'\n```")
    assert wrong.valid and not wrong.right and wrong.why
    assert not task.grade(example, "I do not know").valid
    for odd in ("", "\0", "(" * 5000, "def f(x):\n    raise SystemExit(0)", "import os\nos._exit(0)"):
        assert not task.grade(example, odd).right


# ---- broken files ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "file", "change", "said"),
    [
        ("arc-easy", "arc/ARC-Easy-test.jsonl", {"answerKey": "C"}, "field 'answerKey' is 'C', it must be one of A, B"),
        ("arc-easy", "arc/ARC-Easy-test.jsonl", {"question": None}, "no field 'question' .it has: choices, answerKey"),
        ("arc-easy", "arc/ARC-Easy-test.jsonl", {"choices": {"text": ["a"]}}, "must have the lists text and label"),
        ("mmlu", "mmlu/test.jsonl", {"answer": 4}, "field 'answer' is 4, but 'choices' has 4 entries"),
        ("mmlu", "mmlu/test.jsonl", {"choices": ["a"]}, "field 'choices': ..a.. must have at least two entries"),
        ("mmlu", "mmlu/test.jsonl", {"subject": "new"}, "dev.jsonl has 0 examples of the subject 'new', not 5"),
        ("aqua", "aqua/test.jsonl", {"options": ["B)1", "A)2"]}, "must be like"),
        ("aqua", "aqua/test.jsonl", {"correct": "C"}, "field 'correct' is 'C', not one of AB"),
        ("gsm8k", "gsm8k/test.jsonl", {"answer": "24"}, "field 'answer' has no final number like '#### 72'"),
        ("svamp", "svamp/SVAMP.json", {"Answer": "3"}, "entry 1, field 'Answer': \"3\" must be a number"),
        ("humaneval", "humaneval/HumanEval.jsonl", {"test": ""}, "field 'test': \"\" must be text that is not empty"),
        (
            "mbpp",
            "mbpp/mbpp.jsonl",
            {"test_list": ["assert 1"]},
            "field 'test_list': .* must have at least two entries",
        ),
    ],
)
def test_a_wrong_record_is_named(tmp_path, name, file, change, said):
    row = {k: v for k, v in {**RECORDS[file][0], **change}.items() if v is not None}
    write(tmp_path, {**RECORDS, file: [row]})
    with pytest.raises(UserError, match=said):
        get_task(name, tmp_path).examples("test", 1, 1)


def test_a_broken_line_is_named(folder):
    path = folder / "gsm8k/test.jsonl"
    path.write_text(json.dumps(GSM) + "\n\n" + json.dumps(GSM)[:-9] + "\n")
    with pytest.raises(UserError, match="test.jsonl, line 3: not JSON"):
        get_task("gsm8k", folder).examples("test", 1, 1)
    path.write_text("[1]\n")
    with pytest.raises(UserError, match="line 1: must be an object with question, answer"):
        get_task("gsm8k", folder).examples("test", 1, 1)
    path.write_text("")
    with pytest.raises(UserError, match="has no records"):
        get_task("gsm8k", folder).examples("test", 1, 1)
    path.write_bytes(b"\xff")
    with pytest.raises(UserError, match="cannot read .*test.jsonl"):
        get_task("gsm8k", folder).examples("test", 1, 1)
    (folder / "svamp/SVAMP.json").write_text('{"a": 1}')
    with pytest.raises(UserError, match="SVAMP.json: must be a list of objects"):
        get_task("svamp", folder).examples("test", 1, 1)


def test_missing_data_says_what_to_type(tmp_path):
    with pytest.raises(UserError, match="the task gsm8k needs its data") as error:
        get_task("gsm8k")
    assert error.value.hint == "--task-data DIR"
    with pytest.raises(UserError, match="there is no such folder"):
        get_task("gsm8k", tmp_path / "no")
    with pytest.raises(UserError, match="there is no .*gsm8k/test.jsonl"):
        get_task("gsm8k", tmp_path).examples("test", 1, 1)
    assert get_task("spelling").examples("test", 1, 2)


# ---- the real files ----------------------------------------------------------------------------------------------


@real
@pytest.mark.parametrize(
    ("name", "counts"),
    [("arc-easy", (2036, 207, 2376)), ("arc-challenge", (1000, 113, 1172)), ("mmlu", (0, 0, 14042)),
     ("aqua", (0, 254, 254)), ("gsm8k", (6720, 753, 1319)), ("svamp", (0, 0, 1000)), ("humaneval", (0, 0, 164)),
     ("mbpp", (374, 90, 500))],
)  # fmt: skip
def test_real_files_read_whole(name, counts):
    task = get_task(name, DATA)
    found = {split: task.examples(split, 1, 1 << 30) for split in SPLITS}
    assert tuple(len(examples) for examples in found.values()) == counts
    if name not in CODE:
        for example in found["test"][:300]:
            answer = example.answer if isinstance(example.answer, str) else "".join(p["text"] for p in example.answer)
            assert task.grade(example, answer).right
    if name in CHOICES:
        assert all(example.data["choices"][example.data["gold"]] for example in found["test"])
    requests = [{example.request for example in examples} for examples in found.values()]
    assert not requests[0] & requests[2] and not requests[1] & (requests[0] | requests[2])


@real
@pytest.mark.parametrize("name", CODE)
def test_real_solutions_pass(sandbox, name):
    task = get_task(name, DATA)
    for example in task.examples("test", 1, 12):
        mark = task.grade(example, example.answer)
        assert mark.right, (example.request, mark.why)
