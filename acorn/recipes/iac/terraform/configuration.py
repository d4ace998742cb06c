"""
A configuration: the .tf files of one folder, taken together. What they declare, which provider and which schema a block
has.
"""

import re
from dataclasses import dataclass, field

from acorn.errors import did_you_mean
from acorn.recipes.iac import hcl, schemas
from acorn.recipes.iac.terraform.language import BUILT_IN, LABELS
from acorn.recipes.iac.validate.findings import Finding

NAME = re.compile(r"[^\W\d][\w-]*")
RESOURCES = ("resource", "data", "ephemeral")
OVERRIDE = re.compile(r"(?:.*_)?override\.(?:tf|tofu)(?:\.json)?")
VERSION = re.compile(r"\s*(=|!=|>=|<=|>|<|~>)?\s*v?(\d+(?:\.\d+)*)(-[\w.]+)?\s*")


@dataclass
class Place:
    """A block at the top of a file."""

    path: str
    block: hcl.Block

    @property
    def where(self) -> str:
        return f"{self.path}:{self.block.line}" if self.path else f"line {self.block.line}"


@dataclass
class Wanted:
    """A provider as `required_providers` names it."""

    source: str = ""  # hashicorp/aws
    version: str = ""
    aliases: set[str] = field(default_factory=set)


@dataclass
class Configuration:
    places: list[Place] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    declared: dict[tuple[str, ...], Place] = field(default_factory=dict)  # ("aws_vpc", "main"), ("var", "x") ...
    locals: dict[str, hcl.Attr] = field(default_factory=dict)
    wanted: dict[str, Wanted] = field(default_factory=dict)
    aliases: set[tuple[str, str]] = field(default_factory=set)  # ("aws", "east")
    locked: dict[str, str] = field(default_factory=dict)  # hashicorp/aws -> the version that .terraform.lock.hcl chose
    complete: bool = True  # False: a file could not be read, so that what is not declared may stand there
    outputs: dict[str, set[str] | None] = field(default_factory=dict)  # of local modules, where they are known

    def report(
        self, path: str, message: str, line: int, column: int, rule: str, severity: str = "error", hint: str = ""
    ) -> None:
        self.findings.append(Finding(message, line, column, rule, severity, path, hint))

    def add(self, path: str, body: hcl.Body) -> None:
        """Take in a file."""
        override = OVERRIDE.fullmatch(path.rpartition("/")[2]) is not None
        for attribute in [*body.attributes.values(), *body.twice]:
            message = f"{attribute.name!r} can't stand at the top of a configuration. It belongs into a block"
            self.report(path, message, attribute.line, attribute.column, "unknown-block")
        for block in body.blocks:
            if block.type not in LABELS:
                near = did_you_mean(block.type, LABELS)
                message = f"{block.type!r} can't stand at the top of a configuration.{near}"
                self.report(path, message, block.line, block.column, "unknown-block")
                continue
            if len(block.labels) != LABELS[block.type]:
                count = LABELS[block.type]
                labels = f"{count} label{'s' * (count != 1)}" if count else "no label"
                message = f"{block.type} needs {labels} and a body in braces; it has {len(block.labels)}"
                self.report(path, message, block.line, block.column, "labels")
                continue
            for label in block.labels:
                if not NAME.fullmatch(label):
                    message = f"{label!r} is not a name: letters, digits, - and _, not beginning with a digit"
                    self.report(path, message, block.line, block.column, "labels")
            place = Place(path, block)
            self.places.append(place)
            self._declare(place, override)

    def _declare(self, place: Place, override: bool) -> None:
        block = place.block
        if block.type == "locals":
            for name, attribute in block.body.attributes.items():
                if name in self.locals and not override:
                    message, at = f"local.{name} is declared twice", (attribute.line, attribute.column)
                    self.report(place.path, message, *at, "declared-twice")
                self.locals.setdefault(name, attribute)
            return
        if block.type == "terraform":
            self._require(block.body)
            return
        if block.type == "provider":
            alias = block.body.attributes.get("alias")
            if alias:
                self.aliases.add((block.labels[0], str(alias.value)))
            key = ("provider", block.labels[0], str(alias.value) if alias else "")
        elif block.type in ("resource", "data", "ephemeral", "action"):
            key = block.labels if block.type == "resource" else (block.type, *block.labels)
        elif block.type in ("variable", "output", "module", "check"):
            key = ({"variable": "var"}.get(block.type, block.type), *block.labels)
        else:
            return
        if key in self.declared and not override:
            first = self.declared[key]
            name = ".".join(part for part in key if part)
            message = f"{name} is declared twice; the first time in {first.where}"
            self.report(place.path, message, block.line, block.column, "declared-twice")
        self.declared.setdefault(key, place)

    def _require(self, body: hcl.Body) -> None:
        for block in body.blocks:
            for name, attribute in block.body.attributes.items() if block.type == "required_providers" else ():
                value = attribute.value if isinstance(attribute.value, dict) else {"version": attribute.value}
                source, version = value.get("source") or "", value.get("version") or ""
                aliases = {use.path[1] for use in attribute.uses if use.path[0] == name and len(use.path) == 2}
                self.wanted[name] = Wanted(str(source), str(version), aliases)

    def names(self, root: str) -> list[str]:
        """Of what is declared as root.NAME: variables ("var"), modules ..."""
        return [key[1] for key in self.declared if key[0] == root]

    # ---- providers ---------------------------------------------------------------------------------------------

    def provider_name(self, block: hcl.Block) -> str:
        """The local name of the provider of a resource, data source or provider block."""
        attribute = block.body.attributes.get("provider")
        if attribute and block.type in RESOURCES and attribute.uses:
            return attribute.uses[0].path[0]
        return block.labels[0].partition("_")[0] if block.type in RESOURCES else block.labels[0]

    def provider(self, name: str) -> schemas.Provider | None:
        """The schema of a provider by its local name; None where it is not known, or a namesake's."""
        source = self.wanted.get(name, Wanted()).source
        vendor, _, last = source.rpartition("/")
        found = schemas.providers().get(last or name)
        foreign = vendor.rpartition("/")[2] not in ("", "hashicorp", "opentofu")
        return None if found and foreign and found.path.parent == schemas.HERE else found

    def schema(self, block: hcl.Block) -> dict | None:
        """Of a resource, data source or ephemeral; None where it is not known."""
        if built_in := BUILT_IN.get((block.type, block.labels[0])):
            return built_in
        provider = self.provider(self.provider_name(block))
        return provider.body(block.type, block.labels[0]) if provider else None

    def outdated(self, name: str, provider: schemas.Provider) -> bool:
        """Whether another version of the provider is asked for, or locked, than the one whose schema is known."""
        return not satisfies(provider.index["version"], self.asked(name))

    def asked(self, name: str) -> str:
        """The version of a provider that is asked for: '~> 6.0', or '6.28.0' of the lock file."""
        wanted = self.wanted.get(name, Wanted())
        return self.locked.get(wanted.source or f"hashicorp/{name}") or wanted.version


def satisfies(version: str, constraint: str) -> bool:
    """satisfies('6.25.0', '>= 5.0, < 7') -> True; what can't be read does not restrict."""
    have = [int(part) for part in version.split(".")] if re.fullmatch(r"[\d.]+", version) else None
    for part in constraint.split(",") if have else ():
        found = VERSION.fullmatch(part)
        if not found:
            continue
        want = [int(number[:9]) for number in found[2].split(".")]
        sign = found[1] or "="
        if sign == "~>":
            upper = [*want[:-2], want[-2] + 1] if len(want) > 1 else []
            fine = have >= want and (not upper or have[: len(upper)] < upper)
        else:
            size = max(len(have), len(want))
            a, b = (numbers + [0] * (size - len(numbers)) for numbers in (have, want))
            fine = {"=": a == b, "!=": a != b, ">=": a >= b, "<=": a <= b, ">": a > b, "<": a < b}[sign]
        if not fine:
            return False
    return True
