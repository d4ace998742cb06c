"""
Torn, mixed and hostile texts through every validator: nothing raises, nothing takes long, memory stays bounded.

    python benchmarks/iac_yaml_fuzz.py [--rounds 3000] [--seed 0]
"""

import argparse
import random
import resource
import sys
import time

from acorn.recipes.iac import validate
from acorn.recipes.iac.intents import PAIRS
from acorn.recipes.iac.validate import KINDS

PIECES = (
    "\t", "\n", "  ", "- ", ": ", "{", "}", "[", "]", '"', "'", "&a ", "*a", "<<: *a\n", "|\n", ">-\n", "!!int ",
    "!Ref ", "{{ x }}", "{% if %}", "${A}", "---\n", "null", "~", "yes", "1e999", "0x", "\\", "#", "?", "%", "@", "`",
    "\u2028", "樫", "\ufeff", "apiVersion: v1\n", "kind: List\n", "items:\n", "spec:\n", "hosts: all\n", "services:\n",
    "Resources:\n", "Type: AWS::S3::Bucket\n", "FROM a\n", "RUN <<E\n", "9" * 400, "a" * 2000, "x: " * 50, "- " * 80,
    "[" * 70,
)  # fmt: skip
CRD = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: a.b.c}
spec:
  group: b.c
  scope: Namespaced
  names: {kind: A, plural: a}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: array, items: {anyOf: [FORMS]}}}}}
---
apiVersion: b.c/v1
kind: A
metadata: {name: a}
spec:
"""


def big() -> dict[str, str]:
    """Texts of a megabyte and more."""
    names = [chr(97 + n) for n in range(12)]
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip(names, names[1:])
    )
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: b, image: c}]}\n"
    task = "- name: a\n  ansible.builtin.copy: {src: a, dest: b, moed: 1}\n"
    forms = ",".join(["{type: string, pattern: '^(a+)+$'}", "{type: integer}"] * 200)
    crd = CRD.replace("FORMS", forms) + f"- {'a' * 40}!\n" * 8_000
    return {
        "aliases": bomb, "binary": bytes(range(256)).decode("latin-1") * 4000, "pods": (pod + "---\n") * 12_000,
        "bad pods": (pod.replace("image", "imgae") + "---\n") * 12_000, "tasks": task * 15_000, "a CRD": crd,
        "a list": "- a\n" * 250_000, "a map": "".join(f"k{n}: v\n" for n in range(90_000)), "one line": "a" * 3_900_000,
        "services": "services:\n" + "".join(f"  s{n}: {{image: a, depends_on: [s{n + 1}]}}\n" for n in range(15_000)),
        "resources": "Resources:\n" + "".join(f"  R{n}: {{Type: AWS::S3::Bukcet}}\n" for n in range(15_000)),
        "references": "Resources:\n" + "".join(
            f"  R{n}: {{Type: AWS::SNS::Topic, Properties: {{TopicName: !Ref R{n}x}}}}\n" for n in range(8_000)),
        "instructions": "FROM a\n" + "RUNN a\n" * 9_000, "stages": "FROM a AS b\nCOPY --from=c /a /b\n" * 1_800,
        "brackets": "[" * 1_000_000, "quotes": "'" * 1_000_000, "blank": "\n" * 1_000_000, "braces": "{{ " * 300_000,
    }  # fmt: skip


def torn(rng: random.Random, texts: list[str]) -> str:
    text = rng.choice(texts)
    for _ in range(rng.randrange(1, 5)):
        a, b = sorted(rng.randrange(len(text) + 1) for _ in range(2))
        text = rng.choice(
            (text[:a] + text[b:], text[:a] + rng.choice(PIECES) + text[a:], text[:b] + text[a:], text[b:] + text[:a],
             text[:a] + rng.choice(texts)[a:b] + text[b:], text[:a] + chr(rng.randrange(1, 0x2FF)) + text[a:])
        )[:20_000]  # fmt: skip
    return text


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rng, failed = random.Random(args.seed), 0
    kinds = [kind for kind in KINDS if kind != "terraform"]
    texts = {kind: [] for kind in kinds}
    for intent, kind in PAIRS:
        if kind in texts:
            texts[kind].append(intent.render(intent.draw(random.Random(intent.name), "train", kind), kind))
    everything = [text for found in texts.values() for text in found]
    for kind in kinds:
        worst, worst_big = (0.0, ""), (0.0, "")
        cases = [("torn", torn(rng, everything if rng.random() < 0.2 else texts[kind])) for _ in range(args.rounds)]
        for name, text in [*cases, *big().items()]:
            begin = time.process_time()
            try:
                validate.validate(text, kind)
            except Exception as error:
                failed += 1
                print(f"{kind}: {type(error).__name__}: {error} on {text[:200]!r}", file=sys.stderr)
            seconds = time.process_time() - begin
            if name == "torn":
                worst = max(worst, (seconds, text[:60]))
            else:
                worst_big = max(worst_big, (seconds, name))
        large = f"large ones, worst {worst_big[0]:.2f} s ({worst_big[1]})"
        print(f"{kind:<16}{args.rounds} torn texts, worst {worst[0]:.3f} s; {large}")
    print(f"raised: {failed}; peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
