"""Ansible: a playbook of one play, from tasks that are dicts of name -> {module: arguments}."""

from acorn.recipes.iac.render.manifest import manifest


def play(hosts: str, tasks: dict[str, dict], handlers: dict[str, dict] | None = None, become: bool = True) -> str:
    """A task's dict may hold what stands beside its module, such as notify, after it."""
    body = {"hosts": hosts, **({"become": True} if become else {}), "tasks": _named(tasks)}
    return manifest([{**body, **({"handlers": _named(handlers)} if handlers else {})}])


def _named(tasks: dict[str, dict]) -> list[dict]:
    return [{"name": name, **task} for name, task in tasks.items()]
