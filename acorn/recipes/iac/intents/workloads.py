"""Kubernetes: what runs, and how it is reached. Deployment, service, ingress, cron job, autoscaler."""

from acorn.recipes.iac import words
from acorn.recipes.iac.facts import Quantity, find
from acorn.recipes.iac.intents.intent import Intent
from acorn.recipes.iac.render.manifest import manifest

CONTAINER = "spec/template/spec/containers"


class Deployment(Intent):
    name, kind, title = "deployment", "kubernetes", "deployment"
    notes = (
        "A deployment keeps the wanted number of replicas running and replaces them one by one on a change.",
        "The container may not run as root, and it can't use more memory than its limit.",
        "The readiness probe keeps traffic away from a replica that can't answer yet.",
    )
    train = (
        "[Write|Create|Make] a Kubernetes deployment [named|called] {name} with {replicas} replicas of {image} on "
        "port {port}, "
        "cpu {cpu} and memory {memory}.",
        "I need a Kubernetes deployment: name {name}, image {image}, {replicas} replicas, port {port}, {cpu} cpu, "
        "{memory} memory.",
        "Kubernetes: deployment {name}, {image}, port {port}, {replicas} replicas, cpu {cpu}, memory {memory}",
        "k8s deployment {name} image {image} replicas {replicas} port {port} cpu {cpu} memory {memory}",
        "[Please write|Give me] a deployment for Kubernetes called {name}. It runs {image} on port {port} with {cpu} "
        "cpu and {memory} "
        "of memory, {replicas} replicas.",
        "We want to run {replicas} replicas of {image} in Kubernetes, port {port}. [Call|Name] the deployment {name} "
        "and give it {cpu} "
        "cpu and {memory} memory.",
        "[Can|Could] you write the Kubernetes YAML for a deployment of {image} with {replicas} replicas, {memory} "
        "memory and {cpu} "
        "cpu? Name it {name}; it listens on port {port}.",
        "Set up {name} as a Kubernetes deployment: {replicas} replicas, {cpu} cpu, {memory} memory, image {image}, "
        "port {port}.",
    )
    held = (
        "Please make the Kubernetes deployment {name}; image {image}, port {port}, {replicas} replicas, memory "
        "{memory}, cpu {cpu}.",
        "In Kubernetes, I want a deployment called {name} that runs {image} with {replicas} replicas. It listens on "
        "port {port} "
        "and has {cpu} cpu and {memory} memory.",
        "k8s deployment, {replicas} replicas, image {image}, name {name}, cpu {cpu}, memory {memory}, port {port}",
    )

    def sample(self, rng):
        return {
            "name": words.name(rng),
            "image": words.image(rng),
            "replicas": rng.randint(2, 12),
            "port": rng.choice(words.PORTS),
            "cpu": rng.choice(words.CPUS),
            "memory": rng.choice(words.MEMORIES),
        }

    def facts(self, p):
        container = f"Deployment/{CONTAINER}"
        return {
            "Deployment/metadata/name": p["name"],
            "Deployment/spec/replicas": p["replicas"],
            f"{container}/image": p["image"],
            f"{container}/ports/containerPort": p["port"],
            f"{container}/readinessProbe/httpGet/port": p["port"],
            f"{container}/resources/requests/cpu": Quantity(p["cpu"]),
            f"{container}/resources/requests/memory": Quantity(p["memory"]),
            f"{container}/resources/limits/memory": Quantity(p["memory"]),
        }

    def check(self, p, parsed):
        """The selector has to find the deployment's own pods."""
        problems = super().check(p, parsed)
        wanted = find(parsed, "Deployment/spec/selector/matchLabels")
        labels = find(parsed, "Deployment/spec/template/metadata/labels")
        if not isinstance(wanted, dict) or not isinstance(labels, dict) or not wanted.items() <= labels.items():
            problems.append("Deployment/spec/selector: does not select the pods of the template")
        return problems

    def render(self, p):
        container = {
            "name": p["name"],
            "image": p["image"],
            "ports": [{"containerPort": p["port"]}],
            "readinessProbe": {"httpGet": {"path": "/healthz", "port": p["port"]}},
            "resources": {"requests": {"cpu": p["cpu"], "memory": p["memory"]}, "limits": {"memory": p["memory"]}},
        }
        pod = {"securityContext": {"runAsNonRoot": True}, "containers": [container]}
        return manifest(
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": p["name"]},
                "spec": {
                    "replicas": p["replicas"],
                    "selector": {"matchLabels": {"app": p["name"]}},
                    "template": {"metadata": {"labels": {"app": p["name"]}}, "spec": pod},
                },
            }
        )


class Service(Intent):
    name, kind, title = "service", "kubernetes", "service"
    notes = (
        "A service gives the pods that its selector finds one stable name and address.",
        "The port is what callers use; the target port is where the container listens.",
        "A LoadBalancer is reached from outside, a NodePort through every node, a ClusterIP only from inside.",
    )
    train = (
        "[Write|Create|Make] a Kubernetes service [named|called] {name} of type {type} in namespace {namespace}, port "
        "{port}, "
        "target port {target}.",
        "I need a Kubernetes service: name {name}, namespace {namespace}, type {type}, port {port} to target port "
        "{target}.",
        "Kubernetes: service {name}, {type}, port {port}, target port {target}, namespace {namespace}",
        "k8s service {name} type {type} namespace {namespace} port {port} target port {target}",
        "[Please write|Give me] a {type} service for Kubernetes called {name}. It sends port {port} to target port "
        "{target} in the "
        "namespace {namespace}.",
        "We want to reach {name} in the namespace {namespace} on port {port}. Its target port is {target}. Write a "
        "Kubernetes service "
        "of type {type}.",
        "[Can|Could] you write the Kubernetes YAML for a {type} service on port {port} with target port {target}? "
        "Name it {name}; the "
        "namespace is {namespace}.",
        "Set up {name} as a Kubernetes service in {namespace}: target port {target}, port {port}, type {type}.",
    )
    held = (
        "Please make the Kubernetes service {name} in the namespace {namespace}; type {type}, port {port}, target "
        "port {target}.",
        "In Kubernetes, I want a {type} service called {name}, namespace {namespace}, that sends port {port} to "
        "target port {target}.",
        "[Can|Could] you set up the Kubernetes service {name}? It is of type {type}, port {port}, target port "
        "{target}, "
        "namespace {namespace}.",
    )

    def sample(self, rng):
        return {
            "name": words.name(rng),
            "namespace": rng.choice(words.NAMESPACES),
            "type": rng.choice(("ClusterIP", "NodePort", "LoadBalancer")),
            "port": rng.choice((80, 81, 443, 8080, 8443, 9000)),
            "target": rng.choice(words.PORTS),
        }

    def facts(self, p):
        return {
            "Service/metadata/name": p["name"],
            "Service/metadata/namespace": p["namespace"],
            "Service/spec/type": p["type"],
            "Service/spec/selector": {"app": p["name"]},
            "Service/spec/ports/port": p["port"],
            "Service/spec/ports/targetPort": p["target"],
        }

    def render(self, p):
        return manifest(
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": p["name"], "namespace": p["namespace"]},
                "spec": {
                    "type": p["type"],
                    "selector": {"app": p["name"]},
                    "ports": [{"port": p["port"], "targetPort": p["target"]}],
                },
            }
        )


class Ingress(Intent):
    name, kind, title = "ingress", "kubernetes", "ingress"
    notes = (
        "An ingress sends requests for a host and a path to a service inside the cluster.",
        "With TLS, the certificate and its key are read from a secret.",
        "The class names the controller that serves the ingress.",
    )
    train = (
        "[Write|Create|Make] a Kubernetes ingress [named|called] {name} for host {host}, path {path}, to service "
        "{service} "
        "on port {port}{plus}.",
        "I need a Kubernetes ingress: name {name}, host {host}, path {path}, service {service}, port {port}{plus}.",
        "Kubernetes: ingress {name}, {host}, path {path}, service {service}, port {port}{plus}",
        "k8s ingress {name} host {host} path {path} service {service} port {port}{plus}",
        "[Please write|Give me] an ingress for Kubernetes called {name}{extras}. It sends {host} with the path {path} "
        "to port {port} "
        "of the service {service}.",
        "We want to reach the service {service}, port {port}, at {host} under the path {path}. [Call|Name] the "
        "Kubernetes ingress "
        "{name}{plus}.",
        "[Can|Could] you write the Kubernetes YAML for an ingress to {service} on port {port}{extras}? The host is "
        "{host}, the path is "
        "{path}, the name is {name}.",
        "Set up {name} as a Kubernetes ingress: path {path}, host {host}, port {port} of service {service}{plus}.",
    )
    held = (
        "Please make the Kubernetes ingress {name}; the host is {host}, path {path}, service {service}, port "
        "{port}{plus}.",
        "In Kubernetes, I want an ingress called {name}{extras} that sends host {host} and path {path} to service "
        "{service} on port {port}.",
        "k8s ingress {host} path {path} to {service} port {port}, name {name}{plus}",
    )

    def sample(self, rng):
        return {
            "name": words.name(rng),
            "host": f"{rng.choice(words.FIRST)}.{rng.choice(('example.com', 'example.org', 'example.net'))}",
            "path": rng.choice(("/", "/api", "/app", "/v1", "/v2", "/admin", "/docs", "/auth")),
            "service": words.name(rng),
            "port": rng.choice((80, 81, 443, 8080, 8443, 9000)),
            "tls": rng.random() < 0.5,
        }

    def options(self, p):
        return ["TLS"] * p["tls"]

    def facts(self, p):
        rule = "Ingress/spec/rules"
        return {
            "Ingress/metadata/name": p["name"],
            f"{rule}/host": p["host"],
            f"{rule}/http/paths/path": p["path"],
            f"{rule}/http/paths/backend/service/name": p["service"],
            f"{rule}/http/paths/backend/service/port/number": p["port"],
            "Ingress/spec/tls/hosts": [p["host"]] if p["tls"] else None,
        }

    def render(self, p):
        backend = {"service": {"name": p["service"], "port": {"number": p["port"]}}}
        path = {"path": p["path"], "pathType": "Prefix", "backend": backend}
        spec = {"ingressClassName": "nginx", "rules": [{"host": p["host"], "http": {"paths": [path]}}]}
        if p["tls"]:
            spec["tls"] = [{"hosts": [p["host"]], "secretName": p["name"] + "-tls"}]
        top = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": p["name"]}}
        return manifest({**top, "spec": spec})


class CronJob(Intent):
    name, kind, title = "cron-job", "kubernetes", "cron job"
    notes = (
        "The five fields of a schedule are minute, hour, day of month, month and day of week.",
        "A new run waits until the one before has ended.",
        "Schedules are in the time zone of the cluster, most often UTC.",
    )
    train = (
        '[Write|Create|Make] a Kubernetes cron job [named|called] {name} with schedule "{schedule}" that runs '
        '"{command}" in {image}.',
        'I need a Kubernetes cron job: name {name}, image {image}, command "{command}", schedule "{schedule}".',
        'Kubernetes: cron job {name}, "{schedule}", {image}, command "{command}"',
        'k8s cron job {name} schedule "{schedule}" image {image} command "{command}"',
        '[Please write|Give me] a cron job for Kubernetes called {name}. It runs "{command}" with the image {image} '
        "on the schedule "
        '"{schedule}".',
        'We want to run "{command}" in Kubernetes on the schedule "{schedule}". [Call|Name] the cron job {name}; the '
        "image is {image}.",
        '[Can|Could] you write the Kubernetes YAML for a cron job with image {image} and schedule "{schedule}"? Name '
        "it {name}; it "
        'runs "{command}".',
        'Set up {name} as a Kubernetes cron job: image {image}, schedule "{schedule}", command "{command}".',
    )
    held = (
        'Please make the Kubernetes cron job {name}; schedule "{schedule}", image {image}, command "{command}".',
        'In Kubernetes, I want a cron job called {name} that runs "{command}" in {image}. The schedule is '
        '"{schedule}".',
        '[Can|Could] you run "{command}" on the schedule "{schedule}" with a Kubernetes cron job? The image is '
        "{image}, the "
        "name is {name}.",
    )

    def sample(self, rng):
        hour, minute, day = rng.randint(0, 23), rng.choice((0, 5, 10, 15, 20, 30, 40, 45, 50)), rng.randint(0, 6)
        every = rng.choice((5, 10, 15, 20, 30))
        program = rng.choice(("python", "node", "bash"))
        action = rng.choice(("run", "sync", "clean", "check", "send"))
        return {
            "name": words.name(rng),
            "schedule": rng.choice(
                (f"{minute} {hour} * * *", f"{minute} {hour} * * {day}", f"{minute} * * * *", f"*/{every} * * * *")
            ),
            "image": words.image(rng),
            "command": f"{program} {rng.choice(words.FIRST)} {action}",
        }

    def facts(self, p):
        container = "CronJob/spec/jobTemplate/spec/template/spec/containers"
        return {
            "CronJob/metadata/name": p["name"],
            "CronJob/spec/schedule": p["schedule"],
            f"{container}/image": p["image"],
            f"{container}/command": p["command"].split(),
        }

    def render(self, p):
        container = {"name": p["name"], "image": p["image"], "command": p["command"].split()}
        pod = {"restartPolicy": "Never", "securityContext": {"runAsNonRoot": True}, "containers": [container]}
        return manifest(
            {
                "apiVersion": "batch/v1",
                "kind": "CronJob",
                "metadata": {"name": p["name"]},
                "spec": {
                    "schedule": p["schedule"],
                    "concurrencyPolicy": "Forbid",
                    "jobTemplate": {"spec": {"template": {"spec": pod}}},
                },
            }
        )


class Autoscaler(Intent):
    name, kind, title = "autoscaler", "kubernetes", "horizontal pod autoscaler"
    notes = (
        "The autoscaler adds replicas when the average cpu use of the pods is above the target, and removes them "
        "below it.",
        "Use is counted against what the containers request, so they must request cpu.",
        "A deployment with an autoscaler should not set its own number of replicas.",
    )
    train = (
        "[Write|Create|Make] a Kubernetes autoscaler for the deployment {name} in namespace {namespace}: {least} to "
        "{most} replicas "
        "at {cpu}% cpu.",
        "I need a Kubernetes HPA: deployment {name}, namespace {namespace}, minimum {least}, maximum {most}, cpu "
        "{cpu}%.",
        "Kubernetes: HPA {name}, minimum {least}, maximum {most}, cpu {cpu}%, namespace {namespace}",
        "k8s hpa {name} namespace {namespace} min {least} max {most} cpu {cpu}%",
        "[Please write|Give me] a horizontal pod autoscaler for {name} in the namespace {namespace}. It keeps cpu at "
        "{cpu}% with "
        "{least} to {most} replicas. Use Kubernetes.",
        "We want to scale the deployment {name} from {least} to {most} replicas at {cpu}% cpu in Kubernetes, "
        "namespace {namespace}.",
        "[Can|Could] you write the Kubernetes YAML to scale {name} at {cpu}% cpu, minimum {least} and maximum {most} "
        "replicas? The "
        "namespace is {namespace}.",
        "Set up a Kubernetes HPA in {namespace} for {name}: cpu {cpu}%, {least} to {most} replicas.",
    )
    held = (
        "Please make the Kubernetes HPA for the deployment {name}; {least} to {most} replicas, cpu {cpu}%, namespace "
        "{namespace}.",
        "In Kubernetes, I want an autoscaler for {name} in the namespace {namespace} with minimum {least} and maximum "
        "{most} "
        "replicas at {cpu}% cpu.",
        "k8s hpa, cpu {cpu}%, min {least}, max {most}, deployment {name}, namespace {namespace}",
    )

    def sample(self, rng):
        least = rng.randint(1, 5)
        return {
            "name": words.name(rng),
            "namespace": rng.choice(words.NAMESPACES),
            "least": least,
            "most": least + rng.randint(1, 15),
            "cpu": rng.choice((40, 45, 50, 55, 60, 65, 70, 75, 80, 85, 90)),
        }

    def facts(self, p):
        spec = "HorizontalPodAutoscaler/spec"
        return {
            "HorizontalPodAutoscaler/metadata/namespace": p["namespace"],
            f"{spec}/scaleTargetRef/apiVersion": "apps/v1",
            f"{spec}/scaleTargetRef/kind": "Deployment",
            f"{spec}/scaleTargetRef/name": p["name"],
            f"{spec}/minReplicas": p["least"],
            f"{spec}/maxReplicas": p["most"],
            f"{spec}/metrics/resource/name": "cpu",
            f"{spec}/metrics/resource/target/averageUtilization": p["cpu"],
        }

    def render(self, p):
        target = {"type": "Utilization", "averageUtilization": p["cpu"]}
        return manifest(
            {
                "apiVersion": "autoscaling/v2",
                "kind": "HorizontalPodAutoscaler",
                "metadata": {"name": p["name"], "namespace": p["namespace"]},
                "spec": {
                    "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": p["name"]},
                    "minReplicas": p["least"],
                    "maxReplicas": p["most"],
                    "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
                },
            }
        )
