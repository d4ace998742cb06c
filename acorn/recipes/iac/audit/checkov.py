"""What checkov finds, in our form. Its library is used where it is installed; it needs seconds to start."""

import importlib
import logging
import os
import sys
from contextlib import contextmanager

from acorn.errors import missing_extra
from acorn.recipes.iac.audit.rules import rules
from acorn.recipes.iac.audit.scan import Row
from acorn.recipes.iac.validate.findings import Finding

RUNNERS = {  # kind -> where checkov keeps what reads it
    "terraform": "checkov.terraform.runner",
    "cloudformation": "checkov.cloudformation.runner",
    "kubernetes": "checkov.kubernetes.runner",
    "dockerfile": "checkov.dockerfile.runner",
    "ansible": "checkov.ansible.runner",
}
SEVERITIES = {"CRITICAL": "error", "HIGH": "error", "MEDIUM": "warning", "LOW": "note", "INFO": "note"}


def add(found: list[tuple[str, list[Row]]], files: dict[str, str]) -> list[tuple[str, list[Row]]]:
    """The results of a scan with what checkov adds: not what a rule of ours with the same id has found in that file."""
    more, ours = look(files), rules()
    both = []
    for path, rows in found:
        known = {link for row in rows if row.finding.rule in ours for link in ours[row.finding.rule].links}
        both.append((path, rows + [row for row in more.get(path, []) if row.finding.rule not in known]))
    return both


def look(files: dict[str, str]) -> dict[str, list[Row]]:
    """{path: kind} -> {path: rows}. Without an account checkov knows no severities: then a finding is a warning."""
    os.environ.setdefault("LOG_LEVEL", "ERROR")
    logging.disable(logging.WARNING)
    try:
        from checkov.runner_filter import RunnerFilter
    except ImportError as error:
        raise missing_extra("checkov", "checkov") from error
    finally:
        logging.disable(logging.NOTSET)
    found: dict[str, list[Row]] = {}
    for kind, module in RUNNERS.items():
        paths = {os.path.realpath(path): path for path, what in files.items() if what == kind}
        if not paths:
            continue
        with quiet():
            runner = importlib.import_module(module).Runner()
            report = runner.run(None, files=list(paths), runner_filter=RunnerFilter(framework=[runner.check_type]))
        for record in getattr(report, "failed_checks", []):
            path = paths.get(os.path.realpath(record.file_abs_path))
            if path:
                found.setdefault(path, []).append(Row(finding(record), f"checkov:{record.check_id}:{record.resource}"))
    return found


def finding(record) -> Finding:
    line = record.file_line_range[0] if record.file_line_range else 0
    name = getattr(record.severity, "name", None) or "MEDIUM"
    message = f"{record.check_name}: {record.resource}"
    return Finding(message, line, 0, record.check_id, SEVERITIES.get(name, "warning"), "", record.guideline or "")


@contextmanager
def quiet():
    """Its log and what it prints on the way go nowhere; an exception still comes out."""
    logging.disable(logging.CRITICAL)
    out, sys.stdout = sys.stdout, open(os.devnull, "w", encoding="utf-8")
    try:
        yield
    finally:
        sys.stdout.close()
        sys.stdout = out
        logging.disable(logging.NOTSET)
