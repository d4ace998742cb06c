"""What a training command refuses, in one sentence, with exit 2 and nothing spoilt."""

import fcntl
import os
import shutil

import children
import pytest
from running import BASE, SFT, assert_same, bits

from acorn.data.documents import Document
from acorn.data.shards import write_shards
from acorn.tokenizer.tokenizer import Tokenizer
from acorn.tokenizer.train import train_bpe


def test_a_run_has_one_configuration(acorn, place):
    assert acorn(*BASE)[0] == 0
    before, record = bits(place / "runs/t/base"), (place / "runs/t/base/run.toml").read_text()
    code, _, err = acorn(*BASE, "--seed", 2, "--n-embd", 64, "--steps", 20, "--lr-scale", 0.5, "--clip", 1)
    assert code == 2 and "runs/t/base was started with other options: " in err
    for change in ("seed was 1, now 2", "n_embd was 32, now 64", "steps was 12, now 20", "lr_scale was 1.0, now 0.5",
                   "clip was 0.0, now 1.0"):  # fmt: skip
        assert change in err
    assert "the options of runs/t/base/run.toml, another --run, or remove runs/t/base" in err
    assert "batch_tokens" not in err and "inject" not in err
    assert_same(before, bits(place / "runs/t/base"))
    assert (place / "runs/t/base/run.toml").read_text() == record


def test_what_was_left_open_stays_as_it_was_settled(acorn, place):
    open_ended = ["train", "base", "--run", "t", "--depth", 1, "--n-embd", 32, "--block-size", 32, "--tokens", 3000]
    assert acorn(*open_ended)[0] == 0
    record = (place / "runs/t/base/run.toml").read_text()
    assert "steps = " in record and "batch_tokens = " in record and 'device = "cpu"' in record and "dtype = " in record
    code, _, err = acorn(*open_ended)
    assert code == 0 and "resuming at step" in err and (place / "runs/t/base/run.toml").read_text() == record
    assert (
        acorn("train", "base", "--config", "runs/t/base/run.toml", "--run", "t")[0] == 0
    )  # the record repeats the run


def test_a_damaged_record_is_named(acorn, place):
    assert acorn(*BASE)[0] == 0
    (place / "runs/t/base/run.toml").write_text("depth = [")
    code, _, err = acorn(*BASE)
    assert code == 2 and "runs/t/base/run.toml is not valid TOML" in err


@pytest.mark.parametrize(
    "options, says",
    [
        (["--depth", 0], "--depth 0: must be between 1 and 128"),
        (["--steps", 0], "--steps 0: must be at least 1"),
        (["--steps", -5], "--steps -5: must be at least 1"),
        (["--minutes", 0], "--minutes 0.0: must be at least 0.001"),
        (["--minutes", "nan"], "--minutes nan: must be"),
        (["--batch-tokens", 0], "--batch-tokens 0: must be at least 1"),
        (["--micro-rows", 0], "--micro-rows 0: must be at least 1"),
        (["--bigram", -1], "--bigram -1: must be at least 0"),
        (["--cooldown", 1.5], "--cooldown 1.5: must be between 0 and 1"),
        (["--seed", -1], "--seed -1: must be between 0 and"),
        (["--n-embd", 33], "--n-embd 33: must be even"),
        (["--inject", "kill"], "--inject 'kill': expected nan@STEP, nan@FIRST-LAST or kill@STEP"),
        (["--inject", "nan@x"], "--inject 'nan@x'"),
        (["--device", "tpu"], "--device 'tpu': choose one of auto, cpu, cuda"),
        (["--dtype", "int4"], "--dtype 'int4': choose one of auto, float32, bfloat16"),
    ],
)
def test_impossible_options(options, says, acorn, place):
    code, _, err = acorn(*BASE, *options)
    assert code == 2 and says in err
    assert not (place / "runs/t/base/run.toml").exists()


@pytest.mark.parametrize("stage", ["base", "sft"])
def test_a_second_process_is_refused(stage, acorn, place):
    if stage == "sft":
        assert acorn(*BASE)[0] == 0
    folder = place / "runs/t" / stage
    folder.mkdir(exist_ok=True)
    with open(folder / ".lock", "a+") as f:  # as a process that trains holds it
        fcntl.flock(f, fcntl.LOCK_EX)
        f.write("4711 since 10:20:30")
        f.flush()
        code, _, err = acorn(*(BASE, SFT)[stage == "sft"])
        assert (
            code == 2 and f"runs/t/{stage} is in use by process 4711 since 10:20:30" in err and "another --run" in err
        )
        assert [p.name for p in folder.iterdir()] == [".lock"]
    assert acorn(*(BASE, SFT)[stage == "sft"])[0] == 0  # a lock that nobody holds any more is none


def test_a_second_process_while_the_first_trains(place):
    first = children.acorn(*BASE, "--steps", 5000, "--save-every", 0, folder=place)
    first.wait_for(lambda: (place / "runs/t/base/metrics.jsonl").exists())
    record = (place / "runs/t/base/run.toml").read_text()
    second = children.acorn(*BASE, "--steps", 5000, "--save-every", 0, folder=place)
    assert second.wait() == 2 and f"runs/t/base is in use by process {first.process.pid} since" in second.said()
    assert first.process.is_alive() and (place / "runs/t/base/run.toml").read_text() == record
    first.kill()


def test_a_tokenizer_that_did_not_write_the_shards(acorn, place):
    train_bpe(["something else entirely"], 270).save(place / "runs/t/tokenizer.json")
    code, _, err = acorn(*BASE)
    assert code == 2 and "the shards in runs/t/data were written with tokenizer" in err and "acorn data import" in err
    assert not (place / "runs/t/base").exists()


def test_no_tokenizer_no_data_no_base(acorn, place):
    code, _, err = acorn("train", "base", "--run", "new")
    assert code == 2 and "no tokenizer: neither of runs/new/tokenizer.json" in err and "acorn tokenizer train" in err
    shutil.rmtree(place / "runs/t/data")
    code, _, err = acorn(*BASE)
    assert code == 2 and "no token shards in runs/t/data" in err
    code, _, err = acorn(*SFT)
    assert code == 2 and "no run 'runs/t/base'" in err


def test_a_corpus_without_validation_is_refused(acorn, place):
    tokenizer = Tokenizer.load(place / "runs/t/tokenizer.json")
    write_shards([Document("the oak is tall")], tokenizer, place / "runs/t/data", force=True)
    code, _, err = acorn(*BASE)
    assert code == 2 and "runs/t/data has no validation documents" in err and "--split tail" in err


def test_chats_that_do_not_fit_or_are_missing(acorn, place):
    assert acorn(*BASE)[0] == 0
    (place / "long.jsonl").write_text('{"instruction": "%s", "output": "yes"}\n' % ("how tall " * 60) * 60)
    code, _, err = acorn(*SFT[:4], "--chats", "long.jsonl", "--steps", 2)
    assert code == 2 and "none of the 60 conversations fits the context of 32 tokens" in err
    code, _, err = acorn(*SFT[:4], "--steps", 2)
    assert code == 2 and "there are no conversations to learn from" in err and "--chats FILE.jsonl" in err
    code, _, err = acorn(*SFT[:4], "--chats", "nothing.jsonl")
    assert code == 2 and "no file nothing.jsonl" in err


def test_other_conversations_are_not_gone_on_with(acorn, place):
    assert acorn(*BASE)[0] == 0
    child = children.acorn(*SFT, "--inject", "kill@6", folder=place)
    assert child.wait() == -9
    lines = (place / "chats.jsonl").read_text().splitlines(keepends=True)
    (place / "chats.jsonl").write_text("".join(lines[:-1]))
    code, _, err = acorn(*SFT)
    assert code == 2 and "the conversations are not those that this run was reading" in err


def test_a_full_disk_in_the_middle_of_a_run(acorn, place):
    child = children.Child(_train_with_little_room, ([str(word) for word in BASE],), place)
    assert child.wait() == 74, child.said()
    assert "checkpoint-000006 is still there" in child.said() and "then run the same command to go on" in child.said()
    assert sorted(p.name for p in (place / "runs/t/base").glob("*check*")) == ["checkpoint-000003", "checkpoint-000006"]
    assert not list((place / "runs/t/base").glob(".check*"))
    assert acorn(*BASE)[0] == 0


def _train_with_little_room(argv):
    import errno

    from acorn import checkpoint
    from acorn.cli import main

    write = checkpoint.save_file

    def full_after_two(tensors, path):
        if "checkpoint-000009" in str(path):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        write(tensors, path)

    checkpoint.save_file = full_after_two
    return main(argv)
