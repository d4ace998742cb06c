"""Kubernetes: how what runs is reached. Service, ingress."""

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
    parts = "name {name}; namespace {namespace}; [type |]{type}; port {port}; target port {target}"
    train = (
        "[Write|Create|Make] a {tool} service [named|called] {name} of type {type} in namespace {namespace}, port "
        "{port}, "
        "target port {target}.",
        "I need a {tool} service: name {name}, namespace {namespace}, type {type}, port {port} to target port "
        "{target}.",
        "{tool}: service {name}, {type}, port {port}, target port {target}, namespace {namespace}",
        "{tool} service {name} type {type} namespace {namespace} port {port} target port {target}",
        "[Please write|Give me] a {type} service for {tool} called {name}. It sends port {port} to target port "
        "{target} in the "
        "namespace {namespace}.",
        "We want to reach {name} in the namespace {namespace} on port {port}. Its target port is {target}. Write a "
        "{tool} service "
        "of type {type}.",
        "[Can|Could] you write the {tool} YAML for a {type} service on port {port} with target port {target}? "
        "Name it {name}; the "
        "namespace is {namespace}.",
        "Set up {name} as a {tool} service in {namespace}: target port {target}, port {port}, type {type}.",
        f"service in {{tool}}: <{parts}>",
        f"{{tool}} service with <{parts}>",
        f"Please create a service in {{tool}}: <{parts}>.",
        f"What is the YAML for a {{tool}} service with <{parts}>?",
        "Port {port}, target port {target}, {type}: write the {tool} service {name} in the namespace {namespace}.",
        "How do I send port {port} to target port {target} in {tool}? A {type} service in {namespace}, its name "
        "is {name}.",
        "{namespace}: {tool} service, target port {target}, type {type}, port {port}, name {name}",
    )
    held = (
        "Please make the {tool} service {name} in the namespace {namespace}; type {type}, port {port}, target "
        "port {target}.",
        "In {tool}, I want a {type} service called {name}, namespace {namespace}, that sends port {port} to "
        "target port {target}.",
        "[Can|Could] you set up the {tool} service {name}? It is of type {type}, port {port}, target port "
        "{target}, "
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
    parts = "name {name}; [host |]{host}; path {path}; service {service}; port {port}; {plus}"
    train = (
        "[Write|Create|Make] a {tool} ingress [named|called] {name} for host {host}, path {path}, to service "
        "{service} "
        "on port {port}{plus}.",
        "I need a {tool} ingress: name {name}, host {host}, path {path}, service {service}, port {port}{plus}.",
        "{tool}: ingress {name}, {host}, path {path}, service {service}, port {port}{plus}",
        "{tool} ingress {name} host {host} path {path} service {service} port {port}{plus}",
        "[Please write|Give me] an ingress for {tool} called {name}{extras}. It sends {host} with the path {path} "
        "to port {port} "
        "of the service {service}.",
        "We want to reach the service {service}, port {port}, at {host} under the path {path}. [Call|Name] the "
        "{tool} ingress "
        "{name}{plus}.",
        "[Can|Could] you write the {tool} YAML for an ingress to {service} on port {port}{extras}? The host is "
        "{host}, the path is "
        "{path}, the name is {name}.",
        "Set up {name} as a {tool} ingress: path {path}, host {host}, port {port} of service {service}{plus}.",
        f"ingress in {{tool}}: <{parts}>",
        f"{{tool}} ingress with <{parts}>",
        f"Please create an ingress in {{tool}}: <{parts}>.",
        f"What is the YAML for a {{tool}} ingress with <{parts}>?",
        "{host} with path {path} to service {service}, port {port}{plus}: write the {tool} ingress {name}.",
        "How do I send {host} to port {port} of {service} in {tool}? An ingress{extras}, path {path}, called "
        "{name}.",
        "{name}: {tool} ingress{extras}, service {service}, port {port}, host {host}, path {path}",
    )
    held = (
        "Please make the {tool} ingress {name}; the host is {host}, path {path}, service {service}, port "
        "{port}{plus}.",
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
