"""acorn iac validate"""

import os
import sys
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import tyro

from acorn.commands import iac
from acorn.errors import UserError, did_you_mean


@dataclass
class Validate:
    """
    Check infrastructure code: syntax, names, types, what is required, references. Exits with 0 when clean, 1 with
    findings. The .tf files of a folder are one configuration; one that is named alone is judged with its neighbours.
    """

    paths: tyro.conf.Positional[tuple[str, ...]] = ()  # files, folders, or - for standard input
    kind: str = ""  # what the texts are (default: found from name and content)
    ignore_unknown: bool = False  # pass over what is named and is of no kind: hooks name every YAML file
    crd: tuple[Path, ...] = ()  # CRDs for custom resources; those among the paths are known anyway
    full: bool = False  # ask hadolint, cfn-lint and ansible-playbook too, where they are installed; seconds a file
    terraform: bool = False  # ask your own tofu or terraform too, in folders where `init` was run; that runs providers
    json: bool = False  # findings as JSON
    sarif: bool = False  # findings as SARIF 2.1.0
    junit: bool = False  # findings as JUnit XML
    out: Path | None = None  # write to this file instead of standard output
    jobs: int = 0  # processes (default: one a core, where there are many files)

    def run(self) -> int:
        from acorn.recipes.iac import kinds, results, validate
        from acorn.recipes.iac.validate.files import Look, definitions, look, wanted
        from acorn.recipes.iac.validate.rules import RULES

        form = iac.form(self.json, self.sarif, self.junit)
        if self.kind and self.kind not in validate.KINDS:
            near = did_you_mean(self.kind, validate.KINDS)
            raise UserError(f"there is no kind {self.kind!r}.{near} There is: {', '.join(validate.KINDS)}")
        paths = list(iac.files(self.paths, wanted))
        for path in map(str, self.crd):
            if not os.path.isfile(path):
                raise UserError(f"there is no file {path}", "--crd crds.yaml")
        known = definitions([*map(str, self.crd), *paths], iac.source)
        shared = Look(iac.source, self.kind, self.paths, crds=known, full=self.full)
        with progress(len(paths)) as tick:
            found = look(paths, shared, self.jobs or os.cpu_count() or 1, tick)
        self.known(paths, found)
        if self.terraform:
            from acorn.recipes.iac.terraform.own import add

            add(found, kinds.KINDS["terraform"].suffixes)
        found = [(iac.STDIN if path == "-" else path, rows) for path, rows in found]
        colour = self.out is None and sys.stdout.isatty() and "NO_COLOR" not in os.environ
        text = results.render(found, form, "acorn iac validate", RULES, iac.text_of, colour)
        iac.write(text, self.out)
        return int(results.failed(found))

    def known(self, paths: list[str], found: list) -> None:
        """A file that was named by itself and is of no kind can't pass as clean."""
        if self.ignore_unknown:
            return
        seen = {path for path, _ in found}
        for path in paths:
            if path in self.paths and path not in seen:
                hint = f"acorn iac validate {path} --kind {iac.guess(path)}, or --ignore-unknown"
                raise UserError(f"{path}: what kind of code is this?", hint)
        if not found:
            raise UserError("there is no infrastructure code in " + " ".join(self.paths), "acorn iac validate --help")


@contextmanager
def progress(files: int):
    """A bar on a terminal, for more than a glance."""
    if files < 100 or not sys.stderr.isatty():
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("validating", total=files)
        advance: Callable[[int], None] = lambda done: bar.advance(task, done)
        yield advance
