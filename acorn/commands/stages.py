"""The wiring of the training stages: from a command's options to what the loop needs."""

import dataclasses
from itertools import zip_longest
from pathlib import Path

from acorn import checkpoint, runtime
from acorn.commands.tasks import find_task
from acorn.commands.train import Base, Mid, Rl, Sft
from acorn.config import read_toml
from acorn.data.chat_rows import ChatRows, Mixture
from acorn.data.chats import read_conversations
from acorn.data.rows import RowStream
from acorn.data.shards import open_shards
from acorn.errors import UserError
from acorn.evals.task import Task
from acorn.optim.plan import Plan, plan
from acorn.recipes import RECIPES, get_recipe
from acorn.runtime import Runtime
from acorn.tokenizer.chat import render_prompt
from acorn.tokenizer.tokenizer import Tokenizer
from acorn.train.curriculum import Curriculum, Problem
from acorn.train.loop import LoopConfig, locked, train
from acorn.train.models import new_model, row_length, rows_that_fit, start_model
from acorn.train.rl import RewardStage, RLConfig, turn
from acorn.train.rows import RowStage, chat_figures, document_figures, render_all, rows_of, weigh
from acorn.train.setup import check_options, make_optimizer, seconds_per_step, settle, write_record

# from the run that a stage starts from
INHERITED = ("batch_tokens", "matrix_lr", "embed_lr", "head_lr", "optimizer", "lr")
MOST_BATCH_TOKENS = 65_536  # of an inherited batch: finetuning has few tokens, so it needs many small steps


def run_stage(stage_name: str, asked, make_stage) -> int:
    """
    Settle the options, build the stage, train it. make_stage(config, place) is one of those below.
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
            config.steps, config.schedule, config.warmup, config.cooldown, config.floor, config.clip, seed=config.seed,
            best=best, inject=asked.inject,
            eval_every=ten if config.eval_every is None else config.eval_every,
            eval_first=stage_name == "rl",
            fall_back="reward" if getattr(asked, "fall_back", False) else "",
            save_every=ten if config.save_every is None else config.save_every,
        )  # fmt: skip
        with locked(folder, place):
            parts = make()  # what cannot be built is refused before the run has a record
            write_record(config, folder, place)
            train(stage_name, *parts, loop, folder, place, tokenizer)
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
    start, sizes = None, (config.depth, config.block_size, config.n_embd)
    if config.init:
        if config.arch != "nano" or config.n_embd or config.n_head or config.bigram:
            raise UserError(f"--init {config.init}: the shape is that of the weights, no other can be asked for")
        if config.induction:
            raise UserError(f"--induction is for new weights, and --init {config.init} has its own")
        start = checkpoint.resolve_run(config.init, say=print if place.first else None)
        first, tokenizer, _ = checkpoint.load_checkpoint(start)
        config = dataclasses.replace(config, block_size=row_length(config.block_size, first.config, place))
        sizes = (first.config.n_layer, config.block_size, first.config.n_embd)
    elif config.lora:
        raise UserError("--lora needs weights to adapt", "--init RUN")
    else:
        tokenizer = load_tokenizer(home / "tokenizer.json", data / "tokenizer.json")
    if config.lr_scale is None:
        config = dataclasses.replace(config, lr_scale=0.1 if start else 1.0)
    shards = open_shards(data, tokenizer)
    given = {k: v for k in ("matrix_lr", "embed_lr", "head_lr", "micro_rows") if (v := getattr(config, k)) is not None}

    def shape(tokens: int | None, batch_tokens: int | None = config.batch_tokens) -> Plan:
        depth, length, width = sizes
        p = plan(depth, tokens, tokenizer.n_vocab, length, batch_tokens, width)
        fit = rows_that_fit(p.depth, p.n_embd, p.n_head, p.block_size, place)
        rates = {"micro_rows": min(p.micro_rows, fit)} | given
        return dataclasses.replace(p, batch_tokens=share_rows(p, batch_tokens is not None, place.world), **rates)

    def make(p: Plan):
        if start:
            model = start_model(start, config, place, config.dropout)
        else:
            model = new_model(config, p, tokenizer.n_vocab, place)
        figures = [document_figures(shards, tokenizer, place, p.block_size, config.eval_tokens)]
        stream = RowStream(shards, "train", p.block_size, config.seed)
        stage = RowStage(stream, figures, place, p.batch_tokens // p.block_size, p.micro_rows)
        return model, optimizer_of(model, p, config, place), stage

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


def optimizer_of(model, p: Plan, config, place: Runtime):
    return make_optimizer(
        model, p, place, config.lr_scale, config.weight_decay, config.optimizer, config.lr, config.beta2
    )


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


def mid_stage(config: Mid, place: Runtime):
    """As base_stage, from the weights of another run."""
    start = Start(config, place, ("base",))
    data = config.data or start.home / "data"
    shards = open_shards(data, start.tokenizer)
    train_chats, held_out = start.conversations()
    length = start.length
    config, micro_rows, rows = start.config, max(1, start.config.micro_tokens // length), start.rows

    def make():
        chats = ChatRows(weigh(train_chats, config.prompt_weight), length, config.seed)
        documents = RowStream(shards, "train", length, config.seed)
        streams = {"documents": documents, "conversations": chats}
        mixture = Mixture(streams, {"documents": config.documents, "conversations": 1 - config.documents})
        figures = [
            document_figures(shards, start.tokenizer, place, length, config.eval_tokens),
            chat_figures(held_out, place, length, micro_rows),
        ]
        return start.model_and(RowStage(mixture, figures, place, rows, micro_rows))

    tokens = sum(len(ids) for ids, _ in train_chats) / max(1e-9, 1 - config.documents)
    steps = start.steps(make, config.epochs * tokens / (rows * length))
    return dataclasses.replace(config, steps=steps), make, start.tokenizer, "val_loss"


def sft_stage(config: Sft, place: Runtime):
    """As base_stage, from the weights of another run."""
    start = Start(config, place, ("mid", "base"))
    train_chats, held_out = start.conversations()
    length = start.length
    config, micro_rows, rows = start.config, max(1, start.config.micro_tokens // length), start.rows

    def make():
        chats = ChatRows(weigh(train_chats, config.prompt_weight), length, config.seed)
        stage = RowStage(chats, [chat_figures(held_out, place, length, micro_rows)], place, rows, micro_rows)
        return start.model_and(stage)

    steps = start.steps(make, config.epochs * sum(len(ids) for ids, _ in train_chats) / (rows * length))
    return dataclasses.replace(config, steps=steps), make, start.tokenizer, "val_loss"


def rl_stage(config: Rl, place: Runtime):
    """As base_stage, from the weights of another run."""
    start = Start(config, place, ("sft", "mid", "base"))
    problems, held_out = [], []
    for task in tasks_of(config, start.say):
        problems += [Problem(task, one) for one in task.examples("train", config.seed, config.count)]
        held_out.append([Problem(task, one) for one in task.examples("val", config.seed, config.eval_prompts)])
    held_out = [one for ones in zip_longest(*held_out) for one in ones if one][: config.eval_prompts]
    fits = lambda one: len(render_prompt(start.tokenizer, [turn("user", one.example.request)])) < start.length
    left_out = len(problems) - len(problems := [one for one in problems if fits(one)])
    held_out = [one for one in held_out if fits(one)]
    if not problems or not held_out:
        raise UserError(f"none of the problems fits the context of {start.length} tokens")
    if left_out:
        start.say(f"rl: {left_out} problems are longer than the context of {start.length} tokens and left out")
    config = start.config
    names = [f.name for f in dataclasses.fields(RLConfig)]
    settings = RLConfig(**{n: getattr(config, n) for n in names} | {"batch_tokens": start.batch_tokens})
    tool = None
    if config.tools:
        from acorn.infer.tools import run_tool as tool

    def make():
        model, optimizer = start.model_and()
        curriculum = Curriculum(problems, config.seed)
        stage = RewardStage(model, start.tokenizer, curriculum, held_out, place, settings, tool, config.eval_samples)
        return model, optimizer, stage

    return dataclasses.replace(config, steps=start.steps(make, 100)), make, start.tokenizer, ""


class Start:
    """The run that mid, sft or rl starts from, and what is inherited from it: shape, batch, learning rates."""

    def __init__(self, config: Mid | Sft | Rl, place: Runtime, earlier: tuple[str, ...]):
        self.home, self.place = Path("runs") / config.name, place
        self.say = print if place.first else lambda text: None
        furthest = next((s for s in earlier if checkpoint.list_checkpoints(self.home / s)), earlier[-1])
        self.path = checkpoint.resolve_run(config.init or str(self.home / furthest), say=self.say)
        model, self.tokenizer, _ = checkpoint.load_checkpoint(self.path)
        self.shape, self.length = model.config, row_length(config.block_size, model.config, place)
        record = self.path.parent / "run.toml"
        before = read_toml(record) if record.exists() else {}
        inherited = [name for name in INHERITED if not (config.lora and name in ("optimizer", "lr"))]
        kept = {name: before[name] for name in inherited if getattr(config, name) is None and name in before}
        config = dataclasses.replace(config, init=config.init or str(self.path.parent), **kept)
        batch = config.batch_tokens or 8192
        if "batch_tokens" in kept:
            batch = min(batch, MOST_BATCH_TOKENS)
        self.rows = rows_of(batch, self.length, place.world)
        self.batch_tokens = self.rows * self.length
        if "batch_tokens" in kept or config.batch_tokens is None:  # a given one stays as it was given
            config = dataclasses.replace(config, batch_tokens=self.batch_tokens)
        c = self.shape
        fit = self.length * rows_that_fit(c.n_layer, c.n_embd, c.n_head, self.length, place)
        micro_tokens = config.micro_tokens or min(8192, fit)
        self.config = dataclasses.replace(config, micro_tokens=micro_tokens, block_size=self.length)

    def model_and(self, *more):
        """-> (model in training mode, its optimizer, *more), fresh from the weights"""
        c = self.config
        # a policy is trained on what it says, so nothing is dropped between the two
        model = start_model(self.path, c, self.place, 0.0 if isinstance(c, Rl) else c.dropout)
        p = plan(self.shape.n_layer, None, self.tokenizer.n_vocab, self.length, self.batch_tokens, self.shape.n_embd)
        given = {k: v for k in ("matrix_lr", "embed_lr", "head_lr") if (v := getattr(c, k)) is not None}
        return model, optimizer_of(model, dataclasses.replace(p, **given), c, self.place), *more

    def steps(self, make, otherwise: float) -> int:
        """As asked for, or as many as fit the minutes, or `otherwise`."""
        if self.config.steps is None and self.config.minutes is not None:
            return max(1, int(self.config.minutes * 60 / seconds_per_step(make, self.place)))
        return self.config.steps or max(1, round(otherwise))

    def conversations(self) -> tuple[list, list]:
        """-> (train, held out) conversations (ids, mask) of recipe, files and tasks that fit the context"""
        train_chats, val_chats = read_chats(self.config, self.say)
        data, dropped = render_all(train_chats, self.tokenizer, self.length)
        held_out, _ = render_all(val_chats, self.tokenizer, self.length)
        if not data or not held_out:
            count = len(train_chats) + len(val_chats)
            raise UserError(f"none of the {count} conversations fits the context of {self.length} tokens")
        if dropped:
            text = f"{dropped} of {len(train_chats)} conversations are longer than {self.length} tokens and left out"
            self.say(text)
        return data, held_out


def read_chats(config: Mid | Sft, say) -> tuple[list, list]:
    """-> (train, held out) conversations of the recipe, the files and the tasks; of files every 50th is held out."""
    train_chats, val_chats = [], []
    if config.recipe:
        recipe = get_recipe(config.recipe)
        train_chats += recipe.conversations("train", config.seed, config.count)
        val_chats += recipe.conversations("val", config.seed, max(20, config.count // 50))
    for path in config.chats:
        chats = read_conversations(path, say)
        val_chats += chats[::50]
        train_chats += [c for i, c in enumerate(chats) if i % 50]
    for task in [find_task(name, config.task_data) for name in config.tasks]:
        for split, chats, count in (("train", train_chats, config.count), ("val", val_chats, config.count // 50 + 20)):
            examples = task.examples(split, config.seed, count)
            chats += [[turn("user", e.request), turn("assistant", e.answer)] for e in examples if e.answer is not None]
    if not train_chats:
        raise UserError(
            "there are no conversations to learn from",
            f"--recipe {min(RECIPES)}, --chats FILE.jsonl or --tasks NAME",
        )
    return train_chats, val_chats


def tasks_of(config: Rl, say) -> list[Task]:
    tasks = [find_task(name, config.task_data) for name in config.tasks]
    if config.recipe:
        tasks.append(get_recipe(config.recipe).task)
    if not tasks:
        raise UserError("there is nothing to practise", f"--recipe {min(RECIPES)} or --tasks NAME")
    for task in tasks:
        if note := task.prepare():
            say(note)
    return tasks


def load_tokenizer(*places: Path) -> Tokenizer:
    for path in places:
        if path.exists():
            return Tokenizer.load(path)
    raise UserError(
        f"no tokenizer: neither of {', '.join(map(str, places))} exists",
        f"acorn tokenizer train TEXT --out {places[0]}",
    )
