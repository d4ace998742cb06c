"""
Dockerfiles, as BuildKit reads them: split into instructions, then how they fit. What is found here no build survives,
or it can't be what was meant. hadolint is asked with full=True.
"""

import json
import re
import shlex

from acorn.errors import did_you_mean
from acorn.recipes.iac.validate.findings import Finding

# instruction -> the least number of words after it
INSTRUCTIONS = {
    **dict.fromkeys(
        "ARG CMD ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL MAINTAINER ONBUILD RUN SHELL STOPSIGNAL USER VOLUME "
        "WORKDIR".split(),
        1,
    ),
    **dict.fromkeys(("ADD", "COPY"), 2),
}
FLAGS = {
    "FROM": {"platform"},
    "RUN": {"mount", "network", "security", "device"},
    "COPY": {"from", "chown", "chmod", "link", "parents", "exclude"},
    "ADD": {"chown", "chmod", "link", "checksum", "keep-git-dir", "exclude", "unpack"},
    "HEALTHCHECK": {"interval", "timeout", "start-period", "start-interval", "retries"},
}
LIMIT = 50  # findings in one file
PATH = r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*"
# The host of a registry may be written in capitals, and its port stands before the path.
HOST = r"(?:[A-Za-z0-9]+(?:[.-][A-Za-z0-9]+)*(?::\d+)?/)?"
IMAGE = re.compile(
    rf"(?=.{{1,4000}}\Z){HOST}{PATH}(?:/{PATH})*(?::\w[\w.-]{{0,127}})?(?:@sha(?:256:[0-9a-f]{{64}}|512:[0-9a-f]{{128}}))?",
    re.ASCII,
)
STAGE = re.compile(r"[a-z][a-z0-9_.-]*", re.IGNORECASE)
HEREDOC = re.compile(r"(?:^|\s)\d*<<-?([\"']?)([A-Za-z_]\w*)\1(?=[\s;|&>)]|$)")
DIRECTIVE = re.compile(r"#\s*([A-Za-z]+)\s*=\s*(\S+)\s*$")
DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+|0")
PORT = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?(?:/(tcp|udp|sctp))?", re.IGNORECASE)
TEMPLATE = re.compile(r"^[ \t]*(?:\{\{|\{%|<%)|^%%\w+", re.MULTILINE)
SIGNAL = re.compile(r"(?:SIG)?[A-Z]{2,6}(?:[+-]\d+)?|(?:SIG)?USR[12]|\d{1,2}", re.IGNORECASE)


def read(text: str, full: bool = False) -> tuple[dict, list[Finding]]:
    """
    Parsed: {"image": [the last stage], "build": [stages before it]}; a stage is a dict, see `stages`. full: ask
    hadolint too, where this has found nothing.
    """
    if found := TEMPLATE.search(text):
        line = text.count("\n", 0, found.end()) + 1
        return {}, [Finding("a template of a Dockerfile, which is not checked", line, 1, "template", "note")]
    instructions, findings = split(text)
    if findings:
        return {}, findings
    found, findings = stages(instructions)
    if not found:
        return {}, findings or [Finding("no FROM: nothing to build on", rule="missing-from")]
    if found[-1].get("from") == "scratch" and not found[-1]["lines"]:
        findings += [Finding("nothing is put into scratch: no image", instructions[-1][0], 1, "empty-image")]
    if full and not findings:
        from acorn.recipes.iac.validate.tools import hadolint

        findings = hadolint(text)
    return {"image": found[-1:], **({"build": found[:-1]} if found[:-1] else {})}, findings


def escape_of(text: str) -> str:
    """The character that joins lines: a directive at the top may change it."""
    for line in text.split("\n"):
        directive = DIRECTIVE.match(line.strip())
        if directive is None:
            return "\\"
        if directive[1].lower() == "escape":
            return directive[2][:1]
    return "\\"


def split(text: str) -> tuple[list[tuple[int, str, str]], list[Finding]]:
    """[(line, INSTRUCTION, the rest)] with continued lines joined and comments left out."""
    instructions, findings, parts, start = [], [], [], 0
    heredocs: list[str] = []  # the words that end the texts that are being skipped
    escape = escape_of(text)
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip()
        if heredocs:
            heredocs = heredocs[1:] if line == heredocs[0] else heredocs
            continue
        if not line or line.startswith("#"):
            continue
        start = start if parts else number
        if line.endswith(escape):
            parts.append(line[:-1].strip())
            continue
        word, _, rest = " ".join([*parts, line]).strip().replace("\t", " ").partition(" ")
        parts = []
        if word.upper() not in INSTRUCTIONS:
            if len(findings) >= LIMIT:
                break
            near = did_you_mean(word.upper()[:20], INSTRUCTIONS)
            said = f"{word[:60]!r} is not an instruction.{near}" if near else f"{word[:60]!r} is not an instruction"
            findings.append(Finding(said, start, 1, "unknown-instruction"))
            continue
        if word.upper() in ("RUN", "COPY", "ADD"):
            heredocs = [found[2] for found in HEREDOC.finditer(rest)]
        instructions.append((start, word.upper(), rest.strip()))
    if parts:
        said = f"the last line goes on with a {'backslash' if escape == chr(92) else escape}, but nothing follows"
        findings.append(Finding(said, start, 1, "open-line"))
    if heredocs:
        findings.append(Finding(f"the text up to {heredocs[0][:60]} does not end", start, 1, "open-text"))
    return instructions, findings


def stages(instructions: list[tuple[int, str, str]]) -> tuple[list[dict], list[Finding]]:
    """
    One dict a stage: from, as, workdir, user, cmd, entrypoint (lists of words), expose ['8000'], env {}, copies
    [[source, target]], runs [text], builds [[output, package]]. What a stage does not have is not in its dict.
    """
    found, findings = [], []
    for line, word, rest in instructions:
        if len(findings) >= LIMIT:
            break
        say = lambda message, rule="wrong-value", line=line: findings.append(Finding(message, line, 1, rule))
        words, flags = arguments(rest)
        for flag in flags:
            if flag not in FLAGS.get(word, ()) and word != "ONBUILD":
                say(f"{word} has no flag --{flag[:40]}.{did_you_mean(flag, FLAGS.get(word, ()))}", "unknown-flag")
        if len(words) < INSTRUCTIONS[word] and not (word in ("RUN", "HEALTHCHECK") and words):
            say(f"{word} needs {'more words' if INSTRUCTIONS[word] > 1 else 'something after it'}", "missing-words")
            continue
        if word == "FROM":
            if (stage := begun(words, found, say)) is not None:
                found.append(stage)
        elif found:
            found[-1]["lines"] += 1
            inside(word, rest, words, flags, found, say)
        elif word != "ARG":
            say(f"{word} stands before the first FROM", "misplaced")
    if found and not found[-1]["lines"]:
        findings.append(Finding("the last stage does nothing but FROM", rule="empty-stage", severity="note"))
    return found, findings


def begun(words: list[str], found: list[dict], say) -> dict | None:
    """The stage that a FROM begins."""
    if len(words) not in (1, 3) or (len(words) == 3 and words[1].upper() != "AS"):
        say("FROM is FROM image or FROM image AS name", "wrong-form")
        return None
    names = [stage.get("as", "").lower() for stage in found]
    if words[0].lower() not in names and "$" not in words[0] and not IMAGE.fullmatch(words[0]):
        say(f"{words[0][:60]!r} is not the name of an image", "image")
    if len(words) == 3 and not STAGE.fullmatch(words[2]) and "$" not in words[2]:
        say(f"{words[2][:60]!r} is not the name of a stage", "name")
    return {"from": words[0], **({"as": words[2]} if len(words) == 3 else {}), "lines": 0}


def inside(word: str, rest: str, words: list[str], flags: dict, found: list[dict], say) -> None:
    """One instruction of a stage: what is wrong with it, and what it adds to the stage."""
    stage = found[-1]
    if word in ("CMD", "ENTRYPOINT", "SHELL"):
        command = exec_form(rest)
        if command is None or (word == "SHELL" and not rest.startswith("[")):
            say(f"{word} looks like a JSON list of strings, but is none", "broken-list")
        elif word.lower() in stage:
            say(f"{word} is there twice in a stage; only the last one counts", "repeated")
        else:
            stage[word.lower()] = command
    elif word in ("WORKDIR", "USER"):
        stage[word.lower()] = words[0]
    elif word == "EXPOSE":
        for port in words:
            match = PORT.fullmatch(port)
            if "$" not in port and not (match and all(not n or 0 < int(n) < 65536 for n in match.group(1, 2))):
                say(f"{port[:60]!r} is not a port")
            stage.setdefault("expose", []).append(port.removesuffix("/tcp"))
    elif word in ("ENV", "LABEL"):
        pairs = [one.partition("=") for one in words] if "=" in words[0] else [(words[0], "=", " ".join(words[1:]))]
        if any(not name or not equals for name, equals, _ in pairs) or ("=" not in words[0] and len(words) < 2):
            say(f"{word} is {word} NAME=value", "wrong-form")
        if word == "ENV":
            stage.setdefault("env", {}).update({name: value for name, _, value in pairs})
    elif word in ("COPY", "ADD"):
        copied(word, words, flags, found, say)
        stage.setdefault("copies", []).append(words)
    elif word == "RUN":
        if rest.startswith("[") and exec_form(rest) is None and not re.match(r"\[\[? ", rest):
            say("RUN looks like a JSON list of strings, but is none", "broken-list")
        stage.setdefault("runs", []).append(rest)
        if build := re.search(r"\bgo build\b.* -o (\S+) (\S+)", rest):
            stage.setdefault("builds", []).append([build[1], build[2]])
    elif word == "HEALTHCHECK":
        health(words, flags, say)
    elif word == "STOPSIGNAL" and "$" not in words[0] and not SIGNAL.fullmatch(words[0]):
        say(f"{words[0][:60]!r} is not a signal")
    elif word == "ONBUILD" and (words[0].upper() not in INSTRUCTIONS or words[0].upper() in ("ONBUILD", "FROM")):
        say(f"ONBUILD can't do {words[0][:60]!r}.{did_you_mean(words[0].upper(), INSTRUCTIONS)}", "misplaced")
    elif word == "VOLUME" and rest.startswith("[") and exec_form(rest) is None:
        say("VOLUME looks like a JSON list of strings, but is none", "broken-list")


STAGE_WORDS = ("build", "builder", "base", "deps", "dependencies", "compile", "test", "production", "final", "stage")


def copied(word: str, words: list[str], flags: dict, found: list[dict], say) -> None:
    source = flags.get("from")
    if source and "$" not in source:
        names = [stage["as"] for stage in found[:-1] if "as" in stage]
        later = source.isdecimal() and int(source[:9]) >= len(found) - 1
        near = did_you_mean(source, names)
        own = source.lower() == found[-1].get("as", "").lower()
        plain = not re.search(r"[/:.@]", source) and source.lower() not in (name.lower() for name in names)
        if later or own or (plain and not source.isdecimal() and (near or not names or source in STAGE_WORDS)):
            say(f"COPY --from={source[:60]}: no stage before this one has that name.{near}", "unknown-stage")
    target = words[-1]
    several = len(words) > 2 and "<<" not in target and not any(one.startswith("<<") for one in words)
    if several and not target.endswith(("/", "\\", "/.")) and target not in (".", "..") and "$" not in target:
        say(f"{word} of several files needs a folder that ends in /", "wrong-form")


def health(words: list[str], flags: dict, say) -> None:
    if not words or words[0].upper() not in ("CMD", "NONE") or (words[0].upper() == "CMD" and len(words) < 2):
        say("HEALTHCHECK is HEALTHCHECK CMD command or HEALTHCHECK NONE", "wrong-form")
    for flag, value in flags.items():
        wanted = re.compile(r"\d+") if flag == "retries" else DURATION
        if "$" not in value and flag in FLAGS["HEALTHCHECK"] and not wanted.fullmatch(value):
            what = "a number" if flag == "retries" else "a duration such as 30s"
            say(f"--{flag}={value[:40]} is not {what}")


def arguments(rest: str) -> tuple[list[str], dict[str, str]]:
    """'--from=build /a /b' -> (['/a', '/b'], {'from': 'build'})"""
    flags = {}
    while found := re.match(r"--([A-Za-z][\w-]*)(?:=(\"[^\"]*\"|\S*))?(?:\s+|$)", rest):
        flags[found[1]] = (found[2] or "").strip('"')
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
    except (ValueError, RecursionError):
        return None
    return command if isinstance(command, list) and command and all(isinstance(one, str) for one in command) else None
