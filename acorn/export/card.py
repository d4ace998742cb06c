"""README.md of an exported folder: what the model is, what is known of it, how to run it, what to beware of."""

import json
from pathlib import Path

from acorn.errors import UserError
from acorn.export.stock import Stock, stock_class


def model_card(stock: Stock, tokenizer, name: str, checkpoint: Path, dtype: str) -> str:
    home = checkpoint.parent.parent
    evaluation, report = read(home / "eval.json"), read(home / "report.json")
    parts = [
        "---\nlibrary_name: transformers\npipeline_tag: text-generation\ntags:\n- acorn\n---",
        f"# {name}",
        f"Exported by acorn from {'/'.join(checkpoint.parts[-3:])} as `{stock_class(stock.architecture)}` in {dtype}. "
        "No code of its own is needed to run it.",
        facts(stock, tokenizer),
        *figures(evaluation, checkpoint),
        *training(report),
        running(name, tokenizer),
        beware(stock, tokenizer),
    ]
    return "\n\n".join(parts) + "\n"


def facts(stock: Stock, tokenizer) -> str:
    c = stock.shape
    size = sum(t.numel() for name, t in stock.tensors.items() if name not in stock.numbers())
    rows = {
        "parameters": f"{size:,}",
        "layers": c.n_layer,
        "width": c.n_embd,
        "heads": f"{c.n_head}, {c.n_kv_head} of keys and values",
        "context": f"{c.block_size:,} tokens",
        "vocabulary": f"{tokenizer.n_vocab:,} tokens",
    }
    return table(["", ""], [[key, str(value)] for key, value in rows.items()])


def figures(evaluation: dict, checkpoint: Path) -> list[str]:
    """Bits per byte and tasks of eval.json."""
    if not evaluation:
        return ["It has not been evaluated."]
    of = "/".join(Path(evaluation.get("checkpoint", "")).parts[-2:])
    said = "" if of == "/".join(checkpoint.parts[-2:]) else f" of {of}, another checkpoint of this run"
    parts = [f"## Figures{said}"]
    if bpb := evaluation.get("bpb"):
        parts.append(f"{bpb['value']:.4f} bits per byte of {bpb['documents']:,} held-out documents.")
    rows = []
    for task, found in (evaluation.get("tasks") or {}).items():
        for what, share in found.items():
            if isinstance(share, dict) and {"value", "low", "high"} <= set(share):
                interval = f"{100 * share['low']:.1f}–{100 * share['high']:.1f}"
                rows.append([task, what, f"{100 * share['value']:.1f} %", interval, str(found.get("n", ""))])
    if rows:
        parts.append(table(["task", "measure", "share", "95 % interval", "of"], rows))
    return parts


def training(report: dict) -> list[str]:
    """Stages of report.json."""
    if not (stages := report.get("stages")):
        return []
    rows = [[s["name"], f"{s['steps']:,}", f"{s['tokens']:,}", f"{s['seconds']:,.0f}"] for s in stages]
    return ["## Training", table(["stage", "steps", "tokens", "seconds"], rows)]


def running(name: str, tokenizer) -> str:
    lines = [
        "from transformers import AutoModelForCausalLM, AutoTokenizer",
        f'tokenizer = AutoTokenizer.from_pretrained("{name}")',
        f'model = AutoModelForCausalLM.from_pretrained("{name}")',
    ]
    if tokenizer.template or tokenizer.kind != "foreign":
        lines += [
            'talk = [{"role": "user", "content": "Hello"}]',
            'given = {"add_generation_prompt": True, "return_tensors": "pt", "return_dict": True}',
            "ids = tokenizer.apply_chat_template(talk, **given)",
            "print(tokenizer.decode(model.generate(**ids, max_new_tokens=200)[0]))",
        ]
    else:
        lines += [
            'ids = tokenizer("Once upon a time", return_tensors="pt")',
            "print(tokenizer.decode(model.generate(**ids, max_new_tokens=200)[0]))",
        ]
    code = "\n".join(lines)
    return f"## Run it\n\n```python\n{code}\n```\n\n```\nvllm serve {name}\n```"


def beware(stock: Stock, tokenizer) -> str:
    reader = "transformers, vLLM and llama.cpp find control tokens in all text, also in what a user typed"
    if tokenizer.kind == "foreign":
        said = [f"{reader}. acorn itself never does."]
    else:
        broken = "The chat template breaks up their names in messages (`<|bos|>` becomes `<| bos|>`)"
        said = [f"{reader}. {broken}; raw completion and Ollama do not. acorn itself never reads text as control."]
    if stock.architecture == "apertus":
        said.append(
            "Run it in bfloat16 or float32: squared ReLU makes large numbers, and float16 ends at 65,504. Do without "
            "the `xielu` CUDA package: it takes beta for 0.5, here it is 0."
        )
    return "## Beware\n\n" + "\n\n".join(said)


def table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


def read(path: Path) -> dict:
    """{} if there is no such file."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as e:
        raise UserError(f"cannot read {path}: {e}", f"rm {path}") from None
    if not isinstance(value, dict):
        raise UserError(f"{path} is not a JSON object", f"rm {path}")
    return value
