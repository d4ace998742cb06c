"""Compose: rights of containers on their host, secrets, what is published to whom."""

import re
from collections.abc import Iterator

from acorn.recipes.iac.audit import secrets
from acorn.recipes.iac.audit.images import floats
from acorn.recipes.iac.audit.network import SENSITIVE
from acorn.recipes.iac.audit.rule import Fix, Hit, Item, Rule, every, listed, never, unknown
from acorn.recipes.iac.audit.rules.kubernetes_pods import DANGEROUS, SOCKETS

GRAVE = re.compile(r"(?:/|/etc|/root|/proc|/sys|/boot|/dev|/var/run|/run|/usr|/lib|/var/lib/docker|~/\.ssh|\$HOME)/?$")

ANYBODYS = (7000, 7001, 8020)  # programs of one's own answer there as well: the image has to say what it is


def mounts(item: Item) -> Iterator[tuple[tuple, str]]:
    """[(path, folder or file of the host)]"""
    for index, one in enumerate(listed(item.body.get("volumes"))):
        if isinstance(one, str) and ":" in one and one.startswith(("/", "~", ".", "$")):
            yield ("volumes", index), one.split(":")[0]
        elif isinstance(one, dict) and one.get("type") == "bind" and isinstance(one.get("source"), str):
            yield ("volumes", index, "source"), one["source"]


def sockets(item: Item) -> Iterator[Hit]:
    for path, source in mounts(item):
        if source.endswith(SOCKETS):
            yield Hit(path, f"mounts {source}")


def host_files(item: Item) -> Iterator[Hit]:
    for path, source in mounts(item):
        if GRAVE.fullmatch(source):
            yield Hit(path, f"mounts {source} of the host")


def environment(item: Item) -> Iterator[Hit]:
    found = item.body.get("environment")
    if isinstance(found, dict):
        for key, value in found.items():
            if secrets.named(str(key), str(value)) or secrets.form(str(value)):
                yield Hit(("environment", key), f"{key} is a secret in plain text")
    for index, one in enumerate(found if isinstance(found, list) else ()):
        key, equals, value = str(one).partition("=")
        if equals and (secrets.named(key, value) or secrets.form(value)):
            yield Hit(("environment", index), f"{key} is a secret in plain text")


def image(item: Item) -> Iterator[Hit]:
    name = item.body.get("image")
    if "build" not in item.body and floats(name):
        yield Hit(("image",), f"the image is {name!r}")


def published(item: Item) -> Iterator[Hit]:
    """Ports of databases and the like, on every address of the host."""
    for index, one in enumerate(listed(item.body.get("ports"))):
        target, address = None, ""
        if isinstance(one, dict):
            target, address = one.get("target"), str(one.get("host_ip", ""))
            published_ = one.get("published")
            if published_ in (None, ""):
                continue
        elif isinstance(one, str) and not unknown(one):
            parts = one.split("/")[0].rsplit(":", 2)
            if len(parts) < 2:
                continue
            target, address = parts[-1], parts[0] if len(parts) == 3 else ""
        if str(target).isdigit() and int(target) in SENSITIVE and address in ("", "0.0.0.0", "[::]", "::"):
            if int(target) in ANYBODYS and SENSITIVE[int(target)].lower() not in str(item.body.get("image")).lower():
                continue
            yield Hit(("ports", index), f"port {target} ({SENSITIVE[int(target)]}) answers on every address")


def capabilities(item: Item) -> Iterator[Hit]:
    found = [one for one in listed(item.body.get("cap_add")) if str(one).upper().removeprefix("CAP_") in DANGEROUS]
    if found:
        yield Hit(("cap_add",), f"adds {', '.join(map(str, found))}")


def unconfined(item: Item) -> Iterator[Hit]:
    for index, one in enumerate(listed(item.body.get("security_opt"))):
        if re.fullmatch(r"(?:seccomp|apparmor|systempaths)[=:]unconfined|label[=:]disable", str(one)):
            yield Hit(("security_opt", index), f"{one}")


def unlimited(item: Item) -> Iterator[Hit]:
    if not item.body.get("mem_limit") and not item.get("deploy?/resources?/limits?/memory"):
        yield Hit(("deploy",), "there is no memory limit")


def may_gain(item: Item) -> Iterator[Hit]:
    options = [str(one).replace(":", "=") for one in listed(item.body.get("security_opt"))]
    if not any(one in ("no-new-privileges", "no-new-privileges=true") for one in options):
        fix = Fix(("security_opt",), ["no-new-privileges:true"]) if "security_opt" not in item.body else None
        yield Hit(("security_opt",), "no-new-privileges is missing", fix)


def disks(item: Item) -> Iterator[Hit]:
    for index, one in enumerate(listed(item.body.get("devices"))):
        if re.match(r"/dev/(?:mem|kmem|sd|nvme|vd|xvd|mapper)", str(one)):
            yield Hit(("devices", index), f"gives {one}")


RULES = (
    Rule(
        "ACORN-COMPOSE-001",
        "Privileged container",
        "high",
        {"compose/service": never("privileged", True, fix=False)},
        "It has the devices and the kernel of the host: who gets in owns it.",
        "Drop privileged; add the one capability that is needed.",
        ("CIS Docker 5.5",),
    ),
    Rule(
        "ACORN-COMPOSE-002",
        "Socket of the container runtime in a container",
        "high",
        {"compose/service": sockets},
        "Whoever can talk to Docker is root on the host, with :ro as well.",
        "Use a proxy that lets single calls through, or another design.",
        ("CIS Docker 5.32",),
    ),
    Rule(
        "ACORN-COMPOSE-003",
        "Container on the network of its host",
        "high",
        {"compose/service": never("network_mode", "host")},
        "It sees the host's traffic and reaches what listens on localhost.",
        "Drop network_mode and publish the ports that are needed.",
        ("CIS Docker 5.10",),
    ),
    Rule(
        "ACORN-COMPOSE-004",
        "Container among the processes of its host",
        "high",
        {"compose/service": every(never("pid", "host"), never("ipc", "host"), never("userns_mode", "host"))},
        "It sees and signals what else runs there.",
        "Drop pid, ipc and userns_mode.",
        ("CIS Docker 5.16", "CIS Docker 5.17"),
    ),
    Rule(
        "ACORN-COMPOSE-005",
        "Container with dangerous capabilities",
        "high",
        {"compose/service": capabilities},
        "Some of them are as good as root on the host.",
        "Add only harmless ones such as NET_BIND_SERVICE.",
        ("CIS Docker 5.4",),
    ),
    Rule(
        "ACORN-COMPOSE-006",
        "Secret in plain environment variables",
        "high",
        {"compose/service": environment},
        "It is in the repository, and docker inspect shows it.",
        "Take it from .env (not committed) by ${NAME}, or from secrets:, and change it.",
    ),
    Rule(
        "ACORN-COMPOSE-007",
        "Image that can change",
        "medium",
        {"compose/service": image},
        "The next pull can be other code, and nobody can go back.",
        "Name a version, best with a digest.",
    ),
    Rule(
        "ACORN-COMPOSE-008",
        "Database published to everybody",
        "medium",
        {"compose/service": published},
        "Docker opens the port past the host's firewall.",
        'Drop ports (services reach each other anyway), or bind it: "127.0.0.1:5432:5432".',
        ("CIS Docker 5.14",),
    ),
    Rule(
        "ACORN-COMPOSE-009",
        "Container without a memory limit",
        "low",
        {"compose/service": unlimited},
        "A leak in it takes the host's memory and other containers with it.",
        "Set mem_limit, or deploy.resources.limits.memory.",
        ("CIS Docker 5.11",),
    ),
    Rule(
        "ACORN-COMPOSE-010",
        "Container that runs as root",
        "medium",
        {"compose/service": never("user", "root", "0", "0:0", "root:root")},
        "A break-out from it is root on the host.",
        "Name another user.",
    ),
    Rule(
        "ACORN-COMPOSE-011",
        "Confinement switched off",
        "high",
        {"compose/service": unconfined},
        "Every system call of the kernel is open to it.",
        "Drop seccomp:unconfined and its like from security_opt; allow single calls by a profile of your own.",
        ("CIS Docker 5.22",),
    ),
    Rule(
        "ACORN-COMPOSE-012",
        "Files of the host in a container",
        "high",
        {"compose/service": host_files},
        "It can read or change what belongs to the host.",
        "Mount the one folder that is needed, with :ro where reading is enough.",
        ("CIS Docker 5.6",),
    ),
    Rule(
        "ACORN-COMPOSE-013",
        "Container that can gain rights",
        "low",
        {"compose/service": may_gain},
        "A setuid program in the image makes root of any user.",
        'Set security_opt: ["no-new-privileges:true"].',
        ("CIS Docker 5.26",),
    ),
    Rule(
        "ACORN-COMPOSE-014",
        "Devices of the host in a container",
        "medium",
        {
            "compose/service": disks,
        },
        "With the disk of the host all its files are open.",
        "Drop it from devices, or give the one device that is needed, not a disk or memory.",
        ("CIS Docker 5.18",),
    ),
)
