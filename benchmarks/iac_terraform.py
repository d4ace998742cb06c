"""
The Terraform validator: false alarms on valid documents, the share of planted faults that it finds, its speed.

    python benchmarks/iac_terraform.py [--modules DIR ...] [--documents 1000] [--faults 1000]

Valid documents are drawn from the schemas and rendered from the intents; --modules names checkouts of public modules,
whose folders are judged as configurations (terraform-aws-modules/terraform-aws-vpc, cloud-foundation-fabric ...). Every
finding in them is printed, so that a person can tell a false alarm from a fault that their authors have missed.
Faults are planted one at a time into documents without a finding, all sorts in turn (recipes/iac/terraform/plant.py).
Milliseconds are CPU time of one process, schemas loaded; cold is the command in a new process, by the wall clock.
"""

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random

from common import ACORN, emit, median, timed

from acorn.recipes.iac import validate
from acorn.recipes.iac.intents import PAIRS
from acorn.recipes.iac.synthesis import documents
from acorn.recipes.iac.terraform.modules import SUFFIXES, Folders
from acorn.recipes.iac.terraform.plant import FAULTS, plant


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--modules", nargs="*", default=[], help="folders of public modules")
    parser.add_argument("--documents", type=int, default=1000, help="drawn from the schemas")
    parser.add_argument("--faults", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    drawn, rendered = list(documents(args.seed, args.documents)), list(intents(args.seed))
    rows = [["what", "documents", "with findings", "median ms", "99 % ms"]]
    figures = {}
    for name, texts in (("schema synthesis", drawn), ("intents", rendered)):
        wrong, times = judged(texts)
        rows.append([name, len(texts), wrong, f"{median(times):.2f}", f"{sorted(times)[len(times) * 99 // 100]:.2f}"])
        figures[name] = {"documents": len(texts), "wrong": wrong, "median_ms": median(times)}
    if args.modules:
        files, folders, wrong, seconds = modules(args.modules)
        rows.append([f"public modules ({files} files)", folders, wrong, f"{seconds / folders * 1e3:.2f} (mean)", ""])
        figures["modules"] = {"files": files, "folders": folders, "wrong": wrong}
    found, near, missed = faults([text for text in drawn + rendered if not validate.validate(text, "terraform")], args)
    print(f"faults: {found} of {args.faults} found ({found / args.faults:.1%}), {near} of them named within a line")
    for fault, number in missed.most_common():
        print(f"  missed {number} of {fault}")
    seconds = cold(drawn[0])
    print(f"cold: acorn iac validate FILE in {seconds:.2f} s")
    emit("iac_terraform", rows, {**figures, "faults": args.faults, "found": found, "near": near, "cold_s": seconds})


def intents(seed: int):
    rng = Random(f"benchmark {seed}")
    for intent, kind in PAIRS:
        for _ in range(4 if kind == "terraform" else 0):
            yield intent.render(intent.sample(rng), kind)


def judged(texts: list[str]) -> tuple[int, list[float]]:
    """(documents with findings, CPU milliseconds of each); the findings go to stderr."""
    for text in texts[:50]:
        validate.validate(text, "terraform")
    wrong, times = 0, []
    for text in texts:
        start = time.process_time()
        findings = validate.validate(text, "terraform")
        times.append((time.process_time() - start) * 1e3)
        wrong += bool(findings)
        for one in findings:
            print(one, file=sys.stderr)
    return wrong, times


def modules(roots: list[str]) -> tuple[int, int, int, float]:
    def read(path: str) -> str | None:
        try:
            return Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return None

    looked, files, folders, wrong, start = Folders(read), 0, 0, 0, time.process_time()
    for root in roots:
        for here, below, names in os.walk(root):
            below[:] = sorted(name for name in below if not name.startswith("."))
            paths = [os.path.join(here, name) for name in sorted(names) if name.endswith(SUFFIXES)]
            if not paths:
                continue
            findings = [
                (path, one) for path, found in looked.check(paths).items() for one in found if one.severity != "note"
            ]
            files, folders, wrong = files + len(paths), folders + 1, wrong + bool(findings)
            for path, one in findings:
                print(f"{path}:{one.line}:{one.column}: {one.message}", file=sys.stderr)
    return files, folders, wrong, time.process_time() - start


def faults(texts: list[str], args) -> tuple[int, int, Counter]:
    rng, names, found, near, missed = Random(args.seed), sorted(FAULTS), 0, 0, Counter()
    for number in range(args.faults):
        fault = names[number % len(names)]
        while not (planted := plant(rng, rng.choice(texts), fault)):
            pass
        findings = validate.validate(planted.text, "terraform")
        found += bool(findings)
        near += any(abs(one.line - planted.line) <= 1 for one in findings)
        if not findings:
            missed[fault] += 1
            print(f"missed {fault} in line {planted.line}:\n{planted.text}", file=sys.stderr)
    return found, near, missed


def cold(text: str) -> float:
    """Seconds of the whole command, the best of three."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "main.tf"
        path.write_text(text, encoding="utf-8")
        return min(timed([*ACORN, "iac", "validate", path])[0] for _ in range(3))


if __name__ == "__main__":
    main()
