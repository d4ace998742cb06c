"""
Finetune public weights on a text that they know little of: all weights, and adapters, for the same time.

    acorn import gguf SmolLM2-135M-Instruct.Q4_1.gguf --run smol
    python benchmarks/finetune.py runs/smol --text ../shared/data/tinyshakespeare/input.txt --minutes 2

Held-out bits per byte of the last fiftieth of the text, before and after each. Works in a temporary folder.
"""

import argparse
import json
import os
import tempfile
from pathlib import Path

from common import emit

from acorn.checkpoint import resolve_run
from acorn.cli import main as acorn

WAYS = {"all weights": [], "LoRA, rank 8": ["--lora", "8"]}


def tune(start: Path, name: str, options: list[str], args) -> dict:
    """Train in runs/NAME -> its figures."""
    size = ["--minutes", str(args.minutes), "--batch-tokens", str(args.batch_tokens), "--block-size", str(args.context)]
    much = ["--eval-tokens", "0", "--eval-every", "0", "--save-every", "0", "--seed", "1"]
    code = acorn(["train", "base", "--run", name, "--init", str(start), "--data", "data", *size, *much, *options])
    if code:
        raise SystemExit(code)
    rows = [json.loads(line) for line in Path("runs", name, "base/metrics.jsonl").read_text().splitlines()]
    steps, held = [r for r in rows if "loss" in r], [r["val_bpb"] for r in rows if "val_bpb" in r]
    figures = {"steps": len(steps), "first_loss": steps[0]["loss"], "last_loss": steps[-1]["loss"], "val_bpb": held[-1]}
    return figures | {"seconds": steps[-1]["time_s"], "tokens_per_s": steps[-1]["tokens_per_s"]}


def before(start: Path, args) -> float:
    """Held-out bits per byte of the weights as they came, scored as training scores them."""
    from acorn import checkpoint, runtime
    from acorn.data.shards import open_shards
    from acorn.train.rows import document_figures

    place = runtime.start("cpu", "auto")
    model, tokenizer, _ = checkpoint.load_checkpoint(start, place.device, place.dtype)
    return document_figures(open_shards("data"), tokenizer, place, args.context, 0)(model)["val_bpb"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("run", help="an imported run")
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--batch-tokens", type=int, default=2048)
    parser.add_argument("--context", type=int, default=256)
    args = parser.parse_args()
    start, text = resolve_run(args.run).resolve(), args.text.resolve()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        data = ["data", "import", str(text), "--tokenizer", str(start / "tokenizer.json"), "--out", "data"]
        if code := acorn([*data, "--split", "tail", "--val-fraction", "0.02"]):
            raise SystemExit(code)
        results = {"as it came": {"val_bpb": before(start, args)}}
        for number, (way, options) in enumerate(WAYS.items()):
            results[way] = tune(start, f"tuned{number}", options, args)
        os.chdir("/")
    head = ("weights", "held-out bits per byte", "steps", "time", "tokens/s")
    rows = [
        (way, f"{r['val_bpb']:.4f}", f"{r['steps']}", f"{r['seconds']:.0f} s", f"{r['tokens_per_s']:,.0f}")
        if "steps" in r else (way, f"{r['val_bpb']:.4f}", "", "", "")
        for way, r in results.items()
    ]  # fmt: skip
    emit("finetune", [head, *rows], results)


if __name__ == "__main__":
    main()
