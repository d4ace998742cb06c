"""Databases that a cloud runs: relational ones, an Aurora cluster, a cache."""

from acorn.recipes.iac import words
from acorn.recipes.iac.facts import Refers, find, same
from acorn.recipes.iac.intents.clouds import Clouded, azure, azure_facts
from acorn.recipes.iac.intents.elsewhere import DatabaseElsewhere
from acorn.recipes.iac.intents.intent import Intent
from acorn.recipes.iac.render.cloudformation import stack
from acorn.recipes.iac.render.hcl import Block, Ref, resource

CLASSES = (
    "db.t3.micro db.t3.small db.t3.medium db.t4g.small db.t4g.large db.m6g.large db.m7g.large db.r6g.large".split()
)
ENGINES = {
    "postgres": ("14", "15", "16"),
    "mysql": ("8.0", "8.4"),
    "mariadb": ("10.6.20", "10.11.10", "11.4.4"),
}


class Database(DatabaseElsewhere, Intent):
    name, kinds, title = "database", ("terraform", "cloudformation", "ansible", "crossplane"), "RDS database"
    notes = (
        "AWS makes the password of the administrator and keeps it in Secrets Manager; it never stands in the code.",
        "Storage is encrypted, and a last snapshot is taken when the database is deleted.",
        "With several zones, a standby takes over when one zone fails.",
    )
    thing = "[an RDS database|a database in AWS]"
    parts = (
        "name {name}; {engine} {version}; [class |]{size}; [storage |]{storage} GB; "
        "[backup {backup} days|{backup} days of backups]; {plus}"
    )
    train = (
        "{tool}: RDS {name}, {engine} {version}, {size}, {storage} GB, backup {backup} days{plus}",
        "How do I run {engine} {version} on RDS{extras}? Storage {storage} GB, class {size}, backups for {backup} "
        "days, name {name}. Use {tool}.",
    )
    held = (
        "In {tool}, I want a {engine} {version} database, class {size}, called {name}. It has {storage} GB and "
        "keeps backups for {backup} days{plus}.",
    )

    def sample(self, rng):
        engine = rng.choice(list(ENGINES))
        return {
            "name": words.name(rng),
            "engine": engine,
            "version": rng.choice(ENGINES[engine]),
            "size": rng.choice(CLASSES),
            "storage": rng.choice((20, 30, 40, 50, 60, 80, 100, 150, 200, 250, 300, 400, 500)),
            "backup": rng.choice((7, 8, 10, 12, 14, 20, 21, 25, 28, 30, 35)),
            "multi_az": rng.random() < 0.4,
        }

    def fits(self, p, kind):
        return p["version"] in ENGINES[p["engine"]]

    def options(self, p):
        return ["multi AZ"] * p["multi_az"]

    def terraform_facts(self, p):
        return {
            "aws_db_instance/identifier": p["name"],
            "aws_db_instance/engine": p["engine"],
            "aws_db_instance/engine_version": p["version"],
            "aws_db_instance/instance_class": p["size"],
            "aws_db_instance/allocated_storage": p["storage"],
            "aws_db_instance/backup_retention_period": p["backup"],
            "aws_db_instance/multi_az": p["multi_az"] or None,
        }

    ZONES = {  # where each kind says that there is a standby
        "terraform": "aws_db_instance/multi_az",
        "cloudformation": "AWS::RDS::DBInstance/MultiAZ",
        "ansible": "amazon.aws.rds_instance/multi_az",
        "crossplane": "Instance/spec/forProvider/multiAz",
    }

    def check(self, p, parsed, kind):
        """multi_az = false says the same as leaving it out."""
        problems, path = super().check(p, parsed, kind), self.ZONES[kind]
        if not p["multi_az"] and same(False, find(parsed, path)):
            problems = [one for one in problems if not one.startswith(f"{path}:")]
        return problems

    def terraform(self, p):
        body = {
            "identifier": p["name"],
            "engine": p["engine"],
            "engine_version": p["version"],
            "instance_class": p["size"],
            "allocated_storage": p["storage"],
            "storage_encrypted": True,
            "username": "app",
            "manage_master_user_password": True,
            "backup_retention_period": p["backup"],
            "deletion_protection": True,
            "final_snapshot_identifier": p["name"] + "-final",
        }
        return resource("aws_db_instance", {**body, "multi_az": True} if p["multi_az"] else body)

    def cloudformation_facts(self, p):
        return {
            "AWS::RDS::DBInstance/DBInstanceIdentifier": p["name"],
            "AWS::RDS::DBInstance/Engine": p["engine"],
            "AWS::RDS::DBInstance/EngineVersion": p["version"],
            "AWS::RDS::DBInstance/DBInstanceClass": p["size"],
            "AWS::RDS::DBInstance/AllocatedStorage": p["storage"],
            "AWS::RDS::DBInstance/BackupRetentionPeriod": p["backup"],
            "AWS::RDS::DBInstance/MultiAZ": p["multi_az"] or None,
        }

    def cloudformation(self, p):
        body = {
            "DBInstanceIdentifier": p["name"],
            "Engine": p["engine"],
            "EngineVersion": p["version"],
            "DBInstanceClass": p["size"],
            "AllocatedStorage": str(p["storage"]),
            "StorageEncrypted": True,
            "MasterUsername": "app",
            "ManageMasterUserPassword": True,
            "BackupRetentionPeriod": p["backup"],
            "DeletionProtection": True,
        }
        body = {**body, "MultiAZ": True} if p["multi_az"] else body
        return stack(kept=("Database",), Database=("AWS::RDS::DBInstance", body))


class ManagedPostgres(Clouded):
    name, kinds, title = "postgres", ("terraform",), "managed Postgres"
    notes = (
        "Storage is encrypted and backups are taken every day.",
        "A flexible server of Azure signs people in with Entra ID instead of a password.",
    )
    thing = "a managed Postgres"
    things = {
        "azure": "[a Postgres server in Azure|an Azure Postgres server]",
        "google": "[a Cloud SQL Postgres|a Postgres instance in Google Cloud]",
    }
    parts = "name {name}; version {version}; [size |]{size}; {where}"
    train = ("{tool}: {bare} {name}, version {version}, {size}, {where}",)
    held = ("In {tool}, I want {thing} called {name}: {where}, {size}, version {version}.",)
    SIZES = {
        "azure": "B_Standard_B1ms B_Standard_B2s GP_Standard_D2s_v3 GP_Standard_D4s_v3 MO_Standard_E4s_v3".split(),
        "google": "db-f1-micro db-g1-small db-custom-1-3840 db-custom-2-7680 db-custom-4-15360".split(),
    }

    def sample(self, rng):
        p = self.place(rng, "azure", "google")
        size = rng.choice(self.SIZES[p["cloud"]])
        return {**p, "name": words.name(rng), "version": rng.randint(13, 16), "size": size}

    def fits(self, p, kind):
        return super().fits(p, kind) and p["size"] in self.SIZES[p["cloud"]]

    def azure_facts(self, p):
        server = "azurerm_postgresql_flexible_server"
        return {
            f"{server}/name": p["name"],
            **azure_facts(server, p),
            f"{server}/version": p["version"],
            f"{server}/sku_name": p["size"],
        }

    def azure(self, p):
        sign_in = Block(active_directory_auth_enabled=True, password_auth_enabled=False)
        body = {
            "name": p["name"],
            **azure(p),
            "version": str(p["version"]),
            "sku_name": p["size"],
            "public_network_access_enabled": False,
            "authentication": sign_in,
        }
        return resource("azurerm_postgresql_flexible_server", body)

    def google_facts(self, p):
        server = "google_sql_database_instance"
        return {
            f"{server}/name": p["name"],
            f"{server}/region": p["region"],
            f"{server}/database_version": f"POSTGRES_{p['version']}",
            f"{server}/settings/tier": p["size"],
        }

    def google(self, p):
        body = {
            "name": p["name"],
            "region": p["region"],
            "database_version": f"POSTGRES_{p['version']}",
            "settings": Block(tier=p["size"], backup_configuration=Block(enabled=True)),
        }
        return resource("google_sql_database_instance", body)


class Aurora(Intent):
    name, kinds, title = "aurora", ("terraform",), "Aurora cluster"
    notes = (
        "The instances of a cluster share one storage; one of them writes, the others read.",
        "AWS makes the password of the administrator and keeps it in Secrets Manager.",
    )
    thing = "[an Aurora cluster|an Aurora database]"
    parts = "name {name}; [engine |]{engine}; [class |]{size}; {instances} instances"
    train = ("{tool}: Aurora {name}, {engine}, {instances} instances of {size}",)
    held = ("In {tool}, I want the Aurora cluster {name} with {instances} instances of {size}, engine {engine}.",)

    def sample(self, rng):
        return {
            "name": words.name(rng),
            "engine": rng.choice(("aurora-postgresql", "aurora-mysql")),
            "size": rng.choice("db.t4g.medium db.t4g.large db.r6g.large db.r6g.xlarge db.r7g.large".split()),
            "instances": rng.randint(2, 6),
        }

    def terraform_facts(self, p):
        cluster, instance = "aws_rds_cluster", "aws_rds_cluster_instance"
        return {
            f"{cluster}/cluster_identifier": p["name"],
            f"{cluster}/engine": p["engine"],
            f"{instance}/count": p["instances"],
            f"{instance}/cluster_identifier": Refers(cluster),
            f"{instance}/instance_class": p["size"],
        }

    def terraform(self, p):
        cluster = {
            "cluster_identifier": p["name"],
            "engine": p["engine"],
            "storage_encrypted": True,
            "master_username": "app",
            "manage_master_user_password": True,
            "backup_retention_period": 7,
            "deletion_protection": True,
            "final_snapshot_identifier": p["name"] + "-final",
        }
        instance = {
            "count": p["instances"],
            "cluster_identifier": Ref("aws_rds_cluster.this.id"),
            "engine": Ref("aws_rds_cluster.this.engine"),
            "instance_class": p["size"],
        }
        return resource("aws_rds_cluster", cluster) + "\n" + resource("aws_rds_cluster_instance", instance)


class Cache(Clouded):
    name, kinds, title = "cache", ("terraform",), "Redis cache"
    notes = (
        "What is in a cache can be lost at any time; keep the truth in a database.",
        "Data is encrypted at rest and on the way.",
    )
    thing = "a Redis cache"
    things = {
        "aws": "[an ElastiCache Redis|a Redis cache in AWS]",
        "azure": "[an Azure Redis|a Redis cache in Azure]",
        "google": "[a Memorystore Redis|a Redis cache in Google Cloud]",
    }
    parts = "name {name}; {size}; {where}"
    train = ("{tool}: {bare} {name}, {size}, {where}",)
    held = ("In {tool}, I want {thing} called {name}: {where}, {size}.",)
    NODES = "cache.t3.micro cache.t4g.small cache.t4g.medium cache.m6g.large cache.r6g.large".split()

    def sample(self, rng):
        p = self.place(rng)
        google = rng.choice((1, 2, 4, 5, 8, 10, 16))
        sizes = {"aws": rng.choice(self.NODES), "azure": rng.randint(1, 5), "google": google}
        return {**p, "name": words.name(rng), "size": sizes[p["cloud"]]}

    def fits(self, p, kind):
        return super().fits(p, kind) and isinstance(p["size"], str) == (p["cloud"] == "aws")

    def slots(self, p):
        said = {"aws": "[node type|type] {}", "azure": "capacity {}", "google": "[memory {} GB|{} GB]"}[p["cloud"]]
        return {**super().slots(p), "size": said.replace("{}", str(p["size"]))}

    def aws_facts(self, p):
        group = "aws_elasticache_replication_group"
        return {
            f"{group}/replication_group_id": p["name"],
            f"{group}/node_type": p["size"],
            f"{group}/engine": "redis",
            f"{group}/tags/Environment": p["environment"],
        }

    def aws(self, p):
        body = {
            "replication_group_id": p["name"],
            "description": "Redis cache",
            "engine": "redis",
            "node_type": p["size"],
            "num_cache_clusters": 2,
            "automatic_failover_enabled": True,
            "at_rest_encryption_enabled": True,
            "transit_encryption_enabled": True,
            "tags": {"Environment": p["environment"]},
        }
        return resource("aws_elasticache_replication_group", body)

    def azure_facts(self, p):
        cache = "azurerm_redis_cache"
        return {f"{cache}/name": p["name"], **azure_facts(cache, p), f"{cache}/capacity": p["size"]}

    def azure(self, p):
        body = {"name": p["name"], **azure(p), "capacity": p["size"], "family": "C", "sku_name": "Standard"}
        return resource("azurerm_redis_cache", body)

    def google_facts(self, p):
        cache = "google_redis_instance"
        return {f"{cache}/name": p["name"], f"{cache}/region": p["region"], f"{cache}/memory_size_gb": p["size"]}

    def google(self, p):
        body = {"name": p["name"], "region": p["region"], "memory_size_gb": p["size"], "tier": "STANDARD_HA"}
        body["auth_enabled"] = True
        return resource("google_redis_instance", body | {"transit_encryption_mode": "SERVER_AUTHENTICATION"})
