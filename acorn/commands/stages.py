"""The wiring of the training stages: from a command's options to what the loop needs."""

import dataclasses
from pathlib import Path

from acorn import checkpoint, runtime
from acorn.commands.train import Base, Sft
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
        prepare(model, config, place)
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


def prepare(model, config, place: Runtime) -> None:
    """Move the model to its device; compile its blocks where asked, or by default on a GPU, where it pays back."""
    model.to(place.device)
    if config.compile or (config.compile is None and place.device.type == "cuda"):
        for block in model.blocks:
            block.compile()


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
        print(f"sft: {dropped} of {len(train_chats)} conversations are longer than {length} tokens and left out")
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
        prepare(model, config, place)
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
