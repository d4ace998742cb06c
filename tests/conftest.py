"""
What every test gets: one torch thread (same bits on every machine, and two cores stay usable), no network but loopback,
and nobody's terminal width or colours. Set before torch is imported; nothing here imports it.
"""

import os
import socket
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.update(COLUMNS="120", TERM="dumb", NO_COLOR="1")
for name in ("FORCE_COLOR", "TTY_COMPATIBLE"):
    os.environ.pop(name, None)

ROOT = Path(__file__).parents[1]
LOOPBACK = {"localhost", "127.0.0.1", "::1", "", None}


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """A socket to anything but this machine raises: a test that needs the network is wrong, not slow."""
    connect, connect_ex, lookup = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def check(host):
        if host not in LOOPBACK and host != socket.gethostname():
            raise RuntimeError(f"a test wanted the network: {host}")

    def guarded(original):
        def call(self, address):
            if self.family != socket.AF_UNIX:
                check(address[0])
            return original(self, address)

        return call

    def guarded_lookup(host, *args, **kwargs):
        check(host)
        return lookup(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", guarded(connect))
    monkeypatch.setattr(socket.socket, "connect_ex", guarded(connect_ex))
    monkeypatch.setattr(socket, "getaddrinfo", guarded_lookup)


@pytest.fixture
def workplace(tmp_path, monkeypatch) -> Path:
    """An empty folder, and we are in it: `runs/` appears here, not in the checkout."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def acorn(capsys):
    """acorn('runs', '--json') -> (exit code, stdout, stderr), in this process."""
    from acorn.cli import main

    def call(*argv: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([str(word) for word in argv])
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def make_run(workplace):
    """make_run('oak') -> runs/oak, a run folder as training, evaluation and speedrun leave it."""
    from synthetic_run import make

    return lambda name="oak", **parts: make(workplace / "runs" / name, **parts)
