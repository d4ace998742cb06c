"""What a model says about findings is shown only when it is about the code; what it writes, where it is a patch."""

from types import SimpleNamespace

import pytest

from acorn.recipes.iac.audit import Document, audit, model
from acorn.recipes.iac.audit.fix import fix

QUEUE = 'resource "aws_sqs_queue" "this" {\n  name = "billing-jobs"\n}\n'
FILE = 'FROM python:3.14-slim\nWORKDIR /app\nCOPY . .\nRUN pip install -r a.txt\nCMD ["python", "app.py"]\n'


@pytest.mark.parametrize(
    "said, shown",
    [
        ("This is an SQS queue in Terraform: name billing-jobs. Messages wait in it.", True),
        ("This is an SQS queue in Terraform: name billing-job5.", False),
        ("This is a VPC peering in Terraform: name search, route to 10.18.0.0/16.", False),
        ("This is a VPC peering in Terraform: name search.", False),
        ("This is a web app in Terraform.", False),
        ("", False),
        ("This is an SQS queue:\nresource {", False),
        ("A queue. " * 60, False),
    ],
)
def test_a_sentence_has_to_be_about_the_code(said, shown):
    assert model.fits(said, QUEUE) is shown


def proposals(document: Document, rule: str, *answers: str):
    propose = lambda code, kind, message: answers
    return fix(document, [], frozenset([rule]), "", propose)


def test_a_patch_changes_one_place_and_takes_nothing_else_away():
    document, rule = Document("Dockerfile", FILE, "dockerfile"), "ACORN-DOCKER-001"
    anew = 'FROM python:3.14-slim\nENV A=1\nWORKDIR /app\nCOPY . .\nUSER nobody\nCMD ["python", "-app"]\n'
    instead = FILE.replace('CMD ["python", "app.py"]', "USER nobody")
    much = FILE + "USER nobody\n" + "ENV A=1\n" * 7
    result = proposals(document, rule, anew, instead, much)
    assert result.text == FILE and [why for _, why in result.refused] == [
        "it changes more than one place",
        "it takes away what the finding is not about",
        "it changes more than 6 lines",
    ]
    good = FILE.replace("CMD", "USER nobody\nCMD")
    assert proposals(document, rule, anew, good).text == good
    line = FILE.replace("pip install -r", "pip install --no-cache-dir -r")
    assert proposals(document, "ACORN-DOCKER-012", line).text == line


def test_findings_alike_are_patched_one_after_the_other():
    text = 'resource "aws_security_group" "g" {\n  description = "d"\n  tags = { a = "b" }\n' + (
        '  ingress {\n    description = "d"\n    from_port = 22\n    to_port = 22\n    protocol = "tcp"\n'
        '    cidr_blocks = ["0.0.0.0/0"]\n  }\n' * 2
    )
    document = Document("a.tf", text + "}\n", "terraform")
    found = audit([document], frozenset(["ACORN-AWS-021"]))[0]
    assert len(found) == 2

    def propose(code, kind, message):
        yield code.replace("0.0.0.0/0", "10.0.0.0/8", 1)

    result = fix(document, [], frozenset(["ACORN-AWS-021"]), "", propose, frozenset(one.fingerprint for one in found))
    assert len(result.done) == 2 and "0.0.0.0/0" not in result.text
    assert not fix(document, [], frozenset(["ACORN-AWS-021"]), "", propose, frozenset()).done


def test_nothing_is_asked_where_the_code_is_too_long_for_the_model():
    tokenizer = SimpleNamespace(encode=list, bos=0, special=lambda name: 0, kind="own")
    engine = SimpleNamespace(tokenizer=tokenizer, context=40)
    assert list(model.answers(engine, QUEUE, QUEUE, 2)) == []
