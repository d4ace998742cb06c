"""Whether a value is a secret that stands in the code: by the name it has, or by the form of the value itself."""

import re
from collections.abc import Iterator

from acorn.recipes.iac.audit.rule import Check, Hit, Item, unknown

NAME = re.compile(
    r"(?:^|[_\-.])(?:passwords?|passwd|pwd|passphrase|secrets?|tokens?|apikey|api[_\-.]key|access[_\-.]key"
    r"|secret[_\-.]key|private[_\-.]key|credentials?|client[_\-.]secret|auth[_\-.]key|encryption[_\-.]key)$"
)
ABOUT = re.compile(  # the name is about a secret, but what it holds is none
    r"(?:^|[_\-.])(?:(?:manage|disable|enable|allow|use|require|rotate|update|automount|generate|hide)[_\-.]"
    r"|(?:key|token|secret|password)[_\-.](?:name|id|arn|file|path|policy|length|ttl|type|version)s?$|public[_\-.]key"
    r"|(?:next|creation|client|request|idempotency|continuation|reset|http)[_\-.]tokens?|lock[_\-.]|secret[_\-.]name)"
)
FORMS = {
    "an AWS access key": r"(?<![A-Z0-9])(?:AKIA|ASIA)[0-9A-Z]{16}(?![A-Z0-9])",
    "a private key": r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----",
    "a GitHub token": r"(?<!\w)(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{40,})",
    "a GitLab token": r"(?<!\w)glpat-[\w-]{20}",
    "a Slack token": r"(?<!\w)xox[abprs]-[A-Za-z0-9-]{10,}",
    "a Google API key": r"(?<!\w)AIza[\w-]{35}",
    "a Stripe key": r"(?<!\w)[sr]k_live_[A-Za-z0-9]{20,}",
    "a password in a URL": r"(?<!\w)[a-z][a-z0-9+]{1,20}://[^\s:/@${}]{1,60}:[^\s:/@${}]{3,60}@\w",
}
FORM = re.compile("|".join(f"({pattern})" for pattern in FORMS.values()))
EMPTY = re.compile(
    r"(?i)|null|none|true|false|yes|no|\*+|x{3,}|<.*>|\[.*\]|(?:/|\./|~/|file:|arn:|ssm:|vault:|secretsmanager:|projects/|"
    r"https?://[^:@]*$|!vault|ENC\[).*|(?:random|generate|auto)[_-].*|(?:insert|replace|your)[_-].*|[a-z]+(?:[_-][a-z]+)*[_-](?:secret|token|key)s?"
)


def form(text: str) -> str:
    """'an AWS access key' when a text holds one, else ''."""
    found = FORM.search(text)
    if not found or "EXAMPLE" in found[0]:
        return ""
    return list(FORMS)[found.lastindex - 1]


def named(name: str, value) -> bool:
    """Whether something called this, with this value, is a secret in plain text."""
    if not isinstance(value, str) or unknown(value) or EMPTY.fullmatch(value.strip()) or value.startswith("$"):
        return False
    return about(name) and "\n" not in value.strip()


def about(name: str) -> bool:
    """Whether something called this is a secret: masterUserPassword, DB_PASSWORD, api-key."""
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    return NAME.search(name) is not None and not ABOUT.search(name)


def found(value, path: tuple = ()) -> Iterator[tuple[tuple, str]]:
    """[(path, what it is)] in any nested value."""
    if isinstance(value, dict):
        name, given = value.get("name", value.get("Name", value.get("key"))), value.get("value", value.get("Value"))
        if isinstance(name, str) and named(name, given):  # {name: DB_PASSWORD, value: hunter2}
            yield (*path, "value" if "value" in value else "Value"), f"{name} is a secret in plain text"
            return
        for key, one in value.items():
            if named(str(key), one):
                yield (*path, key), f"{key} is a secret in plain text"
            else:
                yield from found(one, (*path, key))
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from found(one, (*path, index))
    elif isinstance(value, str) and (kind := form(value)):
        yield path, f"holds {kind}"


def secrets(*skipped: str) -> Check:
    """Every secret in an item, whatever it is; not below the arguments named."""

    def check(item: Item) -> Iterator[Hit]:
        for path, what in found(item.body):
            if not (path and path[0] in skipped):
                yield Hit(path, what)

    return check
