"""
Findings as text for people, JSON, SARIF 2.1.0 (what GitHub and GitLab show beside the code) or JUnit XML (what CI
servers show as tests). For `acorn iac validate` and `acorn iac audit`.
"""

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from acorn.recipes.iac.validate.findings import SEVERITIES, Finding

FORMS = ("text", "json", "sarif", "junit")
FRAME = 160  # characters of a line of code that are shown
SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"

SCORES = {"error": "8.0", "warning": "5.0", "note": "2.0"}  # what GitHub calls high, medium, low

Results = list[tuple[str, list[Finding]]]  # (path of a file that was looked at, what was found in it), clean ones too


@dataclass(frozen=True)
class About:
    """What programs are told of a rule. `level` is one of SEVERITIES where the rule is about security."""

    title: str
    why: str = ""
    remedy: str = ""
    level: str = ""
    links: tuple[str, ...] = ()


def render(
    results: Results,
    form: str,
    tool: str,
    rules: Mapping[str, About],
    text_of: Callable[[str], str | None] | None = None,
    colour: bool = False,
) -> str:
    """
    tool: "acorn iac validate". rules: name -> what the rule is about.
    text_of(path) gives the text of a file, from which the text form shows the line in question.
    """
    if form == "text":
        return _text(results, text_of or (lambda path: None), colour)
    return {"json": _json, "sarif": _sarif, "junit": _junit}[form](results, tool, rules)


def failed(results: Results) -> bool:
    """Whether something is wrong, so that a command exits with 1. Notes are information."""
    return any(one.severity != "note" for _, found in results for one in found)


def _flat(results: Results) -> list[tuple[str, Finding]]:
    return [
        (one.path or path, one)
        for path, found in results
        for one in sorted(found, key=lambda one: (one.path, one.line, one.column))
    ]


# ---- text --------------------------------------------------------------------------------------------------------


def _text(results: Results, text_of: Callable[[str], str | None], colour: bool) -> str:
    lines: dict[str, list[str]] = {}
    paint = _paint if colour else lambda word, style: word
    shown = []
    for path, one in _flat(results):
        where = ":".join(str(part) for part in (path, one.line, one.column) if part)
        style = {"error": "1;31", "warning": "1;33"}.get(one.severity, "1;36")
        rule = f" [{one.rule}]" if one.rule else ""
        shown.append(f"{paint(visible(where), '1')}: {paint(one.severity, style)}: {visible(one.message)}{rule}")
        if one.line:
            if path not in lines:
                lines[path] = (text_of(path) or "").split("\n")
            if one.line <= len(lines[path]):
                shown += _frame(lines[path][one.line - 1], one, paint)
        if one.hint:
            shown.append(f"  {paint('try', '1')}: {visible(one.hint)}")
    shown.append(summary(results))
    return "\n".join(shown) + "\n"


def _frame(line: str, one: Finding, paint) -> list[str]:
    line = line.rstrip("\r")
    start = max(0, one.column - FRAME // 2) if len(line) > FRAME else 0
    code, gap = visible(line[start : start + FRAME].replace("\t", " ")), " " * len(str(one.line))
    rows = [f"  {paint(f'{one.line} |', '2')} {code}"]
    if one.column:
        rows.append(f"  {paint(f'{gap} |', '2')} {' ' * (one.column - 1 - start)}{paint('^', '1;31')}")
    return rows


def summary(results: Results) -> str:
    """'2 errors, 1 note in 1 of 3 files' or '3 files, nothing found'"""
    counts = Counter(one.severity for _, found in results for one in found)
    files = f"{len(results):,} file{'s' * (len(results) != 1)}"
    if not counts:
        return f"{files}, nothing found"
    parts = [f"{counts[s]:,} {s}{'s' * (counts[s] != 1)}" for s in SEVERITIES if counts[s]]
    return f"{', '.join(parts)} in {sum(bool(found) for _, found in results):,} of {files}"


HIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]")


def visible(text: str) -> str:
    """What would steer a terminal or turn the direction of writing is shown as its number; XML can't hold it either."""
    return HIDDEN.sub(_number, text)


def _number(found: re.Match) -> str:
    return f"\\u{ord(found[0]):04x}"


def _paint(word: str, style: str) -> str:
    return f"\x1b[{style}m{word}\x1b[0m"


# ---- for machines ------------------------------------------------------------------------------------------------


def _json(results: Results, tool: str, rules: Mapping[str, About]) -> str:
    findings = [
        {
            "path": path,
            "line": one.line,
            "column": one.column,
            "severity": one.severity,
            "rule": one.rule,
            "message": one.message,
            "hint": one.hint,
        }
        | ({"fingerprint": one.fingerprint} if one.fingerprint else {})
        for path, one in _flat(results)
    ]
    counts = Counter(one["severity"] for one in findings)
    return json.dumps({"tool": tool, "files": len(results), "counts": counts, "findings": findings}, indent=2) + "\n"


def _sarif(results: Results, tool: str, rules: Mapping[str, About]) -> str:
    from acorn import __version__

    flat = _flat(results)
    names = sorted({one.rule or "finding" for _, one in flat})
    found = []
    for path, one in flat:
        place = {"artifactLocation": {"uri": _uri(path)}}
        if one.line:
            place["region"] = {"startLine": one.line} | ({"startColumn": one.column} if one.column else {})
        name = one.rule or "finding"
        row = {"ruleId": name, "ruleIndex": names.index(name), "level": one.severity}
        row["message"] = {"text": one.message + (f" ({one.hint})" if one.hint else "")}
        row["locations"] = [{"physicalLocation": place}]
        if one.fingerprint:
            row["partialFingerprints"] = {"acorn/v1": one.fingerprint}
        found.append(row)
    described = [_described(name, rules.get(name, About(name))) for name in names]
    run = {
        "tool": {"driver": {"name": tool, "version": __version__, "rules": described}},
        "columnKind": "unicodeCodePoints",
        "results": found,
    }
    return json.dumps({"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _described(name: str, about: About) -> dict:
    """A rule as SARIF describes it: GitHub shows `help` beside a finding and sorts by the score."""
    rule = {"id": name, "shortDescription": {"text": about.title}}
    if about.why:
        rule["fullDescription"] = {"text": about.why}
        elsewhere = f" The same elsewhere: {', '.join(about.links)}." if about.links else ""
        rule["help"] = {"text": f"{about.why} {about.remedy}{elsewhere}"}
    if about.level:
        rule["defaultConfiguration"] = {"level": about.level}
        rule["properties"] = {"tags": ["security"], "security-severity": SCORES[about.level]}
    return rule


def _uri(path: str) -> str:
    """Bytes of a name that are no UTF-8 come out as they are: %E9."""
    pure = PurePath(path)
    return pure.as_uri() if pure.is_absolute() else quote(os.fsencode(pure.as_posix()))


def _junit(results: Results, tool: str, rules: Mapping[str, About]) -> str:
    failures = sum(any(one.severity != "note" for one in found) for _, found in results)
    head = f"name={quoteattr(tool)} tests={quoteattr(str(len(results)))} failures={quoteattr(str(failures))}"
    rows = ['<?xml version="1.0" encoding="UTF-8"?>', f"<testsuites {head}>", f"  <testsuite {head}>"]
    for path, found in results:
        name, wrong = _attribute(path), [one for one in found if one.severity != "note"]
        if not wrong:
            rows.append(f"    <testcase classname={_attribute(tool)} name={name}/>")
            continue
        rows.append(f"    <testcase classname={_attribute(tool)} name={name}>")
        lines = [f"{one.path or path}:{one.line}:{one.column}: {one.message}" for one in wrong]
        first = f"message={_attribute(wrong[0].message)} type={_attribute(wrong[0].rule or 'finding')}"
        rows.append(f"      <failure {first}>{escape(visible_lines(lines))}</failure>")
        rows.append("    </testcase>")
    return "\n".join([*rows, "  </testsuite>", "</testsuites>"]) + "\n"


def _attribute(text: str) -> str:
    return quoteattr(visible(text))


def visible_lines(lines: list[str]) -> str:
    return "\n".join(map(visible, lines))
