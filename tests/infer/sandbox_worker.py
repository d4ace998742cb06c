"""
A sandbox in a process of its own, so that a test which is root can ask one that belongs to an ordinary user. One JSON
object a line: {"id", "run": {...}} or {"id", "check": {...}} -> {"id", fields of the Result or Verdict}.
"""

import json
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

from acorn.infer.sandbox import Limits, Sandbox, check_solution

LOCK = threading.Lock()


def main(tier: str, secret_file: str) -> None:
    secret = os.open(secret_file, os.O_RDONLY)  # programs must not inherit it
    os.set_inheritable(secret, True)
    with Sandbox(tier=tier) as sandbox, ThreadPoolExecutor(8) as pool:
        say({"scratch": sandbox.scratch, "tier": sandbox.tier, "pid": os.getpid()})
        for line in sys.stdin:
            pool.submit(answer, sandbox, json.loads(line))


def answer(sandbox: Sandbox, wish: dict) -> None:
    try:
        limits = Limits(**wish.get("limits", {}))
        if "run" in wish:
            result = sandbox.run(**wish["run"], limits=limits)
        else:
            result = check_solution(sandbox, **wish["check"], limits=limits)
        say({"id": wish["id"], **asdict(result)})
    except BaseException as e:  # the suite must see a crash of the harness, not wait for it
        say({"id": wish["id"], "crash": f"{type(e).__name__}: {e}"})


def say(message: dict) -> None:
    with LOCK:  # long lines are not written at once
        print(json.dumps(message), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
