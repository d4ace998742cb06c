"""Several things that belong together: a network in three tiers, a static site, a serverless API, a platform on EKS."""

from acorn.recipes.iac import words
from acorn.recipes.iac.facts import Each, Like, Refers
from acorn.recipes.iac.intents.domains import behavior
from acorn.recipes.iac.intents.elsewhere import BLOCKED
from acorn.recipes.iac.intents.intent import Intent
from acorn.recipes.iac.intents.machines import LOGS, RUNTIMES, trust
from acorn.recipes.iac.intents.networks import RANGES
from acorn.recipes.iac.render.hcl import Block, Ref, expression, jsonencode, resource

CUT = r"\$\{cidrsubnet\(.*\)\}"
SUBNETS = Ref("aws_subnet.this[*].id")


class TieredNetwork(Intent):
    name, kinds, title = "tiered-network", ("terraform",), "network in three tiers"
    notes = (
        "What faces the internet stands in public subnets, programs in private ones, data in a tier of its own.",
        "Only the public subnets have a route to the internet.",
    )
    thing = "[a three-tier network|a three-tier VPC]"
    parts = "name {name}; [CIDR|range] {cidr}; {zones} zones"
    train = ("{tool}: three-tier network {name}, {cidr}, {zones} zones",)
    held = ("In {tool}, I want the three-tier network {name}, {zones} zones, range {cidr}.",)
    TIERS = ("public", "private", "data")

    def sample(self, rng):
        return {"name": words.name(rng), "cidr": rng.choice(RANGES), "zones": rng.randint(2, 6)}

    def terraform_facts(self, p):
        subnet = {"count": p["zones"], "vpc_id": Refers("aws_vpc"), "cidr_block": Like(CUT)}
        return {
            "aws_vpc/cidr_block": p["cidr"],
            "aws_vpc/tags/Name": p["name"],
            "aws_subnet": Each(*({**subnet, "tags/Tier": tier} for tier in self.TIERS)),
            "aws_internet_gateway/vpc_id": Refers("aws_vpc"),
            "aws_route_table/route/gateway_id": Refers("aws_internet_gateway"),
            "aws_route_table_association/count": p["zones"],
            "aws_route_table_association/subnet_id": "${aws_subnet.public[count.index].id}",
        }

    def terraform(self, p):
        vpc = {"vpc_id": Ref("aws_vpc.this.id")}
        blocks = [resource("aws_vpc", {"cidr_block": p["cidr"], "tags": {"Name": p["name"]}})]
        for number, tier in enumerate(self.TIERS):
            place = f"count.index + {number * 10}" if number else "count.index"
            address = Ref(f"cidrsubnet(aws_vpc.this.cidr_block, 8, {place})")
            body = {"count": p["zones"], **vpc, "cidr_block": address, "tags": {"Tier": tier}}
            blocks.append(resource("aws_subnet", body, tier))
        route = Block(cidr_block="0.0.0.0/0", gateway_id=Ref("aws_internet_gateway.this.id"))
        association = {
            "count": p["zones"],
            "subnet_id": Ref("aws_subnet.public[count.index].id"),
            "route_table_id": Ref("aws_route_table.this.id"),
        }
        blocks.append(resource("aws_internet_gateway", vpc))
        blocks.append(resource("aws_route_table", {**vpc, "route": route}))
        return "\n".join([*blocks, resource("aws_route_table_association", association)])


class StaticSite(Intent):
    name, kinds, title = "website", ("terraform",), "static website"
    notes = (
        "The pages lie in a private bucket; only the CDN may read them.",
        "CloudFront signs its requests to the bucket, so that nobody can go around it.",
    )
    thing = "[a static website|a static site]"
    parts = "bucket {name}; price class {price}"
    train = ("{tool}: static website, bucket {name}, price class {price}",)
    held = ("In {tool}, I want the static website with price class {price}, bucket {name}.",)

    def sample(self, rng):
        return {"name": words.name(rng), "price": rng.choice(("PriceClass_100", "PriceClass_200", "PriceClass_All"))}

    def terraform_facts(self, p):
        cdn, control = "aws_cloudfront_distribution", "aws_cloudfront_origin_access_control"
        return {
            "aws_s3_bucket/bucket": p["name"],
            "aws_s3_bucket_public_access_block/bucket": Refers("aws_s3_bucket"),
            "aws_s3_bucket_public_access_block/restrict_public_buckets": True,
            f"{cdn}/price_class": p["price"],
            f"{cdn}/origin/domain_name": Refers("aws_s3_bucket"),
            f"{cdn}/origin/origin_access_control_id": Refers(control),
            f"{control}/signing_protocol": "sigv4",
        }

    def terraform(self, p):
        blocked = {"bucket": Ref("aws_s3_bucket.this.id"), **dict.fromkeys(BLOCKED, True)}
        control = {
            "name": p["name"] + "-site",
            "origin_access_control_origin_type": "s3",
            "signing_behavior": "always",
            "signing_protocol": "sigv4",
        }
        origin = Block(
            domain_name=Ref("aws_s3_bucket.this.bucket_regional_domain_name"),
            origin_id="site",
            origin_access_control_id=Ref("aws_cloudfront_origin_access_control.this.id"),
        )
        cdn = {
            "enabled": True,
            "default_root_object": "index.html",
            "price_class": p["price"],
            "origin": origin,
            "default_cache_behavior": behavior(),
            "restrictions": Block(geo_restriction=Block(restriction_type="none")),
            "viewer_certificate": Block(cloudfront_default_certificate=True),
        }
        return "\n".join(
            [
                resource("aws_s3_bucket", {"bucket": p["name"]}),
                resource("aws_s3_bucket_public_access_block", blocked),
                resource("aws_cloudfront_origin_access_control", control),
                resource("aws_cloudfront_distribution", cdn),
            ]
        )


class ServerlessApi(Intent):
    name, kinds, title = "serverless-api", ("terraform",), "serverless API"
    notes = (
        "An HTTP API calls a function for every request; nothing runs, and nothing costs, without requests.",
        "The function has to allow the API to call it.",
    )
    thing = "[a serverless API|an HTTP API with a Lambda]"
    parts = "name {name}; [runtime |]{runtime}; [memory {memory}|{memory} MB]"
    train = ("{tool}: serverless API {name}, {runtime}, {memory} MB",)
    held = ("In {tool}, I want the serverless API {name}, {memory} MB, runtime {runtime}.",)

    def sample(self, rng):
        memory = rng.choice((128, 192, 256, 384, 512, 768, 1024, 1536, 2048))
        return {"name": words.name(rng), "runtime": rng.choice(RUNTIMES), "memory": memory}

    def terraform_facts(self, p):
        function, api = "aws_lambda_function", "aws_apigatewayv2_api"
        return {
            "aws_iam_role/assume_role_policy/Statement/Principal/Service": "lambda.amazonaws.com",
            "aws_iam_role_policy_attachment/role": Refers("aws_iam_role"),
            "aws_iam_role_policy_attachment/policy_arn": LOGS,
            f"{function}/function_name": p["name"],
            f"{function}/runtime": p["runtime"],
            f"{function}/memory_size": p["memory"],
            f"{function}/role": Refers("aws_iam_role"),
            f"{api}/name": p["name"],
            f"{api}/protocol_type": "HTTP",
            f"{api}/target": Refers(function),
            "aws_lambda_permission/function_name": Refers(function),
            "aws_lambda_permission/principal": "apigateway.amazonaws.com",
        }

    def terraform(self, p):
        role = {"name": p["name"] + "-role", "assume_role_policy": jsonencode(trust("lambda"))}
        function = {
            "function_name": p["name"],
            "role": Ref("aws_iam_role.this.arn"),
            "runtime": p["runtime"],
            "handler": "main.handler",
            "filename": "main.zip",
            "memory_size": p["memory"],
        }
        api = {"name": p["name"], "protocol_type": "HTTP", "target": Ref("aws_lambda_function.this.arn")}
        permission = {
            "action": "lambda:InvokeFunction",
            "function_name": Ref("aws_lambda_function.this.function_name"),
            "principal": "apigateway.amazonaws.com",
            "source_arn": "${aws_apigatewayv2_api.this.execution_arn}/*/*",
        }
        return "\n".join(
            [
                resource("aws_iam_role", role),
                resource("aws_iam_role_policy_attachment", {"role": Ref("aws_iam_role.this.name"), "policy_arn": LOGS}),
                resource("aws_lambda_function", function),
                resource("aws_apigatewayv2_api", api),
                resource("aws_lambda_permission", permission),
            ]
        )


class Platform(Intent):
    name, kinds, title = "platform", ("terraform",), "VPC with EKS, a node group and its role"
    notes = (
        "Network, cluster and machines belong together: the cluster needs subnets, the machines need a role.",
        "One role serves the control plane and the nodes here; split it when more than one team works on the cluster.",
    )
    thing = "[an EKS platform|a VPC with EKS and a node group]"
    parts = "name {name}; [CIDR|range] {cidr}; [type |]{machine}; {nodes} nodes"
    train = ("{tool}: EKS platform {name}, {cidr}, {nodes} nodes of {machine}",)
    held = ("In {tool}, I want the EKS platform {name} with {nodes} nodes of {machine}, range {cidr}.",)
    POLICIES = (
        "AmazonEKSClusterPolicy",
        "AmazonEKSWorkerNodePolicy",
        "AmazonEKS_CNI_Policy",
        "AmazonEC2ContainerRegistryReadOnly",
    )

    def sample(self, rng):
        return {
            "name": words.name(rng),
            "cidr": rng.choice(RANGES),
            "machine": rng.choice("t3.medium t3.large m5.large m6i.large m7i.xlarge c6i.large".split()),
            "nodes": rng.randint(2, 9),
        }

    def terraform_facts(self, p):
        group = "aws_eks_node_group"
        return {
            "aws_vpc/cidr_block": p["cidr"],
            "aws_subnet/vpc_id": Refers("aws_vpc"),
            "aws_subnet/cidr_block": Like(CUT),
            "aws_iam_role_policy_attachment/role": Refers("aws_iam_role"),
            "aws_eks_cluster/name": p["name"],
            "aws_eks_cluster/role_arn": Refers("aws_iam_role"),
            "aws_iam_role/assume_role_policy/Statement/Principal/Service": {"eks.amazonaws.com", "ec2.amazonaws.com"},
            f"{group}/cluster_name": Refers("aws_eks_cluster"),
            f"{group}/node_role_arn": Refers("aws_iam_role"),
            f"{group}/instance_types": [p["machine"]],
            f"{group}/scaling_config/desired_size": p["nodes"],
        }

    def terraform(self, p):
        subnet = {
            "count": 2,
            "vpc_id": Ref("aws_vpc.this.id"),
            "cidr_block": Ref("cidrsubnet(aws_vpc.this.cidr_block, 8, count.index)"),
        }
        who = {"Service": ["eks.amazonaws.com", "ec2.amazonaws.com"]}
        statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": who}
        trusted = jsonencode({"Version": "2012-10-17", "Statement": [statement]})
        attachment = {
            "for_each": Ref(f"toset({expression(list(self.POLICIES))})"),
            "role": Ref("aws_iam_role.this.name"),
            "policy_arn": "arn:aws:iam::aws:policy/${each.key}",
        }
        role = Ref("aws_iam_role.this.arn")
        group = {
            "cluster_name": Ref("aws_eks_cluster.this.name"),
            "node_role_arn": role,
            "subnet_ids": SUBNETS,
            "instance_types": [p["machine"]],
            "scaling_config": Block(min_size=1, max_size=10, desired_size=p["nodes"]),
        }
        private = Block(subnet_ids=SUBNETS, endpoint_private_access=True, endpoint_public_access=False)
        cluster = {"name": p["name"], "role_arn": role, "vpc_config": private}
        return "\n".join(
            [
                resource("aws_vpc", {"cidr_block": p["cidr"]}),
                resource("aws_subnet", subnet),
                resource("aws_iam_role", {"name": p["name"] + "-role", "assume_role_policy": trusted}),
                resource("aws_iam_role_policy_attachment", attachment),
                resource("aws_eks_cluster", cluster),
                resource("aws_eks_node_group", group),
            ]
        )
