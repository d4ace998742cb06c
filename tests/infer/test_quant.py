"""Small weights beside their slow twins: the same numbers dequantised, the plain forward, the same row alone."""

import copy
import json

import pytest
import torch
from tiny import build_nano, build_tokenizer

from acorn.checkpoint import save_checkpoint
from acorn.errors import UserError
from acorn.infer import load, quant
from acorn.infer.engine import Engine
from acorn.infer.load import load_engine
from acorn.infer.quant import GROUP, Int4, Int8, check, exact, parameter_count, quant_of, quantise
from acorn.infer.sample import Sampling
from acorn.infer.weights import inference_copy
from acorn.model import MODELS

needs_bytes = pytest.mark.skipif(not exact(), reason="this CPU has no exact product of bytes")


@pytest.fixture(autouse=True)
def with_torch(monkeypatch):
    """These are the kinds that torch has; tests/infer/test_native.py looks at the others."""
    monkeypatch.setenv("ACORN_NATIVE", "0")


SHAPES = {
    "nano": dict(vocab_size=80, n_layer=2, n_head=4, n_kv_head=2, n_embd=64, block_size=48, bigram=16),
    "llama": dict(vocab_size=80, n_layer=2, n_head=4, n_kv_head=2, n_embd=64, block_size=48, tied=True),
    "qwen2": dict(vocab_size=80, n_layer=2, n_head=4, n_kv_head=2, n_embd=64, block_size=48, qkv_bias=True),
    "qwen3": dict(vocab_size=77, n_layer=2, n_head=4, n_kv_head=4, n_embd=40, block_size=48, qk_norm=True),
    "gpt2": dict(vocab_size=80, n_layer=2, n_head=4, n_embd=64, block_size=48),
}


def build(shape):
    config, cls = MODELS[{"qwen2": "llama", "qwen3": "llama"}.get(shape, shape)]
    model = cls(config(**SHAPES[shape]))
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for p in model.parameters():
            p.normal_(0, p.shape[-1] ** -0.5 if p.ndim > 1 else 0.3, generator=generator)
            if p.ndim == 1:
                p += 1
    return model.eval()


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def dequantised(small: Int8) -> torch.Tensor:
    """The weights that its product stands for, read back one input at a time."""
    return small(torch.eye(small.in_features)).T


@needs_bytes
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("shape", [(48, 64), (7, 33), (1, 16), (300, 128)])
def test_int8_is_the_product_with_the_rounded_weights(shape, bias):
    weight, b = random(*shape), random(shape[0], seed=1) if bias else None
    small = Int8(weight, b)
    scale = weight.abs().amax(dim=1, keepdim=True) / 127
    twin = (weight / scale).round() * scale
    for rows in ((5, shape[1]), (2, 3, shape[1]), (1, 1, shape[1])):
        x = random(*rows, seed=2)
        want = x @ twin.T + (0 if b is None else b)
        assert (small(x) - want).abs().max() < 3e-4 * want.abs().max().clamp(min=1)
        assert small(x).shape == want.shape


@needs_bytes
def test_loud_inputs_keep_the_bits_of_their_weights():
    weight, loud = random(32, 64), torch.tensor([3, 40])
    weight[:, 3] *= 2  # larger than the others: it must not make their steps coarser
    plain, kept = (dequantised(Int8(weight, None, which)) - weight for which in (None, loud))
    assert kept[:, loud].abs().max() < plain[:, loud].abs().max() / 20
    rest = [i for i in range(64) if i not in loud]
    assert kept[:, rest].square().mean() < plain[:, rest].square().mean()


@needs_bytes
def test_int8_of_zeros_and_of_what_is_no_number():
    small = Int8(torch.cat((torch.zeros(1, 32), random(3, 32))))
    assert torch.equal(small(torch.zeros(2, 32)), torch.zeros(2, 4))
    assert torch.equal(small(random(2, 32))[:, 0], torch.zeros(2))
    assert small(random(1, 32) * 1e-20).isfinite().all() and small(random(1, 32) * 1e20).isfinite().all()
    broken = random(3, 32)
    broken[1, 5] = float("nan")
    assert small(broken)[1].isnan().all() and torch.equal(small(broken)[[0, 2]], small(broken[[0, 2]]))


@needs_bytes
@pytest.mark.parametrize("rows", [1, 2, 7, 64, 300])
def test_a_row_of_int8_has_the_same_bits_in_any_company(rows):
    small = Int8(random(96, 64), random(96, seed=3), torch.tensor([1, 7, 9]))
    x = random(rows, 64) * torch.logspace(-3, 3, rows)[:, None]  # neighbours a million times as large
    together = small(x)
    assert all(torch.equal(together[i], small(x[i : i + 1])[0]) for i in range(0, rows, 9))


@pytest.mark.parametrize("bias", [False, True])
def test_int4_is_the_product_with_the_rounded_weights(bias):
    weight, b = random(64, 96), random(64, seed=1) if bias else None
    groups = weight.view(64, -1, GROUP)
    low, high = groups.amin(dim=2, keepdim=True), groups.amax(dim=2, keepdim=True)
    scale = ((high - low) / 15).bfloat16().float()
    zero = (low + 8 * scale).bfloat16().float()
    twin = (((groups - zero) / scale).round().clamp(-8, 7) * scale + zero).view(64, 96)
    assert (twin - weight).abs().max() < 0.6 * scale.max()
    x = random(3, 2, 96, seed=2).bfloat16().float()
    want = x @ twin.T + (0 if b is None else b)
    assert (Int4(weight, b)(x) - want).abs().max() < 0.01 * want.abs().max()


def test_int4_takes_whole_groups_alone():
    assert Int4.takes(torch.empty(32, 64))
    assert not Int4.takes(torch.empty(32, 48)) and not Int4.takes(torch.empty(8, 64))


@needs_bytes
@torch.inference_mode()
@pytest.mark.parametrize("kind, most", [("int8", 0.02), ("int4", 0.3)])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_quantised_model_is_near_its_model_and_decodes_as_it_reads(shape, kind, most):
    model = build(shape)
    ids = torch.randint(0, 77, (3, 24), generator=torch.Generator().manual_seed(0))
    want, count = model(ids), sum(p.numel() for p in model.parameters())
    small = inference_copy(quantise(copy.deepcopy(model), kind))
    whole = small(ids)
    assert whole.dtype == torch.float32 and (whole - want).square().mean().sqrt() < most * want.square().mean().sqrt()
    assert parameter_count(small) == count and not any(isinstance(m, torch.nn.Linear) for m in small.modules())
    cache, pieces = small.new_cache(3, 24), []
    for start, stop in [(0, 7), (7, 8), (8, 9), (9, 24)]:
        pieces.append(small(ids[:, start:stop], cache))
    assert (torch.cat(pieces, dim=1) - whole).abs().max() < 0.02 * want.abs().max()


@needs_bytes
def test_what_is_said_does_not_depend_on_the_company():
    tokenizer = build_tokenizer()
    engine = Engine(quantise(build_nano(n_embd=64), "int8"), tokenizer, frozen=True)
    prompts = [[5 + i] * (1 + 3 * i) for i in range(9)]
    for sampling in (Sampling(temperature=0, max_tokens=24), Sampling(seed=3, top_k=20, max_tokens=24)):
        together = engine.complete(prompts, sampling)
        assert together[0].ids == engine.complete(prompts[:1], sampling)[0].ids
        again = engine.complete(prompts, sampling)
        assert [reply.ids for reply in again] == [reply.ids for reply in together]


@needs_bytes
def test_int8_of_one_model_is_the_same_every_time():
    a, b = (quantise(build("llama"), "int8") for _ in range(2))
    ids = torch.arange(10)[None]
    with torch.inference_mode():
        assert torch.equal(a(ids), b(ids))


def test_where_small_weights_are_refused(monkeypatch):
    cpu = torch.device("cpu")
    with pytest.raises(UserError, match="--quant int3: choose one of auto, none, int8, int4"):
        check("int3", cpu)
    with pytest.raises(UserError, match="small weights are for CPUs, and this is cuda"):
        check("int8", torch.device("cuda"))
    check("none", torch.device("cuda"))
    monkeypatch.setattr(quant, "exact", lambda: False)
    check("none", cpu)
    with pytest.raises(UserError, match="no exact product of bytes"):
        check("int8", cpu)


@needs_bytes
def test_auto_is_int8_for_large_models_and_is_said(workplace, acorn, monkeypatch):
    save_checkpoint("runs/raw/base", 3, build_nano(n_embd=64), {}, {}, build_tokenizer())
    words = ("sample", "raw", "--max-tokens", 2, "--seed", 1)
    assert "int8" not in acorn(*words)[2]
    monkeypatch.setattr(load, "LARGE", 1000)
    assert "context 128, cpu, int8 weights (--quant none: as trained)" in acorn(*words)[2]
    assert "int8" not in acorn(*words, "--quant", "none")[2] and "int8" not in acorn(*words, "--dtype", "bfloat16")[2]
    assert "cpu, int4 weights" in acorn(*words, "--quant", "int4")[2]
    assert quant_of(load_engine("raw")[0].model) == "none"  # who cannot show it does not get it
    monkeypatch.setattr(load, "exact", lambda: False)
    assert "int8" not in acorn(*words)[2]


@needs_bytes
def test_eval_of_small_weights_leaves_the_other_scores_alone(workplace, acorn):
    save_checkpoint("runs/raw/base", 3, build_nano(n_embd=64), {}, {}, build_tokenizer())
    words = ("eval", "raw", "--tasks", "spelling", "--n", 2, "--json")
    code, out, err = acorn(*words, "--quant", "int8")
    assert code == 0, err
    assert json.loads(out)["quant"] == "int8" and "quant" not in json.loads(acorn(*words)[1])
    names = sorted(path.name for path in workplace.glob("runs/raw/*.json"))
    assert names == ["eval-int8.json", "eval.json"]
