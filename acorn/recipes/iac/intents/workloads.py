"""Kubernetes: what keeps running. Deployment, stateful set, daemon set, a deployment spread over zones or nodes."""

from acorn.recipes.iac import words
from acorn.recipes.iac.facts import Quantity, find
from acorn.recipes.iac.intents.intent import Intent
from acorn.recipes.iac.render.manifest import manifest

MEMORY = "256Mi"  # the limit where none is asked for
UNPRIVILEGED = {"runAsNonRoot": True, "allowPrivilegeEscalation": False}


def container(p: dict, **more) -> dict:
    """A container with a memory limit that is not root and can't become root."""
    safe = {"resources": {"limits": {"memory": MEMORY}}, "securityContext": UNPRIVILEGED}
    return {"name": p["name"], "image": p["image"], **more, **{key: safe[key] for key in safe if key not in more}}


def pod(*containers: dict, **more) -> dict:
    return {**more, "containers": list(containers)}


def workload(kind: str, p: dict, spec: dict, inside: dict, **after) -> str:
    """An apps/v1 manifest: `spec`, then a selector and a template that fit each other, then `after`."""
    labels = {"app": p["name"]}
    namespace = {"namespace": p["namespace"]} if "namespace" in p else {}
    template = {"metadata": {"labels": labels}, "spec": inside}
    return manifest(
        {
            "apiVersion": "apps/v1",
            "kind": kind,
            "metadata": {"name": p["name"], **namespace},
            "spec": {**spec, "selector": {"matchLabels": labels}, "template": template, **after},
        }
    )


class Workload(Intent):
    """What has a selector, which has to find the workload's own pods."""

    kinds = ("kubernetes",)
    workload: str  # Deployment ...

    def kubernetes_facts(self, p):
        return {
            f"{self.workload}/metadata/name": p["name"],
            f"{self.workload}/spec/template/spec/containers/image": p["image"],
        }

    def check(self, p, parsed, kind):
        problems = super().check(p, parsed, kind)
        if kind != "kubernetes":
            return problems
        wanted = find(parsed, f"{self.workload}/spec/selector/matchLabels")
        labels = find(parsed, f"{self.workload}/spec/template/metadata/labels")
        if not isinstance(wanted, dict) or not isinstance(labels, dict) or not wanted.items() <= labels.items():
            problems.append(f"{self.workload}/spec/selector: does not select the pods of the template")
        return problems


class Deployment(Workload):
    name, title, workload = "deployment", "deployment", "Deployment"
    notes = (
        "A deployment keeps the wanted number of replicas running and replaces them one by one on a change.",
        "The container may not run as root, and it can't use more memory than its limit.",
        "The readiness probe keeps traffic away from a replica that can't answer yet.",
    )
    thing = "a deployment"
    parts = (
        "name {name}; [image |]{image}; {replicas} replicas; port {port}; [cpu {cpu}|{cpu} cpu]; [memory "
        "{memory}|{memory} memory]"
    )
    train = (
        "{tool} deployment {name} image {image} replicas {replicas} port {port} cpu {cpu} memory {memory}",
        "[Please write|Give me] a deployment for {tool} called {name}. It runs {image} on port {port} with {cpu} cpu "
        "and {memory} of memory, {replicas} replicas.",
        "We want to run {replicas} replicas of {image} in {tool}, port {port}. [Call|Name] the deployment {name} and "
        "give it {cpu} cpu and {memory} memory.",
        "How do I run {image} in {tool}? Port {port}, cpu {cpu}, memory {memory}, {replicas} replicas; the deployment "
        "is called {name}.",
    )
    held = (
        "In {tool}, I want a deployment called {name} that runs {image} with {replicas} replicas. It listens on port "
        "{port} and has {cpu} cpu and {memory} memory.",
        "{tool} deployment, {replicas} replicas, image {image}, name {name}, cpu {cpu}, memory {memory}, port {port}",
    )

    def sample(self, rng):
        return {
            "name": words.name(rng),
            "image": words.image(rng),
            "replicas": rng.randint(2, 12),
            "port": rng.choice(words.PORTS),
            "cpu": rng.choice(words.CPUS),
            "memory": rng.choice(words.MEMORIES),
        }

    def kubernetes_facts(self, p):
        inside = "Deployment/spec/template/spec/containers"
        return {
            **super().kubernetes_facts(p),
            "Deployment/spec/replicas": p["replicas"],
            f"{inside}/ports/containerPort": p["port"],
            f"{inside}/readinessProbe/httpGet/port": p["port"],
            f"{inside}/resources/requests/cpu": Quantity(p["cpu"]),
            f"{inside}/resources/requests/memory": Quantity(p["memory"]),
            f"{inside}/resources/limits/memory": Quantity(p["memory"]),
        }

    def kubernetes(self, p):
        one = container(
            p,
            ports=[{"containerPort": p["port"]}],
            readinessProbe={"httpGet": {"path": "/healthz", "port": p["port"]}},
            resources={"requests": {"cpu": p["cpu"], "memory": p["memory"]}, "limits": {"memory": p["memory"]}},
        )
        return workload("Deployment", p, {"replicas": p["replicas"]}, pod(one))


class StatefulSet(Workload):
    name, title, workload = "stateful-set", "stateful set", "StatefulSet"
    notes = (
        "A stateful set gives every replica a name that stays and a volume of its own.",
        "Its replicas start one after the other and stop in the opposite order.",
        "The volumes stay when the set is deleted, so that no data is lost by mistake.",
    )
    thing = "a stateful set"
    parts = "name {name}; [image |]{image}; {replicas} replicas; [volume of |]{size}Gi; mounted at {path}"
    train = (
        "{tool} statefulset {name} image {image} replicas {replicas} volume {size}Gi mounted at {path}",
        "We want to run {replicas} replicas of {image} in {tool}, each with a volume of {size}Gi mounted at {path}. "
        "[Call|Name] the stateful set {name}.",
        "Set up {name} as a {tool} stateful set of {image}: {size}Gi mounted at {path}, {replicas} replicas.",
    )
    held = (
        "In {tool}, I want a stateful set called {name} that runs {image} with {replicas} replicas and a volume of "
        "{size}Gi mounted at {path}.",
    )

    def sample(self, rng):
        return {
            "name": words.name(rng),
            "image": words.image(rng),
            "replicas": rng.randint(1, 7),
            "size": rng.choice((1, 2, 5, 8, 10, 20, 25, 30, 40, 50, 100, 200)),
            "path": rng.choice(("/data", "/var/lib/data", "/storage", "/var/lib/app", "/db", "/index")),
        }

    def kubernetes_facts(self, p):
        claim = "StatefulSet/spec/volumeClaimTemplates"
        return {
            **super().kubernetes_facts(p),
            "StatefulSet/spec/replicas": p["replicas"],
            "StatefulSet/spec/template/spec/containers/volumeMounts/mountPath": p["path"],
            "StatefulSet/spec/template/spec/containers/volumeMounts/name": "data",
            f"{claim}/metadata/name": "data",
            f"{claim}/spec/resources/requests/storage": Quantity(f"{p['size']}Gi"),
        }

    def kubernetes(self, p):
        storage = {"resources": {"requests": {"storage": f"{p['size']}Gi"}}}
        claim = {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"], **storage}}
        one = container(p, volumeMounts=[{"name": "data", "mountPath": p["path"]}])
        before = {"serviceName": p["name"], "replicas": p["replicas"]}
        return workload("StatefulSet", p, before, pod(one), volumeClaimTemplates=[claim])


class DaemonSet(Workload):
    name, title, workload = "daemon-set", "daemon set", "DaemonSet"
    notes = (
        "A daemon set runs one pod on every node: agents for logs, metrics or the network.",
        "A node that joins the cluster gets its pod without being asked.",
        "The memory limit keeps an agent from taking what the node's own work needs.",
    )
    thing = "a daemon set"
    parts = "name {name}; namespace {namespace}; [image |]{image}; [memory {memory}|{memory} memory]"
    train = (
        "{tool} daemonset {name} namespace {namespace} image {image} memory {memory}",
        "We want to run {image} on every node in {tool}, namespace {namespace}, with {memory} memory. [Call|Name] the "
        "daemon set {name}.",
        "How do I run {image} on every node in {tool}? A daemon set with {memory} memory called {name}, namespace "
        "{namespace}.",
    )
    held = (
        "In {tool}, I want to run {image} on every node: a daemon set called {name}, namespace {namespace}, "
        "{memory} memory.",
    )

    def sample(self, rng):
        return {
            "name": words.name(rng),
            "namespace": rng.choice(words.NAMESPACES),
            "image": words.image(rng),
            "memory": rng.choice(words.MEMORIES),
        }

    def kubernetes_facts(self, p):
        return {
            **super().kubernetes_facts(p),
            "DaemonSet/metadata/namespace": p["namespace"],
            "DaemonSet/spec/template/spec/containers/resources/limits/memory": Quantity(p["memory"]),
        }

    def kubernetes(self, p):
        return workload("DaemonSet", p, {}, pod(container(p, resources={"limits": {"memory": p["memory"]}})))


class Spread(Workload):
    name, title, workload = "spread", "deployment spread over the cluster", "Deployment"
    notes = (
        "With a spread constraint the replicas do not all fall with one node or one zone.",
        "The skew is the most that two places may differ in their number of replicas.",
        "DoNotSchedule lets a replica wait when no place would keep the balance.",
    )
    thing = "a spread deployment"
    parts = "name {name}; [image |]{image}; {replicas} replicas; spread over {over}s"
    train = (
        "{tool} deployment {name} image {image} replicas {replicas} spread over {over}s",
        "We want to spread {replicas} replicas of {image} over {over}s in {tool}. [Call|Name] the deployment {name}.",
        "How do I spread {image} over {over}s in {tool}? {replicas} replicas; the deployment is called {name}.",
    )
    held = (
        "In {tool}, I want a deployment called {name} that runs {image} with {replicas} replicas spread over {over}s.",
    )
    KEYS = {"zone": "topology.kubernetes.io/zone", "node": "kubernetes.io/hostname"}

    def sample(self, rng):
        return {
            "name": words.name(rng),
            "image": words.image(rng),
            "replicas": rng.randint(2, 12),
            "over": rng.choice(list(self.KEYS)),
        }

    def kubernetes_facts(self, p):
        constraint = "Deployment/spec/template/spec/topologySpreadConstraints"
        return {
            **super().kubernetes_facts(p),
            "Deployment/spec/replicas": p["replicas"],
            f"{constraint}/topologyKey": self.KEYS[p["over"]],
            f"{constraint}/labelSelector/matchLabels": {"app": p["name"]},
        }

    def kubernetes(self, p):
        constraint = {
            "maxSkew": 1,
            "topologyKey": self.KEYS[p["over"]],
            "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": {"matchLabels": {"app": p["name"]}},
        }
        inside = pod(container(p), topologySpreadConstraints=[constraint])
        return workload("Deployment", p, {"replicas": p["replicas"]}, inside)
