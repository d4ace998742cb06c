"""
The models, by name. Each fulfils one contract (tests/model/test_contract.py):
  forward(ids, cache=None) -> logits      loss(ids, targets, weights) -> Σ weights · nll      init_weights(generator)
  new_cache(batch, length)                groups() -> parameters by treatment                 flops_per_token(length)
"""

from acorn.errors import UserError, did_you_mean
from acorn.model.nano import Nano, NanoConfig

MODELS = {"nano": (NanoConfig, Nano)}  # name -> (config class, model class)


def build(kind: str, config):
    """An uninitialised model of that kind."""
    if kind not in MODELS:
        raise UserError(f"no model {kind!r}.{did_you_mean(kind, MODELS)} Known: {', '.join(MODELS)}")
    return MODELS[kind][1](config)
