"""
The trusted half of the sandbox that lives outside acorn's own process: a small, warm Python that forks once a program.

    server   started once: imports what programs usually need, enters the namespaces, then waits for requests
    keeper   one fork a request: gives the program its folder and its pipes, watches the clock, kills, reports
    program  a fork of the keeper, confined by sandbox_tiers.py, then sandbox_child.py takes over

A request is a socket of its own, handed over the server's control socket, perhaps with a channel to another program.
The server never reads from it, so no program is forked from memory that has seen another one's source or tests. When
acorn dies the sockets close, and everything here ends.
"""

import gc
import os
import random
import resource
import signal
import socket
import sys
import time

from acorn.infer import sandbox_child as child
from acorn.infer import sandbox_kernel as kernel
from acorn.infer import sandbox_wire as wire
from acorn.infer.sandbox_tiers import MAX_FILES, TIERS, TOLD, Tier, read
from acorn.infer.sandbox_watch import Watch

WARM = """
    abc array ast bisect calendar cmath collections contextlib copy dataclasses datetime decimal enum fractions
    functools hashlib heapq inspect io itertools json keyword math numbers operator queue random re statistics string
    struct tempfile textwrap threading time traceback typing unicodedata
""".split()


def serve(kind: str, scratch: str) -> None:
    """Until the other end of the control socket, our descriptor 0, closes."""
    control = socket.socket(fileno=os.dup(0))
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    del sys.path[0]  # acorn's own folder
    for name in WARM:
        __import__(name)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(MAX_FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
    kernel.libc().mallopt(-8, 1)  # M_ARENA_MAX: each further arena reserves 64 MiB of the address space that is limited
    with open("/proc/self/oom_score_adj", "w") as f:
        f.write("1000")  # if memory runs out all the same, it is us who go
    try:
        tier = TIERS[kind](scratch)
    except OSError as e:
        wire.send(control.fileno(), {"error": str(e)})
        return
    wire.send(control.fileno(), {"layers": tier.layers})
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # keepers are not waited for
    gc.freeze()
    while True:
        message, fds, _, _ = socket.recv_fds(control, 1, 2)
        if not message:
            break
        tier.before_fork()
        try:
            keeper = os.fork()
        except OSError:  # out of memory or of processes: this program is lost, the next may do better
            keeper = -1
        if keeper == 0:
            code = 1
            try:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                control.close()
                keep(tier, fds[0], fds[1] if len(fds) > 1 else -1)
                code = 0
            finally:
                os._exit(code)
        for fd in fds:
            os.close(fd)
    tier.close()


# ---- the keeper -------------------------------------------------------------------------------------------------


def keep(tier: Tier, wish: int, channel: int) -> None:
    """Give one program all it may have, wait, and answer on `wish`. channel: to another program, or -1."""
    request = wire.receive(wish)
    limits, stdin = request["limits"], request.get("stdin", "").encode("utf-8", "surrogatepass")
    kernel.prctl(36, 1)  # PR_SET_CHILD_SUBREAPER: whatever a program leaves behind becomes our child
    folder = tier.folder(limits)
    pipes = [os.pipe() for _ in range(5)]  # stdin, stdout, stderr, report, confined
    begin = time.monotonic()
    pid = os.fork()
    if pid == 0:
        run_inside(tier, request, folder, pipes, channel)
    for fd in (pipes[0][0], *(pipe[1] for pipe in pipes[1:])):
        os.close(fd)
    if channel >= 0:
        os.close(channel)
    ends = [pipes[0][1], *(pipe[0] for pipe in pipes[1:])]
    watch = Watch(pid, wish, ends, stdin, limits, begin)
    why = watch.until_the_end(folder if tier.shared_files else "")
    status = kill(pid)
    if watch.drain():
        why = why or "output"
    seconds = time.monotonic() - begin
    tier.leave(folder)
    out, err, report, confined = (bytes(part).decode("latin-1") for part in watch.parts)
    answer = {"status": status, "why": why, "seconds": seconds, "stdout": out, "stderr": err, "report": report}
    wire.send(wish, {**answer, "confined": confined})


def kill(pid: int) -> int:
    """The program, and in the tiers without a pid namespace all it started. -> exit status, negative: a signal."""
    os.kill(pid, signal.SIGKILL)  # it is a zombie of ours if it has ended: the number is not another's
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    while survivors := children():
        for survivor in survivors:
            try:
                os.kill(survivor, signal.SIGKILL)
            except ProcessLookupError:
                pass
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            break
    return status


def children() -> list[int]:
    """Of this process, those that it inherited included."""
    return [int(pid) for pid in read(f"/proc/self/task/{os.getpid()}/children").split()]


# ---- the program ------------------------------------------------------------------------------------------------


def run_inside(tier: Tier, request: dict, folder: str, pipes: list[tuple[int, int]], channel: int) -> None:
    """Confine this process, run what was asked for, end. Never returns."""
    code, job = 125, request["job"]
    try:
        os.dup2(pipes[4][1], TOLD)
        report = pipes[3][1]
        more = {"program": [], "candidate": [channel], "grader": [channel, report]}[job]  # these become 3 and 4
        try:
            tier.confine(request["limits"], folder, [pipes[0][0], pipes[1][1], pipes[2][1], *more])
        except BaseException as e:
            os.write(TOLD, f"{type(e).__name__}: {e}".encode())
            raise
        os.write(TOLD, b"ok")
        os.close(TOLD)
        tidy()
        source = request["source"].encode("utf-8", "surrogatepass")
        if job == "program":
            code = child.program(source)
        elif job == "candidate":
            code = child.candidate(source, 3)
        else:
            code = child.grader(request["setup"], request["source"], request["entry"], 3, 4)
    finally:
        os._exit(code)


def tidy() -> None:
    """Look like a Python that was just started; the same one every time."""
    os.environ.clear()
    sys.argv[:] = ["program"]
    for name in [name for name in sys.modules if name.partition(".")[0] == "acorn"]:
        del sys.modules[name]
    random.seed(0)
