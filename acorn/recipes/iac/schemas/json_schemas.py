"""
JSON schemas without what only people read: of Compose (compose-spec), of CloudFormation's resource types (the data of
cfn-lint), of Crossplane's kinds (CRD files). Written as zips for `packed`.
"""

import json
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from acorn.errors import UserError, missing_extra
from acorn.recipes.iac.schemas.packed import pack
from acorn.recipes.iac.yamls import YamlError, documents

MAPS = ("properties", "patternProperties", "definitions", "$defs")
KEPT = set(
    "type properties patternProperties definitions $defs $ref required enum items additionalProperties anyOf oneOf "
    "allOf not minItems maxItems minLength maxLength minimum maximum uniqueItems pattern format const nullable "
    "dependentRequired dependentExcluded requiredXor requiredOr propertyNames minProperties maxProperties "
    "x-kubernetes-int-or-string x-kubernetes-preserve-unknown-fields x-kubernetes-embedded-resource".split()
)


def slim(schema, kept: set[str] = KEPT, named: bool = False):
    """A schema with only the keywords that `Shape` checks. named: a mapping of names to schemas."""
    if isinstance(schema, list):
        return [slim(one, kept) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if named:
        return {key: slim(one, kept) for key, one in schema.items()}
    found = {}
    for key, one in schema.items():
        if key in ("enum", "required", "const"):
            found[key] = one
        elif key in kept:
            found[key] = slim(one, kept, named=key in MAPS)
    return found


def build_compose(file: Path, out: Path) -> Path:
    """From schema/compose-spec.json of compose-spec/compose-go."""
    about = {"source": "compose-spec.json of compose-spec/compose-go", "licence": "Apache-2.0"}
    return pack(out, {"index": about, "schema": slim(json.loads(file.read_text(encoding="utf-8")))})


# ---- CloudFormation ----

NO_PATTERNS = KEPT - {"pattern", "format", "uniqueItems"}  # AWS's patterns refuse what AWS takes


def build_cloudformation(out: Path) -> Path:
    """From the data of the installed cfn-lint: the types of all regions, us-east-1 first."""
    spec = find_spec("cfnlint")
    if spec is None:
        raise missing_extra("cfn-lint", "iac")
    folder = Path(spec.submodule_search_locations[0]) / "data" / "schemas"
    files: dict[str, str] = {}
    for region in sorted((folder / "providers").glob("*.json"), key=lambda path: path.stem != "us-east-1"):
        for type_, name in json.loads(region.read_bytes()).items():
            files.setdefault(type_, name)
    parts: dict[str, dict] = {}
    for type_, name in sorted(files.items()):
        path = folder / "resources" / f"{name}.json"
        if path.is_file():
            parts.setdefault(part_of(type_), {})[type_] = resource(json.loads(path.read_bytes()))
    index = {
        "source": f"cfn-lint's schemas, {len(files):,} resource types",
        "licence": "MIT-0",
        "types": {part: sorted(types) for part, types in parts.items()},
    }
    return pack(out, {"index": index, **parts})


def part_of(type_: str) -> str:
    """AWS::EC2::VPC -> AWS-EC2"""
    return "-".join(type_.split("::")[:2])


def resource(schema: dict) -> dict:
    found = slim(schema, NO_PATTERNS)
    readable = [path.removeprefix("/properties/").replace("/", ".") for path in schema.get("readOnlyProperties", ())]
    return {**found, "readOnly": sorted(readable), "key": [path.rpartition("/")[2] for path in
            schema.get("primaryIdentifier", ())]}  # fmt: skip


# ---- Crossplane ----

NEEDED = re.compile(r"spec\.forProvider\.(\w+) is a required parameter")


def build_crossplane(folders: list[Path], out: Path, legacy: Path | None = None) -> Path:
    """
    From folders of CRD files (Apache-2.0): of Crossplane and of providers. legacy: a folder with the CRDs of
    Crossplane 1, for what 2 took away; a version of those is called "v1 before 2".
    """
    parts: dict[str, dict] = {}
    for folder in [*folders, *([legacy] if legacy else [])]:
        for crd in crds(folder):
            group, kind = crd["spec"]["group"], crd["spec"]["names"]["kind"]
            versions = parts.setdefault(group, {}).setdefault(kind, {})
            for version in crd["spec"]["versions"]:
                name = version["name"] + (" before 2" if folder == legacy else "")
                versions.setdefault(name, manifest(version.get("schema", {}).get("openAPIV3Schema") or {}))
    if not parts:
        raise UserError(f"there is no CRD in {', '.join(map(str, folders))}")
    index = {
        "source": f"CRDs of Crossplane and its providers, {sum(map(len, parts.values())):,} kinds",
        "licence": "Apache-2.0",
        "kinds": {group: {kind: list(versions) for kind, versions in part.items()} for group, part in parts.items()},
    }
    return pack(out, {"index": index, **parts})


def defaulted(schema):
    """What has a default is not required of whoever writes a manifest."""
    if isinstance(schema, list):
        return [defaulted(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: defaulted(one) for key, one in schema.items()}
    properties = found.get("properties")
    if isinstance(found.get("required"), list) and isinstance(properties, dict):
        given = [key for key, one in properties.items() if isinstance(one, dict) and "default" in one]
        found["required"] = [one for one in found["required"] if one not in given]
    return found


def manifest(schema: dict) -> dict:
    """
    Without the status, which nobody writes, nor what every manifest has. What providers require only when they are to
    create or update a thing stands in rules, from where it becomes "needed".
    """
    found = slim(defaulted(schema))
    properties = found.get("properties", {})
    for word in ("apiVersion", "kind", "metadata", "status"):
        properties.pop(word, None)
    found["required"] = [one for one in found.get("required", ()) if one in properties]
    rules = schema.get("properties", {}).get("spec", {}).get("x-kubernetes-validations") or ()
    if needed := [match[1] for rule in rules if (match := NEEDED.match(rule.get("message", "")))]:
        found["needed"] = needed
    return found


def crds(folder: Path) -> Iterator[dict]:
    for path in sorted(folder.glob("*.yaml")):
        try:
            found = documents(path.read_text(encoding="utf-8"))
        except YamlError as error:
            raise UserError(f"{path}: {error}") from None
        for one in found:
            if isinstance(one.value, dict) and one.value.get("kind") == "CustomResourceDefinition":
                yield one.value
