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
    *pip*) cp "$0" .venv/bin/acorn; exit "${PIP_EXIT:-0}" ;;
    "-m pytest") exit "${TEST_EXIT:-0}" ;;
esac
"""


@pytest.fixture
def make(tmp_path, monkeypatch):
    """make('install', PIP_EXIT='1') -> (exit code, what Python and acorn were asked for)"""
    place = tmp_path / "checkout"
    place.mkdir()
    for name in ("Makefile", "pyproject.toml", ".ci/run"):
        (place / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, place / name)
    python, log = tmp_path / "python", tmp_path / "log"
    python.write_text(PYTHON)
    python.chmod(0o755)
    for name, value in {"LOG": log, "PYTHON": python, "CI": "true"}.items():
        monkeypatch.setenv(name, str(value))

    def call(*words: str, folder: Path = place, **env: str) -> tuple[int, list[str]]:
        log.write_text("")
        command = words if words[0] == ".ci/run" else ("make", *words)
        run = subprocess.run(command, cwd=folder, env=os.environ | env, capture_output=True, stdin=subprocess.DEVNULL)
        return run.returncode, [line for line in log.read_text().splitlines() if not line.startswith("-c")]

    call.place = place
    return call


INSTALL = ["-m venv .venv", "-m pip install --quiet --disable-pip-version-check -e .[iac,export,dev]"]


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
    assert make("install", folder=moved) == (0, INSTALL)
    assert make("install", folder=moved) == (0, [])


def test_an_old_python_is_refused_with_the_way_out():
    text = (ROOT / "Makefile").read_text()
    assert "sys.version_info < (3, 11)" in text and "make install PYTHON=python3.12" in text


def test_speedrun_takes_another_config(make):
    assert make("speedrun") == (0, [*INSTALL, "speedrun configs/cpu.toml"])
    assert make("speedrun", "CONFIG=configs/other.toml") == (0, ["speedrun configs/other.toml"])


def test_the_main_job_is_install_test_speedrun(make):
    assert make(".ci/run") == (0, [*INSTALL, "-m pytest", "speedrun configs/cpu.toml"])
    assert make(".ci/run", TEST_EXIT="1") == (2, ["-m pytest"]), "a failed test ends it"
