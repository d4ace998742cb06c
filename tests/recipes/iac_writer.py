"""For tests of writing code: a tokenizer of this subject, an engine that says what it is told, random walks."""

import functools
import random

import torch

from acorn.infer.engine import Reply
from acorn.recipes.iac.intents import PAIRS


@functools.cache
def tokenizer():
    """A few hundred tokens, learned from one answer of each kind of each intent."""
    from acorn.tokenizer.train import train_bpe

    rng = random.Random(0)
    return train_bpe([intent.render(intent.draw(rng, "train", kind), kind) for intent, kind in PAIRS], 420)


def tiny_engine(context: int = 512):
    """Random weights: says nonsense, but says it token by token."""
    from acorn.infer.engine import Engine
    from acorn.model.nano import Nano, NanoConfig

    torch.manual_seed(0)
    words = tokenizer()
    sizes = dict(n_layer=1, n_head=2, n_kv_head=2, n_embd=16)
    model = Nano(NanoConfig(vocab_size=words.n_vocab, block_size=context, **sizes))
    with torch.no_grad():
        for p in model.parameters():
            p.normal_(0, 0.5)
    return Engine(model.eval(), words)


class Parrot:
    """An engine that answers with what it was given: a list of texts a request, one after the other."""

    context = 512

    def __init__(self, *lines: list[str]):
        self.tokenizer, self.lines, self.calls = tokenizer(), [list(line) for line in lines], []
        self.model = torch.nn.Linear(1, 1)

    def complete(self, prompts, sampling, samples=1, guides=()):
        self.calls.append((len(prompts), samples, [guide is not None for guide in guides]))
        asked = [self.tokenizer.decode(ids) for ids in prompts]
        lines = [next(line for line in self.lines if line[0] in text) for text in asked]
        replies = []
        for line in lines:
            for _ in range(samples):
                text = line.pop(1) if len(line) > 2 else line[1]
                replies.append(Reply(text=text, finish="length" if text.endswith("...") else "stop"))
        return replies


def walk(grammars, grammar: str, seed: int, limit: int = 3000) -> str | None:
    """A random text of a grammar; what ends things is likelier. None if it did not come to an end."""
    words, rng = tokenizer(), random.Random(seed)
    guide, ids = grammars.compile("grammar", grammar).begin(), []
    weights = torch.ones(words.n_vocab)
    for i in range(words.n_vocab):
        weights[i] = 30.0 if set(words.decode_bytes([i])) & set(b'"\n]}') else 1.0
    weights[list(words.stops)] = 300.0
    for _ in range(limit):
        allowed = guide.shape(torch.zeros(words.n_vocab)).exp() * weights
        chosen = rng.choices(range(words.n_vocab), allowed.tolist())[0]
        if chosen in words.stops:
            assert not guide.broken
            return words.decode(ids)
        guide.push(chosen)
        ids.append(chosen)
    return None
