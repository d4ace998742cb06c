"""MBPP (arXiv 2108.07732): write a small Python function. A reply is graded by its three tests in the sandbox."""

import builtins
import re
from functools import cache
from pathlib import Path

from acorn.evals.code import Grader, fenced
from acorn.evals.files import draw, index, read_records, some_text, text, texts
from acorn.evals.task import Example, Grade, Task

SPLITS = {"test": (11, 510), "val": (511, 600), "train": (601, 974)}  # by task_id; 1 to 10 are for prompts

DEFINITION = re.compile(r"^def\s+([A-Za-z_]\w*)", re.MULTILINE)


def mbpp(folder: Path, unsafe: bool = False) -> Task:
    fields = {"task_id": index, "text": some_text, "code": some_text, "test_list": texts, "test_setup_code": text}
    grader = Grader(unsafe)

    @cache
    def read() -> list[dict]:
        return read_records(folder / "mbpp/mbpp.jsonl", fields)

    def examples(split: str, seed: int, count: int) -> list[Example]:
        first, last = SPLITS[split]
        return [example(r) for r in draw([r for r in read() if first <= r["task_id"] <= last], seed, count)]

    def grade(example: Example, reply: str) -> Grade:
        data = example.data
        return grader.grade(f"{fenced(reply)}\n{data['setup']}\n", data["test"], data["entry_point"])

    return Task("mbpp", 1, examples, grade, max_tokens=400, prepare=grader.prepare)


def example(record: dict) -> Example:
    test = "\n".join(line.strip() for line in record["test_list"])
    request = f"{record['text'].strip()}\nYour code should pass these tests:\n\n{test}"
    # the sandbox finds out which names the test needs, unless one of them is Python's own, such as sum
    defined = DEFINITION.findall(record["code"])
    entry_point = next((name for name in defined if hasattr(builtins, name) and f"{name}(" in test), "")
    data = {"setup": record["test_setup_code"], "test": test, "entry_point": entry_point}
    return Example(request, "mbpp", data, record["code"].replace("\r\n", "\n"))
