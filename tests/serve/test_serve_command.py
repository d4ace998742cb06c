"""`acorn serve` as people start and stop it."""

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from serving import ANSWER, ask, http, model, post, tokenizer

from acorn.checkpoint import save_checkpoint
from acorn.serve.start import listen, run_name


@pytest.fixture
def run(workplace) -> Path:
    folder = workplace / "runs" / "oak" / "sft"
    save_checkpoint(folder, 1, model(), {}, {}, tokenizer())
    return folder.parent


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_from_start_to_stop(run, number):
    command = [sys.executable, "-m", "acorn", "serve", "oak", "--port", "0", "--slots", "4"]
    process = subprocess.Popen(command, cwd=run.parents[1], stderr=subprocess.PIPE, text=True)
    said = ""
    while "API" not in said and (line := process.stderr.readline()):
        said += line
    assert "4 slots" in said, said
    url = re.search(r"page +(http://127\.0\.0\.1:\d+)/\n", said).group(1)
    assert http.get(url + "/v1/models").json()["data"][0]["id"] == "oak"
    reply = post(url, "/v1/chat/completions", messages=ask(), temperature=0).json()
    assert reply["choices"][0]["message"]["content"] == ANSWER
    process.send_signal(number)
    assert process.wait(timeout=20) == 0
    rest = process.stderr.read()
    process.stderr.close()
    assert rest == "stopped\n"


def test_what_cannot_be_served(acorn, run):
    assert acorn("serve") == (2, "", "error: which run is to be served?\n  try: acorn runs\n")
    code, _, said = acorn("serve", "elm")
    assert code == 2 and "elm" in said and "Traceback" not in said
    code, _, said = acorn("serve", "oak", "--port", "70000")
    assert code == 2 and said == "error: --port 70000: expected 0 to 65535\n"
    code, _, said = acorn("serve", "oak", "--port", "0", "--device", "cpu", "--api-key", " ")
    assert code == 2 and "printable ASCII" in said


def test_a_port_that_is_taken(acorn, run):
    with listen("127.0.0.1", 0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        code, _, said = acorn("serve", "oak", "--port", str(port))
    assert code == 2 and said.startswith(f"error: cannot listen on 127.0.0.1 port {port}: ") and "--port 0" in said


def test_the_network_wants_a_key(acorn, run, monkeypatch):
    monkeypatch.delenv("ACORN_API_KEY", raising=False)
    for host in ("0.0.0.0", "::", "192.168.1.5", "example.org"):
        code, _, said = acorn("serve", "oak", "--host", host)
        assert code == 2 and "has no API key" in said and "export ACORN_API_KEY=" in said


def test_one_name_twice(acorn, run):
    code, _, said = acorn("serve", "oak", "runs/oak", "--port", "0", "--slots", "1")
    assert code == 2 and "two runs are named oak" in said


def test_names():
    assert [run_name(run) for run in ("oak", "runs/oak", "/a/runs/oak/sft", "./x/elm")] == [
        "oak",
        "oak",
        "oak-sft",
        "elm",
    ]


def test_small_answers_leave_at_once():
    """asyncio switches Nagle's algorithm off only for sockets that say they are TCP."""
    with listen("127.0.0.1", 0) as listening:
        assert listening.proto == socket.IPPROTO_TCP
