"""Round trips, equality with the `tokenizers` library, and what a damaged file says."""

import json
import random

import numpy as np
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

from acorn.errors import UserError
from acorn.tokenizer.chat import SPECIALS
from acorn.tokenizer.tokenizer import LONG_SPACE, StreamDecoder, Tokenizer, cut_long_spaces, merges_of
from acorn.tokenizer.train import train_bpe, train_chars

PROSE = "It was the best of times, it was the worst of times; we'd nothing, they'll have it all. Don't!\n\n"
CODE = (
    'def f(x: int):\n    return {"a": [x, 1234567, 0.5e-3]}.get("a")  # why\n\n\nif __name__ == "__main__":\n\tf(10)\n'
)
CONFIG = 'block "kind" "name" {\n  size    = 16\n  tags = { Name = "web-${var.env}" }\n}\nversion: v1\nitems:\n  - a\n'
UNICODE = "Grüße, Ωmega, 你好世界, ñandú, 🙂👩‍👩‍👧 e\u0301 \u2028 \u00a0 １２３ ٣٤٥ ǅ ſt 'ſ K ẞ\u200b"
SPACES = "a  b   c\t\td \n e\r\nf\r\n\r\n  g \n\n\n   \u3000 h    "
DIGITS = "1 12 123 1234 12345 3.14159 1,000,000 0x1F 2024-01-31T00:00:00Z 192.168.0.1/24"
TEXTS = {"prose": PROSE, "code": CODE, "config": CONFIG, "unicode": UNICODE, "spaces": SPACES, "digits": DIGITS}

anything = st.text(st.characters(exclude_categories=["Cs"]))
awkward = st.text(st.sampled_from(list("aAsStlL'’ \t\n\r.=-01２é🙂ſ\u0301\u3000<|bos>")))


@pytest.fixture(scope="module")
def bpe() -> Tokenizer:
    return train_bpe([text * 3 for text in TEXTS.values()], 420)


@pytest.fixture(scope="module")
def theirs(bpe, tmp_path_factory) -> tokenizers.Tokenizer:
    path = tmp_path_factory.mktemp("bpe") / "tokenizer.json"
    bpe.save(path)
    library = tokenizers.Tokenizer.from_file(str(path))
    library.encode_special_tokens = True  # as we do: text is text
    return library


@settings(max_examples=300, deadline=None)
@given(text=anything | awkward)
def test_bpe_round_trip_and_equality(bpe, theirs, text):
    ids = bpe.encode(text)
    assert bpe.decode(ids) == text
    assert ids == theirs.encode(text).ids
    assert theirs.decode(ids) == text


@pytest.mark.parametrize("name", TEXTS)
def test_every_kind_of_text_is_cut_as_the_library_cuts_it(bpe, theirs, name):
    for k in range(len(TEXTS[name])):
        assert bpe.encode(TEXTS[name][k:]) == theirs.encode(TEXTS[name][k:]).ids


def test_every_character_is_cut_as_the_library_cuts_it(bpe, theirs):
    """Letter, digit and space mean the same in both regex engines; a sample here, all 1.1 million by hand."""
    codes = [*range(0x3000), *random.Random(0).sample(range(0x3000, 0x110000), 5000)]
    texts = [f"a{chr(c)}b 1{chr(c)}2 {chr(c)}{chr(c)}'{chr(c)}" for c in codes if not 0xD800 <= c < 0xE000]
    assert bpe.encode_batch(texts) == [e.ids for e in theirs.encode_batch(texts)]


@pytest.mark.parametrize("alphabet", ["a", "ab", " ", " \n", "=-", "abab c"])
def test_repetitive_text_is_merged_as_the_library_merges_it(alphabet, tmp_path):
    """Runs such as aaaa can be joined in several ways: here merging any pair and merging listed pairs could differ."""
    draw = random.Random(1)
    texts = ["".join(draw.choices(alphabet, k=draw.randint(1, 40))) for _ in range(2000)]
    ours = train_bpe(texts, 500)
    ours.save(tmp_path / "t.json")
    library = tokenizers.Tokenizer.from_file(str(tmp_path / "t.json"))
    fresh = ["".join(draw.choices(alphabet, k=draw.randint(1, 90))) for _ in range(2000)]
    assert ours.encode_batch(fresh) == [e.ids for e in library.encode_batch(fresh)]


def test_text_never_becomes_a_special_token(bpe):
    special = set(bpe.specials.values())
    for name in SPECIALS:
        for text in (name, f"a{name}b", name * 3, f" {name}\n"):
            assert not special & set(bpe.encode(text))
            assert bpe.decode(bpe.encode(text)) == text
    assert not special & {i for ids in bpe.encode_batch(list(SPECIALS)) for i in ids}


def test_batch_equals_single(bpe):
    texts = [*TEXTS.values(), "", "x"]
    assert bpe.encode_batch(texts) == [bpe.encode(text) for text in texts]
    assert bpe.encode_batch([]) == []


def test_numbers_are_cut_in_groups_of_three(bpe):
    digits = train_bpe(["1234567 1234567"], 300)
    assert [digits.decode([i]) for i in digits.encode("1234567")] == ["123", "456", "7"]


def test_vocabulary(bpe):
    first = bpe.n_vocab - len(SPECIALS)
    assert bpe.n_vocab == 420 and list(bpe.specials) == list(SPECIALS)
    assert sorted(bpe.specials.values()) == list(range(first, bpe.n_vocab))
    assert bpe.bos == bpe.special("<|bos|>") == first
    with pytest.raises(UserError, match=r"no special token '<\|eos\|>' \(it has: <\|bos\|>, "):
        bpe.special("<|eos|>")


def test_token_bytes(bpe):
    size = bpe.token_bytes()
    assert size.dtype == np.int32 and size.shape == (bpe.n_vocab,)
    for text in TEXTS.values():
        assert size[bpe.encode(text)].sum() == len(text.encode())
    assert size[list(bpe.specials.values())].sum() == 0


def test_a_million_blanks_are_encoded():
    """tiktoken panics on them (a lookahead that overflows the stack of its regex engine)."""
    bpe = train_bpe(["    " * 50 + "x"], 300)
    text = "a" + " " * (3 * LONG_SPACE + 5) + "b\n" + "\t" * LONG_SPACE
    assert bpe.decode(bpe.encode(text)) == text
    assert bpe.encode_batch([text, "x", ""]) == [bpe.encode(text), bpe.encode("x"), []]
    assert "".join(cut_long_spaces(text)) == text and len(cut_long_spaces(text)) == 5
    assert cut_long_spaces(" " * LONG_SPACE) == [" " * LONG_SPACE]


@pytest.mark.parametrize("text", [UNICODE, "🙂" * 5, "plain"])
def test_stream_decoder_never_shows_half_a_character(text):
    tokenizer = train_bpe(["nothing of that"], 267)  # bytes alone, so that every character comes in pieces
    stream, parts = StreamDecoder(tokenizer), []
    for i in tokenizer.encode(text):
        parts.append(stream.push(i))
    assert "".join(parts) == text and stream.finish() == ""
    assert all("\ufffd" not in part for part in parts)


def test_stream_decoder_finishes_a_cut_off_character():
    tokenizer = train_bpe(["x"], 267)
    stream = StreamDecoder(tokenizer)
    assert [stream.push(i) for i in tokenizer.encode("é")[:1]] == [""]
    assert stream.finish() == "\ufffd"


def test_merges_of_the_worked_example():
    assert merges_of(["a", "b", "c", "bc", "ab", "abc"]) == ["b c", "a b", "a bc", "ab c"]


# --- characters ---


@settings(max_examples=100, deadline=None)
@given(text=anything.filter(bool))
def test_chars_round_trip_and_equality(text):
    chars = train_chars([text])
    assert chars.n_vocab == len(set(text)) + len(SPECIALS)
    library = tokenizers.Tokenizer.from_str(json.dumps(chars._body))
    assert chars.decode(chars.encode(text)) == text
    assert library.encode(text, add_special_tokens=False).ids == chars.encode(text)
    assert library.decode(chars.encode(text)) == text


def test_chars_are_numbered_as_in_nanogpt():
    chars = train_chars(["hello\n", "Z"])
    assert chars.encode("\nZehlo") == [0, 1, 2, 3, 4, 5]


def test_unknown_character_is_named_with_its_place():
    with pytest.raises(UserError, match=r"'é' \(U\+00E9\) at position 3 is not among the 3 characters"):
        train_chars(["abc"]).encode("abcé")


# --- the file ---


@pytest.mark.parametrize("kind", ["bpe", "bpe-pattern", "chars"])
def test_save_and_load(kind, tmp_path):
    pattern = r"\p{L}+|[^\p{L}]"  # not the default: a round trip that only knows defaults proves little
    ours = {
        "bpe": lambda: train_bpe([CODE, UNICODE], 400),
        "bpe-pattern": lambda: train_bpe([CODE, UNICODE], 400, pattern),
        "chars": lambda: train_chars([CODE, UNICODE]),
    }[kind]()
    path = tmp_path / "new" / "tokenizer.json"
    ours.save(path)
    again = Tokenizer.load(path)
    assert again.encode(CODE) == ours.encode(CODE)
    for name in ("hash", "n_vocab", "specials", "bos", "kind", "pattern"):
        assert getattr(again, name) == getattr(ours, name) or (kind == "chars" and name == "pattern")
    assert [p.name for p in path.parent.iterdir()] == ["tokenizer.json"]
    path.write_text(json.dumps(json.loads(path.read_text()), indent=7, sort_keys=True))  # layout is not content
    assert Tokenizer.load(path).encode(UNICODE) == ours.encode(UNICODE)


def test_training_is_deterministic_and_hash_tells_tokenizers_apart():
    one, same = train_bpe([CODE, PROSE], 310), train_bpe([CODE, PROSE], 310)
    others = [train_bpe([CODE], 310), train_bpe([CODE, PROSE], 311), train_bpe([CODE, PROSE], 310, r"\p{L}+|[^\p{L}]")]
    assert one.hash == same.hash and len(one.hash) == 64
    assert len({one.hash, *(o.hash for o in others)}) == 4


def swap(old, new):
    return lambda data, text: text.replace(old, new)


def renumber(data, text):
    data["model"]["vocab"] = {word: (i + 1) % 400 for word, i in data["model"]["vocab"].items()}
    return json.dumps(data)


@pytest.mark.parametrize(
    "damage, message",
    [
        (lambda data, text: "", "is damaged, it is not JSON"),
        (lambda data, text: text[:-20], "is damaged, it is not JSON"),
        (lambda data, text: "[" * 100_000, "is damaged, it is not JSON"),
        (lambda data, text: "[]", "not a tokenizer that acorn wrote"),
        (lambda data, text: '{"model": {"type": "BPE"}}', "not a tokenizer that acorn wrote"),
        (swap('"format": 1', '"format": 99'), "has tokenizer format 99; this acorn reads format 1"),
        (swap('"normalized": false', '"normalized": true'), "is damaged: its content hashes to"),
        (swap('"kind": "bpe"', '"kind": "chars"'), "is damaged: its content hashes to"),
        (renumber, "is damaged: its content hashes to"),
    ],
)
def test_damage_is_found(damage, message, tmp_path):
    path = tmp_path / "tokenizer.json"
    train_bpe([CODE], 400).save(path)
    path.write_text(damage(json.loads(path.read_text()), path.read_text()))
    with pytest.raises(UserError, match=message) as error:
        Tokenizer.load(path)
    assert str(path) in error.value.message and "acorn tokenizer train" in error.value.hint


def test_every_flipped_bit_is_found_or_harmless(tmp_path):
    path = tmp_path / "tokenizer.json"
    ours = train_bpe([CODE], 300)
    ours.save(path)
    whole, draw = path.read_bytes(), random.Random(0)
    for _ in range(300):
        at, bit = draw.randrange(len(whole)), draw.randrange(8)
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :])
        try:
            assert Tokenizer.load(path).encode(CODE) == ours.encode(CODE)  # white space became other white space
        except UserError:
            pass


def test_missing_and_unreadable(tmp_path):
    with pytest.raises(UserError, match="no tokenizer at"):
        Tokenizer.load(tmp_path / "none.json")
    with pytest.raises(UserError, match="cannot read the tokenizer"):
        Tokenizer.load(tmp_path)
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="not JSON"):
        Tokenizer.load(tmp_path / "binary.json")
