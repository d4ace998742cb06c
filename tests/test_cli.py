"""The front door: the table, its refusals word for word, exit codes, and that --help is quick."""

import dataclasses
import errno
import inspect
import os
import re
import subprocess
import sys
import time
import typing

import pytest

from acorn import cli
from acorn.errors import Diverged, Refused, Stopped, StorageError, UserError, did_you_mean, missing_extra


@dataclasses.dataclass
class Say:
    """Say something."""

    text: str = "hello"

    def run(self):
        if self.text == "stop":
            raise KeyboardInterrupt
        for kind in (OSError, UserError, StorageError, Stopped, Diverged, Refused):
            if self.text == kind.__name__:
                raise kind("no such thing 7", "acorn other")
        if self.text.startswith("E"):
            number = getattr(errno, self.text)
            raise OSError(number, os.strerror(number), "runs/a")
        if self.text == "found":
            return 1
        print(self.text)


@pytest.fixture
def say(acorn, monkeypatch):
    monkeypatch.setitem(cli.COMMANDS, "say", (f"{__name__}:Say", "say something"))
    return lambda *argv: acorn("say", *argv)


# ---- refusals, word for word ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "err"),
    [
        (["evl"], "error: no command 'evl'. Did you mean eval?\n  try: acorn --help\n"),
        (["zzz"], "error: no command 'zzz'.\n  try: acorn --help\n"),
        (["--depth", "4"], "error: no command '--depth'.\n  try: acorn --help\n"),
        (["train", "bse"],
         "error: acorn train has no command 'bse'. Did you mean base? It has: base, mid, sft, rl\n"
         "  try: acorn train --help\n"),
        (["data", "--json"],
         "error: acorn data has no command '--json'. It has: import, preview, clean, download, stats\n"
         "  try: acorn data --help\n"),
        (["runs", "--config", "no.toml"], "error: no config file no.toml (found: none in configs/)\n"),
    ],
)  # fmt: skip
def test_an_unknown_word_is_one_sentence_and_exit_2(acorn, workplace, argv, err):
    assert acorn(*argv) == (2, "", err)


def test_an_unknown_flag_is_exit_2_with_the_nearest_one(acorn):
    code, out, err = acorn("runs", "--jsn")
    assert (code, out) == (2, "") and "Unrecognized options: --jsn" in err and "--json" in err


def test_a_missing_package_is_named(acorn, monkeypatch):
    monkeypatch.setitem(cli.COMMANDS, "say", ("a_package_that_is_not_there:Say", "say something"))
    message = "error: the Python package a_package_that_is_not_there is not installed\n  try: make install\n"
    assert acorn("say") == (2, "", message)


def test_our_own_missing_module_is_a_bug_and_keeps_its_traceback(acorn, monkeypatch):
    monkeypatch.setitem(cli.COMMANDS, "say", ("acorn.nowhere:Say", "say something"))
    with pytest.raises(ModuleNotFoundError):
        acorn("say")


# ---- exit codes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code", "out", "err"),
    [
        ("hello", 0, "hello\n", ""),
        ("found", 1, "", ""),
        ("UserError", 2, "", "error: no such thing 7\n  try: acorn other\n"),
        ("StorageError", 74, "", "error: no such thing 7\n  try: acorn other\n"),
        ("Stopped", 75, "", "error: no such thing 7\n  try: acorn other\n"),
        ("stop", 75, "", "stopped\n"),
        ("Diverged", 76, "", "error: no such thing 7\n  try: acorn other\n"),
        ("Refused", 77, "", "error: no such thing 7\n  try: acorn other\n"),
        ("ENOSPC", 74, "", "error: the disk is full: runs/a; what was complete before is intact\n  try: df -h .\n"),
        ("EIO", 74, "", "error: the disk failed: runs/a; what was complete before is intact\n  try: df -h .\n"),
        ("EACCES", 2, "", "error: permission denied: runs/a\n"),
        ("EROFS", 2, "", "error: read-only file system: runs/a\n"),
    ],
)  # fmt: skip
def test_what_a_command_raises_becomes_text_and_code(say, text, code, out, err):
    assert say("--text", text) == (code, out, err)


@pytest.mark.parametrize("text", ["ENOENT", "OSError"])
def test_a_bug_keeps_its_traceback(say, text):
    with pytest.raises(OSError):
        say("--text", text)


def test_a_reader_who_leaves_is_not_an_error():
    read, write = os.pipe()
    os.close(read)
    run = subprocess.run([sys.executable, "-m", "acorn", "--help"], stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert (run.returncode, run.stderr) == (0, "")


# ---- help -------------------------------------------------------------------------------------------------------


def test_help_lists_every_command(acorn):
    code, out, err = acorn("--help")
    assert (code, err) == (0, "") and acorn() == (0, out, "") == acorn("help")
    for name, (_, what) in cli.COMMANDS.items():
        assert f"  acorn {name} " in out and what in out
    assert max(map(len, out.splitlines())) <= 100


@pytest.mark.parametrize("argv", [["train"], ["train", "--help"], ["train", "-h"], ["help", "train"]])
def test_help_of_a_group(acorn, argv):
    code, out, _ = acorn(*argv)
    assert code == 0 and "usage: acorn train COMMAND" in out and "acorn train sft" in out and "acorn runs" not in out


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_has_help(acorn, name):
    code, out, err = acorn(*name.split(), "--help")
    assert (code, err) == (0, "") and f"usage: acorn {name}" in out
    assert cli.load(name).__doc__.strip() in " ".join(out.split()) or len(out) > 300
    assert acorn("help", *name.split()) == (0, out, "")


def test_every_flag_says_what_it_is():
    """A field without a trailing comment (or a docstring) would be a flag that explains nothing."""
    for name in cli.COMMANDS:
        for flag, said in flags(cli.load(name)):
            assert said, f"acorn {name}: {flag} has no help"


def flags(cls: type) -> list[tuple[str, bool]]:
    """(dotted field, whether it is explained), nested dataclasses included."""
    found = []
    source = "".join(inspect.getsource(c) for c in cls.__mro__ if dataclasses.is_dataclass(c))
    for field in dataclasses.fields(cls):
        hint = typing.get_type_hints(cls)[field.name]
        if dataclasses.is_dataclass(hint):
            found += [(f"{field.name}.{name}", said) for name, said in flags(hint)]
        else:
            comment = re.search(rf"^    {field.name}: .*  # \w", source, re.MULTILINE)
            docstring = re.search(rf"^    {field.name}: .*\n    \"\"\"", source, re.MULTILINE)
            found.append((field.name, bool(comment or docstring)))
    return found


def test_version(acorn):
    from acorn import __version__

    assert acorn("--version") == (0, f"acorn {__version__}\n", "")


def test_help_is_quick_and_imports_no_torch():
    """< 0.3 s is the promise; the best of five, so that a busy machine does not fail it."""
    times = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "acorn", "--help"], check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.3, times
    code = "import sys; from acorn.cli import main; main(['--help']); print(*sys.modules, file=sys.stderr)"
    seen = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stderr.split()
    assert not {"torch", "numpy", "tyro", "rich"} & set(seen)


# ---- the small helpers ------------------------------------------------------------------------------------------


def test_did_you_mean():
    assert did_you_mean("dept", ["depth", "run"]) == " Did you mean depth?"
    assert did_you_mean("xyz", ["depth", "run"]) == "" == did_you_mean("xyz", [])


def test_missing_extra_names_the_package_and_a_command_that_works_here(monkeypatch, workplace):
    monkeypatch.setattr(sys, "executable", str(workplace / ".venv/bin/python"))
    what, hint = str(missing_extra("gguf", "export")).splitlines()
    assert what == "this needs the Python package gguf, which is not installed"
    assert hint == "  try: .venv/bin/python -m pip install -e '.[export]'"
    monkeypatch.setattr(sys, "executable", "/opt/python")
    assert "try: /opt/python -m pip" in str(missing_extra("gguf", "export"))
