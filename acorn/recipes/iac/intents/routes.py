"""Kubernetes: how what runs is reached, and by whom. Service, ingress, network policies."""

from acorn.recipes.iac import words
from acorn.recipes.iac.intents.intent import Intent
from acorn.recipes.iac.render.manifest import manifest


class Service(Intent):
    name, kinds, title = "service", ("kubernetes",), "service"
    notes = (
        "A service gives the pods that its selector finds one stable name and address.",
        "The port is what callers use; the target port is where the container listens.",
        "A LoadBalancer is reached from outside, a NodePort through every node, a ClusterIP only from inside.",
    )
    thing = "a service"
    parts = "name {name}; namespace {namespace}; [type |]{type}; port {port}; target port {target}"
    train = (
        "{tool} service {name} type {type} namespace {namespace} port {port} target port {target}",
        "[Please write|Give me] a {type} service for {tool} called {name}. It sends port {port} to target port "
        "{target} in the namespace {namespace}.",
        "We want to reach {name} in the namespace {namespace} on port {port}. Its target port is {target}. Write a "
        "{tool} service of type {type}.",
        "How do I send port {port} to target port {target} in {tool}? A {type} service in {namespace}, its name is "
        "{name}.",
    )
    held = (
        "In {tool}, I want a {type} service called {name}, namespace {namespace}, that sends port {port} to target "
        "port {target}.",
        "[Can|Could] you set up the {tool} service {name}? It is of type {type}, port {port}, target port {target}, "
        "namespace {namespace}.",
    )

    def sample(self, rng):
        return {
            "name": words.name(rng),
            "namespace": rng.choice(words.NAMESPACES),
            "type": rng.choice(("ClusterIP", "NodePort", "LoadBalancer")),
            "port": rng.choice((80, 81, 443, 8080, 8443, 9000)),
            "target": rng.choice(words.PORTS),
        }

    def kubernetes_facts(self, p):
        return {
            "Service/metadata/name": p["name"],
            "Service/metadata/namespace": p["namespace"],
            "Service/spec/type": p["type"],
            "Service/spec/selector": {"app": p["name"]},
            "Service/spec/ports/port": p["port"],
            "Service/spec/ports/targetPort": p["target"],
        }

    def kubernetes(self, p):
        return manifest(
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": p["name"], "namespace": p["namespace"]},
                "spec": {
                    "type": p["type"],
                    "selector": {"app": p["name"]},
                    "ports": [{"port": p["port"], "targetPort": p["target"]}],
                },
            }
        )


class Ingress(Intent):
    name, kinds, title = "ingress", ("kubernetes",), "ingress"
    notes = (
        "An ingress sends requests for a host and a path to a service inside the cluster.",
        "With TLS, the certificate and its key are read from a secret.",
        "The class names the controller that serves the ingress.",
    )
    thing = "an ingress"
    parts = "name {name}; [host |]{host}; path {path}; service {service}; port {port}; {plus}"
    train = (
        "{tool} ingress {name} host {host} path {path} service {service} port {port}{plus}",
        "[Please write|Give me] an ingress for {tool} called {name}{extras}. It sends {host} with the path {path} to "
        "port {port} of the service {service}.",
        "We want to reach the service {service}, port {port}, at {host} under the path {path}. [Call|Name] the "
        "{tool} ingress {name}{plus}.",
        "How do I send {host} to port {port} of {service} in {tool}? An ingress{extras}, path {path}, called {name}.",
    )
    held = (
        "In {tool}, I want an ingress called {name}{extras} that sends host {host} and path {path} to service "
        "{service} on port {port}.",
        "{tool} ingress {host} path {path} to {service} port {port}, name {name}{plus}",
    )

    def sample(self, rng):
        return {
            "name": words.name(rng),
            "host": f"{words.word(rng)}.{rng.choice(('example.com', 'example.org', 'example.net'))}",
            "path": rng.choice(("/", "/api", "/app", "/v1", "/v2", "/admin", "/docs", "/auth")),
            "service": words.name(rng),
            "port": rng.choice((80, 81, 443, 8080, 8443, 9000)),
            "tls": rng.random() < 0.5,
        }

    def options(self, p):
        return ["TLS"] * p["tls"]

    def kubernetes_facts(self, p):
        rule = "Ingress/spec/rules"
        return {
            "Ingress/metadata/name": p["name"],
            f"{rule}/host": p["host"],
            f"{rule}/http/paths/path": p["path"],
            f"{rule}/http/paths/backend/service/name": p["service"],
            f"{rule}/http/paths/backend/service/port/number": p["port"],
            "Ingress/spec/tls/hosts": [p["host"]] if p["tls"] else None,
        }

    def kubernetes(self, p):
        backend = {"service": {"name": p["service"], "port": {"number": p["port"]}}}
        path = {"path": p["path"], "pathType": "Prefix", "backend": backend}
        spec = {"ingressClassName": "nginx", "rules": [{"host": p["host"], "http": {"paths": [path]}}]}
        if p["tls"]:
            spec["tls"] = [{"hosts": [p["host"]], "secretName": p["name"] + "-tls"}]
        top = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": p["name"]}}
        return manifest({**top, "spec": spec})


def policy(name: str, namespace: str, spec: dict) -> str:
    metadata = {"name": name, "namespace": namespace}
    top = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata}
    return manifest({**top, "spec": spec})


class NetworkPolicy(Intent):
    name, kinds, title = "network-policy", ("kubernetes",), "network policy"
    notes = (
        "Once a policy selects a pod, only what a policy allows can reach it.",
        "Pods are selected by label, so the rule holds for all replicas, now and later.",
        "Policies need a network plugin that enforces them.",
    )
    thing = "a network policy"
    parts = "[app|to] {name}; from {source}; {protocol} port {port}; namespace {namespace}"
    train = (
        "{tool} network policy {name} namespace {namespace} from {source} {protocol} port {port}",
        "[Please write|Give me] a network policy for {tool}. It allows {source} to reach {name} on {protocol} port "
        "{port} in the namespace {namespace}.",
        "We want only {source} to reach {name} in the namespace {namespace}, {protocol} port {port}. Use a {tool} "
        "network policy.",
        "How do I let {source} reach {name} in {tool}? {protocol} port {port}, namespace {namespace}, with a network "
        "policy.",
    )
    held = (
        "In {tool}, I want a network policy that allows only {source} to reach {name} on {protocol} port {port}, "
        "namespace {namespace}.",
        "{tool} network policy, {protocol} port {port}, from {source} to {name}, namespace {namespace}",
    )

    def sample(self, rng):
        return {
            "name": words.name(rng),
            "namespace": rng.choice(words.NAMESPACES),
            "source": words.name(rng),
            "port": rng.choice(words.PORTS),
            "protocol": rng.choice(("TCP", "TCP", "UDP")),
        }

    def kubernetes_facts(self, p):
        spec = "NetworkPolicy/spec"
        return {
            "NetworkPolicy/metadata/namespace": p["namespace"],
            f"{spec}/podSelector/matchLabels": {"app": p["name"]},
            f"{spec}/policyTypes": ["Ingress"],
            f"{spec}/ingress/from/podSelector/matchLabels": {"app": p["source"]},
            f"{spec}/ingress/ports/protocol": p["protocol"],
            f"{spec}/ingress/ports/port": p["port"],
        }

    def kubernetes(self, p):
        rule = {
            "from": [{"podSelector": {"matchLabels": {"app": p["source"]}}}],
            "ports": [{"protocol": p["protocol"], "port": p["port"]}],
        }
        selector = {"matchLabels": {"app": p["name"]}}
        spec = {"podSelector": selector, "policyTypes": ["Ingress"], "ingress": [rule]}
        return policy(p["name"], p["namespace"], spec)


class DenyAll(Intent):
    name, kinds, title = "deny-all", ("kubernetes",), "deny-all network policy"
    notes = (
        "An empty selector selects every pod of the namespace; no rule means that nothing is allowed.",
        "Other policies then open what is needed, one by one.",
        "Denied egress includes DNS, so names are not found until it is allowed.",
    )
    thing = "a deny-all policy"
    parts = "name {name}; namespace {namespace}; deny all {direction}"
    train = (
        "{tool} deny-all policy {name} namespace {namespace} deny all {direction}",
        "We want to deny all {direction} in the namespace {namespace} with {tool}. [Call|Name] the deny-all policy "
        "{name}.",
        "How do I deny all {direction} in {tool}? The namespace is {namespace}, the deny-all policy is called {name}.",
    )
    held = ("In {tool}, I want to deny all {direction} in the namespace {namespace}: a deny-all policy called {name}.",)

    def sample(self, rng):
        return {
            "name": words.name(rng),
            "namespace": rng.choice(words.NAMESPACES),
            "direction": rng.choice(("ingress", "egress", "ingress and egress")),
        }

    def types(self, p) -> list[str]:
        return [one.capitalize() for one in p["direction"].split(" and ")]

    def kubernetes_facts(self, p):
        return {
            "NetworkPolicy/metadata/name": p["name"],
            "NetworkPolicy/metadata/namespace": p["namespace"],
            "NetworkPolicy/spec/podSelector": {},
            "NetworkPolicy/spec/policyTypes": frozenset(self.types(p)),
            "NetworkPolicy/spec/ingress": None,
            "NetworkPolicy/spec/egress": None,
        }

    def kubernetes(self, p):
        return policy(p["name"], p["namespace"], {"podSelector": {}, "policyTypes": self.types(p)})
