"""From the options of `acorn serve` to a server that runs."""

import contextlib
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import uvicorn

from acorn.errors import UserError
from acorn.infer.load import describe, load_engine
from acorn.infer.tools import run_tool
from acorn.runtime import keep_freed_memory
from acorn.serve.app import build_app
from acorn.serve.connection import Connection
from acorn.serve.metrics import Metrics
from acorn.serve.models import Served, fitting_slots
from acorn.serve.worker import Worker


def serve(options, key: str | None) -> int:
    """options: acorn.commands.serve.Serve, checked."""
    listening = listen(options.host, options.port)  # before the models: a port that is taken is said at once
    keep_freed_memory()
    metrics = Metrics()
    served = [load(run, options, metrics) for run in options.run_names]
    twice = {one.name for one in served if [other.name for other in served].count(one.name) > 1}
    if twice:
        raise UserError(f"two runs are named {', '.join(sorted(twice))}; clients choose by name")
    guard = {"host": options.host, "key": key, "allow_hosts": options.allow_host, "allow_origins": options.allow_origin}
    server = make_server(served, metrics, options.grace, **guard)
    listening.listen(2048)  # who comes from now on waits until the server is up
    address = listening.getsockname()
    say(f"page   {url(address)}/\nAPI    {url(address)}/v1" + (" (with the API key)" if key else ""))
    # uvicorn passes a signal on when it has stopped; being asked to stop is no failure
    signal.signal(signal.SIGTERM, lambda *_: None)
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[listening])
    say("stopped")
    return 0


def make_server(served: Sequence[Served], metrics: Metrics, grace: int = 60, **guard) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            build_app(served, metrics, **guard),
            http=Connection,
            ws="none",
            lifespan="on",
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=10,
            timeout_graceful_shutdown=grace,
        )
    )


def load(run: str, options, metrics: Metrics) -> Served:
    slots = options.slots
    engine, where = load_engine(run, options.device, rows=min(slots or 16, 16), say=say, quant=options.quant)
    engine.tool = run_tool
    slots = slots or fitting_slots(engine)
    say(f"{describe(engine, where)}, {slots} slots")
    return Served(run_name(run), engine, where, Worker(engine, slots, options.max_queue, metrics))


def run_name(run: str) -> str:
    """runs/oak/sft -> oak-sft; oak -> oak"""
    parts = [part for part in Path(run).parts if part not in ("/", "..", ".")]
    parts = parts[parts.index("runs") + 1 :] if "runs" in parts else parts[-1:]
    return "-".join(parts) or run


def listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # trap: without naming TCP asyncio leaves Nagle's algorithm on, and every small answer waits 40 ms
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as e:
        listening.close()
        raise UserError(
            f"cannot listen on {host} port {port}: {e.strerror or e}", "--port 0 takes a free one"
        ) from None
    return listening


def url(address: tuple) -> str:
    host = {"0.0.0.0": socket.gethostname(), "::": socket.gethostname()}.get(address[0], address[0])
    return f"http://[{host}]:{address[1]}" if ":" in host else f"http://{host}:{address[1]}"


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
