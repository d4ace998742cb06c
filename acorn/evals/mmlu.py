"""MMLU (arXiv 2009.03300): exam questions of 57 subjects with four choices, after five examples of the subject."""

from functools import cache
from pathlib import Path

from acorn.errors import UserError
from acorn.evals.core import gold_among
from acorn.evals.files import draw, index, read_records, some_text, texts
from acorn.evals.letters import choice_example, grade_letter
from acorn.evals.task import Example, Task

SHOTS = 5
LETTERS = "ABCD"


def mmlu(folder: Path) -> Task:
    """Its `dev` questions are shown as examples; there is none to train on, so train and val are empty."""
    folder = folder / "mmlu"
    fields = {"question": some_text, "subject": some_text, "choices": four, "answer": index}

    @cache
    def read(file: str) -> list[dict]:
        return read_records(folder / file, fields, gold_among("choices", "answer"))

    @cache
    def introduction(subject: str) -> str:
        shown = [record for record in read("dev.jsonl") if record["subject"] == subject][:SHOTS]
        if len(shown) < SHOTS:
            raise UserError(f"{folder / 'dev.jsonl'} has {len(shown)} examples of the subject {subject!r}, not {SHOTS}")
        about = subject.replace("_", " ")
        head = f"The following are multiple choice questions (with answers) about {about}.\n\n"
        return head + "".join(f"{laid_out(record)} {LETTERS[record['answer']]}\n\n" for record in shown)

    def examples(split: str, seed: int, count: int) -> list[Example]:
        return [example(record) for record in draw(read("test.jsonl"), seed, count)] if split == "test" else []

    def example(record: dict) -> Example:
        context = introduction(record["subject"]) + laid_out(record)
        return choice_example(
            record["question"], record["choices"], record["answer"], record["subject"], context, list(LETTERS)
        )

    return Task("mmlu", 1, examples, grade_letter, chance=0.25, max_tokens=8)


def laid_out(record: dict) -> str:
    listed = "".join(f"{letter}. {choice}\n" for letter, choice in zip(LETTERS, record["choices"]))
    return f"{record['question'].strip()}\n{listed}Answer:"


def four(value) -> str:
    return texts(value) or ("" if len(value) == 4 else "must have four entries")
