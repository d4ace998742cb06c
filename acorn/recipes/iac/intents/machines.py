"""Terraform, AWS: a network, a virtual machine, a relational database."""

from acorn.recipes.iac import words
from acorn.recipes.iac.facts import MISSING, Refers, compare, find, same
from acorn.recipes.iac.intents.intent import Intent
from acorn.recipes.iac.render.hcl import Block, Ref, data, resource

IMAGES = {  # what people say -> the public SSM parameter that always holds the newest image
    "Amazon Linux 2023": "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64",
    "Ubuntu 24.04": "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id",
    "Ubuntu 22.04": "/aws/service/canonical/ubuntu/server/22.04/stable/current/amd64/hvm/ebs-gp2/ami-id",
    "Debian 12": "/aws/service/debian/release/12/latest/amd64",
}
TYPES = "t3.micro t3.small t3.medium t3.large m5.large m6i.large m7i.xlarge c6i.large c7i.xlarge r6i.large".split()
CLASSES = (
    "db.t3.micro db.t3.small db.t3.medium db.t4g.small db.t4g.large db.m6g.large db.m7g.large db.r6g.large".split()
)
ENGINES = {
    "postgres": ("14", "15", "16", "17"),
    "mysql": ("8.0", "8.4"),
    "mariadb": ("10.6", "10.11", "11.4"),
}


class Network(Intent):
    name, kinds, title = "network", ("terraform",), "VPC with subnets"
    notes = (
        "The subnets are cut out of the network by cidrsubnet, 256 addresses each in a /16.",
        "An internet gateway is what lets machines in the network reach the internet.",
        "Choose a range that no other network uses, or the two can't be connected later.",
    )
    parts = "name {name}; [CIDR|range] {cidr}; {subnets} subnets; {plus}"
    train = (
        "[Write|Create|Make] a {tool} VPC [named|called] {name} with CIDR {cidr} and {subnets} subnets{plus}.",
        "I need a VPC in {tool}: name {name}, range {cidr}, {subnets} subnets{plus}.",
        "{tool}: VPC {name}, {cidr}, {subnets} subnets{plus}",
        "vpc {name} {cidr} with {subnets} subnets{plus}, {tool}",
        "[Please write|Give me] {tool} for a network called {name} that has {subnets} subnets in {cidr}{plus}.",
        "We need {subnets} subnets in a new VPC{plus}. The CIDR is {cidr}. [Call|Name] it {name}. Use {tool}.",
        "[Can|Could] you write the {tool} for an AWS network {cidr} with {subnets} subnets{plus}? Name it {name}.",
        "Set up {name}, a VPC [with|in] {tool}: {subnets} subnets, CIDR {cidr}{plus}.",
        f"vpc in {{tool}}, <{parts}>",
        f"{{tool}} for a network: <{parts}>",
        f"Please create a VPC in AWS with {{tool}}: <{parts}>.",
        f"What is the {{tool}} for a VPC with <{parts}>?",
        "{cidr}, {subnets} subnets{plus}: a VPC named {name}, {tool}",
        "How do I write a VPC{extras} in {tool}? The range is {cidr}, there are {subnets} subnets, its name is "
        "{name}.",
        "{name} is a new AWS network with {subnets} subnets, CIDR {cidr}{plus}. Write it in {tool}.",
    )
    held = (
        "Please make the VPC {name} with {tool}; the CIDR is {cidr} and it has {subnets} subnets{plus}.",
        "In {tool}, I want a network with {subnets} subnets{plus}, range {cidr}, called {name}.",
        "[Can|Could] you set up the network {name} in {tool}? We need {subnets} subnets in {cidr}{plus}.",
    )

    def sample(self, rng):
        private = [f"10.{n}.0.0/16" for n in range(0, 256, 4)] + [f"172.{n}.0.0/16" for n in range(16, 32)]
        return {
            "name": words.name(rng),
            "cidr": rng.choice(private),
            "subnets": rng.randint(2, 8),
            "gateway": rng.random() < 0.5,
        }

    def options(self, p):
        return ["an internet gateway"] * p["gateway"]

    def terraform_facts(self, p):
        return {
            "aws_vpc/cidr_block": p["cidr"],
            "aws_vpc/tags/Name": p["name"],
            "aws_internet_gateway/vpc_id": Refers("aws_vpc") if p["gateway"] else None,
        }

    companions = ("aws_subnet",)

    def check(self, p, parsed, kind):
        """Subnets count by `count` or one by one."""
        problems = super().check(p, parsed, kind)
        subnets = parsed.get("aws_subnet", [])
        counts = [1 if (n := find(subnet, "count")) is MISSING else n for subnet in subnets]
        total = sum(n for n in counts if isinstance(n, int))
        if total != p["subnets"]:
            problems.append(f"aws_subnet: {total} of them, asked for {p['subnets']}")
        for subnet in subnets:
            problems += compare({"vpc_id": Refers("aws_vpc")}, subnet)
            if find(subnet, "cidr_block") is MISSING:
                problems.append("aws_subnet/cidr_block: missing")
        return problems

    def terraform(self, p):
        vpc = resource("aws_vpc", {"cidr_block": p["cidr"], "enable_dns_hostnames": True, "tags": {"Name": p["name"]}})
        subnet = resource(
            "aws_subnet",
            {
                "count": p["subnets"],
                "vpc_id": Ref("aws_vpc.this.id"),
                "cidr_block": Ref("cidrsubnet(aws_vpc.this.cidr_block, 8, count.index)"),
            },
        )
        gateway = [resource("aws_internet_gateway", {"vpc_id": Ref("aws_vpc.this.id")})] if p["gateway"] else []
        return "\n".join([vpc, subnet, *gateway])


class Instance(Intent):
    name, kinds, title = "instance", ("terraform",), "EC2 instance"
    notes = (
        "The image is looked up in a public parameter, so that every new machine starts from the newest one.",
        "The root disk is encrypted, and the metadata service asks for a token (IMDSv2).",
        "The instance type fixes how many processors and how much memory the machine has.",
    )
    parts = "name {name}; [type |]{type}; {os}; [disk {disk} GB|{disk} GB disk]; {plus}"
    train = (
        "[Write|Create|Make] a {tool} EC2 instance [named|called] {name}, type {type}, with {os} and a {disk} GB "
        "disk{plus}.",
        "I need an EC2 instance in {tool}: name {name}, {type}, {os}, {disk} GB disk{plus}.",
        "{tool}: EC2 instance {name}, {os}, {type}, {disk} GB{plus}",
        "ec2 {type} {name}, {os}, disk {disk} GB{plus}, {tool}",
        "[Please write|Give me] {tool} for a machine called {name} that runs {os} on {type}. The disk has {disk} "
        "GB{plus}.",
        "We need a new {os} machine on AWS, type {type}, root disk {disk} GB{plus}. [Call|Name] it {name}. Use "
        "{tool}.",
        "[Can|Could] you write the {tool} for a {type} instance with {disk} GB of disk{plus}? Name it {name}; it "
        "runs {os}.",
        "Set up {name}, an EC2 instance [with|in] {tool}: {os}, {disk} GB disk, type {type}{plus}.",
        f"ec2 instance in {{tool}}: <{parts}>",
        f"{{tool}} for a machine on AWS: <{parts}>",
        f"Please create an EC2 instance with {{tool}}, <{parts}>.",
        f"What is the {{tool}} for an EC2 instance with <{parts}>?",
        "{disk} GB disk, {os}{plus}: write the {type} instance {name} in {tool}.",
        "How do I run {os} on EC2{extras}? The disk has {disk} GB, the type is {type}, the name {name}. Use {tool}.",
        "{name}: EC2, {type}, disk {disk} GB, {os}{plus}, {tool}",
    )
    held = (
        "Please make the EC2 instance {name} with {tool}; type {type}, {disk} GB disk, {os}{plus}.",
        "In {tool}, I want a machine with {os}, named {name}. The type is {type} and the disk has {disk} GB{plus}.",
        "{tool} ec2 instance {name}, type {type}, {disk} GB disk, {os}{plus}",
    )

    def sample(self, rng):
        return {
            "name": words.name(rng),
            "type": rng.choice(TYPES),
            "os": rng.choice(list(IMAGES)),
            "disk": rng.choice((8, 10, 16, 20, 25, 30, 40, 50, 60, 80, 100, 120, 150, 200, 250, 300, 500)),
            "monitoring": rng.random() < 0.4,
        }

    def options(self, p):
        return ["detailed monitoring"] * p["monitoring"]

    def terraform_facts(self, p):
        return {
            "aws_instance/tags/Name": p["name"],
            "aws_instance/instance_type": p["type"],
            "aws_instance/ami": Refers("data.aws_ssm_parameter"),
            "data.aws_ssm_parameter/name": IMAGES[p["os"]],
            "aws_instance/root_block_device/volume_size": p["disk"],
            "aws_instance/monitoring": p["monitoring"] or None,
        }

    def terraform(self, p):
        body = {"ami": Ref("data.aws_ssm_parameter.this.value"), "instance_type": p["type"]}
        if p["monitoring"]:
            body["monitoring"] = True
        body |= {
            "metadata_options": Block(http_tokens="required"),
            "root_block_device": Block(volume_size=p["disk"], encrypted=True),
            "tags": {"Name": p["name"]},
        }
        return data("aws_ssm_parameter", {"name": IMAGES[p["os"]]}) + "\n" + resource("aws_instance", body)


class Database(Intent):
    name, kinds, title = "database", ("terraform",), "RDS database"
    notes = (
        "AWS makes the password of the administrator and keeps it in Secrets Manager; it never stands in the code.",
        "Storage is encrypted, and a last snapshot is taken when the database is deleted.",
        "With several zones, a standby takes over when one zone fails.",
    )
    parts = (
        "name {name}; {engine} {version}; [class |]{size}; [storage |]{storage} GB; [backup {backup} days|{backup} "
        "days of backups]; {plus}"
    )
    train = (
        "[Write|Create|Make] a {tool} RDS database [named|called] {name}: {engine} {version}, {size}, {storage} GB, "
        "backups for {backup} days{plus}.",
        "I need a {engine} {version} database in {tool}, name {name}, class {size}, storage {storage} GB, "
        "{backup} days of backups{plus}.",
        "{tool}: RDS {engine} {version} {name}, {size}, {storage} GB, backup {backup} days{plus}",
        "rds {name} {engine} {version}, class {size}, {storage} GB storage, {backup} days backup{plus}, {tool}",
        "[Please write|Give me] {tool} for a database called {name} on {size} with {storage} GB. It runs {engine} "
        "{version} and "
        "keeps backups for {backup} days{plus}.",
        "We need {engine} {version} on RDS{extras}. [Call|Name] it {name}, class {size}, with {storage} GB of storage "
        "and "
        "{backup} days of backups. Use {tool}.",
        "[Can|Could] you write the {tool} for a {size} database with {engine} {version}, {storage} GB and backups "
        "for "
        "{backup} days{plus}? Name it {name}.",
        "Set up {name}, an RDS database [with|in] {tool}: {storage} GB, {engine} {version}, {size}, backup "
        "{backup} days{plus}.",
        f"rds in {{tool}}, <{parts}>",
        f"{{tool}} for an RDS database: <{parts}>",
        f"Please create a database in AWS with {{tool}}: <{parts}>.",
        f"What is the {{tool}} for an RDS database with <{parts}>?",
        "{storage} GB on {size}, {backup} days of backups{plus}: write the {engine} {version} database {name} in "
        "{tool}.",
        "How do I run {engine} {version} on RDS{extras}? Storage {storage} GB, class {size}, backups for {backup} "
        "days, name {name}. Use {tool}.",
        "{name}: RDS {engine} {version}, backup {backup} days, {storage} GB, {size}{plus}, {tool}",
    )
    held = (
        "Please make the RDS database {name} with {tool}; {engine} {version} on {size}, storage {storage} GB, "
        "backups for {backup} days{plus}.",
        "In {tool}, I want a {engine} {version} database, class {size}, called {name}. It has {storage} GB and "
        "keeps backups "
        "for {backup} days{plus}.",
        "[Can|Could] you set up {engine} {version} on RDS with {tool}? The name is {name}, the class is {size}, "
        "storage "
        "{storage} GB, {backup} days of backups{plus}.",
    )

    def sample(self, rng):
        engine = rng.choice(list(ENGINES))
        return {
            "name": words.name(rng),
            "engine": engine,
            "version": rng.choice(ENGINES[engine]),
            "size": rng.choice(CLASSES),
            "storage": rng.choice((20, 30, 40, 50, 60, 80, 100, 150, 200, 250, 300, 400, 500)),
            "backup": rng.choice((2, 3, 4, 5, 7, 10, 14, 21, 28, 30, 35)),
            "multi_az": rng.random() < 0.4,
        }

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

    def check(self, p, parsed, kind):
        """multi_az = false says the same as leaving it out."""
        problems = super().check(p, parsed, kind)
        if not p["multi_az"] and same(False, find(parsed, "aws_db_instance/multi_az")):
            problems = [one for one in problems if not one.startswith("aws_db_instance/multi_az:")]
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
            "final_snapshot_identifier": p["name"] + "-final",
        }
        return resource("aws_db_instance", {**body, "multi_az": True} if p["multi_az"] else body)
