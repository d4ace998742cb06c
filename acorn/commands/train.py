"""acorn train base | mid | sft | rl: the options. The wiring is in stages.py, so that --help waits for no torch."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro

Name = Annotated[str, tyro.conf.arg(name="run")]


@dataclass
class Base:
    """
    Pretrain a model on token shards, a new one or from other weights (--init). Run the same command again to go on
    where it stopped.
    """

    name: Name = "base"  # name of the run; everything goes to runs/NAME/base
    data: Path | None = None  # folder of token shards (default: runs/NAME/data)
    init: str | None = None  # run or checkpoint to start from, imported weights too; the shape is then theirs
    arch: Literal["nano", "gpt2", "llama"] = "nano"  # of a new model
    depth: int = 4  # the dial: layers, and with it width, batch and learning rates
    minutes: float | None = None  # horizon in minutes of training on this machine, measured first
    tokens: int | None = None  # horizon in tokens (default: 12 for each parameter that multiplies)
    steps: int | None = None  # horizon in optimizer steps; wins over minutes and tokens
    n_embd: int | None = None  # width (default: 64 a layer)
    n_head: int | None = None  # attention heads (default: by width)
    block_size: int | None = None  # context in tokens (default: by depth; with --init theirs, within reason)
    batch_tokens: int | None = None  # tokens of one optimizer step (default: by horizon)
    micro_rows: int | None = None  # rows of one forward on one device (default: by depth)
    induction: bool = False  # begin with attention heads that copy; small nano models learn to use names far sooner
    bigram: int = 0  # rows of a hashed bigram table; helps small nano models, cannot be exported
    bias: bool = True  # biases in a gpt2's matrices and norms
    dropout: float | None = None  # of a gpt2 (default: that of the weights it starts from, or none)
    lora: int = 0  # rank of adapters, with --init: they are trained and the weights stay; 0 = train the weights
    lora_alpha: float | None = None  # adapters count alpha / rank times (default: twice the rank)
    optimizer: Literal["muon", "adamw"] | None = None  # of the matrices (default: muon for nano, adamw for others)
    lr: float | None = None  # of adamw, before lr_scale (default: 6e-4 at width 768, adapters 6e-3)
    beta2: float = 0.95  # of adamw
    lr_scale: float | None = None  # multiplies every learning rate (default: 1, with --init 0.1)
    matrix_lr: float | None = None  # of the matrices (Muon)
    embed_lr: float | None = None  # of the embeddings
    head_lr: float | None = None  # of the head
    weight_decay: float | None = None  # of the matrices, times their learning rate (default: by horizon; adamw 0.1)
    schedule: Literal["linear", "cosine"] = "linear"  # how the learning rate falls; cosine: over all steps
    floor: float = 0.05  # learning rate at the end, as a fraction of the peak
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
class Chats:
    """What mid and sft share."""

    name: Name = "base"  # name of the run; everything goes to runs/NAME/STAGE
    init: str | None = None  # run or checkpoint to start from (default: the furthest earlier stage of this run)
    recipe: str | None = None  # take conversations from this recipe
    chats: list[Path] = field(default_factory=list)  # and from these files: see acorn data preview
    tasks: list[str] = field(default_factory=list)  # and the questions and answers of these tasks, such as spelling
    task_data: Path | None = None  # folder of the tasks that are read from files
    count: int = 20_000  # conversations to draw from the recipe, and at most from each task
    minutes: float | None = None  # horizon in minutes of training on this machine, measured first
    epochs: float = 2.0  # horizon in passes over the conversations
    steps: int | None = None  # horizon in optimizer steps; wins over minutes and epochs
    batch_tokens: int | None = None  # tokens of one optimizer step (default: that of the run it starts from)
    block_size: int | None = None  # tokens of a row (default: the context of the start, within reason)
    micro_tokens: int | None = None  # tokens of one forward on one device (default: 8,192, fewer if large)
    prompt_weight: float = 0.0  # weight of the user's tokens in the loss; the assistant's have 1
    matrix_lr: float | None = None  # of the matrices, before lr_scale (default: that of the run it starts from)
    embed_lr: float | None = None  # of the embeddings, likewise
    head_lr: float | None = None  # of the head, likewise
    lora: int = 0  # rank of adapters: they are trained and the weights stay; 0 = train the weights
    lora_alpha: float | None = None  # adapters count alpha / rank times (default: twice the rank)
    dropout: float | None = None  # of a gpt2 (default: that of the start)
    optimizer: Literal["muon", "adamw"] | None = None  # of the matrices (default: as the start; by kind as in base)
    lr: float | None = None  # of adamw, before lr_scale (default: as the start, or 6e-4 at width 768; adapters 6e-3)
    beta2: float = 0.95  # of adamw
    lr_scale: float = 0.3  # of the learning rates of the run it starts from
    weight_decay: float = 0.0  # of the matrices, times their learning rate
    schedule: Literal["linear", "cosine"] = "linear"  # how the learning rate falls; cosine: over all steps
    floor: float = 0.05  # learning rate at the end, as a fraction of the peak
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


@dataclass
class Mid(Chats):
    """
    Go on pretraining, on documents and conversations in one mixture: the base model meets the chat format before it is
    finetuned, and does not forget its documents. Run the same command again to go on where it stopped.
    """

    data: Path | None = None  # folder of token shards (default: runs/NAME/data)
    documents: float = 0.3  # share of the rows that are documents; the rest are conversations
    epochs: float = 1.0  # horizon in passes over the conversations
    prompt_weight: float = 1.0  # weight of the user's tokens in the loss; the assistant's have 1
    lr_scale: float = 1.0  # of the learning rates of the run it starts from
    eval_tokens: int = 200_000  # of the validation documents, scored at each evaluation

    def run(self) -> int:
        from acorn.commands.stages import mid_stage, run_stage

        return run_stage("mid", self, mid_stage)


@dataclass
class Sft(Chats):
    """Finetune a run on conversations. Run the same command again to go on where it stopped."""

    def run(self) -> int:
        from acorn.commands.stages import run_stage, sft_stage

        return run_stage("sft", self, sft_stage)


@dataclass
class Rl:
    """
    Learn from rewards: the model answers, a task grades, what was better than the other answers becomes likelier. Run
    the same command again to go on where it stopped.
    """

    name: Name = "base"  # name of the run; everything goes to runs/NAME/rl
    init: str | None = None  # run or checkpoint to start from (default: the furthest earlier stage of this run)
    recipe: str | None = None  # practise the requests of this recipe
    tasks: list[str] = field(default_factory=list)  # and these tasks, such as arithmetic or gsm8k
    task_data: Path | None = None  # folder of the tasks that are read from files
    count: int = 4000  # problems to draw from each task
    minutes: float | None = None  # horizon in minutes on this machine, measured first
    steps: int | None = None  # horizon in optimizer steps; wins over minutes (default: 100)
    rounds: int = 0  # rejection sampling before the policy gradient: keep right answers, finetune on them
    round_prompts: int = 256  # problems of a round
    round_epochs: float = 1.0  # passes over what a round kept
    gold: float = 0.5  # share of known answers in a round
    prompts: int = 32  # problems of a step of policy gradient
    samples: int = 8  # answers to each problem
    max_tokens: int = 256  # of an answer
    valid_reward: float = 0.1  # of an answer that has the right form but is wrong; right ones have 1
    fall_back: bool = True  # end with the first weights, unless held-out reward rose by more than its standard error
    tools: bool = False  # answers may call the calculator
    batch_tokens: int | None = None  # tokens of one step in a round (default: that of the run it starts from)
    block_size: int | None = None  # tokens of a row (default: the context of the start, within reason)
    micro_tokens: int | None = None  # tokens of one forward on one device (default: 8,192, fewer if large)
    matrix_lr: float | None = None  # of the matrices, before lr_scale (default: that of the run it starts from)
    embed_lr: float | None = None  # of the embeddings, likewise
    head_lr: float | None = None  # of the head, likewise
    lora: int = 0  # rank of adapters: they are trained and the weights stay; 0 = train the weights
    lora_alpha: float | None = None  # adapters count alpha / rank times (default: twice the rank)
    optimizer: Literal["muon", "adamw"] | None = None  # of the matrices (default: as the start; by kind as in base)
    lr: float | None = None  # of adamw, before lr_scale (default: as the start, or 6e-4 at width 768; adapters 6e-3)
    beta2: float = 0.95  # of adamw
    lr_scale: float = 0.05  # of the learning rates of the run it starts from
    weight_decay: float = 0.0  # of the matrices, times their learning rate
    schedule: Literal["linear", "cosine"] = "linear"  # how the learning rate falls; cosine: over all steps
    floor: float = 0.05  # learning rate at the end, as a fraction of the peak
    warmup: float = 0.0  # fraction of the steps
    cooldown: float = 0.7  # fraction of the steps over which the learning rate falls
    clip: float = 0.0  # largest gradient norm; 0 = off
    eval_every: int | None = None  # steps between evaluations (default: five a run; 0 = before and after)
    eval_prompts: int = 64  # held-out problems of an evaluation
    eval_samples: int = 4  # answers to each, beside the likeliest one; 0 = that one alone
    save_every: int | None = None  # steps between checkpoints (default: ten a run; 0 = only at the end)
    seed: int = 1  # of the problems and the answers
    device: str = "auto"  # auto, cpu or cuda
    dtype: str = "auto"  # of activations: auto, float32 or bfloat16
    compile: bool | None = None  # torch.compile the blocks (default: on a GPU only)
    inject: str = ""  # fault to cause, to try what happens: nan@STEP, nan@FIRST-LAST, kill@STEP

    def run(self) -> int:
        from acorn.commands.stages import rl_stage, run_stage

        return run_stage("rl", self, rl_stage)
