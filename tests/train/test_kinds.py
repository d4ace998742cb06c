"""Training other models than nano, other weights than fresh ones, adapters, and what nanoGPT's workflow needs."""

import copy
import dataclasses
import json
import math
import shutil
import tomllib
from pathlib import Path

import pytest
import torch
from running import BASE, COMMON, RL, SFT, STEPS, assert_same, bits, losses

from acorn import checkpoint
from acorn.evals.task import Example, Grade, Task
from acorn.model.gpt2 import GPT2, GPT2Config
from acorn.model.lora import Lora, lora_of
from acorn.optim.adamw import AdamW
from acorn.runtime import Runtime
from acorn.train.loop import Batch, LoopConfig, Progress, one_step

GPT2_OPTIONS = ["--arch", "gpt2", "--dropout", 0.2, "--schedule", "cosine", "--floor", 0.1, "--warmup", 0.2,
                "--clip", 1, "--beta2", 0.99, "--lr", 1e-3, "--weight-decay", 0.1]  # fmt: skip
KINDS = {
    "nano": [],
    "nano-adamw": ["--optimizer", "adamw"],
    "gpt2": GPT2_OPTIONS,
    "llama": ["--arch", "llama"],
    "llama-muon": ["--arch", "llama", "--optimizer", "muon"],
}


NEW = ["train", "base", "--run", "t", "--init", "t", "--batch-tokens", 256, *COMMON]


def stage_of(name: str, run: str = "t") -> Path:
    return Path("runs") / run / name


def forget(stage: Path) -> None:
    """As if the run had been killed before its last checkpoint."""
    newest = checkpoint.find_checkpoint(stage)
    assert newest.name == f"checkpoint-{STEPS:06d}"
    shutil.rmtree(newest)


def tensors(path: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(path / "model.safetensors")


@pytest.mark.parametrize("kind", KINDS)
def test_any_kind_trains_resumes_exactly_and_is_finetuned(kind, acorn, place):
    assert acorn(*BASE, *KINDS[kind])[0] == 0
    base = bits(stage_of("base"))
    assert losses(stage_of("base"))[-1] < losses(stage_of("base"))[0]
    forget(stage_of("base"))
    assert acorn(*BASE, *KINDS[kind])[0] == 0
    assert_same(base, bits(stage_of("base")))
    code, _, err = acorn(*SFT)
    assert code == 0, err
    assert losses(stage_of("sft"))[-1] < losses(stage_of("sft"))[0]
    record = tomllib.loads((stage_of("sft") / "run.toml").read_text())
    assert record.get("optimizer") == {"llama-muon": "muon", "nano-adamw": "adamw"}.get(kind)  # as the base's
    names = checkpoint.load_optimizer(checkpoint.find_checkpoint(stage_of("sft")))
    muon = any(name.endswith(".momentum") for name in names)
    assert muon == (kind in ("nano", "llama-muon"))


def test_other_weights_to_start_from(acorn, place):
    """train base --init RUN: their shape, their tokenizer, a gentler rate; the start is not touched."""
    assert acorn(*BASE, *GPT2_OPTIONS)[0] == 0
    before = bits(stage_of("base"))
    new = ["train", "base", "--run", "n", "--data", "runs/t/data", "--init", "t", "--batch-tokens", 256, *COMMON]
    code, _, err = acorn(*new, "--dropout", 0.1)
    assert code == 0, err
    assert losses(stage_of("base", "n"))[0] < losses(stage_of("base"))[0]
    model, _, _ = checkpoint.load_model("n")
    first, _, _ = checkpoint.load_model("t")
    assert model.config == dataclasses.replace(first.config, dropout=0.1)
    record = tomllib.loads((stage_of("base", "n") / "run.toml").read_text())
    assert record["lr_scale"] == 0.1 and record["block_size"] == 32 and record["init"] == "t"
    assert_same(before, bits(stage_of("base")))
    again = bits(stage_of("base", "n"))
    forget(stage_of("base", "n"))
    assert acorn(*new, "--dropout", 0.1)[0] == 0
    assert_same(again, bits(stage_of("base", "n")))


@pytest.mark.parametrize("kind", ["nano", "gpt2", "llama"])
def test_adapters_train_resume_exactly_and_leave_the_weights_alone(kind, acorn, place):
    assert acorn(*BASE, *KINDS[kind])[0] == 0
    start = tensors(checkpoint.find_checkpoint(stage_of("base")))
    lora = [*SFT, "--lora", 4, "--lr", 0.02]
    code, _, err = acorn(*lora)
    assert code == 0, err
    here, found = stage_of("sft"), bits(stage_of("sft"))
    held_out = [row["val_loss"] for row in found["rows"] if "val_loss" in row]
    assert held_out[-1] < held_out[0]
    newest = checkpoint.find_checkpoint(here)
    apart = tensors(newest)
    assert all(torch.equal(t, apart[name]) for name, t in start.items())  # bit for bit
    assert {name.rsplit(".", 1)[1] for name in apart.keys() - start.keys()} == {"lora_a", "lora_b"}
    assert json.loads((newest / "model.json").read_text())["lora"] == {"rank": 4, "alpha": 8.0}
    sizes = {name: t.numel() for name, t in checkpoint.load_optimizer(newest).items() if name != "steps"}
    assert sum(sizes.values()) == 2 * sum(t.numel() for name, t in apart.items() if ".lora_" in name)
    forget(here)
    assert acorn(*lora)[0] == 0
    assert_same(found, bits(here))
    merged, _, _ = checkpoint.load_model("t")  # of the sft stage, as sample, chat, eval and export load it
    adapted, _, _ = checkpoint.load_checkpoint(newest, merged=False)
    assert lora_of(merged) is None and lora_of(adapted) == Lora(4, 8.0)
    assert merged.state_dict().keys() == start.keys()
    ids = torch.arange(40, 60)[None]
    with torch.no_grad():
        torch.testing.assert_close(merged(ids), adapted(ids), rtol=1e-4, atol=1e-5)
        assert not torch.allclose(merged(ids), checkpoint.load_model("runs/t/base")[0](ids), atol=1e-3)


def test_rewards_drop_nothing_between_speaking_and_learning(acorn, place, monkeypatch):
    from acorn.commands import stages

    examples = lambda split, seed, count: [
        Example(f"How tall is the oak, {i}?", "tree", {}, f"oak {i} feet") for i in range(count)
    ]
    task = Task("vowels", 1, examples, lambda example, reply: Grade(" " in reply, "e" in reply))
    monkeypatch.setattr(stages, "find_task", lambda name, data=None: task)
    assert acorn(*BASE, *GPT2_OPTIONS)[0] == 0
    code, _, err = acorn(*RL, "--lora", 2)
    assert code == 0, err
    model, _, _ = checkpoint.load_model("t")
    assert model.config.dropout == 0 and checkpoint.load_model("runs/t/base")[0].config.dropout == 0.2
    assert "lora" in json.loads((checkpoint.find_checkpoint(stage_of("rl")) / "model.json").read_text())


def test_training_where_imported_weights_lie_is_refused(acorn, place):
    assert acorn(*BASE)[0] == 0
    model, tokenizer, _ = checkpoint.load_model("t")
    checkpoint.save_checkpoint(stage_of("base", "oak"), 0, model, {}, {"imported": {"from": "a file"}}, tokenizer)
    code, _, err = acorn("train", "base", "--run", "oak", "--data", "runs/t/data", "--init", "oak", *COMMON)
    assert code == 2 and "holds weights that were imported" in err and "--init oak with another --run" in err
    code, _, err = acorn("train", "sft", "--run", "oak", "--chats", "chats.jsonl", "--lora", 2, *COMMON)
    assert code == 0, err


@pytest.mark.parametrize(
    "command, options, says",
    [
        (BASE, ["--dropout", 0.1], "--dropout 0.1: a nano model has none, only gpt2 has"),
        (BASE, ["--dropout", 1], "--dropout 1.0: must be between 0 and 0.999"),
        (BASE, ["--lora", 4], "--lora needs weights to adapt"),
        (BASE, ["--arch", "llama", "--bigram", 64], "--bigram is nano's alone, not llama's"),
        (BASE, ["--arch", "gpt2", "--n-head", 5], "n_embd 32 must be a multiple of n_head 5"),
        (BASE, ["--init", "t"], "--init t: the shape is that of the weights"),
        (NEW, [], "no checkpoint in runs/t"),
        (BASE, ["--lora-alpha", 4], "--lora-alpha 4 has no meaning without adapters"),
        (BASE, ["--floor", 2], "--floor 2.0: must be between 0 and 1"),
        (BASE, ["--lora", -1], "--lora -1: must be at least 0"),
    ],
)
def test_what_does_not_go_together_is_said(command, options, says, acorn, place):
    code, _, err = acorn(*command, *options)
    assert code == 2 and says in err.replace("\n", " "), err
    assert not Path("runs/t/base/run.toml").exists()  # so that the right command may follow


def test_a_finetuning_refuses_what_its_start_cannot(acorn, place):
    assert acorn(*BASE)[0] == 0
    for options, says in (
        (["--dropout", 0.1], "a nano model has none"),
        (["--block-size", 64], "--block-size 64: the model's context holds 32 tokens"),
        (["--lora", 2, "--optimizer", "muon"], "adapters are trained with adamw"),
    ):
        code, _, err = acorn(*SFT, *options)
        assert code == 2 and says in err and not (stage_of("sft") / "run.toml").exists()


def test_steps_equal_a_plain_twin_of_nanogpts_loop():
    """Accumulated gradients, clipping, warm-up and cosine, decayed groups: 12 steps against torch's own parts."""
    config = GPT2Config(vocab_size=50, n_layer=2, n_head=2, n_embd=32, block_size=16)
    ours = GPT2(config)
    ours.init_weights(torch.Generator().manual_seed(1))
    theirs = copy.deepcopy(ours)
    chance = torch.Generator().manual_seed(2)
    data = [[torch.randint(0, 50, (4, 17), generator=chance) for _ in range(3)] for _ in range(12)]

    class Stage:
        notes = {}

        def batches(self):
            return [Batch(ids[:, :-1], ids[:, 1:], torch.full((4, 16), 1 / 192)) for ids in data[now.step]]

    loop = LoopConfig(12, "cosine", warmup=3 / 12, floor=0.1, clip=0.5)
    optimizer, now = AdamW(dict(ours.named_parameters()), ours.groups(), 2e-3, 0.1, (0.9, 0.99)), Progress()
    runtime = Runtime(torch.device("cpu"), torch.float32)
    rows = [one_step(ours.train(), optimizer, Stage(), loop, runtime, now) for _ in range(12)]

    decayed = [p for p in theirs.parameters() if p.dim() >= 2]
    groups = [{"params": decayed, "weight_decay": 0.1},
              {"params": [p for p in theirs.parameters() if p.dim() < 2], "weight_decay": 0.0}]  # fmt: skip
    twin = torch.optim.AdamW(groups, lr=2e-3, betas=(0.9, 0.99))
    for it in range(12):
        lr = 2e-3 * (it + 1) / 4 if it < 3 else 2e-4 + 0.5 * (1 + math.cos(math.pi * (it - 3) / 9)) * (2e-3 - 2e-4)
        for group in twin.param_groups:
            group["lr"] = lr
        total = 0.0
        for ids in data[it]:
            logits = theirs(ids[:, :-1])
            loss = torch.nn.functional.cross_entropy(logits.reshape(-1, 50), ids[:, 1:].reshape(-1)) / 3
            loss.backward()
            total += loss.item()
        norm = torch.nn.utils.clip_grad_norm_(theirs.parameters(), 0.5).item()
        twin.step()
        twin.zero_grad()
        assert rows[it]["loss"] == pytest.approx(total, rel=1e-5)
        assert rows[it]["grad_norm"] == pytest.approx(norm, rel=1e-4) and rows[it]["lr"] == pytest.approx(lr / 2e-3)
    for a, b in zip(ours.parameters(), theirs.parameters()):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=2e-5)
