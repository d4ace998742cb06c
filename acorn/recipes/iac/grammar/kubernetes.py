"""The grammar of a Kubernetes answer: the kinds that some texts name, as the strict schemas have them."""

import re
from functools import cache

from acorn.recipes.iac.grammar.rules import EVERYTHING, Known, likely
from acorn.recipes.iac.grammar.yamls import Yaml
from acorn.recipes.iac.validate.kubernetes_schema import schemas

HEAD = re.compile(r"^apiVersion: (\S+)\nkind: (\S+)$", re.MULTILINE)
SPECIAL = {
    "NAME": r"/[a-z]([-a-z0-9]{0,60}[a-z0-9])?/ & ~/y|n|yes|no|on|off|true|false|null/",
    "LABEL": r"/([a-z]([a-z0-9.-]{0,40}[a-z0-9])?\/)?[A-Za-z]([A-Za-z0-9_.-]{0,40}[A-Za-z0-9])?/ "
    r"& ~/(?i:true|false|yes|no|on|off|null|y|n)/",
    "LABELLED": r"/[A-Za-z]([A-Za-z0-9_.-]{0,60}[A-Za-z0-9])?|\"[A-Za-z0-9]([A-Za-z0-9_.-]{0,60}[A-Za-z0-9])?\"/ "
    r"& ~/(?i:true|false|yes|no|on|off|null|y|n)/",
}
SPECIAL["INTEGER"] = r"/0|[1-9][0-9]{0,8}/"
NEEDED = {  # what the API server asks for beside what the schemas say
    "PodSpec": ("containers",),
    "Container": ("name", "image"),
    "PersistentVolumeClaimSpec": ("accessModes", "resources"),
}
NAME = {"type": "string", "terminal": "NAME"}
LABELS = {"type": "object", "keys": "LABEL", "additionalProperties": {"type": "string", "terminal": "LABELLED"}}
NOTES = {"type": "object", "keys": "LABEL", "additionalProperties": {"type": "string"}}
METADATA = {
    "type": "object",
    "properties": {"name": NAME, "namespace": NAME, "labels": LABELS, "annotations": NOTES},
    "additionalProperties": False,
}


def text(texts: list[str], known: Known = EVERYTHING) -> str:
    found = dict.fromkeys(head for one in texts for head in HEAD.findall(one))
    documents = [document for version, kind in found if (document := of(version, kind))]
    return Yaml(resolve, known, SPECIAL, likely=likely(texts)).text(documents) if documents else ""


@cache
def of(version: str, kind: str) -> dict | None:
    """The schema of a document that somebody writes: with a name, without what the cluster adds."""
    name = schemas().names.get((version, kind))
    if name is None:
        return None
    found = schemas().definitions[name]
    properties = {word: inside for word, inside in found["properties"].items() if word != "status"}
    properties |= {
        "apiVersion": {"const": version},
        "kind": {"const": kind},
        "metadata": {**METADATA, "required": ["name"]},
    }
    needed = dict.fromkeys(["apiVersion", "kind", "metadata", *found.get("required", ())])
    return {**found, "properties": properties, "required": list(needed)}


def resolve(reference: str) -> dict:
    last = reference.rpartition(".")[2]
    if last == "ObjectMeta":
        return METADATA
    found = schemas().resolve(reference)
    if last not in NEEDED:
        return found
    properties = {**found["properties"], **({"name": NAME} if "name" in NEEDED[last] else {})}
    return {**found, "properties": properties, "required": list({*found.get("required", ()), *NEEDED[last]})}
