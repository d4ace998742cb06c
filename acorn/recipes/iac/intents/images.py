"""Dockerfiles of one stage: images for Python and Node.js, web apps and workers, and for CI."""

import json
import re

from acorn.recipes.iac import words
from acorn.recipes.iac.facts import find
from acorn.recipes.iac.intents.intent import Intent

FOLDERS = ("/app", "/srv", "/opt/app", "/code", "/usr/src/app")
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
NODES = ("18", "20", "22", "24")
INSTALL = {
    "python": "COPY requirements.txt .\nRUN pip install --no-cache-dir -r requirements.txt\n",
    "node": "COPY package*.json ./\nRUN npm ci --omit=dev\n",
}
USER = {"python": "nobody", "node": "node"}


def scripted(
    language: str, version: str, folder: str, command: str, port: int | None = None, environment: str | None = None
) -> str:
    """An image that copies the source and starts it: dependencies first, so that they are cached; never as root."""
    return (
        f"FROM {language}:{version}-slim\n"
        + (f"ENV APP_ENV={environment}\n" if environment else "")
        + f"WORKDIR {folder}\n{INSTALL[language]}COPY . .\nUSER {USER[language]}\n"
        + (f"EXPOSE {port}\n" if port else "")
        + f"CMD {json.dumps(command.split())}\n"
    )


class PythonImage(Intent):
    name, kinds, title = "python-image", ("dockerfile",), "Python web image"
    notes = (
        "Requirements are installed before the source is copied, so that a change in the source does not install them "
        "again.",
        "The process runs as nobody, so that a break-in does not hold root in the container.",
        "A command in brackets gets the stop signal itself, because no shell stands between.",
    )
    language, versions = "python", PYTHONS
    commands = ("python {}.py", "python -m {}", "gunicorn {}:app", "uvicorn {}:app")
    thing = "a web app"
    parts = "{label} {version}; folder {folder}; port {port}; command {command}"
    train = (
        "dockerfile {label} {version} port {port} folder {folder} command {command}",
        "I need a Dockerfile: {label} {version}, folder {folder}, port {port}, command {command}.",
        "[Please write|Give me] a Dockerfile for a web service in {label} {version}. It runs {command} in {folder} and "
        "listens on port {port}.",
        "We want to run {command} in a container with {label} {version}, port {port}, folder {folder}. Write the "
        "Dockerfile.",
        "How do I run {command} on port {port} in a container? {label} {version}, folder {folder}. Give me the "
        "Dockerfile.",
    )
    held = (
        "In a container with {label} {version}, I want to run {command} on port {port}, folder {folder}. Make a "
        "Dockerfile.",
        "dockerfile, folder {folder}, {label} {version}, command {command}, port {port}",
    )

    def sample(self, rng):
        return {
            "version": rng.choice(self.versions),
            "folder": rng.choice(FOLDERS),
            "port": rng.choice(words.PORTS),
            "command": rng.choice(self.commands).format(words.word(rng)),
        }

    def slots(self, p):
        return {**p, "label": self.language.capitalize()}

    def dockerfile_facts(self, p):
        return {
            "image/from": f"{self.language}:{p['version']}-slim",
            "image/workdir": p["folder"],
            "image/expose": [str(p["port"])],
            "image/cmd": p["command"].split(),
        }

    def dockerfile(self, p):
        return scripted(self.language, p["version"], p["folder"], p["command"], port=p["port"])


class NodeImage(PythonImage):
    name, title = "node-image", "Node.js web image"
    notes = (
        "npm ci installs exactly what the lock file names, without development packages.",
        "The base image has a user called node, which is not root.",
        "Only the package files are copied first, so that the installed packages are cached.",
    )
    language, versions = "node", NODES
    commands = ("node {}.js", "node src/{}.js", "node dist/{}.js", "npm run {}")


class WorkerImage(Intent):
    name, kinds, title = "worker-image", ("dockerfile",), "worker image"
    notes = (
        "A worker takes jobs from a queue and listens on no port, so nothing is exposed.",
        "What differs between environments is read from variables of the environment.",
        "The worker does not run as root.",
    )
    thing = "a worker"
    parts = "{label} {version}; folder {folder}; environment {environment}; command {command}"
    train = (
        "dockerfile worker {label} {version} folder {folder} environment {environment} command {command}",
        "I need a worker Dockerfile: {label} {version}, folder {folder}, environment {environment}, command {command}.",
        "We want to run the worker {command} in a container with {label} {version}, folder {folder}, environment "
        "{environment}. Write the Dockerfile.",
        "How do I run the worker {command} for {environment} in a container? {label} {version}, folder {folder}. "
        "Give me the Dockerfile.",
    )
    held = (
        "In a container with {label} {version}, I want to run the worker {command}, folder {folder}, environment "
        "{environment}. Make a Dockerfile.",
    )

    def sample(self, rng):
        language = rng.choice(("python", "node"))
        file = words.word(rng)
        return {
            "language": language,
            "version": rng.choice(PYTHONS if language == "python" else NODES),
            "folder": rng.choice(FOLDERS),
            "command": f"python {file}.py" if language == "python" else f"node {file}.js",
            "environment": rng.choice(words.ENVIRONMENTS),
        }

    def slots(self, p):
        return {**p, "label": p["language"].capitalize()}

    def dockerfile_facts(self, p):
        return {
            "image/from": f"{p['language']}:{p['version']}-slim",
            "image/env/APP_ENV": p["environment"],
            "image/workdir": p["folder"],
            "image/cmd": p["command"].split(),
            "image/expose": None,
        }

    def dockerfile(self, p):
        return scripted(p["language"], p["version"], p["folder"], p["command"], environment=p["environment"])


class ToolImage(Intent):
    name, kinds, title = "tool-image", ("dockerfile",), "CI image"
    notes = (
        "An image for CI holds the tools in fixed versions, so that a build today and in a year does the same.",
        "Nothing is kept of the downloads, which keeps the image small.",
        "CI runs as a user that is not root.",
    )
    thing = "a CI image"
    parts = "Python {version}; folder {folder}; tools {tools}"
    train = (
        "dockerfile CI image Python {version} folder {folder} tools {tools}",
        "We want to run {tools} in CI with Python {version}, folder {folder}. Write the Dockerfile.",
        "How do I run {tools} in CI? Python {version}, folder {folder}. Give me the Dockerfile.",
    )
    held = ("In CI with Python {version}, I want to run {tools}, folder {folder}. Make a Dockerfile.",)
    TOOLS = "ruff pytest mypy black tox nox bandit yamllint checkov flake8 pylint coverage".split()

    def sample(self, rng):
        tools = rng.sample(self.TOOLS, rng.randint(1, 2))
        return {
            "version": rng.choice(PYTHONS),
            "folder": rng.choice(FOLDERS),
            "tools": [f"{tool}=={rng.randint(0, 24)}.{rng.randint(0, 20)}.{rng.randint(0, 9)}" for tool in tools],
        }

    def slots(self, p):
        return {**p, "tools": words.listing(p["tools"])}

    def dockerfile_facts(self, p):
        return {"image/from": f"python:{p['version']}-slim", "image/workdir": p["folder"]}

    def check(self, p, parsed, kind):
        runs = find(parsed, "image/runs")
        got = sorted(re.findall(r"[\w-]+==[\w.]+", " ".join(runs if isinstance(runs, list) else [])))
        problems = super().check(p, parsed, kind)
        return problems if got == sorted(p["tools"]) else [*problems, f"tools: {got}, asked for {p['tools']}"]

    def dockerfile(self, p):
        install = f"RUN pip install --no-cache-dir {' '.join(p['tools'])}\n"
        return f"FROM python:{p['version']}-slim\n{install}WORKDIR {p['folder']}\nUSER nobody\n"
