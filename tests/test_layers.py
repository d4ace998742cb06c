"""The house keeps its shape: imports point downwards, nothing happens at import, the domain stays in its recipe."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "acorn"

RANK = {
    "errors": 1, "config": 1, "runtime": 1, "runlog": 1, "__init__": 1,
    "tokenizer": 2, "data": 2, "model": 2, "optim": 2,
    "checkpoint": 3,
    "infer": 4,
    "evals": 5, "export": 5,
    "train": 6, "serve": 6,
    "recipes": 7,
    "commands": 8, "cli": 8,
    "__main__": 9,
}  # fmt: skip
SIDEWAYS = {("data", "tokenizer"), ("commands", "cli")}  # other pairs on one rank, above the ground floor, stay apart
DOMAIN = re.compile(r"terraform|tofu|kubernetes|ansible|crossplane|cloudformation|dockerfile|\bhcl|\bk8s|iac", re.I)


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def part(path: Path) -> str:
    """acorn/data/rows.py -> data;  acorn/cli.py -> cli"""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> list[tuple[str, int]]:
    """(part of acorn, line) for every import anywhere in the file, in functions too."""
    found, parts = [], {part(p) for p in modules()}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno}: relative import"
            names = [f"acorn.{a.name}" for a in node.names] if node.module == "acorn" else [node.module]
        else:
            continue
        for name in names:
            words = name.split(".")
            if words[0] == "acorn":
                found.append((words[1] if len(words) > 1 and words[1] in parts else "__init__", node.lineno))
    return found


def test_every_part_has_a_rank():
    unknown = {part(p) for p in modules()} - set(RANK)
    assert not unknown, f"give {unknown} a rank, in DESIGN's order"


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_downwards(path):
    me = part(path)
    for other, line in imports(path):
        fine = RANK[other] < RANK[me] or other == me or RANK[me] == RANK[other] == 1 or (me, other) in SIDEWAYS
        assert fine, f"{path.relative_to(ROOT)}:{line}: {me} (rank {RANK[me]}) imports {other} (rank {RANK[other]})"


def test_imports_are_found(tmp_path):
    """The test above is as good as its eyes."""
    path = tmp_path / "x.py"
    path.write_text("import acorn.data.rows\nfrom acorn import x, model\ndef f():\n    from acorn.cli import main\n")
    assert sorted(imports(path)) == [("__init__", 2), ("cli", 4), ("data", 1), ("model", 2)]


PROBE = """
import importlib, json, sys, threading
names, package = json.loads(sys.argv[1]), sys.argv[2]
for name in names:
    importlib.import_module(name)
for name in [n for n in sys.modules if n.partition(".")[0] == "acorn"]:
    del sys.modules[name]
# Whatever is not acorn is loaded now, so what happens while acorn loads a second time is its own doing.
def watch(event, args):
    if event == "open" and not str(args[0]).startswith(package):
        raise AssertionError(f"reads {args[0]!r} at import")
    if event in ("socket.__new__", "subprocess.Popen", "os.system", "os.mkdir", "os.putenv", "ctypes.dlopen"):
        raise AssertionError(f"{event} {args!r} at import")
threads = threading.active_count()
sys.addaudithook(watch)
for name in names:
    importlib.import_module(name)
assert threading.active_count() == threads, "a thread at import"
"""


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def probe(code: str, *args: str) -> str:
    run = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 0, run.stderr[-2000:]
    return run.stdout


def test_nothing_happens_at_import():
    """Every module twice: the second time everything else is loaded, and a hook sees files, sockets and processes."""
    probe(PROBE, json.dumps([dotted(p) for p in modules() if p.name != "__main__.py"]), str(PACKAGE))


def test_the_front_door_imports_no_torch():
    """Torch takes seconds, so what answers --help imports it late; those that talk to a model do not yet."""
    light = ("__init__", "errors", "config", "runlog", "cli", "commands", "recipes")
    heavy = {f"acorn.commands.{name}" for name in ("chat", "sample", "stages")}
    names = [name for p in modules() if part(p) in light and (name := dotted(p)) not in heavy]
    code = """
import importlib, json, sys
for name in json.loads(sys.argv[1]):
    importlib.import_module(name)
    assert "torch" not in sys.modules, name + " imports torch"
"""
    probe(code, json.dumps(names))


def test_the_domain_stays_in_its_recipe():
    """The core receives a recipe and knows no domain word; the command table and the table of recipes may name it."""
    tables = {"cli.py", "recipes/__init__.py", "commands/iac.py"}
    for path in modules():
        inside = path.relative_to(PACKAGE)
        command = inside.parts[0] == "commands" and inside.stem.startswith("iac_")
        if inside.parts[:2] == ("recipes", "iac") or str(inside) in tables or command:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            assert not DOMAIN.search(line), f"{path.relative_to(ROOT)}:{number}: a domain word: {line.strip()}"
