"""acorn import hf | gguf | gpt2: a public model, with its tokenizer and chat template, as a run."""

import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from acorn.errors import UserError

Name = Annotated[str, tyro.conf.arg(name="run")]


@dataclass
class Hf:
    """
    A folder of Hugging Face's (config.json, *.safetensors, tokenizer.json) -> a run. Llama, SmolLM2, Qwen2, Qwen3,
    GPT-2, and the Apertus form that acorn exports.
    """

    path: tyro.conf.Positional[Path]  # the folder
    name: Name  # the new run, runs/NAME
    template: str | None = None  # chat template in place of its own: FILE.jinja, plain (turns as text), or none

    def run(self) -> None:
        from acorn.export.hf_in import import_folder

        install(self.name, lambda: import_folder(self.path, self.template))


@dataclass
class Gguf:
    """A GGUF file of llama.cpp's (F32, F16, BF16, Q8_0, Q4_0, Q4_1) -> a run. Quantised weights become float32."""

    path: tyro.conf.Positional[Path]  # the file
    name: Name  # the new run, runs/NAME
    template: str | None = None  # chat template in place of its own: FILE.jinja, plain (turns as text), or none

    def run(self) -> None:
        from acorn.export.gguf_in import import_gguf

        install(self.name, lambda: import_gguf(self.path, self.template))


@dataclass
class Gpt2:
    """OpenAI's GPT-2 (config.json, model.safetensors, vocab.json with merges.txt or encoder.json with vocab.bpe)."""

    path: tyro.conf.Positional[Path]  # the folder
    name: Name = "gpt2"  # the new run, runs/NAME
    template: str | None = None  # chat template, since it has none: FILE.jinja, or plain (turns as text)

    def run(self) -> None:
        from acorn.export.hf_in import import_folder

        install(self.name, lambda: import_folder(self.path, self.template, only="GPT2LMHeadModel"))


def install(name: str, load: Callable) -> None:
    """load() -> Imported. It becomes runs/NAME by one rename, so that no failure and no kill leaves a part of a run."""
    from acorn.checkpoint import save_checkpoint
    from acorn.tokenizer.template import check_template

    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", name):
        raise UserError(f"--run {name!r}: a name of letters, digits, dots, dashes and underscores")
    runs = Path("runs")
    final, beside = runs / name, runs / f".{name}.import-{os.getpid()}"
    if final.exists():
        raise UserError(f"{final} exists already", "another --run NAME, or remove that folder first")
    sweep(runs, name)
    found = load()
    check_template(found.tokenizer)
    try:
        save_checkpoint(beside / "base", 0, found.model, {}, {"imported": found.about}, found.tokenizer)
        found.tokenizer.save(beside / "tokenizer.json")
        beside.rename(final)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    size = sum(p.numel() for p in found.model.parameters()) / 1e6
    config = found.model.config
    print(f"{final}: {size:,.1f} M parameters, {config.n_layer} layers, context {config.block_size:,}, "
          f"{found.tokenizer.n_vocab:,} tokens")  # fmt: skip
    talk = f"acorn chat {name}" if found.tokenizer.template else f"acorn sample {name} -p 'Once upon a time'"
    print(f"  {talk}\n  acorn train sft --run {name}-tuned --init {name} --chats FILE.jsonl")


def sweep(runs: Path, name: str) -> None:
    """Remove what an import of this name left behind when it was killed."""
    for leftover in runs.glob(f".{name}.import-*"):
        pid = leftover.name.rpartition("-")[2]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(leftover, ignore_errors=True)
