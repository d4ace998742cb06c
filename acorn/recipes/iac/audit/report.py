"""Findings of an audit for people: by file, with the line, why it matters and what to do."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from types import MappingProxyType

from acorn.recipes.iac.audit import LEVELS, UNREAD
from acorn.recipes.iac.audit.rule import SEVERITIES, Rule
from acorn.recipes.iac.audit.rules import rules
from acorn.recipes.iac.results import About, visible
from acorn.recipes.iac.validate.findings import Finding

WIDTH = 140  # characters of a line of code that are shown
WORDS = {"error": "high", "warning": "medium", "note": "low"}
SKIPPED = {  # why a file was not looked at; the other names are those of the validator
    "template": "A template, which can be audited once it is filled in",
    "unreadable": "The file can't be read or parsed",
    "kind": "What kind of code a file is can't be told",
    "too-many": "There are more findings than are told",
    "too-long": "The file is too long to be read",
    "not-text": "The text holds characters that belong in no text",
}
COLOURS = {"high": "1;31", "medium": "1;33", "low": "1;36", "": "2"}

Results = list[tuple[str, list[Finding]]]


def text(
    results: Results,
    text_of: Callable[[str], str | None],
    colour: bool,
    explain: bool,
    known: int = 0,
    said: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """said: by fingerprint, what a model says of the code there."""
    paint = (lambda word, style: f"\x1b[{style}m{word}\x1b[0m") if colour else (lambda word, style: word)
    shown, told = [], set()
    for path, found in results:
        if not found:
            continue
        lines = (text_of(path) or "").split("\n")
        shown.append(paint(visible(path), "1;4"))
        for one in sorted(found, key=lambda one: (one.line, one.column, one.rule)):
            rule, word = rules().get(one.rule), WORDS[one.severity] if audited(one) else "skipped"
            place = ":".join(str(part) for part in (one.line, one.column) if part) or "-"
            head = f"{paint(word, COLOURS.get(word, '2'))}  {visible(one.message)}"
            shown.append(f"  {place:>7}  {head}{paint(f'  {one.rule}', '2') if audited(one) else ''}")
            if 0 < one.line <= len(lines):
                shown.append(f"           {paint('|', '2')} {frame(lines[one.line - 1])}")
            if rule and (explain or one.rule not in told):
                told.add(one.rule)
                shown += [
                    f"           {paint('why', '2')}  {rule.why}",
                    f"           {paint('do', '2')}   {rule.remedy}",
                ]
                if explain and rule.links:
                    shown.append(f"           {paint('see', '2')}  {', '.join(rule.links)}")
            if words := said.get(one.fingerprint):
                shown.append(f"           {paint('it', '2')}   {visible(words)} (says the model)")
        shown.append("")
    return "\n".join([*shown, summary(results, known)]) + "\n"


def audited(one: Finding) -> bool:
    """Whether it says something about the code, and not that the code could not be looked at."""
    return not one.message.startswith(UNREAD)


def frame(line: str) -> str:
    line = visible(line.strip().replace("\t", " "))
    return line if len(line) <= WIDTH else line[: WIDTH - 3] + "..."


def summary(results: Results, known: int = 0) -> str:
    """'2 high, 1 low in 1 of 3 files (4 known by the baseline)'"""
    counts = Counter(WORDS[one.severity] for _, found in results for one in found if audited(one))
    skipped = sum(any(not audited(one) for one in found) for _, found in results)
    files = f"{len(results):,} file{'s' * (len(results) != 1)}"
    parts = ", ".join(f"{counts[word]:,} {word}" for word in reversed(SEVERITIES) if counts[word])
    dirty = sum(any(map(audited, found)) for _, found in results)
    said = f"{parts} in {dirty:,} of {files}" if parts else f"{files}, nothing found"
    extra = [f"{known:,} known by the baseline"] * bool(known) + [f"{skipped:,} not audited"] * bool(skipped)
    return said + (f" ({', '.join(extra)})" if extra else "")


def listed(only: frozenset[str], least: int) -> list[Rule]:
    """The rules of these ids (all, when there are none) that are at least this severe."""
    chosen = [rule for rule in rules().values() if not only or rule.id in only]
    return [rule for rule in chosen if SEVERITIES.index(rule.severity) >= least]


def listing(found: list[Rule], explain: bool = False) -> str:
    """A line for each rule, or all that is known of it."""
    width = max((len(rule.id) for rule in found), default=0)
    rows = []
    for rule in found:
        rows.append(f"{rule.id:<{width}}  {rule.severity:<6}  {rule.title}  ({', '.join(rule.kinds)})")
        if explain:
            rows += [f"    why  {rule.why}", f"    do   {rule.remedy}"]
            rows += [f"    see  {', '.join(rule.links)}"] * bool(rule.links) + [""]
    counts = Counter(rule.severity for rule in found)
    foot = ", ".join(f"{counts[word]} {word}" for word in reversed(SEVERITIES) if counts[word])
    return "\n".join([*rows, f"{len(found)} rule{'s' * (len(found) != 1)}: {foot}".removesuffix(": ")]) + "\n"


def as_json(found: list[Rule]) -> str:
    """The rules for programs."""
    keys = ("id", "title", "severity", "kinds", "why", "remedy", "links")
    return json.dumps([{key: getattr(rule, key) for key in keys} for rule in found], indent=1) + "\n"


def about() -> dict[str, About]:
    """Every rule as other programs are told of it."""
    skipped = {name: About(title) for name, title in SKIPPED.items()}
    return skipped | {
        rule.id: About(rule.title, rule.why, rule.remedy, LEVELS[rule.severity], rule.links)
        for rule in rules().values()
    }
