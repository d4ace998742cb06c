"""acorn tokenizer train | eval | show, as a person types them."""

import io
import json
import re
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
    assert code == 0 and out.replace("|", "") == "the times↵\n\\xf0\\x9f\\x99\\x82\n" and err.endswith("bytes/token\n")
    assert out.count("|") == len(Tokenizer.load("t.json").encode("the times\n🙂")) - 1
    code, out, _ = acorn("tokenizer", "show", "t.json", "the times", "--json")
    shown = json.loads(out)
    assert "".join(shown["pieces"]) == "the times" and shown["ids"] == Tokenizer.load("t.json").encode("the times")
    monkeypatch.setattr("sys.stdin", io.StringIO("from stdin"))
    assert acorn("tokenizer", "show", "t.json")[1].replace("|", "") == "from stdin\n"
    assert "best of times" in acorn("tokenizer", "show", "t.json", "--file", "a.md")[1].replace("|", "")
    assert acorn("tokenizer", "show", "t.json", "--file", "none.txt")[0] == 2


def in_colour(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR")


def test_show_in_colour(acorn, trained, monkeypatch):
    in_colour(monkeypatch)
    out = acorn("tokenizer", "show", "t.json", "the times")[1]
    assert "\x1b[" in out and "|" not in out


TALK = [{"role": "user", "content": "the"}, {"role": "assistant", "content": "times"}]


@pytest.fixture
def chat(trained):
    Path("chat.jsonl").write_text(json.dumps({"messages": TALK}) + "\n")


def test_show_chat(acorn, chat):
    """Without colour, brackets say what is learned: the mask can be read back from them."""
    code, out, err = acorn("tokenizer", "show", "t.json", "--chat", "chat.jsonl")
    assert code == 0 and "to learn" in err
    tokenizer = Tokenizer.load("t.json")
    learned = [tokenizer.decode([i]) for i in tokenizer.encode("times")] + ["<|assistant_end|>"]
    asked = "|".join(tokenizer.decode([i]) for i in tokenizer.encode("the"))
    said = "".join(f"[{word}]" for word in learned)
    assert out == f"<|bos|>|<|user_start|>|{asked}|<|user_end|>|<|assistant_start|>{said}\n"
    shown = json.loads(acorn("tokenizer", "show", "t.json", "--chat", "chat.jsonl", "--json")[1])
    assert [p for p, m in zip(shown["pieces"], shown["mask"]) if m] == learned
    assert len(shown["mask"]) == len(shown["ids"]) == len(shown["pieces"])


def test_show_chat_in_colour(acorn, chat, monkeypatch):
    in_colour(monkeypatch)
    out = acorn("tokenizer", "show", "t.json", "--chat", "chat.jsonl")[1]
    green = re.findall(r"\x1b\[(?:1;4;)?30;(?:42|102)m(.*?)\x1b", out)  # shades of green under what is learned
    assert "".join(green) == "times<|assistant_end|>"
    assert re.search(r"\x1b\[1;4[;\d]*m<\|user_start\|>", out)  # special tokens are bold and underlined


def test_show_chat_from_stdin(acorn, trained, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(json.dumps(TALK).encode())))
    code, out, err = acorn("tokenizer", "show", "t.json", "--chat", "-")
    assert code == 0 and out.endswith("[<|assistant_end|>]\n") and "stdin: 1 conversation (list of messages)" in err


def test_show_of_a_run(acorn, chat):
    """A run that has no model yet has a tokenizer already."""
    Path("runs/x").mkdir(parents=True)
    Path("t.json").rename("runs/x/tokenizer.json")
    for name in ("x", "runs/x", "runs/x/tokenizer.json"):
        assert acorn("tokenizer", "show", name, "the")[0] == 0
    code, _, err = acorn("tokenizer", "show", "y", "the")
    assert code == 2 and "no run 'y' in runs/ (found: x)" in err
    code, _, err = acorn("tokenizer", "show", "t.json", "the")
    assert code == 2 and "no tokenizer at t.json" in err


def test_show_steers_no_terminal(acorn, trained):
    out = acorn("tokenizer", "show", "t.json", "a\x1b[2Jb\x07\u202ec\x00")[1]
    assert "\x1b" not in out and "\x07" not in out and "\u202e" not in out and "\x00" not in out
    code, _, err = acorn("tokenizer", "show", "t.json", "the", "--chat", "chat.jsonl")
    assert code == 2 and "--chat shows conversations; a text is shown without it" in err


@pytest.mark.parametrize(
    "source, kind",
    [("x/a.md", "prose"), ("a.TXT", "prose"), ("a.py", "py"), ("b.yml", "yaml"), ("wiki.jsonl.zst:7", "wiki.jsonl"),
     ("d/s.parquet:9", "s.parquet"), ("Makefile", "Makefile"), ("big.txt#2", "prose"), ("a.txt.gz", "prose")],
)  # fmt: skip
def test_kinds(source, kind):
    assert kind_of(Document("", source)) == kind
