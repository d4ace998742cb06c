"""The grammar of a playbook: plays of tasks, with the modules that some texts name and the options these have."""

import re

from acorn.recipes.iac.grammar.rules import EVERYTHING, Known, likely
from acorn.recipes.iac.grammar.yamls import ANY, Yaml
from acorn.recipes.iac.validate.ansible_modules import resolve, spec

MODULE = re.compile(r"^ +(?:- )?((?:[a-z0-9_]+\.){2,}[a-z0-9_]+):", re.MULTILINE)
TYPES = {"bool": "boolean", "int": "integer", "float": "number", "list": "array", "dict": "object", "raw": "any"}
MANIFESTS = ("definition", "resource_definition")  # of Kubernetes, which the module does not describe
WORD, TRUTH, FILLED = {"type": "string"}, {"type": "boolean"}, {"type": "string", "terminal": "FILLED"}
SPECIAL = {"FILLED": r'/"\{\{ [a-z][a-z0-9_.]{0,40} \}\}"/'}  # "{{ port }}"
TASK = {
    "name": WORD,
    "when": WORD,
    "register": WORD,
    "loop": {"anyOf": [WORD, {"type": "array", "items": ANY}]},
    "notify": {"anyOf": [WORD, {"type": "array", "items": WORD}]},
    "become": TRUTH,
    "become_user": WORD,
    "no_log": TRUTH,
    "changed_when": TRUTH,
    "tags": {"type": "array", "items": WORD},
}


def text(texts: list[str], known: Known = EVERYTHING) -> str:
    names = dict.fromkeys(name for one in texts for name in MODULE.findall(one) if resolve(name))
    if not names:
        return ""
    used = likely(texts)
    modules = {name: module(name, used) for name in names}
    tasks = [  # each has one module
        {
            "type": "object",
            "properties": {**TASK, name: one},
            "required": ["name", name],
            "additionalProperties": False,
        }
        for name, one in modules.items()
    ]
    listed = {"type": "array", "items": {"anyOf": tasks}}
    play = {
        "type": "object",
        "properties": {
            "name": WORD,
            "hosts": WORD,
            "become": TRUTH,
            "become_user": WORD,
            "gather_facts": TRUTH,
            "vars": {"type": "object", "additionalProperties": ANY},
            "tasks": listed,
            "handlers": listed,
        },
        "required": ["hosts", "tasks"],
        "additionalProperties": False,
    }
    return Yaml(lambda reference: {}, known, SPECIAL, likely=used).sequence([play])


def module(name: str, used: set[str]) -> dict:
    found = spec(resolve(name))
    return options(found["o"], used) if found.get("o") else ANY


def options(found: dict, used: set[str]) -> dict:
    """Each by one of its names, the first that is used or else the main one: none can be there twice."""
    names = {
        next((one for one in (name, *about.get("a", ())) if one in used), name): name for name, about in found.items()
    }
    return {
        "type": "object",
        "properties": {said: ANY if name in MANIFESTS else option(found[name], used) for said, name in names.items()},
        "required": [said for said, name in names.items() if found[name].get("r")],
        "additionalProperties": False,
    }


def option(one: dict, used: set[str]) -> dict:
    """What an option takes; something may be filled in instead of anything but text."""
    type_ = TYPES.get(one.get("t", "str"), "string")
    if one.get("c"):
        return {"anyOf": [{"enum": one["c"]}, FILLED]}
    if type_ == "any":
        return ANY
    if type_ == "array":
        inner = options(one["o"], used) if "o" in one else option({"t": one.get("e", "str")}, used)
        return {"anyOf": [{"type": "array", "items": inner}, WORD]}
    if type_ == "object":
        return options(one["o"], used) if "o" in one else {"type": "object", "additionalProperties": ANY}
    return WORD if type_ == "string" else {"anyOf": [{"type": type_}, FILLED]}
