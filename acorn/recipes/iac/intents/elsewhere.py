"""Things of a cloud, wanted with Ansible or Crossplane: mixins for intents that Terraform has, too."""

from acorn.recipes.iac.render.manifest import documents, manifest
from acorn.recipes.iac.render.playbook import play

REGION = "eu-west-1"  # Crossplane needs one, and nobody asked for any
BLOCKED = ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")


def camel(name: str) -> str:
    """'block_public_acls' -> 'blockPublicAcls'"""
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def managed(group: str, kind: str, name: str, body: dict) -> dict:
    """What Upbound's provider for AWS makes of a cloud's resource."""
    return {
        "apiVersion": f"{group}.aws.upbound.io/v1beta1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": {"forProvider": {"region": REGION, **body}},
    }


class BucketElsewhere:
    """The bucket of storage.py. Without KMS in Crossplane: it would be a fourth resource."""

    companions = ("play",)

    def ansible_facts(self, p):
        bucket = "amazon.aws.s3_bucket"
        return {
            f"{bucket}/name": p["name"],
            f"{bucket}/versioning": True if p["versioning"] else None,
            f"{bucket}/encryption": "aws:kms" if p["kms"] else None,
            f"{bucket}/public_access/block_public_policy": True,
            f"{bucket}/tags/Environment": p["environment"],
        }

    def ansible(self, p):
        bucket = {"name": p["name"], "state": "present", "public_access": dict.fromkeys(BLOCKED, True)}
        bucket |= {"versioning": True} if p["versioning"] else {}
        bucket |= {"encryption": "aws:kms"} if p["kms"] else {}
        bucket["tags"] = {"Environment": p["environment"]}
        return play("Set up a bucket", "localhost", {"Create the bucket": {"amazon.aws.s3_bucket": bucket}}, become="")

    def crossplane_facts(self, p):
        facts = {
            "Bucket/metadata/name": p["name"],
            "Bucket/spec/forProvider/tags/Environment": p["environment"],
            "BucketPublicAccessBlock/spec/forProvider/bucketRef/name": p["name"],
            "BucketPublicAccessBlock/spec/forProvider/blockPublicPolicy": True,
            "BucketVersioning/spec/forProvider/versioningConfiguration/status": "Enabled" if p["versioning"] else None,
        }
        if p["versioning"]:
            facts["BucketVersioning/spec/forProvider/bucketRef/name"] = p["name"]
        return facts

    def crossplane(self, p):
        name, bucket = p["name"], {"bucketRef": {"name": p["name"]}}
        wanted = [
            managed("s3", "Bucket", name, {"tags": {"Environment": p["environment"]}}),
            managed("s3", "BucketPublicAccessBlock", name, bucket | {camel(one): True for one in BLOCKED}),
        ]
        if p["versioning"]:
            on = {"versioningConfiguration": [{"status": "Enabled"}]}
            wanted.append(managed("s3", "BucketVersioning", name, bucket | on))
        return documents(*wanted)


class DatabaseElsewhere:
    """The RDS database of databases.py: the same arguments under the names of each tool."""

    companions = ("play",)

    def settings(self, p) -> dict:
        return {
            "engine": p["engine"],
            "engine_version": p["version"],
            "allocated_storage": p["storage"],
            "storage_encrypted": True,
            "deletion_protection": True,
            "backup_retention_period": p["backup"],
            **({"multi_az": True} if p["multi_az"] else {}),
        }

    def asked(self, p) -> dict:
        """Of these settings, what the request says."""
        kept = ("engine", "engine_version", "allocated_storage", "backup_retention_period")
        settings = self.settings(p)
        return {**{key: settings[key] for key in kept}, "multi_az": True if p["multi_az"] else None}

    def ansible_facts(self, p):
        one = "amazon.aws.rds_instance"
        return {
            f"{one}/db_instance_identifier": p["name"],
            f"{one}/db_instance_class": p["size"],
            **{f"{one}/{key}": value for key, value in self.asked(p).items()},
        }

    def ansible(self, p):
        one = {"db_instance_identifier": p["name"], "db_instance_class": p["size"], **self.settings(p)}
        one |= {"master_username": "app", "master_user_password": "{{ db_password }}"}
        tasks = {"Create the database": {"amazon.aws.rds_instance": one, "no_log": True}}
        return play("Set up a database", "localhost", tasks, become="")

    def crossplane_facts(self, p):
        body = "Instance/spec/forProvider"
        return {
            "Instance/metadata/name": p["name"],
            f"{body}/instanceClass": p["size"],
            **{f"{body}/{camel(key)}": value for key, value in self.asked(p).items()},
        }

    def crossplane(self, p):
        body = {"instanceClass": p["size"], **{camel(key): value for key, value in self.settings(p).items()}}
        body |= {"username": "app", "manageMasterUserPassword": True}
        return manifest(managed("rds", "Instance", p["name"], body))
