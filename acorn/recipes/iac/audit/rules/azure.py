"""Azure: storage, networks, databases, machines, clusters, keys."""

from collections.abc import Iterator

from acorn.recipes.iac.audit import network
from acorn.recipes.iac.audit.related import lone
from acorn.recipes.iac.audit.rule import (
    Hit,
    Item,
    Rule,
    among,
    every,
    must,
    never,
    unknown,
    unless,
)

GROUPS = {
    "azurerm_network_security_rule": network.azure_rule,
    "azurerm_network_security_group": network.azure_group,
}
SERVERS = (
    "azurerm_mssql_server", "azurerm_postgresql_server", "azurerm_mysql_server", "azurerm_mariadb_server",
    "azurerm_cosmosdb_account", "azurerm_cognitive_account", "azurerm_postgresql_flexible_server",
)  # fmt: skip
FIREWALLS = (
    "azurerm_mssql_firewall_rule", "azurerm_sql_firewall_rule", "azurerm_postgresql_firewall_rule",
    "azurerm_mysql_firewall_rule", "azurerm_postgresql_flexible_server_firewall_rule",
    "azurerm_mysql_flexible_server_firewall_rule", "azurerm_mariadb_firewall_rule",
)  # fmt: skip
SINGLE = ("azurerm_postgresql_server", "azurerm_mysql_server", "azurerm_mariadb_server")
APPS = (
    "azurerm_linux_web_app", "azurerm_windows_web_app", "azurerm_linux_function_app", "azurerm_windows_function_app",
    "azurerm_app_service", "azurerm_function_app",
)  # fmt: skip
OLD_TLS = ("1.0", "1.1", "TLS1_0", "TLS1_1", "TLSEnforcementDisabled", "Disabled")


def wide_range(item: Item) -> Iterator[Hit]:
    first, last = item.body.get("start_ip_address"), item.body.get("end_ip_address")
    if first == "0.0.0.0" and last == "255.255.255.255":
        yield Hit(("start_ip_address",), "every address of the internet is let in")


def azure_range(item: Item) -> Iterator[Hit]:
    first, last = item.body.get("start_ip_address"), item.body.get("end_ip_address")
    if first == "0.0.0.0" and last == "0.0.0.0":
        yield Hit(("start_ip_address",), "0.0.0.0 lets every customer of Azure in")


def open_storage(item: Item) -> Iterator[Hit]:
    """No network rules of its own that deny, and none of a resource beside it."""
    actions = [value for _, value in item.find("network_rules?/default_action")]
    if any(unknown(one) or among(one, ("Deny",)) for one in actions):
        return
    separate = lone("azurerm_storage_account_network_rules", "storage_account_id")
    if actions or any(True for _ in separate(item)):
        yield Hit(("network_rules", "default_action"), "network_rules do not deny by default")


def plain_server(item: Item) -> Iterator[Hit]:
    if item.body.get("name") == "require_secure_transport":
        yield from never("value", "off", fix="on")(item)


RULES = (
    Rule(
        "ACORN-AZ-001",
        "Storage that takes plain HTTP",
        "high",
        {
            "azurerm_storage_account": every(
                never("https_traffic_only_enabled", False, fix=True),
                never("enable_https_traffic_only", False, fix=True),
            )
        },
        "Keys and data can be read on the way.",
        "Set https_traffic_only_enabled = true.",
        ("CKV_AZURE_3",),
    ),
    Rule(
        "ACORN-AZ-002",
        "Outdated TLS",
        "medium",
        {
            "azurerm_storage_account": never("min_tls_version", *OLD_TLS, fix="TLS1_2"),
            "azurerm_mssql_server": never("minimum_tls_version", *OLD_TLS, fix="1.2"),
            "azurerm_redis_cache": never("minimum_tls_version", *OLD_TLS, fix="1.2"),
            **{type_: never("ssl_minimal_tls_version_enforced", *OLD_TLS, fix="TLS1_2") for type_ in SINGLE},
            **{
                type_: every(
                    never("site_config?/minimum_tls_version", *OLD_TLS, fix="1.2"),
                    never("site_config?/min_tls_version", *OLD_TLS, fix="1.2"),
                )
                for type_ in APPS
            },
            "azurerm_eventhub_namespace": never("minimum_tls_version", *OLD_TLS, fix="1.2"),
            "azurerm_servicebus_namespace": never("minimum_tls_version", *OLD_TLS, fix="1.2"),
        },
        "TLS below 1.2 has known weaknesses.",
        "Set the minimum version to TLS 1.2: min_tls_version, or minimum_tls_version, of the resource.",
        ("CKV_AZURE_44", "CKV_AZURE_52", "CKV_AZURE_148", "CKV_AZURE_15", "CKV_AZURE_145"),
    ),
    Rule(
        "ACORN-AZ-003",
        "Storage whose containers may be made public",
        "medium",
        {
            "azurerm_storage_account": every(
                unless("allow_blob_public_access?", (), must("allow_nested_items_to_be_public", False, fix=False)),
                never("allow_blob_public_access", True, fix=False),
            )
        },
        "One careless container then shows its blobs to everybody.",
        "Set allow_nested_items_to_be_public = false.",
        ("CKV_AZURE_59", "CKV2_AZURE_47"),
    ),
    Rule(
        "ACORN-AZ-004",
        "Container open to everybody",
        "high",
        {"azurerm_storage_container": never("container_access_type", "blob", "container", fix="private")},
        "Its blobs can be read, with container also listed, without a password.",
        'Set container_access_type = "private".',
        ("CKV_AZURE_34",),
    ),
    Rule(
        "ACORN-AZ-005",
        "Storage open to every network",
        "medium",
        {
            "azurerm_storage_account": unless(
                "public_network_access_enabled?",
                (False,),
                open_storage,
            ),
            "azurerm_storage_account_network_rules": never("default_action", "Allow", fix="Deny"),
        },
        "One leaked key is then enough, from everywhere.",
        'Add network_rules with default_action = "Deny", or switch public_network_access_enabled off.',
        ("CKV_AZURE_35",),
    ),
    Rule(
        "ACORN-AZ-006",
        "Storage that accepts account keys",
        "low",
        {"azurerm_storage_account": must("shared_access_key_enabled", False, fix=False)},
        "Account keys open everything, belong to nobody and never expire.",
        "Set shared_access_key_enabled = false and give roles to identities.",
        ("CKV2_AZURE_40",),
    ),
    Rule(
        "ACORN-AZ-010",
        "Every port open to the internet",
        "high",
        {type_: network.everything(openings) for type_, openings in GROUPS.items()},
        "Whatever listens there, now or later, can be reached and tried by everybody.",
        "Open the ports that are needed to the networks that need them.",
        ("CKV_AZURE_9", "CKV_AZURE_10"),
    ),
    Rule(
        "ACORN-AZ-011",
        "Sensitive port open to the internet",
        "high",
        {type_: network.sensitive(openings) for type_, openings in GROUPS.items()},
        "Remote shells and databases are found by scanners within minutes and attacked without pause.",
        "Allow your own networks only, or use Azure Bastion.",
        ("CKV_AZURE_9", "CKV_AZURE_10"),
    ),
    Rule(
        "ACORN-AZ-012",
        "Unusual port open to the internet",
        "medium",
        {type_: network.other(openings) for type_, openings in GROUPS.items()},
        "Beyond 80 and 443 there is seldom a reason to answer the whole world.",
        "Allow the networks that need it.",
    ),
    Rule(
        "ACORN-AZ-013",
        "Database open to every address",
        "high",
        {type_: wide_range for type_ in FIREWALLS},
        "Only a password stands between the data and the internet.",
        "Name your own addresses, or use a private endpoint.",
        ("CKV_AZURE_11", "CKV2_AZURE_34", "CKV2_AZURE_26"),
    ),
    Rule(
        "ACORN-AZ-014",
        "Database open to every customer of Azure",
        "medium",
        {type_: azure_range for type_ in FIREWALLS},
        "Machines of strangers in Azure may connect too.",
        "Use a private endpoint or a virtual network rule.",
        ("CKV2_AZURE_34", "CKV2_AZURE_6"),
    ),
    Rule(
        "ACORN-AZ-015",
        "Service with a public endpoint",
        "medium",
        {
            **{
                type_: unless("delegated_subnet_id?", (), must("public_network_access_enabled", False, fix=False))
                for type_ in SERVERS
            },
            "azurerm_redis_cache": must("public_network_access_enabled", False, fix=False),
            "azurerm_container_registry": unless(
                "sku?", ("Basic", "Standard"), must("public_network_access_enabled", False, fix=False)
            ),
        },
        "Only a password or a firewall rule stands between it and the internet.",
        "Set public_network_access_enabled = false and use a private endpoint.",
        ("CKV_AZURE_113", "CKV_AZURE_53", "CKV_AZURE_139", "CKV_AZURE_134"),
    ),
    Rule(
        "ACORN-AZ-016",
        "Database that takes plain connections",
        "high",
        {
            **{type_: never("ssl_enforcement_enabled", False, fix=True) for type_ in SINGLE},
            "azurerm_redis_cache": every(
                never("non_ssl_port_enabled", True, fix=False), never("enable_non_ssl_port", True, fix=False)
            ),
            "azurerm_postgresql_flexible_server_configuration": plain_server,
            "azurerm_mysql_flexible_server_configuration": plain_server,
        },
        "Passwords and rows can be read on the way.",
        "Set ssl_enforcement_enabled or require_secure_transport on, and close the port without TLS.",
        ("CKV_AZURE_28", "CKV_AZURE_29", "CKV_AZURE_91"),
    ),
    Rule(
        "ACORN-AZ-017",
        "Database without backups elsewhere",
        "low",
        {
            "azurerm_postgresql_flexible_server": must("geo_redundant_backup_enabled", True, fix=True),
            "azurerm_mysql_flexible_server": must("geo_redundant_backup_enabled", True, fix=True),
        },
        "When a region is lost, the data is lost.",
        "Set geo_redundant_backup_enabled = true.",
        ("CKV_AZURE_136", "CKV_AZURE_94"),
    ),
    Rule(
        "ACORN-AZ-020",
        "Key vault that can be emptied for good",
        "medium",
        {"azurerm_key_vault": must("purge_protection_enabled", True, fix=True)},
        "Whoever may purge destroys the keys, and with them all that they encrypt.",
        "Set purge_protection_enabled = true.",
        ("CKV_AZURE_110", "CKV_AZURE_42"),
    ),
    Rule(
        "ACORN-AZ-021",
        "Key vault open to every network",
        "low",
        {
            "azurerm_key_vault": unless(
                "public_network_access_enabled?", (False,), must("network_acls/default_action", "Deny", fix="Deny")
            )
        },
        "A leaked token opens it from everywhere.",
        'Add network_acls with default_action = "Deny".',
        ("CKV_AZURE_109",),
    ),
    Rule(
        "ACORN-AZ-022",
        "Key or secret that never expires",
        "low",
        {
            "azurerm_key_vault_key": unless("rotation_policy?", (), must("expiration_date")),
            "azurerm_key_vault_secret": must("expiration_date"),
        },
        "Old copies of it open doors for ever.",
        "Set expiration_date, or a rotation_policy for keys.",
        ("CKV_AZURE_40", "CKV_AZURE_41"),
    ),
)
