"""nano: starting weights, shapes, groups, the contract of models."""

import dataclasses
import math

import pytest
import torch
import torch.nn.functional as F

from acorn.errors import UserError
from acorn.model import build
from acorn.model.nano import QK_GAIN, Nano, NanoConfig

SMALL = NanoConfig(vocab_size=300, n_layer=3, n_head=4, n_kv_head=2, n_embd=32, block_size=40)


def nano(config=SMALL, seed=0, fresh=False):
    model = Nano(config)
    generator = torch.Generator().manual_seed(seed)
    model.init_weights(generator)
    if not fresh:  # a fresh model's blocks do nothing: their outputs are zero
        with torch.no_grad():
            for p in model.parameters():
                p.normal_(0, 0.5 if p.ndim < 2 else p.shape[-1] ** -0.5, generator=generator)
    return model


def tokens(batch, length, seed=0, vocab=300):
    return torch.randint(0, vocab, (batch, length), generator=torch.Generator().manual_seed(seed))


def plain_forward(model, ids):
    """The model written down once more, in float64, with nothing shared and nothing clever."""
    config, w = model.config, {name: p.detach().double() for name, p in model.named_parameters()}

    def norm(x):
        return x / (x.square().mean(-1, keepdim=True) + 1e-6).sqrt()

    def turn(x):  # (B, T, H, D)
        half = x.shape[-1] // 2
        angle = torch.arange(x.shape[1]).double()[:, None] * config.rope_base ** -(torch.arange(half).double() / half)
        z = torch.complex(x[..., :half], x[..., half:]) * torch.polar(torch.ones_like(angle), angle)[:, None]
        return torch.cat((z.real, z.imag), -1)

    B, T = ids.shape
    x = w["embed.weight"][ids]
    if config.bigram:
        before = torch.cat((torch.zeros(B, 1, dtype=torch.int64), ids[:, :-1]), 1)
        x = x + w["bigram.weight"][(before * 1_000_003 + ids * 7919) % config.bigram]
    x = norm(x)
    for i in range(config.n_layer):
        layer = {k.removeprefix(f"blocks.{i}."): v for k, v in w.items() if k.startswith(f"blocks.{i}.")}
        x = x * w["scales"][i]
        h = norm(x)
        q, k, v = ((h @ layer[f"attention.{n}.weight"].T).view(B, T, -1, config.head_dim) for n in "qkv")
        q, k = norm(turn(q)) * QK_GAIN, norm(turn(k)) * QK_GAIN
        k, v = (t.repeat_interleave(config.n_head // config.n_kv_head, dim=2) for t in (k, v))
        scores = torch.einsum("bihd,bjhd->bhij", q, k) / math.sqrt(config.head_dim)
        scores = scores.masked_fill(torch.ones(T, T, dtype=torch.bool).triu(1), -math.inf)
        y = torch.einsum("bhij,bjhd->bihd", scores.softmax(-1), v).reshape(B, T, -1)
        x = x + y @ layer["attention.out.weight"].T
        x = x + (norm(x) @ layer["mlp.up.weight"].T).relu().square() @ layer["mlp.down.weight"].T
    return norm(x) @ w["head.weight"].T


@pytest.mark.parametrize("bigram", [0, 97])
@pytest.mark.parametrize("grad", [True, False])
def test_the_forward_is_what_the_docstring_says(bigram, grad):
    model, ids = nano(dataclasses.replace(SMALL, bigram=bigram)), tokens(2, 33)
    with torch.set_grad_enabled(grad):
        torch.testing.assert_close(model(ids).double(), plain_forward(model, ids), rtol=1e-4, atol=1e-5)


def test_loss_is_the_weighted_sum_and_its_gradient():
    model, ids, weights = nano(), tokens(3, 21), torch.rand(3, 20, generator=torch.Generator().manual_seed(1))
    inputs, targets = ids[:, :-1], ids[:, 1:]
    loss = model.loss(inputs, targets, weights)
    nll = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten(), reduction="none")
    plain = (nll * weights.flatten()).sum()
    torch.testing.assert_close(loss, plain)
    ours, theirs = (torch.autograd.grad(x, list(model.parameters()), retain_graph=True) for x in (loss, plain))
    for a, b in zip(ours, theirs):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_bf16_is_near_fp32_and_weights_stay_fp32():
    model, ids = nano(), tokens(2, 30)
    exact = model(ids)
    model.compute_dtype = torch.bfloat16
    rough = model(ids)
    assert rough.dtype == torch.float32 and {p.dtype for p in model.parameters()} == {torch.float32}
    assert (rough - exact).abs().mean() < 0.03 * exact.abs().mean()
    model.loss(ids[:, :-1], ids[:, 1:], torch.full((2, 29), 1 / 58)).backward()
    assert all(p.grad.dtype == torch.float32 and p.grad.isfinite().all() for p in model.parameters())


@torch.no_grad()
def test_starting_weights_are_those_of_the_table():
    """embed N(0, 1)  q k v U(±√3/√C)  up U(±0.4·√3/√C)  out down 0  head N(0, 0.001)  scales 1.15 → 1.05  bigram 0"""
    C = 128
    model = nano(NanoConfig(2000, 4, 4, 4, C, 32, bigram=50), fresh=True)
    assert abs(float(model.embed.weight.std()) - 1) < 0.01 and abs(float(model.embed.weight.mean())) < 0.01
    assert abs(float(model.head.weight.std()) / 0.001 - 1) < 0.01
    bound = math.sqrt(3 / C)
    for block in model.blocks:
        a, m = block.attention, block.mlp
        for weight, limit in ((a.q, bound), (a.k, bound), (a.v, bound), (m.up, 0.4 * bound)):
            assert 0.99 * limit < weight.weight.abs().max() <= limit
            assert abs(float(weight.weight.std()) / (limit / math.sqrt(3)) - 1) < 0.02  # of a uniform distribution
        assert not a.out.weight.any() and not m.down.weight.any()
    torch.testing.assert_close(model.scales.detach(), torch.tensor([1.15, 1.15 - 0.1 / 3, 1.05 + 0.1 / 3, 1.05]))
    assert not model.bigram.weight.any()
    assert abs(float(model.loss(tokens(4, 20), tokens(4, 20, 1), torch.full((4, 20), 1 / 80))) - math.log(2000)) < 0.01


def test_starting_weights_follow_the_seed_and_nothing_else():
    torch.manual_seed(5)
    a = nano(seed=1, fresh=True)
    torch.manual_seed(6)
    b, c = nano(seed=1, fresh=True), nano(seed=2, fresh=True)
    assert all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters()))
    assert not torch.equal(a.embed.weight, c.embed.weight)


@pytest.mark.parametrize("bigram", [0, 10])
def test_groups_hold_every_parameter_once(bigram):
    model = nano(dataclasses.replace(SMALL, bigram=bigram))
    groups = model.groups()
    assert sorted(groups) == ["embed", "head", "matrix", "scalar"]
    found = [id(p) for params in groups.values() for p in params]
    assert len(found) == len(set(found)) and set(found) == {id(p) for p in model.parameters()}
    assert all(p.ndim == 2 for p in groups["matrix"])
    model.extra = torch.nn.Parameter(torch.zeros(1))
    with pytest.raises(AssertionError, match="no optimizer group"):
        model.groups()


@pytest.mark.parametrize(
    "sizes, says",
    [
        (dict(n_head=5), "n_embd 32 must be n_head 5 times an even head size"),
        (dict(n_head=32, n_kv_head=32), "n_embd 32 must be n_head 32 times an even head size"),
        (dict(n_kv_head=3), "n_head 4 must be a multiple of n_kv_head 3"),
        (dict(n_layer=0), "every size must be at least 1"),
        (dict(vocab_size=-1), "every size must be at least 1"),
        (dict(bigram=-1), "bigram -1"),
    ],
)
def test_impossible_shapes_are_refused_with_their_values(sizes, says):
    with pytest.raises(UserError, match=says):
        dataclasses.replace(SMALL, **sizes)


def test_an_unknown_kind_is_refused_with_the_nearest():
    with pytest.raises(UserError, match="no model 'nan0'. Did you mean nano"):
        build("nan0", SMALL)


def test_too_long_an_input_is_said_with_numbers():
    with pytest.raises(ValueError, match="41 tokens do not fit the context of 40"):
        nano()(tokens(1, 41))


@pytest.mark.parametrize("reads", [[40], [1] * 12, [7, 1, 1, 9, 2]])
def test_a_bigram_model_with_a_cache_equals_the_plain_forward(reads):
    model, ids = nano(dataclasses.replace(SMALL, bigram=61)).eval(), tokens(3, 40)
    with torch.no_grad():
        cache, parts = model.new_cache(3, 40), []
        for a, b in zip([0, *torch.tensor(reads).cumsum(0)], torch.tensor(reads).cumsum(0)):
            parts.append(model(ids[:, a:b], cache))
        torch.testing.assert_close(torch.cat(parts, 1), model(ids[:, : sum(reads)]), rtol=1e-4, atol=1e-5)


def test_a_bigram_model_with_ragged_rows_that_leave():
    model, ids = nano(dataclasses.replace(SMALL, bigram=61)).eval(), tokens(3, 40)
    lengths = [3, 9, 5]
    with torch.no_grad():
        cache, whole = model.new_cache(3, 40), model(ids)
        model(ids[:, :9], cache)  # the rows are padded with what happens to follow
        cache.lengths[:] = torch.tensor(lengths)
        following = torch.stack([ids[row, n : n + 2] for row, n in enumerate(lengths)])
        logits = model(following, cache)
        for row, n in enumerate(lengths):
            torch.testing.assert_close(logits[row], whole[row, n : n + 2], rtol=1e-4, atol=1e-5)
        cache.keep([2, 1])
        logits = model(torch.stack([ids[2, 7:8], ids[1, 11:12]]), cache)
        torch.testing.assert_close(logits[:, 0], torch.stack([whole[2, 7], whole[1, 11]]), rtol=1e-4, atol=1e-5)


def test_flops_count_every_product_of_a_step():
    """6 a weight that multiplies, and both products of causal attention, forward and twice backward."""
    model, T = nano(dataclasses.replace(SMALL, n_kv_head=4)), 40
    matrices = 3 * 12 * 32**2 + 300 * 32
    attention = 3 * 3 * 2 * 2 * 32 * T / 2  # layers, passes, products, multiply and add, width, half of the tokens
    assert model.flops_per_token(T) == 6 * matrices + attention
