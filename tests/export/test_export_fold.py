"""nano is Apertus after folding, and folding is undone exactly."""

import dataclasses

import exporting
import pytest
import torch

from acorn.errors import UserError
from acorn.export.fold import fold, nano_to_apertus, normalised, unfold, unfold_apertus
from acorn.export.names import table, to_theirs
from acorn.export.stock import stock_form
from acorn.model.lora import Lora, add_lora
from acorn.model.nano import Nano


@pytest.fixture
def nano():
    return exporting.make("nano")


def apertus(model):
    return to_theirs(table("apertus", "hf", model.config), fold(model.config, model.state_dict()))


def test_what_is_unfolded_computes_the_same(nano):
    again = Nano(nano.config)
    again.load_state_dict(unfold(nano.config, fold(nano.config, nano.state_dict())))
    ids = torch.randint(0, exporting.VOCAB, (2, 64), generator=torch.Generator().manual_seed(1))
    assert (again(ids) - nano(ids)).abs().max() < 2e-5
    assert nano.scales.std() > 0.1  # there was something to fold


def test_folding_what_was_unfolded_gives_the_same_bits(nano):
    first = apertus(nano)
    config, state = unfold_apertus(nano_to_apertus(nano.config), first)
    second = to_theirs(table("apertus", "hf", config), fold(config, state))
    assert config == nano.config and first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_rows_are_normalised_once():
    rows = torch.randn(50, 24, generator=torch.Generator().manual_seed(0)) * 3
    once = normalised(rows)
    assert (once.square().mean(-1) - 1).abs().max() < 1e-5
    assert torch.equal(normalised(once), once)
    assert torch.equal(normalised(torch.zeros(2, 4)), torch.zeros(2, 4))


def test_an_apertus_of_others_is_refused_by_name(nano):
    config, tensors = nano_to_apertus(nano.config), apertus(nano)
    with pytest.raises(UserError) as e:
        unfold_apertus(config, tensors | {"model.layers.1.mlp.act_fn.beta": torch.tensor(0.5)})
    assert e.value.message == (
        "blocks.1.mlp.beta is 0.5, where nano has 0: this Apertus model learned norms and an activation (xIELU) that "
        "nano cannot compute; only those that acorn exported can be imported"
    )
    with pytest.raises(UserError, match=r"blocks.0.attention_norm.weight is 0.5 to 1, where nano has 1"):
        weight = torch.ones(64)
        weight[3] = 0.5
        unfold_apertus(config, tensors | {"model.layers.0.attention_layernorm.weight": weight})
    with pytest.raises(UserError) as e:
        unfold_apertus(config | {"intermediate_size": 100, "rope_parameters": {"rope_type": "llama3"}}, tensors)
    assert e.value.message == (
        "this Apertus model is not one that acorn exported: intermediate_size 100 (nano needs 256), "
        "rope_type 'llama3' (nano needs 'default')"
    )


def test_bfloat16_survives_unfolding(nano):
    """Rounding moves the constants a little; they are still recognised."""
    rounded = {name: t.bfloat16().float() for name, t in apertus(nano).items()}
    config, state = unfold_apertus(nano_to_apertus(nano.config), rounded)
    assert torch.equal(state["blocks.0.mlp.up.weight"], nano.blocks[0].mlp.up.weight.bfloat16().float())
    assert torch.equal(state["scales"], torch.ones(2))


def test_what_cannot_be_exported_is_named(nano):
    with pytest.raises(UserError) as e:
        stock_form(Nano(dataclasses.replace(nano.config, bigram=50)))
    assert e.value.message == (
        "this model has a bigram table of 50 rows; no stock class has one, so it cannot be exported"
    )
    with torch.no_grad():
        nano.scales[1] = -0.25
    with pytest.raises(UserError) as e:
        stock_form(nano)
    assert e.value.message.endswith(", -0.25; only positive ones can go into a stock class")
    model = exporting.make("llama")
    add_lora(model, Lora(2, 4.0))
    with pytest.raises(UserError, match=r"still has LoRA adapters \(28 tensors: blocks.0.attention.q.lora_a ...\)"):
        stock_form(model)
