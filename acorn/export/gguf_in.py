"""A GGUF file -> one of our models and its tokenizer."""

import dataclasses
from pathlib import Path

import torch

from acorn.errors import UserError
from acorn.export.gguf_file import GGUF, TYPES
from acorn.export.names import XIELU
from acorn.export.tokenizer_in import tokenizer_from_gguf
from acorn.export.weights_in import Imported, Source, load_weights
from acorn.model.gpt2 import GPT2Config
from acorn.model.layers import EPS, rope_frequencies
from acorn.model.llama import LlamaConfig, stretched
from acorn.model.nano import NanoConfig

ROPE = "rope_freqs.weight"  # what the rotary frequencies are divided by, in files of Llama 3.1 and later


def import_gguf(path: Path, template: str | None = None) -> Imported:
    file = GGUF(path)
    architecture = file.metadata.get("general.architecture")
    if architecture not in CONFIGS:
        raise UserError(
            f"{path} holds a model of the architecture {architecture!r}; supported are {', '.join(CONFIGS)}"
        )
    tokenizer = tokenizer_from_gguf(file.metadata, template)
    shapes = {name: shape for name, shape in file.shapes.items() if name != ROPE}
    if "token_embd.weight" not in shapes:
        raise UserError(f"{path} has no token_embd.weight: it holds no language model, or a part of one")
    config = CONFIGS[architecture](Metadata(file, architecture))
    if tokenizer.n_vocab > config.vocab_size:
        raise UserError(f"{path} has {tokenizer.n_vocab:,} tokens and embeddings for {config.vocab_size:,}")
    model = load_weights(Source(str(path), shapes, file.read), architecture, "gguf", config)
    types = {TYPES[t.type][0] for t in file.tensors.values()}
    about = {"from": "gguf", "file": file.path.name, "architecture": architecture, "types": sorted(types)}
    if isinstance(name := file.metadata.get("general.name"), str):
        about["name"] = name[:200]
    return Imported(model, tokenizer, about)


class Metadata:
    """The entries of one architecture, checked where they are used."""

    def __init__(self, file: GGUF, architecture: str):
        self.file, self.prefix = file, architecture

    def get(self, key: str, kind=int, default=None):
        value = self.file.metadata.get(f"{self.prefix}.{key}", default)
        if value is None:
            raise UserError(f"{self.file.path} is damaged or incomplete: it has no {self.prefix}.{key}")
        if isinstance(value, bool) or not isinstance(value, (int, float) if kind is float else kind):
            raise UserError(
                f"{self.file.path}: {self.prefix}.{key} is {value!r:.60}; expected a single {kind.__name__}"
            )
        # float32 in the file: 1e-6 comes as 9.99999997e-7
        return float(f"{value:.7g}") if kind is float else kind(value)

    @property
    def vocab(self) -> int:
        return self.file.shapes["token_embd.weight"][0]

    def common(self) -> dict:
        return {
            "vocab_size": self.vocab,
            "n_layer": self.get("block_count"),
            "n_head": self.get("attention.head_count"),
            "n_embd": self.get("embedding_length"),
            "block_size": self.get("context_length"),
        }


def llama(meta: Metadata) -> LlamaConfig:
    names = meta.file.tensors
    shape = meta.common()
    shape["n_kv_head"] = meta.get("attention.head_count_kv", default=shape["n_head"])
    head_dim = meta.get("attention.key_length", default=shape["n_embd"] // max(1, shape["n_head"]))
    for key in ("attention.value_length", "rope.dimension_count"):
        if (found := meta.get(key, default=head_dim)) != head_dim:
            raise UserError(
                f"{meta.file.path}: {meta.prefix}.{key} is {found}; only the size of a head, {head_dim}, is supported"
            )
    if meta.get("expert_count", default=0):
        raise UserError(f"{meta.file.path} holds a mixture of experts; supported are dense models")
    config = LlamaConfig(
        **shape,
        head_dim=head_dim,
        n_inner=meta.get("feed_forward_length"),
        rope_base=meta.get("rope.freq_base", float, 10_000.0),
        norm_eps=meta.get("attention.layer_norm_rms_epsilon", float),
        qk_norm=meta.prefix == "qwen3",
        qkv_bias="blk.0.attn_q.bias" in names,
        tied="output.weight" not in names,
        **scaling(meta),
    )
    return llama3_scaling(meta, config) if ROPE in names else config


def scaling(meta: Metadata) -> dict:
    kind = meta.get("rope.scaling.type", str, "none")
    if kind not in ("none", "linear"):
        raise UserError(f"{meta.file.path}: rope.scaling.type is {kind!r}; supported are none, linear and Llama 3's")
    factor = meta.get("rope.scaling.factor", float, 1.0)
    return {"rope_scaling": "linear", "rope_factor": factor} if kind == "linear" else {}


def llama3_scaling(meta: Metadata, config: LlamaConfig) -> LlamaConfig:
    """The file has the divisors only; which of the published scalings they are is tried."""
    found = meta.file.read(ROPE)
    plain = rope_frequencies(config.head_dim, config.rope_base)
    for factor in (8.0, 32.0):
        tried = dataclasses.replace(config, rope_scaling="llama3", rope_factor=factor)
        if found.shape == plain.shape and torch.allclose(plain / stretched(tried, plain), found, rtol=1e-4):
            return tried
    raise UserError(f"{meta.file.path} stretches its rotary frequencies in a way ({ROPE}) that is none of Llama 3's")


def gpt2(meta: Metadata) -> GPT2Config:
    if "output.weight" in meta.file.tensors:
        raise UserError(f"{meta.file.path} has a head of its own (output.weight); GPT-2's is its embedding")
    return GPT2Config(
        **meta.common(),
        n_inner=meta.get("feed_forward_length"),
        norm_eps=meta.get("attention.layer_norm_epsilon", float),
        bias="output_norm.bias" in meta.file.tensors,
    )


def apertus(meta: Metadata) -> NanoConfig:
    for name, expected in XIELU.items():
        found = meta.file.metadata.get(f"xielu.{name}")
        values = [found] if isinstance(found, float) else [] if found is None else list(found)
        if not values or any(abs(v - expected) > 1e-5 * max(1.0, abs(expected)) for v in values):
            raise UserError(
                f"{meta.file.path}: xielu.{name} is not {expected:.6g}: this Apertus model has an activation of its "
                "own; those that acorn exported can be imported"
            )
    shape = meta.common()
    if (eps := meta.get("attention.layer_norm_rms_epsilon", float)) != EPS:
        raise UserError(f"{meta.file.path}: the norms have eps {eps:g}; nano has {EPS:g}")
    config = NanoConfig(
        **shape,
        n_kv_head=meta.get("attention.head_count_kv", default=shape["n_head"]),
        rope_base=meta.get("rope.freq_base", float, 10_000.0),
    )
    if (width := meta.get("feed_forward_length")) != 4 * config.n_embd:
        raise UserError(f"{meta.file.path}: the MLP is {width} wide; nano's is 4 x {config.n_embd}")
    return config


CONFIGS = {"llama": llama, "qwen2": llama, "qwen3": llama, "gpt2": gpt2, "apertus": apertus}
