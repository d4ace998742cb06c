"""
What can go wrong, and what the program exits with. Libraries raise; only `cli.main` turns an error into text and code.

    0 fine      1 looked and found problems      2 the person can fix it (UserError)
    74 storage failed (StorageError)             75 stopped politely, run the same command to go on (Stopped)
    76 training diverged (Diverged)              77 refused, no sandbox (Refused)
"""

import difflib
import os
import sys
from collections.abc import Iterable


class AcornError(Exception):
    """An error that a person can act on. `message` says what, with the value; `hint` is the next command to type."""

    exit_code = 2

    def __init__(self, message: str, hint: str = ""):
        super().__init__(message)
        self.message, self.hint = message, hint

    def __str__(self) -> str:
        return f"{self.message}\n  try: {self.hint}" if self.hint else self.message


class UserError(AcornError):
    exit_code = 2


class StorageError(AcornError):
    exit_code = 74


class Stopped(AcornError):
    exit_code = 75


class Diverged(AcornError):
    exit_code = 76


class Refused(AcornError):
    exit_code = 77


def missing_extra(package: str, extra: str) -> UserError:
    """What to raise when an optional package is not installed."""
    return UserError(f"this needs the Python package {package}, which is not installed", install_command(extra))


def install_command(extra: str) -> str:
    """How to get an extra, in a checkout. (From an index, `acorn` is somebody else's package.)"""
    here = os.path.relpath(sys.executable)
    return f"{sys.executable if here.startswith('..') else here} -m pip install -e '.[{extra}]'"


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """' Did you mean X?' for the nearest choice, or ''.  did_you_mean('dept', ['depth']) -> ' Did you mean depth?'"""
    near = difflib.get_close_matches(word, list(choices), n=1, cutoff=0.6)
    return f" Did you mean {near[0]}?" if near else ""
