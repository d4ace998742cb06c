"""What workloads read and where they live: config map, secret, namespace. In Kubernetes, and with other tools."""

from acorn.recipes.iac import words
from acorn.recipes.iac.facts import find
from acorn.recipes.iac.intents.intent import Intent
from acorn.recipes.iac.render.hcl import Block, resource
from acorn.recipes.iac.render.manifest import Quoted, manifest
from acorn.recipes.iac.render.playbook import play

SETTINGS = {
    "LOG_LEVEL": ("debug", "info", "warning", "error"),
    "LOG_FORMAT": ("json", "text", "plain"),
    "APP_MODE": ("web", "worker", "batch", "api"),
    "REGION": ("north", "south", "east", "west"),
    "COLOR": ("red", "green", "blue", "black"),
    "CACHE_TTL": ("30", "60", "120", "300", "600"),
    "POOL_SIZE": ("5", "10", "20", "25", "50"),
    "TIMEOUT": ("5", "10", "15", "30", "45"),
    "RETRIES": ("1", "2", "3", "4", "5"),
    "WORKERS": ("2", "4", "6", "8", "16"),
    "MAX_ITEMS": ("50", "100", "200", "500", "1000"),
}
SECRETS = "API_KEY DB_PASSWORD SMTP_PASSWORD JWT_SECRET ADMIN_TOKEN CLIENT_SECRET".split()


class ConfigMap(Intent):
    name, kinds, title = "config-map", ("kubernetes", "terraform"), "config map"
    notes = (
        "A config map holds settings as text; a pod reads them as environment variables or as files.",
        "The values are quoted, because each of them is a string for Kubernetes, numbers too.",
        "Passwords and keys belong into a secret, not into a config map.",
    )
    thing = "a config map"
    parts = "name {name}; namespace {namespace}; [settings |]{settings}"
    train = (
        "{tool} configmap {name} namespace {namespace} {settings}",
        "[Please write|Give me] a config map for {tool} called {name}. It sets {settings} in the namespace "
        "{namespace}.",
        "We want to set {settings} in {tool}, namespace {namespace}. [Call|Name] the config map {name}.",
        "How do I set {settings} in {tool}? Use a config map; its namespace is {namespace} and its name is {name}.",
    )
    held = (
        "In {tool}, I want a config map with {settings}, called {name}, namespace {namespace}.",
        "[Can|Could] you set {settings} with a config map in {tool}? The name is {name}, the namespace is {namespace}.",
    )

    def sample(self, rng):
        keys = rng.sample(list(SETTINGS), rng.randint(2, 4))
        return {
            "name": words.name(rng),
            "namespace": rng.choice(words.NAMESPACES),
            "settings": {key: rng.choice(SETTINGS[key]) for key in keys},
        }

    def slots(self, p):
        return {**p, "settings": words.listing([f"{key}={value}" for key, value in p["settings"].items()])}

    def kubernetes_facts(self, p):
        return {
            "ConfigMap/metadata/name": p["name"],
            "ConfigMap/metadata/namespace": p["namespace"],
            "ConfigMap/data": p["settings"],
        }

    def kubernetes(self, p):
        metadata = {"name": p["name"], "namespace": p["namespace"]}
        data = {key: Quoted(value) for key, value in p["settings"].items()}
        return manifest({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})

    def terraform_facts(self, p):
        return {
            "kubernetes_config_map/metadata/name": p["name"],
            "kubernetes_config_map/metadata/namespace": p["namespace"],
            "kubernetes_config_map/data": p["settings"],
        }

    def terraform(self, p):
        metadata = Block(name=p["name"], namespace=p["namespace"])
        return resource("kubernetes_config_map", {"metadata": metadata, "data": p["settings"]})


class Secret(Intent):
    name, kinds, title = "secret", ("kubernetes",), "secret"
    notes = (
        "A secret holds keys and passwords apart from the workloads that read them.",
        "The values are taken from the environment when the manifest is applied: envsubst < secret.yaml.",
        "stringData takes plain text; Kubernetes stores it in base64.",
    )
    thing = "a secret"
    parts = "name {name}; namespace {namespace}; keys {keys}"
    train = (
        "{tool} secret {name} namespace {namespace} keys {keys}",
        "We want to keep {keys} in a {tool} secret, namespace {namespace}. [Call|Name] it {name}.",
        "How do I keep {keys} in {tool}? Use a secret; its namespace is {namespace} and its name is {name}.",
    )
    held = ("In {tool}, I want a secret with {keys}, called {name}, namespace {namespace}.",)

    def sample(self, rng):
        return {
            "name": words.name(rng),
            "namespace": rng.choice(words.NAMESPACES),
            "keys": rng.sample(SECRETS, rng.randint(1, 2)),
        }

    def slots(self, p):
        return {**p, "keys": words.listing(p["keys"])}

    def kubernetes_facts(self, p):
        return {"Secret/metadata/name": p["name"], "Secret/metadata/namespace": p["namespace"]}

    def check(self, p, parsed, kind):
        """The keys have to be there; nobody asked for their values."""
        found = [find(parsed, f"Secret/{place}") for place in ("stringData", "data")]
        got = sorted(key for one in found if isinstance(one, dict) for key in one)
        problems = super().check(p, parsed, kind)
        return problems if got == sorted(p["keys"]) else [*problems, f"Secret: keys {got}, asked for {p['keys']}"]

    def kubernetes(self, p):
        metadata = {"name": p["name"], "namespace": p["namespace"]}
        values = {key: f"${{{key}}}" for key in p["keys"]}
        return manifest({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": values})


class Namespace(Intent):
    name, kinds, title = "namespace", ("kubernetes", "terraform", "ansible"), "namespace"
    notes = (
        "A namespace keeps the names, rights and quotas of a team apart from those of others.",
        "Network policies and quotas select namespaces by their labels.",
        "Deleting a namespace deletes everything in it.",
    )
    thing = "a namespace"
    companions = ("play",)
    parts = "name {name}; team {team}"
    train = (
        "{tool} namespace {name} team {team}",
        "We want a namespace for the team {team} in {tool}. [Call|Name] it {name}.",
        "How do I label a namespace with the team {team} in {tool}? It is called {name}.",
    )
    held = ("In {tool}, I want a namespace called {name} for the team {team}.",)

    def sample(self, rng):
        return {"name": words.name(rng), "team": words.word(rng)}

    def kubernetes_facts(self, p):
        return {"Namespace/metadata/name": p["name"], "Namespace/metadata/labels/team": p["team"]}

    def terraform_facts(self, p):
        metadata = "kubernetes_namespace/metadata"
        return {f"{metadata}/name": p["name"], f"{metadata}/labels/team": p["team"]}

    def ansible_facts(self, p):
        definition = "kubernetes.core.k8s/definition"
        return {
            f"{definition}/kind": "Namespace",
            f"{definition}/metadata/name": p["name"],
            f"{definition}/metadata/labels/team": p["team"],
        }

    def wanted(self, p) -> dict:
        metadata = {"name": p["name"], "labels": {"team": p["team"]}}
        return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}

    def kubernetes(self, p):
        return manifest(self.wanted(p))

    def terraform(self, p):
        return resource("kubernetes_namespace", {"metadata": Block(name=p["name"], labels={"team": p["team"]})})

    def ansible(self, p):
        arguments = {"state": "present", "definition": self.wanted(p)}
        tasks = {"Create the namespace": {"kubernetes.core.k8s": arguments}}
        return play("Set up a namespace", "localhost", tasks, become="")
