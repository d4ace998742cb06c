"""Kubernetes and Crossplane manifests -> items: the manifest, its pod, every container; a managed resource."""

import re
from collections.abc import Iterator

from acorn.recipes.iac import yamls
from acorn.recipes.iac.audit.rule import Item

PODS = {
    "Pod": ("spec",),
    "Deployment": ("spec", "template", "spec"),
    "StatefulSet": ("spec", "template", "spec"),
    "DaemonSet": ("spec", "template", "spec"),
    "ReplicaSet": ("spec", "template", "spec"),
    "ReplicationController": ("spec", "template", "spec"),
    "Job": ("spec", "template", "spec"),
    "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
}
CONTAINERS = ("containers", "initContainers")
MANAGED = re.compile(r"(?:([a-z0-9]+)\.)?(aws|azure|gcp)(?:\.m)?\.(?:upbound|crossplane|jet\.crossplane)\.io/")
# group and kind -> the Terraform resource that it is made of; the fields are the same, in camel case
TERRAFORM = {
    ("aws", "s3", "Bucket"): "aws_s3_bucket",
    ("aws", "s3", "BucketACL"): "aws_s3_bucket_acl",
    ("aws", "s3", "BucketPolicy"): "aws_s3_bucket_policy",
    ("aws", "s3", "BucketPublicAccessBlock"): "aws_s3_bucket_public_access_block",
    ("aws", "s3", "BucketVersioning"): "aws_s3_bucket_versioning",
    ("aws", "s3", "BucketServerSideEncryptionConfiguration"): "aws_s3_bucket_server_side_encryption_configuration",
    ("aws", "s3", "BucketLogging"): "aws_s3_bucket_logging",
    ("aws", "ec2", "SecurityGroup"): "aws_security_group",
    ("aws", "ec2", "SecurityGroupRule"): "aws_security_group_rule",
    ("aws", "ec2", "SecurityGroupIngressRule"): "aws_vpc_security_group_ingress_rule",
    ("aws", "ec2", "Instance"): "aws_instance",
    ("aws", "ec2", "LaunchTemplate"): "aws_launch_template",
    ("aws", "ec2", "EBSVolume"): "aws_ebs_volume",
    ("aws", "ec2", "Subnet"): "aws_subnet",
    ("aws", "ec2", "VPC"): "aws_vpc",
    ("aws", "rds", "Instance"): "aws_db_instance",
    ("aws", "rds", "RDSInstance"): "aws_db_instance",
    ("aws", "database", "RDSInstance"): "aws_db_instance",
    ("aws", "rds", "Cluster"): "aws_rds_cluster",
    ("aws", "dynamodb", "Table"): "aws_dynamodb_table",
    ("aws", "sqs", "Queue"): "aws_sqs_queue",
    ("aws", "sns", "Topic"): "aws_sns_topic",
    ("aws", "kms", "Key"): "aws_kms_key",
    ("aws", "iam", "Policy"): "aws_iam_policy",
    ("aws", "iam", "RolePolicy"): "aws_iam_role_policy",
    ("aws", "iam", "Role"): "aws_iam_role",
    ("aws", "iam", "RolePolicyAttachment"): "aws_iam_role_policy_attachment",
    ("aws", "iam", "UserPolicyAttachment"): "aws_iam_user_policy_attachment",
    ("aws", "ecr", "Repository"): "aws_ecr_repository",
    ("aws", "efs", "FileSystem"): "aws_efs_file_system",
    ("aws", "eks", "Cluster"): "aws_eks_cluster",
    ("aws", "elasticache", "ReplicationGroup"): "aws_elasticache_replication_group",
    ("aws", "redshift", "Cluster"): "aws_redshift_cluster",
    ("aws", "cloudwatchlogs", "Group"): "aws_cloudwatch_log_group",
    ("aws", "cloudfront", "Distribution"): "aws_cloudfront_distribution",
    ("aws", "elbv2", "LBListener"): "aws_lb_listener",
    ("aws", "lambda", "Permission"): "aws_lambda_permission",
    ("azure", "storage", "Account"): "azurerm_storage_account",
    ("azure", "storage", "Container"): "azurerm_storage_container",
    ("azure", "network", "SecurityRule"): "azurerm_network_security_rule",
    ("azure", "network", "SecurityGroup"): "azurerm_network_security_group",
    ("azure", "sql", "MSSQLServer"): "azurerm_mssql_server",
    ("azure", "sql", "MSSQLFirewallRule"): "azurerm_mssql_firewall_rule",
    ("azure", "keyvault", "Vault"): "azurerm_key_vault",
    ("azure", "containerservice", "KubernetesCluster"): "azurerm_kubernetes_cluster",
    ("azure", "containerregistry", "Registry"): "azurerm_container_registry",
    ("azure", "cache", "RedisCache"): "azurerm_redis_cache",
    ("azure", "compute", "LinuxVirtualMachine"): "azurerm_linux_virtual_machine",
    ("gcp", "storage", "Bucket"): "google_storage_bucket",
    ("gcp", "storage", "BucketIAMMember"): "google_storage_bucket_iam_member",
    ("gcp", "compute", "Firewall"): "google_compute_firewall",
    ("gcp", "compute", "Instance"): "google_compute_instance",
    ("gcp", "compute", "Network"): "google_compute_network",
    ("gcp", "compute", "Subnetwork"): "google_compute_subnetwork",
    ("gcp", "sql", "DatabaseInstance"): "google_sql_database_instance",
    ("gcp", "container", "Cluster"): "google_container_cluster",
    ("gcp", "container", "NodePool"): "google_container_node_pool",
    ("gcp", "kms", "CryptoKey"): "google_kms_crypto_key",
    ("gcp", "redis", "Instance"): "google_redis_instance",
}


def items(text: str) -> list[Item]:
    """Raises yamls.YamlError."""
    found = []
    for doc in yamls.documents(text, "kubernetes"):
        for manifest, base in _manifests(doc.value, ()):
            found += _of(doc, manifest, base)
    return found


def _manifests(value, base: tuple) -> Iterator[tuple[dict, tuple]]:
    """Manifests, those in a List too."""
    if not isinstance(value, dict) or not isinstance(value.get("kind"), str):
        return
    if value["kind"].endswith("List") and isinstance(value.get("items"), list):
        for index, one in enumerate(value["items"]):
            yield from _manifests(one, (*base, "items", index)) if len(base) < 8 else ()
    else:
        yield value, base


def _of(doc: yamls.Doc, manifest: dict, base: tuple) -> Iterator[Item]:
    kind, metadata = manifest["kind"], manifest.get("metadata")
    name = str(metadata.get("name", "")) if isinstance(metadata, dict) else ""
    group = MANAGED.match(str(manifest.get("apiVersion", "")))
    if group:
        yield from _managed(doc, manifest, base, name, group)
        return
    top = _make(doc, f"k8s/{kind}", name, manifest, base, None)
    yield top
    for path in _pods(manifest, PODS.get(kind)):
        pod = _make(doc, "k8s/pod", f"{kind}/{name}", _at(manifest, path), (*base, *path), top)
        yield pod
        for key in CONTAINERS:
            several = pod.body.get(key)
            for index, one in enumerate(several if isinstance(several, list) else ()):
                if isinstance(one, dict):
                    here = f"{kind}/{name} {one.get('name', index)}"
                    yield _make(doc, "k8s/container", here, one, (*pod.base, key, index), pod)


def _pods(manifest: dict, path: tuple | None) -> list[tuple]:
    return [path] if path and isinstance(_at(manifest, path), dict) else []


def _at(value, path: tuple):
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _make(doc: yamls.Doc, type_: str, name: str, body: dict, base: tuple, parent: Item | None) -> Item:
    def place(path: tuple) -> tuple[int, int]:
        full = (*base, *path)
        return doc.position(full if full and (path or parent) else (*base, "kind"))

    return Item(type_, name, body, place, parent, base=base, roots=_roots(doc))


def _roots(doc: yamls.Doc) -> tuple[int, ...]:
    """The lines where a document begins: its mark, and its first key."""
    first = next(iter(doc.value), None) if isinstance(doc.value, dict) else None
    return (doc.line, doc.position((first,))[0]) if first is not None else (doc.line,)


# ---- Crossplane ------------------------------------------------------------------------------------------------------


def _managed(doc: yamls.Doc, manifest: dict, base: tuple, name: str, group: re.Match) -> Iterator[Item]:
    top = _make(doc, "xp/managed", f"{manifest['kind']}/{name}", manifest, base, None)
    yield top
    type_ = TERRAFORM.get((group[2], group[1] or "", manifest["kind"]))
    provider = _at(manifest, ("spec", "forProvider"))
    if type_ is None or not isinstance(provider, dict):
        return
    body, camel = {}, {}
    from acorn.recipes.iac.audit.items.terraform import opened

    body = opened(_snake(provider, (), (), camel))
    inside = (*base, "spec", "forProvider")

    def place(path: tuple) -> tuple[int, int]:
        for end in range(len(path), -1, -1):
            if path[:end] in camel:
                return doc.position((*inside, *camel[path[:end]]))
        return doc.position((*base, "kind"))

    yield Item(type_, name, body, place, top, base=inside, roots=_roots(doc), camel=camel)


def _snake(value, path: tuple, here: tuple, camel: dict):
    """Keys in snake case; `camel` notes where each of them really stands."""
    if isinstance(value, dict):
        found = {}
        for key, one in value.items():
            name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", str(key)).lower()
            camel[(*path, name)] = (*here, key)
            found[name] = _snake(one, (*path, name), (*here, key), camel)
        return found
    if isinstance(value, list):
        for index in range(len(value)):
            camel[(*path, index)] = (*here, index)
        return [_snake(one, (*path, index), (*here, index), camel) for index, one in enumerate(value)]
    return value
