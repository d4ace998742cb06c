"""The secrets that only infrastructure files have, and none of any kind in the shards of a corpus."""

import random
import time

import pytest
from planted import HARMLESS, SECRETS

from acorn.data.block import Block
from acorn.data.documents import Counts, read_documents
from acorn.data.secrets import Secrets
from acorn.recipes.iac.corpus.secrets import EXTRA

CONFIG_MAP = """apiVersion: v1
kind: ConfigMap
metadata:
  name: x
data:
  colour: dGhpcyBpcyBhIHRlc3Q=
  level: verbose
"""
MIXED = """items:
  - apiVersion: v1
    kind: Secret
    data:
      token: {secret}
      user: YWRtaW4=
      tls.crt: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUQ=
      file: |
        {secret}
  - apiVersion: v1
    kind: ConfigMap
    data:
      level: dGhpcyBpcyBhIHRlc3Q=
"""


def cleaned(*texts: str) -> list[str]:
    return [text.decode() for text, _ in Secrets(EXTRA).clean(Block([text.encode() for text in texts]))]


@pytest.mark.parametrize("kind", ["Secret object, base64", "Secret object, strings", "Ansible vault"])
def test_planted(kind):
    rng = random.Random(kind)
    cases = [SECRETS[kind](rng) for _ in range(20)]
    for (_, parts), after in zip(cases, cleaned(*(text for text, _ in cases))):
        assert not [part for part in parts if part in after]


def test_only_the_secret_changes():
    secret = "c2Rma2pIS0pIODc2c2RmODc2c2Rm"
    [after, other] = cleaned(MIXED.format(secret=secret), CONFIG_MAP)
    assert secret not in after and other == CONFIG_MAP
    assert after.replace("EXAMPLEEXAMPLEEXAMPLEEXAMPLE", secret) == MIXED.format(secret=secret)


def test_a_file_in_a_secret_is_left_to_the_rules():
    text = "kind: Secret\nstringData:\n  app.yaml: |\n    log: debug\n    password: {v}\n"
    [after] = cleaned(text.format(v="g7Hq2kLm9Zx"))
    assert after.startswith("kind: Secret\nstringData:\n  app.yaml: |\n    log: debug\n    password: EXAMPLE")


def test_hostile_texts_stay_cheap():
    start = time.process_time()
    cleaned(
        *(
            word * (60_000 // len(word))
            for word in ("kind: Secret\ndata:\n", "  kind: Secret\n", "kind: Secret\n  x: y\n")
        )
    )
    assert time.process_time() - start < 3


def test_no_secret_reaches_a_shard(tmp_path, acorn):
    """Every kind in a file of its own, and harmless texts beside them, which arrive."""
    rng, parts, harmless = random.Random(77), [], []
    folder = tmp_path / "repo"
    folder.mkdir()
    (folder / "LICENSE").write_text("Apache License, Version 2.0")
    for number, make in enumerate(SECRETS.values()):
        text, found = make(rng)
        parts += found
        good = rng.choice(list(HARMLESS.values()))(rng)
        harmless.append(good)
        body = "\n".join(f"# {line}" for line in text.splitlines()) if number % 2 else text
        filler = " ".join(f"{rng.choice(('alpha', 'beta', 'gamma'))}{rng.randint(0, 99999)}" for _ in range(40))
        name = f"group_vars/{number}.yml" if number % 3 else f"tasks/{number}.yml"
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(f"---\n# {filler}\n{body}\n{good}\n")
    code, _, err = acorn("iac", "corpus", folder, "--out", tmp_path / "out", "--no-conversations", "--templates")
    assert code == 0, err
    shards = "\n".join(document.text for document in read_documents([tmp_path / "out" / "documents"], Counts()))
    assert [part for part in parts if part in shards] == []
    assert sum(good in shards for good in harmless) >= 0.9 * len(harmless)
    assert not any(part.encode() in path.read_bytes() for path in (tmp_path / "out").rglob("*.md") for part in parts)
