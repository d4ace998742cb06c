"""
What constrains decoding: a grammar for a request, made of what the schemas of its kind know about the few resource
types that the request is about. Which these are is read off the drafts that failed, and off the intents that are near.

    rules, hcl, yamls, docker    writing a grammar
    terraform, kubernetes        the grammar of a kind, from its schemas
"""

import re
from collections import Counter, OrderedDict
from collections.abc import Callable
from functools import cache
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from acorn.recipes.iac import request
from acorn.recipes.iac.grammar import docker, kubernetes, terraform
from acorn.recipes.iac.grammar.rules import known

if TYPE_CHECKING:
    from acorn.infer.constrain import Compiled, Guide
    from acorn.recipes.iac.generate import Ask

# kind -> (texts about the request, pattern of known words) -> grammar, or "" where the texts name nothing that is known
KINDS: dict[str, Callable[[list[str], str], str]] = {
    "terraform": terraform.text,
    "kubernetes": kubernetes.text,
    "dockerfile": lambda texts, words: docker.text(words),
}
KEPT = 64  # grammars
WORD = re.compile(r"[A-Za-z0-9]+")
# what stands in quotes; in YAML behind a colon or a dash; in a Dockerfile behind an instruction
STRING = re.compile(
    r'"((?:[^"\\\n]|\\.)*)"|(?:: |^ *- (?![\w./-]+:(?: |$))|^[A-Z]+ |=)([^"\s{\[][^"\n]*)$', re.MULTILINE
)
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
        words = known_words(ask.request, near) if copy else ""
        grammar = KINDS[ask.kind](texts, words)
        return self.compile(grammar).begin if grammar else None

    def compile(self, grammar: str) -> "Compiled":
        if grammar not in self.compiled:
            self.compiled[grammar] = self.grammars.compile("grammar", grammar)
            if len(self.compiled) > KEPT:
                self.compiled.popitem(last=False)
        return self.compiled[grammar]


def known_words(text: str, near: list[tuple]) -> str:
    """A pattern for what strings in the answer to a request can be, or "" if nothing is known of such answers."""
    found = [samples(intent.name, kind) for intent, kind in near]
    talk = set().union(*(request.bag(intent, kind) for intent, kind in near))
    words = {word for one in found for word in one.words}
    return known(said(text, talk), words, {text for one in found for text in one.strings}) if near else ""


def said(text: str, talk: set[str]) -> set[str]:
    """The words of a request that can be part of a name, also as names in other styles write them."""
    found = set()
    for one in text.split():
        words = [word for word in WORD.findall(one) if word.lower() not in SENTENCE]
        if request.INSIDE.search(one.strip(request.EDGE)) or (words and words[0].lower() not in talk):
            camel = "".join(word[:1].upper() + word[1:] for word in words)
            found |= {form for word in words for form in (word, word.lower(), word.upper(), word.capitalize())}
            found |= {camel, camel[:1].lower() + camel[1:], "".join(words).lower()}
    return found


class Samples(NamedTuple):
    """Answers to an intent with different parameters; the strings and the words that come back in them."""

    texts: list[str]
    strings: frozenset[str]
    words: frozenset[str]


@cache
def samples(name: str, kind: str) -> Samples:
    from acorn.recipes.iac.intents import INTENTS

    rng, intent = Random(f"samples {name}"), INTENTS[name]
    texts = [intent.render(intent.draw(rng, "train", kind), kind) for _ in range(32)]
    strings = Counter(string for text in texts for string in {a or b for a, b in STRING.findall(text)})
    words = Counter(word for text in texts for word in set(WORD.findall(text)))
    again = frozenset(string for string, count in strings.items() if count > 1)
    return Samples(texts, again, frozenset(word for word, count in words.items() if count > 3))
