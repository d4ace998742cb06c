"""What answers on the web: zones, records, certificates, load balancers, a CDN, a firewall for requests."""

from acorn.recipes.iac import words
from acorn.recipes.iac.facts import Refers
from acorn.recipes.iac.intents.clouds import Clouded
from acorn.recipes.iac.intents.intent import Intent
from acorn.recipes.iac.render.cloudformation import stack
from acorn.recipes.iac.render.hcl import Block, Ref, resource, variable

ENDS = "com org net io dev app".split()


def domain(rng) -> str:
    return f"{words.word(rng)}.{rng.choice(ENDS)}"


class Zone(Clouded):
    name, kinds, title = "dns-zone", ("terraform", "cloudformation"), "DNS zone"
    notes = (
        "A zone holds the records of a domain; the registrar of the domain has to name its servers.",
        "The name of a zone in Google Cloud ends in a dot.",
    )
    thing = "a DNS zone"
    things = {
        "aws": "[a Route 53 zone|a DNS zone in AWS]",
        "azure": "[an Azure DNS zone|a DNS zone in Azure]",
        "google": "[a Cloud DNS zone|a DNS zone in Google Cloud]",
    }
    parts = "domain {domain}; {where}"
    train = ("{tool}: {bare} {domain}, {where}", "{domain}: {bare}, {where}, {tool}")
    held = ("In {tool}, I want {thing} for {domain}, {where}.",)

    def sample(self, rng):
        cloud = rng.choice(("aws", "aws", "azure", "google"))
        host = f"{words.word(rng)}.{domain(rng)}" if rng.random() < 0.4 else domain(rng)
        return {
            "cloud": cloud,
            "domain": host,
            "environment": rng.choice(words.ENVIRONMENTS) if cloud == "aws" else None,
            "group": f"{words.word(rng)}-rg" if cloud == "azure" else None,
            "zone": words.name(rng) if cloud == "google" else None,
        }

    def fits(self, p, kind):
        said = [p[key] is not None for key in ("environment", "group", "zone")]
        aws = p["cloud"] == "aws"
        return said == [aws, p["cloud"] == "azure", p["cloud"] == "google"] and (aws or kind == "terraform")

    def slots(self, p):
        places = {
            "aws": "environment {environment}",
            "azure": "resource group {group}",
            "google": "name {zone}",
        }
        return {**p, "thing": self.things[p["cloud"]], "where": places[p["cloud"]].format_map(p)}

    def aws_facts(self, p):
        return {"aws_route53_zone/name": p["domain"], "aws_route53_zone/tags/Environment": p["environment"]}

    def aws(self, p):
        return resource("aws_route53_zone", {"name": p["domain"], "tags": {"Environment": p["environment"]}})

    def azure_facts(self, p):
        return {"azurerm_dns_zone/name": p["domain"], "azurerm_dns_zone/resource_group_name": p["group"]}

    def azure(self, p):
        return resource("azurerm_dns_zone", {"name": p["domain"], "resource_group_name": p["group"]})

    def google_facts(self, p):
        return {"google_dns_managed_zone/name": p["zone"], "google_dns_managed_zone/dns_name": f"{p['domain']}."}

    def google(self, p):
        return resource("google_dns_managed_zone", {"name": p["zone"], "dns_name": f"{p['domain']}."})

    def cloudformation_facts(self, p):
        zone = "AWS::Route53::HostedZone"
        return {f"{zone}/Name": p["domain"], f"{zone}/HostedZoneTags/Value": p["environment"]}

    def cloudformation(self, p):
        body = {"Name": p["domain"], "HostedZoneTags": [{"Key": "Environment", "Value": p["environment"]}]}
        return stack(Zone=("AWS::Route53::HostedZone", body))


class Record(Intent):
    name, kinds, title = "dns-record", ("terraform", "cloudformation"), "DNS record"
    notes = (
        "Resolvers keep a record for as many seconds as its TTL says.",
        "A CNAME points to another name, an A record to an address.",
    )
    thing = "[a Route 53 record|a DNS record in AWS]"
    parts = "name {host}; type {type}; [value|to] {value}; TTL {ttl}"
    train = (
        "{tool}: DNS record {host}, {type} {value}, TTL {ttl}",
        "We want {host} to be {type} {value} with TTL {ttl} in Route 53. Use {tool}.",
    )
    held = ("In {tool}, I want the Route 53 record {host}: {type} {value}, TTL {ttl}.",)

    def sample(self, rng):
        host = f"{words.word(rng)}.{domain(rng)}"
        address = f"10.{rng.randint(0, 255)}.{rng.randint(0, 255)}.{rng.randint(1, 254)}"
        type_, value = rng.choice((("A", address), ("CNAME", f"{words.word(rng)}.{domain(rng)}")))
        return {"host": host, "type": type_, "value": value, "ttl": rng.choice((30, 60, 120, 300, 600, 900, 3600))}

    def fits(self, p, kind):
        return (p["type"] == "A") == p["value"][0].isdecimal()

    def terraform_facts(self, p):
        record = "aws_route53_record"
        return {
            f"{record}/zone_id": "${var.zone_id}",
            f"{record}/name": p["host"],
            f"{record}/type": p["type"],
            f"{record}/ttl": p["ttl"],
            f"{record}/records": [p["value"]],
        }

    def terraform(self, p):
        body = {"zone_id": Ref("var.zone_id"), "name": p["host"], "type": p["type"], "ttl": p["ttl"]}
        return variable("zone_id") + "\n" + resource("aws_route53_record", body | {"records": [p["value"]]})

    def cloudformation_facts(self, p):
        record = "AWS::Route53::RecordSet"
        return {
            f"{record}/Name": p["host"],
            f"{record}/Type": p["type"],
            f"{record}/TTL": p["ttl"],
            f"{record}/ResourceRecords": [p["value"]],
        }

    def cloudformation(self, p):
        zone = ".".join(p["host"].split(".")[-2:]) + "."
        body = {"HostedZoneName": zone, "Name": p["host"], "Type": p["type"], "TTL": str(p["ttl"])}
        return stack(Record=("AWS::Route53::RecordSet", {**body, "ResourceRecords": [p["value"]]}))


class Certificate(Intent):
    name, kinds, title = "certificate", ("terraform", "cloudformation"), "TLS certificate"
    notes = (
        "The certificate is checked by a record in the DNS zone of the domain and renews itself.",
        "A new certificate is made before the old one goes.",
    )
    thing = "[an ACM certificate|a TLS certificate in AWS]"
    parts = "domain {domain}; environment {environment}; {plus}"
    train = (
        "{tool}: ACM certificate {domain}, {environment}{plus}",
        "{domain}: certificate for {environment}{plus}, {tool}",
    )
    held = ("In {tool}, I want the ACM certificate for {domain}, environment {environment}{plus}.",)

    def sample(self, rng):
        host = f"{words.word(rng)}.{domain(rng)}" if rng.random() < 0.5 else domain(rng)
        return {"domain": host, "environment": rng.choice(words.ENVIRONMENTS), "wildcard": rng.random() < 0.4}

    def options(self, p):
        return ["all subdomains"] * p["wildcard"]

    def terraform_facts(self, p):
        certificate = "aws_acm_certificate"
        return {
            f"{certificate}/domain_name": p["domain"],
            f"{certificate}/validation_method": "DNS",
            f"{certificate}/subject_alternative_names": [f"*.{p['domain']}"] if p["wildcard"] else None,
            f"{certificate}/tags/Environment": p["environment"],
        }

    def terraform(self, p):
        names = {"subject_alternative_names": [f"*.{p['domain']}"]} if p["wildcard"] else {}
        body = {"domain_name": p["domain"], **names, "validation_method": "DNS"}
        body |= {"tags": {"Environment": p["environment"]}, "lifecycle": Block(create_before_destroy=True)}
        return resource("aws_acm_certificate", body)

    def cloudformation_facts(self, p):
        certificate = "AWS::CertificateManager::Certificate"
        return {
            f"{certificate}/DomainName": p["domain"],
            f"{certificate}/ValidationMethod": "DNS",
            f"{certificate}/SubjectAlternativeNames": [f"*.{p['domain']}"] if p["wildcard"] else None,
            f"{certificate}/Tags/Value": p["environment"],
        }

    def cloudformation(self, p):
        names = {"SubjectAlternativeNames": [f"*.{p['domain']}"]} if p["wildcard"] else {}
        body = {"DomainName": p["domain"], **names, "ValidationMethod": "DNS"}
        body |= {"Tags": [{"Key": "Environment", "Value": p["environment"]}]}
        return stack(Certificate=("AWS::CertificateManager::Certificate", body))


class LoadBalancer(Intent):
    name, kinds, title = "load-balancer", ("terraform",), "application load balancer"
    notes = (
        "The listener takes connections with TLS and sends them to a target group.",
        "A target that fails its health check gets no traffic.",
    )
    thing = "[an application load balancer|an ALB|an ALB with a listener]"
    parts = "name {name}; [target port|to port] {port}; [health check|health path] {path}"
    train = (
        "{tool}: ALB {name}, target port {port}, health check {path}",
        "We want the ALB {name} to send traffic to port {port}, health path {path}. Use {tool}.",
    )
    held = ("In {tool}, I want the ALB {name}: health check {path}, to port {port}.",)

    def sample(self, rng):
        path = rng.choice(("/healthz", "/health", "/ready", "/status", "/ping", "/live"))
        return {"name": words.name(rng), "port": rng.choice(words.PORTS), "path": path}

    def terraform_facts(self, p):
        listener = "aws_lb_listener"
        return {
            "aws_lb/name": p["name"],
            "aws_lb_target_group/port": p["port"],
            "aws_lb_target_group/health_check/path": p["path"],
            f"{listener}/load_balancer_arn": Refers("aws_lb"),
            f"{listener}/certificate_arn": "${var.certificate_arn}",
            f"{listener}/protocol": "HTTPS",
            f"{listener}/default_action/target_group_arn": Refers("aws_lb_target_group"),
        }

    def terraform(self, p):
        balancer = {"name": p["name"], "subnets": Ref("var.subnet_ids"), "drop_invalid_header_fields": True}
        group = {
            "port": p["port"],
            "protocol": "HTTP",
            "vpc_id": Ref("var.vpc_id"),
            "health_check": Block(path=p["path"]),
        }
        listener = {
            "load_balancer_arn": Ref("aws_lb.this.arn"),
            "port": 443,
            "protocol": "HTTPS",
            "certificate_arn": Ref("var.certificate_arn"),
            "default_action": Block(type="forward", target_group_arn=Ref("aws_lb_target_group.this.arn")),
        }
        return "\n".join(
            [
                variable("subnet_ids", type_="list(string)"),
                variable("vpc_id", "certificate_arn"),
                resource("aws_lb", balancer),
                resource("aws_lb_target_group", group),
                resource("aws_lb_listener", listener),
            ]
        )


class RequestFirewall(Intent):
    name, kinds, title = "waf", ("terraform",), "web application firewall"
    notes = (
        "Requests are allowed unless a rule blocks them.",
        "A rate rule blocks an address that asks too often within five minutes.",
    )
    thing = "[a WAF|an AWS WAF|a web ACL]"
    parts = "name {name}; scope {scope}; [limit|rate limit] {limit}"
    train = (
        "{tool}: WAF {name}, {scope}, rate limit {limit}",
        "{name}: WAF with rate limit {limit}, scope {scope}, {tool}",
    )
    held = ("In {tool}, I want the WAF {name}, limit {limit}, scope {scope}.",)

    def sample(self, rng):
        limit = rng.choice((100, 200, 300, 500, 1000, 1500, 2000, 3000, 5000, 10000))
        return {"name": words.name(rng), "scope": rng.choice(("REGIONAL", "CLOUDFRONT")), "limit": limit}

    def terraform_facts(self, p):
        acl = "aws_wafv2_web_acl"
        return {
            f"{acl}/name": p["name"],
            f"{acl}/scope": p["scope"],
            f"{acl}/rule/statement/rate_based_statement/limit": p["limit"],
        }

    def terraform(self, p):
        metrics = {"visibility_config": visible("requests")}
        rate = Block(limit=p["limit"], aggregate_key_type="IP")
        rule = Block(
            name="rate",
            priority=1,
            action=Block(block=Block()),
            statement=Block(rate_based_statement=rate),
            visibility_config=visible("rate"),
        )
        body = {"name": p["name"], "scope": p["scope"], "default_action": Block(allow=Block()), "rule": rule}
        return resource("aws_wafv2_web_acl", body | metrics)


def visible(name: str) -> Block:
    return Block(cloudwatch_metrics_enabled=True, metric_name=name, sampled_requests_enabled=True)


class Cdn(Intent):
    name, kinds, title = "cdn", ("terraform",), "CDN in front of a site"
    notes = (
        "CloudFront keeps copies of a site close to its readers.",
        "Readers who come without TLS are sent to the page with TLS.",
    )
    thing = "[a CloudFront distribution|a CDN in AWS]"
    parts = "origin {host}; price class {price}; environment {environment}"
    train = ("{tool}: CloudFront for {host}, price class {price}, {environment}",)
    held = ("In {tool}, I want CloudFront for {host}, environment {environment}, price class {price}.",)

    def sample(self, rng):
        return {
            "host": f"{words.word(rng)}.{domain(rng)}",
            "price": rng.choice(("PriceClass_100", "PriceClass_200", "PriceClass_All")),
            "environment": rng.choice(words.ENVIRONMENTS),
        }

    def terraform_facts(self, p):
        cdn = "aws_cloudfront_distribution"
        return {
            f"{cdn}/enabled": True,
            f"{cdn}/price_class": p["price"],
            f"{cdn}/origin/domain_name": p["host"],
            f"{cdn}/default_cache_behavior/viewer_protocol_policy": "redirect-to-https",
            f"{cdn}/tags/Environment": p["environment"],
        }

    def terraform(self, p):
        tls = Block(http_port=80, https_port=443, origin_protocol_policy="https-only", origin_ssl_protocols=["TLSv1.2"])
        origin = Block(domain_name=p["host"], origin_id="site", custom_origin_config=tls)
        body = {
            "enabled": True,
            "price_class": p["price"],
            "origin": origin,
            "default_cache_behavior": behavior(),
            "restrictions": Block(geo_restriction=Block(restriction_type="none")),
            "viewer_certificate": Block(cloudfront_default_certificate=True),
            "tags": {"Environment": p["environment"]},
        }
        return resource("aws_cloudfront_distribution", body)


def behavior() -> Block:
    """What CloudFront does with a request when nothing else is said; the id is AWS's own policy for caching."""
    return Block(
        target_origin_id="site",
        viewer_protocol_policy="redirect-to-https",
        allowed_methods=["GET", "HEAD"],
        cached_methods=["GET", "HEAD"],
        cache_policy_id="658327ea-f89d-4fab-a63d-7e88639e58f6",
    )
