"""A whole configuration, file by file and block by block -> findings."""

import difflib
from collections.abc import Mapping

from acorn.errors import did_you_mean
from acorn.recipes.iac import hcl, schemas
from acorn.recipes.iac.terraform import types
from acorn.recipes.iac.terraform.bodies import Check
from acorn.recipes.iac.terraform.configuration import RESOURCES, Configuration, Place
from acorn.recipes.iac.terraform.cycles import cycles
from acorn.recipes.iac.terraform.json_syntax import parse_json
from acorn.recipes.iac.terraform.language import META, MODULE, OWN
from acorn.recipes.iac.terraform.references import References
from acorn.recipes.iac.validate.findings import Finding

PROVIDER = {"a": {"alias": "?s", "version": "?s", "for_each": "?a"}}
ANY_SETTINGS = {"free": True, "any": True}
BUILD = "terraform providers schema -json > schema.json && acorn iac schema build schema.json"


def load(files: Mapping[str, str]) -> Configuration:
    """Parse {path: text} of one folder. What can't be parsed is a finding; the rest is checked all the same."""
    configuration = Configuration()
    for path, text in files.items():
        try:
            body = parse_json(text) if path.endswith(".json") else hcl.parse(text)
        except hcl.HclError as error:
            configuration.report(path, f"syntax: {error.message}", error.line, error.column, "syntax")
            configuration.complete = False
            continue
        configuration.add(path, body)
    return configuration


def check(configuration: Configuration) -> list[Finding]:
    """Everything that is wrong with it; `configuration.outputs` and inputs of modules are the caller's to fill in."""
    references, told = References(configuration), set()
    for place in configuration.places:
        _block(configuration, references, place, told)
        references.check(place)
    cycles(configuration, references)
    return configuration.findings


def _block(configuration: Configuration, references: References, place: Place, told: set[str]) -> None:
    block = place.block
    at = (block.line, block.column)

    def checker(title: str, severity: str = "error", provider: schemas.Provider | None = None) -> Check:
        def report(message: str, line: int, column: int, rule: str, level: str, hint: str) -> None:
            configuration.report(place.path, message, line, column, rule, level, hint)

        return Check(report, references.type_of, title, severity, _newer(provider))

    if each := block.body.attributes.get("for_each"):
        _for_each(configuration, references, place, each)
    if block.type in RESOURCES:
        prefix = "" if block.type == "resource" else f"{block.type}."
        schema, severity = _schema(configuration, place, told)
        title = f"{prefix}{'.'.join(block.labels)}"
        provider = configuration.provider(configuration.provider_name(block))
        checker(title, severity, provider).body(block.body, schema or ANY_SETTINGS, at, META)
        if {"count", "for_each"} <= block.body.attributes.keys():
            configuration.report(place.path, f"{title}: count and for_each can't be set together", *at, "conflict")
    elif block.type == "provider":
        provider = configuration.provider(block.labels[0])
        severity = "note" if provider and configuration.outdated(block.labels[0], provider) else "error"
        settings = (provider.settings() if provider else None) or ANY_SETTINGS
        checker(f"provider {block.labels[0]}", severity, provider).body(block.body, settings, at, PROVIDER)
    elif block.type == "module":
        _module(configuration, place)
    else:
        title = " ".join([block.type, *block.labels])
        checker(title).body(block.body, OWN[block.type], at)
        if block.type == "variable":
            _variable(configuration, place)


def _for_each(configuration: Configuration, references: References, place: Place, each: hcl.Attr) -> None:
    """Of a whole resource or module: a map or a set, never a list. (dynamic blocks take lists.)"""
    code = references.type_of(each) if types.whole(each.value) else "a"
    if isinstance(each.value, list) or code[0] == "L":
        what = "this is a list: toset([...])"
    elif code in ("s", "n", "b") or isinstance(each.value, int | float | str) and not types.computed(each.value):
        what = "this is a single value"
    else:
        return
    message = f"for_each: a map or a set of strings is needed, {what}"
    configuration.report(place.path, message, each.line, each.column, "wrong-type")


def _schema(configuration: Configuration, place: Place, told: set[str]) -> tuple[dict | None, str]:
    """(the schema of a resource or data source, the severity of what it says)"""
    block, type_ = place.block, place.block.labels[0]
    if schema := configuration.schema(block):
        name = configuration.provider_name(block)
        provider = configuration.provider(name)
        if provider and configuration.outdated(name, provider):
            _outdated(configuration, place, name, provider, told)
            return schema, "note"
        return schema, "error"
    name = configuration.provider_name(block)
    provider = configuration.provider(name)
    line, column = block.line, block.column
    if not provider:
        if name in told:
            return None, "note"
        if name not in configuration.wanted and (near := _misspelt(block.type, type_)):
            message = f"{type_} is not a type whose arguments are known here. Did you mean {near}?"
            configuration.report(place.path, message, line, column, "unknown-type")
        else:
            message = f"nothing is known of the provider {name}: what it offers is not checked"
            finding = Finding(message, line, column, "unknown-provider", "note", place.path, BUILD)
            configuration.findings.append(finding)
        told.add(name)
        return None, "note"
    known = provider.types(block.type)
    if block.type == "ephemeral" and not known:
        return None, "note"
    severity = "note" if configuration.outdated(name, provider) else "error"
    if severity == "note":
        _outdated(configuration, place, name, provider, told)
    other = next((kind for kind in RESOURCES if type_ in provider.types(kind)), "")
    near = f' It is a {other}: {other} "{type_}".' if other else did_you_mean(type_, known)
    message = f"{type_} is not a {block.type} type of {provider.path.stem} {provider.index['version']}.{near}"
    configuration.report(place.path, message, line, column, "unknown-type", severity, "" if near else _newer(provider))
    return None, severity


def _newer(provider: schemas.Provider | None) -> str:
    return f"if it is newer than {provider.path.stem} {provider.index['version']}: {BUILD}" if provider else ""


def _outdated(configuration: Configuration, place: Place, name: str, provider: schemas.Provider, told: set) -> None:
    if name not in told:
        told.add(name)
        wanted, version = configuration.asked(name), provider.index["version"]
        message = f"{name} {wanted} is asked for, known here is {version}: what its schema says is only noted"
        finding = Finding(message, place.block.line, place.block.column, "other-version", "note", place.path, BUILD)
        configuration.findings.append(finding)


def _misspelt(kind: str, type_: str) -> str:
    """A known type that a type of an unknown provider was likely meant to be: asw_vpc -> aws_vpc"""
    prefix, _, rest = type_.partition("_")
    for name, provider in schemas.providers().items():
        if difflib.SequenceMatcher(None, prefix, name).ratio() >= 0.6:
            if near := difflib.get_close_matches(type_, provider.types(kind), n=1, cutoff=0.85):
                return near[0]
    return ""


def _variable(configuration: Configuration, place: Place) -> None:
    attributes = place.block.body.attributes
    type_, default = attributes.get("type"), attributes.get("default")
    name = f"variable {place.block.labels[0]}"
    if place.block.labels[0] in MODULE | {"lifecycle", "locals"}:
        message = f"{name}: this name is reserved for arguments of module blocks"
        configuration.report(place.path, message, place.block.line, place.block.column, "reserved")
    if default and default.uses:
        message = f"{name}: a default is a fixed value, it can't refer to anything"
        configuration.report(place.path, message, default.line, default.column, "wrong-type")
    if not type_:
        return
    code, wrong = types.of_constraint(type_.value)
    if wrong:
        configuration.report(place.path, f"{name}: type: {wrong}", type_.line, type_.column, "wrong-type")
    elif default and (wrong := types.problem(default.value, code)):
        configuration.report(place.path, f"{name}: default: {wrong}", default.line, default.column, "wrong-type")


def _module(configuration: Configuration, place: Place) -> None:
    body, title = place.block.body, f"module {place.block.labels[0]}"
    at = (place.block.line, place.block.column)
    for attribute in body.twice:
        message = f"{title}: argument {attribute.name} is set twice"
        configuration.report(place.path, message, attribute.line, attribute.column, "set-twice")
    source = body.attributes.get("source")
    if not source:
        configuration.report(place.path, f"{title}: argument source is missing", *at, "missing-argument")
    elif not isinstance(source.value, str):
        message = f"{title}: source: a string is needed"
        configuration.report(place.path, message, source.line, source.column, "wrong-type")
    for block in body.blocks:
        message = f"{title}: {block.type} is an input, not a block: it needs an equals sign"
        configuration.report(place.path, message, block.line, block.column, "not-a-block")
    if {"count", "for_each"} <= body.attributes.keys():
        configuration.report(place.path, f"{title}: count and for_each can't be set together", *at, "conflict")


def inputs(configuration: Configuration, place: Place, child: Configuration) -> None:
    """The arguments of a call against the variables of the module that it calls."""
    attributes, title = place.block.body.attributes, f"module {place.block.labels[0]}"
    variables = {key[1]: one.block for key, one in child.declared.items() if key[0] == "var"}
    for name, attribute in attributes.items():
        if name in MODULE:
            continue
        if name not in variables:
            if child.complete:
                near = did_you_mean(name, variables)
                message = f"{title}: the module has no variable {name}.{near}"
                configuration.report(place.path, message, attribute.line, attribute.column, "unknown-argument")
            continue
        type_ = variables[name].body.attributes.get("type")
        if type_ and (wrong := types.problem(attribute.value, types.of_constraint(type_.value)[0])):
            message = f"{title}: {name}: {wrong}"
            configuration.report(place.path, message, attribute.line, attribute.column, "wrong-type")
    for name, block in variables.items():
        if "default" not in block.body.attributes and name not in attributes:
            message = f"{title}: input {name} is missing, the module has no default for it"
            configuration.report(place.path, message, place.block.line, place.block.column, "missing-argument")
