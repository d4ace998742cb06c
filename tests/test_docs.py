"""docs/cli.md says what --help says; the commands that newcomers are given are commands."""

import importlib.util
import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_cli_md_is_current(monkeypatch):
    """Words only: how tyro breaks and indents lines may change from version to version."""
    for name in ("COLUMNS", "NO_COLOR"):  # make_cli sets them; this puts them back
        monkeypatch.setenv(name, "")
    spec = importlib.util.spec_from_file_location("make_cli", ROOT / "docs/make_cli.py")
    make_cli = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make_cli)
    now, written = make_cli.page(), (ROOT / "docs/cli.md").read_text(encoding="utf-8")
    assert re.findall(r"[\w-]+", now) == re.findall(r"[\w-]+", written), "stale: run `make docs`"


def commands_in(text: str) -> list[str]:
    """What stands in backticks, or as a comment's own line, and begins with acorn or with torchrun ... acorn."""
    found = re.findall(r"`((?:torchrun [^`]*-- )?acorn [^`]+)`", text)
    found += re.findall(r"^#\s+((?:torchrun .*-- )?acorn .*)$", text, re.MULTILINE)
    return [re.sub(r"^torchrun .*-- ", "", line) for line in found]


COMING = commands_in((ROOT / "docs/coming-from.md").read_text(encoding="utf-8"))
HEADERS = [line for path in sorted((ROOT / "configs").glob("*.toml")) for line in commands_in(path.read_text())]


@pytest.mark.parametrize("line", [*COMING, *HEADERS])
def test_every_command_for_newcomers_is_accepted(line):
    """By the real parser, options and values; nothing is run. What follows three blanks is explanation."""
    from acorn.cli import find, load
    from acorn.config import parse

    words = re.split(r"\s{3,}|  +then:", line)[0].split("`")[0]
    if "COMMAND" in words:
        return
    name, rest = find(shlex.split(words)[1:])
    for word in rest:
        assert not word.startswith("configs/") or (ROOT / word).is_file(), word
    if rest:  # else the sentence is about the command
        assert callable(parse(load(name), rest, prog=f"acorn {name}").run)


def test_the_page_for_newcomers_names_enough():
    assert len(COMING) > 40 and {line.split()[1] for line in COMING} >= {"data", "train", "sample", "eval", "speedrun"}
