"""acorn data preview, as a person types it."""

import json

import pytest

from acorn.tokenizer.train import train_bpe, train_chars

TALK = [
    {"role": "system", "content": "be brief"},
    {"role": "user", "content": "what is 1+2?\nand 2+2?"},
    {
        "role": "assistant",
        "content": [
            {"type": "python", "text": "1+2"},
            {"type": "output", "text": "3"},
            {"type": "text", "text": "three, and\nfour"},
        ],
    },
]
SHORT = {"instruction": "hi", "output": "ho"}


@pytest.fixture
def chats(workplace):
    (workplace / "talk.jsonl").write_text(json.dumps({"messages": TALK}) + "\n")
    rows = [SHORT] * 19 + [{**SHORT, "output": "x " * 400}]
    (workplace / "many.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + "nonsense\n")
    train_bpe([json.dumps(TALK)], 300).save(workplace / "t.json")
    train_chars(["hio"]).save(workplace / "c.json")
    return workplace


SHOWN = """\
conversation 1 of 1
  system     be brief
  user       what is 1+2?
             and 2+2?
▌ assistant
▌ python     1+2
  output     3
▌            three, and
▌            four

talk.jsonl: 1 conversation (messages)

1 conversation, 3 turns, 1 call of a tool
48 characters, 37.5% of them learned, 48 a conversation

lengths in characters
32-63  1  ████████████████████████████████████████
"""


def test_what_it_shows(acorn, chats):
    code, out, err = acorn("data", "preview", "talk.jsonl")
    assert code == 0 and out == SHOWN and "--run RUN or --tokenizer FILE" in err


def test_counts(acorn, chats):
    code, out, err = acorn("data", "preview", "talk.jsonl", "many.jsonl", "--tokenizer", "t.json", "--context", "20")
    assert code == 0 and err == "" and out.count(" of 21\n") == 3
    assert "many.jsonl: 20 conversations (Alpaca); 1 of 21 lines are left out (not JSON 1); line 21: not JSON" in out
    assert "21 conversations, 43 turns, 1 call of a tool" in out and "lengths in tokens" in out
    assert "longer than the context of 20 tokens: 2 (9.5%), left out of training" in out


def test_json(acorn, chats):
    words = ["data", "preview", "talk.jsonl", "many.jsonl", "--tokenizer", "t.json", "--context", "20", "-n", "30"]
    code, out, err = acorn(*words, "--json")
    found = json.loads(out)
    assert (
        code == 0 and err == "" and found["conversations"] == 21 and found["longer"] == 2 and len(found["shown"]) == 21
    )
    assert found["files"][1] == {
        "path": "many.jsonl", "conversations": 20, "shapes": {"Alpaca": 20}, "dropped": {"not JSON": 1},
        "first": "line 21: not JSON: Expecting value: line 1 column 1 (char 0)", "refused": False,
    }  # fmt: skip
    from acorn.tokenizer.chat import render
    from acorn.tokenizer.tokenizer import Tokenizer

    rendered = [render(Tokenizer.load("t.json"), talk) for talk in found["shown"]]
    assert found["size"] == sum(len(ids) for ids, _ in rendered) and found["learned"] == sum(
        sum(m) for _, m in rendered
    )
    assert sum(bar["conversations"] for bar in found["lengths"]) == 21
    assert (
        json.loads(acorn(*words[:-1], "2", "--seed", "5", "--json")[1])["shown"]
        == json.loads(acorn(*words[:-1], "2", "--seed", "5", "--json")[1])["shown"]
    )


def test_long_turns_are_cut(acorn, chats):
    out = acorn("data", "preview", "many.jsonl", "-n", "20", "--chars", "100")[1]
    assert out.count("… 700 more characters") == 1
    assert "…" not in acorn("data", "preview", "many.jsonl", "-n", "20", "--chars", "0")[1]


def test_a_file_that_training_refuses(acorn, chats):
    (chats / "bad.jsonl").write_text(json.dumps(SHORT) + "\n" + '{"messages": [{"role": "boss"}]}\n' * 2)
    code, out, _ = acorn("data", "preview", "bad.jsonl")
    assert code == 1 and "2 of 3 lines are left out (unknown role 2); line 2: message 0 has the role 'boss'" in out
    assert "too many are broken for training, which refuses the file" in out
    (chats / "worse.jsonl").write_text("a text\nof two lines\n")
    code, out, err = acorn("data", "preview", "worse.jsonl")
    assert err.startswith('\na line of such a file: {"messages": [{"role": "user"')
    assert code == 1 and out.startswith("worse.jsonl: 0 conversations; 2 of 2 lines are left out (not JSON 2); line 1:")


def test_characters_that_the_tokenizer_lacks(acorn, chats):
    code, out, _ = acorn("data", "preview", "talk.jsonl", "many.jsonl", "--tokenizer", "c.json")
    assert code == 0 and "2 cannot be encoded; conversation 1: character 'b' (U+0062)" in out


def test_it_steers_no_terminal(acorn, chats):
    (chats / "esc.jsonl").write_text(json.dumps({"instruction": "\x1b[2J\u202e\ud800", "output": "a\x00\x9b\r\u2028b"}))
    code, out, _ = acorn("data", "preview", "esc.jsonl")
    assert code == 0 and not set(out) & set("\x1b\u202e\x00\x9b\r\u2028")
    assert "\\x1b[2J\\u202e�" in out and "a\\x00\\x9b\\x0d\\u2028b" in out


@pytest.mark.parametrize(
    "words, message",
    [
        ([], "name at least one file of conversations"),
        (["none.jsonl"], "no file none.jsonl"),
        (["."], ". is a folder; name a file of conversations"),
        (["talk.jsonl", "--run", "x"], "no run 'x' in runs/"),
        (["talk.jsonl", "--run", "x", "--tokenizer", "t.json"], "--run and --tokenizer: one of them"),
        (["talk.jsonl", "--tokenizer", "talk.jsonl"], "talk.jsonl is not a tokenizer"),
    ],
)
def test_mistakes(acorn, chats, words, message):
    code, out, err = acorn("data", "preview", *words)
    assert code == 2 and message in err and out == ""
