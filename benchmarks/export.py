"""
A run exported and held against the runtimes that load it: transformers' stock class and llama.cpp.

    python benchmarks/export.py RUN [--texts DIR] [--tokens 4000]

RUN is a nano grown by `acorn speedrun`. Needs the packages transformers, gguf and xllamacpp (llama.cpp, built in).
    transformers   logits and likeliest tokens of held-out documents and of requests, float32
    llama.cpp      tokens of 1,000 strings; 20 greedy replies of 64 tokens, float32; bits per byte of every GGUF type
DIR may hold *.jsonl with a column `text`, more prose for the strings.
"""

import argparse
import json
import math
import random
import tempfile
from itertools import islice
from pathlib import Path

import torch
from common import ROOT, emit

from acorn.checkpoint import load_model
from acorn.data.shards import open_shards
from acorn.evals.bpb import bits_per_byte
from acorn.export.gguf_out import TYPES, export_gguf
from acorn.export.hf_out import export_hf
from acorn.export.stock import stock_form
from acorn.export.verify import LlamaCpp, read_back, transformers_package
from acorn.infer.engine import Engine
from acorn.infer.sample import Sampling
from acorn.recipes import RECIPES, get_recipe
from acorn.runtime import Runtime, start
from acorn.tokenizer.chat import render_prompt


def strings(texts: Path | None, seed: int = 5) -> list[str]:
    """1,000: 300 documents of the recipe, 200 of prose, 150 of code, 150 of Unicode, 100 of digits, 100 of blanks."""
    rng = random.Random(seed)
    found = [document.text[:1500] for document in get_recipe(min(RECIPES)).documents(seed, 300)]
    prose = [path.read_text() for path in sorted(ROOT.glob("*.md")) + sorted((ROOT / "docs").glob("*.md"))]
    for path in sorted(texts.glob("*.jsonl")) if texts else []:
        with path.open(encoding="utf-8") as lines:
            prose += [json.loads(line)["text"][:20_000] for line in islice(lines, 40)]
    code = [path.read_text() for path in sorted(ROOT.rglob("acorn/**/*.py"))]
    found += [piece(rng, prose) for _ in range(200)] + [piece(rng, code) for _ in range(150)]
    planes = [(0x20, 0x7F), (0xA0, 0x250), (0x370, 0x530), (0x590, 0x700), (0x900, 0xE80), (0x2000, 0x2C00),
              (0x3040, 0x3100), (0x4E00, 0xA000), (0xAC00, 0xD7A4), (0x1F300, 0x1FAFF)]  # fmt: skip
    for _ in range(150):
        kept = rng.sample(planes, rng.randint(1, 3))
        found.append("".join(chr(rng.randrange(*rng.choice(kept))) for _ in range(rng.randint(1, 60))))
    mixed = [
        lambda: rng.choice("0123456789"),
        lambda: rng.choice("0123456789.,:-+/ eE%x"),
        lambda: rng.choice("٠١٢३४५½²①Ⅷ0123 "),
    ]
    for _ in range(100):
        draw = rng.choice(mixed)
        found.append("".join(draw() for _ in range(rng.randint(1, 40))))
    blanks = " \t\n\r\v\f\u00a0\u1680\u2003\u2028\u2029\u202f\u3000\u200b\u0085ab'S1"
    found += ["".join(rng.choice(blanks) for _ in range(rng.randint(1, 30))) for _ in range(100)]
    assert len(found) == 1000
    return found


def piece(rng: random.Random, texts: list[str]) -> str:
    text = rng.choice(texts)
    start = rng.randrange(max(1, len(text) - 500))
    return text[start : start + rng.randint(1, 800)]


@torch.no_grad()
def against_transformers(stock, model, tokenizer, prompts: list[list[int]], folder: Path) -> dict:
    export_hf(stock, tokenizer, "", folder, "f32")
    theirs = transformers_package().AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    widest = tokens = agreed = 0
    for ids in prompts:
        a, b = model(torch.tensor([ids])), theirs(torch.tensor([ids])).logits
        widest = max(widest, (a - b).abs().max().item())
        tokens, agreed = tokens + len(ids), agreed + int((a.argmax(-1) == b.argmax(-1)).sum())
    return {"class": type(theirs).__name__, "logit_difference": widest, "tokens": tokens, "argmax_equal": agreed}


def llama_bits_per_byte(llama: LlamaCpp, documents, tokenizer, context: int, most: int) -> float:
    """Every next token of the documents' beginnings, from llama.cpp's own probabilities."""
    size, said = tokenizer.token_bytes(), tokenizer.encode("a")[0]
    nats = bytes_seen = seen = 0
    for document in documents:
        ids = document[: min(context, 257)].tolist()
        for i in range(1, len(ids)):
            nats -= llama.log_probabilities(ids[:i], tokenizer.n_vocab, said)[ids[i]]
            bytes_seen += int(size[ids[i]])
        if (seen := seen + len(ids) - 1) >= most:
            break
    return nats / math.log(2) / bytes_seen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--texts", type=Path)
    parser.add_argument("--tokens", type=int, default=4000, help="of held-out text that llama.cpp scores, a type")
    parser.add_argument(
        "--own-tokens", type=int, default=50_000, help="that our forward scores on the numbers of the file"
    )
    options = parser.parse_args()
    place: Runtime = start("cpu", "float32", alone=True)
    model, tokenizer, where = load_model(options.run)
    stock, context = stock_form(model), model.config.block_size
    documents = list(open_shards(where.parent.parent / "data", tokenizer).documents("val", 200))
    recipe = get_recipe(min(RECIPES))
    asked = [
        render_prompt(tokenizer, [{"role": "user", "content": e.request}]) for e in recipe.task.examples("test", 3, 20)
    ]
    rows, figures = [["what", "measured", "needed"]], {"run": str(where)}

    def note(key: str, what: str, value, needed: str, holds: bool) -> None:
        figures[key] = value
        shown = f"{value:.2e}" if isinstance(value, float) and abs(value) < 1e-3 else value
        rows.append([what, f"{shown}{'' if holds else '  FAIL'}", needed])

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        prompts = asked + [document[:context].tolist() for document in documents[:60]]
        found = against_transformers(stock, model, tokenizer, prompts, folder / "hf")
        figures["transformers_class"] = found["class"]
        difference, equal, tokens = found["logit_difference"], found["argmax_equal"], found["tokens"]
        note(
            "logit_difference", f"{found['class']}: largest logit difference", difference, "<= 1e-4", difference <= 1e-4
        )
        note("argmax_equal", f"likeliest token equal, of {tokens:,}", equal, f"{tokens:,}", equal == tokens)

        bits = {}
        for name in sorted(TYPES, key=lambda name: name != "F32"):
            path = folder / f"{name}.gguf"
            export_gguf(stock, tokenizer, "bench", path, name, print)
            llama = LlamaCpp(path, context, torch.get_num_threads())
            if name == "F32":
                texts = strings(options.texts)
                cut = sum(llama.tokens(text) == tokenizer.encode(text) for text in texts)
                note("strings_equal", "llama.cpp: strings cut into the same tokens, of 1,000", cut, "1000", cut == 1000)
                starts = [*asked[:10], *(document[:24].tolist() for document in documents[60:70])]
                ours = Engine(model, tokenizer).complete(starts, Sampling(temperature=0, max_tokens=64))
                theirs = [[i for i in llama.greedy(ids, 64) if i not in tokenizer.stops] for ids in starts]
                same = sum(a.ids == b for a, b in zip(ours, theirs))
                note("greedy_equal", "greedy replies of 64 tokens equal, F32, of 20", same, ">= 19", same >= 19)
            size = path.stat().st_size / 1e6
            theirs = llama_bits_per_byte(llama, documents, tokenizer, context, options.tokens)
            rounded, _, _ = read_back(stock, path)
            own = bits_per_byte(rounded, documents, tokenizer, context, place, options.own_tokens).value
            bits[name] = (theirs, own)
            apart = [100 * (x / y - 1) for x, y in zip((theirs, own), bits["F32"])]
            figures[f"bpb_{name}"] = {"llama.cpp": theirs, "ours, on its numbers": own, "megabytes": round(size, 2)}
            limit = 0.5 if name in ("Q8_0", "BF16", "F16") else math.inf
            fails = "" if max(map(abs, apart)) <= limit else "  FAIL"
            rows.append([f"bits per byte, {name} ({size:.1f} MB): llama.cpp; our forward on its numbers",
                         f"{theirs:.4f} ({apart[0]:+.2f} %); {own:.4f} ({apart[1]:+.2f} %){fails}",
                         "within 0.5 %" if name == "Q8_0" else ""])  # fmt: skip
    emit("export", rows, figures)


if __name__ == "__main__":
    main()
