"""
Folders of .tf files: each is one configuration, and may call others by "./folder". The inputs and outputs of such calls
are checked, and circles are found; nothing else is followed.
"""

import os
from collections.abc import Callable, Iterable

from acorn.recipes.iac import hcl
from acorn.recipes.iac.terraform.check import check, inputs, load
from acorn.recipes.iac.terraform.configuration import Configuration, Place
from acorn.recipes.iac.validate.findings import Finding, bounds

SUFFIXES = (".tf", ".tofu", ".tf.json", ".tofu.json")
LOCK = ".terraform.lock.hcl"
MAX_CHARS = 2_000_000  # of one file
MAX_FILES = 1_000  # of one folder
MAX_FOLDERS = 2_000  # that are looked into for one question

Read = Callable[[str], str | None]  # path -> its text, None where it can't be read


class Folders:
    """What was read is kept, so that a module that many call is parsed once."""

    def __init__(self, read: Read):
        self.read = read
        self.kept: dict[str, Configuration | None] = {}

    def check(self, paths: Iterable[str]) -> dict[str, list[Finding]]:
        """{path: findings} for files of one folder; the others of that folder are what they can refer to."""
        paths = list(paths)
        folder = os.path.dirname(paths[0])
        configuration = self.load(folder, paths)
        self.calls(folder, configuration)
        found: dict[str, list[Finding]] = {path: [] for path in paths}
        for one in check(configuration):
            if one.path in found:
                found[one.path].append(one)
        return {path: sorted(one, key=lambda finding: (finding.line, finding.column)) for path, one in found.items()}

    def load(self, folder: str, paths: Iterable[str] = ()) -> Configuration:
        """The files of a folder; `paths` are read whatever their names are."""
        files, early, complete = {}, [], True
        siblings = (os.path.join(folder, name) for name in _names(folder))
        for path in dict.fromkeys([*paths, *siblings]):
            text = self.read(path)
            if text is None or len(files) >= MAX_FILES:
                complete = False
            elif not text.strip():
                continue
            elif wrong := bounds(text, MAX_CHARS, None):
                early += [Finding(one.message, one.line, one.column, one.rule, one.severity, path) for one in wrong]
                complete = False
            else:
                files[path] = text
        configuration = load(files)
        configuration.locked = _locked(self.read(os.path.join(folder, LOCK)))
        configuration.findings += early
        configuration.complete &= complete
        return configuration

    def child(self, folder: str) -> Configuration | None:
        """The configuration of a module's folder; None where there is none, or too much was read already."""
        if folder not in self.kept:
            there = bool(_names(folder)) and len(self.kept) < MAX_FOLDERS
            self.kept[folder] = self.load(folder) if there else None
        return self.kept[folder]

    def calls(self, folder: str, configuration: Configuration) -> None:
        """Inputs and outputs of the local modules that a configuration calls, and circles among them."""
        home = os.path.realpath(folder or ".")
        for place, target in _targets(home, configuration):
            name = place.block.labels[0]
            source = place.block.body.attributes["source"]
            child = self.child(target)
            if child is None:
                if len(self.kept) < MAX_FOLDERS:
                    message = f"module {name}: there is no module in {source.value}"
                    configuration.report(place.path, message, source.line, source.column, "module-source")
                configuration.outputs[name] = None
                continue
            outputs = {key[1] for key in child.declared if key[0] == "output"}
            configuration.outputs[name] = outputs if child.complete else None
            inputs(configuration, place, child)
            if circle := self.circle(home, target):
                way = " -> ".join(os.path.relpath(one, home) for one in circle)
                message = f"module {name}: the modules call each other in a circle: {way}"
                configuration.report(place.path, message, source.line, source.column, "module-circle")

    def circle(self, home: str, target: str) -> list[str]:
        """Folders on a way from `home` over `target` that comes back to one of its own; empty when there is none."""
        done: set[str] = set()
        trail, ways = [home], [iter([target])]
        while ways:
            folder = next(ways[-1], None)
            if folder is None:
                done.add(trail.pop())
                ways.pop()
            elif folder in trail:
                return [*trail[trail.index(folder) :], folder]
            elif folder not in done:
                child = self.child(folder)
                trail.append(folder)
                ways.append(iter([one for _, one in _targets(folder, child)] if child else []))
        return []


def _locked(text: str | None) -> dict[str, str]:
    """provider "registry.terraform.io/hashicorp/aws" { version = "6.28.0" } -> {"hashicorp/aws": "6.28.0"}"""
    try:
        blocks = hcl.parse(text).blocks if text else []
    except hcl.HclError:  # terraform writes it; a broken one says nothing
        return {}
    found = {}
    for block in blocks:
        version = block.body.attributes.get("version")
        if block.type == "provider" and block.labels and version:
            found["/".join(block.labels[0].split("/")[-2:])] = str(version.value)
    return found


def _names(folder: str) -> list[str]:
    try:
        return sorted(name for name in os.listdir(folder or ".") if name.endswith(SUFFIXES) and name[0] not in ".#~")
    except OSError:
        return []


def _targets(home: str, configuration: Configuration) -> list[tuple[Place, str]]:
    """(call, folder) of the modules that are called by a path."""
    found = []
    for place in configuration.places:
        source = place.block.body.attributes.get("source") if place.block.type == "module" else None
        path = source.value if source and isinstance(source.value, str) else ""
        if path.startswith(("./", "../")) and "${" not in path and "\0" not in path:
            found.append((place, os.path.realpath(os.path.join(home, path))))
    return found
