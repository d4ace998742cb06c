"""
Crossplane: definitions, compositions with their pipelines, packages and managed resources, against CRDs that came with
acorn (Crossplane, upbound's provider for AWS, Kubernetes, Helm), that are given, or that stand in the same file; an XRD
there tells the shape of composite resources and claims. Other manifests are judged as Kubernetes.
"""

import re
from collections.abc import Iterator
from functools import cache

from acorn.errors import did_you_mean
from acorn.recipes.iac.schemas.packed import packed
from acorn.recipes.iac.validate.documents import few, load, placed
from acorn.recipes.iac.validate.findings import Finding
from acorn.recipes.iac.validate.kubernetes import ENOUGH, check
from acorn.recipes.iac.validate.kubernetes_schema import CRDS, custom, group_of, strict
from acorn.recipes.iac.validate.shape import Problem, name, short
from acorn.recipes.iac.validate.slips import slips

MAX_CHARS, MAX_DEPTH = 4 * 2**20, None
FAMILIES = (".upbound.io", ".crossplane.io")
NOTES = ("unknown-kind-of-crd", "own-kind", "placeholder", "tool-file")
STEP = re.compile(r"([\w-]+)|\[(\d+|\*|\"[^\"]*\"|'[^']*'|[\w./-]+)\]|\.")


def read(text: str, crds: CRDS | None = None) -> tuple[dict, list[Finding]]:
    docs, findings = load(text, "kubernetes")
    if not docs:
        return {}, findings or [Finding("no manifest", rule="empty")]
    own = custom(one.value for one in docs)
    parsed = {}
    for number, doc in enumerate(docs, 1):
        if len(findings) >= ENOUGH:
            break
        where = f"document {number}: " if len(docs) > 1 else ""
        known = {**packed_crds(doc.value), **(crds or {}), **own}
        for one in few(problems(doc.value, known, own)):
            findings.append(placed(one, doc, where, "note" if one.rule in NOTES else "error"))
        if isinstance(doc.value, dict) and isinstance(doc.value.get("kind"), str):
            parsed.setdefault(doc.value["kind"], []).append(doc.value)
    return parsed, findings


def packed_crds(manifest) -> CRDS:
    """The schema of one manifest's kind, if it came with acorn: {(group, kind): {version: schema}}"""
    api_version, kind = (
        (str(manifest.get(key)) for key in ("apiVersion", "kind")) if isinstance(manifest, dict) else "  "
    )
    group = group_of(api_version)
    there = packed("crossplane").index["kinds"].get(group, {})
    if kind not in there:
        return {}
    spec = manifest.get("spec") if kind == "Composition" and isinstance(manifest.get("spec"), dict) else {}
    legacy = "resources" in spec or spec.get("mode") == "Resources"
    return {(group, kind): strict_versions(group, kind, legacy)}


@cache
def strict_versions(group: str, kind: str, legacy: bool) -> dict[str, dict]:
    """{version: schema}; legacy: as before Crossplane 2."""
    found = packed("crossplane").part(group)[kind].items()
    if legacy:
        return {name.partition(" ")[0]: strict(one, top=True) for name, one in found if " " in name}
    return {name: strict(one, top=True) for name, one in found if " " not in name}


def problems(manifest, known: CRDS, own: CRDS) -> Iterator[Problem]:
    found = check(manifest, known)
    found = [one if one.rule != "unknown-kind-of-crd" else unknown(manifest, one) for one in found]
    yield from (one for one in found if one.rule != "own-kind")
    if isinstance(manifest, dict) and "spec" in manifest and not isinstance(manifest["spec"], dict):
        yield Problem(
            ("spec",), f"{short(manifest['spec'])} is {name(manifest['spec'])}, wanted a mapping", "wrong-type"
        )
    if any(one.rule not in NOTES for one in found) or not isinstance(manifest.get("spec"), dict):
        return
    kind, group = manifest["kind"], group_of(manifest["apiVersion"])
    if group == "apiextensions.crossplane.io" and kind == "CompositeResourceDefinition":
        yield from definition(manifest)
    elif group == "apiextensions.crossplane.io" and kind == "Composition":
        yield from composition(manifest, own)
    elif group.endswith(FAMILIES):
        yield from needed(manifest)


def unknown(manifest: dict, note: Problem) -> Problem:
    """A kind of a family that came with acorn whole is a mistake, not a kind whose CRD is somewhere."""
    kinds = packed("crossplane").index["kinds"]
    group, kind = group_of(manifest["apiVersion"]), manifest["kind"]
    if group in kinds:
        near = did_you_mean(kind, kinds[group])
        return Problem(("kind",), f"there is no kind {kind[:60]} in {group}.{near}", "unknown-kind")
    near = next((one for one in kinds if nearly(group, one)), "")
    if near or group.endswith((".aws.upbound.io", ".aws.m.upbound.io")):
        guess = f" Did you mean {near}?" if near else did_you_mean(group, kinds)
        return Problem(("apiVersion",), f"there is no group {group[:80]}.{guess}", "unknown-kind")
    return note if group.endswith(FAMILIES) else Problem((), "a composite resource or a claim", "own-kind")


def nearly(group: str, known: str) -> bool:
    """The same but for one slip in the first word, or two behind it: s33.aws.upbound.io, s3.aws.upbund.io."""
    first, _, rest = group.partition(".")
    word, _, family = known.partition(".")
    return (rest == family and slips(first, word) == 1) or (first == word and 0 < slips(rest, family) < 3)


def needed(manifest: dict) -> Iterator[Problem]:
    """What a provider needs to create a thing; initProvider will do, and observing needs nothing."""
    versions = packed("crossplane").index["kinds"].get(group_of(manifest["apiVersion"]), {}).get(manifest["kind"])
    version = manifest["apiVersion"].rpartition("/")[2]
    if not versions or version not in versions:
        return
    spec = manifest["spec"]
    policies = spec.get("managementPolicies") or ["*"]
    if not {"*", "Create", "Update"} & set(map(str, policies)):
        return
    schema = packed("crossplane").part(group_of(manifest["apiVersion"]))[manifest["kind"]][version]
    for word in schema.get("needed", ()):
        if not any(isinstance(spec.get(part), dict) and word in spec[part] for part in ("forProvider", "initProvider")):
            yield Problem(("spec", "forProvider"), f"field {word} is missing", "missing-field")


def definition(manifest: dict) -> Iterator[Problem]:
    spec, called = manifest["spec"], manifest["metadata"].get("name")
    names = spec.get("names") or {}
    wanted = f"{names.get('plural')}.{spec.get('group')}"
    if called != wanted:
        yield Problem(("metadata", "name"), f"{short(called)} has to be plural and group: {wanted}", "name")
    versions = [one for one in spec.get("versions") or [] if isinstance(one, dict)]
    if sum(one.get("referenceable") is True for one in versions) != 1:
        yield Problem(("spec", "versions"), "exactly one version has to be referenceable", "wrong-value")
    for index, one in enumerate(versions):
        schema = (one.get("schema") or {}).get("openAPIV3Schema")
        if isinstance(schema, dict) and schema.get("type", "object") != "object":
            path = ("spec", "versions", index, "schema", "openAPIV3Schema")
            yield Problem(path, "the schema is that of an object", "wrong-value")
        elif isinstance(schema, dict):
            yield from typed(schema, ("spec", "versions", index, "schema", "openAPIV3Schema"))


TYPES = ("object", "array", "string", "integer", "number", "boolean")


def typed(schema: dict, path: tuple) -> Iterator[Problem]:
    """Every field of a structural schema has a type, and what it requires is there."""
    kind = schema.get("type")
    if kind is not None and kind not in TYPES:
        near = did_you_mean(str(kind), TYPES)
        yield Problem((*path, "type"), f"{short(kind)} is not one of {', '.join(TYPES)}.{near}", "wrong-value")
    properties = schema.get("properties")
    for key, one in properties.items() if isinstance(properties, dict) else ():
        if isinstance(one, dict):
            yield from typed(one, (*path, "properties", key))
    if isinstance(schema.get("items"), dict):
        yield from typed(schema["items"], (*path, "items"))
    for index, word in enumerate(schema.get("required") or ()):
        if isinstance(properties, dict) and word not in properties and path[-1] != "openAPIV3Schema":
            near = did_you_mean(str(word), properties)
            yield Problem((*path, "required", index), f"there is no property {word}.{near}", "unknown-reference")


def composition(manifest: dict, own: CRDS) -> Iterator[Problem]:
    spec = manifest["spec"]
    about = spec.get("compositeTypeRef") or {}
    group, version = group_of(str(about.get("apiVersion"))), str(about.get("apiVersion")).rpartition("/")[2]
    of_group = {kind: versions for (where, kind), versions in own.items() if where == group}
    if of_group and about.get("kind") not in of_group:
        near = did_you_mean(str(about.get("kind")), of_group)
        said = f"no definition in the file makes {about.get('kind')}.{near}"
        yield Problem(("spec", "compositeTypeRef", "kind"), said, "unknown-reference")
    elif of_group and version not in of_group[about["kind"]]:
        said = f"the definition in the file has no version {version}"
        yield Problem(("spec", "compositeTypeRef", "apiVersion"), said, "unknown-reference")
    steps = spec.get("pipeline") or []
    if spec.get("mode", "Pipeline") == "Pipeline" and not steps and not spec.get("resources"):
        yield Problem(("spec",), "a pipeline of at least one step is missing", "missing-field")
    seen = set()
    for index, step in enumerate(steps):
        if not isinstance(step, dict):
            continue
        path = ("spec", "pipeline", index)
        if step.get("step") in seen:
            yield Problem((*path, "step"), f"two steps are called {step.get('step')}", "repeated-name")
        seen.add(step.get("step"))
        value = step.get("input")
        if isinstance(value, dict) and group_of(str(value.get("apiVersion"))) == "pt.fn.crossplane.io":
            found = [one for one in check(value, packed_crds(value)) if one.path[:1] != ("metadata",)]
            yield from (Problem((*path, "input", *one.path), one.message, one.rule) for one in found
                        if one.rule not in NOTES and "metadata.name" not in one.message)  # fmt: skip
            yield from resources(value.get("resources"), (*path, "input", "resources"))
    yield from resources(spec.get("resources"), ("spec", "resources"))


def resources(value, path: tuple) -> Iterator[Problem]:
    """What a composition makes: patches may add what is missing, not what nothing knows."""
    seen = set()
    for index, one in enumerate(value if isinstance(value, list) else ()):
        base = one.get("base") if isinstance(one, dict) else None
        if not isinstance(base, dict):
            continue
        here = (*path, index)
        if one.get("name") is not None and one["name"] in seen:
            yield Problem((*here, "name"), f"two resources are called {short(one['name'])}", "repeated-name")
        seen.add(one.get("name"))
        known = packed_crds(base)
        for found in check(base, known, partial=True):
            found = unknown(base, found) if found.rule == "unknown-kind-of-crd" else found
            if found.rule not in (*NOTES, "name"):
                yield Problem((*here, "base", *found.path), found.message, found.rule)
        versions = next(iter(known.values()), {})
        schema = versions.get(str(base.get("apiVersion")).rpartition("/")[2])
        for place, patch in enumerate(one.get("patches") or ()):
            target = patch.get("toFieldPath") or patch.get("fromFieldPath") if isinstance(patch, dict) else None
            if schema and isinstance(target, str) and patch.get("type", "FromCompositeFieldPath").startswith("From"):
                said = leads(schema, target)
                if said:
                    field = "toFieldPath" if patch.get("toFieldPath") else "fromFieldPath"
                    yield Problem((*here, "patches", place, field), said, "unknown-reference")


def leads(schema: dict, target: str) -> str:
    """Why a path such as spec.forProvider.tags[Name] leads nowhere in a schema, or ''."""
    found = schema
    for word, index in ((match[1], match[2]) for match in STEP.finditer(target)):
        if word is None and index is None:
            continue
        if not isinstance(found, dict) or found.get("x-kubernetes-preserve-unknown-fields"):
            return ""
        field = word or index.strip("\"'")
        properties = found.get("properties") or {}
        if field in ("metadata", "status", "apiVersion", "kind") and found is schema:
            return ""
        if field in properties:
            found = properties[field]
        elif index is not None and "items" in found:
            found = found["items"]
        elif isinstance(found.get("additionalProperties"), dict) or found.get("additionalProperties") is True:
            found = found["additionalProperties"]
        elif properties:
            return f"there is no field {field[:60]} on the way to {target[:80]}.{did_you_mean(field, properties)}"
        else:
            return ""
    return ""
