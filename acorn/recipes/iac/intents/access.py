"""Terraform, AWS: who may do what. A role and a security group."""

from acorn.recipes.iac import words
from acorn.recipes.iac.facts import Refers, find
from acorn.recipes.iac.intents.intent import Intent
from acorn.recipes.iac.render.hcl import Block, Ref, jsonencode, resource

SERVICES = "ec2 lambda ecs-tasks eks glue states events scheduler sagemaker codebuild batch backup".split()
POLICIES = (
    "AmazonS3ReadOnlyAccess AmazonS3FullAccess AmazonDynamoDBReadOnlyAccess AmazonDynamoDBFullAccess "
    "AmazonSQSReadOnlyAccess "
    "AmazonSQSFullAccess AmazonSNSReadOnlyAccess AmazonSNSFullAccess CloudWatchReadOnlyAccess CloudWatchLogsFullAccess "
    "AmazonEC2ReadOnlyAccess AmazonRDSReadOnlyAccess AmazonSSMReadOnlyAccess"
).split()


class Role(Intent):
    name, kinds, title = "role", ("terraform",), "IAM role"
    notes = (
        "The trust policy says who may take on the role; the attached policy says what it may do then.",
        "A service takes on a role by itself, so that no key has to be kept anywhere.",
        "Give a role the smallest policy that does the work.",
    )
    parts = "name {name}; [service |]{service}.amazonaws.com; [policy |]{policy}; {plus}"
    train = (
        "[Write|Create|Make] a {tool} IAM role [named|called] {name} for {service}.amazonaws.com with the policy "
        "{policy}{plus}.",
        "I need an IAM role in {tool}: name {name}, service {service}.amazonaws.com, policy {policy}{plus}.",
        "{tool}: IAM role {name}, {service}.amazonaws.com, {policy}{plus}",
        "iam role {name}, policy {policy}, service {service}.amazonaws.com{plus}, {tool}",
        "[Please write|Give me] {tool} for a role called {name} that {service}.amazonaws.com can assume. Attach "
        "{policy}{plus}.",
        "We want {service}.amazonaws.com to use {policy}{plus}. [Call|Name] the IAM role {name} and use {tool}.",
        "[Can|Could] you write the {tool} for a role with {policy} that {service}.amazonaws.com can assume{plus}? "
        "Name it {name}.",
        "Set up {name}, an IAM role [with|in] {tool}: {policy} for {service}.amazonaws.com{plus}.",
        f"iam role in {{tool}}: <{parts}>",
        f"{{tool}} for an IAM role, <{parts}>",
        f"Please create a role in AWS with {{tool}}: <{parts}>.",
        f"What is the {{tool}} for an IAM role with <{parts}>?",
        "{policy}{plus}: write the IAM role {name} for {service}.amazonaws.com in {tool}.",
        "How do I give {policy} to {service}.amazonaws.com{extras}? The role is called {name}. Use {tool}.",
        "{name}: IAM role, {policy}, service {service}.amazonaws.com{plus}, {tool}",
    )
    held = (
        "Please make the IAM role {name} with {tool}; attach the policy {policy}, the service is "
        "{service}.amazonaws.com{plus}.",
        "In {tool}, I want a role that {service}.amazonaws.com can assume, called {name}, with {policy}{plus}.",
        "{tool} iam role, service {service}.amazonaws.com, name {name}, {policy}{plus}",
    )

    def sample(self, rng):
        return {
            "name": words.name(rng),
            "service": rng.choice(SERVICES),
            "policy": rng.choice(POLICIES),
            "session": words.maybe(rng, (7200, 10800, 14400, 21600, 28800, 43200), 0.35),
        }

    def options(self, p):
        return [f"sessions of {p['session']} seconds"] if p["session"] else []

    def terraform_facts(self, p):
        statement = "aws_iam_role/assume_role_policy/Statement"
        return {
            "aws_iam_role/name": p["name"],
            "aws_iam_role/max_session_duration": p["session"],
            f"{statement}/Principal/Service": f"{p['service']}.amazonaws.com",
            f"{statement}/Action": "sts:AssumeRole",
            f"{statement}/Effect": "Allow",
            "aws_iam_role_policy_attachment/role": Refers("aws_iam_role"),
            "aws_iam_role_policy_attachment/policy_arn": f"arn:aws:iam::aws:policy/{p['policy']}",
        }

    def terraform(self, p):
        body = {"name": p["name"]}
        if p["session"]:
            body["max_session_duration"] = p["session"]
        statement = {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"Service": f"{p['service']}.amazonaws.com"},
        }
        body["assume_role_policy"] = jsonencode({"Version": "2012-10-17", "Statement": [statement]})
        attachment = {"role": Ref("aws_iam_role.this.name"), "policy_arn": f"arn:aws:iam::aws:policy/{p['policy']}"}
        return resource("aws_iam_role", body) + "\n" + resource("aws_iam_role_policy_attachment", attachment)


class SecurityGroup(Intent):
    name, kinds, title = "security-group", ("terraform",), "security group"
    notes = (
        "A security group lets in only what its rules name; answers to what was let in may always leave.",
        "Each port has its own rule, so that a change to one does not touch the others.",
        "The range 0.0.0.0/0 is the whole internet.",
    )
    parts = "name {name}; [open |]{ports}; [from|source] {source}"
    train = (
        "[Write|Create|Make] a {tool} security group [named|called] {name} that lets {source} in on {ports}.",
        "I need a security group in {tool}: name {name}, {ports} open to {source}.",
        "{tool}: security group {name}, {ports} from {source}",
        "security group {name}, allow {source} on {ports}, {tool}",
        "[Please write|Give me] {tool} for a security group called {name}. It allows {ports} from {source}.",
        "We want to open {ports} to {source}. [Call|Name] the security group {name} and use {tool}.",
        "[Can|Could] you write the {tool} for a security group that allows {ports} from {source}? Name it {name}.",
        "Set up {name}, an AWS security group [with|in] {tool}: from {source} to {ports}.",
        f"security group in {{tool}}: <{parts}>",
        f"{{tool}} for an AWS security group, <{parts}>",
        f"Please create a security group with {{tool}}: <{parts}>.",
        f"What is the {{tool}} for a security group, <{parts}>?",
        "{ports} from {source}: write the security group {name} in {tool}.",
        "How do I let {source} in on {ports}? The security group is called {name}. Use {tool}.",
        "{name}: security group, source {source}, {ports}, {tool}",
    )
    held = (
        "Please make the security group {name} with {tool}; it lets in {source} on {ports}.",
        "In {tool}, I want a security group with {ports} open to {source}, called {name}.",
        "[Can|Could] you open {ports} to {source} in a {tool} security group? [Call|Name] it {name}.",
    )

    def sample(self, rng):
        ranges = ["0.0.0.0/0", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"] + [
            f"10.{n}.0.0/16" for n in range(0, 256, 4)
        ]
        return {
            "name": words.name(rng),
            "ports": sorted(rng.sample(words.OPEN_PORTS, rng.choice((1, 1, 2)))),
            "protocol": rng.choice(("tcp", "tcp", "udp")),
            "source": rng.choice(ranges),
        }

    def slots(self, p):
        ports = [str(port) for port in p["ports"]]
        return {**p, "ports": f"{p['protocol']} port{'s' * (len(ports) > 1)} {words.listing(ports)}"}

    def terraform_facts(self, p):
        return {"aws_security_group/name": p["name"]}

    def check(self, p, parsed, kind):
        """Rules are a set; one rule may not stand for a range of ports."""
        problems = super().check(p, parsed, kind)
        rules = find(parsed, "aws_security_group/ingress")
        rules = rules if isinstance(rules, list) else []
        got = sorted(
            str([rule.get(key) for key in ("from_port", "to_port", "protocol", "cidr_blocks")]) for rule in rules
        )
        want = sorted(str([port, port, p["protocol"], [p["source"]]]) for port in p["ports"])
        return problems if got == want else [*problems, f"aws_security_group/ingress: {got}, asked for {want}"]

    def terraform(self, p):
        rules = [
            Block(from_port=port, to_port=port, protocol=p["protocol"], cidr_blocks=[p["source"]])
            for port in p["ports"]
        ]
        leave = Block(from_port=0, to_port=0, protocol="-1", cidr_blocks=["0.0.0.0/0"])
        return resource("aws_security_group", {"name": p["name"], "ingress": rules, "egress": leave})
