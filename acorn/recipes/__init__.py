"""
A recipe is what a model is grown for: the texts that it reads, the chats it learns from, the tasks it is graded on.
Everything outside this folder sees only the functions of `Recipe`; a new subject is a new package beside `iac`.
"""

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from acorn.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from acorn.data.documents import Document

RECIPES = {"iac": "acorn.recipes.iac"}  # name -> the module that has recipe() -> Recipe


@dataclass(frozen=True)
class Example:
    """One task: `request` is what the user types, `kind` groups the results, `data` is what the grader needs (JSON)."""

    request: str
    kind: str
    data: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Grade:
    """`valid`: the reply passes the validators of its kind. `right`: it is valid and does what was asked. `why`: "
    "what is wrong."""

    valid: bool
    right: bool
    why: str = ""


@dataclass(frozen=True)
class Recipe:
    name: str
    documents: Callable[[int, int], "Iterator[Document]"]  # (seed, count) -> texts for the base corpus
    conversations: Callable[
        [str, int, int], list[list[dict]]
    ]  # ("train" | "val", seed, count) -> lists of {"role", "content"}
    examples: Callable[[int, int], list[Example]]  # (seed, count) -> held-out tasks, in neither split above
    grade: Callable[[Example, str], Grade]  # (example, reply)
    version: int  # goes up when documents, tasks or grades change: results of different versions do not compare
    prepare: Callable[[], str] = lambda: (
        ""
    )  # once-only work before grading; says in a sentence what it did and how long it took


def get_recipe(name: str) -> Recipe:
    if name not in RECIPES:
        raise UserError(f"there is no recipe {name!r}.{did_you_mean(name, RECIPES)} There is: {', '.join(RECIPES)}")
    return importlib.import_module(RECIPES[name]).recipe()
