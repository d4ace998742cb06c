"""AWS: buckets, volumes, file systems, registries."""

from acorn.recipes.iac.audit import policy
from acorn.recipes.iac.audit.related import lone
from acorn.recipes.iac.audit.rule import Rule, every, matches, must, never

PUBLIC_ACLS = ("public-read", "public-read-write", "authenticated-read")
GROUPS = r"acs\.amazonaws\.com/groups/global/(AllUsers|AuthenticatedUsers)"
BLOCKS = ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")
CFN_BLOCKS = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
BUCKET_POLICIES = {"aws_s3_bucket_policy": "policy", "AWS::S3::BucketPolicy": "PolicyDocument"}


RULES = (
    Rule(
        "ACORN-AWS-001",
        "S3 bucket open to everybody",
        "high",
        {
            "aws_s3_bucket": never("acl", *PUBLIC_ACLS, fix="private"),
            "aws_s3_bucket_acl": every(
                never("acl", *PUBLIC_ACLS, fix="private"),
                matches("access_control_policy?/grant?/grantee?/uri?", GROUPS),
            ),
            "AWS::S3::Bucket": never(
                "AccessControl", "PublicRead", "PublicReadWrite", "AuthenticatedRead", fix="Private"
            ),
        },
        "A public ACL gives every object to whoever finds the name; scanners try names all day.",
        'Set the ACL to "private" and share single objects by a bucket policy, signed URLs or CloudFront.',
        ("CKV_AWS_20", "CKV_AWS_57"),
    ),
    Rule(
        "ACORN-AWS-002",
        "S3 bucket without a public access block",
        "medium",
        {
            "aws_s3_bucket": lone("aws_s3_bucket_public_access_block", "bucket"),
            "AWS::S3::Bucket": must("PublicAccessBlockConfiguration"),
        },
        "Without it one careless ACL or policy, now or later, makes the bucket public.",
        "Add an aws_s3_bucket_public_access_block (PublicAccessBlockConfiguration) with all four settings true.",
        ("CKV2_AWS_6",),
    ),
    Rule(
        "ACORN-AWS-003",
        "Public access block with a gap",
        "high",
        {
            "aws_s3_bucket_public_access_block": every(*(must(name, True, fix=True) for name in BLOCKS)),
            "aws_s3_account_public_access_block": every(*(must(name, True, fix=True) for name in BLOCKS)),
            "AWS::S3::Bucket": every(
                *(must(f"PublicAccessBlockConfiguration?/{name}", True, fix=True) for name in CFN_BLOCKS)
            ),
        },
        "Each of the four settings closes another way to the public; a missing one counts as false.",
        "Set all four settings to true.",
        ("CKV_AWS_53", "CKV_AWS_54", "CKV_AWS_55", "CKV_AWS_56"),
    ),
    Rule(
        "ACORN-AWS-004",
        "S3 bucket without an encryption of its own",
        "low",
        {
            "aws_s3_bucket": lone(
                "aws_s3_bucket_server_side_encryption_configuration",
                "bucket",
                own="server_side_encryption_configuration",
            ),
            "AWS::S3::Bucket": must("BucketEncryption"),
        },
        "Amazon's default key can't be withheld, rotated or logged by you.",
        "Add an encryption configuration, best with a KMS key of your own.",
        ("CKV_AWS_19", "CKV_AWS_145"),
    ),
    Rule(
        "ACORN-AWS-005",
        "S3 bucket without versioning",
        "low",
        {
            "aws_s3_bucket": lone("aws_s3_bucket_versioning", "bucket", own="versioning"),
            "aws_s3_bucket_versioning": must("versioning_configuration/status", "Enabled", fix="Enabled"),
            "AWS::S3::Bucket": must("VersioningConfiguration/Status", "Enabled"),
        },
        "An overwritten or deleted object is gone, and ransomware counts on it.",
        'Enable versioning (status = "Enabled").',
        ("CKV_AWS_21",),
    ),
    Rule(
        "ACORN-AWS-006",
        "S3 bucket without access logs",
        "low",
        {
            "aws_s3_bucket": lone("aws_s3_bucket_logging", "bucket", own="logging"),
            "AWS::S3::Bucket": must("LoggingConfiguration"),
        },
        "After an incident nobody can say who read what.",
        "Add an aws_s3_bucket_logging (LoggingConfiguration) that writes to a bucket for logs.",
        ("CKV_AWS_18",),
    ),
    Rule(
        "ACORN-AWS-007",
        "Bucket policy for everybody",
        "high",
        {type_: policy.anybody(place) for type_, place in BUCKET_POLICIES.items()},
        'Principal "*" without a condition is the whole internet, with or without an AWS account.',
        "Name the accounts or roles, or narrow it by a condition such as aws:PrincipalOrgID.",
        ("CKV_AWS_70",),
    ),
    Rule(
        "ACORN-AWS-010",
        "EBS volume without encryption",
        "high",
        {
            "aws_ebs_volume": must("encrypted", True, fix=True),
            "aws_ebs_snapshot_copy": must("encrypted", True, fix=True),
            "AWS::EC2::Volume": must("Encrypted", True, fix=True),
        },
        "Snapshots and detached volumes can be read by whoever gets at them.",
        "Set encrypted = true, with kms_key_id for a key of your own.",
        ("CKV_AWS_3",),
    ),
    Rule(
        "ACORN-AWS-011",
        "Disk of an instance without encryption",
        "medium",
        {
            "aws_instance": every(
                must("root_block_device?/encrypted", True, fix=True),
                must("ebs_block_device?/encrypted", True, fix=True),
            ),
            "aws_launch_configuration": every(
                must("root_block_device?/encrypted", True, fix=True),
                must("ebs_block_device?/encrypted", True, fix=True),
            ),
            "aws_launch_template": must("block_device_mappings?/ebs?/encrypted", True, fix=True),
            "AWS::EC2::Instance": must("BlockDeviceMappings?/Ebs?/Encrypted", True, fix=True),
            "AWS::EC2::LaunchTemplate": must("LaunchTemplateData?/BlockDeviceMappings?/Ebs?/Encrypted", True, fix=True),
        },
        "What the machine writes lies on the disk and in its snapshots in plain form.",
        "Set encrypted = true on every block device.",
        ("CKV_AWS_8",),
    ),
    Rule(
        "ACORN-AWS-012",
        "EBS encryption switched off for the account",
        "high",
        {"aws_ebs_encryption_by_default": never("enabled", False, fix=True)},
        "Every new volume of the region is then plain unless somebody remembers to ask.",
        "Set enabled = true.",
        ("CKV_AWS_106",),
    ),
    Rule(
        "ACORN-AWS-013",
        "Machine image shared with everybody",
        "high",
        {"aws_ami_launch_permission": never("group?", "all")},
        "Everything that was ever written to the image can be read by every account.",
        "Name the accounts that may launch it.",
        ("CKV_AWS_205",),
    ),
    Rule(
        "ACORN-AWS-014",
        "EFS file system without encryption",
        "high",
        {
            "aws_efs_file_system": must("encrypted", True, fix=True),
            "AWS::EFS::FileSystem": must("Encrypted", True, fix=True),
        },
        "It can't be switched on later: the file system has to be made anew.",
        "Set encrypted = true.",
        ("CKV_AWS_42",),
    ),
    Rule(
        "ACORN-AWS-015",
        "Container registry with tags that can be moved",
        "medium",
        {
            "aws_ecr_repository": must(
                "image_tag_mutability", "IMMUTABLE", "IMMUTABLE_WITH_EXCLUSION", fix="IMMUTABLE"
            ),
            "AWS::ECR::Repository": must(
                "ImageTagMutability", "IMMUTABLE", "IMMUTABLE_WITH_EXCLUSION", fix="IMMUTABLE"
            ),
        },
        "Whoever may push can replace the image behind a tag that was tested.",
        'Set image_tag_mutability = "IMMUTABLE".',
        ("CKV_AWS_51",),
    ),
    Rule(
        "ACORN-AWS-016",
        "Container registry that does not scan images",
        "low",
        {
            "aws_ecr_repository": must("image_scanning_configuration/scan_on_push", True, fix=True),
            "AWS::ECR::Repository": must("ImageScanningConfiguration/ScanOnPush", True),
        },
        "Known holes in an image stay unknown until somebody looks.",
        "Set scan_on_push = true.",
        ("CKV_AWS_163",),
    ),
    Rule(
        "ACORN-AWS-017",
        "S3 bucket that is deleted with all it holds",
        "low",
        {"aws_s3_bucket": never("force_destroy", True, fix=False)},
        "One destroy takes the data along.",
        "Leave force_destroy out, or set it to false, wherever the data matters.",
    ),
    Rule(
        "ACORN-AWS-018",
        "Website of a bucket that redirects to plain HTTP",
        "medium",
        {"aws_s3_bucket_website_configuration": must("redirect_all_requests_to?/protocol", "https", fix="https")},
        "What comes in plain HTTP can be read and changed on the way.",
        'Set protocol = "https".',
    ),
)
