"""
Compose files: the JSON schema of compose-spec, then what `docker compose config` refuses beyond it: names that lead to
no service, network, volume, config or secret of the file, ports, durations, sizes. Parsed: the sections of the file.
"""

import re
from collections.abc import Iterator
from functools import cache

from acorn.errors import did_you_mean
from acorn.recipes.iac.schemas.packed import packed
from acorn.recipes.iac.validate.dockerfile import IMAGE
from acorn.recipes.iac.validate.documents import few, load, placed
from acorn.recipes.iac.validate.findings import Finding
from acorn.recipes.iac.validate.shape import Problem, Shape, name, short

MAX_CHARS, MAX_DEPTH = 2**20, None
SECTIONS = ("services", "networks", "volumes", "configs", "secrets", "models")
WHOLE = re.compile(r"(?:^|/)(?:docker-|podman-)?compose\.ya?ml$")  # others may be laid over one of these
PORT = re.compile(
    r"(?:(?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-fA-F:]+\]):)?(?:(\d+)?(?:-(\d+))?:)?(\d+)(?:-(\d+))?(?:/\w+)?"
)
DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h|d|w))+|0")
SIZE = re.compile(r"\d+(?:\.\d+)?\s*(?:[kmgtp]i?b?|b)?|-1", re.IGNORECASE)
RESTART = re.compile(r"no|always|unless-stopped|on-failure(?::\d+)?|")
TRUTH = re.compile(r"true|false|yes|no|on|off|y|n|1|0", re.IGNORECASE)
WHOLE_NUMBER = re.compile(r"-?\d+(?:\.0+)?")
NAMED_VOLUME = re.compile(r"([A-Za-z0-9][\w.-]*):[^\\]")


def read(text: str, path: str = "") -> tuple[dict, list[Finding]]:
    """path: of the file; docker-compose.prod.yml may lack what docker-compose.yml has."""
    docs, findings = load(text, "1.2")
    if not docs:
        return {}, findings or [Finding("no service", rule="empty")]
    doc = docs[0]
    if len(docs) > 1:
        findings.append(Finding("a Compose file is one document", docs[1].line, 1, "several-documents"))
    if not isinstance(doc.value, dict):
        return {}, [
            *findings,
            Finding(f"a Compose file is a mapping, not {name(doc.value)}", doc.line, 1, "wrong-type"),
        ]
    found = Shape(resolve, accept=filled_in).check(doc.value, schema())
    if not found:
        whole = not path or bool(WHOLE.search(path))
        found = [*few(project(doc.value, whole and "include" not in doc.value))]
    parsed = {key: doc.value[key] for key in SECTIONS if isinstance(doc.value.get(key), dict)}
    return parsed, findings + [placed(one, doc) for one in found]


@cache
def schema() -> dict:
    return packed("compose").part("schema")


def resolve(ref: str) -> dict:
    return schema()["$defs"][ref.rpartition("/")[2]]


def filled_in(value) -> bool:
    """${PORT} is put in before the types are looked at."""
    return isinstance(value, str) and re.search(r"\$(?:\{|\w)", value) is not None


def mapping(value) -> dict:
    return value if isinstance(value, dict) else {}


def project(file: dict, whole: bool) -> Iterator[Problem]:
    services = mapping(file.get("services"))
    if not services and whole:
        yield Problem((), "there is no service", "missing-field")
    for word, service in services.items():
        if isinstance(service, dict):
            path = ("services", word)
            yield from values(service, path)
            if whole:
                yield from references(file, service, path)
    for section in ("networks", "volumes", "configs", "secrets"):
        for word, one in mapping(file.get(section)).items():
            if isinstance(one, dict) and one.get("external") is True and len(set(one) - {"external", "name"}):
                other = sorted(str(key) for key in set(one) - {"external", "name"} if not str(key).startswith("x-"))
                if other:
                    said = f"what is external has no {other[0]}"
                    yield Problem((section, word, other[0]), said, "exclusive-fields")
    if whole and (circle := cycle(services)):
        yield Problem(("services", circle[0]), f"these wait for each other: {' -> '.join(circle)}", "cycle")


def references(file: dict, service: dict, path: tuple) -> Iterator[Problem]:
    if not any(key in service for key in ("image", "build", "extends", "provider")):
        yield Problem(path, "image or build is missing", "missing-field")
    services = mapping(file.get("services"))
    for field in ("depends_on", "links", "volumes_from"):
        wanted = service.get(field) or []
        for key, one in wanted.items() if isinstance(wanted, dict) else enumerate(wanted):
            word = str(key if isinstance(wanted, dict) else one).partition(":")[0]
            optional = isinstance(one, dict) and one.get("required") is False
            if word not in services and not optional and not filled_in(word) and not str(one).startswith("container:"):
                yield missing("service", word, services, (*path, field, key))
    for field in ("network_mode", "pid", "ipc"):
        kind, _, word = str(service.get(field) or "").partition(":")
        if kind == "service" and word not in services and not filled_in(word):
            yield missing("service", word, services, (*path, field))
    extends = service.get("extends")
    base = extends.get("service") if isinstance(extends, dict) and "file" not in extends else extends
    if isinstance(base, str) and base not in services and not filled_in(base):
        yield missing("service", base, services, (*path, "extends"))
    if service.get("network_mode") and service.get("networks"):
        yield Problem((*path, "network_mode"), "network_mode and networks exclude each other", "exclusive-fields")
    for section in ("networks", "configs", "secrets"):
        known = mapping(file.get(section))
        wanted = service.get(section) or []
        for key, one in wanted.items() if isinstance(wanted, dict) else enumerate(wanted):
            word = key if isinstance(wanted, dict) else one.get("source") if isinstance(one, dict) else one
            if isinstance(word, str) and word not in known and word != "default" and not filled_in(word):
                yield missing(section[:-1], word, known, (*path, section, key))
    known = mapping(file.get("volumes"))
    for index, one in enumerate(service.get("volumes") or []):
        if isinstance(one, dict):
            word = one.get("source") if one.get("type") == "volume" else None
        else:
            found = NAMED_VOLUME.match(str(one))
            word = found[1] if found and len(found[1]) > 1 else None  # one letter is a drive of Windows
        if isinstance(word, str) and word not in known and not filled_in(word):
            yield missing("volume", word, known, (*path, "volumes", index))


def missing(kind: str, word: str, known: dict, path: tuple) -> Problem:
    return Problem(path, f"there is no {kind} {word[:60]} in the file.{did_you_mean(word, known)}", "unknown-reference")


def cycle(services: dict) -> list[str]:
    """Services that depend on each other in a circle, or []."""
    after = {}
    for word, service in services.items():
        wanted = mapping(service).get("depends_on") or []
        after[word] = [one for one in wanted if isinstance(one, str) and one in services]
    done: set[str] = set()
    for start in after:
        trail, open_ = {start: None}, [iter(after[start])]  # a dict keeps the order
        while open_:
            following = next(open_[-1], None)
            if following is None:
                done.add(trail.popitem()[0])
                open_.pop()
            elif following in trail:
                circle = list(trail)
                return [*circle[circle.index(following) :], following]
            elif following not in done:
                trail[following] = None
                open_.append(iter(after[following]))
    return []


def values(service: dict, path: tuple) -> Iterator[Problem]:
    image = service.get("image")
    if isinstance(image, str) and not filled_in(image) and not IMAGE.fullmatch(image):
        yield Problem((*path, "image"), f"{short(image)} is not the name of an image", "wrong-value")
    for field in ("ports", "expose"):
        for index, one in enumerate(service.get(field) or []):
            if isinstance(one, str | int | float) and not filled_in(one) and not is_port(str(one)):
                yield Problem((*path, field, index), f'{short(one)} is not a port such as "8080:80"', "wrong-value")
    check = mapping(service.get("healthcheck"))
    for field in ("interval", "timeout", "start_period", "start_interval"):
        yield from fits(check.get(field), DURATION, (*path, "healthcheck", field), "a duration such as 30s")
    yield from fits(service.get("stop_grace_period"), DURATION, (*path, "stop_grace_period"), "a duration such as 30s")
    for field in ("mem_limit", "memswap_limit", "mem_reservation", "shm_size"):
        yield from fits(service.get(field), SIZE, (*path, field), "a size such as 512m")
    resources = mapping(mapping(service.get("deploy")).get("resources"))
    for field in ("limits", "reservations"):
        memory = mapping(resources.get(field)).get("memory")
        yield from fits(memory, SIZE, (*path, "deploy", "resources", field, "memory"), "a size such as 512M")
    for field in ("privileged", "read_only", "tty", "stdin_open", "init", "oom_kill_disable"):
        yield from fits(service.get(field), TRUTH, (*path, field), "true or false")
    yield from fits(check.get("disable"), TRUTH, (*path, "healthcheck", "disable"), "true or false")
    yield from fits(check.get("retries"), WHOLE_NUMBER, (*path, "healthcheck", "retries"), "an integer")
    replicas = mapping(service.get("deploy")).get("replicas")
    yield from fits(replicas, WHOLE_NUMBER, (*path, "deploy", "replicas"), "an integer")
    for field in ("scale", "pids_limit", "mem_swappiness"):
        yield from fits(service.get(field), WHOLE_NUMBER, (*path, field), "an integer")
    policies = "one of no, always, on-failure, unless-stopped"
    yield from fits(service.get("restart"), RESTART, (*path, "restart"), policies)


def fits(value, pattern: re.Pattern, path: tuple, what: str) -> Iterator[Problem]:
    if (
        value is not None
        and isinstance(value, str | int | float)
        and not filled_in(value)
        and not pattern.fullmatch(str(value).strip())
    ):
        yield Problem(path, f"{short(value)} is not {what}", "wrong-value")


def is_port(text: str) -> bool:
    found = PORT.fullmatch(text)
    return bool(found) and all(part is None or int(part[:9]) < 65536 for part in found.groups())
