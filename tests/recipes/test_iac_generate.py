"""The loop: draft, validate, draw again; what it keeps, when it stops, what it says of a request."""

import pytest
from iac_writer import Parrot, tiny_engine, tokenizer

from acorn.errors import UserError
from acorn.recipes.iac import context, request
from acorn.recipes.iac.generate import SAMPLES, Ask, bare, rounds, write
from acorn.recipes.iac.grammar import Library

ASKED = "Terraform: S3 bucket orders-x1, dev"
GOOD = 'resource "aws_s3_bucket" "this" {\n  bucket = "orders-x1"\n}\n'
FULL = GOOD.replace("}", '  tags = {\n    Environment = "dev"\n  }\n}')  # all that was asked for
OTHER = FULL.replace("orders-x1", "the-x1")
NOBODY = 'resource "aws_ebs_volume" "this" {\n  availability_zone = "orders-x1"\n}\n'  # asks for
BROKEN = 'resource "aws_s3_bucket" "this" {\n  buckett = "orders-x1"\n}\n'


def answer(*texts: str, samples: int = SAMPLES, library=None, kind: str = "terraform", asked: str = ASKED):
    engine = Parrot([asked, *texts])
    (found,) = write(engine, [Ask(asked, kind)], samples, 0, library)
    return engine, found


def test_a_good_draft_is_enough():
    engine, found = answer(FULL)
    assert found.valid and found.best.way == "draft" and not found.best.doubts and engine.calls == [(1, 1, [])]


def test_an_invalid_draft_is_drawn_again_under_the_grammar():
    engine, found = answer(BROKEN, GOOD, GOOD, library=Library(tokenizer()))
    assert found.valid and found.best.way == "grammar"
    assert engine.calls[0] == (1, 1, []) and engine.calls[1] == (1, 1, [True])


def test_without_a_library_no_grammar_is_followed():
    engine, found = answer(BROKEN, GOOD)
    assert found.valid and found.best.way == "sample"
    assert all(not any(guides) for _, _, guides in engine.calls)


def test_among_valid_ones_that_which_does_what_was_asked_for_is_best():
    _, found = answer(NOBODY, NOBODY, FULL)
    assert found.best.text == FULL and not found.best.doubts


def test_what_was_copied_wrongly_is_put_right():
    engine, found = answer(OTHER)
    assert found.best.mended and '"orders-x1"' in found.best.text and "the-x1" not in found.best.text
    assert found.candidates[0].text == OTHER and len(engine.calls) == 1


def test_valid_comes_before_complete():
    _, found = answer(BROKEN, NOBODY)
    assert found.valid and found.best.text == NOBODY and not found.best.known


def test_nothing_valid_says_what_is_wrong():
    _, found = answer(BROKEN, samples=3)
    assert not found.valid and len(found.candidates) == 1  # the same text is looked at once
    assert "buckett" in found.best.findings[0].message


def test_a_reply_that_was_cut_off_is_not_valid():
    _, found = answer("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: a...", samples=1, kind="kubernetes")
    assert not found.valid and "did not come to its end" in found.best.findings[0].message


def test_many_requests_go_together_and_only_the_open_ones_on():
    engine = Parrot([ASKED, FULL], ["two", BROKEN])
    first, second = write(engine, [Ask(ASKED, "terraform"), Ask("two", "terraform")], 4)
    assert [call[0] for call in engine.calls] == [2, 1] and first.valid and not second.valid


def test_drafts_that_were_drawn_before_are_not_drawn_again():
    engine = Parrot([ASKED, FULL], ["two", GOOD])
    first, second = write(engine, [Ask(ASKED, "terraform"), Ask("two", "terraform")], 4, drafts=[FULL, BROKEN])
    assert first.best.way == "draft" and second.best.way == "sample" and engine.calls == [(1, 3, [])]


@pytest.mark.parametrize("samples", range(1, 20))
@pytest.mark.parametrize("grammar", [True, False])
def test_rounds_add_up(samples, grammar):
    assert sum(round_.samples for round_ in rounds(samples, grammar)) == samples


def test_a_model_that_knows_nothing_still_ends():
    """Random weights, real decoding, real grammars: the loop ends, and says what is wrong if all of it is."""
    engine = tiny_engine()
    library = Library(engine.tokenizer)
    asks = [Ask(ASKED, "terraform"), Ask("k8s namespace billing", "kubernetes"), Ask("Dockerfile for go", "dockerfile")]
    for found in write(engine, asks, 3, 1, library):
        assert found.candidates and (found.valid or found.best.findings)


def test_a_request_that_leaves_no_room_is_refused():
    with pytest.raises(UserError, match="tokens"):
        write(tiny_engine(128), [Ask("bucket " * 300, "terraform")])


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a = 1", "a = 1\n"),
        ("Here:\n```hcl\na = 1\n```\nDone.", "a = 1\n"),
        ("```\na = 1\n\n", "a = 1\n"),
        ("a = 1\n\n\n", "a = 1\n"),
    ],
)
def test_bare_code(text, code):
    assert bare(text) == code


# --- what is read off a request ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("a private bucket with versioning", "terraform"),
        ("k8s deployment of nginx", "kubernetes"),
        ("a deployment of acme/web:1.2 with 3 replicas", "kubernetes"),
        ("write an Ansible playbook that installs nginx", "ansible"),
        ("a CloudFormation template for a queue", "cloudformation"),
        ("docker compose file with redis", "compose"),
        ("Dockerfile for a Go service", "dockerfile"),
        ("a bucket with Crossplane", "crossplane"),
        ("zzz", "terraform"),
    ],
)
def test_the_kind_is_guessed(text, kind):
    assert request.guess_kind(text) == kind


def test_the_kind_is_said_to_the_model():
    assert request.phrase("a bucket", "terraform") == "Terraform: a bucket"
    assert request.phrase("a bucket in terraform", "terraform") == "a bucket in terraform"
    assert request.phrase("a bucket in terraform", "cloudformation").startswith("CloudFormation: ")


def test_values_are_names_and_numbers():
    text = 'Can you set up the k8s cron job dovachiom-7, schedule "*/5 * * * *", image acme/foo:1.2, 3600 seconds?'
    found = {value.text for value in request.values(text)}
    assert {"dovachiom-7", "*/5 * * * *", "acme/foo:1.2", "3600"} <= found
    assert not found & {"Can", "you", "cron", "job", "the", "k8s", "seconds"}


def test_missing_values_are_whole_words():
    wanted = request.values("Terraform bucket billing-2 and 300 seconds")
    assert [value.text for value in request.missing(wanted, 'a = "billing-2"\nb = 3000')] == ["300"]


# --- the folder that an answer is for ---------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "main.tf").write_text(
        'variable "region" {\n  type = string\n}\n\nlocals {\n  owner = "me"\n}\n\n' + GOOD, encoding="utf-8"
    )
    (tmp_path / "half.tf").write_text('resource "aws_vpc" {', encoding="utf-8")
    return tmp_path


def test_a_folder_is_read(folder):
    found = context.read(folder)
    assert {"var.region", "local.owner", "aws_s3_bucket.this"} == set(found.names())
    assert len(found.skipped) == 1 and "half.tf" in found.skipped[0]


def test_its_names_can_be_used(folder):
    text = 'resource "aws_vpc" "this" {\n  cidr_block = var.region\n}\n'
    assert context.NOTHING.errors(text, "terraform") and context.read(folder).errors(text, "terraform") == []


def test_positions_are_those_of_the_answer(folder):
    (first,) = context.read(folder).errors('resource "aws_vpc" "this" {\n  cidr = "10.0.0.0/16"\n}\n', "terraform")[:1]
    assert first.line == 2


def test_a_label_that_is_taken_is_changed(folder):
    text = GOOD + '\nresource "aws_s3_bucket_policy" "this" {\n  bucket = aws_s3_bucket.this.id\n  policy = "{}"\n}\n'
    found = context.read(folder).fit(text, "terraform")
    assert 'resource "aws_s3_bucket" "orders_x1" {' in found and "= aws_s3_bucket.orders_x1.id" in found
    assert context.read(folder).errors(found, "terraform") == []
    assert context.read(folder).errors(text, "terraform") != []


def test_no_such_folder(tmp_path):
    with pytest.raises(UserError, match="no such folder"):
        context.read(tmp_path / "nothing")
