"""Terraform: what is found in a text that stands by itself, where, and what real texts hold without a finding."""

import time
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acorn.recipes.iac import validate
from acorn.recipes.iac.terraform.configuration import satisfies

QUEUE = 'resource "aws_sqs_queue" "this" {\n  name = "mail-api"\n}\n'
PROVIDER = 'terraform {\n  required_providers {\n    aws = { source = "hashicorp/aws", version = "~> 4.0" }\n  }\n}\n'


def found(text):
    return [f"{one.line}:{one.column}: {one.message}" for one in validate.validate(text, "terraform")]


def argument(line, type_="aws_sqs_queue"):
    return f'resource "{type_}" "a" {{\n  {line}\n}}\n'


FAULTS = [
    ("# only a comment\n", "0:0: no block: a configuration with nothing in it"),
    ('bucket = "a"\n', "1:1: 'bucket' can't stand at the top of a configuration. It belongs into a block"),
    ("resorce {\n}\n", "1:1: 'resorce' can't stand at the top of a configuration. Did you mean resource?"),
    ('resource "aws_sqs_queue" {\n}\n', "1:1: resource needs 2 labels and a body in braces; it has 1"),
    ('resource "aws_sqs_queue" "1a" {\n}\n', "1:1: '1a' is not a name"),
    ('resource "aws_sqs_queue" "a" {\n  name = "a"\n', '2:12: syntax: resource "aws_sqs_queue" "a" of line 1 is not'),
    ('resource "aws_sqs_queue" "a" {\n  name = \n}\n', "2:10: syntax: behind name =, the value is missing"),
    # names of the schema
    (QUEUE.replace("queue", "queu"), "1:1: aws_sqs_queu is not a resource type of aws 6.25.0. Did you mean aws_sqs_"),
    (QUEUE.replace("aws_", "asw_"), "1:1: asw_sqs_queue is not a type whose arguments are known here. Did you mean aw"),
    ('resource "aws_caller_identity" "a" {}\n', 'It is a data: data "aws_caller_identity".'),
    (QUEUE.replace("name", "nmae"), "2:3: aws_sqs_queue.this: there is no argument nmae. Did you mean name?"),
    (argument('arn = "a"'), "2:3: aws_sqs_queue.a: arn is decided by the provider, it can't be set"),
    (argument("timeout {\n}"), "2:3: aws_sqs_queue.a: there is no block timeout. Did you mean timeouts?"),
    (QUEUE.replace("\n}", '\n  name = "b"\n}'), "3:3: aws_sqs_queue.this: argument name is set twice"),
    (argument('bucket = "b"', "aws_s3_bucket_versioning"), "1:1: aws_s3_bucket_versioning.a: block versioning_config"),
    (argument('cidr_block = "10.0.0.0/24"', "aws_subnet"), "1:1: aws_subnet.a: argument vpc_id is missing"),
    (QUEUE.replace("\n}", "\n  tags {\n  }\n}"), "3:3: aws_sqs_queue.this: tags is an argument, not a block: it needs"),
    (argument("root_block_device = {\n volume_size = 8\n }", "aws_instance"), "root_block_device is a block, not an"),
    (argument("ttl {\n foo = 1\n }\n ttl {\n }", "aws_dynamodb_table"), "there can be one block ttl, here are 2"),
    (argument('timeouts "x" {\n}', "aws_sqs_queue"), "block timeouts takes no label"),
    ('data "aws_ami" "a" {\n  filter {\n    name = "x"\n  }\n}\n', "2:3: data.aws_ami.a: filter: argument values is"),
    ('provider "aws" {\n  regoin = "x"\n}\n', "2:3: provider aws: there is no argument regoin. Did you mean region?"),
    ('provider "azurerm" {\n}\n', "1:1: provider azurerm: block features is missing"),
    # types
    (argument('delay_seconds = "soon"'), '2:3: aws_sqs_queue.a: delay_seconds: a number is needed, this is "soon"'),
    (argument("fifo_queue = 1"), "fifo_queue: true or false is needed, this is 1"),
    (argument('tags = ["a"]'), "tags: a map(string) is needed, this is a list"),
    (argument('tags = { a = ["b"] }'), "tags: a: a string is needed, this is a list"),
    (argument("name = { a = 1 }"), "name: a string is needed, this is an object"),
    (argument('vpc_security_group_ids = "sg-1"', "aws_instance"), 'a set(string) is needed, this is one string: ["sg-'),
    (argument('tags = jsonencode({ a = "b" })'), "tags: a map(string) is needed, this is a string"),
    (argument("tags = var.x") + 'variable "x" { type = list(string) }', "a map(string) is needed, this is a list(stri"),
    (argument("vpc_security_group_ids = aws_vpc.v.id", "aws_instance") + 'resource "aws_vpc" "v" {}', "this is a stri"),
    # references
    (argument("name = aws_vpc.main.id"), "2:10: aws_vpc.main is used but not declared."),
    (QUEUE + argument("name = aws_sqs_queue.thi.id"), "aws_sqs_queue.thi is used but not declared. Did you mean aws_s"),
    (QUEUE + argument("name = aws_sqs_queue.this.nmae"), "aws_sqs_queue.this has no attribute nmae. Did you mean name"),
    (argument("name = data.aws_ami.a.id"), "data.aws_ami.a is used but not declared"),
    (argument("name = var.name"), "2:10: var.name is used but not declared"),
    (argument('name = "x-${local.name}"'), "2:15: local.name is used but not declared"),
    (argument("name = module.m.out"), "module.m is used but not declared"),
    (argument("name = mail"), "mail alone is no value; a text stands in double quotes."),
    (argument("name = vra.name") + 'variable "name" {}', "vra.name is used but not declared. Did you mean var.name?"),
    (argument("name = each.key"), "each.key is only known where the block sets for_each"),
    (argument("name = count.index"), "count.index is only known where the block sets count"),
    (argument("name = self.id"), "self is only known in provisioners"),
    (argument("name = path.modul"), "there is no path.modul; there is path.module or path.root or path.cwd"),
    (argument("count = 2\n  for_each = {}"), "count and for_each can't be set together"),
    (argument("count = 2") + argument("name = aws_sqs_queue.a.id").replace('"a"', '"b"'), "aws_sqs_queue.a has count:"),
    (QUEUE + argument("name = aws_sqs_queue.this[0].id"), "aws_sqs_queue.this has neither count nor for_each: no inde"),
    (argument("provider = aws.east"), "2:14: no provider aws with the alias east is declared."),
    (argument('name = uper("x")'), "2:10: there is no function uper. Did you mean upper?"),
    (argument('name = replace("x", "y")'), "replace takes 3 arguments, here are 2"),
    (QUEUE + QUEUE, "4:1: aws_sqs_queue.this is declared twice; the first time in line 1"),
    (argument('for_each = ["a"]'), "2:3: for_each: a map or a set of strings is needed, this is a list: toset([...])"),
    (argument("for_each = var.x") + 'variable "x" { type = list(string) }', "for_each: a map or a set of strings is"),
    (argument('for_each = "a"'), "for_each: a map or a set of strings is needed, this is a single value"),
    ("locals {\n  a = local.b\n  b = local.c\n  c = [local.b]\n}\n", "3:3: local.b -> local.c -> local.b: nothing"),
    (argument("name = aws_sqs_queue.a.arn"), "1:1: aws_sqs_queue.a needs itself: nothing here can be computed first"),
    # the language's own blocks
    ('variable "a" {\n  type = "string"\n}\n', "2:3: variable a: type: 'string' is a text, not a type; types"),
    ('variable "a" {\n  tpye = string\n}\n', "2:3: variable a: there is no argument tpye. Did you mean type?"),
    ('variable "a" {\n  type = strng\n}\n', "2:3: variable a: type: strng is not a type"),
    ('variable "a" {\n  type = object({ b = lst(string) })\n}\n', "type: b: lst is not a type"),
    ('variable "a" {\n  type = number\n  default = "x"\n}\n', 'default: a number is needed, this is "x"'),
    ('variable "a" {\n  default = var.b\n}\nvariable "b" {}', "variable a: a default is a fixed value"),
    ('variable "source" {}\n', "variable source: this name is reserved"),
    ('output "a" {\n}\n', "1:1: output a: argument value is missing"),
    ('module "a" {\n}\n', "1:1: module a: argument source is missing"),
    ("locals {\n  a = 1\n}\nlocals {\n  a = 2\n}\n", "5:3: local.a is declared twice"),
    ("moved {\n  from = a.b\n}\n", "moved: argument to is missing"),
    ('check "a" {\n}\n', "check a: block assert is missing"),
    (argument('lifecycle {\n ignore_changes = [tag]\n}'), "ignore_changes: there is no argument tag. Did you mean tag"),
    (argument("lifecycle {\n prevent_destory = true\n}"), "lifecycle: there is no argument prevent_destory. Did you m"),
    ('resource "aws_instance" "a" {\n dynamic "root_block_devce" {\n for_each = []\n content {}\n }\n}\n', "there is "),
    ('resource "aws_instance" "a" {\n dynamic "ebs_block_device" {\n content {}\n }\n}\n', "argument for_each is miss"),
    ('resource "aws_instance" "a" {\n dynamic "ebs_block_device" {\n for_each = []\n }\n}\n', "one block content { } "),
    ('resource "aws_dynamodb_table" "a" {\n name = "x"\n dynamic "replica" {\n for_each = []\n content {\n '
     "regoin_name = 1\n }\n }\n}\n", "replica: there is no argument regoin_name. Did you mean region_name?"),
]  # fmt: skip


@pytest.mark.parametrize("text, message", FAULTS, ids=[str(n) for n in range(len(FAULTS))])
def test_a_fault_is_found(text, message):
    assert any(message in one for one in found(text)), found(text)


WHOLE = """
terraform {
  required_version = ">= 1.5"
  required_providers {
    aws    = { source = "hashicorp/aws", version = ">= 5.0", configuration_aliases = [aws.west] }
    random = { source = "hashicorp/random" }
  }
  backend "s3" {
    bucket = "states"
    key    = "a/b"
  }
}
variable "zones" { type = list(string) }
variable "sizes" {
  type = map(object({ size = optional(number, 8), tags = map(string) }))
  default = { a = { tags = {} } }
  validation {
    condition     = length(var.sizes) > 0 && alltrue([for one in values(var.sizes) : one.size > 1])
    error_message = "too small"
  }
}
locals { prefix = "a-${var.zones[0]}" }
provider "aws" { region = "eu-west-1" }
provider "aws" {
  alias  = "east"
  region = "us-east-1"
}
data "aws_caller_identity" "me" {}
resource "aws_sqs_queue" "this" {
  for_each = toset(var.zones)
  provider = aws.west
  name     = "${local.prefix}-${each.key}" // not "aws_vpc.x.id"
  policy   = jsonencode({ Version = "2012-10-17", Account = data.aws_caller_identity.me.account_id })
  delay_seconds = "5"
  lifecycle {
    prevent_destroy = true
    ignore_changes  = [tags, policy]
    precondition {
      condition     = each.key != ""
      error_message = "no zone"
    }
  }
}
resource "aws_security_group" "this" {
  provider = aws.east
  vpc_id   = "vpc-1"
  dynamic "ingress" {
    for_each = var.sizes
    iterator = rule
    content {
      from_port   = rule.value.size
      to_port     = rule.value.size
      protocol    = "tcp"
      cidr_blocks = ["10.0.0.0/8"]
    }
  }
  egress = [{ from_port = 0, to_port = 0, protocol = "-1", cidr_blocks = ["0.0.0.0/0"], self = false }]
  provisioner "local-exec" {
    command    = "echo ${self.id} >> ${path.module}/ids"
    when       = destroy
    on_failure = continue
  }
}
resource "random_id" "id" {
  count       = 2
  byte_length = 4
}
resource "terraform_data" "x" { input = random_id.id[*].hex }
resource "aws_wafv2_web_acl" "x" {
  name  = "x"
  scope = "REGIONAL"
  default_action {
    allow {}
  }
  rule {
    name     = "r"
    priority = 1
    statement {
      rate_based_statement { limit = 100 }
    }
    visibility_config {
      cloudwatch_metrics_enabled = false
      metric_name                = "r"
      sampled_requests_enabled   = false
    }
  }
  visibility_config {
    cloudwatch_metrics_enabled = false
    metric_name                = "x"
    sampled_requests_enabled   = false
  }
}
module "net" {
  source    = "terraform-aws-modules/vpc/aws"
  version   = "~> 5.0"
  providers = { aws = aws.east, aws.peer = aws.west }
  anything  = [for k, v in var.sizes : { (k) = v.size }]
}
check "up" {
  data "http" "up" { url = "https://example.com" }
  assert {
    condition     = data.http.up.status_code == 200
    error_message = "down: ${data.http.up.status_code}"
  }
}
moved {
  from = aws_sqs_queue.old
  to   = aws_sqs_queue.this
}
import {
  to = aws_security_group.this
  id = "sg-1"
}
removed {
  from = aws_vpc.gone
  lifecycle { destroy = false }
}
output "text" { value = "see aws_vpc.main.id and var.nothing, $${var.no}" }
output "url" { value = aws_sqs_queue.this["a"].url }
output "all" { value = { for k, q in aws_sqs_queue.this : k => provider::aws::arn_parse(q.arn) } }
output "module" { value = module.net.vpc_id }
"""


def test_what_real_files_hold_is_fine():
    parsed, findings = validate.read(WHOLE, "terraform")
    assert findings == []
    assert parsed["aws_sqs_queue"][0]["policy"]["Version"] == "2012-10-17"
    assert parsed["aws_security_group"][0]["egress"][0]["self"] is False
    assert parsed["data.aws_caller_identity"] == [{}]
    assert parsed["aws_wafv2_web_acl"][0]["default_action"] == [{"allow": [{}]}]
    assert parsed["aws_security_group"][0]["dynamic"][0]["ingress"]["content"][0]["protocol"] == "tcp"


def test_unknown_providers_are_said_once_and_are_no_error():
    text = 'resource "acme_thing" "a" {\n  x = 1\n}\nresource "acme_other" "b" {\n  y = acme_thing.a.z\n}\n'
    [one] = validate.validate(text, "terraform")
    assert one.severity == "note" and "nothing is known of the provider acme" in one.message
    assert "acorn iac schema build" in one.hint


def test_another_version_than_the_known_one_gives_notes():
    findings = validate.validate(PROVIDER + argument("vpc = true", "aws_eip"), "terraform")
    assert [(one.severity, one.rule) for one in findings] == [("note", "other-version"), ("note", "unknown-argument")]
    newer = validate.validate(PROVIDER.replace("~> 4.0", ">= 4.0") + argument("vpc = true", "aws_eip"), "terraform")
    assert [one.severity for one in newer] == ["error"]
    foreign = PROVIDER.replace("hashicorp/aws", "acme/aws") + argument("vpc = true", "aws_eip")
    assert [one.rule for one in validate.validate(foreign, "terraform")] == ["unknown-provider"]


@pytest.mark.parametrize(
    "version, constraint, fine",
    [
        ("6.25.0", "", True),
        ("6.25.0", "~> 6.0", True),
        ("6.25.0", "~> 6.25.1", False),
        ("6.25.0", "~> 5.0", False),
        ("6.25.0", ">= 5.0, < 6", False),
        ("6.25.0", "6.25", True),
        ("6.25.0", "!= 6.25.0", False),
        ("6.25.0", "> 6.25", False),
        ("6.25.0", "whatever", True),
        ("own", "~> 1.0", True),
    ],
)
def test_version_constraints(version, constraint, fine):
    assert satisfies(version, constraint) is fine


JSON = """{
  "//": "a comment",
  "variable": {"name": {"type": "string", "default": "x"}},
  "provider": {"aws": [{"region": "eu-west-1"}, {"alias": "b", "region": "x"}]},
  "resource": {
    "aws_sqs_queue": {
      "a": {"name": "q-${var.name}", "provider": "aws.b", "tags": {"a": "b"}, "depends_on": ["aws_vpc.v"],
            "lifecycle": {"prevent_destroy": true}, "timeouts": {"create": "1m"}}
    },
    "aws_vpc": {"v": {"cidr_block": "10.0.0.0/16"}},
    "aws_dynamodb_table": {"t": {"name": "x", "attribute": [{"name": "a", "type": "S"}, {"name": "b", "type": "S"}],
       "dynamic": {"replica": {"for_each": ["x"], "content": {"region_name": "${replica.value}"}}}}}
  },
  "output": {"id": {"value": "${aws_vpc.v.id}"}}
}
"""


def test_json_syntax():
    parsed, findings = validate.read(JSON, "terraform", path="main.tf.json")
    assert findings == [] and parsed["aws_dynamodb_table"][0]["attribute"][1]["name"] == "b"
    for old, new, message in [
        ('"name": "q-', '"nmae": "q-', "7:13: aws_sqs_queue.a: there is no argument nmae. Did you mean name?"),
        ("var.name", "var.nome", "7:13: var.nome is used but not declared. Did you mean var.name?"),
        ('"cidr_block": "10.0.0.0/16"', '"cidr_block": ["x"]', "10:23: aws_vpc.v: cidr_block: a string is needed, thi"),
        ("${replica.value}", "${replica.value", "syntax: region_name: expected '}'"),
        ('"aws_vpc.v"]', '"aws_vpc.w"]', "aws_vpc.w is used but not declared"),
        ("true}", "true", "syntax: expected ',' or '}' (for the '{' of line 1)"),
        ('"region": "eu-west-1"}', '"region": "eu-west-1",}', "4:47: syntax: a comma stands before this }"),
    ]:
        findings = validate.read(JSON.replace(old, new, 1), "terraform", path="main.tf.json")[1]
        shown = [f"{one.line}:{one.column}: {one.message}" for one in findings]
        assert any(message in one for one in shown), (new, shown)


# ---- bad input ---------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.one_of(st.text(max_size=200), st.text('{}[]":,1a$\n', max_size=60)), st.sampled_from(["", "a.tf.json"]))
def test_any_text_is_judged(text, path):
    validate.read(text, "terraform", path=path)


def test_damaged_texts_are_judged():
    rng = Random(3)
    for text, path in ((WHOLE, ""), (JSON, "x.tf.json")):
        for _ in range(60):
            a, b = sorted(rng.randrange(len(text)) for _ in range(2))
            for damaged in (text[:a], text[:a] + text[b:], text[:a] + rng.choice('{}[]()"$=\n,') + text[a:]):
                validate.read(damaged, "terraform", path=path)


@pytest.mark.parametrize(
    "text",
    ["[" * 400_000, '{"a":' * 100_000, 'resource "a" "b" {\n}\n' * 30_000, "a = 1\n" * 100_000, "x" * 3_000_000,
     'resource "aws_vpc" "a" {\n' + "".join(f"  a{n} = 1\n" for n in range(3_000)) + "}\n",
     'locals {\n  a = [' + "x.y, " * 50_000 + "]\n}\n", QUEUE * 20_000],
    ids=range(8),
)  # fmt: skip
@pytest.mark.parametrize("path", ["a.tf", "a.tf.json"])
def test_large_texts_end_soon(text, path):
    start = time.process_time()
    assert validate.read(text, "terraform", path=path)[1]
    assert time.process_time() - start < 5  # 2 s where nothing else runs
