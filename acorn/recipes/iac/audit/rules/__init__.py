"""Every rule, by area. Nothing is loaded before somebody asks for the rules."""

import importlib
from functools import cache

from acorn.recipes.iac.audit.rule import Rule, kind_of

AREAS = (
    "aws_storage", "aws_network", "aws_identity", "aws_data", "aws_compute", "azure", "azure_compute", "google",
    "google_data", "google_clusters", "terraform", "kubernetes_pods", "kubernetes_access", "dockerfile", "compose",
    "ansible", "ansible_hosts", "crossplane", "cloudformation",
)  # fmt: skip


EVERY = {"terraform": "terraform/*", "cloudformation": "cfn/*", "ansible": "ansible/*"}  # kind -> rules for every item


@cache
def rules() -> dict[str, Rule]:
    """id -> rule, in the order of the areas."""
    found: dict[str, Rule] = {}
    for area in AREAS:
        for rule in importlib.import_module(f"acorn.recipes.iac.audit.rules.{area}").RULES:
            assert rule.id not in found, rule.id
            found[rule.id] = rule
    return found


@cache
def by_type() -> dict[str, tuple]:
    """type of item -> ((rule, check), ...)"""
    found: dict[str, list] = {}
    for rule in rules().values():
        for type_, check in rule.checks.items():
            found.setdefault(type_, []).append((rule, check))
    return {type_: tuple(checks) for type_, checks in found.items()}


def checks(type_: str) -> tuple:
    """((rule, check), ...) for an item; those for every item of its kind too."""
    return by_type().get(type_, ()) + by_type().get(EVERY.get(kind_of(type_), ""), ())
