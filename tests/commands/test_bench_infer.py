"""acorn bench infer on a saved run of random weights: what it prints, and that its numbers fit together."""

import json
import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "infer"))
from tiny import build_nano, build_tokenizer

from acorn.checkpoint import save_checkpoint
from acorn.commands.bench import Infer, share
from acorn.infer import speed
from acorn.infer.engine import Engine
from acorn.infer.quant import exact, quantise
from acorn.infer.weights import inference_copy


@pytest.fixture
def run(workplace, monkeypatch):
    save_checkpoint("runs/raw/base", 3, build_nano(n_embd=64), {}, {}, build_tokenizer())
    monkeypatch.setattr(speed, "STREAM", 1 << 20)
    return workplace


QUICK = ("--prompt", 24, "--tokens", 6, "--repeats", 2)


@pytest.mark.parametrize("quant", ["auto", "int8", "int4"])
def test_one_line_of_json(run, acorn, quant):
    if quant != "auto" and not exact():
        pytest.skip("this CPU has no exact product of bytes")
    code, out, err = acorn("bench", "infer", "raw", *QUICK, "--batches", "1,3", "--json", "--quant", quant)
    found = json.loads(out)
    assert code == 0 and found["quant"] == {"auto": "none"}.get(quant, quant)
    assert (found["prompt"], found["tokens"], set(found["batches"])) == (24, 6, {"1", "3"})
    for batch, row in found["batches"].items():
        assert row["decode_tokens_per_s"] == pytest.approx(1000 * int(batch) / row["step_ms"], rel=0.2)
        assert row["prefill_tokens_per_s"] > 0 and row["first_token_ms"] > 0 and row["threads"] >= 1
    assert found["read_mb_per_step"] > 0 and found["share_of_bandwidth"] >= 0 and found["peak_memory_mb"] > 0
    assert "1 together 3/3" in err and "runs/raw/base/checkpoint-000003" in err


def test_the_table(run, acorn):
    code, out, _ = acorn("bench", "infer", "raw", *QUICK, "--batches", "2")
    lines = out.splitlines()
    assert code == 0 and lines[0].split()[0] == "together" and lines[1].split()[0] == "2"
    assert "a step of 2 reads" in out and "prompts of 24 tokens in all, replies of 6" in out


def test_a_small_context_makes_prompts_and_replies_shorter(run, acorn):
    found = json.loads(acorn("bench", "infer", "raw", "--repeats", 1, "--tokens", 200, "--batches", 1, "--json")[1])
    assert (found["prompt"], found["tokens"]) == (64, 64)  # of 128


@pytest.mark.parametrize(
    "words, says",
    [
        (("--batches", "1,x"), "--batches 1,x: expected numbers from 1 to 4096, by commas"),
        (("--batches", "0"), "--batches 0: expected numbers from 1 to 4096"),
        (("--tokens", "1"), "--tokens 1: expected 2 or more"),
        (("--repeats", "0"), "--repeats 0: expected 1 or more"),
        (("--quant", "int3"), "--quant int3: choose one of auto, none, int8, int4"),
        (("--quant", "int8", "--dtype", "bfloat16"), "quantised weights go with float32"),
    ],
)
def test_what_it_refuses(run, acorn, words, says):
    code, out, err = acorn("bench", "infer", "raw", *words)
    assert code == 2 and says in err and not out


def test_prompts_that_share_their_tokens():
    assert [share(512, batch) for batch in (1, 8, 32, 64)] == [512, 64, 16, 16] and share(5, 8) == 5
    assert Infer("x", batches="8,1,8").check() == [1, 8]


def test_every_row_says_every_token_and_each_step_is_timed():
    engine = Engine(build_nano(), build_tokenizer(), frozen=True)
    done = []
    found = speed.measure(engine, batch=3, prompt=10, tokens=5, repeats=2, tick=done.append)
    assert len(found.steps) == 2 * 4 and done == [1, 1, 1]  # the first token comes with the prompt
    assert found.decode == pytest.approx(3 / found.step) and found.prefill == pytest.approx(30 / found.first_token)


def test_bytes_that_a_step_reads():
    model = build_nano(n_embd=64)
    shapes = [(64, 64), (32, 64), (32, 64), (64, 64), (256, 64), (64, 256)]
    weights = 2 * sum(a * b for a, b in shapes) + model.config.vocab_size * 64
    assert speed.bytes_read(inference_copy(model)) == 4 * weights
    assert speed.bytes_of_context(model, 10) == 2 * 4 * 2 * 2 * 16 * 10  # k and v, fp32, layers, heads, head size
    if exact():
        assert weights < speed.bytes_read(quantise(model, "int8")) < 1.5 * weights
    assert speed.bandwidth(torch.device("cpu"), repeats=1) > 1e8
