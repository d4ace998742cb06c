"""acorn tokenizer train | eval | show, as a person types them."""

import io
import json
from pathlib import Path

import pytest

from acorn.commands.tokenizer import kind_of
from acorn.data.documents import Document
from acorn.tokenizer.tokenizer import Tokenizer

GPT2 = Path(__file__).parents[3] / "shared" / "data" / "gpt2"


@pytest.fixture
def corpus(workplace):
    (workplace / "a.md").write_text("It was the best of times, it was the worst of times. " * 20)
    (workplace / "b.yml").write_text("items:\n  - name: a\n    size: 10\n" * 20)
    return workplace


@pytest.fixture
def trained(acorn, corpus):
    code, out, _ = acorn("tokenizer", "train", "a.md", "b.yml", "--out", "t.json", "--vocab-size", "300")
    assert code == 0 and "t.json: 300 tokens (bpe), hash " in out and "learned from 2 documents" in out
    return corpus / "t.json"


def test_train(acorn, trained):
    code, out, err = acorn("tokenizer", "train", "a.md", "--out", "t.json")
    assert code == 2 and "t.json exists" in err and "--force" in err
    code, out, _ = acorn("tokenizer", "train", "a.md", "--out", "t.json", "--force", "--vocab-size", "9999")
    assert code == 0 and "fewer than the 9,999 tokens asked for" in out
    code, out, _ = acorn(
        "tokenizer", "train", "a.md", "b.yml", "--out", "c.json", "--chars", "--json", "--max-bytes", "10"
    )
    result = json.loads(out)
    assert code == 0 and result["kind"] == "chars" and result["documents"] == 1  # stopped after the first
    assert result["hash"] == Tokenizer.load("c.json").hash and result["n_vocab"] == Tokenizer.load("c.json").n_vocab


def test_train_too_small(acorn, corpus):
    code, _, err = acorn("tokenizer", "train", "a.md", "--out", "t.json", "--vocab-size", "100")
    assert code == 2 and "--vocab-size 100 is too small: 256 bytes and 11 special tokens need 267" in err
    assert not (corpus / "t.json").exists()


def test_eval(acorn, trained):
    code, out, _ = acorn("tokenizer", "eval", "t.json", "a.md", "b.yml", "--json")
    kinds = json.loads(out)["kinds"]
    assert code == 0 and set(kinds) == {"prose", "yaml"} and kinds["prose"]["bytes_per_token"] > 3
    code, out, _ = acorn("tokenizer", "eval", "t.json", ".")
    assert code == 0 and out.splitlines()[0].split()[:3] == ["kind", "documents", "MB"]
    assert [line.split()[0] for line in out.splitlines()[1:]] == ["json", "prose", "yaml"]


@pytest.mark.skipif(not GPT2.is_dir(), reason="GPT-2's vocabulary is not here")
def test_eval_beside_gpt2(acorn, trained):
    code, out, _ = acorn("tokenizer", "eval", "t.json", "a.md", "--gpt2", GPT2)
    assert code == 0 and "GPT-2's (50,257)" in out and "%" in out.splitlines()[1]
    files = ["--gpt2-vocab", GPT2 / "encoder.json", "--gpt2-merges", GPT2 / "vocab.bpe"]
    assert acorn("tokenizer", "eval", "t.json", "a.md", *files)[:2] == (0, out)


def test_eval_mistakes(acorn, trained):
    code, _, err = acorn("tokenizer", "eval", "t.json", "a.md", "--gpt2", ".")
    assert code == 2 and "has neither encoder.json and vocab.bpe nor" in err
    code, _, err = acorn("tokenizer", "eval", "t.json", "a.md", "--gpt2-vocab", "x")
    assert code == 2 and "belong together" in err
    code, _, err = acorn("tokenizer", "eval", "t.json")
    assert code == 2 and "name at least one file" in err


def test_show(acorn, trained, monkeypatch):
    code, out, err = acorn("tokenizer", "show", "t.json", "the times\n🙂")
    assert code == 0 and out == "the times↵\n\\xf0\\x9f\\x99\\x82\n" and err.endswith("bytes/token\n")
    code, out, _ = acorn("tokenizer", "show", "t.json", "the times", "--json")
    shown = json.loads(out)
    assert "".join(shown["tokens"]) == "the times" and shown["ids"] == Tokenizer.load("t.json").encode("the times")
    monkeypatch.setattr("sys.stdin", io.StringIO("from stdin"))
    assert acorn("tokenizer", "show", "t.json")[1] == "from stdin\n"
    assert "best of times" in acorn("tokenizer", "show", "t.json", "--file", "a.md")[1]
    assert acorn("tokenizer", "show", "t.json", "--file", "none.txt")[0] == 2


def test_show_in_colour(acorn, trained, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR")
    assert "\x1b[" in acorn("tokenizer", "show", "t.json", "the times")[1]


def test_show_chat(acorn, trained):
    messages = [{"role": "user", "content": "the"}, {"role": "assistant", "content": "times"}]
    Path("chat.jsonl").write_text(json.dumps({"messages": messages}) + "\n")
    code, out, err = acorn("tokenizer", "show", "t.json", "--chat", "chat.jsonl")
    assert code == 0 and "to learn" in err
    assert out == "<|bos|><|user_start|>the<|user_end|><|assistant_start|>times<|assistant_end|>\n"
    shown = json.loads(acorn("tokenizer", "show", "t.json", "--chat", "chat.jsonl", "--json")[1])
    assert len(shown["mask"]) == len(shown["ids"]) and shown["mask"][-1] == 1


@pytest.mark.parametrize(
    "source, kind",
    [("x/a.md", "prose"), ("a.TXT", "prose"), ("a.py", "py"), ("b.yml", "yaml"), ("wiki.jsonl.zst:7", "wiki.jsonl"),
     ("d/s.parquet:9", "s.parquet"), ("Makefile", "Makefile"), ("big.txt#2", "prose"), ("a.txt.gz", "prose")],
)  # fmt: skip
def test_kinds(source, kind):
    assert kind_of(Document("", source)) == kind
