"""Ansible: secrets, certificates, rights of files, what is fetched and run."""

import re
from collections.abc import Iterator

from acorn.recipes.iac.audit import secrets
from acorn.recipes.iac.audit.rule import LONGEST, MISSING, Fix, Hit, Item, Rule, among, every, matches, never, says

VALIDATED = (
    "uri", "get_url", "yum", "dnf", "apt", "unarchive", "win_get_url", "win_uri", "k8s", "helm", "docker_login",
    "grafana_dashboard", "zabbix_host", "vmware_guest", "jenkins_plugin", "aci_tenant", "pip",
)  # fmt: skip
FILES = ("file", "copy", "template", "get_url", "lineinfile", "blockinfile", "unarchive", "synchronize", "replace")
SHELLS = ("shell", "command", "raw")
FETCHED = r"(?:curl|wget)\b[^|;&\n]*\|\s*(?:sudo\s+)?(?:ba|z|da)?sh\b"
PLAIN = r"^(?:http|ftp)://(?!localhost|127\.|169\.254\.|\[::1\]|\{\{)"
# The first word of a command -> the module that does it, and says whether something changed.
MODULES = {
    "apt-get": "apt", "apt": "apt", "yum": "yum", "dnf": "dnf", "pip": "pip", "pip3": "pip", "systemctl": "systemd",
    "service": "service", "useradd": "user", "usermod": "user", "groupadd": "group", "mkdir": "file", "chmod": "file",
    "chown": "file", "ln": "file", "touch": "file", "git": "git", "mount": "mount", "hostnamectl": "hostname",
    "sysctl": "sysctl", "tar": "unarchive", "unzip": "unarchive", "wget": "get_url", "curl": "get_url or uri",
    "rsync": "synchronize", "crontab": "cron", "npm": "npm", "ufw": "ufw", "iptables": "iptables",
}  # fmt: skip
READS = {("git", "rev-parse"), ("git", "describe"), ("git", "status"), ("git", "log"), ("systemctl", "status"),
         ("systemctl", "is-active"), ("systemctl", "show"), ("pip", "freeze"), ("pip", "list"), ("npm", "run"),
         ("git", "config"), ("systemctl", "list-units"), ("iptables", "-L"), ("sysctl", "-n")}  # fmt: skip


def per(modules: tuple, check) -> dict:
    return {f"ansible/{module}": check for module in modules}


def vaulted(item: Item) -> Iterator[Hit]:
    """Of arguments and variables; of a task or a play itself, what it gives to the environment."""
    around = item.type in ("ansible/task", "ansible/play")
    body = {"environment": item.body.get("environment")} if around else item.body
    for path, what in secrets.found(body):
        if not any(isinstance(part, str) and part in ("update_password", "when", "msg") for part in path):
            yield Hit(path, what)


def shown(item: Item) -> Iterator[Hit]:
    """A password passes through a task that is logged."""
    if item.type.partition("/")[2] in ("task", "vars", "play", "set_fact", "debug", "include_vars"):
        return
    found = item.body.items() if isinstance(item.body, dict) else ()
    names = [name for name, value in found if value and isinstance(value, str) and secrets.about(str(name))]
    quiet, parent = False, item.parent
    while parent is not None and not quiet:
        quiet = parent.body.get("no_log", False) not in (False, None)
        parent = parent.parent
    if names and item.parent is not None and not quiet:
        yield Hit((names[0],), f"no_log is missing although {names[0]} is given")


def wide_mode(item: Item) -> Iterator[Hit]:
    mode = item.body.get("mode", MISSING)
    text = mode if isinstance(mode, str) else ""
    if isinstance(mode, int) and not isinstance(mode, bool):
        text = f"{mode:o}" if mode < 0o10000 else str(mode)
        if str(mode) in ("777", "666", "776", "767", "1777"):  # 777 without the zero, read as a decimal number
            text = str(mode)
    numeric = re.fullmatch(r"0?[0-7]?[0-7][0-7]([0-7])", text)
    sticky = re.fullmatch(r"0?1777", text)
    if (numeric and int(numeric[1]) & 2 and not sticky) or re.search(r"(?:^|,)[ao]\w*[+=]\w*w", text):
        yield Hit(("mode",), f"mode {says(mode)}", Fix(("mode",), "0755" if text.endswith("777") else "0644"))


def shell_words(item: Item) -> Iterator[Hit]:
    text = str(item.body.get("cmd", item.body.get("argv", "")))[:LONGEST]
    words = text.replace("sudo ", "", 1).split()
    if len(words) < 2 or re.search(r"[|<>;&`]|\$\(", text) or "{%" in text:
        return
    name = words[0].rsplit("/", 1)[-1]
    if name in MODULES and (name, words[1]) not in READS and not item.body.get("creates"):
        yield Hit((), f"{name}: there is the module {MODULES[name]}")


def loose(item: Item) -> Iterator[Hit]:
    """become_user does nothing without become."""
    body = item.body
    if body.get("become_user") not in (None, "") and "become" not in body:
        parent, asked = item.parent, False
        while parent is not None and not asked:
            asked, parent = "become" in parent.body, parent.parent
        if not asked:
            yield Hit(("become_user",), "become_user without become", Fix(("become",), True))


def ignored(item: Item) -> Iterator[Hit]:
    if among(item.body.get("ignore_errors", False), (True,)) and "register" not in item.body:
        yield Hit(("ignore_errors",), "ignore_errors is true")


def quoted(item: Item) -> Iterator[Hit]:
    """{{ x }} in a shell without the filter quote."""
    text = str(item.body.get("cmd", ""))[:LONGEST]
    for found in re.finditer(r"\{\{\s*([\w.]*(?:item|user|input|name|arg)[\w.]*)\s*\}\}", text):
        before = text[: found.start()]
        if before.count("'") % 2 == 0 and before.count('"') % 2 == 0:
            yield Hit((), f"{{{{ {found[1]} }}}} without the filter quote")
            return


RULES = (
    Rule(
        "ACORN-ANSIBLE-001",
        "Secret in plain text",
        "high",
        {"ansible/*": vaulted},
        "Everybody who can read the repository and its history has it.",
        "Encrypt it with ansible-vault or look it up, and change it.",
    ),
    Rule(
        "ACORN-ANSIBLE-002",
        "Password that is logged",
        "medium",
        {"ansible/*": shown},
        "Its value stands in the output of ansible-playbook and in logs of CI.",
        "Set no_log: true.",
        ("ansible-lint no-log-password",),
    ),
    Rule(
        "ACORN-ANSIBLE-003",
        "Certificates that are not checked",
        "medium",
        {
            **per(VALIDATED, never("validate_certs", False, fix=True)),
            "ansible/git": matches("*?", r"http\.sslVerify=false"),
            "ansible/vars": never("ansible_winrm_server_cert_validation", "ignore", fix="validate"),
        },
        "Whoever stands on the way can answer in its place.",
        "Drop validate_certs: false; trust the missing certificate instead.",
        ("CKV_ANSIBLE_1", "CKV_ANSIBLE_2", "CKV_ANSIBLE_3", "CKV2_ANSIBLE_6"),
    ),
    Rule(
        "ACORN-ANSIBLE-004",
        "Files that everybody may write",
        "medium",
        per(FILES, wide_mode),
        "Any user or broken service can change them.",
        'Give the owner the rights that are needed, such as mode: "0644".',
    ),
    Rule(
        "ACORN-ANSIBLE-005",
        "Command where a module does it",
        "low",
        per(SHELLS, shell_words),
        "A command runs each time, says nothing about changes and can't be checked beforehand.",
        "Use the module that the finding names; where there is none, set changed_when and creates.",
        ("ansible-lint command-instead-of-module",),
    ),
    Rule(
        "ACORN-ANSIBLE-006",
        "User that is never become",
        "medium",
        {"ansible/task": loose, "ansible/play": loose},
        "Without become the task runs as whoever logs in.",
        "Set become: true beside it.",
        ("ansible-lint partial-become",),
    ),
    Rule(
        "ACORN-ANSIBLE-007",
        "Something fetched in plain HTTP",
        "medium",
        {
            **per(("get_url", "uri", "win_get_url"), matches("url", PLAIN)),
            "ansible/unarchive": matches("src", PLAIN),
            **per(("yum", "dnf"), matches("name?", PLAIN)),
            "ansible/apt": matches("deb?", PLAIN),
            "ansible/apt_key": matches("url?", PLAIN),
            "ansible/rpm_key": matches("key?", PLAIN),
            "ansible/yum_repository": matches("baseurl?", PLAIN),
            "ansible/git": matches("repo?", PLAIN),
        },
        "Whoever stands on the way can put something else in its place.",
        "Fetch it by https, with a checksum where the module takes one.",
        ("CKV2_ANSIBLE_1", "CKV2_ANSIBLE_2"),
    ),
    Rule(
        "ACORN-ANSIBLE-008",
        "Errors that are passed over",
        "low",
        {"ansible/task": ignored},
        "A task that failed to lock something down looks like one that did.",
        "Use failed_when, or register the result and look at it.",
        ("ansible-lint ignore-errors",),
    ),
    Rule(
        "ACORN-ANSIBLE-009",
        "Packages without signatures",
        "high",
        {
            **per(("yum", "dnf", "zypper"), never("disable_gpg_check", True, fix=False)),
            "ansible/apt": every(never("allow_unauthenticated", True, fix=False), never("force", True, fix=False)),
            "ansible/yum_repository": never("gpgcheck", False, fix=True),
            "ansible/rpm_key": never("validate_certs", False, fix=True),
        },
        "A changed package is installed unnoticed.",
        "Check signatures; add the key of the repository.",
        ("CKV_ANSIBLE_5", "CKV_ANSIBLE_6", "CKV2_ANSIBLE_4"),
    ),
    Rule(
        "ACORN-ANSIBLE-010",
        "Keys of hosts that are not checked",
        "medium",
        {
            "ansible/vars": every(
                never("ansible_host_key_checking", False, fix=True),
                matches("ansible_ssh_common_args?", r"StrictHostKeyChecking[= ]no"),
                matches("ansible_ssh_extra_args?", r"StrictHostKeyChecking[= ]no"),
            ),
            "ansible/git": never("accept_hostkey", True, fix=False),
            **per(SHELLS, matches("cmd?", r"StrictHostKeyChecking[= ]no")),
        },
        "Another machine can answer in its place and take the passwords.",
        "Put the keys into known_hosts.",
    ),
    Rule(
        "ACORN-ANSIBLE-011",
        "Script run straight from the net",
        "high",
        per(SHELLS, matches("cmd?", FETCHED)),
        "Whoever controls the page, or the way to it, runs commands on every host.",
        "Fetch it with get_url and a checksum, then run it.",
    ),
    Rule(
        "ACORN-ANSIBLE-012",
        "Packages that move by themselves",
        "low",
        per(("apt", "yum", "dnf", "package", "pip", "apk", "zypper"), never("state", "latest", fix="present")),
        "Two hosts of one play can run different versions, and nobody can go back.",
        "Use state: present, with a version.",
        ("ansible-lint package-latest",),
    ),
    Rule(
        "ACORN-ANSIBLE-013",
        "Variable in a shell without quotes",
        "low",
        {"ansible/shell": quoted},
        "A value with a semicolon in it is a command.",
        "Write {{ x | quote }}.",
    ),
)
