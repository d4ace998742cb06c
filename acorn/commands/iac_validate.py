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

        form = iac.form(self.json, self.sarif, self.junit)
        if self.kind and self.kind not in validate.KINDS:
            near = did_you_mean(self.kind, validate.KINDS)
            raise UserError(f"there is no kind {self.kind!r}.{near} There is: {', '.join(validate.KINDS)}")
        paths = list(iac.files(self.paths, wanted))
        for path in map(str, self.crd):
            if not os.path.isfile(path):
                raise UserError(f"there is no file {path}", "--crd crds.yaml")
        known = definitions([*map(str, self.crd), *paths], iac.source)
        shared = Look(iac.source, self.kind, crds=known, full=self.full)
        with progress(len(paths)) as tick:
            found = look(paths, shared, self.jobs or os.cpu_count() or 1, tick)
        self.known(paths, found)
        if self.terraform:
            from acorn.recipes.iac.terraform.own import add

            add(found, kinds.KINDS["terraform"].suffixes)
        text_of = lambda path: iac.source(path).text
        colour = self.out is None and sys.stdout.isatty() and "NO_COLOR" not in os.environ
        text = results.render(found, form, "acorn iac validate", RULES, text_of, colour)
        iac.write(text, self.out)
        return int(results.failed(found))

    def known(self, paths: list[str], found: list) -> None:
        """A file that was named by itself and is of no kind can't pass as clean."""
        seen = {path for path, _ in found}
        for path in paths:
            if path in self.paths and path not in seen:
                raise UserError(f"{path}: what kind of code is this?", f"acorn iac validate {path} --kind terraform")
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


RULES = {
    "syntax": "The text is not of its language",
    "unknown-type": "There is no such resource or data source",
    "unknown-argument": "There is no such argument",
    "unknown-block": "There is no such block",
    "missing-argument": "A required argument is missing",
    "missing-block": "A required block is missing",
    "wrong-type": "A value is not of the type that is needed",
    "not-a-block": "An argument is written as a block",
    "not-an-argument": "A block is written as an argument",
    "too-many-blocks": "A block stands more often than it may",
    "computed-argument": "The provider decides this argument",
    "set-twice": "An argument is set twice",
    "declared-twice": "A name is declared twice",
    "undeclared": "A reference leads nowhere",
    "unknown-attribute": "A resource has no such attribute",
    "unknown-function": "There is no such function",
    "unknown-provider": "Nothing is known of a provider",
    "other-version": "Another version of the provider is asked for than the one that is known",
    "module-source": "A module's folder is not there",
    "module-circle": "Modules call each other in a circle",
    "template": "A template, which has to be filled in first",
    "unreadable": "The file can't be read as text",
}
