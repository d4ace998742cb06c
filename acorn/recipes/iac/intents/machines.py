"""What computes: a virtual machine, a group that grows, a function, a container service, a disk."""

from acorn.recipes.iac import words
from acorn.recipes.iac.facts import Refers
from acorn.recipes.iac.intents.clouds import Clouded, azure
from acorn.recipes.iac.intents.intent import Intent
from acorn.recipes.iac.render.cloudformation import get, stack
from acorn.recipes.iac.render.hcl import Block, Ref, data, jsonencode, resource, variable

IMAGES = {  # what people say -> the public SSM parameter that always holds the newest image
    "Amazon Linux 2023": "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64",
    "Ubuntu 24.04": "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id",
    "Ubuntu 22.04": "/aws/service/canonical/ubuntu/server/22.04/stable/current/amd64/hvm/ebs-gp2/ami-id",
    "Debian 12": "/aws/service/debian/release/12/latest/amd64",
}
TYPES = "t3.micro t3.small t3.medium t3.large m5.large m6i.large m7i.xlarge c6i.large c7i.xlarge r6i.large".split()
RUNTIMES = "python3.11 python3.12 python3.13 nodejs22.x nodejs24.x".split()
ASSUME = {"Effect": "Allow", "Action": "sts:AssumeRole"}
LOGS = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"


def trust(service: str) -> dict:
    """The policy that lets a service of AWS take on a role."""
    return {"Version": "2012-10-17", "Statement": [{**ASSUME, "Principal": {"Service": f"{service}.amazonaws.com"}}]}


class Instance(Intent):
    name, kinds, title = "instance", ("terraform",), "EC2 instance"
    notes = (
        "The image is looked up in a public parameter, so that every new machine starts from the newest one.",
        "The root disk is encrypted, and the metadata service asks for a token (IMDSv2).",
        "The instance type fixes how many processors and how much memory the machine has.",
    )
    thing = "[an EC2 instance|a machine on AWS|an EC2 machine]"
    parts = "name {name}; [type |]{type}; {os}; [disk {disk} GB|{disk} GB disk]; {plus}"
    train = (
        "{tool}: EC2 instance {name}, {os}, {type}, {disk} GB{plus}",
        "ec2 {type} {name}, {os}, disk {disk} GB{plus}, {tool}",
        "[Please write|Give me] {code} for a machine called {name} that runs {os} on {type}. The disk has {disk} "
        "GB{plus}.",
        "How do I run {os} on EC2{extras}? The disk has {disk} GB, the type is {type}, the name {name}. Use {tool}.",
    )
    held = (
        "In {tool}, I want a machine with {os}, named {name}. The type is {type} and the disk has {disk} GB{plus}.",
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


class ScalingGroup(Intent):
    name, kinds, title = "scaling-group", ("terraform",), "autoscaling group with a launch template"
    notes = (
        "The launch template says what a machine looks like, the group how many of them there are.",
        "A machine that fails its health check is replaced.",
    )
    thing = "[an autoscaling group|an AWS autoscaling group]"
    parts = "name {name}; [type |]{type}; [min|minimum] {least}; [max|maximum] {most}"
    train = (
        "{tool}: autoscaling group {name}, {type}, {least} to {most}",
        "We want to scale {type} machines from {least} to {most} with the autoscaling group {name}. Use {tool}.",
    )
    held = ("In {tool}, I want the autoscaling group {name} with {least} to {most} machines of type {type}.",)

    def sample(self, rng):
        least = rng.randint(1, 5)
        most = least + rng.randint(1, 12)
        return {"name": words.name(rng), "type": rng.choice(TYPES), "least": least, "most": most}

    def terraform_facts(self, p):
        group, template = "aws_autoscaling_group", "aws_launch_template"
        return {
            f"{template}/instance_type": p["type"],
            f"{template}/image_id": "${var.ami_id}",
            f"{group}/name": p["name"],
            f"{group}/min_size": p["least"],
            f"{group}/max_size": p["most"],
            f"{group}/vpc_zone_identifier": "${var.subnet_ids}",
            f"{group}/launch_template/id": Refers(template),
        }

    def terraform(self, p):
        template = {
            "image_id": Ref("var.ami_id"),
            "instance_type": p["type"],
            "metadata_options": Block(http_tokens="required"),
        }
        group = {
            "name": p["name"],
            "min_size": p["least"],
            "max_size": p["most"],
            "vpc_zone_identifier": Ref("var.subnet_ids"),
            "launch_template": Block(id=Ref("aws_launch_template.this.id"), version="$Latest"),
        }
        return "\n".join(
            [
                variable("ami_id"),
                variable("subnet_ids", type_="list(string)"),
                resource("aws_launch_template", template),
                resource("aws_autoscaling_group", group),
            ]
        )


class Function(Intent):
    name, kinds, title = "function", ("terraform", "cloudformation"), "Lambda function with its role"
    notes = (
        "The role lets the function write its logs and nothing else.",
        "A function is billed for the time it runs and the memory it has.",
        "The code is a zip file; the handler names the file and the function in it.",
    )
    thing = "[a Lambda function|an AWS Lambda]"
    parts = "name {name}; [runtime |]{runtime}; [memory {memory}|{memory} MB]; [timeout {timeout}|{timeout} seconds]"
    train = (
        "{tool}: Lambda {name}, {runtime}, {memory} MB, timeout {timeout}",
        "How do I run {runtime} on Lambda? It has {memory} MB, timeout {timeout}, the name {name}. Use {tool}.",
    )
    held = ("In {tool}, I want the Lambda {name}, {runtime}, timeout {timeout} seconds, {memory} MB.",)

    def sample(self, rng):
        return {
            "name": words.name(rng),
            "runtime": rng.choice(RUNTIMES),
            "memory": rng.choice((128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3008)),
            "timeout": rng.choice((3, 5, 10, 15, 20, 30, 45, 60, 90, 120, 300, 900)),
        }

    def terraform_facts(self, p):
        function = "aws_lambda_function"
        return {
            f"{function}/function_name": p["name"],
            f"{function}/runtime": p["runtime"],
            f"{function}/memory_size": p["memory"],
            f"{function}/timeout": p["timeout"],
            f"{function}/role": Refers("aws_iam_role"),
            "aws_iam_role/assume_role_policy/Statement/Principal/Service": "lambda.amazonaws.com",
            "aws_iam_role_policy_attachment/role": Refers("aws_iam_role"),
            "aws_iam_role_policy_attachment/policy_arn": LOGS,
        }

    def terraform(self, p):
        function = {
            "function_name": p["name"],
            "role": Ref("aws_iam_role.this.arn"),
            "runtime": p["runtime"],
            "handler": "main.handler",
            "filename": "main.zip",
            "memory_size": p["memory"],
            "timeout": p["timeout"],
        }
        role = {"name": p["name"] + "-role", "assume_role_policy": jsonencode(trust("lambda"))}
        attachment = {"role": Ref("aws_iam_role.this.name"), "policy_arn": LOGS}
        return "\n".join(
            [
                resource("aws_iam_role", role),
                resource("aws_iam_role_policy_attachment", attachment),
                resource("aws_lambda_function", function),
            ]
        )

    def cloudformation_facts(self, p):
        function = "AWS::Lambda::Function"
        return {
            f"{function}/FunctionName": p["name"],
            f"{function}/Runtime": p["runtime"],
            f"{function}/MemorySize": p["memory"],
            f"{function}/Timeout": p["timeout"],
            f"{function}/Role": Refers("AWS::IAM::Role"),
            "AWS::IAM::Role/AssumeRolePolicyDocument/Statement/Principal/Service": "lambda.amazonaws.com",
            "AWS::IAM::Role/ManagedPolicyArns": [LOGS],
        }

    def cloudformation(self, p):
        function = {
            "FunctionName": p["name"],
            "Role": get("Role", "Arn"),
            "Runtime": p["runtime"],
            "Handler": "index.handler",
            "Code": {
                "ZipFile": "def handler(event, context): pass"
                if "python" in p["runtime"]
                else "exports.handler = () => {}"
            },
            "MemorySize": p["memory"],
            "Timeout": p["timeout"],
        }
        role = {"AssumeRolePolicyDocument": trust("lambda"), "ManagedPolicyArns": [LOGS]}
        return stack(Role=("AWS::IAM::Role", role), Function=("AWS::Lambda::Function", function))


class ContainerService(Clouded):
    name, kinds, title = "container-service", ("terraform",), "container service"
    notes = (
        "A container service runs an image without a machine of its own to look after.",
        "Fargate tasks have an address in the subnets that the service is given.",
    )
    thing = "a container service"
    things = {
        "aws": "[an ECS service|an ECS service on Fargate]",
        "azure": "[an Azure container app|a container app in Azure]",
        "google": "[a Cloud Run service|a Google Cloud Run service]",
    }
    parts = "name {name}; [image |]{image}; port {port}; {where}"
    train = (
        "{tool}: {bare} {name}, {image}, port {port}, {where}",
        "We want to run {image} on port {port} as {thing}, {where}. [Call|Name] it {name} and use {tool}.",
    )
    held = ("In {tool}, I want {thing} called {name}: image {image}, {where}, port {port}.",)

    def sample(self, rng):
        p = self.place(rng)
        return {
            **p,
            "environment": None,
            "tasks": rng.randint(2, 9) if p["cloud"] == "aws" else None,
            "name": words.name(rng),
            "image": words.image(rng),
            "port": rng.choice(words.PORTS),
        }

    def fits(self, p, kind):
        aws = p["cloud"] == "aws"
        return super().fits({**p, "environment": "" if aws else None}, kind) and (p["tasks"] is not None) == aws

    def slots(self, p):
        where = {"where": f"{p['tasks']} tasks"} if p["cloud"] == "aws" else {}
        return {**super().slots(p), **where}

    def aws_facts(self, p):
        task, service = "aws_ecs_task_definition", "aws_ecs_service"
        return {
            f"{task}/family": p["name"],
            f"{task}/container_definitions/image": p["image"],
            f"{task}/container_definitions/name": p["name"],
            f"{task}/container_definitions/portMappings/containerPort": p["port"],
            f"{service}/name": p["name"],
            f"{service}/desired_count": p["tasks"],
            f"{service}/task_definition": Refers(task),
        }

    def aws(self, p):
        container = {"name": p["name"], "image": p["image"], "portMappings": [{"containerPort": p["port"]}]}
        task = {
            "family": p["name"],
            "requires_compatibilities": ["FARGATE"],
            "network_mode": "awsvpc",
            "cpu": 256,
            "memory": 512,
            "container_definitions": jsonencode([container]),
        }
        service = {
            "name": p["name"],
            "cluster": Ref("var.cluster_arn"),
            "task_definition": Ref("aws_ecs_task_definition.this.arn"),
            "launch_type": "FARGATE",
            "desired_count": p["tasks"],
            "network_configuration": Block(subnets=Ref("var.subnet_ids")),
        }
        return "\n".join(
            [
                variable("cluster_arn"),
                variable("subnet_ids", type_="list(string)"),
                resource("aws_ecs_task_definition", task),
                resource("aws_ecs_service", service),
            ]
        )

    def azure_facts(self, p):
        app = "azurerm_container_app"
        return {
            f"{app}/name": p["name"],
            f"{app}/resource_group_name": p["group"],
            f"{app}/template/container/image": p["image"],
            f"{app}/template/container/name": p["name"],
            f"{app}/ingress/target_port": p["port"],
            "azurerm_container_app_environment/location": p["region"],
            "azurerm_container_app_environment/resource_group_name": p["group"],
            f"{app}/container_app_environment_id": Refers("azurerm_container_app_environment"),
        }

    def azure(self, p):
        container = Block(name=p["name"], image=p["image"], cpu=0.5, memory="1Gi")
        app = {
            "name": p["name"],
            "resource_group_name": p["group"],
            "container_app_environment_id": Ref("azurerm_container_app_environment.this.id"),
            "revision_mode": "Single",
            "template": Block(container=container),
            "ingress": Block(target_port=p["port"], traffic_weight=Block(latest_revision=True, percentage=100)),
        }
        environment = resource("azurerm_container_app_environment", {"name": p["name"] + "-env", **azure(p)})
        return environment + "\n" + resource("azurerm_container_app", app)

    def google_facts(self, p):
        service = "google_cloud_run_v2_service"
        return {
            f"{service}/name": p["name"],
            f"{service}/location": p["region"],
            f"{service}/template/containers/image": p["image"],
            f"{service}/template/containers/ports/container_port": p["port"],
        }

    def google(self, p):
        container = Block(image=p["image"], ports=Block(container_port=p["port"]))
        body = {"name": p["name"], "location": p["region"], "template": Block(containers=container)}
        return resource("google_cloud_run_v2_service", body)
