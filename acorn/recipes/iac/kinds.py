"""What kinds of files there are, and which kind a file is, by its path and its first words; nothing is parsed."""

import re
from dataclasses import dataclass
from pathlib import PurePath


@dataclass(frozen=True)
class Kind:
    name: str
    title: str
    fence: str  # the word after ``` in Markdown
    suffixes: tuple[str, ...]  # of file names, the usual one first


KINDS = {
    kind.name: kind
    for kind in (
        Kind("terraform", "Terraform / OpenTofu", "hcl", (".tf", ".tofu", ".tf.json", ".tofu.json")),
        Kind("kubernetes", "Kubernetes", "yaml", (".yaml", ".yml", ".json")),
        Kind("ansible", "Ansible", "yaml", (".yml", ".yaml")),
        Kind("crossplane", "Crossplane", "yaml", (".yaml", ".yml")),
        Kind("dockerfile", "Dockerfile", "dockerfile", ("Dockerfile", "Containerfile", ".dockerfile")),
        Kind("compose", "Docker Compose", "yaml", ("compose.yaml", "compose.yml", ".yaml", ".yml")),
        Kind("cloudformation", "CloudFormation", "yaml", (".yaml", ".yml", ".json", ".template")),
    )
}

HEAD = 256 * 1024  # characters that are looked at
DOCKERFILE = re.compile(r"(?:.*[._-])?(?:dockerfile|containerfile)(?:[._-].*)?", re.IGNORECASE)
NOT_DOCKERFILE = re.compile(
    r".*\.(?:md|txt|sh|template|tmpl|erb|in|mustache|bak|orig|py|ya?ml|json|j2|go|rs|dockerignore|html|tpl)",
    re.IGNORECASE,
)
# What follows `Dockerfile.` may be anything: then an instruction has to begin a line.
PLAIN_DOCKERFILE = re.compile(r"(?:docker|container)file|.*\.(?:docker|container)file", re.IGNORECASE)
INSTRUCTION = re.compile(
    r"^[ \t]*(?:FROM|RUN|COPY|ADD|ARG|ENV|CMD|ENTRYPOINT|WORKDIR|USER|EXPOSE|LABEL|VOLUME)[ \t]", re.MULTILINE | re.I
)
COMPOSE = re.compile(r"(?:docker-|podman-)?compose(?:[._-].*)?\.ya?ml", re.IGNORECASE)
ANSIBLE_FOLDERS = {"tasks", "handlers", "playbooks", "group_vars", "host_vars"}
ROLE_FOLDERS = {"tasks", "handlers", "vars", "defaults", "meta"}
CROSSPLANE = re.compile(
    r"^[ \-]{0,2}[\"']?apiVersion[\"']?:\s*[\"']?(?:[\w.-]+\.)?(?:crossplane\.io|upbound\.io)/", re.MULTILINE
)
MANIFEST = re.compile(r"^(?:- )?'?apiVersion'?[ \t]*:|^[ \t]{0,4}\{?[ \t]*\"apiVersion\"[ \t]*:[ \t]*\"", re.MULTILINE)
KIND_LINE = re.compile(r"^[ \t]{0,8}\{?[ \t]*[\"']?kind[\"']?[ \t]*:|\"kind\"[ \t]*:", re.MULTILINE)
STACK = re.compile(r"[\"']?AWSTemplateFormatVersion[\"']?\s*:|(?<![A-Za-z])[\"']?Type[\"']?\s*:\s*[\"']?AWS::[A-Z]")
SERVICES = re.compile(r"^services[ \t]*:", re.MULTILINE)
SERVICE_WORDS = re.compile(r"^[ \t]+(?:image|build|extends|deploy|container_name|env_file|ports)[ \t]*:", re.MULTILINE)
ITEM = re.compile(r"(?:- +| {2})[\"']?([\w.-]+)[\"']?\s*:(?:\s|$)")  # a key of an item of the list at the top
MODULE = re.compile(r"(?:[a-z_0-9]+\.){2,}[a-z_0-9]+")
TASK_WORDS = set(
    "block include include_tasks import_tasks include_role import_role include_vars set_fact debug apt yum dnf package "
    "pip service systemd copy template file command shell lineinfile blockinfile replace user group git get_url uri "
    "unarchive assert fail stat wait_for meta cron raw script slurp setup apt_repository apt_key hostname sysctl "
    "find mount modprobe import_playbook ec2 gather_facts synchronize win_feature helm k8s docker_container".split()
)

BLOCK = re.compile(r"( *)(?:.*[:\-?] +)?(?:[!&]\S+ +)*[|>][-+0-9]{0,2}\s*(?: #.*)?")
QUOTED = re.compile(r""""(?:[^"\\\n]|\\.)*"|'[^'\n]*'""")
BUILT_IN = re.compile(r"\{\{[^}\n]{0,200}[\s({-][.$]\.?(?:Values|Release|Chart|Capabilities|Files|Template)\b")
START = r"^[ \t]*(?:- +)*(?:[\w./\"'-]{1,100}[ \t]*:[ \t]+)?"
GO = re.compile(
    START + r"\{\{-?[ \t]*(?:(?:if|else|end|range|with|define|include|template|block|toYaml|tpl|quote|default|printf|"
    r"required|fail)\b|/\*|[$.])",
    re.MULTILINE,
)
JINJA = re.compile(rf"^[ \t]*\{{[%#]|{START}\{{\{{", re.MULTILINE)


def detect(path: str, text: str) -> str | None:
    """The name of a file's kind, or None. A path may be empty: then the text alone decides."""
    name, folders = PurePath(path).name, set(PurePath(path).parts[:-1])
    if name.endswith(KINDS["terraform"].suffixes):
        return "terraform"
    if DOCKERFILE.fullmatch(name) and not NOT_DOCKERFILE.fullmatch(name):
        sure = not text or PLAIN_DOCKERFILE.fullmatch(name) or INSTRUCTION.search(text[:HEAD])
        return "dockerfile" if sure else None
    if name and not name.endswith((".yaml", ".yml", ".json", ".template", ".j2", ".tpl", ".cfn")):
        return None
    head = text[:HEAD].removeprefix("\ufeff")
    if STACK.search(head) and not (MANIFEST.search(head) and KIND_LINE.search(head)):
        return "cloudformation"
    if MANIFEST.search(head) and KIND_LINE.search(head):
        return "crossplane" if CROSSPLANE.search(head) else "kubernetes"
    if COMPOSE.fullmatch(name) or (SERVICES.search(head) and SERVICE_WORDS.search(head)):
        return "compose"
    if not name.endswith((".json", ".template", ".cfn")) and _ansible(folders, head):
        return "ansible"
    return None if name else _unnamed(head)


def _ansible(folders: set[str], head: str) -> bool:
    if ("roles" in folders and folders & ROLE_FOLDERS) or folders & ANSIBLE_FOLDERS:
        return True
    keys = {found[1] for line in head.splitlines() if (found := ITEM.match(line))} if head.find("- ") >= 0 else set()
    if "- hosts" in head or ("hosts" in keys and keys & {"tasks", "roles", "vars", "become", "gather_facts"}):
        return True
    if re.search(r"^- ", head, re.MULTILINE) and (keys & TASK_WORDS or any(MODULE.fullmatch(key) for key in keys)):
        return True
    return bool(
        re.match(r"(?:\s*#.*\n|\s*---.*\n)*(?:all|ungrouped)\s*:", head) and re.search(r"^ +hosts\s*:", head, re.M)
    )


def _unnamed(head: str) -> str | None:
    """The kinds that are no YAML, by what only they hold."""
    if re.search(r"^(?:ARG[ \t].*\n|#.*\n|[ \t]*\n)*FROM[ \t]+\S+", head, re.IGNORECASE) and not re.match(
        r"\s*\{", head
    ):
        return "dockerfile"
    if re.search(
        r'^(?:resource|data|variable|output|module|provider|locals|terraform)\b[\w\s"-]*\{', head, re.MULTILINE
    ):
        return "terraform"
    return None


def template(text: str) -> str | None:
    """
    'a Helm template' or 'a Jinja template' when a program has to fill this YAML in before it is YAML of its kind.
    Braces in quotes or in a block of text are values: Ansible, Prometheus and Argo fill those in themselves.
    """
    if "{{" not in text and "{%" not in text and "{#" not in text:
        return None
    bare = "\n".join(QUOTED.sub('""', line) for line in _outside_blocks(text[:HEAD]))
    if GO.search(bare) or BUILT_IN.search("\n".join(_outside_blocks(text[:HEAD]))):
        return "a Helm template"
    return "a Jinja template" if JINJA.search(bare) else None


def _outside_blocks(text: str) -> list[str]:
    """The lines that are not within a text that | or > begins."""
    found, inside = [], None
    for line in text.splitlines():
        indent = len(line) - len(line.lstrip(" "))
        if inside is not None and (not line.strip() or indent > inside):
            continue
        start = BLOCK.fullmatch(line) if len(line) < 500 and ("|" in line or ">" in line) else None
        inside = indent if start else None
        found.append(line)
    return found
