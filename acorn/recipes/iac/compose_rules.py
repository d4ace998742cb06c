"""
Compose -> Kubernetes by rules: a Deployment for each service, a Service for its ports, a claim for each volume. What
has no place there is named; nothing is left out in silence.
"""

import re
import shlex

from acorn.recipes.iac.render.manifest import Quoted, documents

HARMLESS = {
    "restart",
    "container_name",
    "networks",
    "depends_on",
    "expose",
}  # a cluster has its own ways, or see `notes`
KEPT = {"image", "ports", "environment", "command", "entrypoint", "volumes", "deploy", "user", "working_dir",
        "mem_limit", "cpus", "healthcheck", "scale", "read_only"}  # fmt: skip
TIMES = {"interval": "periodSeconds", "timeout": "timeoutSeconds", "start_period": "initialDelaySeconds"}
SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
DURATION = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h|d|w)")
SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgtp]?)i?b?", re.IGNORECASE)
FILLED = re.compile(r"(?<!\$)(?:\$\$)*\$(?:\{|[A-Za-z_])")  # ${PORT}, but not $$PORT
NAMED = re.compile(r"[A-Za-z0-9][\w.-]*")
CLAIM = "1Gi"


def kubernetes(parsed: dict) -> tuple[str, list[str], list[str]]:
    """(manifests, what is lost, what a person should know)"""
    services = sections(parsed, "services")
    file = File(sections(parsed, "volumes"))
    for key in parsed:
        file.lost += [key] if key not in ("services", "volumes", "networks") else []
    manifests = [one for name, service in services.items() for one in file.service(name, service or {})]
    manifests = [*file.claims.values(), *manifests]
    return (documents(*manifests) if manifests else ""), file.lost, list(dict.fromkeys(file.notes))


def sections(parsed: dict, name: str) -> dict:
    found = parsed.get(name) or {}
    return found[0] if isinstance(found, list) else found


class File:
    """One file on its way: what becomes of its services, and what does not."""

    def __init__(self, volumes: dict):
        self.volumes, self.claims, self.labels = volumes, {}, {}
        self.lost: list[str] = []
        self.notes: list[str] = []

    def service(self, name: str, service: dict) -> list[dict]:
        where, label = f"services.{name}", labelled(name)
        if self.labels.setdefault(label, name) != name:
            self.lost.append(f"{where}: {self.labels[label]} would have the same name")
        for key, value in service.items():
            if key not in KEPT | HARMLESS:
                self.lost.append(f"{where}.{key}")
            elif FILLED.search(str(value)):
                self.lost.append(f"{where}.{key}: Compose fills in ${{...}}, Kubernetes does not")
        self.tell(name, label, service)
        container = self.container(where, label, service)
        pod: dict = {"containers": [container]}
        self.mount(f"{where}.volumes", service.get("volumes") or [], container, pod)
        deployment = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": label},
            "spec": {
                "replicas": self.replicas(where, service),
                "selector": {"matchLabels": {"app": label}},
                "template": {"metadata": {"labels": {"app": label}}, "spec": pod},
            },
        }
        return [deployment, *self.reached(where, label, service, container)]

    def tell(self, name: str, label: str, service: dict) -> None:
        where = f"services.{name}"
        if label != name:
            self.notes.append(f"{where}: it is called {label}, and so is its host")
        if service.get("depends_on"):
            self.notes.append(f"{where}.depends_on: Kubernetes starts everything at once, and again until it runs")
        if service.get("networks"):
            self.notes.append(
                f"{where}.networks: in a cluster all pods reach each other, until a NetworkPolicy says else"
            )
        restart = service.get("restart")
        if restart == "no" or str(restart).startswith("on-failure"):
            self.lost.append(f"{where}.restart: a Deployment restarts always; a Job does not")

    def container(self, where: str, label: str, service: dict) -> dict:
        found: dict = {"name": label, "image": service.get("image", "")}
        if not found["image"]:
            self.lost.append(f"{where}.image: an image has to be built and named first")
        for key, its in (("entrypoint", "command"), ("command", "args")):
            if service.get(key):
                found[its] = self.split(f"{where}.{key}", service[key])
        if "working_dir" in service:
            found["workingDir"] = service["working_dir"]
        if env := self.environment(f"{where}.environment", service.get("environment")):
            found["env"] = [{"name": key, "value": Quoted(value)} for key, value in env.items()]
        if resources := self.resources(where, service):
            found["resources"] = resources
        if probe := self.probe(f"{where}.healthcheck", service.get("healthcheck")):
            found["livenessProbe"] = probe
        security = {}
        if "user" in service:
            user, _, group = str(service["user"]).partition(":")
            if user.isdecimal() and (group.isdecimal() or not group):
                security = {"runAsUser": int(user), **({"runAsGroup": int(group)} if group else {})}
            else:
                self.lost.append(f"{where}.user: {service['user']} is no number")
        if service.get("read_only") is True:
            security["readOnlyRootFilesystem"] = True
        return {**found, **({"securityContext": security} if security else {})}

    def reached(self, where: str, label: str, service: dict, container: dict) -> list[dict]:
        """The Service for the ports, if there are any; they are told to the container too."""
        pairs = [one for port in service.get("ports") or [] if (one := self.port(f"{where}.ports", port))]
        for port in service.get("expose") or []:
            if str(port).isdecimal():
                pairs.append((int(port), int(port)))
            else:
                self.lost.append(f"{where}.expose: {port}")
        if not pairs:
            return []
        container["ports"] = [{"containerPort": port} for port in dict.fromkeys(target for _, target in pairs)]
        rows = [{"port": port, "targetPort": target} for port, target in dict(pairs).items()]
        if len(rows) > 1:
            rows = [{"name": f"port-{row['port']}", **row} for row in rows]
        spec = {"selector": {"app": label}, "ports": rows}
        return [{"apiVersion": "v1", "kind": "Service", "metadata": {"name": label}, "spec": spec}]

    def port(self, where: str, port) -> tuple[int, int] | None:
        """'127.0.0.1:8080:80/tcp' -> (8080, 80)"""
        if isinstance(port, dict):
            target, published = port.get("target"), port.get("published", port.get("target"))
            plain = port.get("protocol", "tcp") == "tcp" and not port.get("host_ip")
            if plain and str(target).isdecimal() and str(published).isdecimal():
                return int(published), int(target)
        else:
            *before, target = str(port).removesuffix("/tcp").rsplit(":", 2)
            *host, published = before or [""]
            if target.isdecimal() and (published or target).isdecimal():
                if host:
                    self.notes.append(f"{where}: {port} was open to {host[0]} alone, now to the cluster")
                return int(published or target), int(target)
        self.lost.append(f"{where}: {port}")
        return None

    def replicas(self, where: str, service: dict) -> int:
        number = service.get("scale", (service.get("deploy") or {}).get("replicas", 1))
        if str(number).isdecimal():
            return int(number)
        self.lost.append(f"{where}: {number} replicas")
        return 1

    def split(self, where: str, command) -> list[str]:
        try:
            found = command if isinstance(command, list) else shlex.split(str(command))
        except ValueError:
            self.lost.append(f"{where}: its quotes do not close")
            found = []
        return [str(one).replace("$$", "$") for one in found]

    def environment(self, where: str, given) -> dict[str, str]:
        listed = [str(one).partition("=") for one in given or []] if not isinstance(given, dict) else []
        pairs = given if isinstance(given, dict) else {key: value if equals else None for key, equals, value in listed}
        found = {}
        for key, value in pairs.items():
            if value is None:
                self.lost.append(f"{where}.{key}: its value comes from the shell that starts Compose")
            else:
                text = str(value).lower() if isinstance(value, bool) else str(value)
                found[str(key)] = text.replace("$$", "$")
        return found

    def resources(self, where: str, service: dict) -> dict:
        """{"limits": {...}, "requests": {...}}"""
        deploy = service.get("deploy") or {}
        self.lost += [f"{where}.deploy.{key}" for key in deploy if key not in ("replicas", "resources")]
        given = deploy.get("resources") or {}
        parts = {"limits": dict(given.get("limits") or {}), "requests": dict(given.get("reservations") or {})}
        parts["limits"] |= {
            its: service[key] for key, its in (("mem_limit", "memory"), ("cpus", "cpus")) if key in service
        }
        found: dict = {}
        for part, values in parts.items():
            for key, value in values.items():
                size = SIZE.fullmatch(str(value))
                if key == "memory" and size:
                    unit = size[2].upper() + "i" if size[2] else ""
                    found.setdefault(part, {})["memory"] = f"{size[1]}{unit}"
                elif key == "cpus" and re.fullmatch(r"\d+(\.\d+)?", str(value)):
                    found.setdefault(part, {})["cpu"] = Quoted(str(value))
                else:
                    self.lost.append(f"{where}.deploy.resources.{key}: {value}")
        return found

    def probe(self, where: str, check) -> dict | None:
        test = (check or {}).get("test")
        if not check or check.get("disable") or test in ("NONE", ["NONE"]):
            return None
        if not test:
            self.lost.append(f"{where}: its test stands in the image")
            return None
        command = ["sh", "-c", test] if isinstance(test, str) else list(test)
        if command[0] in ("CMD", "CMD-SHELL"):
            command = command[1:] if command[0] == "CMD" else ["sh", "-c", *command[1:]]
        probe: dict = {"exec": {"command": [str(one).replace("$$", "$") for one in command]}}
        for key, value in check.items():
            if key in TIMES and (length := seconds(value)) is not None:
                probe[TIMES[key]] = max(0 if key == "start_period" else 1, round(length))
            elif key == "retries" and str(value).isdecimal():
                probe["failureThreshold"] = max(1, int(value))
            elif key != "test":
                self.lost.append(f"{where}.{key}: {value}")
        return probe

    def mount(self, where: str, given: list, container: dict, pod: dict) -> None:
        """Named volumes become claims; folders of the machine have no counterpart in a cluster."""
        for one in given:
            if isinstance(one, dict):
                source, path, mode = one.get("source"), one.get("target"), "ro" if one.get("read_only") else ""
                plain = one.get("type", "volume") == "volume" and not set(one) - {
                    "type",
                    "source",
                    "target",
                    "read_only",
                }
            else:
                source, path, mode = [*str(one).split(":"), "", ""][:3]
                plain = mode in ("", "ro", "rw") and str(one).count(":") < 3
            if not (plain and path and NAMED.fullmatch(str(source or ""))):
                self.lost.append(f"{where}: {one if isinstance(one, str) else source}")
                continue
            claim = labelled(source)
            if claim not in self.claims:
                if options := set(self.volumes.get(source) or {}) - {"name"}:
                    self.lost.append(f"volumes.{source}: {', '.join(sorted(options))}")
                self.notes.append(f"volumes.{source}: it is claimed with {CLAIM}, since Compose says no size")
            elif not any(volume["name"] == claim for volume in pod.get("volumes", [])):
                self.notes.append(f"volumes.{source}: several services mount it, so their pods share a node")
            spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": CLAIM}}}
            about = {"apiVersion": "v1", "kind": "PersistentVolumeClaim"}
            self.claims[claim] = {**about, "metadata": {"name": claim}, "spec": spec}
            mounted = {"name": claim, "mountPath": path, **({"readOnly": True} if mode == "ro" else {})}
            container.setdefault("volumeMounts", []).append(mounted)
            volume = {"name": claim, "persistentVolumeClaim": {"claimName": claim}}
            if volume not in pod.setdefault("volumes", []):
                pod["volumes"].append(volume)


def labelled(name: str) -> str:
    """As Kubernetes lets things be called."""
    return re.sub(r"[^a-z0-9-]", "-", str(name).lower()).strip("-")[:63]


def seconds(text) -> float | None:
    """'1m30s' -> 90"""
    found = DURATION.findall(str(text))
    if not found or "".join(a + b for a, b in found) != str(text):
        return None
    return sum(float(number) * SECONDS[unit] for number, unit in found)
