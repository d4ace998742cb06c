"""Ansible: what a host needs. Packages, users, files, cron jobs, open ports."""

from acorn.recipes.iac import words
from acorn.recipes.iac.intents.intent import Intent
from acorn.recipes.iac.render.playbook import play

PACKAGES = {  # package of Debian -> its service
    **{one: one for one in "nginx haproxy postgresql mariadb-server redis-server memcached chrony fail2ban".split()},
    **{one: one for one in "varnish squid prometheus grafana-server rsyslog auditd keepalived bind9 dnsmasq".split()},
    "docker.io": "docker",
    "openssh-server": "ssh",
    "apache2": "apache2",
    "rabbitmq-server": "rabbitmq-server",
}
PLACES = "web db nodes app edge servers cache workers".split()


def group(rng) -> str:
    """The name of a group of hosts, which holds no hyphen: 'billing_web'."""
    if rng.random() < 0.15:
        return rng.choice(PLACES)
    return f"{words.word(rng)}_{rng.choice(PLACES)}"


class Package(Intent):
    name, kinds, title = "host-package", ("ansible",), "package with its service"
    notes = (
        "The task changes nothing where the package is installed already.",
        "The service is started now and at every boot.",
        "Tasks have names, so that a run can be followed.",
    )
    thing = "a package with its service"
    parts = "package {package}; service {service}; hosts {hosts}"
    train = (
        "{tool} package {package} service {service} hosts {hosts}",
        "We want to install {package} on {hosts} with {tool} and start the service {service}.",
        "How do I install {package} and start the service {service} on the hosts {hosts} in {tool}?",
    )
    held = ("In {tool}, I want to install {package} on the hosts {hosts} and start the service {service}.",)

    def sample(self, rng):
        package = rng.choice(list(PACKAGES))
        return {"package": package, "service": PACKAGES[package], "hosts": group(rng)}

    def ansible_facts(self, p):
        return {
            "play/hosts": p["hosts"],
            "ansible.builtin.apt/name": p["package"],
            "ansible.builtin.service/name": p["service"],
            "ansible.builtin.service/state": "started",
        }

    def ansible(self, p):
        return play(
            "Install a package",
            p["hosts"],
            {
                "Install the package": {"ansible.builtin.apt": {"name": p["package"], "state": "present"}},
                "Start the service": {
                    "ansible.builtin.service": {"name": p["service"], "state": "started", "enabled": True}
                },
            },
        )


class User(Intent):
    name, kinds, title = "host-user", ("ansible",), "user with a key"
    notes = (
        "The user logs in with a key, so no password has to be set or sent.",
        "With append, groups that the user is in already stay.",
        "The public key lies beside the playbook; the private one never leaves its owner.",
    )
    thing = "a user with a key"
    parts = "user {user}; group {group}; [key|key file] {key}; hosts {hosts}"
    train = (
        "{tool} user {user} group {group} key {key} hosts {hosts}",
        "We want the user {user} in the group {group} on {hosts} with the key {key}. Use {tool}.",
        "How do I add the user {user} to the group {group} on the hosts {hosts} in {tool}? The key file is {key}.",
    )
    held = ("In {tool}, I want to add the user {user} with the key {key} to the group {group} on the hosts {hosts}.",)

    def sample(self, rng):
        user = words.word(rng)
        return {
            "user": user,
            "group": rng.choice("sudo docker adm www-data staff users ops deploy".split()),
            "key": f"{rng.choice(('keys', 'files', 'ssh'))}/{user}.pub",
            "hosts": group(rng),
        }

    def ansible_facts(self, p):
        return {
            "play/hosts": p["hosts"],
            "ansible.builtin.user/name": p["user"],
            "ansible.builtin.user/groups": p["group"],
            "ansible.posix.authorized_key/user": p["user"],
            "ansible.posix.authorized_key/key": f"{{{{ lookup('file', '{p['key']}') }}}}",
        }

    def ansible(self, p):
        key = {"user": p["user"], "key": f"{{{{ lookup('file', '{p['key']}') }}}}"}
        return play(
            "Add a user",
            p["hosts"],
            {
                "Create the user": {
                    "ansible.builtin.user": {"name": p["user"], "groups": p["group"], "append": True}
                },
                "Add the key": {"ansible.posix.authorized_key": key},
            },
        )


class ConfigFile(Intent):
    name, kinds, title = "config-file", ("ansible",), "configuration from a template"
    notes = (
        "A template is filled on the way to the host; it is only written when something differs.",
        "The handler restarts the service once, at the end, and only after a change.",
        "The mode is quoted, because YAML would read it as a number.",
    )
    thing = "a config file"
    parts = "template {template}; to {path}; restart {service}; hosts {hosts}"
    train = (
        "{tool} config file template {template} to {path} restart {service} hosts {hosts}",
        "We want to copy the template {template} to {path} on {hosts} and restart {service} with {tool}.",
        "How do I copy the template {template} to {path} on the hosts {hosts} in {tool}? It should restart {service}.",
    )
    held = ("In {tool}, I want to copy the template {template} to {path} on the hosts {hosts} and restart {service}.",)

    def sample(self, rng):
        service, file = words.word(rng), words.word(rng)
        return {
            "template": f"{file}.conf.j2",
            "path": f"/etc/{service}/{file}.conf",
            "service": service,
            "hosts": group(rng),
        }

    def ansible_facts(self, p):
        return {
            "play/hosts": p["hosts"],
            "ansible.builtin.template/src": p["template"],
            "ansible.builtin.template/dest": p["path"],
            "ansible.builtin.service/name": p["service"],
            "ansible.builtin.service/state": "restarted",
        }

    def ansible(self, p):
        copy = {"src": p["template"], "dest": p["path"], "mode": "0644"}
        return play(
            "Configure a service",
            p["hosts"],
            {"Copy the template": {"ansible.builtin.template": copy, "notify": "Restart the service"}},
            {"Restart the service": {"ansible.builtin.service": {"name": p["service"], "state": "restarted"}}},
        )


class HostCron(Intent):
    name, kinds, title = "host-cron", ("ansible",), "cron job on a host"
    notes = (
        "The name marks the line in the crontab, so that a second run finds it again.",
        "What is not given, day or month, means every one.",
        "The time is that of the host.",
    )
    thing = "a cron job"
    parts = "name {name}; [job|run] {job}; hour {hour}; minute {minute}; hosts {hosts}"
    train = (
        "{tool} cron job {name} job {job} hour {hour} minute {minute} hosts {hosts}",
        "We want to run {job} on {hosts} with {tool}, hour {hour}, minute {minute}. [Call|Name] the cron job {name}.",
        "How do I run {job} on the hosts {hosts} in {tool}? The cron job is called {name}, hour {hour}, minute "
        "{minute}.",
    )
    held = (
        "In {tool}, I want a cron job called {name} on the hosts {hosts} that runs {job}, hour {hour}, minute "
        "{minute}.",
    )

    def sample(self, rng):
        return {
            "name": words.name(rng),
            "job": f"/{rng.choice(('usr/local/bin', 'opt/jobs', 'opt/scripts'))}/{words.word(rng)}.sh",
            "hour": rng.randint(0, 23),
            "minute": rng.choice((0, 5, 10, 15, 20, 25, 30, 40, 45, 50)),
            "hosts": group(rng),
        }

    def ansible_facts(self, p):
        cron = "ansible.builtin.cron"
        return {
            "play/hosts": p["hosts"],
            f"{cron}/name": p["name"],
            f"{cron}/job": p["job"],
            f"{cron}/hour": p["hour"],
            f"{cron}/minute": p["minute"],
        }

    def ansible(self, p):
        cron = {"name": p["name"], "hour": str(p["hour"]), "minute": str(p["minute"]), "job": p["job"]}
        return play("Schedule a job", p["hosts"], {"Add the cron job": {"ansible.builtin.cron": cron}})


class Firewall(Intent):
    name, kinds, title = "host-firewall", ("ansible",), "firewall rule"
    notes = (
        "The rule lets in one port from one network; what no rule allows stays closed.",
        "ufw is the firewall of Ubuntu and is easy to read on the host.",
        "Allow SSH before the firewall is turned on, or the host can't be reached any more.",
    )
    thing = "a firewall rule"
    parts = "[allow|open] {protocol} port {port}; from {source}; hosts {hosts}"
    train = (
        "{tool} firewall allow {protocol} port {port} from {source} hosts {hosts}",
        "We want to open {protocol} port {port} to {source} on {hosts}. Use {tool} and the firewall.",
        "How do I let {source} in on {protocol} port {port} of the hosts {hosts} in {tool}? With a firewall rule.",
    )
    held = ("In {tool}, I want to allow {protocol} port {port} from {source} on the hosts {hosts} with the firewall.",)

    def sample(self, rng):
        return {
            "protocol": rng.choice(("tcp", "tcp", "udp")),
            "port": rng.choice(words.OPEN_PORTS),
            "source": rng.choice(("10.0.0.0/8", "192.168.0.0/16", f"10.{rng.randint(0, 250)}.0.0/16")),
            "hosts": group(rng),
        }

    def ansible_facts(self, p):
        ufw = "community.general.ufw"
        return {
            "play/hosts": p["hosts"],
            f"{ufw}/rule": "allow",
            f"{ufw}/port": p["port"],
            f"{ufw}/proto": p["protocol"],
            f"{ufw}/src": p["source"],
        }

    def ansible(self, p):
        ufw = {"rule": "allow", "port": str(p["port"]), "proto": p["protocol"], "src": p["source"]}
        return play("Open a port", p["hosts"], {"Allow the port": {"community.general.ufw": ufw}})
