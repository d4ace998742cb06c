"""make install, with a pretended Python that only notes what it is asked: once is enough, half is not."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make here")

PYTHON = """#!/bin/sh
echo "$@" >> "$LOG"
case "$*" in
    "-c"*) exit 0 ;;
    "-m venv .venv") mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
    *pip*) exit "${PIP_EXIT:-0}" ;;
esac
"""


@pytest.fixture
def make(tmp_path, monkeypatch):
    """make('install', PIP_EXIT='1') -> (exit code, what Python was asked for)"""
    place = tmp_path / "checkout"
    place.mkdir()
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, place)
    python, log = tmp_path / "python", tmp_path / "log"
    python.write_text(PYTHON)
    python.chmod(0o755)
    monkeypatch.setenv("LOG", str(log))

    def call(target: str, folder: Path = place, **env: str) -> tuple[int, list[str]]:
        log.write_text("")
        with monkeypatch.context() as m:
            for name, value in env.items():
                m.setenv(name, value)
            run = subprocess.run(
                ["make", target, f"PYTHON={python}"], cwd=folder, capture_output=True, stdin=subprocess.DEVNULL
            )
        return run.returncode, [line for line in log.read_text().splitlines() if line.startswith("-m")]

    call.place = place
    return call


INSTALL = ["-m venv .venv", "-m pip install --quiet --disable-pip-version-check -e .[iac,plot,dev]"]


def test_the_first_time_installs_and_the_second_starts_at_once(make):
    assert make("install") == (0, INSTALL)
    assert make("install") == (0, [])
    assert make("test") == (0, ["-m pytest"]), "no pip: the tests run without a network"


def test_an_installation_that_was_cut_off_is_done_again(make):
    assert make("install", PIP_EXIT="1") == (2, INSTALL)
    assert make("test", PIP_EXIT="1")[0] == 2, "and nothing runs on half an installation"
    assert make("test") == (0, [*INSTALL, "-m pytest"])


def test_other_requirements_are_installed(make):
    make("install")
    stamp = make.place / ".venv/.installed"
    newer = stamp.stat().st_mtime + 10
    os.utime(make.place / "pyproject.toml", (newer, newer))
    assert make("install") == (0, INSTALL)


def test_a_moved_checkout_is_installed_anew(make):
    make("install")
    moved = make.place.rename(make.place.with_name("moved"))
    assert make("install", moved) == (0, INSTALL)
    assert make("install", moved) == (0, [])


def test_an_old_python_is_refused_with_the_way_out():
    text = (ROOT / "Makefile").read_text()
    assert "sys.version_info < (3, 11)" in text and "make install PYTHON=python3.12" in text
