"""Every config in configs/ names commands and options that exist, and `acorn plan` can cost it."""

import json
import tomllib
from pathlib import Path

import pytest

from acorn.commands.speedrun import command, in_order

ROOT = Path(__file__).parents[1]
CONFIGS = sorted((ROOT / "configs").glob("*.toml"))


@pytest.fixture
def imported(workplace, acorn):
    """runs/gpt2: weights to start from, two layers of them."""
    import torch

    from acorn.checkpoint import save_checkpoint
    from acorn.model.gpt2 import GPT2, GPT2Config
    from acorn.tokenizer.train import train_bpe

    tokenizer = train_bpe(["to be or not to be"], 270)
    model = GPT2(GPT2Config(tokenizer.n_vocab, 2, 2, 32, block_size=64))
    model.init_weights(torch.Generator().manual_seed(1))
    save_checkpoint(workplace / "runs/gpt2/base", 0, model, {}, {"imported": {}}, tokenizer)
    return model


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_section_is_a_command_with_its_options(path, imported):
    settings = tomllib.loads(path.read_text(encoding="utf-8"))
    home = Path("runs", settings.pop("name"))
    home.mkdir(parents=True, exist_ok=True)
    (home / "tokenizer.json").touch()
    for step in in_order(settings, path):
        command(step, settings, home, home.name, path)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_base_can_be_planned(path, imported, acorn):
    code, out, err = acorn("plan", path)
    assert code == 0 and "horizon" in out, err


def test_the_plan_of_gpt2_is_that_of_nanogpts_config(acorn):
    """Figures of its README and config/train_gpt2.py: 124M, 491,520 tokens a step, 600,000 steps, 6e-4."""
    code, out, err = acorn("plan", ROOT / "configs/gpt2.toml", "--vocab-size", 50257, "--gpus", 8, "--json")
    found = json.loads(out)
    assert code == 0, err
    assert (found["steps"], found["batch_tokens"], found["n_head"]) == (600_000, 491_520, 12)
    no_biases = 50257 * 768 + 1024 * 768 + 12 * (12 * 768**2 + 2 * 768) + 768
    assert found["parameters"] == no_biases and found["adamw_lr"] == 6e-4


def test_a_finetuning_plan_counts_the_weights_it_starts_from(imported, acorn):
    Path("mine.toml").write_text('[base]\ninit = "gpt2"\nbatch_tokens = 128\nsteps = 5\nblock_size = 32\n')
    code, out, err = acorn("plan", "mine.toml", "--json")
    found = json.loads(out)
    assert code == 0 and found["parameters"] == sum(p.numel() for p in imported.parameters()), err
    assert found["tokens"] == 640 and found["adamw_lr"] == pytest.approx(1e-4)


def test_a_config_without_base_has_no_plan(workplace, acorn):
    Path("mine.toml").write_text('[tokenizer]\nsources = ["a.txt"]\n')
    code, _, err = acorn("plan", "mine.toml")
    assert code == 2 and "mine.toml has no section [base]" in err


def test_finetuning_from_a_config_takes_the_tokenizer_of_the_weights(imported, acorn):
    """As configs/finetune_shakespeare.toml does, from import to report."""
    Path("text.txt").write_text("to be or not to be\n" * 40)
    Path("tune.toml").write_text(
        'name = "tune"\n[data]\nsources = ["text.txt"]\nsplit = "tail"\nval_fraction = 0.2\n'
        '[base]\ninit = "gpt2"\nblock_size = 32\nbatch_tokens = 128\nsteps = 3\nlr = 1e-3\nlr_scale = 1.0\n'
        "cooldown = 0.0\n"
        '[eval]\ntasks = "bpb"\n'
    )
    code, _, err = acorn("speedrun", "tune.toml")
    assert code == 0, err
    rows = [json.loads(line) for line in Path("runs/tune/base/metrics.jsonl").read_text().splitlines()]
    assert [row["lr"] for row in rows if "lr" in row] == [1.0] * 3  # of the peak, as a constant rate has it
    assert json.loads(Path("runs/tune/eval.json").read_text())["bpb"]["value"] > 0


def test_a_config_may_take_nanogpts_files_with_their_characters(workplace, acorn):
    import pickle

    import numpy as np

    Path("ng").mkdir()
    for name in ("train", "val"):
        np.array([0, 1, 2] * 100, dtype=np.uint16).tofile(f"ng/{name}.bin")
    Path("ng/meta.pkl").write_bytes(pickle.dumps({"itos": {0: "a", 1: "b", 2: "\n"}}))
    Path("mine.toml").write_text(
        'name = "mine"\n[data]\nsources = ["nanogpt:ng"]\n[base]\narch = "gpt2"\ndepth = 1\nn_embd = 32\nn_head = 2\n'
        "block_size = 16\nbatch_tokens = 64\nsteps = 2\ndropout = 0.1\n"
    )
    code, _, err = acorn("speedrun", "mine.toml")
    assert code == 0, err
    code, out, err = acorn("sample", "mine", "-p", "ab", "-n", 2, "--max-tokens", 4, "--seed", 1, "--dtype", "float32")
    assert code == 0 and out.startswith("--- 1 of 2\n"), err


def test_a_config_without_a_tokenizer_says_where_to_get_one(workplace, acorn):
    code, _, err = acorn("speedrun", ROOT / "configs/gpt2.toml")
    assert code == 2 and "has no section [tokenizer]" in err
    assert "acorn tokenizer import FOLDER_OF_VOCAB_AND_MERGES --out runs/gpt2-124M/tokenizer.json" in err
    assert not Path("runs").exists()
