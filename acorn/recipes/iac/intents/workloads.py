"""Kubernetes: what runs. Deployment, cron job, autoscaler."""

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
    parts = (
        "name {name}; [image |]{image}; {replicas} replicas; port {port}; [cpu {cpu}|{cpu} cpu]; [memory "
        "{memory}|{memory} memory]"
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
        f"deployment in k8s: <{parts}>",
        f"Kubernetes deployment with <{parts}>",
        f"Please create a deployment in Kubernetes: <{parts}>.",
        f"What is the YAML for a Kubernetes deployment with <{parts}>?",
        "{replicas} replicas of {image}, memory {memory}, cpu {cpu}, port {port}: write the Kubernetes deployment "
        "{name}.",
        "How do I run {image} in Kubernetes? Port {port}, cpu {cpu}, memory {memory}, {replicas} replicas; the "
        "deployment is called {name}.",
        "{name}: k8s deployment, port {port}, {image}, memory {memory}, cpu {cpu}, replicas {replicas}",
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


class CronJob(Intent):
    name, kind, title = "cron-job", "kubernetes", "cron job"
    notes = (
        "The five fields of a schedule are minute, hour, day of month, month and day of week.",
        "A new run waits until the one before has ended.",
        "Schedules are in the time zone of the cluster, most often UTC.",
    )
    parts = 'name {name}; [schedule |]"{schedule}"; image {image}; [command|run] "{command}"'
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
        f"cron job in k8s: <{parts}>",
        f"Kubernetes cron job with <{parts}>",
        f"Please create a cron job in Kubernetes: <{parts}>.",
        f"What is the YAML for a Kubernetes cron job with <{parts}>?",
        'Run "{command}" in {image}, schedule "{schedule}": write the Kubernetes cron job {name}.',
        'How do I run {image} in Kubernetes on the schedule "{schedule}"? The command is "{command}", the cron job '
        "is called {name}.",
        '{name}: k8s cron job, command "{command}", "{schedule}", image {image}',
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
            "command": f"{program} {words.word(rng)} {action}",
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
    parts = "[deployment|name] {name}; namespace {namespace}; [min|minimum] {least}; [max|maximum] {most}; cpu {cpu}%"
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
        f"hpa in k8s: <{parts}>",
        f"Kubernetes HPA with <{parts}>",
        f"Please create an autoscaler in Kubernetes: <{parts}>.",
        f"What is the YAML for a Kubernetes HPA with <{parts}>?",
        "{least} to {most} replicas, {cpu}% cpu, namespace {namespace}: write the Kubernetes autoscaler for {name}.",
        "How do I hold cpu at {cpu}% in Kubernetes? Scale from {least} to {most} replicas; the deployment is {name}, "
        "namespace {namespace}.",
        "{namespace}: k8s hpa, max {most}, min {least}, cpu {cpu}%, deployment {name}",
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
