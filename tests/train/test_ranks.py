"""One rank and two are the same run, but for rounding."""

import shutil
import subprocess
import sys

import children
import pytest
from running import BASE, COMMON, MID, RL, SFT, assert_same, bits, losses, rows, run

from acorn import checkpoint

TWO = [*BASE, "--batch-tokens", 512]  # 16 rows, which 2 ranks share


def both(command, folder):
    codes, said = children.acorn_ranks(2, *command, folder=folder)
    assert codes == [0, 0], said
    return said


def evaluations(stage):
    return [row.get("val_bpb", row.get("val_loss")) for row in rows(stage) if "eval" in row]


def test_the_same_losses(place, acorn):
    base, sft = place / "runs/t/base", place / "runs/t/sft"
    assert acorn(*TWO)[0] == 0
    alone, alone_val, tokens = losses(base), evaluations(base), rows(base)[-1]["tokens"]
    shutil.rmtree(base)
    said = both(TWO, place)
    assert losses(base) == pytest.approx(alone, rel=1e-4) and evaluations(base) == pytest.approx(alone_val, rel=1e-4)
    assert rows(base)[-1]["tokens"] == tokens
    assert said.count("base: step 4/12") == 1  # the second rank says nothing
    assert checkpoint.load_checkpoint(checkpoint.find_checkpoint(base))[2]["world"] == 2

    assert acorn(*SFT)[0] == 0
    alone, alone_val = losses(sft), evaluations(sft)
    shutil.rmtree(sft)
    both(SFT, place)
    assert losses(sft) == pytest.approx(alone, rel=1e-4) and evaluations(sft) == pytest.approx(alone_val, rel=1e-4)


def test_mid_on_two_ranks_and_rl_killed_there(place, acorn):
    """Replies are drawn on both ranks and known to both; the same command goes on to the same bits."""

    def practise(*more):
        words = [str(word) for word in (*RL, *more)]
        group = children.ranks(2, lambda env: children.Child(run, (words,), place, **env))
        return [child.wait() for child in group], "".join(child.said() for child in group)

    assert acorn(*BASE)[0] == 0
    both([*MID, "--steps", 3], place)
    stage = place / "runs/t/rl"
    codes, said = practise()
    assert codes == [0, 0] and any(row.get("drawn") for row in rows(stage)), said
    whole = bits(stage)
    shutil.rmtree(stage)
    assert -9 in practise("--inject", "kill@8")[0]
    assert practise()[0] == [0, 0]
    assert_same(whole, bits(stage))


@pytest.mark.parametrize("first, second", [(2, 1), (1, 2)])
def test_saved_on_some_and_resumed_on_others(first, second, place):
    def run(world, *more):
        return children.acorn_ranks(world, *TWO, *more, folder=place)

    assert run(1)[0] == [0]
    straight = losses(place / "runs/t/base")
    shutil.rmtree(place / "runs/t/base")
    codes, _ = run(first, "--inject", "kill@7")
    assert -9 in codes
    codes, said = run(second)
    assert codes == [0] * second and "resuming at step 6" in said
    assert losses(place / "runs/t/base") == pytest.approx(straight, rel=1e-4)


def test_a_batch_that_ranks_cannot_share(place):
    codes, said = children.acorn_ranks(2, *BASE, "--batch-tokens", 96, folder=place)
    assert codes == [2, 2] and "a step of 96 tokens is 3 rows of 32: 2 ranks cannot share it" in said
    assert "--batch-tokens 128" in said


def test_a_batch_that_was_left_open_is_made_to_fit(place):
    command = ["train", "base", "--run", "t", "--depth", 1, "--n-embd", 32, "--block-size", 32, *COMMON]
    codes, said = children.acorn_ranks(3, *command, folder=place)
    assert codes == [0, 0, 0], said
    record = (place / "runs/t/base/run.toml").read_text()
    assert int(record.split("batch_tokens = ")[1].split()[0]) % 96 == 0


@pytest.mark.slow
def test_torchrun(place):
    """The real launcher, as acorn/runtime.py says, with a NaN on one rank."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", 2, "-m", "--"]
    run = [str(word) for word in (*launcher, "acorn", *TWO, "--inject", "nan@3")]
    done = subprocess.run(run, cwd=place, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("step 3 skipped") == 1 and losses(place / "runs/t/base").count(None) == 1
