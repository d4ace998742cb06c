"""Kubernetes: what runs in pods, and with which rights on the node."""

from collections.abc import Iterator

from acorn.recipes.iac.audit import secrets
from acorn.recipes.iac.audit.images import floats
from acorn.recipes.iac.audit.rule import (
    MISSING,
    Fix,
    Hit,
    Item,
    Rule,
    among,
    every,
    listed,
    must,
    never,
    says,
    there,
    unknown,
)

DANGEROUS = (
    "ALL", "SYS_ADMIN", "NET_ADMIN", "NET_RAW", "SYS_PTRACE", "SYS_MODULE", "SYS_RAWIO", "SYS_BOOT", "SYS_TIME",
    "DAC_READ_SEARCH", "DAC_OVERRIDE", "BPF", "PERFMON", "SYSLOG", "MKNOD", "SETFCAP", "CAP_SYS_ADMIN",
)  # fmt: skip
SOCKETS = ("docker.sock", "containerd.sock", "crio.sock", "dockershim.sock")
SERVERS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")
SAFE_SYSCTLS = (
    "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range",
    "net.ipv4.ip_unprivileged_port_start", "net.ipv4.ip_local_reserved_ports", "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes",
)  # fmt: skip


def context(item: Item, name: str):
    """A setting of a container, or of its pod where the container says nothing."""
    value = item.get(f"securityContext?/{name}", MISSING)
    return item.parent.get(f"securityContext?/{name}", MISSING) if value is MISSING and item.parent else value


def inherited(name: str, good: tuple, fix=MISSING):
    """must(...) for a setting that a container takes from its pod."""

    def check(item: Item) -> Iterator[Hit]:
        value, path = context(item, name), ("securityContext", *name.split("/"))
        if not unknown(value) and not among(value, good):
            note = f"{name.replace('/', '.')} {says(value)}"
            yield Hit(path, note, None if fix is MISSING else Fix(path, fix))

    return check


def root(item: Item) -> Iterator[Hit]:
    """It runs as root, as far as the manifest says: 0 is asked for, or nothing forbids it."""
    user, no_root = context(item, "runAsUser"), context(item, "runAsNonRoot")
    if not unknown(user) and among(user, (0,)):
        yield Hit(("securityContext", "runAsUser"), "runAsUser is 0")
    elif not unknown(no_root) and (among(no_root, (False,)) or no_root is MISSING and user is MISSING):
        yield Hit(
            ("securityContext", "runAsNonRoot"), f"runAsNonRoot {says(no_root)}",
            Fix(("securityContext", "runAsNonRoot"), True),
        )  # fmt: skip


def host_paths(item: Item, sockets: bool) -> Iterator[Hit]:
    for index, volume in enumerate(listed(item.body.get("volumes"))):
        host = volume.get("hostPath") if isinstance(volume, dict) else None
        path = host.get("path") if isinstance(host, dict) else None
        if isinstance(path, str) and not unknown(path) and path.endswith(SOCKETS) == sockets:
            yield Hit(("volumes", index, "hostPath", "path"), f"mounts {path} of the node")


def probes(name: str):
    """Long-running containers only: not of jobs, not those that run before the others."""

    def check(item: Item) -> Iterator[Hit]:
        kind = item.parent.name.partition("/")[0] if item.parent else ""
        if kind in SERVERS and "initContainers" not in item.base and not item.body.get(name):
            yield Hit((name,), f"{name} is missing")

    return check


def token(item: Item) -> Iterator[Hit]:
    """A pod that does not say which account it is has no use for a token either."""
    account = item.body.get("serviceAccountName", item.body.get("serviceAccount", "default"))
    value = item.body.get("automountServiceAccountToken", MISSING)
    if account in ("default", "") and not unknown(value) and not among(value, (False,)):
        yield Hit(
            ("automountServiceAccountToken",), f"automountServiceAccountToken {says(value)}",
            Fix(("automountServiceAccountToken",), False),
        )  # fmt: skip


def plain_env(item: Item) -> Iterator[Hit]:
    for index, one in enumerate(listed(item.body.get("env"))):
        if not isinstance(one, dict):
            continue
        for _, what in secrets.found({"name": one.get("name"), "value": one.get("value")}):
            yield Hit(("env", index, "value"), what)


def undropped(item: Item) -> Iterator[Hit]:
    drop = listed(item.get("securityContext?/capabilities?/drop", []))
    if not any(str(one).upper() == "ALL" or unknown(one) for one in drop):
        path = ("securityContext", "capabilities", "drop")
        yield Hit(path, "capabilities.drop does not hold ALL", None if drop else Fix(path, ["ALL"]))


def added(item: Item) -> Iterator[Hit]:
    for path, several in item.find("securityContext?/capabilities?/add"):
        found = [one for one in listed(several) if str(one).upper().removeprefix("CAP_") in DANGEROUS]
        if found:
            yield Hit(path, f"adds {', '.join(map(str, found))}")


def limit(name: str, resource: str):
    def check(item: Item) -> Iterator[Hit]:
        if "initContainers" in item.base or unknown(item.get(f"resources?/{name}", "")):
            return
        if item.get(f"resources?/{name}?/{resource}", MISSING) is MISSING:
            yield Hit(("resources", name, resource), f"resources.{name}.{resource} is missing")

    return check


def image(item: Item) -> Iterator[Hit]:
    if floats(item.body.get("image")):
        yield Hit(("image",), f"the image is {item.body['image']!r}")


def sysctls(item: Item) -> Iterator[Hit]:
    for path, several in item.find("securityContext?/sysctls?"):
        for index, one in enumerate(listed(several)):
            if isinstance(one, dict) and one.get("name") not in SAFE_SYSCTLS:
                yield Hit((*path, index), f"sets {one.get('name')} of the node")


def seccomp(item: Item) -> Iterator[Hit]:
    value = context(item, "seccompProfile/type")
    path = ("securityContext", "seccompProfile", "type")
    if not unknown(value) and not among(value, ("RuntimeDefault", "Localhost")):
        yield Hit(path, f"seccompProfile.type {says(value)}", Fix(path, "RuntimeDefault"))


RULES = (
    Rule(
        "ACORN-K8S-001",
        "Privileged container",
        "high",
        {"k8s/container": never("securityContext?/privileged", True, fix=False)},
        "It has the devices and the kernel of the node: who gets in owns every pod there.",
        "Drop privileged; add the one capability that is needed.",
        ("CKV_K8S_16", "CIS Kubernetes 5.2.2"),
    ),
    Rule(
        "ACORN-K8S-002",
        "Container that can gain rights",
        "medium",
        {"k8s/container": must("securityContext/allowPrivilegeEscalation", False, fix=False)},
        "A setuid program in the image makes root of any user.",
        "Set allowPrivilegeEscalation: false.",
        ("CKV_K8S_20", "CIS Kubernetes 5.2.6"),
    ),
    Rule(
        "ACORN-K8S-003",
        "Container that runs as root",
        "medium",
        {"k8s/container": root},
        "A break-out from it is root on the node.",
        "Set runAsNonRoot: true, and a runAsUser where the image has none.",
        ("CKV_K8S_6", "CKV_K8S_23", "CIS Kubernetes 5.2.7"),
    ),
    Rule(
        "ACORN-K8S-004",
        "Files of the node in a pod",
        "medium",
        {"k8s/pod": lambda item: host_paths(item, sockets=False)},
        "It can read or change what belongs to the node and to other pods.",
        "Use a PersistentVolumeClaim, an emptyDir or a ConfigMap.",
        ("CIS Kubernetes 5.2.12",),
    ),
    Rule(
        "ACORN-K8S-005",
        "Socket of the container runtime in a pod",
        "high",
        {"k8s/pod": lambda item: host_paths(item, sockets=True)},
        "Whoever can talk to the runtime starts privileged containers.",
        "Build without a daemon (kaniko, buildah); read metrics through the kubelet's API.",
        ("CKV_K8S_27",),
    ),
    Rule(
        "ACORN-K8S-006",
        "Pod on the network of its node",
        "high",
        {"k8s/pod": never("hostNetwork", True, fix=False)},
        "It sees the node's traffic, reaches services on localhost, and no network policy holds it.",
        "Drop hostNetwork and use a Service.",
        ("CKV_K8S_19", "CIS Kubernetes 5.2.5"),
    ),
    Rule(
        "ACORN-K8S-007",
        "Pod among the processes of its node",
        "high",
        {"k8s/pod": every(never("hostPID", True, fix=False), never("hostIPC", True, fix=False))},
        "It sees other pods' command lines and environments, and can signal them.",
        "Drop hostPID and hostIPC.",
        ("CKV_K8S_17", "CKV_K8S_18", "CIS Kubernetes 5.2.3"),
    ),
    Rule(
        "ACORN-K8S-008",
        "Container with dangerous capabilities",
        "high",
        {"k8s/container": added},
        "Some of them are as good as root on the node.",
        "Drop ALL and add only harmless ones such as NET_BIND_SERVICE.",
        ("CKV_K8S_25", "CKV_K8S_39", "CIS Kubernetes 5.2.9"),
    ),
    Rule(
        "ACORN-K8S-009",
        "Container that keeps the runtime's capabilities",
        "low",
        {"k8s/container": undropped},
        "The runtime gives a dozen that hardly any program needs.",
        'Set capabilities: drop: ["ALL"].',
        ("CKV_K8S_37", "CKV_K8S_28"),
    ),
    Rule(
        "ACORN-K8S-010",
        "Container that can write to its own files",
        "low",
        {"k8s/container": must("securityContext/readOnlyRootFilesystem", True, fix=True)},
        "Who gets in can change the program and leave tools behind.",
        "Set readOnlyRootFilesystem: true, with an emptyDir for what must be written.",
        ("CKV_K8S_22",),
    ),
    Rule(
        "ACORN-K8S-011",
        "Container without a memory limit",
        "medium",
        {"k8s/container": limit("limits", "memory")},
        "A leak in it takes the node's memory and other pods with it.",
        "Set resources.limits.memory.",
        ("CKV_K8S_13",),
    ),
    Rule(
        "ACORN-K8S-012",
        "Container without requests",
        "low",
        {"k8s/container": every(limit("requests", "cpu"), limit("requests", "memory"))},
        "The scheduler packs nodes blindly, and such pods are the first to be evicted.",
        "Set resources.requests for cpu and memory.",
        ("CKV_K8S_10", "CKV_K8S_12"),
    ),
    Rule(
        "ACORN-K8S-013",
        "Image that can change",
        "medium",
        {"k8s/container": image},
        "Two pods of one Deployment can run different code, and nobody can go back.",
        "Name a version, best with a digest.",
        ("CKV_K8S_14", "CKV_K8S_43"),
    ),
    Rule(
        "ACORN-K8S-014",
        "Container without a liveness probe",
        "low",
        {"k8s/container": probes("livenessProbe")},
        "A process that hangs is never restarted.",
        "Add a livenessProbe.",
        ("CKV_K8S_8",),
    ),
    Rule(
        "ACORN-K8S-015",
        "Container without a readiness probe",
        "low",
        {"k8s/container": probes("readinessProbe")},
        "Requests reach it before it can answer.",
        "Add a readinessProbe.",
        ("CKV_K8S_9",),
    ),
    Rule(
        "ACORN-K8S-016",
        "Pod with a token that it does not need",
        "low",
        {"k8s/pod": token},
        "Whoever gets in can talk to the API server with it.",
        "Set automountServiceAccountToken: false, or name a service account of its own.",
        ("CKV_K8S_38", "CKV_K8S_41"),
    ),
    Rule(
        "ACORN-K8S-017",
        "Secret in plain environment variables",
        "high",
        {"k8s/container": plain_env},
        "It is in the repository, and for all to see who may read pods.",
        "Take it from a Secret by valueFrom.secretKeyRef, and change it.",
        ("CKV_K8S_35", "CIS Kubernetes 5.4.1"),
    ),
    Rule(
        "ACORN-K8S-018",
        "Container without a seccomp profile",
        "low",
        {"k8s/container": seccomp},
        "Every system call of the kernel is open to it.",
        "Set seccompProfile: type: RuntimeDefault.",
        ("CKV_K8S_31", "CIS Kubernetes 5.7.2"),
    ),
    Rule(
        "ACORN-K8S-019",
        "Container on a port of its node",
        "medium",
        {"k8s/container": there("ports?/hostPort", "is a port of the node")},
        "It answers on the node's address, past Services and policies.",
        "Drop hostPort and put a Service in front; a DaemonSet that needs it, such as an ingress, may keep it.",
        ("CKV_K8S_26",),
    ),
    Rule(
        "ACORN-K8S-020",
        "Container that sees all of /proc",
        "high",
        {"k8s/container": never("securityContext?/procMount", "Unmasked", fix="Default")},
        "It can read and set what belongs to the kernel of the node.",
        "Leave procMount out.",
    ),
    Rule(
        "ACORN-K8S-021",
        "Pod that changes the kernel of its node",
        "medium",
        {"k8s/pod": sysctls},
        "Such settings hold for the node and for every other pod.",
        "Use the safe sysctls only, or set the others on the node.",
    ),
    Rule(
        "ACORN-K8S-022",
        "Windows container with the rights of its host",
        "high",
        {
            "k8s/container": never("securityContext?/windowsOptions?/hostProcess", True, fix=False),
            "k8s/pod": never("securityContext?/windowsOptions?/hostProcess", True, fix=False),
        },
        "It is an administrator of the node.",
        "Drop hostProcess.",
    ),
    Rule(
        "ACORN-K8S-023",
        "Containers that see each other's processes",
        "low",
        {"k8s/pod": never("shareProcessNamespace", True, fix=False)},
        "A side car can read the secrets of the main program from its memory.",
        "Drop shareProcessNamespace.",
    ),
)
