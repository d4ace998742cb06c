"""Secrets give way to placeholders of the same form; what only looks like one stays as it is."""

import random
import re
import time

import pytest
from planted import HARMLESS, SECRETS

from acorn.data.block import Block
from acorn.data.secrets import MANY, Secrets
from acorn.data.values import innocent, placeholder

IN_THE_RECIPE = {"Secret object, base64", "Secret object, strings", "Ansible vault"}  # see test_iac_corpus.py
EACH = 6


@pytest.fixture(scope="module")
def secrets() -> Secrets:
    return Secrets()


def cleaned(secrets: Secrets, *texts: str) -> list[tuple[str, list[str]]]:
    return [(text.decode(), kinds) for text, kinds in secrets.clean(Block([text.encode() for text in texts]))]


def test_there_are_enough_kinds():
    assert len(SECRETS) >= 36 and len(HARMLESS) >= 36


@pytest.mark.parametrize("kind", sorted(set(SECRETS) - IN_THE_RECIPE))
def test_planted(kind, secrets):
    rng = random.Random(f"tests/{kind}")
    cases = [SECRETS[kind](rng) for _ in range(EACH)]
    for (text, parts), (after, kinds) in zip(cases, cleaned(secrets, *(f"# x\n{text}\ny: 1\n" for text, _ in cases))):
        assert not [part for part in parts if part in after], (text, after)
        assert kinds and after.startswith("# x\n") and after.endswith("\ny: 1\n")


@pytest.mark.parametrize("kind", sorted(HARMLESS))
def test_harmless(kind, secrets):
    rng = random.Random(f"tests/{kind}")
    texts = [f"# x\n{HARMLESS[kind](rng)}\ny: 1\n" for _ in range(EACH)]
    assert cleaned(secrets, *texts) == [(text, []) for text in texts]


def test_a_second_pass_finds_nothing(secrets):
    rng = random.Random(5)
    first = [after for after, _ in cleaned(secrets, *(make(rng)[0] for make in SECRETS.values()))]
    second = cleaned(secrets, *first)
    changed = [(a, b) for a, (b, _) in zip(first, second) if a != b]
    assert not changed


def test_placeholders_keep_the_form():
    assert placeholder(b"aB3x-9fQ2/k=") == b"EXAM-PLEE/X="
    assert placeholder(b"0f3a" * 8) == b"0" * 32
    assert placeholder(b"tiger!77x") == b"examp!lee"
    assert len(placeholder(b"Z" * 5000)) < 20
    for value in (b"aB3x-9fQ2/k=9Zq", b"0f3a" * 8, b"tiger!77x"):
        assert innocent(placeholder(value))


def test_personal_data(secrets):
    text = (
        "mail: jane.roe@" + "mailbox.org, root@example.com\ncall +49 30 901820-44 or (212) 867-5309\n"
        "card 4539 1488 0343 6467 test 4111 1111 1111 1111\niban DE89 3704 0044 0532 0130 00\nSSN: 536-90-4399\n"
    )
    [(after, kinds)] = cleaned(secrets, text)
    assert sorted(set(kinds)) == [
        "bank account",
        "card number",
        "e-mail address",
        "social security number",
        "telephone number",
    ]
    for gone in ("jane.roe", "901820", "867-5309", "4539", "3704", "536-90"):
        assert gone not in after
    assert "name@example.com, root@example.com" in after and "4111 1111 1111 1111" in after
    assert cleaned(Secrets(personal_data=False), text) == [(text, [])]


def test_one_bank_digit_wrong_is_no_account(secrets):
    text = "id DE88370400440532013000 and 4539 1488 0343 6468"
    assert cleaned(secrets, text) == [(text, [])]


def test_documents_do_not_touch(secrets):
    """A name at the end of one and a value at the beginning of the next are not a pair."""
    texts = ["db_password = ", '"x8Fj2kd9sLqz7"', "", "password:"]
    assert [text for text, _ in cleaned(secrets, *texts)] == texts


def test_not_utf8_and_binary_pass_through(secrets):
    documents = [bytes(range(256)) * 3, b"\xff\xfe password=\xff\xfe\xfd\xfc9", b"\0" * 50]
    assert len(secrets.clean(Block(documents))) == 3


def test_hostile_texts_stay_cheap(secrets):
    """No expression takes quadratic time: a lot of what each of them likes to begin with."""
    begin = (b"password", b"-----BEGIN PRIVATE KEY-----", b"://a:", b"eyJ", b"a@", b"curl ", b"password: {",
             b"secret\n", b"+1 ", b"AA00", b"mysql login ", b"password: |\n  ", b"a.b@", b"+123-",
             b"secret" + b" " * 200, b"password:\n" + b"    type: str\n" * 8,
             b"token: {" + b"\n " * 90, b"echo a:", b"-u a:b curl ")  # fmt: skip
    start = time.process_time()
    secrets.clean(Block([word * (60_000 // len(word)) for word in begin]))
    assert time.process_time() - start < 6


def test_what_is_found_is_said(secrets):
    rng = random.Random(1)
    [(_, kinds)] = cleaned(secrets, SECRETS["GitHub classic token"](rng)[0] + "\n" + SECRETS["Stripe key"](rng)[0])
    assert kinds == ["GitHub token", "Stripe key"]


def test_a_list_of_secrets_is_more_than_many(secrets):
    rng = random.Random(2)
    text = "\n".join(SECRETS["GitHub classic token"](rng)[0] for _ in range(MANY + 1))
    [(after, kinds)] = cleaned(secrets, text)
    assert len(kinds) > MANY and not re.search(r"gh[pousr]_(?!EXAMPLE)[A-Za-z0-9]{36}", after)
