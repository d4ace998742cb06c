"""Who may come in: openings of firewalls to the whole internet, in one form for every provider."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from acorn.recipes.iac.audit.rule import MISSING, Check, Hit, Item, among, listed, number, unknown

WORLD = ("0.0.0.0/0", "::/0", "0.0.0.0/1", "128.0.0.0/1", "*", "internet", "any")
PUBLIC = (80, 443)  # what a public service answers on
LAST = 65535
SENSITIVE = {
    20: "FTP", 21: "FTP", 22: "SSH", 23: "Telnet", 25: "SMTP", 111: "portmap", 135: "RPC", 137: "NetBIOS",
    139: "NetBIOS", 389: "LDAP", 445: "SMB", 1433: "SQL Server", 1434: "SQL Server", 1521: "Oracle", 2049: "NFS",
    2375: "Docker", 2376: "Docker", 2379: "etcd", 2380: "etcd", 3306: "MySQL", 3389: "RDP", 5432: "PostgreSQL",
    5439: "Redshift", 5601: "Kibana", 5672: "AMQP", 5900: "VNC", 5985: "WinRM", 5986: "WinRM", 6379: "Redis",
    7000: "Cassandra", 7001: "Cassandra", 8020: "HDFS", 8086: "InfluxDB", 9042: "Cassandra", 9092: "Kafka",
    9200: "Elasticsearch", 9300: "Elasticsearch", 10250: "the kubelet", 11211: "Memcached", 15672: "RabbitMQ",
    26379: "Redis", 27017: "MongoDB", 27018: "MongoDB", 50070: "HDFS",
}  # fmt: skip


@dataclass(frozen=True)
class Opening:
    """Ports low..high are open to everybody; `path` leads to what says so."""

    path: tuple
    low: int
    high: int

    @property
    def all(self) -> bool:
        return self.low <= 1 and self.high >= LAST

    @property
    def sensitive(self) -> list[int]:
        return [port for port in SENSITIVE if self.low <= port <= self.high]

    def __str__(self) -> str:
        if self.all:
            return "every port is"
        return f"port {self.low} is" if self.low == self.high else f"ports {self.low}-{self.high} are"


Openings = Callable[[Item], Iterator[Opening]]


def everything(openings: Openings) -> Check:
    def check(item: Item) -> Iterator[Hit]:
        for one in openings(item):
            if one.all:
                yield Hit(one.path, "every port is open to the internet")

    return check


def sensitive(openings: Openings) -> Check:
    def check(item: Item) -> Iterator[Hit]:
        for one in openings(item):
            if not one.all and one.sensitive:
                services = ", ".join(dict.fromkeys(SENSITIVE[port] for port in one.sensitive[:3]))
                yield Hit(one.path, f"{one} open to the internet ({services})")

    return check


def other(openings: Openings) -> Check:
    """What is open, is not sensitive, and is not what web servers answer on either."""

    def check(item: Item) -> Iterator[Hit]:
        for one in openings(item):
            if not one.all and not one.sensitive and not (one.low == one.high and one.low in PUBLIC):
                yield Hit(one.path, f"{one} open to the internet")

    return check


def worldwide(value) -> bool:
    return any(not unknown(one) and among(one, WORLD) for one in listed(value))


def span(low, high) -> tuple[int, int] | None:
    """Numbers of ports; None where they are not known here."""
    low, high = number(low), number(high if high not in (None, MISSING) else low)
    return None if low is None or high is None else (int(low), int(high))


def ranges(value) -> Iterator[tuple[int, int]]:
    """'22' -> (22, 22), '20-25' -> (20, 25), '*' -> every port"""
    for one in listed(value):
        if one == "*":
            yield 0, LAST
        elif not unknown(one):
            low, _, high = str(one).partition("-")
            if found := span(low, high or low):
                yield found


# ---- AWS -------------------------------------------------------------------------------------------------------------


def aws_group(item: Item) -> Iterator[Opening]:
    for path, rule in item.find("ingress?"):
        for index, one in enumerate(listed(rule)):
            yield from aws_rule(one, (*path, index) if isinstance(rule, list) else path)


def aws_separate_rule(item: Item) -> Iterator[Opening]:
    """aws_security_group_rule says its direction, aws_vpc_security_group_ingress_rule has it in its name."""
    if item.body.get("type", "ingress") == "ingress":
        yield from aws_rule(item.body, ())


def aws_rule(rule, path: tuple) -> Iterator[Opening]:
    if not isinstance(rule, dict):
        return
    sources = ("cidr_blocks", "ipv6_cidr_blocks", "cidr_ipv4", "cidr_ipv6", "CidrIp", "CidrIpv6")
    found = next((key for key in sources if worldwide(rule.get(key))), None)
    if found is None:
        return
    protocol = str(rule.get("protocol", rule.get("ip_protocol", rule.get("IpProtocol", "")))).lower()
    if protocol in ("-1", "all"):
        yield Opening((*path, found), 0, LAST)
    elif protocol not in ("icmp", "icmpv6", "1", "58"):
        low, high = rule.get("from_port", rule.get("FromPort")), rule.get("to_port", rule.get("ToPort"))
        if ports := span(low, high):
            yield Opening((*path, found), 0 if ports == (0, 0) else ports[0], LAST if ports == (0, 0) else ports[1])


def aws_acl(item: Item) -> Iterator[Opening]:
    for path, rule in [((), item.body), *((p, r) for p, rules in item.find("ingress?") for r in listed(rules))]:
        if not isinstance(rule, dict) or str(rule.get("egress", "false")).lower() == "true":
            continue
        action = str(rule.get("rule_action", rule.get("action", ""))).lower()
        found = next((key for key in ("cidr_block", "ipv6_cidr_block") if worldwide(rule.get(key))), None)
        if action == "allow" and found:
            every = str(rule.get("protocol", "")).lower() in ("-1", "all")
            ports = (0, LAST) if every else span(rule.get("from_port"), rule.get("to_port"))
            if ports:
                yield Opening((*path, found), *ports)


def cfn_group(item: Item) -> Iterator[Opening]:
    for path, rules in item.find("SecurityGroupIngress?"):
        for index, one in enumerate(listed(rules)):
            yield from aws_rule(one, (*path, index) if isinstance(rules, list) else path)


def cfn_rule(item: Item) -> Iterator[Opening]:
    yield from aws_rule(item.body, ())


# ---- Azure, Google ---------------------------------------------------------------------------------------------------


def azure_group(item: Item) -> Iterator[Opening]:
    for path, rules in item.find("security_rule?"):
        for index, one in enumerate(listed(rules)):
            yield from azure_rule_at(one, (*path, index) if isinstance(rules, list) else path)


def azure_rule(item: Item) -> Iterator[Opening]:
    yield from azure_rule_at(item.body, ())


def azure_rule_at(rule, path: tuple) -> Iterator[Opening]:
    if not isinstance(rule, dict) or str(rule.get("protocol", "")).lower() == "icmp":
        return
    if str(rule.get("direction", "")).lower() != "inbound" or str(rule.get("access", "")).lower() != "allow":
        return
    keys = ("source_address_prefix", "source_address_prefixes")
    if found := next((key for key in keys if worldwide(rule.get(key))), None):
        ports = listed(rule.get("destination_port_range")) + listed(rule.get("destination_port_ranges"))
        for low, high in ranges(ports):
            yield Opening((*path, found), low, high)


def google_firewall(item: Item) -> Iterator[Opening]:
    body = item.body
    if str(body.get("direction", "INGRESS")).upper() != "INGRESS" or str(body.get("disabled", "")).lower() == "true":
        return
    if not worldwide(body.get("source_ranges")):
        return
    for _, allowed in item.find("allow?"):
        for one in listed(allowed):
            protocol = str(one.get("protocol", "")).lower() if isinstance(one, dict) else ""
            if protocol in ("all", "tcp", "udp", "6", "17") and not one.get("ports"):
                yield Opening(("source_ranges",), 0, LAST)
            elif protocol:
                for low, high in ranges(one.get("ports")):
                    yield Opening(("source_ranges",), low, high)
