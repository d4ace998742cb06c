"""The sandbox in use: honest programs work, limits are limits, what cannot be isolated is refused."""

import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import wards
from honest import HONEST

from acorn.errors import Refused, UserError
from acorn.infer import sandbox as sandboxes
from acorn.infer import sandbox_kernel as kernel
from acorn.infer.sandbox import Limits, Sandbox, check_solution

pytestmark = wards.linux


@pytest.fixture(scope="module", params=wards.WARDS, ids="-".join)
def ward(request):
    return wards.shared(*request.param)


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as found:
        yield found


@pytest.mark.parametrize("name", HONEST)
def test_honest(ward, name):
    source, stdin, printed = HONEST[name]
    result = ward.run(source, stdin)
    assert result.ok and result.stdout == printed, result
    assert result.why == ""


def test_the_tier_is_named(ward):
    assert ward.run("1").tier == ward.hello["tier"]
    assert ward.kind in ward.hello["tier"] and "seccomp" in ward.hello["tier"]


def test_an_ordinary_failure(ward):
    result = ward.run("def f():\n    return {}['x']\nprint('before')\nf()")
    assert not result.ok and result.why == "exit status 1" and result.stdout == "before\n"
    assert result.stderr.startswith("Traceback") and 'File "<program>", line 4' in result.stderr
    assert result.stderr.endswith("KeyError: 'x'\n") and "acorn" not in result.stderr
    assert ward.run("import sys; sys.exit(3)").why == "exit status 3"
    assert ward.run("import sys; sys.exit('no')").stderr == "no\n"
    assert "SyntaxError" in ward.run("def").stderr


def test_nothing_is_left_of_a_program_for_the_next(ward):
    ward.run("import random, sys; random.seed(9); sys.path.clear(); open('f', 'w').write('x'); sys.stdout.close()")
    assert ward.run("import os, random; print(os.listdir('.'), random.random())").stdout == "[] 0.8444218515250481\n"


def test_limits(sandbox):
    def why(source, **limits):
        return sandbox.run(source, limits=Limits(**{"wall": 3.0, **limits})).why

    assert why("import time; time.sleep(9)", wall=0.2) == "ran longer than 0.2 s"
    assert (
        why("while True: pass", cpu=1, wall=20.0)
        == "used more than 1 s of processor time, or more memory than there was"
    )
    assert why("print('x' * 2000)", output=1000) == "wrote more than 1000 bytes"
    assert why("x = bytearray(20 << 20)", memory=10 << 20) == "exit status 1"
    assert why("open('f', 'wb').write(bytes(3000000))", disk=1 << 20) == "exit status 1"
    assert why("for i in range(30): open(str(i), 'w')", files=10) != ""
    assert why("print(1)", wall=0.5) == ""
    with pytest.raises(UserError, match="output limit"):
        Limits(output=1 << 30)


def test_output_up_to_the_limit_is_kept(sandbox):
    result = sandbox.run(
        "import time\nprint('x' * 5000, flush=True)\ntime.sleep(9)", limits=Limits(wall=0.3, output=1000)
    )
    assert result.stdout == "x" * 1000 and "wrote more" in result.why
    result = sandbox.run("import os; os.write(1, b'\\xff' * 9)")
    assert result.stdout == "\N{REPLACEMENT CHARACTER}" * 9


def test_many_at_once(sandbox):
    """From several threads, each with its own answer; and faster than one after the other where they wait."""
    with ThreadPoolExecutor(8) as pool:
        begin = time.monotonic()
        results = list(pool.map(lambda n: sandbox.run(f"import time; time.sleep(0.2); print({n})"), range(16)))
        assert [r.stdout for r in results] == [f"{n}\n" for n in range(16)]
        assert time.monotonic() - begin < 16 * 0.2


def test_a_killed_server_is_started_again():
    with Sandbox() as sandbox:
        sandbox.server.kill()
        sandbox.server.wait()
        assert sandbox.run("print(1)").stdout == "1\n"
        assert sandbox.tier == sandbox.run("").tier


def test_losing_the_server_under_a_program_is_a_result():
    with Sandbox() as sandbox:
        answers = []
        thread = threading.Thread(target=lambda: answers.append(sandbox.run("import time; time.sleep(0.5); print(1)")))
        thread.start()
        time.sleep(0.1)
        sandbox.server.kill()
        sandbox.server.wait()
        thread.join()
        assert answers[0].stdout == "1\n" or "lost" in answers[0].why
        assert sandbox.run("print(2)").ok


def test_closed_is_closed():
    sandbox = Sandbox()
    sandbox.open()
    sandbox.close()
    sandbox.close()
    with pytest.raises(UserError, match="closed"):
        sandbox.run("1")


# ---- choosing a tier --------------------------------------------------------------------------------------------


def test_unknown_tier():
    with pytest.raises(UserError, match="'vm'"):
        Sandbox(tier="vm")


def test_the_next_tier_is_taken_if_one_does_not_start(monkeypatch):
    start = Sandbox.start
    monkeypatch.setattr(
        Sandbox, "start", lambda self, kind: "forbidden here" if kind == "namespaces" else start(self, kind)
    )
    with Sandbox() as sandbox:
        assert sandbox.tier == "landlock+seccomp" and sandbox.run("print(1)").ok


def test_a_tier_that_fails_its_self_test_is_not_used(monkeypatch):
    """Whatever it says of itself: the self-test reads a file that a weakened tier lets it read."""
    monkeypatch.setattr(Sandbox, "start", lambda self, kind: Sandbox.start_for_real(self, "none"))
    with pytest.raises(Refused) as e:
        Sandbox(tier="namespaces").open()
    assert e.value.exit_code == 77 and "could read a file outside" in str(e.value)


Sandbox.start_for_real = Sandbox.start


def test_refused_if_nothing_works(monkeypatch):
    monkeypatch.setattr(Sandbox, "start", lambda self, kind: "not here")
    with pytest.raises(Refused) as e:
        Sandbox().open()
    assert e.value.exit_code == 77 and "--unsafe-exec" in e.value.hint
    assert "namespaces: not here; landlock: not here" in e.value.message


def test_refused_on_other_machines(monkeypatch):
    monkeypatch.setattr(kernel, "machine", lambda: "")
    with pytest.raises(Refused, match="Linux"):
        Sandbox().open()


IN_A_CONTAINER = """
import sys
from acorn.errors import AcornError
from acorn.infer import sandbox_kernel as kernel
from acorn.infer.sandbox import Sandbox

numbers = {"unshare": (272, 97), "landlock": (444, 444)}
program = kernel.instruction(kernel.LOAD, 0)
for word in sys.argv[1:]:
    program += kernel.answer(numbers[word][kernel.machine() == "aarch64"], kernel.DENY | 1)
kernel.no_new_privileges()
kernel.seccomp(program + kernel.instruction(kernel.RETURN, kernel.ALLOW))
try:
    with Sandbox() as sandbox:
        print(sandbox.tier, sandbox.run("print(6 * 7)").stdout.strip())
except AcornError as e:
    print(e.exit_code, e.message)
"""


@pytest.mark.parametrize("who", wards.USERS)
def test_what_a_container_forbids(who):
    """Docker's default profile forbids namespaces, older ones know no Landlock: a filter does the same here."""

    def inside(*forbidden: str) -> str:
        command = [wards.python_for(who), "-c", IN_A_CONTAINER, *forbidden]
        env = {"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(command, cwd="/", env=env, capture_output=True, text=True, **wards.identity(who))
        return done.stdout.strip() or done.stderr

    assert inside("unshare") == "landlock+seccomp 42"
    assert inside("landlock") == "namespaces+seccomp 42"
    refused = inside("unshare", "landlock")
    assert refused.startswith("77 no sandbox works here") and "no Landlock" in refused and "unshare" in refused


def test_unsafe_execution_must_be_asked_for(monkeypatch):
    monkeypatch.setattr(sandboxes, "self_test", lambda run: "does not hold")
    with pytest.raises(Refused):
        Sandbox().open()
    with Sandbox(unsafe_exec=True) as sandbox:
        assert sandbox.tier == "none" and sandbox.run("print(1)").tier == "none"
        assert check_solution(sandbox, "def f(): return 1", "assert f() == 1").passed
        survivor = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(99)"
        assert sandbox.run(survivor).ok, "even here nothing that forks survives"
        assert sandbox.run("import os; print(len(os.environ), os.listdir('.'))").stdout == "0 []\n"


def test_the_filter_for_both_machines(monkeypatch):
    """It assembles for aarch64 too, has no jump too far, and ends in a denial."""
    for name in ("x86_64", "aarch64"):
        monkeypatch.setattr(kernel, "machine", lambda name=name: name)
        for by_path in (False, True):
            program = kernel.build_filter(4321, by_path)
            assert len(program) % 8 == 0 and len(program) // 8 < 4096
            assert program[-8:] == kernel.instruction(kernel.RETURN, kernel.DENY | 1)
        assert len(set(kernel.numbers(kernel.NUMBERS).values())) == len(kernel.numbers(kernel.NUMBERS))


def test_no_other_system_call_gets_through(ward):
    """All numbers that there are, from inside: whatever is not on the list is refused, whoever made up the list."""
    source = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
told = eval(input())
found = []
for number in range(700):
    if number not in told:
        ctypes.set_errno(0)
        if libc.syscall(ctypes.c_long(number), -1, -1, -1, -1, -1, -1) != -1 or ctypes.get_errno() != 1:
            found.append(number)
print(found)
"""
    tables = (kernel.NUMBERS, kernel.BY_PATH, kernel.ABSENT, kernel.UNSUPPORTED, kernel.CHECKED)
    known = {number for table in tables for number in kernel.numbers(table).values()}
    known |= (
        {335, 336} if kernel.machine() == "x86_64" else set()
    )  # the kernel's own return from probes; they only crash
    assert ward.run(source, stdin=repr(known)).stdout == "[]\n"
