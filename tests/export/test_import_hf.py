"""Folders of Hugging Face's come in with the same logits, bits and tokens; anything odd is refused."""

import json
import os
import shutil
import signal

import pytest
import torch
from children import Child
from importing import CHATML, SPECIALS, hf_folder, hf_models, save_tokenizer, train
from safetensors.torch import load_file, save_file

from acorn.checkpoint import load_model
from acorn.errors import UserError
from acorn.export.hf_in import import_folder
from acorn.export.names import ARCHITECTURES, table, to_theirs

IDS = torch.randint(0, 300, (2, 40), generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """name -> (folder, transformers model), each made once."""
    root, cache = tmp_path_factory.mktemp("hf"), {}

    def get(name):
        if name not in cache:
            cache[name] = root / name, hf_folder(root / name, name)
        return cache[name]

    return get


@pytest.fixture
def llama(made, tmp_path):
    """A copy to spoil."""
    shutil.copytree(made("llama")[0], tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize("name", ["llama", "tied", "llama3", "qwen2", "qwen3", "gpt2"])
def test_logits_and_bits_are_transformers(made, name):
    folder, theirs = made(name)
    found = import_folder(folder)
    with torch.no_grad():
        assert (found.model(IDS) - theirs(IDS).logits).abs().max() < 2e-5
    architecture = ARCHITECTURES[type(theirs).__name__][0]
    back = to_theirs(table(architecture, "hf", found.model.config), found.model.state_dict())
    stored = load_file(folder / "model.safetensors")
    assert back.keys() == stored.keys()
    assert all(torch.equal(back[key], stored[key]) for key in stored)


def test_the_command_makes_a_run_that_talks(made, workplace, acorn):
    code, out, err = acorn("import", "hf", str(made("llama")[0]), "--run", "x")
    assert (code, err) == (0, "") and "acorn chat x" in out
    assert sorted(p.name for p in (workplace / "runs").iterdir()) == ["x"]
    model, tokenizer, where = load_model("x")
    assert where.parts[-2:] == ("base", "checkpoint-000000") and tokenizer.template == CHATML
    assert tokenizer.stops == {0, 2} and tokenizer.bos == 0 and not tokenizer.adds_bos
    code, out, _ = acorn("chat", "x", "-p", "hi <|im_end|>", "--max-tokens", "5", "--json")
    assert code == 0 and json.loads(out)["prompt_tokens"] > 20
    assert acorn("sample", "x", "-p", "oak", "--max-tokens", "5")[0] == 0
    code, _, err = acorn("import", "hf", str(made("llama")[0]), "--run", "x")
    assert code == 2 and "runs/x exists already" in err
    code, _, err = acorn("import", "hf", str(made("llama")[0]), "--run", "../x")
    assert code == 2 and "letters, digits" in err


def test_shards_by_index(made, tmp_path):
    theirs = hf_folder(tmp_path / "m", "qwen3", max_shard_size="60KB")
    assert len(list((tmp_path / "m").glob("*.safetensors"))) > 2
    found = import_folder(tmp_path / "m")
    with torch.no_grad():
        assert (found.model(IDS) - theirs(IDS).logits).abs().max() < 2e-5


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_halves_become_float32_exactly(made, tmp_path, dtype):
    folder, _ = made("llama")
    shutil.copytree(folder, tmp_path / "m")
    halves = {name: t.to(dtype) for name, t in load_file(folder / "model.safetensors").items()}
    save_file(halves, tmp_path / "m/model.safetensors")
    embed = import_folder(tmp_path / "m").model.embed.weight
    assert embed.dtype == torch.float32 and torch.equal(embed, halves["model.embed_tokens.weight"].float())


def test_openais_own_names_masks_and_vocabulary_files(made, workplace, acorn):
    folder, theirs = made("gpt2")
    tensors = {n.removeprefix("transformer."): t for n, t in load_file(folder / "model.safetensors").items()}
    tensors |= {"h.0.attn.bias": torch.ones(1, 1, 128, 128), "h.1.attn.masked_bias": torch.tensor(-1e4)}
    tensors["lm_head.weight"] = tensors["wte.weight"].clone()
    new = workplace / "openai"
    new.mkdir()
    save_file(tensors, new / "model.safetensors")
    config = json.loads((folder / "config.json").read_text())
    del config["architectures"]
    (new / "config.json").write_text(json.dumps(config))
    library = train(specials=("<|endoftext|>",))
    library.model.save(str(new))  # vocab.json and merges.txt
    assert acorn("import", "gpt2", str(new), "--template", "plain")[0] == 0
    model, tokenizer, _ = load_model("gpt2")
    with torch.no_grad():
        assert (model(IDS) - theirs(IDS).logits).abs().max() < 2e-5
    assert tokenizer.encode("the oak 12 naïve") == library.encode("the oak 12 naïve").ids
    assert tokenizer.special("<|endoftext|>") == tokenizer.bos == 0
    from acorn.tokenizer.chat import render_prompt

    ids = render_prompt(tokenizer, [{"role": "user", "content": "hi"}])
    assert tokenizer.decode(ids) == "User: hi\n\nAssistant:"
    tensors["lm_head.weight"] += 1
    save_file(tensors, new / "model.safetensors")
    assert "lm_head.weight is not the embedding" in refusal(new)
    assert acorn("import", "gpt2", str(made("llama")[0]))[0] == 2


# --- bad input --------------------------------------------------------------------------------------------------------


def refusal(folder) -> str:
    with pytest.raises(UserError) as e:
        import_folder(folder)
    assert len(str(e.value)) < 1500
    return str(e.value)


def edit(path, **changes) -> None:
    values = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in values.items() if v is not None}))


def change(folder, spoil) -> None:
    tensors = load_file(folder / "model.safetensors")
    spoil(tensors)
    save_file(tensors, folder / "model.safetensors")


def test_missing_extra_and_misshapen_tensors_are_listed(llama):
    def spoil(tensors):
        del tensors["model.norm.weight"], tensors["model.layers.1.mlp.up_proj.weight"]
        tensors["model.layers.0.self_attn.sinks"] = torch.ones(4)
        tensors["model.embed_tokens.weight"] = torch.ones(319, 64)

    change(llama, spoil)
    text = refusal(llama)
    assert "2 missing: model.layers.1.mlp.up_proj.weight, model.norm.weight" in text
    assert "1 that the model has no place for: model.layers.0.self_attn.sinks" in text
    change(llama, lambda tensors: tensors.update({"model.layers.²." + "9" * 5000 + "\x1b[2J": torch.ones(1)}))
    assert "\x1b" not in refusal(llama)
    assert "model.embed_tokens.weight is 319x64 and should be 320x64" in text and "nothing was loaded" in text


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"architectures": ["MambaForCausalLM"]}, "'MambaForCausalLM'; supported are LlamaForCausalLM"),
        ({"architectures": None}, "supported are"),
        ({"hidden_act": "gelu"}, "hidden_act is 'gelu'"),
        ({"attention_bias": True}, "attention_bias is True"),
        ({"rope_parameters": {"rope_type": "yarn", "factor": 4.0}}, "rope_type is 'yarn'"),
        ({"hidden_size": None}, "has no hidden_size"),
        ({"hidden_size": "64"}, "hidden_size is '64'; expected int"),
        ({"num_hidden_layers": 10**9}, "claims 1,000,000,000 layers"),
        ({"num_hidden_layers": 1}, "claims 1 layers and has tensors of 2"),
        ({"hidden_size": 1 << 60}, "no tensor in it is that large"),
        ({"max_position_embeddings": 1 << 60}, "a context of"),
        ({"num_attention_heads": 0}, "at least 1"),
        ({"vocab_size": 200}, "300 tokens and embeddings for 200"),
    ],
)
def test_configs_that_are_refused(llama, changes, said):
    edit(llama / "config.json", **changes)
    assert said in refusal(llama)


def test_damaged_files_are_refused(llama):
    whole = (llama / "model.safetensors").read_bytes()
    for size in (0, 7, 100, len(whole) - 1):
        (llama / "model.safetensors").write_bytes(whole[:size])
        assert "damaged or cut off" in refusal(llama)
    (llama / "model.safetensors").write_bytes((1 << 62).to_bytes(8, "little") + whole[8:])
    assert "damaged or cut off" in refusal(llama)
    (llama / "model.safetensors").write_bytes(whole)
    change(llama, lambda tensors: tensors["model.norm.weight"].fill_(float("nan")))
    assert "norm.weight holds numbers that are not finite" in refusal(llama)
    change(llama, lambda tensors: tensors.update({"model.norm.weight": torch.ones(64, dtype=torch.float64)}))
    assert "tensors in F64" in refusal(llama)
    (llama / "config.json").write_text("[" * 100_000)
    assert "not JSON" in refusal(llama)
    (llama / "config.json").write_bytes(b"\xff")
    assert "not UTF-8" in refusal(llama)


@pytest.mark.parametrize("name", ["../m.safetensors", "/etc/passwd", "a/b.safetensors", "..", "m.bin", 7])
def test_an_index_that_leaves_the_folder(llama, name):
    (llama / "model.safetensors").rename(llama.parent / "m.safetensors")
    (llama / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"model.norm.weight": name}}))
    text = refusal(llama)
    assert "only *.safetensors beside it" in text or "no weight_map" in text


def test_shards_that_are_missing_or_say_it_twice(llama):
    index = llama / "model.safetensors.index.json"
    (llama / "model.safetensors").rename(llama / "a.safetensors")
    index.write_text(json.dumps({"weight_map": {"x": "a.safetensors", "y": "b.safetensors"}}))
    assert "b.safetensors is missing" in refusal(llama)
    shutil.copy(llama / "a.safetensors", llama / "b.safetensors")
    assert "in two files" in refusal(llama)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "consolidated.00.pth"])
def test_pickles_are_refused_with_a_way_out(llama, name):
    (llama / "model.safetensors").unlink()
    assert "no model.safetensors" in refusal(llama)
    (llama / name).write_bytes(b"\x80\x04cos\nsystem\n")
    for path in (llama, llama / name):
        text = refusal(path)
        assert "is a pickle" in text and "weights_only=True" in text


def test_tokenizers_that_are_refused(llama):
    path = llama / "tokenizer.json"
    file = json.loads(path.read_text())

    def with_model(**changes):
        path.write_text(json.dumps({**file, "model": {**file["model"], **changes}}))
        return refusal(llama)

    assert "SentencePiece, as in Llama 2" in with_model(byte_fallback=True)
    assert "its model is Unigram" in with_model(type="Unigram")
    assert "cannot use this tokenizer" in with_model(merges=[["x", "nope"]])
    assert "token id" in with_model(vocab={"a": 1 << 40})
    assert "the same id" in with_model(vocab={"a": 1, "b": 1})
    path.write_text(json.dumps({**file, "decoder": {"type": "Metaspace"}}))
    assert "not byte-level" in refusal(llama)
    path.write_text("{}")
    assert "no tokenizer" in refusal(llama)
    os.truncate(path, 1)
    assert "not JSON" in refusal(llama)


def test_templates_are_found_and_checked(llama, workplace, acorn):
    save_tokenizer(llama, train(), "{{ 1")
    code, _, err = acorn("import", "hf", str(llama), "--run", "x")
    assert code == 2 and "chat template" in err and "not valid" in err and not (workplace / "runs").exists()
    save_tokenizer(llama, train(), "x" * (1 << 19))
    assert "the chat template has 524,288 characters" in refusal(llama)
    edit(llama / "tokenizer_config.json", chat_template=[{"name": "default", "template": "A"}])
    assert import_folder(llama).tokenizer.template == "A"
    (llama / "chat_template.jinja").write_text("B")
    assert import_folder(llama).tokenizer.template == "B"
    (llama / "mine.jinja").write_text("C")
    assert import_folder(llama, str(llama / "mine.jinja")).tokenizer.template == "C"
    assert import_folder(llama, "none").tokenizer.template is None


def test_nothing_is_left_behind(llama, workplace, acorn, monkeypatch):
    edit(llama / "config.json", hidden_act="gelu")
    assert acorn("import", "hf", str(llama), "--run", "x")[0] == 2
    assert not (workplace / "runs").exists()
    edit(llama / "config.json", hidden_act="silu")
    (workplace / "runs/.x.import-999999999/base").mkdir(parents=True)  # of an import that was killed
    monkeypatch.setattr(
        "acorn.tokenizer.foreign.ForeignTokenizer.save", lambda *a: (_ for _ in ()).throw(OSError(28, "full"))
    )
    assert acorn("import", "hf", str(llama), "--run", "x")[0] == 74
    assert list((workplace / "runs").iterdir()) == []


def test_every_architecture_has_a_config():
    from acorn.export.hf_in import CONFIGS

    assert {architecture for architecture, _ in ARCHITECTURES.values()} == set(CONFIGS)
    assert set(hf_models()) and set(SPECIALS)


def test_tokens_that_steer_are_special_and_defaults_that_are_words_are_not(llama):
    library = train(specials=("<|endoftext|>", "<|im_start|>"))
    library.add_tokens(["<|im_end|>"])  # its makers forgot to call it special
    save_tokenizer(llama, library)
    end = library.token_to_id("<|im_end|>")
    (llama / "generation_config.json").write_text(json.dumps({"eos_token_id": [7, 299, 10**6]}))
    tokenizer = import_folder(llama).tokenizer
    assert tokenizer.stops == {0, end} == {tokenizer.bos, tokenizer.special("<|im_end|>")}
    assert end not in tokenizer.encode("a<|im_end|>b") and tokenizer.decode(tokenizer.encode("#a")) == "#a"


def test_a_killed_import_leaves_no_run_and_the_next_one_sweeps_up(llama, workplace, acorn):
    child = Child(import_and_be_killed, (str(llama),), workplace)
    assert child.wait() == -9
    (hidden,) = (workplace / "runs").iterdir()
    assert hidden.name.startswith(".x.import-") and (hidden / "base/checkpoint-000000").is_dir()
    assert json.loads(acorn("runs", "--json")[1])["runs"] == []
    assert "no run 'x' in runs/" in acorn("sample", "x")[2]
    assert acorn("import", "hf", str(llama), "--run", "x")[0] == 0
    assert [p.name for p in (workplace / "runs").iterdir()] == ["x"]


def import_and_be_killed(folder: str) -> None:
    """Killed by itself at the last moment, before the rename."""
    from acorn.cli import main
    from acorn.tokenizer.foreign import ForeignTokenizer

    save = ForeignTokenizer.save

    def save_once(self, path):
        if os.path.basename(os.path.dirname(path)).startswith(".x.import-"):
            os.kill(os.getpid(), signal.SIGKILL)
        save(self, path)

    ForeignTokenizer.save = save_once
    main(["import", "hf", folder, "--run", "x"])
