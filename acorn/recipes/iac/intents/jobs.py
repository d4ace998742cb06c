"""Kubernetes: what runs and ends. Job, cron job."""

from acorn.recipes.iac import words
from acorn.recipes.iac.intents.intent import Intent
from acorn.recipes.iac.intents.workloads import container, pod
from acorn.recipes.iac.render.manifest import manifest


def command(rng) -> str:
    program = rng.choice(("python", "node", "bash"))
    return f"{program} {words.word(rng)} {rng.choice(('run', 'sync', 'clean', 'check', 'send'))}"


def once(p: dict) -> dict:
    """The template of a pod that runs a command and ends."""
    return {"spec": {"restartPolicy": "Never", **pod(container(p, command=p["command"].split()))}}


class CronJob(Intent):
    name, kinds, title = "cron-job", ("kubernetes",), "cron job"
    notes = (
        "The five fields of a schedule are minute, hour, day of month, month and day of week.",
        "A new run waits until the one before has ended.",
        "Schedules are in the time zone of the cluster, most often UTC.",
    )
    thing = "a cron job"
    parts = 'name {name}; [schedule |]"{schedule}"; image {image}; [command|run] "{command}"'
    train = (
        '{tool} cron job {name} schedule "{schedule}" image {image} command "{command}"',
        '[Please write|Give me] a cron job for {tool} called {name}. It runs "{command}" with the image {image} on '
        'the schedule "{schedule}".',
        'We want to run "{command}" in {tool} on the schedule "{schedule}". [Call|Name] the cron job {name}; the '
        "image is {image}.",
        'How do I run {image} in {tool} on the schedule "{schedule}"? The command is "{command}", the cron job is '
        "called {name}.",
    )
    held = (
        'In {tool}, I want a cron job called {name} that runs "{command}" in {image}. The schedule is "{schedule}".',
        '[Can|Could] you run "{command}" on the schedule "{schedule}" with a {tool} cron job? The image is {image}, '
        "the name is {name}.",
    )

    def sample(self, rng):
        hour, minute, day = rng.randint(0, 23), rng.choice((0, 5, 10, 15, 20, 30, 40, 45, 50)), rng.randint(0, 6)
        every = rng.choice((5, 10, 15, 20, 30))
        return {
            "name": words.name(rng),
            "schedule": rng.choice(
                (f"{minute} {hour} * * *", f"{minute} {hour} * * {day}", f"{minute} * * * *", f"*/{every} * * * *")
            ),
            "image": words.image(rng),
            "command": command(rng),
        }

    def kubernetes_facts(self, p):
        inside = "CronJob/spec/jobTemplate/spec/template/spec/containers"
        return {
            "CronJob/metadata/name": p["name"],
            "CronJob/spec/schedule": p["schedule"],
            f"{inside}/image": p["image"],
            f"{inside}/command": p["command"].split(),
        }

    def kubernetes(self, p):
        spec = {"schedule": p["schedule"], "concurrencyPolicy": "Forbid"}
        return manifest(
            {
                "apiVersion": "batch/v1",
                "kind": "CronJob",
                "metadata": {"name": p["name"]},
                "spec": {**spec, "jobTemplate": {"spec": {"template": once(p)}}},
            }
        )


class Job(Intent):
    name, kinds, title = "job", ("kubernetes",), "job"
    notes = (
        "A job runs a command until it has succeeded once, and tries again when it fails.",
        "The number of retries bounds how long a broken command is tried.",
        "A finished job stays, so that its logs can be read.",
    )
    thing = "a job"
    parts = 'name {name}; image {image}; [command|run] "{command}"; {retries} retries'
    train = (
        '{tool} job {name} image {image} command "{command}" retries {retries}',
        'We want to run "{command}" once in {tool} with the image {image} and {retries} retries. [Call|Name] the job '
        "{name}.",
        'Set up {name} as a {tool} job: {retries} retries, command "{command}", image {image}.',
    )
    held = ('In {tool}, I want a job called {name} that runs "{command}" in {image} with {retries} retries.',)

    def sample(self, rng):
        return {
            "name": words.name(rng),
            "image": words.image(rng),
            "command": command(rng),
            "retries": rng.randint(0, 9),
        }

    def kubernetes_facts(self, p):
        inside = "Job/spec/template/spec/containers"
        return {
            "Job/metadata/name": p["name"],
            "Job/spec/backoffLimit": p["retries"],
            f"{inside}/image": p["image"],
            f"{inside}/command": p["command"].split(),
        }

    def kubernetes(self, p):
        return manifest(
            {
                "apiVersion": "batch/v1",
                "kind": "Job",
                "metadata": {"name": p["name"]},
                "spec": {"backoffLimit": p["retries"], "template": once(p)},
            }
        )
