"""
Terraform and OpenTofu share their language. A translation between them is the text itself, and a look at what only one
of them has: (pattern, who has it alone, what it is).
"""

import re

ALONE = (
    (r"^\s*encryption\s*\{", "opentofu", "encryption of state and plans"),
    (r'^provider\s+"[^"]+"\s*\{[^}]*?^\s*for_each\s*=', "opentofu", "for_each of a provider"),
    (r"^\s*lifecycle\s*\{[^}]*?\benabled\s*=", "opentofu", "lifecycle.enabled"),
    (r"^\s*cloud\s*\{", "terraform", "the cloud block of HCP Terraform"),
    (r'source\s*=\s*"app\.terraform\.io/', "terraform", "modules of HCP Terraform's registry"),
    (r'^(?:action|list)\s+"[^"]+"\s+"[^"]+"\s*\{', "terraform", "action and list blocks"),
)
NOTES = (
    (
        r"^\s*required_version\s*=",
        "required_version counts the versions of Terraform; OpenTofu has its own from 1.6 on",
    ),
    (
        r'"registry\.terraform\.io/',
        "providers that are named with registry.terraform.io are not looked up in OpenTofu's",
    ),
    (r'^\s*backend\s+"remote"', "the remote backend leads to HCP Terraform where no hostname is given"),
)


def translate(code: str, tofu: bool, result: type):
    """The same text, if the other program has all that it uses."""
    other, found = ("terraform", "OpenTofu") if tofu else ("opentofu", "Terraform")
    lost = []
    for pattern, whose, what in ALONE:
        if whose == other and (hit := re.search(pattern, code, re.MULTILINE)):
            line = code.count("\n", 0, hit.start() + len(hit[0]) - len(hit[0].lstrip())) + 1
            lost.append(f"line {line}: {what}, which {found} lacks")
    notes = [what for pattern, what in NOTES if re.search(pattern, code, re.MULTILINE)] if tofu else []
    return result("" if lost else code, ["unchanged"], lost, notes)
