"""acorn bench infer: how fast a run reads prompts and decodes on this machine."""

import json
import os
import sys
from dataclasses import dataclass
from typing import Annotated

import tyro

from acorn.errors import UserError


@dataclass
class Infer:
    """
    Time a run as chat and serve use it: reading prompts, decoding 1, 8 and 32 replies together, the wait for the first
    token, memory, and how near decoding one reply comes to what the memory can deliver. A table, and with --json one
    line. Prompts are random tokens, replies greedy; medians.
    """

    run_name: Annotated[tyro.conf.Positional[str], tyro.conf.arg(name="run", metavar="RUN")]  # name in runs/, or path
    prompt: int = 512  # tokens of a prompt; where replies are decoded together they share them, 16 each at least
    tokens: int = 64  # of each reply
    batches: str = "1,8,32"  # replies decoded together, by commas
    repeats: int = 3  # of each measurement
    device: str = "auto"  # auto, cpu or cuda
    dtype: str = "auto"  # of activations: auto, float32 or bfloat16
    quant: str = "auto"  # weights on a CPU: none, int8 or int4; auto is int8 from 50 M parameters on
    json: bool = False  # print one JSON line instead of the table

    def run(self) -> int:
        batches = self.check()
        import torch

        from acorn.commands.sample import say
        from acorn.commands.scores import Bars
        from acorn.infer import speed
        from acorn.infer.load import decodes_with, describe, load_engine
        from acorn.infer.quant import parameter_count, quant_of
        from acorn.runlog import cpu_name
        from acorn.runtime import keep_freed_memory, peak_memory_bytes

        keep_freed_memory()
        all_threads = torch.get_num_threads()
        engine, where = load_engine(self.run_name, self.device, say=say, dtype=self.dtype, quant=self.quant)
        say(describe(engine, where))
        model = engine.model
        device = next(model.parameters()).device
        tokens = min(self.tokens, engine.context // 2)
        prompt = min(self.prompt, engine.context - tokens)
        found = []
        with Bars() as bars:
            for batch in batches:
                torch.set_num_threads(all_threads)  # each batch picks the faster number anew
                tick = bars.start(f"{batch} together", self.repeats + 1)
                found.append(speed.measure(engine, batch, share(prompt, batch), tokens, self.repeats, tick))
        torch.set_num_threads(all_threads)
        memory = speed.bandwidth(device)
        one = min(found, key=lambda each: each.batch)
        read = speed.bytes_read(engine.frozen[0]) + one.batch * speed.bytes_of_context(
            model, share(prompt, one.batch) + tokens // 2
        )
        peak = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else peak_memory_bytes()
        result = {
            "bench": "infer",
            "run": self.run_name,
            "checkpoint": str(where),
            "parameters": parameter_count(model),
            "quant": quant_of(model),
            "decoded_by": decodes_with(model),
            "dtype": str(model.compute_dtype).removeprefix("torch."),
            "device": torch.cuda.get_device_name(device) if device.type == "cuda" else cpu_name(),
            "cores": os.cpu_count(),
            "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
            "prompt": prompt,
            "tokens": tokens,
            "batches": {
                str(each.batch): {
                    "threads": each.threads,
                    "prefill_tokens_per_s": round(each.prefill, 1),
                    "first_token_ms": round(1000 * each.first_token, 1),
                    "decode_tokens_per_s": round(each.decode, 1),
                    "step_ms": round(1000 * each.step, 2),
                }
                for each in found
            },
            "bandwidth_gb_s": round(memory / 1e9, 1),
            "read_mb_per_step": round(read / 1e6, 1),
            "share_of_bandwidth": round(read / one.step / memory, 3),
            "peak_memory_mb": round(peak / 1e6),
        }
        if self.json:
            print(json.dumps(result))
        else:
            show(result, one.batch)
        return 0

    def check(self) -> list[int]:
        """-> the batches, smallest first"""
        words = [word.strip() for word in self.batches.split(",")]
        if not all(word.isascii() and word.isdigit() and 0 < int(word) <= 4096 for word in words):
            raise UserError(f"--batches {self.batches}: expected numbers from 1 to 4096, by commas", "--batches 1,8,32")
        for name, least in (("prompt", 1), ("tokens", 2), ("repeats", 1)):
            if getattr(self, name) < least:
                raise UserError(f"--{name} {getattr(self, name)}: expected {least} or more")
        return sorted({int(word) for word in words})


def share(prompt: int, batch: int) -> int:
    """Tokens of each prompt: together as many for a large batch as for one, so that it takes no longer."""
    return max(min(16, prompt), prompt // batch)


def show(result: dict, smallest: int) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    table = Table(box=None, pad_edge=False)
    for head in ("together", "threads", "prefill, tokens/s", "first token, ms", "decode, tokens/s", "a step, ms"):
        table.add_column(head, justify="right")
    for batch, row in result["batches"].items():
        table.add_row(
            batch,
            str(row["threads"]),
            f"{row['prefill_tokens_per_s']:,.0f}",
            f"{row['first_token_ms']:,.0f}",
            f"{row['decode_tokens_per_s']:,.1f}",
            f"{row['step_ms']:.2f}",
        )
    console.print(table)
    share, read, memory = (result[key] for key in ("share_of_bandwidth", "read_mb_per_step", "bandwidth_gb_s"))
    console.print(
        f"a step of {smallest} reads {read:,.0f} MB: {share:.0%} of what the memory delivers, {memory:.1f} GB/s\n"
        f"prompts of {result['prompt']} tokens in all, replies of {result['tokens']}; "
        f"decoded by {result['decoded_by']}; peak memory {result['peak_memory_mb']:,} MB; "
        f"load of the machine {result['load']}"
    )
