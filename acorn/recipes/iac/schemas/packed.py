"""
Facts about what is not Terraform, one zip a kind in kinds/ (README.md there says from where) or, first, in the user's
own folder: index.json says what is in it, the other members are read when they are needed.
"""

import json
import os
import zipfile
from functools import cache, lru_cache
from pathlib import Path

from acorn.errors import UserError
from acorn.recipes.iac.schemas import MAX_PART, user_folder

HERE = Path(__file__).parent / "kinds"


class Packed:
    def __init__(self, path: Path):
        self.path = path
        self.index: dict = self.part("index")

    @lru_cache(maxsize=64)  # noqa: B019  these live as long as the process
    def part(self, name: str) -> dict:
        try:
            with zipfile.ZipFile(self.path) as file:
                if file.getinfo(f"{name}.json").file_size > MAX_PART:
                    raise UserError(f"{self.path}: {name}.json in it is too large")
                return json.loads(file.read(f"{name}.json"))
        except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
            raise UserError(f"{self.path} can't be read: {error}", "acorn iac schema build --help") from None


@cache
def packed(name: str) -> Packed:
    own = user_folder() / "kinds" / f"{name}.zip"
    return Packed(own if own.exists() else HERE / f"{name}.zip")


def pack(path: Path, members: dict[str, dict]) -> Path:
    """Write a zip of JSON members: the same facts give the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.parent / f".{path.name}.{os.getpid()}.tmp"
    try:
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
            for name, data in sorted(members.items()):
                member = zipfile.ZipInfo(f"{name}.json", (1980, 1, 1, 0, 0, 0))
                member.compress_type = zipfile.ZIP_DEFLATED
                file.writestr(member, json.dumps(data, separators=(",", ":"), sort_keys=True))
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    return path
