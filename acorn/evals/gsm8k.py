"""GSM8K (arXiv 2110.14168): grade-school word problems. The reply ends in `#### 72`; what counts is that number."""

import re
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path

from acorn.evals.files import draw, held_out, read_records, some_text
from acorn.evals.task import Example, Grade, Task

ANSWER = re.compile(r"#### ?(-?[0-9.,]+)")
CALL = re.compile(r"<<([^<>]+)=([^<>=]*)>>")  # <<48/2=24>>: what the calculator is asked and says


def gsm8k(folder: Path) -> Task:
    fields = {"question": some_text, "answer": some_text}

    @cache
    def read(split: str) -> list[dict]:
        if split == "test":
            return read_records(folder / "gsm8k/test.jsonl", fields, has_answer)
        asked = {record["question"] for record in read("test")}
        records = read_records(folder / "gsm8k/train.jsonl", fields, has_answer)
        return [r for r in records if held_out(r["question"]) is (split == "val") and r["question"] not in asked]

    def examples(split: str, seed: int, count: int) -> list[Example]:
        return [example(record) for record in draw(read(split), seed, count)]

    def example(record: dict) -> Example:
        data = {"number": ANSWER.search(record["answer"])[1]}
        return Example(record["question"], "gsm8k", data, parts(record["answer"]))

    return Task("gsm8k", 1, examples, grade, max_tokens=400)


def has_answer(record: dict) -> str:
    found = ANSWER.search(record["answer"])
    return "" if found and value(found[1]) is not None else "field 'answer' has no final number like '#### 72'"


def parts(answer: str) -> list[dict]:
    """'48/2 = <<48/2=24>>24' -> text '48/2 = ', python '48/2', output '24', text '24'"""
    found, end = [], 0
    for call in CALL.finditer(answer):
        found += [("text", answer[end : call.start()]), ("python", call[1]), ("output", call[2])]
        end = call.end()
    return [{"type": kind, "text": text} for kind, text in [*found, ("text", answer[end:])] if text]


def grade(example: Example, reply: str) -> Grade:
    """The first number behind ####, as in the data set's own code."""
    found = ANSWER.search(reply)
    if not found or (given := value(found[1])) is None:
        return Grade(False, False, "no final number behind ####")
    right = given == value(example.data["number"])
    return Grade(True, right, "" if right else f"{found[1][:20]}, not {example.data['number']}")


def value(text: str) -> Decimal | None:
    """'1,200.50' -> 1200.5; None if it is no number or a very long one."""
    try:
        return Decimal(text.replace(",", "").removesuffix(".")) if len(text) <= 40 else None
    except InvalidOperation:
        return None
