"""AQuA (arXiv 1705.04146): algebra word problems with five choices."""

import re
from functools import cache
from pathlib import Path

from acorn.evals.files import draw, read_records, some_text, texts
from acorn.evals.letters import choice_example, grade_letter
from acorn.evals.task import Example, Task

OPTION = re.compile(r"\s*([A-E])\s*\)(.*)", re.DOTALL)  # "A)32400"


def aqua(folder: Path) -> Task:
    files = {"val": "dev.jsonl", "test": "test.jsonl"}

    @cache
    def read(split: str) -> list[dict]:
        fields = {"question": some_text, "options": options, "correct": some_text}
        records = read_records(folder / "aqua" / files[split], fields, correct_is_option)
        asked = {record["question"] for record in read("test")} if split == "val" else ()
        return [record for record in records if record["question"] not in asked]

    def examples(split: str, seed: int, count: int) -> list[Example]:
        return [example(record) for record in draw(read(split), seed, count)] if split in files else []

    def example(record: dict) -> Example:
        choices = [OPTION.fullmatch(option)[2].strip() for option in record["options"]]
        context = f"Question: {record['question']}\nAnswer:"
        gold = ord(record["correct"]) - ord("A")
        return choice_example(record["question"], choices, gold, "aqua", context, choices)

    return Task("aqua", 1, examples, grade_letter, chance=0.2, max_tokens=8)


def options(value) -> str:
    if problem := texts(value):
        return problem
    found = [OPTION.fullmatch(option) for option in value]
    in_order = all(match and match[1] == "ABCDE"[i : i + 1] for i, match in enumerate(found))
    return "" if in_order else "must be like ['A)32400', 'B)6000', ...], lettered from A"


def correct_is_option(record: dict) -> str:
    letters = "ABCDE"[: len(record["options"])]
    return (
        "" if record["correct"] in list(letters) else f"field 'correct' is {record['correct']!r}, not one of {letters}"
    )
