"""Terraform whatever the provider: secrets, what is fetched from elsewhere, states."""

import re
from collections.abc import Iterator

from acorn.recipes.iac.audit.rule import LONGEST, MISSING, Fix, Hit, Item, Rule, among, blocks, matches, unknown
from acorn.recipes.iac.audit.secrets import ABOUT, NAME, found

NOT_VALUES = {"description", "error_message", "validation", "type", "sensitive", "nullable", "comparison_operator"}
FETCHED = re.compile(r"(?:curl|wget)\b[^\n|;&]*\|\s*(?:sudo\s+)?(?:ba|z|da)?sh\b")
REGISTRY = re.compile(r"[\w-]+/[\w-]+/[\w-]+(?://.*)?|[\w.-]+\.[a-z]+/[\w-]+/[\w-]+/[\w-]+(?://.*)?")


def fetches(text) -> bool:
    """Whether a script runs what it fetches."""
    return isinstance(text, str) and FETCHED.search(text[:LONGEST]) is not None


def secret(item: Item) -> Iterator[Hit]:
    """As it is written: what a variable's default brings in is found at the variable."""
    if item.type in ("variable", "output", "moved", "import", "removed", "check"):
        return
    body = item.body if item.written is None else item.written
    for path, what in found(body):
        if not NOT_VALUES & set(path[:1]):
            yield Hit(path, what)


def secret_default(item: Item) -> Iterator[Hit]:
    value = item.body.get("default")
    for path, what in found({item.name: value}):
        yield Hit(("default", *path[1:]), what)


def open_variable(item: Item) -> Iterator[Hit]:
    """A variable for a secret that is shown in plans."""
    name, kind = item.name.lower(), str(item.body.get("type", "${string}"))
    if NAME.search(name) and not ABOUT.search(name) and "string" in kind and not item.body.get("sensitive"):
        yield Hit(("sensitive",), "is not sensitive", Fix(("sensitive",), True))


def open_output(item: Item) -> Iterator[Hit]:
    value = item.body.get("value", MISSING)
    reference = re.fullmatch(r"\$\{[\w.\[\]\"*-]*\.(password|secret|secret_string|private_key\w*|master_password)\}",
                             value) if isinstance(value, str) else None  # fmt: skip
    if reference and not item.body.get("sensitive"):
        yield Hit(("value",), f"shows {reference[1]}", Fix(("sensitive",), True))


def floating_module(item: Item) -> Iterator[Hit]:
    source, version = item.body.get("source"), item.body.get("version")
    if not isinstance(source, str) or unknown(source) or source.startswith(("./", "../", "/")):
        return
    if source.startswith(("git::", "github.com", "git@", "bitbucket.org", "hg::")):
        if "ref=" not in source and "rev=" not in source:
            yield Hit(("source",), "names no ref")
    elif REGISTRY.fullmatch(source) and not version:
        yield Hit(("version",), "is missing")


def providers(item: Item) -> Iterator[Hit]:
    for path, found_ in blocks(item, "required_providers?"):
        for name, one in found_.items():
            if isinstance(one, dict) and not one.get("version"):
                yield Hit((*path, name), f"{name} has no version")


def backend(item: Item) -> Iterator[Hit]:
    """Of the backends, s3 is the one with a bucket and a key."""
    for path, one in blocks(item, "backend?"):
        if "bucket" in one and "key" in one and not unknown(one.get("encrypt")):
            if not among(one.get("encrypt", False), (True,)):
                yield Hit((*path, "encrypt"), "encrypt is not true", Fix((*path, "encrypt"), True))


def piped(item: Item) -> Iterator[Hit]:
    for path, command in item.find("provisioner?/command?"):
        if fetches(command):
            yield Hit(path, "runs what it fetches")
    for path, lines in item.find("provisioner?/inline?"):
        for index, line in enumerate(lines if isinstance(lines, list) else ()):
            if fetches(line):
                yield Hit((*path, index), "runs what it fetches")
    for name in ("user_data", "metadata_startup_script", "custom_data"):
        value = item.body.get(name)
        if fetches(value):
            yield Hit((name,), "runs what it fetches")


RULES = (
    Rule(
        "ACORN-TF-001",
        "Secret in the code",
        "high",
        {"terraform/*": secret},
        "Everybody who can read the repository, its history and its state has it, for ever.",
        "Take it from a secret store or a sensitive variable, and change the one that stood here.",
        ("CKV_AWS_41", "CKV_AWS_45", "CKV_AWS_46", "CKV_SECRET_6"),
    ),
    Rule(
        "ACORN-TF-002",
        "Secret as the default of a variable",
        "high",
        {"variable": secret_default},
        "A default is code: it is in the repository and in its history.",
        "Leave the default out; pass the value by TF_VAR_... or from a secret store.",
    ),
    Rule(
        "ACORN-TF-003",
        "Variable for a secret that is not sensitive",
        "low",
        {"variable": open_variable},
        "Its value shows up in plans and logs of CI.",
        "Set sensitive = true.",
    ),
    Rule(
        "ACORN-TF-004",
        "Output that shows a secret",
        "medium",
        {"output": open_output},
        "It is printed by every apply and kept in logs of CI.",
        "Set sensitive = true.",
    ),
    Rule(
        "ACORN-TF-005",
        "Module without a version",
        "low",
        {"module": floating_module},
        "Tomorrow's plan can be another one, by somebody else's hand.",
        "Set version, or ?ref= with a tag or a commit for git.",
        ("CKV_TF_1", "CKV_TF_2"),
    ),
    Rule(
        "ACORN-TF-006",
        "Provider without a version",
        "low",
        {"terraform": providers},
        "A new major version of the provider changes what the code means.",
        'Set version, for example "~> 5.0".',
    ),
    Rule(
        "ACORN-TF-007",
        "State in S3 without encryption",
        "medium",
        {"terraform": backend},
        "States hold every secret that resources were given.",
        "Set encrypt = true in the backend.",
    ),
    Rule(
        "ACORN-TF-008",
        "Script that runs what it fetches",
        "medium",
        {"terraform/*": piped},
        "Whoever controls the page, or the way to it, runs commands as root.",
        "Fetch a fixed version, check its digest, then run it.",
    ),
    Rule(
        "ACORN-TF-009",
        "Something fetched in plain HTTP",
        "medium",
        {
            "module": matches("source", r"^(?:git::)?http://"),
            "data.http": matches("url", r"^http://(?!localhost|127\.|169\.254\.)"),
            "helm_release": matches("repository?", r"^http://"),
        },
        "Whoever stands on the way can put something else in its place.",
        "Fetch it by https, and pin a version or a checksum.",
    ),
)
