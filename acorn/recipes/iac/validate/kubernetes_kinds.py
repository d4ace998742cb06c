"""What single kinds of Kubernetes want beyond their schema: services, ingresses, secrets, roles, claims and so on."""

import binascii
import re
from base64 import b64decode
from collections.abc import Iterator

from acorn.recipes.iac.validate.kubernetes_rules import DATA_KEY, LABEL, PORT_NAME, at, claim, items, number, twice
from acorn.recipes.iac.validate.shape import Problem, short

NEEDED = {"kubernetes.io/tls": ("tls.crt", "tls.key"), "kubernetes.io/dockerconfigjson": (".dockerconfigjson",)}


def service(manifest: dict) -> Iterator[Problem]:
    spec = manifest.get("spec") or {}
    ports = items(spec.get("ports"))
    if spec.get("type") == "ExternalName":
        if not spec.get("externalName"):
            yield Problem(("spec",), "an ExternalName service needs externalName", "missing-field")
    elif not ports and spec.get("clusterIP") != "None":
        yield Problem(("spec",), "field ports is missing", "missing-field")
    yield from twice(spec.get("ports"), "name", ("spec", "ports"), "port")
    seen = set()
    for index, port in ports:
        here = ("spec", "ports", index)
        yield from number(port.get("port"), (*here, "port"))
        yield from number(port.get("nodePort") or None, (*here, "nodePort"))
        target = port.get("targetPort")
        yield from number(target, (*here, "targetPort"))
        if isinstance(target, str) and target and not PORT_NAME.fullmatch(target):
            yield Problem((*here, "targetPort"), f"{short(target)} is neither a number nor the name of a port", "name")
        if len(ports) > 1 and not port.get("name"):
            yield Problem(here, "each of several ports needs a name", "missing-field")
        if port.get("name") and not LABEL.fullmatch(port["name"]):
            yield Problem((*here, "name"), f"{short(port['name'])} is no name of a port", "name")
        mark = port.get("port"), port.get("protocol") or "TCP"
        if mark in seen:
            yield Problem((*here, "port"), f"port {mark[0]}/{mark[1]} is there twice", "repeated-name")
        seen.add(mark)


def ingress(manifest: dict) -> Iterator[Problem]:
    for index, rule in items(at(manifest, "spec", "rules")):
        for number_, one in items(at(rule, "http", "paths")):
            here = ("spec", "rules", index, "http", "paths", number_)
            if one.get("pathType") in ("Exact", "Prefix") and not (one.get("path") or "").startswith("/"):
                yield Problem(here, f"a path of type {one['pathType']} begins with /", "wrong-value")
            port = at(one, "backend", "service", "port")
            if isinstance(port, dict) and (port.get("name") is None) == (port.get("number") is None):
                said = "a backend's port has either a name or a number"
                yield Problem((*here, "backend", "service", "port"), said, "exclusive-fields")


def data(manifest: dict) -> Iterator[Problem]:
    fields = ("data", "binaryData") if manifest["kind"] == "ConfigMap" else ("data", "stringData")
    seen = set()
    for field in fields:
        for key, value in (manifest.get(field) or {}).items():
            if not DATA_KEY.fullmatch(key):
                yield Problem((field, key), f"{short(key)} can't be a key: letters, digits, -, _ and . only", "name")
            if key in seen and field == "binaryData":
                yield Problem((field, key), f"{key} is in data too", "repeated-name")
            seen.add(key)
            if (field == "binaryData" or (manifest["kind"] == "Secret" and field == "data")) and not encoded(value):
                yield Problem((field, key), f"{short(value, 30)} is not base64; plain text goes into stringData"
                              if manifest["kind"] == "Secret" else "not base64", "wrong-value")  # fmt: skip
    if manifest["kind"] == "Secret":
        for key in NEEDED.get(manifest.get("type"), ()):
            if key not in seen:
                yield Problem(("type",), f"a secret of type {manifest['type']} needs the key {key}", "missing-field")


def encoded(value) -> bool:
    if value is None:
        return True
    try:
        b64decode(re.sub(r"[\r\n]", "", str(value)), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def autoscaler(manifest: dict) -> Iterator[Problem]:
    low, high = at(manifest, "spec", "minReplicas"), at(manifest, "spec", "maxReplicas")
    if isinstance(low, int) and isinstance(high, int) and low > high:
        yield Problem(("spec", "minReplicas"), f"minReplicas {low} is more than maxReplicas {high}", "out-of-range")
    if isinstance(high, int) and high < 1:
        yield Problem(("spec", "maxReplicas"), f"{high} is too small: at least 1", "out-of-range")


def disruption(manifest: dict) -> Iterator[Problem]:
    spec = manifest.get("spec") or {}
    if spec.get("minAvailable") is not None and spec.get("maxUnavailable") is not None:
        yield Problem(
            ("spec", "maxUnavailable"), "minAvailable and maxUnavailable exclude each other", "exclusive-fields"
        )


def role(manifest: dict) -> Iterator[Problem]:
    for index, rule in items(manifest.get("rules")):
        here = ("rules", index)
        if not rule.get("verbs"):
            yield Problem(here, "field verbs is empty", "missing-field")
        if rule.get("nonResourceURLs"):
            if manifest["kind"] == "Role":
                yield Problem((*here, "nonResourceURLs"), "only a ClusterRole has nonResourceURLs", "wrong-value")
        elif not rule.get("apiGroups"):
            yield Problem(here, 'apiGroups is missing; the core group is ""', "missing-field")
        elif not rule.get("resources"):
            yield Problem(here, "field resources is missing", "missing-field")


def binding(manifest: dict) -> Iterator[Problem]:
    target = at(manifest, "roleRef", "kind")
    allowed = ("ClusterRole",) if manifest["kind"] == "ClusterRoleBinding" else ("Role", "ClusterRole")
    if target not in allowed:
        yield Problem(("roleRef", "kind"), f"{short(target)} is not one of {', '.join(allowed)}", "wrong-value")
    for index, subject in items(manifest.get("subjects")):
        here, kind = ("subjects", index), subject.get("kind")
        if kind not in ("User", "Group", "ServiceAccount"):
            said = f"{short(kind)} is not one of User, Group, ServiceAccount"
            yield Problem((*here, "kind"), said, "wrong-value")
        elif kind == "ServiceAccount" and manifest["kind"] == "ClusterRoleBinding" and not subject.get("namespace"):
            yield Problem(here, "a ServiceAccount here needs its namespace", "missing-field")


def volume(manifest: dict) -> Iterator[Problem]:
    spec = manifest.get("spec") or {}
    for field in ("accessModes", "capacity"):
        if not spec.get(field):
            yield Problem(("spec",), f"field {field} is missing", "missing-field")


OWN = {
    "PersistentVolume": volume,
    "Service": service,
    "Ingress": ingress,
    "ConfigMap": data,
    "Secret": data,
    "HorizontalPodAutoscaler": autoscaler,
    "PodDisruptionBudget": disruption,
    "Role": role,
    "ClusterRole": role,
    "RoleBinding": binding,
    "ClusterRoleBinding": binding,
    "PersistentVolumeClaim": claim,
}
