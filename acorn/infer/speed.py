"""How fast an engine reads and decodes, beside what the machine's memory allows. Medians of what was seen."""

import statistics
import time
from dataclasses import dataclass, field

import torch
from torch import nn

from acorn.infer.engine import Engine
from acorn.infer.load import fastest_threads
from acorn.infer.native.pack import Packed
from acorn.infer.quant import Int4, Int8
from acorn.infer.sample import Sampling
from acorn.model.layers import Linear, TiedHead

STREAM = 1 << 28  # bytes read to see how fast the memory is: more than caches hold


@dataclass
class Speed:
    batch: int  # replies decoded together
    threads: int
    prefill: float  # prompt tokens a second, all prompts together
    first_token: float  # seconds from the request to the first token of one reply of the batch
    decode: float  # tokens a second, of all replies together, without the prompts
    step: float  # seconds of one token of each
    steps: list[float] = field(repr=False)  # of each, in order


def measure(engine: Engine, batch: int, prompt: int, tokens: int, repeats: int, tick=lambda done: None) -> Speed:
    """
    `batch` greedy replies of `tokens` tokens to prompts of `prompt` random tokens, all beginning at once, after one
    short round that warms up. tick: called with the number of rounds done.
    """
    device = next(engine.model.parameters()).device
    if device.type == "cpu":
        torch.set_num_threads(fastest_threads(engine.frozen[0], batch))
    engine.stop_ids = frozenset()  # a reply that ended early would leave the others more room
    firsts, steps = [], []
    for i in range(-1, repeats):
        ids = torch.randint(engine.tokenizer.n_vocab, (batch, prompt), generator=torch.Generator().manual_seed(i + 1))
        scheduler = engine.scheduler(batch, prompt + tokens, remember=False)
        for row in ids.tolist():
            scheduler.submit(row, Sampling(temperature=0, max_tokens=tokens if i >= 0 else 2))
        begin = time.perf_counter()
        while not scheduler.rows and scheduler.busy:  # until all are read and have said a token
            scheduler.step()
        while scheduler.waiting or scheduler.reading:
            scheduler.step()
        first = time.perf_counter() - begin
        seen = []
        while scheduler.busy:
            begin = time.perf_counter()
            scheduler.step()
            seen.append(time.perf_counter() - begin)
        if i >= 0:
            firsts.append(first)
            steps += seen
        tick(1)
    first, step = statistics.median(firsts), statistics.median(steps)
    return Speed(batch, torch.get_num_threads(), batch * prompt / first, first, batch / step, step, steps)


def bytes_read(model: nn.Module) -> int:
    """Bytes of weights that one step of decoding reads, whatever the batch; the embedding gives one row a token."""
    total = 0
    for module in model.modules():
        if isinstance(module, Int8 | Int4 | Packed):
            total += module.nbytes
        elif isinstance(module, Linear | TiedHead):
            total += module.weight.nbytes
    return total


def bytes_of_context(model: nn.Module, length: int) -> int:
    """Bytes of keys and values that one row of so many tokens has to read for the next one."""
    cache = model.new_cache(1, 1)
    return 2 * cache.k.nbytes * length


def bandwidth(device: torch.device, repeats: int = 5) -> float:
    """Bytes a second that a sum over a long row of numbers reads, the best of some."""
    numbers = torch.ones(STREAM // 4, device=device)
    best = float("inf")
    for _ in range(repeats + 1):
        begin = time.perf_counter()
        numbers.sum().item()
        best = min(best, time.perf_counter() - begin)
    return STREAM / best
