"""acorn iac schema"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

from acorn.errors import UserError, did_you_mean


@dataclass
class Schema:
    """
    What is known of providers. `list`: which there are. `show TYPE`: arguments, blocks and computed attributes of a
    type. `build FILE...`: take in your own, from what `terraform providers schema -json` printed or from a
    cdktf-cdktf-provider-* wheel; it is used before the one that came with acorn. A folder that holds an installed
    Ansible (site-packages), or collections, gives the modules that playbooks are checked against.
    """

    action: tyro.conf.Positional[Literal["list", "show", "build"]]  # what to do, see above
    names: tyro.conf.Positional[tuple[str, ...]] = ()  # types to show, files to build from
    kind: Literal["resource", "data", "ephemeral", ""] = ""  # which one to show, where a name stands for several
    out: Path | None = None  # folder that build writes to (default: the user's own)
    json: bool = False  # result as JSON on stdout

    def run(self) -> None:
        if self.action != "list" and not self.names:
            what = {"show": "a type", "build": "a file"}[self.action]
            example = {"show": "aws_s3_bucket", "build": "schema.json"}[self.action]
            raise UserError(f"{self.action} needs {what}", f"acorn iac schema {self.action} {example}")
        {"list": self.list, "show": self.show, "build": self.build}[self.action]()

    def list(self) -> None:
        from acorn.recipes.iac import schemas

        rows = []
        for name, provider in schemas.providers().items():
            counts = {kind: len(provider.types(kind)) for kind in schemas.KINDS}
            origin = {"source": provider.index["source"], "own": provider.path.parent == schemas.user_folder()}
            rows.append({"provider": name, "version": provider.index["version"], **counts, **origin})
        if self.json:
            print(json.dumps(rows))
            return
        print(f"{'provider':<14}{'version':<10}{'resources':>9}{'data':>6}  from")
        for row in rows:
            own = " (your own)" * row["own"]
            counts = f"{row['resource']:>9,}{row['data']:>6,}"
            print(f"{row['provider']:<14}{row['version']:<10}{counts}  {row['source']}{own}")

    def show(self) -> None:
        from acorn.recipes.iac import schemas
        from acorn.recipes.iac.schemas.describe import describe, lines

        found = []
        for type_ in self.names:
            here = [kind for kind in schemas.KINDS if self.kind in ("", kind) and schemas.find(kind, type_)]
            if not here:
                self.unknown(type_)
            for kind in here:
                index = schemas.provider_of(type_).index
                head = {"type": type_, "kind": kind, "provider": index["provider"], "version": index["version"]}
                found.append(head | describe(schemas.find(kind, type_)))
        if self.json:
            print(json.dumps(found[0] if len(found) == 1 else found))
            return
        for number, one in enumerate(found):
            title = f"{one['kind']} {one['type']} ({one['provider']} {one['version']}); * is required"
            print("\n" * bool(number) + title)
            print("\n".join(lines(one, "  ")))
            if computed := one.get("computed"):
                print("  computed: " + ", ".join(f"{name} ({type_})" for name, type_ in computed.items()))

    def unknown(self, type_: str) -> None:
        from acorn.recipes.iac import schemas

        if provider := schemas.provider_of(type_):
            known = {one for kind in schemas.KINDS if self.kind in ("", kind) for one in provider.types(kind)}
            what = f"{provider.path.stem} {provider.index['version']} has no {self.kind or 'resource or data source'}"
            raise UserError(f"{what} {type_!r}.{did_you_mean(type_, known)}", "acorn iac schema list")
        known = ", ".join(schemas.providers())
        raise UserError(f"no provider is known for {type_!r}; known are {known}", "acorn iac schema build schema.json")

    def build(self) -> None:
        from acorn.recipes.iac import schemas
        from acorn.recipes.iac.schemas.provider_json import read_json
        from acorn.recipes.iac.schemas.store import write
        from acorn.recipes.iac.schemas.wheels import read_wheel

        folder, rows = self.out or schemas.user_folder(), []
        for name in self.names:
            path = Path(name)
            if path.is_dir():
                from acorn.recipes.iac.schemas.ansible import build_ansible

                written = [build_ansible(path, self.out / "ansible.zip" if self.out else None)]
                rows += [{"path": str(one), "bytes": one.stat().st_size} for one in written]
                continue
            if not path.is_file():
                raise UserError(f"there is no file {path}", "terraform providers schema -json > schema.json")
            if path.suffix == ".whl":
                provider, version, found = read_wheel(path)
                distribution, release = path.name.split("-")[:2]
                source = f"{distribution.replace('_', '-')} {release}"
                written = [write(folder, provider, version, source, "MPL-2.0", found)]
            elif path.suffix == ".json":
                given = read_json(path)
                licence = "as the provider's"
                written = [write(folder, name, "own", path.name, licence, one) for name, one in given.items()]
            else:
                raise UserError(f"{path}: schemas are built from .json and .whl files")
            rows += [{"path": str(one), "bytes": one.stat().st_size} for one in written]
        schemas.providers.cache_clear()
        for row in rows:
            print(f"{row['path']}: {row['bytes'] / 1000:.0f} KB", file=sys.stderr if self.json else sys.stdout)
        if self.json:
            print(json.dumps(rows))
