"""What passes messages on: a queue, a topic, a stream, a rule that runs something on a schedule."""

from acorn.recipes.iac import words
from acorn.recipes.iac.facts import MISSING, Refers, find, same
from acorn.recipes.iac.intents.clouds import Clouded
from acorn.recipes.iac.intents.intent import Intent
from acorn.recipes.iac.render.cloudformation import get, stack
from acorn.recipes.iac.render.hcl import Ref, jsonencode, resource, variable

SECONDS = (3600, 43200, 86400, 172800, 259200, 345600, 432000, 604800, 864000, 1209600)


class Queue(Intent):
    name, kinds, title = "queue", ("terraform", "cloudformation"), "SQS queue"
    notes = (
        "A message that a consumer has taken stays hidden for the visibility timeout and comes back if it is not "
        "deleted.",
        "Messages older than the retention time are dropped; both times are in seconds.",
        "A dead letter queue collects messages that could not be handled after some receives.",
    )
    thing = "[an SQS queue|a message queue in AWS]"
    parts = "name {name}; visibility [timeout |]{visibility}; retention {retention}; {plus}"
    train = (
        "{tool}: SQS queue {name}, retention {retention}, visibility {visibility}{plus}",
        "[Please write|Give me] {code} for {thing} called {name}{extras}. It keeps messages for {retention} seconds "
        "and hides them for {visibility} seconds.",
        "[Can|Could] you write {code} for an SQS queue with {retention} seconds retention and {visibility} seconds "
        "visibility timeout, named {name}{plus}?",
        "How do I keep messages for {retention} seconds in an SQS queue{extras}? The visibility timeout is "
        "{visibility}, the name {name}. Use {tool}.",
    )
    held = (
        "In {tool}, I want a message queue named {name}{extras}. Visibility timeout is {visibility} seconds; "
        "keep messages for {retention} seconds.",
    )

    def sample(self, rng):
        return {
            "name": words.name(rng),
            "visibility": rng.choice((30, 45, 60, 90, 120, 150, 180, 240, 300, 600, 900)),
            "retention": rng.choice(SECONDS),
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

    def cloudformation_facts(self, p):
        return {
            "AWS::SQS::Queue/QueueName": p["name"],
            "AWS::SQS::Queue/VisibilityTimeout": p["visibility"],
            "AWS::SQS::Queue/MessageRetentionPeriod": p["retention"],
            "AWS::SQS::Queue/RedrivePolicy/maxReceiveCount": p["receives"],
        }

    def check(self, p, parsed, kind):
        """With a dead letter queue there are two; the facts are about the one that points at the other."""
        type_, policy = (
            ("aws_sqs_queue", "redrive_policy") if kind == "terraform" else ("AWS::SQS::Queue", "RedrivePolicy")
        )
        queues = parsed.get(type_, [])
        if not p["receives"]:
            return super().check(p, parsed, kind)
        if len(queues) != 2:
            return [f"{type_}: {len(queues)} of them, asked for a queue and its dead letter queue"]
        main = [queue for queue in queues if find(queue, policy) is not MISSING]
        if len(main) != 1 or not same(Refers(type_), find(main[0], f"{policy}/deadLetterTargetArn")):
            return [f"{type_}: no {policy} that points at the dead letter queue"]
        return super().check(p, {**parsed, type_: main}, kind)

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
        dead = resource("aws_sqs_queue", {"name": p["name"] + "-dead", "sqs_managed_sse_enabled": True}, "dead")
        return resource("aws_sqs_queue", {**body, "redrive_policy": jsonencode(policy)}) + "\n" + dead

    def cloudformation(self, p):
        body = {
            "QueueName": p["name"],
            "VisibilityTimeout": p["visibility"],
            "MessageRetentionPeriod": p["retention"],
            "SqsManagedSseEnabled": True,
        }
        if not p["receives"]:
            return stack(Queue=("AWS::SQS::Queue", body))
        policy = {"deadLetterTargetArn": get("Dead", "Arn"), "maxReceiveCount": p["receives"]}
        return stack(
            Queue=("AWS::SQS::Queue", {**body, "RedrivePolicy": policy}),
            Dead=("AWS::SQS::Queue", {"QueueName": p["name"] + "-dead", "SqsManagedSseEnabled": True}),
        )


class Topic(Clouded):
    name, kinds, title = "topic", ("terraform", "cloudformation"), "topic with a subscription"
    notes = (
        "Whatever is published on a topic reaches every subscription of it.",
        "An address has to be confirmed before mail is sent to it.",
    )
    thing = "a topic"
    things = {
        "aws": "[an SNS topic|a topic in AWS]",
        "azure": "[a Service Bus topic|a topic in Azure]",
        "google": "[a Pub/Sub topic|a topic in Google Cloud]",
    }
    parts = "name {name}; {to}"
    train = ("{tool}: {bare} {name}, {to}", "We want {thing} called {name}, {to}. Use {tool}.")
    held = ("In {tool}, I want {thing}, {to}. It is called {name}.",)

    def sample(self, rng):
        cloud = rng.choice(("aws", "aws", "azure", "google"))
        return {
            "cloud": cloud,
            "name": words.name(rng),
            "email": f"{words.word(rng)}@{words.word(rng, words.ORGS)}.com" if cloud == "aws" else None,
            "subscription": words.name(rng) if cloud != "aws" else None,
        }

    def fits(self, p, kind):
        aws = p["cloud"] == "aws"
        said = (p["email"] is not None, p["subscription"] is not None)
        return said == (aws, not aws) and (aws or kind == "terraform")

    def slots(self, p):
        to = "[email to|subscription for] {email}" if p["cloud"] == "aws" else "subscription {subscription}"
        return {**p, "thing": self.things[p["cloud"]], "to": to.format_map(p)}

    def aws_facts(self, p):
        subscription = "aws_sns_topic_subscription"
        return {
            "aws_sns_topic/name": p["name"],
            f"{subscription}/topic_arn": Refers("aws_sns_topic"),
            f"{subscription}/protocol": "email",
            f"{subscription}/endpoint": p["email"],
        }

    def aws(self, p):
        topic = {"name": p["name"], "kms_master_key_id": "alias/aws/sns"}
        subscription = {"topic_arn": Ref("aws_sns_topic.this.arn"), "protocol": "email", "endpoint": p["email"]}
        return resource("aws_sns_topic", topic) + "\n" + resource("aws_sns_topic_subscription", subscription)

    def azure_facts(self, p):
        subscription = "azurerm_servicebus_subscription"
        return {
            "azurerm_servicebus_topic/name": p["name"],
            f"{subscription}/topic_id": Refers("azurerm_servicebus_topic"),
            f"{subscription}/name": p["subscription"],
        }

    def azure(self, p):
        topic = {"name": p["name"], "namespace_id": Ref("var.namespace_id")}
        subscription = {
            "name": p["subscription"],
            "topic_id": Ref("azurerm_servicebus_topic.this.id"),
            "max_delivery_count": 10,
        }
        return "\n".join(
            [
                variable("namespace_id"),
                resource("azurerm_servicebus_topic", topic),
                resource("azurerm_servicebus_subscription", subscription),
            ]
        )

    def google_facts(self, p):
        return {
            "google_pubsub_topic/name": p["name"],
            "google_pubsub_subscription/name": p["subscription"],
            "google_pubsub_subscription/topic": Refers("google_pubsub_topic"),
        }

    def google(self, p):
        subscription = {"name": p["subscription"], "topic": Ref("google_pubsub_topic.this.id")}
        topic = resource("google_pubsub_topic", {"name": p["name"]})
        return topic + "\n" + resource("google_pubsub_subscription", subscription)

    def cloudformation_facts(self, p):
        return {
            "AWS::SNS::Topic/TopicName": p["name"],
            "AWS::SNS::Topic/Subscription/Protocol": "email",
            "AWS::SNS::Topic/Subscription/Endpoint": p["email"],
        }

    def cloudformation(self, p):
        body = {"TopicName": p["name"], "KmsMasterKeyId": "alias/aws/sns"}
        body |= {"Subscription": [{"Protocol": "email", "Endpoint": p["email"]}]}
        return stack(Topic=("AWS::SNS::Topic", body))


class Stream(Intent):
    name, kinds, title = "stream", ("terraform", "cloudformation"), "Kinesis stream"
    notes = (
        "A stream keeps what was written for a while, so that several readers can follow it at their own pace.",
        "Every shard takes a megabyte a second.",
    )
    thing = "[a Kinesis stream|a Kinesis data stream]"
    parts = "name {name}; {shards} shards; retention {hours} hours"
    train = ("{tool}: Kinesis stream {name}, {shards} shards, retention {hours} hours",)
    held = ("In {tool}, I want the Kinesis stream {name} with {shards} shards, retention {hours} hours.",)

    def sample(self, rng):
        hours = rng.choice((24, 48, 72, 96, 120, 168))
        return {"name": words.name(rng), "shards": rng.randint(2, 16), "hours": hours}

    def terraform_facts(self, p):
        stream = "aws_kinesis_stream"
        return {
            f"{stream}/name": p["name"],
            f"{stream}/shard_count": p["shards"],
            f"{stream}/retention_period": p["hours"],
        }

    def terraform(self, p):
        body = {"name": p["name"], "shard_count": p["shards"], "retention_period": p["hours"]}
        return resource("aws_kinesis_stream", body | {"encryption_type": "KMS", "kms_key_id": "alias/aws/kinesis"})

    def cloudformation_facts(self, p):
        stream = "AWS::Kinesis::Stream"
        return {
            f"{stream}/Name": p["name"],
            f"{stream}/ShardCount": p["shards"],
            f"{stream}/RetentionPeriodHours": p["hours"],
        }

    def cloudformation(self, p):
        body = {"Name": p["name"], "ShardCount": p["shards"], "RetentionPeriodHours": p["hours"]}
        key = {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}
        return stack(Stream=("AWS::Kinesis::Stream", {**body, "StreamEncryption": key}))


class EventRule(Intent):
    name, kinds, title = "event-rule", ("terraform", "cloudformation"), "event rule on a schedule"
    notes = (
        "A rule of EventBridge runs its target at a rate or on a cron schedule, in UTC.",
        "The function has to allow EventBridge to call it.",
    )
    thing = "[an EventBridge rule|an event rule in AWS]"
    parts = 'name {name}; [rate|every] {number} {unit}; [description|about] "{about}"'
    train = ('{tool}: event rule {name}, every {number} {unit}, description "{about}"',)
    held = ('In {tool}, I want the event rule {name}, rate {number} {unit}, about "{about}".',)

    def sample(self, rng):
        return {
            "name": words.name(rng),
            "number": rng.choice((2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 30, 45)),
            "unit": rng.choice(("minutes", "hours", "days")),
            "about": f"{rng.choice(('run', 'sync', 'clean', 'check', 'send'))} {words.word(rng)}",
        }

    def terraform_facts(self, p):
        rule = "aws_cloudwatch_event_rule"
        return {
            f"{rule}/name": p["name"],
            f"{rule}/description": p["about"],
            f"{rule}/schedule_expression": f"rate({p['number']} {p['unit']})",
            "aws_cloudwatch_event_target/rule": Refers(rule),
            "aws_cloudwatch_event_target/arn": "${var.target_arn}",
        }

    def terraform(self, p):
        schedule = f"rate({p['number']} {p['unit']})"
        rule = {"name": p["name"], "description": p["about"], "schedule_expression": schedule}
        target = {"rule": Ref("aws_cloudwatch_event_rule.this.name"), "arn": Ref("var.target_arn")}
        return "\n".join(
            [
                variable("target_arn"),
                resource("aws_cloudwatch_event_rule", rule),
                resource("aws_cloudwatch_event_target", target),
            ]
        )

    def cloudformation_facts(self, p):
        rule = "AWS::Events::Rule"
        return {
            f"{rule}/Name": p["name"],
            f"{rule}/Description": p["about"],
            f"{rule}/ScheduleExpression": f"rate({p['number']} {p['unit']})",
        }

    def cloudformation(self, p):
        schedule = f"rate({p['number']} {p['unit']})"
        body = {"Name": p["name"], "Description": p["about"], "ScheduleExpression": schedule}
        return stack(Rule=("AWS::Events::Rule", body))
