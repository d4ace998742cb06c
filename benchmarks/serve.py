"""
`acorn serve` under load, seen from outside: 64 streams at once against one at a time, with a d6 model of random weights
(no stop tokens, so both say the same number of tokens). Counts streams whose text differs from the same request
alone, and asks /health all the while from a process of its own, on a new connection each time. ACORN_NATIVE=0 decodes
with torch.

    python benchmarks/serve.py [--depth 6] [--streams 64] [--new 64] [--seconds-between 0.02]

The server is a process of its own too; clients, server and /health share the machine's cores.
"""

import argparse
import asyncio
import json
import random
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from common import emit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in {"depth": 6, "streams": 64, "new": 64}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--seconds-between", type=float, default=0.02, help="of two looks at /health")
    parser.add_argument("--part", choices=["server", "health"], help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part == "server":
        return serve(options)
    if options.part == "health":
        return watch_health(options)
    server = start("server", options)
    try:
        options.port = int(server.stdout.readline())
        measure(options)
    finally:
        server.terminate()
        server.wait()


def start(part: str, options) -> subprocess.Popen:
    given = {"part": part, "depth": options.depth, "streams": options.streams, "port": options.port or 0}
    words = [word for name, value in given.items() for word in (f"--{name}", str(value))]
    between = ["--seconds-between", str(options.seconds_between)]
    return subprocess.Popen([sys.executable, __file__, *words, *between], stdout=subprocess.PIPE, text=True)


# --- the server -------------------------------------------------------------------------------------------------------


def serve(options) -> None:
    import tempfile

    import torch

    from acorn.infer.engine import Engine
    from acorn.infer.load import decodes_with, fastest_threads
    from acorn.infer.quant import quantise
    from acorn.runtime import keep_freed_memory
    from acorn.serve.metrics import Metrics
    from acorn.serve.models import Served
    from acorn.serve.start import listen, make_server
    from acorn.serve.worker import Worker

    keep_freed_memory()
    model, tokenizer = build(options.depth)
    quantise(model, "none")
    torch.set_num_threads(fastest_threads(model, 16))
    print(f"decoded by {decodes_with(model)}, {torch.get_num_threads()} threads", file=sys.stderr, flush=True)
    engine = Engine(model, tokenizer, frozen=True)
    engine.stop_ids = frozenset()
    metrics = Metrics()
    with tempfile.TemporaryDirectory() as folder:
        served = Served("bench", engine, Path(folder), Worker(engine, options.streams, options.streams, metrics))
        listening = listen("127.0.0.1", 0)
        print(listening.getsockname()[1], flush=True)
        make_server([served], metrics).run(sockets=[listening])


def build(depth: int):
    """A model of the plan's shape with random weights; every token is a word of its own, so texts show tokens."""
    import torch

    from acorn.model.nano import Nano, NanoConfig
    from acorn.optim.plan import plan
    from acorn.tokenizer.chat import SPECIALS
    from acorn.tokenizer.tokenizer import Tokenizer

    shape = plan(depth)
    ordinary = shape.vocab_size - len(SPECIALS)
    tokens = [bytes([i]) for i in range(256)] + [f" w{i}".encode() for i in range(256, ordinary)]
    tokenizer = Tokenizer("bpe", tokens, {name: ordinary + i for i, name in enumerate(SPECIALS)})
    sizes = dict(n_head=shape.n_head, n_kv_head=shape.n_kv_head, n_embd=shape.n_embd, block_size=shape.block_size)
    model = Nano(NanoConfig(shape.vocab_size, depth, **sizes))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in model.parameters():
            p.normal_(0, p.shape[-1] ** -0.5 if p.ndim > 1 else 0.5, generator=generator)
    return model, tokenizer


# --- the clients ------------------------------------------------------------------------------------------------------


def measure(options) -> None:
    while True:
        try:
            card = ask(options.port, "/v1/models")["data"][0]["meta"]
            break
        except OSError:
            time.sleep(0.1)
    rng = random.Random(0)
    bodies = [
        {"prompt": [rng.randrange(256) for _ in range(rng.randint(10, 60))], "seed": i, "max_tokens": options.new,
         "stream": True, "stream_options": {"include_usage": True}}
        for i in range(options.streams)
    ]  # fmt: skip
    asyncio.run(together(options.port, bodies[:4]))  # warms up
    begin = time.perf_counter()
    alone = [asyncio.run(together(options.port, [body]))[0] for body in bodies]
    one = options.streams * options.new / (time.perf_counter() - begin)
    watcher = start("health", options)
    assert watcher.stdout.readline() == "looking\n"
    begin = time.perf_counter()
    many = asyncio.run(together(options.port, bodies))
    seconds = time.perf_counter() - begin
    watcher.terminate()
    looks = sorted(json.loads(watcher.stdout.read()))
    total = options.streams * options.new / seconds
    errors = sum(not stream["whole"] for stream in many)
    differ = sum(a["text"] != b["text"] for a, b in zip(alone, many))
    first = statistics.median(stream["first"] for stream in many)
    middle = looks[len(looks) // 2] * 1000
    rows = [
        ["", "one stream", f"{options.streams} streams", ""],
        ["tokens/s in total", f"{one:,.1f}", f"{total:,.1f}", f"{total / one:.1f}x"],
        ["first token, median s", f"{statistics.median(s['first'] for s in alone):.3f}", f"{first:.3f}", ""],
        ["streams with an error", "0", str(errors), ""],
        ["texts that differ", "", str(differ), f"of {options.streams}"],
        ["/health, slowest ms", "", f"{looks[-1] * 1000:.0f}", f"of {len(looks)}, median {middle:.1f}"],
    ]  # fmt: skip
    figures = {"depth": options.depth, "n_params": card["n_params"], "streams": options.streams, "new": options.new}
    figures |= {"one": round(one, 1), "many": round(total, 1), "ratio": round(total / one, 2), "errors": errors}
    figures |= {"differ": differ, "health_max_ms": round(looks[-1] * 1000, 1), "health_looks": len(looks)}
    emit("serve", rows, figures)


def ask(port: int, path: str):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as reply:
        return json.load(reply)


async def together(port: int, bodies: list[dict]) -> list[dict]:
    return await asyncio.gather(*(stream(port, body) for body in bodies))


async def stream(port: int, body: dict) -> dict:
    """-> its text, seconds to its first token, and whether it came whole. Parsed after the end, to take little time."""
    raw = json.dumps(body).encode()
    begin = time.perf_counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    head = "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n"
    writer.write(f"{head}Content-Length: {len(raw)}\r\n\r\n".encode() + raw)
    answer, first = b"", None
    while part := await reader.read(1 << 16):
        answer += part
        if first is None and b'"text"' in answer:
            first = time.perf_counter() - begin
    writer.close()
    events = [json.loads(line[6:]) for line in answer.split(b"\n") if line.startswith(b"data: {")]
    text = "".join(choice["text"] for event in events for choice in event.get("choices", ()))
    said = events[-1]["usage"]["completion_tokens"] if events and events[-1].get("usage") else 0
    whole = answer.startswith(b"HTTP/1.1 200") and b"data: [DONE]" in answer and said == body["max_tokens"]
    return {"text": text, "first": first, "whole": whole}


def watch_health(options) -> None:
    """Print how long each look took, once terminated."""
    import signal

    looks, stop = [], []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(True))
    print("looking", flush=True)
    while not stop:
        begin = time.perf_counter()
        ask(options.port, "/health")
        looks.append(time.perf_counter() - begin)
        time.sleep(options.seconds_between)
    print(json.dumps(looks))


if __name__ == "__main__":
    main()
