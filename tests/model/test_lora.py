"""LoRA: adapters beside fixed weights, on every kind of model; apart in a checkpoint, merged when it is used."""

import copy

import pytest
import torch
from kinds import CONFIGS, small, tokens

from acorn import checkpoint
from acorn.errors import UserError
from acorn.model.layers import Linear
from acorn.model.lora import Lora, LoraLinear, adapters, add_lora, linears, lora_of, merge
from acorn.optim.adamw import AdamW
from acorn.tokenizer.train import train_chars

every_kind = pytest.mark.parametrize("name", CONFIGS)
NEAR = dict(rtol=1e-4, atol=2e-5)


def adapted(name, rank=3, alpha=6.0, zero=False):
    """A model whose adapters do something, unless `zero`: then they are as they begin."""
    model = small(name)
    generator = torch.Generator().manual_seed(7)
    add_lora(model, Lora(rank, alpha), generator)
    with torch.no_grad():
        for key, p in model.named_parameters():
            if key.endswith("lora_b") and not zero:
                p.normal_(0, 0.3, generator=generator)
    return model


def train_some(model, steps=3):
    ids, weights = tokens(4, 21), torch.full((4, 20), 1 / 80)
    optimizer = AdamW(dict(model.named_parameters()), adapters(model), 0.02)
    model.train()
    for _ in range(steps):
        model.loss(ids[:, :-1], ids[:, 1:], weights).backward()
        optimizer.step()
        model.zero_grad()
    model.eval()
    return optimizer


@every_kind
@torch.no_grad()
def test_the_beginning_is_the_model_itself(name):
    ids = tokens(2, 20)
    torch.testing.assert_close(adapted(name, zero=True)(ids), small(name)(ids), **NEAR)


@every_kind
@torch.no_grad()
def test_merged_weights_give_the_same_logits(name):
    model, ids = adapted(name), tokens(2, 20)
    logits = model(ids)
    assert (logits - small(name)(ids)).abs().max() > 0.05  # the adapters do something
    plain = small(name)
    for (_, _, a), (_, _, b) in zip(linears(plain), linears(model)):
        a.weight += 2.0 * b.lora_b @ b.lora_a
    torch.testing.assert_close(logits, plain(ids), **NEAR)
    merge(model)
    assert lora_of(model) is None and all(type(linear) is Linear for _, _, linear in linears(model))
    assert all(p.requires_grad for p in model.parameters())
    assert list(model.state_dict()) == list(plain.state_dict())
    torch.testing.assert_close(model.state_dict(), plain.state_dict(), rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(logits, model(ids), **NEAR)


@every_kind
def test_training_moves_the_adapters_and_nothing_else(name):
    model = adapted(name, zero=True)
    before = {key: p.detach().clone() for key, p in model.named_parameters()}
    optimizer = train_some(model)
    moved = {key for key, p in model.named_parameters() if not torch.equal(p, before[key])}
    assert moved == {key for key in before if "lora_" in key}
    plain = small(name)
    assert all(torch.equal(p, before[key]) for key, p in plain.named_parameters())  # bit for bit
    state = sum(t.numel() for key, t in optimizer.state_dict().items() if key != "steps")
    assert state == 2 * sum(p.numel() for p in adapters(model)["adapter"])


def test_the_optimizer_holds_next_to_nothing_at_real_shapes():
    """SmolLM2-135M at rank 8: 134.5 M weights fixed, 2.4 M trained; counted, not allocated."""
    from acorn.model.llama import Llama, LlamaConfig

    with torch.device("meta"):
        model = Llama(LlamaConfig(49152, 30, 9, 3, 576, n_inner=1536, block_size=2048, tied=True))
        whole = sum(p.numel() for p in model.parameters())
        add_lora(model, Lora(8, 16.0))
    trained = sum(p.numel() for p in adapters(model)["adapter"])
    # q and out 576+576, k and v 576+192, gate, up and down 576+1536
    assert whole == 134_515_008 and trained == 30 * 8 * (2 * 1152 + 2 * 768 + 3 * 2112)


@every_kind
def test_gradients_of_the_adapters_are_those_of_the_merged_weights(name):
    """∂/∂a = s bᵀ ∂/∂W and ∂/∂b = s ∂/∂W aᵀ, with W the merged weight."""
    model = adapted(name)
    plain = copy.deepcopy(model)
    merge(plain)
    ids, weights = tokens(2, 21), torch.full((2, 20), 1 / 40)
    for m in (model, plain):
        m.loss(ids[:, :-1], ids[:, 1:], weights).backward()
    for (_, _, a), (_, _, b) in zip(linears(model), linears(plain)):
        torch.testing.assert_close(a.lora_a.grad, 2.0 * a.lora_b.T @ b.weight.grad, rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(a.lora_b.grad, 2.0 * b.weight.grad @ a.lora_a.T, rtol=1e-3, atol=1e-4)
        assert a.weight.grad is None
    assert model.head.weight.grad is None and model.embed.weight.grad is None


@every_kind
@torch.no_grad()
def test_a_checkpoint_keeps_them_apart_and_loads_merged(name, tmp_path):
    model, ids = adapted(name), tokens(2, 20)
    tokenizer = train_chars(["".join(map(chr, range(40, 40 + 67)))])
    where = checkpoint.save_checkpoint(tmp_path, 3, model, {}, {}, tokenizer)
    apart, _, _ = checkpoint.load_checkpoint(where, merged=False)
    assert lora_of(apart) == Lora(3, 6.0)
    assert apart.state_dict().keys() == model.state_dict().keys()
    assert all(torch.equal(t, apart.state_dict()[key]) for key, t in model.state_dict().items())
    plain, _, _ = checkpoint.load_checkpoint(where)
    assert lora_of(plain) is None and list(plain.state_dict()) == list(small(name).state_dict())
    torch.testing.assert_close(plain(ids), model(ids), **NEAR)


def test_adapters_twice_or_of_no_size_are_refused():
    model = adapted("llama")
    with pytest.raises(ValueError, match="adapters already"):
        add_lora(model, Lora(2, 4.0))
    for rank, alpha in ((0, 1.0), (-1, 1.0), (4, 0.0), (4, float("nan")), (4, float("inf"))):
        with pytest.raises(UserError, match="rank of at least 1 and an alpha above 0"):
            Lora(rank, alpha)


def test_only_the_blocks_have_adapters():
    model = adapted("gpt2")
    assert sum(isinstance(m, LoraLinear) for m in model.modules()) == 2 * 6
    assert not isinstance(model.head, LoraLinear)
