"""
What can be read off a request without a model: the kind that it asks for, the things it is about, and the names and
numbers that an answer has to hold.
"""

import re
from collections import Counter
from functools import cache
from math import log
from random import Random
from typing import NamedTuple

from acorn.recipes.iac.intents import PAIRS, Intent, frames
from acorn.recipes.iac.prompts import NAMES

SAID = {  # words that name a kind; the first that is found decides
    "crossplane": r"crossplane",
    "cloudformation": r"cloud ?formation|cfn",
    "ansible": r"ansible|playbook",
    "compose": r"compose",
    "kubernetes": r"kubernetes|k8s|kubectl",
    "dockerfile": r"docker ?file|docker|in a container|container image",
    "terraform": r"terraform|hcl|opentofu|tofu",
}
TOKEN = re.compile(r'"([^"\n]{1,200})"|[^\s"=,;()]+')
EDGE = ".,;:!?'`%"
INSIDE = re.compile(r"[\d/_.:@-]")  # what plain words do not have


class Value(NamedTuple):
    text: str
    sure: bool  # surely a name or a number that has to be in the answer; else a word that nobody explained


def kind_of(request: str) -> str | None:
    """The kind that a request names, or None."""
    lower = request.lower()
    return next((kind for kind, words in SAID.items() if re.search(rf"\b(?:{words})\b", lower)), None)


def guess_kind(request: str) -> str:
    """The kind that a request names, else the thing's that it seems to be about; Terraform where that is possible."""
    if kind := kind_of(request):
        return kind
    found = nearest(request, count=1)
    kinds = found[0][0].kinds if found else ("terraform",)
    return "terraform" if "terraform" in kinds else kinds[0]


def phrase(request: str, kind: str) -> str:
    """The request with the kind said in it."""
    return request if kind_of(request) == kind else f"{NAMES[kind]}: {request}"


def values(request: str) -> list[Value]:
    """'queue billing-jobs, keep messages 3600 s' -> billing-jobs and 3600. What a sentence is made of is left out."""
    talk, found = vocabulary(), {}
    for match in TOKEN.finditer(request):
        text = match[1] or match[0].strip(EDGE)
        if not text or text.lower() in talk:
            continue
        small = text.isdecimal() and len(text) < 2  # '2 of something' need not stand there as a figure
        found.setdefault(text, Value(text, bool(match[1] or INSIDE.search(text)) and not small))
    return list(found.values())


def missing(wanted: list[Value], text: str) -> list[Value]:
    """The values that a text does not hold as whole words; of several words each may stand for itself."""
    lower = text.lower()

    def holds(word: str) -> bool:
        return re.search(rf"(?<![a-z0-9]){re.escape(word)}(?![a-z0-9])", lower) is not None

    return [
        v
        for v in wanted
        if not holds(v.text.lower()) and not (" " in v.text and all(map(holds, v.text.lower().split())))
    ]


def nearest(request: str, kind: str | None = None, count: int = 3) -> list[tuple[Intent, str]]:
    """The (intent, kind) pairs whose words the request shares, rare words counting more; best first."""
    index, weight = bags()
    said = set(words(request))
    scores = {}
    for place, bag in enumerate(index):
        intent, its_kind = PAIRS[place]
        if kind in (None, its_kind):
            unsaid = sum(weight[word] for word in set(words(intent.name)) - said)  # access, of bucket-access
            scores[place] = sum(weight[word] for word in said & bag) / (len(bag) + 10) ** 0.5 - unsaid / 20
    best = sorted(scores, key=lambda place: -scores[place])[:count]
    return [PAIRS[place] for place in best if scores[place] > 0]


def words(text: str) -> list[str]:
    return re.findall(r"[a-z][a-z0-9]+", text.lower())


@cache
def sentences() -> list[tuple[list[str], set[str]]]:
    """For each of PAIRS some requests, and the values in them."""
    rng, found = Random("sentences"), []
    for intent, kind in PAIRS:
        texts, drawn = [], set()
        for _ in range(4):
            p = intent.draw(rng, "train", kind)
            drawn |= {text.strip(EDGE).lower() for text in leaves(p)}
            texts.append(intent.describe(p, kind, intent.phrasing(rng, "train")))
        found.append((texts, drawn))
    return found


@cache
def bags() -> tuple[list[set[str]], dict[str, float]]:
    """For each of PAIRS the words that name it, and what each word is worth."""
    index = []
    for (intent, kind), (texts, drawn) in zip(PAIRS, sentences()):
        about = f"{intent.title} {intent.name} {intent.thing} {intent.parts} {NAMES[kind]} {SAID[kind]}"
        index.append(set(words(about)) | set(words(" ".join(texts))) - set(words(" ".join(drawn))))
    counts = Counter(word for bag in index for word in bag)
    return index, {word: log(1 + len(index) / count) for word, count in counts.items()}


def bag(intent: Intent, kind: str) -> set[str]:
    """The words in which people talk of an intent."""
    return bags()[0][PAIRS.index((intent, kind))]


@cache
def vocabulary() -> frozenset[str]:
    """The words that requests are made of, as opposed to the values in them."""
    templates, found, drawn = set(), set(), set()
    for text in (*frames.TOOLS.values(), *frames.CODE.values()):
        templates.update(re.split(r"[\[\]| ]", text))
    for (intent, _), (texts, own) in zip(PAIRS, sentences()):
        drawn |= own
        for template in intent.templates["train"]:
            templates.update(re.sub(r"\{\w+\}|[\[\]<>|;]", " ", template).split())
        found.update(word for text in texts for word in text.split() if not INSIDE.search(word.strip(EDGE)))
    plain = {word.strip(EDGE + '"()=').lower() for word in templates}
    plain |= {word.strip(EDGE + '"()=').lower() for word in found} - drawn
    return frozenset(word for word in plain if word and not word.isdecimal())


def leaves(value) -> list[str]:
    """Every string in plain data, whole and in words."""
    if isinstance(value, dict):
        return [leaf for one in value.values() for leaf in leaves(one)]
    if isinstance(value, list | tuple):
        return [leaf for one in value for leaf in leaves(one)]
    return [str(value), *str(value).split()]
