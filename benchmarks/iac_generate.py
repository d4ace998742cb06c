"""
How good and how fast is writing code with a run: held-out requests over all intents, plain and validated, kind by kind,
with 95 % Wilson intervals; then single-resource requests one at a time, as somebody at a prompt waits for them.

    python benchmarks/iac_generate.py RUN [--n 300] [--waits 60] [--seed 7]
"""

import argparse
import re
import time

from common import emit, median

from acorn.commands.iac_generate import grammars, load
from acorn.evals.examples import score_examples
from acorn.recipes import get_recipe
from acorn.recipes.iac import generate, validate

PARTS = {  # what an answer consists of, by kind; an answer with one of them is a single resource
    "terraform": r'^(?:resource|data|module) "',
    "kubernetes": r"^kind: ",
    "crossplane": r"^kind: ",
    "cloudformation": r"^    Type: ",
    "ansible": r"^ {4}- name: ",
    "compose": r"^    image: ",
    "dockerfile": r"^FROM ",
}


def waits(engine, examples: list) -> list[float]:
    """Seconds to a valid answer, each request by itself, after start-up."""
    library, found = grammars(engine), []
    for example in examples:
        begin = time.perf_counter()
        (answer,) = generate.write(engine, [generate.Ask(example.request, example.kind)], library=library)
        found += [time.perf_counter() - begin] if answer.valid else []
    return found


def figure(share: dict) -> str:
    return f"{100 * share['value']:.1f} % ({100 * share['low']:.1f} to {100 * share['high']:.1f})"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("run")
    options.add_argument("--n", type=int, default=300)
    options.add_argument("--waits", type=int, default=60)
    options.add_argument("--seed", type=int, default=7)
    args = options.parse_args()
    engine, where = load(args.run, "cpu", lambda text: None)
    task = get_recipe("iac").task
    task.prepare()
    for kind in validate.KINDS:
        generate.prepare(kind)
    single = [e for e in task.examples("test", args.seed + 1, 4 * args.waits)
              if len(re.findall(PARTS[e.kind], e.answer, re.MULTILINE)) == 1][: args.waits]  # fmt: skip
    cold = waits(engine, single)
    warm = waits(engine, single)
    begin = time.perf_counter()
    found = score_examples(engine, task, task.examples("test", args.seed, args.n), seed=args.seed, ways=args.n)
    seconds = time.perf_counter() - begin
    way = found["ways"].get("verified", found) if "ways" in found else found
    rows = [["kind", "n", "plain valid", "plain right", "verified valid", "verified right"]]
    for kind, counts in sorted(found["by_kind"].items()):
        its = way["by_kind"][kind]
        rows.append(
            [kind, *(str(one) for one in (counts["n"], counts["valid"], counts["right"], its["valid"], its["right"]))]
        )
    rows.append(["all", str(found["n"]), *(figure(one[key]) for one in (found, way) for key in ("valid", "right"))])
    for step in found["steps"]:
        rows.append([step, "", figure(found["steps"][step]), "", figure(way["steps"][step]), ""])
    emit(
        "iac_generate",
        rows,
        {
            "run": str(where),
            "n": found["n"],
            "seconds": round(seconds, 1),
            "verified_seconds": round(way.get("seconds", 0), 1),
            "plain": {key: found[key]["value"] for key in ("valid", "right")},
            "verified": {key: way[key]["value"] for key in ("valid", "right")},
            "first_wait_ms": round(1000 * median(cold)),
            "wait_ms": round(1000 * median(warm)),
            "slowest_ms": round(1000 * max(warm)),
        },
    )


if __name__ == "__main__":
    main()
