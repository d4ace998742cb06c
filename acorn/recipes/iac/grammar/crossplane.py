"""The grammar of Crossplane manifests: the managed resources and packages that some texts name, by their CRDs."""

from functools import cache

from acorn.recipes.iac.grammar.kubernetes import HEAD, METADATA, SPECIAL
from acorn.recipes.iac.grammar.rules import EVERYTHING, Known, likely
from acorn.recipes.iac.grammar.yamls import Yaml
from acorn.recipes.iac.schemas.packed import packed

DOTTED = r"/[a-z]([-a-z0-9.]{0,60}[a-z0-9])?/ & ~/y|n|yes|no|on|off|true|false|null/"  # definitions have such names


def text(texts: list[str], known: Known = EVERYTHING) -> str:
    found = dict.fromkeys(head for one in texts for head in HEAD.findall(one))
    documents = [document for version, kind in found if (document := of(version, kind))]
    special = {**SPECIAL, "NAME": DOTTED}
    return Yaml(no_references, known, special, likely=likely(texts)).text(documents) if documents else ""


@cache
def of(api_version: str, kind: str) -> dict | None:
    group, _, version = api_version.rpartition("/")
    if version not in packed("crossplane").index["kinds"].get(group, {}).get(kind, ()):
        return None
    schema = packed("crossplane").part(group)[kind][version]
    properties = {
        "apiVersion": {"const": api_version},
        "kind": {"const": kind},
        "metadata": {**METADATA, "required": ["name"]},
        **schema.get("properties", {}),
    }
    needed = ["apiVersion", "kind", "metadata", *schema.get("required", ())]
    return {"type": "object", "properties": properties, "required": needed, "additionalProperties": False}


def no_references(reference: str) -> dict:
    raise KeyError(reference)  # CRDs are written out
