"""The grammar of a Compose file, from compose-spec: the keys of services that some texts use."""

import re

from acorn.recipes.iac.grammar.rules import EVERYTHING, Known
from acorn.recipes.iac.grammar.yamls import Yaml
from acorn.recipes.iac.schemas.packed import packed

KEY = re.compile(r"^    ([a-z_]+):", re.MULTILINE)
USUAL = "image build command entrypoint ports environment volumes depends_on restart networks healthcheck user".split()
TOP = ("name", "services", "volumes", "networks", "secrets", "configs")
NAMED = r"[a-z][a-z0-9_]{0,30}([.-][a-z0-9_]{1,30}){0,4}"
SPECIAL = {  # what compose-spec calls strings, but are more
    "NAMED": f"/{NAMED}/",
    "IMAGE": r"/[a-z0-9]+([._-][a-z0-9]+)*(\/[a-z0-9]+([._-][a-z0-9]+)*){0,3}(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,40})?/",
    "PORT": r'/"([1-9][0-9]{0,3}:)?[1-9][0-9]{0,3}(\/udp)?"/',
    "MOUNT": rf"/({NAMED}|\.\/{NAMED}):(\/[a-z0-9._-]{{1,40}}){{1,6}}(:ro)?/",
    "PERIOD": r"/[1-9][0-9]{0,3}(ms|s|m|h)/",
}
COUNT = {"type": "integer"}


def text(texts: list[str], known: Known = EVERYTHING) -> str:
    schema = packed("compose").part("schema")
    keys = {*USUAL, *(key for one in texts for key in KEY.findall(one))}
    service = {name: one for name, one in schema["$defs"]["service"]["properties"].items() if name in keys}
    service |= {"image": terminal("IMAGE"), "restart": {"enum": ["always", "unless-stopped", "on-failure"]}}
    service |= {name: listed(of) for name, of in LISTS.items() if name in service}
    services = named({"type": "object", "properties": service, "required": ["image"], "additionalProperties": False})
    top = {name: named(schema["$defs"][name.rstrip("s")]) for name in TOP if name != "name"}
    document = {
        "type": "object",
        "properties": {"name": terminal("NAMED"), **top, "services": services},
        "required": ["services"],
        "additionalProperties": False,
    }

    def resolve(reference: str) -> dict:
        name = reference.rpartition("/")[2]
        return {**schema["$defs"][name], **SHARPER.get(name, {})}

    return Yaml(resolve, known, SPECIAL, likely=keys).text([document])


def terminal(name: str) -> dict:
    return {"type": "string", "terminal": name}


def named(one: dict) -> dict:
    return {"type": "object", "keys": "NAMED", "additionalProperties": one}


def listed(one: str) -> dict:
    return {"type": "array", "items": terminal(one)}


LISTS = {"ports": "PORT", "volumes": "MOUNT", "depends_on": "NAMED", "networks": "NAMED"}
WAITS = {name: terminal("PERIOD") for name in ("interval", "timeout", "start_period", "start_interval")}
SHARPER = {
    "healthcheck": {
        "properties": {"test": {"type": "array", "items": {"type": "string"}}, "retries": COUNT, **WAITS},
        "required": ["test"],
    }
}
