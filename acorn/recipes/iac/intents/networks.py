"""Networks: a network with subnets, endpoints, peering, a NAT gateway, a firewall of its own for a set of ports."""

from acorn.recipes.iac import words
from acorn.recipes.iac.facts import MISSING, Each, Refers, compare, find
from acorn.recipes.iac.intents.clouds import Clouded, azure, azure_facts
from acorn.recipes.iac.intents.intent import Intent
from acorn.recipes.iac.render.hcl import Block, Ref, resource, variable

RANGES = [f"10.{n}.0.0/16" for n in range(0, 256, 4)] + [f"172.{n}.0.0/16" for n in range(16, 32)]


class Network(Clouded):
    name, kinds, title = "network", ("terraform",), "network with subnets"
    notes = (
        "The subnets are cut out of the network by cidrsubnet, 256 addresses each in a /16.",
        "An internet gateway is what lets machines in the network reach the internet.",
        "Choose a range that no other network uses, or the two can't be connected later.",
    )
    thing = "a network"
    things = {
        "aws": "[a VPC|an AWS network|a VPC in AWS]",
        "azure": "[an Azure network|a virtual network in Azure]",
        "google": "[a Google network|a network in Google Cloud]",
    }
    parts = "name {name}; [CIDR|range] {cidr}; {subnets} subnets; {where}; {plus}"
    train = (
        "{tool}: {bare} {name}, {cidr}, {subnets} subnets, {where}{plus}",
        "{bare} {name} {cidr} with {subnets} subnets, {where}{plus}, {tool}",
        "{cidr}, {subnets} subnets, {where}{plus}: {bare} named {name}, {tool}",
    )
    held = (
        "[Can|Could] you set up {thing} in {tool}? We need {subnets} subnets in {cidr}, {where}, name {name}{plus}.",
    )

    def sample(self, rng):
        p = self.place(rng)
        return {
            **p,
            "name": words.name(rng),
            "cidr": rng.choice(RANGES),
            "subnets": rng.randint(2, 8),
            "gateway": p["cloud"] == "aws" and rng.random() < 0.5,
        }

    def fits(self, p, kind):
        return super().fits(p, kind) and (p["cloud"] == "aws" or not p["gateway"])

    def options(self, p):
        return ["an internet gateway"] * p["gateway"]

    def aws_facts(self, p):
        return {
            "aws_vpc/cidr_block": p["cidr"],
            "aws_vpc/tags": {"Name": p["name"], "Environment": p["environment"]},
            "aws_internet_gateway/vpc_id": Refers("aws_vpc") if p["gateway"] else None,
        }

    companions = ("aws_subnet", "azurerm_subnet", "google_compute_subnetwork")
    SUBNETS = {
        "aws": ("aws_subnet", {"vpc_id": Refers("aws_vpc")}, "cidr_block"),
        "azure": ("azurerm_subnet", {"virtual_network_name": Refers("azurerm_virtual_network")}, "address_prefixes"),
        "google": ("google_compute_subnetwork", {"network": Refers("google_compute_network")}, "ip_cidr_range"),
    }

    def check(self, p, parsed, kind):
        """Subnets count by `count` or one by one."""
        problems = super().check(p, parsed, kind)
        type_, facts, address = self.SUBNETS[p["cloud"]]
        subnets = parsed.get(type_, [])
        counts = [1 if (n := find(subnet, "count")) is MISSING else n for subnet in subnets]
        total = sum(n for n in counts if isinstance(n, int))
        if total != p["subnets"]:
            problems.append(f"{type_}: {total} of them, asked for {p['subnets']}")
        for subnet in subnets:
            problems += compare(facts, subnet)
            if p["cloud"] != "aws" and p["cidr"] not in str(find(subnet, address)):
                problems.append(f"{type_}/{address}: not a part of {p['cidr']}")
            if find(subnet, address) is MISSING:
                problems.append(f"{type_}/{address}: missing")
        return problems

    def aws(self, p):
        tags = {"Name": p["name"], "Environment": p["environment"]}
        vpc = resource("aws_vpc", {"cidr_block": p["cidr"], "enable_dns_hostnames": True, "tags": tags})
        subnet = {
            "count": p["subnets"],
            "vpc_id": Ref("aws_vpc.this.id"),
            "cidr_block": Ref("cidrsubnet(aws_vpc.this.cidr_block, 8, count.index)"),
        }
        gateway = [resource("aws_internet_gateway", {"vpc_id": Ref("aws_vpc.this.id")})] if p["gateway"] else []
        return "\n".join([vpc, resource("aws_subnet", subnet), *gateway])

    def azure_facts(self, p):
        network = "azurerm_virtual_network"
        return {
            f"{network}/name": p["name"],
            **azure_facts(network, p),
            f"{network}/address_space": [p["cidr"]],
            "azurerm_subnet/resource_group_name": p["group"],
        }

    def azure(self, p):
        network = {"name": p["name"], **azure(p), "address_space": [p["cidr"]]}
        subnet = {
            "count": p["subnets"],
            "name": "subnet-${count.index}",
            "resource_group_name": p["group"],
            "virtual_network_name": Ref("azurerm_virtual_network.this.name"),
            "address_prefixes": [Ref(f'cidrsubnet("{p["cidr"]}", 8, count.index)')],
        }
        return resource("azurerm_virtual_network", network) + "\n" + resource("azurerm_subnet", subnet)

    def google_facts(self, p):
        return {
            "google_compute_network/name": p["name"],
            "google_compute_network/auto_create_subnetworks": False,
            "google_compute_subnetwork/region": p["region"],
        }

    def google(self, p):
        network = {"name": p["name"], "auto_create_subnetworks": False}
        subnet = {
            "count": p["subnets"],
            "name": "subnet-${count.index}",
            "region": p["region"],
            "network": Ref("google_compute_network.this.id"),
            "ip_cidr_range": Ref(f'cidrsubnet("{p["cidr"]}", 8, count.index)'),
        }
        return resource("google_compute_network", network) + "\n" + resource("google_compute_subnetwork", subnet)


class Endpoint(Intent):
    name, kinds, title = "endpoint", ("terraform",), "VPC endpoint"
    notes = ("Traffic to a service of AWS stays inside the network when there is an endpoint for it.",)
    SERVICES = "s3 dynamodb ecr.api ecr.dkr logs ssm sts sqs sns kms secretsmanager monitoring".split()
    thing = "[a VPC endpoint|an AWS VPC endpoint]"
    parts = "name {name}; [for the service|service] {service}; region {region}"
    train = ("{tool}: VPC endpoint {name} for {service} in {region}",)
    held = ("In {tool}, I want the VPC endpoint {name} for {service}, region {region}.",)

    def sample(self, rng):
        regions = "eu-west-1 eu-west-2 eu-central-1 us-east-1 us-east-2 us-west-2 ap-south-1".split()
        return {"name": words.name(rng), "service": rng.choice(self.SERVICES), "region": rng.choice(regions)}

    def terraform_facts(self, p):
        gateway = p["service"] in ("s3", "dynamodb")
        return {
            "aws_vpc_endpoint/vpc_id": "${var.vpc_id}",
            "aws_vpc_endpoint/service_name": f"com.amazonaws.{p['region']}.{p['service']}",
            "aws_vpc_endpoint/vpc_endpoint_type": "Gateway" if gateway else "Interface",
            "aws_vpc_endpoint/tags/Name": p["name"],
        }

    def terraform(self, p):
        gateway = p["service"] in ("s3", "dynamodb")
        body = {
            "vpc_id": Ref("var.vpc_id"),
            "service_name": f"com.amazonaws.{p['region']}.{p['service']}",
            "vpc_endpoint_type": "Gateway" if gateway else "Interface",
            "tags": {"Name": p["name"]},
        }
        return variable("vpc_id") + "\n" + resource("aws_vpc_endpoint", body)


class Peering(Intent):
    name, kinds, title = "peering", ("terraform",), "VPC peering"
    notes = (
        "Two networks that are peered reach each other by private addresses; their ranges may not overlap.",
        "Both sides need a route to the other.",
    )
    thing = "[a VPC peering|a VPC peering connection]"
    parts = "name {name}; route to {cidr}"
    train = ("{tool}: VPC peering {name}, route to {cidr}",)
    held = ("In {tool}, I want the VPC peering {name} with a route to {cidr}.",)

    def sample(self, rng):
        return {"name": words.name(rng), "cidr": rng.choice(RANGES)}

    def terraform_facts(self, p):
        peering = "aws_vpc_peering_connection"
        return {
            f"{peering}/vpc_id": "${var.vpc_id}",
            f"{peering}/peer_vpc_id": "${var.peer_vpc_id}",
            f"{peering}/tags/Name": p["name"],
            "aws_route/destination_cidr_block": p["cidr"],
            "aws_route/vpc_peering_connection_id": Refers(peering),
        }

    def terraform(self, p):
        peering = {
            "vpc_id": Ref("var.vpc_id"),
            "peer_vpc_id": Ref("var.peer_vpc_id"),
            "auto_accept": True,
            "tags": {"Name": p["name"]},
        }
        route = {
            "route_table_id": Ref("var.route_table_id"),
            "destination_cidr_block": p["cidr"],
            "vpc_peering_connection_id": Ref("aws_vpc_peering_connection.this.id"),
        }
        blocks = [resource("aws_vpc_peering_connection", peering), resource("aws_route", route)]
        return "\n".join([variable("vpc_id", "peer_vpc_id", "route_table_id"), *blocks])


class NatGateway(Intent):
    name, kinds, title = "nat-gateway", ("terraform",), "NAT gateway"
    notes = (
        "Machines in private subnets reach the internet through a NAT gateway; nothing reaches them from outside.",
        "The gateway stands in a public subnet and has an address of its own.",
    )
    thing = "[a NAT gateway|an AWS NAT gateway]"
    parts = "name {name}; environment {environment}"
    train = ("{tool}: NAT gateway {name}, {environment}", "{name}: NAT gateway for {environment}, {tool}")
    held = ("In {tool}, I want the NAT gateway {name} for {environment}.",)

    def sample(self, rng):
        return {"name": words.name(rng), "environment": rng.choice(words.ENVIRONMENTS)}

    def terraform_facts(self, p):
        gateway = "aws_nat_gateway"
        return {
            "aws_eip/domain": "vpc",
            f"{gateway}/allocation_id": Refers("aws_eip"),
            f"{gateway}/subnet_id": "${var.subnet_id}",
            f"{gateway}/tags": {"Name": p["name"], "Environment": p["environment"]},
            "aws_route/nat_gateway_id": Refers(gateway),
            "aws_route/destination_cidr_block": "0.0.0.0/0",
        }

    def terraform(self, p):
        gateway = {
            "allocation_id": Ref("aws_eip.this.id"),
            "subnet_id": Ref("var.subnet_id"),
            "tags": {"Name": p["name"], "Environment": p["environment"]},
        }
        route = {
            "route_table_id": Ref("var.route_table_id"),
            "destination_cidr_block": "0.0.0.0/0",
            "nat_gateway_id": Ref("aws_nat_gateway.this.id"),
        }
        return "\n".join(
            [
                variable("subnet_id", "route_table_id"),
                resource("aws_eip", {"domain": "vpc"}),
                resource("aws_nat_gateway", gateway),
                resource("aws_route", route),
            ]
        )


class Firewall(Clouded):
    name, kinds, title = "firewall", ("terraform",), "firewall rule"
    notes = (
        "Only what a rule allows gets in; the first rule that fits decides.",
        "The range 0.0.0.0/0 is the whole internet.",
    )
    thing = "a firewall rule"
    things = {
        "azure": "[an Azure network security group|a network security group in Azure]",
        "google": "[a Google firewall rule|a firewall rule in Google Cloud]",
    }
    parts = "name {name}; [tcp port|port] {port}; from {source}; {where}"
    train = (
        "{tool}: {bare} {name}, port {port} from {source}, {where}",
        "We want to open port {port} to {source} with {thing}, {where}. [Call|Name] it {name} and use {tool}.",
    )
    held = ("In {tool}, I want {thing} called {name}: {where}, port {port} from {source}.",)
    PLACES = {"azure": "resource group {group}, region {region}", "google": "network {network}"}

    def sample(self, rng):
        p = self.place(rng, "azure", "google")
        google = p["cloud"] == "google"
        return {
            **p,
            "region": None if google else p["region"],
            "network": words.name(rng) if google else None,
            "name": words.name(rng),
            "port": rng.choice(words.OPEN_PORTS),
            "source": rng.choice(["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", *RANGES]),
        }

    def fits(self, p, kind):
        said = (p["group"] is not None, p["region"] is not None, p["network"] is not None)
        return said == ((True, True, False) if p["cloud"] == "azure" else (False, False, True))

    def slots(self, p):
        where = self.PLACES[p["cloud"]].format_map(p)
        return {**p, "thing": self.things[p["cloud"]], "where": where}

    def azure_facts(self, p):
        group = "azurerm_network_security_group"
        rule = f"{group}/security_rule"
        return {
            f"{group}/name": p["name"],
            **azure_facts(group, p),
            f"{rule}/access": "Allow",
            f"{rule}/direction": "Inbound",
            f"{rule}/protocol": "Tcp",
            f"{rule}/source_address_prefix": p["source"],
            f"{rule}/destination_port_range": p["port"],
        }

    def azure(self, p):
        rule = {
            "name": "allow",
            "priority": 100,
            "direction": "Inbound",
            "access": "Allow",
            "protocol": "Tcp",
            "source_address_prefix": p["source"],
            "source_port_range": "*",
            "destination_address_prefix": "*",
            "destination_port_range": str(p["port"]),
        }
        body = {"name": p["name"], **azure(p)}
        return resource("azurerm_network_security_group", body | {"security_rule": Block(rule)})

    def google_facts(self, p):
        firewall = "google_compute_firewall"
        return {
            f"{firewall}/name": p["name"],
            f"{firewall}/network": p["network"],
            f"{firewall}/source_ranges": [p["source"]],
            f"{firewall}/allow": Each({"protocol": "tcp", "ports": [str(p["port"])]}),
        }

    def google(self, p):
        body = {"name": p["name"], "network": p["network"], "source_ranges": [p["source"]]}
        allow = Block({"protocol": "tcp", "ports": [str(p["port"])]})
        return resource("google_compute_firewall", body | {"allow": allow})
