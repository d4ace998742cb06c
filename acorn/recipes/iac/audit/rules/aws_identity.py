"""AWS: who may do what, keys, trails, the account."""

from collections.abc import Iterator

from acorn.recipes.iac.audit import policy
from acorn.recipes.iac.audit.rule import Hit, Item, Rule, at_least, every, itself, must, never, there

IDENTITY = {
    "aws_iam_policy": ("policy",),
    "aws_iam_role_policy": ("policy",),
    "aws_iam_user_policy": ("policy",),
    "aws_iam_group_policy": ("policy",),
    "aws_iam_role": ("inline_policy?/policy",),
    "data.aws_iam_policy_document": (),
    "AWS::IAM::Policy": ("PolicyDocument",),
    "AWS::IAM::ManagedPolicy": ("PolicyDocument",),
    "AWS::IAM::Role": ("Policies?/PolicyDocument",),
    "AWS::IAM::User": ("Policies?/PolicyDocument",),
    "AWS::IAM::Group": ("Policies?/PolicyDocument",),
}
TRUST = {"aws_iam_role": ("assume_role_policy",), "AWS::IAM::Role": ("AssumeRolePolicyDocument",)}
RESOURCE = {
    "aws_sqs_queue": ("policy?",),
    "aws_sqs_queue_policy": ("policy",),
    "aws_sns_topic": ("policy?",),
    "aws_sns_topic_policy": ("policy",),
    "aws_kms_key": ("policy?",),
    "aws_kms_key_policy": ("policy",),
    "aws_ecr_repository_policy": ("policy",),
    "aws_secretsmanager_secret_policy": ("policy",),
    "aws_secretsmanager_secret": ("policy?",),
    "aws_efs_file_system_policy": ("policy",),
    "aws_backup_vault_policy": ("policy",),
    "aws_cloudwatch_event_bus_policy": ("policy",),
    "aws_opensearch_domain": ("access_policies?",),
    "aws_opensearch_domain_policy": ("access_policies",),
    "aws_elasticsearch_domain": ("access_policies?",),
    "data.aws_iam_policy_document": (),
    "AWS::SQS::QueuePolicy": ("PolicyDocument",),
    "AWS::SNS::TopicPolicy": ("PolicyDocument",),
    "AWS::KMS::Key": ("KeyPolicy?",),
    "AWS::ECR::Repository": ("RepositoryPolicyText?",),
    "AWS::SecretsManager::ResourcePolicy": ("ResourcePolicy",),
}
ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"
ATTACHMENTS = (
    "aws_iam_role_policy_attachment", "aws_iam_user_policy_attachment", "aws_iam_group_policy_attachment",
    "aws_iam_policy_attachment",
)  # fmt: skip
ROLES = ("AWS::IAM::Role", "AWS::IAM::User", "AWS::IAM::Group")
SYMMETRIC = ("", "SYMMETRIC_DEFAULT")


def kms_symmetric(item: Item) -> bool:
    spec = item.body.get("customer_master_key_spec", item.body.get("key_spec", item.body.get("KeySpec", "")))
    usage = item.body.get("key_usage", item.body.get("KeyUsage", "ENCRYPT_DECRYPT"))
    return spec in SYMMETRIC and usage == "ENCRYPT_DECRYPT"


def rotation(name: str):
    """Only symmetric keys can rotate by themselves."""
    check = must(name, True, fix=True)
    return lambda item: check(item) if kms_symmetric(item) else ()


def open_permission(item: Item) -> Iterator[Hit]:
    cfn = item.type.startswith("AWS::")
    principal = item.body.get("Principal" if cfn else "principal")
    narrow = ("SourceArn", "SourceAccount", "PrincipalOrgID") if cfn else ("source_arn", "source_account",
                                                                          "principal_org_id")  # fmt: skip
    if principal == "*" and not any(item.body.get(name) for name in narrow):
        yield Hit(("Principal" if cfn else "principal",), "everybody may call the function")
    elif str(principal).endswith(".amazonaws.com") and not any(item.body.get(name) for name in narrow):
        yield Hit(("Principal" if cfn else "principal",), f"{principal} may call it for any account")


def secure_string(item: Item) -> Iterator[Hit]:
    from acorn.recipes.iac.audit.secrets import NAME

    name = str(item.body.get("name", item.body.get("Name", item.name)))
    key = "type" if "type" in item.body else "Type"
    if item.body.get(key) in ("String", "StringList") and NAME.search(name.rsplit("/", 1)[-1].lower()):
        yield Hit((key,), f"{name} sounds like a secret and is no SecureString")


RULES = (
    Rule(
        "ACORN-AWS-040",
        "Policy that allows everything",
        "high",
        {type_: policy.everything(*places) for type_, places in IDENTITY.items()},
        "Whoever gets hold of it owns the account.",
        "List the actions and the resources that are needed.",
        ("CKV_AWS_62", "CKV_AWS_1", "CIS AWS 1.16"),
    ),
    Rule(
        "ACORN-AWS-041",
        "Policy with every action of a service",
        "medium",
        {type_: policy.wildcards(*places) for type_, places in IDENTITY.items()},
        "Reading often suffices; a wildcard also deletes, shares and hands out rights.",
        "List the actions that are needed.",
        ("CKV_AWS_63",),
    ),
    Rule(
        "ACORN-AWS-042",
        "Powerful action on every resource",
        "medium",
        {type_: policy.grave(*places) for type_, places in IDENTITY.items()},
        "Such actions lead to all data or to more rights than were meant.",
        "Name the ARNs, or add a condition.",
        ("CKV_AWS_355", "CKV_AWS_356", "CKV_AWS_110"),
    ),
    Rule(
        "ACORN-AWS-043",
        "Allow with NotAction",
        "medium",
        {type_: policy.all_but(*places) for type_, places in IDENTITY.items()},
        "It allows everything else, with every service that Amazon will add.",
        "Allow by Action; use NotAction with Deny.",
    ),
    Rule(
        "ACORN-AWS-044",
        "Role that everybody may take",
        "high",
        {type_: policy.anybody(*places) for type_, places in TRUST.items()},
        "Any AWS account in the world can act with this role.",
        "Name the accounts or services, or add a condition such as an external id.",
        ("CKV_AWS_60",),
    ),
    Rule(
        "ACORN-AWS-045",
        "Resource policy for everybody",
        "high",
        {type_: policy.anybody(*places) for type_, places in RESOURCE.items()},
        'Principal "*" without a condition is the whole internet.',
        "Name the accounts, roles or services, or narrow it by aws:SourceArn or aws:PrincipalOrgID.",
        ("CKV_AWS_33", "CKV_AWS_168", "CKV_AWS_169", "CKV_AWS_32", "CKV_AWS_283"),
    ),
    Rule(
        "ACORN-AWS-046",
        "Administrator rights attached",
        "high",
        {
            **{type_: never("policy_arn", ADMIN) for type_ in ATTACHMENTS},
            "aws_iam_role": never("managed_policy_arns?", ADMIN),
            **{type_: never("ManagedPolicyArns?", ADMIN) for type_ in ROLES},
        },
        "One leaked key of it is the whole account.",
        "Attach a policy with the actions that are needed.",
        ("CKV_AWS_274", "CIS AWS 1.16"),
    ),
    Rule(
        "ACORN-AWS-047",
        "Rights given to a single user",
        "low",
        {
            "aws_iam_user_policy": itself("a policy of one user"),
            "aws_iam_user_policy_attachment": itself("a policy of one user"),
            "aws_iam_policy_attachment": there("users", "get the policy directly"),
            "AWS::IAM::Policy": there("Users?", "get the policy directly"),
            "AWS::IAM::User": every(
                there("Policies?", "belong to the user"), there("ManagedPolicyArns?", "belong to the user")
            ),
        },
        "Rights by person are forgotten when the person moves on.",
        "Give rights to groups or roles.",
        ("CKV_AWS_40", "CIS AWS 1.15"),
    ),
    Rule(
        "ACORN-AWS-048",
        "Long-lived access key",
        "low",
        {
            "aws_iam_access_key": itself("an access key that lasts until somebody deletes it"),
            "AWS::IAM::AccessKey": itself("an access key that lasts until somebody deletes it"),
        },
        "Keys leak, and this one also stands in the state.",
        "Use roles, OIDC for CI, or IAM Identity Center.",
        ("CKV_AWS_273",),
    ),
    Rule(
        "ACORN-AWS-049",
        "Weak password policy",
        "medium",
        {"aws_iam_account_password_policy": at_least("minimum_password_length", 14, fix=14)},
        "Short passwords are guessed.",
        "Set minimum_password_length to 14 or more.",
        ("CKV_AWS_10", "CIS AWS 1.8"),
    ),
    Rule(
        "ACORN-AWS-050",
        "KMS key that is never rotated",
        "medium",
        {"aws_kms_key": rotation("enable_key_rotation"), "AWS::KMS::Key": rotation("EnableKeyRotation")},
        "All that was ever encrypted hangs on one old key.",
        "Set enable_key_rotation = true.",
        ("CKV_AWS_7", "CIS AWS 3.6"),
    ),
    Rule(
        "ACORN-AWS-051",
        "Function that strangers may call",
        "medium",
        {"aws_lambda_permission": open_permission, "AWS::Lambda::Permission": open_permission},
        "Another account's bucket or topic can trigger it (the confused deputy).",
        "Set source_arn, or source_account for S3.",
        ("CKV_AWS_301", "CKV_AWS_364"),
    ),
    Rule(
        "ACORN-AWS-052",
        "Secret in a plain parameter",
        "medium",
        {"aws_ssm_parameter": secure_string, "AWS::SSM::Parameter": secure_string},
        "String parameters lie there in plain text for all who may read parameters.",
        'Use type = "SecureString" or Secrets Manager.',
        ("CKV2_AWS_34",),
    ),
    Rule(
        "ACORN-AWS-053",
        "Secret that can be lost at once",
        "low",
        {"aws_secretsmanager_secret": never("recovery_window_in_days", 0, fix=7)},
        "A deleted secret can't be restored.",
        "Set recovery_window_in_days to 7 or more.",
    ),
    Rule(
        "ACORN-AWS-054",
        "CloudTrail with a gap",
        "medium",
        {
            "aws_cloudtrail": every(
                must("is_multi_region_trail", True, fix=True),
                must("enable_log_file_validation", True, fix=True),
                never("enable_logging", False, fix=True),
            ),
            "AWS::CloudTrail::Trail": every(
                must("IsMultiRegionTrail", True, fix=True),
                must("EnableLogFileValidation", True, fix=True),
                never("IsLogging", False, fix=True),
            ),
        },
        "Attackers work in the regions that nobody watches and change the logs they find.",
        "Set is_multi_region_trail and enable_log_file_validation to true.",
        ("CKV_AWS_67", "CKV_AWS_36", "CIS AWS 3.1", "CIS AWS 3.2"),
    ),
    Rule(
        "ACORN-AWS-055",
        "CloudTrail without a key of its own",
        "low",
        {"aws_cloudtrail": must("kms_key_id"), "AWS::CloudTrail::Trail": must("KMSKeyId")},
        "Whoever may read the bucket reads the trail.",
        "Set kms_key_id.",
        ("CKV_AWS_35", "CIS AWS 3.5"),
    ),
    Rule(
        "ACORN-AWS-056",
        "GuardDuty switched off",
        "medium",
        {
            "aws_guardduty_detector": never("enable", False, fix=True),
            "AWS::GuardDuty::Detector": never("Enable", False, fix=True),
        },
        "Nobody is told of stolen keys and miners.",
        "Set enable = true.",
        ("CKV_AWS_238",),
    ),
)
