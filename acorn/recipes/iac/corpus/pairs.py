"""
Instruction pairs out of what people wrote: the sentence before a block of code in Markdown, the comment above a block,
the name of a task -> the code. Written as a request, a blank line, and the code in a fence.
"""

import re
from collections.abc import Iterator

from acorn.recipes.iac.kinds import KINDS, detect

WORDS = {
    "hcl": "x.tf",
    "terraform": "x.tf",
    "tf": "x.tf",
    "dockerfile": "Dockerfile",
    "docker": "Dockerfile",
    "yaml": "x.yaml",
    "yml": "x.yaml",
    "json": "x.json",
}
OPENS = re.compile(r"(?:resource|module|data|locals|variable|output|provider|terraform)\b.*\{ *")
NAME = re.compile(r"- name: *(.{8,200})")
SMALLEST, LARGEST, MOST = 30, 6000, 40  # characters of the code; pairs of a document


def pairs(text: str, kind: str) -> Iterator[tuple[str, str, str]]:
    """(request, code, kind)"""
    found = {"markdown": fences, "terraform": blocks, "ansible": tasks}.get(kind)
    if not found:
        return
    for number, (request, code, of) in enumerate(found(text)):
        if number >= MOST:
            return
        if SMALLEST <= len(code) <= LARGEST and len(request.split()) >= 3:
            yield request, code.rstrip() + "\n", of


def rendered(request: str, code: str, kind: str) -> str:
    return f"{request}\n\n```{KINDS[kind].fence}\n{code}```\n"


def fences(text: str) -> Iterator[tuple[str, str, str]]:
    """The paragraph before, or the heading where there is none."""
    before, code, opened = [], None, ""
    for line in text.splitlines():
        stripped = line.strip()
        if code is not None:
            if stripped == "```":
                name = WORDS.get(opened)
                kind = detect(name, "\n".join(code) + "\n") if name else None
                if kind and (request := sentence(" ".join(before))):
                    yield request, "\n".join(code), kind
                before, code = [], None
            else:
                code.append(line)
        elif stripped.startswith("```") and not stripped.endswith("```", 3):
            opened, code = stripped.strip("` ").split(" ")[0].lower(), []
        elif stripped:
            before.append(stripped)
        elif before and not before[0].startswith("#"):
            before = []


def blocks(text: str) -> Iterator[tuple[str, str, str]]:
    comment, code = [], []
    for line in text.splitlines():
        if code:
            code.append(line)
            if line.startswith("}"):
                if request := sentence(" ".join(one.lstrip("#/ ") for one in comment)):
                    yield request, "\n".join(code), "terraform"
                comment, code = [], []
        elif line.startswith(("#", "//")):
            comment.append(line)
        elif comment and OPENS.fullmatch(line):
            code = [line]
        else:
            comment = []


def tasks(text: str) -> Iterator[tuple[str, str, str]]:
    """- name: of a list at the margin, up to the next item"""
    code, request = [], ""
    for line in [*text.splitlines(), "- "]:
        if code and (not line.strip() or line.startswith(" ")):
            code.append(line)
            continue
        if len(code) > 1 and request:
            yield request, "\n".join(code), "ansible"
        named = NAME.fullmatch(line)
        code, request = ([line], sentence(named[1].strip("\"'"))) if named else ([], "")


def sentence(text: str) -> str:
    """Plain words of 3 to 60 words, without Markdown; '' for rulers, tables, lists of links and code turned comment."""
    plain = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    plain = re.sub(r"[*`_#>|]+|^\s*[-+]\s+|<[^>]*>", " ", plain)
    plain = re.sub(r"\s+", " ", plain).strip(" -=:")
    words = plain.split()
    wordy = sum(word.strip(".,:;()'\"").isalpha() for word in words)
    return (
        plain if 3 <= len(words) <= 60 and wordy * 3 >= 2 * len(words) and "{" not in plain and "=" not in plain else ""
    )
