"""Faults for benchmarks/iac_yaml.py: a right text of a kind -> the same text with one mistake, as people make them."""

import random
import re

from acorn.recipes.iac.validate.ansible_modules import FREE as FREE_FORM
from acorn.recipes.iac.validate.ansible_modules import OPEN, resolve, spec
from acorn.recipes.iac.yamls import YamlError, documents

# Below these keys of manifests, names are the writer's own.
FREE = set(
    "labels annotations matchLabels data stringData binaryData nodeSelector limits requests parameters hard default "
    "defaultRequest max min capacity volumeAttributes options openAPIV3Schema selector config attributes".split()
)
NEEDED = set(
    "apiVersion kind containers image template containerPort scaleTargetRef maxReplicas schedule jobTemplate roleRef "
    "accessModes mountPath provisioner verbs compositeTypeRef package versions names functionRef step".split()
)
TEXT_TOO = set(  # a text may stand here as well as a list or a mapping
    "command entrypoint build env_file dns dns_search tmpfs test extends label_file include args tags hosts "
    "gather_subset vars_files roles develop x-common".split()
)
TASKS = ("tasks", "handlers", "pre_tasks", "post_tasks", "block", "rescue", "always")


def place(kind: str, path: tuple, doc) -> str:
    """What a key is: 'name' (the kind knows which there are), 'needed', 'mapping' (or list); '' the writer's own."""
    last, top = path[-1], path[0]
    if kind == "kubernetes":
        if FREE & set(path[:-1]) or "kustomize" in str(doc.value.get("apiVersion")) and len(path) > 1:
            return ""
        return "needed" if last in NEEDED and (len(path) == 1 or last not in ("apiVersion", "kind")) else "name"
    if kind == "crossplane":
        group = str(doc.value.get("apiVersion")).partition("/")[0]
        if len(path) == 1 or (len(path) == 2 and top == "spec" and group.endswith((".crossplane.io", ".upbound.io"))):
            return "needed" if last in NEEDED else "name"
        known = group.endswith((".aws.upbound.io", ".aws.m.upbound.io"))
        return "name" if known and path[:2] == ("spec", "forProvider") and len(path) == 3 else ""
    if kind == "compose":
        if len(path) == 1 or (top == "services" and len(path) == 3):
            alone = last == "image" and "build" not in doc.value["services"][path[1]]
            return "needed" if alone or path == ("services",) else "name"
        return (
            "name" if top == "services" and len(path) == 4 and path[2] in ("healthcheck", "deploy", "logging") else ""
        )
    if kind == "cloudformation":
        if len(path) == 1 or (top == "Resources" and len(path) == 3):
            return "needed" if last in ("Type", "Resources") else "name"
        about = doc.value["Resources"].get(path[1]) if top == "Resources" else None
        type_ = str(about.get("Type")) if isinstance(about, dict) else ""
        known = type_.startswith("AWS::") and not type_.startswith(("AWS::Serverless", "AWS::CloudFormation"))
        return "name" if known and len(path) == 4 and path[2] == "Properties" and "Globals" not in doc.value else ""
    outer = [part for part in path if isinstance(part, str)]
    if not isinstance(doc.value, list):
        return ""
    if all(part in TASKS for part in outer[:-1]):
        return "needed" if last == "hosts" else "name"
    if len(outer) > 1 and all(part in TASKS for part in outer[:-2]) and (module := resolve(outer[-2])):
        known = module not in FREE_FORM | OPEN and "free_form" not in spec(module)["o"]
        return ("needed" if spec(module)["o"].get(last, {}).get("r") else "name") if known else ""
    return ""


def keys(value, doc, path=()):
    """(path, line, column) of every key of a document, with what it holds."""
    if isinstance(value, dict):
        for key, one in value.items():
            line, column = doc.position((*path, key))
            yield (*path, key), line, column, one
            yield from keys(one, doc, (*path, key))
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from keys(one, doc, (*path, index))


def misspelt(rng: random.Random, word: str) -> str:
    at = rng.randrange(1, len(word))
    return rng.choice([word[:at] + word[at + 1 :], word[:at] + word[at] + word[at:], word[: at - 1] + word[at] +
                       word[at - 1] + word[at + 1 :]])  # fmt: skip


def block(lines: list[str], line: int, column: int) -> int:
    """The line behind all that belongs to the key at (line, column), both from 1."""
    end = line
    while end < len(lines):
        text = lines[end]
        indent = len(text) - len(text.lstrip(" "))
        if text.strip() and not (indent >= column or (indent == column - 1 and text.lstrip().startswith("- "))):
            break
        end += 1
    return end


def plant(rng: random.Random, kind: str, text: str) -> tuple[str, str] | None:
    """(what was done, the text) or None where this text has no place for the fault that was drawn."""
    fault = rng.choice(("misspelt", "misspelt", "missing", "type", "type", "indent", "open", "tab"))
    doc = rng.choice(documents(text))
    lines = text.split("\n")
    found = [one for one in keys(doc.value, doc) if isinstance(one[0][-1], str) and len(one[0]) < 12]
    found = [one for one in found if lines[one[1] - 1][one[2] - 1 :].startswith(f"{one[0][-1]}:")]
    if not found:
        return None
    here = {one[0]: place(kind, one[0], doc) for one in found}
    if fault == "misspelt":
        good = [one for one in found if here[one[0]] and len(one[0][-1]) > 3]
        if not good:
            return None
        path, line, column, _ = rng.choice(good)
        word = misspelt(rng, path[-1])
        if word == path[-1] or word in {one[0][-1] for one in found if one[0][:-1] == path[:-1]}:
            return None
        text = lines[line - 1]
        lines[line - 1] = text[: column - 1] + word + text[column - 1 + len(path[-1]) :]
        return f"misspelt {'.'.join(map(str, path))}", "\n".join(lines)
    if fault == "missing":
        good = [one for one in found if here[one[0]] == "needed"]
        if not good:
            return None
        path, line, column, _ = rng.choice(good)
        end = block(lines, line, column)
        before = lines[line - 1][: column - 1]
        if before.strip():  # '- image: x' with more keys below: the next one takes the dash
            indent = len(lines[end]) - len(lines[end].lstrip()) if end < len(lines) else -1
            if indent != column - 1 or "-" in lines[end][:column]:
                return None
            lines[end] = before + lines[end][column - 1 :]
        return f"missing {'.'.join(map(str, path))}", "\n".join(lines[: line - 1] + lines[end:])
    if fault == "type":
        good = [one for one in found if here[one[0]] and isinstance(one[3], dict | list | bool | int) and one[3]
                and one[0][-1] not in TEXT_TOO and wants(kind, one)]  # fmt: skip
        if not good:
            return None
        path, line, column, _ = rng.choice(good)
        end = block(lines, line, column)
        start = lines[line - 1][: column - 1]
        rest = [*lines[: line - 1], f"{start}{path[-1]}: wrong", *lines[end:]]
        return f"type of {'.'.join(map(str, path))}", "\n".join(rest)
    return damaged(rng, fault, text, lines, found)


OPENERS = ("[", "{", '"')


def damaged(rng: random.Random, fault: str, text: str, lines: list[str], found: list) -> tuple[str, str] | None:
    """Indentation, brackets, quotes, tabs: only where PyYAML's reading is another one than before."""
    _, line, column, value = rng.choice(found)
    here = lines[line - 1]
    indent = len(here) - len(here.lstrip(" "))
    if fault == "tab" and indent:
        lines[line - 1] = "\t" + here.lstrip(" ")
    elif fault == "indent" and indent:
        lines[line - 1] = here[1:] if rng.random() < 0.5 else " " + here
    elif fault == "open" and isinstance(value, str | int) and not isinstance(value, bool) and column:
        head, _, rest = here.partition(": ")
        if not rest or rest[0] in "|>&*!'\"[{#":
            return None
        lines[line - 1] = f"{head}: {rng.choice(OPENERS)}{rest}"
    else:
        return None
    made = "\n".join(lines)
    try:
        if [one.value for one in documents(made)] == [one.value for one in documents(text)]:
            return None
    except YamlError:
        return f"{fault} in line {line}", made
    return None  # another valid text: perhaps as right as the first


def wants(kind: str, one: tuple) -> bool:
    """Is it certain that a text is wrong here?"""
    path, value = one[0], one[3]
    structured = isinstance(value, dict | list)
    if kind == "kubernetes":
        return structured or (type(value) is int and "ort" not in path[-1])
    if kind == "cloudformation":
        return structured and (len(path) == 1 or len(path) == 2 or path[-1] in ("Properties", "Tags"))
    if kind == "crossplane":
        return structured and len(path) < 3
    if kind == "compose":
        return structured or path[-1] in ("retries", "replicas", "privileged", "read_only", "tty", "init")
    outer = [part for part in path if isinstance(part, str)]
    if all(part in TASKS for part in outer[:-1]):
        return path[-1] in (*TASKS, "vars", "loop_control", "become", "gather_facts", "retries")
    about = spec(resolve(outer[-2]))["o"]
    option = next((one for key, one in about.items() if path[-1] in (key, *one.get("a", ()))), {})
    return option.get("t") in ("int", "bool", "dict")


# ---- Dockerfiles ----

DOCKER = (
    (r"^(RUN|COPY|FROM|WORKDIR|ENTRYPOINT|EXPOSE|ENV)\b", lambda rng, m: misspelt(rng, m[0])),
    (r"^(CMD|ENTRYPOINT) \[.*\]$", lambda rng, m: m[0][:-1]),
    (r"^(CMD|ENTRYPOINT) \[\"", lambda rng, m: f"{m[1]} ["),
    (r"^EXPOSE \d+.*$", lambda rng, m: "EXPOSE http"),
    (r"^EXPOSE \d+.*$", lambda rng, m: "EXPOSE 99999"),
    (r"^COPY \S+ \S+$", lambda rng, m: m[0].rpartition(" ")[0]),
    (r"^FROM (\S+)$", lambda rng, m: "FROM"),
    (r"^FROM ([a-z][a-z0-9]+):", lambda rng, m: f"FROM {m[1].capitalize()}:"),
    (r"^WORKDIR .*$", lambda rng, m: "WORKDIR"),
    (r"^ENV (\w+)[= ].*[^\\]$", lambda rng, m: f"ENV {m[1]}"),
    (r"^COPY --from=", lambda rng, m: "COPY --form="),
)


def plant_docker(rng: random.Random, text: str) -> tuple[str, str] | None:
    pattern, change = rng.choice(DOCKER)
    places = list(re.finditer(pattern, text, re.MULTILINE))
    places = [one for one in places if not text[: one.start()].rstrip(" ").endswith(("\\\n", "`\n"))]
    if not places or "<<" in text:
        return None
    match = rng.choice(places)
    made = change(rng, match)
    if made == match[0]:
        return None
    return f"{pattern} in line {text.count(chr(10), 0, match.start()) + 1}", text[: match.start()] + made + text[
        match.end() :
    ]
