"""acorn iac audit"""

import dataclasses
import os
import sys
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Annotated

import tyro

from acorn.commands import iac
from acorn.config import from_dict, read_toml
from acorn.errors import UserError, did_you_mean

SETTINGS = Path("acorn-audit.toml")  # read when it lies in the current folder; the command line goes before it
ORDER = {"note": 0, "warning": 1, "error": 2}
LEVEL = {"low": 0, "medium": 1, "high": 2}


@dataclass
class Audit:
    """
    Look for what is unsafe in infrastructure code. Exits with 0 when clean, 1 with findings of --fail-on or above. A
    comment `# acorn:ignore ACORN-AWS-001 the reason` on a line, above it or above its block silences a finding.
    """

    paths: tyro.conf.Positional[tuple[str, ...]] = ()  # files, folders, or - for standard input
    kind: str = ""  # what the texts are (default: found from name and content)
    ignore_unknown: bool = False  # pass over what is named and is of no kind: hooks name every YAML file
    severity: str = "low"  # least severity that is reported: low, medium, high
    fail_on: str = "medium"  # least severity that makes the exit code 1
    soft_fail: bool = False  # exit with 0 whatever is found
    rule: str = ""  # only these rules, with commas between; a beginning stands for all of it: ACORN-AWS,ACORN-K8S-001
    skip_rule: str = ""  # all but these rules
    exclude: str = ""  # paths to leave out, with commas between: 'examples/*,*_test.tf'
    baseline: Path | None = None  # file of known findings, which are not reported
    update_baseline: bool = False  # write what is found to the file of --baseline
    json: bool = False  # findings as JSON
    sarif: bool = False  # findings as SARIF 2.1.0
    junit: bool = False  # findings as JUnit XML
    out: Path | None = None  # write to this file instead of standard output
    explain: bool = False  # say why and what to do at every finding, with the same checks elsewhere
    fix: bool = False  # show patches, each of them validated and audited again, as a diff
    write: bool = False  # with --fix: write the patched files
    run_name: Annotated[str, tyro.conf.arg(name="run", metavar="RUN")] = ""  # a model that explains, and patches more
    checkov: bool = False  # add what checkov finds (the Python package checkov)
    list_rules: bool = False  # show the rules (of --rule and --severity; with --explain, why and what to do) and stop
    jobs: int = 0  # processes (default: one a core, where there are many files)

    def run(self) -> int:
        from acorn.recipes.iac.audit import baseline, report

        self.settle()
        if self.list_rules:
            listed = report.listed(self.chosen(), LEVEL[self.severity])
            text = report.as_json(listed) if self.json else report.listing(listed, self.explain)
            iac.write(text, self.out)
            return 0
        form = iac.form(self.json, self.sarif, self.junit)
        found = self.scan()
        if self.update_baseline:
            with iac.writing(self.baseline):
                number = baseline.save(self.baseline, found)
            print(f"{self.baseline}: {number:,} findings are known now", file=sys.stderr)
            return 0
        known = 0
        if self.baseline:
            found, known = baseline.new(found, baseline.load(self.baseline))
        least = LEVEL[self.severity]
        found = [
            (path, [row for row in rows if not row.fingerprint or ORDER[row.finding.severity] >= least])
            for path, rows in found
        ]
        if self.fix:
            return self.patch(found)
        results = [(path, [row.marked for row in rows]) for path, rows in found]
        iac.write(self.ask(found, results, known) if self.run_name else self.shown(results, form, known), self.out)
        return self.code([one for _, rows in results for one in rows])

    def ask(self, found: list, results: list, known: int) -> str:
        """The report with what a model says of the code, then the patches that hold."""
        from acorn.commands import iac_audit_fix

        engine, job = iac_audit_fix.load(self.run_name), iac_audit_fix.Job(self.kind, self.chosen(), self.root())
        said = iac_audit_fix.explanations(found, job, engine)
        with progress(len(found)) as tick:
            diff = iac_audit_fix.patches(found, job, engine, False, tick)
        return self.shown(results, "text", known, said) + (f"\n{diff}" if diff else "")

    def patch(self, found: list) -> int:
        """Show the patches; the exit code is about what is left when they are written."""
        from acorn.commands import iac_audit_fix

        job = iac_audit_fix.Job(self.kind, self.chosen(), self.root())
        engine = iac_audit_fix.load(self.run_name) if self.run_name else None
        with progress(len(found)) as tick:
            diff = iac_audit_fix.patches(found, job, engine, self.write, tick)
        iac.write(diff, self.out)
        left = self.scan() if self.write else found
        if self.baseline:
            from acorn.recipes.iac.audit import baseline

            left, _ = baseline.new(left, baseline.load(self.baseline))
        return self.code([row.finding for _, rows in left for row in rows])

    def code(self, findings: list) -> int:
        worst = max((ORDER[one.severity] for one in findings), default=-1)
        return int(worst >= max(LEVEL[self.fail_on], LEVEL[self.severity]) and not self.soft_fail)

    def root(self) -> str:
        """Where paths in fingerprints begin: the folder of the baseline, so that it can be used from anywhere."""
        return str(self.baseline.resolve().parent) if self.baseline else os.getcwd()

    def settle(self) -> None:
        """Take what the command line left out from the file of settings, then check it all."""
        if SETTINGS.is_file():
            settings = from_dict(Audit, read_toml(SETTINGS), str(SETTINGS), partial=True)
            for field in dataclasses.fields(Audit):
                if getattr(self, field.name) == field.default:
                    setattr(self, field.name, getattr(settings, field.name))
        for name in ("severity", "fail_on"):
            if (value := getattr(self, name)) not in LEVEL:
                hint = did_you_mean(value, LEVEL)
                raise UserError(f"--{name.replace('_', '-')} is low, medium or high, not {value!r}.{hint}")
        form = iac.form(self.json, self.sarif, self.junit)
        if (self.fix or self.run_name) and not self.list_rules and form != "text":
            raise UserError(f"{'--fix' if self.fix else '--run'} shows patches, not --{form}; leave one out")
        if self.write and not self.fix:
            raise UserError("--write needs --fix", "acorn iac audit PATH --fix --write")
        if self.baseline and self.baseline.is_dir():
            raise UserError(f"--baseline {self.baseline} is a folder", "--baseline acorn-baseline.json")
        if self.update_baseline and not self.baseline:
            raise UserError(
                "--update-baseline needs --baseline FILE", "--baseline acorn-baseline.json --update-baseline"
            )

    def scan(self) -> list:
        from acorn.recipes.iac import kinds
        from acorn.recipes.iac.audit.scan import scan, wanted

        if self.kind and self.kind not in kinds.KINDS:
            raise UserError(f"there is no kind {self.kind!r}.{did_you_mean(self.kind, kinds.KINDS)}")
        excluded = [one.strip() for one in self.exclude.split(",") if one.strip()]
        paths = [
            path
            for path in iac.files(self.paths, wanted)
            if not any(fnmatch(path, one) or fnmatch(os.path.normpath(path), one) for one in excluded)
        ]
        for path in self.paths:
            if path == "-" and not self.kind:
                raise UserError("what kind of code is standard input?", "acorn iac audit - --kind terraform")
        with progress(len(paths)) as tick:
            found = scan(paths, iac.source, self.kind, self.chosen(), self.root(), self.jobs, tick)
        seen = {os.path.normpath(path) for path, _ in found}
        for path in () if self.ignore_unknown else paths:
            if path in self.paths and path != "-" and os.path.normpath(path) not in seen:
                found.append((path, [unknown()]))
        if self.checkov:
            from acorn.recipes.iac.audit import checkov

            found = checkov.add(found, self.kinds([path for path, _ in found]))
        return found

    def kinds(self, paths: list[str]) -> dict[str, str]:
        from acorn.recipes.iac import kinds

        texts = {path: iac.source(path).text for path in paths if path != iac.STDIN}
        found = {path: self.kind or kinds.detect(path, text) for path, text in texts.items() if text is not None}
        return {path: kind for path, kind in found.items() if kind}

    def chosen(self) -> frozenset[str]:
        """Ids of the rules that are looked at; empty for all."""
        from acorn.recipes.iac.audit.rules import rules

        only, skipped = self.ids(self.rule), self.ids(self.skip_rule)
        if not only and not skipped:
            return frozenset()
        if not (left := (only or set(rules())) - skipped):
            raise UserError("--rule and --skip-rule leave no rule", "acorn iac audit --list-rules")
        return frozenset(left)

    def ids(self, words: str) -> set[str]:
        from acorn.recipes.iac.audit.rules import rules

        found = set()
        for word in filter(None, (one.strip().upper() for one in words.split(","))):
            fits = {id_ for id_ in rules() if id_ == word or id_.startswith(word.rstrip("-") + "-")}
            if not fits:
                raise UserError(
                    f"there is no rule {word}.{did_you_mean(word, rules())}", "acorn iac audit --list-rules"
                )
            found |= fits
        return found

    def shown(self, results: list, form: str, known: int, said: "dict[str, str] | None" = None) -> str:
        from acorn.recipes.iac import results as forms
        from acorn.recipes.iac.audit import report

        if form != "text":
            return forms.render(results, form, "acorn iac audit", report.about())
        colour = self.out is None and sys.stdout.isatty() and "NO_COLOR" not in os.environ
        return report.text(results, iac.text_of, colour, self.explain, known, said or {})


def unknown():
    """The row of a file that was named, but is of no kind that is known."""
    from acorn.recipes.iac.audit import UNREAD
    from acorn.recipes.iac.audit.scan import Row
    from acorn.recipes.iac.validate import Finding

    return Row(Finding(f"{UNREAD} what kind of code it is can't be told; say it with --kind", 0, 0, "kind", "note"))


@contextmanager
def progress(files: int):
    """A bar on a terminal, for more than a glance."""
    if files < 100 or not sys.stderr.isatty():
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("auditing", total=files)
        advance: Callable[[int], None] = lambda done: bar.advance(task, done)
        yield advance
