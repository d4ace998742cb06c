"""Things that belong together: a network in three tiers, a static site, a serverless API, EKS with its nodes."""

from acorn.recipes.iac import words
from acorn.recipes.iac.facts import Each, Like, Refers
from acorn.recipes.iac.intents.clouds import Clouded, azure, azure_facts
from acorn.recipes.iac.intents.clusters import MACHINES
from acorn.recipes.iac.intents.elsewhere import BLOCKED
from acorn.recipes.iac.intents.intent import Intent
from acorn.recipes.iac.intents.machines import LOGS, RUNTIMES, trust
from acorn.recipes.iac.intents.networks import RANGES
from acorn.recipes.iac.intents.secrets import secret
from acorn.recipes.iac.render.hcl import Block, Ref, block, expression, jsonencode, resource, variable

CUT = r"\$\{cidrsubnet\(.*\)\}"


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


class StaticSite(Clouded):
    name, kinds, title = "website", ("terraform",), "static website"
    notes = (
        "The site is built from its repository whenever somebody pushes to the branch.",
        "Pages are kept close to their readers, with a certificate that renews itself.",
    )
    thing = "a static website"
    things = {
        "aws": "[a static website in AWS|an Amplify site]",
        "azure": "[a static website in Azure|an Azure static web app]",
    }
    parts = "name {name}; repository {repo}; branch {branch}; {where}"
    train = ("{tool}: {bare} {name}, {repo}, branch {branch}, {where}",)
    held = ("In {tool}, I want {thing} called {name} from {repo}, branch {branch}, {where}.",)

    def sample(self, rng):
        return {
            **self.place(rng, "aws", "azure"),
            "name": words.name(rng),
            "repo": f"{words.word(rng, words.ORGS)}/{words.name(rng)}",
            "branch": rng.choice(("main", "master", "release", "develop")),
        }

    def aws_facts(self, p):
        return {
            "aws_amplify_app/name": p["name"],
            "aws_amplify_app/repository": f"https://github.com/{p['repo']}",
            "aws_amplify_app/access_token": "${var.token}",
            "aws_amplify_app/tags/Environment": p["environment"],
            "aws_amplify_branch/app_id": Refers("aws_amplify_app"),
            "aws_amplify_branch/branch_name": p["branch"],
        }

    def aws(self, p):
        app = {"name": p["name"], "repository": f"https://github.com/{p['repo']}", "access_token": Ref("var.token")}
        branch = {"app_id": Ref("aws_amplify_app.this.id"), "branch_name": p["branch"]}
        app["tags"] = {"Environment": p["environment"]}
        return "\n".join([secret("token"), resource("aws_amplify_app", app), resource("aws_amplify_branch", branch)])

    def azure_facts(self, p):
        site = "azurerm_static_web_app"
        return {
            f"{site}/name": p["name"],
            **azure_facts(site, p),
            f"{site}/repository_url": f"https://github.com/{p['repo']}",
            f"{site}/repository_branch": p["branch"],
            f"{site}/repository_token": "${var.token}",
        }

    def azure(self, p):
        body = {
            "name": p["name"],
            **azure(p),
            "repository_url": f"https://github.com/{p['repo']}",
            "repository_branch": p["branch"],
            "repository_token": Ref("var.token"),
        }
        return secret("token") + "\n" + resource("azurerm_static_web_app", body)


class SiteBucket(Intent):
    name, kinds, title = "site-bucket", ("terraform",), "bucket behind CloudFront"
    notes = (
        "The pages lie in a private bucket; only one distribution of CloudFront may read them.",
        "The condition keeps the distributions of other accounts out.",
    )
    thing = "[a bucket behind CloudFront|a private bucket for a static site]"
    parts = "name {name}; environment {environment}"
    train = ("{tool}: bucket behind CloudFront {name}, {environment}",)
    held = ("In {tool}, I want the bucket {name} behind CloudFront, environment {environment}.",)

    def sample(self, rng):
        return {"name": words.name(rng), "environment": rng.choice(words.ENVIRONMENTS)}

    def terraform_facts(self, p):
        statement = "aws_s3_bucket_policy/policy/Statement"
        return {
            "aws_s3_bucket/bucket": p["name"],
            "aws_s3_bucket/tags/Environment": p["environment"],
            "aws_s3_bucket_public_access_block/bucket": Refers("aws_s3_bucket"),
            "aws_s3_bucket_public_access_block/restrict_public_buckets": True,
            "aws_s3_bucket_policy/bucket": Refers("aws_s3_bucket"),
            f"{statement}/Action": "s3:GetObject",
            f"{statement}/Principal/Service": "cloudfront.amazonaws.com",
            f"{statement}/Condition/StringEquals/AWS:SourceArn": "${var.distribution_arn}",
        }

    def terraform(self, p):
        bucket = {"bucket": Ref("aws_s3_bucket.this.id")}
        statement = {
            "Effect": "Allow",
            "Action": "s3:GetObject",
            "Resource": "${aws_s3_bucket.this.arn}/*",
            "Principal": {"Service": "cloudfront.amazonaws.com"},
            "Condition": {"StringEquals": {'"AWS:SourceArn"': Ref("var.distribution_arn")}},
        }
        policy = jsonencode({"Version": "2012-10-17", "Statement": [statement]})
        return "\n".join(
            [
                variable("distribution_arn"),
                resource("aws_s3_bucket", {"bucket": p["name"], "tags": {"Environment": p["environment"]}}),
                resource("aws_s3_bucket_public_access_block", bucket | dict.fromkeys(BLOCKED, True)),
                resource("aws_s3_bucket_policy", bucket | {"policy": policy}),
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


class ClusterWithNodes(Intent):
    name, kinds, title = "cluster-nodes", ("terraform",), "EKS cluster with nodes and their role"
    notes = (
        "Cluster and machines belong together: both need a role and subnets in two zones.",
        "One role serves the control plane and the nodes here; split it when more than one team works on the cluster.",
    )
    thing = "[an EKS cluster with nodes|EKS with a node group]"
    parts = "name {name}; [type |]{machine}; {nodes} nodes"
    train = ("{tool}: EKS cluster {name}, {nodes} nodes of {machine}",)
    held = ("In {tool}, I want the EKS cluster {name} with {nodes} nodes of {machine}.",)
    POLICIES = [
        "AmazonEKSClusterPolicy",
        "AmazonEKSWorkerNodePolicy",
        "AmazonEKS_CNI_Policy",
        "AmazonEC2ContainerRegistryReadOnly",
    ]

    def sample(self, rng):
        return {"name": words.name(rng), "machine": rng.choice(MACHINES["aws"]), "nodes": rng.randint(2, 9)}

    def terraform_facts(self, p):
        group = "aws_eks_node_group"
        return {
            "aws_iam_role_policy_attachment/role": Refers("aws_iam_role"),
            "aws_iam_role/assume_role_policy/Statement/Principal/Service": {"eks.amazonaws.com", "ec2.amazonaws.com"},
            "aws_eks_cluster/name": p["name"],
            "aws_eks_cluster/role_arn": Refers("aws_iam_role"),
            f"{group}/cluster_name": Refers("aws_eks_cluster"),
            f"{group}/node_role_arn": Refers("aws_iam_role"),
            f"{group}/instance_types": [p["machine"]],
            f"{group}/scaling_config/desired_size": p["nodes"],
        }

    def terraform(self, p):
        who = {"Service": ["eks.amazonaws.com", "ec2.amazonaws.com"]}
        statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": who}
        trusted = jsonencode({"Version": "2012-10-17", "Statement": [statement]})
        attachment = {
            "for_each": Ref(f"toset({expression(self.POLICIES, '  ')})"),
            "role": Ref("aws_iam_role.this.name"),
            "policy_arn": "arn:aws:iam::aws:policy/${each.key}",
        }
        role, subnets = Ref("aws_iam_role.this.arn"), {"subnet_ids": Ref("var.subnet_ids")}
        private = Block(**subnets, endpoint_private_access=True, endpoint_public_access=False)
        group = {
            "cluster_name": Ref("aws_eks_cluster.this.name"),
            "node_role_arn": role,
            **subnets,
            "instance_types": [p["machine"]],
            "scaling_config": Block(min_size=1, max_size=10, desired_size=p["nodes"]),
        }
        return "\n".join(
            [
                variable("subnet_ids", type_="list(string)"),
                resource("aws_iam_role", {"name": p["name"] + "-role", "assume_role_policy": trusted}),
                resource("aws_iam_role_policy_attachment", attachment),
                resource("aws_eks_cluster", {"name": p["name"], "role_arn": role, "vpc_config": private}),
                resource("aws_eks_node_group", group),
            ]
        )


class Platform(Intent):
    name, kinds, title = "platform", ("terraform",), "VPC with EKS, a node group and its roles"
    notes = (
        "Two modules of the registry make it all: network with NAT, cluster, roles and nodes.",
        "The version of a module is fixed, so that a new one comes only when somebody wants it.",
    )
    thing = "[an EKS platform|a VPC with EKS and a node group]"
    parts = "name {name}; [CIDR|range] {cidr}; [type |]{machine}; {nodes} nodes; region {region}"
    train = ("{tool}: EKS platform {name}, {cidr}, {nodes} nodes of {machine}, {region}",)
    held = ("In {tool}, I want the EKS platform {name} in {region}: {nodes} nodes of {machine}, range {cidr}.",)

    def sample(self, rng):
        return {
            "name": words.name(rng),
            "cidr": rng.choice(RANGES),
            "machine": rng.choice(MACHINES["aws"]),
            "nodes": rng.randint(2, 9),
            "region": rng.choice("eu-west-1 eu-central-1 us-east-1 us-west-2".split()),
        }

    def terraform_facts(self, p):
        zones = [f"{p['region']}a", f"{p['region']}b"]
        vpc = {"source": "terraform-aws-modules/vpc/aws", "name": p["name"], "cidr": p["cidr"], "azs": zones}
        eks = {
            "source": "terraform-aws-modules/eks/aws",
            "cluster_name": p["name"],
            "vpc_id": Like(r"\$\{module\.\w+\.vpc_id\}"),
            "subnet_ids": Like(r"\$\{module\.\w+\.private_subnets\}"),
            "eks_managed_node_groups/main/instance_types": [p["machine"]],
            "eks_managed_node_groups/main/desired_size": p["nodes"],
        }
        private = f'${{[for n in range(2) : cidrsubnet("{p["cidr"]}", 8, n)]}}'
        vpc |= {"private_subnets": private, "public_subnets": Like(r"\$\{.*cidrsubnet.*\}")}
        return {"module": Each(vpc, eks)}

    def terraform(self, p):
        cut = lambda n: Ref(f'[for n in range(2) : cidrsubnet("{p["cidr"]}", 8, {n})]')
        vpc = {
            "source": "terraform-aws-modules/vpc/aws",
            "version": "5.21.0",
            "name": p["name"],
            "cidr": p["cidr"],
            "azs": [f"{p['region']}a", f"{p['region']}b"],
            "private_subnets": cut("n"),
            "public_subnets": cut("n + 10"),
            "enable_nat_gateway": True,
        }
        nodes = {"instance_types": [p["machine"]], "max_size": 10, "desired_size": p["nodes"]}
        eks = {
            "source": "terraform-aws-modules/eks/aws",
            "version": "20.37.0",
            "cluster_name": p["name"],
            "vpc_id": Ref("module.vpc.vpc_id"),
            "subnet_ids": Ref("module.vpc.private_subnets"),
            "eks_managed_node_groups": {"main": nodes},
        }
        return block('module "vpc"', vpc) + "\n" + block('module "eks"', eks)
