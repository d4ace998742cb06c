"""
What constrains decoding: a grammar for a request, made of what the schemas of its kind know about the few resource
types that the request is about. Which these are is read off the drafts that failed, and off the intents that are near.

    rules, hcl, yamls, docker    writing a grammar
    terraform, kubernetes        the grammar of a kind, from its schemas
"""

import re
from collections import OrderedDict
from collections.abc import Callable
from functools import cache
from random import Random
from typing import TYPE_CHECKING

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
        texts = [*drafts, *(text for intent, kind in near for text in samples(intent.name, kind)[0])]
        words = ""
        if copy and near:
            words = known([*said(ask.request), *(word for i, kind in near for word in samples(i.name, kind)[1])])
        grammar = KINDS[ask.kind](texts, words)
        return self.compile(grammar).begin if grammar else None

    def compile(self, grammar: str) -> "Compiled":
        if grammar not in self.compiled:
            self.compiled[grammar] = self.grammars.compile("grammar", grammar)
            if len(self.compiled) > KEPT:
                self.compiled.popitem(last=False)
        return self.compiled[grammar]


def said(text: str) -> set[str]:
    """The words of a request that can be part of a name, also as names in other styles write them."""
    found = set()
    for one in text.split():
        words = [word for word in WORD.findall(one) if word.lower() not in SENTENCE]
        camel = "".join(word[:1].upper() + word[1:] for word in words)
        found |= {form for word in words for form in (word, word.lower(), word.upper(), word.capitalize())}
        found |= {camel, camel[:1].lower() + camel[1:], "".join(words).lower()}
    return found - {""}


@cache
def samples(name: str, kind: str) -> tuple[list[str], frozenset[str]]:
    """Answers to an intent with different parameters, and the words in them that no request has said."""
    from acorn.recipes.iac.intents import INTENTS

    rng, intent, texts, words = Random(f"samples {name}"), INTENTS[name], [], set()
    for _ in range(12):
        p = intent.draw(rng, "train", kind)
        texts.append(intent.render(p, kind))
        words |= set(WORD.findall(texts[-1])) - said(intent.describe(p, kind, intent.phrasing(rng, "train")))
    return texts, frozenset(words)
