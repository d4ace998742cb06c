"""
All intents: what can be asked for, by name. A new one is a class in one of these modules; a new module is a word in
one of the lists. An (intent, kind) pair is one thing that a model learns to write.
"""

import importlib

from acorn.recipes.iac.intents.intent import Intent, Phrasing

__all__ = ["INTENTS", "PAIRS", "Intent", "Phrasing"]

CLOUD = "storage messages networks machines databases access domains watch secrets clusters modules".split()
CLUSTER = "workloads jobs pods scaling routes settings limits rights images builds".split()
HOSTS = "hosts systems services composed compositions".split()


def _found() -> dict[str, Intent]:
    found: dict[str, Intent] = {}
    for word in CLOUD + CLUSTER + HOSTS:
        module = importlib.import_module(f"{__name__}.{word}")
        for one in vars(module).values():
            own = isinstance(one, type) and issubclass(one, Intent) and one.__module__ == module.__name__
            if own and "name" in vars(one):
                if one.name in found:
                    raise ValueError(f"two intents are called {one.name!r}")
                found[one.name] = one()
    return found


INTENTS: dict[str, Intent] = _found()
PAIRS: tuple[tuple[Intent, str], ...] = tuple(pair for intent in INTENTS.values() for pair in intent.pairs())
