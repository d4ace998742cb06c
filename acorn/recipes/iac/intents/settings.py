"""Kubernetes: what workloads are given and what they are held to. Config map, volume claim, quota, network policy."""

from acorn.recipes.iac import words
from acorn.recipes.iac.facts import Quantity, find
from acorn.recipes.iac.intents.intent import Intent
from acorn.recipes.iac.render.manifest import Quoted, documents, manifest

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


class ConfigMap(Intent):
    name, kinds, title = "config-map", ("kubernetes",), "config map"
    notes = (
        "A config map holds settings as text; a pod reads them as environment variables or as files.",
        "The values are quoted, because each of them is a string for Kubernetes, numbers too.",
        "Passwords and keys belong into a secret, not into a config map.",
    )
    parts = "name {name}; namespace {namespace}; [settings |]{settings}"
    train = (
        "[Write|Create|Make] a {tool} config map [named|called] {name} in namespace {namespace} with {settings}.",
        "I need a {tool} config map: name {name}, namespace {namespace}, {settings}.",
        "{tool}: config map {name}, namespace {namespace}, {settings}",
        "{tool} configmap {name} namespace {namespace} {settings}",
        "[Please write|Give me] a config map for {tool} called {name}. It sets {settings} in the namespace "
        "{namespace}.",
        "We want to set {settings} in {tool}, namespace {namespace}. [Call|Name] the config map {name}.",
        "[Can|Could] you write the {tool} YAML for a config map with {settings}? Name it {name}; the namespace is "
        "{namespace}.",
        "Set up {name} as a {tool} config map in {namespace}: {settings}.",
        f"configmap in {{tool}}: <{parts}>",
        f"{{tool}} config map with <{parts}>",
        f"Please create a config map in {{tool}}: <{parts}>.",
        f"What is the YAML for a {{tool}} config map with <{parts}>?",
        "{settings}: write the {tool} config map {name} in the namespace {namespace}.",
        "How do I set {settings} in {tool}? Use a config map; its namespace is {namespace} and its name is {name}.",
        "{namespace}: {tool} configmap {settings}, name {name}",
    )
    held = (
        "Please make the {tool} config map {name} in the namespace {namespace}; it sets {settings}.",
        "In {tool}, I want a config map with {settings}, called {name}, namespace {namespace}.",
        "[Can|Could] you set {settings} in a {tool} config map? The name is {name}, the namespace is {namespace}.",
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


class VolumeClaim(Intent):
    name, kinds, title = "volume-claim", ("kubernetes",), "persistent volume claim"
    notes = (
        "A claim asks for storage of a class; the cluster makes a volume that fits and keeps it when the pod goes.",
        "ReadWriteOnce is for one node at a time, ReadWriteMany for several.",
        "Most classes let a claim grow later, none lets it shrink.",
    )
    parts = "name {name}; namespace {namespace}; [size |]{size}Gi; class {storage}; [access |]{access}"
    train = (
        "[Write|Create|Make] a {tool} persistent volume claim [named|called] {name} in namespace {namespace}: "
        "{size}Gi of {storage}, "
        "{access}.",
        "I need a {tool} PVC: name {name}, namespace {namespace}, size {size}Gi, class {storage}, access {access}.",
        "{tool}: PVC {name}, {size}Gi, class {storage}, {access}, namespace {namespace}",
        "{tool} pvc {name} namespace {namespace} {size}Gi {storage} {access}",
        "[Please write|Give me] a volume claim for {tool} called {name}. It asks for {size}Gi with the class "
        "{storage} and the "
        "access {access} in the namespace {namespace}.",
        "We need {size}Gi of {storage} storage in {tool}, namespace {namespace}, access {access}. [Call|Name] the "
        "claim {name}.",
        "[Can|Could] you write the {tool} YAML for a {access} volume claim of {size}Gi, class {storage}? Name it "
        "{name}; the "
        "namespace is {namespace}.",
        "Set up {name} as a {tool} PVC in {namespace}: class {storage}, {access}, {size}Gi.",
        f"pvc in {{tool}}: <{parts}>",
        f"{{tool}} PVC with <{parts}>",
        f"Please create a volume claim in {{tool}}: <{parts}>.",
        f"What is the YAML for a {{tool}} PVC with <{parts}>?",
        "{size}Gi, class {storage}, {access}: write the {tool} PVC {name} in the namespace {namespace}.",
        "How do I get {size}Gi of storage in {tool}? A claim with access {access}, class {storage}, in "
        "{namespace}, its name is {name}.",
        "{namespace}: {tool} pvc, class {storage}, {size}Gi, {access}, name {name}",
    )
    held = (
        "Please make the {tool} PVC {name} in the namespace {namespace}; {size}Gi, {access}, class {storage}.",
        "In {tool}, I want a volume claim of {size}Gi called {name}, namespace {namespace}. The class is "
        "{storage}, the access is {access}.",
        "{tool} pvc, {size}Gi, access {access}, class {storage}, name {name}, namespace {namespace}",
    )

    def sample(self, rng):
        return {
            "name": words.name(rng),
            "namespace": rng.choice(words.NAMESPACES),
            "size": rng.choice((1, 2, 4, 5, 8, 10, 15, 16, 20, 25, 30, 32, 40, 50, 64, 80, 100, 150, 200, 250, 500)),
            "storage": rng.choice("standard fast premium gp2 gp3 local shared".split()),
            "access": rng.choice(("ReadWriteOnce", "ReadWriteMany", "ReadOnlyMany", "ReadWriteOncePod")),
        }

    def kubernetes_facts(self, p):
        spec = "PersistentVolumeClaim/spec"
        return {
            "PersistentVolumeClaim/metadata/name": p["name"],
            "PersistentVolumeClaim/metadata/namespace": p["namespace"],
            f"{spec}/storageClassName": p["storage"],
            f"{spec}/accessModes": [p["access"]],
            f"{spec}/resources/requests/storage": Quantity(f"{p['size']}Gi"),
        }

    def kubernetes(self, p):
        return manifest(
            {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "metadata": {"name": p["name"], "namespace": p["namespace"]},
                "spec": {
                    "storageClassName": p["storage"],
                    "accessModes": [p["access"]],
                    "resources": {"requests": {"storage": f"{p['size']}Gi"}},
                },
            }
        )


class Quota(Intent):
    name, kinds, title = "quota", ("kubernetes",), "namespace with a quota"
    notes = (
        "A quota bounds what all pods of a namespace may request together.",
        "Pods that request nothing are refused in a namespace with a quota on cpu and memory.",
        "One namespace for each team keeps their names and limits apart.",
    )
    parts = (
        "name {name}; [cpu {cpu}|{cpu} cpu]; [memory {memory}Gi|{memory}Gi memory|{memory}Gi of memory]; [pods "
        "{pods}|{pods} pods]"
    )
    train = (
        "[Write|Create|Make] a {tool} namespace [named|called] {name} with a quota of {cpu} cpu, {memory}Gi "
        "memory and {pods} pods.",
        "I need a {tool} namespace with quota: name {name}, cpu {cpu}, memory {memory}Gi, pods {pods}.",
        "{tool}: namespace {name}, quota {pods} pods, {cpu} cpu, {memory}Gi memory",
        "{tool} namespace {name} quota cpu {cpu} memory {memory}Gi pods {pods}",
        "[Please write|Give me] a namespace for {tool} called {name}. Its quota is {memory}Gi of memory, {cpu} "
        "cpu and {pods} pods.",
        "We want to hold a new {tool} namespace to {pods} pods, {cpu} cpu and {memory}Gi memory. [Call|Name] it "
        "{name}.",
        "[Can|Could] you write the {tool} YAML for a namespace with a quota of {pods} pods, {memory}Gi memory and "
        "{cpu} cpu? Name "
        "it {name}.",
        "Set up {name} as a {tool} namespace: quota {cpu} cpu, {pods} pods, {memory}Gi memory.",
        f"namespace with quota in {{tool}}: <{parts}>",
        f"{{tool}} namespace with a quota: <{parts}>",
        f"Please create a namespace with quota in {{tool}}: <{parts}>.",
        f"What is the YAML for a {{tool}} namespace with quota, <{parts}>?",
        "{pods} pods, {memory}Gi memory, {cpu} cpu: write the {tool} namespace {name} with this quota.",
        "How do I hold a {tool} namespace to {cpu} cpu, {pods} pods and {memory}Gi of memory? It is called {name}.",
        "{name}: {tool} namespace, quota memory {memory}Gi, pods {pods}, cpu {cpu}",
    )
    held = (
        "Please make the {tool} namespace {name}; the quota is {cpu} cpu, {memory}Gi memory, {pods} pods.",
        "In {tool}, I want a namespace called {name} with a quota of {pods} pods, {cpu} cpu and {memory}Gi of "
        "memory.",
        "[Can|Could] you set up the {tool} namespace {name}? Its quota is {pods} pods, {memory}Gi memory and "
        "{cpu} cpu.",
    )

    def sample(self, rng):
        return {
            "name": words.name(rng),
            "cpu": rng.choice((1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48, 64)),
            "memory": rng.choice((2, 4, 6, 8, 12, 16, 20, 24, 32, 48, 64, 96, 128)),
            "pods": rng.choice((5, 10, 15, 20, 25, 30, 40, 50, 60, 80, 100)),
        }

    def kubernetes_facts(self, p):
        return {
            "Namespace/metadata/name": p["name"],
            "ResourceQuota/metadata/namespace": p["name"],
            "ResourceQuota/spec/hard/requests.cpu": Quantity(p["cpu"]),
            "ResourceQuota/spec/hard/requests.memory": Quantity(f"{p['memory']}Gi"),
            "ResourceQuota/spec/hard/pods": Quantity(p["pods"]),
        }

    def check(self, p, parsed, kind):
        """For Kubernetes, a quota on cpu is one on requests.cpu, and so for memory."""
        quotas = parsed.get("ResourceQuota")
        hard = find(quotas, "spec/hard")
        if isinstance(hard, dict):
            full = {f"requests.{key}" if key in ("cpu", "memory") else key: value for key, value in hard.items()}
            if len(full) < len(hard):
                return ["ResourceQuota/spec/hard: cpu or memory is there twice"]
            parsed = {**parsed, "ResourceQuota": [{**quotas[0], "spec": {**quotas[0]["spec"], "hard": full}}]}
        return super().check(p, parsed, kind)

    def kubernetes(self, p):
        hard = {"requests.cpu": str(p["cpu"]), "requests.memory": f"{p['memory']}Gi", "pods": str(p["pods"])}
        quota = {"name": "quota", "namespace": p["name"]}
        return documents(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": p["name"]}},
            {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": quota, "spec": {"hard": hard}},
        )


class NetworkPolicy(Intent):
    name, kinds, title = "network-policy", ("kubernetes",), "network policy"
    notes = (
        "Once a policy selects a pod, only what a policy allows can reach it.",
        "Pods are selected by label, so the rule holds for all replicas, now and later.",
        "Policies need a network plugin that enforces them.",
    )
    parts = "[app|to] {name}; from {source}; {protocol} port {port}; namespace {namespace}"
    train = (
        "[Write|Create|Make] a {tool} network policy in namespace {namespace} that lets {source} reach {name} on "
        "{protocol} port {port}.",
        "I need a {tool} network policy: app {name}, from {source}, {protocol} port {port}, namespace {namespace}.",
        "{tool}: network policy {name}, from {source}, {protocol} port {port}, namespace {namespace}",
        "{tool} network policy {name} namespace {namespace} from {source} {protocol} port {port}",
        "[Please write|Give me] a network policy for {tool}. It allows {source} to reach {name} on {protocol} "
        "port {port} in the "
        "namespace {namespace}.",
        "We want only {source} to reach {name} in the namespace {namespace}, {protocol} port {port}. Use a {tool} "
        "network policy.",
        "[Can|Could] you write the {tool} YAML for a network policy that allows {protocol} port {port} of {name} "
        "from {source}? The "
        "namespace is {namespace}.",
        "Set up a {tool} network policy in {namespace} for {name}: {protocol} port {port}, from {source}.",
        f"network policy in {{tool}}: <{parts}>",
        f"{{tool}} network policy: <{parts}>",
        f"Please create a network policy in {{tool}}: <{parts}>.",
        f"What is the YAML for a {{tool}} network policy, <{parts}>?",
        "{protocol} port {port} from {source}: write a network policy in the {tool} namespace {namespace} for "
        "{name}.",
        "How do I let {source} reach {name} in {tool}? {protocol} port {port}, namespace {namespace}, with a "
        "network policy.",
        "{namespace}: {tool} network policy, from {source} to {name}, {protocol} port {port}",
    )
    held = (
        "Please make the {tool} network policy for {name} in the namespace {namespace}; only from {source}, "
        "{protocol} port {port}.",
        "In {tool}, I want a network policy that allows only {source} to reach {name} on {protocol} port {port}, "
        "namespace {namespace}.",
        "{tool} network policy: from {source} to {protocol} port {port} of {name}, namespace {namespace}",
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
        return manifest(
            {
                "apiVersion": "networking.k8s.io/v1",
                "kind": "NetworkPolicy",
                "metadata": {"name": p["name"], "namespace": p["namespace"]},
                "spec": {
                    "podSelector": {"matchLabels": {"app": p["name"]}},
                    "policyTypes": ["Ingress"],
                    "ingress": [rule],
                },
            }
        )
