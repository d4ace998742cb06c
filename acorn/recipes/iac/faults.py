"""Faults as training plants them into good code, each with the message that the validator has for it."""

import re
from random import Random
from typing import NamedTuple

FREE = {"environment", "memory", "storage", "message", "description", "subnets", "metrics"}  # may be somebody's own key


class Fault(NamedTuple):
    word: re.Pattern  # a line with the name of something that the validator knows; group 1 is the name
    said: str  # the validator's message


FAULTS = {
    "terraform": (
        Fault(re.compile(r"^ +([a-z][a-z_]{4,}) +=", re.M), "there is no argument {}. Did you mean {}?"),
        Fault(re.compile(r"^ +([a-z][a-z_]{4,}) \{", re.M), "there is no block {}. Did you mean {}?"),
    ),
    "kubernetes": (
        Fault(re.compile(r"^ +(?:- )?([a-z][A-Za-z]{4,}):", re.M), "there is no field {}. Did you mean {}?"),
    ),
    "cloudformation": (
        Fault(re.compile(r"^ {6}([A-Z][A-Za-z]{4,}):", re.M), "there is no property {}. Did you mean {}?"),
    ),
}


def plant(rng: Random, code: str, kind: str) -> tuple[str, str] | None:
    """(the code with a misspelt name, the message about it), or None where none fits."""
    if "\nmodule " in f"\n{code}":
        return None  # what a module takes, nobody knows here
    places = [
        (match, fault.said)
        for fault in FAULTS.get(kind, ())
        for match in fault.word.finditer(code)
        if match[1] not in FREE and not encoded(code[: match.start()])
    ]
    if not places:
        return None
    match, said = rng.choice(places)
    bad = misspelt(rng, match[1])
    return code[: match.start(1)] + bad + code[match.end(1) :], said.format(bad, match[1])


def encoded(before: str) -> bool:
    """Whether what follows stands in a jsonencode, where every name is somebody's own."""
    return before.count("jsonencode(") > len(re.findall(r"\n  [\]}]\)", before))


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
