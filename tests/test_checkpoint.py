"""Checkpoints: what is written is read back; damage is found and named; a full disk or a kill costs nothing."""

import json
import os
import random
import resource
import shutil
import time
from pathlib import Path

import pytest
import torch
from children import Child

from acorn import checkpoint
from acorn.errors import StorageError, UserError
from acorn.model.nano import Nano, NanoConfig
from acorn.optim.muon import MuonAdamW
from acorn.tokenizer.train import train_chars

FILES = ("manifest.json", "model.json", "model.safetensors", "optimizer.safetensors", "state.json", "tokenizer.json")


def parts(seed=0, width=8):
    """model, optimizer state, tokenizer; the seed fills the first two"""
    tokenizer = train_chars(["abcdef"])
    model = Nano(NanoConfig(tokenizer.n_vocab, 2, 2, 1, width, 16))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in model.parameters():
            p.normal_(generator=generator)
    lr = dict.fromkeys(model.groups(), 0.01)
    optimizer = MuonAdamW(dict(model.named_parameters()), model.groups(), lr)
    shapes = {name: t.shape for name, t in optimizer.state_dict().items()}
    return model, {name: torch.rand(shape, generator=generator) for name, shape in shapes.items()}, tokenizer


def write(folder, step, seed=None, **more):
    model, state, tokenizer = parts(step if seed is None else seed, **more)
    return checkpoint.save_checkpoint(folder, step, model, state, {"seed": step, "third": 1 / 3}, tokenizer)


def same(a, b) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


# --- what is written is read back -------------------------------------------------------------------------------------


def test_round_trip_is_exact(tmp_path):
    model, optimizer_state, tokenizer = parts(3)
    where = checkpoint.save_checkpoint(tmp_path, 12, model, optimizer_state, {"x": 1 / 3, "best": None}, tokenizer)
    assert where == tmp_path / "checkpoint-000012" and tuple(sorted(p.name for p in where.iterdir())) == FILES
    found, found_tokenizer, state = checkpoint.load_checkpoint(where)
    assert same(model.state_dict(), found.state_dict()) and not found.training and found.config == model.config
    assert found_tokenizer.hash == tokenizer.hash and state == {"x": 1 / 3, "best": None, "step": 12}
    assert same(optimizer_state, checkpoint.load_optimizer(where))
    assert checkpoint.verify(where) == "" and checkpoint.find_checkpoint(tmp_path) == where
    assert checkpoint.load_checkpoint(where, dtype=torch.bfloat16)[0].compute_dtype == torch.bfloat16


def test_the_manifest_tells_all_files(tmp_path):
    manifest = json.loads((write(tmp_path, 1) / "manifest.json").read_text())
    assert manifest["format"] == 1 and manifest["step"] == 1 and manifest["torch"] == torch.__version__
    assert tuple(sorted([*manifest["files"], "manifest.json"])) == FILES


def test_saving_a_step_again_replaces_it(tmp_path):
    write(tmp_path, 1, seed=1)
    where = write(tmp_path, 1, seed=2)
    assert same(checkpoint.load_checkpoint(where)[0].state_dict(), parts(2)[0].state_dict())
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint-000001"]


def test_nothing_there(tmp_path):
    assert checkpoint.find_checkpoint(tmp_path) is None and checkpoint.find_checkpoint(tmp_path / "no") is None


# --- damage -----------------------------------------------------------------------------------------------------------


def flip(path, chance):
    data = bytearray(path.read_bytes())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(data)


def zero_block(path, chance):
    data = bytearray(path.read_bytes())
    start = chance.randrange(len(data))
    block = data[start : start + 4096]
    data[start : start + 4096] = bytes(len(block))
    path.write_bytes(data)
    return not any(block)  # zeros already: no damage


def truncate(path, chance):
    os.truncate(path, chance.randrange(path.stat().st_size))


def remove(path, chance):
    path.unlink()


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", [flip, zero_block, truncate, remove])
def test_damage_to_any_file_is_named_and_the_one_before_is_used(name, damage, tmp_path):
    chance = random.Random(f"{name} {damage.__name__}")
    write(tmp_path, 5), write(tmp_path, 10)
    shutil.copytree(tmp_path / "checkpoint-000010", tmp_path / "whole")
    for _ in range(1 if damage is remove else 12):
        shutil.copytree(tmp_path / "whole", tmp_path / "checkpoint-000010", dirs_exist_ok=True)
        if damage(tmp_path / "checkpoint-000010" / name, chance):
            continue
        said = []
        assert checkpoint.find_checkpoint(tmp_path, said.append).name == "checkpoint-000005"
        assert len(said) == 1 and said[0].startswith("warning: ")
        assert said[0].endswith("falling back to checkpoint-000005")
        assert str(tmp_path / "checkpoint-000010") in said[0] and (name in said[0] or "format" in said[0])
    assert checkpoint.load_checkpoint(checkpoint.find_checkpoint(tmp_path))[2]["seed"] == 5


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_every_single_bit_counts(name, tmp_path):
    path = write(tmp_path, 1) / name
    data = path.read_bytes()
    for i in range(len(data)):
        changed = bytearray(data)
        changed[i] ^= 1 << i % 8
        path.write_bytes(changed)
        assert checkpoint.verify(path.parent), (name, i)


def test_a_damaged_checkpoint_that_was_asked_for_offers_another(tmp_path):
    write(tmp_path / "base", 5), write(tmp_path / "base", 10)
    asked = tmp_path / "base" / "checkpoint-000010"
    flip(asked / "model.safetensors", random.Random(1))
    with pytest.raises(UserError) as e:
        checkpoint.resolve_run(str(asked))
    assert "model.safetensors is damaged" in e.value.message and "its SHA-256 is" in e.value.message
    assert e.value.hint == f"use {tmp_path / 'base' / 'checkpoint-000005'} instead"
    shutil.rmtree(tmp_path / "base" / "checkpoint-000005")
    with pytest.raises(UserError) as e:
        checkpoint.resolve_run(str(asked))
    assert e.value.hint == "train this stage again"


def test_when_all_are_damaged_each_is_named(tmp_path):
    for step in (5, 10):
        (write(tmp_path, step) / "manifest.json").unlink()
    with pytest.raises(UserError) as e:
        checkpoint.find_checkpoint(tmp_path)
    assert e.value.message.count("has no manifest.json") == 2 and "delete them" in e.value.hint


def test_a_newer_format_is_said(tmp_path):
    manifest = write(tmp_path, 1) / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"format": 1', '"format": 2'))
    assert checkpoint.verify(manifest.parent).endswith("has checkpoint format 2, this acorn reads 1")


@pytest.mark.parametrize("text", ["[]", "3", "null", '"x"', "{}", '{"format": 1}', "", "\0", "[" * 100_000])
def test_a_manifest_that_is_something_else(text, tmp_path):
    (write(tmp_path, 1) / "manifest.json").write_text(text)
    assert "manifest.json cannot be read" in checkpoint.verify(tmp_path / "checkpoint-000001")


# --- what RUN means ---------------------------------------------------------------------------------------------------


def test_a_run_means_its_furthest_stage(workplace):
    write(workplace / "runs" / "oak" / "base", 7)
    for run in ("oak", "runs/oak", "runs/oak/base", "runs/oak/base/checkpoint-000007", str(workplace / "runs" / "oak")):
        assert checkpoint.resolve_run(run).resolve() == workplace / "runs/oak/base/checkpoint-000007"
    write(workplace / "runs" / "oak" / "sft", 2)
    assert checkpoint.resolve_run("oak").parent.name == "sft"
    with pytest.raises(UserError, match="no run 'oka' in runs/ \\(found: oak\\). Did you mean oak"):
        checkpoint.resolve_run("oka")
    (workplace / "runs" / "empty").mkdir()
    with pytest.raises(UserError, match="no checkpoint in runs/empty .*found: nothing"):
        checkpoint.resolve_run("empty")


# --- sweeping and pruning ---------------------------------------------------------------------------------------------


def test_leftovers_are_ignored_and_swept(tmp_path):
    where = write(tmp_path, 5)
    shutil.copytree(where, tmp_path / ".checkpoint-000009.tmp-123")
    shutil.copytree(where, tmp_path / ".dead-checkpoint-000001-123")
    (tmp_path / "checkpoint-notes").mkdir()
    assert checkpoint.list_checkpoints(tmp_path) == [where]
    checkpoint.sweep(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["checkpoint-000005", "checkpoint-notes"]


def test_pruning_keeps_the_newest_two_and_the_best(tmp_path):
    for step in (1, 2, 3, 4, 5):
        write(tmp_path, step)
    checkpoint.prune(tmp_path, best_step=2)
    assert [p.name[-1] for p in checkpoint.list_checkpoints(tmp_path)] == ["2", "4", "5"]
    checkpoint.prune(tmp_path, best_step=None)
    assert [p.name[-1] for p in checkpoint.list_checkpoints(tmp_path)] == ["4", "5"]
    write(tmp_path, 1_000_000)  # longer than six digits
    checkpoint.prune(tmp_path, best_step=5)
    assert checkpoint.find_checkpoint(tmp_path).name == "checkpoint-1000000"


def test_nothing_is_pruned_for_a_newest_one_that_is_damaged(tmp_path):
    for step in (1, 2, 3):
        write(tmp_path, step)
    flip(tmp_path / "checkpoint-000003" / "state.json", random.Random(0))
    checkpoint.prune(tmp_path, best_step=None)
    assert len(checkpoint.list_checkpoints(tmp_path)) == 3


# --- a full disk ------------------------------------------------------------------------------------------------------


def save_with_little_room(folder, largest):
    """In a child: no file may grow beyond `largest` bytes, which is what a full disk looks like to the writer."""
    from acorn.cli import fail

    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))
    try:
        write(Path(folder), 20, width=32)
    except StorageError as e:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        return fail(e)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.999])
@pytest.mark.parametrize("name", ["tokenizer.json", "model.safetensors", "optimizer.safetensors"])
def test_a_full_disk_costs_nothing_that_was_there(name, share, tmp_path):
    where = write(tmp_path / "base", 10, width=32)
    size = (where / name).stat().st_size
    child = Child(save_with_little_room, (str(tmp_path / "base"), int(size * share)), tmp_path)
    assert child.wait() == 74, child.said()
    assert f"cannot write {tmp_path / 'base' / 'checkpoint-000020'}" in child.said()
    assert "checkpoint-000010 is still there" in child.said() and "free some space" in child.said()
    assert [p.name for p in (tmp_path / "base").iterdir()] == ["checkpoint-000010"]
    assert checkpoint.find_checkpoint(tmp_path / "base") == where


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match="there is no earlier checkpoint"):
        write(tmp_path, 1)


def test_a_file_where_the_folder_should_be(tmp_path):
    (tmp_path / "base").write_text("")
    with pytest.raises(StorageError, match="cannot write"):
        write(tmp_path / "base", 1)


# --- SIGKILL ----------------------------------------------------------------------------------------------------------


def save_for_ever(folder, step):
    while True:
        step += 1
        write(Path(folder), step)
        checkpoint.prune(Path(folder), best_step=1)


def kill_while_saving(folder, times):
    chance, newest = random.Random(times), 0
    for _ in range(times):
        child = Child(save_for_ever, (str(folder), newest), folder.parent)
        before = newest
        child.wait_for(lambda: checkpoint.list_checkpoints(folder))
        time.sleep(chance.random() * 0.3)
        child.kill()
        assert child.wait() == -9
        found = checkpoint.find_checkpoint(folder)
        newest = int(found.name[-6:])
        assert newest >= before
        model, _, state = checkpoint.load_checkpoint(found)
        wanted, wanted_optimizer, _ = parts(newest)
        assert state["seed"] == newest and same(model.state_dict(), wanted.state_dict())
        assert same(checkpoint.load_optimizer(found), wanted_optimizer)
        checkpoint.sweep(folder)
        assert all(p.name.startswith("checkpoint-") for p in folder.iterdir())
    assert newest > times / 10 and len(list(folder.iterdir())) <= 4


def test_killed_at_any_instant_the_newest_is_whole(tmp_path):
    kill_while_saving(tmp_path / "base", 20)


@pytest.mark.slow
def test_killed_two_hundred_times(tmp_path):
    kill_while_saving(tmp_path / "base", 200)
