"""
The blocks of the Terraform language itself, as bodies of the schemas (schemas/__init__.py). `free`: any argument may
stand there; `any`: any block too.
"""

LABELS = {  # block at the top -> its number of labels
    "resource": 2,
    "data": 2,
    "ephemeral": 2,
    "action": 2,
    "module": 1,
    "variable": 1,
    "output": 1,
    "provider": 1,
    "check": 1,
    "locals": 0,
    "terraform": 0,
    "moved": 0,
    "import": 0,
    "removed": 0,
}
INNER_LABELS = {"provisioner": 1, "backend": 1, "provider_meta": 1, "data": 2}
ANYTHING = {"free": True, "any": True}
CONDITION = {"k": "*", "a": {"condition": "!a", "error_message": "!s"}}
PROVISIONER = {"k": "*", **ANYTHING}
META = {  # what may stand in every resource, data source and module
    "a": {"count": "?n", "for_each": "?a", "provider": "?a", "depends_on": "?a"},
    "b": {
        "lifecycle": {
            "k": "1",
            "a": {
                "create_before_destroy": "?b",
                "prevent_destroy": "?a",
                "ignore_changes": "?a",
                "replace_triggered_by": "?a",
                "enabled": "?a",
                "destroy": "?a",
            },
            "b": {
                "precondition": CONDITION,
                "postcondition": CONDITION,
                "action_trigger": {"k": "*", **ANYTHING},
            },
        },
        "provisioner": PROVISIONER,
        "connection": {"k": "1", **ANYTHING},
    },
}
MODULE = {"source", "version", "providers", "count", "for_each", "depends_on"}
BUILT_IN = {  # of the provider that is part of Terraform
    ("resource", "terraform_data"): {"a": {"input": "?a", "triggers_replace": "?a", "id": "=s", "output": "=a"}},
    ("data", "terraform_remote_state"): {
        "a": {"backend": "!s", "config": "?a", "defaults": "?a", "workspace": "?s", "outputs": "=a"}
    },
}
OWN = {
    "variable": {
        "a": {
            "type": "?a",
            "default": "?a",
            "description": "?s",
            "sensitive": "?b",
            "nullable": "?b",
            "ephemeral": "?b",
            "deprecated": "?s",
        },
        "b": {"validation": CONDITION},
    },
    "output": {
        "a": {
            "value": "!a",
            "description": "?s",
            "sensitive": "?b",
            "ephemeral": "?b",
            "depends_on": "?a",
            "deprecated": "?s",
        },
        "b": {"precondition": CONDITION, "postcondition": CONDITION},
    },
    "locals": {"free": True},
    "terraform": {
        "a": {"required_version": "?s", "experiments": "?a", "language": "?a"},
        "b": {
            "required_providers": {"k": "*", "free": True},
            "backend": {"k": "1", **ANYTHING},
            "cloud": {"k": "1", **ANYTHING},
            "provider_meta": {"k": "*", **ANYTHING},
            "encryption": {"k": "1", **ANYTHING},
        },
    },
    "moved": {"a": {"from": "!a", "to": "!a"}},
    "import": {"a": {"to": "!a", "id": "?a", "identity": "?a", "provider": "?a", "for_each": "?a"}},
    "removed": {
        "a": {"from": "!a"},
        "b": {
            "lifecycle": {"k": "1", "a": {"destroy": "?b"}},
            "provisioner": PROVISIONER,
            "connection": {"k": "1", **ANYTHING},
        },
    },
    "check": {"b": {"data": {"k": "1", **ANYTHING}, "assert": {**CONDITION, "r": 1}}},
    "action": ANYTHING,
}
