"""
How fast and how thorough the filters of a corpus are.

    python benchmarks/iac_corpus.py                          speed and memory on synthetic folders, secrets, look-alikes
    python benchmarks/iac_corpus.py --megabytes 1000         more text for speed
    python benchmarks/iac_corpus.py --detect-secrets         detect-secrets beside our rules, on the same cases
    python benchmarks/iac_corpus.py --folder PATH            speed on files of your own

Speed is CPU time of this one process, so another job on the machine does not count. Needs a checkout (tests/data).
"""

import argparse
import hashlib
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from common import ROOT, emit

sys.path.insert(0, str(ROOT / "tests"))

from planted import HARMLESS, SECRETS

from acorn.data.block import BLOCK_CHARS, Block
from acorn.data.clean import Cleaner, Options, blocks, clean
from acorn.data.documents import Counts, Document, read_documents
from acorn.data.parts import Parts
from acorn.data.secrets import Secrets
from acorn.recipes.iac.corpus.secrets import EXTRA

EACH = 20  # secrets of a kind


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=200, help="of synthetic text")
    parser.add_argument("--folder", type=Path, help="measure speed on this folder")
    parser.add_argument("--detect-secrets", action="store_true", help="run detect-secrets on the same cases (slow)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    found, rows = {}, [["", "figure", "of", "share"]]
    for name, check in (
        ("acorn", ours(Secrets(EXTRA))),
        *((("detect-secrets", theirs()),) if options.detect_secrets else ()),
    ):
        missed, changed = secrets(check, options.seed), look_alikes(check, options.seed)
        found[name] = {"missed": missed, "changed": changed}
        rows.append(
            [f"{name}: secrets that came through", missed["n"], missed["of"], f"{missed['n'] / missed['of']:.2%}"]
        )
        rows.append([f"{name}: kinds with one that did", len(missed["kinds"]), len(SECRETS), ""])
        rows.append(
            [f"{name}: look-alikes changed", changed["n"], changed["of"], f"{changed['n'] / changed['of']:.2%}"]
        )
    found["speed"] = speed(options)
    for what, value in found["speed"].items():
        rows.append([what, f"{value:,.1f}", "", ""])
    emit("iac_corpus", rows, found)


# --- secrets ----------------------------------------------------------------------------------------------------------


def ours(found: Secrets):
    """texts -> (text after, whether it changed)"""
    return lambda texts: [
        (after.decode(), bool(kinds)) for after, kinds in found.clean(Block([t.encode() for t in texts]))
    ]


def theirs():
    """What detect-secrets would replace: every value that it reports, in its default settings."""
    from detect_secrets.core.scan import scan_file
    from detect_secrets.settings import default_settings

    def check(texts):
        out = []
        with tempfile.TemporaryDirectory() as folder, default_settings():
            for number, text in enumerate(texts):
                path = Path(folder, f"{number}.yaml")
                path.write_text(text)
                values = [one.secret_value for one in scan_file(str(path)) if one.secret_value]
                after = text
                for value in values:
                    after = after.replace(value, "")
                out.append((after, after != text))
        return out

    return check


def secrets(check, seed: int) -> dict:
    missed = Counter()
    for kind, make in SECRETS.items():
        rng = random.Random(f"{seed}/{kind}")
        cases = [make(rng) for _ in range(EACH)]
        for (_, parts), (after, _) in zip(cases, check([f"# head\n{text}\nfoo: bar\n" for text, _ in cases])):
            missed[kind] += any(part in after for part in parts)
    return {"n": missed.total(), "of": EACH * len(SECRETS), "kinds": {kind: n for kind, n in missed.items() if n}}


def look_alikes(check, seed: int) -> dict:
    changed = Counter()
    for kind, make in HARMLESS.items():
        rng = random.Random(f"{seed}/{kind}")
        cases = [f"# head\n{make(rng)}\nfoo: bar\n" for _ in range(EACH)]
        changed[kind] = sum(touched for _, touched in check(cases))
    return {"n": changed.total(), "of": EACH * len(HARMLESS), "kinds": {kind: n for kind, n in changed.items() if n}}


# --- speed ------------------------------------------------------------------------------------------------------------


def synthetic(megabytes: int, seed: int):
    """Documents of the recipe, each with names of its own; a tenth are copies, a tenth nearly so."""
    from acorn.recipes.iac import recipe

    rng, made = random.Random(seed), [document.text for document in recipe().documents(seed, 400)]
    size, number, before = 0, 0, []
    while size < megabytes * 1_000_000:
        if before and rng.random() < 0.1:
            text = rng.choice(before)
        elif before and rng.random() < 0.1:
            text = rng.choice(before) + f"\n# changed {number}\n"
        else:
            parts = rng.sample(made, 3)
            words = {
                word: f"{word}{rng.randint(0, 99999)}"
                for part in parts
                for word in set(part.split())
                if word.isalpha() and rng.random() < 0.4
            }
            text = "\n".join(
                " ".join(words.get(word, word) for word in line.split(" "))
                for part in parts
                for line in part.split("\n")
            )
            if number % 50 == 0:
                text += "\n" + rng.choice(list(SECRETS.values()))(rng)[0] + "\n"
            before = [*before[-200:], text]
        size += len(text)
        number += 1
        yield Document(text, f"{number}")


def speed(options) -> dict:
    if options.folder:
        documents = list(read_documents([options.folder], Counts(), max_broken=1.0))
    else:
        documents = list(synthetic(options.megabytes, options.seed))
    megabytes = sum(len(document.text.encode()) for document in documents) / 1e6
    figures = {"MB of text": megabytes, "documents": float(len(documents))}
    begin = time.process_time()
    cleaner = Cleaner(Options(), EXTRA)
    kept = 0
    for held in blocks(documents, BLOCK_CHARS):
        results, _ = cleaner.clean([document.text.encode() for document in held])
        kept += sum(not cause for _, cause, _ in results)
    seconds = time.process_time() - begin
    figures |= {"kept": float(kept), "filters and duplicates, MB a CPU second": megabytes / seconds}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with tempfile.TemporaryDirectory() as folder:
        parts = Parts(Path(folder) / "out", "documents", {})
        begin = time.process_time()
        clean(iter(documents), parts, Cleaner(Options(), EXTRA))
        seconds = time.process_time() - begin
        parts.close()
    begin = time.process_time()
    for document in documents:
        hashlib.blake2b(document.text.encode()).digest()
    return figures | {
        "with writing, MB a CPU second": megabytes / seconds,
        "hashing alone, MB a CPU second": megabytes / (time.process_time() - begin),
        "most memory, MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "of it the second pass, MB": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024,
    }


if __name__ == "__main__":
    main()
