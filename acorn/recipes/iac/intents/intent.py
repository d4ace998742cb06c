"""
An intent is something that a person can want, apart from how it is written: a private bucket with versions, a web
service with three replicas. It draws parameters, says them in words, renders them, and checks whether an answer does
what was asked.
"""

import hashlib
import json
import re
from functools import cached_property
from random import Random
from typing import NamedTuple

from acorn.recipes.iac.facts import compare
from acorn.recipes.iac.intents import frames
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
    A thing to want, in one or several kinds. Subclasses give the data below, `sample`, and for each of their kinds a
    method of its name that renders (`terraform(p)`) and one for its facts (`terraform_facts(p)`).

    In templates, {tool} and {code} name the kind, {thing} and {bare} the thing, {name} etc. are parameters or what
    `slots` adds; {extras} is ' with A and B' and {plus} is ', A, B', made of `options`: noun phrases of what is on.
    Between < and >, where order is free, {plus} is a part that becomes one part for every option.
    """

    name: str
    kinds: tuple[str, ...]  # what validate() takes, the main one first
    title: str  # a heading
    notes: tuple[str, ...]  # sentences about it, for documents
    parts: str  # what a request has to say, in the form that stands between < and > of templates
    thing: str = ""  # 'an S3 bucket': with it, the sentences of frames.py are used too; by parameter: see `slots`
    train: tuple[str, ...] = ()  # templates of requests that training shows
    held: tuple[str, ...] = ()  # templates that only the test split uses: other sentences, of words that training shows
    turns: int = 1  # how often it is drawn for training, against others; more where one kind has several forms
    companions: tuple[str, ...] = ()  # what may stand in the answer beside what `facts` names

    def sample(self, rng: Random) -> dict:
        """Parameters, in JSON types; None and False mean not asked for."""
        raise NotImplementedError

    def fits(self, p: dict, kind: str) -> bool:
        """Whether these parameters can be had in this kind: no CloudFormation for a bucket at Google."""
        return True

    def render(self, p: dict, kind: str) -> str:
        return getattr(self, kind)(p)

    def facts(self, p: dict, kind: str) -> dict:
        return getattr(self, f"{kind}_facts")(p)

    def slots(self, p: dict) -> dict:
        """What templates say; may set 'thing' where it depends on the parameters."""
        return p

    def options(self, p: dict) -> list[str]:
        return []

    def pairs(self) -> list[tuple["Intent", str]]:
        return [(self, kind) for kind in self.kinds]

    @cached_property
    def templates(self) -> dict[str, tuple[str, ...]]:
        """All templates: {"train": ..., "held": ...}"""
        own = {"train": self.train, "held": self.held}
        return {split: own[split] + (frames.fill(split, self.parts) if self.thing else ()) for split in own}

    def phrasing(self, rng: Random, split: str) -> Phrasing:
        """Training sentences for 'train' and 'val', the held-out ones for 'test'."""
        return Phrasing(rng.choice(self.templates["held" if split == "test" else "train"]), rng.getrandbits(32))

    def describe(self, p: dict, kind: str, phrasing: Phrasing) -> str:
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

        slots = {"thing": self.thing, "tool": frames.TOOLS[kind], "code": frames.CODE[kind], **self.slots(p)}
        slots["bare"] = frames.bare(slots["thing"])
        slots["extras"] = f" with {listing(options)}" if options else ""
        slots["plus"] = "".join(f", {one}" for one in options)
        return CHOICE.sub(choose, FREE.sub(order, phrasing.template).format_map(slots))

    def check(self, p: dict, parsed: dict, kind: str) -> list[str]:
        """What is wrong with a parsed answer; empty when everything asked for is there and nothing else."""
        facts = self.facts(p, kind)
        wanted = {path.partition("/")[0] for path, want in facts.items() if want is not None} | set(self.companions)
        extra = [f"{key}: not asked for" for key in parsed if key not in wanted and key not in NEUTRAL]
        return compare(facts, parsed) + extra

    def draw(self, rng: Random, split: str, kind: str) -> dict:
        """Parameters that belong to this split and can be had in this kind."""
        while True:
            p = self.sample(rng)
            if self.fits(p, kind) and self.split(p) == split:
                return p

    def split(self, p: dict) -> str:
        """The split that a combination of parameters belongs to, for all seeds and for ever."""
        digest = hashlib.blake2b(f"{self.name} {json.dumps(p, sort_keys=True)}".encode(), digest_size=1).digest()[0]
        return next(split for split, part in SPLITS.items() if digest in part)


NEUTRAL = {"terraform", "provider", "variable", "output", "locals"}  # may stand beside any answer
