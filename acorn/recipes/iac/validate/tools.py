"""
Tools that somebody else keeps, asked where they are installed and only when that is wanted: hadolint, cfn-lint,
ansible-playbook --syntax-check. They get a text and an empty folder; the one of the user may hold plugins that run.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from acorn.recipes.iac.validate.findings import Finding

SECONDS = 60
# What a build or a shell refuses. Its other rules are about style, which audit looks at.
FATAL = re.compile(r"DL(?:1000|3011|3012|3021|3023|3024|3043|3061|4004)|SC1\d\d\d")
MISSING = "{} is not installed, so it was not asked"


def find(name: str) -> str | None:
    """A program on PATH or beside this Python."""
    beside = Path(sys.executable).with_name(name)
    return shutil.which(name) or (str(beside) if beside.is_file() else None)


def ask(command: list[str], text: str, folder: str) -> tuple[int, str, str] | None:
    """(exit code, stdout, stderr), or None when it took too long."""
    env = {"PATH": os.environ.get("PATH", ""), "HOME": folder, "LC_ALL": "C.UTF-8", "ANSIBLE_CONFIG": os.devnull}
    try:
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=SECONDS, cwd=folder, env=env)
    except subprocess.TimeoutExpired:
        return None
    return done.returncode, done.stdout, done.stderr


def hadolint(text: str) -> list[Finding]:
    program = find("hadolint")
    if program is None:
        return [Finding(MISSING.format("hadolint"), rule="tool", severity="note")]
    with tempfile.TemporaryDirectory() as folder:
        done = ask([program, "--no-fail", "--format", "json", "-"], text, folder)
    if done is None:
        return [Finding(f"hadolint took longer than {SECONDS} s", rule="tool", severity="note")]
    try:
        found = json.loads(done[1])
    except ValueError:
        return [Finding(f"hadolint failed: {done[2].strip()[:200]}", rule="tool", severity="note")]
    return [
        Finding(one["message"][:300], one["line"], one["column"], one["code"])
        for one in found
        if one["level"] == "error" and FATAL.fullmatch(one["code"])
    ]


def cfn_lint(text: str) -> list[Finding]:
    if find_spec("cfnlint") is None:
        return [Finding(MISSING.format("cfn-lint"), rule="tool", severity="note")]
    from cfnlint.api import ManualArgs, lint

    found = lint(text, config=ManualArgs(regions=["us-east-1"], ignore_checks=["W", "I"]))
    return [Finding(one.message[:300], one.linenumber, one.columnnumber, one.rule.id) for one in found]


def ansible_syntax(text: str) -> list[Finding]:
    """Of a playbook that needs no other file: those are not copied along."""
    program = find("ansible-playbook")
    if program is None:
        return [Finding(MISSING.format("ansible-playbook"), rule="tool", severity="note")]
    if re.search(r"^\s*(?:- )?(?:roles|[\w.]*(?:import|include)_\w+|vars_files)\s*:", text, re.MULTILINE):
        return [Finding("ansible-playbook was not asked: this needs other files", rule="tool", severity="note")]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "playbook.yml"
        path.write_text(text, encoding="utf-8")
        done = ask([program, "--syntax-check", "-i", "localhost,", str(path)], "", folder)
    if done is None:
        return [Finding(f"ansible-playbook took longer than {SECONDS} s", rule="tool", severity="note")]
    if done[0] == 0:
        return []
    said = next((line for line in done[2].splitlines() if "ERROR" in line), done[2].strip())
    place = re.search(r"line (\d+), column (\d+)|playbook\.yml:(\d+):(\d+)", done[2])
    line, column = [int(one) for one in place.groups() if one] if place else (0, 0)
    message = re.sub(r"\[?ERROR\]?[!:]?\s*", "", said)[:300]
    return [Finding(f"ansible-playbook: {message}", line, column, "ansible-syntax")]
