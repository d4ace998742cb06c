"""Kubernetes: what a namespace is held to, and storage. Quota, limit range, volume claim, storage class, volume."""

from acorn.recipes.iac import words
from acorn.recipes.iac.facts import Quantity, find
from acorn.recipes.iac.intents.intent import Intent
from acorn.recipes.iac.render.hcl import Block, resource
from acorn.recipes.iac.render.manifest import documents, manifest

SIZES = (1, 2, 4, 5, 8, 10, 15, 16, 20, 25, 30, 32, 40, 50, 64, 80, 100, 150, 200, 250, 500)
ACCESS = ("ReadWriteOnce", "ReadWriteMany", "ReadOnlyMany", "ReadWriteOncePod")
DRIVERS = {  # provisioner -> the types of disk that it has
    "ebs.csi.aws.com": ("gp3", "gp2", "io1", "io2", "st1"),
    "pd.csi.storage.gke.io": ("pd-ssd", "pd-standard", "pd-balanced"),
}


class Quota(Intent):
    name, kinds, title = "quota", ("kubernetes",), "namespace with a quota"
    notes = (
        "A quota bounds what all pods of a namespace may request together.",
        "Once a quota on cpu or memory is there, every pod has to say how much it requests.",
        "The quota lives in the namespace that it bounds.",
    )
    thing = "a namespace with a quota"
    parts = "name {name}; {cpu} cpu; [memory {memory}Gi|{memory}Gi memory]; {pods} pods"
    train = (
        "{tool} namespace {name} quota {cpu} cpu {memory}Gi memory {pods} pods",
        "We want to hold the {tool} namespace {name} to {cpu} cpu, {memory}Gi memory and {pods} pods with a quota.",
        "{pods} pods, {memory}Gi memory, {cpu} cpu: write the {tool} namespace {name} with this quota.",
        "How do I hold a {tool} namespace to {cpu} cpu, {pods} pods and {memory}Gi of memory? It is called {name} and "
        "has a quota.",
    )
    held = (
        "In {tool}, I want a namespace called {name} with a quota of {pods} pods, {cpu} cpu and {memory}Gi of memory.",
        "[Can|Could] you set up the {tool} namespace {name}? Its quota is {pods} pods, {memory}Gi memory and {cpu} "
        "cpu.",
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


class LimitRange(Intent):
    name, kinds, title = "limit-range", ("kubernetes",), "limit range"
    notes = (
        "A limit range gives containers limits when they bring none of their own.",
        "It holds for pods that are made after it.",
        "Beside a quota it keeps pods without limits from being refused.",
    )
    thing = "a limit range"
    parts = "name {name}; namespace {namespace}; default cpu {cpu}; default memory {memory}"
    train = (
        "{tool} limit range {name} namespace {namespace} default cpu {cpu} default memory {memory}",
        "We want {cpu} cpu and {memory} memory as the default in the namespace {namespace}. [Call|Name] the {tool} "
        "limit range {name}.",
        "How do I set the default cpu {cpu} and the default memory {memory} in {tool}? A limit range in {namespace}, "
        "its name is {name}.",
    )
    held = (
        "In {tool}, I want a limit range called {name}, namespace {namespace}; the default is {cpu} cpu and {memory} "
        "memory.",
    )

    def sample(self, rng):
        return {
            "name": words.name(rng),
            "namespace": rng.choice(words.NAMESPACES),
            "cpu": rng.choice(words.CPUS),
            "memory": rng.choice(words.MEMORIES),
        }

    def kubernetes_facts(self, p):
        return {
            "LimitRange/metadata/name": p["name"],
            "LimitRange/metadata/namespace": p["namespace"],
            "LimitRange/spec/limits/type": "Container",
            "LimitRange/spec/limits/default/cpu": Quantity(p["cpu"]),
            "LimitRange/spec/limits/default/memory": Quantity(p["memory"]),
        }

    def kubernetes(self, p):
        limit = {"type": "Container", "default": {"cpu": p["cpu"], "memory": p["memory"]}}
        metadata = {"name": p["name"], "namespace": p["namespace"]}
        return manifest({"apiVersion": "v1", "kind": "LimitRange", "metadata": metadata, "spec": {"limits": [limit]}})


class VolumeClaim(Intent):
    name, kinds, title = "volume-claim", ("kubernetes", "terraform"), "persistent volume claim"
    notes = (
        "A claim asks for storage of a class; the cluster makes a volume that fits and keeps it when the pod goes.",
        "ReadWriteOnce is for one node at a time, ReadWriteMany for several.",
        "Most classes let a claim grow later, none lets it shrink.",
    )
    thing = "[a volume claim|a PVC]"
    parts = "name {name}; namespace {namespace}; [size |]{size}Gi; class {storage}; [access |]{access}"
    train = (
        "{tool} pvc {name} namespace {namespace} {size}Gi {storage} {access}",
        "[Please write|Give me] a persistent volume claim for {tool} called {name}. It asks for {size}Gi with the "
        "class {storage} and the access {access} in the namespace {namespace}.",
        "We need {size}Gi of {storage} storage in {tool}, namespace {namespace}, access {access}. [Call|Name] the "
        "claim {name}.",
        "How do I get {size}Gi of storage in {tool}? A claim with access {access}, class {storage}, in {namespace}, "
        "its name is {name}.",
    )
    held = (
        "In {tool}, I want a volume claim of {size}Gi called {name}, namespace {namespace}. The class is {storage}, "
        "the access is {access}.",
        "{tool} pvc, {size}Gi, access {access}, class {storage}, name {name}, namespace {namespace}",
    )

    def sample(self, rng):
        return {
            "name": words.name(rng),
            "namespace": rng.choice(words.NAMESPACES),
            "size": rng.choice(SIZES),
            "storage": rng.choice("standard fast premium gp2 gp3 local shared".split()),
            "access": rng.choice(ACCESS),
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

    def terraform_facts(self, p):
        claim = "kubernetes_persistent_volume_claim"
        return {
            f"{claim}/metadata/name": p["name"],
            f"{claim}/metadata/namespace": p["namespace"],
            f"{claim}/spec/storage_class_name": p["storage"],
            f"{claim}/spec/access_modes": [p["access"]],
            f"{claim}/spec/resources/requests/storage": Quantity(f"{p['size']}Gi"),
        }

    def terraform(self, p):
        spec = Block(
            storage_class_name=p["storage"],
            access_modes=[p["access"]],
            resources=Block(requests={"storage": f"{p['size']}Gi"}),
        )
        metadata = Block(name=p["name"], namespace=p["namespace"])
        return resource("kubernetes_persistent_volume_claim", {"metadata": metadata, "spec": spec})


class StorageClass(Intent):
    name, kinds, title = "storage-class", ("kubernetes",), "storage class"
    notes = (
        "A storage class says which driver makes the volumes of a claim, and of which kind.",
        "Delete removes the disk with its claim, Retain keeps it.",
        "Volumes are made where the first pod that uses them is placed.",
    )
    thing = "a storage class"
    parts = "name {name}; [provisioner |]{provisioner}; type {type}; [reclaim|reclaim policy] {reclaim}"
    train = (
        "{tool} storage class {name} provisioner {provisioner} type {type} reclaim {reclaim}",
        "We want {type} disks of {provisioner} in {tool} with the reclaim policy {reclaim}. [Call|Name] the storage "
        "class {name}.",
        "How do I get {type} disks of {provisioner} in {tool}? The storage class is called {name}, reclaim policy "
        "{reclaim}.",
    )
    held = (
        "In {tool}, I want a storage class called {name}; the provisioner is {provisioner}, the type is {type}, the "
        "reclaim policy {reclaim}.",
    )

    def sample(self, rng):
        provisioner = rng.choice(list(DRIVERS))
        return {
            "name": words.name(rng),
            "provisioner": provisioner,
            "type": rng.choice(DRIVERS[provisioner]),
            "reclaim": rng.choice(("Delete", "Retain")),
        }

    def kubernetes_facts(self, p):
        return {
            "StorageClass/metadata/name": p["name"],
            "StorageClass/provisioner": p["provisioner"],
            "StorageClass/parameters/type": p["type"],
            "StorageClass/reclaimPolicy": p["reclaim"],
        }

    def kubernetes(self, p):
        return manifest(
            {
                "apiVersion": "storage.k8s.io/v1",
                "kind": "StorageClass",
                "metadata": {"name": p["name"]},
                "provisioner": p["provisioner"],
                "parameters": {"type": p["type"]},
                "reclaimPolicy": p["reclaim"],
                "volumeBindingMode": "WaitForFirstConsumer",
            }
        )


class NfsVolume(Intent):
    name, kinds, title = "nfs-volume", ("kubernetes",), "persistent volume on NFS"
    notes = (
        "A persistent volume offers storage that is there already, here a folder of an NFS server.",
        "Many nodes may read and write it at once.",
        "A claim that asks for no more than its size may bind it.",
    )
    thing = "[an NFS volume|a volume on NFS]"
    parts = "name {name}; [size |]{size}Gi; server {server}; path {path}"
    train = (
        "{tool} nfs volume {name} {size}Gi server {server} path {path}",
        "We want {size}Gi from the path {path} of the NFS server {server} in {tool}. [Call|Name] the volume {name}.",
        "How do I get {size}Gi from {server} in {tool}? An NFS volume with the path {path} called {name}.",
    )
    held = ("In {tool}, I want an NFS volume of {size}Gi called {name}; the server is {server}, the path is {path}.",)

    def sample(self, rng):
        return {
            "name": words.name(rng),
            "size": rng.choice(SIZES),
            "server": f"10.{rng.randint(0, 99)}.{rng.randint(0, 99)}.{rng.randint(2, 250)}",
            "path": f"/{rng.choice(('exports', 'srv', 'data', 'share'))}/{words.word(rng)}",
        }

    def kubernetes_facts(self, p):
        return {
            "PersistentVolume/metadata/name": p["name"],
            "PersistentVolume/spec/capacity/storage": Quantity(f"{p['size']}Gi"),
            "PersistentVolume/spec/nfs/server": p["server"],
            "PersistentVolume/spec/nfs/path": p["path"],
        }

    def kubernetes(self, p):
        return manifest(
            {
                "apiVersion": "v1",
                "kind": "PersistentVolume",
                "metadata": {"name": p["name"]},
                "spec": {
                    "capacity": {"storage": f"{p['size']}Gi"},
                    "accessModes": ["ReadWriteMany"],
                    "nfs": {"server": p["server"], "path": p["path"]},
                },
            }
        )
