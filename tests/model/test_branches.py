"""Rows that share prompts against the plain forward: all kinds of model, ragged rows, rows and prompts that leave."""

import pytest
import torch

from acorn.model import MODELS
from acorn.model.branches import Branches

SHAPES = {
    "nano": dict(vocab_size=64, n_layer=2, n_head=4, n_kv_head=2, n_embd=32, block_size=32),
    "bigram": dict(vocab_size=64, n_layer=2, n_head=4, n_kv_head=4, n_embd=32, block_size=32, bigram=16),
    "llama": dict(vocab_size=64, n_layer=2, n_head=4, n_kv_head=1, n_embd=32, block_size=32, tied=True),
    "gpt2": dict(vocab_size=64, n_layer=2, n_head=4, n_embd=32, block_size=32),
}


def build(kind):
    config, model = MODELS["nano" if kind == "bigram" else kind]
    built = model(config(**SHAPES[kind]))
    with torch.no_grad():
        for i, p in enumerate(built.parameters()):
            p.normal_(0, 0.2, generator=torch.Generator().manual_seed(i))
    return built.eval()


def random_ids(*shape, seed=0):
    return torch.randint(0, 64, shape, generator=torch.Generator().manual_seed(seed))


class Twin:
    """Branches, and beside it the plain list of tokens that every row has seen."""

    def __init__(self, model, slots=12, prompts=3, reply=8):
        self.model, self.texts, self.seed = model, [], 10
        self.cache = Branches(model.new_cache(slots, reply), model.new_cache(prompts, 9))

    def read(self, *lengths, seed=0):
        ids, cache = random_ids(len(lengths), max(lengths), seed=seed), self.model.new_cache(len(lengths), max(lengths))
        self.model(ids, cache)
        cache.lengths[:] = torch.tensor(lengths)
        return ids, cache

    def add(self, ids, cache, row, length, copies):
        self.cache.add(cache, row, length, copies)
        self.texts += [ids[row, :length]] * copies

    def keep(self, rows):
        self.cache.keep(rows)
        self.texts = [self.texts[row] for row in rows]

    def step(self):
        self.seed += 1
        new = random_ids(len(self.texts), 1, seed=self.seed)
        got = self.model(new, self.cache)[:, -1]
        self.texts = [torch.cat((text, token)) for text, token in zip(self.texts, new)]
        for row, text in enumerate(self.texts):
            torch.testing.assert_close(got[row], self.model(text[None])[0, -1], rtol=1e-5, atol=1e-5)
        assert self.cache.lengths.tolist() == [len(text) for text in self.texts]


@torch.no_grad()
@pytest.mark.parametrize("kind", SHAPES)
def test_rows_come_and_go_over_shared_prompts(kind):
    twin = Twin(build(kind))
    ids, cache = twin.read(4, 9, 1)
    twin.add(ids, cache, 0, 4, 3)
    twin.add(ids, cache, 1, 9, 2)
    twin.step()
    twin.step()
    twin.add(ids, cache, 2, 1, 1)  # younger rows, so that lengths of replies differ
    twin.add(ids, cache, 1, 9, 2)  # more of a prompt that is there already
    assert twin.cache.trunk.batch == 3
    twin.step()
    twin.keep([6, 1, 2, 5])  # prompt 0, 1 and 2 go on, with fewer rows
    twin.step()
    twin.keep([0, 3])  # prompt 0 leaves
    assert twin.cache.trunk.batch == 2 and twin.cache.batch == 2
    ids, cache = twin.read(7, seed=1)
    twin.add(ids, cache, 0, 7, 4)  # another takes its place
    twin.step()
    twin.keep([])
    assert twin.cache.trunk.batch == 0 and twin.cache.origins == []
    twin.add(ids, cache, 0, 7, 12)
    twin.step()


@torch.no_grad()
def test_one_token_at_a_time():
    model = build("nano")
    twin = Twin(model)
    twin.add(*twin.read(4), 0, 4, 2)
    with pytest.raises(ValueError, match="3 tokens a row: rows that share prompts are read one token at a time"):
        model(random_ids(2, 3), twin.cache)


@torch.no_grad()
def test_bf16():
    model = build("nano")
    model.compute_dtype = torch.bfloat16
    twin = Twin(model)
    ids, cache = twin.read(4, 9)
    twin.add(ids, cache, 0, 4, 2)
    twin.add(ids, cache, 1, 9, 3)
    new = random_ids(5, 1)
    got = model(new, twin.cache)[:, -1]
    for row, text in enumerate(twin.texts):
        plain = model(torch.cat((text, new[row]))[None])[0, -1]
        assert (got[row] - plain).abs().max() < 0.05 * plain.std()
