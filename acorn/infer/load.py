"""A run, loaded and ready to answer."""

import time
from pathlib import Path

import torch

from acorn.checkpoint import load_model
from acorn.errors import UserError
from acorn.infer.engine import Engine
from acorn.infer.native.build import SWITCHED_OFF
from acorn.infer.native.step import decode
from acorn.infer.quant import check, exact, parameter_count, quant_of, quantise
from acorn.runtime import pick_device, pick_dtype

LARGE = 50e6  # parameters from which on a CPU decodes with int8 weights unless told otherwise


def load_engine(
    run: str, device: str = "auto", rows: int = 1, say=None, dtype: str = "auto", quant: str = "none"
) -> tuple[Engine, Path]:
    """
    RUN as people write it -> (engine, checkpoint folder). rows: how many will be decoded together, usually.
    dtype: auto, float32 or bfloat16, of activations. quant: none, int8 or int4, of weights, or auto for a command that
    offers the choice and shows `describe`.
    """
    place = pick_device(device)
    if quant != "auto":
        check(quant, place)
    if quant in ("int8", "int4") and dtype not in ("auto", "float32"):
        raise UserError(f"--quant {quant} --dtype {dtype}: quantised weights go with float32", "--dtype float32")
    # on a CPU one row of a small model is no faster in bf16, and in fp32 replies do not depend on their neighbours
    single = dtype == "auto" and place.type == "cpu"
    model, tokenizer, where = load_model(run, place, torch.float32 if single else pick_dtype(dtype, place), say)
    if quant == "auto":
        large = parameter_count(model) >= LARGE
        quant = "int8" if single and large and exact() else "none"
    if place.type == "cpu" and model.compute_dtype == torch.float32:
        quantise(model, quant)
        why = getattr(model, "unavailable", SWITCHED_OFF)
        if say and why != SWITCHED_OFF:
            say(f"torch decodes, more slowly than the native step would: {why}")
    if place.type == "cpu":
        torch.set_num_threads(fastest_threads(model, rows))
    return Engine(model, tokenizer, frozen=True), where


def describe(engine: Engine, where: Path) -> str:
    """
    One line: runs/x/sft/checkpoint-000800: 134.5 M parameters, context 512, cpu, int8 weights (--quant none: ...),
    decoded by native step
    """
    model = engine.model
    device = next(model.parameters()).device
    line = f"{where}: {parameter_count(model) / 1e6:.1f} M parameters, context {engine.context}, {device}"
    kind, how = quant_of(model), decodes_with(model)
    line = line if kind == "none" else f"{line}, {kind} weights (--quant none: as trained)"
    return line if device.type != "cpu" else f"{line}, decoded by {how}"


def decodes_with(model) -> str:
    return "native step" if hasattr(model, "step") else "torch"


@torch.inference_mode()
def fastest_threads(model, rows: int, steps: int = 8) -> int:
    """
    1 or all, whichever decodes faster here and now. Threads meet after every operation: one token of a small model is
    quicker on one core, and where another program holds a core, waiting for each other makes N threads far slower.
    Models so large that reading the weights dominates are not tried, they want all cores.
    """
    threads = torch.get_num_threads()
    if threads == 1 or (quant_of(model) == "none" and parameter_count(model) > 100e6):
        return threads
    steps = min(steps, model.config.block_size)
    ids = torch.zeros(rows, dtype=torch.int64)

    def seconds(n: int) -> float:
        torch.set_num_threads(n)
        cache = model.new_cache(rows, steps)
        decode(model, ids, cache)  # warms up
        begin = time.perf_counter()
        for _ in range(steps - 1):
            decode(model, ids, cache)
        return time.perf_counter() - begin

    return min((1, threads), key=seconds)
