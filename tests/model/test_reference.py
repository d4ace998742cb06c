"""llama and gpt2 against transformers' classes: random tiny weights, forward, cached, gradients."""

import math

import pytest
import torch
import torch.nn.functional as F
from kinds import small, tokens

transformers = pytest.importorskip("transformers")

LLAMA_NAMES = {
    "model.embed_tokens.weight": "embed.weight",
    "model.norm.weight": "norm.weight",
    "lm_head.weight": "head.weight",
    "input_layernorm.weight": "attention_norm.weight",
    "post_attention_layernorm.weight": "mlp_norm.weight",
    **{f"self_attn.{x}_proj.{w}": f"attention.{x}.{w}" for x in "qkv" for w in ("weight", "bias")},
    **{f"self_attn.{x}_norm.weight": f"attention.{x}_norm.weight" for x in "qk"},
    "self_attn.o_proj.weight": "attention.out.weight",
    **{f"mlp.{x}_proj.weight": f"mlp.{x}.weight" for x in ("gate", "up", "down")},
}
GPT2_NAMES = {
    "transformer.wte.weight": ["embed.weight"],
    "transformer.wpe.weight": ["positions.weight"],
    **{f"transformer.ln_f.{w}": [f"norm.{w}"] for w in ("weight", "bias")},
    **{f"{a}.{w}": [f"{b}.{w}"] for a, b in (("ln_1", "attention_norm"), ("ln_2", "mlp_norm"), ("mlp.c_fc", "mlp.up"),
       ("mlp.c_proj", "mlp.down"), ("attn.c_proj", "attention.out")) for w in ("weight", "bias")},
    **{f"attn.c_attn.{w}": [f"attention.{x}.{w}" for x in "qkv"] for w in ("weight", "bias")},
}  # fmt: skip


def reference_of(model, name):
    """transformers' model of that shape, and how its tensors are found in ours: name -> tensor of `ours(lookup)`."""
    c = model.config
    if name == "gpt2":
        config = transformers.GPT2Config(
            vocab_size=c.vocab_size, n_positions=c.block_size, n_embd=c.n_embd, n_layer=c.n_layer, n_head=c.n_head,
            layer_norm_epsilon=c.norm_eps, bos_token_id=0, eos_token_id=0,
        )  # fmt: skip
        return transformers.GPT2LMHeadModel(config).eval()
    rope = {"rope_type": "default", "rope_theta": c.rope_base}
    if c.rope_scaling != "none":
        rope |= {"rope_type": c.rope_scaling, "factor": c.rope_factor}
    if c.rope_scaling == "llama3":
        rope |= {"low_freq_factor": c.rope_low, "high_freq_factor": c.rope_high,
                 "original_max_position_embeddings": c.rope_original}  # fmt: skip
    kind = {"qwen2": "Qwen2", "qwen3": "Qwen3"}.get(name, "Llama")
    shape = dict(
        vocab_size=c.vocab_size, hidden_size=c.n_embd, intermediate_size=c.n_inner, num_hidden_layers=c.n_layer,
        num_attention_heads=c.n_head, num_key_value_heads=c.n_kv_head, max_position_embeddings=c.block_size,
        rms_norm_eps=c.norm_eps, rope_parameters=rope, tie_word_embeddings=c.tied,
    )  # fmt: skip
    if kind != "Qwen2":
        shape["head_dim"] = c.head_dim
    config = getattr(transformers, f"{kind}Config")(**shape)
    return getattr(transformers, f"{kind}ForCausalLM")(config).eval()


def translated(name, theirs_name, ours):
    """The tensor (or gradient) that transformers calls theirs_name, from ours by name."""
    names = GPT2_NAMES if name == "gpt2" else LLAMA_NAMES
    parts = theirs_name.split(".")
    if parts[1] in ("layers", "h"):
        found = names[".".join(parts[3:])]
        found = [f"blocks.{parts[2]}.{n}" for n in ([found] if isinstance(found, str) else found)]
    else:
        found = names[theirs_name]
        found = [found] if isinstance(found, str) else found
    whole = torch.cat([ours[n] for n in found])
    return whole.T if name == "gpt2" and ".c_" in theirs_name and whole.ndim == 2 else whole  # Conv1D is (in, out)


@pytest.fixture(params=["llama", "smollm2", "qwen2", "qwen3", "llama3", "linear", "gpt2"])
def pair(request):
    name = request.param
    ours = small(name)
    theirs = reference_of(ours, name)
    with torch.no_grad():
        state = dict(ours.named_parameters())
        loaded = 0
        for key, p in theirs.named_parameters():
            p.copy_(translated(name, key, state))
            loaded += p.numel()
    assert loaded == sum(p.numel() for p in ours.parameters())  # nothing of ours is left out
    return name, ours, theirs


@torch.no_grad()
def test_forward(pair):
    _, ours, theirs = pair
    ids = tokens(3, 40)
    a, b = ours(ids), theirs(ids).logits
    assert b.std() > 0.5 and (a - b).abs().max() <= 1e-5


@torch.no_grad()
def test_cached_and_ragged(pair):
    """Their plain forward of each text alone against our batch of texts of different lengths."""
    _, ours, theirs = pair
    ids, lengths = tokens(3, 40), [4, 11, 7]
    cache = ours.new_cache(3, 40)
    first = ours(ids[:, :11], cache)
    cache.lengths[:] = torch.tensor(lengths)
    then = [ours(torch.stack([ids[r, n + i : n + i + 1] for r, n in enumerate(lengths)]), cache) for i in range(5)]
    for row, n in enumerate(lengths):
        b = theirs(ids[row : row + 1, : n + 5]).logits[0]
        a = torch.cat([first[row, :n], *(t[row] for t in then)])
        assert (a - b).abs().max() <= 1e-5


def test_gradients(pair):
    name, ours, theirs = pair
    ids = tokens(3, 33)
    inputs, targets = ids[:, :-1], ids[:, 1:]
    ours.loss(inputs, targets, torch.full((3, 32), 1 / 96)).backward()
    F.cross_entropy(theirs(inputs).logits.flatten(0, 1), targets.flatten()).backward()
    found = {key: p.grad for key, p in ours.named_parameters()}
    for key, p in theirs.named_parameters():
        a = translated(name, key, found)
        assert (a - p.grad).abs().max() <= 1e-5 * max(1.0, float(p.grad.abs().max())), key
        assert (a - p.grad).norm() <= 1e-5 * p.grad.norm() + 1e-7, key


@torch.no_grad()
def test_llama3_scaling_at_its_published_numbers():
    """Llama 3.2's own frequencies, at positions as far as a training reaches."""
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    from acorn.model.layers import rope_frequencies
    from acorn.model.llama import LlamaConfig, stretched

    ours = LlamaConfig(10, 1, 2, 2, 128, rope_base=500_000.0, rope_scaling="llama3", rope_factor=32.0)
    rope = {"rope_type": "llama3", "rope_theta": 500_000.0, "factor": 32.0, "low_freq_factor": 1.0,
            "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}  # fmt: skip
    theirs = transformers.LlamaConfig(
        hidden_size=128, num_attention_heads=2, rope_parameters=rope, max_position_embeddings=131_072
    )
    expected, attention_scaling = ROPE_INIT_FUNCTIONS["llama3"](theirs, "cpu")
    found = stretched(ours, rope_frequencies(ours.head_dim, ours.rope_base))
    assert attention_scaling == 1.0
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)
    assert math.isclose(float(rope_frequencies(64, 5e5)[-1]) / float(found[-1]), 32.0, rel_tol=1e-5)
