"""Dockerfiles of two stages: the first builds, the second holds only what runs. Go, Rust, Java, a static site."""

from acorn.recipes.iac import words
from acorn.recipes.iac.intents.images import NODES
from acorn.recipes.iac.intents.intent import Intent


class GoImage(Intent):
    name, kinds, title = "go-image", ("dockerfile",), "Go web image"
    notes = (
        "The first stage compiles; the second holds only the program, so that the image is small.",
        "The distroless image has no shell and runs as a user that is not root.",
        "CGO is off, so that the program needs no libraries of the system.",
    )
    thing = "a web app"
    parts = "Go {version}; package {package}; binary {name}; port {port}"
    train = (
        "dockerfile Go {version} port {port} package {package} binary {name}",
        "I need a Dockerfile: Go {version}, package {package}, binary {name}, port {port}.",
        "We want to run the binary {name} in a container, port {port}. It is built from {package} with Go {version}. "
        "Write the Dockerfile.",
        "How do I build {package} with Go {version} in a container? The port is {port}, the binary {name}. Give me "
        "the Dockerfile.",
    )
    held = (
        "In a container, I want to run the binary {name} on port {port}, built from the package {package} with Go "
        "{version}. Make a Dockerfile.",
        "dockerfile, Go {version}, binary {name}, package {package}, port {port}",
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


class RustImage(Intent):
    name, kinds, title = "rust-image", ("dockerfile",), "Rust web image"
    notes = (
        "The compiler and its caches stay in the first stage.",
        "The second stage has a C library and nothing else, and runs as a user that is not root.",
        "A release build takes longer and runs faster.",
    )
    thing = "a web app"
    parts = "Rust {version}; binary {name}; port {port}"
    train = (
        "dockerfile Rust {version} port {port} binary {name}",
        "I need a Dockerfile: Rust {version}, binary {name}, port {port}.",
        "We want to run the binary {name} in a container, port {port}. It is built with Rust {version}. Write the "
        "Dockerfile.",
        "How do I build {name} with Rust {version} in a container? The port is {port}. Give me the Dockerfile.",
    )
    held = (
        "In a container, I want to run the binary {name} on port {port}, built with Rust {version}. Make a Dockerfile.",
    )

    def sample(self, rng):
        return {
            "version": f"1.{rng.randint(70, 90)}",
            "name": words.name(rng),
            "port": rng.choice(words.PORTS),
        }

    def dockerfile_facts(self, p):
        return {
            "build/from": f"rust:{p['version']}",
            "image/copies": [[f"/src/target/release/{p['name']}", f"/{p['name']}"]],
            "image/expose": [str(p["port"])],
            "image/entrypoint": [f"/{p['name']}"],
        }

    def dockerfile(self, p):
        return (
            f"FROM rust:{p['version']} AS build\nWORKDIR /src\nCOPY . .\nRUN cargo build --release\n\n"
            f"FROM gcr.io/distroless/cc-debian12:nonroot\n"
            f"COPY --from=build /src/target/release/{p['name']} /{p['name']}\n"
            f'EXPOSE {p["port"]}\nENTRYPOINT ["/{p["name"]}"]\n'
        )


class JavaImage(Intent):
    name, kinds, title = "java-image", ("dockerfile",), "Java web image"
    notes = (
        "Maven and the whole JDK stay in the first stage; the second has only what runs a jar.",
        "The dependencies are fetched before the source is copied, so that they are cached.",
        "The service runs as nobody.",
    )
    thing = "a web app"
    parts = "Java {version}; jar {name}.jar; port {port}"
    train = (
        "dockerfile Java {version} port {port} jar {name}.jar",
        "I need a Dockerfile: Java {version}, jar {name}.jar, port {port}.",
        "We want to run the jar {name}.jar in a container, port {port}. It is built with Java {version}. Write the "
        "Dockerfile.",
        "How do I build {name}.jar with Java {version} in a container? The port is {port}. Give me the Dockerfile.",
    )
    held = (
        "In a container, I want to run {name}.jar on port {port}, built with Java {version}. Make a Dockerfile.",
    )

    def sample(self, rng):
        return {
            "version": rng.choice(("11", "17", "21", "23", "24", "25")),
            "name": words.name(rng),
            "port": rng.choice(words.PORTS),
        }

    def dockerfile_facts(self, p):
        return {
            "build/from": f"maven:3.9-eclipse-temurin-{p['version']}",
            "image/from": f"eclipse-temurin:{p['version']}-jre",
            "image/copies": [[f"/src/target/{p['name']}.jar", "/app.jar"]],
            "image/expose": [str(p["port"])],
            "image/entrypoint": ["java", "-jar", "/app.jar"],
        }

    def dockerfile(self, p):
        return (
            f"FROM maven:3.9-eclipse-temurin-{p['version']} AS build\nWORKDIR /src\nCOPY pom.xml .\n"
            f"RUN mvn dependency:go-offline\nCOPY . .\nRUN mvn package\n\n"
            f"FROM eclipse-temurin:{p['version']}-jre\nCOPY --from=build /src/target/{p['name']}.jar /app.jar\n"
            f'USER nobody\nEXPOSE {p["port"]}\nENTRYPOINT ["java", "-jar", "/app.jar"]\n'
        )


class StaticSite(Intent):
    name, kinds, title = "static-site", ("dockerfile",), "static site image"
    notes = (
        "The first stage builds the site with Node.js, the second serves the files with nginx.",
        "This nginx runs without root and listens on port 8080.",
        "The health check lets Docker see when nginx has stopped to answer.",
    )
    thing = "a static site"
    parts = "Node {version}; script {script}; folder {folder}; nginx {nginx}"
    train = (
        "dockerfile static site Node {version} script {script} folder {folder} nginx {nginx}",
        "We want to build a static site with Node {version} and the script {script}; nginx {nginx} serves the folder "
        "{folder}. Write the Dockerfile.",
        "How do I serve the folder {folder} with nginx {nginx} in a container? The static site is built with Node "
        "{version} and the script {script}. Give me the Dockerfile.",
    )
    held = (
        "In a container, I want nginx {nginx} to serve the folder {folder} of a static site, built with Node {version} "
        "and the script {script}. Make a Dockerfile.",
    )

    def sample(self, rng):
        return {
            "version": rng.choice(NODES),
            "script": words.word(rng),
            "folder": rng.choice(("dist", "build", "public", "out", "site", "www")),
            "nginx": f"1.{rng.randint(20, 29)}",
        }

    def dockerfile_facts(self, p):
        return {
            "build/from": f"node:{p['version']}-slim",
            "image/from": f"nginxinc/nginx-unprivileged:{p['nginx']}",
            "image/copies": [[f"/src/{p['folder']}", "/usr/share/nginx/html"]],
        }

    def check(self, p, parsed, kind):
        runs = [run for stage in parsed.get("build", []) for run in stage.get("runs", [])]
        problems = super().check(p, parsed, kind)
        return problems if f"npm run {p['script']}" in runs else [*problems, f"build: no RUN npm run {p['script']}"]

    def dockerfile(self, p):
        return (
            f"FROM node:{p['version']}-slim AS build\nWORKDIR /src\nCOPY package*.json ./\nRUN npm ci\nCOPY . .\n"
            f"RUN npm run {p['script']}\n\n"
            f"FROM nginxinc/nginx-unprivileged:{p['nginx']}\n"
            f"COPY --from=build /src/{p['folder']} /usr/share/nginx/html\nEXPOSE 8080\n"
            f"HEALTHCHECK CMD curl -f http://localhost:8080/ || exit 1\n"
        )
