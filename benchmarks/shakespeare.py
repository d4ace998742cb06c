"""
Tiny Shakespeare by characters, start-up included: configs/shakespeare_char.toml beside nanoGPT's README CPU recipe.

    python benchmarks/shakespeare.py --text input.txt [--nanogpt CHECKOUT] [--repeats 3]

Both see the first 90 % of the characters and are scored on all of the last 10 %, in windows of 64: nats per character.
The clock of ours runs over the whole pipeline (vocabulary, import, training); that of nanoGPT over train.py alone, its
prepare.py apart.
"""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

from common import ACORN, ROOT, emit, matches, median, timed

RECIPE = (
    "--device=cpu --compile=False --eval_iters=20 --log_interval=1 --block_size=64 --batch_size=12 --n_layer=4 "
    "--n_head=4 --n_embd=128 --max_iters=2000 --lr_decay_iters=2000 --dropout=0.0"
).split()  # nanoGPT's README, "I only have a macbook"

SCORE_PEER = """
import sys, json, torch, numpy as np
from model import GPT, GPTConfig
saved = torch.load(sys.argv[1], map_location="cpu", weights_only=False)
model = GPT(GPTConfig(**saved["model_args"])); model.load_state_dict(saved["model"]); model.eval()
ids = torch.from_numpy(np.fromfile(sys.argv[2], dtype=np.uint16).astype(np.int64))
n = (len(ids) - 1) // 64
x, y = ids[: n * 64].view(n, 64), ids[1 : n * 64 + 1].view(n, 64)
with torch.no_grad():
    total = sum(float(model(x[i : i + 64], y[i : i + 64])[1]) * len(x[i : i + 64]) for i in range(0, n, 64))
print(json.dumps({"loss": total / n, "parameters": sum(p.numel() for p in model.parameters())}))
"""


def score(run: Path, text: Path) -> dict:
    """Nats per character over the last 10 %, in windows of 64 characters without overlap."""
    import torch

    from acorn.checkpoint import load_model

    model, tokenizer, _ = load_model(str(run / "base"))
    characters = text.read_text(encoding="utf-8")
    ids = torch.tensor(tokenizer.encode(characters[int(0.9 * len(characters)) :]))
    n = (len(ids) - 1) // 64
    x, y = ids[: n * 64].view(n, 64), ids[1 : n * 64 + 1].view(n, 64)
    with torch.no_grad():
        total = sum(float(model.loss(a, b, torch.ones(a.shape))) for a, b in zip(x.split(128), y.split(128)))
    return {"loss": total / (n * 64), "parameters": sum(p.numel() for p in model.parameters())}


def ours(text: Path, work: Path) -> dict:
    shutil.rmtree(work, ignore_errors=True)
    (work / "data" / "shakespeare").mkdir(parents=True)
    shutil.copy(text, work / "data" / "shakespeare" / "input.txt")
    seconds, _ = timed([*ACORN, "speedrun", ROOT / "configs" / "shakespeare_char.toml"], cwd=work)
    return {"seconds": seconds, **score(work / "runs" / "shakespeare_char", text)}


def peer(checkout: Path, text: Path, work: Path) -> dict:
    folder = work / "nanogpt"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(checkout, folder)
    shutil.copy(text, folder / "data" / "shakespeare_char" / "input.txt")
    timed([sys.executable, "prepare.py"], cwd=folder / "data" / "shakespeare_char")
    seconds, lines = timed(
        [
            sys.executable,
            "train.py",
            "config/train_shakespeare_char.py",
            *RECIPE,
            "--out_dir=out",
            "--always_save_checkpoint=True",
        ],
        cwd=folder,
    )
    steps = [float(m[1]) for _, m in matches(r"^iter \d+: .*time ([\d.]+)ms", lines)]
    arguments = [sys.executable, "-c", SCORE_PEER, "out/ckpt.pt", "data/shakespeare_char/val.bin"]
    _, lines = timed(arguments, cwd=folder, env={"PYTHONPATH": str(folder)})
    return {"seconds": seconds, "median_step_ms": median(steps), **json.loads(lines[-1][1])}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--text", type=Path, required=True, help="tinyshakespeare's input.txt")
    arguments.add_argument("--nanogpt", type=Path, help="a checkout of karpathy/nanoGPT")
    arguments.add_argument("--repeats", type=int, default=3, help="of ours; the median counts")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        runs = [ours(options.text.resolve(), Path(temporary) / "ours") for _ in range(options.repeats)]
        theirs = peer(options.nanogpt.resolve(), options.text.resolve(), Path(temporary)) if options.nanogpt else None
    mine = {**runs[0], "seconds": median(r["seconds"] for r in runs), "all_seconds": [r["seconds"] for r in runs]}
    rows = [["", "seconds", "loss", "parameters"]]
    for name, r in (("acorn", mine), ("nanoGPT", theirs)):
        if r:
            rows.append([name, f"{r['seconds']:.1f}", f"{r['loss']:.4f}", f"{r['parameters']:,}"])
    figures = {"acorn": mine, "nanogpt": theirs}
    if theirs:
        figures["times_faster"] = theirs["seconds"] / mine["seconds"]
        rows.append(["faster", f"{figures['times_faster']:.1f} x", f"{theirs['loss'] - mine['loss']:+.4f} lower", ""])
    emit("shakespeare", rows, figures)


if __name__ == "__main__":
    main()
