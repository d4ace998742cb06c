"""Secrets, parameters and keys. No value of a secret ever stands in the code: it is given, or made up by the cloud."""

from acorn.recipes.iac import words
from acorn.recipes.iac.facts import Refers
from acorn.recipes.iac.intents.clouds import Clouded
from acorn.recipes.iac.intents.intent import Intent
from acorn.recipes.iac.render.cloudformation import ref, stack
from acorn.recipes.iac.render.hcl import Block, Ref, block, resource, variable


def secret(name: str) -> str:
    """A variable that is never shown."""
    return block(f'variable "{name}"', {"type": Ref("string"), "sensitive": True})


class Secret(Clouded):
    name, kinds, title = "vault-secret", ("terraform",), "secret"
    notes = (
        "The value comes from a variable that is marked as sensitive, never from the code.",
        "Who may read a secret is a matter of roles, not of who knows its name.",
    )
    thing = "a secret"
    things = {
        "aws": "[a secret in AWS|a Secrets Manager secret]",
        "azure": "[a Key Vault secret|an Azure secret]",
        "google": "[a Google secret|a secret in Google Cloud]",
    }
    parts = "name {name}; {where}"
    train = ("{tool}: {bare} {name}, {where}", "{name}: {bare}, {where}, {tool}")
    held = ("In {tool}, I want {thing} called {name}, {where}.",)

    def sample(self, rng):
        cloud = rng.choice(("aws", "aws", "azure", "google"))
        return {
            "cloud": cloud,
            "name": words.name(rng),
            "days": rng.choice((7, 10, 14, 21, 30)) if cloud == "aws" else None,
            "type": rng.choice(("password", "token", "certificate", "text")) if cloud == "azure" else None,
            "environment": rng.choice(words.ENVIRONMENTS) if cloud == "google" else None,
        }

    def fits(self, p, kind):
        said = [p[key] is not None for key in ("days", "type", "environment")]
        ok = said == [p["cloud"] == cloud for cloud in ("aws", "azure", "google")]
        return ok and kind == "terraform"

    def slots(self, p):
        places = {
            "aws": "[recovery window|recovery] {days} days",
            "azure": "content type {type}",
            "google": "label {environment}",
        }
        return {**p, "thing": self.things[p["cloud"]], "where": places[p["cloud"]].format_map(p)}

    def aws_facts(self, p):
        version = "aws_secretsmanager_secret_version"
        return {
            "aws_secretsmanager_secret/name": p["name"],
            "aws_secretsmanager_secret/recovery_window_in_days": p["days"],
            f"{version}/secret_id": Refers("aws_secretsmanager_secret"),
            f"{version}/secret_string": "${var.value}",
        }

    def aws(self, p):
        version = {"secret_id": Ref("aws_secretsmanager_secret.this.id"), "secret_string": Ref("var.value")}
        return "\n".join(
            [
                secret("value"),
                resource("aws_secretsmanager_secret", {"name": p["name"], "recovery_window_in_days": p["days"]}),
                resource("aws_secretsmanager_secret_version", version),
            ]
        )

    def azure_facts(self, p):
        secret_ = "azurerm_key_vault_secret"
        return {
            f"{secret_}/name": p["name"],
            f"{secret_}/value": "${var.value}",
            f"{secret_}/content_type": p["type"],
            f"{secret_}/key_vault_id": "${var.key_vault_id}",
        }

    def azure(self, p):
        body = {"name": p["name"], "value": Ref("var.value"), "content_type": p["type"]}
        body["key_vault_id"] = Ref("var.key_vault_id")
        return "\n".join([secret("value"), variable("key_vault_id"), resource("azurerm_key_vault_secret", body)])

    def google_facts(self, p):
        return {
            "google_secret_manager_secret/secret_id": p["name"],
            "google_secret_manager_secret/labels/environment": p["environment"],
            "google_secret_manager_secret_version/secret": Refers("google_secret_manager_secret"),
            "google_secret_manager_secret_version/secret_data": "${var.value}",
        }

    def google(self, p):
        body = {
            "secret_id": p["name"],
            "labels": {"environment": p["environment"]},
            "replication": Block(auto=Block()),
        }
        version = {"secret": Ref("google_secret_manager_secret.this.id"), "secret_data": Ref("var.value")}
        return "\n".join(
            [
                secret("value"),
                resource("google_secret_manager_secret", body),
                resource("google_secret_manager_secret_version", version),
            ]
        )


class Parameter(Intent):
    name, kinds, title = "parameter", ("terraform", "cloudformation"), "SSM parameter"
    notes = ("A parameter is a setting that programs read when they start; secrets are of type SecureString.",)
    thing = "[an SSM parameter|a parameter in AWS]"
    parts = "name {name}; [value|set to] {value}; environment {environment}"
    train = ("{tool}: SSM parameter {name}, value {value}, {environment}",)
    held = ("In {tool}, I want the SSM parameter {name} for {environment}, set to {value}.",)
    VALUES = "enabled disabled debug info warning error json text blue green north south 10 20 50 100 250 500".split()

    def sample(self, rng):
        return {
            "name": f"/{words.word(rng)}/{words.name(rng)}",
            "value": rng.choice(self.VALUES),
            "environment": rng.choice(words.ENVIRONMENTS),
        }

    def terraform_facts(self, p):
        parameter = "aws_ssm_parameter"
        return {
            f"{parameter}/name": p["name"],
            f"{parameter}/type": "String",
            f"{parameter}/value": p["value"],
            f"{parameter}/tags/Environment": p["environment"],
        }

    def terraform(self, p):
        body = {"name": p["name"], "type": "String", "value": p["value"]}
        return resource("aws_ssm_parameter", {**body, "tags": {"Environment": p["environment"]}})

    def cloudformation_facts(self, p):
        parameter = "AWS::SSM::Parameter"
        return {
            f"{parameter}/Name": p["name"],
            f"{parameter}/Type": "String",
            f"{parameter}/Value": p["value"],
            f"{parameter}/Tags/Environment": p["environment"],
        }

    def cloudformation(self, p):
        body = {"Name": p["name"], "Type": "String", "Value": p["value"], "Tags": {"Environment": p["environment"]}}
        return stack(Parameter=("AWS::SSM::Parameter", body))


class Key(Clouded):
    name, kinds, title = "key", ("terraform", "cloudformation"), "encryption key"
    notes = (
        "The key never leaves the service; programs ask it to encrypt and decrypt.",
        "With rotation, new data is encrypted with a new key every year.",
    )
    thing = "an encryption key"
    things = {
        "aws": "[a KMS key|an AWS KMS key]",
        "azure": "[a Key Vault key|an encryption key in Azure]",
        "google": "[a Google KMS key|an encryption key in Google Cloud]",
    }
    parts = "name {name}; {where}"
    train = ("{tool}: {bare} {name}, {where}",)
    held = ("In {tool}, I want {thing} called {name}, {where}.",)

    def sample(self, rng):
        cloud = rng.choice(("aws", "aws", "azure", "google"))
        return {
            "cloud": cloud,
            "name": words.name(rng),
            "days": rng.choice((7, 10, 14, 21, 30)) if cloud == "aws" else None,
            "bits": rng.choice((2048, 3072, 4096)) if cloud == "azure" else None,
            "region": rng.choice("europe-west1 europe-west3 us-central1 us-east1".split())
            if cloud == "google"
            else None,
        }

    def fits(self, p, kind):
        said = [p[key] is not None for key in ("days", "bits", "region")]
        ok = said == [p["cloud"] == cloud for cloud in ("aws", "azure", "google")]
        return ok and (kind == "terraform" or p["cloud"] == "aws")

    def slots(self, p):
        places = {
            "aws": "[deletion window|deletion] {days} days",
            "azure": "[size {bits}|{bits}] bits",
            "google": "[region|location] {region}",
        }
        return {**p, "thing": self.things[p["cloud"]], "where": places[p["cloud"]].format_map(p)}

    def aws_facts(self, p):
        return {
            "aws_kms_key/deletion_window_in_days": p["days"],
            "aws_kms_key/enable_key_rotation": True,
            "aws_kms_alias/name": f"alias/{p['name']}",
            "aws_kms_alias/target_key_id": Refers("aws_kms_key"),
        }

    def aws(self, p):
        key = resource("aws_kms_key", {"deletion_window_in_days": p["days"], "enable_key_rotation": True})
        alias = {"name": f"alias/{p['name']}", "target_key_id": Ref("aws_kms_key.this.id")}
        return key + "\n" + resource("aws_kms_alias", alias)

    def azure_facts(self, p):
        key = "azurerm_key_vault_key"
        return {f"{key}/name": p["name"], f"{key}/key_size": p["bits"], f"{key}/key_vault_id": "${var.key_vault_id}"}

    def azure(self, p):
        body = {
            "name": p["name"],
            "key_vault_id": Ref("var.key_vault_id"),
            "key_type": "RSA",
            "key_size": p["bits"],
            "key_opts": ["decrypt", "encrypt"],
        }
        return variable("key_vault_id") + "\n" + resource("azurerm_key_vault_key", body)

    def google_facts(self, p):
        return {
            "google_kms_key_ring/location": p["region"],
            "google_kms_crypto_key/name": p["name"],
            "google_kms_crypto_key/key_ring": Refers("google_kms_key_ring"),
        }

    def google(self, p):
        ring = resource("google_kms_key_ring", {"name": p["name"] + "-ring", "location": p["region"]})
        key = {"name": p["name"], "key_ring": Ref("google_kms_key_ring.this.id"), "rotation_period": "7776000s"}
        return ring + "\n" + resource("google_kms_crypto_key", key)

    def cloudformation_facts(self, p):
        return {
            "AWS::KMS::Key/PendingWindowInDays": p["days"],
            "AWS::KMS::Key/EnableKeyRotation": True,
            "AWS::KMS::Alias/AliasName": f"alias/{p['name']}",
            "AWS::KMS::Alias/TargetKeyId": Refers("AWS::KMS::Key"),
        }

    def cloudformation(self, p):
        alias = {"AliasName": f"alias/{p['name']}", "TargetKeyId": ref("Key")}
        return stack(
            kept=("Key",),
            Key=("AWS::KMS::Key", {"PendingWindowInDays": p["days"], "EnableKeyRotation": True}),
            Alias=("AWS::KMS::Alias", alias),
        )
