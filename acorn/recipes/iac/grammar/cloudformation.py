"""The grammar of a CloudFormation template: the resource types that some texts name, with the properties they have."""

import re
from functools import cache

from acorn.recipes.iac.grammar.rules import EVERYTHING, Known, likely
from acorn.recipes.iac.grammar.yamls import Yaml
from acorn.recipes.iac.schemas.packed import packed

TYPE = re.compile(r"^ +Type: ((?:AWS|Alexa)::[A-Za-z0-9]+::[A-Za-z0-9]+)$", re.MULTILINE)
LOGICAL = r"[A-Z][A-Za-z0-9]{0,60}"
HELD = rf"[A-Za-z0-9_.:\/*@-]*(\$\{{(AWS::)?{LOGICAL}(\.[A-Z][A-Za-z0-9]{{0,40}})?\}}[A-Za-z0-9_.:\/*@-]*)+"
SPECIAL = {
    "LOGICAL": f"/{LOGICAL}/",
    "CALL": rf"/!Ref ({LOGICAL}|AWS::(Region|AccountId|StackName|Partition))"
    rf"|!GetAtt {LOGICAL}(\.[A-Z][A-Za-z0-9]{{0,40}}){{1,2}}"
    rf"|!Sub (\"{HELD}\"|[a-z]{HELD}[a-z\/*}}])/",
}
WORD = {"type": "string"}
KEPT = {"enum": ["Delete", "Retain", "Snapshot"]}
PARAMETER = {
    "type": "object",
    "properties": {"Type": {"enum": ["String", "Number", "CommaDelimitedList"]}, "Description": WORD, "Default": WORD},
    "required": ["Type"],
    "additionalProperties": False,
}
OUTPUT = {
    "type": "object",
    "properties": {"Description": WORD, "Value": WORD},
    "required": ["Value"],
    "additionalProperties": False,
}


def text(texts: list[str], known: Known = EVERYTHING) -> str:
    found = dict.fromkeys(type_ for one in texts for type_ in TYPE.findall(one))
    resources = [one for type_ in found if (one := resource(type_))]
    if not resources:
        return ""
    template = {
        "type": "object",
        "properties": {
            "AWSTemplateFormatVersion": {"const": "2010-09-09"},
            "Description": WORD,
            "Parameters": {"type": "object", "keys": "LOGICAL", "additionalProperties": PARAMETER},
            "Resources": {"type": "object", "keys": "LOGICAL", "additionalProperties": {"anyOf": resources}},
            "Outputs": {"type": "object", "keys": "LOGICAL", "additionalProperties": OUTPUT},
        },
        "required": ["Resources"],
        "additionalProperties": False,
    }
    return Yaml(resolve, known, SPECIAL, everywhere="CALL", likely=likely(texts)).text([template])


@cache
def resource(type_: str) -> dict | None:
    schema = schema_of(type_)
    if schema is None:
        return None
    read_only = {name for name in schema["readOnly"] if "." not in name}
    properties = {
        name: rooted(one, type_) for name, one in schema.get("properties", {}).items() if name not in read_only
    }
    needed = list(schema.get("required", ()))
    body = {"type": "object", "properties": properties, "required": needed, "additionalProperties": False}
    about = {
        "Type": {"const": type_},
        "Properties": body,
        "DependsOn": {"type": "string", "terminal": "LOGICAL"},
        "DeletionPolicy": KEPT,
        "UpdateReplacePolicy": KEPT,
    }
    return {
        "type": "object",
        "properties": about,
        "required": ["Type", *(["Properties"] if needed else [])],
        "additionalProperties": False,
    }


def schema_of(type_: str) -> dict | None:
    part = "-".join(type_.split("::")[:2])
    if type_ not in packed("cloudformation").index["types"].get(part, ()):
        return None
    return packed("cloudformation").part(part)[type_]


def rooted(schema, type_: str):
    """References of a resource's own schema, with its type in them, so that they can be told apart."""
    if isinstance(schema, list):
        return [rooted(one, type_) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: f"{type_}{one}" if key == "$ref" else rooted(one, type_) for key, one in schema.items()}


@cache
def resolve(reference: str) -> dict:
    type_, _, path = reference.partition("#/")
    found = schema_of(type_)
    for part in path.split("/"):
        found = found[part]
    return rooted(found, type_)
