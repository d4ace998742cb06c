"""
A task: what a model is asked, and what a reply is worth. The same object is scored by `acorn eval`, rewards in `acorn
train rl` and gives conversations to learn from, so that none of them has its own idea of what is right.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Example:
    """
    One problem. `request` is what the user types, `kind` groups the results, `data` is what the grader needs (JSON).
    `answer` is a right reply where the task knows one: a string, or parts as acorn.tokenizer.chat renders them.
    """

    request: str
    kind: str
    data: dict = field(default_factory=dict)
    answer: str | list[dict] | None = None
    level: int = 0  # difficulty, 0 to the task's levels - 1
    topic: str = ""  # what it is about, where that is finer than its kind: practice looks at each topic by itself


@dataclass(frozen=True)
class Grade:
    """
    `valid`: the reply has the form that was asked for. `right`: it is valid and correct. `why`: what is wrong. `steps`:
    more that is true or false of it, by name, in the order of a ladder.
    """

    valid: bool
    right: bool
    why: str = ""
    steps: dict[str, bool] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """
    A task whose replies are generated. examples(split, seed, count): deterministic; no example of one split is in
    another. May return fewer than `count` where the data ends. grade(example, reply) never raises on any text.
    """

    name: str
    version: int  # goes up when examples or grades change: results of different versions do not compare
    examples: Callable[[str, int, int], list[Example]]
    grade: Callable[[Example, str], Grade]
    levels: int = 1  # how many levels of difficulty there are
    chance: float = 0.0  # share of right replies that guessing gives
    max_tokens: int = 256  # of a reply
    prepare: Callable[[], str] = lambda: ""  # once-only work before grading; says in a sentence what it did
    inspect: Callable[[Example, str], dict[str, bool]] | None = None  # more steps, too slow to ask for in training
    # other ways to answer: name -> function of (engine, examples, the plain replies, seed) that gives replies
    ways: dict[str, Callable[[object, Sequence[Example], Sequence[str], int], list[str]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Measure:
    """What is measured without a model: (n, seed, tick) -> results as acorn/evals/results.py has them."""

    name: str
    version: int
    measure: Callable[[int, int, Callable[[int], None]], dict]
