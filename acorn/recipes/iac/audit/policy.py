"""Statements of IAM policies in one form: of JSON, jsonencode, data.aws_iam_policy_document and CloudFormation."""

from collections.abc import Iterator
from dataclasses import dataclass

from acorn.recipes.iac.audit.rule import MISSING, Check, Hit, Item, listed, unknown

DOCUMENT = "data.aws_iam_policy_document"
# What a service may not be asked to do to everything: the way to more rights, to data, to secrets.
GRAVE = (
    "iam:passrole", "iam:create", "iam:attach", "iam:put", "iam:update", "sts:assumerole", "kms:decrypt",
    "secretsmanager:getsecretvalue", "s3:delete", "s3:put", "s3:getobject", "dynamodb:delete", "rds:delete",
    "ec2:terminateinstances", "lambda:updatefunctioncode", "ssm:getparameter", "ssm:sendcommand",
)  # fmt: skip


@dataclass(frozen=True)
class Statement:
    path: tuple  # of the statement
    allows: bool
    actions: tuple[str, ...]
    not_actions: tuple[str, ...]
    resources: tuple[str, ...]
    principals: tuple[str, ...]
    conditions: bool
    body: dict

    def key(self, *names: str) -> tuple:
        """The path to the first of these arguments that is there, in either spelling."""
        return next(((*self.path, name) for name in names if name in self.body), self.path)


def statements(item: Item, *places: str) -> Iterator[Statement]:
    """Of the policy documents at these paths; of a data.aws_iam_policy_document, its own."""
    if item.type == DOCUMENT:
        for path, found in item.find("statement?"):
            for index, one in enumerate(listed(found)):
                if isinstance(one, dict):
                    yield _statement(one, (*path, index) if isinstance(found, list) else path)
        return
    for place in places:
        for path, document in item.find(place):
            if isinstance(document, dict):
                found = document.get("Statement", document.get("statement"))
                key = "Statement" if "Statement" in document else "statement"
                for index, one in enumerate(listed(found)):
                    if isinstance(one, dict):
                        yield _statement(one, (*path, key, index) if isinstance(found, list) else (*path, key))


def _statement(one: dict, path: tuple) -> Statement:
    def texts(*names: str) -> tuple[str, ...]:
        return tuple(str(value) for name in names for value in listed(one.get(name)) if not isinstance(value, dict))

    principals: list[str] = []
    found = one.get("Principal", one.get("principals", MISSING))
    for entry in listed(found):
        if isinstance(entry, dict) and "identifiers" in entry:
            principals += [str(name) for name in listed(entry["identifiers"])] if entry.get("type") != "Service" else []
        elif isinstance(entry, dict):
            principals += [str(name) for kind, names in entry.items() if kind != "Service" for name in listed(names)]
        elif not unknown(entry):
            principals.append(str(entry))
    return Statement(
        path,
        str(one.get("Effect", one.get("effect", "Allow"))).lower() == "allow",
        texts("Action", "actions"),
        texts("NotAction", "not_actions"),
        texts("Resource", "resources"),
        tuple(principals),
        bool(one.get("Condition") or one.get("condition")),
        one,
    )


def identity(statement: Statement) -> bool:
    """A policy for somebody, not of a resource: the latter names principals, and its "*" is the resource itself."""
    return statement.allows and "Principal" not in statement.body and "principals" not in statement.body


def everything(*places: str) -> Check:
    """Every action on everything."""

    def check(item: Item) -> Iterator[Hit]:
        for one in statements(item, *places):
            if identity(one) and set(one.actions) & {"*", "*:*"} and "*" in one.resources:
                yield Hit(one.key("Action", "actions"), 'allows the action "*" on "*"')

    return check


def wildcards(*places: str) -> Check:
    """Every action, or every action of a service; what `everything` finds is not said again."""

    def check(item: Item) -> Iterator[Hit]:
        for one in statements(item, *places):
            found = [action for action in one.actions if action in ("*", "*:*") or action.endswith(":*")]
            full = set(found) & {"*", "*:*"}
            if identity(one) and found and not (full and "*" in one.resources):
                yield Hit(one.key("Action", "actions"), f"allows {found[0]!r}")

    return check


def grave(*places: str) -> Check:
    """Actions that lead to data or to more rights, on every resource and without a condition."""

    def check(item: Item) -> Iterator[Hit]:
        for one in statements(item, *places):
            found = [action for action in one.actions if action.lower().startswith(GRAVE)]
            if identity(one) and found and "*" in one.resources and not one.conditions:
                yield Hit(one.key("Resource", "resources"), f"allows {found[0]} on every resource")

    return check


def all_but(*places: str) -> Check:
    """Allow with NotAction: everything that is not named, today's and tomorrow's."""

    def check(item: Item) -> Iterator[Hit]:
        for one in statements(item, *places):
            if one.allows and one.not_actions:
                yield Hit(one.key("NotAction", "not_actions"), "allows everything but what it names")

    return check


def anybody(*places: str) -> Check:
    """Every principal, and no condition that would narrow it."""

    def check(item: Item) -> Iterator[Hit]:
        for one in statements(item, *places):
            if one.allows and "*" in one.principals and not one.conditions:
                yield Hit(one.key("Principal", "principals"), "allows everybody")

    return check
