"""acorn data import | stats, as a person types them."""

import json

import numpy as np
import pytest

from acorn.commands.data import draw, histogram
from acorn.data.shards import open_shards
from acorn.tokenizer.train import train_bpe

INTO = ["--tokenizer", "t.json", "--out", "d"]
ROWS = [{"text": f"row {i} " + "word " * i} for i in range(60)]


@pytest.fixture
def corpus(workplace):
    (workplace / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS) + "{broken\n")
    (workplace / "code").mkdir()
    (workplace / "code" / "x.py").write_text("print(1)\n")
    (workplace / "code" / "y.png").write_bytes(b"\0\1")
    train_bpe([row["text"] for row in ROWS], 300).save(workplace / "t.json")
    return workplace


def test_import_and_stats(acorn, corpus):
    code, out, _ = acorn("data", "import", "a.jsonl", "code", *INTO, "--val-fraction", "0.1")
    assert code == 0 and "not used: 1 not JSON (first: a.jsonl:61), 1 binary (first: code/y.png)" in out
    assert out.splitlines()[1].split() == ["split", "documents", "tokens", "bytes", "bytes/token", "files"]
    manifest = open_shards("d").manifest
    documents = [int(line.split()[1]) for line in out.splitlines() if line.startswith(("train ", "val "))]
    assert sum(documents) == 61 == sum(s["documents"] for s in manifest["splits"].values())
    assert manifest["read"]["dropped"] == {"not JSON": 1, "binary": 1}

    code, out, _ = acorn("data", "stats", "d", "--verify")
    assert code == 0 and "lengths in train, in tokens" in out and "█" in out and "every file has the content" in out
    code, out, _ = acorn("data", "stats", "d", "--json")
    stats = json.loads(out)
    assert code == 0 and sum(b["documents"] for b in stats["splits"]["train"]["lengths"]) == documents[0]


def test_import_prints_the_manifest(acorn, corpus):
    code, out, _ = acorn("data", "import", "a.jsonl", *INTO, "--json")
    assert code == 0 and json.loads(out) == open_shards("d").manifest


def test_a_single_text_by_its_tail(acorn, corpus):
    words = ["data", "import", "code/x.py", *INTO]
    code, out, err = acorn(*words)
    assert code == 0 and "validation is empty: import more than one document, or use --split tail" in err
    code, out, err = acorn(*words, "--split", "tail", "--val-fraction", "0.5", "--force")
    assert code == 0 and err == "" and open_shards("d").count("val", "bytes") == 5


@pytest.mark.parametrize("words, message", [
    (["import", *INTO], "name at least one source"),
    (["import", "none", *INTO], "no file or folder none"),
    (["import", "code/y.png", *INTO], "code/y.png is a binary file, not text"),
    (["import", "a.jsonl", "--tokenizer", "none.json", "--out", "d"], "no tokenizer at none.json"),
    (["import", "a.jsonl", "--tokenizer", "a.jsonl", "--out", "d"], "a.jsonl is damaged, it is not JSON"),
    (["import", "a.jsonl", "--tokenizer", "t.json", "--out", "code"], "code exists and is not a folder of token"),
    (["import", "a.jsonl", *INTO, "--max-broken", "0"], "1 of 61 documents are broken (1.6%)"),
    (["import", "recipe:none", *INTO], "there is no recipe 'none'"),
    (["import", "recipe:iac:many", *INTO], "'recipe:iac:many': 'many' is not a number of documents"),
    (["stats", "d"], "no token shards in d"),
])  # fmt: skip
def test_mistakes_are_one_sentence(words, message, acorn, corpus):
    code, out, err = acorn("data", *words)
    assert code == 2 and out == "" and err.startswith(f"error: {message}") and err.count("\n") <= 2
    assert not (corpus / "d").exists()


def test_histogram():
    assert histogram(np.array([1, 2, 3, 9])) == [
        {"from": 1, "to": 1, "documents": 1},
        {"from": 2, "to": 3, "documents": 2},
        {"from": 4, "to": 7, "documents": 0},
        {"from": 8, "to": 15, "documents": 1},
    ]
    assert draw(histogram(np.array([8, 9, 20])), width=4) == " 8-15  2  ████\n16-31  1  ██"
