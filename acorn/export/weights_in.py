"""
Tensors under foreign names -> one of our models, all or nothing: names and shapes are compared before a weight is read.
"""

import dataclasses
import re
from collections.abc import Callable
from dataclasses import dataclass

import torch

from acorn.errors import UserError
from acorn.export.fold import constants, unfold
from acorn.export.names import XIELU, Row, table
from acorn.model import MODELS, build

MAX_LAYERS = 1024
MAX_CONTEXT = 1 << 22  # tables of positions are made for all of it


@dataclass(frozen=True)
class Source:
    """Tensors of a file or folder: what they are called there, their shapes, how to read one as float32."""

    where: str
    shapes: dict[str, tuple[int, ...]]
    read: Callable[[str], torch.Tensor]


@dataclass
class Imported:
    model: torch.nn.Module
    tokenizer: object  # ForeignTokenizer
    about: dict  # goes into state.json


def load_weights(source: Source, architecture: str, form: str, config) -> torch.nn.Module:
    """config: of our model, from their description of it. UserError names what is missing, too much or misshapen."""
    kind = next(name for name, (cls, _) in MODELS.items() if isinstance(config, cls))
    check_size(source, config)
    with torch.device("meta"):
        model = build(kind, config)
    wanted = {name: tuple(p.shape) for name, p in model.state_dict().items()}
    if kind == "nano":
        wanted = folded(wanted, config, form)
    rows = [row for row in table(architecture, form, config) if set(row.ours) <= set(wanted)]
    check_tensors(source, rows, wanted)
    state = {}
    for row in rows:
        state.update(zip(row.ours, (t.contiguous() for t in row.layout.back(source.read(row.theirs)))))
    if kind == "nano":
        state = unfold(config, state | (missing_xielu(config) if form == "gguf" else {}))
    bad = [name for name, t in state.items() if not bool(t.isfinite().all())]
    if bad:
        raise UserError(f"{source.where}: {bad[0]} holds numbers that are not finite" + more(bad[1:]))
    model.load_state_dict(state, assign=True)
    return model.eval()


def check_size(source: Source, config) -> None:
    """What a description claims must be in the file, before anything of its size is made."""
    layers = {part for name in source.shapes for part in name.split(".") if re.fullmatch("[0-9]{1,9}", part)}
    if config.n_layer > MAX_LAYERS or config.n_layer != 1 + max(map(int, layers), default=-1):
        raise UserError(f"{source.where} claims {config.n_layer:,} layers and has tensors of {len(layers)}")
    if config.block_size > MAX_CONTEXT:
        raise UserError(
            f"{source.where} claims a context of {config.block_size:,} tokens; at most {MAX_CONTEXT:,} are read"
        )
    most = max((max(shape, default=1) for shape in source.shapes.values()), default=0)
    for name, value in dataclasses.asdict(config).items():
        if name in ("vocab_size", "n_embd", "n_inner", "n_head", "n_kv_head", "head_dim") and value > most:
            raise UserError(f"{source.where} claims {name} {value:,}, and no tensor in it is that large")


def folded(wanted: dict[str, tuple[int, ...]], config, form: str) -> dict[str, tuple[int, ...]]:
    """Shapes of a nano -> of the folded nano that Apertus' tensors make. GGUF keeps xIELU in its metadata."""
    shapes = {name: shape for name, shape in wanted.items() if name != "scales"} | {"norm.weight": (config.n_embd,)}
    for layer in range(config.n_layer):
        shapes |= {name: tuple(t.shape) for name, t in constants(config, layer).items()}
    return {name: s for name, s in shapes.items() if form == "hf" or name.rpartition(".")[2] not in XIELU}


def missing_xielu(config) -> dict[str, torch.Tensor]:
    """What gguf_in has found in the metadata, as the tensors that it is in a Hugging Face folder."""
    layers = range(config.n_layer)
    return {f"blocks.{i}.mlp.{name}": torch.tensor([value]) for i in layers for name, value in XIELU.items()}


def check_tensors(source: Source, rows: list[Row], wanted: dict[str, tuple[int, ...]]) -> None:
    expected = {}
    for row in rows:
        parts = [torch.empty(wanted[name], device="meta") for name in row.ours]
        expected[row.theirs] = tuple(row.layout.out(parts).shape)
    missing = sorted(set(expected) - set(source.shapes))
    extra = sorted(set(source.shapes) - set(expected))
    wrong = [
        f"{name} is {show(source.shapes[name])} and should be {show(shape)}"
        for name, shape in expected.items()
        if name in source.shapes and tuple(source.shapes[name]) != shape
    ]
    problems = {"missing": missing, "that the model has no place for": extra, "of a wrong shape": wrong}
    listed = [f"{len(n)} {what}: {', '.join(map(plain, n[:6]))}{more(n[6:])}" for what, n in problems.items() if n]
    if listed:
        raise UserError(
            f"the tensors in {source.where} are not those of its model; nothing was loaded. Tensors {'; '.join(listed)}"
        )


def plain(name: str) -> str:
    """A name out of a file, as an error shows it: short, and without control characters for the terminal."""
    return name[:120] if name.isprintable() else repr(name[:120])


def show(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "a single number"


def more(rest: list) -> str:
    return f" and {len(rest)} more" if rest else ""
