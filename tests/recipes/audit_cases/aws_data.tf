resource "aws_db_instance" "main" {
  identifier                  = "main"
  engine                      = "postgres"
  instance_class              = "db.t4g.micro"
  allocated_storage           = 20
  username                    = "app"
  manage_master_user_password = true
  storage_encrypted           = true
  publicly_accessible         = false
  deletion_protection         = true
  backup_retention_period     = 14
  skip_final_snapshot         = false
  final_snapshot_identifier   = "main-last"
  auto_minor_version_upgrade  = true
  tags                        = { team = "water" }
}

resource "aws_rds_cluster" "aurora" {
  cluster_identifier          = "aurora"
  engine                      = "aurora-postgresql"
  master_username             = "app"
  manage_master_user_password = true
  storage_encrypted           = true
  deletion_protection         = true
  backup_retention_period     = 7
  tags                        = { team = "water" }
}

resource "aws_redshift_cluster" "warehouse" {
  cluster_identifier     = "warehouse"
  node_type              = "ra3.xlplus"
  encrypted              = true
  publicly_accessible    = false
  manage_master_password = true
  master_username        = "app"
  tags                   = { team = "water" }
}

resource "aws_dynamodb_table" "events" {
  name         = "events"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"
  tags         = { team = "water" }

  attribute {
    name = "id"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }
}

resource "aws_elasticache_replication_group" "sessions" {
  replication_group_id       = "sessions"
  description                = "Sessions"
  at_rest_encryption_enabled = true
  transit_encryption_enabled = true
  tags                       = { team = "water" }
}

resource "aws_opensearch_domain" "search" {
  domain_name = "search"
  tags        = { team = "water" }

  encrypt_at_rest {
    enabled = true
  }

  node_to_node_encryption {
    enabled = true
  }

  domain_endpoint_options {
    enforce_https       = true
    tls_security_policy = "Policy-Min-TLS-1-2-2019-07"
  }
}

resource "aws_sqs_queue" "jobs" {
  name                    = "jobs"
  sqs_managed_sse_enabled = true
  tags                    = { team = "water" }
}

resource "aws_sns_topic" "alarms" {
  name              = "alarms"
  kms_master_key_id = "alias/aws/sns"
  tags              = { team = "water" }
}

resource "aws_kinesis_stream" "clicks" {
  name            = "clicks"
  shard_count     = 1
  encryption_type = "KMS"
  kms_key_id      = "alias/aws/kinesis"
  tags            = { team = "water" }
}

resource "aws_cloudwatch_log_group" "app" {
  name              = "/water/app"
  retention_in_days = 365
  kms_key_id        = "arn:aws:kms:eu-central-1:111122223333:key/abc"
  tags              = { team = "water" }
}

resource "aws_msk_cluster" "kafka" {
  cluster_name           = "kafka"
  kafka_version          = "3.6.0"
  number_of_broker_nodes = 3

  encryption_info {
    encryption_in_transit {
      client_broker = "TLS"
      in_cluster    = true
    }
  }
}

resource "aws_docdb_cluster_parameter_group" "documents" {
  family = "docdb5.0"
  name   = "documents"

  parameter {
    name  = "tls"
    value = "enabled"
  }
}
