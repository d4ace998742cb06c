"""A run, loaded and ready to answer."""

import time
from pathlib import Path

import torch

from acorn.checkpoint import load_model
from acorn.infer.engine import Engine
from acorn.runtime import pick_device, pick_dtype


def load_engine(run: str, device: str = "auto", rows: int = 1, say=None, dtype: str = "auto") -> tuple[Engine, Path]:
    """
    RUN as people write it -> (engine, checkpoint folder). rows: how many will be decoded together, usually.
    dtype: auto, float32 or bfloat16, of activations.
    """
    place = pick_device(device)
    # on a CPU one row of a small model is no faster in bf16, and in fp32 replies do not depend on their neighbours
    single = dtype == "auto" and place.type == "cpu"
    model, tokenizer, where = load_model(run, place, torch.float32 if single else pick_dtype(dtype, place), say)
    if place.type == "cpu":
        torch.set_num_threads(fastest_threads(model, rows))
    return Engine(model, tokenizer, frozen=True), where


def describe(engine: Engine, where: Path) -> str:
    """One line: runs/x/sft/checkpoint-000800: 2.1 M parameters, context 512, cpu"""
    parameters = sum(p.numel() for p in engine.model.parameters())
    device = next(engine.model.parameters()).device
    return f"{where}: {parameters / 1e6:.1f} M parameters, context {engine.context}, {device}"


@torch.inference_mode()
def fastest_threads(model, rows: int, steps: int = 8) -> int:
    """
    1 or all, whichever decodes faster here and now. Threads meet after every operation: one token of a small model is
    quicker on one core, and where another program holds a core, waiting for each other makes N threads far slower.
    Models so large that reading the weights dominates are not tried, they want all cores.
    """
    threads = torch.get_num_threads()
    if threads == 1 or sum(p.numel() for p in model.parameters()) > 100e6:
        return threads
    ids = torch.zeros(rows, 1, dtype=torch.int64)

    def seconds(n: int) -> float:
        torch.set_num_threads(n)
        cache = model.new_cache(rows, steps)
        model(ids, cache)  # warms up
        begin = time.perf_counter()
        for _ in range(steps - 1):
            model(ids, cache)
        return time.perf_counter() - begin

    return min((1, threads), key=seconds)
