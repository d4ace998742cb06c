"""Stopping and going on equals never stopping: weights, optimizer state and log, bit for bit."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time

import children
import pytest
from running import BASE, COMMANDS, STEPS, assert_same, bits, rows, run

from acorn import checkpoint


@pytest.fixture(scope="module")
def straight(corpus, tmp_path_factory):
    """runs/t with all stages, run without interruption"""
    home = tmp_path_factory.mktemp("straight") / "work"
    shutil.copytree(corpus, home)
    for command in COMMANDS.values():
        child = start(command, home)
        assert child.wait() == 0, child.said()
    return home


@pytest.fixture
def before(straight, place):
    """before(stage) puts the stages before it in place -> (command, its folder)"""

    def copy(stage):
        for earlier in list(COMMANDS)[: list(COMMANDS).index(stage)]:
            shutil.copytree(straight / "runs/t" / earlier, place / "runs/t" / earlier)
        return COMMANDS[stage], place / "runs/t" / stage

    return copy


def start(command, folder, *more):
    return children.Child(run, ([str(word) for word in (*command, *more)],), folder)


@pytest.mark.parametrize("stage", COMMANDS)
def test_twice_the_same_command_is_the_same_run(stage, straight, before, place):
    """Also that a finished run is left alone."""
    command, here = before(stage)
    assert start(command, place).wait() == 0
    first = bits(here)
    assert_same(first, bits(straight / "runs" / "t" / stage))
    assert [row["step"] for row in first["rows"] if "loss" in row] == list(range(STEPS))
    assert [row["step"] for row in first["rows"] if "eval" in row] == [-1] * (stage == "rl") + [3, 7, 11]
    times = {p: p.stat().st_mtime_ns for p in here.glob("checkpoint-*/*")}
    child = start(command, place)
    assert child.wait() == 0 and f"resuming at step {STEPS} of {STEPS}" in child.said()
    assert_same(first, bits(here))
    assert times == {p: p.stat().st_mtime_ns for p in here.glob("checkpoint-*/*")}


def test_killed_half_way_as_a_user_would_try_it(straight, place):
    """The real program, twice: `--inject kill@6`, then the same command without it."""
    words = [str(word) for word in BASE]
    program = [sys.executable, "-m", "acorn", *words]
    killed = subprocess.run([*program, "--inject", "kill@6"], cwd=place, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert checkpoint.find_checkpoint(place / "runs/t/base").name == "checkpoint-000006"
    again = subprocess.run(program, cwd=place, capture_output=True, text=True)
    assert again.returncode == 0 and "base: resuming at step 6 of 12" in again.stderr
    assert_same(bits(straight / "runs/t/base"), bits(place / "runs/t/base"))


@pytest.mark.parametrize("step", [0, 2, 7, 11])
@pytest.mark.parametrize("stage", COMMANDS)
def test_killed_at_a_step(stage, step, straight, place, before):
    """Before the first checkpoint, between two, before the last step; the log loses the rows behind the checkpoint."""
    command, here = before(stage)
    assert start(command, place, "--inject", f"kill@{step}").wait() == -9
    assert len([row for row in rows(here) if "loss" in row]) == step
    child = start(command, place)
    assert child.wait() == 0, child.said()
    assert ("resuming at step" in child.said()) == (step >= 3)
    assert_same(bits(straight / "runs" / "t" / stage), bits(here))


@pytest.mark.parametrize("stage", COMMANDS)
def test_killed_again_and_again_at_random_instants(stage, straight, place, before):
    (command, here), chance = before(stage), random.Random(stage)
    for _ in range(4):
        child = start(command, place)
        child.process.join(0.3 * chance.random())
        if child.process.is_alive():
            child.kill()
        assert child.wait() in (-9, 0), child.said()
    assert start(command, place).wait() == 0
    assert_same(bits(straight / "runs" / "t" / stage), bits(here))
    assert not [p for p in here.iterdir() if p.name.startswith((".checkpoint", ".dead"))]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_a_signal_saves_the_step_and_exits_with_75(number, place):
    command = [*BASE, "--steps", 60, "--save-every", 0, "--eval-every", 30]
    stage = place / "runs/t/base"
    assert start(command, place).wait() == 0
    whole = bits(stage)
    shutil.rmtree(stage)
    child = start(command, place)
    child.wait_for(lambda: (stage / "metrics.jsonl").exists() and len(rows(stage)) >= 5)
    child.kill(number)
    assert child.wait() == 75, child.said()
    step = int(checkpoint.find_checkpoint(stage).name[-6:])
    assert 5 <= step < 60 and step == len([row for row in rows(stage) if "loss" in row])
    assert f"base: stopped by {signal.Signals(number).name} after step {step} of 60; all is saved" in child.said()
    assert "run the same command to go on" in child.said()
    assert start(command, place).wait() == 0
    assert_same(whole, bits(stage))


def test_a_second_signal_leaves_at_once(place):
    """The first waits for the end of the step; one step here takes for ever."""
    child = children.Child(_train_slowly, ([str(word) for word in BASE],), place)
    child.wait_for(lambda: "in a step" in child.said())
    child.kill(signal.SIGTERM)
    time.sleep(0.2)
    assert child.process.is_alive()
    child.kill(signal.SIGTERM)
    assert child.wait(10) == 75 and "stopped at once by a second signal" in child.said()


def _train_slowly(argv):
    from acorn.cli import main
    from acorn.train.rows import RowStage

    def batches(self):
        print("in a step", flush=True)
        while True:
            time.sleep(0.01)

    RowStage.batches = batches
    return main(argv)


@pytest.mark.parametrize("stage", COMMANDS)
def test_a_damaged_newest_checkpoint_costs_its_interval_only(stage, straight, place, before):
    command, here = before(stage)
    shutil.copytree(straight / "runs/t" / stage, here)
    newest = checkpoint.find_checkpoint(here)
    os.truncate(newest / "optimizer.safetensors", 100)
    child = start(command, place)
    assert child.wait() == 0
    assert "warning:" in child.said() and "optimizer.safetensors has 100 bytes" in child.said()
    assert_same(bits(straight / "runs/t" / stage), bits(here))


def test_minutes_leave_no_trace_in_the_weights(place):
    """The speed is measured on a model that is thrown away: the steps it led to, given outright, give the same."""
    words = ["train", "base", "--data", "runs/t/data", "--depth", 1, "--n-embd", 32, "--block-size", 32, "--micro-rows",
           3, "--device", "cpu", "--dtype", "float32", "--eval-every", 0, "--save-every", 0]  # fmt: skip
    for name in ("a", "b"):
        shutil.copytree(place / "runs/t", place / "runs" / name)
    run_a = start([*words, "--run", "a", "--minutes", 0.004], place)
    assert run_a.wait() == 0, run_a.said()
    record = (place / "runs/a/base/run.toml").read_text()
    found = dict(line.split(" = ") for line in record.splitlines())
    assert int(found["steps"]) > 1 and float(found["minutes"]) == 0.004
    exact = ["--steps", found["steps"], "--batch-tokens", found["batch_tokens"]]
    assert start([*words, "--run", "b", *exact], place).wait() == 0
    assert_same(bits(place / "runs/a/base"), bits(place / "runs/b/base"))
    again = start([*words, "--run", "a", "--minutes", 0.004], place)  # does not measure again
    assert again.wait() == 0 and f"resuming at step {found['steps']} of {found['steps']}" in again.said()
    assert (place / "runs/a/base/run.toml").read_text() == record


@pytest.mark.parametrize(
    "horizon", [["--tokens", 3000], ["--steps", 11], ["--minutes", 0.003], ["--steps", 9, "--batch-tokens", 100]]
)
def test_every_way_to_give_the_horizon_resumes_exactly(horizon, place):
    """Weight decay and learning rates are planned from the horizon: a resumed run must plan them from the same one."""
    run = ["train", "base", "--run", "t", "--depth", 1, "--n-embd", 32, "--block-size", 32, "--device", "cpu",
           "--dtype", "float32", "--save-every", 1, "--eval-every", 0, *horizon]  # fmt: skip
    assert start(run, place, "--inject", "kill@1").wait() in (-9, 0)
    assert start(run, place).wait() == 0
    resumed, record = bits(place / "runs/t/base"), (place / "runs/t/base/run.toml").read_text()
    shutil.rmtree(place / "runs/t/base")
    steps = dict(line.split(" = ") for line in record.splitlines())
    if "--minutes" in horizon:  # what was measured differs from time to time
        run = [*run[: -len(horizon)], "--steps", steps["steps"], "--batch-tokens", steps["batch_tokens"]]
    assert start(run, place).wait() == 0
    assert_same(resumed, bits(place / "runs/t/base"))


@pytest.mark.parametrize("piece", ["weights", "optimizer", "data", "step"])
def test_every_piece_of_the_state_is_needed(piece, straight, place):
    """The tests above can fail: a resume that forgets one piece ends elsewhere."""
    assert start(BASE, place, "--inject", "kill@6").wait() == -9
    assert children.Child(_resume_without, (piece, [str(word) for word in BASE]), place).wait() == 0
    ours, whole = bits(place / "runs/t/base"), bits(straight / "runs/t/base")
    assert any(ours[name] != whole[name] for name in whole if name.startswith("model/"))


def _resume_without(piece, argv):
    from acorn.cli import main
    from acorn.model.nano import Nano
    from acorn.optim.muon import MuonAdamW
    from acorn.train import loop
    from acorn.train.rows import RowStage

    def forget(cls, name):
        setattr(cls, name, lambda self, state: None)

    if piece == "weights":
        forget(Nano, "load_state_dict")
    if piece == "optimizer":
        forget(MuonAdamW, "load_state_dict")
    if piece == "data":
        forget(RowStage, "load_state_dict")
    if piece == "step":
        whole = loop.resume
        loop.resume = lambda *args: loop.Progress(**{**vars(whole(*args)), "step": 5})
    return main(argv)
