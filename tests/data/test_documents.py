"""Every kind of input, and every kind of broken input."""

import gzip
import json
import os
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import acorn.data.documents as module
from acorn.data.documents import Counts, Document, lines, read_documents
from acorn.errors import UserError


def read(*paths, **options) -> tuple[list[str], Counts]:
    counts = Counts()
    return [d.text for d in read_documents(paths, counts, **options)], counts


def jsonl(path, rows) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


ROWS = [{"text": f"document {i} ü"} for i in range(40)]
TEXTS = [row["text"] for row in ROWS]


def test_text_files(tmp_path):
    (tmp_path / "a.txt").write_text("one\r\ntwo\n", newline="")
    (tmp_path / "b.md").write_bytes(b"\xef\xbb\xbf# with a byte order mark")
    texts, counts = read(tmp_path / "a.txt", tmp_path / "b.md")
    assert texts == ["one\r\ntwo\n", "# with a byte order mark"]
    assert (counts.seen, counts.kept, counts.dropped) == (2, 2, {})
    assert counts.bytes_read == counts.bytes_total == 36


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst", "a.parquet", "A.JSONL"])
def test_the_same_documents_from_every_container(name, tmp_path):
    path, raw = tmp_path / name, "\n".join(map(json.dumps, ROWS)).encode()  # no newline at the end
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(raw[:100]) + gzip.compress(raw[100:]))  # as `cat a.gz b.gz` makes it
    elif name.endswith(".zst"):
        with pa.CompressedOutputStream(str(path), "zstd") as f:
            f.write(raw)
    elif name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(ROWS), path, row_group_size=7)
    else:
        path.write_bytes(raw)
    texts, counts = read(path)
    assert texts == TEXTS and counts.kept == 40 and counts.bytes_read == counts.bytes_total


def test_compressed_text(tmp_path):
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"hello"))
    assert read(tmp_path / "a.txt.gz")[0] == ["hello"]


def test_another_text_key(tmp_path):
    jsonl(tmp_path / "a.jsonl", [{"content": "x"}])
    pq.write_table(pa.table({"content": ["y"], "n": [1]}), tmp_path / "b.parquet")
    assert read(tmp_path / "a.jsonl", tmp_path / "b.parquet", text_key="content")[0] == ["x", "y"]
    with pytest.raises(UserError, match=r"1 without a text 'text' \(first: .*a.jsonl:1, it has content\)"):
        read(tmp_path / "a.jsonl")
    with pytest.raises(UserError, match="has no column 'text'; it has content, n"):
        read(tmp_path / "b.parquet")


def test_a_folder_of_code(tmp_path):
    outside = tmp_path / "outside.txt"
    outside.write_text("not asked for")
    tree = tmp_path / "tree"
    for name in ("b.py", "a/z.yaml", "a/deep/x.tf", "Makefile", ".git/config", ".env", "node_modules/m.js"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(name)
    (tree / "image.png").write_bytes(b"\x89PNG\0\0")
    (tree / "empty.py").write_text("")
    (tree / "blank.py").write_text(" \n\n")
    (tree / "huge.js").write_text("x" * (module.MAX_CODE_BYTES + 1))
    (tree / "long.md").write_text("y" * (module.MAX_CODE_BYTES + 1))  # prose may be long
    (tree / "out.txt").symlink_to(outside)
    (tree / "loop").symlink_to(tree)
    os.mkfifo(tree / "pipe")
    jsonl(tree / "rows.jsonl", ROWS[:2])
    texts, counts = read(tree)
    assert [t[:8] for t in texts] == ["Makefile", "b.py", "y" * 8, "document", "document", "a/z.yaml", "a/deep/x"]
    assert counts.passed == {
        "binary": 1,
        "empty": 2,
        "larger than 1 MB": 1,
        "a symbolic link": 1,
        "not a regular file": 1,
    }
    assert not counts.broken
    assert read(tree)[0] == texts


def test_broken_lines_are_counted_by_cause(tmp_path):
    path = jsonl(tmp_path / "a.jsonl", ROWS)
    bad = ["{", '{"text": 5}', '{"other": "x"}', "[1]", '"text"', '{"text": "\\ud83d"}', '{"text": "  "}', "[" * 20_000]
    path.write_text(path.read_text() + "\n".join(bad) + "\n\n\n")
    texts, counts = read(path, max_broken=0.2)
    assert texts == TEXTS and counts.seen == 48 and counts.kept == 40
    assert counts.dropped == {"not JSON": 2, "without a text 'text'": 4, "not valid Unicode": 1, "empty": 1}
    assert counts.first["not JSON"] == f"{path}:41"
    message = r"7 of 48 documents are broken \(14.6%\), more than the 5.0% that --max-broken allows: 2 not JSON \(first"
    with pytest.raises(UserError, match=message):
        read(path)


def test_a_share_exactly_at_the_limit_passes(tmp_path):
    path = jsonl(tmp_path / "a.jsonl", ROWS[:19])
    path.write_text(path.read_text() + "{\n")
    assert len(read(path, max_broken=0.05)[0]) == 19
    with pytest.raises(UserError, match="1 of 20 documents are broken"):
        read(path, max_broken=0.049)


def test_broken_rows(tmp_path):
    broken = pa.array([b"fine", b"\xff\xfe", None, b""], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"text": broken}), tmp_path / "a.parquet")
    texts, counts = read(tmp_path / "a.parquet", max_broken=1)
    assert texts == ["fine"] and counts.dropped == {"not UTF-8": 1, "without a text 'text'": 1, "empty": 1}


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("a.txt", b"", "a.txt is empty"),
        ("a.jsonl", b"", "a.jsonl is empty"),
        ("a.parquet", b"", "a.parquet is empty"),
        ("a.txt", b" \n\t\n", "holds nothing but white space"),
        ("a.jsonl", b"\n\n", "no text in .*a.jsonl$"),
        ("a.txt", b"\x7fELF\0\0\0", "is a binary file, not text"),
        ("a.txt", "Grüße".encode("latin-1"), "is not UTF-8 text"),
        ("a.txt", "Grüße".encode()[:3], "is not UTF-8 text"),  # ends within a character
        ("a.jsonl", b"\0\1\2\n\3", "2 of 2 documents are broken .* 2 not JSON"),
        ("a.parquet", b"PAR1 not really", "is not a whole parquet file"),
        ("a.jsonl.gz", b"not compressed", "cannot be read to its end"),
        ("a.jsonl.gz", gzip.compress(json.dumps(ROWS).encode())[:50], "cannot be read to its end"),
        ("a.jsonl.zst", b"not compressed", "cannot be read to its end"),
    ],
)
def test_a_file_that_cannot_be_used(name, content, message, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        read(tmp_path / name)


def test_a_cut_off_parquet_file(tmp_path):
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "a.parquet")
    whole = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(whole[:-30])
    with pytest.raises(UserError, match="a.parquet is not a whole parquet file"):
        read(tmp_path / "a.parquet")


def test_damage_within_a_parquet_file(tmp_path):
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "a.parquet", use_dictionary=False)
    whole = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(whole[:20] + b"\xff" * 60 + whole[80:])
    with pytest.raises(UserError, match="a.parquet"):
        read(tmp_path / "a.parquet")


def test_places_without_text(tmp_path):
    with pytest.raises(UserError, match="no file or folder .*nothing"):
        read(tmp_path / "nothing")
    (tmp_path / "folder" / ".hidden").mkdir(parents=True)
    with pytest.raises(UserError, match="no text in .*folder$"):
        read(tmp_path / "folder")
    (tmp_path / "folder" / "x.bin").write_bytes(b"\0\0")
    with pytest.raises(UserError, match=r"no text in .*folder: 1 binary \(first: .*x.bin\)"):
        read(tmp_path / "folder")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="pipe is neither a file nor a folder"):
        read(tmp_path / "pipe")


def test_an_unreadable_file_in_a_folder_is_counted(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "b.txt").write_text("b")
    chunks = module.chunks

    def refuse(path, at):
        if path.name == "b.txt":
            raise PermissionError(13, "Permission denied")
        return chunks(path, at)

    monkeypatch.setattr(module, "chunks", refuse)  # as root, no file is unreadable
    texts, counts = read(tmp_path, max_broken=0.5)
    assert texts == ["a"] and counts.broken == {"cannot be read": 1}
    with pytest.raises(UserError, match="b.txt cannot be read: permission denied"):
        read(tmp_path / "b.txt")


def test_lines_are_put_together_from_any_chunks(monkeypatch):
    monkeypatch.setattr(module, "MAX_BYTES", 10)
    text = b"one\n\ntwo " + b"x" * 40 + b"\nthree\r\nlast"
    for size in range(1, 20):
        pieces = [text[i : i + size] for i in range(0, len(text), size)]
        found = list(lines(pieces))
        assert found[:2] == [b"one", b""] and found[3:] == [b"three\r", b"last"]
        assert found[2] is None or size > 10
    assert list(lines([])) == [] and list(lines([b"x" * 50])) == [None]


def test_a_bomb_does_not_fill_memory(tmp_path):
    """200 MB of blanks in one line, 200 kB on disk: dropped as too long; less than a fifth of it is ever held."""
    with pa.CompressedOutputStream(str(tmp_path / "a.jsonl.gz"), "gzip") as f:
        f.write(b'{"text": "fine"}\n{"text": "')
        for _ in range(200):
            f.write(b" " * (1 << 20))
        f.write(b'"}\n{"text": "also"}\n')
    assert (tmp_path / "a.jsonl.gz").stat().st_size < 1 << 20
    tracemalloc.start()
    texts, counts = read(tmp_path / "a.jsonl.gz", max_broken=1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert texts == ["fine", "also"] and counts.broken == {"longer than 16 MB": 1}
    assert peak < 60e6


def test_a_long_text_file_becomes_several_documents(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAX_BYTES", 1000)
    monkeypatch.setattr(module, "CHUNK", 300)
    text = "".join(f"line {i} é\n" for i in range(500))
    (tmp_path / "a.txt").write_text(text)
    counts = Counts()
    documents = list(read_documents([tmp_path / "a.txt"], counts))
    assert "".join(d.text for d in documents) == text and len(documents) > 4
    assert all(d.text.endswith("\n") for d in documents)
    assert documents[0] == Document(documents[0].text, f"{tmp_path}/a.txt#1")
    (tmp_path / "one.txt").write_text("é" * 5000)  # without a line end to cut at
    texts, _ = read(tmp_path / "one.txt")
    assert "".join(texts) == "é" * 5000 and max(map(len, texts)) < 1400


def test_names_that_are_no_utf8(tmp_path):
    for name in (b"\xff\xfe.txt", b"caf\xe9.jsonl", b"\xe9.parquet", "straße.txt".encode()):
        with open(os.fsencode(tmp_path) + b"/" + name, "wb") as file:
            file.write(b'{"text": "some words"}\n' if name.endswith(b"l") else b"some words\n")
    counts = Counts()
    found = [Path(one.source).name for one in read_documents([tmp_path], counts, max_broken=0.5)]
    assert sorted(found) == ["\\xff\\xfe.txt", "caf\\xe9.jsonl:1", "straße.txt"]
    assert counts.dropped == {"name not UTF-8": 1} and counts.first["name not UTF-8"].endswith("\\xe9.parquet")
