"""
A file of findings that are known: they are left out, new ones are reported. It holds fingerprints, which stay the same
when lines move, and for people the rule and the path.
"""

import json
import os
from pathlib import Path

from acorn.errors import UserError
from acorn.recipes.iac.audit.scan import Row

VERSION = 1


def load(path: Path) -> set[str]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(
            f"there is no baseline {path}", f"acorn iac audit . --baseline {path} --update-baseline"
        ) from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or f"it is no JSON: {error}"
        raise UserError(f"the baseline {path} can't be read: {why[:200]}") from error
    if not isinstance(found, dict) or found.get("version") != VERSION or not isinstance(found.get("findings"), list):
        raise UserError(f"{path} is no baseline of version {VERSION}", "write it anew with --update-baseline")
    return {str(one.get("fingerprint")) for one in found["findings"] if isinstance(one, dict)}


def save(path: Path, results: list[tuple[str, list[Row]]]) -> int:
    """-> how many findings are in it"""
    rows = [
        {"fingerprint": row.fingerprint, "rule": row.finding.rule, "path": where.replace(os.sep, "/")}
        for where, found in results
        for row in found
        if row.fingerprint
    ]
    rows.sort(key=lambda row: (row["path"], row["rule"], row["fingerprint"]))
    text = json.dumps({"version": VERSION, "tool": "acorn iac audit", "findings": rows}, indent=1) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.parent / f".{path.name}.{os.getpid()}"
    try:
        half.write_text(text, encoding="utf-8")
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)
    return len(rows)


def new(results: list[tuple[str, list[Row]]], known: set[str]) -> tuple[list[tuple[str, list[Row]]], int]:
    """(the results without what is known, how many that were)"""
    left = [(path, [row for row in found if row.fingerprint not in known]) for path, found in results]
    return left, sum(len(found) for _, found in results) - sum(len(found) for _, found in left)
