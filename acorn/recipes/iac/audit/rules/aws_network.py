"""AWS: security groups, networks, load balancers, what stands at the edge."""

from collections.abc import Iterator

from acorn.recipes.iac.audit import network
from acorn.recipes.iac.audit.related import lone
from acorn.recipes.iac.audit.rule import (
    MISSING,
    Hit,
    Item,
    Rule,
    among,
    blocks,
    every,
    itself,
    listed,
    matches,
    must,
    never,
    there,
    unknown,
    when,
)  # fmt: skip

GROUPS = {
    "aws_security_group": network.aws_group,
    "aws_default_security_group": network.aws_group,
    "aws_security_group_rule": network.aws_separate_rule,
    "aws_vpc_security_group_ingress_rule": network.aws_separate_rule,
    "AWS::EC2::SecurityGroup": network.cfn_group,
    "AWS::EC2::SecurityGroupIngress": network.cfn_rule,
}
ACLS = {"aws_network_acl": network.aws_acl, "aws_network_acl_rule": network.aws_acl}
OLD_POLICY = r"ELBSecurityPolicy-(2015|2016|TLS-1-[01]|FS-1-1|FS-2018|TLS13-1-[01])|ELBSecurityPolicy-FS-201"
OLD_EDGE = ("SSLv3", "TLSv1", "TLSv1_2016", "TLSv1.1_2016")


def plain_listener(item: Item) -> Iterator[Hit]:
    """HTTP that is not sent on to HTTPS."""
    cfn = item.type.startswith("AWS::")
    protocol = item.body.get("Protocol" if cfn else "protocol", "" if cfn else "HTTP")
    if item.type.endswith(("lb_listener", "Listener")) and str(protocol).upper() == "HTTP":
        actions = listed(item.body.get("DefaultActions" if cfn else "default_action"))
        for action in actions:
            if unknown(action) or not isinstance(action, dict):
                return
            found = listed(action.get("RedirectConfig" if cfn else "redirect"))
            if any(isinstance(one, dict) and str(one.get("Protocol", one.get("protocol", "HTTPS"))).upper() in
                   ("HTTPS", "#{PROTOCOL}") for one in found):  # fmt: skip
                return
        yield Hit(("Protocol" if cfn else "protocol",), "answers in plain HTTP and does not redirect")


def open_method(item: Item) -> Iterator[Hit]:
    """Neither a login nor a key; browsers ask with OPTIONS before they have either."""
    free = item.body.get("authorization") == "NONE" and not among(item.body.get("api_key_required", False), (True,))
    if free and item.body.get("http_method") != "OPTIONS":
        yield Hit(("authorization",), "authorization is 'NONE'")


def endpoint_open(item: Item) -> Iterator[Hit]:
    """The server of a cluster answers everybody. (A missing argument means yes, from everywhere.)"""
    cfn = item.type.startswith("AWS::")
    access = "EndpointPublicAccess" if cfn else "endpoint_public_access"
    cidrs = "PublicAccessCidrs" if cfn else "public_access_cidrs"
    for path, config in blocks(item, "ResourcesVpcConfig" if cfn else "vpc_config"):
        sources = config.get(cidrs, MISSING)
        if among(config.get(access, True), (True,)) and (sources in (MISSING, []) or network.worldwide(sources)):
            where = access if sources is MISSING else cidrs
            yield Hit((*path, where), "the API server answers the whole internet")


RULES = (
    Rule(
        "ACORN-AWS-020",
        "Every port open to the internet",
        "high",
        {type_: network.everything(openings) for type_, openings in GROUPS.items()},
        "Whatever listens there, now or later, can be reached and tried by everybody.",
        "Open the ports that are needed to the networks that need them.",
        ("CKV_AWS_277", "CIS AWS 5.2"),
    ),
    Rule(
        "ACORN-AWS-021",
        "Sensitive port open to the internet",
        "high",
        {type_: network.sensitive(openings) for type_, openings in GROUPS.items()},
        "Remote shells and databases are found by scanners within minutes and attacked without pause.",
        "Allow your own networks only, or go through a bastion, a VPN or Session Manager.",
        ("CKV_AWS_24", "CKV_AWS_25", "CIS AWS 5.2"),
    ),
    Rule(
        "ACORN-AWS-022",
        "Unusual port open to the internet",
        "medium",
        {type_: network.other(openings) for type_, openings in GROUPS.items()},
        "Beyond 80 and 443 there is seldom a reason to answer the whole world.",
        "Allow the networks that need it, or put a load balancer in front.",
    ),
    Rule(
        "ACORN-AWS-023",
        "Security group or rule without a description",
        "low",
        {
            "aws_security_group": must("description"),
            "aws_security_group_rule": must("description"),
            "aws_vpc_security_group_ingress_rule": must("description"),
            "aws_vpc_security_group_egress_rule": must("description"),
        },
        "In a year nobody knows who may come in and why, and nobody dares to close it.",
        "Say in description what the group is for.",
        ("CKV_AWS_23",),
    ),
    Rule(
        "ACORN-AWS-024",
        "Default network in use",
        "medium",
        {
            "aws_default_vpc": itself("manages the default VPC"),
            "aws_default_subnet": itself("manages a default subnet"),
            "data.aws_vpc": never("default", True),
        },
        "All its subnets are public and everything in the account that names no network lands there.",
        "Make a VPC with private subnets.",
        ("CKV_AWS_148",),
    ),
    Rule(
        "ACORN-AWS-025",
        "Default security group that lets something through",
        "medium",
        {"aws_default_security_group": every(there("ingress?", "has rules"), there("egress?", "has rules"))},
        "Everything that names no security group gets this one.",
        "Leave it without rules.",
        ("CKV2_AWS_12", "CIS AWS 5.4"),
    ),
    Rule(
        "ACORN-AWS-026",
        "Network ACL that opens a sensitive port to the internet",
        "medium",
        {type_: every(network.sensitive(o), network.everything(o)) for type_, o in ACLS.items()},
        "The second line behind the security groups then stops nothing.",
        "Allow the ranges that are needed.",
        ("CKV_AWS_231", "CKV_AWS_232", "CKV_AWS_352"),
    ),
    Rule(
        "ACORN-AWS-027",
        "Subnet that gives public addresses to everything",
        "low",
        {
            "aws_subnet": never("map_public_ip_on_launch", True, fix=False),
            "AWS::EC2::Subnet": never("MapPublicIpOnLaunch", True, fix=False),
        },
        "A machine started there by mistake is on the internet.",
        "Set it to false and ask for an address where one is needed.",
        ("CKV_AWS_130",),
    ),
    Rule(
        "ACORN-AWS-028",
        "VPC without flow logs",
        "low",
        {"aws_vpc": lone("aws_flow_log", "vpc_id")},
        "Without them nobody can say who talked to whom.",
        "Add an aws_flow_log for the VPC.",
        ("CKV2_AWS_11", "CIS AWS 3.7"),
    ),
    Rule(
        "ACORN-AWS-030",
        "Load balancer that answers in plain HTTP",
        "medium",
        {
            "aws_lb_listener": plain_listener,
            "aws_alb_listener": plain_listener,
            "aws_elb": never("listener?/lb_protocol", "http", fix="https"),
            "AWS::ElasticLoadBalancingV2::Listener": plain_listener,
        },
        "Passwords and sessions pass in the clear.",
        "Listen on 443 with a certificate, and let port 80 redirect there.",
        ("CKV_AWS_2", "CKV2_AWS_20"),
    ),
    Rule(
        "ACORN-AWS-031",
        "Load balancer with outdated TLS",
        "medium",
        {
            "aws_lb_listener": matches("ssl_policy", OLD_POLICY, fix="ELBSecurityPolicy-TLS13-1-2-2021-06"),
            "aws_alb_listener": matches("ssl_policy", OLD_POLICY, fix="ELBSecurityPolicy-TLS13-1-2-2021-06"),
            "AWS::ElasticLoadBalancingV2::Listener": matches(
                "SslPolicy", OLD_POLICY, fix="ELBSecurityPolicy-TLS13-1-2-2021-06"
            ),
        },
        "TLS 1.0 and 1.1 and their ciphers have known weaknesses.",
        'Set ssl_policy = "ELBSecurityPolicy-TLS13-1-2-2021-06".',
        ("CKV_AWS_103",),
    ),
    Rule(
        "ACORN-AWS-032",
        "Load balancer without access logs",
        "low",
        {"aws_lb": must("access_logs/enabled", True), "aws_alb": must("access_logs/enabled", True)},
        "Attacks and errors can't be traced to requests.",
        "Add access_logs with a bucket and enabled = true.",
        ("CKV_AWS_91",),
    ),
    Rule(
        "ACORN-AWS-033",
        "Load balancer that passes malformed headers on",
        "low",
        {
            "aws_lb": when(
                "load_balancer_type?",
                ("application",),
                must("drop_invalid_header_fields", True, fix=True),
            ),
            "aws_alb": must("drop_invalid_header_fields", True, fix=True),
        },
        "Malformed headers are how requests are smuggled past the proxy.",
        "Set drop_invalid_header_fields = true.",
        ("CKV_AWS_131",),
    ),
    Rule(
        "ACORN-AWS-034",
        "CloudFront that serves plain HTTP",
        "medium",
        {
            "aws_cloudfront_distribution": every(
                never("default_cache_behavior/viewer_protocol_policy", "allow-all", fix="redirect-to-https"),
                never("ordered_cache_behavior?/viewer_protocol_policy", "allow-all", fix="redirect-to-https"),
            ),
            "AWS::CloudFront::Distribution": every(
                never(
                    "DistributionConfig/DefaultCacheBehavior/ViewerProtocolPolicy", "allow-all", fix="redirect-to-https"
                ),
                never("DistributionConfig/CacheBehaviors?/ViewerProtocolPolicy", "allow-all", fix="redirect-to-https"),
            ),
        },
        "Pages can be read and changed on the way.",
        'Set viewer_protocol_policy = "redirect-to-https".',
        ("CKV_AWS_34",),
    ),
    Rule(
        "ACORN-AWS-035",
        "CloudFront with outdated TLS",
        "medium",
        {
            "aws_cloudfront_distribution": every(
                never("viewer_certificate?/minimum_protocol_version", *OLD_EDGE, fix="TLSv1.2_2021"),
                never("origin?/custom_origin_config?/origin_ssl_protocols", "SSLv3", "TLSv1", "TLSv1.1"),
            ),
            "AWS::CloudFront::Distribution": never(
                "DistributionConfig/ViewerCertificate?/MinimumProtocolVersion", *OLD_EDGE, fix="TLSv1.2_2021"
            ),
        },
        "TLS below 1.2 has known weaknesses.",
        'Set minimum_protocol_version = "TLSv1.2_2021".',
        ("CKV_AWS_174", "CKV2_AWS_54"),
    ),
    Rule(
        "ACORN-AWS-036",
        "API method that asks nobody who they are",
        "medium",
        {
            "aws_api_gateway_method": open_method,
            "aws_apigatewayv2_route": never("authorization_type", "NONE"),
            "aws_lambda_function_url": never("authorization_type", "NONE", fix="AWS_IAM"),
            "AWS::Lambda::Url": never("AuthType", "NONE", fix="AWS_IAM"),
        },
        "Everybody can call it, as often as they like.",
        "Use AWS_IAM, a JWT or an authorizer.",
        ("CKV_AWS_59", "CKV_AWS_258", "CKV_AWS_309"),
    ),
    Rule(
        "ACORN-AWS-037",
        "API domain with outdated TLS",
        "medium",
        {
            "aws_api_gateway_domain_name": never("security_policy", "TLS_1_0", fix="TLS_1_2"),
            "AWS::ApiGateway::DomainName": never("SecurityPolicy", "TLS_1_0", fix="TLS_1_2"),
        },
        "TLS 1.0 has known weaknesses.",
        'Set security_policy = "TLS_1_2".',
        ("CKV_AWS_206",),
    ),
    Rule(
        "ACORN-AWS-038",
        "EKS cluster whose API server answers the internet",
        "medium",
        {"aws_eks_cluster": endpoint_open, "AWS::EKS::Cluster": endpoint_open},
        "One leaked token or one hole in the API server is then enough, from everywhere.",
        "Set endpoint_public_access = false, or name your networks in public_access_cidrs.",
        ("CKV_AWS_38", "CKV_AWS_39"),
    ),
    Rule(
        "ACORN-AWS-039",
        "Load balancer that can be deleted by accident",
        "low",
        {"aws_lb": must("enable_deletion_protection", True, fix=True)},
        "A wrong plan takes the entrance of the service away.",
        "Set enable_deletion_protection = true.",
        ("CKV_AWS_150",),
    ),
)
