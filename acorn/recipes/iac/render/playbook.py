"""Ansible: a playbook of one play, from tasks that are dicts of name -> {module: arguments}."""

from acorn.recipes.iac.render.manifest import manifest


def play(
    name: str, hosts: str, tasks: dict[str, dict], handlers: dict[str, dict] | None = None, become: str = "root"
) -> str:
    """Beside its module, a task may hold what stands after it, such as notify. `become` '' stays who logs in."""
    body = {"name": name, "hosts": hosts}
    if become:
        body["become"] = True
    if become not in ("", "root"):
        body["become_user"] = become
    body["tasks"] = _named(tasks)
    return manifest([{**body, **({"handlers": _named(handlers)} if handlers else {})}])


def _named(tasks: dict[str, dict]) -> list[dict]:
    return [{"name": name, **task} for name, task in tasks.items()]
