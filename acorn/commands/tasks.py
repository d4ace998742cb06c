"""Tasks by name, wherever they come from: a recipe's own, or those in acorn/evals."""

from pathlib import Path

from acorn.errors import UserError, did_you_mean
from acorn.evals.task import Task
from acorn.recipes import RECIPES, get_recipe


def find_task(name: str, data: Path | None = None) -> Task:
    """The task whose replies are generated and graded. data: folder of the tasks that are read from files."""
    from acorn.evals.procedural import PROCEDURAL

    if name in RECIPES:
        return get_recipe(name).task
    if name in PROCEDURAL:
        return PROCEDURAL[name]()
    known = [*RECIPES, *PROCEDURAL]
    raise UserError(f"there is no task {name!r}.{did_you_mean(name, known)} There is: {', '.join(known)}")
