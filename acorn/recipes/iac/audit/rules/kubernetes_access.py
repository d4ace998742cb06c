"""Kubernetes: rights, secrets, how services are reached, namespaces."""

from collections.abc import Iterator

from acorn.recipes.iac.audit import secrets
from acorn.recipes.iac.audit.rule import Hit, Item, Rule, listed, never, there, unknown

ROLES = ("k8s/Role", "k8s/ClusterRole")
BINDINGS = ("k8s/RoleBinding", "k8s/ClusterRoleBinding")
NAMESPACED = (
    "Deployment", "StatefulSet", "DaemonSet", "Pod", "Job", "CronJob", "ReplicaSet", "Service", "Ingress", "ConfigMap",
    "Secret", "ServiceAccount", "Role", "RoleBinding", "PersistentVolumeClaim", "NetworkPolicy",
)  # fmt: skip
EVERYBODY = ("system:anonymous", "system:unauthenticated", "system:authenticated")


def has(rule: dict, key: str, *words: str) -> bool:
    return bool(set(map(str, listed(rule.get(key)))) & set(words))


def rights(test, note: str, key: str):
    """A finding for each rule of a role for which `test` holds."""

    def check(item: Item) -> Iterator[Hit]:
        for index, one in enumerate(listed(item.body.get("rules"))):
            if isinstance(one, dict) and test(one):
                yield Hit(("rules", index, key), note)

    return {type_: check for type_ in ROLES}


def core(rule: dict) -> bool:
    return has(rule, "apiGroups", "", "*")


def wildcard(item: Item) -> Iterator[Hit]:
    for index, one in enumerate(listed(item.body.get("rules"))):
        if not isinstance(one, dict):
            continue
        stars = [key for key in ("verbs", "resources", "apiGroups") if has(one, key, "*")]
        if "verbs" in stars and "resources" in stars:
            yield Hit(("rules", index, "verbs"), "every verb on every resource")


def half_wildcard(item: Item) -> Iterator[Hit]:
    for index, one in enumerate(listed(item.body.get("rules"))):
        if isinstance(one, dict) and has(one, "verbs", "*") != has(one, "resources", "*"):
            key = "verbs" if has(one, "verbs", "*") else "resources"
            yield Hit(("rules", index, key), f'{key} hold "*"')


def administrators(item: Item) -> Iterator[Hit]:
    role = item.body.get("roleRef")
    if isinstance(role, dict) and role.get("name") == "cluster-admin":
        subjects = [one for one in listed(item.body.get("subjects")) if isinstance(one, dict)]
        if any(one.get("name") != "system:masters" for one in subjects) or not subjects:
            yield Hit(("roleRef", "name"), "binds cluster-admin")


def strangers(item: Item) -> Iterator[Hit]:
    for index, one in enumerate(listed(item.body.get("subjects"))):
        if isinstance(one, dict) and one.get("name") in EVERYBODY:
            yield Hit(("subjects", index, "name"), f"binds {one['name']}")


def default_account(item: Item) -> Iterator[Hit]:
    for index, one in enumerate(listed(item.body.get("subjects"))):
        if isinstance(one, dict) and one.get("kind") == "ServiceAccount" and one.get("name") == "default":
            yield Hit(("subjects", index, "name"), "binds the default service account")


def default_namespace(item: Item) -> Iterator[Hit]:
    metadata = item.body.get("metadata")
    if isinstance(metadata, dict) and metadata.get("namespace") == "default":
        yield Hit(("metadata", "namespace"), "namespace is default")


def balancer(item: Item) -> Iterator[Hit]:
    spec = item.body.get("spec")
    if not isinstance(spec, dict) or spec.get("type") != "LoadBalancer" or spec.get("loadBalancerSourceRanges"):
        return
    metadata = item.body.get("metadata")
    notes = metadata.get("annotations") if isinstance(metadata, dict) else None
    inside = notes if isinstance(notes, dict) else {}
    if not any("internal" in str(key).lower() or str(value).lower() == "internal" for key, value in inside.items()):
        yield Hit(("spec", "type"), "a LoadBalancer without loadBalancerSourceRanges")


def plain_ingress(item: Item) -> Iterator[Hit]:
    spec = item.body.get("spec")
    if isinstance(spec, dict) and not spec.get("tls"):
        metadata = item.body.get("metadata")
        notes = metadata.get("annotations") if isinstance(metadata, dict) else None
        if not any("certificate" in str(key) or "ssl-cert" in str(key) for key in notes or ()):
            yield Hit(("spec", "tls"), "spec.tls is missing")


def snippets(item: Item) -> Iterator[Hit]:
    metadata = item.body.get("metadata")
    notes = metadata.get("annotations") if isinstance(metadata, dict) else None
    for key in notes if isinstance(notes, dict) else ():
        if str(key).startswith("nginx.ingress.kubernetes.io/") and str(key).endswith("-snippet"):
            yield Hit(("metadata", "annotations", key), f"{key} is set")


def config_secrets(item: Item) -> Iterator[Hit]:
    for path, what in secrets.found({"data": item.body.get("data")}):
        yield Hit(path, what)


def committed(item: Item) -> Iterator[Hit]:
    for key in ("data", "stringData"):
        values = item.body.get(key)
        for name, value in values.items() if isinstance(values, dict) else ():
            if isinstance(value, str) and value and not unknown(value) and not value.startswith(("<", "$", "AgA")):
                yield Hit((key, name), f"{key}.{name} stands in the file")
                return


def open_policy(item: Item) -> Iterator[Hit]:
    """{podSelector: {}, ingress: [{}]}: everybody may reach everything."""
    spec = item.body.get("spec")
    if isinstance(spec, dict) and spec.get("podSelector") in ({}, None):
        for index, one in enumerate(listed(spec.get("ingress"))):
            if one in ({}, None):
                yield Hit(("spec", "ingress", index), "every pod may be reached by everybody")


def weak_namespace(item: Item) -> Iterator[Hit]:
    metadata = item.body.get("metadata")
    labels = metadata.get("labels") if isinstance(metadata, dict) else None
    name = "pod-security.kubernetes.io/enforce"
    if isinstance(labels, dict) and labels.get(name) == "privileged":
        yield Hit(("metadata", "labels", name), "privileged pods are let in")


RULES = (
    Rule(
        "ACORN-K8S-040",
        "Role that may do everything",
        "high",
        {type_: wildcard for type_ in ROLES},
        "Whoever has it owns the cluster or the namespace, secrets included.",
        "List the verbs and resources that are needed.",
        ("CKV_K8S_49", "CIS Kubernetes 5.1.3"),
    ),
    Rule(
        "ACORN-K8S-041",
        "Role with a wildcard",
        "medium",
        {type_: half_wildcard for type_ in ROLES},
        "It also holds for resources and verbs that come later.",
        "List the verbs and resources that are needed.",
        ("CKV_K8S_49", "CIS Kubernetes 5.1.3"),
    ),
    Rule(
        "ACORN-K8S-042",
        "Binding of cluster-admin",
        "high",
        {type_: administrators for type_ in BINDINGS},
        "One leaked token of it is the whole cluster.",
        "Write a role with what is needed and bind that.",
        ("CIS Kubernetes 5.1.1",),
    ),
    Rule(
        "ACORN-K8S-043",
        "Rights for everybody",
        "high",
        {type_: strangers for type_ in BINDINGS},
        "Who reaches the API server has these rights without being asked who he is.",
        "Bind users, groups or service accounts.",
    ),
    Rule(
        "ACORN-K8S-044",
        "Rights for the default service account",
        "medium",
        {type_: default_account for type_ in BINDINGS},
        "Every pod of the namespace that names no account has them.",
        "Make a service account for the program and bind that.",
        ("CKV_K8S_42", "CIS Kubernetes 5.1.5"),
    ),
    Rule(
        "ACORN-K8S-045",
        "Role that reads every secret",
        "medium",
        rights(
            lambda rule: (
                core(rule)
                and has(rule, "resources", "secrets")
                and has(rule, "verbs", "get", "list", "watch")
                and not rule.get("resourceNames")
            ),
            "reads every secret",
            "resources",
        ),
        "Secrets hold the ways into everything else.",
        "Name the secrets in resourceNames, or mount them.",
        ("CKV2_K8S_5", "CIS Kubernetes 5.1.2"),
    ),
    Rule(
        "ACORN-K8S-046",
        "Role that runs commands in pods",
        "medium",
        rights(
            lambda rule: (
                core(rule)
                and has(rule, "resources", "pods/exec", "pods/attach", "nodes/proxy")
                and has(rule, "verbs", "create", "get", "*")
            ),
            "may run commands in pods",
            "resources",
        ),
        "It has the rights of every pod it can enter.",
        "Leave pods/exec, pods/attach and nodes/proxy to people, for a short time.",
        ("CKV2_K8S_2",),
    ),
    Rule(
        "ACORN-K8S-047",
        "Role that can give itself more rights",
        "high",
        rights(
            lambda rule: has(rule, "verbs", "escalate", "bind", "impersonate"),
            "may escalate, bind or impersonate",
            "verbs",
        ),
        "With one of these verbs any right can be had.",
        "Drop escalate, bind and impersonate.",
        ("CKV_K8S_157", "CKV_K8S_158", "CKV2_K8S_3", "CIS Kubernetes 5.1.8"),
    ),
    Rule(
        "ACORN-K8S-048",
        "Role over admission webhooks",
        "medium",
        rights(
            lambda rule: (
                has(rule, "resources", "mutatingwebhookconfigurations", "validatingwebhookconfigurations")
                and has(rule, "verbs", "create", "update", "patch", "*")
            ),
            "may change admission webhooks",
            "resources",
        ),
        "A webhook sees and changes everything that is created.",
        "Leave webhooks to the installer of the cluster.",
        ("CKV_K8S_155", "CIS Kubernetes 5.1.12"),
    ),
    Rule(
        "ACORN-K8S-050",
        "Object in the default namespace",
        "low",
        {f"k8s/{kind}": default_namespace for kind in NAMESPACED},
        "Policies, quotas and rights are kept by namespace; this one has none.",
        "Use a namespace of its own.",
        ("CKV_K8S_21", "CIS Kubernetes 5.7.4"),
    ),
    Rule(
        "ACORN-K8S-051",
        "Service on a port of every node",
        "medium",
        {"k8s/Service": never("spec/type", "NodePort")},
        "It answers on each node's address, past the load balancer.",
        "Use ClusterIP behind an Ingress, or a LoadBalancer with source ranges.",
    ),
    Rule(
        "ACORN-K8S-052",
        "Service open to every address",
        "low",
        {"k8s/Service": balancer},
        "The provider makes a public address for it.",
        "Set loadBalancerSourceRanges, or an annotation for an internal load balancer.",
    ),
    Rule(
        "ACORN-K8S-053",
        "Service that takes traffic of other addresses",
        "medium",
        {"k8s/Service": there("spec/externalIPs", "are set")},
        "Whoever may write Services can draw others' traffic to himself (CVE-2020-8554).",
        "Use a LoadBalancer or an Ingress.",
    ),
    Rule(
        "ACORN-K8S-054",
        "Ingress without TLS",
        "medium",
        {"k8s/Ingress": plain_ingress},
        "Passwords and sessions pass in the clear.",
        "Add tls with a secret that holds the certificate.",
    ),
    Rule(
        "ACORN-K8S-055",
        "Ingress with a piece of nginx configuration",
        "medium",
        {
            "k8s/Ingress": snippets,
        },
        "A snippet can read the controller's token and with it every secret (CVE-2021-25742).",
        "Use the controller's own annotations.",
        ("CKV_K8S_152", "CKV_K8S_153"),
    ),
    Rule(
        "ACORN-K8S-056",
        "Secret whose values stand in the file",
        "medium",
        {"k8s/Secret": committed},
        "Base64 is no encryption: everybody who can read the repository has it.",
        "Use Sealed Secrets, SOPS or External Secrets, and change the value.",
    ),
    Rule(
        "ACORN-K8S-057",
        "Secret in a ConfigMap",
        "high",
        {"k8s/ConfigMap": config_secrets},
        "ConfigMaps are read by many and encrypted nowhere.",
        "Move it to a Secret that is not in the repository, and change it.",
    ),
    Rule(
        "ACORN-K8S-058",
        "Network policy that lets everything in",
        "medium",
        {"k8s/NetworkPolicy": open_policy},
        "It looks like a lock and is none.",
        "Select who may come in by namespaceSelector and podSelector.",
    ),
    Rule(
        "ACORN-K8S-059",
        "Namespace that lets privileged pods in",
        "medium",
        {"k8s/Namespace": weak_namespace},
        "Pod Security then stops nothing.",
        "Set pod-security.kubernetes.io/enforce to baseline or restricted.",
        ("CIS Kubernetes 5.2.1",),
    ),
    Rule(
        "ACORN-K8S-060",
        "Web hook that is called without TLS checks",
        "medium",
        {"k8s/APIService": never("spec/insecureSkipTLSVerify", True, fix=False)},
        "Whoever stands on the way answers for that part of the API.",
        "Set caBundle and drop insecureSkipTLSVerify.",
    ),
)
