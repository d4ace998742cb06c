"""Faults as training plants them into good code, each with the message that the validator has for it."""

import re
from random import Random
from typing import NamedTuple

FREE = {"environment", "memory", "storage", "message", "description", "subnets", "metrics"}  # may be somebody's own key


class Fault(NamedTuple):
    word: re.Pattern  # a line with the name of something that the validator knows; group 1 is the name
    said: str  # the validator's message


FAULTS = {
    "terraform": Fault(re.compile(r"^ +([a-z][a-z_]{4,}) +[={]", re.M), "there is no argument {}. Did you mean {}?"),
    "kubernetes": Fault(re.compile(r"^ +(?:- )?([a-z][A-Za-z]{4,}):", re.M), "there is no field {}. Did you mean {}?"),
    "cloudformation": Fault(
        re.compile(r"^ {6}([A-Z][A-Za-z]{4,}):", re.M), "there is no property {}. Did you mean {}?"
    ),
}


def plant(rng: Random, code: str, kind: str) -> tuple[str, str] | None:
    """(the code with a misspelt name, the message about it), or None where none fits."""
    if kind not in FAULTS:
        return None
    words = [match for match in FAULTS[kind].word.finditer(code) if match[1] not in FREE]
    if not words:
        return None
    match = rng.choice(words)
    bad = misspelt(rng, match[1])
    return code[: match.start(1)] + bad + code[match.end(1) :], FAULTS[kind].said.format(bad, match[1])


def misspelt(rng: Random, word: str) -> str:
    """Two letters swapped, one left out or one doubled; never the word itself."""
    while True:
        at = rng.randrange(1, len(word) - 1)
        found = rng.choice(
            (
                word[:at] + word[at + 1] + word[at] + word[at + 2 :],
                word[:at] + word[at + 1 :],
                word[:at] + word[at] + word[at:],
            )
        )
        if found != word:
            return found
