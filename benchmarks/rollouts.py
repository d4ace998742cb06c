"""
Rollouts as reinforcement learning asks for them: 64 prompts x 8 samples, 64 new tokens each, beside the same engine
given one prompt at a time. Random weights and no stop tokens, so that both say the same number of tokens.

    python benchmarks/rollouts.py [--depth 4] [--width 256] [--prompts 64] [--samples 8] [--new 64] [--repeats 3]

Each way is measured in fp32 and bf16, on one thread and on all, and its fastest setting counts; the best of `repeats`
runs, by turns, since other programs only ever make a run slower.
"""

import argparse
import os
import random
import time

import torch
from common import emit

from acorn.infer.engine import Engine
from acorn.infer.sample import Sampling
from acorn.model.nano import Nano, NanoConfig
from acorn.optim.plan import plan
from acorn.runtime import keep_freed_memory
from acorn.tokenizer.chat import SPECIALS
from acorn.tokenizer.tokenizer import Tokenizer

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def build(depth: int, width: int | None) -> tuple[Nano, Tokenizer]:
    """A model of the plan's shape with random weights, and a tokenizer of its vocabulary."""
    shape = plan(depth, n_embd=width)
    ordinary = shape.vocab_size - len(SPECIALS)
    tokens = [bytes([i]) for i in range(256)] + [bytes([65 + i // 256, i % 256]) for i in range(ordinary - 256)]
    tokenizer = Tokenizer("bpe", tokens, {name: ordinary + i for i, name in enumerate(SPECIALS)})
    sizes = dict(n_head=shape.n_head, n_kv_head=shape.n_kv_head, n_embd=shape.n_embd, block_size=shape.block_size)
    model = Nano(NanoConfig(shape.vocab_size, depth, **sizes))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in model.parameters():  # a fresh model's zero matrices would leave attention without effect
            p.normal_(0, p.shape[-1] ** -0.5 if p.ndim > 1 else 0.5, generator=generator)
    return model, tokenizer


def rate(engine: Engine, prompts: list[list[int]], samples: int, new: int, at_once: bool) -> float:
    """Tokens/s over all prompts, reading them included."""
    sampling = Sampling(seed=1, max_tokens=new)
    begin = time.perf_counter()
    if at_once:
        replies = engine.complete(prompts, sampling, samples)
    else:
        replies = [engine.complete([prompt], sampling)[0] for prompt in prompts]
    tokens = sum(len(reply.ids) for reply in replies)
    assert tokens == len(replies) * new
    return tokens / (time.perf_counter() - begin)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in {"depth": 4, "prompts": 64, "samples": 8, "new": 64, "repeats": 3}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--width", type=int, help="the plan's for this depth")
    options = parser.parse_args()
    keep_freed_memory()
    model, tokenizer = build(options.depth, options.width)
    rng = random.Random(0)
    prompts = [[rng.randrange(256) for _ in range(rng.randint(20, 60))] for _ in range(options.prompts)]
    engine = Engine(model, tokenizer, max_batch=options.prompts * options.samples)
    engine.stop_ids = set()
    ways = {"one prompt at a time": False, f"{options.prompts} x {options.samples} at once": True}
    best: dict[tuple, float] = {}
    for _ in range(options.repeats):
        for dtype in DTYPES:
            model.compute_dtype = DTYPES[dtype]
            for threads in sorted({1, os.cpu_count() or 1}):
                torch.set_num_threads(threads)
                for way, at_once in ways.items():
                    asked = prompts if at_once else prompts[:8]
                    key = (way, dtype, threads)
                    best[key] = max(best.get(key, 0), rate(engine, asked, options.samples, options.new, at_once))
    top = {way: max((v, k) for k, v in best.items() if k[0] == way) for way in ways}
    one, many = (top[way][0] for way in ways)
    rows = [["", "dtype", "threads", "tokens/s", ""]]
    rows += [[*key[:2], str(key[2]), f"{v:,.0f}", "best" * (top[key[0]][1] == key)] for key, v in sorted(best.items())]
    shape = {"layers": options.depth, "width": model.config.n_embd, "vocabulary": model.config.vocab_size}
    figures = {**shape, "rows": options.prompts * options.samples, "new_tokens": options.new}
    rows.append(["ratio of the best", "", "", f"{many / one:.1f}", ""])
    settings = {name: list(top[way][1][1:]) for name, way in zip(("one_setting", "many_setting"), ways)}
    figures |= {"one": round(one, 1), "many": round(many, 1), "ratio": round(many / one, 2), **settings}
    figures["all"] = {" ".join(map(str, key)): round(v, 1) for key, v in sorted(best.items())}
    emit("rollouts", rows, figures)


if __name__ == "__main__":
    main()
