"""
The tasks by name, made when asked for. Those that have data find it in a folder (`--task-data`) laid out like this:

    arc/ARC-Easy-{train,test}.jsonl, arc/ARC-Challenge-{train,test}.jsonl     question, choices {text, label}, answerKey
    mmlu/{dev,test}.jsonl               question, subject, choices, answer (index)
    aqua/{dev,test}.jsonl               question, options ("A)32", ...), rationale, correct ("A")
    gsm8k/{train,test}.jsonl            question, answer ("... <<48/2=24>>24 ... #### 72")
    svamp/SVAMP.json                    Body, Question, Equation, Answer
    humaneval/HumanEval.jsonl           prompt, canonical_solution, test, entry_point
    mbpp/mbpp.jsonl                     task_id, text, code, test_list, test_setup_code

To add one: a module with a function (folder) -> Task, and a row here.
"""

import importlib
from collections.abc import Callable
from pathlib import Path

from acorn.errors import UserError
from acorn.evals.task import Task

FILES = {
    "arc-easy": "arc:easy",
    "arc-challenge": "arc:challenge",
    "mmlu": "mmlu:mmlu",
    "aqua": "aqua:aqua",
    "gsm8k": "gsm8k:gsm8k",
    "svamp": "svamp:svamp",
    "humaneval": "humaneval:humaneval",
    "mbpp": "mbpp:mbpp",
}  # name -> module:function in this package, called with the folder
CHOICES = ("arc-easy", "arc-challenge", "mmlu", "aqua")  # of these, multiple choice
CODE = ("humaneval", "mbpp")  # and graded by running it


def task_names() -> list[str]:
    from acorn.evals.procedural import PROCEDURAL

    return [*FILES, *PROCEDURAL]


def get_task(name: str, folder: Path | None = None, unsafe: bool = False) -> Task:
    """
    folder: where the data lies. unsafe: run code that a model wrote even where no sandbox can hold it. Files are opened
    when examples are asked for.
    """
    if name not in FILES:
        from acorn.evals.procedural import make as make_procedural

        return make_procedural(name)
    if folder is None:
        where = "say where, in a folder laid out as acorn/evals/tasks.py says"
        raise UserError(f"the task {name} needs its data: {where}", "--task-data DIR")
    if not Path(folder).is_dir():
        raise UserError(f"--task-data {folder}: there is no such folder")
    module, _, function = FILES[name].partition(":")
    make: Callable[..., Task] = getattr(importlib.import_module(f"acorn.evals.{module}"), function)
    return make(Path(folder), unsafe) if name in CODE else make(Path(folder))
