"""Write docs/cli.md from the commands' own --help, as `make docs` does. tests/test_docs.py fails when it is stale."""

import contextlib
import io
import os
import re
from pathlib import Path

from acorn.cli import COMMANDS, help_text, main

HEAD = """# The command line

Written by `docs/make_cli.py` from `acorn COMMAND --help`; do not edit.

Every option can also stand in a TOML file that is given with `--config`: flag over file, file over default. An unknown
command, flag or key is refused with the nearest name. `--json` prints results for scripts on stdout; talk is on stderr.

| exit code | meaning |
| --- | --- |
| 0 | fine |
| 1 | looked, and found problems |
| 2 | you can fix it: one sentence says what, with the value, and the next command to type |
| 74 | storage failed; what was complete before is intact |
| 75 | stopped politely; the same command goes on |
| 76 | training diverged |
| 77 | refused: there is no sandbox |
"""


def page() -> str:
    parts = [HEAD, f"```\n{help_text()}\n```\n"]
    for name in COMMANDS:
        parts.append(f"## acorn {name}\n\n```\n{help_of(name)}\n```\n")
    return "\n".join(parts)


def help_of(name: str) -> str:
    """The text of --help without its boxes."""
    os.environ.update(COLUMNS="100", NO_COLOR="1")
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with contextlib.redirect_stdout(out):
        main([*name.split(), "--help"])
    out.seek(0)
    text = re.sub(r"^│ (.*?)\s*│$", r"  \1", out.read(), flags=re.MULTILINE)  # the boxes' sides,
    text = re.sub(r"^╭─+ (.*?) ─+╮$", r"\n\1:", text, flags=re.MULTILINE)  # titles
    text = re.sub(r"^╰─+╯\n?", "", text, flags=re.MULTILINE)  # and bottoms
    text = re.sub(r"\s+\(default:\s+None\)", "", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip()


if __name__ == "__main__":
    Path(__file__).with_name("cli.md").write_text(page(), encoding="utf-8")
