"""
Documents for the base corpus, drawn from a seed: single resources, files of several with comments, variables and
outputs, short pages of prose and code. Only parameters and sentences of the training split appear in them.
"""

from collections.abc import Iterator
from random import Random
from typing import TYPE_CHECKING

from acorn.recipes.iac.intents import INTENTS, Intent

if TYPE_CHECKING:
    from acorn.data.documents import Document

FENCES = {"terraform": "hcl", "kubernetes": "yaml", "dockerfile": "dockerfile"}
LANGUAGES = {"terraform": "Terraform", "kubernetes": "Kubernetes", "dockerfile": "Docker"}


def documents(seed: int, count: int) -> Iterator["Document"]:
    """`count` documents, the same for the same seed; document i does not depend on `count`."""
    from acorn.data.documents import Document

    rng = Random(f"documents {seed}")
    intents = list(INTENTS.values())
    shapes = (asked, asked, asked, bare, page, page, module)
    for _ in range(count):
        intent = rng.choice(intents)
        yield Document(rng.choice(shapes)(rng, intent), f"iac/{intent.kind}/{intent.name}")


def draw(rng: Random, intent: Intent) -> tuple[str, str]:
    """(a request, its answer)"""
    p = intent.draw(rng, "train")
    return intent.describe(p, intent.phrasing(rng, "train")), intent.render(p)


def bare(rng: Random, intent: Intent) -> str:
    return draw(rng, intent)[1]


def asked(rng: Random, intent: Intent) -> str:
    """The request as a comment, then the code."""
    request, text = draw(rng, intent)
    return f"# {request}\n{text}"


def page(rng: Random, intent: Intent) -> str:
    """A heading, a sentence or two about the thing, an example."""
    request, text = draw(rng, intent)
    notes = " ".join(rng.sample(intent.notes, rng.randint(1, len(intent.notes))))
    heading = f"# {LANGUAGES[intent.kind]}: {intent.title}\n\n" if rng.random() < 0.7 else ""
    return f"{heading}{notes}\n\n{request}\n\n```{FENCES[intent.kind]}\n{text}```\n"


def module(rng: Random, intent: Intent) -> str:
    """Several things of one kind in a file. Dockerfiles have no such form: one image a file."""
    if intent.kind == "dockerfile":
        return asked(rng, intent)
    others = [one for one in INTENTS.values() if one.kind == intent.kind]
    chosen = [intent, *rng.sample([one for one in others if one is not intent], rng.randint(1, 2))]
    parts = []
    for one in chosen:
        text = draw(rng, one)[1]
        parts.append(f"# {one.title}\n{text}")
    if intent.kind == "kubernetes":
        return "---\n".join(parts)
    region = rng.choice(("eu-west-1", "eu-central-1", "us-east-1", "us-west-2"))
    variable = f'variable "region" {{\n  type    = string\n  default = "{region}"\n}}\n'
    parts = [variable, 'provider "aws" {\n  region = var.region\n}\n', *parts]
    output = OUTPUTS.get(intent.name)
    if output:
        parts.append(f'output "{output[0]}" {{\n  value = {output[1]}\n}}\n')
    return "\n".join(parts)


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
