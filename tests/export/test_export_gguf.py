"""GGUF files: what stands in them, and that llama.cpp computes from them what we compute."""

import dataclasses
from pathlib import Path

import exporting
import numpy as np
import pytest
import torch

from acorn.errors import StorageError, UserError
from acorn.export import verify
from acorn.export.gguf_out import TYPES, export_gguf, gguf_tensors, modelfile
from acorn.export.stock import stock_form

gguf = pytest.importorskip("gguf")


@pytest.fixture(scope="module")
def words():
    return exporting.tokenizer()


def never(text):
    raise AssertionError(f"said {text!r}")


def write(stock, words, path, kind="F32", say=never):
    export_gguf(stock, words, "oak", path, kind, say)
    return gguf.GGUFReader(path)


def field(reader, key):
    return reader.get_field(key).contents()


def test_what_the_file_says(words, tmp_path):
    model = exporting.make("nano")
    reader = write(stock_form(model), words, tmp_path / "oak.gguf")
    said = {key: field(reader, key) for key in reader.fields if not key.startswith(("GGUF", "tokenizer"))}
    assert said == {
        "general.architecture": "apertus", "general.type": "model", "general.name": "oak", "general.file_type": 0,
        "general.quantization_version": 2, "apertus.context_length": 128, "apertus.embedding_length": 64,
        "apertus.block_count": 2, "apertus.feed_forward_length": 256, "apertus.attention.head_count": 4,
        "apertus.attention.head_count_kv": 2, "apertus.attention.key_length": 16, "apertus.attention.value_length": 16,
        "apertus.attention.layer_norm_rms_epsilon": pytest.approx(1e-6), "apertus.rope.dimension_count": 16,
        "apertus.rope.freq_base": 100000.0, "apertus.vocab_size": 320,
        "xielu.alpha_p": pytest.approx([0.54132485] * 2), "xielu.alpha_n": [-60.0] * 2, "xielu.beta": [0.0] * 2,
        "xielu.eps": pytest.approx([-1e-6] * 2),
    }  # fmt: skip
    tokens, kinds = field(reader, "tokenizer.ggml.tokens"), field(reader, "tokenizer.ggml.token_type")
    ordinary = len(words.ordinary)
    assert len(tokens) == 320 and tokens[ordinary] == "<|bos|>" and "Ġthe" in tokens
    assert kinds == [1] * ordinary + [3] * 11 + [5] * (320 - words.n_vocab)
    end = words.special("<|assistant_end|>")
    ids = {name: field(reader, f"tokenizer.ggml.{name}_token_id") for name in ("bos", "eos", "eot", "eom", "padding")}
    assert ids == {"bos": words.bos, "eos": end, "eot": end, "eom": words.bos, "padding": end}
    assert field(reader, "tokenizer.ggml.pre") == "llama-bpe" and field(reader, "tokenizer.ggml.add_bos_token") is True
    assert "assistant_start" in field(reader, "tokenizer.chat_template")


@pytest.mark.parametrize("name", exporting.CONFIGS)
def test_float32_holds_our_bits(name, tmp_path):
    stock, words = stock_form(exporting.make(name)), exporting.tokenizer(name)
    reader = write(stock, words, tmp_path / "oak.gguf")
    found = {t.name: t.data.reshape([int(n) for n in reversed(t.shape)]) for t in reader.tensors}
    expected = gguf_tensors(stock)
    assert found.keys() == expected.keys()
    for key, tensor in expected.items():
        np.testing.assert_array_equal(found[key], tensor.numpy())


def test_kinds_of_tensors(words, tmp_path):
    stock = stock_form(exporting.make("gpt2"))
    kinds = {}
    for kind in TYPES:
        reader = write(stock, words, tmp_path / f"{kind}.gguf", kind)
        kinds[kind] = {t.name: t.tensor_type.name for t in reader.tensors}
    for name in ("output_norm.weight", "output_norm.bias", "blk.0.attn_qkv.bias", "position_embd.weight"):
        assert {kinds[kind][name] for kind in TYPES} == {"F32"}
    assert all(kinds[kind]["blk.1.ffn_up.weight"] == kind for kind in TYPES)
    assert kinds["Q4_0"]["token_embd.weight"] == "Q8_0"
    sizes = [(tmp_path / f"{kind}.gguf").stat().st_size for kind in ("F32", "BF16", "Q8_0", "Q4_0")]
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize("kind, error", [("BF16", 2**-8), ("F16", 2**-10), ("Q8_0", 0.006), ("Q4_0", 0.126)])
def test_rounding_is_as_small_as_the_type_allows(kind, error, words, tmp_path):
    """error: of each number, relative to the largest of its row."""
    stock = stock_form(exporting.make("llama"))
    model, _, _ = verify.read_back(stock, exported(stock, words, tmp_path / "x.gguf", kind))
    for name, ours in stock.tensors.items():
        rounded = model.state_dict()[name]
        assert ((rounded - ours).abs() <= error * ours.abs().amax(-1, keepdim=True)).all(), name


def exported(stock, words, path, kind):
    write(stock, words, path, kind)
    return path


def test_rows_that_no_block_fits_stay_whole(words, tmp_path):
    config = dataclasses.replace(exporting.CONFIGS["nano"], n_embd=40)
    said = []
    write(stock_form(exporting.make("", config=config)), words, tmp_path / "x.gguf", "Q8_0", said.append)
    assert said[0] == "token_embd.weight stays F32: its rows of 40 are no multiple of Q8_0's blocks of 32"
    assert len(said) == 2 + 2 * 5  # all but ffn_down, whose rows have 160


def test_nothing_is_replaced_unasked(words, tmp_path):
    stock, path = stock_form(exporting.make("nano")), tmp_path / "oak.gguf"
    path.write_text("dear")
    with pytest.raises(UserError) as e:
        write(stock, words, path)
    assert (e.value.message, e.value.hint) == (f"{path} exists already", "--force replaces it")
    with pytest.raises(UserError) as e:
        write(stock, words, tmp_path / "oak.bin")
    assert (
        e.value.message == f"{tmp_path / 'oak.bin'} does not end in .gguf, by which llama.cpp's tools know such files"
    )
    assert path.read_text() == "dear" and len(list(tmp_path.iterdir())) == 1


def test_a_file_is_whole_or_not_there(words, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(gguf.GGUFWriter, "write_tensors_to_file", full)
    with pytest.raises(StorageError, match="cannot write .*oak.gguf: No space left on device"):
        write(stock_form(exporting.make("nano")), words, tmp_path / "oak.gguf")
    assert not list(tmp_path.iterdir())


def test_what_llama_cpp_cannot_read_is_named(words, tmp_path):
    config = dataclasses.replace(exporting.CONFIGS["llama3"], qk_norm=True)
    with pytest.raises(UserError) as e:
        write(stock_form(exporting.make("", config=config)), words, tmp_path / "x.gguf")
    assert e.value.message == (
        "llama.cpp reads Llama 3's stretched rotary frequencies (rope_scaling llama3) for llama only, "
        "this model is qwen3"
    )
    other = exporting.train_bpe(exporting.TEXTS, exporting.VOCAB, pattern=r"\S+|\s+")
    with pytest.raises(UserError) as e:
        write(stock_form(exporting.make("nano")), other, tmp_path / "x.gguf")
    assert e.value.message.startswith("llama.cpp has no name for the way this tokenizer cuts text: (('Split', ")
    assert not list(tmp_path.iterdir())


def test_the_modelfile_of_ollama(words):
    assert modelfile(words, "oak.gguf", 512) == (
        "FROM ./oak.gguf\n"
        'TEMPLATE """{{- range .Messages }}<|{{ .Role }}_start|>{{ .Content }}<|{{ .Role }}_end|>{{ end }}'
        '<|assistant_start|>"""\n'
        'PARAMETER stop "<|assistant_end|>"\nPARAMETER stop "<|bos|>"\n'
        "PARAMETER num_ctx 512\nPARAMETER temperature 0.6\nPARAMETER top_k 50\n"
    )


# --- llama.cpp --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", exporting.CONFIGS)
def test_llama_cpp_computes_what_we_compute(name, tmp_path):
    pytest.importorskip("xllamacpp")
    stock, words, path = stock_form(exporting.make(name)), exporting.tokenizer(name), tmp_path / "oak.gguf"
    write(stock, words, path)
    checks = verify.verify_gguf(stock, words, path, "F32", list(verify.TEXTS))
    assert all(check.holds for check in checks), checks


@pytest.mark.parametrize("kind", ["F16", "BF16", "Q8_0", "Q4_0"])
def test_llama_cpp_loads_every_type(kind, words, tmp_path):
    pytest.importorskip("xllamacpp")
    stock, path = stock_form(exporting.make("nano")), tmp_path / "oak.gguf"
    write(stock, words, path, kind)
    checks = verify.verify_gguf(stock, words, path, kind, list(verify.TEXTS))
    assert all(check.holds for check in checks), checks


def test_llama_cpps_probabilities_are_ours(words, tmp_path):
    pytest.importorskip("xllamacpp")
    model, path = exporting.make("nano"), tmp_path / "oak.gguf"
    write(stock_form(model), words, path)
    ids = [words.bos, *words.encode("the oak and the")]
    theirs = verify.LlamaCpp(path, 128).log_probabilities(ids, exporting.VOCAB, words.encode("a")[0])
    ours = torch.log_softmax(model(torch.tensor([ids]))[0, -1], -1)
    assert len(theirs) == exporting.VOCAB
    assert max(abs(ours[i].item() - p) for i, p in theirs.items()) < 1e-4


def test_export_gguf(acorn, workplace, words):
    exporting.save(Path("runs/oak"), exporting.make("nano"), words)
    code, out, err = acorn("export", "gguf", "oak", "out/oak.gguf", "--type", "Q8_0")
    assert code == 0, err
    assert out == "next: ollama create oak -f out/oak.Modelfile\n"
    assert sorted(p.name for p in Path("out").iterdir()) == ["oak.Modelfile", "oak.gguf"]
    assert "runs/oak/sft/checkpoint-000003 -> out/oak.gguf: apertus, Q8_0, 0.2 MB; out/oak.Modelfile" in err


@pytest.mark.parametrize("package", ["gguf", "xllamacpp"])
def test_a_missing_package_is_named(package, acorn, workplace, words, monkeypatch):
    exporting.save(Path("runs/oak"), exporting.make("nano"), words)
    monkeypatch.setitem(__import__("sys").modules, package, None)
    code, _, err = acorn("export", "gguf", "oak", "oak.gguf", "--verify")
    assert code == 2 and f"needs the Python package {package}, which is not installed" in err
    assert not Path("oak.gguf").exists()
