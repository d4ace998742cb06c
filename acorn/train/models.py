"""The model that a stage trains: a new one, or weights to go on from, with the adapters and the dropout asked for."""

import dataclasses
from pathlib import Path

from acorn import checkpoint, runtime
from acorn.errors import UserError
from acorn.model import build, kind_of
from acorn.model.gpt2 import GPT2Config
from acorn.model.induction import begin_with_induction
from acorn.model.llama import LlamaConfig
from acorn.model.lora import Lora, add_lora
from acorn.model.nano import NanoConfig
from acorn.optim.plan import ACTIVATIONS, Plan
from acorn.runtime import Runtime

LONGEST_ROW = {"cpu": 1024, "cuda": 4096}  # tokens, where nothing else is asked for: public models have huge contexts
ROOM = {"cpu": 4e9, "cuda": 40e9}  # bytes of activations that one forward may keep


def shape_of(config, p: Plan, vocab_size: int):
    """The shape of a fresh model of the plan's size and of config.arch. config: options of `train base`."""
    width, depth, length = p.n_embd, p.depth, p.block_size
    heads = config.n_head or (width // 64 if config.arch != "nano" and width % 64 == 0 else p.n_head)
    if config.bigram and config.arch != "nano":
        raise UserError(f"--bigram is nano's alone, not {config.arch}'s")
    if config.arch == "gpt2":
        shape = GPT2Config(vocab_size, depth, heads, width, block_size=length, bias=config.bias)
    elif config.arch == "llama":
        shape = LlamaConfig(vocab_size, depth, heads, heads, width, block_size=length)
    else:
        shape = NanoConfig(vocab_size, depth, heads, heads, width, length, bigram=config.bigram)
    return with_dropout(shape, config.arch, config.dropout)


def new_model(config, p: Plan, vocab_size: int, place: Runtime):
    """A fresh model of that shape, on its device."""
    model = build(config.arch, shape_of(config, p, vocab_size))
    generator = runtime.seed_everything(config.seed)
    model.init_weights(generator)
    if config.induction:
        if config.arch != "nano":
            raise UserError(f"--induction is nano's alone, not {config.arch}'s")
        begin_with_induction(model, generator)
    return ready(model, config, place)


def start_model(path: Path, config, place: Runtime, dropout: float | None = None):
    """The weights of a checkpoint, on the device, ready to be trained on. dropout: None keeps what it was."""
    generator = runtime.seed_everything(config.seed)
    model, _, _ = checkpoint.load_checkpoint(path)
    shape = with_dropout(model.config, kind_of(model), dropout)
    if shape != model.config:
        again = build(kind_of(model), shape)
        again.load_state_dict(model.state_dict())
        model = again
    if config.lora:
        add_lora(model, Lora(config.lora, config.lora_alpha or 2.0 * config.lora), generator)
    return ready(model, config, place)


def ready(model, config, place: Runtime):
    """On its device, in training mode; blocks compiled where asked, or by default on a GPU, where it pays back."""
    model.compute_dtype = place.dtype
    model.to(place.device)
    if config.compile or (config.compile is None and place.device.type == "cuda"):
        for block in model.blocks:
            block.compile()
    return model.train()


def with_dropout(shape, kind: str, dropout: float | None):
    if hasattr(shape, "dropout"):
        return shape if dropout is None else dataclasses.replace(shape, dropout=dropout)
    if dropout:
        raise UserError(f"--dropout {dropout}: a {kind} model has none, only gpt2 has")
    return shape


def row_length(asked: int | None, shape, place: Runtime) -> int:
    """Tokens of a row, to train weights of this shape: as asked, or their context within reason."""
    if asked is not None and asked > shape.block_size:
        raise UserError(f"--block-size {asked}: the model's context holds {shape.block_size} tokens")
    return asked or min(shape.block_size, LONGEST_ROW[place.device.type])


def rows_that_fit(n_layer: int, n_embd: int, n_head: int, length: int, place: Runtime) -> int:
    """Rows of one forward whose activations fit, by plan.py's estimate; a CPU keeps attention's probabilities too."""
    cpu = place.device.type == "cpu"
    row = length * n_layer * n_embd * ACTIVATIONS * (4 if cpu else 2)
    scores = length**2 * n_head * n_layer * 0.6 * 4 if cpu else 0
    return max(1, int(ROOM[place.device.type] / (row + scores)))
