"""A byte tokenizer, a tiny model with random weights, and a model that recites: decoding is tested without training."""

from types import SimpleNamespace

import pytest
import torch
from tiny import build_nano, build_tokenizer

from acorn.model.cache import KVCache


class Reciter(torch.nn.Module):
    """Says at position p what `script` says there, whatever it reads: the reply to n tokens is script[n:]."""

    def __init__(self, script, vocab_size, block_size=128):
        super().__init__()
        self.config = SimpleNamespace(vocab_size=vocab_size, block_size=block_size)
        self.script = torch.tensor([*script, *[0] * block_size])
        self.forwards = []  # (rows, tokens) of each
        self.head = torch.nn.Identity()

    def __deepcopy__(self, memo):
        return self  # an inference copy is noted in the same list

    def new_cache(self, batch, length):
        return KVCache(1, batch, 1, length, 2, torch.float32, "cpu")

    def features(self, ids, cache):
        B, T = ids.shape
        self.forwards.append((B, T))
        positions = cache.positions(T)
        cache.append(0, torch.zeros(B, 1, T, 2), torch.zeros(B, 1, T, 2))
        cache.advance(T)
        return torch.nn.functional.one_hot(self.script[positions + 1], self.config.vocab_size).float()


@pytest.fixture
def tokenizer():
    return build_tokenizer()


@pytest.fixture
def random_nano():
    return build_nano


@pytest.fixture
def nano():
    return build_nano()


@pytest.fixture
def reciter(tokenizer):
    """reciter(says) -> a model that says it, a str or token ids, after a one-token prompt."""

    def build(says):
        return Reciter([0, *(tokenizer.encode(says) if isinstance(says, str) else says)], tokenizer.n_vocab)

    return build
