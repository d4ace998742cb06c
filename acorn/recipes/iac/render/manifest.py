"""Block-style YAML from dicts, lists and scalars, in the order given; strings that YAML would misread are quoted."""

import re

# Safe without quotes: starts with a letter or a slash, or digits with letters after them; never ': ' or ' #'.
PLAIN = re.compile(r"[A-Za-z/][\w./:@*+-]*(?: [\w./@+-]+)*\Z|\d+[A-Za-z]+\Z")
WORDS_WITH_MEANING = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}


class Quoted(str):
    """A string that is always written in quotes."""


class Tag(str):
    """Written as it stands: Tag("!Ref Queue")"""


def documents(*manifests: dict) -> str:
    return "---\n".join(manifest(one) for one in manifests)


def manifest(value: dict | list) -> str:
    return "".join(line + "\n" for line in _lines(value))


def _lines(value) -> list[str]:
    """The lines of a mapping or a sequence, not indented."""
    lines = []
    if isinstance(value, dict):
        for key, item in value.items():
            if isinstance(item, dict | list) and item:
                lines.append(f"{scalar(key)}:")
                lines += ["  " + line for line in _lines(item)]
            else:
                lines.append(f"{scalar(key)}: {scalar(item)}")
        return lines
    for item in value:
        if isinstance(item, dict | list) and item:
            first, *rest = _lines(item)
            lines += ["- " + first, *("  " + line for line in rest)]
        else:
            lines.append(f"- {scalar(item)}")
    return lines


def scalar(value) -> str:
    if value is None or isinstance(value, dict | list):
        return {dict: "{}", list: "[]"}.get(type(value), "null")
    if isinstance(value, Tag):
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if (
        not isinstance(value, Quoted)
        and PLAIN.match(value)
        and not value.endswith(":")
        and value.lower() not in WORDS_WITH_MEANING
    ):
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
