"""Ansible -> items: plays, tasks, the module of each task with its arguments, files of variables."""

import re
import shlex
from collections.abc import Iterator

from acorn.recipes.iac import yamls
from acorn.recipes.iac.audit.items.manifests import _roots
from acorn.recipes.iac.audit.rule import Item

LISTS = ("tasks", "pre_tasks", "post_tasks", "handlers", "block", "rescue", "always")
KEYWORDS = set(
    "name when with_items loop loop_control register become become_user become_method become_flags become_exe tags "
    "vars args notify listen ignore_errors ignore_unreachable no_log changed_when failed_when until retries delay "
    "delegate_to delegate_facts run_once environment check_mode diff connection remote_user port async poll throttle "
    "timeout "
    "any_errors_fatal module_defaults collections debugger local_action action block rescue always with_dict "
    "with_fileglob with_first_found with_together with_subelements with_sequence with_nested with_flattened "
    "with_indexed_items with_random_choice with_lines with_list".split()
)
RAW = {"command", "shell", "raw", "script"}
PAIR = re.compile(r"[A-Za-z_]\w*=")


def items(text: str) -> list[Item]:
    """Raises yamls.YamlError."""
    found = []
    for doc in yamls.documents(text, "1.1"):
        value = doc.value
        if isinstance(value, dict):
            found.append(_make(doc, "ansible/vars", "", value, (), None))
        for index, one in enumerate(value if isinstance(value, list) else ()):
            if isinstance(one, dict) and ("hosts" in one or "import_playbook" in one):
                play = _make(doc, "ansible/play", str(one.get("name", "")), one, (index,), None)
                found.append(play)
                if isinstance(one.get("vars"), dict):
                    found.append(_make(doc, "ansible/vars", play.name, one["vars"], (index, "vars"), play))
                found += _lists(doc, one, (index,), play, 0)
            elif isinstance(one, dict):
                found += _task(doc, one, (index,), None, 0)
    return found


def _lists(doc, holder: dict, base: tuple, parent: Item | None, depth: int) -> Iterator[Item]:
    for key in LISTS:
        tasks = holder.get(key)
        for index, one in enumerate(tasks if isinstance(tasks, list) else ()):
            if isinstance(one, dict):
                yield from _task(doc, one, (*base, key, index), parent, depth)


def _task(doc, task: dict, base: tuple, parent: Item | None, depth: int) -> Iterator[Item]:
    name = str(task.get("name", ""))
    item = _make(doc, "ansible/task", name, task, base, parent)
    yield item
    if isinstance(task.get("vars"), dict):
        yield _make(doc, "ansible/vars", name, task["vars"], (*base, "vars"), item)
    if "block" in task:
        yield from _lists(doc, task, base, item, depth + 1) if depth < 20 else ()
        return
    for key in task:
        if str(key) in KEYWORDS or str(key).startswith("with_"):
            continue
        short = str(key).rsplit(".", 1)[-1]
        extra = task.get("args")
        body = {**(extra if isinstance(extra, dict) else {}), **_arguments(short, task[key])}
        yield _make(doc, f"ansible/{short}", name, body, (*base, key), item)


def _arguments(module: str, value) -> dict:
    """'src=a dest=b' -> {"src": "a", "dest": "b"}; what a shell runs is under cmd."""
    if isinstance(value, dict):
        return value
    if not isinstance(value, str):
        return {}
    if module in RAW:
        return {"cmd": value}
    try:
        words = shlex.split(value)
    except ValueError:
        words = value.split()
    return dict(word.split("=", 1) for word in words if PAIR.match(word))


def _make(doc: yamls.Doc, type_: str, name: str, body: dict, base: tuple, parent: Item | None) -> Item:
    return Item(type_, name, body, lambda path: doc.position((*base, *path)), parent, base=base, roots=_roots(doc))
