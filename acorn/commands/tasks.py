"""Tasks by name, wherever they come from: a recipe's own, or those in acorn/evals."""

from pathlib import Path

from acorn.errors import UserError, did_you_mean
from acorn.evals.task import Measure, Task
from acorn.evals.tasks import get_task, task_names
from acorn.recipes import RECIPES, TASKS, get_recipe


def find_task(name: str, data: Path | None = None, unsafe: bool = False) -> Task | Measure:
    """
    The task whose replies are generated and graded, or what is measured without a model. data: folder of the tasks that
    are read from files. unsafe: run programs that a model wrote even where no sandbox can hold them.
    """
    known = [*RECIPES, *TASKS, *task_names()]
    if name not in known:
        raise UserError(f"there is no task {name!r}.{did_you_mean(name, known)} There is: {', '.join(known)}")
    if name in TASKS:
        return get_recipe(TASKS[name]).more[name]()
    return get_recipe(name).task if name in RECIPES else get_task(name, data, unsafe)
