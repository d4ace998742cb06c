"""
Python that a model wrote, run where it can do no harm, and graded so that it cannot lie about its result.

    with Sandbox() as sandbox:
        sandbox.run("print(6 * 7)")                                    Result(ok=True, stdout="42\\n", ...)
        check_solution(sandbox, "def f(x): return x + 1", "def check(g): assert g(1) == 2", "f").passed

Two tiers, the first that holds in a live self-test is used and named in every result:
    namespaces   user, mount, pid, net, ipc, uts and cgroup namespaces, with Landlock, seccomp and limits inside them
    landlock     Landlock, seccomp and limits only, for containers that forbid namespaces. What it leaves open: a
                 program can learn that a path or a process number exists outside, though nothing of what is in it.
Where neither works, Sandbox refuses (exit 77). unsafe_exec=True then runs without isolation, for those who say so.

A warm server forks each program (sandbox_server.py), so one costs milliseconds. Calls are safe from several threads.
"""

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from dataclasses import asdict, dataclass
from pathlib import Path

from acorn.errors import Refused, UserError
from acorn.infer import sandbox_kernel as kernel
from acorn.infer import sandbox_wire as wire
from acorn.infer.sandbox_probe import self_test
from acorn.infer.sandbox_watch import remove

TIERS = ("namespaces", "landlock")
MAX_SOURCE = 1 << 20  # bytes
MAX_OUTPUT = 512 << 10  # bytes that may be asked for: an answer must fit into one message
START = 30  # seconds that a server has for its start
GRACE = 10  # seconds over the wall limit until the server is given up
BOOT = "import sys; sys.path.insert(0, sys.argv[1]); from acorn.infer.sandbox_server import serve; serve(*sys.argv[2:])"


@dataclass(frozen=True)
class Limits:
    """What one program may use."""

    wall: float = 5.0  # seconds by the clock
    cpu: int = 5  # seconds of processor time
    memory: int = 256 << 20  # bytes of address space, the interpreter's own not counted
    output: int = 256 << 10  # bytes on stdout, and on stderr
    disk: int = 16 << 20  # bytes in its folder, the largest file included
    files: int = 256  # files and folders
    threads: int = 32

    def __post_init__(self):
        if not 0 < self.output <= MAX_OUTPUT:
            raise UserError(f"an output limit of {self.output} bytes", f"1 to {MAX_OUTPUT}")


@dataclass(frozen=True)
class Result:
    """ok: it ended by itself with exit status 0. Text is decoded with replacement characters, so it is always text."""

    ok: bool
    stdout: str
    stderr: str
    why: str  # what went wrong, '' if nothing
    tier: str  # the layers that held it, e.g. namespaces+landlock+seccomp
    seconds: float


@dataclass(frozen=True)
class Verdict:
    passed: bool
    why: str
    tier: str
    seconds: float


class Sandbox:
    """
    tier: one of TIERS to insist on it, '' for the first that works. python: the interpreter to run, '' for ours without
    its virtual environment. unsafe_exec: if no tier works, go on without isolation.
    """

    def __init__(self, limits: Limits = Limits(), tier: str = "", unsafe_exec: bool = False, python: str = ""):
        if tier and tier not in TIERS:
            raise UserError(f"there is no sandbox tier {tier!r}", f"one of {', '.join(TIERS)}")
        self.limits, self.wanted, self.unsafe_exec = limits, tier, unsafe_exec
        self.python = python or os.path.realpath(sys.executable or "/proc/self/exe")
        self.tier = ""  # the layers in use, once it is open
        self.kind = ""
        self.server: subprocess.Popen | None = None
        self.lock = threading.Lock()

    def __enter__(self) -> "Sandbox":
        self.open()
        return self

    def __exit__(self, *exc) -> None:
        self.close()

    def open(self) -> None:
        """Start the first tier that holds. Refused (exit 77) if none does."""
        problems = []
        if not kernel.machine():
            problems.append("it needs Linux on x86_64 or aarch64")
        else:
            for kind in [self.wanted] if self.wanted else TIERS:
                problem = self.start(kind) or self_test(lambda source, stdin: self.run(source, stdin, Limits()))
                if not problem:
                    return
                problems.append(f"{kind}: {problem}")
                self.close()
        if self.unsafe_exec and not self.wanted:
            problem = self.start("none")
            if not problem:
                return
            problems.append(problem)
        raise Refused(
            "no sandbox works here, so code that a model wrote is not run. " + "; ".join(problems),
            "Linux with Landlock (5.13 or later) or with user namespaces; --unsafe-exec runs without isolation",
        )

    def start(self, kind: str) -> str:
        """'' or why the server of this tier does not start."""
        # programs of root run as nobody, who may not be let into root's own TMPDIR
        self.scratch = tempfile.mkdtemp(prefix="acorn-sandbox-", dir="/tmp" if os.geteuid() == 0 else None)
        os.chmod(self.scratch, 0o711)
        self.control, theirs = socket.socketpair()
        self.errors = tempfile.TemporaryFile()
        package = str(Path(__file__).resolve().parents[2])
        try:
            self.server = subprocess.Popen(
                [self.python, "-s", "-S", "-P", "-B", "-X", "utf8", "-c", BOOT, package, kind, self.scratch],
                stdin=theirs,
                stdout=subprocess.DEVNULL,
                stderr=self.errors,
                env={"PYTHONHASHSEED": "0"},  # the same order of sets every time; programs do not see it
                cwd="/",
                start_new_session=True,  # Ctrl-C is for us
            )
        except OSError as e:
            self.clear()
            return f"{self.python} does not start: {e.strerror}"
        finally:
            theirs.close()
        patience(self.control, START)
        try:
            hello = wire.receive(self.control.fileno())
        except wire.WireError:
            self.errors.seek(0)
            last = self.errors.read()[-2000:].decode("utf-8", "replace").strip().splitlines()[-1:]
            return f"its server ended: {' '.join(last)}"
        self.kind, self.tier = kind, hello.get("layers", "")
        return hello.get("error", "")

    def close(self) -> None:
        """End the server and all its programs, and leave nothing on the disk."""
        if not self.server:
            return
        self.control.close()
        try:
            self.server.wait(GRACE)
        except subprocess.TimeoutExpired:
            self.server.kill()
            self.server.wait()
        self.server = None
        self.clear()

    def clear(self) -> None:
        self.control.close()
        self.errors.close()
        remove(self.scratch)

    # ---- one program --------------------------------------------------------------------------------------------

    def run(self, source: str, stdin: str = "", limits: Limits | None = None) -> Result:
        """Run a program to its end or to its limits. Never raises for anything that the program is or does."""
        limits = limits or self.limits
        problem = too_long(source=source, stdin=stdin)
        if problem:
            return Result(False, "", "", problem, self.tier, 0.0)
        answer = self.answer(self.ask({"job": "program", "source": source, "stdin": stdin}, limits), limits)
        why = describe(answer, limits)
        return Result(not why, text(answer["stdout"]), text(answer["stderr"]), why, self.tier, answer["seconds"])

    def ask(self, request: dict, limits: Limits, channel: socket.socket | None = None) -> socket.socket | None:
        """Give a program to the server -> the socket on which the answer comes, None if there is nobody to ask."""
        ours, theirs = socket.socketpair()
        patience(ours, limits.wall + GRACE)
        with theirs:
            fds = [theirs.fileno()] + ([channel.fileno()] if channel else [])
            if not self.hand_over(fds):
                ours.close()
                return None
        try:
            wire.send(ours.fileno(), {**request, "limits": asdict(limits)})
        except OSError:
            pass  # the keeper is gone; `answer` says so
        return ours

    def hand_over(self, fds: list[int]) -> bool:
        """A server that was killed (by a kernel out of memory, say) is started again, once."""
        with self.lock:
            if not self.server:
                raise UserError("the sandbox is closed", "with Sandbox() as sandbox: ...")
            for attempt in range(2):
                try:
                    socket.send_fds(self.control, [b"."], fds)
                    return True
                except OSError:
                    if attempt == 0:
                        self.close()
                        if self.start(self.kind):
                            return False
        return False

    def answer(self, wish: socket.socket | None, limits: Limits) -> dict:
        nothing = {"status": 1, "why": "lost", "seconds": 0.0, "stdout": "", "stderr": "", "report": "", "confined": ""}
        if not wish:
            return nothing
        with wish:
            try:
                return wire.receive(wish.fileno())
            except wire.WireError:
                return nothing


def check_solution(
    sandbox: Sandbox,
    prompt_and_solution: str,
    test: str,
    entry_point: str = "",
    setup: str = "",
    limits: Limits | None = None,
) -> Verdict:
    """
    Whether a solution passes a test. The solution is loaded in one sandboxed process, the test runs in another one, and
    they exchange plain values only, so that nothing the solution does but returning right values makes it pass.

    test: HumanEval's `def check(candidate): ...`, or asserts as MBPP has them. entry_point: the function that is
    tested; '' for the one name that the test uses and neither defines nor has from Python. setup: trusted code for the
    test's side, such as HumanEval's prompt, whose helper functions its tests call.
    """
    limits = limits or sandbox.limits
    problem = too_long(solution=prompt_and_solution, test=test, setup=setup)
    if problem:
        return Verdict(False, problem, sandbox.tier, 0.0)
    here, there = socket.socketpair()
    with here, there:
        wish = sandbox.ask({"job": "candidate", "source": prompt_and_solution}, limits, here)
        request = {"job": "grader", "source": test, "setup": setup, "entry": entry_point}
        longer = Limits(**{**asdict(limits), "wall": limits.wall + 1})  # the candidate's time is what runs out
        graded = sandbox.ask(request, longer, there)
    judged = sandbox.answer(graded, longer)
    if wish:
        wish.shutdown(socket.SHUT_WR)  # its keeper sees that, kills it and says how it ended
    candidate = sandbox.answer(wish, limits)
    why = printable(verdict(judged, candidate, limits))
    return Verdict(not why, why, sandbox.tier, judged["seconds"])


def verdict(judged: dict, candidate: dict, limits: Limits) -> str:
    """'' if the test passed, else why not."""
    failed = describe(judged, limits)
    if failed:
        return f"the test: {failed}"
    try:
        passed, why = json.loads(judged["report"].encode("latin-1")[4:])
    except (ValueError, TypeError):
        return "the test gave no verdict"
    if candidate["confined"] != "ok":
        return describe(candidate, limits)
    if passed is True:
        return ""
    if str(why).startswith("the candidate ended") and candidate["why"] != "stopped":
        return f"the candidate: {describe(candidate, limits) or 'ended before the test did'}"
    return str(why) or "failed"


def describe(answer: dict, limits: Limits) -> str:
    """How a program ended, in words; '' if well."""
    if answer["why"] == "lost":
        return "the sandbox lost the program"
    if answer["confined"] != "ok":
        return f"it could not be confined and was not run: {answer['confined']}"
    reasons = {
        "time": f"ran longer than {limits.wall:g} s",
        "output": f"wrote more than {limits.output} bytes",
        "disk": f"had more than {limits.disk} bytes in its files",
        "files": f"had more than {limits.files} files",
        "stopped": "was stopped",
    }
    if answer["why"]:
        return reasons[answer["why"]]
    status = answer["status"]
    if status in (-signal.SIGXCPU, -signal.SIGKILL):
        return f"used more than {limits.cpu} s of processor time, or more memory than there was"
    if status < 0:
        return f"died of signal {-status} ({signal.strsignal(-status)})"
    return f"exit status {status}" if status else ""


def too_long(**texts: str) -> str:
    for name, value in texts.items():
        size = len(value.encode("utf-8", "surrogatepass"))
        if size > MAX_SOURCE:
            return f"the {name} has {size} bytes, at most {MAX_SOURCE} are run"
    return ""


def text(latin: str) -> str:
    return latin.encode("latin-1").decode("utf-8", "replace")


def printable(why: str) -> str:
    """An exception's text is the candidate's own, and a terminal obeys control characters."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in why)


def patience(sock: socket.socket, seconds: float) -> None:
    """How long reads and writes wait, for those who use the descriptor itself."""
    timeout = struct.pack("ll", int(seconds), int(seconds % 1 * 1e6))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeout)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeout)
