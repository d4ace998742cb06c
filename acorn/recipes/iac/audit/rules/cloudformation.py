"""CloudFormation whatever the service: secrets, parameters, what a deletion takes along."""

from collections.abc import Iterator

from acorn.recipes.iac.audit.rule import Fix, Hit, Item, Rule
from acorn.recipes.iac.audit.rules.terraform import fetches
from acorn.recipes.iac.audit.secrets import ABOUT, NAME, found, named

KEPT = (
    "AWS::RDS::DBInstance", "AWS::RDS::DBCluster", "AWS::DynamoDB::Table", "AWS::EFS::FileSystem", "AWS::KMS::Key",
    "AWS::Redshift::Cluster", "AWS::OpenSearchService::Domain", "AWS::DocDB::DBCluster", "AWS::Neptune::DBCluster",
)  # fmt: skip


def secret(item: Item) -> Iterator[Hit]:
    """As it is written: what a parameter's default brings in is found at the parameter."""
    if item.type.startswith("AWS::") or item.type == "Custom":
        for path, what in found(item.written if item.written is not None else item.body):
            yield Hit(path, what)


def secret_default(item: Item) -> Iterator[Hit]:
    if named(item.name, item.body.get("Default")):
        yield Hit(("Default",), "has a secret as its default")


def echoed(item: Item) -> Iterator[Hit]:
    import re

    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", item.name).lower()
    stored = str(item.body.get("Type", "")).startswith("AWS::SSM")
    if NAME.search(name) and not ABOUT.search(name) and not stored and str(item.body.get("NoEcho")).lower() != "true":
        yield Hit(("NoEcho",), "NoEcho is not true", Fix(("NoEcho",), True))


def not_kept(item: Item) -> Iterator[Hit]:
    if item.body.get("Type") in KEPT and item.body.get("DeletionPolicy", "Delete") == "Delete":
        yield Hit(("DeletionPolicy",), "has no DeletionPolicy that keeps the data")


def piped(item: Item) -> Iterator[Hit]:
    if fetches(str(item.body.get("UserData", ""))):
        yield Hit(("UserData",), "runs what it fetches")


RULES = (
    Rule(
        "ACORN-CFN-001",
        "Secret in the template",
        "high",
        {"cfn/*": secret},
        "Everybody who can read the repository or the stack has it.",
        "Use {{resolve:secretsmanager:...}} or a NoEcho parameter, and change it.",
        ("CKV_SECRET_6", "CKV_AWS_45", "CKV_AWS_46"),
    ),
    Rule(
        "ACORN-CFN-002",
        "Secret as the default of a parameter",
        "high",
        {"cfn/Parameter": secret_default},
        "A default is code: it is in the repository and in its history.",
        "Leave the default out.",
    ),
    Rule(
        "ACORN-CFN-003",
        "Parameter for a secret that is shown",
        "medium",
        {"cfn/Parameter": echoed},
        "The console and every describe-stacks show its value.",
        "Set NoEcho: true.",
    ),
    Rule(
        "ACORN-CFN-004",
        "Data that goes with its stack",
        "medium",
        {"cfn/resource": not_kept},
        "Deleting the stack, or a change that replaces the resource, deletes the data.",
        "Set DeletionPolicy and UpdateReplacePolicy to Snapshot or Retain.",
    ),
    Rule(
        "ACORN-CFN-005",
        "Script that runs what it fetches",
        "medium",
        {"AWS::EC2::Instance": piped},
        "Whoever controls the page, or the way to it, runs commands as root.",
        "Fetch a fixed version, check its digest, then run it.",
    ),
)
