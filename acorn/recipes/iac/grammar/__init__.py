"""
What constrains decoding: a grammar for a request, made of what the schemas of its kind know about the few resource
types that the request is about. Which these are is read off the drafts that failed, and off the intents that are near.

    rules, hcl, yamls, docker    writing a grammar
    terraform, kubernetes ...    the grammar of a kind, from its schemas
"""

import re
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from functools import cache
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from acorn.recipes.iac import request
from acorn.recipes.iac.grammar import ansible, cloudformation, compose, crossplane, docker, kubernetes, terraform
from acorn.recipes.iac.grammar.rules import DIGITS, EVERYTHING, HOLE, Known, known, longest_first

if TYPE_CHECKING:
    from acorn.infer.constrain import Compiled, Guide
    from acorn.recipes.iac.generate import Ask

# kind -> (texts about the request, what may stand in the answer) -> grammar; "" where the texts name nothing known
KINDS: dict[str, Callable[[list[str], Known], str]] = {
    "terraform": terraform.text,
    "kubernetes": kubernetes.text,
    "cloudformation": cloudformation.text,
    "ansible": ansible.text,
    "crossplane": crossplane.text,
    "compose": compose.text,
    "dockerfile": lambda texts, known: docker.text(known),
}
KEPT = 64  # grammars
DRAWS = 32  # answers to an intent that are looked at
WORD = re.compile(r"[A-Za-z0-9]+")
NUMBER = re.compile(r"[0-9]+")
KEY = re.compile(r'^ *(?:- )?"?([A-Za-z_][\w./:-]*)"?(?: += |:(?: |$))', re.MULTILINE)
# what stands in quotes; in YAML behind a colon or a dash; in a Dockerfile behind an instruction
STRING = re.compile(
    r'"((?:[^"\\\n]|\\.)*)"|(?:: |^ *- (?![\w./-]+:(?: |$))|^[A-Z]+ |=)([^"\s{\[][^"\n]*)$', re.MULTILINE
)
INSTRUCTION = re.compile(r"^[A-Z]+ (?:CMD )?(\S.*)$", re.MULTILINE)
SENTENCE = frozenset(  # what holds a sentence together, and is no name
    "a an and are as at be by call called can could create do for from get give has have how i in is it its let lets "
    "make me my name named need needs of on or our please set should so that the their them there they this to up use "
    "want we what which with without write you your".split()
)


class Library:
    """The grammars of one tokenizer."""

    def __init__(self, tokenizer):
        from acorn.infer.constrain import Grammars

        self.grammars = Grammars(tokenizer)
        self.compiled: OrderedDict[tuple, Compiled] = OrderedDict()

    def knows(self, kind: str) -> bool:
        return kind in KINDS

    def guide(self, ask: "Ask", drafts: list[str], copy: bool = True) -> Callable[[], "Guide"] | None:
        """
        What makes a guide for a reply to this request; None if there is no grammar for it. copy: names are put together
        from the words of the request and from those that answers to such requests always have.
        """
        if not self.knows(ask.kind):
            return None
        near = request.nearest(ask.request, ask.kind, 2)
        texts = [*drafts, *(text for intent, kind in near for text in samples(intent.name, kind).texts)]
        grammar = KINDS[ask.kind](texts, asked_for(ask.request, near) if copy else EVERYTHING)
        return self.compile(grammar).begin if grammar else None

    def compile(self, grammar: str) -> "Compiled":
        if grammar not in self.compiled:
            self.compiled[grammar] = self.grammars.compile("grammar", grammar)
            if len(self.compiled) > KEPT:
                self.compiled.popitem(last=False)
        return self.compiled[grammar]


def asked_for(text: str, near: list[tuple]) -> Known:
    """What may stand in the answer to a request: what it says, and what answers to such requests always have."""
    if not near:
        return EVERYTHING
    found = [samples(intent.name, kind) for intent, kind in near]
    talk = set().union(*(request.bag(intent, kind) for intent, kind in near))
    values = {value for one in found for value in one.values}
    names = said(text, talk, values)
    if not names:
        return EVERYTHING
    strings = known(names, {string for one in found for string in one.strings})
    keys = known(names, {key for one in found for key in one.keys})
    numbers = {number for one in found for number in one.numbers} | set(NUMBER.findall(text)) | {"0", "1"}
    return Known(strings, keys, f"/{'|'.join(sorted(numbers, key=len, reverse=True))}/", frozenset(tokens_of(text)))


def tokens_of(text: str) -> list[str]:
    return [token for one in re.split(r'[\s",;()=]+', text) if (token := one.strip(request.EDGE))]


def said(text: str, talk: set[str], values: Iterable[str] = ()) -> set[str]:
    """The names and numbers of a request, also as other styles write them. values: words that are surely such."""
    found = {word for quoted in re.findall(r'"([^"\n]*)"', text) for word in quoted.split()}
    values = set(values)
    for token in tokens_of(text):
        sure = token in values or request.INSIDE.search(token) or (token.isupper() and len(token) > 2)
        if sure or token.lower() not in talk | SENTENCE:
            words = WORD.findall(token)
            camel = "".join(word[:1].upper() + word[1:] for word in words)
            found |= {token, token.lower(), token.upper(), token.capitalize(), token.lower() + "s"}
            found |= {camel, camel[:1].lower() + camel[1:], "_".join(words), "".join(words).lower()}
    return found - {""}


class Samples(NamedTuple):
    """
    Answers to an intent with different parameters. strings: those in them, with HOLE for what the request said and
    DIGITS for other numbers; without holes only those that come back. keys, numbers: those that come back.
    """

    texts: list[str]
    strings: frozenset[str]
    keys: frozenset[str]
    numbers: frozenset[str]
    values: frozenset[str]  # of parameters


@cache
def samples(name: str, kind: str) -> Samples:
    from acorn.recipes.iac.intents import INTENTS

    rng, intent = Random(f"samples {name}"), INTENTS[name]
    talk, texts, values = request.bag(intent, kind), [], set()
    strings, keys, numbers = Counter(), Counter(), Counter()
    for _ in range(DRAWS):
        p = intent.draw(rng, "train", kind)
        text = intent.render(p, kind)
        own = {*request.leaves(p), *(key for one in p.values() if isinstance(one, dict) for key in one)}
        names = longest_first(said(intent.describe(p, kind, intent.phrasing(rng, "train")), talk, own))
        values |= own
        texts.append(text)
        found = {a or b for a, b in STRING.findall(text)} | set(INSTRUCTION.findall(text))
        strings.update({opened(string, names) for string in found})
        keys.update({opened(key, names) for key in KEY.findall(text)})
        numbers.update(set(NUMBER.findall(text)))
    kept = [one for one, n in strings.items() if HOLE in one or "${" in one or (n > 1 and one not in values)]
    often = [one for one, n in keys.items() if HOLE in one or (n > 1 and one not in values)]
    always = [number for number, n in numbers.items() if n > DRAWS // 4]
    return Samples(texts, frozenset(kept), frozenset(often), frozenset(always), frozenset(values))


def opened(text: str, names: list[str]) -> str:
    """A string with HOLE for every name in it (the longest first), and DIGITS for what numbers are left."""
    for name in names:
        at = text.find(name)
        while at >= 0:
            end = at + len(name)
            if not text[at - 1 : at].isalnum() and not text[end : end + 1].isalnum():
                text, end = text[:at] + HOLE + text[end:], at + 1
            at = text.find(name, end)
    return NUMBER.sub(DIGITS, text) if HOLE in text or "." in text else text
