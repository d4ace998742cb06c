"""Ansible: how a host is run. Sites, services, kernel settings, mounts, code from git, a database."""

from acorn.recipes.iac import words
from acorn.recipes.iac.facts import find
from acorn.recipes.iac.intents.hosts import group
from acorn.recipes.iac.intents.intent import Intent
from acorn.recipes.iac.render.playbook import play


class Site(Intent):
    name, kinds, title = "nginx-site", ("ansible",), "nginx site"
    notes = (
        "A site is kept under sites-available and turned on by a link from sites-enabled.",
        "A reload takes up the change without dropping a connection.",
        "The template holds the server block, so one template serves many sites.",
    )
    thing = "an nginx site"
    parts = "site {site}; template {template}; hosts {hosts}"
    train = (
        "{tool} nginx site {site} template {template} hosts {hosts}",
        "We want the nginx site {site} on {hosts}, from the template {template}. Use {tool}.",
        "How do I set up the nginx site {site} from the template {template} on the hosts {hosts} in {tool}?",
    )
    held = ("In {tool}, I want the nginx site {site} on the hosts {hosts} from the template {template}.",)

    def sample(self, rng):
        return {
            "site": f"{words.word(rng)}.{rng.choice(('example.com', 'example.org', 'example.net'))}",
            "template": f"{rng.choice(('site', 'proxy', 'static', 'app', 'nginx'))}.conf.j2",
            "hosts": group(rng),
        }

    def ansible_facts(self, p):
        return {
            "play/hosts": p["hosts"],
            "ansible.builtin.template/src": p["template"],
            "ansible.builtin.template/dest": f"/etc/nginx/sites-available/{p['site']}",
            "ansible.builtin.file/src": f"/etc/nginx/sites-available/{p['site']}",
            "ansible.builtin.file/dest": f"/etc/nginx/sites-enabled/{p['site']}",
            "ansible.builtin.file/state": "link",
            "ansible.builtin.service/name": "nginx",
        }

    def ansible(self, p):
        kept, on = f"/etc/nginx/sites-available/{p['site']}", f"/etc/nginx/sites-enabled/{p['site']}"
        copy = {"src": p["template"], "dest": kept, "mode": "0644"}
        return play(
            "Set up a site",
            p["hosts"],
            {
                "Copy the template": {"ansible.builtin.template": copy, "notify": "Reload nginx"},
                "Enable the site": {
                    "ansible.builtin.file": {"src": kept, "dest": on, "state": "link"},
                    "notify": "Reload nginx",
                },
            },
            {"Reload nginx": {"ansible.builtin.service": {"name": "nginx", "state": "reloaded"}}},
        )


class Unit(Intent):
    name, kinds, title = "unit", ("ansible",), "systemd service"
    notes = (
        "A service that is enabled starts at every boot.",
        "Reloading the daemon makes systemd read units that have changed.",
        "Restarted acts on every run; started only where the service does not run.",
    )
    thing = "a systemd service"
    parts = "service {service}; [state |]{state}; hosts {hosts}; {plus}"
    train = (
        "{tool} systemd service {service} state {state} hosts {hosts}{plus}",
        "We want the service {service} {state} on {hosts}{plus}. Use {tool} and systemd.",
        "How do I get the service {service} {state} on the hosts {hosts}{extras} in {tool}? With systemd.",
    )
    held = ("In {tool}, I want the systemd service {service} {state} on the hosts {hosts}{plus}.",)

    def sample(self, rng):
        return {
            "service": words.name(rng),
            "state": rng.choice(("started", "stopped", "restarted", "reloaded")),
            "hosts": group(rng),
            "boot": rng.random() < 0.5,
        }

    def options(self, p):
        return ["start at boot"] * p["boot"]

    def ansible_facts(self, p):
        unit = "ansible.builtin.systemd_service"
        return {
            "play/hosts": p["hosts"],
            f"{unit}/name": p["service"],
            f"{unit}/state": p["state"],
            f"{unit}/enabled": True if p["boot"] else None,
        }

    def ansible(self, p):
        unit = {"name": p["service"], "state": p["state"], **({"enabled": True} if p["boot"] else {})}
        unit["daemon_reload"] = True
        return play("Manage a service", p["hosts"], {"Set the state": {"ansible.builtin.systemd_service": unit}})


class Sysctl(Intent):
    name, kinds, title = "sysctl", ("ansible",), "kernel setting"
    notes = (
        "The setting holds at once and after a reboot.",
        "Values are strings, because the kernel reads text.",
        "Change one setting at a time and measure.",
    )
    thing = "a sysctl setting"
    parts = "key {key}; value {value}; hosts {hosts}"
    train = (
        "{tool} sysctl key {key} value {value} hosts {hosts}",
        "We want the sysctl key {key} at the value {value} on {hosts}. Use {tool}.",
        "How do I set the sysctl key {key} to {value} on the hosts {hosts} in {tool}?",
    )
    held = ("In {tool}, I want to set {key} to the value {value} on the hosts {hosts} with sysctl.",)
    KEYS = {
        "vm.swappiness": (0, 1, 5, 10, 20, 30),
        "vm.max_map_count": (65530, 131072, 262144, 524288),
        "vm.overcommit_memory": (0, 1, 2),
        "net.core.somaxconn": (512, 1024, 4096, 8192, 65535),
        "net.ipv4.ip_forward": (0, 1),
        "net.ipv4.tcp_syncookies": (0, 1),
        "net.ipv4.tcp_fin_timeout": (10, 15, 20, 30),
        "fs.file-max": (65536, 131072, 262144, 1048576),
        "fs.inotify.max_user_watches": (8192, 65536, 131072, 524288),
        "kernel.pid_max": (32768, 65536, 131072, 4194304),
    }

    def sample(self, rng):
        key = rng.choice(list(self.KEYS))
        return {"key": key, "value": rng.choice(self.KEYS[key]), "hosts": group(rng)}

    def ansible_facts(self, p):
        return {
            "play/hosts": p["hosts"],
            "ansible.posix.sysctl/name": p["key"],
            "ansible.posix.sysctl/value": p["value"],
        }

    def ansible(self, p):
        setting = {"name": p["key"], "value": str(p["value"]), "state": "present"}
        return play("Tune the kernel", p["hosts"], {"Set the key": {"ansible.posix.sysctl": setting}})


class Mount(Intent):
    name, kinds, title = "mount", ("ansible",), "mount"
    notes = (
        "Mounted means now and at every boot: the line goes into fstab, too.",
        "The folder is made where it is missing.",
        "A device that is named by its label keeps its name when disks change places.",
    )
    thing = "a mount"
    parts = "device {device}; path {path}; type {type}; hosts {hosts}"
    train = (
        "{tool} mount device {device} path {path} type {type} hosts {hosts}",
        "We want to mount the device {device} at the path {path} on {hosts}, type {type}. Use {tool}.",
        "How do I mount {device} at {path} on the hosts {hosts} in {tool}? The type is {type}.",
    )
    held = ("In {tool}, I want to mount the device {device} of type {type} at {path} on the hosts {hosts}.",)

    def sample(self, rng):
        disks = ("/dev/sdb1", "/dev/sdc1", "/dev/vdb", "/dev/vdc1", "/dev/nvme1n1", "/dev/xvdf")
        return {
            "device": rng.choice((*disks, f"LABEL={words.word(rng)}")),
            "path": f"/{rng.choice(('data', 'mnt', 'srv'))}/{words.word(rng)}",
            "type": rng.choice(("ext4", "xfs", "btrfs")),
            "hosts": group(rng),
        }

    def ansible_facts(self, p):
        mount = "ansible.posix.mount"
        return {
            "play/hosts": p["hosts"],
            f"{mount}/src": p["device"],
            f"{mount}/path": p["path"],
            f"{mount}/fstype": p["type"],
            f"{mount}/state": "mounted",
        }

    def ansible(self, p):
        mount = {"src": p["device"], "path": p["path"], "fstype": p["type"], "state": "mounted"}
        return play("Mount a disk", p["hosts"], {"Mount the device": {"ansible.posix.mount": mount}})


class Checkout(Intent):
    name, kinds, title = "checkout", ("ansible",), "git checkout"
    notes = (
        "A tag or a commit as version gives the same code on every host.",
        "The task changes nothing where the folder holds that version already.",
        "A private repository needs a key on the host.",
    )
    thing = "a git checkout"
    parts = "[repository|repo] {repo}; folder {folder}; version {version}; hosts {hosts}"
    train = (
        "{tool} git repo {repo} folder {folder} version {version} hosts {hosts}",
        "We want the repo {repo} in the folder {folder} on {hosts}, version {version}. Use {tool} and git.",
        "How do I get the version {version} of {repo} into {folder} on the hosts {hosts} in {tool}? With git.",
    )
    held = ("In {tool}, I want version {version} of the repo {repo} in {folder} on the hosts {hosts}, with git.",)

    def sample(self, rng):
        repo = words.word(rng)
        release = f"v{rng.randint(0, 9)}.{rng.randint(0, 20)}.{rng.randint(0, 9)}"
        return {
            "repo": f"https://git.example.com/{rng.choice(words.ORGS)}/{repo}.git",
            "folder": f"/{rng.choice(('opt', 'srv', 'var/www'))}/{repo}",
            "version": rng.choice(("main", release, release)),
            "hosts": group(rng),
        }

    def ansible_facts(self, p):
        git = "ansible.builtin.git"
        return {
            "play/hosts": p["hosts"],
            f"{git}/repo": p["repo"],
            f"{git}/dest": p["folder"],
            f"{git}/version": p["version"],
        }

    def ansible(self, p):
        git = {"repo": p["repo"], "dest": p["folder"], "version": p["version"]}
        return play("Get the code", p["hosts"], {"Check out the code": {"ansible.builtin.git": git}})


class PostgresDatabase(Intent):
    name, kinds, title = "postgres-database", ("ansible",), "PostgreSQL database"
    notes = (
        "The owner is made before the database that belongs to it.",
        "The password is a variable, which belongs into a vault and not into the playbook.",
        "The tasks run as postgres, who may do this without a password.",
    )
    thing = "a PostgreSQL database"
    parts = "database {database}; owner {owner}; hosts {hosts}"
    train = (
        "{tool} PostgreSQL database {database} owner {owner} hosts {hosts}",
        "We want the PostgreSQL database {database} on {hosts}; its owner is {owner}. Use {tool}.",
        "How do I write the PostgreSQL database {database} with the owner {owner} on the hosts {hosts} in {tool}?",
    )
    held = ("In {tool}, I want the PostgreSQL database {database} on the hosts {hosts}; the owner is {owner}.",)

    def sample(self, rng):
        return {"database": words.word(rng), "owner": words.word(rng), "hosts": group(rng)}

    def ansible_facts(self, p):
        return {
            "play/hosts": p["hosts"],
            "community.postgresql.postgresql_user/name": p["owner"],
            "community.postgresql.postgresql_db/name": p["database"],
            "community.postgresql.postgresql_db/owner": p["owner"],
        }

    def check(self, p, parsed, kind):
        """A password may be a variable, never text."""
        password = find(parsed, "community.postgresql.postgresql_user/password")
        problems = super().check(p, parsed, kind)
        written = isinstance(password, str) and "{{" not in password
        return [*problems, "the password stands in the playbook"] if written else problems

    def ansible(self, p):
        owner = {"name": p["owner"], "password": "{{ db_password }}"}
        database = {"name": p["database"], "owner": p["owner"]}
        return play(
            "Set up a database",
            p["hosts"],
            {
                "Create the owner": {"community.postgresql.postgresql_user": owner, "no_log": True},
                "Create the database": {"community.postgresql.postgresql_db": database},
            },
            become="postgres",
        )
