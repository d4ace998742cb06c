"""Rules that a reader could check by eye but would not: forbidden calls, file sizes, README, docs, hosts and paths."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PRODUCT = sorted((ROOT / "acorn").rglob("*.py"))
LONG = {}  # file -> lines, for the few that are better whole than cut: {"acorn/x.py": 450}

# What runs code that came from outside. Names as they are called: eval(..), torch.load(..), archive.extractall(..)
FORBIDDEN_CALLS = {"eval", "exec", "extractall", "unsafe_load", "full_load", "os.system", "os.popen", "torch.load"}
FORBIDDEN_MODULES = {"pickle", "dill", "cloudpickle", "shelve", "joblib", "marshal"}
# The one place where foreign source is meant to run: the far side of the sandbox, locked in before its first line.
ALLOWED = {"acorn/infer/sandbox_child.py": ["calls exec"]}
METHODS_THAT_ARE_FINE = {"eval", "exec"}  # model.eval() is torch's word for something else


def dotted(node: ast.AST) -> str:
    """The name that is called: torch.load -> 'torch.load', f().extractall -> '.extractall'"""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return ""


def dangers(source: str) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            found += [f"{node.lineno}: imports {n}" for n in names if n.split(".")[0] in FORBIDDEN_MODULES]
        if isinstance(node, ast.Call):
            name = dotted(node.func)
            last = name.rpartition(".")[2]
            if name in FORBIDDEN_CALLS or (last in FORBIDDEN_CALLS - METHODS_THAT_ARE_FINE):
                found.append(f"{node.lineno}: calls {name}")
            keys = {k.arg: k.value for k in node.keywords}
            safe = any("safe" in dotted(v).lower() for v in [*node.args[1:], *keys.values()])
            if last in ("load", "load_all") and "yaml" in name.lower() and not safe:
                found.append(f"{node.lineno}: calls {name} without a safe loader")
            if isinstance(keys.get("shell"), ast.Constant) and keys["shell"].value:
                found.append(f"{node.lineno}: shell=True")
            if isinstance(keys.get("allow_pickle"), ast.Constant) and keys["allow_pickle"].value:
                found.append(f"{node.lineno}: allow_pickle=True")
    return found


@pytest.mark.parametrize("path", PRODUCT, ids=lambda p: str(p.relative_to(ROOT / "acorn")))
def test_nothing_runs_foreign_code(path):
    found = [danger.partition(": ")[2] for danger in dangers(path.read_text(encoding="utf-8"))]
    assert found == ALLOWED.get(str(path.relative_to(ROOT)), [])


@pytest.mark.parametrize(
    "line",
    ["eval(x)", "exec(x)", "import pickle", "from pickle import loads", "torch.load(p)", "archive(p).extractall(d)",
     "yaml.load(t)", "yaml.load(t, Loader=yaml.Loader)", "yaml.load_all(t)", "yaml.unsafe_load(t)", "os.system(c)",
     "run(c, shell=True)", "np.load(p, allow_pickle=True)", "import shelve", "lambda: exec(x)"],
)  # fmt: skip
def test_each_danger_is_seen(line):
    assert dangers(line)


def test_harmless_namesakes_pass():
    fine = ["model.eval()", "yaml.safe_load(t)", "yaml.load(t, Loader=yaml.CSafeLoader)", "run(c, shell=False)"]
    assert dangers("\n".join([*fine, "json.load(f)", "np.load(p)"])) == []


def test_files_can_be_read_at_one_sitting():
    sizes = {str(p.relative_to(ROOT)): len(p.read_text(encoding="utf-8").splitlines()) for p in PRODUCT}
    long = {name: lines for name, lines in sizes.items() if lines > LONG.get(name, 400)}
    assert not long, f"over 400 lines, cut them or list them: {long}"
    recipes = sum(lines for name, lines in sizes.items() if name.startswith("acorn/recipes/"))
    rest = sum(sizes.values()) - recipes
    assert rest <= 26_000, f"{rest} lines of product: delete before you add"
    assert recipes <= 29_000, f"{recipes} lines of recipes, most of them tables: delete before you add"


# ---- README, Makefile, docs -------------------------------------------------------------------------------------

README = (ROOT / "README.md").read_text(encoding="utf-8")


def tree() -> list[str]:
    """
    The first fenced block that starts with `acorn/` -> paths.
      acorn/
        data/   what it is        -> acorn/, acorn/data/
    A line may name several (`cli.py config.py`); the first word that is no path ends them.
    """
    block = re.search(r"```\n(acorn/\n.*?)```", README, re.DOTALL).group(1)
    paths, folders = [], []
    for line in block.splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        names = re.match(r"\s*((?:(?:[\w.\-]+\.\w+|[\w.\-/]+/|Makefile|\.ci/run)(?:\s+|$))+)", line)
        assert names, f"README's tree: no path in {line!r}"
        del folders[depth:]
        for name in names.group(1).split():
            paths.append("".join([*folders, name]))
        if name.endswith("/"):
            folders.append(name)
    return paths


def test_readmes_tree_is_the_tree():
    named = tree()
    assert len(named) > 20
    missing = [path for path in named if not (ROOT / path).exists() and path != "runs/"]
    assert not missing, f"README names what is not there: {missing}"
    ours = {"/".join(p.relative_to(ROOT).parts[:2]) + ("/" if p.parent.name != "acorn" else "") for p in PRODUCT}
    unnamed = sorted(ours - set(named) - {"acorn/__init__.py", "acorn/__main__.py"})
    assert not unnamed, f"README's tree lacks: {unnamed}"


def test_every_make_command_in_the_docs_exists():
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    assert {"install", "speedrun", "test", "lint"} <= targets
    for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), ROOT / ".ci/run"]:
        used = set(re.findall(r"^\s*(?:\$ )?(?:step )?make ([a-z]+)", path.read_text(encoding="utf-8"), re.MULTILINE))
        used |= set(re.findall(r"`make ([a-z]+)`", path.read_text(encoding="utf-8")))
        assert used <= targets, f"{path.name} names make targets that are not there: {used - targets}"


def test_every_acorn_command_in_the_docs_exists(acorn):
    """With its flags. A command stands at the beginning of a line; what follows two spaces is explanation."""
    from acorn.cli import find

    seen = 0
    for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for line in re.findall(r"^(?:\$ )?acorn ([a-z].*)", path.read_text(encoding="utf-8"), re.MULTILINE):
            name, rest = find(re.split(r"\s{2,}", line)[0].split())
            known = set(re.findall(r"--?[a-z][\w-]*", acorn(*name.split(), "--help")[1])) | {"--config"}
            flags = {word for word in rest if word.startswith("-") and word != "--"}
            assert flags <= known, f"{path.name}: acorn {line}"
            seen += 1
    assert seen > 8


def test_every_link_in_the_docs_leads_somewhere():
    for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8")):
            assert target.startswith("http") or (path.parent / target).exists(), f"{path.name} links to {target}"


def tracked() -> list[Path]:
    run = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if run.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in run.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_no_registry_and_no_machine_path():
    """Which index pip uses and where a checkout lies is the machine's business."""
    host = "pypi" + r"\.org|files\.python" + r"hosted|/sim" + r"ple/|index" + r"[_-]url"
    path = r"/ho" + r"me/\w|/wo" + r"rk/|/ro" + r"ot/|/Us" + r"ers/|[A-Z]:\\\\Users"
    for file in tracked():
        if file.suffix in (".png", ".woff2", ".bin", ".parquet"):
            continue
        for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            hit = re.search(f"{host}|{path}", line)
            assert not hit, f"{file.relative_to(ROOT)}:{number}: {hit.group(0)}"
