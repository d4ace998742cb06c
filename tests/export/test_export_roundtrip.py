"""Out, in and out again: float32 tensors keep every bit, the tokenizer every id."""

import exporting
import pytest
import torch
from safetensors.torch import load_file

from acorn.export.gguf_in import import_gguf
from acorn.export.gguf_out import export_gguf, gguf_tensors
from acorn.export.hf_in import import_folder
from acorn.export.hf_out import export_hf
from acorn.export.stock import stock_form
from acorn.export.verify import TALKS, TEXTS
from acorn.tokenizer.chat import render_prompt


def same_bits(first: dict, second: dict) -> None:
    assert first.keys() == second.keys()
    assert [name for name in first if not torch.equal(first[name], second[name])] == []


def same_words(before, after) -> None:
    assert [after.encode(text) for text in TEXTS] == [before.encode(text) for text in TEXTS]
    assert (after.bos, after.stops, after.specials) == (before.bos, before.stops, before.specials)


@pytest.mark.parametrize("name", exporting.CONFIGS)
def test_hf_to_acorn_to_hf(name, tmp_path):
    model, words = exporting.make(name), exporting.tokenizer(name)
    export_hf(stock_form(model), words, "card", tmp_path / "one", "f32")
    found = import_folder(tmp_path / "one")
    export_hf(stock_form(found.model), found.tokenizer, "card", tmp_path / "two", "f32")
    first, second = (load_file(tmp_path / which / "model.safetensors") for which in ("one", "two"))
    same_bits(first, second)
    same_words(words, found.tokenizer)
    for file in ("config.json", "generation_config.json", "special_tokens_map.json"):
        assert (tmp_path / "one" / file).read_text() == (tmp_path / "two" / file).read_text(), file


@pytest.mark.parametrize("name", exporting.CONFIGS)
def test_gguf_to_acorn_to_gguf(name, tmp_path):
    pytest.importorskip("gguf")
    model, words = exporting.make(name), exporting.tokenizer(name)
    stock = stock_form(model)
    export_gguf(stock, words, "oak", tmp_path / "one.gguf", "F32", print)
    found = import_gguf(tmp_path / "one.gguf")
    again = stock_form(found.model)
    same_bits(gguf_tensors(stock), gguf_tensors(again))
    same_words(words, found.tokenizer)
    export_gguf(again, found.tokenizer, "oak", tmp_path / "two.gguf", "F32", print)
    if name not in ("llama3", "qwen2"):  # rope factors are given as what they come to; Qwen's has no chat of its own
        assert (tmp_path / "one.gguf").read_bytes() == (tmp_path / "two.gguf").read_bytes()


def test_conversations_go_around_too(tmp_path):
    model, words = exporting.make("nano"), exporting.tokenizer()
    export_hf(stock_form(model), words, "card", tmp_path / "one")
    export_gguf(stock_form(model), words, "oak", tmp_path / "one.gguf", "BF16", print)
    for found in (import_folder(tmp_path / "one"), import_gguf(tmp_path / "one.gguf")):
        for talk in TALKS:
            assert render_prompt(found.tokenizer, talk) == render_prompt(words, talk)
