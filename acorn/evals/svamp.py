"""SVAMP (arXiv 2103.07191): one-step word problems with varied wording. What counts is the last number of the reply."""

import re
from functools import cache
from pathlib import Path

from acorn.evals.files import draw, number, read_records, some_text
from acorn.evals.gsm8k import value
from acorn.evals.task import Example, Grade, Task

NUMBER = re.compile(r"-?[0-9][0-9,]*(?:\.[0-9]+)?")


def svamp(folder: Path) -> Task:
    """All of it is for testing, as its authors use it; train and val are empty."""
    fields = {"Body": some_text, "Question": some_text, "Equation": some_text, "Answer": number, "Type": some_text}

    @cache
    def read() -> list[dict]:
        return read_records(folder / "svamp/SVAMP.json", fields)

    def examples(split: str, seed: int, count: int) -> list[Example]:
        return [example(record) for record in draw(read(), seed, count)] if split == "test" else []

    def example(record: dict) -> Example:
        body = record["Body"].strip()
        request = f"{body}{'' if body[-1] in '.?!,' else '.'} {record['Question'].strip()}"
        answer = str(record["Answer"]).removesuffix(".0")
        steps = ("python", record["Equation"]), ("output", answer), ("text", f"#### {answer}")
        kind = record["Type"].replace("Divison", "Division")  # misspelt once in the data
        return Example(request, kind, {"number": answer}, [{"type": k, "text": t} for k, t in steps])

    return Task("svamp", 1, examples, grade, max_tokens=200)


def grade(example: Example, reply: str) -> Grade:
    found = NUMBER.findall(reply[-400:])
    if not found or (given := value(found[-1])) is None:
        return Grade(False, False, "no number in the reply")
    right = given == value(example.data["number"])
    return Grade(True, right, "" if right else f"{found[-1][:20]}, not {example.data['number']}")
