"""
A recipe is what a model is grown for: the texts that it reads, the chats it learns from, the tasks it is graded on.
Everything outside this folder sees only the functions of `Recipe`; a new subject is a new package beside `iac`.
"""

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from acorn.errors import UserError, did_you_mean
from acorn.evals.task import Measure, Task

if TYPE_CHECKING:
    from acorn.data.documents import Document

# name -> the module that has recipe() -> Recipe
RECIPES = {"iac": "acorn.recipes.iac", "iac-wide": "acorn.recipes.iac.wide"}
TASKS = {"iac-translate": "iac", "iac-audit": "iac"}  # what a recipe can score beside its own task -> the recipe


@dataclass(frozen=True)
class Recipe:
    name: str
    documents: Callable[[int, int], "Iterator[Document]"]  # (seed, count) -> texts for the base corpus
    conversations: Callable[[str, int, int], list[list[dict]]]  # ("train" | "val", seed, count) -> conversations
    task: Task  # its "test" split shares neither words nor combinations with the conversations
    more: dict[str, Callable[[], Task | Measure]] = field(default_factory=dict)  # of TASKS


def get_recipe(name: str) -> Recipe:
    if name not in RECIPES:
        raise UserError(f"there is no recipe {name!r}.{did_you_mean(name, RECIPES)} There is: {', '.join(RECIPES)}")
    return importlib.import_module(RECIPES[name]).recipe()
