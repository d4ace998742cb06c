"""A real server on a loopback port, with a tiny model that learned one conversation by heart."""

import contextlib
import functools
import threading
import time
from pathlib import Path

import httpx
import torch

from acorn.infer.engine import Engine
from acorn.model.nano import Nano, NanoConfig
from acorn.serve.metrics import Metrics
from acorn.serve.models import Served
from acorn.serve.start import listen, make_server
from acorn.serve.worker import Worker
from acorn.tokenizer.chat import SPECIALS, render
from acorn.tokenizer.tokenizer import Tokenizer

ANSWER = 'Hello! The quick brown fox 🦊 jumps over the lazy dog.\nA list: ["red", "green"], and a tree 🌳.'
TALK = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": ANSWER}]
CONTEXT = 512


@functools.cache
def tokenizer() -> Tokenizer:
    """One token a byte, so that every 🌳 is split over four."""
    return Tokenizer("bpe", [bytes([i]) for i in range(256)], {name: 256 + i for i, name in enumerate(SPECIALS)})


@functools.cache
def model() -> Nano:
    torch.manual_seed(0)
    made = Nano(
        NanoConfig(vocab_size=256 + len(SPECIALS), n_layer=2, n_head=2, n_kv_head=2, n_embd=32, block_size=CONTEXT)
    )
    ids = torch.tensor([render(tokenizer(), TALK)[0]])
    optimizer = torch.optim.Adam(made.parameters(), lr=1e-2)
    for _ in range(120):
        loss = torch.nn.functional.cross_entropy(made(ids[:, :-1])[0], ids[0, 1:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return made.eval()


class Running:
    """A server under way. `worker` is of its first model."""

    def __init__(self, port: int, served: list[Served], metrics: Metrics, server):
        self.port, self.served, self.metrics, self.server = port, served, metrics, server
        self.url = f"http://127.0.0.1:{port}"
        self.worker = served[0].worker

    def idle(self, seconds: float = 10) -> bool:
        """Wait until no slot is held, seen from the event loop and from the thread."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if all(one.worker.held == 0 and not one.worker.tickets and not one.worker.scheduler.busy
                   and not one.worker.live for one in self.served):  # fmt: skip
                return True
            time.sleep(0.01)
        return False


@contextlib.contextmanager
def running(tmp_path: Path, slots: int = 8, max_queue: int = 64, names=("tiny",), wrap=None, grace: int = 20, **guard):
    """wrap: what to do to the engine of each model."""
    metrics, served = Metrics(), []
    for name in names:
        where = tmp_path / name / ("base" if name == "raw" else "sft") / "checkpoint-000001"
        where.mkdir(parents=True, exist_ok=True)
        engine = Engine(model(), tokenizer(), frozen=True)
        if wrap:
            wrap(engine)
        served.append(Served(name, engine, where, Worker(engine, slots, max_queue, metrics)))
    server = make_server(served, metrics, grace, **guard)
    listening = listen("127.0.0.1", 0)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        port = listening.getsockname()[1]
        while not server.started:
            time.sleep(0.01)
        yield Running(port, served, metrics, server)
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


# One for all tests: making one reads certificates, which takes longer than most requests here.
http = httpx.Client(timeout=60, verify=False, trust_env=False, limits=httpx.Limits(max_connections=64))


def post(url: str, path: str, **body) -> httpx.Response:
    return http.post(url + path, json=body)


def ask(text: str = "Hi") -> list[dict]:
    return [{"role": "user", "content": text}]
