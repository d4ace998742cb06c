"""Kubernetes clusters that a cloud runs, and the machines in them."""

from acorn.recipes.iac import words
from acorn.recipes.iac.facts import Refers
from acorn.recipes.iac.intents.clouds import Clouded, azure, azure_facts
from acorn.recipes.iac.intents.machines import trust
from acorn.recipes.iac.render.hcl import Block, Ref, jsonencode, resource, variable

MACHINES = {
    "aws": "t3.medium t3.large m5.large m6i.large m7i.xlarge c6i.large".split(),
    "azure": "Standard_B2s Standard_D2s_v5 Standard_D4s_v5 Standard_E4s_v5 Standard_F4s_v2".split(),
    "google": "e2-medium e2-standard-2 e2-standard-4 n2-standard-4 c3-standard-4".split(),
}
MANAGED = "arn:aws:iam::aws:policy/"


class Cluster(Clouded):
    name, kinds, title = "cluster", ("terraform",), "Kubernetes cluster"
    notes = (
        "The cloud runs the control plane; the nodes are machines of a pool that grows and shrinks.",
        "A cluster of EKS needs a role of its own and subnets in two zones.",
    )
    thing = "a Kubernetes cluster"
    things = {
        "aws": "[an EKS cluster|a Kubernetes cluster in AWS]",
        "azure": "[an AKS cluster|a Kubernetes cluster in Azure]",
        "google": "[a GKE cluster|a Kubernetes cluster in Google Cloud]",
    }
    parts = "name {name}; {size}; {where}"
    train = ("{tool}: {bare} {name}, {size}, {where}",)
    held = ("In {tool}, I want {thing} called {name}: {where}, {size}.",)

    def sample(self, rng):
        p = self.place(rng)
        aws = p["cloud"] == "aws"
        return {
            **p,
            "name": words.name(rng),
            "version": f"1.{rng.randint(28, 34)}" if aws else None,
            "machine": None if aws else rng.choice(MACHINES[p["cloud"]]),
            "nodes": None if aws else rng.randint(1, 9),
        }

    def fits(self, p, kind):
        aws = p["cloud"] == "aws"
        said = [p[key] is not None for key in ("version", "machine", "nodes")]
        ok = said == [aws, not aws, not aws] and (aws or p["machine"] in MACHINES[p["cloud"]])
        return ok and super().fits(p, kind)

    def slots(self, p):
        size = "version {version}" if p["cloud"] == "aws" else "{nodes} nodes of {machine}"
        return {**super().slots(p), "size": size.format_map(p)}

    def aws_facts(self, p):
        return {
            "aws_eks_cluster/name": p["name"],
            "aws_eks_cluster/version": p["version"],
            "aws_eks_cluster/role_arn": Refers("aws_iam_role"),
            "aws_eks_cluster/vpc_config/subnet_ids": "${var.subnet_ids}",
            "aws_eks_cluster/tags/Environment": p["environment"],
            "aws_iam_role/assume_role_policy/Statement/Principal/Service": "eks.amazonaws.com",
            "aws_iam_role_policy_attachment/role": Refers("aws_iam_role"),
            "aws_iam_role_policy_attachment/policy_arn": f"{MANAGED}AmazonEKSClusterPolicy",
        }

    def aws(self, p):
        private = Block(subnet_ids=Ref("var.subnet_ids"), endpoint_private_access=True, endpoint_public_access=False)
        cluster = {
            "name": p["name"],
            "version": p["version"],
            "role_arn": Ref("aws_iam_role.this.arn"),
            "vpc_config": private,
            "encryption_config": Block(resources=["secrets"], provider=Block(key_arn=Ref("var.key_arn"))),
            "tags": {"Environment": p["environment"]},
        }
        role = {"name": p["name"] + "-role", "assume_role_policy": jsonencode(trust("eks"))}
        attachment = {"role": Ref("aws_iam_role.this.name"), "policy_arn": f"{MANAGED}AmazonEKSClusterPolicy"}
        return "\n".join(
            [
                variable("subnet_ids", type_="list(string)"),
                variable("key_arn"),
                resource("aws_iam_role", role),
                resource("aws_iam_role_policy_attachment", attachment),
                resource("aws_eks_cluster", cluster),
            ]
        )

    def azure_facts(self, p):
        cluster = "azurerm_kubernetes_cluster"
        return {
            f"{cluster}/name": p["name"],
            **azure_facts(cluster, p),
            f"{cluster}/default_node_pool/vm_size": p["machine"],
            f"{cluster}/default_node_pool/node_count": p["nodes"],
            f"{cluster}/identity/type": "SystemAssigned",
        }

    def azure(self, p):
        body = {
            "name": p["name"],
            **azure(p),
            "dns_prefix": "aks",
            "default_node_pool": Block(name="main", vm_size=p["machine"], node_count=p["nodes"]),
            "identity": Block(type="SystemAssigned"),
        }
        return resource("azurerm_kubernetes_cluster", body)

    def google_facts(self, p):
        cluster = "google_container_cluster"
        return {
            f"{cluster}/name": p["name"],
            f"{cluster}/location": p["region"],
            f"{cluster}/initial_node_count": p["nodes"],
            f"{cluster}/node_config/machine_type": p["machine"],
        }

    def google(self, p):
        body = {
            "name": p["name"],
            "location": p["region"],
            "initial_node_count": p["nodes"],
            "node_config": Block(machine_type=p["machine"]),
            "network_policy": Block(enabled=True),
            "private_cluster_config": Block(enable_private_nodes=True, enable_private_endpoint=True),
            "workload_identity_config": Block(workload_pool="${var.project}.svc.id.goog"),
        }
        return variable("project") + "\n" + resource("google_container_cluster", body)


class NodePool(Clouded):
    name, kinds, title = "node-pool", ("terraform",), "node pool of a cluster"
    notes = (
        "A pool holds machines of one type; a cluster may have several.",
        "The pool grows when pods find no room and shrinks when machines stand idle.",
    )
    thing = "a node pool"
    things = {
        "aws": "[an EKS node group|a node group for EKS]",
        "azure": "[an AKS node pool|a node pool for AKS]",
        "google": "[a GKE node pool|a node pool for GKE]",
    }
    parts = "name {name}; [type |]{machine}; [min|minimum] {least}; [max|maximum] {most}"
    train = ("{tool}: {bare} {name}, {machine}, {least} to {most}",)
    held = ("In {tool}, I want {thing} called {name}: {least} to {most} machines of type {machine}.",)

    def sample(self, rng):
        cloud = rng.choice(("aws", "aws", "azure", "google"))
        least = rng.randint(1, 5)
        return {
            "cloud": cloud,
            "name": words.word(rng)[:11] + "1" if cloud == "azure" else words.name(rng),
            "machine": rng.choice(MACHINES[cloud]),
            "least": least,
            "most": least + rng.randint(1, 9),
        }

    def fits(self, p, kind):
        short = p["cloud"] != "azure" or (p["name"].isalnum() and len(p["name"]) <= 12)
        return p["machine"] in MACHINES[p["cloud"]] and short

    def slots(self, p):
        return {**p, "thing": self.things[p["cloud"]]}

    def aws_facts(self, p):
        group = "aws_eks_node_group"
        return {
            f"{group}/node_group_name": p["name"],
            f"{group}/cluster_name": "${var.cluster_name}",
            f"{group}/instance_types": [p["machine"]],
            f"{group}/scaling_config/min_size": p["least"],
            f"{group}/scaling_config/max_size": p["most"],
        }

    def aws(self, p):
        body = {
            "cluster_name": Ref("var.cluster_name"),
            "node_group_name": p["name"],
            "node_role_arn": Ref("var.role_arn"),
            "subnet_ids": Ref("var.subnet_ids"),
            "instance_types": [p["machine"]],
            "scaling_config": Block(min_size=p["least"], max_size=p["most"], desired_size=p["least"]),
        }
        given = variable("cluster_name", "role_arn") + "\n" + variable("subnet_ids", type_="list(string)")
        return given + "\n" + resource("aws_eks_node_group", body)

    def azure_facts(self, p):
        pool = "azurerm_kubernetes_cluster_node_pool"
        return {
            f"{pool}/name": p["name"],
            f"{pool}/kubernetes_cluster_id": "${var.cluster_id}",
            f"{pool}/vm_size": p["machine"],
            f"{pool}/min_count": p["least"],
            f"{pool}/max_count": p["most"],
        }

    def azure(self, p):
        body = {
            "name": p["name"],
            "kubernetes_cluster_id": Ref("var.cluster_id"),
            "vm_size": p["machine"],
            "auto_scaling_enabled": True,
            "min_count": p["least"],
            "max_count": p["most"],
        }
        return variable("cluster_id") + "\n" + resource("azurerm_kubernetes_cluster_node_pool", body)

    def google_facts(self, p):
        pool = "google_container_node_pool"
        return {
            f"{pool}/name": p["name"],
            f"{pool}/cluster": "${var.cluster_id}",
            f"{pool}/node_config/machine_type": p["machine"],
            f"{pool}/autoscaling/min_node_count": p["least"],
            f"{pool}/autoscaling/max_node_count": p["most"],
        }

    def google(self, p):
        body = {
            "name": p["name"],
            "cluster": Ref("var.cluster_id"),
            "node_config": Block(machine_type=p["machine"]),
            "autoscaling": Block(min_node_count=p["least"], max_node_count=p["most"]),
        }
        return variable("cluster_id") + "\n" + resource("google_container_node_pool", body)
