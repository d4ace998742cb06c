"""Audit: folders, variables, suppressions, fingerprints, patches, and texts that nobody vouches for."""

import random
import time

import pytest
from audit_cases import documents

from acorn.recipes.iac import audit
from acorn.recipes.iac.audit import Document
from acorn.recipes.iac.audit.fix import fix
from acorn.recipes.iac.audit.secrets import form, named

BUCKET = 'resource "aws_s3_bucket" "logs" {\n  bucket = "water-logs"\n  tags   = { a = "b" }\n}\n'
BLOCK = """resource "aws_s3_bucket_public_access_block" "x" {
  bucket = aws_s3_bucket.logs.id
  block_public_acls = true
  block_public_policy = true
  ignore_public_acls = true
  restrict_public_buckets = true
}
"""
OPEN = """resource "aws_security_group" "web" {
  description = "web"
  tags        = {}

  ingress {
    from_port   = 22
    to_port     = 22
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }
}
"""


def rules(text: str, kind: str = "terraform") -> list[str]:
    return sorted(one.rule for one in audit.findings(text, kind, ["ACORN-AWS-001", "ACORN-AWS-002", "ACORN-AWS-021"]))


def folder(*texts: str) -> list[str]:
    found, _ = audit.audit([Document(f"{index}.tf", text, "terraform") for index, text in enumerate(texts)])
    return sorted({one.rule.id for one in found})


def test_resources_of_a_folder_know_each_other():
    assert "ACORN-AWS-002" in folder(BUCKET)
    assert "ACORN-AWS-002" not in folder(BUCKET, BLOCK)
    assert "ACORN-AWS-002" in folder(BUCKET, BLOCK.replace("aws_s3_bucket.logs.id", "aws_s3_bucket.other.id"))


@pytest.mark.parametrize("argument", ["each.value", "var.bucket", "module.logs.id", "aws_s3_bucket.logs[0].bucket"])
def test_what_may_point_at_a_bucket_is_not_guessed(argument):
    assert "ACORN-AWS-002" not in folder(BUCKET, BLOCK.replace("aws_s3_bucket.logs.id", argument))


def test_a_module_that_is_given_the_bucket_may_do_the_rest():
    module = 'module "guard" {\n  source = "./guard"\n  bucket = aws_s3_bucket.logs.id\n}\n'
    assert "ACORN-AWS-002" not in folder(BUCKET, module)


def test_defaults_of_variables_and_locals_count_across_files():
    use = OPEN.replace('["0.0.0.0/0"]', "var.sources")
    assert "ACORN-AWS-021" not in folder(use)
    assert "ACORN-AWS-021" in folder(use, 'variable "sources" {\n  default = ["0.0.0.0/0"]\n}\n')
    local = OPEN.replace('["0.0.0.0/0"]', "local.all")
    found, _ = audit.audit([Document("a.tf", 'locals {\n  all = ["::/0"]\n}\n' + local, "terraform")])
    (one,) = [one for one in found if one.rule.id == "ACORN-AWS-021"]
    assert one.finding.message.endswith(", by local.all")


def test_dynamic_blocks_are_looked_into():
    text = OPEN.replace("ingress {", 'dynamic "ingress" {\n    for_each = [1]\n    content {').replace(
        "  }\n}", "  }\n  }\n}"
    )
    assert rules(text) == ["ACORN-AWS-021"]


def test_unknown_values_are_not_judged():
    text = OPEN.replace('["0.0.0.0/0"]', "[data.external.x.result]").replace("from_port   = 22", "from_port   = var.x")
    assert rules(text) == []


@pytest.mark.parametrize(
    "old, new",
    [
        ("    cidr_blocks =", "    # acorn:ignore ACORN-AWS-021 the bastion\n    cidr_blocks ="),
        ('["0.0.0.0/0"]', '["0.0.0.0/0"] # acorn:ignore ACORN-AWS-021'),
        ("  ingress {", "  // acorn:ignore ACORN-AWS-020, ACORN-AWS-021 the bastion\n  # and why\n  ingress {"),
        ("  ingress {", "  ingress { # acorn:ignore ACORN-AWS-021"),
        ('resource "aws', '# acorn:ignore ACORN-AWS-021 all of it\nresource "aws'),
    ],
)
def test_suppressions(old, new):
    assert rules(OPEN) == ["ACORN-AWS-021"]
    assert rules(OPEN.replace(old, new, 1)) == []


def test_suppressions_hold_for_their_rule_and_place_alone():
    assert rules("# acorn:ignore ACORN-AWS-022\n" + OPEN) == ["ACORN-AWS-021"]
    assert rules("# acorn:ignore ACORN-AWS-021\n\n" + OPEN) == ["ACORN-AWS-021"]
    assert rules("# acorn:ignore ACORN-AWS-021\n" + OPEN + OPEN.replace("web", "two")) == ["ACORN-AWS-021"]


def test_suppressions_in_yaml_and_dockerfiles():
    clean = next(one for one in documents() if one.name == "kubernetes.workload.yaml")
    bad = clean.text.replace("privileged: false", "privileged: true")
    for old in ("            privileged: true", "        - name: web\n          image", "apiVersion: apps/v1"):
        indent = old[: len(old) - len(old.lstrip())]
        text = bad.replace(old, f"{indent}# acorn:ignore ACORN-K8S-001 needs the GPU\n{old}", 1)
        assert audit.findings(text, "kubernetes") == []
    text = (
        "FROM debian:13.1\n# acorn:ignore ACORN-DOCKER-005 pinned by the proxy\nRUN curl -sS https://a.b/c \\\n  | sh\n"
    )
    assert audit.findings(text, "dockerfile", ["ACORN-DOCKER-005"]) == []


def test_fingerprints_survive_moving_lines():
    def marks(text):
        return sorted(one.fingerprint for one in audit.audit([Document("a.tf", text, "terraform")])[0])

    assert marks(OPEN) == marks("\n\n# a comment\n" + BLOCK + OPEN) != []
    assert marks(OPEN) != marks(OPEN.replace('"web" {', '"other" {'))
    two = OPEN.replace("  ingress {", "  ingress {\n    self = true\n  }\n\n  ingress {")
    assert set(marks(OPEN)) <= set(marks(two))
    twice = marks(OPEN[:-2] + OPEN[OPEN.index("\n  ingress") :])
    assert len(set(twice)) == len(twice)


def test_places_lead_into_policies():
    text = 'resource "aws_iam_policy" "p" {\n  policy = jsonencode({\n    Statement = [\n'
    text += '      { Effect = "Allow", Action = "s3:GetObject", Resource = "arn" },\n'
    text += (
        '      {\n        Effect = "Allow"\n        Action = "*"\n        Resource = "*"\n      },\n    ]\n  })\n}\n'
    )
    (found,) = audit.findings(text, "terraform")
    assert (found.rule, found.line) == ("ACORN-AWS-040", 7)


@pytest.mark.parametrize(
    "name, value",
    [
        ("DB_PASSWORD", "hunter22"),
        ("masterUserPassword", "x1y2z3"),
        ("api_key", "b7e23ec29af2"),
        ("client_secret", "q"),
    ],
)
def test_secrets_by_name(name, value):
    assert named(name, value)


@pytest.mark.parametrize(
    "name, value",
    [
        ("password", ""), ("password", "${var.x}"), ("password", "{{ vault }}"), ("db_password_arn", "arn:aws:x"),
        ("secret_name", "water/db"), ("token_ttl", "300"), ("password_policy", "strict"), ("secretName", "tls"),
        ("creation_token", "shared"), ("http_tokens", "required"), ("public_key", "ssh-ed25519 AAAA"),
        ("password_file", "/run/secrets/db"), ("key", "water.tfstate"), ("secret", "db-secret"),
        ("POSTGRES_PASSWORD", "$DB_PASSWORD"), ("password", "INSERT_PASSWORD"), ("manage_password", "yes"),
    ],
)  # fmt: skip
def test_harmless_values_are_no_secrets(name, value):
    assert not named(name, value)


def test_secrets_by_form():
    assert form("x = AKIAIOSFODNN7ABCDEFG") and form("-----BEGIN RSA PRIVATE KEY-----") and form("ghp_" + "a" * 36)
    assert not form("AKIAIOSFODNN7EXAMPLE") and not form("sha256:4bcff63911fcb4448bd4fdacec207030") and not form("")
    assert form("postgres://app:hunter22@db/app") and not form("postgres://app:${PASSWORD}@db/app")


def test_patches_remove_what_they_promise():
    fixable = done = same = 0
    for clean in documents():
        for fault in clean.faults[::3]:
            document = Document("x", fault.apply(clean.text), clean.kind)
            if not any(one.hit.fix for one in audit.audit([document])[0]):
                continue
            result = fix(document, [])
            fixable, done = fixable + 1, done + (audit.findings(result.text, clean.kind) == [])
            same += result.text == clean.text
    assert fixable > 50 and done >= fixable - 1 and same > fixable * 0.5


def test_patches_keep_comments_spaces_and_expressions():
    text = 'resource "aws_ebs_volume" "d" {\n  size = 20 # GiB\n  tags = {}\n\n  # slow but cheap\n  type = "sc1"\n}\n'
    result = fix(Document("a.tf", text, "terraform"), [])
    assert result.text == text.replace('  type = "sc1"\n', '  type      = "sc1"\n  encrypted = true\n')
    expression = 'variable "x" {\n  default = false\n}\n' + text.replace("size = 20", "encrypted = var.x")
    result = fix(Document("a.tf", expression, "terraform"), [])
    assert result.text == expression and not result.done


def test_a_patch_that_makes_it_worse_is_dropped():
    text = 'resource "aws_sns_topic" "t" {\n  name = "t"\n  tags = {}\n}\n'
    code = "\n".join(text.split("\n")[:-1])

    def propose(given, kind, message):
        assert kind == "terraform" and given.startswith("resource") and "tags" in message
        return ["resource {", 'resource "aws_sns_topic" "u" {}', code.replace("{}", "{ a = 1, }}"),
                code.replace("{}", '{ team = "water" }')]  # fmt: skip

    result = fix(Document("a.tf", text, "terraform"), [], frozenset(["ACORN-AWS-092"]), "", propose)
    assert len(result.refused) == 3 and 'team = "water"' in result.text


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(12)
)


@pytest.mark.parametrize(
    "kind, text",
    [
        ("terraform", 'resource "a" "b" {'), ("terraform", "x = [" * 5000), ("kubernetes", "a:\n\t- b"),
        ("kubernetes", BOMB), ("kubernetes", "[" * 100_000), ("cloudformation", "{" * 5000), ("terraform", "\0"),
        ("dockerfile", "FROM a\n" + "x" * 1_100_000), ("compose", "{{- if .Values.x }}\nservices: {}\n{{- end }}"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_said_with_its_place(kind, text):
    (found,) = audit.findings(text, kind)
    assert found.message.startswith("not audited: ") and found.rule in (
        "unreadable",
        "template",
        "too-long",
        "not-text",
    )


@pytest.mark.parametrize("clean", documents(), ids=lambda clean: clean.name)
def test_torn_texts_never_raise(clean):
    rng = random.Random(7)
    for _ in range(25):
        text = clean.text
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(text))
            cut = text[at : at + rng.randint(0, 30)]
            text = (
                text[:at]
                + rng.choice(["", "{", "]", '"', "- ", "\n", ": ", "null", "${", cut * 2])
                + text[at + len(cut) :]
            )
        audit.findings(text, clean.kind)
        audit.findings(
            text, rng.choice(["terraform", "kubernetes", "ansible", "compose", "dockerfile", "cloudformation"])
        )


def test_wrong_types_everywhere_never_raise():
    """Values of the wrong type at every place of every document."""
    from acorn.recipes.iac import yamls

    rng = random.Random(3)
    for clean in documents():
        if clean.name.endswith((".yaml", ".yml")):
            lines = clean.text.split("\n")
            for index in range(0, len(lines), 2):
                head = lines[index].partition(":")[0]
                if ":" in lines[index]:
                    odd = rng.choice(["5", "[]", "{}", "null", "[1, [2]]", "{a: {b: 1}}", "true", "text", "-1.5"])
                    text = "\n".join([*lines[:index], f"{head}: {odd}", *lines[index + 1 :]])
                    try:
                        yamls.documents(text)
                    except yamls.YamlError:
                        continue
                    audit.findings(text, clean.kind)


SIZE = 300_000


@pytest.mark.parametrize(
    "kind, head, part",
    [
        ("dockerfile", "FROM a:1\nRUN ", "curl -"), ("dockerfile", "FROM a:1\nENV ", "a"),
        ("dockerfile", "FROM a:1\nRUN a", " \\\n b"), ("dockerfile", "FROM a:1\nRUN <<E\n", "b\n"),
        ("ansible", "- shell: ", "curl "), ("ansible", "- copy:\n    content: |\n", "      \n"),
        ("kubernetes", "kind: ConfigMap\ndata:\n  a: ", "aaaa+"),
        ("kubernetes", "kind: Role\nrules:\n", "- {verbs: ['*']}\n"),
        ("terraform", "", 'resource "aws_s3_bucket" "b" {}\n'), ("terraform", 'locals {\n  a = "', "curl http:/"),
        ("terraform", 'resource "aws_iam_policy" "p" {\n policy = jsonencode({ Statement = [\n', '{ Action = "*" },\n'),
        ("terraform", "# acorn:ignore ACORN-AWS-001\n", '#\nresource "aws_s3_bucket" "b" {}\n'),
    ],
)  # fmt: skip
def test_big_hostile_texts_take_seconds_not_minutes(kind, head, part):
    """Time of the processor for 300 kB, which is less than half a second where nothing grows with the square."""
    text = head + part * (SIZE // len(part))
    begin = time.process_time()
    found = audit.findings(text, kind)
    assert time.process_time() - begin < 4
    assert len(found) <= audit.MOST + 1
