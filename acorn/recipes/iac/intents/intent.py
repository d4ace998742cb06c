"""
An intent is something that a person can want, apart from how it is written: a private bucket with versions, a web
service with three replicas. It draws parameters, says them in words, renders them, and checks whether an answer does
what was asked.
"""

import hashlib
import json
import re
from random import Random
from typing import NamedTuple

from acorn.recipes.iac.facts import compare
from acorn.recipes.iac.words import listing

FREE = re.compile(r"<([^<>]*)>")
CHOICE = re.compile(r"\[([^\[\]]*)\]")
SPLITS = {"train": range(0, 218), "val": range(218, 237), "test": range(237, 256)}  # of 256: 85, 7.5 and 7.5 %


class Phrasing(NamedTuple):
    """
    One way to ask. `[a|b]` in the template is a choice, `<a; b; c>` stands for its parts in any order, joined by commas
    or with 'and' before the last; the digits of `turn` choose.
    """

    template: str
    turn: int = 0


class Intent:
    """
    Subclasses give the data below and `sample`, `facts`, `render`. In templates, {name} etc. are parameters or what
    `slots` adds; {extras} is ' with A and B' and {plus} is ', A, B', made of `options`: noun phrases of what is on.
    Between < and >, where order is free, {plus} is a part that becomes one part for every option.
    """

    name: str
    kind: str  # what validate() takes
    title: str  # a heading
    notes: tuple[str, ...]  # sentences about it, for documents
    parts: str  # what a request has to say, in the form that stands between < and > of templates
    train: tuple[str, ...]  # templates of requests that training shows
    held: tuple[str, ...]  # templates that only the test split uses: other sentences, made of words that training shows
    companions: tuple[str, ...] = ()  # what may stand in the answer beside what `facts` names

    def sample(self, rng: Random) -> dict:
        """Parameters, in JSON types; None and False mean not asked for."""
        raise NotImplementedError

    def facts(self, p: dict) -> dict:
        raise NotImplementedError

    def render(self, p: dict) -> str:
        raise NotImplementedError

    def slots(self, p: dict) -> dict:
        return p

    def options(self, p: dict) -> list[str]:
        return []

    def phrasing(self, rng: Random, split: str) -> Phrasing:
        """Training sentences for 'train' and 'val', the held-out ones for 'test'."""
        return Phrasing(rng.choice(self.held if split == "test" else self.train), rng.getrandbits(32))

    def describe(self, p: dict, phrasing: Phrasing) -> str:
        options, turn = self.options(p), phrasing.turn

        def digit(base: int) -> int:
            nonlocal turn
            turn, found = divmod(turn, base)
            return found

        def order(match: re.Match) -> str:
            left = [one for part in match[1].split("; ") for one in (options if part == "{plus}" else [part])]
            parts = [left.pop(digit(len(left))) for _ in range(len(left))]
            return listing(parts) if digit(2) else ", ".join(parts)

        def choose(match: re.Match) -> str:
            words = match[1].split("|")
            return words[digit(len(words))]

        extras = f" with {listing(options)}" if options else ""
        text = FREE.sub(order, phrasing.template).format_map(
            {**self.slots(p), "extras": extras, "plus": "".join(f", {one}" for one in options)}
        )
        return CHOICE.sub(choose, text)

    def check(self, p: dict, parsed: dict) -> list[str]:
        """What is wrong with a parsed answer; empty when everything asked for is there and nothing else."""
        facts = self.facts(p)
        wanted = {path.partition("/")[0] for path, want in facts.items() if want is not None} | set(self.companions)
        extra = [f"{key}: not asked for" for key in parsed if key not in wanted and key not in NEUTRAL]
        return compare(facts, parsed) + extra

    def draw(self, rng: Random, split: str) -> dict:
        """Parameters that belong to this split."""
        while True:
            p = self.sample(rng)
            if self.split(p) == split:
                return p

    def split(self, p: dict) -> str:
        """The split that a combination of parameters belongs to, for all seeds and for ever."""
        digest = hashlib.blake2b(f"{self.name} {json.dumps(p, sort_keys=True)}".encode(), digest_size=1).digest()[0]
        return next(split for split, part in SPLITS.items() if digest in part)


NEUTRAL = {"terraform", "provider", "variable", "output", "locals"}  # may stand beside any answer
