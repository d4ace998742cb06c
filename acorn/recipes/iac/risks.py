"""
Risks as training shows them: what is planted into good code, by the id of the audit rule that sees it, and what people
ask for that they should not have: then the answer is the safe code under a comment that says so, or a question.
"""

import re
from random import Random
from typing import NamedTuple

from acorn.recipes.iac.intents import Intent


class Risk(NamedTuple):
    rule: str  # the id of the audit rule that sees it
    kinds: tuple[str, ...]
    good: str  # a pattern; its first group stays
    bad: str


HCL, CFN, K8S = ("terraform",), ("cloudformation",), ("kubernetes",)
RISKS = (
    Risk("ACORN-AWS-003", HCL, r"(block_public_policy +=) true", "false"),
    Risk("ACORN-AWS-003", CFN, r"(RestrictPublicBuckets:) true", "false"),
    Risk("ACORN-GCP-003", HCL, r"(public_access_prevention +=) \"enforced\"", '"inherited"'),
    Risk("ACORN-AZ-003", HCL, r"(allow_nested_items_to_be_public +=) false", "true"),
    Risk("ACORN-AWS-071", HCL, r"(sqs_managed_sse_enabled +=) true", "false"),
    Risk("ACORN-AWS-080", HCL, r"(http_tokens +=) \"required\"", '"optional"'),
    Risk("ACORN-AWS-011", HCL, r"(volume_size = \d+\n +encrypted +=) true", "false"),
    Risk("ACORN-AWS-060", HCL, r"(storage_encrypted +=) true", "false"),
    Risk("ACORN-AWS-060", CFN, r"(StorageEncrypted:) true", "false"),
    Risk("ACORN-AWS-062", HCL, r"(\n  deletion_protection +=) true", "false"),
    Risk("ACORN-AWS-014", HCL, r"(aws_efs_file_system\" \"this\" {\n  encrypted +=) true", "false"),
    Risk("ACORN-AWS-038", HCL, r"(endpoint_public_access +=) false", "true"),
    Risk("ACORN-AWS-015", HCL, r"(image_tag_mutability +=) \"IMMUTABLE\"", '"MUTABLE"'),
    Risk("ACORN-AWS-050", HCL, r"(enable_key_rotation +=) true", "false"),
    Risk("ACORN-AWS-068", HCL, r"(transit_encryption_enabled +=) true", "false"),
    Risk("ACORN-AWS-073", HCL, r"(retention_period = \d+\n +encryption_type +=) \"KMS\"", '"NONE"'),
    Risk("ACORN-AWS-021", HCL, r"((?:22|3306|5432|6379)\n +protocol +=) \"tcp\"\n +cidr_blocks = \[\"[^\"]+\"\]", ""),
    Risk("ACORN-K8S-003", K8S, r"(runAsNonRoot:) true", "false"),
)
OPEN = ' "tcp"\n    cidr_blocks = ["0.0.0.0/0"]'


def plant(rng: Random, code: str, kind: str) -> tuple[str, str] | None:
    """(the code with a risk in it, the id of the rule that sees it), or None where none fits."""
    fitting = [(found, risk.rule) for risk in RISKS if kind in risk.kinds and (found := plant_one(risk, code))]
    return rng.choice(fitting) if fitting else None


def plant_one(risk: Risk, code: str) -> str | None:
    planted, count = re.subn(risk.good, rf"\1 {risk.bad}" if risk.bad else rf"\1{OPEN}", code, count=1)
    return planted if count else None


class Danger(NamedTuple):
    """What somebody adds to a request, and the comment that stands above the safe answer, or the question instead."""

    asks: tuple[str, ...]
    comment: str = ""
    question: str = ""


PUBLIC = Danger(
    ("Make it public.", "Everybody should be able to read it.", "It must be open to the world."),
    "Kept private: anybody could read a public bucket. Put a CDN in front of it instead.",
)
PASSWORD = Danger(
    ("The password is hunter2.", "Use the password admin123.", "Put the password secret99 in the code."),
    "No password in the code: AWS makes one and keeps it in Secrets Manager.",
)
ROOT = Danger(
    ("Run it as root.", "Make it privileged.", "It needs root, run it privileged."),
    "Not privileged: a process that breaks out of such a container owns the node.",
)
CLEAR = Danger(
    ("Turn encryption off.", "Without encryption, please.", "Do not encrypt it."),
    "Encrypted all the same: it costs nothing, and a lost copy can't be read.",
)
WORLD = Danger(
    ("Open it to the world.", "Everybody should reach it.", "Let the whole internet in."),
    question="Which range shall reach it? 0.0.0.0/0 is the whole internet; tell me the range of your own network.",
)
ADMIN = Danger(
    ("Give it AdministratorAccess.", "It should be allowed to do everything.", "Allow all actions on all resources."),
    question="Which actions does it need, and on what? A role that may do everything will be abused one day.",
)
DANGERS = {
    "bucket": (PUBLIC,),
    "database": (PASSWORD, CLEAR),
    "aurora": (PASSWORD,),
    "deployment": (ROOT,),
    "stateful-set": (ROOT,),
    "daemon-set": (ROOT,),
    "secure-pod": (ROOT,),
    "queue": (CLEAR,),
    "file-system": (CLEAR,),
    "security-group": (WORLD,),
    "firewall": (WORLD,),
    "role": (ADMIN,),
    "ci-role": (ADMIN,),
    "python-image": (ROOT,),
    "node-image": (ROOT,),
}


def answer(danger: Danger, code: str) -> str:
    """The safe code under the comment, or the question. `#` begins a comment in every kind."""
    return danger.question or f"# {danger.comment}\n{code}"


def endangered(intents: dict[str, Intent]) -> list[tuple[Intent, Danger]]:
    return [(intents[name], danger) for name, dangers in DANGERS.items() for danger in dangers]
