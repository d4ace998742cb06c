"""
Pretraining on real text, start-up included: `acorn train base` beside nanochat's base_train, equally sized.

    on a CPU      python benchmarks/text.py --corpus DIR [--nanochat CHECKOUT]
    on one GPU    python benchmarks/text.py --corpus DIR [--nanochat CHECKOUT] --device cuda \\
                      --depth 12 --length 2048 --vocabulary 32768 --minutes 5 \\
                      --peer-rows 32 --peer-batch 524288 --peer-dtype bfloat16 --iterations 300

DIR holds parquet/shard_*.parquet (column text; the last one is validation) and val.jsonl (one JSON string a line).
Both learn a vocabulary first, apart from the clock. Ours is on the clock from raw parquet (import, start-up, training),
nanochat from the start of base_train, compilation included. Both are scored on the same bytes: each document's tokens
in windows that begin with BOS. nanochat falls back to torch's SDPA where it finds no FA3; ours uses SDPA.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

from common import ACORN, emit, matches, median, timed

PEAK = {"cuda": 989e12}  # bf16 FLOP/s of an H100 or H200, for MFU

# nanochat wants wandb; an empty module with its one function stands in
PEER = (
    "import sys, types, runpy; w = types.ModuleType('wandb'); w.init = lambda **k: None; sys.modules['wandb'] = w; "
    "sys.argv = sys.argv[1:]; runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)"
)

SCORE_PEER = """
import sys, json, math, torch
device, length = sys.argv[2], int(sys.argv[3])
from nanochat.checkpoint_manager import load_model
model, tokenizer, _ = load_model("base", torch.device(device), phase="eval", model_tag="bench")
bos, nats = tokenizer.get_bos_token_id(), 0.0
documents = json.load(open(sys.argv[1]))
encoded = [tokenizer.encode(d) for d in documents]
rows = sorted(([bos] + ids[i : i + length] for ids in encoded for i in range(0, len(ids), length)), key=len)
with torch.no_grad():
    for group in (rows[i : i + 16] for i in range(0, len(rows), 16)):
        T = max(map(len, group))
        x = torch.full((len(group), T), bos)
        y = torch.full((len(group), T), -1)
        for r, ids in enumerate(group):
            x[r, : len(ids)] = torch.tensor(ids)
            y[r, : len(ids) - 1] = torch.tensor(ids[1:])
        nats += model(x[:, :-1].contiguous().to(device), y[:, :-1].contiguous().to(device), loss_reduction="sum").item()
print(json.dumps({"bpb": nats / math.log(2) / sum(len(d.encode()) for d in documents)}))
"""


def held_out(corpus: Path, megabytes: float) -> list[str]:
    documents, size = [], 0
    for line in (corpus / "val.jsonl").open(encoding="utf-8"):
        documents.append(json.loads(line))
        size += len(documents[-1].encode())
        if size > megabytes * 1e6:
            break
    return documents


def ours(corpus: Path, documents: list[str], o: argparse.Namespace, work: Path) -> dict:
    shards = sorted((corpus / "parquet").glob("*.parquet"))[:-1]
    shutil.rmtree(work / "runs", ignore_errors=True)
    tokenizer = work / "runs" / "bench" / "tokenizer.json"
    timed([*ACORN, "tokenizer", "train", *shards, "--vocab-size", o.vocabulary, "--out", tokenizer], cwd=work)
    load, _ = timed(
        [
            *ACORN,
            "data",
            "import",
            *shards,
            "--tokenizer",
            tokenizer,
            "--out",
            "runs/bench/data",
            "--val-fraction",
            0.002,
        ],
        cwd=work,
    )
    train, lines = timed(
        [
            *ACORN,
            "train",
            "base",
            "--run",
            "bench",
            "--depth",
            o.depth,
            "--block-size",
            o.length,
            "--minutes",
            o.minutes,
            "--device",
            o.device,
            "--dtype",
            o.dtype,
            "--eval-every",
            0,
            "--save-every",
            0,
            "--eval-tokens",
            1000,
        ],
        cwd=work,
    )
    rows = [json.loads(line) for line in (work / "runs" / "bench" / "base" / "metrics.jsonl").open()]
    steps = [row for row in rows if not row.get("eval")]

    import numpy as np

    from acorn import runtime
    from acorn.checkpoint import load_model
    from acorn.evals.bpb import bits_per_byte

    place = runtime.start(o.device, o.dtype)
    model, tok, _ = load_model(str(work / "runs" / "bench" / "base"), place.device, place.dtype)
    scored = bits_per_byte(
        model, (np.array([tok.bos, *ids]) for ids in tok.encode_batch(documents)), tok, o.length, place
    )
    speed = median(row["tokens_per_s"] for row in steps)
    mfu = {"mfu": speed * model.flops_per_token(o.length) / PEAK[o.device]} if o.device in PEAK else {}
    return {
        "seconds": load + train,
        "import_s": load,
        "before_first_step_s": train - steps[-1]["time_s"],
        "training_s": steps[-1]["time_s"],
        "steps": len(steps),
        "tokens": steps[-1]["tokens"],
        "tokens_per_s": speed,
        "bpb": scored.value,
        "dtype": str(place.dtype),
        "parameters": sum(p.numel() for p in model.parameters()),
        **mfu,
    }


def peer(checkout: Path, corpus: Path, documents: list[str], o: argparse.Namespace, work: Path) -> dict:
    python = o.peer_python
    base = work / "nanochat"
    base.mkdir()
    (base / "base_data_climbmix").symlink_to((corpus / "parquet").resolve())
    (work / "held_out.json").write_text(json.dumps(documents))
    env = {
        "NANOCHAT_BASE_DIR": str(base),
        "NANOCHAT_DTYPE": o.peer_dtype,
        "PYTHONPATH": str(checkout),
        "OMP_NUM_THREADS": str(os.cpu_count()),
        "TORCHINDUCTOR_CACHE_DIR": str(work / "inductor"),
    }
    timed([python, "-c", PEER, "scripts.tok_train", f"--vocab-size={o.vocabulary}"], cwd=checkout, env=env)
    seconds, lines = timed(
        [
            python,
            "-c",
            PEER,
            "scripts.base_train",
            f"--device-type={o.device}",
            f"--depth={o.depth}",
            f"--head-dim={64 if o.depth < 8 else 128}",
            "--window-pattern=L",
            f"--max-seq-len={o.length}",
            f"--device-batch-size={o.peer_rows}",
            f"--total-batch-size={o.peer_batch}",
            f"--num-iterations={o.iterations}",
            "--eval-every=-1",
            "--core-metric-every=-1",
            "--sample-every=-1",
            "--model-tag=bench",
        ],
        cwd=checkout,
        env=env,
    )
    steps = [float(m[1]) / 1e3 for _, m in matches(r"dt: ([\d.]+)ms", lines)]
    _, lines = timed(
        [python, "-c", SCORE_PEER, work / "held_out.json", o.device, o.length], cwd=checkout, env=env
    )
    score = next(json.loads(line) for _, line in reversed(lines) if line.startswith("{"))
    return {
        "seconds": seconds,
        "training_s": sum(steps),
        "steps": o.iterations,
        "tokens": o.iterations * o.peer_batch,
        "dtype": o.peer_dtype,
        "tokens_per_s": o.peer_batch / median(steps[5:]),
        **score,
    }


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--corpus", type=Path, required=True)
    arguments.add_argument("--nanochat", type=Path, help="a checkout of karpathy/nanochat")
    arguments.add_argument("--minutes", type=float, default=1.5, help="of our training")
    arguments.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    arguments.add_argument("--depth", type=int, default=4)
    arguments.add_argument("--length", type=int, default=512, help="context in tokens")
    arguments.add_argument("--vocabulary", type=int, default=4096)
    arguments.add_argument("--dtype", default="auto", help="of our activations")
    arguments.add_argument("--peer-python", default=sys.executable, help="Python that has what nanochat imports")
    arguments.add_argument("--peer-rows", type=int, default=8, help="nanochat's rows of one forward")
    arguments.add_argument("--peer-batch", type=int, default=4096, help="nanochat's tokens of one step")
    arguments.add_argument("--iterations", type=int, default=250, help="of nanochat")
    arguments.add_argument("--peer-dtype", default="float32", help="NANOCHAT_DTYPE; float32 is its default on a CPU")
    arguments.add_argument(
        "--val-mb", type=float, default=1.0, help="megabytes of held-out text that both are scored on"
    )
    options = arguments.parse_args()
    documents = held_out(options.corpus, options.val_mb)
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        mine = ours(options.corpus.resolve(), documents, options, work)
        theirs = None
        if options.nanochat:
            theirs = peer(options.nanochat.resolve(), options.corpus.resolve(), documents, options, work)
    rows = [["", "seconds", "of it training", "tokens/s", "bits per byte", "dtype"]]
    for name, r in (("acorn", mine), ("nanochat", theirs)):
        if r:
            rows.append(
                [
                    name,
                    f"{r['seconds']:.0f}",
                    f"{r['training_s']:.0f}",
                    f"{r['tokens_per_s']:,.0f}",
                    f"{r['bpb']:.4f}",
                    r["dtype"],
                ]
            )
    emit("text", rows, {"acorn": mine, "nanochat": theirs})


if __name__ == "__main__":
    main()
