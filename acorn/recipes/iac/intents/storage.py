"""Terraform, AWS: where data rests. A bucket, a queue, a table."""

from acorn.recipes.iac import words
from acorn.recipes.iac.facts import MISSING, Refers, find, same
from acorn.recipes.iac.intents.intent import Intent
from acorn.recipes.iac.render.hcl import Block, Ref, jsonencode, resource


class Bucket(Intent):
    name, kinds, title = "bucket", ("terraform",), "S3 bucket"
    notes = (
        "A bucket holds objects under keys; its name is unique in the whole of AWS.",
        "Public access is blocked on the bucket, so that a wrong policy can't open it to the world.",
        "With versioning, an object that is overwritten or deleted can be restored.",
    )
    parts = "[name|called] {name}; [environment|tagged] {environment}; {plus}"
    train = (
        "[Write|Create|Make] a {tool} S3 bucket [named|called] {name} for the {environment} environment{extras}.",
        "I need an S3 bucket in {tool}, name {name}, environment {environment}{plus}.",
        "{tool}: S3 bucket {name}, {environment}{plus}",
        "s3 bucket {name} in {environment}{plus}, {tool}",
        "[Please write|Give me] {tool} for a private bucket called {name}{extras}, tagged {environment}.",
        "We want to keep files in a new S3 bucket{extras}. [Call|Name] it {name} and tag it {environment}. Use "
        "{tool}.",
        "[Can|Could] you write the {tool} for a {environment} bucket named {name}{extras}?",
        "Set up {name} as an AWS bucket for {environment}{extras} [with|in] {tool}.",
        "For {environment}, a bucket {name}{extras} in {tool}, please.",
        f"s3 bucket in {{tool}}: <{parts}>",
        f"Please create an S3 bucket with {{tool}}, <{parts}>.",
        f"[Add|I want] an AWS bucket in {{tool}}: <{parts}>.",
        f"What is the {{tool}} for an S3 bucket, <{parts}>?",
        "How do I write an S3 bucket{extras} in {tool}? It is for {environment} and its name is {name}.",
        "{name}: S3 bucket, {environment}{plus}, {tool}",
        "{tool} for the {environment} environment: a bucket{extras}, and its name should be {name}",
    )
    held = (
        "Please make an S3 bucket for {environment} with {tool}, called {name}{plus}.",
        "In {tool}, I want the bucket {name}{extras}. The environment is {environment}.",
        "{tool}, {environment}: the S3 bucket {name}{plus}",
    )

    def sample(self, rng):
        return {
            "name": words.name(rng),
            "environment": rng.choice(words.ENVIRONMENTS),
            "versioning": rng.random() < 0.5,
            "kms": rng.random() < 0.35,
        }

    def options(self, p):
        return ["versioning"] * p["versioning"] + ["KMS encryption"] * p["kms"]

    def terraform_facts(self, p):
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

    def terraform(self, p):
        bucket = Ref("aws_s3_bucket.this.id")
        blocks = [
            resource("aws_s3_bucket", {"bucket": p["name"], "tags": {"Environment": p["environment"]}}),
            resource(
                "aws_s3_bucket_public_access_block",
                {
                    "bucket": bucket,
                    "block_public_acls": True,
                    "block_public_policy": True,
                    "ignore_public_acls": True,
                    "restrict_public_buckets": True,
                },
            ),
        ]
        if p["versioning"]:
            body = {"bucket": bucket, "versioning_configuration": Block(status="Enabled")}
            blocks.append(resource("aws_s3_bucket_versioning", body))
        if p["kms"]:
            rule = Block(apply_server_side_encryption_by_default=Block(sse_algorithm="aws:kms"))
            blocks.append(
                resource("aws_s3_bucket_server_side_encryption_configuration", {"bucket": bucket, "rule": rule})
            )
        return "\n".join(blocks)


class Queue(Intent):
    name, kinds, title = "queue", ("terraform",), "SQS queue"
    notes = (
        "A message that a consumer has taken stays hidden for the visibility timeout and comes back if it is not "
        "deleted.",
        "Messages older than the retention time are dropped; both times are in seconds.",
        "A dead letter queue collects messages that could not be handled after some receives.",
    )
    parts = "name {name}; visibility [timeout |]{visibility}[| seconds]; retention {retention}[| seconds]; {plus}"
    train = (
        "[Write|Create|Make] a {tool} SQS queue [named|called] {name}, visibility timeout {visibility} seconds, "
        "retention {retention} seconds{plus}.",
        "I need an SQS queue {name} in {tool}{extras}; visibility timeout {visibility}, retention {retention} "
        "seconds.",
        "{tool}: SQS queue {name}, retention {retention}, visibility {visibility}{plus}",
        "sqs queue {name}, visibility timeout {visibility} s, keep messages {retention} s{plus}, {tool}",
        "[Please write|Give me] {tool} for a message queue called {name}{extras}. It keeps messages for "
        "{retention} seconds "
        "and hides them for {visibility} seconds.",
        "We need a queue in AWS SQS. [Name|Call] it {name}, with a visibility timeout of {visibility} seconds and a "
        "retention of "
        "{retention} seconds{plus}. Use {tool}.",
        "[Can|Could] you write the {tool} for an SQS queue with {retention} seconds retention and {visibility} "
        "seconds "
        "visibility timeout, named {name}{plus}?",
        "Set up {name}, an SQS queue{extras} [with|in] {tool}: visibility {visibility}, retention {retention}.",
        f"sqs queue in {{tool}}, <{parts}>",
        f"{{tool}} for an SQS queue: <{parts}>",
        f"Please create a message queue in AWS with {{tool}}: <{parts}>.",
        f"What is the {{tool}} for an SQS queue with <{parts}>?",
        "How do I keep messages for {retention} seconds in an SQS queue{extras}? The visibility timeout is "
        "{visibility}, the name {name}. Use {tool}.",
        "{name}: SQS queue, visibility {visibility}, retention {retention}{plus}, {tool}",
        "Visibility {visibility} seconds, retention {retention} seconds{plus}: write the SQS queue {name} in "
        "{tool}.",
    )
    held = (
        "Please make the SQS queue {name} with {tool}: retention {retention} seconds, visibility timeout "
        "{visibility} seconds{plus}.",
        "In {tool}, I want a message queue named {name}{extras}. Visibility timeout is {visibility} seconds; "
        "keep messages for {retention} seconds.",
        "[Can|Could] you set up {name}, an SQS queue{extras}, in {tool}? Retention {retention} seconds, "
        "visibility timeout "
        "{visibility} seconds.",
    )

    def sample(self, rng):
        return {
            "name": words.name(rng),
            "visibility": rng.choice((30, 45, 60, 90, 120, 150, 180, 240, 300, 600, 900)),
            "retention": rng.choice((3600, 43200, 86400, 172800, 259200, 345600, 432000, 604800, 864000, 1209600)),
            "receives": words.maybe(rng, (2, 3, 4, 5, 6, 8, 10), 0.4),
        }

    def options(self, p):
        return [f"a dead letter queue after {p['receives']} receives"] if p["receives"] else []

    def terraform_facts(self, p):
        return {
            "aws_sqs_queue/name": p["name"],
            "aws_sqs_queue/visibility_timeout_seconds": p["visibility"],
            "aws_sqs_queue/message_retention_seconds": p["retention"],
            "aws_sqs_queue/redrive_policy/maxReceiveCount": p["receives"],
        }

    def check(self, p, parsed, kind):
        """With a dead letter queue there are two; the facts are about the one that points at the other."""
        queues = parsed.get("aws_sqs_queue", [])
        if not p["receives"]:
            return super().check(p, parsed, kind)
        if len(queues) != 2:
            return [f"aws_sqs_queue: {len(queues)} of them, asked for a queue and its dead letter queue"]
        main = [queue for queue in queues if find(queue, "redrive_policy") is not MISSING]
        if len(main) != 1 or not same(Refers("aws_sqs_queue"), find(main[0], "redrive_policy/deadLetterTargetArn")):
            return ["aws_sqs_queue: no redrive_policy that points at the dead letter queue"]
        return super().check(p, {**parsed, "aws_sqs_queue": main}, kind)

    def terraform(self, p):
        body = {
            "name": p["name"],
            "visibility_timeout_seconds": p["visibility"],
            "message_retention_seconds": p["retention"],
            "sqs_managed_sse_enabled": True,
        }
        if not p["receives"]:
            return resource("aws_sqs_queue", body)
        policy = {"deadLetterTargetArn": Ref("aws_sqs_queue.dead.arn"), "maxReceiveCount": p["receives"]}
        dead = resource("aws_sqs_queue", {"name": p["name"] + "-dead"}, "dead")
        return resource("aws_sqs_queue", {**body, "redrive_policy": jsonencode(policy)}) + "\n" + dead


class Table(Intent):
    name, kinds, title = "table", ("terraform",), "DynamoDB table"
    notes = (
        "The hash key decides where an item is stored; the range key sorts the items that share it.",
        "Only attributes that are keys are declared; all others are free.",
        "The table is billed by request and can be restored to any second of the last 35 days.",
    )
    parts = "name {name}; hash key {hash_key}; {plus}"
    train = (
        "[Write|Create|Make] a {tool} DynamoDB table [named|called] {name} with hash key {hash_key}{plus}.",
        "I need a DynamoDB table in {tool}, name {name}, hash key {hash_key}{plus}.",
        "{tool}: DynamoDB table {name}, hash key {hash_key}{plus}",
        "dynamodb table {name}, hash key {hash_key}{plus}, {tool}",
        "[Please write|Give me] {tool} for the table {name} in DynamoDB. The hash key is {hash_key}{plus}.",
        "We keep items by {hash_key} in DynamoDB{plus}. [Call|Name] the table {name} and use {tool}.",
        "[Can|Could] you write the {tool} for a DynamoDB table with the hash key {hash_key}{plus}? Name it {name}.",
        "Set up {name}, a DynamoDB table [with|in] {tool}: hash key {hash_key}{plus}.",
        f"dynamodb table in {{tool}}: <{parts}>",
        f"Please create a DynamoDB table with {{tool}}, <{parts}>.",
        f"What is the {{tool}} for a table in DynamoDB with <{parts}>?",
        f"[Add|I want] a DynamoDB table in {{tool}}: <{parts}>.",
        "{name}: DynamoDB table{extras}, hash key {hash_key}, {tool}",
        "Hash key {hash_key}{plus}: write the DynamoDB table {name} in {tool}.",
        "How do I write a DynamoDB table{extras} in {tool}? Its hash key is {hash_key}, its name {name}.",
    )
    held = (
        "Please make the DynamoDB table {name} with {tool}; the hash key is {hash_key}{plus}.",
        "In {tool}, I want a table in DynamoDB with hash key {hash_key}{plus}. It is called {name}.",
        "{tool} dynamodb table, hash key {hash_key}, name {name}{plus}",
    )

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
