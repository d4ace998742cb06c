"""acorn train base | sft: the wiring of a stage. Run the same command again and it goes on where it stopped."""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from acorn import checkpoint, runtime
from acorn.data.chats import read_conversations
from acorn.data.shards import open_shards
from acorn.errors import UserError
from acorn.model.nano import Nano, NanoConfig
from acorn.optim.plan import Plan, plan
from acorn.recipes import RECIPES, get_recipe
from acorn.runtime import Runtime
from acorn.tokenizer.tokenizer import Tokenizer
from acorn.train.base import BaseStage
from acorn.train.chat import ChatStage, render_all
from acorn.train.loop import LoopConfig, locked, train
from acorn.train.setup import check_options, make_optimizer, seconds_per_step, settle, write_record

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
    inject: str = ""  # fault to cause, to try what happens: nan@STEP, nan@FIRST-LAST, kill@STEP

    def run(self) -> int:
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
    inject: str = ""  # fault to cause, to try what happens: nan@STEP, nan@FIRST-LAST, kill@STEP

    def run(self) -> int:
        return run_stage("sft", self, sft_stage)


def run_stage(stage_name: str, asked, make_stage) -> int:
    """
    Settle the options, build the stage, train it. make_stage(config, place) is base_stage or sft_stage below.
    """
    check_options(asked)
    folder = Path("runs") / asked.name / stage_name
    config = settle(asked, folder)
    place = runtime.start(config.device, config.dtype)
    try:
        config = dataclasses.replace(config, device=place.device.type, dtype=str(place.dtype).removeprefix("torch."))
        config, make, tokenizer, best = make_stage(config, place)
        ten = max(1, config.steps // 10)
        loop = LoopConfig(
            config.steps, config.warmup, config.cooldown, clip=config.clip, best=best, inject=asked.inject,
            eval_every=ten if config.eval_every is None else config.eval_every,
            save_every=ten if config.save_every is None else config.save_every,
        )  # fmt: skip
        with locked(folder, place):
            write_record(config, folder, place)
            train(stage_name, *make(), loop, folder, place, tokenizer)
    finally:
        runtime.stop(place)
    return 0


def base_stage(config: Base, place: Runtime):
    """
    -> (config with nothing open, make() -> (model, optimizer, stage), tokenizer, name of the figure that picks the
    best)
    """
    home = Path("runs") / config.name
    data = config.data or home / "data"
    tokenizer = load_tokenizer(home / "tokenizer.json", data / "tokenizer.json")
    shards = open_shards(data, tokenizer)
    given = {k: v for k in ("matrix_lr", "embed_lr", "head_lr", "micro_rows") if (v := getattr(config, k)) is not None}

    def shape(tokens: int | None, batch_tokens: int | None = config.batch_tokens) -> Plan:
        p = plan(config.depth, tokens, tokenizer.n_vocab, config.block_size, batch_tokens, config.n_embd)
        return dataclasses.replace(p, batch_tokens=share_rows(p, batch_tokens is not None, place.world), **given)

    def make(p: Plan):
        model = Nano(
            NanoConfig(tokenizer.n_vocab, p.depth, p.n_head, p.n_kv_head, p.n_embd, p.block_size, bigram=config.bigram)
        )
        model.init_weights(runtime.seed_everything(config.seed))
        model.compute_dtype = place.dtype
        model.to(place.device)
        rows = p.batch_tokens // p.block_size
        stage = BaseStage(shards, tokenizer, place, p.block_size, rows, p.micro_rows, config.seed, config.eval_tokens)
        return model, make_optimizer(model, p, place, config.lr_scale, config.weight_decay), stage

    p = shape(config.tokens)
    if config.steps is not None:
        for _ in range(20):  # the batch follows from the horizon, and the horizon from the batch: they soon agree
            p = shape(config.steps * p.batch_tokens)
    elif config.minutes is not None:  # the batch is not known yet; one micro-batch tells the speed
        small = min(p.batch_tokens, p.micro_rows * p.block_size * place.world)
        seconds = seconds_per_step(lambda: make(dataclasses.replace(p, batch_tokens=small)), place)
        p = shape(max(1, int(config.minutes * 60 / seconds * small)))
    steps = config.steps or p.steps
    final = shape(steps * p.batch_tokens, p.batch_tokens)  # of what run.toml says, so that a resumed run plans the same
    config = dataclasses.replace(config, steps=steps, batch_tokens=config.batch_tokens or final.batch_tokens)
    return config, lambda: make(final), tokenizer, "val_bpb"


def share_rows(p: Plan, given: bool, world: int) -> int:
    """Tokens of a step in rows that `world` ranks share evenly. A given batch is not changed: all would be."""
    rows = p.batch_tokens // p.block_size
    even = -(-rows // world) * world
    if given and even != rows:
        raise UserError(
            f"a step of {p.batch_tokens:,} tokens is {rows} rows of {p.block_size}: {world} ranks cannot share it",
            f"--batch-tokens {even * p.block_size}, or a number of ranks that divides {rows}",
        )
    return even * p.block_size


def sft_stage(config: Sft, place: Runtime):
    """As base_stage, from the weights of another run."""
    home = Path("runs") / config.name
    start = checkpoint.resolve_run(config.init or str(home / "base"), say=print if place.first else None)
    first, tokenizer, _ = checkpoint.load_checkpoint(start)
    length = first.config.block_size
    train_chats, val_chats = conversations(config)
    data, dropped = render_all(train_chats, tokenizer, length)
    held_out, _ = render_all(val_chats, tokenizer, length)
    if not data or not held_out:
        raise UserError(
            f"none of the {len(train_chats) + len(val_chats)} conversations fits the context of {length} tokens"
        )
    if dropped and place.first:
        print(
            f"sft: {dropped} of {len(train_chats)} conversations are longer than {length} tokens and left out"
        )
    batch_tokens = config.batch_tokens or 8192

    def make():
        runtime.seed_everything(config.seed)
        model, _, _ = checkpoint.load_checkpoint(start, place.device, place.dtype)
        p = plan(
            model.config.n_layer,
            vocab_size=tokenizer.n_vocab,
            block_size=length,
            batch_tokens=batch_tokens,
            n_embd=model.config.n_embd,
        )
        stage = ChatStage(data, held_out, place, batch_tokens, config.micro_tokens, config.seed, config.prompt_weight)
        return model.train(), make_optimizer(model, p, place, config.lr_scale, config.weight_decay), stage

    steps = config.steps
    if steps is None and config.minutes is not None:
        steps = max(1, int(config.minutes * 60 / seconds_per_step(make, place)))
    elif steps is None:
        steps = max(1, round(config.epochs * sum(len(ids) for ids, _ in data) / batch_tokens))
    return dataclasses.replace(config, steps=steps, batch_tokens=batch_tokens), make, tokenizer, "val_loss"


def conversations(config: Sft) -> tuple[list, list]:
    """-> (train, held out) conversations of the recipe and the files; of files every 50th is held out."""
    train_chats, val_chats = [], []
    if config.recipe:
        recipe = get_recipe(config.recipe)
        train_chats += recipe.conversations("train", config.seed, config.count)
        val_chats += recipe.conversations("val", config.seed, max(20, config.count // 50))
    for path in config.chats:
        chats = read_conversations(path)
        val_chats += chats[::50]
        train_chats += [c for i, c in enumerate(chats) if i % 50]
    if not train_chats:
        raise UserError(
            "there are no conversations to learn from",
            f"acorn train sft --recipe {min(RECIPES)}  (or --chats FILE.jsonl)",
        )
    return train_chats, val_chats


def load_tokenizer(*places: Path) -> Tokenizer:
    for path in places:
        if path.exists():
            return Tokenizer.load(path)
    raise UserError(
        f"no tokenizer: neither of {', '.join(map(str, places))} exists",
        f"acorn tokenizer train TEXT --out {places[0]}",
    )
