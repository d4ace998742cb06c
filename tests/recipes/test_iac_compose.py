"""Compose files: what is found and what is left alone."""

import pytest

from acorn.recipes.iac import validate

FILE = """\
name: shop
x-common: &common
  restart: unless-stopped
  logging: {driver: json-file}
services:
  web:
    <<: *common
    image: ghcr.io/acme/web:${TAG:-1.0}
    ports:
      - "8080:80"
      - 127.0.0.1:9090:9090/tcp
      - target: 443
        published: 443
    environment:
      DEBUG: "no"
      LEVEL: ${LEVEL}
    depends_on:
      db:
        condition: service_healthy
    networks: [front, default]
    deploy:
      replicas: 2
      resources:
        limits: {cpus: "0.5", memory: 256M}
  db:
    build: {context: ./db, target: prod}
    volumes:
      - data:/var/lib/postgresql/data
      - ./init:/docker-entrypoint-initdb.d:ro
      - type: volume
        source: data
        target: /backup
    secrets: [password]
    healthcheck:
      test: ["CMD", "pg_isready"]
      interval: 1m30s
      retries: 3
    mem_limit: 512m
networks:
  front: {driver: bridge}
volumes:
  data:
secrets:
  password:
    file: ./password.txt
"""


def found(text, **context):
    return [str(one) for one in validate.read(text, "compose", **context)[1]]


def test_a_file_that_is_right():
    parsed, findings = validate.read(FILE, "compose")
    assert findings == [] and list(parsed) == ["services", "networks", "volumes", "secrets"]
    assert parsed["services"]["web"]["restart"] == "unless-stopped"
    assert parsed["services"]["web"]["environment"]["DEBUG"] == "no"


@pytest.mark.parametrize(
    "old, new, message",
    [
        (FILE, "# nothing\n", "no service"),
        (FILE, "- web\n", "a Compose file is a mapping, not a list"),
        (FILE, "volumes:\n  data:\n", "there is no service"),
        ("services:", "servces:", "there is no field servces. Did you mean services?"),
        ("    image: ghcr", "    imgae: ghcr", "line 8: services.web.imgae: there is no field imgae. Did"),
        ("    build: {context: ./db, target: prod}\n", "", "services.db: image or build is missing"),
        ('"8080:80"', '"8080:http"', "line 10: services.web.ports[0]: '8080:http' is not a port"),
        ('"8080:80"', '"80800:80"', "is not a port"),
        ("      db:\n", "      dbs:\n", "line 18: services.web.depends_on.dbs: there is no service dbs in the file."),
        ("[front, default]", "[frnt]", "there is no network frnt in the file. Did you mean front?"),
        ("- data:/var", "- dta:/var", "there is no volume dta in the file. Did you mean data?"),
        ("secrets: [password]", "secrets: [pass]", "there is no secret pass in the file."),
        ("replicas: 2", "replicas: two", "services.web.deploy.replicas: 'two' is not an integer"),
        ("interval: 1m30s", "interval: 90", "90 is an integer, wanted a string"),
        ("interval: 1m30s", "interval: 90 secs", "'90 secs' is not a duration such as 30s"),
        ("mem_limit: 512m", "mem_limit: 512x", "'512x' is not a size such as 512m"),
        ("restart: unless-stopped", "restart: unless_stopped", "'unless_stopped' is not one of no, always"),
        ("web:${TAG:-1.0}", "Web:1", "'ghcr.io/acme/Web:1' is not the name of an image"),
        ("    secrets:", "    depends_on: [web]\n    secrets:", "these wait for each other"),
        ("    secrets:", "   secrets:", "YAML: no key where one has to stand"),
        ("- target: 443", "- target: \"443", "YAML: "),
        ("  front: {driver: bridge}", "  front: {external: true, driver: bridge}", "what is external has no driver"),
        ("volumes:\n  data:\n", "volumes:\n  data:\n  data:\n", "the key 'data' is there twice"),
    ],
)  # fmt: skip
def test_findings(old, new, message):
    assert old in FILE
    text = FILE.replace(old, new, 1)
    if "depends_on: [web]" in new:
        text = text.replace(
            "    depends_on:\n      db:\n        condition: service_healthy\n", "    depends_on: [db]\n"
        )
    assert any(message in one for one in found(text)), found(text)


def test_files_that_are_laid_over_others():
    text = "services:\n  web:\n    environment: {A: b}\n    depends_on: [db]\n"
    assert len(found(text)) == 2 == len(found(text, path="a/docker-compose.yml"))
    assert found(text, path="docker-compose.override.yml") == []
    assert found("include: [other.yml]\nservices:\n  web:\n    image: a\n    depends_on: [db]\n") == []
