"""
The models, by name. Each fulfils one contract (tests/model/test_contract.py):
  forward(ids, cache=None) -> logits      loss(ids, targets, weights) -> Σ weights · nll      init_weights(generator)
  features(ids, cache=None), head(x)      groups() -> parameters by treatment                 flops_per_token(length)
  new_cache(batch, length)                config, compute_dtype
"""

from acorn.errors import UserError, did_you_mean
from acorn.model.gpt2 import GPT2, GPT2Config
from acorn.model.llama import Llama, LlamaConfig
from acorn.model.nano import Nano, NanoConfig

MODELS = {  # name -> (config class, model class)
    "nano": (NanoConfig, Nano),
    "llama": (LlamaConfig, Llama),
    "gpt2": (GPT2Config, GPT2),
}


def build(kind: str, config):
    """An uninitialised model of that kind."""
    if kind not in MODELS:
        raise UserError(f"no model {kind!r}.{did_you_mean(kind, MODELS)} Known: {', '.join(MODELS)}")
    return MODELS[kind][1](config)


def kind_of(model) -> str:
    """The name that `build` made it from."""
    return next(name for name, (_, cls) in MODELS.items() if isinstance(model, cls))
