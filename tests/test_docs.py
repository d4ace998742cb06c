"""docs/cli.md says what --help says."""

import importlib.util
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_cli_md_is_current(monkeypatch):
    """Words only: how tyro breaks and indents lines may change from version to version."""
    for name in ("COLUMNS", "NO_COLOR"):  # make_cli sets them; this puts them back
        monkeypatch.setenv(name, "")
    spec = importlib.util.spec_from_file_location("make_cli", ROOT / "docs/make_cli.py")
    make_cli = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make_cli)
    now, written = make_cli.page(), (ROOT / "docs/cli.md").read_text(encoding="utf-8")
    assert re.findall(r"[\w-]+", now) == re.findall(r"[\w-]+", written), "stale: run `make docs`"
