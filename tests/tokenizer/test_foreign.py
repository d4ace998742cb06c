"""Tokenizers of imported models cut text as the tokenizers library does, and text never becomes a special token."""

import json
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, normalizers, pre_tokenizers

sys.path.insert(0, str(Path(__file__).parents[1] / "export"))
from importing import SPECIALS, train

from acorn.errors import UserError
from acorn.export.tokenizer_in import DIGITS_FIRST, PRE, QWEN2, gpt2_file
from acorn.tokenizer.foreign import ForeignTokenizer
from acorn.tokenizer.tokenizer import PATTERN, StreamDecoder, Tokenizer

DATA = Path(__file__).parents[3] / "shared/data"


def split(pattern):
    steps = pre_tokenizers.Split(Regex(pattern), "isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)
    return pre_tokenizers.Sequence(list(steps))


PRES = {
    "gpt-2": pre_tokenizers.ByteLevel(add_prefix_space=False),
    "smollm": pre_tokenizers.Sequence([pre_tokenizers.Digits(True), pre_tokenizers.ByteLevel(add_prefix_space=False)]),
    "llama-bpe": split(PATTERN),
    "qwen2": split(QWEN2),
}
LIBRARIES = {name: train(pre, size=330, ignore_merges=name == "llama-bpe") for name, pre in PRES.items()}
LIBRARIES["qwen2"].normalizer = normalizers.NFC()
LIBRARIES["qwen2"].add_tokens(["<think>", "</think>"])
LIBRARIES["qwen2"].add_special_tokens([AddedToken("<|late|>", special=True)])
OURS = {name: ForeignTokenizer(json.loads(lib.to_str()), 0, {0, 2}) for name, lib in LIBRARIES.items()}
ODD = st.one_of(st.sampled_from("the oak 12345\n\t 'sS{}é\u0301"), st.characters(exclude_categories=["Cs"]))
TEXT = st.text(ODD, max_size=60).filter(lambda text: not any(name in text for name in (*SPECIALS, "<|late|>")))


@pytest.mark.parametrize("name", PRES)
@settings(max_examples=120, deadline=None)
@given(text=TEXT)
def test_ids_text_and_bytes(name, text):
    ours, library = OURS[name], LIBRARIES[name]
    ids = ours.encode(text)
    assert ids == library.encode(text, add_special_tokens=False).ids
    assert ours.encode_batch([text, "a"])[0] == ids
    same = ours.normalize(text)
    assert ours.decode(ids) == same and same.encode() == ours.decode_bytes(ids)
    stream = StreamDecoder(ours)
    assert "".join(map(stream.push, ids)) + stream.finish() == same
    assert ours.token_bytes()[ids].sum() == len(same.encode())


@pytest.mark.parametrize("name", PRES)
def test_the_table_of_splits_is_what_the_library_writes(name):
    step, ignore_merges = PRE[name]
    written = json.loads(LIBRARIES[name].to_str())
    assert step == written["pre_tokenizer"] and ignore_merges == written["model"]["ignore_merges"]


def test_special_tokens_are_out_of_reach_of_text():
    for tokenizer in OURS.values():
        for name, i in tokenizer.specials.items():
            ids = tokenizer.encode(f"a{name} {name}b")
            assert i not in ids and tokenizer.decode(ids) == f"a{name} {name}b"
            assert tokenizer.token_bytes()[i] == 0 and tokenizer.decode([i]) == name
    # what its makers declare to be text is text: it has no power, and transformers finds it too
    qwen = OURS["qwen2"]
    assert set(qwen.specials) == {*SPECIALS, "<|late|>"}
    assert qwen.encode("<think>x") == LIBRARIES["qwen2"].encode("<think>x").ids
    assert qwen.special("<|late|>") == LIBRARIES["qwen2"].token_to_id("<|late|>") == qwen.n_vocab - 1


def test_saved_and_loaded_it_is_the_same(tmp_path):
    for name, ours in OURS.items():
        ours.template, ours.names = "{{ x }}", {"eos_token": "<|im_end|>"}
        ours.save(tmp_path / "tokenizer.json")
        again = Tokenizer.load(tmp_path / "tokenizer.json")
        for key in ("hash", "kind", "n_vocab", "bos", "stops", "adds_bos", "template", "names", "specials", "_tokens"):
            assert getattr(again, key) == getattr(ours, key), (name, key)
        assert again.encode("the oak 12") == ours.encode("the oak 12")
    file = json.loads((tmp_path / "tokenizer.json").read_text())
    file["model"]["merges"].pop()
    (tmp_path / "tokenizer.json").write_text(json.dumps(file))
    with pytest.raises(UserError, match="is damaged: its content hashes to"):
        Tokenizer.load(tmp_path / "tokenizer.json")
    del file["model"]["acorn"]["stops"]
    (tmp_path / "tokenizer.json").write_text(json.dumps(file))
    with pytest.raises(UserError, match="model.acorn has no 'stops'"):
        Tokenizer.load(tmp_path / "tokenizer.json")


def test_truncation_and_padding_of_the_file_do_not_cut_text():
    file = json.loads(LIBRARIES["gpt-2"].to_str())
    file["truncation"] = {"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0}
    assert len(ForeignTokenizer(file, 0).encode("the oak and the ash")) > 3


def test_long_runs_take_no_time():
    for text in (" " * 300_000, "a" * 300_000, "\n" * 300_000):
        for tokenizer in OURS.values():
            assert tokenizer.decode(tokenizer.encode(text)) == text


@pytest.mark.skipif(not (DATA / "gpt2").is_dir(), reason="needs ../shared/data/gpt2")
def test_gpt2s_own_files_give_all_published_vectors():
    tokenizer = ForeignTokenizer(gpt2_file(DATA / "gpt2"), 50256)
    vectors = [json.loads(line) for line in (DATA / "gpt2/test_vectors.jsonl").read_text().splitlines()]
    assert len(vectors) == 63
    for vector in vectors:
        assert tokenizer.encode(vector["text"]) == vector["ids"], vector
        assert tokenizer.decode(vector["ids"]) == vector["text"]
    assert tokenizer.n_vocab == 50257 and tokenizer.special("<|endoftext|>") == 50256


def test_smollms_digits_stand_alone():
    assert DIGITS_FIRST == json.loads(LIBRARIES["smollm"].to_str())["pre_tokenizer"]
    assert [OURS["smollm"].decode([i]) for i in OURS["smollm"].encode("1234")] == list("1234")
