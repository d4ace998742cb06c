"""
CloudFormation templates, YAML or JSON: sections, resource types and their properties (facts from cfn-lint's schemas),
and that every Ref, GetAtt, Sub, condition and dependency leads somewhere. `full` asks cfn-lint itself too, which takes
seconds. Parsed: {type: [properties, ...]}, functions as {"Fn::Sub": ...} whichever way they are written.
"""

import re
from collections.abc import Iterator
from functools import cache

from acorn.errors import did_you_mean
from acorn.recipes.iac.schemas.packed import packed
from acorn.recipes.iac.validate.documents import few, load, placed
from acorn.recipes.iac.validate.findings import Finding
from acorn.recipes.iac.validate.shape import Problem, Shape, name, short

MAX_CHARS, MAX_DEPTH = 2 * 2**20, None
SHORT = (
    "Base64 Cidr FindInMap GetAZs ImportValue Join Select Split Sub Transform If Equals And Or Not Length ToJsonString "
    "ForEach GetStackOutput ValueOf ValueOfAll RefAll Contains EachMemberEquals EachMemberIn".split()
)
TAGS = {f"!{one}": (lambda value, one=one: {f"Fn::{one}": value}) for one in SHORT}
TAGS["!Ref"] = lambda value: {"Ref": value}
TAGS["!Condition"] = lambda value: {"Condition": value}
TAGS["!GetAtt"] = lambda value: {"Fn::GetAtt": value.split(".", 1) if isinstance(value, str) else value}
SECTIONS = set("AWSTemplateFormatVersion Description Metadata Parameters Rules Mappings Conditions Transform Resources "
               "Outputs Hooks Globals".split())  # fmt: skip
PSEUDO = {
    f"AWS::{one}" for one in "AccountId NotificationARNs NoValue Partition Region StackId StackName URLSuffix".split()
}
RESOURCE = set(
    "Type Properties DependsOn Condition Metadata DeletionPolicy UpdateReplacePolicy CreationPolicy UpdatePolicy "
    "Version Connectors IgnoreGlobals".split()
)
PARAMETER = set(
    "Type Default Description AllowedPattern AllowedValues ConstraintDescription MaxLength MaxValue MinLength MinValue "
    "NoEcho".split()
)
PARAMETER_TYPE = re.compile(
    r"String|Number|List<(?:Number|String)>|CommaDelimitedList|(?:List<)?AWS::[\w:]+>?|AWS::SSM::Parameter::(?:Name|Value<[\w:<>]+>)"
)
POLICIES = ("Delete", "Retain", "Snapshot", "RetainExceptOnCreate")
RAIN = re.compile(r"(?:!|\"|')Rain::\w")
SUB = re.compile(r"\$\{([^!}{][^}{]*)\}")
UNKNOWN_TYPES = ("Custom::", "Alexa::", "AWS::CloudFormation::CustomResource", "AWS::CloudFormation::Macro")
MACROS = ("AWS::Serverless-2016-10-31", "AWS::LanguageExtensions", "AWS::CodeDeployBlueGreen", "AWS::SecretsManager-")


def read(text: str, full: bool = False) -> tuple[dict, list[Finding]]:
    if RAIN.search(text):
        said = "a Rain template, which is not checked: rain pkg makes a template of it"
        return {}, [Finding(said, 1, 1, "template", "note")]
    docs, findings = load(text, "1.1", TAGS)
    if not docs:
        return {}, findings or [Finding("no resource", rule="empty")]
    doc = docs[0]
    if not isinstance(doc.value, dict):
        return {}, [*findings, Finding(f"a template is a mapping, not {name(doc.value)}", doc.line, 1, "wrong-type")]
    template = Template(doc.value)
    findings += [placed(one, doc, severity=severity(one)) for one in few(template.problems())]
    if full and not any(one.severity == "error" for one in findings):
        from acorn.recipes.iac.validate.tools import cfn_lint

        findings += cfn_lint(text)
    return template.parsed, findings


def severity(problem: Problem) -> str:
    return "note" if problem.rule in ("own-type", "macro") else "error"


@cache
def types() -> dict[str, str]:
    """{type: the part of the facts that it is in}"""
    return {one: part for part, found in packed("cloudformation").index["types"].items() for one in found}


def is_function(value) -> bool:
    """What is known only when the stack is made: Ref, Fn::..., Condition."""
    if not isinstance(value, dict) or not value:
        return False
    return any(str(key).startswith("Fn::") for key in value) or (
        len(value) == 1 and next(iter(value)) in ("Ref", "Condition")
    )


NOTHING = {"Ref": "AWS::NoValue"}
PACKAGED = ("Code", "Content", "BodyS3Location", "SourceBundle", "DefinitionS3Location", "SchemaS3Location")  # may be
# paths of local files, which `aws cloudformation package` turns into places in S3


def doubtful(value) -> bool:
    return isinstance(value, dict) and "Fn::If" in value


def without_nothing(value):
    """A property that is AWS::NoValue is not there."""
    if isinstance(value, list):
        return [without_nothing(one) for one in value]
    if isinstance(value, dict) and not is_function(value):
        return {key: without_nothing(one) for key, one in value.items() if one != NOTHING}
    return value


def mapping(value) -> dict:
    return value if isinstance(value, dict) else {}


class Template:
    def __init__(self, value: dict):
        self.value = value
        self.parameters, self.resources, self.conditions, self.mappings = (
            mapping(value.get(key)) for key in ("Parameters", "Resources", "Conditions", "Mappings")
        )
        transforms = value.get("Transform") or []
        self.transforms = [str(one) for one in (transforms if isinstance(transforms, list) else [transforms])]
        self.sam = any(one.startswith(MACROS[0]) for one in self.transforms)
        macros = [one for one in self.transforms if not one.startswith(MACROS)]
        looped = any(str(key).startswith("Fn::") for part in (self.resources, self.conditions, value) for key in part)
        self.macros = macros
        self.known_whole = not looped  # a loop makes names that stand nowhere
        self.parsed: dict[str, list] = {}
        for one in self.resources.values():
            if isinstance(one, dict) and isinstance(one.get("Type"), str):
                self.parsed.setdefault(one["Type"], []).append(mapping(one.get("Properties")))

    def problems(self) -> Iterator[Problem]:
        if self.macros:
            said = f"the macro {self.macros[0][:60]} rewrites this template: only its syntax is checked"
            yield Problem(("Transform",), said, "macro")
            return
        for key in self.value:
            if key not in SECTIONS and not str(key).startswith("Fn::"):
                near = did_you_mean(str(key)[:60], SECTIONS)
                yield Problem((key,), f"there is no section {str(key)[:60]}.{near}", "unknown-section")
        for key in SECTIONS - {"AWSTemplateFormatVersion", "Description", "Transform"}:
            section = self.value.get(key)
            if section is not None and not isinstance(section, dict):
                yield Problem((key,), f"{key} is a mapping, not {name(section)}", "wrong-type")
        version = self.value.get("AWSTemplateFormatVersion")
        if version is not None and str(version) != "2010-09-09":
            yield Problem(("AWSTemplateFormatVersion",), f"{short(version)} is not 2010-09-09", "wrong-value")
        if not self.resources:
            where = ("Resources",) if "Resources" in self.value else ()
            yield Problem(where, "there is no resource", "missing-field")
        yield from self.declared()
        for word, one in self.resources.items():
            if not str(word).startswith("Fn::"):
                yield from self.resource(str(word), one, ("Resources", word))
        for word, one in mapping(self.value.get("Outputs")).items():
            path = ("Outputs", word)
            if not str(word).startswith("Fn::") and (not isinstance(one, dict) or "Value" not in one):
                yield Problem(path, "an output needs a Value", "missing-field")
            elif isinstance(one, dict):
                yield from self.keys(one, {"Value", "Description", "Export", "Condition"}, path, "an output")
                yield from self.condition(one.get("Condition"), (*path, "Condition"))
        if self.known_whole:
            for section in ("Resources", "Outputs", "Conditions"):
                yield from self.references(self.value.get(section), (section,))

    def declared(self) -> Iterator[Problem]:
        for word, one in self.parameters.items():
            path = ("Parameters", word)
            if not isinstance(one, dict) or not isinstance(one.get("Type"), str):
                yield Problem(path, "a parameter needs a Type", "missing-field")
                continue
            if not PARAMETER_TYPE.fullmatch(one["Type"]):
                near = did_you_mean(one["Type"], ("String", "Number", "CommaDelimitedList", "List<Number>"))
                yield Problem((*path, "Type"), f"{short(one['Type'])} is no type of a parameter.{near}", "wrong-value")
            yield from self.keys(one, PARAMETER, path, "a parameter")
            allowed, default = one.get("AllowedValues"), one.get("Default")
            if isinstance(allowed, list) and isinstance(default, str | int) and one["Type"] in ("String", "Number"):
                if plain(default) not in map(plain, allowed):
                    yield Problem((*path, "Default"), f"{short(default)} is not one of AllowedValues", "wrong-value")
        for word, table in self.mappings.items():
            if not str(word).startswith("Fn::") and (not isinstance(table, dict) or not table):
                yield Problem(("Mappings", word), "a mapping holds keys that hold names and values", "wrong-type")

    @staticmethod
    def keys(value: dict, known: set[str], path: tuple, what: str) -> Iterator[Problem]:
        for key in value:
            if key not in known and not str(key).startswith("Fn::"):
                near = did_you_mean(str(key)[:60], known)
                yield Problem((*path, key), f"{what} has no {str(key)[:60]}.{near}", "unknown-field")

    def resource(self, word: str, one, path: tuple) -> Iterator[Problem]:
        if not isinstance(one, dict):
            yield Problem(path, f"a resource is a mapping, not {name(one)}", "wrong-type")
            return
        if not re.fullmatch(r"[A-Za-z0-9]{1,255}", word):
            yield Problem(path, f"{short(word)} is no name: letters and digits only", "name")
        yield from self.keys(one, RESOURCE, path, "a resource")
        type_ = one.get("Type")
        if not isinstance(type_, str):
            yield Problem(path, "a resource needs a Type", "missing-field")
            return
        for field in ("DeletionPolicy", "UpdateReplacePolicy"):
            policy = one.get(field)
            if isinstance(policy, str) and policy not in POLICIES:
                said = f"{short(policy)} is not one of {', '.join(POLICIES)}.{did_you_mean(policy, POLICIES)}"
                yield Problem((*path, field), said, "wrong-value")
        yield from self.condition(one.get("Condition"), (*path, "Condition"))
        after = one.get("DependsOn") or []
        for index, other in enumerate(after if isinstance(after, list) else [after]):
            if self.known_whole and isinstance(other, str) and other not in self.resources and not self.sam:
                where = (*path, "DependsOn", index) if isinstance(after, list) else (*path, "DependsOn")
                near = did_you_mean(other, self.resources)
                yield Problem(where, f"there is no resource {other[:60]}.{near}", "unknown-reference")
        yield from self.properties(type_, one.get("Properties"), "Properties" in one, path)

    def properties(self, type_: str, given, there: bool, path: tuple) -> Iterator[Problem]:
        part = types().get(type_)
        if part is None:
            yield from self.unknown(type_, given, path)
            return
        if is_function(given):
            return
        if there and not isinstance(given, dict):
            if given is not None:
                yield Problem((*path, "Properties"), f"properties are a mapping, not {name(given)}", "wrong-type")
            return
        if self.sam and isinstance(self.value.get("Globals"), dict) or type_.startswith("AWS::Serverless::"):
            return  # properties may come from Globals, and SAM's own schema is not closed
        schema = packed("cloudformation").part(part)[type_]
        shape = Shape(lambda ref: at(schema, ref), accept=is_function, noun="property", loose=True, doubtful=doubtful)
        where = (*path, "Properties") if there else path
        for one in shape.check(without_nothing(given or {}), schema, where):
            local = one.path[-1] in PACKAGED and one.rule == "wrong-type" and "is a string" in one.message
            if not local:
                of = f"{type_}: " if one.path == where else ""
                yield Problem(one.path, of + one.message, one.rule)

    def unknown(self, type_: str, given, path: tuple) -> Iterator[Problem]:
        if type_.startswith(UNKNOWN_TYPES) or type_.endswith("::MODULE"):
            if given is not None and not isinstance(given, dict):
                yield Problem((*path, "Properties"), f"properties are a mapping, not {name(given)}", "wrong-type")
            return
        if not type_.startswith("AWS::"):
            near = did_you_mean(type_, types())
            rule = "unknown-type" if near and type_.count("::") < 2 else "own-type"
            said = f"{short(type_)} is no type that is known here.{near if rule != 'own-type' else ''}"
            yield Problem((*path, "Type"), said, rule)
            return
        service = type_.rpartition("::")[0]
        choices = [one for one in types() if one.startswith(service + "::")] or list(types())
        yield Problem((*path, "Type"), f"there is no resource type {type_[:80]}.{did_you_mean(type_, choices)}",
                      "unknown-type")  # fmt: skip

    def condition(self, word, path: tuple) -> Iterator[Problem]:
        if isinstance(word, str) and self.known_whole and word not in self.conditions:
            near = did_you_mean(word, self.conditions)
            yield Problem(path, f"there is no condition {word[:60]}.{near}", "unknown-reference")

    def references(self, value, path: tuple) -> Iterator[Problem]:
        if isinstance(value, list):
            for index, one in enumerate(value):
                yield from self.references(one, (*path, index))
        if not isinstance(value, dict):
            return
        for key, one in value.items():
            here = (*path, key)
            if key == "Ref" and len(value) == 1 and isinstance(one, str):
                yield from self.named(one, here)
            elif key == "Fn::GetAtt":
                yield from self.attribute(one.split(".", 1) if isinstance(one, str) else one, here)
            elif key == "Fn::Sub":
                yield from self.substituted(one, here)
            elif key == "Fn::If" and isinstance(one, list) and one:
                yield from self.condition(one[0], here)
            elif key == "Condition" and len(value) == 1 and path[0] == "Conditions":
                yield from self.condition(one, here)
            elif key == "Fn::FindInMap" and isinstance(one, list) and one and isinstance(one[0], str):
                if one[0] not in self.mappings and len(one) < 4:
                    near = did_you_mean(one[0], self.mappings)
                    yield Problem(here, f"there is no mapping {one[0][:60]}.{near}", "unknown-reference")
            if not (len(path) == 2 and key == "Metadata"):
                yield from self.references(one, here)

    def named(self, word: str, path: tuple) -> Iterator[Problem]:
        if word in PSEUDO or word in self.parameters or word in self.resources or self.made_elsewhere(word):
            return
        near = did_you_mean(word, (*self.parameters, *self.resources, *PSEUDO))
        yield Problem(path, f"there is no parameter and no resource {word[:60]}.{near}", "unknown-reference")

    def made_elsewhere(self, word: str) -> bool:
        """SAM and modules add resources whose names begin with those that are written: FunctionRole."""
        modules = [one for one, about in self.resources.items() if str(mapping(about).get("Type")).endswith("::MODULE")]
        mine = self.resources if self.sam else modules
        return (self.sam and word.startswith("Serverless")) or any(word.startswith(str(one)) for one in mine)

    def attribute(self, words, path: tuple) -> Iterator[Problem]:
        if not isinstance(words, list) or len(words) != 2 or not isinstance(words[0], str):
            if not (isinstance(words, list) and any(isinstance(one, dict) for one in words)):
                yield Problem(path, "GetAtt wants a resource and an attribute", "wrong-type")
            return
        word, attribute = words
        if word not in self.resources:
            if not self.made_elsewhere(word):
                near = did_you_mean(word, self.resources)
                yield Problem(path, f"there is no resource {word[:60]}.{near}", "unknown-reference")
            return
        type_ = mapping(self.resources[word]).get("Type")
        part = types().get(type_) if isinstance(type_, str) else None
        if (
            part is None
            or not isinstance(attribute, str)
            or type_.startswith(("AWS::Serverless::", "AWS::CloudFormation::"))
        ):
            return
        schema = packed("cloudformation").part(part)[type_]
        readable = {*schema["readOnly"], *schema["key"]}
        if attribute not in readable and attribute.partition(".")[0] not in {*readable, *schema.get("properties", {})}:
            near = did_you_mean(attribute, readable)
            yield Problem(path, f"{type_} has no attribute {attribute[:60]}.{near}", "unknown-reference")

    def substituted(self, value, path: tuple) -> Iterator[Problem]:
        text, own = (value[0], mapping(value[1])) if isinstance(value, list) and len(value) == 2 else (value, {})
        if is_function(text):
            return
        if not isinstance(text, str):
            yield Problem(path, "Sub wants a text, or a list of a text and a mapping", "wrong-type")
            return
        for found in SUB.findall(text):
            word, dot, attribute = found.strip().partition(".")
            if found.strip() in own:
                continue
            yield from self.attribute([word, attribute], path) if dot else self.named(word, path)


def at(schema: dict, ref: str) -> dict | bool:
    """'#/definitions/Tag' -> that schema."""
    found = schema
    for part in ref.removeprefix("#/").split("/"):
        found = found.get(part) if isinstance(found, dict) else None
    return found if found is not None else True


def plain(value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
