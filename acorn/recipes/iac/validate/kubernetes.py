"""Kubernetes: PyYAML, bounded, for the syntax; kubernetes-validate's strict offline schemas for everything else."""

import re
from functools import cache

from acorn.errors import missing_extra
from acorn.recipes.iac.validate.findings import MAX_DEPTH, Finding, line_of

VERSION = "1.30.0"  # of the schemas; fixed, so that a newer package does not change what is valid
MAX_NODES = 5_000
MAX_DOCUMENTS = 20
NAME = r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?"


def read(text: str) -> tuple[dict, list[Finding]]:
    manifests, findings = _parse(text)
    if findings:
        return {}, findings
    manifests = [one for one in manifests if one is not None]
    if not manifests:
        return {}, [Finding("no manifest")]
    if len(manifests) > MAX_DOCUMENTS:
        return {}, [Finding(f"too many documents: {len(manifests)}, at most {MAX_DOCUMENTS} are read")]
    parsed = {}
    for number, one in enumerate(manifests, 1):
        where = f"document {number}: " if len(manifests) > 1 else ""
        problems = _problems(one)
        if isinstance(one, dict) and isinstance(one.get("kind"), str):
            parsed.setdefault(one["kind"], []).append(one)
        findings += [
            Finding(where + message, line_of(text, rf"^[\s-]*{key}\s*:") if key else 0) for message, key in problems
        ]
    return parsed, findings


def _problems(manifest) -> list[tuple[str, str]]:
    """[(message, the key it is about or '')]"""
    if not isinstance(manifest, dict):
        return [(f"a manifest is a mapping, not {type(manifest).__name__}", "")]
    for key in ("apiVersion", "kind"):
        if not isinstance(manifest.get(key), str):
            return [(f"{key} is missing or not a string", key)]
    validator = _validator(manifest["kind"], manifest["apiVersion"])
    if validator is None:
        return [
            (
                f"Kubernetes {VERSION} has no kind {manifest['kind']!r} in apiVersion {manifest['apiVersion']!r}"[:200],
                "kind",
            )
        ]
    metadata = manifest.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if not isinstance(name, str) or not re.fullmatch(NAME, name) or len(name) > 253:
        return [(f"metadata.name is missing or not a name: {str(name)[:60]!r}", "metadata")]
    problems = []
    for error in sorted(validator.iter_errors(manifest), key=lambda error: [str(part) for part in error.path])[:20]:
        keys = [part for part in error.path if isinstance(part, str)]
        path = ".".join(str(part) for part in error.path)
        problems.append((f"{path or manifest['kind']}: {error.message[:200]}", re.escape(keys[-1]) if keys else ""))
    return problems


def _parse(text: str) -> tuple[list, list[Finding]]:
    yaml, safe_loader = _loader()
    try:
        return list(yaml.load_all(text, Loader=safe_loader)), []
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        return [], [Finding(f"YAML: {problem[:200]}", mark.line + 1 if mark else 0)]
    except RecursionError:
        return [], [Finding("nested too deep")]
    except (
        ValueError,
        OverflowError,
        TypeError,
        AttributeError,
    ) as error:  # e.g. the date 2024-13-45, a number of 5,000 digits
        return [], [Finding(f"YAML: {str(error)[:200]}")]


@cache
def _loader():
    """A safe loader that counts nodes and depth, takes no aliases (bombs are made of them), and refuses a key given "
    "twice."""
    import yaml

    class Bounded(yaml.SafeLoader):
        nodes = depth = 0

        def compose_node(self, parent, index):
            event = self.peek_event()
            if isinstance(event, yaml.AliasEvent):
                raise yaml.composer.ComposerError(None, None, "aliases are not read", event.start_mark)
            self.nodes, self.depth = self.nodes + 1, self.depth + 1
            if self.nodes > MAX_NODES or self.depth > MAX_DEPTH:
                raise yaml.composer.ComposerError(None, None, "too many nodes or nested too deep", event.start_mark)
            node = super().compose_node(parent, index)
            self.depth -= 1
            return node

        def construct_mapping(self, node, deep=False):
            mapping = super().construct_mapping(node, deep)
            if len(mapping) != len(node.value):
                raise yaml.constructor.ConstructorError(None, None, "a key is there twice", node.start_mark)
            if not all(isinstance(key, str) for key in mapping):
                raise yaml.constructor.ConstructorError(None, None, "a key is not a string", node.start_mark)
            return mapping

    # Resources hold no dates; 2024-01-01 as a value is text to Kubernetes too.
    Bounded.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    return yaml, Bounded


def prepare() -> None:
    _loader()
    _definitions()


@cache
def _validator(kind: str, api_version: str):
    """The strict JSON-schema validator of a kind, or None when this version of Kubernetes has no such kind."""
    jsonschema, referencing, _ = _libraries()
    group = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", api_version)
    file = f"{kind.lower()}-{group}"
    if not re.fullmatch(r"[a-z0-9-]{1,80}", file):
        return None
    try:
        schema = referencing.Resource.from_contents(_schema(file))
    except FileNotFoundError:
        return None
    registry = schema @ (_definitions() @ referencing.Registry())
    return jsonschema.validators.Draft202012Validator(schema.contents, registry=registry)


@cache
def _definitions():
    return _libraries()[1].Resource.from_contents(_schema("_definitions"))


def _schema(file: str) -> dict:
    path = f"kubernetes-json-schema/v{VERSION}-local-strict/{file}.json"
    return _libraries()[2].schema_contents(path, VERSION)


@cache
def _libraries():
    try:
        import jsonschema
        import referencing
        from kubernetes_validate import utils
    except ImportError as error:
        raise missing_extra("kubernetes-validate", "iac") from error
    return jsonschema, referencing, utils
