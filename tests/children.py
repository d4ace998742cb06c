"""
Child processes that can be killed: `acorn …` or a function, alone or as ranks. They are forked from a server that has
torch loaded already, so each starts in a moment instead of seconds.
"""

import multiprocessing
import os
import signal
import socket
import time
import traceback
from pathlib import Path

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    """pytest hypothesis torch acorn.train.rows acorn.train.rl acorn.train.setup acorn.infer.engine
    acorn.evals.examples acorn.commands.stages acorn.commands.speedrun acorn.commands.report tyro pyarrow
    acorn.recipes.iac""".split()
)


class Child:
    """A process that runs target(*args) in `folder`; what it says is in .said()."""

    def __init__(self, target, args=(), folder=".", **env):
        self.log = Path(folder) / f".said-{time.monotonic_ns()}"
        self.process = CONTEXT.Process(target=_enter, args=(target, args, str(folder), str(self.log), env), daemon=True)
        self.process.start()

    def kill(self, number=signal.SIGKILL) -> None:
        os.kill(self.process.pid, number)

    def wait(self, timeout: float = 300) -> int:
        """Exit code; -9 after SIGKILL."""
        self.process.join(timeout)
        if self.process.exitcode is None:
            self.process.kill()
            raise AssertionError(f"still running after {timeout} s:\n{self.said()}")
        return self.process.exitcode

    def said(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    def wait_for(self, condition, timeout: float = 300) -> None:
        """Until condition() is true, looked at every millisecond."""
        end = time.monotonic() + timeout
        while not condition():
            assert self.process.is_alive() and time.monotonic() < end, self.said()
            time.sleep(0.001)


def acorn(*argv, folder=".", **env) -> Child:
    return Child(_main, ([str(word) for word in argv],), folder, **env)


def ranks(world: int, start) -> list[Child]:
    """start(env) -> Child, for the environment that torchrun would give to each of the ranks."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    common = {
        "WORLD_SIZE": str(world),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "GLOO_SOCKET_IFNAME": "lo",
    }
    return [start({**common, "RANK": str(rank), "LOCAL_RANK": str(rank)}) for rank in range(world)]


def acorn_ranks(world: int, *argv, folder=".") -> tuple[list[int], str]:
    """`acorn …` on all ranks -> (exit codes, all that they said)"""
    children = ranks(world, lambda env: acorn(*argv, folder=folder, **env))
    codes = [child.wait() for child in children]
    return codes, "".join(child.said() for child in children)


def call_ranks(world: int, function, *args, folder=".") -> None:
    """function(runtime, *args) on all ranks; an assertion that fails in one fails here."""
    children = ranks(world, lambda env: Child(_rank, (function, args), folder, **env))
    for child in children:
        assert child.wait() == 0, child.said()


def _main(argv):
    from acorn.cli import main

    return main(argv)


def _rank(function, args):
    from acorn import runtime

    place = runtime.start("cpu", "float32")
    function(place, *args)
    runtime.stop(place)


def _enter(target, args, folder, log, env):
    os.chdir(folder)
    os.environ.update(env)
    said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(said, 1)
    os.dup2(said, 2)
    try:
        code = target(*args) or 0
    except BaseException:
        traceback.print_exc()
        code = 70
    os.sys.stdout.flush()
    os._exit(code)
