"""Kubernetes: how many replicas there are, and which pods go first. Autoscaler, disruption budget, priority class."""

from acorn.recipes.iac import words
from acorn.recipes.iac.intents.intent import Intent
from acorn.recipes.iac.render.manifest import manifest


class Autoscaler(Intent):
    name, kinds, title = "autoscaler", ("kubernetes",), "horizontal pod autoscaler"
    notes = (
        "The autoscaler adds replicas when the average cpu use of the pods is above the target, and removes them "
        "below it.",
        "Use is counted against what the containers request, so they must request cpu.",
        "A deployment with an autoscaler should not set its own number of replicas.",
    )
    thing = "[an autoscaler|an HPA]"
    parts = "[deployment|name] {name}; namespace {namespace}; [min|minimum] {least}; [max|maximum] {most}; cpu {cpu}%"
    train = (
        "{tool} hpa deployment {name} namespace {namespace} min {least} max {most} cpu {cpu}%",
        "We want an autoscaler to scale the deployment {name} from {least} to {most} replicas at {cpu}% cpu in {tool}, "
        "namespace {namespace}.",
        "[Can|Could] you scale {name} at {cpu}% cpu in {tool}, minimum {least} and maximum {most} replicas? The "
        "namespace is {namespace}.",
        "How do I hold cpu at {cpu}% in {tool}? Scale from {least} to {most} replicas; the deployment is {name}, "
        "namespace {namespace}.",
    )
    held = (
        "In {tool}, I want an autoscaler for {name} in the namespace {namespace} with minimum {least} and maximum "
        "{most} replicas at {cpu}% cpu.",
        "{tool} hpa, cpu {cpu}%, min {least}, max {most}, deployment {name}, namespace {namespace}",
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

    def kubernetes_facts(self, p):
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

    def kubernetes(self, p):
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


class DisruptionBudget(Intent):
    name, kinds, title = "disruption-budget", ("kubernetes",), "pod disruption budget"
    notes = (
        "While nodes are drained, a disruption budget keeps enough pods running.",
        "It holds for planned work only: a node that breaks does not ask.",
        "A budget that equals the number of replicas lets no node be drained.",
    )
    thing = "[a disruption budget|a PDB]"
    parts = "[app|name] {name}; namespace {namespace}; [min|minimum] {least} available"
    train = (
        "{tool} pdb app {name} namespace {namespace} min {least} available",
        "We want to keep {least} pods of {name} available in {tool}, namespace {namespace}, with a disruption budget.",
        "How do I keep {least} pods of the app {name} available in {tool}? A PDB in the namespace {namespace}.",
    )
    held = (
        "In {tool}, I want a disruption budget for the app {name} in the namespace {namespace} that keeps {least} "
        "available.",
    )

    def sample(self, rng):
        return {
            "name": words.name(rng),
            "namespace": rng.choice(words.NAMESPACES),
            "least": rng.choice((1, 2, 3, 4, 5, "25%", "40%", "50%", "60%", "75%", "80%", "90%")),
        }

    def kubernetes_facts(self, p):
        return {
            "PodDisruptionBudget/metadata/name": p["name"],
            "PodDisruptionBudget/metadata/namespace": p["namespace"],
            "PodDisruptionBudget/spec/minAvailable": p["least"],
            "PodDisruptionBudget/spec/selector/matchLabels": {"app": p["name"]},
        }

    def kubernetes(self, p):
        return manifest(
            {
                "apiVersion": "policy/v1",
                "kind": "PodDisruptionBudget",
                "metadata": {"name": p["name"], "namespace": p["namespace"]},
                "spec": {"minAvailable": p["least"], "selector": {"matchLabels": {"app": p["name"]}}},
            }
        )


class PriorityClass(Intent):
    name, kinds, title = "priority-class", ("kubernetes",), "priority class"
    notes = (
        "Pods of a higher class are placed first, and may push out pods of a lower one.",
        "With no preemption, a class waits for room and pushes nobody out.",
        "Values up to a billion are for users; what is above is the system's own.",
    )
    thing = "a priority class"
    parts = "name {name}; value {value}; {plus}"
    train = (
        "{tool} priority class {name} value {value}{plus}",
        "We want pods with the priority {value} in {tool}{plus}. [Call|Name] the priority class {name}.",
        "How do I write the priority {value} in {tool}{extras}? The priority class is called {name}.",
    )
    held = ("In {tool}, I want a priority class called {name}{extras}. Its value is {value}.",)

    def sample(self, rng):
        return {
            "name": words.name(rng),
            "value": rng.randint(1, 99) * rng.choice((10, 100, 1000, 10000)),
            "patient": rng.random() < 0.4,
        }

    def options(self, p):
        return ["no preemption"] * p["patient"]

    def kubernetes_facts(self, p):
        return {
            "PriorityClass/metadata/name": p["name"],
            "PriorityClass/value": p["value"],
            "PriorityClass/preemptionPolicy": "Never" if p["patient"] else None,
        }

    def kubernetes(self, p):
        top = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": p["name"]}}
        return manifest({**top, "value": p["value"], **({"preemptionPolicy": "Never"} if p["patient"] else {})})
