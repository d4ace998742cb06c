"""What every kind of model promises to training, decoding and export (acorn/model/__init__.py)."""

import dataclasses

import pytest
import torch
import torch.nn.functional as F
from kinds import CONFIGS, small, tokens

from acorn.errors import UserError
from acorn.model import MODELS, build, kind_of
from acorn.model.lora import Lora, add_lora

NEAR = dict(rtol=1e-4, atol=2e-5)
every_kind = pytest.mark.parametrize("name", CONFIGS)


@every_kind
def test_a_kind_is_built_by_its_name(name):
    model = small(name)
    again = build(kind_of(model), model.config)
    assert type(again) is type(model) and kind_of(again) in MODELS
    again.load_state_dict(model.state_dict())
    with torch.no_grad():
        assert torch.equal(again.eval()(tokens(2, 9)), model(tokens(2, 9)))


@every_kind
def test_sizes_that_others_read(name):
    c = small(name).config
    assert c.vocab_size == 67 and c.n_layer == 2 and c.block_size == 40
    assert c.n_head % c.n_kv_head == 0 and c.n_embd > 0 and c.head_dim % 2 == 0
    kind = dataclasses.asdict(c)
    assert type(c)(**kind) == c  # what a checkpoint keeps of it


@every_kind
@torch.no_grad()
def test_forward_is_the_head_of_the_features(name):
    model, ids = small(name), tokens(2, 11)
    logits = model(ids)
    assert logits.shape == (2, 11, 67) and logits.dtype == torch.float32
    assert torch.equal(model.head(model.features(ids)).float(), logits)
    assert model.head.weight.shape == (67, model.config.n_embd)


@every_kind
@torch.no_grad()
def test_no_position_sees_what_follows(name):
    model, ids = small(name), tokens(1, 30)
    changed = ids.clone()
    changed[0, 17:] = (changed[0, 17:] + 1) % 67
    torch.testing.assert_close(model(ids)[:, :17], model(changed)[:, :17], **NEAR)
    assert not torch.allclose(model(ids)[:, 17:], model(changed)[:, 17:])


@every_kind
@pytest.mark.parametrize("reads", [[40], [1] * 12, [7, 1, 1, 9, 2]])
@torch.no_grad()
def test_a_cache_changes_nothing(name, reads):
    model, ids = small(name), tokens(3, 40)
    cache, parts, at = model.new_cache(3, 40), [], 0
    for n in reads:
        parts.append(model(ids[:, at : at + n], cache))
        at += n
    assert cache.lengths.tolist() == [at] * 3
    torch.testing.assert_close(torch.cat(parts, 1), model(ids[:, :at]), **NEAR)


@every_kind
@torch.no_grad()
def test_ragged_rows_that_leave(name):
    model, ids = small(name), tokens(3, 40)
    lengths = [3, 9, 5]
    cache, whole = model.new_cache(3, 40), model(ids)
    model(ids[:, :9], cache)  # the rows are padded with what happens to follow
    cache.lengths[:] = torch.tensor(lengths)
    following = torch.stack([ids[row, n : n + 2] for row, n in enumerate(lengths)])
    logits = model(following, cache)
    for row, n in enumerate(lengths):
        torch.testing.assert_close(logits[row], whole[row, n : n + 2], **NEAR)
    cache.keep([2, 1])
    logits = model(torch.stack([ids[2, 7:8], ids[1, 11:12]]), cache)
    torch.testing.assert_close(logits[:, 0], torch.stack([whole[2, 7], whole[1, 11]]), **NEAR)


@every_kind
def test_the_context_has_an_end(name):
    model = small(name)
    with pytest.raises(ValueError, match="41 tokens do not fit the context of 40"):
        model(tokens(1, 41))
    with pytest.raises(ValueError, match="a cache of 41 tokens a row is longer than the context of 40"):
        model.new_cache(2, 41)
    with torch.no_grad():
        cache = model.new_cache(1, 40)
        model(tokens(1, 40), cache)
        with pytest.raises(ValueError, match="40 are used, 1 more do not fit"):
            model(tokens(1, 1), cache)


@every_kind
def test_loss_is_the_weighted_sum_and_its_gradient(name):
    model, ids, weights = small(name), tokens(3, 21), torch.rand(3, 20, generator=torch.Generator().manual_seed(1))
    inputs, targets = ids[:, :-1], ids[:, 1:]
    loss = model.loss(inputs, targets, weights)
    nll = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten(), reduction="none")
    plain = (nll * weights.flatten()).sum()
    torch.testing.assert_close(loss, plain)
    ours, theirs = (torch.autograd.grad(x, list(model.parameters())) for x in (loss, plain))
    for a, b in zip(ours, theirs):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


@every_kind
@pytest.mark.parametrize("grad", [True, False])
def test_texts_in_one_row_are_strangers(name, grad):
    """Three texts packed into one row give the loss and the gradient of the three alone."""
    model, ids, lengths = small(name), tokens(1, 31), [5, 14, 11]
    inputs, targets, weights = ids[:, :-1], ids[:, 1:], torch.rand(1, 30)
    begins = torch.tensor([0, 5, 19])
    starts = begins.repeat_interleave(torch.tensor(lengths))[None]
    with torch.set_grad_enabled(grad):
        packed = model.loss(inputs, targets, weights, starts)
        alone = sum(
            model.loss(inputs[:, a : a + n], targets[:, a : a + n], weights[:, a : a + n])
            for a, n in zip(begins.tolist(), lengths)
        )
    torch.testing.assert_close(packed, alone)
    if grad:
        for a, b in zip(*(torch.autograd.grad(x, list(model.parameters())) for x in (packed, alone))):
            torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


@every_kind
@pytest.mark.parametrize("lora", [False, True])
def test_groups_hold_every_parameter_once(name, lora):
    model = small(name)
    if lora:
        add_lora(model, Lora(2, 4.0))
    groups = model.groups()
    assert sorted(groups) == ["embed", "head", "matrix", "scalar"]
    found = [id(p) for params in groups.values() for p in params]
    assert len(found) == len(set(found)) and set(found) == {id(p) for p in model.parameters()}
    assert all(p.ndim == 2 for group in ("matrix", "embed", "head") for p in groups[group])
    assert all(p.ndim < 2 for p in groups["scalar"])


@every_kind
def test_bf16_is_near_fp32_and_weights_stay_fp32(name):
    model, ids = small(name), tokens(2, 30)
    exact = model(ids)
    model.compute_dtype = torch.bfloat16
    rough = model(ids)
    assert rough.dtype == torch.float32 and {p.dtype for p in model.parameters()} == {torch.float32}
    assert (rough - exact).abs().mean() < 0.03 * exact.abs().mean()
    model.loss(ids[:, :-1], ids[:, 1:], torch.full((2, 29), 1 / 58)).backward()
    assert all(p.grad.dtype == torch.float32 and p.grad.isfinite().all() for p in model.parameters())


@every_kind
def test_starting_weights_follow_the_seed_and_begin_at_chance(name):
    config = CONFIGS[name]
    models = []
    for state, seed in ((5, 1), (6, 1), (7, 2)):
        torch.manual_seed(state)
        model = build(kind_of(small(name)), config)
        model.init_weights(torch.Generator().manual_seed(seed))
        models.append(model.eval())
    a, b, c = models
    assert all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters()))
    assert not torch.equal(a.embed.weight, c.embed.weight)
    with torch.no_grad():
        nll = a.loss(tokens(4, 20), tokens(4, 20, 1), torch.full((4, 20), 1 / 80))
    assert abs(nll - torch.tensor(67.0).log()) < 0.1


@every_kind
def test_flops_count_every_matrix_and_causal_attention(name):
    model = small(name)
    c = model.config
    matrices = sum(p.numel() for p in model.blocks.parameters() if p.ndim == 2) + 67 * c.n_embd
    attention = 3 * c.n_layer * 2 * 2 * c.n_head * c.head_dim * 40 / 2  # passes, layers, products, half of the tokens
    assert model.flops_per_token(40) == 6 * matrices + attention


@every_kind
def test_it_learns(name):
    """Twenty plain steps on one batch: the gradient points the right way."""
    model, ids = small(name).train(), tokens(4, 21)
    weights = torch.full((4, 20), 1 / 80)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    losses = []
    for _ in range(20):
        loss = model.loss(ids[:, :-1], ids[:, 1:], weights)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


def test_an_unknown_kind_is_refused_with_the_nearest():
    with pytest.raises(UserError, match="no model 'lama'. Did you mean llama"):
        build("lama", CONFIGS["llama"])


@pytest.mark.parametrize(
    "name, sizes, says",
    [
        ("llama", dict(n_head=3, n_kv_head=1, head_dim=0), "n_embd 32 must be a multiple of n_head 3"),
        ("llama", dict(head_dim=7), "head_dim 7 must be even"),
        ("llama", dict(n_kv_head=3), "n_head 4 must be a multiple of n_kv_head 3"),
        ("llama", dict(vocab_size=0), "every size must be at least 1"),
        ("llama", dict(n_inner=-1), "n_inner -1 must be at least 0"),
        ("llama", dict(norm_eps=0.0), "norm_eps must be above 0"),
        ("llama3", dict(rope_low=4.0), "llama3 scaling needs 0 < rope_low < rope_high"),
        ("gpt2", dict(n_head=5), "n_embd 32 must be a multiple of n_head 5"),
        ("gpt2", dict(dropout=1.0), "dropout 1.0 must be at least 0 and below 1"),
        ("gpt2", dict(block_size=0), "every size must be at least 1"),
    ],
)
def test_impossible_shapes_are_refused_with_their_values(name, sizes, says):
    with pytest.raises(UserError, match=says):
        dataclasses.replace(CONFIGS[name], **sizes)


def test_a_fresh_llama_has_the_published_widths():
    c = dataclasses.replace(CONFIGS["llama"], n_embd=768, n_head=12, n_kv_head=4, head_dim=0, n_inner=0)
    assert (c.head_dim, c.n_inner) == (64, 2048)


# --- dropout ----------------------------------------------------------------------------------------------------------


def test_dropout_acts_in_training_only_and_follows_torch_generator():
    plain = small("gpt2")
    model = small("gpt2", config=dataclasses.replace(CONFIGS["gpt2"], dropout=0.2))
    ids, weights = tokens(2, 21), torch.full((2, 20), 1 / 40)

    def loss(m, seed=None):
        if seed is not None:
            torch.manual_seed(seed)
        return m.loss(ids[:, :-1], ids[:, 1:], weights).item()

    assert loss(model) == loss(plain)
    model.train()
    assert loss(model, 1) == loss(model, 1) != loss(model, 2)
    assert loss(plain.train(), 1) == loss(plain)


def test_dropout_of_one_layer_is_nanogpts():
    """The block written down once more with torch's dropout in the order in which nanoGPT draws."""
    config = dataclasses.replace(CONFIGS["gpt2"], n_layer=1, dropout=0.3)
    model, ids = small("gpt2", config=config).train(), tokens(2, 16)
    torch.manual_seed(3)
    found = model.features(ids)
    torch.manual_seed(3)
    block, C, D = model.blocks[0], config.n_embd, config.head_dim

    def norm(layer, x):
        return F.layer_norm(x, (C,), layer.weight, layer.bias, config.norm_eps)

    x = F.dropout(model.embed.weight[ids] + model.positions.weight[:16], 0.3)
    h = norm(block.attention_norm, x)
    a = block.attention
    q, k, v = (F.linear(h, m.weight, m.bias).view(2, 16, -1, D).transpose(1, 2) for m in (a.q, a.k, a.v))
    y = F.scaled_dot_product_attention(q, k, v, is_causal=True, dropout_p=0.3).transpose(1, 2).reshape(2, 16, C)
    x = x + F.dropout(F.linear(y, a.out.weight, a.out.bias), 0.3)
    h = F.gelu(F.linear(norm(block.mlp_norm, x), block.mlp.up.weight, block.mlp.up.bias), approximate="tanh")
    x = x + F.dropout(F.linear(h, block.mlp.down.weight, block.mlp.down.bias), 0.3)
    torch.testing.assert_close(found, norm(model.norm, x), **NEAR)
