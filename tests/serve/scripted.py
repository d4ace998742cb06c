"""A real server whose models say what a script says, at the pace that a test needs."""

import asyncio
import contextlib
import socket
import threading
import time
from pathlib import Path

import torch
from serving import tokenizer

from acorn.infer.engine import Engine
from acorn.model.nano import Nano, NanoConfig
from acorn.serve.errors import ApiError
from acorn.serve.metrics import Metrics
from acorn.serve.models import Served
from acorn.serve.start import make_server
from acorn.serve.worker import Piece, Ticket, Worker

CONTEXT = 4096


class Script(Worker):
    """
    Answers with what `answer` makes of the last thing that was said, `size` characters a piece. most: characters after
    which it waits until a test lets it say more. refusals: errors for the next requests. tickets_seen: (text of the
    prompt, its ticket); stopped: how many were cancelled on the way.
    """

    def __init__(self, engine: Engine):
        super().__init__(engine, 2, 8, Metrics())
        self.tasks = {}
        self.reset()

    def reset(self) -> None:
        self.size, self.most, self.refusals = 7, None, []
        self.answer = lambda said: f"You said: {said}"
        self.tickets_seen, self.stopped = [], 0

    def start(self) -> None:
        self.thread = threading.current_thread()  # /health asks whether it lives

    async def stop(self) -> None:
        for task in self.tasks.values():
            task.cancel()

    def submit(self, ticket: Ticket) -> None:
        if self.refusals:
            raise self.refusals.pop(0)
        ticket.open = 1
        text = self.engine.tokenizer.decode(ticket.prompts[0])
        self.tickets_seen.append((text, ticket))
        said = text.rpartition("<|user_start|>")[2].partition("<|user_end|>")[0].removeprefix("<|bos|>")
        self.tasks[ticket] = asyncio.get_running_loop().create_task(self.say(ticket, self.answer(said)))

    async def say(self, ticket: Ticket, text: str) -> None:
        for i in range(0, len(text), self.size):
            ticket.pending.append(Piece(0, text[i : i + self.size], token=0))
            ticket.ready.set()
            await asyncio.sleep(0.001)
            while self.most is not None and i + self.size >= self.most:
                await asyncio.sleep(0.01)
        del self.tasks[ticket]
        ticket.pending.append(Piece(0, finish="stop"))
        ticket.open = 0
        ticket.ready.set()

    def cancel(self, ticket: Ticket) -> None:
        task = self.tasks.pop(ticket, None)
        if task:
            self.stopped += 1
            task.cancel()


def busy(seconds: int) -> ApiError:
    return ApiError(429, "the queue is full", code="queue_full", headers={"retry-after": str(seconds)})


@contextlib.contextmanager
def scripted(folder: Path, names=("oak",), base=(), port: int = 0, grace: int = 5, **guard):
    """-> (address, the script of each model)"""
    torch.manual_seed(0)
    size = tokenizer().n_vocab
    config = NanoConfig(vocab_size=size, n_layer=1, n_head=1, n_kv_head=1, n_embd=8, block_size=CONTEXT)
    engine = Engine(Nano(config).eval(), tokenizer())
    served = []
    for i, name in enumerate(names):
        where = folder / str(i) / ("base" if name in base else "sft") / "checkpoint-000001"
        where.mkdir(parents=True, exist_ok=True)
        served.append(Served(name, engine, where, Script(engine)))
    server = make_server(served, Metrics(), grace, **guard)
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/", [one.worker for one in served]
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
