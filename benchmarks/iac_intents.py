"""
Every (intent, kind) over many draws: does it validate without a finding, pass its own check, stay short enough for
a small model, and how long does drawing a training set take?

    python benchmarks/iac_intents.py [--draws 50] [--kind terraform]
"""

import argparse
import json
import time
from collections import Counter
from random import Random

from acorn.recipes.iac import synth, tasks, validate
from acorn.recipes.iac.intents import INTENTS, PAIRS


def sweep(draws: int, only: str) -> dict:
    texts, bad, longest, seconds = Counter(), {}, {}, Counter()
    for intent, kind in PAIRS:
        if only and kind != only:
            continue
        rng = Random(f"{intent.name} {kind}")
        for _ in range(draws):
            p = intent.draw(rng, "train", kind)
            text = intent.render(p, kind)
            start = time.process_time()
            parsed, findings = validate.read(text, kind)
            seconds[kind] += time.process_time() - start
            wrong = [*map(str, findings), *intent.check(p, parsed, kind)]
            texts[kind] += 1
            if wrong:
                bad.setdefault(f"{intent.name} {kind}", wrong[0])
            name = f"{intent.name} {kind}"
            longest[name] = max(longest.get(name, 0), len(text))
    return {
        "texts": dict(texts),
        "ms_each": {kind: round(1000 * seconds[kind] / texts[kind], 1) for kind in texts},
        "with_findings": bad,
        "longest": dict(sorted(longest.items(), key=lambda one: -one[1])[:5]),
    }


def cpu(make) -> float:
    start = time.process_time()
    make()
    return round(time.process_time() - start, 2)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--draws", type=int, default=50)
    parser.add_argument("--kind", default="")
    options = parser.parse_args()
    validate.prepare()
    row = {"intents": len(INTENTS), "pairs": len(PAIRS), **sweep(options.draws, options.kind)}
    row["conversations_14000_cpu_s"] = cpu(lambda: tasks.conversations("train", 1, 14_000))
    row["documents_30000_cpu_s"] = cpu(lambda: sum(1 for _ in synth.documents(1, 30_000)))
    for name, value in row.items():
        print(f"{name:26} {value}")
    print(json.dumps(row))


if __name__ == "__main__":
    main()
