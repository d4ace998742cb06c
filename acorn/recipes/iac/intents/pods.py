"""Kubernetes: what can stand in a pod. A locked-down container, an init container, a sidecar."""

from acorn.recipes.iac import words
from acorn.recipes.iac.facts import find
from acorn.recipes.iac.intents.intent import Intent
from acorn.recipes.iac.intents.jobs import command
from acorn.recipes.iac.intents.workloads import container, pod
from acorn.recipes.iac.render.manifest import manifest


def bare_pod(p: dict, inside: dict) -> str:
    return manifest({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": p["name"]}, "spec": inside})


class SecurePod(Intent):
    name, kinds, title = "secure-pod", ("kubernetes",), "locked-down pod"
    notes = (
        "The container runs as a user that is not root and can't become root.",
        "Its files can't be changed, and all capabilities of the kernel are dropped.",
        "The runtime's seccomp profile keeps unusual system calls away from the kernel.",
    )
    thing = "a locked-down pod"
    parts = "name {name}; namespace {namespace}; [image |]{image}; user {user}"
    train = (
        "{tool} locked-down pod {name} namespace {namespace} image {image} user {user}",
        "We want to run {image} as the user {user} in {tool}, namespace {namespace}, locked down. [Call|Name] the pod "
        "{name}.",
        "How do I lock down {image} in {tool}? The user is {user}; the pod is called {name}, namespace {namespace}.",
    )
    held = (
        "In {tool}, I want a pod called {name}, namespace {namespace}, that runs {image} locked down as the user "
        "{user}.",
    )

    def sample(self, rng):
        return {
            "name": words.name(rng),
            "namespace": rng.choice(words.NAMESPACES),
            "image": words.image(rng),
            "user": rng.choice((1000, 1001, 1500, 2000, 2500, 3000, 5000, 10001, 65532, 65534)),
        }

    def kubernetes_facts(self, p):
        context = "Pod/spec/containers/securityContext"
        return {
            "Pod/metadata/name": p["name"],
            "Pod/metadata/namespace": p["namespace"],
            "Pod/spec/containers/image": p["image"],
            f"{context}/runAsUser": p["user"],
            f"{context}/runAsNonRoot": True,
            f"{context}/readOnlyRootFilesystem": True,
            f"{context}/allowPrivilegeEscalation": False,
            f"{context}/capabilities/drop": ["ALL"],
        }

    def kubernetes(self, p):
        context = {
            "runAsUser": p["user"],
            "runAsNonRoot": True,
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        metadata = {"name": p["name"], "namespace": p["namespace"]}
        spec = {"containers": [container(p, securityContext=context)]}
        return manifest({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})


class InitContainer(Intent):
    name, kinds, title = "init-container", ("kubernetes",), "pod with an init container"
    notes = (
        "An init container has to end well before the others start: it migrates, fetches or waits.",
        "When it fails, it is run again until it succeeds.",
        "It may use another image than the container that it prepares.",
    )
    thing = "a pod with an init container"
    parts = 'name {name}; image {image}; init image {init}; init command "{command}"'
    train = (
        '{tool} pod {name} image {image} init image {init} init command "{command}"',
        'We want to run "{command}" in {init} before {image} starts. [Call|Name] the pod {name} and use {tool} with '
        "an init container.",
        'Set up {name} as a {tool} pod of {image} with an init container of {init} that runs "{command}".',
    )
    held = (
        'In {tool}, I want a pod called {name} that runs {image}, with an init container that runs "{command}" in '
        "{init}.",
    )

    def sample(self, rng):
        return {
            "name": words.name(rng),
            "image": words.image(rng),
            "init": words.image(rng),
            "command": command(rng),
        }

    def kubernetes_facts(self, p):
        return {
            "Pod/metadata/name": p["name"],
            "Pod/spec/initContainers/image": p["init"],
            "Pod/spec/initContainers/command": p["command"].split(),
            "Pod/spec/containers/image": p["image"],
        }

    def kubernetes(self, p):
        first = container({"name": "init", "image": p["init"]}, command=p["command"].split())
        return bare_pod(p, pod(container(p), initContainers=[first]))


class Sidecar(Intent):
    name, kinds, title = "sidecar", ("kubernetes",), "pod with a sidecar"
    notes = (
        "A sidecar runs beside the main container and shares its network and the volumes that both mount.",
        "An empty volume lives as long as the pod: enough for logs and caches.",
        "Both containers are placed on the same node and are stopped together.",
    )
    thing = "a pod with a sidecar"
    parts = "name {name}; image {image}; sidecar {sidecar}; shared folder {path}"
    train = (
        "{tool} pod {name} image {image} sidecar {sidecar} shared folder {path}",
        "We want to run {sidecar} as a sidecar of {image} in {tool}; both share the folder {path}. [Call|Name] the "
        "pod {name}.",
        "Set up {name} as a {tool} pod of {image} with the sidecar {sidecar} and the shared folder {path}.",
    )
    held = (
        "In {tool}, I want a pod called {name} that runs {image} and the sidecar {sidecar}; both share the folder "
        "{path}.",
    )

    def sample(self, rng):
        return {
            "name": words.name(rng),
            "image": words.image(rng),
            "sidecar": words.image(rng),
            "path": rng.choice(("/logs", "/cache", "/shared", "/tmp/data", "/var/log/app", "/work")),
        }

    def kubernetes_facts(self, p):
        return {"Pod/metadata/name": p["name"], "Pod/spec/volumes/emptyDir": {}}

    def check(self, p, parsed, kind):
        """Two containers in any order, each with its image, both with the same volume at the same place."""
        found = find(parsed, "Pod/spec/containers")
        got = sorted(
            [str(one.get("image")), str(find(one, "volumeMounts/mountPath")), str(find(one, "volumeMounts/name"))]
            for one in (found if isinstance(found, list) else [])
        )
        volume = str(find(parsed, "Pod/spec/volumes/name"))
        want = sorted([image, p["path"], volume] for image in (p["image"], p["sidecar"]))
        problems = super().check(p, parsed, kind)
        return problems if got == want else [*problems, f"Pod/spec/containers: {got}, asked for {want}"]

    def kubernetes(self, p):
        mount = {"volumeMounts": [{"name": "shared", "mountPath": p["path"]}]}
        second = container({"name": "sidecar", "image": p["sidecar"]}, **mount)
        return bare_pod(p, {**pod(container(p, **mount), second), "volumes": [{"name": "shared", "emptyDir": {}}]})
