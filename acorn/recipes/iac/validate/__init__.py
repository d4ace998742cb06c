"""
validate(text, kind) -> findings. Libraries do the parsing; what they leave open is decided by small tables of facts.
`read` also gives the parsed form that intents are checked against: {resource type or kind: [body, ...]}.
"""

import importlib

from acorn.errors import UserError, did_you_mean
from acorn.recipes.iac.validate.findings import MAX_CHARS, MAX_DEPTH, Finding, bounds

__all__ = ["KINDS", "Finding", "prepare", "read", "validate"]

KINDS = ("terraform", "kubernetes", "ansible", "crossplane", "dockerfile", "compose", "cloudformation")


def validate(text: str, kind: str) -> list[Finding]:
    """What is wrong with a text that has to stand by itself; empty when nothing is. Never raises for any text."""
    return read(text, kind)[1]


def read(text: str, kind: str, **context) -> tuple[dict, list[Finding]]:
    """(parsed, findings); parsed is {} when the text can't be parsed. context: what the kind's own `read` takes."""
    if kind not in KINDS:
        raise UserError(f"there is no kind {kind!r}.{did_you_mean(kind, KINDS)} There is: {', '.join(KINDS)}")
    module = importlib.import_module(f"acorn.recipes.iac.validate.{kind}")
    if findings := bounds(text, getattr(module, "MAX_CHARS", MAX_CHARS), getattr(module, "MAX_DEPTH", MAX_DEPTH)):
        return {}, findings
    return module.read(text, **context)


def prepare() -> str:
    """Import the parsers and build their tables now, so that no measurement pays for it. Says what was done."""
    from acorn.recipes.iac.validate import kubernetes, terraform

    kubernetes.prepare()
    return terraform.prepare()
