"""
What our parameters are called elsewhere, and how their numbers are laid out there: one table, used in both directions.

    table("qwen3", "gguf", config) -> rows (our names, their name, layout); to_theirs and to_ours apply them.

Five architectures, after the stock classes that hold our models:
    llama     kind llama                         LlamaForCausalLM
    qwen2     kind llama with biases on q, k, v  Qwen2ForCausalLM
    qwen3     kind llama with QK-norm            Qwen3ForCausalLM
    gpt2      kind gpt2                          GPT2LMHeadModel
    apertus   kind nano, folded                  ApertusForCausalLM

Folded nano is nano as Apertus needs it, under the names below: rows of embed.weight normalised, the residual scales
divided into attention.out and mlp.down, every norm with a weight of ones, q_norm and k_norm with QK_GAIN, and the four
numbers of xIELU that make it ReLU². In GGUF those four are metadata (xielu.alpha_p ...), one number a layer.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

ARCHITECTURES = {  # Hugging Face's class -> (architecture, as GGUF calls it too; our kind of model)
    "LlamaForCausalLM": ("llama", "llama"),
    "Qwen2ForCausalLM": ("qwen2", "llama"),
    "Qwen3ForCausalLM": ("qwen3", "llama"),
    "GPT2LMHeadModel": ("gpt2", "gpt2"),
    "ApertusForCausalLM": ("apertus", "nano"),
}

# xIELU(x) = softplus(alpha_p) x² + beta x for x > 0, else (expm1(min(x, eps)) - x) (beta + softplus(alpha_n)) + beta x
XIELU = {"alpha_p": math.log(math.e - 1), "alpha_n": -60.0, "beta": 0.0, "eps": -1e-6}


@dataclass(frozen=True)
class Layout:
    """out: our tensors -> their one tensor; back: theirs -> ours. Each undoes the other, bit for bit."""

    out: Callable[[list[Tensor]], Tensor]
    back: Callable[[Tensor], list[Tensor]]


@dataclass(frozen=True)
class Row:
    ours: tuple[str, ...]
    theirs: str
    layout: Layout


SAME = Layout(lambda ours: ours[0], lambda theirs: [theirs])
# GPT-2's Conv1D keeps its matrices as (in, out)
TRANSPOSED = Layout(lambda ours: ours[0].T, lambda theirs: [theirs.T])
FUSED = Layout(lambda ours: torch.cat(ours), lambda theirs: list(theirs.chunk(3)))
FUSED_TRANSPOSED = Layout(lambda ours: torch.cat(ours).T, lambda theirs: list(theirs.T.chunk(3)))
SCALAR = Layout(lambda ours: ours[0].reshape(()), lambda theirs: [theirs.reshape(1)])


def interleaved(heads: int) -> Layout:
    """
    llama.cpp turns neighbours (2i, 2i + 1) of a head where Llama turns (i, i + D/2): for its arch `llama`, and only for
    that one, the rows (and biases) of q and k are (H, 2, D/2, in) here and (H, D/2, 2, in) there.
    """

    def swap(x: Tensor, inner: int) -> Tensor:
        outer = x.shape[0] // heads // inner
        return x.reshape(heads, inner, outer, *x.shape[1:]).transpose(1, 2).reshape(x.shape)

    return Layout(
        lambda ours: swap(ours[0], 2),
        lambda theirs: [swap(theirs, theirs.shape[0] // heads // 2)],
    )


# our name -> theirs, N = number of the layer. A pair of names ends in .weight or .bias; `*` stands for either.
HF = {
    "llama": {
        "embed.weight": "model.embed_tokens.weight",
        "blocks.N.attention_norm.weight": "model.layers.N.input_layernorm.weight",
        "blocks.N.attention.q.*": "model.layers.N.self_attn.q_proj.*",
        "blocks.N.attention.k.*": "model.layers.N.self_attn.k_proj.*",
        "blocks.N.attention.v.*": "model.layers.N.self_attn.v_proj.*",
        "blocks.N.attention.q_norm.weight": "model.layers.N.self_attn.q_norm.weight",
        "blocks.N.attention.k_norm.weight": "model.layers.N.self_attn.k_norm.weight",
        "blocks.N.attention.out.weight": "model.layers.N.self_attn.o_proj.weight",
        "blocks.N.mlp_norm.weight": "model.layers.N.post_attention_layernorm.weight",
        "blocks.N.mlp.gate.weight": "model.layers.N.mlp.gate_proj.weight",
        "blocks.N.mlp.up.weight": "model.layers.N.mlp.up_proj.weight",
        "blocks.N.mlp.down.weight": "model.layers.N.mlp.down_proj.weight",
        "norm.weight": "model.norm.weight",
        "head.weight": "lm_head.weight",
    },
    "gpt2": {
        "embed.weight": "transformer.wte.weight",
        "positions.weight": "transformer.wpe.weight",
        "blocks.N.attention_norm.*": "transformer.h.N.ln_1.*",
        "blocks.N.attention.qkv.*": "transformer.h.N.attn.c_attn.*",
        "blocks.N.attention.out.*": "transformer.h.N.attn.c_proj.*",
        "blocks.N.mlp_norm.*": "transformer.h.N.ln_2.*",
        "blocks.N.mlp.up.*": "transformer.h.N.mlp.c_fc.*",
        "blocks.N.mlp.down.*": "transformer.h.N.mlp.c_proj.*",
        "norm.*": "transformer.ln_f.*",
        "head.weight": "lm_head.weight",
    },
}
HF["qwen2"] = HF["qwen3"] = HF["llama"]
HF["apertus"] = {
    **{ours: theirs for ours, theirs in HF["llama"].items() if "gate" not in ours},
    "blocks.N.attention_norm.weight": "model.layers.N.attention_layernorm.weight",
    "blocks.N.mlp_norm.weight": "model.layers.N.feedforward_layernorm.weight",
    **{f"blocks.N.mlp.{name}": f"model.layers.N.mlp.act_fn.{name}" for name in XIELU},
}

GGUF = {
    "llama": {
        "embed.weight": "token_embd.weight",
        "blocks.N.attention_norm.weight": "blk.N.attn_norm.weight",
        "blocks.N.attention.q.*": "blk.N.attn_q.*",
        "blocks.N.attention.k.*": "blk.N.attn_k.*",
        "blocks.N.attention.v.*": "blk.N.attn_v.*",
        "blocks.N.attention.q_norm.weight": "blk.N.attn_q_norm.weight",
        "blocks.N.attention.k_norm.weight": "blk.N.attn_k_norm.weight",
        "blocks.N.attention.out.weight": "blk.N.attn_output.weight",
        "blocks.N.mlp_norm.weight": "blk.N.ffn_norm.weight",
        "blocks.N.mlp.gate.weight": "blk.N.ffn_gate.weight",
        "blocks.N.mlp.up.weight": "blk.N.ffn_up.weight",
        "blocks.N.mlp.down.weight": "blk.N.ffn_down.weight",
        "norm.weight": "output_norm.weight",
        "head.weight": "output.weight",
    },
    "gpt2": {
        "embed.weight": "token_embd.weight",
        "positions.weight": "position_embd.weight",
        "blocks.N.attention_norm.*": "blk.N.attn_norm.*",
        "blocks.N.attention.qkv.*": "blk.N.attn_qkv.*",
        "blocks.N.attention.out.*": "blk.N.attn_output.*",
        "blocks.N.mlp_norm.*": "blk.N.ffn_norm.*",
        "blocks.N.mlp.up.*": "blk.N.ffn_up.*",
        "blocks.N.mlp.down.*": "blk.N.ffn_down.*",
        "norm.*": "output_norm.*",
        "head.weight": "output.weight",
    },
}
GGUF["qwen2"] = GGUF["qwen3"] = GGUF["llama"]
GGUF["apertus"] = {ours: theirs for ours, theirs in GGUF["llama"].items() if "gate" not in ours}


def table(architecture: str, form: str, config) -> list[Row]:
    """
    form: hf or gguf. config: n_layer, n_head, n_kv_head are read. Rows for every tensor that a model of this
    architecture can have; a tied head or absent QK-norm is simply not used.
    """
    names = {"hf": HF, "gguf": GGUF}[form][architecture]
    rows = []
    for ours, theirs in names.items():
        for layer in range(config.n_layer) if ".N." in ours else (0,):
            for end in ("weight", "bias") if ours.endswith("*") else ("",):
                one, other = (name.replace(".N.", f".{layer}.").replace("*", end) for name in (ours, theirs))
                parts = tuple(one.replace("qkv", part) for part in "qkv") if ".qkv." in one else (one,)
                rows.append(Row(parts, other, layout_of(architecture, form, one, config)))
    return rows


def layout_of(architecture: str, form: str, name: str, config) -> Layout:
    """name: ours, as in the tables."""
    if form == "gguf" and architecture == "llama" and (".attention.q." in name or ".attention.k." in name):
        return interleaved(config.n_head if ".q." in name else config.n_kv_head)
    if form == "hf" and architecture == "apertus" and name.endswith((".mlp.beta", ".mlp.eps")):
        return SCALAR
    if architecture == "gpt2":
        matrix = form == "hf" and name.startswith("blocks.") and name.endswith(".weight") and "_norm." not in name
        if ".qkv." in name:
            return FUSED_TRANSPOSED if matrix else FUSED
        return TRANSPOSED if matrix else SAME
    return SAME


def to_theirs(rows: Iterable[Row], ours: dict[str, Tensor]) -> dict[str, Tensor]:
    """Our state dict (folded, for nano) -> theirs. KeyError names a tensor that has no place there."""
    theirs, left = {}, set(ours)
    for row in rows:
        if all(name in ours for name in row.ours):
            theirs[row.theirs] = row.layout.out([ours[name] for name in row.ours])
            left -= set(row.ours)
    if left:
        raise KeyError(", ".join(sorted(left)))
    return theirs


def to_ours(rows: Iterable[Row], theirs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Their tensors -> our state dict. Tensors that no row names are not looked at: the caller has checked."""
    ours = {}
    for row in rows:
        if row.theirs in theirs:
            ours.update(zip(row.ours, row.layout.back(theirs[row.theirs])))
    return ours
