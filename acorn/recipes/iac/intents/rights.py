"""Kubernetes: who may do what in the cluster. Service account, role with its binding, cluster role."""

from acorn.recipes.iac import words
from acorn.recipes.iac.intents.intent import Intent
from acorn.recipes.iac.render.manifest import documents, manifest

GROUPS = {  # resource -> the API group it is in
    **dict.fromkeys("pods services configmaps endpoints events persistentvolumeclaims".split(), ""),
    **dict.fromkeys("deployments statefulsets daemonsets replicasets".split(), "apps"),
    **dict.fromkeys("jobs cronjobs".split(), "batch"),
}
VERBS = (
    ["get"],
    ["get", "list"],
    ["get", "list", "watch"],
    ["list", "watch"],
    ["get", "update"],
    ["get", "patch"],
    ["create", "delete"],
    ["get", "create"],
)
RBAC = "rbac.authorization.k8s.io"


def rule(p: dict) -> dict:
    return {"apiGroups": [GROUPS[p["resource"]]], "resources": [p["resource"]], "verbs": p["verbs"]}


def rule_facts(kind: str, p: dict) -> dict:
    return {
        f"{kind}/metadata/name": p["name"],
        f"{kind}/rules/apiGroups": [GROUPS[p["resource"]]],
        f"{kind}/rules/resources": [p["resource"]],
        f"{kind}/rules/verbs": frozenset(p["verbs"]),
    }


class ServiceAccount(Intent):
    name, kinds, title = "pod-account", ("kubernetes",), "service account"
    notes = (
        "A service account is who a pod is when it talks to the cluster.",
        "Without a token in the pod, whoever breaks in can't ask the cluster for anything.",
        "Rights are given to the account by a role binding.",
    )
    thing = "a service account"
    parts = "name {name}; namespace {namespace}; {plus}"
    train = (
        "{tool} service account {name} namespace {namespace}{plus}",
        "We want pods of the namespace {namespace} to use a service account{extras} in {tool}. [Call|Name] it {name}.",
        "How do I write a service account{extras} in {tool}? It is called {name}, namespace {namespace}.",
    )
    held = ("In {tool}, I want a service account called {name}{extras}. The namespace is {namespace}.",)

    def sample(self, rng):
        return {
            "name": words.name(rng),
            "namespace": rng.choice(words.NAMESPACES),
            "tokenless": rng.random() < 0.5,
        }

    def options(self, p):
        return ["no token"] * p["tokenless"]

    def kubernetes_facts(self, p):
        return {
            "ServiceAccount/metadata/name": p["name"],
            "ServiceAccount/metadata/namespace": p["namespace"],
            "ServiceAccount/automountServiceAccountToken": False if p["tokenless"] else None,
        }

    def kubernetes(self, p):
        metadata = {"name": p["name"], "namespace": p["namespace"]}
        token = {"automountServiceAccountToken": False} if p["tokenless"] else {}
        return manifest({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata, **token})


class RoleBinding(Intent):
    name, kinds, title = "role-binding", ("kubernetes",), "role with its binding"
    notes = (
        "A role lists verbs on resources of one namespace; the binding gives it to a service account.",
        "What no role allows is forbidden.",
        "Name resources and verbs; a star would allow everything that comes later, too.",
    )
    thing = "a role with its binding"
    parts = (
        "name {name}; namespace {namespace}; [account|service account] {account}; [resource |]{resource}; "
        "[verbs |]{verbs}"
    )
    train = (
        "{tool} role and binding {name} namespace {namespace} account {account} resource {resource} verbs {verbs}",
        "We want the service account {account} to {verbs} {resource} in the namespace {namespace}. [Call|Name] the "
        "{tool} role and its binding {name}.",
        "How do I let the service account {account} {verbs} {resource} in {tool}? The namespace is {namespace}, the "
        "role with its binding is called {name}.",
    )
    held = (
        "In {tool}, I want to let the service account {account} {verbs} {resource} in the namespace {namespace} with a "
        "role and its binding called {name}.",
    )

    def sample(self, rng):
        return {
            "name": words.name(rng),
            "namespace": rng.choice(words.NAMESPACES),
            "account": words.word(rng),
            "resource": rng.choice(list(GROUPS)),
            "verbs": rng.choice(VERBS),
        }

    def slots(self, p):
        return {**p, "verbs": words.listing(p["verbs"])}

    def kubernetes_facts(self, p):
        return {
            **rule_facts("Role", p),
            "Role/metadata/namespace": p["namespace"],
            "RoleBinding/metadata/namespace": p["namespace"],
            "RoleBinding/roleRef/kind": "Role",
            "RoleBinding/roleRef/name": p["name"],
            "RoleBinding/subjects/kind": "ServiceAccount",
            "RoleBinding/subjects/name": p["account"],
            "RoleBinding/subjects/namespace": p["namespace"],
        }

    def kubernetes(self, p):
        metadata = {"name": p["name"], "namespace": p["namespace"]}
        subject = {"kind": "ServiceAccount", "name": p["account"], "namespace": p["namespace"]}
        return documents(
            {"apiVersion": f"{RBAC}/v1", "kind": "Role", "metadata": metadata, "rules": [rule(p)]},
            {
                "apiVersion": f"{RBAC}/v1",
                "kind": "RoleBinding",
                "metadata": metadata,
                "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": p["name"]},
                "subjects": [subject],
            },
        )


class ClusterRole(Intent):
    name, kinds, title = "cluster-role", ("kubernetes",), "cluster role"
    notes = (
        "A cluster role holds for all namespaces when a cluster role binding gives it, for one with a role binding.",
        "It also reaches what lives in no namespace, such as nodes.",
        "Give it only what the work needs.",
    )
    thing = "a cluster role"
    parts = "name {name}; [resource |]{resource}; [verbs |]{verbs}"
    train = (
        "{tool} cluster role {name} resource {resource} verbs {verbs}",
        "We want a cluster role to {verbs} {resource} in {tool}. [Call|Name] it {name}.",
        "How do I write a cluster role to {verbs} {resource} in {tool}? It is called {name}.",
    )
    held = ("In {tool}, I want a cluster role called {name} that can {verbs} {resource}.",)

    def sample(self, rng):
        return {
            "name": words.name(rng),
            "resource": rng.choice(list(GROUPS)),
            "verbs": rng.choice(VERBS),
        }

    def slots(self, p):
        return {**p, "verbs": words.listing(p["verbs"])}

    def kubernetes_facts(self, p):
        return rule_facts("ClusterRole", p)

    def kubernetes(self, p):
        top = {"apiVersion": f"{RBAC}/v1", "kind": "ClusterRole", "metadata": {"name": p["name"]}}
        return manifest({**top, "rules": [rule(p)]})
