"""
nano <-> the stock Apertus class, exactly. What nano has and Apertus has not goes into the weights:

    rms_norm(embed(ids))          rows of the table are normalised once
    x = x · scale_i               the stream is kept divided by c_i = scale_0 · ... · scale_i: attention.out and
                                  mlp.down of layer i are, and all that reads it begins with a norm, blind to scale
    norms without weight          a weight of ones
    rms_norm(rotate(q)) · gain    a rotation keeps the norm, so the norm may come before it, with a weight of QK_GAIN
    relu(x)²                      xIELU with softplus(alpha_p) = 1, softplus(alpha_n) = 0, beta = 0

Back again nothing is divided or normalised, so folding what was unfolded gives the same bits.
"""

import torch
from torch import Tensor

from acorn.errors import UserError
from acorn.export.names import XIELU, table, to_ours
from acorn.model.layers import EPS
from acorn.model.nano import QK_GAIN, NanoConfig


def fold(config: NanoConfig, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """State dict of a nano -> folded nano, under the names that export/names.py knows. float32."""
    if config.bigram:
        table = f"a bigram table of {config.bigram:,} rows"
        raise UserError(f"this model has {table}; no stock class has one, so it cannot be exported")
    scales = state["scales"].double()
    if not bool((scales > 0).all() and scales.isfinite().all()):
        found = ", ".join(f"{s:.3g}" for s in scales.tolist())
        raise UserError(f"the residual scales of this model are {found}; only positive ones can go into a stock class")
    running = scales.cumprod(0)
    folded = {name: tensor.float() for name, tensor in state.items() if name != "scales"}
    folded["embed.weight"] = normalised(folded["embed.weight"])
    for layer in range(config.n_layer):
        for name in ("attention.out", "mlp.down"):
            name = f"blocks.{layer}.{name}.weight"
            folded[name] = (folded[name].double() / running[layer]).float()
        folded |= constants(config, layer)
    return folded | {"norm.weight": torch.ones(config.n_embd)}


def constants(config: NanoConfig, layer: int) -> dict[str, Tensor]:
    """What a layer of Apertus has that is the same number everywhere in ours."""
    block, ones = f"blocks.{layer}.", torch.ones(config.n_embd)
    gain = torch.full((config.head_dim,), QK_GAIN)
    return {
        block + "attention_norm.weight": ones,
        block + "mlp_norm.weight": ones.clone(),
        block + "attention.q_norm.weight": gain,
        block + "attention.k_norm.weight": gain.clone(),
        **{f"{block}mlp.{name}": torch.tensor([value]) for name, value in XIELU.items()},
    }


def normalised(rows: Tensor) -> Tensor:
    """
    rms_norm of every row, in double precision. A row whose mean square is 1 to five digits is left as it is: it was
    normalised before, and doing it again would change its last bit.
    """
    square = rows.double().square().mean(-1, keepdim=True)
    again = rows.double() * (square + EPS).rsqrt()
    return torch.where((square - 1).abs() < 1e-5, rows, again.float())


def unfold(config: NanoConfig, folded: dict[str, Tensor]) -> dict[str, Tensor]:
    """Folded nano -> state dict. UserError if it is an Apertus that computes what nano cannot."""
    for layer in range(config.n_layer):
        for name, expected in constants(config, layer).items():
            require(name, folded, expected)
    require("norm.weight", folded, torch.ones(config.n_embd))
    fixed = {"norm.weight", *(name for layer in range(config.n_layer) for name in constants(config, layer))}
    state = {name: tensor for name, tensor in folded.items() if name not in fixed}
    return state | {"scales": torch.ones(config.n_layer)}


def require(name: str, folded: dict[str, Tensor], expected: Tensor) -> None:
    """UserError unless this tensor is what folding writes (to the digits of bfloat16)."""
    given = folded[name].float().reshape(expected.shape)
    if not torch.allclose(given, expected, rtol=0.01):
        raise UserError(
            f"{name} is {summary(given)}, where nano has {summary(expected)}: this Apertus model learned norms and an "
            "activation (xIELU) that nano cannot compute; only those that acorn exported can be imported"
        )


def unfold_apertus(config: dict, tensors: dict[str, Tensor]) -> tuple[NanoConfig, dict[str, Tensor]]:
    """config.json and tensors of an ApertusForCausalLM, names and shapes checked -> nano's config and state dict."""
    nano = apertus_to_nano(config)
    return nano, unfold(nano, to_ours(table("apertus", "hf", nano), tensors))


def apertus_to_nano(config: dict) -> NanoConfig:
    """config.json of Apertus -> ours. UserError names what nano cannot be."""
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    theta = rope.get("rope_theta", config.get("rope_theta"))
    wanted = {
        "hidden_act": (config.get("hidden_act"), "xielu"),
        "intermediate_size": (config["intermediate_size"], 4 * config["hidden_size"]),
        "tie_word_embeddings": (config.get("tie_word_embeddings", False), False),
        "attention_bias": (config.get("attention_bias", False), False),
        "rope_type": (rope.get("rope_type", "default"), "default"),
        "rms_norm_eps": (config.get("rms_norm_eps", 1e-5), EPS),
    }
    if wrong := [
        f"{key} {given!r} (nano needs {needed!r})" for key, (given, needed) in wanted.items() if given != needed
    ]:
        raise UserError(f"this Apertus model is not one that acorn exported: {', '.join(wrong)}")
    return NanoConfig(
        vocab_size=config["vocab_size"],
        n_layer=config["num_hidden_layers"],
        n_head=config["num_attention_heads"],
        n_kv_head=config.get("num_key_value_heads") or config["num_attention_heads"],
        n_embd=config["hidden_size"],
        block_size=config["max_position_embeddings"],
        rope_base=float(theta),
    )


def nano_to_apertus(config: NanoConfig) -> dict:
    """Ours -> config.json of Apertus, without what the tokenizer knows (bos, eos)."""
    return {
        "architectures": ["ApertusForCausalLM"],
        "model_type": "apertus",
        "vocab_size": config.vocab_size,
        "hidden_size": config.n_embd,
        "intermediate_size": 4 * config.n_embd,
        "num_hidden_layers": config.n_layer,
        "num_attention_heads": config.n_head,
        "num_key_value_heads": config.n_kv_head,
        "hidden_act": "xielu",
        "max_position_embeddings": config.block_size,
        "rms_norm_eps": EPS,
        # trap: without rope_type Apertus stretches positions as Llama 3 does
        "rope_parameters": {"rope_type": "default", "rope_theta": config.rope_base},
        "rope_theta": config.rope_base,  # here and below: what transformers 4 and mlx-lm read
        "rope_scaling": None,
        "attention_bias": False,
        "mlp_bias": False,
        "qk_norm": True,
        "post_norm": False,
        "tie_word_embeddings": False,
    }


def summary(values: Tensor) -> str:
    low, high = values.min().item(), values.max().item()
    return f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"
