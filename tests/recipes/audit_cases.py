"""
The clean documents of audit_cases/ and the faults that can be planted in each. A fault is a rule's id, the lines that
go (after "- ") and the lines that come (after "+ "), as they stand in the document.
"""

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).with_name("audit_cases")
KINDS = {
    ".tf": "terraform",
    ".dockerfile": "dockerfile",
}  # others say their kind before the first dot: kubernetes.a.yaml


@dataclass(frozen=True)
class Fault:
    rule: str
    old: str
    new: str

    def apply(self, text: str) -> str:
        """The first place; indentation is that of the document."""
        assert self.old in text, f"{self.rule}: {self.old!r} is not in the document"
        return text.replace(self.old, self.new, 1)


@dataclass(frozen=True)
class Clean:
    name: str
    kind: str
    text: str
    faults: tuple[Fault, ...]


def documents() -> list[Clean]:
    found = []
    for path in sorted(FOLDER.iterdir()):
        if path.suffix != ".faults":
            kind = KINDS.get(path.suffix) or path.name.split(".")[0]
            faults = parse(path.with_name(path.name + ".faults").read_text(encoding="utf-8"))
            found.append(Clean(path.name, kind, path.read_text(encoding="utf-8"), tuple(faults)))
    return found


def parse(text: str) -> list[Fault]:
    faults = []
    for block in text.split("\n\n"):
        if lines := [line for line in block.split("\n") if line]:
            old = "\n".join(line[2:] for line in lines[1:] if line.startswith("-"))
            new = "\n".join(line[2:] for line in lines[1:] if line.startswith("+"))
            faults.append(Fault(lines[0], old, new))
    return faults
