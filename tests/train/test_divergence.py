"""A loss or gradient that is not finite never reaches weights or checkpoints, on any number of ranks."""

import shutil

import children
import pytest
import torch
from running import BASE, losses, rows
from safetensors.torch import load_file

from acorn import checkpoint
from acorn.model.nano import Nano, NanoConfig
from acorn.optim.plan import plan
from acorn.runtime import Runtime
from acorn.train.loop import Batch, LoopConfig, Progress, one_step
from acorn.train.setup import make_optimizer


def weights(path):
    return load_file(path / "model.safetensors")


def all_finite(stage):
    found = checkpoint.list_checkpoints(stage)
    assert found
    for path in found:
        for name in ("model", "optimizer"):
            assert all(t.isfinite().all() for t in load_file(path / f"{name}.safetensors").values()), path


def test_a_skipped_step_changes_nothing_but_the_place_in_the_data(acorn, place):
    code, _, err = acorn(*BASE, "--save-every", 1, "--inject", "nan@3", "--steps", 5)
    assert code == 0 and "step 3 skipped, weights unchanged" in err
    stage = place / "runs/t/base"
    assert [row["loss"] is None for row in rows(stage) if "loss" in row] == [False, False, False, True, False]
    assert [row["skipped"] for row in rows(stage) if "loss" in row] == [False, False, False, True, False]
    all_finite(stage)
    shutil.rmtree(stage)
    code, _, _ = acorn(*BASE, "--save-every", 1, "--inject", "nan@3", "--steps", 4)
    three, four = (stage / f"checkpoint-00000{n}" for n in (3, 4))
    for file in ("model", "optimizer"):
        a, b = load_file(three / f"{file}.safetensors"), load_file(four / f"{file}.safetensors")
        assert all(torch.equal(a[name], b[name]) for name in a)
    _, _, before = checkpoint.load_checkpoint(three)
    _, _, after = checkpoint.load_checkpoint(four)
    assert before["stage"] != after["stage"] and after["loop"]["skipped"] == after["loop"]["bad"] == 1


def test_three_in_a_row_end_the_run_with_76(acorn, place):
    stage = place / "runs/t/base"
    code, _, err = acorn(*BASE, "--inject", "nan@7-99")
    assert code == 76
    assert "base diverged: the last 3 steps up to step 10 had a non-finite loss or gradient" in err
    assert "the last good checkpoint is runs/t/base/checkpoint-000009" in err and "--lr-scale" in err
    assert len(losses(stage)) == 10 and losses(stage)[7:] == [None] * 3
    all_finite(stage)
    kept = weights(checkpoint.find_checkpoint(stage))
    code, _, _ = acorn(*BASE)  # the cause is gone: it goes on from there
    assert code == 0 and len(losses(stage)) == 12 and losses(stage)[9:].count(None) == 0
    assert not all(torch.equal(a, b) for a, b in zip(kept.values(), weights(stage / "checkpoint-000012").values()))


def test_diverged_before_the_first_checkpoint(acorn, place):
    code, _, err = acorn(*BASE, "--inject", "nan@0-2")
    assert code == 76 and "there is no checkpoint yet" in err
    assert not checkpoint.list_checkpoints(place / "runs/t/base")


def test_two_bad_steps_now_and_then_are_put_up_with(acorn, place):
    assert acorn(*BASE, "--inject", "nan@4-5")[0] == 0
    assert losses(place / "runs/t/base").count(None) == 2


class BadGradient(torch.autograd.Function):
    """0 forward; backward whatever value it was given."""

    @staticmethod
    def forward(ctx, x, value):
        ctx.value, ctx.shape = value, x.shape
        return x.new_zeros(())

    @staticmethod
    def backward(ctx, g):
        return torch.full(ctx.shape, ctx.value), None


class Poisoned(Nano):
    value = 0.0

    def loss(self, *batch):
        return super().loss(*batch) + BadGradient.apply(self.scales, self.value)


@pytest.mark.parametrize("value", [0.0, float("nan"), float("inf"), -float("inf")])
def test_a_gradient_alone_that_is_not_finite(value):
    """The loss is fine: only the norm of the gradient tells."""
    model = Poisoned(NanoConfig(20, 1, 1, 1, 8, 8))
    model.init_weights(torch.Generator().manual_seed(0))
    model.value = value
    runtime = Runtime(torch.device("cpu"), torch.float32)
    optimizer = make_optimizer(model, plan(1, n_embd=8, vocab_size=20, block_size=8), runtime, 1.0)
    ids = torch.randint(0, 20, (2, 8), generator=torch.Generator().manual_seed(0))

    class Stage:
        notes = {}

        def batches(self):
            return [Batch(ids, ids, torch.full((2, 8), 1 / 16))]

    before, now, bad = [p.clone() for p in model.parameters()], Progress(), int(value != 0)
    row = one_step(model, optimizer, Stage(), LoopConfig(10), runtime, now)
    assert row["skipped"] == bool(bad) and (row["grad_norm"] is None) == (row["loss"] is None) == bool(bad)
    assert (now.step, now.bad, now.skipped, optimizer.steps) == (1, bad, bad, 1 - bad)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters())) == bool(bad)
    assert all(p.grad is None for p in model.parameters())


def test_nan_on_one_rank_makes_both_skip(place):
    """The first rank's loss is poisoned; had the second stepped, the two would differ and the losses after it too."""
    run = [*BASE, "--batch-tokens", 512]
    codes, said = children.acorn_ranks(2, *run, "--save-every", 1, "--inject", "nan@3", folder=place)
    assert codes == [0, 0] and said.count("step 3 skipped") == 1, said
    stage = place / "runs/t/base"
    assert [row["skipped"] for row in rows(stage) if "loss" in row] == [step == 3 for step in range(12)]
    all_finite(stage)
    shutil.rmtree(stage)
    codes, said = children.acorn_ranks(2, *run, "--inject", "nan@7-99", folder=place)
    assert codes == [76, 76] and "the last good checkpoint is runs/t/base/checkpoint-000009" in said
