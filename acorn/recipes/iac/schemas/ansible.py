"""
Facts of Ansible's modules, from their documentation and the literals of their source; nothing of it is run. A folder is
what holds `ansible/` and `ansible_collections/` (site-packages), or a folder of collections.

Of a module: {"o": options, "x": mutually exclusive lists, "t": required together, "n": one of each list is required}.
Of an option, only what differs from an optional string: "t" type, "e" type of a list's elements, "r": 1 required,
"c" choices, "a" aliases, "o" options within.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from acorn.errors import UserError
from acorn.recipes.iac.schemas import user_folder
from acorn.recipes.iac.schemas.packed import pack
from acorn.recipes.iac.yamls import YamlError, documents

MAX_SOURCE = 4_000_000
LISTS = {"mutually_exclusive": "x", "required_together": "t", "required_one_of": "n"}
TYPES = {"str", "string", "list", "dict", "dictionary", "bool", "boolean", "int", "integer", "float", "path", "raw"}
USUAL = {"string": "str", "dictionary": "dict", "boolean": "bool", "integer": "int"}


def build_ansible(folder: Path, out: Path | None = None) -> Path:
    """Write ansible.zip from the modules under a folder; into the user's own folder unless `out` says where."""
    fragments = Fragments(folder)
    parts: dict[str, dict] = {}
    routes: dict[str, str | None] = {}
    for collection, root in collections(folder):
        shared = common(root)
        modules = {name: spec for name, path in sources(root) if (spec := module(path, fragments, collection, shared))}
        if modules:
            parts[collection] = modules
        routes |= routing(collection, root)
    if not parts:
        raise UserError(f"{folder}: there is no Ansible module under it", "python -m pip show --files ansible")
    index = {
        "source": f"Ansible, {sum(map(len, parts.values())):,} modules of {len(parts)} collections",
        "licence": "facts only; the modules are GPL-3.0-or-later or as their collections say",
        "modules": {name: sorted(part) for name, part in parts.items()},
        "routes": routes,  # old name -> new name; None: gone
    }
    return pack(out or user_folder() / "kinds" / "ansible.zip", {"index": index, **parts})


def collections(folder: Path) -> Iterator[tuple[str, Path]]:
    """(name, the folder that holds plugins/) of every collection; ansible.builtin's own has modules/ at its top."""
    if (folder / "ansible" / "modules").is_dir():
        yield "ansible.builtin", folder / "ansible"
    above = folder / "ansible_collections" if (folder / "ansible_collections").is_dir() else folder
    for path in sorted(above.glob("*/*/plugins")):
        yield ".".join(path.parts[-3:-1]), path.parent


def sources(root: Path) -> Iterator[tuple[str, Path]]:
    """(module, the file with its documentation); modules in folders within have dotted names."""
    base = root / "modules" if (root / "modules").is_dir() else root / "plugins" / "modules"
    found = {}
    for path in sorted(base.rglob("*")):
        if path.suffix in (".py", ".yml", ".yaml") and path.stem != "__init__" and path.is_file():
            name = ".".join(path.relative_to(base).with_suffix("").parts)
            if name not in found or path.suffix != ".py":
                found[name] = path
    yield from found.items()


def common(root: Path) -> dict[str, dict]:
    """Arguments that functions and constants called *argument_spec* share within a collection."""
    found = {}
    for path in sorted(root.glob("plugins/*_utils/**/*.py")):
        if path.stat().st_size < MAX_SOURCE and "argument_spec" in (text := path.read_text("utf-8", "replace")):
            for node in parse(text).body:
                names = [getattr(node, "name", ""), *(getattr(one, "id", "") for one in getattr(node, "targets", ()))]
                if any("argument_spec" in name.lower() for name in names):
                    found |= arguments(node)
    return found


def module(path: Path, fragments: "Fragments", collection: str, shared: dict[str, dict]) -> dict | None:
    if path.stat().st_size > MAX_SOURCE:
        return None
    text = path.read_text(encoding="utf-8", errors="replace")
    tree = None
    if path.suffix == ".py":
        tree = parse(text)
        doc = documentation(tree)
    else:
        doc = document(text)
        doc = doc.get("DOCUMENTATION", doc)
    if not isinstance(doc, dict) or "module" not in doc:
        return None
    options = dict(doc["options"]) if isinstance(doc.get("options"), dict) else {}
    for name in fragments.wanted(doc):
        for key, one in fragments.options(name, collection).items():
            options.setdefault(key, one)
    spec = {"o": {str(key): option(one) for key, one in options.items() if isinstance(one, dict)}}
    action = path.parents[1] / "action" / path.with_suffix(".py").name
    trees = [tree] if tree is not None else []
    if "plugins" in action.parts and action.is_file() and action.stat().st_size < MAX_SOURCE:
        trees.append(parse(action.read_text(encoding="utf-8", errors="replace")))
    correct(spec, trees, shared, trusted=collection == "ansible.builtin")
    return spec


def option(one: dict) -> dict:
    found = {}
    type_ = USUAL.get(one.get("type"), one.get("type"))
    if isinstance(type_, str) and type_ != "str":
        found["t"] = type_
    if isinstance(one.get("elements"), str):
        found["e"] = USUAL.get(one["elements"], one["elements"])
    if one.get("required") is True:
        found["r"] = 1
    choices = one.get("choices")
    if isinstance(choices, dict):
        choices = list(choices)
    if isinstance(choices, list) and all(isinstance(value, str | int | float) for value in choices):
        found["c"] = choices
    if isinstance(one.get("aliases"), list):
        found["a"] = [str(name) for name in one["aliases"]]
    inner = one.get("suboptions") or one.get("options")
    if isinstance(inner, dict):
        found["o"] = {str(key): option(value) for key, value in inner.items() if isinstance(value, dict)}
    return found


def correct(spec: dict, trees: list[ast.AST], shared: dict[str, dict], trusted: bool) -> None:
    """
    Where documentation and source differ, the looser one counts, for a finding has to be certain. What documentation
    alone calls required is so for the modules of Ansible itself; elsewhere the environment often gives it.
    """
    literals = {}
    for tree in trees:
        literals |= {name: one for name, one in arguments(tree).items() if name not in literals}
    aliases = {alias for one in spec["o"].values() for alias in one.get("a", ())}
    for name, keywords in {**shared, **literals}.items():
        known = spec["o"].get(name)
        if known is None:
            if keywords and name not in aliases:  # name=dict() alone may be anything
                spec["o"][name] = {"t": "raw"}
            continue
        if "c" in known and "choices" not in keywords:
            del known["c"]
        more = keywords.get("aliases")
        if isinstance(more, list | tuple):
            known["a"] = sorted({*known.get("a", ()), *map(str, more)})
    if not literals and not trusted:  # PowerShell, which does not mind the case of choices
        loosen(spec["o"])
    for name, known in spec["o"].items():
        keywords = literals.get(name)
        sure = trusted if keywords is None else keywords.get("required") and "fallback" not in keywords
        if "r" in known and not sure:
            del known["r"]
    filled = {
        name for name, one in {**shared, **literals}.items() if one.get("default") is not None or "fallback" in one
    }
    for tree in trees:
        groups(spec, tree, filled)


def loosen(options: dict) -> None:
    for one in options.values():
        one.pop("c", None)
        loosen(one.get("o", {}))


def groups(spec: dict, tree: ast.AST, filled: set[str]) -> None:
    """What excludes each other or has to stand together, where it is written as literal lists."""
    for call in ast.walk(tree):
        name = getattr(getattr(call, "func", None), "id", "") or getattr(getattr(call, "func", None), "attr", "")
        if isinstance(call, ast.Call) and name.endswith("Module"):
            for keyword in call.keywords:
                value = literal(keyword.value)
                if keyword.arg not in LISTS or not isinstance(value, list | tuple):
                    continue
                found = [list(map(str, one)) for one in value if isinstance(one, list | tuple)]
                if keyword.arg != "mutually_exclusive":  # what has a default counts as given
                    found = [one for one in found if not filled & set(one)]
                if found:
                    spec[LISTS[keyword.arg]] = found


SPEC = set(
    "required type default choices aliases elements no_log options fallback apply_defaults removed_in_version "
    "version_added removed_from_collection removed_at_date deprecated_aliases mutually_exclusive required_together "
    "required_if required_one_of required_by description".split()
)


def arguments(tree: ast.AST) -> dict[str, dict]:
    """{argument: its keywords} of everything in a source that looks like an argument: name=dict(type=...)."""
    found, inner = {}, within(tree)
    for node in ast.walk(tree):
        if id(node) in inner:
            continue
        called = getattr(node.func, "id", getattr(node.func, "attr", "")) if isinstance(node, ast.Call) else ""
        if called in ("dict", "update"):
            pairs = [(keyword.arg, keyword.value) for keyword in node.keywords if keyword.arg]
        elif isinstance(node, ast.Dict):
            pairs = [(literal(key), value) for key, value in zip(node.keys, node.values) if key is not None]
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
            pairs = [(literal(node.targets[0].slice), node.value)]  # argument_spec["name"] = {"type": "str"}
        else:
            continue
        for name, value in pairs:
            keywords = entries(value)
            if isinstance(name, str) and keywords is not None and keywords.keys() <= SPEC:
                known = found.setdefault(name, keywords)
                for word in ("required", "choices"):
                    if word not in keywords or not (keywords[word] or word == "choices"):
                        known.pop(word, None)
    return found


def within(tree: ast.AST) -> set[int]:
    """The ids of dicts that are options within an option, written there or under a name of their own."""
    found, names = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "options":
            values = [node.value]
        elif isinstance(node, ast.Dict):
            values = [
                value for key, value in zip(node.keys, node.values) if key is not None and literal(key) == "options"
            ]
        else:
            continue
        for value in values:
            found.add(id(value))
            names.add(getattr(value, "id", None) or getattr(value, "attr", None))
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            targets = {getattr(target, "id", None) or getattr(target, "attr", None) for target in node.targets}
            if targets & names - {None}:
                found.add(id(node.value))
    return found


def entries(node) -> dict | None:
    """{"type": "str", ...} of dict(type="str") or {"type": "str"}, what is no literal as None; None for no dict."""
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "dict" and not node.args:
        return {keyword.arg: literal(keyword.value) for keyword in node.keywords if keyword.arg}
    if isinstance(node, ast.Dict):
        return {name: literal(value) for key, value in zip(node.keys, node.values)
                if key is not None and isinstance(name := literal(key), str)}  # fmt: skip
    return None


def literal(node):
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None


def parse(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return ast.Module([], [])


def documentation(tree: ast.Module, name: str = "DOCUMENTATION") -> dict:
    for node in tree.body:
        names = [getattr(target, "id", "") for target in node.targets] if isinstance(node, ast.Assign) else []
        if name in names and isinstance(text := literal(node.value), str):
            return document(text)
    return {}


def document(text: str) -> dict:
    try:
        found = documents(text)
    except YamlError:
        return {}
    return found[0].value if found and isinstance(found[0].value, dict) else {}


class Fragments:
    """The pieces of documentation that modules share: `extends_documentation_fragment`."""

    def __init__(self, folder: Path):
        self.roots = dict(collections(folder))
        self.read: dict[tuple[str, str], dict[str, dict]] = {}

    @staticmethod
    def wanted(doc: dict) -> list[str]:
        names = doc.get("extends_documentation_fragment") or []
        names = names.split(",") if isinstance(names, str) else names
        return [one.strip() for one in names if isinstance(one, str)]

    def options(self, name: str, collection: str) -> dict:
        """'files' or 'community.general.ldap.documentation' -> its options, with those that it extends itself."""
        words = name.split(".")
        where = ".".join(words[:2]) if len(words) > 2 else "ansible.builtin"
        rest = words[2:] if len(words) > 2 else words
        for home in dict.fromkeys((where, collection, "ansible.builtin")):
            sections = self.sections(home, rest[0])
            found = sections.get((rest[1] if len(rest) > 1 else "documentation").lower())
            if found is not None:
                options = dict(found["options"]) if isinstance(found.get("options"), dict) else {}
                for inner in self.wanted(found):
                    if inner != name:
                        options = {**self.options(inner, home), **options}
                return options
        return {}

    def sections(self, collection: str, file: str) -> dict[str, dict]:
        if (collection, file) not in self.read:
            found: dict[str, dict] = {}
            root = self.roots.get(collection)
            for base in (root / "plugins" / "doc_fragments",) if root and re.fullmatch(r"\w+", file) else ():
                path = base / f"{file}.py"
                if path.is_file() and path.stat().st_size < MAX_SOURCE:
                    for node in ast.walk(parse(path.read_text(encoding="utf-8", errors="replace"))):
                        if isinstance(node, ast.Assign) and isinstance(text := literal(node.value), str):
                            found |= {getattr(one, "id", "").lower(): document(text) for one in node.targets}
            self.read[collection, file] = found
        return self.read[collection, file]


def routing(collection: str, root: Path) -> dict[str, str | None]:
    """Names that lead to other modules, or to None: {"community.general.docker_image": "community.docker..."}"""
    path = root / ("config/ansible_builtin_runtime.yml" if collection == "ansible.builtin" else "meta/runtime.yml")
    if not path.is_file():
        return {}
    found = {}
    plugins = document(path.read_text(encoding="utf-8", errors="replace")).get("plugin_routing")
    for kind in ("modules", "action"):
        table = plugins.get(kind) if isinstance(plugins, dict) else None
        for name, about in (table or {}).items():
            if not isinstance(about, dict):
                continue
            target = about.get("redirect")
            if isinstance(target, str):
                found[f"{collection}.{name}"] = target if target.count(".") >= 2 else f"ansible.builtin.{target}"
            elif "tombstone" in about:
                found.setdefault(f"{collection}.{name}", None)
    return found
