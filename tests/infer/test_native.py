"""The native step beside its slow twin: the same model, its matrices unpacked, forwarded by torch."""

import copy
import ctypes
import os
import stat

import pytest
import torch
from test_quant import SHAPES, build, random
from tiny import build_nano, build_tokenizer
from torch import nn

from acorn.checkpoint import save_checkpoint
from acorn.infer.engine import Engine
from acorn.infer.load import decodes_with, load_engine
from acorn.infer.native import build as building
from acorn.infer.native.build import Unavailable, library
from acorn.infer.native.pack import GROUP, KIND, Packed, pack, sums_alike, unpack
from acorn.infer.native.step import Step, decode
from acorn.infer.quant import Part, quantise, readers
from acorn.infer.sample import Sampling
from acorn.infer.weights import inference_copy
from acorn.model import MODELS
from acorn.model.branches import Branches
from acorn.model.layers import Linear

try:
    LIBRARY, why = library(), ""
except Unavailable as e:
    LIBRARY, why = None, str(e)
native = pytest.mark.skipif(LIBRARY is None, reason=f"no native step here: {why}")
ODD = {  # what the shapes of test_quant leave out: sizes that fill no vector, other options
    "wide": ("llama", dict(vocab_size=130, n_layer=1, n_head=3, n_kv_head=1, n_embd=96, head_dim=100, block_size=48)),
    "thin": ("nano", dict(vocab_size=33, n_layer=3, n_head=3, n_kv_head=1, n_embd=18, block_size=48)),
    "stretched": ("llama", dict(vocab_size=80, n_layer=2, n_head=2, n_kv_head=2, n_embd=44, n_inner=50, block_size=48,
                                rope_scaling="linear", rope_factor=4.0, qk_norm=True, qkv_bias=True, tied=True)),
    "plain": ("gpt2", dict(vocab_size=81, n_layer=2, n_head=2, n_embd=34, n_inner=70, block_size=48, bias=False)),
}  # fmt: skip
ALL = [*SHAPES, *ODD]


def made(name):
    if name in SHAPES:
        return build(name)
    kind, sizes = ODD[name]
    model, generator = MODELS[kind][1](MODELS[kind][0](**sizes)), torch.Generator().manual_seed(1)
    with torch.no_grad():
        for p in model.parameters():
            p.normal_(0, p.shape[-1] ** -0.5 if p.ndim > 1 else 0.3, generator=generator).add_(p.ndim == 1)
    return model.eval()


def pair(name, kind):
    """-> (model with the native step, the model that it stands for)"""
    small, twin = quantise(made(name), kind), made(name)
    assert isinstance(small.step, Step)
    paths = {module: path for path, module in twin.named_modules()}
    for parent, side in list(readers(twin)):
        mine = small.get_submodule(paths[parent])
        first = getattr(mine, side[0])
        packed = first.joined if isinstance(first, Part) else first
        sizes = [getattr(mine, one).out_features for one in side]
        for one, weight in zip(side, packed.unpacked().split(sizes)):
            linear = getattr(parent, one)
            if not isinstance(linear, Linear):  # a tied head: the embedding stays as it was
                linear = Linear(*reversed(weight.shape))
                setattr(parent, one, linear)
            linear.weight = nn.Parameter(weight)
    return small, twin


def filled(model, lengths, slots=None):
    """A cache whose rows hold so many tokens, random ones."""
    cache = model.new_cache(slots or len(lengths), 44)
    cache.keep(list(range(len(lengths))))
    if max(lengths):
        generator = torch.Generator().manual_seed(len(lengths))
        ids = torch.randint(model.config.vocab_size, (len(lengths), max(lengths)), generator=generator)
        model(ids, cache)
    cache.lengths[:] = torch.tensor(lengths)
    return cache


@native
@pytest.mark.parametrize("kind", KIND)
@pytest.mark.parametrize("shape", [(77, 130), (32, 64), (1, 1), (5, 33), (100, 96)])
def test_packed_weights_are_the_weights(shape, kind):
    weight, bias = random(*shape), random(shape[0], seed=1)
    twin = unpack(pack(weight, KIND[kind]), KIND[kind], *shape)
    packed = Packed(LIBRARY, weight, bias, KIND[kind])
    assert torch.equal(packed.unpacked(), twin)
    step = {"none": 0, "int8": 1 / 250, "int4": 1 / 14}[kind]  # of the largest in a group
    padded = nn.functional.pad(weight, (0, -shape[1] % GROUP[KIND[kind]])).view(shape[0], -1, GROUP[KIND[kind]])
    assert ((twin - weight).abs().amax(dim=1) <= step * padded.abs().amax(dim=(1, 2))).all()
    for rows in (1, 2, 3, 7, 8, 9, 21):
        x = random(rows, shape[1], seed=2)
        assert (packed(x) - (x @ twin.T + bias)).abs().max() < 2e-5 * max(1, shape[1] ** 0.5)


@native
@pytest.mark.parametrize("kind", KIND)
def test_a_row_has_the_same_bits_in_any_company_and_with_any_threads(kind):
    packed, x, before = (
        Packed(LIBRARY, random(300, 200), None, KIND[kind]),
        random(70, 200, seed=1),
        torch.get_num_threads(),
    )
    x *= torch.logspace(-3, 3, 70)[:, None]
    alone = torch.cat([packed(row[None]) for row in x])
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            assert all(torch.equal(packed(x[:rows]), alone[:rows]) for rows in (1, 2, 3, 5, 8, 13, 64, 70))
    finally:
        torch.set_num_threads(before)
    broken = x.clone()
    broken[1, 5] = float("nan")
    assert packed(broken)[1].isnan().all() and torch.equal(packed(broken)[2:], alone[2:])
    assert sums_alike(LIBRARY)


@native
@torch.inference_mode()
@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("kind", KIND)
def test_the_step_is_the_model(name, kind):
    small, twin = pair(name, kind)
    small = inference_copy(small)
    generator = torch.Generator().manual_seed(0)
    for lengths in ([9], [0], [5, 30, 0], [12] * 8, [3, 1, 40, 17, 16, 15, 33, 2]):
        caches = filled(small, lengths), filled(twin, lengths)
        for _ in range(3):
            ids = torch.randint(small.config.vocab_size, (len(lengths),), generator=generator)
            found, want = decode(small, ids, caches[0]), decode(twin, ids, caches[1])
            assert found.shape == want.shape and (found - want).abs().max() < 1e-4 * want.abs().max()
        assert torch.equal(caches[0].lengths, caches[1].lengths)
        k = [cache.k[:, row, :, :length] for cache in caches for row, length in enumerate(cache.lengths.tolist())]
        for a, b in zip(k[: len(lengths)], k[len(lengths) :]):
            assert (a - b).abs().max() < 1e-4 * max(1, b.abs().max())


@native
@torch.inference_mode()
@pytest.mark.parametrize("name", ["nano", "qwen3", "gpt2"])
def test_a_row_of_a_step_has_the_same_bits_in_any_company(name):
    model = quantise(made(name), "int8")
    lengths = [3, 1, 40, 17, 16, 15, 33, 2, 9, 9, 9]
    cache, before = filled(model, lengths, slots=13), torch.get_num_threads()
    alone = [cache.take(row, length) for row, length in enumerate(lengths)]
    ids = torch.arange(len(lengths)) + 7
    together = []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            cache.lengths[:] = torch.tensor(lengths)
            together.append(decode(model, ids, cache))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(together[0], together[1]) and torch.equal(together[0], together[2])
    for row, (one, length) in enumerate(zip(alone, lengths)):
        wider = model.new_cache(1, 44)
        wider.keep([])
        wider.add(one, 0, length)
        assert torch.equal(decode(model, ids[row : row + 1], wider)[0], together[0][row])


@native
@torch.inference_mode()
@pytest.mark.parametrize("name", ["nano", "llama"])
def test_rows_that_share_a_prompt_say_what_rows_of_their_own_say(name):
    model = quantise(made(name), "none")
    prompts, own = filled(model, [7, 12]), model.new_cache(5, 44)
    own.keep([])
    shared = Branches(model.new_cache(5, 20), model.new_cache(2, 13))
    for row, copies in ((0, 2), (1, 3)):
        own.add(prompts, row, int(prompts.lengths[row]), copies)
        shared.add(prompts, row, int(prompts.lengths[row]), copies)
    for step in range(4):
        ids = torch.arange(5 if step < 2 else 3) * 3 + step
        assert torch.equal(decode(model, ids, own), decode(model, ids, shared))
        if step == 1:
            own.keep([0, 4, 2])
            shared.keep([0, 4, 2])


@native
@pytest.mark.parametrize("kind", KIND)
def test_what_is_said_does_not_depend_on_the_company(kind):
    tokenizer = build_tokenizer()
    engine = Engine(quantise(build_nano(n_embd=64), kind), tokenizer, frozen=True)
    prompts = [[5 + i] * (1 + 3 * i) for i in range(9)]
    for sampling in (Sampling(temperature=0, max_tokens=24), Sampling(seed=3, top_k=20, max_tokens=24)):
        together = engine.complete(prompts, sampling)
        assert together[0].ids == engine.complete(prompts[:1], sampling)[0].ids
        if not sampling.temperature:
            assert engine.complete(prompts, sampling, samples=2)[::2] == together
    scheduler = engine.scheduler(4)
    rows = [scheduler.submit(prompt, Sampling(seed=3, top_k=20, max_tokens=24))[0] for prompt in prompts]
    for _ in range(5):
        scheduler.step()
    scheduler.cancel(rows[1])
    while scheduler.busy:
        scheduler.step()
    assert rows[0].ids == together[0].ids and rows[1].finish == "cancel"


@native
@torch.inference_mode()
def test_nothing_outside_of_the_cache_is_touched():
    model = quantise(made("llama"), "none")
    cache = filled(model, [43, 2])
    decode(model, torch.tensor([1, 2]), cache)
    with pytest.raises(ValueError, match="the cache holds 44 tokens a row and the model 48: 0 . 44 are used"):
        decode(model, torch.tensor([1, 2]), cache)
    cache.lengths[:] = torch.tensor([-1, 2])
    with pytest.raises(ValueError, match="0 . -1 are used"):
        decode(model, torch.tensor([1, 2]), cache)
    cache = filled(model, [3])
    for ids in (torch.tensor([1, 2]), torch.tensor([1.0]), torch.tensor([[1]]), torch.tensor([], dtype=torch.int64)):
        with pytest.raises(ValueError, match="for a cache of 1 rows"):
            decode(model, ids, cache)
    for ids in (torch.tensor([80]), torch.tensor([-1])):
        with pytest.raises(IndexError):
            decode(model, ids, cache)
    for other in (made("qwen3"), made("gpt2")):
        with pytest.raises(ValueError, match="is not this model's"):
            decode(model, torch.tensor([1]), filled(other, [3]))
    with pytest.raises(ValueError, match="expected float32"):
        model.blocks[0].attention.out(torch.zeros(1, 63))


# --- building ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def afresh(monkeypatch, tmp_path):
    """As in a new process, and with a folder of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("ACORN_NATIVE", raising=False)
    monkeypatch.setattr(building, "compiled", building.compiled.__wrapped__)
    return tmp_path


@native
def test_it_is_compiled_once_into_a_folder_of_the_user(afresh, capsys):
    built = building.build()
    assert built.parent == afresh / "acorn" / "native" and [p.name for p in built.parent.iterdir()] == [built.name]
    assert not built.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH) or os.umask(0) == 0
    assert "compiling the native step" in capsys.readouterr().err
    assert building.build() == built and capsys.readouterr().err == ""
    built.parent.chmod(0o777)
    assert building.compiled() == f"others can write to {built.parent}"


@pytest.mark.parametrize(
    "compiler, says",
    [(None, "no C compiler"), ("true", "does not compile the native step"), ("false", "cannot be built")],
)
def test_where_it_cannot_be_built(afresh, monkeypatch, compiler, says, workplace, acorn):
    if compiler is None:
        monkeypatch.setenv("CC", "")
        monkeypatch.setattr(building.shutil, "which", lambda word: None)
    else:
        monkeypatch.setenv("CC", compiler)
    monkeypatch.setattr(building, "TUNES", ((),))
    with pytest.raises(Unavailable, match=says):
        library()
    save_checkpoint("runs/raw/base", 3, build_nano(n_embd=64), {}, {}, build_tokenizer())
    code, out, err = acorn("sample", "raw", "--max-tokens", 2, "--seed", 1)
    assert code == 0 and err.count(f"torch decodes, more slowly than the native step would: {library_says()}") == 1
    assert "cpu, decoded by torch" in err


def library_says():
    with pytest.raises(Unavailable) as found:
        library()
    return found.value


def test_it_can_be_turned_off(monkeypatch):
    monkeypatch.setenv("ACORN_NATIVE", "0")
    model = quantise(build("llama"), "none")
    assert not hasattr(model, "step") and decodes_with(model) == "torch" and model.unavailable == "ACORN_NATIVE=0"


@native
def test_a_run_says_that_it_decodes_natively(workplace, acorn):
    save_checkpoint("runs/raw/base", 3, build_nano(n_embd=64), {}, {}, build_tokenizer())
    assert "cpu, decoded by native step" in acorn("sample", "raw", "--max-tokens", 2, "--seed", 1)[2]
    assert "decoded by torch" in acorn("sample", "raw", "--max-tokens", 2, "--dtype", "bfloat16")[2]
    assert hasattr(load_engine("raw")[0].model, "step")


@native
def test_a_model_that_it_does_not_know_is_refused():
    model = build("llama")
    with pytest.raises(Unavailable, match="a matrix is NoneType"):
        Step(model, LIBRARY)
    model.compute_dtype = torch.bfloat16
    with pytest.raises(Unavailable, match="not in fp32"):
        Step(model, LIBRARY)
    assert ctypes.sizeof(copy.deepcopy(quantise(build("llama"), "none")).step.plan) > 0
