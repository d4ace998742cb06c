"""Folders for transformers: the stock class computes what we compute, on the tokens that we make."""

import json
from pathlib import Path

import exporting
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError
from safetensors.torch import load_file

from acorn.errors import StorageError, UserError
from acorn.export import hf_out, verify
from acorn.export.card import model_card
from acorn.export.hf_out import export_hf
from acorn.export.stock import largest_activation, stock_form
from acorn.export.tokens import chat_template
from acorn.tokenizer.chat import SPECIALS, encode
from acorn.tokenizer.train import train_chars


@pytest.fixture(scope="module")
def words():
    return exporting.tokenizer()


@pytest.mark.parametrize("name", exporting.CONFIGS)
def test_the_stock_class_computes_what_we_compute(name, tmp_path):
    pytest.importorskip("transformers")
    model, words, out = exporting.make(name), exporting.tokenizer(name), tmp_path / "out"
    stock = stock_form(model)
    export_hf(stock, words, "card", out, "f32")
    checks = verify.verify_hf(stock, model, words, out, "f32", verify.texts_of(tmp_path, words))
    assert len(checks) == (4 if words.template is None and words.kind == "foreign" else 5)
    assert all(check.holds for check in checks), checks


def test_qwen2_comes_with_its_own_tokenizer(words, tmp_path):
    with pytest.raises(UserError) as e:
        export_hf(stock_form(exporting.make("qwen2")), words, "card", tmp_path / "out")
    assert e.value.message == (
        "transformers gives every Qwen2ForCausalLM Qwen's own tokenizer, and this model has another one"
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("dtype", ["bf16", "f16"])
def test_half_precision_holds_the_rounded_weights(dtype, words, tmp_path):
    pytest.importorskip("transformers")
    model, out = exporting.make("nano"), tmp_path / "out"
    stock = stock_form(model)
    export_hf(stock, words, "card", out, dtype)
    tensors = load_file(out / "model.safetensors")
    assert tensors["model.layers.0.mlp.up_proj.weight"].dtype == hf_out.DTYPES[dtype]
    assert tensors["model.layers.0.mlp.act_fn.alpha_p"].dtype == torch.float32
    checks = verify.verify_hf(stock, model, words, out, dtype, list(verify.TEXTS))
    assert all(check.holds for check in checks), checks


def test_verify_sees_a_wrong_weight(words, tmp_path):
    pytest.importorskip("transformers")
    model, out = exporting.make("llama"), tmp_path / "out"
    export_hf(stock_form(model), words, "card", out, "f32")
    with torch.no_grad():
        model.blocks[1].mlp.up.weight[0, 0] += 1
    checks = verify.verify_hf(stock_form(model), model, words, out, "f32", list(verify.TEXTS))
    assert [check.holds for check in checks] == [False, True, True, True, True]
    assert (checks[0].what, checks[0].found) == ("LlamaForCausalLM: tensors are ours, as f32", "20 of 21")


def test_what_the_folder_says(words, tmp_path):
    export_hf(stock_form(exporting.make("nano")), words, "card\n", tmp_path / "oak")
    assert sorted(p.name for p in (tmp_path / "oak").iterdir()) == [
        "README.md", "config.json", "generation_config.json", "model.safetensors", "special_tokens_map.json",
        "tokenizer.json", "tokenizer_config.json",
    ]  # fmt: skip
    read = lambda name: json.loads((tmp_path / "oak" / name).read_text())
    end, bos = words.special("<|assistant_end|>"), words.bos
    config = read("config.json")
    assert config["architectures"] == ["ApertusForCausalLM"] and config["dtype"] == "bfloat16"
    assert config["rope_parameters"] == {"rope_type": "default", "rope_theta": 100000.0}
    assert config["eos_token_id"] == read("generation_config.json")["eos_token_id"] == [end, bos]
    assert "acorn" not in read("tokenizer.json")["model"]
    assert read("special_tokens_map.json")["eos_token"] == "<|assistant_end|>"
    assert (tmp_path / "oak" / "model.safetensors").stat().st_mode & 0o077  # not for us alone
    assert [p.name for p in tmp_path.iterdir()] == ["oak"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), SafetensorError("No space left on device")])
def test_an_export_is_whole_or_not_there(error, words, tmp_path, monkeypatch):
    stock, out = stock_form(exporting.make("nano")), tmp_path / "oak"
    export_hf(stock, words, "first", out)

    def full(*_, **__):
        raise error

    monkeypatch.setattr(hf_out, "save_file", full)
    with pytest.raises(StorageError) as e:
        export_hf(stock, words, "second", out, force=True)
    assert e.value.message == f"cannot write {out}: No space left on device"
    assert (out / "README.md").read_text() == "first"
    assert [p.name for p in tmp_path.iterdir()] == ["oak"]


def test_nothing_is_replaced_unasked(words, tmp_path):
    stock, out = stock_form(exporting.make("nano")), tmp_path / "oak"
    export_hf(stock, words, "first", out)
    with pytest.raises(UserError) as e:
        export_hf(stock, words, "second", out)
    assert (e.value.message, e.value.hint) == (f"{out} holds a model already", "--force replaces it")
    export_hf(stock, words, "second", out, force=True)
    assert (out / "README.md").read_text() == "second"
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1").write_text("years of work")
    with pytest.raises(UserError, match="thesis exists and is no exported model; it is left alone"):
        export_hf(stock, words, "x", tmp_path / "thesis", force=True)


# --- conversations ----------------------------------------------------------------------------------------------------

TEXT = st.text(max_size=20) | st.sampled_from(
    ["<|user_end|>", "a<|bos|>b", "<|<|bos|>bos|>", " \n", "{{ x }}", "<|oak|>"]
)
PART = st.builds(lambda kind, text: {"type": kind, "text": text}, st.sampled_from(["text", "python", "output"]), TEXT)
TALK = st.lists(
    st.builds(lambda role, content: {"role": role, "content": content},
              st.sampled_from(["system", "user", "assistant"]), TEXT | st.lists(PART, max_size=4)),
    max_size=5,
)  # fmt: skip


def broken_up(text: str) -> str:
    for name in SPECIALS:
        text = text.replace(name, name[:2] + " " + name[2:])
    return text


@settings(deadline=None, max_examples=150)
@given(TALK)
def test_the_template_renders_what_chat_renders(talk):
    """As text, and so the same tokens, as no content holds the name of a control token any more."""
    jinja2 = pytest.importorskip("jinja2")
    words = exporting.tokenizer() if not WORDS else WORDS[0]
    WORDS[:] = [words]
    env = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)  # as transformers and vLLM set it
    text = env.from_string(chat_template()).render(messages=talk, bos_token="<|bos|>", add_generation_prompt=False)
    plain = [
        {**m, "content": broken_up(m["content"]) if isinstance(m["content"], str)
         else [{**part, "text": broken_up(part["text"])} for part in m["content"]]}
        for m in talk
    ]  # fmt: skip
    assert text == words.decode(encode(words, plain)[0])
    assert text.count("<|bos|>") == 1


WORDS: list = []


# --- float16 ----------------------------------------------------------------------------------------------------------


def test_the_largest_activation_is_found():
    model = exporting.make("nano")
    with torch.no_grad():
        model.blocks[1].mlp.up.weight.mul_(1000)
    largest, where = largest_activation(model, [[1, 2, 3]])
    assert where == "into blocks.1.mlp.down"
    seen = []
    model.blocks[1].mlp.down.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].abs().max().item()))
    model(torch.tensor([[1, 2, 3]]))
    assert largest == seen[0] > 65504


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def run(workplace, words):
    exporting.save(Path("runs/oak"), exporting.make("nano"), words)
    return "oak"


def test_export_hf(acorn, run):
    code, out, err = acorn("export", "hf", run, "out/oak", "--json")
    assert code == 0, err
    assert json.loads(out) == {
        "out": "out/oak", "checkpoint": "runs/oak/sft/checkpoint-000003", "checks": [], "verified": None,
    }  # fmt: skip
    assert "runs/oak/sft/checkpoint-000003 -> out/oak: ApertusForCausalLM, bf16, 0.3 MB" in err
    card = Path("out/oak/README.md").read_text()
    assert "It has not been evaluated." in card and "vllm serve oak" in card and "float16 ends at 65,504" in card


def test_export_hf_verified(acorn, run):
    pytest.importorskip("transformers")
    code, out, err = acorn("export", "hf", run, "out", "--dtype", "f32", "--verify")
    assert code == 0, out + err
    assert out.startswith("ok    ApertusForCausalLM: tensors are ours, as f32") and "next: vllm serve out" in out


def test_a_failed_verification_exits_with_1(acorn, run, monkeypatch):
    pytest.importorskip("transformers")
    monkeypatch.setattr(verify, "verify_hf", lambda *_: [verify.Check("logits", "3.0 off", False)])
    code, out, _ = acorn("export", "hf", run, "out", "--verify")
    assert (code, out) == (1, "FAIL  logits  3.0 off\n")


def test_without_transformers(acorn, run, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    code, _, err = acorn("export", "hf", run, "out", "--verify")
    assert code == 2 and "error: --verify needs the Python package transformers, which is not installed\n  try: " in err
    assert "-m pip install transformers, or leave --verify out" in err
    assert not Path("out").exists()


def test_float16_is_refused_where_it_overflows(acorn, workplace, words):
    model = exporting.make("nano")
    with torch.no_grad():
        model.blocks[1].mlp.up.weight.mul_(1000)
    exporting.save(Path("runs/loud"), model, words)
    code, _, err = acorn("export", "hf", "loud", "out", "--dtype", "f16")
    assert code == 2 and not Path("out").exists()
    assert "error: float16 cannot hold what this model computes: " in err
    assert "went into blocks.1.mlp.down, and float16 ends at 65,504; runtimes would answer with garbage" in err
    assert "try: --dtype bf16" in err
    code, _, err = acorn("export", "gguf", "loud", "loud.gguf", "--type", "F16")
    assert code == 2 and "try: --type BF16" in err


def test_characters_go_to_transformers(acorn, workplace):
    words = train_chars(["hello world, 1234"])
    config = exporting.NanoConfig(words.n_vocab, 1, 2, 2, 16, 32)
    exporting.save(Path("runs/chars"), exporting.make("", config=config), words)
    code, _, err = acorn("export", "hf", "chars", "out")
    assert code == 0, err
    code, _, err = acorn("export", "gguf", "chars", "chars.gguf")
    assert code == 2 and not list(Path().glob("*.gguf"))
    assert "error: llama.cpp has no tokenizer with one token a character\n  try: acorn export hf" in err


# --- the card ---------------------------------------------------------------------------------------------------------


def test_the_card_shows_the_figures_of_the_run(words, tmp_path):
    stock, where = stock_form(exporting.make("nano")), tmp_path / "oak" / "sft" / "checkpoint-000003"
    where.mkdir(parents=True)
    evaluation = {
        "checkpoint": "runs/oak/sft/checkpoint-000002",
        "bpb": {"value": 1.23456, "documents": 1200},
        "tasks": {"sums": {"n": 50, "right": {"value": 0.5, "low": 0.36, "high": 0.64}, "samples": []}},
    }
    (tmp_path / "oak" / "eval.json").write_text(json.dumps(evaluation))
    stages = [{"name": "base", "steps": 1000, "tokens": 2000000, "seconds": 61.4}]
    (tmp_path / "oak" / "report.json").write_text(json.dumps({"stages": stages}))
    card = model_card(stock, words, "oak", where, "bf16")
    assert "## Figures of sft/checkpoint-000002, another checkpoint of this run" in card
    assert "1.2346 bits per byte of 1,200 held-out documents." in card
    assert "| sums | right | 50.0 % | 36.0–64.0 | 50 |" in card
    assert "| base | 1,000 | 2,000,000 | 61 |" in card
    (tmp_path / "oak" / "eval.json").write_text("[]")
    with pytest.raises(UserError, match=r"eval.json is not a JSON object"):
        model_card(stock, words, "oak", where, "bf16")
