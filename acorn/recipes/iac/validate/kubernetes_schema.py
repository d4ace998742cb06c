"""The schemas behind Kubernetes: kubernetes-validate's strict ones, values that those leave open, CRDs from files."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from acorn.errors import missing_extra

VERSION = "1.34.0"  # of the schemas; fixed, so that a newer package does not change what is valid
FOLDER = f"kubernetes-json-schema/v{VERSION}-local-strict"

# Definition.field -> what the API server takes there; the published schemas leave it open.
CHOICES = """
Container.imagePullPolicy Always IfNotPresent Never
EphemeralContainer.imagePullPolicy Always IfNotPresent Never
Container.terminationMessagePolicy File FallbackToLogsOnError
Container.restartPolicy Always Never OnFailure
ContainerPort.protocol TCP UDP SCTP
ServicePort.protocol TCP UDP SCTP
PodSpec.restartPolicy Always OnFailure Never
PodSpec.dnsPolicy ClusterFirst ClusterFirstWithHostNet Default None
PodSpec.preemptionPolicy Never PreemptLowerPriority
ServiceSpec.type ClusterIP NodePort LoadBalancer ExternalName
ServiceSpec.sessionAffinity ClientIP None
ServiceSpec.externalTrafficPolicy Cluster Local
ServiceSpec.internalTrafficPolicy Cluster Local
ServiceSpec.ipFamilyPolicy SingleStack PreferDualStack RequireDualStack
HTTPIngressPath.pathType Exact Prefix ImplementationSpecific
DeploymentStrategy.type Recreate RollingUpdate
StatefulSetUpdateStrategy.type OnDelete RollingUpdate
DaemonSetUpdateStrategy.type OnDelete RollingUpdate
StatefulSetSpec.podManagementPolicy OrderedReady Parallel
CronJobSpec.concurrencyPolicy Allow Forbid Replace
JobSpec.completionMode NonIndexed Indexed
PersistentVolumeClaimSpec.volumeMode Filesystem Block
PersistentVolumeSpec.volumeMode Filesystem Block
PersistentVolumeSpec.persistentVolumeReclaimPolicy Retain Delete Recycle
StorageClass.reclaimPolicy Retain Delete
StorageClass.volumeBindingMode Immediate WaitForFirstConsumer
LabelSelectorRequirement.operator In NotIn Exists DoesNotExist
NodeSelectorRequirement.operator In NotIn Exists DoesNotExist Gt Lt
Toleration.operator Exists Equal
Toleration.effect NoSchedule PreferNoSchedule NoExecute
Taint.effect NoSchedule PreferNoSchedule NoExecute
TopologySpreadConstraint.whenUnsatisfiable DoNotSchedule ScheduleAnyway
HTTPGetAction.scheme HTTP HTTPS
SeccompProfile.type Localhost RuntimeDefault Unconfined
NetworkPolicyPort.protocol TCP UDP SCTP
PodFailurePolicyRule.action FailJob FailIndex Ignore Count
"""
# Required by the published schema, but the API server fills it in itself; statuses it ignores as a whole.
FILLED_IN = {"RoleRef": "apiGroup", "HTTPHeader": "value", "PodFailurePolicyOnPodConditionsPattern": "status"}
LISTS = {  # Definition.field of lists of words -> the words
    "PersistentVolumeClaimSpec.accessModes": "ReadWriteOnce ReadOnlyMany ReadWriteMany ReadWriteOncePod",
    "PersistentVolumeSpec.accessModes": "ReadWriteOnce ReadOnlyMany ReadWriteMany ReadWriteOncePod",
    "NetworkPolicySpec.policyTypes": "Ingress Egress",
}


# What a kustomization holds: it has no CRD, and kubectl reads it all the same.
TEXTS = {"type": "array", "items": {"type": "string"}}
MAPPINGS = {"type": "array", "items": {"type": "object"}}
NAMED = {"type": "array", "items": {"type": "object", "required": ["name"]}}
WORDS = "apiVersion kind namePrefix nameSuffix namespace"
OBJECTS = "metadata openapi generatorOptions helmGlobals"
LABELS = {"type": "object", "additionalProperties": {"type": "string"}}
PLUGINS = "generators transformers validators"
OF_TEXTS = "resources bases components crds configurations patchesStrategicMerge buildMetadata " + PLUGINS
OF_MAPPINGS = (
    "configMapGenerator secretGenerator patches patchesJson6902 replacements labels vars helmCharts "
    "helmChartInflationGenerator"
)
KUSTOMIZATION = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        **dict.fromkeys(WORDS.split(), {"type": "string"}),
        **dict.fromkeys(OBJECTS.split(), {"type": "object"}),
        **dict.fromkeys(("commonLabels", "commonAnnotations"), LABELS),
        **dict.fromkeys(OF_TEXTS.split(), TEXTS),
        **dict.fromkeys(OF_MAPPINGS.split(), MAPPINGS),
        **dict.fromkeys(("images", "replicas"), NAMED),
    },
}


@dataclass(frozen=True)
class Schemas:
    definitions: dict[str, dict]
    names: dict[tuple[str, str], str]  # (apiVersion, kind) -> definition
    versions: dict[str, list[str]]  # kind -> apiVersions
    groups: frozenset[str]

    def resolve(self, ref: str) -> dict:
        return self.definitions[ref.rpartition("/")[2]]


@cache
def schemas() -> Schemas:
    spec = find_spec("kubernetes_validate")
    if spec is None:
        raise missing_extra("kubernetes-validate", "iac")
    path = Path(spec.submodule_search_locations[0]) / FOLDER / "_definitions.json"
    if not path.exists():
        raise missing_extra(f"kubernetes-validate with schemas of Kubernetes {VERSION}", "iac")
    definitions = json.loads(path.read_bytes())["$defs"]
    names, versions = {}, {}
    for name, schema in definitions.items():
        for one in schema.get("x-kubernetes-group-version-kind") or ():
            api_version = f"{one['group']}/{one['version']}".lstrip("/")
            if name.rpartition(".")[2] == one["kind"]:  # DeleteOptions and the like are known in every group
                names[api_version, one["kind"]] = name
                versions.setdefault(one["kind"], []).append(api_version)
    _sharpen(definitions)
    groups = frozenset(version.rpartition("/")[0] for version, _ in names)
    return Schemas(definitions, names, {kind: sorted(found) for kind, found in versions.items()}, groups)


def _sharpen(definitions: dict) -> None:
    """Write CHOICES, LISTS and FILLED_IN into the definitions."""
    short = {}
    for name, schema in definitions.items():
        last = name.rpartition(".")[2]
        short.setdefault(last, []).append(name)
        if last.endswith("Status") or last in FILLED_IN:
            schema["required"] = [one for one in schema.get("required", ()) if FILLED_IN.get(last, one) != one]
    for line in CHOICES.split("\n")[1:-1]:
        field, *words = line.split()
        _enum(definitions, short, field, words, within=False)
    for field, words in LISTS.items():
        _enum(definitions, short, field, words.split(), within=True)


def _enum(definitions: dict, short: dict, field: str, words: list[str], within: bool) -> None:
    type_, _, name = field.partition(".")
    for one in short.get(type_, ()):
        schema = definitions[one]["properties"].get(name)
        if schema is not None:
            words_ = words if within else [*words, None, ""]
            (schema["items"] if within else schema)["enum"] = words_


# ---- CRDs ----

CRDS = dict[tuple[str, str], dict[str, dict]]  # (group, kind) -> {version: schema}


def custom(manifests: Iterable) -> CRDS:
    """The schemas of those manifests that are CRDs (v1, v1beta1) or Crossplane's XRDs."""
    found: CRDS = {}
    for one in manifests:
        spec = one.get("spec") if isinstance(one, dict) else None
        if not isinstance(spec, dict) or one.get("kind") not in ("CustomResourceDefinition", *XRD):
            continue
        names = [spec.get("names"), spec.get("claimNames")]
        common = spec.get("validation") if isinstance(spec.get("validation"), dict) else {}
        for version in spec.get("versions") or [{"name": spec.get("version")}]:
            if not isinstance(version, dict):
                continue
            own = version.get("schema") if isinstance(version.get("schema"), dict) else common
            schema = own.get("openAPIV3Schema")
            for name in names:
                if isinstance(name, dict) and isinstance(schema, dict):
                    of = found.setdefault((str(spec.get("group")), str(name.get("kind"))), {})
                    of[str(version.get("name"))] = strict(schema, top=True, extra=_EXTRA if one["kind"] in XRD else {})
    return found


XRD = ("CompositeResourceDefinition",)
META = {"type": "object"}
# What Crossplane adds to the spec of what an XRD defines.
_EXTRA = dict.fromkeys(
    "compositionRef compositionSelector compositionRevisionRef compositionRevisionSelector compositionUpdatePolicy "
    "compositeDeletePolicy claimRef resourceRef resourceRefs publishConnectionDetailsTo writeConnectionSecretToRef "
    "environmentConfigRefs crossplane".split(),
    True,
)


def strict(schema, top: bool = False, extra: dict | None = None):
    """An openAPIV3Schema in which fields that it does not name are wrong, as kubectl's strict validation has it."""
    if not isinstance(schema, dict):
        return schema if isinstance(schema, bool) else True
    made = {key: value for key, value in schema.items() if key not in ("description", "default", "example")}
    if isinstance(made.get("properties"), dict):
        made["properties"] = {str(key): strict(one) for key, one in made["properties"].items()}
        given = [key for key, one in schema["properties"].items() if isinstance(one, dict) and "default" in one]
        if isinstance(made.get("required"), list):  # what has a default need not be written
            made["required"] = [one for one in made["required"] if one not in given]
    if isinstance(made.get("items"), dict):
        made["items"] = strict(made["items"])
    if isinstance(made.get("additionalProperties"), dict):
        made["additionalProperties"] = strict(made["additionalProperties"])
    embedded = top or made.get("x-kubernetes-embedded-resource")
    open_ = made.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in made
    if embedded:
        properties = made["properties"] if isinstance(made.get("properties"), dict) else {}
        made["properties"] = {
            **properties,
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": META,
        }
        if top and extra and isinstance(properties.get("spec"), dict):
            spec = properties["spec"]
            inner = spec["properties"] if isinstance(spec.get("properties"), dict) else {}
            made["properties"] |= {"spec": {**spec, "properties": {**extra, **inner}}}
            made["properties"].setdefault("status", True)
    if made.get("properties") and not open_:
        made["additionalProperties"] = False
    elif made.get("x-kubernetes-preserve-unknown-fields"):
        made["additionalProperties"] = True
    elif made.get("type") == "object" and "properties" not in made and not embedded and not open_:
        made["additionalProperties"] = True  # empty objects are pruned, which nobody minds
    return made


def group_of(api_version: str) -> str:
    return api_version.rpartition("/")[0]


def is_custom(group: str) -> bool:
    """May a CRD define kinds in this group? Its name has to have a dot; the built-in ones are known."""
    return "." in group and group not in schemas().groups and re.fullmatch(r"[a-z0-9.-]{1,253}", group) is not None
