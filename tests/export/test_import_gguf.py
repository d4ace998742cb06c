"""GGUF files come in as llama.cpp's own package reads them; damaged and hostile ones are refused in one sentence."""

import json
import resource
import shutil
import struct
import time

import gguf
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from importing import CHATML, gguf_file, gguf_tensors, hf_folder, train
from safetensors.torch import save_file
from tokenizers import pre_tokenizers

from acorn.checkpoint import load_model
from acorn.errors import UserError
from acorn.export.gguf_file import GGUF, TYPES, dequantise
from acorn.export.gguf_in import import_gguf
from acorn.export.hf_in import import_folder
from acorn.export.names import table, to_theirs

IDS = torch.randint(0, 300, (2, 40), generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return gguf_file(tmp_path_factory.mktemp("gguf") / "tiny.gguf")


def refusal(path) -> str:
    with pytest.raises(UserError) as e:
        import_gguf(path)
    assert len(str(e.value)) < 1500
    return str(e.value)


@pytest.mark.parametrize("kind", [name for name, _, _ in TYPES.values()])
def test_every_type_reads_as_ggufs_own_package_reads_it(tmp_path, kind):
    path = gguf_file(tmp_path / "x.gguf", kind)
    file, theirs = GGUF(path), gguf.GGUFReader(path)
    assert set(file.tensors) == {t.name for t in theirs.tensors}
    for t in theirs.tensors:
        expected = gguf.quants.dequantize(t.data, t.tensor_type)
        assert np.array_equal(file.read(t.name).numpy(), expected) and file.read(t.name).dtype == torch.float32


def test_dequantising_is_exact_for_any_bits():
    raw = np.random.default_rng(0).integers(0, 256, 34 * 20 * 18, dtype=np.uint8)
    for number, (kind, _, size) in TYPES.items():
        some = raw[: len(raw) // size * size]
        with np.errstate(all="ignore"):
            expected = gguf.quants.dequantize(some.reshape(1, -1), gguf.GGMLQuantizationType(number)).ravel()
            assert np.array_equal(dequantise(some, kind), expected, equal_nan=True), kind


@pytest.mark.parametrize("kind", ["F32", "Q8_0", "Q4_1"])
def test_logits_are_those_of_transformers_own_loading(tmp_path, kind):
    pytest.importorskip("accelerate")  # transformers wants it for this
    from transformers import AutoModelForCausalLM

    path = gguf_file(tmp_path / "x.gguf", kind)
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path, gguf_file="x.gguf", dtype=torch.float32).eval()
    found = import_gguf(path)
    with torch.no_grad():
        assert (found.model(IDS) - theirs(IDS).logits).abs().max() < 2e-5
    assert found.about["types"] == sorted({kind, "F32"})


def test_float32_goes_out_as_it_came_in(tiny):
    found = import_gguf(tiny)
    back = to_theirs(table("llama", "gguf", found.model.config), found.model.state_dict())
    stored = gguf_tensors()
    assert back.keys() == stored.keys()
    assert all(np.array_equal(back[name].numpy(), stored[name]) for name in stored)


def test_a_run_with_tokenizer_and_template(tiny, workplace, acorn):
    code, out, err = acorn("import", "gguf", str(tiny), "--run", "x")
    assert (code, err) == (0, "") and "acorn chat x" in out
    _, tokenizer, _ = load_model("x")
    library = train()
    assert tokenizer.template == CHATML and tokenizer.stops == {0, 2} and tokenizer.bos == 0
    for text in ("the oak 1234", "naïve 北京\n\n  x", "<|im_end|> a"):
        assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.encode("the oak 1234\n") == library.encode("the oak 1234\n").ids
    assert acorn("chat", "x", "-p", "hi", "--max-tokens", "4")[0] == 0


def test_digits_of_smollm_and_unknown_splits(tmp_path):
    split = pre_tokenizers.Sequence([pre_tokenizers.Digits(True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    library = train(split)
    found = import_gguf(gguf_file(tmp_path / "x.gguf", library=library, pre="smollm"))
    text = "1234 the  12 oaks\n 3"
    assert found.tokenizer.encode(text) == library.encode(text).ids
    assert "in the way 'tekken', which is not known here" in refusal(gguf_file(tmp_path / "x.gguf", pre="tekken"))
    assert "of the kind 'llama'" in refusal(gguf_file(tmp_path / "x.gguf", model="llama"))


# --- bad input --------------------------------------------------------------------------------------------------------


def test_tensors_that_do_not_fit_are_listed(tmp_path):
    tensors = gguf_tensors()
    del tensors["blk.1.ffn_up.weight"], tensors["output_norm.weight"]
    tensors["blk.0.attn_q.bias"], tensors["blk.0.attn_k.weight"] = np.ones(64, "f4"), np.ones((64, 64), "f4")
    tensors["blk.0.ffn_gate_inp.weight"] = np.ones((4, 64), "f4")
    text = refusal(gguf_file(tmp_path / "x.gguf", tensors=tensors))
    assert "missing: blk.0.attn_k.bias" in text and "blk.0.ffn_gate_inp.weight" in text
    assert "blk.0.attn_k.weight is 64x64 and should be 32x64" in text


@pytest.mark.parametrize(
    "more, said",
    [
        ({"architecture": "mamba"}, "the architecture 'mamba'; supported are llama"),
        ({"block_count": 10**9}, "claims 1,000,000,000 layers"),
        ({"block_count": 3}, "claims 3 layers and has tensors of 2"),
        ({"context_length": 1 << 31}, "a context of"),
        ({"attention.head_count": 0}, "at least 1"),
        ({"attention.head_count": 3}, "impossible model shape"),
        ({"embedding_length": 1 << 30}, "no tensor in it is that large"),
        ({"feed_forward_length": 64}, "of a wrong shape"),
    ],
)
def test_metadata_that_is_refused(tmp_path, more, said):
    assert said in refusal(gguf_file(tmp_path / "x.gguf", **more))


def test_a_quantisation_that_is_not_read_is_named(tmp_path):
    assert "in Q5_0" in refusal(gguf_file(tmp_path / "x.gguf", "Q5_0")) and "read are F32" in refusal(
        tmp_path / "x.gguf"
    )
    assert "in IQ4_NL" in refusal(
        patched(gguf_file(tmp_path / "y.gguf"), b"output.weight", 13 + 4 + 16, struct.pack("<I", 20))
    )


def patched(path, after: bytes, skip: int, new: bytes):
    data = bytearray(path.read_bytes())
    at = data.index(after, data.index(b"token_embd.weight") - 20) + skip
    data[at : at + len(new)] = new
    path.write_bytes(data)
    return path


def test_files_that_are_no_gguf(tmp_path, tiny):
    path, whole = tmp_path / "x.gguf", tiny.read_bytes()
    assert "No such file" in refusal(path)
    for data, said in {
        b"": "it is no GGUF file", b"PK\x03\x04 a pickle": "it is no GGUF file", b"GGUF": "cut off",
        b"GGUF" + struct.pack("<I", 1) + whole[8:]: "version 1",
        b"GGUF" + struct.pack(">I", 3) + whole[8:]: "big-endian",
        b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 3): "claims 1,152,921,504,606,846,976 tensors",
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1 << 40): "metadata entries",
        b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1 << 50) + bytes(99): "claims a text of",
        whole[:-1]: "cut off", whole[: len(whole) // 2]: "cut off", whole[:3000]: "cut off",
    }.items():  # fmt: skip
        path.write_bytes(data)
        assert said in refusal(path), said


def header(*pairs: tuple[str, int, bytes], tensors: bytes = b"", n: int = 0) -> bytes:
    text = b"".join(
        struct.pack("<Q", len(k)) + k.encode() + struct.pack("<I", kind) + value for k, kind, value in pairs
    )
    return b"GGUF" + struct.pack("<IQQ", 3, n, len(pairs)) + text + tensors


def tensor(name: str, dims: tuple[int, ...], kind: int = 0, offset: int = 0) -> bytes:
    return struct.pack(f"<Q{len(name)}sI{len(dims)}QIQ", len(name), name.encode(), len(dims), *dims, kind, offset)


@pytest.mark.parametrize(
    "data, said",
    [
        (header(("a", 9, struct.pack("<IQ", 4, 1 << 61))), "cut off"),
        (header(("a", 9, struct.pack("<IQ", 8, 1 << 20))), "claims 1,048,576 texts"),
        (header(("a", 9, struct.pack("<IQ", 9, 1))), "an array of type 9"),
        (header(("a", 77, b"")), "metadata of type 77"),
        (header(("a", 0, b"1"), ("a", 0, b"1")), "twice"),
        (header(("general.alignment", 4, struct.pack("<I", 0))), "general.alignment is 0"),
        (header(("general.alignment", 4, struct.pack("<I", 48))), "general.alignment is 48"),
        (header(tensors=tensor("a", (1 << 40, 1 << 40)), n=1), "ends at byte"),
        (header(tensors=tensor("a", (4, 0)), n=1), "of shape (0, 4)"),
        (header(tensors=tensor("a", (33,), 8), n=1), "of shape (33,)"),
        (header(tensors=tensor("a", (4,), 0, 7), n=1), "at offset 7"),
        (header(tensors=tensor("a", (4,), 0, 1 << 63), n=1), "ends at byte"),
        (header(tensors=tensor("a", (1,) * 9), n=1), "9 dimensions"),
        (header(tensors=tensor("a", (4,)) * 2, n=2), "twice"),
        (header(tensors=tensor("a", (40,)) + tensor("b", (40,)), n=2), "overlap"),
    ],
)  # fmt: skip
def test_headers_made_to_hurt(tmp_path, data, said):
    (tmp_path / "x.gguf").write_bytes(data + bytes(200))
    assert said in refusal(tmp_path / "x.gguf")


# --- fuzz -------------------------------------------------------------------------------------------------------------

NUMBERS = st.sampled_from(
    [0, 1, 2, 31, 255, 1 << 16, (1 << 31) - 1, (1 << 32) - 1, 1 << 40, (1 << 63) - 1, (1 << 64) - 1]
)
EDIT = st.one_of(
    st.tuples(st.just("byte"), st.integers(0, 1 << 20), st.integers(0, 255)),
    st.tuples(st.just("u64"), st.integers(0, 1 << 20), NUMBERS),
    st.tuples(st.just("u32"), st.integers(0, 1 << 20), NUMBERS.map(lambda n: n & 0xFFFFFFFF)),
    st.tuples(st.just("cut"), st.integers(0, 1 << 20), st.just(0)),
    st.tuples(st.just("drop"), st.integers(0, 1 << 20), st.integers(1, 64)),
)


def mutate(data: bytes, edits, most: int) -> bytes:
    data = bytearray(data)
    for kind, at, value in edits:
        at %= max(1, min(most, len(data)))
        if kind == "byte":
            data[at : at + 1] = bytes([value])
        elif kind == "cut":
            del data[at:]
        elif kind == "drop":
            del data[at : at + value]
        else:
            size = 8 if kind == "u64" else 4
            data[at : at + size] = value.to_bytes(size, "little")
    return bytes(data)


def survives(load, seconds: float = 5.0) -> None:
    """load() works or raises UserError, soon, and without much memory."""
    before, begin = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    try:
        load()
    except UserError as e:
        assert len(str(e)) < 4000
    assert time.monotonic() - begin < seconds
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000, "kilobytes"


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory, tiny):
    """A folder with a GGUF and a Hugging Face folder to spoil; whole.* is what they were."""
    folder = tmp_path_factory.mktemp("fuzz")
    hf_folder(folder / "hf")
    shutil.copy(tiny, folder / "whole.gguf")
    shutil.copy(folder / "hf/model.safetensors", folder / "whole.safetensors")
    return folder


FUZZ = settings(max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck), database=None)


@FUZZ
@given(edits=st.lists(EDIT, min_size=1, max_size=4), near=st.booleans())
def test_fuzzed_gguf(fuzzed, edits, near):
    data = (fuzzed / "whole.gguf").read_bytes()
    length = 1600 if near else data.index(b"blk.1.ffn_norm.weight") + 200
    (fuzzed / "x.gguf").write_bytes(mutate(data, edits, length))
    survives(lambda: import_gguf(fuzzed / "x.gguf"))


@FUZZ
@given(edits=st.lists(EDIT, min_size=1, max_size=4), near=st.booleans())
def test_fuzzed_safetensors(fuzzed, edits, near):
    data = (fuzzed / "whole.safetensors").read_bytes()
    length = 16 if near else 8 + int.from_bytes(data[:8], "little")
    (fuzzed / "hf/model.safetensors").write_bytes(mutate(data, edits, length))
    survives(lambda: import_folder(fuzzed / "hf"))


VALUE = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.floats() | st.sampled_from(["", "x", "llama", "../x"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "x", "vocab"]), inner, max_size=3)
    ),
    max_leaves=4,
)


@settings(FUZZ, max_examples=150)
@given(name=st.sampled_from(["config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json"]),
       changes=st.lists(st.tuples(st.integers(0, 500), VALUE), min_size=1, max_size=2))  # fmt: skip
def test_fuzzed_json(fuzzed, name, changes):
    shutil.copy(fuzzed / "whole.safetensors", fuzzed / "hf/model.safetensors")
    path = fuzzed / "hf" / name
    whole = path.read_text()
    try:
        values = json.loads(whole)
        for number, value in changes:
            places = list(spots(values))
            inside, key = places[number % len(places)]
            inside[key] = value
        path.write_text(json.dumps(values))
        survives(lambda: import_folder(fuzzed / "hf"))
    finally:
        path.write_text(whole)


def spots(value, depth: int = 0):
    """(container, key) of the places in a JSON value that matter; a vocabulary's first entries stand for all."""
    items = list(value.items())[:12] if isinstance(value, dict) else list(enumerate(value))[:4]
    for key, inner in items:
        yield value, key
        if isinstance(inner, (dict, list)) and depth < 3:
            yield from spots(inner, depth + 1)


def test_safetensors_with_a_header_of_gigabytes(fuzzed):
    path = fuzzed / "hf/model.safetensors"
    save_file({"a": torch.ones(2)}, path)
    data = path.read_bytes()
    for size in (1 << 31, 1 << 33, 1 << 63):
        path.write_bytes(size.to_bytes(8, "little") + data[8:])
        survives(lambda: import_folder(fuzzed / "hf"))
