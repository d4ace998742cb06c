"""Compose: services and what they need beside them. A database, a broker, a volume, a network."""

from acorn.recipes.iac import words
from acorn.recipes.iac.facts import find
from acorn.recipes.iac.intents.intent import Intent
from acorn.recipes.iac.intents.jobs import command
from acorn.recipes.iac.intents.services import compose, service

ENGINES = {  # image -> (variable of its password, folder of its data)
    "postgres": ("POSTGRES_PASSWORD", "/var/lib/postgresql/data"),
    "mysql": ("MYSQL_ROOT_PASSWORD", "/var/lib/mysql"),
    "mariadb": ("MARIADB_ROOT_PASSWORD", "/var/lib/mysql"),
}


class WebDatabase(Intent):
    name, kinds, title = "web-database", ("compose",), "web service with a database"
    notes = (
        "The data lie in a named volume, so that they outlive the container.",
        "The password comes from the environment of whoever starts it, not from the file.",
        "Only the web service has a port that is open to the outside.",
    )
    thing = "a web service with a database"
    parts = "name {name}; [image |]{image}; port {port}; database {database}"
    train = (
        "{tool} web service {name} image {image} port {port} database {database}",
        "We want to run {image} on port {port} with the database {database} in {tool}. [Call|Name] the web service "
        "{name}.",
        "How do I run {image} beside {database} in {tool}? The web service is called {name}, port {port}.",
    )
    held = ("In {tool}, I want a web service called {name} that runs {image} on port {port} beside {database}.",)

    def sample(self, rng):
        return {
            "name": words.name(rng),
            "image": words.image(rng),
            "port": rng.choice(words.PORTS),
            "database": f"{rng.choice(list(ENGINES))}:{rng.randint(8, 18)}.{rng.randint(0, 9)}",
        }

    def compose_facts(self, p):
        return {
            f"services/{p['name']}/image": p["image"],
            f"services/{p['name']}/ports": [f"{p['port']}:{p['port']}"],
            "services/db/image": p["database"],
            "services/db/ports": None,
            "volumes/data": {},
        }

    def check(self, p, parsed, kind):
        """The data of this engine have to lie in the volume."""
        mounts = find(parsed, "services/db/volumes")
        folder = ENGINES[p["database"].partition(":")[0]][1]
        problems = super().check(p, parsed, kind)
        return problems if mounts == [f"data:{folder}"] else [*problems, f"services/db/volumes: {mounts}"]

    def compose(self, p):
        variable, folder = ENGINES[p["database"].partition(":")[0]]
        database = {
            "image": p["database"],
            "environment": {variable: "${DB_PASSWORD}"},
            "volumes": [f"data:{folder}"],
        }
        one = service(p, ports=[f"{p['port']}:{p['port']}"], depends_on=["db"])
        return compose(p, one, others={"db": database}, volumes={"data": {}})


class QueueWorker(Intent):
    name, kinds, title = "queue-worker", ("compose",), "queue worker"
    notes = (
        "Workers take jobs from a broker, so their number can change at any time.",
        "The broker is started first.",
        "A worker needs no port.",
    )
    thing = "a queue worker"
    parts = 'name {name}; image {image}; [command|run] "{command}"; {replicas} replicas; broker {broker}'
    train = (
        '{tool} queue worker {name} image {image} command "{command}" replicas {replicas} broker {broker}',
        'We want to run "{command}" in {image} with {replicas} replicas and the broker {broker} in {tool}. [Call|Name] '
        "the queue worker {name}.",
        'How do I run {replicas} replicas of {image} in {tool}? A queue worker called {name}, command "{command}", '
        "broker {broker}.",
    )
    held = (
        'In {tool}, I want a queue worker called {name} that runs "{command}" in {image}, {replicas} replicas, with '
        "the broker {broker}.",
    )

    def sample(self, rng):
        return {
            "name": words.name(rng),
            "image": words.image(rng),
            "command": command(rng),
            "replicas": rng.randint(2, 9),
            "broker": f"{rng.choice(('rabbitmq', 'redis', 'nats'))}:{rng.randint(1, 9)}.{rng.randint(0, 13)}",
        }

    def compose_facts(self, p):
        return {
            f"services/{p['name']}/image": p["image"],
            f"services/{p['name']}/deploy/replicas": p["replicas"],
            f"services/{p['name']}/ports": None,
            "services/broker/image": p["broker"],
        }

    def check(self, p, parsed, kind):
        """A command may be a text or a list of words."""
        said = find(parsed, f"services/{p['name']}/command")
        said = " ".join(map(str, said)) if isinstance(said, list) else said
        problems = super().check(p, parsed, kind)
        return problems if said == p["command"] else [*problems, f"command: {said}, asked for {p['command']}"]

    def compose(self, p):
        one = service(p, command=p["command"], deploy={"replicas": p["replicas"]}, depends_on=["broker"])
        return compose(p, one, others={"broker": {"image": p["broker"]}})


class Volume(Intent):
    name, kinds, title = "service-volume", ("compose",), "service with a volume"
    notes = (
        "A named volume outlives the container that uses it.",
        "What is not in a volume is lost when the container is made anew.",
        "Docker keeps the volume where it likes; use its name, not its path.",
    )
    thing = "a service with a volume"
    parts = "name {name}; [image |]{image}; volume {volume}; mounted at {path}"
    train = (
        "{tool} service {name} image {image} volume {volume} mounted at {path}",
        "We want to run {image} in {tool} with the volume {volume} mounted at {path}. [Call|Name] the service {name}.",
        "How do I run {image} in {tool} with a volume? The service is called {name}, the volume {volume} is mounted at "
        "{path}.",
    )
    held = ("In {tool}, I want a service called {name} that runs {image} with the volume {volume} mounted at {path}.",)

    def sample(self, rng):
        return {
            "name": words.name(rng),
            "image": words.image(rng),
            "volume": words.word(rng),
            "path": rng.choice(("/data", "/var/lib/data", "/storage", "/var/lib/app", "/db", "/index")),
        }

    def compose_facts(self, p):
        return {
            f"services/{p['name']}/image": p["image"],
            f"services/{p['name']}/volumes": [f"{p['volume']}:{p['path']}"],
            f"volumes/{p['volume']}": {},
        }

    def compose(self, p):
        one = service(p, restart="unless-stopped", volumes=[f"{p['volume']}:{p['path']}"])
        return compose(p, one, volumes={p["volume"]: {}})


class PrivateNetwork(Intent):
    name, kinds, title = "private-network", ("compose",), "service on a network of its own"
    notes = (
        "Services reach each other by name when they are on the same network.",
        "A fixed subnet keeps the network apart from those of the company.",
        "What is on another network can't be reached.",
    )
    thing = "a service on a network"
    parts = "name {name}; [image |]{image}; network {network}; subnet {subnet}"
    train = (
        "{tool} service {name} image {image} network {network} subnet {subnet}",
        "We want to run {image} on the network {network} in {tool}; its subnet is {subnet}. [Call|Name] the service "
        "{name}.",
        "How do I run {image} on a network in {tool}? The service is called {name}, the network {network}, the subnet "
        "is {subnet}.",
    )
    held = (
        "In {tool}, I want a service called {name} that runs {image} on the network {network} with the subnet "
        "{subnet}.",
    )

    def sample(self, rng):
        return {
            "name": words.name(rng),
            "image": words.image(rng),
            "network": words.word(rng),
            "subnet": f"172.{rng.randint(16, 31)}.{rng.choice((0, 16, 32, 64, 128))}.0/24",
        }

    def compose_facts(self, p):
        return {
            f"services/{p['name']}/image": p["image"],
            f"services/{p['name']}/networks": [p["network"]],
            f"networks/{p['network']}/ipam/config/subnet": p["subnet"],
        }

    def compose(self, p):
        network = {"ipam": {"config": [{"subnet": p["subnet"]}]}}
        return compose(p, service(p, networks=[p["network"]]), networks={p["network"]: network})
