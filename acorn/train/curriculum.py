"""
Which problems to practise: those that the model sometimes gets right. Problems are grouped by (task, topic, level); a
group is drawn in proportion to p(1 - p), p being its share of right replies of late, so that what is mastered or out of
reach waits, and comes back when it changes (arXiv 2504.11343 on why groups that are all right or all wrong teach
nothing).
"""

from dataclasses import dataclass

import numpy as np

from acorn.evals.task import Example, Task

FLOOR = 0.02  # added to p(1 - p), which is at most 0.25: nothing is forgotten altogether
MEMORY = 0.9  # of older counts, at each report


@dataclass(frozen=True)
class Problem:
    task: Task
    example: Example

    @property
    def group(self) -> str:
        return f"{self.task.name}/{self.example.topic or self.example.kind}/{self.example.level}"


class Curriculum:
    """Draws are a function of the seed and the state: how often was drawn, and what was reported."""

    def __init__(self, problems: list[Problem], seed: int):
        self.seed, self.groups = seed, {}
        for problem in problems:
            self.groups.setdefault(problem.group, []).append(problem)
        self.draws = 0
        self.taken = dict.fromkeys(self.groups, 0)  # problems drawn from each group
        self.right = dict.fromkeys(self.groups, 0.0)  # of late
        self.tried = dict.fromkeys(self.groups, 0.0)

    def draw(self, count: int) -> list[Problem]:
        rng = np.random.default_rng((self.seed, self.draws))
        self.draws += 1
        names = list(self.groups)
        p = np.array([(self.right[name] + 1) / (self.tried[name] + 2) for name in names])
        worth = p * (1 - p) + FLOOR
        return [self._next(names[i]) for i in rng.choice(len(names), size=count, p=worth / worth.sum())]

    def _next(self, name: str) -> Problem:
        """Every problem of a group once before any comes again."""
        problems, taken = self.groups[name], self.taken[name]
        self.taken[name] += 1
        turn, place = divmod(taken, len(problems))
        key = list(self.groups).index(name)
        return problems[np.random.default_rng((self.seed, key, turn)).permutation(len(problems))[place]]

    def report(self, results: list[tuple[Problem, float]]) -> None:
        """(problem, share of its replies that were right) of one draw"""
        for name in self.groups:
            self.right[name] *= MEMORY
            self.tried[name] *= MEMORY
        for problem, share in results:
            self.right[problem.group] += share
            self.tried[problem.group] += 1

    def state_dict(self) -> dict:
        return {"draws": self.draws, "taken": self.taken, "right": self.right, "tried": self.tried}

    def load_state_dict(self, state: dict) -> None:
        self.draws = state["draws"]
        self.taken, self.right, self.tried = (dict(state[name]) for name in ("taken", "right", "tried"))
