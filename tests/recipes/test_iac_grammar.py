"""Whatever a grammar lets through is valid: random walks through it, and what the intents write fits."""

import random

import pytest
from iac_writer import tokenizer, walk

from acorn.infer.constrain import Grammars
from acorn.recipes.iac import request, validate
from acorn.recipes.iac.grammar import EVERYTHING, KINDS, asked_for, rules, said, samples
from acorn.recipes.iac.intents import INTENTS, PAIRS

COVERED = [(intent, kind) for intent, kind in PAIRS if kind in KINDS and intent.name != "claim"]  # its kind is free
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
    grammar = KINDS[kind](texts, EVERYTHING)
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
        grammar = KINDS[kind]([answer, *texts], asked_for(asked, [(intent, kind)]))
        if accepts(grammars, grammar, answer):
            missed.append(f"{intent.name}: {asked}")
    assert len(missed) <= 2, missed


NAMES_NOTHING = ("not declared", "there is no ", "has to be")  # a grammar can't know what other parts are called


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_random_walk_parses_and_is_mostly_valid(grammars, kind):
    """What rules beyond schemas ask for (one of two fields, a name that leads somewhere) no grammar holds."""
    rng, ended, valid = random.Random(kind), 0, 0
    for seed in range(16):
        intent = rng.choice([intent for intent, other in COVERED if other == kind])
        text = walk(grammars, KINDS[kind](samples(intent.name, kind).texts, EVERYTHING), seed)
        if text is None:
            continue
        ended += 1
        parsed, findings = validate.read(text, kind)
        assert parsed, f"{findings}\n{text}"
        errors = [one.message for one in findings if one.severity == "error"]
        valid += all(any(part in message for part in NAMES_NOTHING) for message in errors)
    assert ended >= 7 and valid >= 0.5 * ended


def test_a_name_that_nobody_said_is_refused(grammars):
    texts = samples("bucket", "terraform").texts
    asked = "Terraform: S3 bucket dovachiom-x1, dev"
    grammar = KINDS["terraform"](texts, asked_for(asked, [(INTENTS["bucket"], "terraform")]))
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
    grammar = KINDS[kind](samples(names[kind], kind).texts, EVERYTHING)
    assert accepts(grammars, grammar, text) != ""


def test_an_unknown_type_has_no_grammar():
    assert KINDS["terraform"](['resource "aws_nothing" "this" {\n}\n'], EVERYTHING) == ""
    assert KINDS["kubernetes"](["apiVersion: v1\nkind: Nothing\n"], EVERYTHING) == ""


def test_what_is_said():
    found = rules.known(["billing"], [f"/bin/{rules.HOLE}", f"rate({rules.DIGITS})"])
    assert "billing" in found and "/bin" in found.replace("\\", "") and "[0-9]" in found
    assert {"billing-api", "BillingApi", "billing_api"} <= said("queue billing-api in Terraform", set())
    assert "the" not in said("the queue", {"queue"}) and "the-index" in said("the alb the-index", set())
    assert "queue" not in said("the queue", {"queue"})
    assert request.nearest("an S3 bucket with versioning", "terraform", 1)[0][0].name == "bucket"


def test_of_choices_those_are_left_that_were_asked_for(grammars):
    near = [(INTENTS["volume-claim"], "kubernetes")]
    text = samples("volume-claim", "kubernetes").texts[0]
    for mode in ("ReadOnlyMany", "ReadWriteMany"):
        grammar = KINDS["kubernetes"]([text], asked_for(f"{text} with {mode}".replace("ReadWriteOnce", ""), near))
        assert f'"{mode}"' in grammar
