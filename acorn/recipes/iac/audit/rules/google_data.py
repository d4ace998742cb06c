"""Google Cloud: databases, datasets, keys, rights, labels."""

from collections.abc import Iterator

from acorn.recipes.iac.audit import network
from acorn.recipes.iac.audit.rule import (
    MISSING,
    Fix,
    Hit,
    Item,
    Rule,
    among,
    blocks,
    every,
    itself,
    must,
    never,
    number,
    says,
    unknown,
    unless,
)

BASIC = ("roles/owner", "roles/editor")

WIDE = tuple(f"google_{what}_iam_{form}" for what in ("project", "folder", "organization")
             for form in ("member", "binding"))  # fmt: skip

LABELLED = (
    "google_storage_bucket", "google_compute_instance", "google_sql_database_instance", "google_container_cluster",
    "google_pubsub_topic", "google_bigquery_dataset", "google_redis_instance", "google_artifact_registry_repository",
    "google_secret_manager_secret",
)  # fmt: skip

LABELS = {"google_sql_database_instance": "settings/user_labels", "google_container_cluster": "resource_labels"}

YEAR_QUARTER = 90 * 86400


def public_dataset(item: Item) -> Iterator[Hit]:
    group = item.body.get("special_group")
    for path, value in [(("special_group",), group), *item.find("access?/special_group?")]:
        if value == "allAuthenticatedUsers":
            yield Hit(path, "everybody with a Google account may read it")


def basic_role(item: Item) -> Iterator[Hit]:
    if item.body.get("role") in BASIC:
        yield Hit(("role",), f"{item.body['role']} of the whole {item.type.split('_')[1]}")


def open_network(item: Item) -> Iterator[Hit]:
    for path, value in item.find("settings?/ip_configuration?/authorized_networks?/value"):
        if network.worldwide(value):
            yield Hit(path, "every address of the internet is let in")


def plain_sql(item: Item) -> Iterator[Hit]:
    for path, one in blocks(item, "settings?/ip_configuration?"):
        mode, required = one.get("ssl_mode", MISSING), one.get("require_ssl", False)
        if mode in (MISSING, "ALLOW_UNENCRYPTED_AND_ENCRYPTED") and not (unknown(required) or among(required, (True,))):
            yield Hit((*path, "ssl_mode"), f"ssl_mode {says(mode)}", Fix((*path, "ssl_mode"), "ENCRYPTED_ONLY"))


def slow_rotation(item: Item) -> Iterator[Hit]:
    if item.body.get("purpose", "ENCRYPT_DECRYPT") != "ENCRYPT_DECRYPT":
        return
    period = item.body.get("rotation_period", MISSING)
    seconds = number(str(period).removesuffix("s")) if period is not MISSING else None
    if period is MISSING or (seconds is not None and seconds > YEAR_QUARTER):
        yield Hit(("rotation_period",), f"rotation_period {says(period)}", Fix(("rotation_period",), "7776000s"))


def labels(type_: str):
    return must(LABELS.get(type_, "labels"))


RULES = (
    Rule(
        "ACORN-GCP-030",
        "Database open to every address",
        "high",
        {"google_sql_database_instance": open_network},
        "Only a password stands between the data and the internet.",
        "Name your own addresses, or use a private address.",
        ("CKV_GCP_11",),
    ),
    Rule(
        "ACORN-GCP-031",
        "Database with a public address",
        "medium",
        {"google_sql_database_instance": must("settings/ip_configuration/ipv4_enabled", False, fix=False)},
        "It can be reached from everywhere as soon as a network is allowed.",
        "Set ipv4_enabled = false and private_network.",
        ("CKV_GCP_60",),
    ),
    Rule(
        "ACORN-GCP-032",
        "Database that takes plain connections",
        "medium",
        {"google_sql_database_instance": plain_sql},
        "Passwords and rows can be read on the way.",
        'Set ssl_mode = "ENCRYPTED_ONLY".',
        ("CKV_GCP_6",),
    ),
    Rule(
        "ACORN-GCP-033",
        "Database without backups",
        "medium",
        {
            "google_sql_database_instance": unless(
                "master_instance_name?", (), must("settings/backup_configuration/enabled", True, fix=True)
            )
        },
        "A mistake can't be undone.",
        "Add backup_configuration { enabled = true }.",
        ("CKV_GCP_14",),
    ),
    Rule(
        "ACORN-GCP-034",
        "Database or cluster that can be deleted by accident",
        "medium",
        {
            "google_sql_database_instance": never("deletion_protection", False, fix=True),
            "google_container_cluster": never("deletion_protection", False, fix=True),
            "google_bigquery_table": never("deletion_protection", False, fix=True),
            "google_spanner_database": never("deletion_protection", False, fix=True),
        },
        "One wrong plan takes the data away.",
        "Leave deletion_protection out, or set it to true.",
    ),
    Rule(
        "ACORN-GCP-035",
        "Dataset open to everybody",
        "high",
        {"google_bigquery_dataset": public_dataset, "google_bigquery_dataset_access": public_dataset},
        "Everybody with a Google account reads the tables.",
        "Name users, groups or service accounts.",
        ("CKV_GCP_15",),
    ),
    Rule(
        "ACORN-GCP-036",
        "Cache without a password or without TLS",
        "medium",
        {
            "google_redis_instance": every(
                must("auth_enabled", True, fix=True),
                must("transit_encryption_mode", "SERVER_AUTHENTICATION", fix="SERVER_AUTHENTICATION"),
            )
        },
        "Everything in the network may read it, and what passes too.",
        'Set auth_enabled = true and transit_encryption_mode = "SERVER_AUTHENTICATION".',
        ("CKV_GCP_95", "CKV_GCP_97"),
    ),
    Rule(
        "ACORN-GCP-037",
        "Key that is rotated seldom or never",
        "medium",
        {"google_kms_crypto_key": slow_rotation},
        "All that was ever encrypted hangs on one old key.",
        'Set rotation_period = "7776000s" (90 days).',
        ("CKV_GCP_43",),
    ),
    Rule(
        "ACORN-GCP-050",
        "Basic role on a whole project",
        "high",
        {type_: basic_role for type_ in WIDE},
        "Owners and editors may change nearly everything in it.",
        "Give the roles of the services that are needed.",
        ("CKV_GCP_117", "CKV_GCP_49"),
    ),
    Rule(
        "ACORN-GCP-051",
        "Long-lived key of a service account",
        "low",
        {"google_service_account_key": itself("a key that lasts until somebody deletes it")},
        "Keys leak, and this one also stands in the state.",
        "Use Workload Identity or impersonation.",
        ("CKV2_GCP_3",),
    ),
    Rule(
        "ACORN-GCP-052",
        "Resource without labels",
        "low",
        {type_: labels(type_) for type_ in LABELLED},
        "Nobody knows whose it is, what it belongs to and who pays.",
        "Add labels: the owner, the environment, the cost centre.",
    ),
)  # fmt: skip
