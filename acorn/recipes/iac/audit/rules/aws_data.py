"""AWS: databases, caches, queues, topics, streams, logs."""

from collections.abc import Iterator

from acorn.recipes.iac.audit.rule import Fix, Hit, Item, Rule, at_least, every, listed, must, never, unless

DATABASES = ("aws_db_instance", "aws_rds_cluster", "aws_docdb_cluster", "aws_neptune_cluster")
CFN_DATABASES = ("AWS::RDS::DBInstance", "AWS::RDS::DBCluster", "AWS::DocDB::DBCluster", "AWS::Neptune::DBCluster")
DOMAINS = ("aws_opensearch_domain", "aws_elasticsearch_domain")
# A copy takes these from its source, an instance of Aurora from its cluster.
COPY = ("replicate_source_db?", ())
CFN_MEMBER = ("DBClusterIdentifier?", ())


def plain_documents(item: Item) -> Iterator[Hit]:
    for index, one in enumerate(listed(item.body.get("parameter"))):
        if isinstance(one, dict) and one.get("name") == "tls" and one.get("value") == "disabled":
            yield Hit(("parameter", index, "value"), "tls is disabled", Fix(("parameter", index, "value"), "enabled"))


RULES = (
    Rule(
        "ACORN-AWS-060",
        "Database without encryption",
        "high",
        {
            "aws_db_instance": unless(*COPY, must("storage_encrypted", True, fix=True)),
            **{type_: must("storage_encrypted", True, fix=True) for type_ in DATABASES[1:]},
            "aws_rds_global_cluster": unless("source_db_cluster_identifier?", (), must("storage_encrypted", True,
                                                                                      fix=True)),
            "AWS::RDS::DBInstance": unless(*CFN_MEMBER, unless("SourceDBInstanceIdentifier?", (), must(
                "StorageEncrypted", True, fix=True))),
            **{type_: must("StorageEncrypted", True, fix=True) for type_ in CFN_DATABASES[1:]},
        },
        "Disks, snapshots and backups hold everything in plain form, and it can't be switched on later.",
        "Set storage_encrypted = true, with kms_key_id for a key of your own.",
        ("CKV_AWS_16", "CKV_AWS_96", "CKV_AWS_74", "CKV_AWS_44"),
    ),
    Rule(
        "ACORN-AWS-061",
        "Database with a public address",
        "high",
        {
            "aws_db_instance": never("publicly_accessible", True, fix=False),
            "aws_rds_cluster_instance": never("publicly_accessible", True, fix=False),
            "aws_neptune_cluster_instance": never("publicly_accessible", True, fix=False),
            "aws_redshift_cluster": never("publicly_accessible", True, fix=False),
            "aws_redshiftserverless_workgroup": never("publicly_accessible", True, fix=False),
            "aws_dms_replication_instance": never("publicly_accessible", True, fix=False),
            "aws_mq_broker": never("publicly_accessible", True, fix=False),
            "AWS::RDS::DBInstance": never("PubliclyAccessible", True, fix=False),
            "AWS::Redshift::Cluster": never("PubliclyAccessible", True, fix=False),
            "AWS::DMS::ReplicationInstance": never("PubliclyAccessible", True, fix=False),
            "AWS::AmazonMQ::Broker": never("PubliclyAccessible", True, fix=False),
        },
        "Only a security group then stands between the data and the internet.",
        "Set publicly_accessible = false and reach it from inside the network.",
        ("CKV_AWS_17", "CKV_AWS_87", "CKV_AWS_69", "CKV_AWS_89"),
    ),
    Rule(
        "ACORN-AWS-062",
        "Database that can be deleted by accident",
        "medium",
        {
            "aws_db_instance": unless(*COPY, must("deletion_protection", True, fix=True)),
            **{type_: must("deletion_protection", True, fix=True) for type_ in DATABASES[1:]},
            "AWS::RDS::DBInstance": unless(*CFN_MEMBER, must("DeletionProtection", True, fix=True)),
            **{type_: must("DeletionProtection", True, fix=True) for type_ in CFN_DATABASES[1:]},
        },
        "One wrong plan, or a renamed resource, takes the data away.",
        "Set deletion_protection = true.",
        ("CKV_AWS_293", "CKV_AWS_139"),
    ),
    Rule(
        "ACORN-AWS-063",
        "Database with few or no backups",
        "medium",
        {
            "aws_db_instance": unless(*COPY, at_least("backup_retention_period", 7, fix=7)),
            "aws_rds_cluster": at_least("backup_retention_period", 7, fix=7),
            "aws_docdb_cluster": at_least("backup_retention_period", 7, fix=7),
            "aws_neptune_cluster": at_least("backup_retention_period", 7, fix=7),
            "aws_redshift_cluster": at_least("automated_snapshot_retention_period", 1, missing=False, fix=7),
            "AWS::RDS::DBInstance": unless(*CFN_MEMBER, at_least("BackupRetentionPeriod", 7, fix=7)),
            "AWS::RDS::DBCluster": at_least("BackupRetentionPeriod", 7, fix=7),
        },
        "A mistake is often noticed after days; without a backup from before it the data is lost.",
        "Keep backups for 7 days or more.",
        ("CKV_AWS_133", "CKV_AWS_343", "CKV_AWS_360", "CKV_AWS_361"),
    ),
    Rule(
        "ACORN-AWS-064",
        "Database that is deleted without a last snapshot",
        "low",
        {
            "aws_db_instance": never("skip_final_snapshot", True, fix=False),
            **{type_: never("skip_final_snapshot", True, fix=False) for type_ in DATABASES[1:]},
            "aws_redshift_cluster": never("skip_final_snapshot", True, fix=False),
        },
        "After a destroy there is nothing to go back to.",
        "Set skip_final_snapshot = false and name a final_snapshot_identifier.",
    ),
    Rule(
        "ACORN-AWS-065",
        "Database that does not take security updates",
        "low",
        {
            "aws_db_instance": never("auto_minor_version_upgrade", False, fix=True),
            "aws_rds_cluster_instance": never("auto_minor_version_upgrade", False, fix=True),
            "AWS::RDS::DBInstance": never("AutoMinorVersionUpgrade", False, fix=True),
        },
        "Minor versions close known holes.",
        "Leave auto_minor_version_upgrade out, or set it to true.",
        ("CKV_AWS_226",),
    ),
    Rule(
        "ACORN-AWS-066",
        "Redshift without encryption",
        "high",
        {
            "aws_redshift_cluster": must("encrypted", True, fix=True),
            "AWS::Redshift::Cluster": must("Encrypted", True, fix=True),
        },
        "Disks and snapshots of the warehouse hold everything in plain form.",
        "Set encrypted = true.",
        ("CKV_AWS_64",),
    ),
    Rule(
        "ACORN-AWS-067",
        "Table without point-in-time recovery",
        "low",
        {
            "aws_dynamodb_table": must("point_in_time_recovery/enabled", True, fix=True),
            "AWS::DynamoDB::Table": must("PointInTimeRecoverySpecification/PointInTimeRecoveryEnabled", True),
        },
        "A script that overwrites items can't be undone.",
        "Add point_in_time_recovery { enabled = true }.",
        ("CKV_AWS_28",),
    ),
    Rule(
        "ACORN-AWS-068",
        "Cache without encryption",
        "medium",
        {
            "aws_elasticache_replication_group": every(
                must("at_rest_encryption_enabled", True, fix=True), must("transit_encryption_enabled", True, fix=True)
            ),
            "aws_elasticache_cluster": never("transit_encryption_enabled", False, fix=True),
            "aws_memorydb_cluster": never("tls_enabled", False, fix=True),
            "aws_dax_cluster": must("server_side_encryption/enabled", True),
            "AWS::ElastiCache::ReplicationGroup": every(
                must("AtRestEncryptionEnabled", True, fix=True), must("TransitEncryptionEnabled", True, fix=True)
            ),
            "AWS::DAX::Cluster": must("SSESpecification/SSEEnabled", True),
        },
        "Sessions and tokens in the cache can be read on the wire and in its backups.",
        "Set at_rest_encryption_enabled and transit_encryption_enabled to true.",
        ("CKV_AWS_29", "CKV_AWS_30", "CKV_AWS_47", "CKV_AWS_202"),
    ),
    Rule(
        "ACORN-AWS-069",
        "Search domain without encryption",
        "high",
        {
            **{type_: every(must("encrypt_at_rest/enabled", True), must("node_to_node_encryption/enabled", True))
               for type_ in DOMAINS},
            "AWS::OpenSearchService::Domain": every(
                must("EncryptionAtRestOptions/Enabled", True), must("NodeToNodeEncryptionOptions/Enabled", True)
            ),
        },
        "Indexes lie on disk and pass between nodes in plain form.",
        "Enable encrypt_at_rest and node_to_node_encryption.",
        ("CKV_AWS_5", "CKV_AWS_6"),
    ),
    Rule(
        "ACORN-AWS-070",
        "Search domain that takes plain HTTP or old TLS",
        "medium",
        {
            **{type_: every(
                must("domain_endpoint_options/enforce_https", True, fix=True),
                never("domain_endpoint_options?/tls_security_policy", "Policy-Min-TLS-1-0-2019-07",
                      fix="Policy-Min-TLS-1-2-2019-07"),
            ) for type_ in DOMAINS},
            "AWS::OpenSearchService::Domain": every(
                must("DomainEndpointOptions/EnforceHTTPS", True),
                never("DomainEndpointOptions?/TLSSecurityPolicy", "Policy-Min-TLS-1-0-2019-07",
                      fix="Policy-Min-TLS-1-2-2019-07"),
            ),
        },
        "Queries and passwords can be read on the way.",
        'Set enforce_https = true and tls_security_policy = "Policy-Min-TLS-1-2-2019-07".',
        ("CKV_AWS_83", "CKV_AWS_228"),
    ),
    Rule(
        "ACORN-AWS-071",
        "Queue without encryption",
        "medium",
        {
            "aws_sqs_queue": unless("kms_master_key_id?", (), must("sqs_managed_sse_enabled", True, fix=True)),
            "AWS::SQS::Queue": unless("KmsMasterKeyId?", (), must("SqsManagedSseEnabled", True, fix=True)),
        },
        "Messages often carry personal data and lie on disk until they are read.",
        "Set sqs_managed_sse_enabled = true, or kms_master_key_id.",
        ("CKV_AWS_27",),
    ),
    Rule(
        "ACORN-AWS-072",
        "Topic without encryption",
        "medium",
        {
            "aws_sns_topic": must("kms_master_key_id", fix="alias/aws/sns"),
            "AWS::SNS::Topic": must("KmsMasterKeyId", fix="alias/aws/sns"),
        },
        "Messages lie on disk in plain form until they are delivered.",
        'Set kms_master_key_id, at least to "alias/aws/sns".',
        ("CKV_AWS_26",),
    ),
    Rule(
        "ACORN-AWS-073",
        "Stream without encryption",
        "medium",
        {
            "aws_kinesis_stream": must("encryption_type", "KMS"),
            "aws_kinesis_firehose_delivery_stream": unless(
                "kinesis_source_configuration?", (), must("server_side_encryption/enabled", True)),
            "AWS::Kinesis::Stream": must("StreamEncryption"),
        },
        "Records lie on disk in plain form for a day or more.",
        'Set encryption_type = "KMS" and kms_key_id.',
        ("CKV_AWS_43",),
    ),
    Rule(
        "ACORN-AWS-074",
        "Log group that keeps logs for ever",
        "low",
        {
            "aws_cloudwatch_log_group": at_least("retention_in_days", 1, fix=365),
            "AWS::Logs::LogGroup": at_least("RetentionInDays", 1, fix=365),
        },
        "Old logs hold old secrets and personal data, and cost money.",
        "Set retention_in_days.",
        ("CKV_AWS_66", "CKV_AWS_338"),
    ),
    Rule(
        "ACORN-AWS-075",
        "Log group without a key of its own",
        "low",
        {"aws_cloudwatch_log_group": must("kms_key_id"), "AWS::Logs::LogGroup": must("KmsKeyId")},
        "Whoever may read logs reads them; a key is a second lock with a log of its own.",
        "Set kms_key_id.",
        ("CKV_AWS_158",),
    ),
    Rule(
        "ACORN-AWS-076",
        "Kafka with plain traffic",
        "medium",
        {
            "aws_msk_cluster": every(
                never("encryption_info?/encryption_in_transit?/client_broker", "PLAINTEXT", "TLS_PLAINTEXT", fix="TLS"),
                never("encryption_info?/encryption_in_transit?/in_cluster", False, fix=True),
            ),
            "AWS::MSK::Cluster": never("EncryptionInfo?/EncryptionInTransit?/ClientBroker", "PLAINTEXT",
                                       "TLS_PLAINTEXT", fix="TLS"),
        },
        "Records can be read on the way between clients and brokers.",
        'Set client_broker = "TLS".',
        ("CKV_AWS_81",),
    ),
    Rule(
        "ACORN-AWS-077",
        "Database that answers without TLS",
        "medium",
        {
            "aws_docdb_cluster_parameter_group": plain_documents,
        },
        "Passwords and rows can be read on the way.",
        'Set the parameter tls to "enabled".',
        ("CKV_AWS_90",),
    ),
)  # fmt: skip
