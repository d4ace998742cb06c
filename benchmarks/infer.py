"""
One model, many engines, one run: ours (fp32, bf16, int8, int4) beside transformers (fp32) and llama.cpp (Q8_0, Q4_1,
F16). Each is a process of its own that is loaded once; they are asked in turn, so that other work on the machine slows
all alike, and medians are compared.

    acorn import gguf MODEL.gguf --run smol
    python benchmarks/infer.py --run smol --gguf MODEL.gguf [--texts ../shared/data/text] [--llama-python PYTHON]

prefill     512 tokens of one prompt                  decode     64 tokens, greedy, after a prompt of 64, batch 1
agreement   on 2,000 tokens and more of the --texts files: how often the likeliest token is that of our fp32, and what
            the model loses in nats. llama.cpp is scored too.

Needs transformers, accelerate and gguf; --llama-python is a Python that has llama-cpp-python, built for this machine
(CMAKE_ARGS=-DGGML_NATIVE=ON). Files of other types are made from the GGUF in --work. Ours decodes through the engine,
sampling included; transformers through generate(). The column decoded_by says what did it; ACORN_NATIVE=0 leaves
torch. --only takes some of the engines, by commas, such as "acorn int8,llama.cpp Q8_0,transformers fp32"; agreement
needs "acorn fp32".
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROMPT, START, NEW = 512, 64, 64
OURS = ("none", "bf16", "int8", "int4")
NAMES = {"none": "acorn fp32", "bf16": "acorn bf16", "int8": "acorn int8", "int4": "acorn int4"}
FILE_TYPES = {"q8_0": 7, "q4_1": 3, "f16": 1}


# --- workers: one engine each, told by lines on stdin ----------------------------------------------------------------


class Ours:
    def __init__(self, options):
        import torch

        from acorn.infer.load import load_engine
        from acorn.runtime import keep_freed_memory

        keep_freed_memory()
        kind = options.kind
        dtype = "bfloat16" if kind == "bf16" else "float32"
        self.engine, _ = load_engine(options.run, dtype=dtype, quant="none" if kind == "bf16" else kind)
        self.engine.stop_ids = frozenset()
        torch.set_num_threads(options.threads)
        self.vocab = self.engine.tokenizer.n_vocab

    def decoded_by(self, ids):
        from acorn.infer.load import decodes_with

        return decodes_with(self.engine.model)

    def begin(self, ids, new):
        from acorn.infer.sample import Sampling

        scheduler = self.engine.scheduler(1, len(ids) + new, remember=False)
        scheduler.submit(ids, Sampling(temperature=0, max_tokens=new))
        while not scheduler.rows and scheduler.busy:
            scheduler.step()
        return scheduler

    def prefill(self, ids):
        begin = time.perf_counter()
        self.begin(ids, 1)
        return time.perf_counter() - begin

    def decode(self, ids):
        scheduler = self.begin(ids, NEW + 1)
        begin = time.perf_counter()
        while scheduler.busy:
            scheduler.step()
        return time.perf_counter() - begin

    def score(self, ids):
        import torch

        model = self.engine.frozen[0]
        with torch.inference_mode():
            return best_and_nats(model(torch.tensor([ids]))[0, :, : self.vocab], ids)


class Transformers:
    decoded_by = staticmethod(lambda ids: "torch")

    def __init__(self, options):
        import torch
        from transformers import AutoModelForCausalLM

        torch.set_num_threads(options.threads)
        path = Path(options.gguf)
        self.model = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32).eval()
        self.torch = torch

    def prefill(self, ids):
        with self.torch.inference_mode():
            begin = time.perf_counter()
            self.model(self.torch.tensor([ids]), use_cache=True, logits_to_keep=1)
            return time.perf_counter() - begin

    def decode(self, ids):
        return self.generate(ids, NEW + 1) - self.generate(ids, 1)

    def generate(self, ids, new):
        x = self.torch.tensor([ids])
        begin = time.perf_counter()
        self.model.generate(x, attention_mask=self.torch.ones_like(x), do_sample=False, pad_token_id=0,
                            min_new_tokens=new, max_new_tokens=new)  # fmt: skip
        return time.perf_counter() - begin

    def score(self, ids):
        with self.torch.inference_mode():
            return best_and_nats(self.model(self.torch.tensor([ids])).logits[0], ids)


class Llama:
    decoded_by = staticmethod(lambda ids: "ggml")

    def __init__(self, options):
        import ctypes

        import llama_cpp
        import numpy

        self.library, self.numpy = llama_cpp, numpy
        llama_cpp.llama_backend_init()
        self.silence = llama_cpp.llama_log_callback(lambda level, text, data: None)
        llama_cpp.llama_log_set(self.silence, ctypes.c_void_p(0))
        path = os.path.join(options.work, f"{options.kind}.gguf")
        if not os.path.exists(path):
            how = llama_cpp.llama_model_quantize_default_params()
            how.nthread, how.ftype, how.allow_requantize = options.threads, FILE_TYPES[options.kind], True
            if llama_cpp.llama_model_quantize(options.gguf.encode(), path.encode(), ctypes.byref(how)):
                sys.exit(f"llama.cpp could not write {path}")
        model = llama_cpp.llama_model_load_from_file(path.encode(), llama_cpp.llama_model_default_params())
        how = llama_cpp.llama_context_default_params()
        how.n_ctx, how.n_batch, how.n_ubatch = 2 * PROMPT, PROMPT + 1, PROMPT + 1
        how.n_threads = how.n_threads_batch = options.threads
        self.context = llama_cpp.llama_init_from_model(model, how)
        self.memory = llama_cpp.llama_get_memory(self.context)
        self.batch = llama_cpp.llama_batch_init(PROMPT + 1, 0, 1)
        self.vocab = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model))

    def read(self, ids, start, every=False):
        for i, token in enumerate(ids):
            self.batch.token[i], self.batch.pos[i], self.batch.n_seq_id[i] = token, start + i, 1
            self.batch.seq_id[i][0], self.batch.logits[i] = 0, every or i == len(ids) - 1
        self.batch.n_tokens = len(ids)
        if self.library.llama_decode(self.context, self.batch):
            sys.exit("llama_decode failed")

    def logits(self, i):
        pointer = self.library.llama_get_logits_ith(self.context, i)
        return self.numpy.ctypeslib.as_array(pointer, shape=(self.vocab,))

    def prefill(self, ids):
        self.library.llama_memory_clear(self.memory, True)
        begin = time.perf_counter()
        self.read(ids, 0)
        self.logits(len(ids) - 1).argmax()
        return time.perf_counter() - begin

    def decode(self, ids):
        self.prefill(ids)
        token = int(self.logits(len(ids) - 1).argmax())
        begin = time.perf_counter()
        for i in range(NEW):
            self.read([token], len(ids) + i)
            token = int(self.logits(0).argmax())
        return time.perf_counter() - begin

    def score(self, ids):
        self.library.llama_memory_clear(self.memory, True)
        self.read(ids, 0, every=True)
        best, nats = [], 0.0
        for i in range(len(ids) - 1):
            row = self.logits(i).astype("float64")
            best.append(int(row.argmax()))
            nats += float(self.numpy.log(self.numpy.exp(row - row.max()).sum()) + row.max() - row[ids[i + 1]])
        return {"best": best, "nats": nats}


def best_and_nats(logits, ids) -> dict:
    """logits (T, V) -> the likeliest token after each but the last, and nats of what follows in truth"""
    import torch

    logits, targets = logits[:-1].float(), torch.tensor(ids[1:])
    nats = torch.nn.functional.cross_entropy(logits, targets, reduction="sum").item()
    return {"best": logits.argmax(dim=-1).tolist(), "nats": nats}


def work(options) -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    engine = {"ours": Ours, "transformers": Transformers, "llama": Llama}[options.worker](options)
    print("ready", flush=True)
    for line in sys.stdin:
        what, ids = json.loads(line)
        print(json.dumps(getattr(engine, what)(ids)), flush=True)


# --- the one who asks ------------------------------------------------------------------------------------------------


class Worker:
    def __init__(self, python: str, worker: str, kind: str, options):
        words = ["--worker", worker, "--kind", kind, "--run", options.run, "--gguf", str(options.gguf)]
        more = ["--work", str(options.work), "--threads", str(options.threads)]
        environment = {**os.environ, "OMP_NUM_THREADS": str(options.threads)}
        self.process = subprocess.Popen([python, __file__, *words, *more], stdin=subprocess.PIPE, env=environment,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)  # fmt: skip
        if self.process.stdout.readline() != "ready\n":
            sys.exit(f"{worker} {kind} does not start; see: {' '.join([python, __file__, *words, *more])}")

    def ask(self, what: str, ids: list[int]):
        print(json.dumps([what, ids]), file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())


def documents(folder: Path, run: str) -> list[list[int]]:
    """The beginning of the first document of every file, up to 400 tokens each."""
    from acorn.checkpoint import load_model

    tokenizer = load_model(run)[1]
    texts = []
    for path in sorted([*folder.glob("*.jsonl"), *folder.glob("*/test.txt")]):
        with path.open(encoding="utf-8") as lines:
            texts.append(json.loads(next(lines))["text"] if path.suffix == ".jsonl" else lines.read(8000))
    return [[tokenizer.bos, *tokenizer.encode(text[:8000])][:401] for text in texts]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", required=True)
    parser.add_argument("--gguf", required=True, help="the file that the run was imported from")
    parser.add_argument("--texts", type=Path, help="folder of *.jsonl (field text) and of folders with test.txt")
    parser.add_argument("--llama-python", help="a Python that has llama-cpp-python")
    parser.add_argument("--only", default="", help="engines, by commas")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--work", default=os.path.join(tempfile.gettempdir(), "acorn-bench-gguf"))
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--kind", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.gguf = str(Path(options.gguf).resolve())
    if options.worker:
        return work(options)
    from common import emit, median

    os.makedirs(options.work, exist_ok=True)
    known = {NAMES[kind]: (sys.executable, "ours", kind) for kind in OURS}
    known["transformers fp32"] = (sys.executable, "transformers", "")
    known |= {f"llama.cpp {kind.upper()}": (options.llama_python, "llama", kind) for kind in FILE_TYPES}
    names = [name.strip() for name in options.only.split(",")] if options.only else list(known)
    if odd := [name for name in names if name not in known]:
        sys.exit(f"--only {odd[0]}: choose from {', '.join(known)}")
    names = [name for name in names if known[name][0]]  # llama.cpp needs its Python
    workers = {name: Worker(*known[name], options) for name in names}
    prompt = [1000 + 7919 * i % 40000 for i in range(PROMPT)]
    seconds = {name: {"prefill": [], "decode": []} for name in workers}
    for i in range(-1, options.rounds):  # the first round warms up
        for name, worker in workers.items():
            for what, ids in (("prefill", prompt), ("decode", prompt[:START])):
                found = worker.ask(what, ids)
                if i >= 0:
                    seconds[name][what].append(found)
        print(f"round {i + 1} of {options.rounds}", file=sys.stderr, flush=True)
    figures = {}
    for name, times in seconds.items():
        decode, prefill = (n / median(times[what]) for what, n in (("decode", NEW), ("prefill", PROMPT)))
        figures[name] = {
            "decoded_by": workers[name].ask("decoded_by", []),
            "decode": round(decode, 1),
            "decode_best": round(NEW / min(times["decode"]), 1),
            "prefill": round(prefill, 1),
        }
    if options.texts and NAMES["none"] in workers:
        agreement(workers, documents(options.texts, options.run), figures)
    slow, keys = figures.get("transformers fp32"), list(dict.fromkeys(key for row in figures.values() for key in row))
    rows = [["tokens/s", *keys, "decode / transformers", "prefill / transformers"]]
    for name, row in figures.items():
        ratios = [f"{row[what] / slow[what]:.2f}" if slow else "" for what in ("decode", "prefill")]
        rows.append([name, *(row.get(key, "") for key in keys), *ratios])
    load = round(os.getloadavg()[0], 1)
    emit("infer", rows, {"model": Path(options.gguf).name, "threads": options.threads, "load": load, "speeds": figures})


def agreement(workers: dict, texts: list[list[int]], figures: dict) -> None:
    """Adds to figures how often the likeliest token is that of our fp32, and how many nats more the texts cost."""
    total = sum(len(ids) - 1 for ids in texts)
    print(f"agreement on {total:,} tokens of {len(texts)} texts", file=sys.stderr, flush=True)
    found = {name: [worker.ask("score", ids) for ids in texts] for name, worker in workers.items()}
    plain = found[NAMES["none"]]
    nats = sum(one["nats"] for one in plain)
    for name, scores in found.items():
        same = sum(a == b for one, base in zip(scores, plain) for a, b in zip(one["best"], base["best"]))
        figures[name]["same_token_%"] = round(100 * same / total, 2)
        figures[name]["nats_more_%"] = round(100 * (sum(one["nats"] for one in scores) / nats - 1), 3)


if __name__ == "__main__":
    main()
