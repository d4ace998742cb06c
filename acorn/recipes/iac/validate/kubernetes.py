"""
Kubernetes manifests: YAML read with bounds, kubernetes-validate's strict offline schemas, CRDs that are given or stand
in the same file, and what the API server refuses beyond its schemas. A kind that only a CRD could tell is a note.
"""

import re
from itertools import chain, islice

from acorn.errors import did_you_mean
from acorn.recipes.iac.validate.documents import few, load, placed
from acorn.recipes.iac.validate.findings import Finding
from acorn.recipes.iac.validate.kubernetes_kinds import OWN
from acorn.recipes.iac.validate.kubernetes_rules import metadata, together, workload
from acorn.recipes.iac.validate.kubernetes_schema import (
    CRDS,
    KUSTOMIZATION,
    VERSION,
    custom,
    group_of,
    is_custom,
    schemas,
)
from acorn.recipes.iac.validate.shape import Problem, Shape, name, short
from acorn.recipes.iac.validate.slips import close
from acorn.recipes.iac.yamls import Doc

MAX_CHARS, MAX_DEPTH = 4 * 2**20, None  # what may be given to `read`; yamls bounds the rest
ENOUGH = 200  # findings in a file: documents after that many are not looked at
# The groups of files that tools read and that only look like manifests: kustomize, kind, kubeadm, eksctl ...
LOCAL = re.compile(r"(?:[\w.-]+\.)?config\.[\w.-]+|kind\.x-k8s\.io|kubeadm\.k8s\.io|eksctl\.io|skaffold")
PARTIAL = re.compile(r"patch[^/]*$|(?:^|/)overlays/", re.IGNORECASE)  # kustomize lays these over what is whole
FILLABLE = ("wrong-type", "wrong-value", "name", "label")
PLACEHOLDER = re.compile(r"\$\{[^}]*\}|\$\([^)]*\)|\{\{[^}]*\}\}")


def read(text: str, crds: CRDS | None = None, path: str = "") -> tuple[dict, list[Finding]]:
    """({kind: [manifest, ...]}, findings). crds: what `custom` made of CRDs. path: patches are told by it."""
    docs, findings = load(text, "kubernetes")
    if not docs:
        return {}, findings or [Finding("no manifest", rule="empty")]
    known = {**(crds or {}), **custom(one.value for one in docs)}
    partial = bool(PARTIAL.search(path))
    parsed, sound = {}, []
    for number, doc in enumerate(docs, 1):
        where = f"document {number}: " if len(docs) > 1 else ""
        for at, manifest in spread(doc.value) if len(findings) < ENOUGH else ():
            found = check(manifest, known, partial)
            if isinstance(manifest, dict) and isinstance(manifest.get("kind"), str):
                parsed.setdefault(manifest["kind"], []).append(manifest)
            if not found:
                sound.append((doc, where, at, manifest))
            findings += [told(problem, at, doc, where) for problem in found]
    numbered = [(index, one[3]) for index, one in enumerate(sound) if isinstance(one[3], dict)]
    for index, problem in islice(together(numbered), ENOUGH):
        doc, where, at, _ = sound[index]
        findings.append(told(problem, at, doc, where))
    return parsed, findings


def told(problem: Problem, at: tuple, doc: Doc, where: str) -> Finding:
    severity = "note" if problem.rule in ("unknown-kind-of-crd", "placeholder", "tool-file") else "error"
    return placed(Problem((*at, *problem.path), problem.message, problem.rule), doc, where, severity)


def spread(value) -> list[tuple[tuple, object]]:
    """A manifest, or those within a List, with their paths."""
    if isinstance(value, dict) and value.get("kind") == "List" and isinstance(value.get("items"), list):
        return [(("items", index), one) for index, one in enumerate(value["items"])]
    return [((), value)]


def check(manifest, crds: CRDS, partial: bool = False) -> list[Problem]:
    """What is wrong with one manifest, without its place in the file."""
    if not isinstance(manifest, dict):
        return [Problem((), f"a manifest is a mapping, not {name(manifest)}", "wrong-type")]
    for key in ("apiVersion", "kind"):
        if not isinstance(manifest.get(key), str):
            return [Problem((key,), f"{key} is missing or not a string", "missing-field")]
    api_version, kind = manifest["apiVersion"], manifest["kind"]
    group = group_of(api_version)
    builtin = schemas().names.get((api_version, kind))
    if builtin:
        shape = Shape(schemas().resolve)
        found = shape.check(manifest, schemas().definitions[builtin])
        found += [one for one in nulls(manifest, schemas().definitions[builtin])]
    elif (group, kind) in crds:
        versions = crds[group, kind]
        version = api_version.rpartition("/")[2]
        if version not in versions:
            there = ", ".join(versions)
            return [
                Problem(("apiVersion",), f"the CRD of {kind} has no version {version}; it has {there}", "unknown-kind")
            ]
        found = Shape(trusted=False).check(manifest, versions[version])
    else:
        if group == "kustomize.config.k8s.io" and kind in ("Kustomization", "Component"):
            return Shape().check(manifest, KUSTOMIZATION)
        if LOCAL.fullmatch(group) or (api_version, kind) == ("v1", "Config"):
            return [Problem(("kind",), f"the file of a tool ({group or kind}): not checked", "tool-file")]
        found = [unknown(api_version, kind, group)]
        if found[0].rule == "unknown-kind":
            return found
        return [*found, *misspelt(manifest)]
    if partial:
        found = [one for one in found if one.rule != "missing-field"]
    found = [filled_in(one, manifest) for one in found]
    if any(one.rule != "placeholder" for one in found):
        return found
    if kind.endswith("List") and "items" in manifest:
        return found
    own = OWN.get(kind) if builtin else None
    ours = chain(
        metadata(manifest) if builtin or (group, kind) in crds else (),
        workload(manifest) if builtin else (),
        own(manifest) if own else (),
    )
    more = [filled_in(one, manifest) for one in few(ours)]
    return found + [
        one for one in more if not (partial and one.rule in ("missing-field", "selector", "unknown-reference"))
    ]


def unknown(api_version: str, kind: str, group: str) -> Problem:
    """A kind that no schema knows: wrong, or one that only a CRD could tell."""
    known = schemas()
    said = f"Kubernetes {VERSION} has no kind {short(kind)} in apiVersion {short(api_version)}"
    if kind in known.versions:
        near = did_you_mean(api_version, known.versions[kind])
        groups = [group_of(one) for one in known.versions[kind]]
        if not is_custom(group) or did_you_mean(group, groups) and close(group, groups):
            return Problem(
                ("apiVersion",), f"{said}; it is in {', '.join(known.versions[kind])}.{near}", "unknown-kind"
            )
    if not is_custom(group):
        kinds = [one for version, one in known.names if version == api_version] or list(known.versions)
        return Problem(("kind",), said + "." + did_you_mean(kind, kinds), "unknown-kind")
    said = f"no CRD of {kind} in {group} was given: its fields are not checked"
    return Problem(("kind",), said[:200], "unknown-kind-of-crd")


def misspelt(manifest: dict) -> list[Problem]:
    """Of a kind whose fields nobody knows here: what every manifest has, misspelt or of a wrong type."""
    found = []
    if "metadata" in manifest and not isinstance(manifest["metadata"], dict):
        found.append(Problem(("metadata",), f"metadata is a mapping, not {name(manifest['metadata'])}", "wrong-type"))
    for key in manifest:
        near = did_you_mean(key, [one for one in ("metadata", "spec", "status") if one not in manifest])
        if near and close(key, ["metadata", "spec", "status"], 0.74):
            found.append(Problem((key,), f"there is no field {key[:60]}.{near}", "unknown-field"))
    return found


def nulls(manifest: dict, schema: dict) -> list[Problem]:
    """Required parts of a spec that are there but empty, which the schemas let pass and the API server does not."""
    found = []
    for key in schema.get("required") or ():
        if key in manifest and manifest[key] is None and key not in ("rules", "status", "metadata"):
            found.append(Problem((key,), f"field {key} is empty", "missing-field"))
    return found


def filled_in(problem: Problem, manifest: dict) -> Problem:
    """A value such as ${REPLICAS} is filled in by a program later: that is said, not called wrong."""
    value = manifest
    for part in problem.path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return problem
    if isinstance(value, str) and PLACEHOLDER.search(value) and problem.rule in FILLABLE:
        return Problem(problem.path, f"{short(value)} is filled in by a program later: not checked", "placeholder")
    return problem


def prepare() -> None:
    schemas()
