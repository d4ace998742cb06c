"""acorn eval RUN: bits per byte of held-out text and the tasks of a recipe."""

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import tyro

from acorn.errors import UserError


@dataclass
class Eval:
    """
    Score a run: bits per byte on its validation documents, and its recipe's held-out tasks. Writes eval.json into the
    run.
    """

    target: tyro.conf.Positional[str]  # a run in runs/, or a path to a run, stage or checkpoint
    recipe: str | None = None  # whose tasks to ask; none: bits per byte only
    n: int = 200  # how many held-out requests
    data: Path | None = None  # folder of token shards (default: the run's own data)
    eval_tokens: int = 400_000  # of validation text for bits per byte; 0 = all
    seed: int = 7  # of the requests
    device: str = "auto"  # auto, cpu or cuda
    dtype: str = "auto"  # of activations: auto, float32 or bfloat16
    json: bool = False  # eval.json on stdout

    def run(self) -> int:
        from acorn import checkpoint, runtime
        from acorn.data.shards import open_shards
        from acorn.evals.bpb import bits_per_byte
        from acorn.evals.examples import score_examples
        from acorn.infer.engine import Engine
        from acorn.recipes import RECIPES, get_recipe
        from acorn.runlog import write_json

        begin = time.perf_counter()
        if self.n < 1 or self.eval_tokens < 0:
            raise UserError(f"--n {self.n} must be at least 1 and --eval-tokens {self.eval_tokens} at least 0")
        place = runtime.start(self.device, self.dtype, alone=True)
        path = checkpoint.resolve_run(self.target, say=lambda text: print(text, file=sys.stderr))
        model, tokenizer, _ = checkpoint.load_checkpoint(path, place.device, place.dtype)
        home = path.parent.parent
        print(f"evaluating {path}", file=sys.stderr)
        result = {"run": home.name, "stage": path.parent.name, "checkpoint": str(path), "tasks": {}}
        result |= earlier(home / "eval.json", str(path))
        data = self.data or home / "data"
        if (data / "manifest.json").exists():
            shards = open_shards(data, tokenizer)
            score = bits_per_byte(
                model, shards.documents("val"), tokenizer, model.config.block_size, place, self.eval_tokens
            )
            result["bpb"] = {
                "value": score.value,
                "bytes": score.bytes,
                "documents": score.documents,
                "tokens": score.tokens,
            }
        elif self.data:
            raise UserError(
                f"no token shards in {data}", f"acorn data import TEXT --tokenizer {path}/tokenizer.json --out {data}"
            )
        if self.recipe:
            recipe = get_recipe(self.recipe)
            if note := recipe.task.prepare():
                print(note, file=sys.stderr)
            examples = recipe.task.examples("test", self.seed, self.n)
            result["tasks"][recipe.name] = score_examples(
                Engine(model, tokenizer), examples, recipe.task.grade, recipe.task.version
            )
        if "bpb" not in result and not result["tasks"]:
            hint = f"acorn eval {self.target} --recipe {min(RECIPES)}"
            raise UserError(f"nothing to score: {home} has no data folder and no recipe is named", hint)
        result["seconds"] = time.perf_counter() - begin
        write_json(home / "eval.json", result)
        if self.json:
            print(json.dumps(result))
        else:
            print(summary(result))
        return 0


def earlier(path: Path, checkpoint: str) -> dict:
    """What was found out about the same checkpoint before, so that scoring one thing does not lose the others."""
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
        same = before["checkpoint"] == checkpoint
    except (OSError, ValueError, KeyError, TypeError):  # none, or not ours: then it is replaced
        return {}
    return {key: before[key] for key in ("tasks", "bpb") if same and key in before}


def summary(result: dict) -> str:
    lines = []
    if bpb := result.get("bpb"):
        lines.append(
            f"bits per byte   {bpb['value']:.4f}   ({bpb['documents']:,} validation documents, {bpb['bytes']:,} bytes)"
        )
    for name, task in result["tasks"].items():
        lines.append(f"{name}: {task['n']} held-out requests")
        for key, words in (("valid", "validate"), ("right", "do what was asked")):
            share = task[key]
            lines.append(
                f"  {words:<18} {share['value']:6.1%}   (95 % interval {share['low']:.1%} to {share['high']:.1%})"
            )
        for sample in task["samples"][:3]:
            verdict = "right" if sample["right"] else f"wrong: {sample['why']}"
            reply = "\n".join("    " + line for line in sample["reply"].splitlines())
            lines.append(f"\n  > {sample['request']}\n{reply}\n  [{verdict}]")
    return "\n".join(lines)
