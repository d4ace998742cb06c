"""HumanEval (arXiv 2107.03374): write the body of a Python function. A reply is graded by running it in the sandbox."""

import re
from functools import cache
from pathlib import Path

from acorn.evals.code import Grader, fenced
from acorn.evals.files import draw, read_records, some_text
from acorn.evals.task import Example, Grade, Task


def humaneval(folder: Path, unsafe: bool = False) -> Task:
    """All of it is for testing; train and val are empty."""
    fields = dict.fromkeys(("prompt", "canonical_solution", "test", "entry_point"), some_text)
    grader = Grader(unsafe)

    @cache
    def read() -> list[dict]:
        return read_records(folder / "humaneval/HumanEval.jsonl", fields)

    def examples(split: str, seed: int, count: int) -> list[Example]:
        return [example(record) for record in draw(read(), seed, count)] if split == "test" else []

    def grade(example: Example, reply: str) -> Grade:
        data = example.data
        whole = program(data["prompt"], data["entry_point"], reply)
        return grader.grade(whole, data["test"], data["entry_point"], setup=data["prompt"])

    return Task("humaneval", 1, examples, grade, max_tokens=512, prepare=grader.prepare)


def example(record: dict) -> Example:
    data = {key: record[key] for key in ("prompt", "test", "entry_point")}
    return Example(record["prompt"], "humaneval", data, record["prompt"] + record["canonical_solution"])


def program(prompt: str, entry_point: str, reply: str) -> str:
    """
    Prompt and reply as one program. The prompt defines the function, with its description for a body: a reply that
    defines it again takes its place, one that only has the body continues it.
    """
    code = fenced(reply)
    if re.search(rf"^def\s+{re.escape(entry_point)}\b", code, re.MULTILINE):
        return f"{prompt}\n\n{code}\n"
    return prompt + (reply if code == reply.strip() else code)  # a body keeps the blanks that it begins with
