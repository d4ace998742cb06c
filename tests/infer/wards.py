"""
What the sandbox tests share: a small world outside with secrets, listeners and a victim, and wards, which are sandboxes
of a given tier and user. Every ward is a process of its own (sandbox_worker.py) with a secret in its environment.
"""

import atexit
import concurrent.futures
import functools
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from acorn.infer import sandbox_kernel
from acorn.infer.sandbox import TIERS, Result, Verdict

HERE = Path(__file__).parent
NOBODY = 65534
SECRET = "secret-" + secrets.token_hex(8)
USERS = ("root", "user") if hasattr(os, "geteuid") and os.geteuid() == 0 else ("user",)
WARDS = [(who, tier) for who in USERS for tier in TIERS]

linux = pytest.mark.skipif(not sandbox_kernel.machine(), reason="the sandbox is for Linux on x86_64 and aarch64")


def python_for(who: str) -> str:
    """An interpreter that this user can run. Root's own may lie where nobody else can enter."""
    found = [os.path.realpath(sys.executable), shutil.which("python3", path="/usr/bin:/usr/local/bin")]
    test = "import sys; sys.exit(sys.version_info < (3, 11))"
    for python in filter(None, found):
        try:
            if subprocess.run([python, "-c", test], cwd="/", **identity(who)).returncode == 0:
                return python
        except OSError:
            pass
    pytest.skip("no Python that an ordinary user can run")


def identity(who: str) -> dict:
    """What makes subprocess start something as this user."""
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if who == "user" and os.geteuid() == 0 else {}


class World:
    """Everything here may be touched by anybody as far as ordinary permissions go."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="acorn-world-"))
        self.folder.chmod(0o777)
        self.canary = self.folder / "canary"
        self.canary.write_text(SECRET)
        self.canary.chmod(0o666)
        try:
            os.setxattr(self.canary, "user.secret", SECRET.encode())
        except OSError:
            pass  # this file system has no attributes
        self.link = self.folder / "link"
        self.link.symlink_to(SECRET)
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.abstract = socket.socket(socket.AF_UNIX)
        self.abstract.bind("\0acorn-" + secrets.token_hex(8))
        self.abstract.listen()
        self.unix = socket.socket(socket.AF_UNIX)
        self.unix.bind(str(self.folder / "socket"))
        self.unix.listen()
        (self.folder / "socket").chmod(0o777)
        self.victim = subprocess.Popen(
            ["/bin/sh", "-c", "while :; do sleep 1000; done", SECRET],
            env={"SECRET": SECRET},
            **identity("user"),
        )
        self.before = self.look()

    def told(self) -> dict:
        return {
            "canary": str(self.canary),
            "folder": str(self.folder),
            "link": str(self.link),
            "victim": self.victim.pid,
            "tcp": self.tcp.getsockname()[1],
            "udp": self.udp.getsockname()[1],
            "abstract": self.abstract.getsockname()[1:].decode(),
            "unix": self.unix.getsockname(),
        }

    def look(self) -> dict:
        """All that a program could have changed."""
        state = {str(p): (p.lstat().st_mode, p.lstat().st_uid, p.lstat().st_mtime_ns) for p in self.folder.iterdir()}
        for listener in (self.tcp, self.udp, self.abstract, self.unix):
            state[f"{listener.getsockname()} was reached"] = reached(listener)
        status = Path(f"/proc/{self.victim.pid}/stat").read_text().split()
        attributes = os.listxattr(self.canary)
        folder = self.folder.stat()
        return {
            **state,
            "text": self.canary.read_text(),
            "attributes": attributes,
            "folder": (folder.st_mode, folder.st_mtime_ns),
            "victim": (self.victim.poll(), status[2] == "T", status[18]),  # ended, stopped, nice
            "hostname": socket.gethostname(),
        }

    def changes(self) -> list[str]:
        now = self.look()
        return [
            f"{k}: {self.before.get(k)} -> {now.get(k)}"
            for k in {**now, **self.before}
            if self.before.get(k) != now.get(k)
        ]

    def close(self):
        self.victim.kill()
        self.victim.wait()
        for listener in (self.tcp, self.udp, self.abstract, self.unix):
            listener.close()
        shutil.rmtree(self.folder)


def reached(listener: socket.socket) -> bool:
    listener.setblocking(False)
    try:
        listener.recv(9) if listener.type == socket.SOCK_DGRAM else listener.accept()
        return True
    except BlockingIOError:
        return False


class Ward:
    """A sandbox of one tier, opened by one user."""

    def __init__(self, who: str, tier: str, world: World):
        self.who, self.kind, self.world = who, tier, world
        python = python_for(who)
        self.process = subprocess.Popen(
            [python, str(HERE / "sandbox_worker.py"), tier, str(world.canary)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PYTHONPATH": str(HERE.parents[1]), "PYTHONDONTWRITEBYTECODE": "1", "SECRET": SECRET},
            text=True,
            **identity(who),
        )
        hello = self.process.stdout.readline()
        if not hello:
            raise RuntimeError(self.process.stderr.read())
        self.hello = json.loads(hello)
        self.waiting: dict[int, concurrent.futures.Future] = {}
        self.lock = threading.Lock()
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        for line in self.process.stdout:
            message = json.loads(line)
            self.waiting.pop(message.pop("id")).set_result(message)

    def ask(self, **wish) -> concurrent.futures.Future:
        with self.lock:
            number = self.hello["asked"] = self.hello.get("asked", 0) + 1
            future = self.waiting[number] = concurrent.futures.Future()
            self.process.stdin.write(json.dumps({"id": number, **wish}) + "\n")
            self.process.stdin.flush()
        return future

    def start(self, source: str, stdin: str = "", **limits) -> concurrent.futures.Future:
        return self.ask(run={"source": source, "stdin": stdin}, limits=limits)

    def run(self, source: str, stdin: str = "", **limits) -> Result:
        return done(self.start(source, stdin, **limits), Result)

    def check(self, solution: str, test: str, entry: str = "", setup: str = "", **limits) -> Verdict:
        wish = {"prompt_and_solution": solution, "test": test, "entry_point": entry, "setup": setup}
        return done(self.ask(check=wish, limits=limits), Verdict)

    def told(self) -> str:
        return json.dumps({**self.world.told(), "pid": self.hello["pid"]})

    def processes(self) -> list[str]:
        """Of this sandbox: its server, its keepers, its programs. All are forks and keep the server's command line."""
        found = []
        for folder in Path("/proc").iterdir():
            try:
                if folder.name.isdigit() and self.hello["scratch"] in (folder / "cmdline").read_text(errors="replace"):
                    found.append(folder.name)
            except OSError:
                pass
        return found

    def left_on_disk(self) -> list[str]:
        scratch = self.hello["scratch"]
        return [name for name in os.listdir(scratch) if name != "lib"] if os.path.exists(scratch) else []

    def close(self):
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()
        self.process.stderr.close()


@functools.cache
def shared(who: str, tier: str) -> Ward:
    """One for all tests of the session, with a world of its own: starting them is most of the time."""
    world = World()
    ward = Ward(who, tier, world)
    atexit.register(world.close)
    atexit.register(ward.close)
    return ward


def done(future: concurrent.futures.Future, kind: type):
    message = future.result(60)
    assert "crash" not in message, message
    return kind(**message)
