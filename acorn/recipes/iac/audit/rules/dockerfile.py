"""Dockerfiles: what runs as whom, what is fetched from where, what stays in the image."""

import re
from collections.abc import Iterator

from acorn.recipes.iac.audit import secrets
from acorn.recipes.iac.audit.images import floats
from acorn.recipes.iac.audit.rule import Fix, Hit, Item, Rule

ROOT = ("root", "0")
KEYS = re.compile(r"(?:^|[\s/\"])(?:\.env|id_rsa|id_ed25519|id_ecdsa|\.ssh|\.aws|\.npmrc|\.pypirc|\.netrc|[\w.-]+\.pem|"
                  r"[\w.-]+\.pfx|credentials(?:\.json)?)(?=[\s/\",]|$)")  # fmt: skip
SWITCHES = re.compile(
    r"\b(?:NODE_TLS_REJECT_UNAUTHORIZED|PYTHONHTTPSVERIFY)[ =][\"']?0|\bGIT_SSL_NO_VERIFY[ =][\"']?(?:1|true)"
    r"|\bPIP_TRUSTED_HOST[ =]\S|\bNPM_CONFIG_STRICT_SSL[ =][\"']?false"
)
ARCHIVE = re.compile(r"\.(?:tar|tar\.\w+|tgz|tbz2|txz|zip)$")
INSTALL = r"\b(?:apt-get|apt)\b(?:\s+-[\w=:./-]+)*\s+install\b"


def runs(pattern: str, note: str, but: str = "", fix: tuple[str, str] | None = None):
    """A finding for each RUN in which the pattern is found, and the other one not. fix: (pattern, replacement)"""
    compiled, without = re.compile(pattern), re.compile(but) if but else None

    def check(item: Item) -> Iterator[Hit]:
        text = item.body["text"]
        if (found := compiled.search(text)) and not (without and without.search(text)):
            yield Hit(("text", found.start()), note, Fix((), fix) if fix else None)

    return {"docker/RUN": check}


def last_stage(item: Item) -> dict | None:
    return item.body["stages"][-1] if item.body["stages"] else None


def root(item: Item) -> Iterator[Hit]:
    """The last stage runs as root; a stage that builds on another one has its user."""
    stages = item.body["stages"]
    stage = last_stage(item)
    seen = 0
    while stage and stage["user"] is None and seen < len(stages):
        before = next((one for one in stages if one["as"] and one["as"] == stage["from"]), None)
        if before is None or before is stage:
            break
        stage, seen = before, seen + 1
    if stage is None or stage["from"].lower() == "scratch" and stage["user"] is None:
        return
    user = stage["user"]
    name = (user or "").split(":")[0]
    if user is None and "nonroot" not in stage["from"] and "unprivileged" not in stage["from"]:
        yield Hit((last_stage(item)["line"],), "there is no USER")
    elif user is not None and name in ROOT:
        yield Hit((stage["user_line"],), f"USER is {user}")


def no_health(item: Item) -> Iterator[Hit]:
    stage = last_stage(item)
    if stage and not stage["health"] and stage["from"] != "scratch":
        yield Hit((stage["line"],), "there is no HEALTHCHECK")


def base(item: Item) -> Iterator[Hit]:
    name = item.body["text"].split()[0] if item.body["text"].split() else ""
    names = [one["as"] for one in item.parent.body["stages"][: item.body["stage"]]]
    if name not in (*names, "scratch") and floats(name):
        yield Hit((), f"the image is {name!r}")


def add_url(item: Item) -> Iterator[Hit]:
    words = item.body["text"].split()
    remote = [one for one in words[:-1] if re.match(r"https?://", one.strip('",['))]
    if remote and "checksum" not in item.body["flags"]:
        yield Hit((), f"fetches {remote[0][:60]}")


def add_local(item: Item) -> Iterator[Hit]:
    words = [one.strip('",[]') for one in item.body["text"].split()[:-1]]
    if words and not any(ARCHIVE.search(one) or re.match(r"(?:https?|git)(?:://|@)", one) for one in words):
        yield Hit((), "copies a file", Fix((), (r"(?i)\A(\s*)ADD\b", r"\1COPY")))


def plain_secret(item: Item) -> Iterator[Hit]:
    """ENV A=b C=d, ENV A b, ARG A=b"""
    text = item.body["text"]
    pairs = re.findall(r"([\w.-]+)=(\"(?:[^\"\\]|\\.)*\"|'[^']*'|\S*)", text)
    if not pairs and item.type == "docker/ENV" and len(words := text.split(None, 1)) == 2:
        pairs = [(words[0], words[1])]
    for name, value in pairs:
        value = value.strip("\"'")
        if not value.startswith("$") and (secrets.named(name, value) or secrets.form(value)):
            yield Hit(("text", text.find(name)), f"{name} is a secret in plain text")


def run_secret(item: Item) -> Iterator[Hit]:
    text = item.body["text"]
    found = re.search(r"(?:export\s+|\s|^)([A-Z][A-Z0-9_]*)=([^\s;&|\"'$]+|\"[^\"$]+\"|'[^'$]+')", text)
    if found and secrets.named(found[1], found[2].strip("\"'")):
        yield Hit(("text", found.start(1)), f"{found[1]} is a secret in plain text")
    elif kind := secrets.form(text):
        yield Hit(("text", 0), f"holds {kind}")


def private_files(item: Item) -> Iterator[Hit]:
    sources = " ".join(item.body["text"].split()[:-1])
    if "from" not in item.body["flags"] and (found := KEYS.search(sources)):
        yield Hit((), f"copies {found[0].strip(' /')}")


def ssh_port(item: Item) -> Iterator[Hit]:
    if {"22", "22/tcp"} & set(item.body["text"].split()):
        yield Hit((), "EXPOSE 22")


def relative(item: Item) -> Iterator[Hit]:
    path = item.body["text"].strip("\"' ")
    if path and not path.startswith(("/", "$", "\\")) and not re.match(r"[A-Za-z]:", path):
        yield Hit((), f"WORKDIR {path}")


def env_switch(item: Item) -> Iterator[Hit]:
    if found := SWITCHES.search(item.body["text"]):
        yield Hit(("text", found.start()), f"{found[0].split('=')[0]} switches checks off")


def insecure_run(item: Item) -> Iterator[Hit]:
    if item.body["flags"].get("security") == "insecure":
        yield Hit((), "--security=insecure")
    if item.body["flags"].get("network") == "host":
        yield Hit((), "--network=host")


RULES = (
    Rule(
        "ACORN-DOCKER-001",
        "Image that runs as root",
        "medium",
        {"docker/file": root},
        "A break-out from the container is root on its host.",
        "Make a user and end with USER and its name or number.",
        ("CKV_DOCKER_3", "CKV_DOCKER_8", "DL3002", "CIS Docker 4.1"),
    ),
    Rule(
        "ACORN-DOCKER-002",
        "Base image that can change",
        "medium",
        {"docker/FROM": base},
        "Tomorrow's build is another one; nobody can go back.",
        "Name a version, best with a digest.",
        ("CKV_DOCKER_7", "DL3006", "DL3007"),
    ),
    Rule(
        "ACORN-DOCKER-003",
        "ADD of a URL",
        "medium",
        {"docker/ADD": add_url},
        "Whatever the server sends is in the image, without a check.",
        "Use ADD --checksum=sha256:..., or fetch it in RUN and check its digest.",
        ("CKV_DOCKER_4",),
    ),
    Rule(
        "ACORN-DOCKER-004",
        "Secret in the image",
        "high",
        {"docker/ENV": plain_secret, "docker/ARG": plain_secret, "docker/RUN": run_secret},
        "Everybody who can pull the image reads it from its layers, even after it is deleted.",
        "Use RUN --mount=type=secret for builds and pass secrets when the container starts; change this one.",
        ("CIS Docker 4.10",),
    ),
    Rule(
        "ACORN-DOCKER-005",
        "Script run straight from the net",
        "high",
        runs(
            r"(?:curl|wget)\b[^|;&\n]*\|\s*(?:sudo\s+)?(?:ba|z|da)?sh\b|(?:ba|z|da)?sh\s+(?:-c\s+)?[\"']?[<$]\(\s*(?:curl|wget)\b",
            "runs what it fetches",
        ),
        "Whoever controls the page, or the way to it, controls the image.",
        "Fetch a fixed version, check its digest, then run it.",
    ),
    Rule(
        "ACORN-DOCKER-006",
        "sudo in an image",
        "low",
        runs(r"(?:^|[;&|]\s*|\s)sudo\s+(?!-k)\w", "uses sudo", r"install[^;&|]*\bsudo\b(?![^;&|]*&&\s*sudo)"),
        "Builds are root already; sudo that stays lets the user become root again.",
        "Drop sudo; switch with USER.",
        ("CKV2_DOCKER_1", "DL3004"),
    ),
    Rule(
        "ACORN-DOCKER-007",
        "Image without a health check",
        "low",
        {"docker/file": no_health},
        "A process that hangs looks well.",
        "Add a HEALTHCHECK, unless Kubernetes probes it.",
        ("CKV_DOCKER_2", "CIS Docker 4.6"),
    ),
    Rule(
        "ACORN-DOCKER-008",
        "ADD where COPY does",
        "low",
        {"docker/ADD": add_local},
        "ADD also unpacks archives and fetches URLs, which may not be meant.",
        "Use COPY.",
        ("CKV_DOCKER_4", "DL3020", "CIS Docker 4.9"),
    ),
    Rule(
        "ACORN-DOCKER-009",
        "Files that everybody may write",
        "medium",
        runs(
            r"\bchmod\s+(?:-\w+\s+)*(?:0?777|[ao]\+\w*w\w*|ugo\+\w*w)\b", "everybody may write there",
            fix=(r"(\bchmod\s+(?:-\w+\s+)*)0?777\b", r"\g<1>755"),
        ),
        "Whoever gets in can change the program.",
        "Give the owner the rights that are needed: COPY --chown, chmod 755.",
    ),
    Rule(
        "ACORN-DOCKER-010",
        "Packages that nobody asked for",
        "low",
        runs(
            INSTALL, "apt-get install without --no-install-recommends", r"--no-install-recommends|Install-Recommends",
            (rf"({INSTALL})", r"\1 --no-install-recommends"),
        ),
        "Every package more is a hole more.",
        "Use apt-get install --no-install-recommends.",
        ("DL3015",),
    ),
    Rule(
        "ACORN-DOCKER-011",
        "Lists of packages left in the image",
        "low",
        runs(
            INSTALL, "/var/lib/apt/lists stays", r"/var/lib/apt/lists|--mount=type=cache|apt-get\s+(?:dist)?clean",
            (r"(?s)\A(?!.*<<)(?!\s*RUN\s*\[)(.*\S)\s*\Z", r"\1 \\\n    && rm -rf /var/lib/apt/lists/*"),
        ),
        "They make the image bigger and are never used again.",
        "End the RUN with && rm -rf /var/lib/apt/lists/*.",
        ("DL3009",),
    ),
    Rule(
        "ACORN-DOCKER-012",
        "pip's cache left in the image",
        "low",
        runs(
            r"\bpip3?\s+install\b", "pip install without --no-cache-dir",
            r"--no-cache-dir|PIP_NO_CACHE_DIR|--mount=type=cache", (r"(\bpip3?\s+install)\b", r"\1 --no-cache-dir"),
        ),
        "It makes the image bigger and is never used again.",
        "Use pip install --no-cache-dir.",
        ("DL3042",),
    ),
    Rule(
        "ACORN-DOCKER-013",
        "Certificates that are not checked",
        "medium",
        {
            **runs(
                r"\bcurl\b[^;&|]*\s(?:-\w*k\w*|--insecure)\b|\bwget\b[^;&|]*--no-check-certificate|--trusted-host\b"
                r"|strict-ssl\s+false|http\.sslVerify\s+false|sslverify=(?:0|false)",
                "certificates are not checked",
            ),
            "docker/ENV": env_switch,
        },
        "Whoever stands on the way decides what comes into the image.",
        "Drop the switch; add the missing certificate to the image instead.",
        ("CKV2_DOCKER_2", "CKV2_DOCKER_3", "CKV2_DOCKER_4"),
    ),
    Rule(
        "ACORN-DOCKER-014",
        "SSH in a container",
        "medium",
        {"docker/EXPOSE": ssh_port},
        "It is one more door, with keys that nobody rotates.",
        "Use docker exec or kubectl exec.",
        ("CKV_DOCKER_1",),
    ),
    Rule(
        "ACORN-DOCKER-015",
        "Packages without signatures",
        "medium",
        runs(
            r"--allow-unauthenticated|--force-yes|--nogpgcheck|--allow-untrusted|--nosignature|--nodigest",
            "signatures are not checked",
        ),
        "A changed package goes into the image unnoticed.",
        "Drop the switch; add the key of the repository.",
        ("CKV2_DOCKER_7", "CKV2_DOCKER_8", "CKV2_DOCKER_9", "CKV2_DOCKER_11"),
    ),
    Rule(
        "ACORN-DOCKER-016",
        "Private file copied into the image",
        "high",
        {"docker/COPY": private_files, "docker/ADD": private_files},
        "Everybody who can pull the image has it.",
        "Use RUN --mount=type=secret or type=ssh, and name the file in .dockerignore.",
    ),
    Rule(
        "ACORN-DOCKER-017",
        "Something fetched in plain HTTP",
        "medium",
        runs(
            r"\b(?:curl|wget)\b[^;&|]*\bhttp://(?!localhost|127\.|0\.0\.0\.0)", "fetches in plain HTTP",
            r"(?:sha256sum|sha512sum|gpg)\b",
        ),
        "Whoever stands on the way can put something else in its place.",
        "Use https, and check a digest.",
    ),
    Rule(
        "ACORN-DOCKER-018",
        "Relative WORKDIR",
        "low",
        {"docker/WORKDIR": relative},
        "Where it leads depends on what the base image did.",
        "Use an absolute path.",
        ("CKV_DOCKER_10", "DL3000"),
    ),
    Rule(
        "ACORN-DOCKER-019",
        "Build step with the rights of the host",
        "medium",
        {"docker/RUN": insecure_run},
        "What is built there can reach past the build.",
        "Drop --security=insecure and --network=host.",
    ),
    Rule(
        "ACORN-DOCKER-020",
        "Password set in the image",
        "high",
        runs(
            r"\bchpasswd\b|\bpasswd\s+--stdin|\busermod\b[^;&|]*\s-p\s|\buseradd\b[^;&|]*\s(?:-p|--password)\s",
            "sets a password",
        ),
        "Everybody who can pull the image knows it.",
        "Containers need no passwords: drop it.",
        ("CKV2_DOCKER_17",),
    ),
    Rule(
        "ACORN-DOCKER-021",
        "Everything upgraded in a build",
        "low",
        runs(r"\bapt(?:-get)?\s+(?:-\w+\s+)*dist-upgrade\b", "dist-upgrade"),
        "Two builds of one file differ, and the base image says nothing any more.",
        "Take a newer base image.",
        ("DL3005",),
    ),
    Rule(
        "ACORN-DOCKER-022",
        "apk's cache left in the image",
        "low",
        runs(
            r"\bapk\s+(?:-\S+\s+)*add\b", "apk add without --no-cache",
            r"--no-cache|--mount=type=cache|/var/cache/apk", (r"(\bapk\s+(?:-\S+\s+)*add)\b", r"\1 --no-cache"),
        ),
        "It makes the image bigger and is never used again.",
        "Use apk add --no-cache.",
        ("DL3019",),
    ),
)  # fmt: skip
