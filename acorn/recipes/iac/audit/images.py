"""Names of container images."""

import re

from acorn.recipes.iac.audit.rule import unknown

FLOATING = ("latest", "stable", "edge", "nightly", "master", "main", "dev", "canary")


def floats(image) -> bool:
    """Whether what a name leads to can change: no tag and no digest, or a tag that is meant to move."""
    if not isinstance(image, str) or not image or unknown(image) or image.startswith("$") or "@sha256:" in image:
        return False
    tag = tag_of(image)
    return not tag or tag in FLOATING or tag.endswith("-latest")


def tag_of(image: str) -> str:
    """'registry:5000/a/b:1.2' -> '1.2'"""
    found = re.search(r":([\w][\w.-]*)$", image.rsplit("/", 1)[-1])
    return found[1] if found else ""
