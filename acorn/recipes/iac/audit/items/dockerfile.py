"""Dockerfile -> items: the file with its stages, and every instruction. Lenient: what is broken, validate says."""

import re
from bisect import bisect_right

from acorn.recipes.iac.audit.rule import LONGEST, Item

HEREDOC = re.compile(r"<<-?[\"']?(\w+)")
FLAG = re.compile(r"--([\w-]+)(?:=(\S*))?\s+")
ESCAPE = re.compile(r"\A(?:\s*#[^\n]*\n)*?\s*#\s*escape\s*=\s*`", re.IGNORECASE)


def items(text: str) -> list[Item]:
    found, stages = [], []
    file = Item("docker/file", "", {"stages": stages}, lambda path: (path[0] if path else 1, 1))
    for word, rest, starts, lines in instructions(text):
        flags, bare = {}, rest
        while flag := FLAG.match(bare):
            flags[flag[1]] = flag[2] or ""
            bare = bare[flag.end() :]
        if word == "FROM":
            names = bare.split()
            alias = names[2] if len(names) == 3 and names[1].upper() == "AS" else ""
            stages.append({"from": names[0] if names else "", "as": alias, "line": lines[0], "user": None, "health": 0})
        elif stages and word in ("USER", "HEALTHCHECK"):
            stages[-1] |= {"user": bare.strip(), "user_line": lines[0]} if word == "USER" else {"health": 1}
        cut = len(rest) - len(bare)
        body = {"text": bare[:LONGEST], "flags": flags, "stage": len(stages) - 1}
        place = _placer(starts, lines, cut)
        found.append(
            Item(f"docker/{word}", bare[:40], body, place, file, base=(lines[0], lines[-1]), roots=(lines[0],))
        )
    return [file, *found]


def _placer(starts: list[int], lines: list[int], cut: int):
    """A path is ("text", offset in the text)."""

    def place(path: tuple) -> tuple[int, int]:
        offset = path[1] if len(path) == 2 else 0
        return lines[bisect_right(starts, offset + cut) - 1], 1

    return place


def instructions(text: str) -> list[tuple[str, str, list[int], list[int]]]:
    """[(WORD, the rest with continued lines joined, where in it each line starts, the number of that line)]"""
    found, more = [], "`" if ESCAPE.match(text) else "\\"
    parts: list[str] = []  # of the instruction that is being read
    starts: list[int] = []
    lines: list[int] = []
    length, heredocs = 0, []
    for number, line in enumerate(text.split("\n"), 1):
        bare = line.strip()
        if not heredocs and (not bare or bare.startswith("#")):
            continue
        starts.append(length)
        lines.append(number)
        if heredocs:
            parts.append(f"{bare}\n")
            heredocs = heredocs[1:] if bare == heredocs[0] else heredocs
        else:
            parts.append(f"{bare.removesuffix(more).rstrip()} ")
            if bare.endswith(more):
                length += len(parts[-1])
                continue
            word = "".join(parts[:1]).partition(" ")[0].upper()
            heredocs = HEREDOC.findall("".join(parts)) if word in ("RUN", "COPY", "ADD") else []
        length += len(parts[-1])
        if not heredocs:
            word, _, rest = "".join(parts).rstrip().partition(" ")
            found.append((word.upper(), rest, [max(start - len(word) - 1, 0) for start in starts], lines))
            parts, starts, lines, length = [], [], [], 0
    return found
