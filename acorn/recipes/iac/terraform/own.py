"""
What the user's own `tofu validate` or `terraform validate` says. It starts the provider programs that lie in .terraform
of the folder, so it is asked only on request, and only where `init` was run.
"""

import json
import os
import shutil
import subprocess

from acorn.errors import UserError
from acorn.recipes.iac.validate.findings import Finding

SECONDS = 120  # for one folder
PROGRAMS = ("tofu", "terraform")


def add(found: list[tuple[str, list[Finding]]], suffixes: tuple[str, ...]) -> None:
    """Add its findings to those of the files, where ours do not say something of the same line."""
    program = next((path for name in PROGRAMS if (path := shutil.which(name))), None)
    if not program:
        raise UserError("neither tofu nor terraform is on PATH", "acorn iac validate without --terraform")
    results = dict(found)
    for folder in sorted({os.path.dirname(path) for path, _ in found if path.endswith(suffixes)}):
        if not os.path.isdir(os.path.join(folder, ".terraform")):
            continue
        for finding in ask(program, folder):
            ours = results.get(finding.path)
            if ours is None:
                found.append((finding.path, [finding]))
                results[finding.path] = found[-1][1]
            elif not any(one.line == finding.line and one.severity == finding.severity for one in ours):
                ours.append(finding)


def ask(program: str, folder: str) -> list[Finding]:
    name, where = os.path.basename(program), folder or "."
    try:
        command = [program, "validate", "-json", "-no-color"]
        run = subprocess.run(command, cwd=where, capture_output=True, timeout=SECONDS, stdin=subprocess.DEVNULL)
        given = json.loads(run.stdout)["diagnostics"]
        return [_finding(name, folder, one) for one in given]
    except subprocess.TimeoutExpired:
        message = f"{name} validate took over {SECONDS} s and was stopped"
        return [Finding(message, rule=name, severity="note", path=where)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return [Finding(f"{name} validate gave no result: {error}", rule=name, severity="note", path=where)]


def _finding(name: str, folder: str, one: dict) -> Finding:
    place = one.get("range") or {}
    start = place.get("start") or {}
    detail = f": {one['detail']}" if one.get("detail") else ""
    path = os.path.join(folder, place["filename"]) if place.get("filename") else folder or "."
    message = " ".join(f"{one.get('summary', '')}{detail} ({name})".split())
    severity = "error" if one.get("severity") == "error" else "warning"
    return Finding(message, start.get("line", 0), start.get("column", 0), name, severity, path)
