"""Crossplane: what manages clouds by manifests. Managed resources also meet the rules of their Terraform twins."""

from collections.abc import Iterator

from acorn.recipes.iac.audit.images import floats
from acorn.recipes.iac.audit.rule import Hit, Item, Rule, listed

PACKAGES = ("Provider", "Configuration", "Function")


def package(item: Item) -> Iterator[Hit]:
    kind = item.body.get("kind")
    group = str(item.body.get("apiVersion", ""))
    spec = item.body.get("spec")
    if kind in PACKAGES and group.startswith("pkg.crossplane.io/") and isinstance(spec, dict):
        if floats(spec.get("package")):
            yield Hit(("spec", "package"), f"the package is {spec['package']!r}")


def orphan(item: Item) -> Iterator[Hit]:
    spec = item.body.get("spec")
    if isinstance(spec, dict) and spec.get("deletionPolicy") == "Orphan":
        yield Hit(("spec", "deletionPolicy"), "stays in the cloud when the manifest goes")


def default_config(item: Item) -> Iterator[Hit]:
    spec = item.body.get("spec")
    if isinstance(spec, dict) and "forProvider" in spec and not spec.get("providerConfigRef"):
        yield Hit(("spec", "providerConfigRef"), "names no providerConfigRef")


def open_secret(item: Item) -> Iterator[Hit]:
    spec = item.body.get("spec")
    reference = spec.get("writeConnectionSecretToRef") if isinstance(spec, dict) else None
    if isinstance(reference, dict) and reference.get("namespace") == "default":
        yield Hit(("spec", "writeConnectionSecretToRef", "namespace"), "writes its password into the namespace default")


def unfollowed(item: Item) -> Iterator[Hit]:
    spec = item.body.get("spec")
    policies = listed(spec.get("managementPolicies")) if isinstance(spec, dict) else []
    if policies and "*" not in policies and "Update" not in policies and policies != ["Observe"]:
        yield Hit(("spec", "managementPolicies"), "changes by hand are not taken back")


RULES = (
    Rule(
        "ACORN-XP-001",
        "Package that can change",
        "medium",
        {f"k8s/{kind}": package for kind in PACKAGES},
        "A new version may own and change everything in the cloud account, unasked.",
        "Name a version in spec.package: xpkg.upbound.io/org/name:v1.2.3, best with a digest.",
    ),
    Rule(
        "ACORN-XP-002",
        "Resource that outlives its manifest",
        "low",
        {"xp/managed": orphan},
        "It goes on costing money and answering, and nobody looks after it.",
        "Leave deletionPolicy out, unless the data must stay.",
    ),
    Rule(
        "ACORN-XP-003",
        "Resource in whichever account is the default",
        "low",
        {"xp/managed": default_config},
        "Who changes the default config moves it to another account.",
        "Set providerConfigRef.",
    ),
    Rule(
        "ACORN-XP-004",
        "Password in the default namespace",
        "medium",
        {"xp/managed": open_secret},
        "Everybody lands there, and its default account often reads secrets.",
        "Write it into a namespace of its own.",
    ),
    Rule(
        "ACORN-XP-005",
        "Resource that is not kept as written",
        "low",
        {"xp/managed": unfollowed},
        "What somebody opens by hand stays open.",
        "Add Update to managementPolicies, or leave them out.",
    ),
)
