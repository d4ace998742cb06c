"""Validators: what they find and where, and that no text, however hostile, hangs or crashes them."""

import time
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acorn.errors import UserError
from acorn.recipes.iac import validate
from acorn.recipes.iac.intents import PAIRS
from acorn.recipes.iac.validate import KINDS, Finding


def found(text, kind):
    return [str(one) for one in validate.validate(text, kind)]


# ---------------------------------------------------------------------------------------------------------------------
DOCKER = 'FROM python:3.12-slim\nWORKDIR /app\nCOPY . .\nEXPOSE 8000\nCMD ["python", "app.py"]\n'


@pytest.mark.parametrize(
    "text, message",
    [
        ("hello there\n", "line 1: 'hello' is not an instruction"),
        ("# nothing\n", "no FROM: nothing to build on"),
        ("RUN ls\nFROM a\nRUN ls\n", "line 1: RUN stands before the first FROM"),
        ("FROM python:3.12\n", "the last stage does nothing but FROM"),
        (DOCKER.replace("python:3.12-slim", "Python:3.12"), "line 1: 'Python:3.12' is not the name of an image"),
        (DOCKER.replace("python:3.12-slim", "python:"), "line 1: 'python:' is not the name of an image"),
        (DOCKER.replace("slim", "slim to x"), "line 1: FROM is FROM image or FROM image AS name"),
        (DOCKER.replace("COPY . .", "COPY ."), "line 3: COPY needs more words"),
        (DOCKER.replace("COPY . .", "COPY a b c"), "line 3: COPY of several files needs a folder that ends in /"),
        (DOCKER.replace("COPY . .", "COPY --from=build /a /b"), "COPY --from=build: no stage before this one"),
        (DOCKER.replace("8000", "80000"), "line 4: '80000' is not a port"),
        (DOCKER.replace('"app.py"]', '"app.py"'), "line 5: CMD looks like a JSON list of strings, but is none"),
        (DOCKER + "CMD ls\n", "line 6: CMD is there twice in a stage; only the last one counts"),
        (DOCKER + "ENV A\n", "line 6: ENV is ENV NAME=value"),
        (DOCKER + "WORKDIR\n", "line 6: WORKDIR needs something after it"),
        (DOCKER + "RUN a \\\n", "line 6: the last line goes on with a backslash, but nothing follows"),
        (DOCKER + "RUN <<END\nls\n", "line 6: the text up to END does not end"),
    ],
)
def test_dockerfile_findings(text, message):
    assert any(message in one for one in found(text, "dockerfile")), found(text, "dockerfile")


def test_dockerfile_takes_what_real_files_hold():
    text = """# syntax=docker/dockerfile:1
ARG VERSION=3.12
FROM --platform=linux/amd64 localhost:5000/team/python:${VERSION}-slim AS base
FROM ghcr.io/acme/web_app:1.2@sha256:%s as build
RUN apt-get update \\
    # a comment in between
    && apt-get install -y git
RUN <<EOF
echo hello
EOF
FROM base
ENV A=1 B="two words"
ENV C three
COPY --from=build --chown=1:1 ["/a b", "/c"]
EXPOSE 8000/tcp 53/udp
HEALTHCHECK --interval=5s CMD curl -f http://localhost/ || exit 1
LABEL a=b
VOLUME ["/data"]
ENTRYPOINT exec python app.py
""" % ("a" * 64)
    text = text.replace("localhost:5000/team/python:${VERSION}-slim", "$REGISTRY/python")
    parsed, findings = validate.read(text, "dockerfile")
    assert findings == []
    image = parsed["image"][0]
    assert image["env"] == {"A": "1", "B": "two words", "C": "three"}
    assert image["copies"] == [["/a b", "/c"]] and image["expose"] == ["8000", "53/udp"]


def test_unknown_kind():
    with pytest.raises(UserError, match="there is no kind 'terrafrom'. Did you mean terraform?"):
        validate.validate("", "terrafrom")


def test_prepare_says_what_was_done():
    assert "schemas of" in validate.prepare()


# ---------------------------------------------------------------------------------------------------------------------
BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefghijkl", "bcdefghijklm")
)
MERGE = "a: &a {x: 1}\n" + "".join(
    f"{b}: &{b}\n  <<: [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi")
)
RESOURCE = 'resource "a" "b" {{\n  x = {}\n}}\n'
HOSTILE = {
    "empty": "",
    "blank": " \n\t\n",
    "alias bomb": BOMB,
    "merge bomb": MERGE,
    "brackets": "[" * 100_000,
    "braces": "{" * 60_000,
    "brackets of the length that is read": "[" * 60_000,
    "pairs": "[]" * 30_000,
    "keys": "".join(f"k{n}: v\n" for n in range(6_000)),
    "dashes": "- " * 30_000,
    "questions": "? " * 30_000,
    "documents": "---\na: b\n" * 6_000,
    "a megabyte": "a: b\n" * 200_000,
    "binary": bytes(range(256)).decode("latin-1") * 20,
    "nul": "a\x00b",
    "surrogate": "name: \ud800",
    "unicode": "\u2028\u0085\ufeff naïve 樫 🌰",
    "quotes": '"' * 60_000,
    "backslashes": "RUN a \\\n" * 8_000,
    "not": RESOURCE.format("!" * 60_000 + "x"),
    "minus": RESOURCE.format("- " * 30_000 + "1"),
    "attributes": RESOURCE.format("a." * 30_000 + "b"),
    "conditions": RESOURCE.format("x ? 1 : " * 8_000 + "1"),
    "sums": RESOURCE.format("1 + " * 15_000 + "1"),
    "heredocs": RESOURCE.format("<<A\n" * 15_000),
    "templates": RESOURCE.format('"' + "${" * 39 + "}" * 39 + '"'),
    "blocks": "a {\n" * 39 + "}\n" * 39,
    "comments": "/*" * 30_000,
    "image": "FROM " + "a" * 60_000 + "!\nRUN ls\n",
    "image parts": "FROM " + "a-" * 30_000 + "!\nRUN ls\n",
    "json": "FROM a\nCMD " + "[" * 39 + "\n",
    "ports": "FROM a\nEXPOSE " + "9" * 60_000 + "\n",
    "heredoc words": "FROM a\nRUN " + "<<A " * 15_000 + "\n",
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("kind", KINDS)
def test_hostile_texts_give_findings_soon(kind, name):
    start = time.process_time()
    findings = validate.validate(HOSTILE[name], kind)
    assert findings and all(isinstance(one, Finding) and len(one.message) < 1000 for one in findings)
    assert time.process_time() - start < 2


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None, derandomize=True)
@given(text=st.text(max_size=200))
def test_any_text_is_judged(kind, text):
    validate.validate(text, kind)


@pytest.mark.parametrize("intent, kind", PAIRS, ids=[f"{intent.name}-{kind}" for intent, kind in PAIRS])
def test_damaged_answers_are_judged_and_checked(intent, kind):
    """Cut, doubled and shuffled answers, as a weak model writes them: neither validator nor check may raise."""
    rng = Random(intent.name)
    for _ in range(8):
        p = intent.draw(rng, "train", kind)
        text = intent.render(p, kind)
        a, b = sorted(rng.randrange(len(text)) for _ in range(2))
        for damaged in (text[:a], text[:a] + text[b:], text[:b] + text[a:], text[b:] + text[:a], text + text):
            parsed, findings = validate.read(damaged, kind)
            assert findings or damaged.strip() == text.strip() or isinstance(intent.check(p, parsed, kind), list)
