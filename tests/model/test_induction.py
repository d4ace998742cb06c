"""A model that begins with induction heads continues what it has read before, with no training."""

import pytest
import torch

from acorn.errors import UserError
from acorn.model.induction import begin_with_induction
from acorn.model.nano import Nano, NanoConfig

SHAPE = dict(vocab_size=500, n_layer=3, n_head=3, n_kv_head=3, n_embd=192, block_size=256)


def started(induction=True, **shape):
    generator = torch.Generator().manual_seed(1)
    model = Nano(NanoConfig(**{**SHAPE, **shape}))
    model.init_weights(generator)
    if induction:
        begin_with_induction(model, generator)
    return model.eval()


@torch.inference_mode()
def copied(model, distance=100):
    """Of random tokens that come a second time, the share that is foretold."""
    once = torch.randint(0, 500, (4, distance), generator=torch.Generator().manual_seed(2))
    guess = model(torch.cat((once, once), dim=1))[:, distance:-1].argmax(-1)
    return float((guess == once[:, 1:]).float().mean())


def test_it_copies_before_it_has_learnt_anything():
    assert copied(started(induction=False)) < 0.02
    assert copied(started()) > 0.2
    assert copied(started(), distance=30) > 0.5


@torch.inference_mode()
def test_text_that_never_came_before_is_as_likely_as_ever():
    """Nothing is lost at the start: the loss on random tokens stays near that of a guess."""
    ids = torch.randint(0, 500, (4, 200), generator=torch.Generator().manual_seed(3))
    weights = torch.full((4, 199), 1 / (4 * 199))
    plain, ours = (float(started(on).loss(ids[:, :-1], ids[:, 1:], weights)) for on in (False, True))
    assert ours < plain + 0.3


def test_the_same_seed_gives_the_same_weights_and_others_others():
    a, b = started(), started()
    assert all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters()))
    other = Nano(NanoConfig(**SHAPE))
    other.init_weights(torch.Generator().manual_seed(1))
    begin_with_induction(other, torch.Generator().manual_seed(9))
    assert not torch.equal(a.blocks[1].attention.q.weight, other.blocks[1].attention.q.weight)


def test_what_is_not_named_stays_as_it_was():
    plain, ours = started(induction=False), started()
    for (name, x), y in zip(plain.named_parameters(), ours.parameters()):
        touched = "attention" in name and name.split(".")[1] in "01" or name in ("embed.weight", "head.weight")
        assert torch.equal(x, y) != touched, name


@pytest.mark.parametrize(
    "shape, message",
    [
        (dict(n_layer=1), "needs 2 layers and 3 heads at least, each with keys of its own; this one has 1 layers"),
        (dict(n_head=2, n_kv_head=2), "has 3 layers, 2 heads of 96"),
        (dict(n_kv_head=1), "each with keys of its own"),
        (dict(n_embd=24), "needs heads of 16 dimensions, not 8"),
    ],
)
def test_a_shape_without_room_for_them_is_refused(shape, message):
    with pytest.raises(UserError, match=message):
        started(**shape)
