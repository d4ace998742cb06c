"""Where data rests: a bucket, a table, a shared file system, a container registry."""

from acorn.recipes.iac import words
from acorn.recipes.iac.facts import Each, Refers
from acorn.recipes.iac.intents.clouds import Clouded, azure, azure_facts, tags
from acorn.recipes.iac.intents.elsewhere import BLOCKED, BucketElsewhere
from acorn.recipes.iac.intents.intent import Intent
from acorn.recipes.iac.render.cloudformation import stack
from acorn.recipes.iac.render.hcl import Block, Ref, resource, variable


class Bucket(BucketElsewhere, Clouded):
    name, kinds, title = "bucket", ("terraform", "cloudformation", "ansible", "crossplane"), "private bucket"
    notes = (
        "A bucket holds objects under keys; its name is unique in the whole of a cloud.",
        "Public access is blocked on the bucket, so that a wrong policy can't open it to the world.",
        "With versioning, an object that is overwritten or deleted can be restored.",
        "Azure keeps objects in the containers of a storage account, whose name has no hyphens.",
    )
    thing = "a private bucket"
    things = {
        "aws": "[an S3 bucket|a private S3 bucket|an AWS bucket]",
        "azure": "[an Azure storage account|an Azure bucket|a storage account in Azure]",
        "google": "[a Google bucket|a Cloud Storage bucket|a GCS bucket]",
    }
    parts = "name {name}; {where}; {plus}"
    train = (
        "[Call|Name] it {name}: {thing} in {tool}{extras}, {where}.",
        "{name}: {bare}, {where}{plus}, {tool}",
        "{where}: {bare} {name} in {tool}{plus}",
        "We want to keep files in {thing}{extras}. [Call|Name] it {name}, {where}. Use {tool}.",
        "How do I write {thing}{extras} in {tool}? It is called {name}, {where}.",
    )
    held = ("Please make {thing} with {tool}, called {name}{plus}, {where}.",)

    def sample(self, rng):
        p = self.place(rng)
        name = words.name(rng)
        return {
            **p,
            "name": name.replace("-", "")[:24] if p["cloud"] == "azure" else name,
            "versioning": rng.random() < 0.5,
            "kms": p["cloud"] == "aws" and rng.random() < 0.35,
        }

    def fits(self, p, kind):
        hyphens = p["cloud"] == "azure" and "-" in p["name"]
        keys = p["cloud"] == "aws" and kind != "crossplane"
        return super().fits(p, kind) and not hyphens and (not p["kms"] or keys)

    def options(self, p):
        return ["versioning"] * p["versioning"] + ["KMS encryption"] * p["kms"]

    def aws_facts(self, p):
        encryption = "aws_s3_bucket_server_side_encryption_configuration"
        facts = {
            "aws_s3_bucket/bucket": p["name"],
            "aws_s3_bucket/tags/Environment": p["environment"],
            "aws_s3_bucket_public_access_block/bucket": Refers("aws_s3_bucket"),
            "aws_s3_bucket_versioning/versioning_configuration/status": "Enabled" if p["versioning"] else None,
            f"{encryption}/rule/apply_server_side_encryption_by_default/sse_algorithm": "aws:kms" if p["kms"] else None,
        }
        if p["versioning"]:
            facts["aws_s3_bucket_versioning/bucket"] = Refers("aws_s3_bucket")
        if p["kms"]:
            facts[f"{encryption}/bucket"] = Refers("aws_s3_bucket")
        return facts

    def aws(self, p):
        bucket = {"bucket": Ref("aws_s3_bucket.this.id")}
        blocks = [
            resource("aws_s3_bucket", {"bucket": p["name"], **tags(p)}),
            resource("aws_s3_bucket_public_access_block", bucket | dict.fromkeys(BLOCKED, True)),
        ]
        if p["versioning"]:
            body = bucket | {"versioning_configuration": Block(status="Enabled")}
            blocks.append(resource("aws_s3_bucket_versioning", body))
        if p["kms"]:
            rule = Block(apply_server_side_encryption_by_default=Block(sse_algorithm="aws:kms"))
            blocks.append(resource("aws_s3_bucket_server_side_encryption_configuration", bucket | {"rule": rule}))
        return "\n".join(blocks)

    def azure_facts(self, p):
        return {
            "azurerm_storage_account/name": p["name"],
            **azure_facts("azurerm_storage_account", p),
            "azurerm_storage_account/blob_properties/versioning_enabled": p["versioning"] or None,
            "azurerm_storage_container/storage_account_id": Refers("azurerm_storage_account"),
        }

    def azure(self, p):
        account = {
            "name": p["name"],
            **azure(p),
            "account_tier": "Standard",
            "account_replication_type": "LRS",
            "allow_nested_items_to_be_public": False,
        }
        if p["versioning"]:
            account["blob_properties"] = Block(versioning_enabled=True)
        container = {"name": "data", "storage_account_id": Ref("azurerm_storage_account.this.id")}
        return resource("azurerm_storage_account", account) + "\n" + resource("azurerm_storage_container", container)

    def google_facts(self, p):
        return {
            "google_storage_bucket/name": p["name"],
            "google_storage_bucket/location": p["region"],
            "google_storage_bucket/public_access_prevention": "enforced",
            "google_storage_bucket/versioning/enabled": p["versioning"] or None,
        }

    def google(self, p):
        body = {
            "name": p["name"],
            "location": p["region"],
            "uniform_bucket_level_access": True,
            "public_access_prevention": "enforced",
        }
        versions = {"versioning": Block(enabled=True)} if p["versioning"] else {}
        return resource("google_storage_bucket", body | versions)

    def cloudformation_facts(self, p):
        bucket = "AWS::S3::Bucket"
        encryption = "BucketEncryption/ServerSideEncryptionConfiguration/ServerSideEncryptionByDefault/SSEAlgorithm"
        return {
            f"{bucket}/BucketName": p["name"],
            f"{bucket}/Tags": Each({"Key": "Environment", "Value": p["environment"]}),
            f"{bucket}/PublicAccessBlockConfiguration/RestrictPublicBuckets": True,
            f"{bucket}/VersioningConfiguration/Status": "Enabled" if p["versioning"] else None,
            f"{bucket}/{encryption}": "aws:kms" if p["kms"] else None,
        }

    def cloudformation(self, p):
        block = {"".join(word.capitalize() for word in name.split("_")): True for name in BLOCKED}
        body = {"BucketName": p["name"], "PublicAccessBlockConfiguration": block}
        if p["versioning"]:
            body["VersioningConfiguration"] = {"Status": "Enabled"}
        if p["kms"]:
            rule = {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
            body["BucketEncryption"] = {"ServerSideEncryptionConfiguration": [rule]}
        return stack(Bucket=("AWS::S3::Bucket", {**body, "Tags": [{"Key": "Environment", "Value": p["environment"]}]}))


class Table(Intent):
    name, kinds, title = "table", ("terraform", "cloudformation"), "DynamoDB table"
    notes = (
        "The hash key decides where an item is stored; the range key sorts the items that share it.",
        "Only attributes that are keys are declared; all others are free.",
        "The table is billed by request and can be restored to any second of the last 35 days.",
    )
    thing = "a DynamoDB table"
    parts = "name {name}; hash key {hash_key}; {plus}"
    train = (
        "{tool}: DynamoDB table {name}, hash key {hash_key}{plus}",
        "We keep items by {hash_key} in DynamoDB{plus}. [Call|Name] the table {name} and use {tool}.",
        "{name}: DynamoDB table{extras}, hash key {hash_key}, {tool}",
        "How do I write a DynamoDB table{extras} in {tool}? Its hash key is {hash_key}, its name {name}.",
    )
    held = ("In {tool}, I want a table in DynamoDB with hash key {hash_key}{plus}. It is called {name}.",)

    def sample(self, rng):
        return {
            "name": words.name(rng),
            "hash_key": rng.choice(
                "user_id order_id device_id account_id session_id tenant_id item_id customer_id".split()
            ),
            "range_key": words.maybe(rng, "created_at updated_at version position score sequence".split()),
            "ttl": words.maybe(rng, "expires_at expiry ttl delete_at".split(), 0.4),
            "protected": rng.random() < 0.35,
        }

    def options(self, p):
        texts = [f"range key {p['range_key']}"] if p["range_key"] else []
        texts += [f"TTL on {p['ttl']}"] if p["ttl"] else []
        return texts + ["deletion protection"] * p["protected"]

    def terraform_facts(self, p):
        return {
            "aws_dynamodb_table/name": p["name"],
            "aws_dynamodb_table/hash_key": p["hash_key"],
            "aws_dynamodb_table/range_key": p["range_key"],
            "aws_dynamodb_table/ttl/attribute_name": p["ttl"],
            "aws_dynamodb_table/deletion_protection_enabled": p["protected"] or None,
            **({"aws_dynamodb_table/ttl/enabled": True} if p["ttl"] else {}),
        }

    def terraform(self, p):
        keys = [Block(name=p["hash_key"], type="S")]
        if p["range_key"]:
            keys.append(Block(name=p["range_key"], type="N"))
        body = {"name": p["name"], "billing_mode": "PAY_PER_REQUEST", "hash_key": p["hash_key"]}
        if p["range_key"]:
            body["range_key"] = p["range_key"]
        if p["protected"]:
            body["deletion_protection_enabled"] = True
        body["attribute"] = keys
        if p["ttl"]:
            body["ttl"] = Block(attribute_name=p["ttl"], enabled=True)
        return resource("aws_dynamodb_table", {**body, "point_in_time_recovery": Block(enabled=True)})

    def cloudformation_facts(self, p):
        table = "AWS::DynamoDB::Table"
        keys = [{"AttributeName": p["hash_key"], "KeyType": "HASH"}]
        keys += [{"AttributeName": p["range_key"], "KeyType": "RANGE"}] if p["range_key"] else []
        return {
            f"{table}/TableName": p["name"],
            f"{table}/KeySchema": Each(*keys),
            f"{table}/TimeToLiveSpecification/AttributeName": p["ttl"],
            f"{table}/DeletionProtectionEnabled": p["protected"] or None,
            **({f"{table}/TimeToLiveSpecification/Enabled": True} if p["ttl"] else {}),
        }

    def cloudformation(self, p):
        keys = [(p["hash_key"], "S", "HASH")] + ([(p["range_key"], "N", "RANGE")] if p["range_key"] else [])
        body = {
            "TableName": p["name"],
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": key, "AttributeType": form} for key, form, _ in keys],
            "KeySchema": [{"AttributeName": key, "KeyType": role} for key, _, role in keys],
        }
        if p["protected"]:
            body["DeletionProtectionEnabled"] = True
        if p["ttl"]:
            body["TimeToLiveSpecification"] = {"AttributeName": p["ttl"], "Enabled": True}
        body["PointInTimeRecoverySpecification"] = {"PointInTimeRecoveryEnabled": True}
        return stack(kept=("Table",), Table=("AWS::DynamoDB::Table", body))


class FileSystem(Intent):
    name, kinds, title = "file-system", ("terraform", "cloudformation"), "EFS file system"
    notes = (
        "A file system that many machines mount at once grows and shrinks with what is in it.",
        "It is reached through a mount target in each subnet.",
    )
    thing = "[an EFS file system|a shared file system in AWS]"
    parts = "name {name}; [throughput mode|throughput] {throughput}; {plus}"
    train = ("{tool}: EFS {name}, throughput {throughput}{plus}",)
    held = ("In {tool}, I want the EFS file system {name}, throughput {throughput}{plus}.",)

    def sample(self, rng):
        return {
            "name": words.name(rng),
            "throughput": rng.choice(("bursting", "elastic")),
            "days": words.maybe(rng, (7, 14, 30, 60, 90)),
        }

    def options(self, p):
        return [f"files to infrequent access after {p['days']} days"] if p["days"] else []

    def terraform_facts(self, p):
        system = "aws_efs_file_system"
        return {
            f"{system}/tags/Name": p["name"],
            f"{system}/throughput_mode": p["throughput"],
            f"{system}/encrypted": True,
            f"{system}/lifecycle_policy/transition_to_ia": f"AFTER_{p['days']}_DAYS" if p["days"] else None,
            "aws_efs_mount_target/file_system_id": Refers(system),
        }

    def terraform(self, p):
        body = {"encrypted": True, "throughput_mode": p["throughput"]}
        if p["days"]:
            body["lifecycle_policy"] = Block(transition_to_ia=f"AFTER_{p['days']}_DAYS")
        system = resource("aws_efs_file_system", {**body, "tags": {"Name": p["name"]}})
        target = {"file_system_id": Ref("aws_efs_file_system.this.id"), "subnet_id": Ref("var.subnet_id")}
        return "\n".join([variable("subnet_id"), system, resource("aws_efs_mount_target", target)])

    def cloudformation_facts(self, p):
        system = "AWS::EFS::FileSystem"
        return {
            f"{system}/FileSystemTags": Each({"Key": "Name", "Value": p["name"]}),
            f"{system}/ThroughputMode": p["throughput"],
            f"{system}/LifecyclePolicies/TransitionToIA": f"AFTER_{p['days']}_DAYS" if p["days"] else None,
        }

    def cloudformation(self, p):
        body = {"Encrypted": True, "ThroughputMode": p["throughput"]}
        if p["days"]:
            body["LifecyclePolicies"] = [{"TransitionToIA": f"AFTER_{p['days']}_DAYS"}]
        body["FileSystemTags"] = [{"Key": "Name", "Value": p["name"]}]
        return stack(kept=("FileSystem",), FileSystem=("AWS::EFS::FileSystem", body))


class Registry(Clouded):
    name, kinds, title = "registry", ("terraform", "cloudformation"), "container registry"
    notes = (
        "Images are scanned for known faults when they are pushed.",
        "Tags are immutable: a tag always means the same image.",
    )
    thing = "a container registry"
    things = {
        "aws": "[an ECR repository|an ECR registry]",
        "azure": "[an Azure container registry|a container registry in Azure]",
        "google": "[an Artifact Registry repository|a Google container registry]",
    }
    parts = "name {name}; {where}; {plus}"
    train = ("{name}: {bare}, {where}{plus}, {tool}", "{tool}: {bare} {name}, {where}{plus}")
    held = ("In {tool}, I want {thing}{extras}, called {name}, {where}.",)

    def sample(self, rng):
        p = self.place(rng)
        name = words.name(rng)
        return {
            **p,
            "name": name.replace("-", "") + ("hub" if len(name) < 6 else "") if p["cloud"] == "azure" else name,
            "kms": p["cloud"] == "aws" and rng.random() < 0.5,
        }

    def fits(self, p, kind):
        hyphens = p["cloud"] == "azure" and "-" in p["name"]
        return super().fits(p, kind) and not hyphens and (not p["kms"] or p["cloud"] == "aws")

    def options(self, p):
        return ["KMS encryption"] * p["kms"]

    def aws_facts(self, p):
        return {
            "aws_ecr_repository/name": p["name"],
            "aws_ecr_repository/tags/Environment": p["environment"],
            "aws_ecr_repository/encryption_configuration/encryption_type": "KMS" if p["kms"] else None,
            "aws_ecr_repository/image_scanning_configuration/scan_on_push": True,
        }

    def aws(self, p):
        body = {"name": p["name"], "image_tag_mutability": "IMMUTABLE"}
        body["image_scanning_configuration"] = Block(scan_on_push=True)
        if p["kms"]:
            body["encryption_configuration"] = Block(encryption_type="KMS")
        return resource("aws_ecr_repository", body | tags(p))

    def azure_facts(self, p):
        registry = "azurerm_container_registry"
        return {f"{registry}/name": p["name"], **azure_facts(registry, p), f"{registry}/sku": "Premium"}

    def azure(self, p):
        return resource("azurerm_container_registry", {"name": p["name"], **azure(p), "sku": "Premium"})

    def google_facts(self, p):
        registry = "google_artifact_registry_repository"
        return {
            f"{registry}/repository_id": p["name"],
            f"{registry}/location": p["region"],
            f"{registry}/format": "DOCKER",
        }

    def google(self, p):
        body = {"repository_id": p["name"], "location": p["region"], "format": "DOCKER"}
        return resource("google_artifact_registry_repository", body | {"docker_config": Block(immutable_tags=True)})

    def cloudformation_facts(self, p):
        registry = "AWS::ECR::Repository"
        return {
            f"{registry}/RepositoryName": p["name"],
            f"{registry}/Tags": Each({"Key": "Environment", "Value": p["environment"]}),
            f"{registry}/EncryptionConfiguration/EncryptionType": "KMS" if p["kms"] else None,
            f"{registry}/ImageScanningConfiguration/ScanOnPush": True,
        }

    def cloudformation(self, p):
        body = {"RepositoryName": p["name"], "ImageTagMutability": "IMMUTABLE"}
        body |= {"ImageScanningConfiguration": {"ScanOnPush": True}}
        if p["kms"]:
            body["EncryptionConfiguration"] = {"EncryptionType": "KMS"}
        body |= {"Tags": [{"Key": "Environment", "Value": p["environment"]}]}
        return stack(Repository=("AWS::ECR::Repository", body))
