"""
Documents for the base corpus, drawn from a seed: single resources, files of several with comments, variables and
outputs, short pages of prose and code. Only parameters and sentences of the training split appear in them.
"""

import re
from collections.abc import Iterator
from random import Random
from typing import TYPE_CHECKING

from acorn.recipes.iac import synthesis
from acorn.recipes.iac.intents import PAIRS, Intent

if TYPE_CHECKING:
    from acorn.data.documents import Document

FENCES = {"terraform": "hcl", "dockerfile": "dockerfile"}  # all others are YAML
LANGUAGES = {
    "terraform": "Terraform",
    "kubernetes": "Kubernetes",
    "dockerfile": "Docker",
    "cloudformation": "CloudFormation",
    "ansible": "Ansible",
    "compose": "Docker Compose",
    "crossplane": "Crossplane",
}
CLOUDS = ("aws", "azurerm", "google")
JOINED = {"kubernetes": "---\n", "crossplane": "---\n", "terraform": "\n"}  # kinds of which a file may hold several


def documents(seed: int, count: int, schemas: float = 0.0) -> Iterator["Document"]:
    """
    `count` documents, the same for the same seed; document i does not depend on `count`. `schemas` is the share of them
    that shows any type of CLOUDS, drawn from the providers' schemas.
    """
    from acorn.data.documents import Document

    rng, drawn = Random(f"documents {seed}"), synthesis.documents(seed, count, CLOUDS)
    shapes = (asked, asked, asked, bare, page, page, module)
    for _ in range(count):
        if schemas and rng.random() < schemas:
            yield Document(next(drawn), "iac/terraform/schema")
            continue
        intent, kind = rng.choice(PAIRS)
        yield Document(rng.choice(shapes)(rng, intent, kind), f"iac/{kind}/{intent.name}")


def draw(rng: Random, intent: Intent, kind: str) -> tuple[str, str]:
    """(a request, its answer)"""
    p = intent.draw(rng, "train", kind)
    return intent.describe(p, kind, intent.phrasing(rng, "train")), intent.render(p, kind)


def bare(rng: Random, intent: Intent, kind: str) -> str:
    return draw(rng, intent, kind)[1]


def asked(rng: Random, intent: Intent, kind: str) -> str:
    """The request as a comment, then the code."""
    request, text = draw(rng, intent, kind)
    return f"# {request}\n{text}"


def page(rng: Random, intent: Intent, kind: str) -> str:
    """A heading, a sentence or two about the thing, an example."""
    request, text = draw(rng, intent, kind)
    notes = " ".join(rng.sample(intent.notes, rng.randint(1, len(intent.notes))))
    heading = f"# {LANGUAGES[kind]}: {intent.title}\n\n" if rng.random() < 0.7 else ""
    return f"{heading}{notes}\n\n{request}\n\n```{FENCES.get(kind, 'yaml')}\n{text}```\n"


def module(rng: Random, intent: Intent, kind: str) -> str:
    """Several things of one kind in a file, where a file may hold several."""
    if kind not in JOINED:
        return asked(rng, intent, kind)
    others = [one for one in PAIRS if one[1] == kind and one[0] is not intent]
    chosen = [(intent, kind), *rng.sample(others, rng.randint(1, min(2, len(others))))]
    parts, declared = [], set()
    for one, _ in chosen:
        text = draw(rng, one, kind)[1]
        headers = set(HEADER.findall(text))
        if not headers & declared:
            parts.append(f"# {one.title}\n{text}")
            declared |= headers
    if kind != "terraform":
        return JOINED[kind].join(parts)
    clouds = [cloud for cloud in PROVIDERS if any(f'"{cloud}' in header for header in declared)]
    output = OUTPUTS.get(intent.name)
    if output and f'"{output[1].partition(".")[0]}"' in parts[0]:
        parts.append(f'output "{output[0]}" {{\n  value = {output[1]}\n}}\n')
    return "\n".join([PROVIDERS[cloud].replace("REGION", rng.choice(REGIONS[cloud])) for cloud in clouds] + parts)


HEADER = re.compile(r'^(?:resource|data|variable) .*"', re.MULTILINE)
REGION = """variable "region" {
  type    = string
  default = "REGION"
}

provider "aws" {
  region = var.region
}
"""
PROVIDERS = {
    "aws_": REGION,
    "azurerm_": 'provider "azurerm" {\n  features {}\n}\n',
    "google_": 'provider "google" {\n  region = "REGION"\n}\n',
}
REGIONS = {
    "aws_": ("eu-west-1", "eu-central-1", "us-east-1", "us-west-2"),
    "azurerm_": ("",),
    "google_": ("europe-west1", "europe-west3", "us-central1"),
}
OUTPUTS = {
    "bucket": ("bucket_arn", "aws_s3_bucket.this.arn"),
    "queue": ("queue_url", "aws_sqs_queue.this.url"),
    "table": ("table_arn", "aws_dynamodb_table.this.arn"),
    "network": ("vpc_id", "aws_vpc.this.id"),
    "instance": ("instance_id", "aws_instance.this.id"),
    "database": ("endpoint", "aws_db_instance.this.endpoint"),
    "role": ("role_arn", "aws_iam_role.this.arn"),
    "security-group": ("security_group_id", "aws_security_group.this.id"),
}
