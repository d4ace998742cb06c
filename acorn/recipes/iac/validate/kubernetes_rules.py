"""
What the API server, or the kubelet later, refuses though the schema takes it. Only what is certain from the text alone.
The rules run on manifests whose shape is right, but any field may still be null or missing.
"""

import re
from collections.abc import Iterable, Iterator
from fractions import Fraction

from acorn.errors import did_you_mean
from acorn.recipes.iac.validate.shape import Problem, short

LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
SUBDOMAIN = re.compile(r"(?=.{1,253}\Z)[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*")
SERVICE_NAME = re.compile(r"[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?")
SEGMENT = re.compile(r"(?!\.{1,2}\Z)[^/%]{1,253}")
LABEL_KEY = re.compile(r"(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[-\w.]{0,61}[A-Za-z0-9])?", re.ASCII)
LABEL_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[-\w.]{0,61}[A-Za-z0-9])?)?", re.ASCII)
DATA_KEY = re.compile(r"[-.\w]{1,253}", re.ASCII)
PORT_NAME = re.compile(r"(?=.*[a-z])(?!.*--)[a-z0-9](?:[-a-z0-9]{0,13}[a-z0-9])?")
QUANTITY = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3}|[numkMGTPE]|[KMGTPE]i)?", re.ASCII)
SCALES = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
BINARY = {unit: 1024**power for power, unit in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)}
CRON = re.compile(
    r"@(?:yearly|annually|monthly|weekly|daily|midnight|hourly|every \S+)|(?:(?:CRON_)?TZ=\S+ +)?\S+(?: +\S+){4}"
)
TEMPLATES = {
    **dict.fromkeys(
        ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "ReplicationController"), ("spec", "template")
    ),
    "Pod": (),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
    "PodTemplate": ("template",),
}
RESTARTS = {  # what a pod of a kind may say; the first is meant when it says nothing
    **dict.fromkeys(("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "ReplicationController"), ("Always",)),
    **dict.fromkeys(("Job", "CronJob"), ("", "OnFailure", "Never")),
}


def at(value, *path):
    """The value at a path, or None."""
    for part in path:
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


def items(value) -> list[tuple[int, dict]]:
    return [(index, one) for index, one in enumerate(value or ()) if isinstance(one, dict)]


def metadata(manifest: dict) -> Iterator[Problem]:
    found, api_version, kind = manifest.get("metadata"), manifest["apiVersion"], manifest["kind"]
    found = found if isinstance(found, dict) else {}
    name = found.get("name")
    if name is None and found.get("generateName"):
        name = "generated"
    where = ("metadata", "name") if "name" in found else ("metadata",) if "metadata" in manifest else ()
    if not isinstance(name, str) or not name:
        yield Problem(where, "metadata.name is missing" if name is None else f"{short(name)} is no name", "name")
    else:
        rule = SERVICE_NAME if kind == "Service" else LABEL if kind == "Namespace" else SUBDOMAIN
        rule = SEGMENT if api_version.startswith(("rbac.", "certificates.k8s.io")) else rule
        rule = SEGMENT if kind in ("APIService", "IPAddress") else rule
        if not rule.fullmatch(name) or (kind == "CronJob" and len(name) > 52):
            yield Problem(where, f"metadata.name is not a name: {short(name)}", "name")
    space = found.get("namespace")
    if isinstance(space, str) and space and not LABEL.fullmatch(space):
        yield Problem(("metadata", "namespace"), f"{short(space)} is no name of a namespace", "name")
    yield from labels(found, ("metadata",))


def labels(found: dict, path: tuple) -> Iterator[Problem]:
    for field in ("labels", "annotations"):
        for key, value in (found.get(field) or {}).items():
            here = (*path, field, key)
            if not LABEL_KEY.fullmatch(key if field == "labels" else key.lower()):
                yield Problem(here, f"{short(key)} can't be the key of a label or an annotation", "label")
            elif not isinstance(value, str) and value is not None:
                yield Problem(here, f"{short(value)} needs quotes: {field} are strings", "wrong-type")
            elif field == "labels" and value and not LABEL_VALUE.fullmatch(value):
                yield Problem(here, f"{short(value)} can't be the value of a label", "label")


def workload(manifest: dict) -> Iterator[Problem]:
    """Of what has pods; nothing of other kinds."""
    kind = manifest["kind"]
    if kind not in TEMPLATES:
        return
    path = TEMPLATES[kind]
    template = at(manifest, *path)
    if not isinstance(template, dict):
        return
    if path:
        yield from labels(template.get("metadata") or {}, (*path, "metadata"))
    pod = template.get("spec") or {}
    yield from restart(pod, kind, (*path, "spec"))
    if kind not in ("Job", "CronJob", "Pod", "PodTemplate"):
        yield from selected(manifest, kind)
    claims = [at(one, "metadata", "name") for one in at(manifest, "spec", "volumeClaimTemplates") or ()]
    for index, one in items(at(manifest, "spec", "volumeClaimTemplates")):
        yield from claim(one, ("spec", "volumeClaimTemplates", index))
    yield from pods(pod, (*path, "spec"), {one for one in claims if one})
    if kind == "CronJob" and not CRON.fullmatch(manifest["spec"].get("schedule") or ""):
        shown = short(manifest["spec"].get("schedule"))
        yield Problem(("spec", "schedule"), f"{shown} is no schedule of five fields", "wrong-value")


def restart(pod: dict, kind: str, path: tuple) -> Iterator[Problem]:
    allowed = RESTARTS.get(kind)
    policy = pod.get("restartPolicy") or ""
    if allowed and policy not in allowed and not (allowed == ("Always",) and not policy):
        yield Problem((*path, "restartPolicy"), f"{policy} is not one of {', '.join(allowed[-2:])}", "wrong-value")
    elif allowed and len(allowed) > 1 and not policy:
        yield Problem(path, f"restartPolicy is missing: a {kind} needs OnFailure or Never", "missing-field")


def selected(manifest: dict, kind: str) -> Iterator[Problem]:
    """The labels that a selector asks for are those of the pods that the template makes."""
    spec = manifest["spec"]
    have = at(spec, "template", "metadata", "labels") or {}
    if kind == "ReplicationController":
        path, want = ("spec", "selector"), spec.get("selector") or {}
    else:
        path, want = ("spec", "selector", "matchLabels"), at(spec, "selector", "matchLabels") or {}
        if spec.get("selector") is None or not (want or at(spec, "selector", "matchExpressions")):
            yield Problem(("spec",), "the selector is empty: it has to match the pods' labels", "selector")
    for key, value in want.items():
        if have.get(key) != value:
            said = (
                f"template.metadata.labels has {short(have[key])}" if key in have else "the template has no such label"
            )
            yield Problem((*path, key), f"selects {key}={value}, but {said}", "selector")


def pods(pod: dict, path: tuple, claims: set[str]) -> Iterator[Problem]:
    volumes = [one.get("name") for _, one in items(pod.get("volumes"))]
    yield from twice(pod.get("volumes"), "name", (*path, "volumes"), "volume")
    for index, one in items(pod.get("volumes")):
        made = at(one, "ephemeral", "volumeClaimTemplate")
        if isinstance(made, dict):
            yield from claim(made, (*path, "volumes", index, "ephemeral", "volumeClaimTemplate"))
    if not pod.get("containers"):
        yield Problem(path, "field containers is missing", "missing-field")
    names: dict[str, tuple] = {}
    ports = {at(p, "name") for field in ("containers", "initContainers") for _, c in items(pod.get(field))
             for _, p in items(c.get("ports"))}  # fmt: skip
    for field in ("initContainers", "containers"):
        for index, one in items(pod.get(field)):
            here = (*path, field, index)
            name = one.get("name")
            if name in names:
                yield Problem((*here, "name"), f"two containers are called {name}", "repeated-name")
            names[name] = here
            if not LABEL.fullmatch(name or ""):
                yield Problem((*here, "name"), f"{short(name)} is no name of a container", "name")
            yield from container(one, here, [*volumes, *claims], ports)


def container(one: dict, path: tuple, volumes: list, ports: set) -> Iterator[Problem]:
    if not one.get("image"):
        yield Problem(path, "field image is missing", "missing-field")
    elif re.search(r"\s", one["image"]) or re.match(r"(?!ko://)\w+://", one["image"]):
        yield Problem((*path, "image"), f"{short(one['image'])} is not the name of an image", "wrong-value")
    for field in ("volumeMounts", "volumeDevices"):
        for index, mount in items(one.get(field)):
            if mount.get("name") not in volumes:
                near = did_you_mean(str(mount.get("name")), [v for v in volumes if v])
                said = f"there is no volume {mount.get('name')}.{near}"
                yield Problem((*path, field, index, "name"), said, "unknown-reference")
    yield from twice(one.get("volumeMounts"), "mountPath", (*path, "volumeMounts"), "mount at")
    yield from twice(one.get("ports"), "name", (*path, "ports"), "port")
    for index, port in items(one.get("ports")):
        here = (*path, "ports", index)
        for field in ("containerPort", "hostPort"):
            yield from number(port.get(field), (*here, field))
        if port.get("name") and not PORT_NAME.fullmatch(port["name"]):
            said = f"{short(port['name'])} is no name of a port: at most 15 of a-z, 0-9 and -, with a letter"
            yield Problem((*here, "name"), said, "name")
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        yield from handler(one.get(probe), (*path, probe), ports, probe)
    for index, env in items(one.get("env")):
        if env.get("value") and env.get("valueFrom"):
            yield Problem((*path, "env", index), "value and valueFrom exclude each other", "exclusive-fields")
        source = env.get("valueFrom")
        if isinstance(source, dict) and len([v for v in source.values() if v is not None]) != 1:
            yield Problem((*path, "env", index, "valueFrom"), "exactly one source is wanted", "missing-field")
    yield from resources(one.get("resources") or {}, (*path, "resources"))


def handler(probe, path: tuple, ports: set, what: str) -> Iterator[Problem]:
    if not isinstance(probe, dict):
        return
    ways = [way for way in ("exec", "httpGet", "tcpSocket", "grpc") if probe.get(way) is not None]
    if len(ways) != 1:
        yield Problem(path, f"{what} wants exactly one of exec, httpGet, tcpSocket and grpc", "missing-field")
        return
    port = at(probe, ways[0], "port")
    if isinstance(port, str) and not port.isdigit() and port not in ports:
        near = did_you_mean(port, [one for one in ports if one])
        yield Problem((*path, ways[0], "port"), f"no container port is called {port}.{near}", "unknown-reference")
    else:
        yield from number(int(port) if isinstance(port, str) and port.isdigit() else port, (*path, ways[0], "port"))


def resources(found: dict, path: tuple) -> Iterator[Problem]:
    amounts: dict[tuple[str, str], Fraction] = {}
    for field in ("requests", "limits"):
        for key, value in (found.get(field) or {}).items():
            amount = quantity(value)
            if amount is None:
                yield Problem((*path, field, key), f"{short(value)} is no quantity such as 500m or 1Gi", "wrong-value")
            else:
                amounts[field, key] = amount
    for (field, key), amount in amounts.items():
        limit = amounts.get(("limits", key))
        if field == "requests" and limit is not None and amount > limit:
            said = f"requests {found['requests'][key]} is more than the limit {found['limits'][key]}"
            yield Problem((*path, "requests", key), said, "out-of-range")


def quantity(value) -> Fraction | None:
    match = QUANTITY.fullmatch(str(value))
    if not match or len(match[1]) > 40:
        return None
    unit = match[2] or ""
    if unit in BINARY:
        return Fraction(match[1]) * BINARY[unit]
    power = SCALES[unit] if unit in SCALES else int(unit[1:] or 0)
    return Fraction(match[1]) * Fraction(10) ** power


def claim(manifest: dict, path: tuple = ()) -> Iterator[Problem]:
    """A claim of a volume, by itself or within what makes claims."""
    spec = manifest.get("spec") or {}
    if not spec.get("accessModes"):
        yield Problem((*path, "spec"), "field accessModes is missing", "missing-field")
    size = at(spec, "resources", "requests", "storage")
    if size is None:
        yield Problem((*path, "spec"), "resources.requests.storage is missing", "missing-field")
    elif quantity(size) is None:
        where = (*path, "spec", "resources", "requests", "storage")
        yield Problem(where, f"{short(size)} is no quantity such as 10Gi", "wrong-value")


def number(port, path: tuple) -> Iterator[Problem]:
    if isinstance(port, int) and not 0 < port < 65536 and not (port == 0 and path[-1] == "hostPort"):
        yield Problem(path, f"{port} is not a port: 1 to 65535", "out-of-range")


def twice(values, key: str, path: tuple, what: str) -> Iterator[Problem]:
    seen = set()
    for index, one in items(values):
        if one.get(key) and one[key] in seen:
            yield Problem((*path, index, key), f"{what} {short(one[key])} is there twice", "repeated-name")
        seen.add(one.get(key))


def together(manifests: Iterable[tuple[int, dict]]) -> Iterator[tuple[int, Problem]]:
    """Between the manifests of one file: the keys that a workload takes from a ConfigMap or Secret of the file."""
    keys, workloads = {}, []
    for number_, one in manifests:
        where = one["kind"], at(one, "metadata", "namespace"), at(one, "metadata", "name")
        if one["kind"] in ("ConfigMap", "Secret"):
            keys[where] = {*(one.get("data") or {}), *(one.get("stringData") or {}), *(one.get("binaryData") or {})}
        elif one["kind"] in TEMPLATES:
            workloads.append((number_, one))
    for number_, one in workloads:
        path, space = TEMPLATES[one["kind"]], at(one, "metadata", "namespace")
        pod = at(one, *path, "spec") or {}
        for field in ("initContainers", "containers"):
            for index, made in items(pod.get(field)):
                for place, env in items(made.get("env")):
                    for kind, ref in (("ConfigMap", "configMapKeyRef"), ("Secret", "secretKeyRef")):
                        wanted = at(env, "valueFrom", ref)
                        have = keys.get((kind, space, at(wanted, "name")))
                        if have is None or at(wanted, "optional") or at(wanted, "key") in have:
                            continue
                        near = did_you_mean(str(wanted["key"]), have)
                        where = (*path, "spec", field, index, "env", place, "valueFrom", ref, "key")
                        said = f"{kind} {wanted['name']} has no key {wanted['key']}.{near}"
                        yield number_, Problem(where, said, "unknown-reference")
