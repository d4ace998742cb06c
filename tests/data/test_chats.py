"""Conversations from files: the shapes people have, broken lines counted, too many of them refused."""

import json

import pytest

from acorn.data.chats import MAX_LINE, conversation, read_conversations
from acorn.errors import UserError

GOOD = {"instruction": "hi", "output": "ho"}


def file(path, *rows):
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def turns(*pairs):
    return [{"role": role, "content": content} for role, content in pairs]


@pytest.mark.parametrize(
    "row, expected",
    [
        (GOOD, turns(("user", "hi"), ("assistant", "ho"))),
        ({**GOOD, "input": ""}, turns(("user", "hi"), ("assistant", "ho"))),
        ({**GOOD, "input": "there"}, turns(("user", "hi\n\nthere"), ("assistant", "ho"))),
        ({"instruction": "a", "context": "b", "response": "c"}, turns(("user", "a\n\nb"), ("assistant", "c"))),
        (
            {
                "messages": [*turns(("system", "s"), ("user", "a")), {"role": "assistant", "content": "b", "id": 7}],
                "x": 1,
            },
            turns(("system", "s"), ("user", "a"), ("assistant", "b")),
        ),
        (
            {"messages": turns(("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "ü😀"))},
            turns(("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "ü😀")),
        ),
    ],
)
def test_shapes(row, expected):
    assert conversation(json.dumps(row)) == expected
    assert conversation(json.dumps(row, ensure_ascii=False)) == expected


@pytest.mark.parametrize(
    "row, says",
    [
        ("{", "Expecting property name"),
        ("[1]", "expected an object, got list"),
        ("null", "expected an object, got NoneType"),
        ("[" * 100_000, "nested too deeply"),
        ({}, "neither messages nor instruction and output"),
        ({"instruction": "a"}, "neither messages nor instruction"),
        ({"instruction": 3, "output": "b"}, "neither messages nor instruction"),
        ({"instruction": "a", "input": [1], "output": "b"}, "neither messages nor instruction"),
        ({"messages": []}, "messages must be a list of objects"),
        ({"messages": "hi"}, "messages must be a list of objects"),
        ({"messages": ["hi"]}, "messages must be a list of objects"),
        ({"messages": turns(("user", None), ("assistant", "b"))}, "content of type NoneType; it must be a string"),
        ({"messages": turns(("user", "a"), ("user", "b"))}, "comes from user, but it is assistant's turn"),
        ({"messages": turns(("assistant", "a"), ("user", "b"))}, "it is user's turn"),
        ({"messages": turns(("human", "a"), ("gpt", "b"))}, "has the role 'human'"),
        ({"messages": turns(("user", "a"), ("system", "s"), ("assistant", "b"))}, "only the first message can be one"),
        ({"messages": turns(("user", "a"))}, "the assistant says nothing"),
        ({"messages": turns(("system", "a"))}, "at least one message from the user"),
        ({**GOOD, "output": "x" * MAX_LINE}, "longer than 4,194,304 characters"),
    ],
)
def test_broken_lines_say_what_is_wrong(row, says):
    with pytest.raises(ValueError, match=says):
        conversation(row if isinstance(row, str) else json.dumps(row))


def test_a_few_broken_lines_are_counted(tmp_path, capsys):
    path = file(tmp_path / "chats.jsonl", *[GOOD] * 60, "", "nonsense", *[GOOD] * 39, "[]", "   ")
    assert len(read_conversations(path)) == 99
    out, err = capsys.readouterr()
    assert out == "" and f"{path}: 2 of 101 lines are left out; line 62: Expecting value" in err


def test_above_five_percent_the_file_is_refused(tmp_path):
    path = file(tmp_path / "a.jsonl", *[GOOD] * 38, *["nonsense"] * 2)
    assert len(read_conversations(path)) == 38  # 5 % exactly is put up with
    path = file(tmp_path / "b.jsonl", *[GOOD] * 37, '{"text": "a"}', *["nonsense"] * 2)
    with pytest.raises(UserError, match="b.jsonl: 3 of 40 lines are no conversation; line 38: neither messages"):
        read_conversations(path)


@pytest.mark.parametrize("content", [b"", b"\n\n"])
def test_an_empty_file(content, tmp_path):
    (tmp_path / "a.jsonl").write_bytes(content)
    with pytest.raises(UserError, match="0 of 0 lines are no conversation; it is empty"):
        read_conversations(tmp_path / "a.jsonl")


def test_what_is_no_text_file(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(bytes(range(256)) * 9)
    with pytest.raises(UserError, match="cannot read .*a.jsonl: 'utf-8' codec"):
        read_conversations(tmp_path / "a.jsonl")
    with pytest.raises(UserError, match="cannot read"):
        read_conversations(tmp_path)
    with pytest.raises(UserError, match="no file"):
        read_conversations(tmp_path / "b.jsonl")


def test_what_is_read_can_be_rendered(tmp_path):
    """Also half an emoji, which JSON can write and UTF-8 cannot."""
    from acorn.tokenizer.chat import SPECIALS, render
    from acorn.tokenizer.tokenizer import Tokenizer

    tokenizer = Tokenizer("bpe", [bytes([i]) for i in range(256)], {name: 256 + i for i, name in enumerate(SPECIALS)})
    path = file(tmp_path / "a.jsonl", '{"instruction": "\\ud83d <|user_end|>", "output": "\\u0000"}', GOOD)
    for talk in read_conversations(path):
        ids, mask = render(tokenizer, talk)
        assert len(ids) == len(mask) and sum(i >= 256 for i in ids) == 5
