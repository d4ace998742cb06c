"""
Values for arguments, by their names and types: "cidr_block" gets a network, "retention_in_days" a number of days. What
is drawn is of the right type for any schema, and looks like what people write where the name says what it is.
"""

import re
from random import Random

from acorn.recipes.iac import words
from acorn.recipes.iac.render.hcl import Ref, jsonencode

REGIONS = {
    "aws": "eu-west-1 eu-central-1 us-east-1 us-east-2 us-west-2 ap-southeast-1".split(),
    "azurerm": "westeurope northeurope eastus westus2 germanywestcentral uksouth".split(),
    "google": "europe-west1 europe-west3 us-central1 us-east1 asia-east1".split(),
    "kubernetes": ["eu-west-1"],
}
ACCOUNT = "123456789012"
SIZES = {
    "aws": "t3.micro t3.small t3.medium m6i.large m6i.xlarge c6i.large r6g.large".split(),
    "azurerm": "Standard_B1s Standard_B2s Standard_D2s_v5 Standard_D4s_v5 Standard_E2s_v5".split(),
    "google": "e2-micro e2-small e2-medium e2-standard-2 n2-standard-4".split(),
    "kubernetes": ["small"],
}
# Ends of names -> values. The longest end that is known counts; a word behind = is a whole name. In {}: see `string`.
STRINGS = """
cidr cidrs cidr_block cidr_blocks address_prefix address_prefixes address_space ip_cidr_range cidr_ipv4
    source_ranges -> 10.0.0.0/16 | 10.1.0.0/16 | 10.20.0.0/20 | 10.0.1.0/24 | 10.0.2.0/24 | 172.16.0.0/20 |
    192.168.10.0/24
ipv6_cidr ipv6_cidrs ipv6_cidr_block ipv6_cidr_blocks -> 2001:db8:1234::/56 | 2001:db8:1234:1a00::/64
ip ip_address ip_addresses private_ip address addresses dns_servers -> 10.0.1.4 | 10.0.2.15 | 192.0.2.10 |
    198.51.100.7
=availability_zone =availability_zones =zone =zones -> {region}a | {region}b | {region}c
instance_type instance_types machine_type vm_size size_name node_type sku_size -> {size}
=instance_class -> db.t3.medium | db.m6g.large | db.r6g.large
=engine -> postgres | mysql | mariadb | redis
engine_version kubernetes_version min_version version -> 1.31 | 14 | 15.4 | 16 | 8.0
protocol protocols ip_protocol transport_protocol -> TCP | HTTP | HTTPS
port ports port_range from_port to_port -> 80 | 443 | 8080 | 5432
email emails notification_email recipients contact_emails -> ops@example.com | team@example.com |
    alerts@example.org
url urls uri uris endpoint callback_urls webhook_url -> https://api.example.com | https://hooks.example.com/in |
    https://example.org
domain domains domain_name domain_names fqdn hostname host dns_name record_name -> example.com | api.example.com
    | app.example.org | internal.example.net
schedule schedule_expression cron cron_schedule -> rate(1 hour) | rate(5 minutes) | cron(0 3 * * ? *)
window maintenance_window preferred_maintenance_window -> sun:03:00-sun:04:00 | sat:22:00-sat:23:30
backup_window -> 01:00-02:00 | 04:30-05:30
time_zone timezone -> UTC | Europe/Berlin | America/New_York
time start_time end_time date expiration_date start_date expiry timestamp -> 2027-01-01T00:00:00Z |
    2027-06-30T12:00:00Z
ttl timeout duration interval period retention age delay create update delete read -> 60s | 300s | 10m | 30m
storage_class access_tier -> STANDARD | STANDARD_IA
account_id owner_id aws_account_id account_ids owners -> {account}
tenant_id object_id client_id principal_id application_id -> 00000000-0000-0000-0000-000000000000 |
    11111111-2222-3333-4444-555555555555
image image_uri container_image -> nginx:1.27 | redis:7.4 | ghcr.io/acme/api:1.4.2
path file filename mount_path prefix key_prefix -> /data | /var/log/app | logs/ | config/app.json
status state desired_state -> Enabled | ENABLED | ACTIVE
runtime -> python3.12 | nodejs20.x | java21
=handler -> index.handler | app.main
sku sku_name tier edition plan service_tier -> Standard | Basic | Premium
action default_action effect -> allow | deny
operator comparison comparison_operator -> In | Exists | GreaterThanThreshold
location locations region regions replica_regions -> {region}
environment stage stage_name -> dev | test | staging | prod
resource_group_id -> /subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/main
"""
NUMBERS = """
port -> 80 | 443 | 3000 | 5432 | 6379 | 8080 | 9090
days retention_period -> 1 | 3 | 7 | 14 | 30 | 60 | 90
seconds timeout interval ttl period delay -> 10 | 30 | 60 | 120 | 300 | 600 | 3600
gb size storage -> 8 | 10 | 20 | 32 | 50 | 64 | 100 | 128 | 256
memory mb memory_size -> 128 | 256 | 512 | 1024 | 2048
cpu cores vcpu vcpus -> 1 | 2 | 4 | 8
priority weight rank order -> 1 | 10 | 100 | 200
percent percentage utilization threshold -> 25 | 50 | 60 | 70 | 75 | 80 | 90
iops throughput rate limit -> 100 | 125 | 1000 | 3000
"""
KEYS = "certificate certificate_body certificate_chain public_key private_key".split()


def _table(text: str) -> dict[str, list[str]]:
    found = {}
    for entry in re.split(r"\n(?! )", text.strip()):
        names, _, values = entry.partition("->")
        found |= dict.fromkeys(names.split(), [one.strip() for one in values.split(" | ")])
    return found


STRINGS, NUMBERS = _table(STRINGS), _table(NUMBERS)
SERVICES = {
    "topic": "sns",
    "queue": "sqs",
    "function": "lambda",
    "key": "kms",
    "bucket": "s3",
    "certificate": "acm",
    "cluster": "ecs",
    "stream": "kinesis",
    "secret": "secretsmanager",
}
OFF = re.compile(r"(?:skip|force|disable|public|allow|insecure|ignore|bypass|prevent)_?.*|.*_disabled")
SECRET = re.compile(r"(?:.*_)?(?:password|secret|token|api_key|access_key|secret_key|connection_string|credentials)")


def _find(table: dict[str, list[str]], name: str) -> list[str]:
    """The values of the longest end of a name that the table has: preferred_maintenance_window -> window's"""
    if f"={name}" in table:
        return table[f"={name}"]
    parts = name.split("_")
    return next((table[end] for n in range(len(parts)) if (end := "_".join(parts[n:])) in table), [])


class Values:
    """Draws values for a document of one provider. `name` is what the document is about: billing-api."""

    def __init__(self, rng: Random, provider: str):
        self.rng, self.provider = rng, provider if provider in REGIONS else "aws"
        self.name = words.name(rng)
        self.region = rng.choice(REGIONS[self.provider])

    def value(self, name: str, code: str, fields: dict, depth: int = 0):
        """A value for an argument of a type, see schemas/__init__.py; fields: the schema of an object's attributes."""
        rng, sort = self.rng, code[0]
        if sort in "LT":
            number = 1 if "o" in code else rng.choice((1, 1, 2))
            values = [self.value(name, code[1:], fields, depth + 1) for _ in range(number)]
            return [one for n, one in enumerate(values) if one not in values[:n]]
        if sort == "M":
            keys = ["Name", "Team", "Environment"] if name == "tags" else {words.word(rng): 0, words.word(rng): 0}
            return {key: self.value(name if "o" in code else key.lower(), code[1:], fields, depth + 1) for key in keys}
        if sort == "o":
            return self.object(fields, depth)
        if sort == "n":
            return int(rng.choice(_find(NUMBERS, name) or ("1", "2", "3", "5", "10")))
        if sort == "b":
            return not OFF.fullmatch(name) if rng.random() < 0.9 else rng.random() < 0.5
        return self.string(name) if sort == "s" else {words.word(rng): self.string(name)}

    def object(self, fields: dict, depth: int) -> dict:
        """Every attribute: an object of an older provider needs them all."""
        found = {}
        for name, code in sorted(fields.get("a", {}).items()):
            if code[0] != "=" and (depth < 3 or code[0] == "!"):
                found[name] = self.value(name, code[1:], fields.get("o", {}).get(name, {}), depth + 1)
        return found

    def string(self, name: str) -> str:
        rng = self.rng
        if name in ("name", "bucket", "identifier") or name.endswith(("_name", "_identifier", "_label")):
            if name == "name" or name not in STRINGS:
                return self.name if name == "name" or rng.random() < 0.5 else f"{self.name}-{words.word(rng)}"
        if name in ("description", "comment", "display_name", "title"):
            return f"{self.name.replace('-', ' ').capitalize()} for the {words.word(rng)} team"
        if name == "arn" or name.endswith(("_arn", "_arns")):
            return self.arn(name)
        if re.fullmatch(r"(?:.*_)?(?:policy|policies|assume_role_policy|policy_document|inline_policy)", name):
            return self.policy() if self.provider == "aws" else self.name
        if name.split("_", 1)[-1] in KEYS or name in KEYS:
            return Ref(f'file("${{path.module}}/keys/{self.name}.pem")')
        if values := _find(STRINGS, name):
            return rng.choice(values).format(region=self.region, size=rng.choice(SIZES[self.provider]), account=ACCOUNT)
        if name.endswith(("_id", "_ids")) or name == "id":
            return self.id(name)
        return rng.choice((self.name, words.word(rng), f"{words.word(rng)}-{rng.randrange(1, 10)}"))

    def arn(self, name: str) -> str:
        word = name.removesuffix("s").removesuffix("_arn").split("_")[-1]
        service = SERVICES.get(word, "iam")
        if service == "s3":
            return f"arn:aws:s3:::{self.name}"
        region = "" if service == "iam" else self.region
        return f"arn:aws:{service}:{region}:{ACCOUNT}:{word}/{self.name}"

    def id(self, name: str) -> str:
        if self.provider == "azurerm":
            word = name.removesuffix("s").removesuffix("_id")
            group = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/main"
            return f"{group}/providers/Microsoft.Resources/{word}/{self.name}"
        if self.provider == "aws":
            word = {"security_group": "sg", "instance": "i", "network_interface": "eni", "route_table": "rtb"}.get(
                name.removesuffix("s").removesuffix("_id"), name.split("_")[0]
            )
            return f"{word}-0{self.rng.getrandbits(64):016x}"
        return self.name

    def policy(self) -> Ref:
        action = self.rng.choice("s3:GetObject sqs:SendMessage dynamodb:GetItem logs:PutLogEvents kms:Decrypt".split())
        service = action.partition(":")[0]
        where = "::" if service == "s3" else f"{self.region}:{ACCOUNT}"
        resource = f"arn:aws:{service}:{where}:{self.name}{'/*' if service == 's3' else ''}"
        statement = {"Effect": "Allow", "Action": [action], "Resource": resource}
        return jsonencode({"Version": "2012-10-17", "Statement": [statement]})
