"""Azure: machines, web apps, clusters, registries, rights, tags."""

from collections.abc import Iterator

from acorn.recipes.iac.audit import network
from acorn.recipes.iac.audit.related import lone
from acorn.recipes.iac.audit.rule import Hit, Item, Rule, among, at_least, every, listed, must, never, unknown, unless
from acorn.recipes.iac.audit.rules.azure import APPS

MACHINES = ("azurerm_linux_virtual_machine", "azurerm_linux_virtual_machine_scale_set")

HOSTS = (*MACHINES, "azurerm_windows_virtual_machine", "azurerm_windows_virtual_machine_scale_set")

TAGGED = (
    "azurerm_resource_group", "azurerm_storage_account", "azurerm_virtual_network", "azurerm_network_security_group",
    "azurerm_linux_virtual_machine", "azurerm_windows_virtual_machine", "azurerm_kubernetes_cluster",
    "azurerm_key_vault", "azurerm_mssql_server", "azurerm_container_registry", "azurerm_redis_cache",
    "azurerm_postgresql_flexible_server", "azurerm_public_ip", "azurerm_linux_web_app",
)  # fmt: skip


def owner(item: Item) -> Iterator[Hit]:
    role, scope = item.body.get("role_definition_name"), str(item.body.get("scope", ""))
    wide = "subscription" in scope and "resource_group" not in scope and "resourceGroups" not in scope
    if among(role, ("Owner", "User Access Administrator")) and wide:
        yield Hit(("role_definition_name",), f"{role} of a whole subscription")


def star_role(item: Item) -> Iterator[Hit]:
    for path, actions in item.find("permissions?/actions?"):
        if "*" in listed(actions):
            yield Hit(path, 'allows "*"')


def unlimited_server(item: Item) -> Iterator[Hit]:
    """The API server of a cluster answers everybody."""
    if among(item.body.get("private_cluster_enabled", False), (True,)) or unknown(
        item.body.get("private_cluster_enabled", "")
    ):
        return
    for key in ("api_server_access_profile", "api_server_authorized_ip_ranges"):
        value = item.body.get(key)
        ranges = value if key.endswith("ranges") else item.get("api_server_access_profile?/authorized_ip_ranges")
        if value and ranges and (unknown(ranges) or not network.worldwide(ranges)):
            return
    yield Hit(("private_cluster_enabled",), "the API server answers the whole internet")


def open_subnet(item: Item) -> Iterator[Hit]:
    """Some subnets belong to services that allow no group."""
    reserved = ("GatewaySubnet", "AzureFirewallSubnet", "AzureBastionSubnet", "RouteServerSubnet")
    if item.body.get("name") not in reserved and not item.body.get("delegation"):
        yield from lone("azurerm_subnet_network_security_group_association", "subnet_id")(item)


RULES = (
    Rule(
        "ACORN-AZ-030",
        "Machine with a login by password",
        "high",
        {
            **{type_: never("disable_password_authentication", False) for type_ in MACHINES},
            "azurerm_virtual_machine": never(
                "os_profile_linux_config?/disable_password_authentication", False, fix=True
            ),
        },
        "Passwords are guessed day and night.",
        "Use SSH keys: set disable_password_authentication = true and add admin_ssh_key.",
        ("CKV_AZURE_1", "CKV_AZURE_149", "CKV_AZURE_49"),
    ),
    Rule(
        "ACORN-AZ-031",
        "Machine without encryption at its host",
        "low",
        {type_: must("encryption_at_host_enabled", True, fix=True) for type_ in HOSTS},
        "Temporary disks and caches lie on the host in plain form.",
        "Set encryption_at_host_enabled = true.",
        ("CKV_AZURE_97",),
    ),
    Rule(
        "ACORN-AZ-032",
        "Web app that takes plain HTTP",
        "medium",
        {type_: must("https_only", True, fix=True) for type_ in APPS},
        "Passwords and sessions pass in the clear.",
        "Set https_only = true.",
        ("CKV_AZURE_14",),
    ),
    Rule(
        "ACORN-AZ-033",
        "Web app with FTP",
        "medium",
        {type_: never("site_config?/ftps_state", "AllAllowed", fix="FtpsOnly") for type_ in APPS},
        "The password of the deployment passes in the clear.",
        'Set ftps_state = "FtpsOnly" or "Disabled".',
        ("CKV_AZURE_78",),
    ),
    Rule(
        "ACORN-AZ-034",
        "Web app that lets every site use it",
        "medium",
        {type_: never("site_config?/cors?/allowed_origins", "*") for type_ in APPS},
        "Any page that a user visits can call it in his name.",
        "List the sites that may call it in cors.allowed_origins, without *.",
        ("CKV_AZURE_57",),
    ),
    Rule(
        "ACORN-AZ-040",
        "Cluster without roles",
        "high",
        {
            "azurerm_kubernetes_cluster": every(
                never("role_based_access_control_enabled", False, fix=True),
                never("role_based_access_control?/enabled", False, fix=True),
            )
        },
        "Everybody who gets in is an administrator.",
        "Set role_based_access_control_enabled = true.",
        ("CKV_AZURE_5",),
    ),
    Rule(
        "ACORN-AZ-041",
        "Cluster whose API server answers the internet",
        "medium",
        {"azurerm_kubernetes_cluster": unlimited_server},
        "One leaked token or one hole in the API server is then enough, from everywhere.",
        "Set private_cluster_enabled = true, or authorized_ip_ranges in api_server_access_profile.",
        ("CKV_AZURE_6", "CKV_AZURE_115"),
    ),
    Rule(
        "ACORN-AZ-042",
        "Cluster without network policies",
        "medium",
        {"azurerm_kubernetes_cluster": must("network_profile/network_policy")},
        "Every pod reaches every other one.",
        'Set network_policy = "azure", "calico" or "cilium" in network_profile.',
        ("CKV_AZURE_7",),
    ),
    Rule(
        "ACORN-AZ-043",
        "Cluster with local accounts",
        "low",
        {"azurerm_kubernetes_cluster": must("local_account_disabled", True, fix=True)},
        "Their certificates can't be revoked and name nobody.",
        "Set local_account_disabled = true and sign in through Entra ID.",
        ("CKV_AZURE_141",),
    ),
    Rule(
        "ACORN-AZ-044",
        "Cluster without logs",
        "low",
        {
            "azurerm_kubernetes_cluster": unless(
                "addon_profile?/oms_agent?", (), must("oms_agent/log_analytics_workspace_id")
            )
        },
        "Nobody can say what happened in it.",
        "Add oms_agent with a workspace.",
        ("CKV_AZURE_4",),
    ),
    Rule(
        "ACORN-AZ-045",
        "Registry with an administrator's password",
        "medium",
        {"azurerm_container_registry": never("admin_enabled", True, fix=False)},
        "One password pushes images for everybody and names nobody.",
        "Set admin_enabled = false and give AcrPull and AcrPush to identities.",
        ("CKV_AZURE_137",),
    ),
    Rule(
        "ACORN-AZ-046",
        "Registry that everybody may pull from",
        "medium",
        {"azurerm_container_registry": never("anonymous_pull_enabled", True, fix=False)},
        "Images show the code and often more.",
        "Set anonymous_pull_enabled = false.",
        ("CKV_AZURE_138",),
    ),
    Rule(
        "ACORN-AZ-050",
        "Owner of a whole subscription",
        "medium",
        {"azurerm_role_assignment": owner},
        "One leaked login of it is everything in the subscription.",
        "Give a narrower role, or a narrower scope.",
    ),
    Rule(
        "ACORN-AZ-051",
        "Role that allows everything",
        "high",
        {"azurerm_role_definition": star_role},
        "It is an owner by another name.",
        "List the actions that are needed.",
        ("CKV_AZURE_39",),
    ),
    Rule(
        "ACORN-AZ-052",
        "Resource without tags",
        "low",
        {type_: must("tags") for type_ in TAGGED},
        "Nobody knows whose it is, what it belongs to and who pays.",
        "Add tags: the owner, the environment, the cost centre.",
    ),
    Rule(
        "ACORN-AZ-053",
        "Subnet without a network security group",
        "low",
        {"azurerm_subnet": open_subnet},
        "Nothing filters what comes in.",
        "Add an azurerm_subnet_network_security_group_association.",
        ("CKV2_AZURE_31",),
    ),
    Rule(
        "ACORN-AZ-054",
        "Logs that are kept for a short time",
        "low",
        {
            "azurerm_log_analytics_workspace": at_least("retention_in_days", 30, missing=False, fix=90),
            "azurerm_mssql_server_extended_auditing_policy": at_least("retention_in_days", 90, missing=False, fix=90),
        },
        "Break-ins are often noticed after months.",
        "Keep them for 90 days.",
        ("CKV_AZURE_24",),
    ),
)
