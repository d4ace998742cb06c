"""Write a provider's schema as a zip that schemas/__init__.py reads: the same facts give the same bytes."""

import json
import os
import zipfile
from pathlib import Path

PART = 40_000  # characters of JSON in a part, about


def write(folder: Path, provider: str, version: str, source: str, licence: str, found: dict) -> Path:
    """found: {"resource": {type: body}, "data": {...}, "ephemeral": {...}, "provider": body}"""
    members, parts = {}, {}
    for kind in ("resource", "data", "ephemeral"):
        groups = _groups(found.get(kind, {}))
        parts[kind] = [list(group) for group in groups]
        members |= {f"{kind}{n}.json": group for n, group in enumerate(groups)}
    if settings := found.get("provider"):
        members["provider.json"] = settings
    index = {"provider": provider, "version": version, "source": source, "licence": licence}
    members["index.json"] = index | {"settings": bool(settings), "parts": parts}
    folder.mkdir(parents=True, exist_ok=True)
    path, draft = folder / f"{provider}.zip", folder / f".{provider}.{os.getpid()}.tmp"
    try:
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
            for name, data in members.items():
                member = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
                member.compress_type = zipfile.ZIP_DEFLATED
                file.writestr(member, json.dumps(data, separators=(",", ":"), sort_keys=name != "index.json"))
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    return path


def _groups(types: dict[str, dict]) -> list[dict[str, dict]]:
    """Neighbours by name share a part: those are used together."""
    groups, size = [], PART
    for name in sorted(types):
        if size >= PART:
            groups.append({})
            size = 0
        groups[-1][name] = types[name]
        size += len(json.dumps(types[name], separators=(",", ":")))
    return groups
