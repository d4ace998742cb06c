"""acorn train base | sft: the options. The wiring is in stages.py, so that --help does not wait for torch."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

Name = Annotated[str, tyro.conf.arg(name="run")]


@dataclass
class Base:
    """Pretrain a nano model on token shards. Run the same command again to go on where it stopped."""

    name: Name = "base"  # name of the run; everything goes to runs/NAME/base
    data: Path | None = None  # folder of token shards (default: runs/NAME/data)
    depth: int = 4  # the dial: layers, and with it width, batch and learning rates
    minutes: float | None = None  # horizon in minutes of training on this machine, measured first
    tokens: int | None = None  # horizon in tokens (default: 12 for each parameter that multiplies)
    steps: int | None = None  # horizon in optimizer steps; wins over minutes and tokens
    n_embd: int | None = None  # width (default: 64 a layer)
    block_size: int | None = None  # context in tokens (default: by depth)
    batch_tokens: int | None = None  # tokens of one optimizer step (default: by horizon)
    micro_rows: int | None = None  # rows of one forward on one device (default: by depth)
    bigram: int = 0  # rows of a hashed bigram table; helps small models, cannot be exported
    lr_scale: float = 1.0  # multiplies every learning rate
    matrix_lr: float | None = None  # of the matrices (Muon)
    embed_lr: float | None = None  # of the embeddings
    head_lr: float | None = None  # of the head
    weight_decay: float | None = None  # of the matrices, times their learning rate
    warmup: float = 0.0  # fraction of the steps
    cooldown: float = 0.7  # fraction of the steps over which the learning rate falls
    clip: float = 0.0  # largest gradient norm; 0 = off
    eval_every: int | None = None  # steps between evaluations (default: ten a run; 0 = only at the end)
    save_every: int | None = None  # steps between checkpoints (default: ten a run; 0 = only at the end)
    eval_tokens: int = 200_000  # of the validation split, scored at each evaluation
    seed: int = 1  # of weights and data order
    device: str = "auto"  # auto, cpu or cuda
    dtype: str = "auto"  # of activations: auto, float32 or bfloat16
    compile: bool | None = None  # torch.compile the blocks (default: on a GPU only)
    inject: str = ""  # fault to cause, to try what happens: nan@STEP, nan@FIRST-LAST, kill@STEP

    def run(self) -> int:
        from acorn.commands.stages import base_stage, run_stage

        return run_stage("base", self, base_stage)


@dataclass
class Sft:
    """Finetune a run on conversations. Run the same command again to go on where it stopped."""

    name: Name = "base"  # name of the run; everything goes to runs/NAME/sft
    init: str | None = None  # run or checkpoint to start from (default: the base stage of this run)
    recipe: str | None = None  # take conversations from this recipe
    chats: list[Path] = field(default_factory=list)  # and from these .jsonl files (messages, or instruction and output)
    count: int = 20_000  # conversations to draw from the recipe
    minutes: float | None = None  # horizon in minutes of training on this machine, measured first
    epochs: float = 2.0  # horizon in passes over the conversations
    steps: int | None = None  # horizon in optimizer steps; wins over minutes and epochs
    batch_tokens: int | None = None  # tokens of one optimizer step (default: 8,192)
    micro_tokens: int = 8192  # tokens of one forward on one device
    prompt_weight: float = 0.0  # weight of the user's tokens in the loss; the assistant's have 1
    lr_scale: float = 0.3  # of the base run's learning rates
    weight_decay: float = 0.0  # of the matrices, times their learning rate
    warmup: float = 0.0  # fraction of the steps
    cooldown: float = 0.7  # fraction of the steps over which the learning rate falls
    clip: float = 0.0  # largest gradient norm; 0 = off
    eval_every: int | None = None  # steps between evaluations (default: ten a run; 0 = only at the end)
    save_every: int | None = None  # steps between checkpoints (default: ten a run; 0 = only at the end)
    seed: int = 1  # of the data order
    device: str = "auto"  # auto, cpu or cuda
    dtype: str = "auto"  # of activations: auto, float32 or bfloat16
    compile: bool | None = None  # torch.compile the blocks (default: on a GPU only)
    inject: str = ""  # fault to cause, to try what happens: nan@STEP, nan@FIRST-LAST, kill@STEP

    def run(self) -> int:
        from acorn.commands.stages import run_stage, sft_stage

        return run_stage("sft", self, sft_stage)
