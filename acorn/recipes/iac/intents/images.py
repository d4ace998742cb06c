"""Dockerfiles: web images for Python, Node.js and Go, and a worker that listens on no port."""

import json

from acorn.recipes.iac import words
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
    parts = "Python {version}; folder {folder}; port {port}; command {command}"
    train = (
        "[Write|Create|Make] a Dockerfile for a Python {version} web app in {folder} on port {port}, started by "
        "{command}.",
        "I need a Dockerfile: Python {version}, folder {folder}, port {port}, command {command}.",
        "Dockerfile: Python {version}, port {port}, folder {folder}, command {command}",
        "dockerfile python {version} port {port} folder {folder} command {command}",
        "[Please write|Give me] a Dockerfile for a web service in Python {version}. It runs {command} in {folder} and "
        "listens on port "
        "{port}.",
        "We want to run {command} in a container with Python {version}, port {port}, folder {folder}. Write the "
        "Dockerfile.",
        "[Can|Could] you write the Dockerfile for a Python web app that starts with {command} on port {port}? Use "
        "Python {version} and "
        "the folder {folder}.",
        "Set up a Dockerfile with the folder {folder} for Python {version}: command {command}, port {port}.",
        f"dockerfile for a web app: <{parts}>",
        f"Write the Dockerfile of a web service with <{parts}>.",
        f"Please create a Dockerfile: <{parts}>.",
        f"What is the Dockerfile for a web app with <{parts}>?",
        "Command {command}, port {port}: write a Dockerfile with Python {version} and the folder {folder}.",
        "How do I run {command} on port {port} in a container? Python {version}, folder {folder}. Give me the "
        "Dockerfile.",
        "port {port}, {command}, {folder}, python {version}: dockerfile",
    )
    held = (
        "Please make the Dockerfile for a web app in Python {version}; folder {folder}, command {command}, port "
        "{port}.",
        "In a container with Python {version}, I want to run {command} on port {port}, folder {folder}. Make a "
        "Dockerfile.",
        "dockerfile, folder {folder}, python {version}, command {command}, port {port}",
    )

    def sample(self, rng):
        module = words.word(rng)
        return {
            "version": rng.choice(PYTHONS),
            "folder": rng.choice(FOLDERS),
            "port": rng.choice(words.PORTS),
            "command": rng.choice(
                (f"python {module}.py", f"python -m {module}", f"gunicorn {module}:app", f"uvicorn {module}:app")
            ),
        }

    def dockerfile_facts(self, p):
        return {
            "image/from": f"python:{p['version']}-slim",
            "image/workdir": p["folder"],
            "image/expose": [str(p["port"])],
            "image/cmd": p["command"].split(),
        }

    def dockerfile(self, p):
        return scripted("python", p["version"], p["folder"], p["command"], port=p["port"])


class NodeImage(PythonImage):
    name, title = "node-image", "Node.js web image"
    notes = (
        "npm ci installs exactly what the lock file names, without development packages.",
        "The base image has a user called node, which is not root.",
        "Only the package files are copied first, so that the installed packages are cached.",
    )
    parts = PythonImage.parts.replace("Python", "Node")
    train = tuple(text.replace("Python", "Node").replace("python", "node") for text in PythonImage.train)
    held = tuple(text.replace("Python", "Node").replace("python", "node") for text in PythonImage.held)

    def sample(self, rng):
        module = words.word(rng)
        return {
            "version": rng.choice(NODES),
            "folder": rng.choice(FOLDERS),
            "port": rng.choice(words.PORTS),
            "command": rng.choice(
                (f"node {module}.js", f"node src/{module}.js", f"node dist/{module}.js", f"npm run {module}")
            ),
        }

    def dockerfile_facts(self, p):
        return {**super().dockerfile_facts(p), "image/from": f"node:{p['version']}-slim"}

    def dockerfile(self, p):
        return scripted("node", p["version"], p["folder"], p["command"], port=p["port"])


class GoImage(Intent):
    name, kinds, title = "go-image", ("dockerfile",), "Go web image"
    notes = (
        "The first stage compiles; the second holds only the program, so that the image is small.",
        "The distroless image has no shell and runs as a user that is not root.",
        "CGO is off, so that the program needs no libraries of the system.",
    )
    parts = "Go {version}; package {package}; binary {name}; port {port}"
    train = (
        "[Write|Create|Make] a Dockerfile for a Go {version} web app that builds {package} as {name} and listens on "
        "port {port}.",
        "I need a Dockerfile: Go {version}, package {package}, binary {name}, port {port}.",
        "Dockerfile: Go {version}, package {package}, port {port}, binary {name}",
        "dockerfile go {version} port {port} package {package} binary {name}",
        "[Please write|Give me] a Dockerfile for a web service in Go {version}. It builds the package {package}, "
        "listens on port {port} "
        "and the binary is {name}.",
        "We want to run the binary {name} in a container, port {port}. It is built from {package} with Go {version}. "
        "Write the "
        "Dockerfile.",
        "[Can|Could] you write the Dockerfile that builds {package} with Go {version}? The binary is called {name} "
        "and the port is "
        "{port}.",
        "Set up a Dockerfile for {name} with Go {version}: port {port}, package {package}.",
        f"dockerfile for a web app: <{parts}>",
        f"Write the Dockerfile of a web service with <{parts}>.",
        f"Please create a Dockerfile: <{parts}>.",
        f"What is the Dockerfile for a web app with <{parts}>?",
        "Port {port}, package {package}: write a Dockerfile with Go {version}; the binary is {name}.",
        "How do I build {package} with Go {version} in a container? The port is {port}, the binary {name}. Give me "
        "the Dockerfile.",
        "binary {name}, port {port}, {package}, go {version}: dockerfile",
    )
    held = (
        "Please make the Dockerfile for a web app in Go {version}; package {package}, binary {name}, port {port}.",
        "In a container, I want to run the binary {name} on port {port}, built from the package {package} with Go "
        "{version}. Make a "
        "Dockerfile.",
        "dockerfile, go {version}, binary {name}, package {package}, port {port}",
    )

    def sample(self, rng):
        return {
            "version": rng.choice(("1.21", "1.22", "1.23", "1.24", "1.25")),
            "package": f"./{rng.choice(('cmd', 'app', 'svc'))}/{words.word(rng)}",
            "name": words.name(rng),
            "port": rng.choice(words.PORTS),
        }

    def dockerfile_facts(self, p):
        return {
            "build/from": f"golang:{p['version']}",
            "build/builds": [[f"/bin/{p['name']}", p["package"]]],
            "image/copies": [[f"/bin/{p['name']}", f"/{p['name']}"]],
            "image/expose": [str(p["port"])],
            "image/entrypoint": [f"/{p['name']}"],
        }

    def dockerfile(self, p):
        return (
            f"FROM golang:{p['version']} AS build\nWORKDIR /src\nCOPY go.* ./\nRUN go mod download\nCOPY . .\n"
            f"RUN CGO_ENABLED=0 go build -o /bin/{p['name']} {p['package']}\n\n"
            f"FROM gcr.io/distroless/static-debian12:nonroot\nCOPY --from=build /bin/{p['name']} /{p['name']}\n"
            f'EXPOSE {p["port"]}\nENTRYPOINT ["/{p["name"]}"]\n'
        )


class WorkerImage(Intent):
    name, kinds, title = "worker-image", ("dockerfile",), "worker image"
    notes = (
        "A worker takes jobs from a queue and listens on no port, so nothing is exposed.",
        "What differs between environments is read from variables of the environment.",
        "The worker does not run as root.",
    )
    parts = "{label} {version}; folder {folder}; environment {environment}; command {command}"
    train = (
        "[Write|Create|Make] a Dockerfile for a {label} {version} worker in {folder}, started by {command}, "
        "environment {environment}.",
        "I need a worker Dockerfile: {label} {version}, folder {folder}, environment {environment}, command {command}.",
        "Dockerfile: worker, {label} {version}, environment {environment}, folder {folder}, command {command}",
        "dockerfile worker {language} {version} folder {folder} environment {environment} command {command}",
        "[Please write|Give me] a Dockerfile for a worker in {label} {version}. It runs {command} in {folder}; the "
        "environment is "
        "{environment}.",
        "We want to run the worker {command} in a container with {label} {version}, folder {folder}, environment "
        "{environment}. Write "
        "the Dockerfile.",
        "[Can|Could] you write the Dockerfile for a {environment} worker that starts with {command}? Use {label} "
        "{version} and the "
        "folder {folder}.",
        "Set up a worker Dockerfile with the folder {folder} for {label} {version}: command {command}, environment "
        "{environment}.",
        f"dockerfile for a worker: <{parts}>",
        f"Write the Dockerfile of a worker with <{parts}>.",
        f"Please create a worker Dockerfile: <{parts}>.",
        f"What is the Dockerfile for a worker with <{parts}>?",
        "Command {command}, environment {environment}: write a worker Dockerfile with {label} {version} and the "
        "folder {folder}.",
        "How do I run the worker {command} for {environment} in a container? {label} {version}, folder {folder}. "
        "Give me the Dockerfile.",
        "worker: {environment}, {command}, {folder}, {language} {version}, dockerfile",
    )
    held = (
        "Please make the Dockerfile for a worker in {label} {version}; environment {environment}, folder {folder}, "
        "command {command}.",
        "In a container with {label} {version}, I want to run the worker {command}, folder {folder}, environment "
        "{environment}. Make a "
        "Dockerfile.",
        "[Can|Could] you run the worker {command} in a container? Use {label} {version}, the folder {folder} and the "
        "environment "
        "{environment}. Write a Dockerfile.",
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
