"""Tasks by name, wherever they come from: a recipe's own, or those in acorn/evals."""

from pathlib import Path

from acorn.errors import UserError, did_you_mean
from acorn.evals.task import Task
from acorn.evals.tasks import get_task, task_names
from acorn.recipes import RECIPES, get_recipe


def find_task(name: str, data: Path | None = None, unsafe: bool = False) -> Task:
    """
    The task whose replies are generated and graded. data: folder of the tasks that are read from files. unsafe: run
    programs that a model wrote even where no sandbox can hold them.
    """
    known = [*RECIPES, *task_names()]
    if name not in known:
        raise UserError(f"there is no task {name!r}.{did_you_mean(name, known)} There is: {', '.join(known)}")
    return get_recipe(name).task if name in RECIPES else get_task(name, data, unsafe)
