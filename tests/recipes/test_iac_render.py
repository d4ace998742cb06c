"""The two writers, and the comparison of what was asked with what was parsed."""

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from acorn.recipes.iac.facts import MISSING, Each, Like, Quantity, Refers, compare, find, same
from acorn.recipes.iac.render.cloudformation import get, ref, stack
from acorn.recipes.iac.render.hcl import Block, Ref, jsonencode, resource, variable
from acorn.recipes.iac.render.manifest import Quoted, documents, manifest


def test_hcl_layout():
    body = {
        "name": 'a "b"',
        "count": 3,
        "on": True,
        "vpc_id": Ref("aws_vpc.this.id"),
        "tags": {"Name": "x", "Environment": "dev"},
        "rule": [Block(port=1, cidr_blocks=["10.0.0.0/8"]), Block(port=2)],
        "policy": jsonencode({"Effect": "Allow", "Principal": {"Service": "s"}}),
    }
    assert (
        resource("a_b", body)
        == """resource "a_b" "this" {
  name   = "a \\"b\\""
  count  = 3
  on     = true
  vpc_id = aws_vpc.this.id

  tags = {
    Name        = "x"
    Environment = "dev"
  }

  rule {
    port        = 1
    cidr_blocks = ["10.0.0.0/8"]
  }

  rule {
    port = 2
  }

  policy = jsonencode({
    Effect = "Allow"
    Principal = {
      Service = "s"
    }
  })
}
"""
    )


def test_empty_blocks_and_variables():
    assert resource("a", {"allow": Block()}) == 'resource "a" "this" {\n  allow {}\n}\n'
    assert variable("x", "y") == 'variable "x" {\n  type = string\n}\n\nvariable "y" {\n  type = string\n}\n'
    assert "type = list(string)" in variable("z", type_="list(string)")


def test_stack_layout():
    text = stack(kept=("Key",), Key=("AWS::KMS::Key", {"A": get("B", "Arn")}), B=("AWS::X::Y", {"K": ref("Key")}))
    assert (
        text
        == """Resources:
  Key:
    Type: AWS::KMS::Key
    DeletionPolicy: Retain
    UpdateReplacePolicy: Retain
    Properties:
      A: !GetAtt B.Arn
  B:
    Type: AWS::X::Y
    Properties:
      K: !Ref Key
"""
    )


def test_manifest_layout():
    value = {
        "a": {"b": [{"c": 1, "d": ["x"]}, []]},
        "e": "300",
        "f": "*/5 * * * *",
        "g": Quoted("x"),
        "h": "on",
        "i": True,
    }
    text = (
        'a:\n  b:\n    - c: 1\n      d:\n        - x\n    - []\ne: "300"\nf: "*/5 * * * *"\ng: "x"\nh: "on"\ni: true\n'
    )
    assert manifest(value) == text
    assert list(yaml.safe_load_all(documents(value, value))) == [value, value]


texts = st.text(alphabet=st.sampled_from("abzAZ019:/.-_ *#'\"\\{}[]&!|>%@`,?=~\n\t"), max_size=12)
values = st.recursive(
    texts
    | st.integers()
    | st.booleans()
    | st.none()
    | st.sampled_from(["1e3", "0x1f", "1_000", "1:30", "2024-01-01", "No"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.dictionaries(texts, values, min_size=1, max_size=4))
def test_yaml_reads_back_what_was_written(value):
    assert yaml.safe_load(manifest(value)) == value


def test_find_looks_through_a_list_of_one():
    parsed = {"a": [{"b": [{"c": 1}]}], "two": [{"x": 1}, {"x": 2}]}
    assert find(parsed, "a/b/c") == 1
    assert find(parsed, "a/x/c") is MISSING and find(parsed, "a/b/c/d") is MISSING
    assert find(parsed, "two/x") == [{"x": 1}, {"x": 2}]
    assert compare({"a/b/c": 2, "a/d": None, "two/x": 1}, parsed) == [
        "a/b/c: 1, asked for 2",
        "two/x: [{'x': 1}, {'x': 2}], asked for 1",
    ]


@pytest.mark.parametrize(
    "want, got, equal",
    [
        (3, 3, True),
        (3, "3", True),
        (1, True, False),
        (True, True, True),
        (True, "true", True),
        (True, 1, False),
        ("a", MISSING, False),
        (None, MISSING, True),
        (None, "a", False),
        (None, False, False),
        ([1, 2], [2, 1], False),
        ({1, 2}, [2, 1], True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        (Quantity("1Gi"), "1024Mi", True),
        (Quantity("500m"), 0.5, True),
        (Quantity("1G"), "1Gi", False),
        (Quantity("1Gi"), MISSING, False),
        (Quantity("1Gi"), "lots", False),
        (Refers("aws_vpc"), "${aws_vpc.main.id}", True),
        (Refers("aws_vpc"), "${aws_vpc.main[0].id}", True),
        (Refers("aws_vpc"), "vpc-123", False),
        (Refers("aws_vpc"), "${aws_subnet.main.id}", False),
        (Refers("aws_vpc"), "${aws_vpc.main[*].id}", True),
        (Refers("AWS::IAM::Role"), {"Fn::GetAtt": ["Role", "Arn"]}, True),
        (Refers("AWS::KMS::Key"), {"Ref": "Key"}, True),
        (Refers("AWS::KMS::Key"), "Key", False),
        (Like(r"a+"), "aaa", True),
        (Like(r"a+"), "aab", False),
        (Like(r"a+"), 3, False),
        (Each({"a": 1}), [{"a": 1, "b": 2}], True),
        (Each({"a": 1}), {"a": 1}, True),
        (Each({"a": 1}, {"a": 2}), [{"a": 2}, {"a": 1}], True),
        (Each({"a": 1}, {"a": 2}), [{"a": 1}, {"a": 1}], False),
        (Each({"a": 1}), [{"a": 1}, {"a": 2}], False),
        (Each({"a": 1}), MISSING, False),
    ],
)
def test_same(want, got, equal):
    assert same(want, got) is equal
