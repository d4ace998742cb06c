"""ARC (arXiv 1803.05457): grade-school science questions, an easy set and a hard one (`challenge`)."""

from functools import cache
from pathlib import Path

from acorn.evals.files import draw, held_out, read_records, some_text
from acorn.evals.letters import choice_example, grade_letter
from acorn.evals.task import Example, Task


def easy(folder: Path) -> Task:
    return arc(folder / "arc", "ARC-Easy", "arc-easy")


def challenge(folder: Path) -> Task:
    return arc(folder / "arc", "ARC-Challenge", "arc-challenge")


def arc(folder: Path, file: str, name: str) -> Task:
    fields = {"question": some_text, "choices": labelled, "answerKey": some_text}

    @cache
    def read(split: str) -> list[dict]:
        if split == "test":
            return read_records(folder / f"{file}-test.jsonl", fields, answer_is_label)
        asked = {record["question"] for record in read("test")}  # a few stand in both files
        rest = [
            r
            for r in read_records(folder / f"{file}-train.jsonl", fields, answer_is_label)
            if r["question"] not in asked
        ]
        return [record for record in rest if held_out(record["question"]) is (split == "val")]

    def examples(split: str, seed: int, count: int) -> list[Example]:
        return [example(record) for record in draw(read(split), seed, count)]

    def example(record: dict) -> Example:
        texts, gold = record["choices"]["text"], record["choices"]["label"].index(record["answerKey"])
        context = f"Question: {record['question']}\nAnswer:"  # as lm-evaluation-harness asks
        return choice_example(record["question"], texts, gold, name, context, texts)

    return Task(name, 1, examples, grade_letter, chance=0.25, max_tokens=8)


def labelled(value) -> str:
    if not isinstance(value, dict) or not all(isinstance(value.get(key), list) for key in ("text", "label")):
        return "must have the lists text and label"
    if not all(isinstance(v, str) and v for key in ("text", "label") for v in value[key]):
        return "has a text or label that is no text"
    return "" if len(value["text"]) == len(value["label"]) > 1 else "must have as many labels as texts, at least two"


def answer_is_label(record: dict) -> str:
    labels = record["choices"]["label"]
    right = record["answerKey"] in labels
    return "" if right else f"field 'answerKey' is {record['answerKey']!r}, it must be one of {', '.join(labels)}"
