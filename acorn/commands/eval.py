"""acorn eval RUN: bits per byte of held-out text, a recipe's tasks, CORE, and the tasks of acorn/evals/tasks.py."""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import tyro

from acorn.errors import UserError, did_you_mean
from acorn.evals.results import CHATCORE

GROUPS = {
    "chatcore": CHATCORE,
    "chat": ("arc-easy", "arc-challenge", "mmlu", "gsm8k", "svamp", "humaneval", "mbpp"),
}  # a name for several tasks


@dataclass
class Eval:
    """
    Score a run. Writes eval.json into the run, and into the stage that was scored; what it held before about the same
    checkpoint stays. Without --tasks: bits per byte on the run's validation documents, and the recipe's held-out tasks.
    """

    target: tyro.conf.Positional[str]  # a run in runs/, or a path to a run, stage or checkpoint
    tasks: str | None = None  # by commas: bpb, core, chatcore, arc-easy, mmlu, gsm8k ... (a wrong name lists all)
    recipe: str | None = None  # whose tasks to ask as well
    n: int = 200  # how many requests of a recipe, or of a task that is made by rule
    ways: int = 100  # so many of a recipe's requests are answered in its other ways too, such as validated; 0 = none
    limit: int = 0  # at most so many items of a task that has data, the same ones every time; 0 = all
    core: Path | None = None  # folder of CORE: core.yaml, eval_data/, eval_meta_data.csv
    task_data: Path | None = None  # folder of the other tasks' data (its layout: acorn/evals/tasks.py)
    samples: int = 1  # replies to each request; several give pass@k
    temperature: float | None = None  # of replies (default: 0 for one reply, 1 for several)
    unsafe_exec: bool = False  # run the model's programs even where no sandbox can hold them
    data: Path | None = None  # folder of token shards (default: the run's own data)
    eval_tokens: int = 400_000  # of validation text for bits per byte; 0 = all
    seed: int = 7  # of the requests and the replies
    device: str = "auto"  # auto, cpu or cuda
    dtype: str = "auto"  # of activations: auto, float32 or bfloat16
    quant: str = "none"  # weights on a CPU: none, int8 or int4; scores of small weights go to eval-int8.json
    json: bool = False  # eval.json on stdout

    def run(self) -> int:
        from acorn import checkpoint, runtime
        from acorn.commands.scores import Bars, show
        from acorn.evals.results import chatcore, earlier
        from acorn.infer import quant
        from acorn.runlog import write_json

        begin = time.perf_counter()
        self.check()
        place = runtime.start(self.device, self.dtype, alone=True)
        quant.check(self.quant, place.device)
        path = checkpoint.resolve_run(self.target, say=lambda text: print(text, file=sys.stderr))
        home, stage = path.parent.parent, path.parent
        jobs = self.jobs(home, path)
        model, tokenizer, _ = checkpoint.load_checkpoint(path, place.device, place.dtype)
        file, small = "eval.json", {}
        if self.quant != "none":
            quant.quantise(model, self.quant)
            file, small = f"eval-{self.quant}.json", {"quant": self.quant}
        print(f"evaluating {path}", file=sys.stderr)
        result = {"run": home.name, "stage": stage.name, "checkpoint": str(path), **small, "tasks": {}}
        result |= earlier(home / file, str(path)) or earlier(stage / file, str(path))
        with Bars() as bars:
            for name, job in jobs.items():
                started = time.perf_counter()
                found = job(model, tokenizer, place, bars)
                if name == "bpb":
                    result["bpb"] = found
                else:
                    result["tasks"][name] = {**found, "seconds": time.perf_counter() - started}
                    write_json(stage / file, result)  # what is known stays if the next task is interrupted
        if together := chatcore(result["tasks"]):
            result["tasks"]["chatcore"] = together
        result["seconds"] = time.perf_counter() - begin
        write_json(stage / file, result)
        write_json(home / file, result)
        if self.json:
            print(json.dumps(result))
        else:
            show(result, list(jobs))
        return 0

    def check(self) -> None:
        if self.n < 1 or min(self.eval_tokens, self.limit, self.ways) < 0:
            least = "--n must be at least 1, --eval-tokens, --ways and --limit at least 0"
            given = f"--n {self.n}, --eval-tokens {self.eval_tokens}, --limit {self.limit}, --ways {self.ways}"
            raise UserError(f"{given}: {least}")
        if self.samples < 1 or (self.samples > 1 and self.temperature == 0):
            raise UserError(
                f"--samples {self.samples} --temperature {self.temperature}: at temperature 0 all are equal"
            )

    def jobs(self, home: Path, path: Path) -> dict[str, Callable]:
        """What is to be scored, by name, each ready to be called; files are read and checked here."""
        names = self.names(home, path)
        if not names:
            from acorn.recipes import RECIPES

            hint = f"acorn eval {self.target} --recipe {min(RECIPES)}"
            raise UserError(f"nothing to score: {home} has no data folder and no task or recipe is named", hint)
        jobs: dict[str, Callable] = {}
        for name in names:
            if name == "bpb":
                jobs[name] = self.bpb_job(home, path)
            elif name == "core":
                jobs[name] = self.core_job()
            else:
                jobs |= self.task_jobs(name)
        return jobs

    def names(self, home: Path, path: Path) -> list[str]:
        from acorn.evals.tasks import CHOICES, task_names
        from acorn.recipes import RECIPES, TASKS

        if self.tasks is None:
            data = self.data or home / "data"
            if self.data and not (data / "manifest.json").exists():
                train = f"acorn data import TEXT --tokenizer {path}/tokenizer.json --out {data}"
                raise UserError(f"no token shards in {data}", train)
            names = ["bpb"] if (data / "manifest.json").exists() else []
            names += ["core"] if self.core else []
        else:
            asked = [name.strip() for name in self.tasks.split(",") if name.strip()]
            more = {recipe: (recipe, *(name for name, its in TASKS.items() if its == recipe)) for recipe in RECIPES}
            names = [one for name in asked for one in {**GROUPS, **more}.get(name, (name,))]
            known = ["bpb", "core", *GROUPS, *RECIPES, *TASKS, *task_names(), *(f"{name}-letter" for name in CHOICES)]
            for name in names:
                if name not in known:
                    there = f"There is: {', '.join(known)}"
                    raise UserError(f"there is no task {name!r}.{did_you_mean(name, known)} {there}")
        return list(dict.fromkeys([*names, *([self.recipe] if self.recipe else [])]))

    def bpb_job(self, home: Path, path: Path) -> Callable:
        from acorn.data.shards import open_shards
        from acorn.evals.bpb import bits_per_byte

        data = self.data or home / "data"
        open_shards(data)  # says now what is missing

        def job(model, tokenizer, place, bars) -> dict:
            shards = open_shards(data, tokenizer)
            documents, length = shards.documents("val"), model.config.block_size
            score = bits_per_byte(model, documents, tokenizer, length, place, self.eval_tokens)
            keys = ("value", "stderr", "bytes", "documents", "tokens")
            return {key: getattr(score, key) for key in keys}

        return job

    def core_job(self) -> Callable:
        from acorn.evals.core import load_items, open_core, score_core

        if not self.core:
            raise UserError(
                "the task core needs its data", "--core DIR   (with core.yaml, eval_data/, eval_meta_data.csv)"
            )
        core = open_core(self.core)
        for task in core.tasks:
            load_items(task, self.limit)
        return lambda model, tokenizer, place, bars: score_core(model, tokenizer, core, self.limit, bars.start)

    def task_jobs(self, name: str) -> dict[str, Callable]:
        """Multiple choice is asked in two ways: by likelihood, and in a conversation, under the name with `-letter`."""
        from acorn.commands.tasks import find_task
        from acorn.evals.examples import score_examples
        from acorn.evals.likelihood import score_letters, score_likelihood
        from acorn.evals.task import Measure
        from acorn.evals.tasks import CHOICES, FILES
        from acorn.infer.engine import Engine
        from acorn.infer.tools import run_tool

        plain = name.removesuffix("-letter")
        task = find_task(plain, self.task_data, self.unsafe_exec)
        if isinstance(task, Measure):
            measure = task.measure
            return {name: lambda model, tokenizer, place, bars: measure(self.n, self.seed, bars.start(name, self.n))}
        count = (self.limit or sys.maxsize) if plain in FILES else self.n
        examples = task.examples("test", self.seed, count)
        if not examples:
            raise UserError(f"the task {plain} has no examples to test with")
        if plain in CHOICES:

            def way(score: Callable, label: str) -> Callable:
                return lambda model, tokenizer, place, bars: score(
                    model, tokenizer, task, examples, bars.start(label, len(examples))
                )

            letter = {f"{plain}-letter": way(score_letters, f"{plain}-letter")}
            return letter if name != plain else {plain: way(score_likelihood, plain), **letter}
        if note := task.prepare():
            print(note, file=sys.stderr)
        temperature = self.temperature if self.temperature is not None else float(self.samples > 1)

        def job(model, tokenizer, place, bars) -> dict:
            engine, tick = Engine(model, tokenizer, tool=run_tool), bars.start(name, len(examples))
            return score_examples(engine, task, examples, self.samples, temperature, self.seed, tick, self.ways)

        return {name: job}
