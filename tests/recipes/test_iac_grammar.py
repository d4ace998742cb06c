"""Whatever a grammar lets through is valid: random walks through it, and what the intents write fits."""

import random

import pytest
from iac_writer import tokenizer, walk

from acorn.infer.constrain import Grammars
from acorn.recipes.iac import request, validate
from acorn.recipes.iac.grammar import KINDS, known_words, rules, said, samples
from acorn.recipes.iac.intents import INTENTS, PAIRS

COVERED = [(intent, kind) for intent, kind in PAIRS if kind in KINDS]
NAMES = [f"{intent.name}-{kind}" for intent, kind in COVERED]


@pytest.fixture(scope="module")
def grammars():
    return Grammars(tokenizer())


def accepts(grammars, grammar: str, text: str) -> str:
    """'' if the grammar lets the text through to its end, else what it has read before it refused."""
    guide = grammars.compile("grammar", grammar).begin()
    matcher, ids = guide.matcher, tokenizer().encode(text)
    taken = matcher.try_consume_tokens(ids)
    if taken < len(ids):
        return tokenizer().decode(ids[: taken + 1])[-80:]
    return "" if matcher.is_accepting() else "the end"


@pytest.mark.parametrize("pair", COVERED[::2], ids=NAMES[::2])
def test_the_answers_of_intents_fit_their_grammar(grammars, pair):
    intent, kind = pair
    texts = samples(intent.name, kind).texts
    grammar = KINDS[kind](texts, "")
    assert grammar, f"no grammar for {intent.name}"
    for text in texts[:3]:
        assert accepts(grammars, grammar, text) == "", text


def test_they_fit_when_names_may_not_be_made_up(grammars):
    """Every string of an answer is made of words of the request and of words that such answers always have."""
    missed = []
    for intent, kind in COVERED[1::4]:
        rng = random.Random(intent.name)
        texts = samples(intent.name, kind).texts
        p = intent.draw(rng, "train", kind)
        asked = intent.describe(p, kind, intent.phrasing(rng, "train"))
        answer = intent.render(p, kind)
        grammar = KINDS[kind]([answer, *texts], known_words(asked, [(intent, kind)]))
        if accepts(grammars, grammar, answer):
            missed.append(f"{intent.name}: {asked}")
    assert len(missed) <= 2, missed


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_random_walk_parses_and_is_mostly_valid(grammars, kind):
    rng, ended, valid = random.Random(kind), 0, 0
    for seed in range(14):
        intent = rng.choice([intent for intent, other in COVERED if other == kind])
        text = walk(grammars, KINDS[kind](samples(intent.name, kind).texts, ""), seed)
        if text is None:
            continue
        ended += 1
        parsed, findings = validate.read(text, kind)
        assert parsed, f"{findings}\n{text}"
        errors = [one for one in findings if one.severity == "error"]
        valid += not [one for one in errors if "not declared" not in one.message]  # a grammar can't know what follows
    assert ended >= 9 and valid >= 0.6 * ended


def test_a_name_that_nobody_said_is_refused(grammars):
    texts = samples("bucket", "terraform").texts
    asked = "Terraform: S3 bucket dovachiom-x1, dev"
    grammar = KINDS["terraform"](texts, known_words(asked, [(INTENTS["bucket"], "terraform")]))
    text = 'resource "aws_s3_bucket" "this" {\n  bucket = "dovachiom-x1"\n}\n'
    assert accepts(grammars, grammar, text) == ""
    assert accepts(grammars, grammar, text.replace("dovachiom", "thevachiom")) != ""


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("terraform", 'resource "aws_s3_buckett" "this" {\n  bucket = "a"\n}\n'),
        ("terraform", 'resource "aws_s3_bucket" "this" {\n  buckett = "a"\n}\n'),
        ("terraform", 'resource "aws_s3_bucket" "this" {\n  bucket = "a"\n  bucket = "b"\n}\n'),
        ("terraform", 'resource "aws_s3_bucket_versioning" "this" {\n  bucket = aws_s3_bucket.this.id\n}\n'),
        ("terraform", 'resource "aws_s3_bucket" "this" {\n  bucket = aws_vpc.this.id\n}\n'),
        ("terraform", 'resource "aws_s3_bucket" "this" {\n  bucket = var.name\n}\n'),
        ("kubernetes", "apiVersion: v1\nkind: Service\n"),
        ("kubernetes", "apiVersion: v1\nkind: Service\nmetadata:\n  name: a\nspecs: 1\n"),
        ("kubernetes", "apiVersion: v1\nkind: Service\nmetadata:\n  name: a\nmetadata:\n  name: a\n"),
        ("kubernetes", "apiVersion: v1\nkind: Service\nmetadata:\n  name: a\nspec:\n  ports:\n    - port: high\n"),
        ("kubernetes", "apiVersion: v1\nkind: Service\nmetadata:\n  name: a\nspec:\n   type: NodePort\n"),
        ("dockerfile", "WORKDIR /app\nFROM alpine:3\n"),
        ("dockerfile", "FROM alpine:3\nRUM ls\n"),
        ("dockerfile", 'FROM alpine:3\nCMD ["a", b]\n'),
    ],
)
def test_what_is_wrong_is_refused(grammars, kind, text):
    names = {"terraform": "bucket", "kubernetes": "service", "dockerfile": "python-image"}
    grammar = KINDS[kind](samples(names[kind], kind).texts, "")
    assert accepts(grammars, grammar, text) != ""


def test_an_unknown_type_has_no_grammar():
    assert KINDS["terraform"](['resource "aws_nothing" "this" {\n}\n'], "") == ""
    assert KINDS["kubernetes"](["apiVersion: v1\nkind: Nothing\n"], "") == ""


def test_known_words():
    assert rules.known([], ["a"], ["b"]) == ""
    assert {"billing", "api", "BillingApi"} <= said("queue billing-api in Terraform", set())
    assert said("the queue billing", {"queue"}) == {"billing", "Billing", "BILLING"}
    assert request.nearest("an S3 bucket with versioning", "terraform", 1)[0][0].name == "bucket"
