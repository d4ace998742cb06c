"""Dockerfiles: no library reads them offline, so this splits them into instructions and checks how they fit."""

import json
import re
import shlex

from acorn.recipes.iac.validate.findings import Finding

# instruction -> the least number of words after it
INSTRUCTIONS = {
    **dict.fromkeys(
        "ARG CMD ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL ONBUILD RUN SHELL STOPSIGNAL USER VOLUME WORKDIR".split(),
        1,
    ),
    **dict.fromkeys(("ADD", "COPY"), 2),
}
PATH = r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*"
IMAGE = re.compile(rf"{PATH}(?::\d+(?=/))?(?:/{PATH})*(?::\w[\w.-]{{0,127}})?(?:@sha256:[0-9a-f]{{64}})?", re.ASCII)
HEREDOC = re.compile(r"<<-?[\"']?(\w+)")


def read(text: str, full: bool = False) -> tuple[dict, list[Finding]]:
    """
    Parsed: {"image": [the last stage], "build": [stages before it]}; a stage is a dict, see `stages`. full: ask
    hadolint too, where this has found nothing.
    """
    instructions, findings = split(text)
    if findings:
        return {}, findings
    found, findings = stages(instructions)
    if not found:
        return {}, findings or [Finding("no FROM: nothing to build on")]
    if full and not findings:
        from acorn.recipes.iac.validate.tools import hadolint

        findings = hadolint(text)
    return {"image": found[-1:], **({"build": found[:-1]} if found[:-1] else {})}, findings


def split(text: str) -> tuple[list[tuple[int, str, str]], list[Finding]]:
    """[(line, INSTRUCTION, the rest)] with continued lines joined and comments left out."""
    instructions, findings, parts, start = [], [], [], 0
    heredocs: list[str] = []  # the words that end the texts that are being skipped
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if heredocs:
            heredocs = heredocs[1:] if line == heredocs[0] else heredocs
            continue
        if not line or line.startswith("#"):
            continue
        start = start if parts else number
        if line.endswith("\\"):
            parts.append(line[:-1].strip())
            continue
        word, _, rest = " ".join([*parts, line]).strip().partition(" ")
        parts = []
        if word.upper() not in INSTRUCTIONS:
            findings.append(Finding(f"{word[:60]!r} is not an instruction", start))
            continue
        heredocs = HEREDOC.findall(rest) if word.upper() in ("RUN", "COPY", "ADD") else []
        instructions.append((start, word.upper(), rest.strip()))
    if parts:
        findings.append(Finding("the last line goes on with a backslash, but nothing follows", start))
    if heredocs:
        findings.append(Finding(f"the text up to {heredocs[0][:60]} does not end", start))
    return instructions, findings


def stages(instructions: list[tuple[int, str, str]]) -> tuple[list[dict], list[Finding]]:
    """
    One dict a stage: from, as, workdir, user, cmd, entrypoint (lists of words), expose ['8000'], env {}, copies
    [[source, target]], runs [text], builds [[output, package]]. What a stage does not have is not in its dict.
    """
    found, findings = [], []
    for line, word, rest in instructions:
        say = lambda message, line=line: findings.append(Finding(message, line))
        words, flags = arguments(rest)
        if len(words) < INSTRUCTIONS[word] or (not words and word not in ("HEALTHCHECK", "RUN")):
            say(f"{word} needs {'more words' if INSTRUCTIONS[word] > 1 else 'something after it'}")
            continue
        if word == "FROM":
            names = [stage.get("as") for stage in found]
            if len(words) not in (1, 3) or (len(words) == 3 and words[1].upper() != "AS"):
                say("FROM is FROM image or FROM image AS name")
                continue
            if words[0] not in names and not words[0].startswith("$") and not IMAGE.fullmatch(words[0]):
                say(f"{words[0][:60]!r} is not the name of an image")
            found.append({"from": words[0], **({"as": words[2]} if len(words) == 3 else {}), "lines": 0})
            continue
        if not found:
            if word != "ARG":
                say(f"{word} stands before the first FROM")
            continue
        stage = found[-1]
        stage["lines"] += 1
        if word in ("CMD", "ENTRYPOINT", "SHELL"):
            command = exec_form(rest)
            if command is None or (word == "SHELL" and not rest.startswith("[")):
                say(f"{word} looks like a JSON list of strings, but is none")
            elif word.lower() in stage:
                say(f"{word} is there twice in a stage; only the last one counts")
            else:
                stage[word.lower()] = command
        elif word in ("WORKDIR", "USER"):
            stage[word.lower()] = words[0]
        elif word == "EXPOSE":
            for port in words:
                number, _, protocol = port.partition("/")
                if not number.startswith("$") and not (
                    number.isdecimal() and 0 < int(number[:9]) < 65536 and protocol in ("", "tcp", "udp")
                ):
                    say(f"{port[:60]!r} is not a port")
                stage.setdefault("expose", []).append(port.removesuffix("/tcp"))
        elif word == "ENV":
            pairs = (
                [pair.partition("=") for pair in words] if "=" in words[0] else [(words[0], "=", " ".join(words[1:]))]
            )
            if any(not name or not equals for name, equals, _ in pairs) or ("=" not in words[0] and len(words) < 2):
                say("ENV is ENV NAME=value")
            stage.setdefault("env", {}).update({name: value for name, _, value in pairs})
        elif word in ("COPY", "ADD"):
            source = flags.get("from")
            known = {stage.get("as") for stage in found[:-1]} | {str(number) for number in range(len(found) - 1)}
            if source is not None and source not in known and not re.search(r"[/:.$]", source):
                say(f"COPY --from={source[:60]}: no stage before this one has that name")
            if len(words) > 2 and not words[-1].endswith("/") and words[-1] not in (".", "..", "./"):
                say(f"{word} of several files needs a folder that ends in /")
            stage.setdefault("copies", []).append(words)
        elif word == "RUN":
            stage.setdefault("runs", []).append(rest)
            if build := re.search(r"\bgo build\b.* -o (\S+) (\S+)", rest):
                stage.setdefault("builds", []).append([build[1], build[2]])
    if found and not found[-1]["lines"]:
        findings.append(Finding("the last stage does nothing but FROM"))
    return found, findings


def arguments(rest: str) -> tuple[list[str], dict[str, str]]:
    """'--from=build /a /b' -> (['/a', '/b'], {'from': 'build'})"""
    flags = {}
    while found := re.match(r"--([\w-]+)(?:=(\S*))?\s+", rest):
        flags[found[1]] = found[2] or ""
        rest = rest[found.end() :]
    if rest.startswith("[") and (words := exec_form(rest)):
        return words, flags
    try:
        return shlex.split(rest), flags
    except ValueError:  # quotes that do not close: leave them to the shell that runs it
        return rest.split(), flags


def exec_form(rest: str) -> list[str] | None:
    """The words of a command in either form; None for a broken JSON list."""
    if not rest.startswith("["):
        return rest.split()
    try:
        command = json.loads(rest)
    except ValueError:
        return None
    return command if isinstance(command, list) and command and all(isinstance(one, str) for one in command) else None
