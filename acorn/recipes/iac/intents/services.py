"""One container wanted in several ways: a web service, a health check, a cache. Compose, Kubernetes, Ansible."""

from acorn.recipes.iac import words
from acorn.recipes.iac.facts import Quantity, find
from acorn.recipes.iac.intents.intent import Intent
from acorn.recipes.iac.intents.pods import bare_pod
from acorn.recipes.iac.intents.settings import SETTINGS
from acorn.recipes.iac.intents.workloads import Workload, container, pod, workload
from acorn.recipes.iac.render.manifest import Quoted, manifest
from acorn.recipes.iac.render.playbook import play


def service(p: dict, **more) -> dict:
    return {"image": p["image"], **more}


def compose(p: dict, one: dict, **top) -> str:
    """A Compose file whose first service has the name that was asked for."""
    others = top.pop("others", {})
    return manifest({"services": {p["name"]: one, **others}, **top})


class WebService(Workload):
    name, kinds, title = "web-service", ("compose", "kubernetes", "ansible"), "web service"
    workload = "Deployment"
    companions = ("play",)
    notes = (
        "The service listens on the same port inside and outside of its container.",
        "What differs between places comes from variables of the environment.",
        "The image has a tag that does not move, so that every start runs the same code.",
    )
    thing = "a web service"
    parts = "name {name}; [image |]{image}; port {port}; [variable|with] {key}={value}"
    train = (
        "{tool} web service {name} image {image} port {port} variable {key}={value}",
        "We want to run the web service {name} from the image {image} on port {port} with {key}={value}. Use {tool}.",
        "How do I run the web service {image} in {tool}? Port {port}, {key}={value}; it is called {name}.",
    )
    held = ("In {tool}, I want to run {image} as the web service {name} on port {port} with {key}={value}.",)

    def sample(self, rng):
        key = rng.choice(list(SETTINGS))
        return {
            "name": words.name(rng),
            "image": words.image(rng),
            "port": rng.choice(words.PORTS),
            "key": key,
            "value": rng.choice(SETTINGS[key]),
        }

    def compose_facts(self, p):
        one = f"services/{p['name']}"
        return {
            f"{one}/image": p["image"],
            f"{one}/ports": [f"{p['port']}:{p['port']}"],
            f"{one}/environment": {p["key"]: p["value"]},
        }

    def compose(self, p):
        ports = {"ports": [f"{p['port']}:{p['port']}"]}
        return compose(p, service(p, restart="unless-stopped", **ports, environment={p["key"]: Quoted(p["value"])}))

    def kubernetes_facts(self, p):
        inside = "Deployment/spec/template/spec/containers"
        return {
            **super().kubernetes_facts(p),
            f"{inside}/ports/containerPort": p["port"],
            f"{inside}/env/name": p["key"],
            f"{inside}/env/value": p["value"],
            "Service/metadata/name": p["name"],
            "Service/spec/selector": {"app": p["name"]},
            "Service/spec/ports/port": p["port"],
        }

    def kubernetes(self, p):
        env = [{"name": p["key"], "value": Quoted(p["value"])}]
        one = container(p, ports=[{"containerPort": p["port"]}], env=env)
        spec = {"selector": {"app": p["name"]}, "ports": [{"port": p["port"]}]}
        reached = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": p["name"]}, "spec": spec}
        return workload("Deployment", p, {}, pod(one)) + "---\n" + manifest(reached)

    def ansible_facts(self, p):
        one = "community.docker.docker_container"
        return {
            f"{one}/name": p["name"],
            f"{one}/image": p["image"],
            f"{one}/published_ports": [f"{p['port']}:{p['port']}"],
            f"{one}/env": {p["key"]: p["value"]},
        }

    def ansible(self, p):
        one = {
            "name": p["name"],
            "image": p["image"],
            "restart_policy": "unless-stopped",
            "published_ports": [f"{p['port']}:{p['port']}"],
            "env": {p["key"]: Quoted(p["value"])},
        }
        tasks = {"Start the container": {"community.docker.docker_container": one}}
        return play("Run a web service", "web", tasks)


class HealthCheck(Intent):
    name, kinds, title = "health-check", ("compose", "kubernetes"), "service with a health check"
    notes = (
        "A health check asks the service itself, so a process that hangs is seen, too.",
        "Kubernetes restarts the container when the check fails three times.",
        "The path of the check should answer fast and ask nobody else.",
    )
    thing = "a service with a health check"
    parts = "name {name}; [image |]{image}; port {port}; path {path}; every {seconds} seconds"
    train = (
        "{tool} service {name} with a health check image {image} port {port} path {path} every {seconds} seconds",
        "We want to check {path} of {image} on port {port} every {seconds} seconds in {tool}. [Call|Name] the service "
        "{name}.",
        "How do I check the health of {image} in {tool}? Port {port}, path {path}, every {seconds} seconds; the "
        "service is called {name}.",
    )
    held = (
        "In {tool}, I want to run {image} as the service {name} with a health check of the path {path} on port {port} "
        "every {seconds} seconds.",
    )

    def sample(self, rng):
        return {
            "name": words.name(rng),
            "image": words.image(rng),
            "port": rng.choice(words.PORTS),
            "path": rng.choice(("/health", "/healthz", "/live", "/status", "/ping", "/up")),
            "seconds": rng.choice((5, 10, 15, 20, 30, 45, 60, 90)),
        }

    def url(self, p) -> str:
        return f"http://localhost:{p['port']}{p['path']}"

    def compose_facts(self, p):
        one = f"services/{p['name']}"
        return {f"{one}/image": p["image"], f"{one}/healthcheck/interval": f"{p['seconds']}s"}

    def check(self, p, parsed, kind):
        """In Compose, the test may be a text or a list of words."""
        problems = super().check(p, parsed, kind)
        if kind != "compose":
            return problems
        test = find(parsed, f"services/{p['name']}/healthcheck/test")
        said = " ".join(map(str, test)).split() if isinstance(test, list) else str(test).split()
        return problems if self.url(p) in said else [*problems, f"healthcheck: {said}, asked for {self.url(p)}"]

    def compose(self, p):
        test = ["CMD", "curl", "-f", self.url(p)]
        return compose(p, service(p, healthcheck={"test": test, "interval": f"{p['seconds']}s"}))

    def kubernetes_facts(self, p):
        probe = "Pod/spec/containers/livenessProbe"
        return {
            "Pod/metadata/name": p["name"],
            "Pod/spec/containers/image": p["image"],
            f"{probe}/httpGet/path": p["path"],
            f"{probe}/httpGet/port": p["port"],
            f"{probe}/periodSeconds": p["seconds"],
        }

    def kubernetes(self, p):
        probe = {"httpGet": {"path": p["path"], "port": p["port"]}, "periodSeconds": p["seconds"]}
        return bare_pod(p, pod(container(p, livenessProbe=probe)))


class Cache(Workload):
    name, kinds, title = "memory-cache", ("compose", "kubernetes"), "cache"
    workload = "Deployment"
    notes = (
        "A cache may lose what it holds, so it needs no volume.",
        "The limit keeps it from taking the memory of its neighbours.",
        "Only the services beside it can reach it: no port is opened to the outside.",
    )
    thing = "a cache"
    parts = "name {name}; [image |]{image}; [memory |]{memory} MB"
    train = (
        "{tool} cache {name} image {image} memory {memory} MB",
        "We want to cache with {image} in {tool}, {memory} MB of memory. [Call|Name] it {name}.",
        "How do I run {image} as a cache in {tool}? It has {memory} MB of memory and is called {name}.",
    )
    held = ("In {tool}, I want {image} as a cache called {name} with {memory} MB of memory.",)

    def sample(self, rng):
        engine = rng.choice(("redis", "memcached", "valkey/valkey"))
        return {
            "name": words.name(rng),
            "image": f"{engine}:{rng.randint(1, 9)}.{rng.randint(0, 9)}",
            "memory": rng.choice((64, 96, 128, 192, 256, 384, 512, 768, 1024)),
        }

    def compose_facts(self, p):
        one = f"services/{p['name']}"
        return {f"{one}/image": p["image"], f"{one}/mem_limit": f"{p['memory']}m", f"{one}/ports": None}

    def compose(self, p):
        return compose(p, service(p, restart="unless-stopped", mem_limit=f"{p['memory']}m"))

    def kubernetes_facts(self, p):
        limit = "Deployment/spec/template/spec/containers/resources/limits/memory"
        return {**super().kubernetes_facts(p), limit: Quantity(f"{p['memory']}Mi")}

    def kubernetes(self, p):
        one = container(p, resources={"limits": {"memory": f"{p['memory']}Mi"}})
        return workload("Deployment", p, {}, pod(one))
