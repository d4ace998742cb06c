"""
Ansible: playbooks, task files and handlers; inventories and files of variables are read as YAML. Keywords of plays,
blocks and tasks, modules by short or full name, and their arguments. Parsed: {"play": [...], module: [...]}
"""

import re
from collections.abc import Iterator

from acorn.errors import did_you_mean
from acorn.recipes.iac.validate.ansible_modules import (
    BUILTIN,
    FREE,
    TRUTH,
    arguments,
    is_open,
    pairs,
    resolve,
    unknown,
)
from acorn.recipes.iac.validate.documents import few, load, placed
from acorn.recipes.iac.validate.findings import Finding
from acorn.recipes.iac.validate.shape import Problem, name, short
from acorn.recipes.iac.validate.slips import slip

MAX_CHARS, MAX_DEPTH = 2 * 2**20, None
BASE = set(
    "any_errors_fatal become become_exe become_flags become_method become_user check_mode collections connection "
    "debugger diff environment ignore_errors ignore_unreachable module_defaults name no_log port remote_user run_once "
    "tags throttle timeout vars when".split()
)
TASK = BASE | set(
    "action args async changed_when delay delegate_facts delegate_to failed_when listen local_action loop loop_control "
    "notify poll register retries until".split()
)
BLOCK = BASE | set("block rescue always notify delegate_facts delegate_to".split())
PLAY = BASE - {"when"} | set(
    "hosts fact_path force_handlers gather_facts gather_subset gather_timeout handlers max_fail_percentage order "
    "post_tasks pre_tasks roles serial strategy tasks user vars_files vars_prompt validate_argspec remote_addr "
    "sudo sudo_user".split()
)
IMPORT = {
    "name",
    "vars",
    "when",
    "tags",
    "import_playbook",
    BUILTIN + "import_playbook",
    "ansible.legacy.import_playbook",
}
LOOP_CONTROL = set("break_when extended extended_allitems index_var label loop_var pause".split())
LOOKUPS = set(
    "items dict list sequence first_found fileglob filetree file together subelements nested cartesian lines csvfile "
    "indexed_items flattened random_choice ini inventory_hostnames url env password pipe template vars varnames".split()
)
LISTS = ("pre_tasks", "tasks", "post_tasks", "handlers")
BOOLEANS = ("become", "gather_facts", "ignore_errors", "ignore_unreachable", "no_log", "run_once", "check_mode", "diff",
            "any_errors_fatal", "force_handlers", "delegate_facts")  # fmt: skip
CONDITIONS = ("ignore_errors", "run_once", "check_mode", "become", "diff")  # seen with expressions without braces
INTEGERS = ("retries", "async", "poll", "port", "timeout", "throttle", "gather_timeout")
MAPPINGS = ("vars", "loop_control", "args")
VARIABLES = re.compile(
    r"(?:^|/)(?:group_vars|host_vars|vars|defaults)/|(?:^|/)(?:requirements|galaxy)\.ya?ml$|(?:^|/)meta/"
)
PLAYS = ("hosts", "import_playbook", BUILTIN + "import_playbook")


def read(text: str, path: str = "", modules: tuple[str, ...] = (), full: bool = False) -> tuple[dict, list[Finding]]:
    """
    path: of the file, which tells variables from tasks. modules: the user's own, which are not to be doubted. full: ask
    ansible-playbook too, where this has found nothing in a playbook.
    """
    docs, findings = load(text, "1.1", repeats="warning", templates=statements(text))
    if findings and not docs:
        return {}, findings
    if not docs:
        return {}, [Finding("no play, task or variable", rule="empty", severity="note" if path else "error")]
    reader = Reader(modules, "module_defaults" in text)
    for doc in docs:
        found = [*few(reader.file(doc.value, variables=bool(VARIABLES.search(path))))]
        findings += [
            placed(one, doc, severity="note" if one.rule in ("own-module", "placeholder") else "error") for one in found
        ]
    if not reader.parsed and not findings and not path:
        findings = [Finding("variables or an inventory: only the YAML was checked", rule="variables", severity="note")]
    if full and "play" in reader.parsed and not any(one.severity == "error" for one in findings):
        from acorn.recipes.iac.validate.tools import ansible_syntax

        findings += ansible_syntax(text)
    return reader.parsed, findings


def statements(text: str) -> bool:
    """Only {% at the beginning of a line makes a Jinja template of a playbook; `key: {{ x }}` is a mistake."""
    return re.search(r"^\{[%#]", text, re.MULTILINE) is not None


class Reader:
    def __init__(self, modules: tuple[str, ...], defaults: bool):
        self.modules, self.defaults, self.parsed = modules, defaults, {}

    def file(self, value, variables: bool = False) -> Iterator[Problem]:
        if isinstance(value, dict):
            if not variables and (looks := self.looks_like_an_item(value)):
                yield Problem((), f"{looks} stands in a list: begin it with '- '", "wrong-type")
            return
        if not isinstance(value, list):
            yield Problem((), f"a playbook or a file of tasks is a list, not {name(value)}", "wrong-type")
            return
        if variables or not value:
            return
        plays = [isinstance(one, dict) and any(key in one for key in (*PLAYS, *LISTS, "roles")) for one in value]
        for index, one in enumerate(value):
            if plays[index] or (any(plays) and not isinstance(one, dict)):
                yield from self.play(one, (index,))
                continue
            if any(plays):
                yield Problem((index,), "a task among plays: it belongs under tasks of a play", "misplaced-task")
            yield from self.task(one, (index,))

    @staticmethod
    def looks_like_an_item(value: dict) -> str:
        if "hosts" in value and ("tasks" in value or "roles" in value):
            return "a play"
        named = [key for key in value if key not in TASK and isinstance(key, str)]
        certain = len(named) == 1 and "." in named[0] and resolve(named[0])
        return "a task" if certain or (len(named) == 1 and "name" in value and resolve(named[0])) else ""

    def play(self, value, path: tuple) -> Iterator[Problem]:
        if not isinstance(value, dict):
            yield Problem(path, f"a play is a mapping, not {name(value)}", "wrong-type")
            return
        if any(key in value for key in PLAYS[1:]):
            yield from self.keywords(value, IMPORT, path, "an import of a playbook")
            yield from self.values(value, path)
            return
        self.parsed.setdefault("play", []).append(value)
        yield from self.keywords(value, PLAY, path, "a play")
        if "hosts" not in value:
            yield Problem(path, "hosts is missing", "missing-keyword")
        elif not value["hosts"]:
            yield Problem((*path, "hosts"), "hosts is empty", "missing-keyword")
        for key in LISTS:
            if key in value:
                yield from self.tasks(value[key], (*path, key))
        roles = value.get("roles") or []
        for index, role in enumerate(roles if isinstance(roles, list) else []):
            if isinstance(role, dict) and not any(key in role for key in ("role", "name", "src")):
                yield Problem((*path, "roles", index), "role is missing: the name of the role", "missing-keyword")
        if not isinstance(roles, list) and not is_open(roles):
            yield Problem((*path, "roles"), f"roles are a list, not {name(roles)}", "wrong-type")

    def tasks(self, value, path: tuple) -> Iterator[Problem]:
        if value is None:
            return
        if not isinstance(value, list):
            yield Problem(path, f"{path[-1]} are a list, not {name(value)}", "wrong-type")
            return
        for index, one in enumerate(value):
            yield from self.task(one, (*path, index))

    def task(self, value, path: tuple) -> Iterator[Problem]:
        if value is None:
            return
        if not isinstance(value, dict):
            yield Problem(path, f"a task is a mapping, not {name(value)}", "wrong-type")
            return
        if any(key in value for key in ("block", "rescue", "always")):
            yield from self.block(value, path)
            return
        yield from self.values(value, path)
        actions = [key for key in value if key not in TASK and not str(key).startswith("with_")]
        for key in value:
            if str(key).startswith("with_") and (near := slip(key[5:], LOOKUPS)) and key[5:] not in LOOKUPS:
                yield Problem((*path, key), f"there is no {key[:60]}. Did you mean with_{near}?", "unknown-keyword")
        found = [key for key in actions if self.is_module(key)]
        for key in ("action", "local_action"):
            if key in value:
                yield from self.action(value[key], value.get("args"), (*path, key))
                found, actions = [*found, key], [*actions, key]
        if len(found) > 1:
            yield Problem(
                (*path, found[1]), f"a task has one module; here are {found[0]} and {found[1]}", "two-modules"
            )
            return
        if found and found[0] not in ("action", "local_action"):
            yield from self.module(str(found[0]), value[found[0]], value.get("args"), (*path, found[0]))
        strange = [key for key in actions if key not in found]
        if found:
            for key in strange:
                near = did_you_mean(str(key)[:60], TASK)
                said = f"{str(key)[:60]} is neither a keyword of a task nor a module.{near}"
                yield Problem((*path, key), said, "unknown-keyword")
        elif not strange:
            yield Problem(path, "a task without a module", "missing-module")
        else:
            yield from self.doubtful(strange, path)

    def doubtful(self, strange: list, path: tuple) -> Iterator[Problem]:
        """No key is a known module: perhaps one is the user's own, the others can't be."""
        guesses = [(key, unknown(str(key), (*path, key))) for key in strange]
        wrong = [problem for _, problem in guesses if problem.rule != "own-module"]
        if len(strange) == 1 or wrong:
            yield from wrong or [guesses[0][1]]
            return
        yield Problem(
            (*path, strange[1]), f"a task has one module; here are {strange[0]} and {strange[1]}", "two-modules"
        )

    def is_module(self, key) -> bool:
        return isinstance(key, str) and (key in self.modules or resolve(key) is not None)

    def action(self, value, args, path: tuple) -> Iterator[Problem]:
        """`action: copy src=a dest=b`, or a mapping with `module`."""
        if is_open(value):
            return
        if isinstance(value, str):
            word, _, rest = value.strip().partition(" ")
        elif isinstance(value, dict) and isinstance(value.get("module"), str):
            word, _, text = value["module"].partition(" ")
            rest = {key: one for key, one in value.items() if key != "module"} | (pairs(text) if text else {})
        else:
            yield Problem(path, "names no module", "missing-module")
            return
        if self.is_module(word):
            yield from self.module(word, rest, args, path)
        else:
            yield unknown(word, path)

    def module(self, word: str, given, args, path: tuple) -> Iterator[Problem]:
        if word in self.modules:
            return
        full = resolve(word)
        relaxed = self.defaults or is_open(args)
        if isinstance(args, dict):
            given = {**args, **(given if isinstance(given, dict) else pairs(given) if isinstance(given, str) else {})} \
                if full not in FREE or not isinstance(given, str) else given  # fmt: skip
        taken = pairs(given) if isinstance(given, str) and full not in FREE else given
        self.parsed.setdefault(full, []).append(taken if taken is not None else {})
        yield from arguments(full, given, path, relaxed)

    def block(self, value: dict, path: tuple) -> Iterator[Problem]:
        yield from self.values(value, path)
        yield from self.keywords(value, BLOCK, path, "a block")
        if "block" not in value:
            yield Problem(path, "rescue and always stand beside a block", "missing-keyword")
        for key in ("block", "rescue", "always"):
            if key in value:
                yield from self.tasks(value[key], (*path, key))

    def keywords(self, value: dict, known: set[str], path: tuple, what: str) -> Iterator[Problem]:
        for key in value:
            if key not in known:
                near = did_you_mean(str(key)[:60], known)
                yield Problem((*path, key), f"{str(key)[:60]} is no keyword of {what}.{near}", "unknown-keyword")
        if what == "a play":
            yield from self.values(value, path)

    def values(self, value: dict, path: tuple) -> Iterator[Problem]:
        """What keywords hold. Nearly everything may be Jinja."""
        for key in BOOLEANS:
            one = value.get(key)
            if one is None or is_open(one) or str(one).lower() in (*TRUTH, "smart"):
                continue
            word = isinstance(one, str) and re.fullmatch(r"[a-z]{1,8}", one)
            if not isinstance(one, str) or word or key not in CONDITIONS:
                yield Problem((*path, key), f"{short(one)} is {name(one)}, wanted a boolean", "wrong-type")
        for key in INTEGERS:
            one = value.get(key)
            if one is not None and not is_open(one) and not re.fullmatch(r"\d+", str(one).strip()):
                yield Problem((*path, key), f"{short(one)} is {name(one)}, wanted an integer", "wrong-type")
        for key in MAPPINGS:
            one = value.get(key)
            if one is not None and not is_open(one) and not isinstance(one, dict) and one != []:
                yield Problem((*path, key), f"{key} is a mapping, not {name(one)}", "wrong-type")
        control = value.get("loop_control")
        for key in control if isinstance(control, dict) else ():
            if key not in LOOP_CONTROL:
                near = did_you_mean(str(key), LOOP_CONTROL)
                said = f"loop_control has no {str(key)[:60]}.{near}"
                yield Problem((*path, "loop_control", key), said, "unknown-keyword")
        if "loop" in value and isinstance(value["loop"], dict):
            yield Problem((*path, "loop"), "loop goes over a list, not a mapping", "wrong-type")


def prepare() -> None:
    from acorn.recipes.iac.validate.ansible_modules import known

    known()
