"""Ansible: what it makes of the hosts: firewalls, SSH, containers, clouds."""

import re
from collections.abc import Iterator

from acorn.recipes.iac.audit import network
from acorn.recipes.iac.audit.rule import (
    LONGEST,
    MISSING,
    Fix,
    Hit,
    Item,
    Rule,
    among,
    every,
    listed,
    matches,
    never,
    says,
)
from acorn.recipes.iac.audit.rules.ansible import SHELLS, per

EDITORS = ("lineinfile", "blockinfile", "replace", "copy")


def no_mode(item: Item) -> Iterator[Hit]:
    """New files take the umask's word for it."""
    if item.body and "mode" not in item.body and item.body.get("state") not in ("absent", "link", "directory"):
        yield Hit(("mode",), "mode is missing")


def edits(pattern: str, note: str):
    """A line that a task writes into a file."""
    compiled = re.compile(pattern, re.IGNORECASE | re.MULTILINE)

    def check(item: Item) -> Iterator[Hit]:
        for name in ("line", "block", "replace", "content"):
            value = item.body.get(name)
            if isinstance(value, str) and compiled.search(value[:LONGEST]) and item.body.get("state") != "absent":
                yield Hit((name,), note)

    return per(EDITORS, check)


def rules_open(item: Item) -> Iterator[Hit]:
    for index, rule in enumerate(listed(item.body.get("rules"))):
        if not isinstance(rule, dict):
            continue
        found = next((key for key in ("cidr_ip", "cidr_ipv6") if network.worldwide(rule.get(key))), None)
        ports = list(network.ranges(rule.get("ports"))) or [
            span for span in [network.span(rule.get("from_port"), rule.get("to_port"))] if span
        ]
        if str(rule.get("proto", "")) in ("all", "-1"):
            ports = [(0, network.LAST)]
        for low, high in ports if found else ():
            opening = network.Opening(("rules", index, found), low, high)
            if opening.all or opening.sensitive:
                yield Hit(opening.path, f"{opening} open to the internet")


def socket(item: Item) -> Iterator[Hit]:
    for index, one in enumerate(listed(item.body.get("volumes"))):
        if isinstance(one, str) and "docker.sock" in one:
            yield Hit(("volumes", index), "mounts docker.sock")
    if among(item.body.get("privileged", False), (True,)):
        yield Hit(("privileged",), "privileged is true", Fix(("privileged",), False))


def floating(item: Item) -> Iterator[Hit]:
    version = item.body.get("version", MISSING)
    if version in (MISSING, "HEAD", "master", "main") and item.body.get("repo"):
        yield Hit(("version",), f"version {says(version)}")


def stopped(item: Item) -> Iterator[Hit]:
    name = str(item.body.get("name", "")).removesuffix(".service")
    off = item.body.get("state") == "stopped" or among(item.body.get("enabled", True), (False,))
    if name in ("firewalld", "ufw", "apparmor", "auditd") and off:
        yield Hit(("state",), f"{name} is stopped")


def unverified(item: Item) -> Iterator[Hit]:
    url = item.body.get("url")
    remote = isinstance(url, str) and re.search(r"\.(?:sh|run|bin|deb|rpm|jar|exe|tar\.\w+|tgz|zip)$", url)
    if remote and not item.body.get("checksum"):
        yield Hit(("checksum",), "checksum is missing")


RULES = (
    Rule(
        "ACORN-ANSIBLE-014",
        "Bucket or object open to everybody",
        "high",
        {
            "ansible/s3_object": never("permission?", "public-read", "public-read-write", "authenticated-read"),
            "ansible/aws_s3": never("permission?", "public-read", "public-read-write", "authenticated-read"),
            "ansible/s3_bucket": every(
                never("acl?", "public-read", "public-read-write", "authenticated-read"),
                never("public_access?/block_public_acls", False, fix=True),
                never("public_access?/block_public_policy", False, fix=True),
                never("public_access?/ignore_public_acls", False, fix=True),
                never("public_access?/restrict_public_buckets", False, fix=True),
            ),
            "ansible/gcp_storage_bucket": never("predefined_default_object_acl?", "publicRead"),
        },
        "Whoever finds the name reads it; scanners try names all day.",
        "Use private, and share single objects by signed URLs.",
    ),
    Rule(
        "ACORN-ANSIBLE-015",
        "Sensitive port open to the internet",
        "high",
        per(("ec2_security_group", "ec2_group"), rules_open),
        "Remote shells and databases are found by scanners within minutes and attacked without pause.",
        "Allow your own networks only.",
    ),
    Rule(
        "ACORN-ANSIBLE-016",
        "Confinement or firewall switched off",
        "medium",
        {
            "ansible/selinux": never("state", "disabled", "permissive", fix="enforcing"),
            "ansible/ufw": never("state", "disabled", fix="enabled"),
            **per(
                ("service", "systemd", "systemd_service"),
                stopped,
            ),
            **per(SHELLS, matches("cmd?", r"\bsetenforce\s+(?:0|[Pp]ermissive)|\bufw\s+disable\b")),
        },
        "What it would have stopped is not stopped.",
        "Keep it on and allow what is needed.",
    ),
    Rule(
        "ACORN-ANSIBLE-017",
        "SSH that lets root or passwords in",
        "high",
        edits(r"^[ \t]*(?:PermitRootLogin\s+yes|PermitEmptyPasswords\s+yes)", "root or empty passwords may log in"),
        "They are guessed day and night.",
        "Set PermitRootLogin no and PermitEmptyPasswords no.",
    ),
    Rule(
        "ACORN-ANSIBLE-018",
        "SSH that takes passwords",
        "medium",
        edits(r"^[ \t]*PasswordAuthentication\s+yes", "passwords may be tried"),
        "They are guessed day and night.",
        "Set PasswordAuthentication no and use keys.",
    ),
    Rule(
        "ACORN-ANSIBLE-019",
        "Root without a password",
        "medium",
        edits(r"NOPASSWD:\s*ALL\b", "NOPASSWD: ALL"),
        "One stolen session is root.",
        "Name the commands that are needed.",
    ),
    Rule(
        "ACORN-ANSIBLE-020",
        "Privileged container",
        "high",
        per(("docker_container", "podman_container"), socket),
        "It is root on its host.",
        "Drop privileged and the socket.",
    ),
    Rule(
        "ACORN-ANSIBLE-021",
        "Download that is not checked",
        "low",
        per(("get_url",), unverified),
        "Another file under the same name is installed unnoticed.",
        "Give its checksum: sha256:...",
    ),
    Rule(
        "ACORN-ANSIBLE-022",
        "New file without a mode",
        "low",
        per(("copy", "template"), no_mode),
        "Who may read it depends on the umask of the host.",
        'Set mode, such as "0644".',
        ("ansible-lint risky-file-permissions",),
    ),
    Rule(
        "ACORN-ANSIBLE-023",
        "Database with a public address or without encryption",
        "high",
        {
            "ansible/rds_instance": every(
                never("publicly_accessible?", True, fix=False), never("storage_encrypted?", False, fix=True)
            )
        },
        "Only a security group then stands between the data and the internet.",
        "Set publicly_accessible: false and storage_encrypted: true.",
    ),
    Rule(
        "ACORN-ANSIBLE-024",
        "Repository at whatever its branch holds",
        "low",
        {"ansible/git": floating},
        "Two hosts of one play can get different code.",
        "Set version to a tag or a commit.",
        ("ansible-lint latest",),
    ),
)
