"""Google Kubernetes Engine."""

from acorn.recipes.iac.audit.rule import Rule, every, must, never, there, unless
from acorn.recipes.iac.audit.rules.google import open_control_plane

AUTOPILOT = ("enable_autopilot?", (True,))

RULES = (
    Rule(
        "ACORN-GCP-040",
        "Cluster with legacy rights",
        "high",
        {"google_container_cluster": never("enable_legacy_abac", True, fix=False)},
        "They are given by file, to all, past the roles of Kubernetes.",
        "Set enable_legacy_abac = false.",
        ("CKV_GCP_7",),
    ),
    Rule(
        "ACORN-GCP-041",
        "Cluster with a password or client certificate",
        "high",
        {
            "google_container_cluster": every(
                there("master_auth?/password", "is set"),
                never("master_auth?/client_certificate_config?/issue_client_certificate", True, fix=False),
            )
        },
        "Neither can be revoked, and both make administrators.",
        "Set issue_client_certificate = false and sign in through IAM.",
        ("CKV_GCP_13",),
    ),
    Rule(
        "ACORN-GCP-042",
        "Cluster whose API server answers the internet",
        "medium",
        {"google_container_cluster": open_control_plane},
        "One leaked token or one hole in the API server is then enough, from everywhere.",
        "Add master_authorized_networks_config with your ranges, or a private endpoint.",
        ("CKV_GCP_20",),
    ),
    Rule(
        "ACORN-GCP-043",
        "Cluster whose nodes have public addresses",
        "medium",
        {"google_container_cluster": must("private_cluster_config/enable_private_nodes", True, fix=True)},
        "Every node can be reached and tried from the internet.",
        "Add private_cluster_config { enable_private_nodes = true }.",
        ("CKV_GCP_25",),
    ),
    Rule(
        "ACORN-GCP-044",
        "Cluster without network policies",
        "medium",
        {
            "google_container_cluster": unless(
                *AUTOPILOT,
                unless("datapath_provider?", ("ADVANCED_DATAPATH",), must("network_policy/enabled", True, fix=True)),
            )
        },
        "Every pod reaches every other one.",
        'Set datapath_provider = "ADVANCED_DATAPATH", or network_policy { enabled = true }.',
        ("CKV_GCP_12",),
    ),
    Rule(
        "ACORN-GCP-045",
        "Cluster without workload identity",
        "medium",
        {
            "google_container_cluster": unless(*AUTOPILOT, must("workload_identity_config/workload_pool")),
            "google_container_node_pool": never(
                "node_config?/workload_metadata_config?/mode", "GCE_METADATA", "EXPOSE", fix="GKE_METADATA"
            ),
        },
        "Every pod has the rights of its node.",
        'Add workload_identity_config { workload_pool = "PROJECT.svc.id.goog" }.',
        ("CKV_GCP_69",),
    ),
    Rule(
        "ACORN-GCP-046",
        "Cluster without logs or measurements",
        "medium",
        {
            "google_container_cluster": every(
                never("logging_service", "none", fix="logging.googleapis.com/kubernetes"),
                never("monitoring_service", "none", fix="monitoring.googleapis.com/kubernetes"),
            )
        },
        "Nobody can say what happened in it.",
        'Leave them out, or set "logging.googleapis.com/kubernetes".',
        ("CKV_GCP_1", "CKV_GCP_8"),
    ),
    Rule(
        "ACORN-GCP-047",
        "Nodes that are not kept up to date",
        "medium",
        {
            "google_container_node_pool": every(
                never("management?/auto_upgrade", False, fix=True), never("management?/auto_repair", False, fix=True)
            )
        },
        "Known holes of the nodes stay open.",
        "Set auto_upgrade and auto_repair to true.",
        ("CKV_GCP_9", "CKV_GCP_10"),
    ),
    Rule(
        "ACORN-GCP-048",
        "Nodes with legacy metadata or without a verified start",
        "medium",
        {
            "google_container_node_pool": every(
                never("node_config?/metadata?/disable-legacy-endpoints", False, fix="true"),
                never("node_config?/shielded_instance_config?/enable_integrity_monitoring", False, fix=True),
            ),
            "google_container_cluster": every(
                never("node_config?/metadata?/disable-legacy-endpoints", False, fix="true"),
                never("enable_shielded_nodes", False, fix=True),
            ),
        },
        "One forged request out of a pod reads the keys of the node.",
        'Set disable-legacy-endpoints = "true" and keep shielded nodes.',
        ("CKV_GCP_71", "CKV_GCP_72"),
    ),
    Rule(
        "ACORN-GCP-049",
        "Alpha cluster",
        "medium",
        {"google_container_cluster": never("enable_kubernetes_alpha", True, fix=False)},
        "It gets no fixes and deletes itself after 30 days.",
        "Set enable_kubernetes_alpha = false.",
        ("CKV2_GCP_19",),
    ),
)
