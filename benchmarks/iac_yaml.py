"""
False alarms, planted faults that are found, and milliseconds of the validators of the YAML kinds and Dockerfiles.

    python benchmarks/iac_yaml.py --folder FOLDER ... [--kind ansible] [--faults 1000] [--known FILE] [--show 20]

Folders hold public repositories or charts that were filled in; a file counts for the kind that acorn sees in it.
Without folders, the texts are what the intents render. FILE lists endings of paths of files that are known to be wrong,
one a line, a reason behind a #. What is told of other files is a false alarm until somebody has looked at it.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path

from iac_yaml_faults import plant, plant_docker

from acorn.recipes.iac import kinds, validate
from acorn.recipes.iac.validate.kubernetes import PARTIAL

KINDS = ("kubernetes", "ansible", "compose", "cloudformation", "crossplane", "dockerfile")


def files(folders: list[str]) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {kind: [] for kind in KINDS}
    for folder in folders:
        for path in sorted(Path(folder).rglob("*")):
            if not path.is_file() or ".git" in path.parts or path.stat().st_size > 2_000_000:
                continue
            try:
                text = path.read_text(encoding="utf-8-sig").replace("\r\n", "\n")
            except UnicodeDecodeError:
                continue
            kind = kinds.detect(str(path), text)
            if kind in found and text.strip():
                found[kind].append((str(path), text))
    return found


def rendered(each: int = 12) -> dict[str, list[tuple[str, str]]]:
    from acorn.recipes.iac.intents import PAIRS

    found: dict[str, list[tuple[str, str]]] = {kind: [] for kind in KINDS}
    for intent, kind in PAIRS:
        rng = random.Random(intent.name)
        for number in range(each if kind in found else 0):
            found[kind].append((f"{intent.name}-{number}", intent.render(intent.draw(rng, "train", kind), kind)))
    return found


def errors(kind: str, path: str, text: str) -> tuple[list, list]:
    import importlib
    import inspect

    takes = inspect.signature(importlib.import_module(f"acorn.recipes.iac.validate.{kind}").read).parameters
    _, found = validate.read(text, kind, **({"path": path} if "path" in takes and os.path.exists(path) else {}))
    return [one for one in found if one.severity == "error"], [one for one in found if one.severity != "error"]


def cold(kind: str, path: str, text: str) -> float:
    """Seconds of one `acorn iac validate` of one file, from the start of Python to its end."""
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-m", "acorn", "iac", "validate", "-", "--kind", kind], input=text, text=True,
                   capture_output=True)  # fmt: skip
    return time.perf_counter() - begin


def measure(kind: str, texts: list[tuple[str, str]], args, known: tuple[str, ...]) -> dict:
    times, alarms, right, wrong = [], [], [], 0
    for path, text in texts:
        begin = time.process_time()
        found, notes = errors(kind, path, text)
        times.append(1000 * (time.process_time() - begin))
        if path.endswith(known):
            wrong += 1
        elif found:
            alarms.append(f"{path}: {found[0]}")
        elif not notes and not PARTIAL.search(path):
            right.append((path, text))
    rng, planted, missed = random.Random(0), 0, []
    for _ in range(args.faults * 40 if right else 0):
        if planted >= args.faults:
            break
        path, text = rng.choice(right)
        made = plant_docker(rng, text) if kind == "dockerfile" else plant(rng, kind, text)
        if made is None:
            continue
        planted += 1
        if not errors(kind, path, made[1])[0]:
            missed.append(f"{path}: {made[0]}")
    for title, lines in (("told of", alarms), ("not found", missed)):
        for line in lines[: args.show]:
            print(f"  {title} {line}"[:300], file=sys.stderr)
    return {
        "kind": kind, "files": len(texts), "known_wrong": wrong, "false_alarms": len(alarms), "faults": planted,
        "found": planted - len(missed), "share": round(1 - len(missed) / planted, 4) if planted else None,
        "median_ms": round(statistics.median(times), 2) if times else None, "max_ms": round(max(times, default=0), 1),
        "cold_s": round(cold(kind, *texts[0]), 2) if texts and not args.no_cold else None,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", nargs="*", default=[])
    parser.add_argument("--kind", choices=KINDS)
    parser.add_argument("--faults", type=int, default=1000)
    parser.add_argument("--known", type=Path)
    parser.add_argument("--show", type=int, default=10)
    parser.add_argument("--no-cold", action="store_true")
    args = parser.parse_args()
    lines = args.known.read_text().splitlines() if args.known else []
    known = tuple(line.partition("#")[0].strip() for line in lines if line.partition("#")[0].strip())
    texts = files(args.folder) if args.folder else rendered()
    print(f"{'kind':<16}{'files':>7}{'known':>7}{'alarms':>8}{'faults':>8}{'found':>8}{'median ms':>11}{'cold s':>8}")
    for kind in [args.kind] if args.kind else KINDS:
        row = measure(kind, texts[kind], args, known)
        share = f"{100 * row['share']:.1f} %" if row["share"] is not None else "-"
        print(f"{kind:<16}{row['files']:>7}{row['known_wrong']:>7}{row['false_alarms']:>8}{row['faults']:>8}{share:>8}"
              f"{row['median_ms'] or 0:>11}{row['cold_s'] or 0:>8}", flush=True)  # fmt: skip
        print(json.dumps(row), file=sys.stderr)


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(__file__))
    main()
