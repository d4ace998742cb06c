"""
What providers know: every resource, data source and its arguments, as compact facts. One zip a provider, beside this
file (README.md there says from where) and, first, in the user's own folder (`acorn iac schema build`).

A zip holds index.json (provider, version, source, licence, and the types of every part) and parts of some 40 KB, so
that one type costs a millisecond. A body is {"a": arguments, "b": blocks, "o": bodies of arguments that are objects}:
    "a": {"bucket": "!s", "tags": "?Ms", "arn": "=s"}     ! required, ? optional, = computed, never set;
         s string, n number, b bool, a anything, o object; L list of, T set of, M map of: "?LLs"
    "b": {"rule": {"k": "*", "r": 1, "a": ..}}            k: "1" at most one, "*" any number; r: at least one
"""

import json
import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from pathlib import Path

from acorn.errors import UserError

KINDS = ("resource", "data", "ephemeral")
HERE = Path(__file__).parent
MAX_PART = 50_000_000  # bytes of one part, unpacked; a zip that a user names may be anything


@dataclass(frozen=True)
class Provider:
    path: Path

    @cached_property
    def index(self) -> dict:
        """{"provider", "version", "source", "licence", "parts": {kind: [[type, ...] of every part]}}"""
        index = self._read("index.json")
        if not isinstance(index, dict) or not {"provider", "version", "source", "licence", "parts"} <= index.keys():
            raise UserError(f"{self.path} is no schema file of ours", "acorn iac schema build --help")
        return index

    @cached_property
    def _places(self) -> dict[str, dict[str, str]]:
        """{kind: {type: name of its part}}"""
        return {
            kind: {name: f"{kind}{n}.json" for n, names in enumerate(parts) for name in names}
            for kind, parts in self.index["parts"].items()
        }

    def types(self, kind: str) -> list[str]:
        return list(self._places.get(kind, {}))

    def body(self, kind: str, type_: str) -> dict | None:
        part = self._places.get(kind, {}).get(type_)
        return self._part(part)[type_] if part else None

    def settings(self) -> dict | None:
        """The body of `provider "name" { }`."""
        return self._part("provider.json") if self.index.get("settings") else None

    @lru_cache(maxsize=64)  # noqa: B019  providers live as long as the process
    def _part(self, name: str) -> dict:
        return self._read(name)

    def _read(self, name: str):
        try:
            with zipfile.ZipFile(self.path) as file:
                if file.getinfo(name).file_size > MAX_PART:
                    raise UserError(f"{self.path}: {name} in it is too large")
                return json.loads(file.read(name))
        except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
            raise UserError(f"{self.path} can't be read: {error}", "acorn iac schema build --help") from None


def user_folder() -> Path:
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "acorn" / "schemas"


@cache
def providers() -> dict[str, Provider]:
    """{name: provider}, the user's own first."""
    found = {}
    for folder in (HERE, user_folder()):
        if folder.is_dir():
            found |= {path.stem: Provider(path) for path in sorted(folder.glob("*.zip"))}
    return found


def provider_of(type_: str) -> Provider | None:
    """aws_s3_bucket -> the provider aws, by the word before the first underscore, as Terraform does."""
    return providers().get(type_.partition("_")[0])


def find(kind: str, type_: str) -> dict | None:
    provider = provider_of(type_)
    return provider.body(kind, type_) if provider else None


def all_types() -> Iterator[tuple[str, str, str]]:
    """(provider, kind, type) of everything that is known."""
    for name, provider in providers().items():
        for kind in KINDS:
            for type_ in provider.types(kind):
                yield name, kind, type_
