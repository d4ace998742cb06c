"""acorn export hf|gguf: a run for other people's runtimes."""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from acorn.errors import UserError

Run = Annotated[tyro.conf.Positional[str], tyro.conf.arg(name="run", metavar="RUN")]


@dataclass
class Hf:
    """
    Write a run as a folder that transformers, vLLM and mlx-lm load with their own classes: weights, config, tokenizer,
    chat template, model card.
    """

    run_name: Run  # a run in runs/, or a path to a run, stage or checkpoint
    out: tyro.conf.Positional[Path]  # the folder to write
    dtype: Literal["bf16", "f32", "f16"] = "bf16"  # of the weights
    verify: bool = False  # load it with transformers and compare weights, logits, tokens and conversations
    force: bool = False  # replace an earlier export
    json: bool = False  # the result on stdout as one JSON object

    def run(self) -> int:
        from acorn.export import hf_out, verify
        from acorn.export.card import model_card

        if self.verify:
            verify.transformers_package()
        hf_out.check_place(self.out, self.force)
        model, tokenizer, where, stock = load(self.run_name)
        texts = verify.texts_of(where.parent.parent / "data", tokenizer)
        if self.dtype == "f16":
            refuse_overflow(model, tokenizer, texts, "--dtype bf16")
        card = model_card(stock, tokenizer, self.out.name, where, self.dtype)
        hf_out.export_hf(stock, tokenizer, card, self.out, self.dtype, self.force)
        say(f"{where} -> {self.out}: {stock.config['architectures'][0]}, {self.dtype}, {megabytes(self.out)}")
        checks = verify.verify_hf(stock, model, tokenizer, self.out, self.dtype, texts) if self.verify else []
        return conclude(self, where, checks, f"vllm serve {self.out}")


@dataclass
class Gguf:
    """Write a run as one GGUF file for llama.cpp, and a Modelfile for Ollama beside it."""

    run_name: Run  # a run in runs/, or a path to a run, stage or checkpoint
    out: tyro.conf.Positional[Path]  # the file to write, NAME.gguf
    type: Literal["F32", "F16", "BF16", "Q8_0", "Q4_0"] = "BF16"  # of the matrices; vectors stay F32
    verify: bool = False  # load it with llama.cpp (package xllamacpp) and compare tokens, conversations, greedy replies
    force: bool = False  # replace an earlier file
    json: bool = False  # the result on stdout as one JSON object

    def run(self) -> int:
        from acorn.export import gguf_out, verify
        from acorn.runlog import write_text

        gguf_out.gguf_package()
        if self.verify:
            verify.llama_cpp_package()
        gguf_out.check_place(self.out, self.force)
        model, tokenizer, where, stock = load(self.run_name)
        texts = verify.texts_of(where.parent.parent / "data", tokenizer)
        if self.type == "F16":
            refuse_overflow(model, tokenizer, texts, "--type BF16")
        gguf_out.export_gguf(stock, tokenizer, self.out.stem, self.out, self.type, say, self.force)
        recipe = self.out.with_suffix(".Modelfile")
        write_text(recipe, gguf_out.modelfile(tokenizer, self.out.name, model.config.block_size))
        say(f"{where} -> {self.out}: {stock.architecture}, {self.type}, {megabytes(self.out)}; {recipe}")
        checks = verify.verify_gguf(stock, tokenizer, self.out, self.type, texts) if self.verify else []
        return conclude(self, where, checks, f"ollama create {self.out.stem.lower()} -f {recipe}")


def load(run: str):
    """RUN -> (model, tokenizer, checkpoint folder, its stock form)"""
    from acorn.checkpoint import load_model
    from acorn.export.stock import stock_form

    model, tokenizer, where = load_model(run, say=say)
    return model, tokenizer, where, stock_form(model)


def refuse_overflow(model, tokenizer, texts: list[str], instead: str) -> None:
    """UserError if the activations do not fit float16, in which runtimes compute with float16 weights."""
    from acorn.export.stock import F16_MAX, largest_activation
    from acorn.export.verify import prompts_of

    largest, where = largest_activation(model, prompts_of(tokenizer, texts, min(256, model.config.block_size)))
    if largest > F16_MAX:
        raise UserError(
            f"float16 cannot hold what this model computes: {largest:,.0f} went {where}, and float16 ends at "
            f"{F16_MAX:,.0f}; runtimes would answer with garbage",
            instead,
        )
    if largest > F16_MAX / 8:
        say(f"warning: {largest:,.0f} went {where}; float16 ends at {F16_MAX:,.0f}, other texts may pass it: {instead}")


def conclude(options, where: Path, checks: list, next_command: str) -> int:
    """Print what was found -> exit code."""
    holds = all(check.holds for check in checks)
    if options.json:
        result = {"out": str(options.out), "checkpoint": str(where), "checks": [asdict(check) for check in checks]}
        print(json.dumps({**result, "verified": holds if checks else None}))
    else:
        width = max((len(check.what) for check in checks), default=0)
        for check in checks:
            print(f"{'ok  ' if check.holds else 'FAIL'}  {check.what:<{width}}  {check.found}")
        if holds:
            print(f"next: {next_command}")
    return 0 if holds else 1


def megabytes(path: Path) -> str:
    files = path.iterdir() if path.is_dir() else [path]
    return f"{sum(p.stat().st_size for p in files) / 1e6:,.1f} MB"


def say(text: str) -> None:
    print(text, file=sys.stderr)
