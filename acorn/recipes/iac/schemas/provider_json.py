"""What `terraform providers schema -json` (or `tofu`) prints -> facts, for the providers and versions of one's own."""

import json
import re
from pathlib import Path

from acorn.errors import UserError

MAX_BYTES = 500_000_000
SIMPLE = {"string": "s", "number": "n", "bool": "b", "dynamic": "a"}
WRAP = {"list": "L", "set": "T", "map": "M"}
KINDS = {"resource_schemas": "resource", "data_source_schemas": "data", "ephemeral_resource_schemas": "ephemeral"}
HINT = "terraform init && terraform providers schema -json > schema.json"
MAX_DEPTH = 60
NAME = re.compile(r"[A-Za-z0-9][\w-]{0,100}")  # a file gets this name


def read_json(path: Path) -> dict[str, dict]:
    """{provider: {"resource": {type: body}, "data": ..., "provider": body}}"""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UserError(f"{path} is over {MAX_BYTES // 1_000_000} MB")
        given = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} can't be read as JSON: {error}", HINT) from None
    schemas = given.get("provider_schemas") if isinstance(given, dict) else None
    if not isinstance(schemas, dict) or not schemas:
        raise UserError(f"{path}: no provider_schemas in it", HINT)
    found = {}
    for address, schema in schemas.items():
        try:
            kinds = {
                kind: {type_: _block(one["block"]) for type_, one in (schema.get(key) or {}).items()}
                for key, kind in KINDS.items()
            }
            settings = _block(schema["provider"]["block"]) if schema.get("provider", {}).get("block") else {}
        except (KeyError, IndexError, TypeError, AttributeError, ValueError, RecursionError) as error:
            said = f"{path}: the schema of {address[:200]!r} is not as Terraform writes it: {error!r}"
            raise UserError(said[:500], HINT) from None
        name = address.rpartition("/")[2]
        if not NAME.fullmatch(name):
            raise UserError(f"{path}: {address[:200]!r} is not the address of a provider", HINT)
        found[name] = {**kinds, "provider": settings}
    return found


def _block(block: dict, depth: int = 0) -> dict:
    if depth > MAX_DEPTH:
        raise ValueError("nested too deep")
    body: dict = {"a": {}, "b": {}, "o": {}}
    for name, one in block.get("attributes", {}).items():
        flag = "!" if one.get("required") else "?" if one.get("optional") else "="
        if nested := one.get("nested_type"):
            body["a"][name] = flag + WRAP.get(nested["nesting_mode"], "") + "o"
            body["o"][name] = _block(nested, depth + 1)
            continue
        code, inner = _type(one["type"], depth)
        body["a"][name] = flag + code
        if inner is not None:
            body["o"][name] = inner
    for name, one in block.get("block_types", {}).items():
        single = one["nesting_mode"] in ("single", "group") or one.get("max_items") == 1
        body["b"][name] = {"k": "1" if single else "*", **_block(one["block"], depth + 1)}
        if one.get("min_items"):
            body["b"][name]["r"] = 1
    return {key: value for key, value in body.items() if value}


def _type(type_, depth: int) -> tuple[str, dict | None]:
    """["list", ["object", {"a": "string"}]] -> ("Lo", {"a": {"a": "?s"}})"""
    if depth > MAX_DEPTH:
        raise ValueError("nested too deep")
    if isinstance(type_, str):
        return SIMPLE[type_], None
    if type_[0] == "object":
        attributes = {name: {"type": one, "optional": True} for name, one in type_[1].items()}
        return "o", _block({"attributes": attributes}, depth + 1)
    if type_[0] == "tuple":
        return "a", None
    code, inner = _type(type_[1], depth + 1)
    return WRAP[type_[0]] + code, inner
