import errno
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import acorn.data.shards as module
from acorn.data.documents import Counts, Document
from acorn.data.shards import hash_split, open_shards, tail_split, unit_hash, write_shards
from acorn.errors import StorageError, UserError
from acorn.tokenizer.train import train_bpe, train_chars

TEXTS = [f"document number {i} says {'x' * (i % 7)} ü🙂" for i in range(100)]
TOKENIZER = train_bpe(TEXTS, 300)


def write(out, texts=TEXTS, **options):
    return write_shards(map(Document, texts), options.pop("tokenizer", TOKENIZER), out, **options)


def texts_of(shards, split):
    return [TOKENIZER.decode(ids[1:]) for ids in shards.documents(split)]


@pytest.mark.parametrize("shard_tokens", [1, 200, 1 << 26])
def test_round_trip(shard_tokens, tmp_path):
    counts = Counts(seen=101, kept=100)
    manifest = write(tmp_path / "s", val_fraction=0.2, shard_tokens=shard_tokens, counts=counts)
    shards = open_shards(tmp_path / "s", TOKENIZER, verify=True)
    assert manifest == shards.manifest == json.loads((tmp_path / "s" / "manifest.json").read_text())
    train, val = texts_of(shards, "train"), texts_of(shards, "val")
    assert sorted(train + val) == sorted(TEXTS) and 5 < len(val) < 40
    for split, texts in (("train", train), ("val", val)):
        assert shards.count(split, "documents") == len(texts)
        assert shards.count(split, "bytes") == sum(len(t.encode()) for t in texts)
        assert shards.count(split) == sum(1 + len(TOKENIZER.encode(t)) for t in texts)
        for shard in shards.splits[split]:
            assert shard.tokens[-1] == TOKENIZER.bos and (shard.tokens[shard.offsets] == TOKENIZER.bos).all()
    assert manifest["read"] == counts.to_dict()
    names = {p.name.split("-")[0] for p in (tmp_path / "s").iterdir()}
    assert names == {"train", "val", "manifest.json", "tokenizer.json"}
    assert len(list(shards.documents("train", limit=3))) == 3
    assert next(shards.documents("train")).dtype == np.int64


def test_large_vocabularies_take_four_bytes(tmp_path):
    tokenizer = train_chars([chr(0x20000 + i) for i in range(40_000)] + [chr(0xE000 + i) for i in range(6000)]
                            + [chr(0x4E00 + i) for i in range(20_000)])  # fmt: skip
    assert tokenizer.n_vocab > 1 << 16
    text = chr(0x20000) + chr(0x20000 + 39_999)
    write(tmp_path / "s", [text], tokenizer=tokenizer)
    ids = next(open_shards(tmp_path / "s", tokenizer).documents("train"))
    assert ids.tolist() == [tokenizer.bos, *tokenizer.encode(text)] and ids.max() > 1 << 16


def test_validation_depends_on_the_text_alone(tmp_path):
    write(tmp_path / "a", val_fraction=0.2)
    write(tmp_path / "b", TEXTS[::-1] + [t + "!" for t in TEXTS] + TEXTS[:5], val_fraction=0.2)
    a, b = open_shards(tmp_path / "a"), open_shards(tmp_path / "b")
    assert set(texts_of(a, "val")) <= set(texts_of(b, "val"))
    assert not set(texts_of(b, "val")) & set(texts_of(b, "train"))  # copies stay on one side


@pytest.mark.parametrize("n", range(2, 12))
@pytest.mark.parametrize("fraction", [1e-9, 0.5, 1 - 1e-9])
def test_two_documents_are_enough_for_both_splits(n, fraction):
    parts = list(hash_split(map(Document, TEXTS[:n]), fraction))
    assert {name for name, _ in parts} == {"train", "val"} and sorted(t for _, t in parts) == sorted(TEXTS[:n])


def test_hash_split_at_its_limits():
    assert list(hash_split([Document("x")], 0.9)) == [("train", "x")]
    assert list(hash_split([Document("x"), Document("x")], 0.5)) == [("train", "x")] * 2
    assert {name for name, _ in hash_split(map(Document, TEXTS), 0)} == {"train"}
    assert list(hash_split([], 0.5)) == []
    assert 0 <= unit_hash("") < 1


def test_tail_split_is_nanogpts():
    text = "x" * 1_115_394
    parts = dict(tail_split([Document(text)], 0.1))
    assert len(parts["train"]) == int(len(text) * 0.9) == 1_003_854 and parts["train"] + parts["val"] == text
    assert list(tail_split([Document("abcd"), Document("a")], 0.5)) == [("train", "ab"), ("val", "cd"), ("val", "a")]


@pytest.mark.parametrize("options, message", [
    ({"val_fraction": 1.0}, "--val-fraction 1.0 must be at least 0 and less than 1"),
    ({"val_fraction": -0.1}, "--val-fraction -0.1"),
    ({"split": "middle"}, "--split 'middle': choose hash or tail"),
    ({"texts": []}, "there is no text to train on"),
])  # fmt: skip
def test_impossible_imports_leave_nothing(options, message, tmp_path):
    with pytest.raises(UserError, match=message):
        write(tmp_path / "s", **options)
    assert list(tmp_path.iterdir()) == []


def test_a_finished_import_is_kept_unless_forced(tmp_path):
    write(tmp_path / "s")
    before = (tmp_path / "s" / "manifest.json").read_bytes()
    with pytest.raises(UserError, match="holds a finished import already") as error:
        write(tmp_path / "s", TEXTS[:9])
    assert "--force" in error.value.hint
    assert (tmp_path / "s" / "manifest.json").read_bytes() == before
    write(tmp_path / "s", TEXTS[:9], force=True)
    assert (
        sorted(texts_of(open_shards(tmp_path / "s"), "train") + texts_of(open_shards(tmp_path / "s"), "val"))
        == TEXTS[:9]
    )
    assert [p.name for p in tmp_path.iterdir()] == ["s"]


def test_a_folder_of_something_else_is_never_replaced(tmp_path):
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="exists and is not a folder of token shards"):
        write(tmp_path / "s", force=True)
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="is not a folder of token shards"):
        write(tmp_path / "file", force=True)
    (tmp_path / "empty").mkdir()
    write(tmp_path / "empty")  # nothing is lost there


def test_an_error_while_reading_keeps_the_old_import(tmp_path):
    write(tmp_path / "s")

    def broken():
        yield Document("fine")
        raise UserError("the 2nd is broken")

    with pytest.raises(UserError, match="2nd"):
        write_shards(broken(), TOKENIZER, tmp_path / "s", force=True)
    assert open_shards(tmp_path / "s", verify=True).count("train", "documents") > 50
    assert [p.name for p in tmp_path.iterdir()] == ["s"]


def test_a_full_disk_leaves_nothing_half_written(tmp_path, monkeypatch):
    def full(self):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(module.SplitWriter, "close", full)
    with pytest.raises(StorageError, match="No space left on device; nothing was changed there"):
        write(tmp_path / "s")
    assert list(tmp_path.iterdir()) == []


def test_killed_imports_leave_nothing_under_the_name_and_are_cleaned_up(tmp_path):
    code = """
import sys, itertools
from acorn.data.documents import Document
from acorn.data.shards import write_shards
from acorn.tokenizer.train import train_chars
t = train_chars(["abc"])
def endless():
    for i in itertools.count():
        if i == 50: print("running", flush=True)
        yield Document("abc" * 100_000)
write_shards(endless(), t, sys.argv[1])
"""
    child = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "s")], stdout=subprocess.PIPE)
    assert child.stdout.readline() == b"running\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    left = [p.name for p in tmp_path.iterdir()]
    assert left == [f".s.{child.pid}.partial"]
    with pytest.raises(UserError, match="no token shards in"):
        open_shards(tmp_path / "s")
    mine = tmp_path / f".s.{os.getppid()}.partial"  # belongs to a process that runs: not ours to remove
    mine.mkdir()
    write(tmp_path / "s")
    assert {p.name for p in tmp_path.iterdir()} == {"s", mine.name}


def test_another_tokenizer_is_refused(tmp_path):
    write(tmp_path / "s")
    other = train_bpe(TEXTS, 299)
    with pytest.raises(UserError) as error:
        open_shards(tmp_path / "s", other)
    assert TOKENIZER.hash[:12] in error.value.message and other.hash[:12] in error.value.message
    assert error.value.hint == f"acorn data import SOURCE... --tokenizer TOKENIZER --out {tmp_path / 's'} --force"


def rewrite(path, change):
    path.write_bytes(change(path.read_bytes()))


@pytest.mark.parametrize("name, change, message", [
    ("manifest.json", lambda b: b"", "it is not JSON"),
    ("manifest.json", lambda b: b[:-9], "it is not JSON"),
    ("manifest.json", lambda b: b"{}", "is not the manifest of token shards"),
    ("manifest.json", lambda b: b.replace(b'"format": 1', b'"format": 2'), "has shard format 2; this acorn"),
    ("manifest.json", lambda b: b.replace(b'"splits"', b'"spl"'), "lacks 'splits'"),
    ("train-00000.bin", lambda b: b"", "has 0 bytes, the manifest says"),
    ("train-00000.bin", lambda b: b[:-1], "the manifest says"),
    ("train-00000.bin", lambda b: b"x" + b[1:], "does not start with the header"),
    ("train-00000.bin", lambda b: b[:8] + b"\x09" + b[9:], "does not start with the header"),
    ("train-00000.bin", lambda b: b[:20] + bytes([b[20] ^ 1]) + b[21:], "its header and the manifest disagree"),
    ("train-00000.bin", lambda b: b[:12] + b"\x04" + b[13:], "its size does not fit its header"),
    ("train-00000.bin", lambda b: b[:200] + bytes([b[200] ^ 1]) + b[201:], "does not have the hash in the manifest"),
])  # fmt: skip
def test_damage_is_named(name, change, message, tmp_path):
    write(tmp_path / "s")
    rewrite(tmp_path / "s" / name, change)
    with pytest.raises(UserError, match=message) as error:
        open_shards(tmp_path / "s", verify=True)
    assert str(tmp_path / "s") in error.value.message


def test_missing_parts(tmp_path):
    with pytest.raises(UserError, match="no token shards in .*none") as error:
        open_shards(tmp_path / "none")
    assert error.value.hint == f"acorn data import SOURCE... --tokenizer TOKENIZER --out {tmp_path / 'none'}"
    write(tmp_path / "s")
    (tmp_path / "s" / "train-00000.bin").unlink()
    with pytest.raises(UserError, match="train-00000.bin is damaged: is missing"):
        open_shards(tmp_path / "s")


def test_the_import_does_not_depend_on_time_or_place(tmp_path):
    write(tmp_path / "a")
    time.sleep(0.01)
    write(tmp_path / "b")
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
