"""
What stands already in the folder that an answer is for. Its names may be used, and may not be declared again. The files
are not shown to the validator but what they declare is, as empty blocks before the answer.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

from acorn.errors import UserError
from acorn.recipes.iac.hcl import HclError, parse
from acorn.recipes.iac.validate import validate
from acorn.recipes.iac.validate.findings import Finding

FILES = 200  # of a folder are read at most
MAX_CHARS = 1_000_000  # of a file
HEAD = re.compile(r'^(resource|data) "([A-Za-z0-9_-]+)" "([A-Za-z0-9_-]+)" \{$', re.MULTILINE)


@dataclass(frozen=True)
class Context:
    blocks: dict[tuple[str, ...], str] = field(default_factory=dict)  # ("resource", "aws_vpc", "main") -> its file
    local: dict[str, str] = field(default_factory=dict)  # names of locals -> the file
    skipped: tuple[str, ...] = ()  # files that can't be read, each with the reason

    @property
    def empty(self) -> bool:
        return not self.blocks and not self.local

    def names(self) -> list[str]:
        """What an expression can name: var.region, local.tags, module.network, aws_vpc.main, data.aws_ami.latest"""
        word = {"variable": "var.", "module": "module.", "data": "data.", "resource": ""}
        found = [word[type_] + ".".join(labels) for type_, *labels in self.blocks if type_ in word]
        return found + [f"local.{name}" for name in self.local]

    def stubs(self) -> str:
        """Text that declares what the folder declares."""
        found = [" ".join([type_, *(f'"{label}"' for label in labels)]) + " {\n}" for type_, *labels in self.blocks]
        if self.local:
            found.append("locals {\n" + "".join(f"  {name} = null\n" for name in self.local) + "}")
        return "\n".join(found) + "\n" if found else ""

    def errors(self, text: str, kind: str) -> list[Finding]:
        """What is wrong with a text in this folder."""
        before = self.stubs() if kind == "terraform" else ""
        lines = before.count("\n")
        found = [one for one in validate(before + text, kind) if one.severity == "error"]
        if not before:
            return found
        return [
            Finding(one.message, max(0, one.line - lines), one.column, one.rule, one.severity, one.path, one.hint)
            for one in found
            if one.line > lines or not one.line
        ]

    def fit(self, text: str, kind: str) -> str:
        """The text with other labels where its own are taken."""
        if kind != "terraform" or self.empty:
            return text
        for word, type_, label in HEAD.findall(text):
            if (word, type_, label) in self.blocks:
                new, before = self.free(word, type_, text), "data." if word == "data" else ""
                text = text.replace(f'{word} "{type_}" "{label}" {{', f'{word} "{type_}" "{new}" {{')
                old = re.escape(f"{before}{type_}.{label}")
                text = re.sub(rf"(?<![\w.-]){old}(?![\w-])", f"{before}{type_}.{new}", text)
        return text

    def free(self, word: str, type_: str, text: str) -> str:
        """A label that nobody has: made of the name in the text if there is one."""
        named = re.search(r'^ +(?:name|bucket|identifier|Name) += "([A-Za-z][\w-]*)"$', text, re.MULTILINE)
        wanted = re.sub(r"\W", "_", named[1]).lower() if named else "this"
        taken = {labels[-1] for first, *labels in self.blocks if (first, labels[0]) == (word, type_)}
        taken |= {label for first, second, label in HEAD.findall(text) if (first, second) == (word, type_)}
        number, label = 2, wanted
        while label in taken:
            number, label = number + 1, f"{wanted}_{number}"
        return label


NOTHING = Context()


def read(folder: Path) -> Context:
    """The Terraform files of a folder (not of those below, which are other modules)."""
    if not folder.is_dir():
        raise UserError(f"--context {folder}: there is no such folder")
    found, local, skipped = {}, {}, []
    files = sorted(path for path in folder.iterdir() if path.suffix in (".tf", ".tofu") and path.is_file())
    if len(files) > FILES:
        raise UserError(f"--context {folder}: {len(files)} files, at most {FILES} are read")
    for path in files:
        try:
            text = path.read_text(encoding="utf-8-sig")
            if len(text) > MAX_CHARS:
                raise ValueError(f"too long: {len(text):,} characters, at most {MAX_CHARS:,} are read")
            body = parse(text)
        except HclError as error:
            skipped.append(f"{path}: line {error.line}: {error.message}")
            continue
        except (OSError, ValueError) as error:
            skipped.append(f"{path}: {error}")
            continue
        for block in body.blocks:
            if block.type == "locals":
                local.update(dict.fromkeys(block.body.attributes, path.name))
            elif block.type in ("resource", "data", "module", "variable", "output"):
                found[block.type, *block.labels] = path.name
    return Context(found, local, tuple(skipped))
