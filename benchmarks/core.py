"""
CORE: ours against scoring one example at a time, with the same weights and items. Ours reads each prefix once, batches
by length and computes logits only where they are scored; the other way is a plain forward of one example's prompts with
all logits and their cross-entropy, as nanochat's core_eval.py does. With --nanochat CHECKOUT it is that very file.

    python benchmarks/core.py --core DIR [--run RUN] [--items 20] [--nanochat DIR]

Without --run the model is random: a nano with a vocabulary of 32,768 tokens trained on the items themselves.
"""

import argparse
import importlib.util
import time
from pathlib import Path

from common import emit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--core", type=Path, required=True, help="folder with core.yaml and eval_data/")
    parser.add_argument("--run", help="a run in runs/, or a path (default: random weights)")
    parser.add_argument("--items", type=int, default=20, help="of each task")
    parser.add_argument("--tasks", default="", help="labels by commas (default: all)")
    parser.add_argument("--nanochat", type=Path, help="a checkout of nanochat, whose own scorer is then the peer")
    parser.add_argument("--depth", type=int, default=4, help="layers of the random model; its width is 64 times that")
    parser.add_argument("--vocab", type=int, default=32_768, help="of the random model")
    parser.add_argument("--context", type=int, default=2048, help="of the random model")
    args = parser.parse_args()

    import torch

    from acorn.checkpoint import load_model
    from acorn.evals import core

    if args.run:
        model, tokenizer, _ = load_model(args.run, torch.device("cpu"), torch.float32)
    else:
        model, tokenizer = random_model(args)
    model.eval()
    peer = nanochats_file(args.nanochat) if args.nanochat else None
    rows = [["task", "n", "ours", "one at a time", "same", "ours, s", "one at a time, s", "ratio"]]
    totals, per_task = [0, 0, 0.0, 0.0], {}
    for task in core.open_core(args.core).tasks:
        if args.tasks and task.label not in args.tasks.split(","):
            continue
        items = core.load_items(task, max(args.items, task.shots + 1))
        begin = time.perf_counter()
        ours = core.score_items(model, tokenizer, task, items)
        middle = time.perf_counter()
        if peer:
            other = with_nanochat(peer, model, tokenizer, task, items)
        else:
            other = [one_at_a_time(model, tokenizer, task, items, i) for i in range(len(items))]
        end = time.perf_counter()
        same, ratio = sum(a == b for a, b in zip(ours, other)), (end - middle) / (middle - begin)
        rows.append([task.label, len(items), sum(ours), sum(other), f"{same}/{len(items)}", f"{middle - begin:.2f}",
                     f"{end - middle:.2f}", f"{ratio:.1f}"])  # fmt: skip
        totals = [a + b for a, b in zip(totals, (len(items), same, middle - begin, end - middle))]
        per_task[task.label] = round(ratio, 2)
    n, same, seconds, other_seconds = totals
    rows.append(
        ["all", n, "", "", f"{same}/{n}", f"{seconds:.2f}", f"{other_seconds:.2f}", f"{other_seconds / seconds:.1f}"]
    )
    config = model.config
    shape = f"{config.n_layer} layers, {config.n_embd} wide, {config.vocab_size} tokens, context {config.block_size}"
    emit("core", rows, {
        "model": shape,
        "peer": "nanochat's core_eval.py" if peer else "one example at a time", "threads": torch.get_num_threads(),
        "items": n, "same": same, "seconds": round(seconds, 2), "peer_seconds": round(other_seconds, 2),
        "ratio": round(other_seconds / seconds, 2), "ratios": per_task,
    })  # fmt: skip


def random_model(args):
    import torch

    from acorn.model.nano import Nano, NanoConfig
    from acorn.tokenizer.train import train_bpe

    texts = (path.read_text(encoding="utf-8")[:400_000] for path in sorted((args.core / "eval_data").rglob("*.jsonl")))
    tokenizer = train_bpe(texts, args.vocab)
    width = 64 * args.depth
    model = Nano(NanoConfig(tokenizer.n_vocab, args.depth, args.depth, args.depth, width, args.context))
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for p in model.parameters():
            p.normal_(0, p.shape[-1] ** -0.5 if p.ndim > 1 else 0.5, generator=generator)
    return model, tokenizer


def one_at_a_time(model, tokenizer, task, items: list, i: int) -> bool:
    """The example's prompts as one padded batch, a plain forward, a loss for every token."""
    import torch
    import torch.nn.functional as F

    from acorn.evals import core

    (question,) = core.questions(task, items, range(i, i + 1), tokenizer, model.config.block_size)
    rows = [torch.from_numpy(row) for row in question.rows]
    ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=tokenizer.bos)
    with torch.no_grad():
        logits = model(ids)
        targets = torch.roll(ids, -1, 1)
        losses = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none").view(ids.shape)
        said = logits.argmax(-1)
    spans = [slice(start - 1, len(row) - 1) for row, start in zip(rows, question.starts)]
    if task.kind == "language_modeling":
        return bool((said[0, spans[0]] == targets[0, spans[0]]).all())
    means = [float(losses[r, span].mean()) for r, span in enumerate(spans)]
    return means.index(min(means)) == items[i]["gold"]


def nanochats_file(checkout: Path):
    spec = importlib.util.spec_from_file_location("core_eval", checkout / "nanochat" / "core_eval.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def with_nanochat(peer, model, tokenizer, task, items: list) -> list[bool]:
    class Caller:
        max_seq_len = model.config.block_size

        def __call__(self, ids):
            return model(ids)

    def encode(prompts, prepend):
        return [[prepend, *ids] for ids in tokenizer.encode_batch(prompts)]

    class Words:
        get_bos_token_id = staticmethod(lambda: tokenizer.bos)
        __call__ = staticmethod(encode)

    about = {"task_type": task.kind, "num_fewshot": task.shots, "continuation_delimiter": task.delimiter}
    return [bool(peer.evaluate_example(i, Caller(), Words(), items, "cpu", about)) for i in range(len(items))]


if __name__ == "__main__":
    main()
