"""Google Cloud: storage, networks, databases, machines, clusters, rights."""

from collections.abc import Iterator

from acorn.recipes.iac.audit import network
from acorn.recipes.iac.audit.rule import (
    MISSING,
    Hit,
    Item,
    Rule,
    among,
    every,
    listed,
    must,
    never,
    unknown,
    unless,
)

PUBLIC = ("allUsers", "allAuthenticatedUsers")
GRANTS = tuple(
    f"google_{what}_iam_{form}"
    for what in (
        "storage_bucket", "project", "folder", "organization", "pubsub_topic", "pubsub_subscription",
        "cloud_run_service", "cloud_run_v2_service",
        "cloudfunctions_function", "cloudfunctions2_function", "kms_crypto_key", "kms_key_ring",
        "secret_manager_secret", "artifact_registry_repository", "bigquery_dataset", "bigquery_table",
        "compute_instance", "service_account",
    )
    for form in ("member", "binding")
)  # fmt: skip
FIREWALL = {"google_compute_firewall": network.google_firewall}


def public_member(item: Item) -> Iterator[Hit]:
    for key in ("member", "members"):
        found = [one for one in listed(item.body.get(key)) if one in PUBLIC]
        if found:
            yield Hit((key,), f"{item.body.get('role', 'the role')} for {found[0]}")


def public_objects(item: Item) -> Iterator[Hit]:
    if any(str(one).endswith(PUBLIC) for one in listed(item.body.get("role_entity"))):
        yield Hit(("role_entity",), "everybody may read every object")


def default_account(item: Item) -> Iterator[Hit]:
    """The default account of Compute Engine is an editor of the project; the scope lets it be one."""
    for path, scopes in item.find("service_account?/scopes?"):
        account = item.get("service_account/email", MISSING)
        default = account is MISSING or "compute@developer" in str(account)
        if default and any(str(one).endswith("cloud-platform") for one in listed(scopes)):
            yield Hit(path, "the default service account may do everything in the project")


def metadata(key: str, bad: tuple, note: str):
    """A key in the metadata of instances that must not be so."""

    def check(item: Item) -> Iterator[Hit]:
        found = item.body.get("metadata")
        if isinstance(found, dict) and among(found.get(key, "unset"), bad):
            yield Hit(("metadata", key), note)

    return check


def public_address(item: Item) -> Iterator[Hit]:
    for path, interface in item.find("network_interface?/access_config?"):
        if isinstance(interface, list) and interface:
            yield Hit((*path, 0), "has a public address")
        elif isinstance(interface, dict):
            yield Hit(path, "has a public address")


def open_control_plane(item: Item) -> Iterator[Hit]:
    if item.body.get("enable_autopilot") in (True, "true") and item.body.get("private_cluster_config"):
        return
    if any(among(v, (True,)) or unknown(v) for _, v in item.find("private_cluster_config?/enable_private_endpoint?")):
        return
    blocks = item.body.get("master_authorized_networks_config")
    if not blocks:
        yield Hit(("master_authorized_networks_config",), "the API server answers the whole internet")
    for path, value in item.find("master_authorized_networks_config?/cidr_blocks?/cidr_block"):
        if network.worldwide(value):
            yield Hit(path, "the API server answers the whole internet")


RULES = (
    Rule(
        "ACORN-GCP-001",
        "Rights for everybody",
        "high",
        {type_: public_member for type_ in GRANTS},
        "allUsers is the whole internet; allAuthenticatedUsers is everybody with a Google account.",
        "Name users, groups or service accounts.",
        ("CKV_GCP_28", "CKV_GCP_101", "CKV_GCP_102", "CKV_GCP_107", "CKV_GCP_112"),
    ),
    Rule(
        "ACORN-GCP-002",
        "Bucket with rights by object",
        "medium",
        {"google_storage_bucket": must("uniform_bucket_level_access", True, fix=True)},
        "Nobody can see from the bucket who may read what; one object's ACL is enough for a leak.",
        "Set uniform_bucket_level_access = true.",
        ("CKV_GCP_29",),
    ),
    Rule(
        "ACORN-GCP-003",
        "Bucket that may be made public",
        "medium",
        {"google_storage_bucket": must("public_access_prevention", "enforced", fix="enforced")},
        "One careless grant shows it to everybody.",
        'Set public_access_prevention = "enforced".',
        ("CKV_GCP_114",),
    ),
    Rule(
        "ACORN-GCP-004",
        "Bucket without versioning",
        "low",
        {"google_storage_bucket": must("versioning/enabled", True, fix=True)},
        "An overwritten or deleted object is gone.",
        "Add versioning { enabled = true }.",
        ("CKV_GCP_78",),
    ),
    Rule(
        "ACORN-GCP-005",
        "Object open to everybody",
        "high",
        {
            "google_storage_bucket_acl": never("predefined_acl", "publicRead", "publicReadWrite", fix="private"),
            "google_storage_default_object_acl": public_objects,
            "google_storage_bucket_access_control": never("entity", *PUBLIC),
            "google_storage_object_access_control": never("entity", *PUBLIC),
        },
        "Whoever finds the name reads it; scanners try names all day.",
        "Name users, groups or service accounts.",
        ("CKV_GCP_28",),
    ),
    Rule(
        "ACORN-GCP-010",
        "Every port open to the internet",
        "high",
        {type_: network.everything(openings) for type_, openings in FIREWALL.items()},
        "Whatever listens there, now or later, can be reached and tried by everybody.",
        "Allow the ports that are needed from the ranges that need them.",
        ("CKV2_GCP_12",),
    ),
    Rule(
        "ACORN-GCP-011",
        "Sensitive port open to the internet",
        "high",
        {type_: network.sensitive(openings) for type_, openings in FIREWALL.items()},
        "Remote shells and databases are found by scanners within minutes and attacked without pause.",
        "Allow your own ranges only, or go through Identity-Aware Proxy (35.235.240.0/20).",
        ("CKV_GCP_2", "CKV_GCP_3"),
    ),
    Rule(
        "ACORN-GCP-012",
        "Unusual port open to the internet",
        "medium",
        {type_: network.other(openings) for type_, openings in FIREWALL.items()},
        "Beyond 80 and 443 there is seldom a reason to answer the whole world.",
        "Allow the ranges that need it.",
    ),
    Rule(
        "ACORN-GCP-013",
        "Network that makes its own subnets",
        "medium",
        {
            "google_compute_network": must("auto_create_subnetworks", False, fix=False),
            "google_project": must("auto_create_network", False, fix=False),
        },
        "Every region gets a subnet, and the default network comes with rules for SSH and RDP from everywhere.",
        "Set it to false and make the subnets that are needed.",
        ("CKV_GCP_27", "CKV2_GCP_18"),
    ),
    Rule(
        "ACORN-GCP-014",
        "Machine on the default network",
        "medium",
        {
            "google_compute_instance": never("network_interface?/network", "default"),
            "google_container_cluster": never("network", "default"),
        },
        "The default network lets SSH and RDP in from everywhere.",
        "Make a network and name it.",
        ("CKV_GCP_27",),
    ),
    Rule(
        "ACORN-GCP-015",
        "Subnet without flow logs",
        "low",
        {"google_compute_subnetwork": unless("purpose?", ("REGIONAL_MANAGED_PROXY", "GLOBAL_MANAGED_PROXY",
                                                         "INTERNAL_HTTPS_LOAD_BALANCER"), must("log_config"))},
        "Nobody can say who talked to whom.",
        "Add a log_config block; sampling and interval in it set what it costs.",
        ("CKV_GCP_26",),
    ),
    Rule(
        "ACORN-GCP-016",
        "Subnet without private access to Google",
        "low",
        {"google_compute_subnetwork": unless("purpose?", ("REGIONAL_MANAGED_PROXY", "GLOBAL_MANAGED_PROXY",
                                                         "INTERNAL_HTTPS_LOAD_BALANCER"),
                                             must("private_ip_google_access", True, fix=True))},
        "Machines need public addresses to reach Google's services.",
        "Set private_ip_google_access = true.",
        ("CKV_GCP_74",),
    ),
    Rule(
        "ACORN-GCP-017",
        "Load balancer with outdated TLS",
        "medium",
        {"google_compute_ssl_policy": must("min_tls_version", "TLS_1_2", "TLS_1_3", fix="TLS_1_2")},
        "TLS below 1.2 has known weaknesses.",
        'Set min_tls_version = "TLS_1_2".',
        ("CKV_GCP_4",),
    ),
    Rule(
        "ACORN-GCP-018",
        "DNS zone without signatures",
        "low",
        {"google_dns_managed_zone": unless("visibility?", ("private",), must("dnssec_config/state", "on", fix="on"))},
        "Answers can be forged on the way.",
        'Add dnssec_config { state = "on" }.',
        ("CKV_GCP_16",),
    ),
    Rule(
        "ACORN-GCP-020",
        "Machine with a public address",
        "medium",
        {"google_compute_instance": public_address, "google_compute_instance_template": public_address},
        "It can be reached from everywhere as soon as a firewall rule lets it.",
        "Drop access_config; go out through Cloud NAT and in through Identity-Aware Proxy.",
        ("CKV_GCP_40",),
    ),
    Rule(
        "ACORN-GCP-021",
        "Machine that may do everything in the project",
        "high",
        {"google_compute_instance": default_account, "google_compute_instance_template": default_account},
        "Who gets in is an editor of the project.",
        "Make a service account with the roles that are needed.",
        ("CKV_GCP_30",),
    ),
    Rule(
        "ACORN-GCP-022",
        "Machine with a serial console",
        "medium",
        {"google_compute_instance": metadata("serial-port-enable", (True, 1), "serial-port-enable is on")},
        "It answers from everywhere, past the firewall.",
        "Drop serial-port-enable.",
        ("CKV_GCP_35",),
    ),
    Rule(
        "ACORN-GCP-023",
        "Machine without OS Login",
        "low",
        {
            "google_compute_instance": metadata("enable-oslogin", (False, 0), "enable-oslogin is off"),
            "google_compute_project_metadata": metadata("enable-oslogin", (False, 0), "enable-oslogin is off"),
        },
        "SSH keys in metadata belong to nobody and stay for ever.",
        'Set enable-oslogin = "TRUE".',
        ("CKV_GCP_33", "CKV_GCP_34"),
    ),
    Rule(
        "ACORN-GCP-024",
        "Machine that forwards packets",
        "medium",
        {"google_compute_instance": never("can_ip_forward", True, fix=False)},
        "It can pass on and forge traffic of other machines.",
        "Set can_ip_forward = false, unless it is a router.",
        ("CKV_GCP_36",),
    ),
    Rule(
        "ACORN-GCP-025",
        "Machine without a verified start",
        "low",
        {
            "google_compute_instance": every(
                must("shielded_instance_config/enable_vtpm", True),
                must("shielded_instance_config/enable_integrity_monitoring", True),
            )
        },
        "A changed kernel or boot loader stays unnoticed.",
        "Add shielded_instance_config with enable_secure_boot, enable_vtpm and enable_integrity_monitoring.",
        ("CKV_GCP_39",),
    ),
)  # fmt: skip
