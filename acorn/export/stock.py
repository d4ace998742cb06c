"""
A model of ours as one of the four stock architectures: its config.json and its tensors under our names (export/names.py
knows what others call them). What no stock class has is refused by name.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from acorn.errors import UserError
from acorn.export.fold import fold, nano_to_apertus
from acorn.export.names import ARCHITECTURES, XIELU, Row, table, to_theirs
from acorn.model import MODELS

F16_MAX = 65504.0


@dataclass(frozen=True)
class Stock:
    architecture: str  # apertus, llama, qwen3 or gpt2: as GGUF calls it
    config: dict  # config.json, without what the tokenizer knows
    tensors: dict[str, Tensor]  # ours, float32
    shape: object  # our config: n_layer, n_head ...

    def rows(self, form: str) -> list[Row]:
        return table(self.architecture, form, self.shape)

    def theirs(self, form: str) -> dict[str, Tensor]:
        """form: hf or gguf -> their name: tensor. xIELU's numbers are tensors in the first, metadata in the second."""
        numbers = self.numbers() if form == "gguf" else {}
        return to_theirs(self.rows(form), {name: t for name, t in self.tensors.items() if name not in numbers})

    def numbers(self) -> dict[str, Tensor]:
        return {name: t for name, t in self.tensors.items() if name.endswith(tuple(f".mlp.{n}" for n in XIELU))}


def stock_form(model) -> Stock:
    """nano -> Apertus, llama -> Llama or Qwen3, gpt2 -> GPT-2. UserError for what can't go there."""
    kind = next(name for name, (_, cls) in MODELS.items() if type(model) is cls)
    config, state = model.config, {name: t.detach().cpu() for name, t in model.state_dict().items()}
    if strange := [name for name in state if "lora" in name]:
        raise UserError(
            f"this model still has LoRA adapters ({len(strange)} tensors: {strange[0]} ...); merge them first"
        )
    if kind == "nano":
        return Stock("apertus", nano_to_apertus(config), fold(config, state), config)
    state = {name: tensor.float() for name, tensor in state.items()}
    if kind == "gpt2":
        return Stock("gpt2", gpt2_config(config), with_biases(config, state), config)
    if config.qk_norm and config.qkv_bias:
        raise UserError(
            "this model has norms on queries and keys (qk_norm) and biases on them (qkv_bias); no stock class has both"
        )
    architecture = "qwen3" if config.qk_norm else "qwen2" if config.qkv_bias else "llama"
    if architecture == "qwen2" and config.head_dim * config.n_head != config.n_embd:
        raise UserError(
            f"heads of {config.head_dim} do not make up the width of {config.n_embd}, as Qwen2ForCausalLM needs"
        )
    return Stock(architecture, llama_config(architecture, config), state, config)


def stock_class(architecture: str) -> str:
    """'qwen3' -> 'Qwen3ForCausalLM'"""
    return next(name for name, (known, _) in ARCHITECTURES.items() if known == architecture)


def llama_config(architecture: str, c) -> dict:
    rope = {"rope_type": "default", "rope_theta": c.rope_base}
    if c.rope_scaling != "none":
        rope |= {"rope_type": c.rope_scaling, "factor": c.rope_factor}
    if c.rope_scaling == "llama3":
        rope |= {"low_freq_factor": c.rope_low, "high_freq_factor": c.rope_high,
                 "original_max_position_embeddings": c.rope_original}  # fmt: skip
    return {
        "architectures": [stock_class(architecture)],
        "model_type": architecture,
        "vocab_size": c.vocab_size,
        "hidden_size": c.n_embd,
        "intermediate_size": c.n_inner,
        "num_hidden_layers": c.n_layer,
        "num_attention_heads": c.n_head,
        "num_key_value_heads": c.n_kv_head,
        "head_dim": c.head_dim,
        "hidden_act": "silu",
        "max_position_embeddings": c.block_size,
        "rms_norm_eps": c.norm_eps,
        "rope_parameters": rope,
        "rope_theta": c.rope_base,  # here and below: what transformers 4 reads
        "rope_scaling": None if c.rope_scaling == "none" else {k: v for k, v in rope.items() if k != "rope_theta"},
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": c.tied,
    }


def gpt2_config(c) -> dict:
    return {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "vocab_size": c.vocab_size,
        "n_positions": c.block_size,
        "n_embd": c.n_embd,
        "n_layer": c.n_layer,
        "n_head": c.n_head,
        "n_inner": c.n_inner,
        "activation_function": "gelu_new",
        "resid_pdrop": c.dropout,
        "embd_pdrop": c.dropout,
        "attn_pdrop": c.dropout,
        "layer_norm_epsilon": c.norm_eps,
        "tie_word_embeddings": True,
    }


def with_biases(c, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The stock class always has biases: zeros where ours has none."""
    if c.bias:
        return state
    zeros = {f"{name.removesuffix('weight')}bias": torch.zeros(t.shape[0])
             for name, t in state.items() if name not in ("embed.weight", "positions.weight")}  # fmt: skip
    return state | zeros


@torch.no_grad()
def largest_activation(model, prompts: list[list[int]]) -> tuple[float, str]:
    """
    The largest absolute number that goes into or comes out of a matrix on these prompts, and where. It has to be below
    F16_MAX for runtimes that compute in float16; squared ReLU makes large ones.
    """
    found, hooks = (0.0, ""), []

    def watch(name):
        def hook(module, inputs, output):
            nonlocal found
            for what, tensor in (("into", inputs[0]), ("out of", output)):
                if (value := tensor.abs().max().item()) > found[0]:
                    found = value, f"{what} {name}"

        return hook

    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear):
            hooks.append(module.register_forward_hook(watch(name)))
    try:
        for ids in prompts:
            model(torch.tensor([ids]))
    finally:
        for hook in hooks:
            hook.remove()
    return found
