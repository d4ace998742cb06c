"""AWS: machines, containers, functions, clusters; tags on everything."""

from collections.abc import Iterator

from acorn.recipes.iac.audit.images import floats
from acorn.recipes.iac.audit.rule import Hit, Item, Rule, blocks, every, listed, matches, must, never, unknown

OLD_RUNTIMES = (
    "python2.7", "python3.6", "python3.7", "python3.8", "nodejs", "nodejs4.3", "nodejs6.10", "nodejs8.10",
    "nodejs10.x", "nodejs12.x", "nodejs14.x", "nodejs16.x", "nodejs18.x", "dotnetcore1.0", "dotnetcore2.0",
    "dotnetcore2.1", "dotnetcore3.1", "dotnet5.0", "dotnet6", "dotnet7", "java8", "go1.x", "ruby2.5", "ruby2.7",
    "provided",
)  # fmt: skip
TAGGED = (
    "aws_s3_bucket", "aws_instance", "aws_db_instance", "aws_rds_cluster", "aws_vpc", "aws_subnet",
    "aws_security_group", "aws_lb", "aws_ebs_volume", "aws_efs_file_system", "aws_dynamodb_table",
    "aws_lambda_function", "aws_ecs_cluster", "aws_ecs_service", "aws_eks_cluster", "aws_eks_node_group",
    "aws_ecr_repository", "aws_kms_key", "aws_sqs_queue", "aws_sns_topic", "aws_cloudwatch_log_group",
    "aws_elasticache_replication_group", "aws_redshift_cluster", "aws_iam_role", "aws_secretsmanager_secret",
    "aws_opensearch_domain", "aws_kinesis_stream", "aws_cloudfront_distribution", "aws_nat_gateway",
    "aws_vpc_endpoint", "aws_vpc_peering_connection", "aws_route53_zone", "aws_acm_certificate", "aws_ssm_parameter",
    "aws_internet_gateway", "aws_route_table", "aws_eip", "aws_launch_template", "aws_lb_target_group",
    "aws_ecs_task_definition", "aws_cloudtrail", "aws_api_gateway_rest_api", "aws_apigatewayv2_api",
    "aws_sfn_state_machine", "aws_cloudwatch_metric_alarm", "aws_backup_vault", "aws_db_subnet_group",
)  # fmt: skip
METADATA = "metadata_options/http_tokens"


def untagged(item: Item) -> Iterator[Hit]:
    """No tags of its own, and no default_tags of a provider in the folder."""
    tags = item.body.get("tags", item.body.get("tags_all"))
    if tags not in (None, {}, ""):
        return
    if any(one.body.get("default_tags") for one in item.folder.of("provider")):
        return
    yield Hit(("tags",), "has no tags")


def containers(item: Item) -> Iterator[tuple[tuple, dict]]:
    key = "container_definitions" if "container_definitions" in item.body else "ContainerDefinitions"
    for index, one in enumerate(listed(item.body.get(key))):
        if isinstance(one, dict):
            yield (key, index), one


def privileged(item: Item) -> Iterator[Hit]:
    for path, one in containers(item):
        name = "privileged" if "privileged" in one else "Privileged"
        if str(one.get(name)).lower() == "true":
            yield Hit((*path, name), f"{name} is true")


def floating(item: Item) -> Iterator[Hit]:
    for path, one in containers(item):
        name = "image" if "image" in one else "Image"
        if floats(one.get(name)):
            yield Hit((*path, name), f"the image is {one[name]!r}")


def no_insights(item: Item) -> Iterator[Hit]:
    for one in listed(item.body.get("setting")):
        if isinstance(one, dict) and (unknown(one.get("value")) or one.get("value") in ("enabled", "enhanced")):
            return
    yield Hit(("setting",), "containerInsights is not enabled")


def plain_secrets(item: Item) -> Iterator[Hit]:
    config = item.body.get("encryption_config")
    if not unknown(config) and not any(isinstance(one, dict) and one.get("resources") for one in listed(config)):
        yield Hit(("encryption_config",), "has no encryption_config for secrets")


def few_logs(item: Item) -> Iterator[Hit]:
    types = item.body.get("enabled_cluster_log_types")
    if not unknown(types) and not {"api", "audit", "authenticator"} <= set(map(str, listed(types))):
        yield Hit(("enabled_cluster_log_types",), "api, audit and authenticator are not all logged")


def open_nodes(item: Item) -> Iterator[Hit]:
    for path, one in blocks(item, "remote_access?"):
        if one.get("ec2_ssh_key") and not one.get("source_security_group_ids"):
            yield Hit((*path, "ec2_ssh_key"), "SSH has no source_security_group_ids")


RULES = (
    Rule(
        "ACORN-AWS-080",
        "Instance metadata without a session (IMDSv1)",
        "medium",
        {
            "aws_instance": must(METADATA, "required", fix="required"),
            "aws_launch_template": must(METADATA, "required", fix="required"),
            "aws_launch_configuration": must(METADATA, "required", fix="required"),
            "AWS::EC2::LaunchTemplate": must("LaunchTemplateData/MetadataOptions/HttpTokens", "required"),
        },
        "One forged request out of a web application reads the keys of the machine's role.",
        'Set metadata_options { http_tokens = "required" }.',
        ("CKV_AWS_79", "CIS AWS 5.6"),
    ),
    Rule(
        "ACORN-AWS-081",
        "Machine with a public address",
        "medium",
        {
            "aws_instance": never("associate_public_ip_address", True, fix=False),
            "aws_launch_configuration": never("associate_public_ip_address", True, fix=False),
            "aws_launch_template": never("network_interfaces?/associate_public_ip_address", True, fix=False),
            "AWS::EC2::Instance": never("NetworkInterfaces?/AssociatePublicIpAddress", True, fix=False),
            "AWS::AutoScaling::LaunchConfiguration": never("AssociatePublicIpAddress", True, fix=False),
        },
        "It can be reached from everywhere as soon as a security group lets it.",
        "Keep machines in private subnets behind a load balancer; reach them through Session Manager.",
        ("CKV_AWS_88", "CKV_AWS_389"),
    ),
    Rule(
        "ACORN-AWS-082",
        "Service whose tasks get public addresses",
        "medium",
        {
            "aws_ecs_service": never("network_configuration?/assign_public_ip", True, fix=False),
            "AWS::ECS::Service": never(
                "NetworkConfiguration?/AwsvpcConfiguration?/AssignPublicIp", "ENABLED", fix="DISABLED"
            ),
        },
        "Every task can be reached past the load balancer.",
        "Set assign_public_ip = false and give the subnets a way out (NAT or endpoints).",
        ("CKV_AWS_333",),
    ),
    Rule(
        "ACORN-AWS-083",
        "Privileged container in a task",
        "high",
        {"aws_ecs_task_definition": privileged, "AWS::ECS::TaskDefinition": privileged},
        "A privileged container is root on its host.",
        "Drop privileged; add the one capability that is needed.",
        ("CKV_AWS_334",),
    ),
    Rule(
        "ACORN-AWS-084",
        "Task with an image that can change",
        "medium",
        {"aws_ecs_task_definition": floating, "AWS::ECS::TaskDefinition": floating},
        "Two tasks of one revision can run different code.",
        "Name a version or a digest.",
    ),
    Rule(
        "ACORN-AWS-085",
        "Task that shares its host's processes or network",
        "medium",
        {
            "aws_ecs_task_definition": every(never("pid_mode", "host"), never("ipc_mode", "host")),
            "AWS::ECS::TaskDefinition": every(never("PidMode", "host"), never("IpcMode", "host")),
        },
        "It sees and reaches what other tasks on the host do.",
        'Leave pid_mode and ipc_mode out, or set them to "task".',
        ("CKV_AWS_335",),
    ),
    Rule(
        "ACORN-AWS-086",
        "Cluster without container insights",
        "low",
        {
            "aws_ecs_cluster": no_insights,
        },
        "Crashes and attacks leave no measurements.",
        'Add setting { name = "containerInsights" value = "enabled" }.',
        ("CKV_AWS_65",),
    ),
    Rule(
        "ACORN-AWS-087",
        "Function on a runtime without support",
        "medium",
        {
            "aws_lambda_function": never("runtime", *OLD_RUNTIMES),
            "AWS::Lambda::Function": never("Runtime", *OLD_RUNTIMES),
            "AWS::Serverless::Function": never("Runtime", *OLD_RUNTIMES),
        },
        "It gets no security fixes any more, and AWS stops deploying it.",
        "Move to a supported runtime.",
        ("CKV_AWS_363",),
    ),
    Rule(
        "ACORN-AWS-088",
        "Function without tracing",
        "low",
        {
            "aws_lambda_function": must("tracing_config/mode", "Active", "PassThrough", fix="Active"),
            "AWS::Lambda::Function": must("TracingConfig/Mode", "Active", "PassThrough"),
        },
        "Slow and failing calls can't be followed through the services.",
        'Set tracing_config { mode = "Active" }.',
        ("CKV_AWS_50",),
    ),
    Rule(
        "ACORN-AWS-089",
        "EKS secrets without encryption",
        "low",
        {
            "aws_eks_cluster": plain_secrets,
            "AWS::EKS::Cluster": must("EncryptionConfig"),
        },
        "Amazon encrypts them with a key of its own since 1.28, which you can't withhold, rotate or log.",
        'Add encryption_config { resources = ["secrets"] provider { key_arn = ... } }.',
        ("CKV_AWS_58",),
    ),
    Rule(
        "ACORN-AWS-090",
        "EKS without logs of its control plane",
        "low",
        {
            "aws_eks_cluster": few_logs,
            "AWS::EKS::Cluster": must("Logging/ClusterLogging/EnabledTypes"),
        },
        "Nobody can say who did what in the cluster.",
        'Set enabled_cluster_log_types = ["api", "audit", "authenticator"].',
        ("CKV_AWS_37",),
    ),
    Rule(
        "ACORN-AWS-091",
        "Nodes that everybody may reach by SSH",
        "high",
        {
            "aws_eks_node_group": open_nodes,
        },
        "Without source groups, port 22 of every node is opened to the internet.",
        "Set source_security_group_ids, or drop the key and use Session Manager.",
        ("CKV_AWS_100",),
    ),
    Rule(
        "ACORN-AWS-092",
        "Resource without tags",
        "low",
        {type_: untagged for type_ in TAGGED},
        "Nobody knows whose it is, what it belongs to and who pays.",
        "Add tags, or default_tags in the provider.",
    ),
    Rule(
        "ACORN-AWS-093",
        "Notebook with a way to the internet or root",
        "medium",
        {
            "aws_sagemaker_notebook_instance": every(
                must("direct_internet_access", "Disabled", fix="Disabled"),
                must("root_access", "Disabled", fix="Disabled"),
            ),
            "AWS::SageMaker::NotebookInstance": every(
                must("DirectInternetAccess", "Disabled", fix="Disabled"),
                must("RootAccess", "Disabled", fix="Disabled"),
            ),
        },
        "Whatever runs in the notebook can carry the data away.",
        'Set direct_internet_access and root_access to "Disabled".',
        ("CKV_AWS_122", "CKV_AWS_307"),
    ),
    Rule(
        "ACORN-AWS-094",
        "Build that runs privileged",
        "medium",
        {
            "aws_codebuild_project": never("environment?/privileged_mode", True, fix=False),
            "AWS::CodeBuild::Project": never("Environment?/PrivilegedMode", True, fix=False),
        },
        "What is built can break out to the host of the build.",
        "Build images without a daemon (kaniko, buildah), or keep such builds apart.",
        ("CKV_AWS_316",),
    ),
    Rule(
        "ACORN-AWS-095",
        "Script of a machine that fetches in plain HTTP",
        "medium",
        {
            "aws_instance": matches("user_data?", r"(?:curl|wget)\s[^\n|]*\bhttp://(?!169\.254|localhost|127\.)"),
            "aws_launch_template": matches(
                "user_data?", r"(?:curl|wget)\s[^\n|]*\bhttp://(?!169\.254|localhost|127\.)"
            ),
        },
        "Whoever stands on the way decides what is run as root.",
        "Fetch by https and check a digest.",
    ),
)  # fmt: skip
