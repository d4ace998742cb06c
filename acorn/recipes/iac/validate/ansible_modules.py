"""
Modules of Ansible and their arguments, against the facts of schemas/kinds/ansible.zip. Values are converted as Ansible
converts them, so what it would take is not wrong; what holds Jinja is known only when it runs and is left alone.
"""

import re
from collections.abc import Iterator
from functools import cache

from acorn.errors import did_you_mean
from acorn.recipes.iac.schemas.packed import packed
from acorn.recipes.iac.validate.shape import Problem, name, short
from acorn.recipes.iac.validate.slips import slip

BUILTIN = "ansible.builtin."
# Modules that take a free text beside or instead of arguments, and those that hand any argument on.
FREE = {BUILTIN + word for word in "command shell script raw include_vars include_tasks import_tasks meta "
        "import_playbook group_by".split()} | {"ansible.windows.win_command", "ansible.windows.win_shell"}  # fmt: skip
OPEN = {BUILTIN + word for word in "set_fact add_host package service gather_facts include_role import_role setup "
        "debug fail group_by".split()}  # fmt: skip
NAMES_ONLY = {BUILTIN + word for word in ("include_role", "import_role", "debug", "fail")}  # open, but names are known
TRUTH = {"y", "yes", "on", "1", "true", "t", "n", "no", "off", "0", "false", "f", "1.0", "0.0"}
JINJA = re.compile(r"\{\{|\{%|\{#")
PAIR = re.compile(r"(?:^|\s)([A-Za-z_][\w.-]*)=")
ENCRYPTED = "$ANSIBLE_VAULT"


@cache
def known() -> tuple[dict[str, str], dict[str, str | None]]:
    """({module: its collection}, {name that leads elsewhere: module, or None for one that is gone})"""
    index = packed("ansible").index
    modules = {f"{home}.{one}": home for home, names in index["modules"].items() for one in names}
    return modules, index["routes"]


@cache
def short_names() -> frozenset[str]:
    modules, routes = known()
    own = {one.removeprefix(BUILTIN) for one in (*modules, *routes) if one.startswith(BUILTIN)}
    return frozenset(own | {one.rpartition(".")[2] for one in modules})


def resolve(word: str) -> str | None:
    """The module that a task's key means; None when it is not known. 'copy' -> 'ansible.builtin.copy'"""
    modules, routes = known()
    full = word if word.count(".") >= 2 else BUILTIN + word
    full = full.replace("ansible.legacy.", BUILTIN, 1) if full.startswith("ansible.legacy.") else full
    for _ in range(5):
        if full in modules:
            return full
        if routes.get(full) is None:
            return None
        full = routes[full]
    return last_names().get(word) if word.count(".") < 2 else None


@cache
def last_names() -> dict[str, str]:
    """{short name: module} where one collection alone has a module of that name: `collections:` may name it."""
    found: dict[str, str] = {}
    for full in known()[0]:
        word = full.rpartition(".")[2]
        found[word] = "" if word in found else full
    return {word: full for word, full in found.items() if full}


def gone(word: str) -> bool:
    full = word if word.count(".") >= 2 else BUILTIN + word
    return full in known()[1] and known()[1][full] is None


def spec(module: str) -> dict:
    home = known()[0][module]
    found = packed("ansible").part(home)[module.removeprefix(home + ".")]
    if module in (f"{BUILTIN}include_role", f"{BUILTIN}import_role"):  # `role` for `name` is documented nowhere
        return {**found, "o": {**found["o"], "name": {**found["o"]["name"], "a": ["role"]}}}
    return found


def unknown(word: str, path: tuple) -> Problem:
    """What to say of a module that is not known: wrong, or perhaps the user's own (a note)."""
    modules, _ = known()
    if gone(word):
        return Problem(path, f"the module {word} was removed from its collection", "unknown-module")
    if "." not in word:
        if word in short_names():
            return Problem(path, f"{word} leads to a module that is not known here: it is not checked", "own-module")
        near = slip(word, short_names())
        if near:
            return Problem(path, f"there is no module {word}. Did you mean {near}?", "unknown-module")
        return Problem(path, f"{word} is no module that is known here: its arguments are not checked", "own-module")
    if word.count(".") == 1:
        said = f"{word} is no name of a module: namespace.collection.module, or the module alone"
        return Problem(path, said, "unknown-module")
    home, _, last = word.rpartition(".")
    homes = set(modules.values())
    if home in homes:
        near = did_you_mean(last, [one.rpartition(".")[2] for one, where in modules.items() if where == home])
        return Problem(path, f"the collection {home} has no module {last}.{near}", "unknown-module")
    near = slip(home, homes)
    if near:
        return Problem(path, f"there is no collection {home}. Did you mean {near}?", "unknown-module")
    return Problem(path, f"the collection {home} is not known here: {last} is not checked", "own-module")


# ---- arguments ----


def arguments(module: str, given, path: tuple, relaxed: bool = False) -> Iterator[Problem]:
    """relaxed: defaults of modules are set somewhere, so that nothing is certainly missing."""
    if is_open(given):
        return
    if isinstance(given, str):
        given = pairs(given)
        if module in FREE or any(JINJA.search(value) for value in given.values()):
            return
        if not given:
            yield Problem(path, f"{module} takes arguments by name, not a text", "wrong-type")
            return
    if given is None:
        given = {}
    if not isinstance(given, dict):
        yield Problem(path, f"the arguments of {module} are a mapping, not {name(given)}", "wrong-type")
        return
    about = spec(module)
    free = "free_form" in about["o"] and not module.startswith(BUILTIN)
    relaxed = relaxed or free or (module in OPEN and module not in NAMES_ONLY)
    if module in FREE and not relaxed:
        relaxed = "_raw_params" in given or "free_form" in about["o"]
    yield from options(about["o"], given, path, module, free or (module in OPEN and module not in NAMES_ONLY), relaxed)
    if not relaxed and module not in OPEN:
        yield from together(about, given, path)


def options(wanted: dict, given: dict, path: tuple, what: str, open_: bool = False, relaxed: bool = False):
    """The options of a module, or those within one of its options."""
    names = {alias: key for key, one in wanted.items() for alias in (key, *one.get("a", ()))}
    for key, value in given.items():
        if str(key) in names:
            yield from option(wanted[names[str(key)]], value, (*path, key))
        elif not (open_ or str(key).startswith("_") or is_open(key)):
            near = did_you_mean(str(key)[:60], names)
            yield Problem((*path, key), f"{what} has no argument {str(key)[:60]}.{near}", "unknown-argument")
    if relaxed:
        return
    for key, one in wanted.items():
        if one.get("r") and not any(alias in given for alias in (key, *one.get("a", ()))):
            yield Problem(path, f"argument {key} of {what} is missing", "missing-argument")


def together(about: dict, given: dict, path: tuple) -> Iterator[Problem]:
    names = {alias: key for key, one in about["o"].items() for alias in (key, *one.get("a", ()))}
    real = lambda name: names.get(str(name), str(name))
    have = {real(key) for key, value in given.items() if value is not None and not omitted(value)}
    sure = {real(key) for key, value in given.items() if value is not None and not is_open(value)}
    for group in about.get("x", ()):
        if len(both := [one for one in group if real(one) in sure]) > 1:
            yield Problem(path, f"{' and '.join(both[:3])} exclude each other", "exclusive-arguments")
    for group in about.get("t", ()):
        there = [one for one in group if real(one) in have]
        if there and len(there) < len(group):
            lacking = ", ".join(one for one in group if one not in there)
            yield Problem(path, f"{lacking} is missing beside {', '.join(there)}", "missing-argument")
    for group in about.get("n", ()):
        if not any(real(one) in have for one in group):
            yield Problem(path, f"one of {', '.join(group)} is missing", "missing-argument")


def option(wanted: dict, value, path: tuple) -> Iterator[Problem]:
    type_ = wanted.get("t", "str")
    if value is None or is_open(value):
        return
    values, single = [value], type_
    if type_ == "list":
        if isinstance(value, dict):
            yield Problem(path, "this is a mapping, wanted a list", "wrong-type")
            return
        single = wanted.get("e", "raw")
        values = value if isinstance(value, list) else [one.strip() for one in str(value).split(",")]
    inside = wanted.get("o")
    for index, one in enumerate(values):
        here = (*path, index) if isinstance(value, list) and type_ == "list" else path
        if one is None or is_open(one):
            continue
        if not converts(one, single):
            kind = {"bool": "a boolean", "int": "an integer", "float": "a number", "dict": "a mapping"}.get(
                single, single
            )
            yield Problem(here, f"{short(one)} is {name(one)}, wanted {kind}", "wrong-type")
        elif wanted.get("c") and single != "bool" and not among(one, wanted["c"]):
            near = did_you_mean(str(one)[:60], [str(word) for word in wanted["c"]])
            some = ", ".join(str(word).lower() if isinstance(word, bool) else str(word) for word in wanted["c"][:8])
            more = ", ..." if len(wanted["c"]) > 8 else ""
            yield Problem(here, f"{short(one)} is not one of {some}{more}.{near}", "wrong-value")
        elif inside and isinstance(one, dict) and (single == "dict" or type_ == "dict"):
            yield from options(inside, one, here, str(path[-1]))


def converts(value, wanted: str) -> bool:
    """Would Ansible take this for that type?"""
    if wanted == "bool":
        return isinstance(value, bool) or (isinstance(value, str | int | float) and str(value).lower() in TRUTH)
    if wanted == "int":
        return isinstance(value, int) or re.fullmatch(r"\s*[-+]?\d+(\.0*)?\s*", str(value)) is not None
    if wanted == "float":
        return isinstance(value, int | float) or re.fullmatch(
            r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*", str(value)
        ) is not None  # fmt: skip
    if wanted == "dict":
        return isinstance(value, dict) or (isinstance(value, str) and ("=" in value or value.startswith("{")))
    if wanted in ("path", "bits", "bytes", "sid"):
        return not isinstance(value, dict | list)
    return True


def among(value, choices: list) -> bool:
    if isinstance(value, dict | list):
        return True
    said = str(value)
    if isinstance(value, bool):
        said_as = {"yes", "true", "on", "y"} if value else {"no", "false", "off", "n"}
        return any(one is value or str(one).lower() in said_as for one in choices)
    if any(isinstance(one, bool) for one in choices) and said.lower() in TRUTH:
        return True
    return said in map(str, choices) or (
        said.isdigit() and any(str(one).isdigit() and int(one) == int(said) for one in choices)
    )


def is_open(value) -> bool:
    return isinstance(value, str) and (JINJA.search(value) is not None or value.startswith(ENCRYPTED))


def omitted(value) -> bool:
    return isinstance(value, str) and "omit" in value and is_open(value)


def pairs(text: str) -> dict[str, str]:
    """'name=nginx state=present' -> {"name": "nginx", "state": "present"}"""
    found = list(PAIR.finditer(text))
    ends = [one.start() for one in found[1:]] + [len(text)]
    return {one[1]: text[one.end() : end].strip().strip("\"'") for one, end in zip(found, ends)}
