"""acorn iac validate"""

from dataclasses import dataclass
from pathlib import Path

import tyro

from acorn.commands import iac
from acorn.errors import UserError, did_you_mean

SUFFIXES = {".tf": "terraform", ".tofu": "terraform", ".yaml": "kubernetes", ".yml": "kubernetes"}


@dataclass
class Validate:
    """Check infrastructure code: syntax, names, types, references. Exits with 0 when clean, 1 with findings."""

    paths: tyro.conf.Positional[tuple[str, ...]]  # files, folders, or - for standard input
    kind: str = ""  # what the texts are (default: found from name and content)
    json: bool = False  # findings as JSON
    sarif: bool = False  # findings as SARIF 2.1.0
    junit: bool = False  # findings as JUnit XML
    out: Path | None = None  # write to this file instead of standard output

    def run(self) -> int:
        from acorn.recipes.iac import results, validate

        form = iac.form(self.json, self.sarif, self.junit)
        if self.kind and self.kind not in validate.KINDS:
            raise UserError(f"there is no kind {self.kind!r}.{did_you_mean(self.kind, validate.KINDS)}")
        found, texts = [], {}
        for path in iac.files(self.paths, lambda path: self.kind_of(path) is not None):
            source = iac.source(path)
            kind = self.kind_of(path)
            if source.text is None:
                findings = [validate.Finding(source.problem, rule="unreadable")]
            elif kind is None:
                raise UserError(f"{path}: what kind of code is this?", f"acorn iac validate {path} --kind terraform")
            else:
                texts[source.path] = source.text
                findings = validate.validate(source.text, kind)
            found.append((source.path, findings))
        iac.write(results.render(found, form, "acorn iac validate", {}, texts.get), self.out)
        return int(results.failed(found))

    def kind_of(self, path: str) -> str | None:
        name = Path(path).name
        return self.kind or ("dockerfile" if name.startswith("Dockerfile") else SUFFIXES.get(Path(path).suffix))
