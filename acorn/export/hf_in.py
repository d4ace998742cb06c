"""A folder as transformers saves it -> one of our models and its tokenizer. Nothing in it is run, no pickle is read."""

import math
import re
from contextlib import ExitStack
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from acorn.errors import UserError
from acorn.export.fold import apertus_to_nano
from acorn.export.names import ARCHITECTURES
from acorn.export.tokenizer_in import read_json, tokenizer_from_folder
from acorn.export.weights_in import Imported, Source, load_weights
from acorn.model.gpt2 import GPT2Config
from acorn.model.llama import LlamaConfig

DTYPES = ("F32", "F16", "BF16")
# Buffers that old files hold beside the weights: GPT-2's causal masks, Llama's frequencies
BUFFERS = re.compile(r"(transformer\.)?h\.\d+\.attn\.(bias|masked_bias)|.*\.rotary_emb\.inv_freq")
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
CONVERT = (
    "python -c \"import torch, safetensors.torch as s; "
    "s.save_file({k: v.clone() for k, v in torch.load('FILE', weights_only=True).items()}, 'model.safetensors')\""
)  # fmt: skip


def import_folder(folder: Path, template: str | None = None, only: str | None = None) -> Imported:
    """only: the one class to take, such as GPT2LMHeadModel."""
    folder = Path(folder)
    if folder.suffix in PICKLES:
        raise pickled(folder)
    if not folder.is_dir():
        raise UserError(f"{folder} is no folder; expected one with config.json and *.safetensors")
    config = read_json(folder / "config.json")
    name = class_of(config, folder)
    if only not in (None, name):
        raise UserError(f"{folder} holds a {name}, not a {only}", f"acorn import hf {folder}")
    architecture, _ = ARCHITECTURES[name]
    with ExitStack() as files:
        source = open_weights(folder, files)
        shape = CONFIGS[architecture](Settings(config, folder))
        source = drop_known(source, architecture, shape)
        tokenizer = tokenizer_from_folder(folder, config, template)
        if tokenizer.n_vocab > shape.vocab_size:
            raise UserError(f"{folder} has {tokenizer.n_vocab:,} tokens and embeddings for {shape.vocab_size:,}")
        model = load_weights(source, architecture, "hf", shape)
    return Imported(model, tokenizer, {"from": "hf", "folder": folder.resolve().name, "architecture": name})


def class_of(config: dict, folder: Path) -> str:
    names = config.get("architectures")
    name = names[0] if isinstance(names, list) and names else None
    if name is None and config.get("model_type") == "gpt2":  # OpenAI's own files
        name = "GPT2LMHeadModel"
    if not isinstance(name, str) or name not in ARCHITECTURES:
        raise UserError(f"{folder} holds the architecture {name!r:.60}; supported are {', '.join(ARCHITECTURES)}")
    return name


# --- tensors ----------------------------------------------------------------------------------------------------------


def open_weights(folder: Path, files: ExitStack) -> Source:
    shapes, where = {}, {}
    for path in weight_files(folder):
        try:
            opened = files.enter_context(safe_open(path, framework="pt"))
            for name in opened.keys():
                if name in shapes:
                    raise UserError(f"{folder} has the tensor {name!r:.60} in two files")
                part = opened.get_slice(name)
                if part.get_dtype() not in DTYPES:
                    raise UserError(
                        f"{path} has tensors in {part.get_dtype()} ({name!r:.60}), which is not read; "
                        f"read are {', '.join(DTYPES)}"
                    )
                shapes[name], where[name] = tuple(part.get_shape()), opened
        except (SafetensorError, OSError, MemoryError) as e:
            raise UserError(f"{path} is damaged or cut off: {e}") from None
    return Source(str(folder), shapes, lambda name: where[name].get_tensor(name).float())


def weight_files(folder: Path) -> list[Path]:
    single, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if single.is_file():
        return [single]
    if index.is_file():
        names = read_json(index).get("weight_map")
        if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
            raise UserError(f"{index} is damaged: it has no weight_map of file names")
        for name in set(names.values()):
            if not re.fullmatch(r"[\w.-]+\.safetensors", name):
                raise UserError(f"{index} names the file {name!r:.100}; only *.safetensors beside it are read")
            if not (folder / name).is_file():
                raise UserError(f"{folder / name} is missing; {index.name} names it")
        return [folder / name for name in sorted(set(names.values()))]
    found = sorted(p for p in folder.iterdir() if p.suffix in PICKLES)
    if found:
        raise pickled(found[0])
    raise UserError(f"{folder} has no model.safetensors and no model.safetensors.index.json")


def pickled(path: Path) -> UserError:
    return UserError(
        f"{path} is a pickle: reading it can run whatever its maker put in, so acorn does not. Where it comes from "
        "somebody you trust, write it as safetensors first",
        CONVERT.replace("FILE", str(path)),
    )


def drop_known(source: Source, architecture: str, config) -> Source:
    """Without buffers or a head that repeats the embedding; GPT-2's names with the prefix that OpenAI left out."""
    names = {name: name for name in source.shapes if not BUFFERS.fullmatch(name)}
    if architecture == "gpt2":
        names = {n if n.startswith(("transformer.", "lm_head.")) else f"transformer.{n}": n for n in names}
    tied = architecture == "gpt2" or getattr(config, "tied", False)
    embed = names.get("transformer.wte.weight" if architecture == "gpt2" else "model.embed_tokens.weight")
    if tied and "lm_head.weight" in names and embed:
        head = names.pop("lm_head.weight")
        if source.shapes[head] != source.shapes[embed] or not torch.equal(source.read(head), source.read(embed)):
            raise UserError(f"{source.where}: lm_head.weight is not the embedding, though the config ties the two")
    shapes = {name: source.shapes[stored] for name, stored in names.items()}
    return Source(source.where, shapes, lambda name: source.read(names[name]))


# --- config.json ------------------------------------------------------------------------------------------------------


class Settings:
    """config.json, its values checked where they are used."""

    def __init__(self, values: dict, folder: Path):
        self.values, self.path = values, folder / "config.json"

    def get(self, key: str, kind=int, default=None):
        value = self.values.get(key)
        value = default if value is None else value
        if value is None:
            raise UserError(f"{self.path} has no {key}")
        right = type(value) is kind or (kind is float and type(value) is int)
        if not right or (kind is float and not math.isfinite(value)):
            raise UserError(f"{self.path}: {key} is {value!r:.60}; expected {kind.__name__}")
        return kind(value)

    def need(self, **wanted) -> None:
        """key=(allowed values): the first is what a missing one means."""
        for key, allowed in wanted.items():
            value = self.values.get(key)
            if value is not None and value not in allowed:
                known = ", ".join(repr(v) for v in allowed)
                raise UserError(f"{self.path}: {key} is {value!r:.60}, which is not supported (only {known})")


def llama(c: Settings) -> LlamaConfig:
    name = c.values["architectures"][0]
    c.need(hidden_act=("silu",), mlp_bias=(False,), attention_bias=(False,), use_sliding_window=(False,))
    kinds = c.values.get("layer_types") or []
    if not isinstance(kinds, list) or any(kind != "full_attention" for kind in kinds):
        raise UserError(f"{c.path}: layer_types has layers without full attention, which are not supported")
    embd, heads = c.get("hidden_size"), c.get("num_attention_heads")
    return LlamaConfig(
        vocab_size=c.get("vocab_size"),
        n_layer=c.get("num_hidden_layers"),
        n_head=heads,
        n_kv_head=c.get("num_key_value_heads", default=heads),
        n_embd=embd,
        head_dim=c.get("head_dim", default=128 if name == "Qwen3ForCausalLM" else embd // max(1, heads)),
        n_inner=c.get("intermediate_size"),
        block_size=c.get("max_position_embeddings"),
        norm_eps=c.get("rms_norm_eps", float, 1e-6),
        qk_norm=name == "Qwen3ForCausalLM",
        qkv_bias=name == "Qwen2ForCausalLM",
        tied=c.get("tie_word_embeddings", bool, False),
        **rope(c),
    )


def rope(c: Settings) -> dict:
    """rope_parameters of transformers 5, or rope_theta and rope_scaling of those before."""
    given = c.values.get("rope_parameters") or c.values.get("rope_scaling") or {}
    if not isinstance(given, dict):
        raise UserError(f"{c.path}: the rope parameters are {given!r:.60}")
    inner = Settings({"rope_theta": c.values.get("rope_theta"), **given}, c.path.parent)
    base = {"rope_base": inner.get("rope_theta", float, 10_000.0)}
    kind = given.get("rope_type", given.get("type", "default"))
    if kind == "default":
        return base
    if kind == "linear":
        return base | {"rope_scaling": "linear", "rope_factor": inner.get("factor", float)}
    if kind == "llama3":
        return base | {
            "rope_scaling": "llama3",
            "rope_factor": inner.get("factor", float),
            "rope_low": inner.get("low_freq_factor", float),
            "rope_high": inner.get("high_freq_factor", float),
            "rope_original": inner.get("original_max_position_embeddings"),
        }
    raise UserError(f"{c.path}: rope_type is {kind!r:.60}; supported are default, linear and llama3")


def gpt2(c: Settings) -> GPT2Config:
    c.need(
        activation_function=("gelu_new", "gelu_pytorch_tanh"), scale_attn_weights=(True,), add_cross_attention=(False,),
        scale_attn_by_inverse_layer_idx=(False,), tie_word_embeddings=(True,),
    )  # fmt: skip
    embd = c.get("n_embd")
    return GPT2Config(
        vocab_size=c.get("vocab_size"),
        n_layer=c.get("n_layer"),
        n_head=c.get("n_head"),
        n_embd=embd,
        n_inner=c.get("n_inner", default=4 * embd),
        block_size=c.get("n_positions"),
        norm_eps=c.get("layer_norm_epsilon", float, 1e-5),
    )


def apertus(c: Settings):
    for key in ("vocab_size", "num_hidden_layers", "num_attention_heads", "hidden_size", "intermediate_size"):
        c.get(key)
    c.get("max_position_embeddings")
    rope(c)
    return apertus_to_nano(c.values)


CONFIGS = {"llama": llama, "qwen2": llama, "qwen3": llama, "gpt2": gpt2, "apertus": apertus}
