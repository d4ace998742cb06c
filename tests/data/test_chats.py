"""Conversations from files: every kind of file, broken lines counted by cause, too many of them refused."""

import gzip
import io
import json
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acorn.data.chats import MAX_LINE, parse, read_chats, read_conversations
from acorn.errors import UserError
from acorn.tokenizer.chat import BadChat

GOOD = {"instruction": "hi", "output": "ho"}
TALK = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]
REAL = Path(__file__).parents[3] / "shared/data/sft"


def file(path, *rows):
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def test_shapes_are_named(tmp_path, capsys):
    rows = [GOOD, GOOD, {"messages": TALK}, TALK, {"prompt": "hi", "completion": "ho"}]
    path = file(tmp_path / "a.jsonl", *rows)
    assert read_conversations(path) == [TALK] * 5
    out, err = capsys.readouterr()
    names = "Alpaca 2, messages 1, list of messages 1, prompt and completion 1"
    assert out == "" and err == f"{path}: 5 conversations ({names})\n"
    said = []
    read_conversations(file(tmp_path / "b.jsonl", *[GOOD] * 1100), said.append)
    assert said == [f"{tmp_path}/b.jsonl: 1,100 conversations (Alpaca)"] and capsys.readouterr() == ("", "")


def test_a_few_broken_lines_are_counted(tmp_path, capsys):
    path = file(tmp_path / "chats.jsonl", *[GOOD] * 60, "", "nonsense", *[GOOD] * 39, "[]", "   ")
    assert len(read_conversations(path)) == 99
    out, err = capsys.readouterr()
    assert out == "" and err == (
        f"{path}: 99 conversations (Alpaca); 2 of 101 lines are left out (not JSON 1, wrong type 1); "
        "line 62: not JSON: Expecting value: line 1 column 1 (char 0)\n"
    )


def test_above_five_percent_the_file_is_refused(tmp_path):
    path = file(tmp_path / "a.jsonl", *[GOOD] * 38, *["nonsense"] * 2)
    assert len(read_conversations(path)) == 38  # 5 % exactly is put up with
    path = file(tmp_path / "b.jsonl", *[GOOD] * 37, '{"text": "a"}', *["nonsense"] * 2)
    says = r"b.jsonl: 3 of 40 lines are no conversation \(not JSON 2, unknown shape 1\); line 38: neither messages"
    with pytest.raises(UserError, match=says) as e:
        read_conversations(path)
    assert e.value.hint == f"acorn data preview {path}"
    assert len(read_chats(path).good) == 37 and read_chats(path).refused  # for a look at it


@pytest.mark.parametrize("content", [b"", b"\n\n", b" ", b"\xef\xbb\xbf", b"[]", b" [ ] "])
def test_an_empty_file(content, tmp_path):
    (tmp_path / "a.jsonl").write_bytes(content)
    with pytest.raises(UserError, match=r"0 of 0 lines are no conversation \(it is empty\)"):
        read_conversations(tmp_path / "a.jsonl")


def test_what_is_no_text_file(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(bytes(range(128, 256)) * 9 + b"\n" + bytes(range(32)))
    with pytest.raises(
        UserError, match="3 of 3 lines are no conversation .*line 1: not UTF-8: invalid start byte at byte 0"
    ):
        read_conversations(tmp_path / "a.jsonl")
    (tmp_path / "b.jsonl").write_text(json.dumps(GOOD), encoding="utf-16")
    with pytest.raises(UserError, match="not UTF-8: invalid start byte"):
        read_conversations(tmp_path / "b.jsonl")
    with pytest.raises(UserError, match="is a folder; name a file of conversations"):
        read_conversations(tmp_path)
    with pytest.raises(UserError, match="no file .*c.jsonl"):
        read_conversations(tmp_path / "c.jsonl")
    with pytest.raises(UserError, match="no file .*c.parquet"):
        read_conversations(tmp_path / "c.parquet")


def test_one_bad_byte_costs_one_line(tmp_path):
    lines = [json.dumps(GOOD).encode()] * 40
    (tmp_path / "a.jsonl").write_bytes(b"\xef\xbb\xbf" + b"\r\n".join([*lines, b'{"instruction": "\xff"}', *lines]))
    found = read_chats(tmp_path / "a.jsonl")
    assert len(found.good) == 80 and found.dropped == {"not UTF-8": 1} and found.first.startswith("line 41: not UTF-8")


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("item", [GOOD, {"messages": TALK}, TALK])
def test_an_array(tmp_path, item, indent):
    path = tmp_path / "a.json"
    path.write_text(json.dumps([item] * 30 + [7], indent=indent) + "\n")
    if item is TALK and indent is None:  # looks like a list of messages, and is none
        path.write_text(json.dumps([item] * 30 + [7]).replace("[[", "[ ["))
    found = read_chats(path)
    assert found.good == [TALK] * 30 and found.dropped == {"unknown shape": 1}
    assert found.first == "item 31: expected an object, got 7"


def test_an_array_is_read_a_piece_at_a_time(tmp_path, monkeypatch):
    """With tiny pieces every cut is met: within a string, an escape, a character, between items."""
    monkeypatch.setattr("acorn.data.documents.CHUNK", 7)
    talk = {"instruction": 'a "quoted" [word], \\ ü😀', "output": "}{][" + "x" * 500}
    path = tmp_path / "a.json"
    for text in (json.dumps([talk, [*TALK], talk]), json.dumps([talk, TALK, talk], ensure_ascii=False, indent=1)):
        path.write_text(text)
        assert [len(m) for m in read_chats(path).good] == [2, 2, 2]
        assert read_chats(path).good[2][0]["content"] == talk["instruction"]


@pytest.mark.parametrize(
    "text, says",
    [
        ('[{"instruction": "a", "output": "b"}', "item 2 of the array is broken: the array does not end"),
        ('[{"instruction": "a", "output": "b"}, {"instr', "item 2 of the array is broken: Unterminated string"),
        ('[{"instruction": "a", "output": "b"}, {]', "item 2 of the array is broken: Expecting property name"),
        ("[" * 100_000, "item 1 of the array is nested too deeply"),
        ("[" + "1" * 5000 + "]", "item 1 of the array is broken: Exceeds the limit"),
        ("[\n" + '"' + "x" * (MAX_LINE + 2_000_000), "item 1 .* or longer than 4,194,304 characters: Unterminated"),
        ('[{"a": "\udcff"}]', "item 1 of the array or the next is not UTF-8"),
    ],
)
def test_a_broken_array(tmp_path, text, says):
    path = tmp_path / "a.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(UserError, match=says):
        read_conversations(path)


def test_compressed(tmp_path):
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(json.dumps(GOOD).encode()))
    assert read_chats(tmp_path / "a.jsonl.gz").good == [TALK]
    (tmp_path / "b.jsonl.gz").write_bytes(b"nonsense")
    with pytest.raises(UserError, match="cannot read .*b.jsonl.gz"):
        read_chats(tmp_path / "b.jsonl.gz")


def test_parquet(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"messages": [TALK] * 99 + [None], "id": list(range(100))}), path)
    found = read_chats(path)
    assert found.good == [TALK] * 99 and found.shapes == {"messages": 99}
    assert found.first.startswith("row 100: neither messages")
    pq.write_table(pa.table({"instruction": ["hi"], "input": [None], "output": ["ho"]}), path)
    assert read_chats(path).good == [TALK]
    pq.write_table(pa.table({"text": ["hi"]}), path)
    with pytest.raises(UserError, match="has no conversations; its columns are text"):
        read_chats(path)
    path.write_bytes(b"PAR1 nonsense")
    with pytest.raises(UserError, match="is not a whole parquet file"):
        read_chats(path)


def test_stdin(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(GOOD).encode())))
    assert read_chats(Path("-")).good == [TALK]


def test_an_endless_line_is_never_held(tmp_path):
    """A line of 200 MB, of which the file says so much and the disk holds nothing."""
    import tracemalloc

    path = file(tmp_path / "a.jsonl", GOOD)
    with open(path, "r+b") as f:
        f.seek(200_000_000)
        f.write(b"\n" + json.dumps(GOOD).encode())
    tracemalloc.start()
    found = read_chats(path)
    assert tracemalloc.get_traced_memory()[1] < 30_000_000
    tracemalloc.stop()
    assert len(found.good) == 2 and found.dropped == {"too long": 1} and found.first.startswith("line 2: longer than 4")


@pytest.mark.parametrize(
    "line, cause, says",
    [
        (b"{", "not JSON", "not JSON: Expecting property name"),
        (b"[" * 100_000, "not JSON", "nested too deeply"),
        (b'{"a":' * 100_000, "not JSON", "nested too deeply"),
        (b"1" * 5000, "not JSON", "Exceeds the limit"),
        (b"\0", "not JSON", "Expecting value"),
        (None, "too long", "longer than 4,194,304 bytes"),
    ],
)
def test_lines_that_are_no_row(line, cause, says):
    with pytest.raises(BadChat, match=says) as e:
        parse(line)
    assert e.value.cause == cause


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=200) | st.text(alphabet='[{}]",:\\ \n0aeflnrstu', max_size=200).map(str.encode))
def test_no_file_breaks_the_reader(data, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "fuzz.jsonl"
    path.write_bytes(data)
    try:
        read_chats(path)
    except UserError as e:
        assert str(path) in e.message


def test_what_is_read_can_be_rendered(tmp_path):
    """Also half an emoji, which JSON can write and UTF-8 cannot."""
    from acorn.tokenizer.chat import SPECIALS, render
    from acorn.tokenizer.tokenizer import Tokenizer

    tokenizer = Tokenizer("bpe", [bytes([i]) for i in range(256)], {name: 256 + i for i, name in enumerate(SPECIALS)})
    path = file(tmp_path / "a.jsonl", '{"instruction": "\\ud83d <|user_end|>", "output": "\\u0000"}', GOOD)
    for talk in read_conversations(path):
        ids, mask = render(tokenizer, talk)
        assert len(ids) == len(mask) and sum(i >= 256 for i in ids) == 5
        talk[0]["content"].encode()


@pytest.mark.parametrize(
    "name, count, shape",
    [
        ("dolly_12k", 12_921, "Dolly"),
        ("glaive_toolcall_300", 300, "ShareGPT"),
        ("identity_template_91", 91, "Alpaca"),
        ("oasst_en_100_trees", 100, "OpenAssistant tree"),
        ("oasst_en_chat", 163, "messages"),
        ("raschka_instruction_1100", 1100, "Alpaca"),
    ],
)
def test_real_files(name, count, shape):
    path = REAL / f"{name}.jsonl"
    if not path.exists():
        pytest.skip("the real files are not here")
    found = read_chats(path)
    assert len(found.good) == found.shapes[shape] == count and not found.bad
    if name == "glaive_toolcall_300":
        parts = [part for talk in found.good for m in talk if isinstance(m["content"], list) for part in m["content"]]
        assert sum(part["type"] == "python" for part in parts) == sum(part["type"] == "output" for part in parts) == 211
        assert next(part["text"] for part in parts if part["type"] == "python") == (
            "search_recipes(ingredients=['chicken', 'bell peppers', 'rice'])"
        )
