"""nanoGPT's token files: the same ids come out, and a meta.pkl is read without anything in it being run."""

import json
import os
import pickle
import pickletools
import random

import numpy as np
import pytest

from acorn.data import token_files
from acorn.data.documents import Counts
from acorn.data.shards import open_shards
from acorn.data.token_files import cut, folder_tokenizer, read_plain
from acorn.errors import UserError
from acorn.tokenizer.tokenizer import Tokenizer
from acorn.tokenizer.train import train_bpe

TEXT = "To be, or not to be: that is the question.\nWhether 'tis nobler in the mind — or λ?\n" * 20


def meta_of(text: str) -> dict:
    """As nanoGPT's data/shakespeare_char/prepare.py makes it."""
    chars = sorted(set(text))
    return {"vocab_size": len(chars), "itos": dict(enumerate(chars)), "stoi": {c: i for i, c in enumerate(chars)}}


def write(folder, train, val, meta=None, protocol=None):
    folder.mkdir(parents=True, exist_ok=True)
    for name, ids in (("train", train), ("val", val)):
        np.array(ids, dtype=np.uint16).tofile(folder / f"{name}.bin")
    if meta is not None:
        (folder / "meta.pkl").write_bytes(meta if isinstance(meta, bytes) else pickle.dumps(meta, protocol=protocol))


@pytest.fixture
def chars(workplace):
    """A folder as nanoGPT's character-level preparation leaves it."""
    meta = meta_of(TEXT)
    ids = [meta["stoi"][c] for c in TEXT]
    write(workplace / "ng", ids[:-200], ids[-200:], meta)
    return workplace / "ng"


# ---- what comes out -----------------------------------------------------------------------------------------------


def test_characters_keep_their_ids(acorn, chars):
    code, out, err = acorn("data", "import", f"nanogpt:{chars}", "--out", "runs/a/data")
    assert code == 0, err
    tokenizer = Tokenizer.load("runs/a/data/tokenizer.json")
    shards = open_shards("runs/a/data", tokenizer, verify=True)
    parts = {name: [*shards.documents(name)] for name in ("train", "val")}
    assert [len(p) for p in parts.values()] == [1, 1]
    raw = {name: np.fromfile(chars / f"{name}.bin", dtype=np.uint16) for name in parts}
    for name, (ids,) in parts.items():
        assert ids[0] == tokenizer.bos and np.array_equal(ids[1:], raw[name])
    assert tokenizer.decode(parts["train"][0][1:]) + tokenizer.decode(parts["val"][0][1:]) == TEXT
    assert shards.count("train", "bytes") + shards.count("val", "bytes") == len(TEXT.encode())
    code, out, err = acorn("data", "stats", "runs/a/data")
    assert code == 0 and "validation by nanogpt\n" in out
    assert acorn("data", "stats", "runs/a/data", "--json")[0] == 0


def test_what_was_imported_trains_and_samples(acorn, chars):
    assert acorn("data", "import", f"nanogpt:{chars}", "--out", "runs/a/data")[0] == 0
    size = ["--depth", 1, "--n-embd", 32, "--n-head", 2, "--block-size", 32, "--batch-tokens", 128, "--steps", 2]
    code, _, err = acorn("train", "base", "--run", "a", "--arch", "gpt2", "--eval-tokens", 100, *size)
    assert code == 0, err
    code, out, err = acorn("sample", "a", "-p", "To be", "--max-tokens", 5, "--seed", 1)
    assert code == 0, err


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_protocol_since_2_is_read(protocol):
    meta = meta_of(TEXT + "".join(map(chr, range(0x400, 0x600))))
    assert read_plain(pickle.dumps(meta, protocol=protocol)) == meta


def test_a_stream_becomes_documents_and_gpt2s_tokens_stay(acorn, workplace):
    tokenizer = train_bpe([TEXT], 300)
    tokenizer.save("t.json")
    texts = ["To be", "or not to be", "that is"]
    ids = [i for text in texts for i in [*tokenizer.encode(text), tokenizer.bos]]
    write(workplace / "ng", [tokenizer.bos, *ids], ids[:-1])
    code, _, err = acorn("data", "import", "nanogpt:ng", "--tokenizer", "t.json", "--out", "s")
    assert code == 0, err
    shards = open_shards("s", tokenizer)
    for name in ("train", "val"):
        assert [tokenizer.decode(d[1:]) for d in shards.documents(name)] == texts
        assert shards.count(name, "bytes") == sum(len(t) for t in texts)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
def test_how_a_stream_is_read_does_not_change_its_documents(size):
    rng = random.Random(size)
    stream = np.array([rng.choice([0, 1, 2, 9]) for _ in range(200)])
    texts = [part for part in "".join(map(str, stream)).split("9") if part]
    found = cut((stream[i : i + size] for i in range(0, 200, size)), 9)
    assert ["".join(map(str, ids)) for ids in found] == texts


def test_a_document_without_end_is_cut_and_loses_nothing(monkeypatch):
    monkeypatch.setattr(token_files, "MAX_DOCUMENT", 10)
    found = [*cut((np.arange(i, i + 7) for i in range(0, 70, 7)), 1000)]
    assert np.array_equal(np.concatenate(found), np.arange(70)) and max(map(len, found)) < 17


# ---- refusals -----------------------------------------------------------------------------------------------------


def test_refusals_name_the_next_step(acorn, workplace, chars):
    def refused(*argv):
        code, out, err = acorn("data", "import", *argv, "--out", "s")
        assert code == 2 and not (workplace / "s").exists()
        return err

    assert "no folder nothing" in refused("nanogpt:nothing")
    assert "imported alone" in refused(f"nanogpt:{chars}", "a.txt")
    assert "meta.pkl says already" in refused(f"nanogpt:{chars}", "--tokenizer", "t.json")
    assert "--tokenizer is missing" in refused("a.txt") and "acorn tokenizer train a.txt" in refused("a.txt")
    (chars / "val.bin").write_bytes(b"abc")
    assert "val.bin has 3 bytes" in refused(f"nanogpt:{chars}")
    (chars / "val.bin").unlink()
    assert "val.bin; nanoGPT's" in refused(f"nanogpt:{chars}")
    (chars / "meta.pkl").unlink()
    assert "GPT-2's: --tokenizer is missing" in refused(f"nanogpt:{chars}")


def test_a_token_beyond_the_vocabulary_is_found_with_its_place(acorn, chars):
    ids = np.fromfile(chars / "train.bin", dtype=np.uint16)
    ids[100] = 60_000
    ids.tofile(chars / "train.bin")
    code, _, err = acorn("data", "import", f"nanogpt:{chars}", "--out", "s")
    assert code == 2 and "train.bin has token 60,000 at position 100" in err


class Run:
    """What an attacker writes: unpickling calls os.mkdir."""

    def __init__(self, call, *args):
        self.how = call, args

    def __reduce__(self):
        return self.how


ATTACKS = {
    "a call": pickle.dumps(Run(os.mkdir, "pwned")),
    "a call, protocol 0": pickle.dumps(Run(os.mkdir, "pwned"), protocol=0),
    "a call in a dict": pickle.dumps({**meta_of("ab"), "more": Run(os.system, "mkdir pwned")}, protocol=2),
    "a call by hand": b"cos\nmkdir\n(S'pwned'\ntR.",
    "a stack global": b"\x80\x04\x8c\x02os\x8c\x05mkdir\x93\x8c\x05pwned\x85R.",
    "an instance": b"(cos\nmkdir\nS'pwned'\no.",
    "inst": b"(S'pwned'\nios\nmkdir\n.",
    "build": b"\x80\x02}b.",
    "an extension": b"\x80\x02\x82\x01.",
    "a persistent id": b"Pa\n.",
    "a huge text": b"\x80\x04X\xff\xff\xff\xff.",
    "a huge frame": b"\x80\x04\x95" + b"\xff" * 8,
    "a huge number": b"\x80\x04\x8b\xff\xff\xff\x7f.",
    "a bytes object": b"\x80\x04B\xff\xff\xff\x7f.",
    "unknown memo": b"\x80\x02j\xff\xff\xff\x7f.",
    "nothing": b"",
    "an unknown opcode": b"\xff",
    "only a stop": b".",
    "a mark for a value": b"(.",
    "no dict": b"K\x01K\x02K\x03s.",
    "odd pairs": b"}(K\x01u.",
    "no mark": b"}K\x01K\x02u.",
    "a dict as key": b"}}K\x01s.",
    "half a character": b"X\x01\x00\x00\x00\xff.",
    "deep": b"}K\x00" * 200_000 + b"}" + b"s" * 200_000 + b".",
    "lists": pickle.dumps({"itos": ["a", "b"]}),
    "a list without end": b"(" * 1000,
}


@pytest.mark.parametrize("data", ATTACKS.values(), ids=ATTACKS)
def test_nothing_but_a_vocabulary_is_read_and_nothing_is_run(acorn, workplace, data):
    write(workplace / "ng", [0, 1], [0], data)
    code, out, err = acorn("data", "import", "nanogpt:ng", "--out", "s")
    assert code == 2 and err.startswith("error: ng/meta.pkl ") and len(err) < 500, err
    assert sorted(os.listdir()) == ["ng"]


def test_what_is_refused_has_its_name(workplace):
    for data, name in ((ATTACKS["a call"], "STACK_GLOBAL"), (ATTACKS["inst"], "STRING"), (b"\x80\x02c", "GLOBAL")):
        with pytest.raises(ValueError, match=f"the opcode {name} at byte"):
            read_plain(data)


WRONG = {
    "no itos": {"stoi": {"a": 0}},
    "empty": {**meta_of("ab"), "itos": {}},
    "a gap": {"itos": {0: "a", 2: "b"}},
    "texts as keys": {"itos": {"0": "a"}},
    "two characters": {"itos": {0: "ab"}},
    "no text": {"itos": {0: 7}},
    "a dict for a text": {"itos": {0: {}}},
    "a character twice": {"itos": {0: "a", 1: "a"}},
    "half a surrogate": {"itos": {0: "\ud800"}},
    "another stoi": {"itos": {0: "a", 1: "b"}, "stoi": {"a": 1, "b": 0}},
    "another size": {**meta_of("ab"), "vocab_size": 3},
    "a dict for the size": {**meta_of("ab"), "vocab_size": {}},
}


@pytest.mark.parametrize("meta", WRONG.values(), ids=WRONG)
def test_a_vocabulary_that_is_none_is_refused(workplace, meta):
    write(workplace / "ng", [0], [0], meta)
    with pytest.raises(UserError, match="meta.pkl is not the vocabulary"):
        folder_tokenizer(workplace / "ng")


def test_a_dict_that_holds_itself_is_refused(workplace):
    data = b"}q\x00X\x04\x00\x00\x00itos}K\x00h\x00ss."  # {"itos": {0: <the whole>}}
    write(workplace / "ng", [0], [0], data)
    with pytest.raises(UserError, match=r"itos\[0\] is a dict"):
        folder_tokenizer(workplace / "ng")


def test_a_huge_meta_is_not_read(workplace):
    write(workplace / "ng", [0], [0], b"")
    with open("ng/meta.pkl", "wb") as f:
        f.truncate(1 << 40)
    with pytest.raises(UserError, match="1,099,511,627,776 bytes"):
        folder_tokenizer(workplace / "ng")


def test_a_thousand_damaged_files_are_read_as_python_would_or_refused():
    """Whatever is accepted is what pickletools says it is: the same opcodes, none of which can call."""
    rng, good = random.Random(1), [pickle.dumps(meta_of(TEXT), protocol=p) for p in (2, 4)]
    harmless = "PROTO FRAME EMPTY_DICT MARK SETITEM SETITEMS MEMOIZE BINPUT LONG_BINPUT BINGET LONG_BINGET STOP"
    harmless = {*harmless.split(), "BINUNICODE", "SHORT_BINUNICODE", "BININT", "BININT1", "BININT2"}
    accepted = 0
    for _ in range(3000):
        data = bytearray(rng.choice(good))
        for _ in range(rng.randint(1, 3)):
            at = rng.randrange(len(data))
            data[at : at + rng.randint(0, 2)] = bytes(rng.randrange(256) for _ in range(rng.randint(0, 2)))
        try:
            read_plain(bytes(data))
        except ValueError:
            continue
        accepted += 1
        assert {op.name for op, _, _ in pickletools.genops(bytes(data))} <= harmless
    assert accepted > 50


def test_counts_say_how_much_was_read(chars):
    counts = Counts()
    tokenizer = folder_tokenizer(chars)
    assert len([*token_files.token_documents(chars, tokenizer, counts)]) == counts.kept == 2
    assert counts.bytes_read == counts.bytes_total == 2 * len(TEXT)
    json.dumps(counts.to_dict())
