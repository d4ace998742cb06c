"""Crossplane: a platform of one's own. Provider, definition of a kind, composition, claim."""

from acorn.recipes.iac import words
from acorn.recipes.iac.facts import find
from acorn.recipes.iac.intents.intent import Intent
from acorn.recipes.iac.render.manifest import manifest

REGIONS = ("eu-west-1", "eu-central-1", "us-east-1", "us-west-2", "ap-south-1")
WANTS = "Bucket Database Cache Queue Network Cluster Topic Table Server App Site Team".split()


def groups(rng) -> str:
    return f"{words.word(rng)}.example.org"


class Provider(Intent):
    name, kinds, title = "crossplane-provider", ("crossplane",), "provider"
    notes = (
        "A provider teaches the cluster the kinds of a cloud and keeps them as they are wanted.",
        "Providers of one service each are smaller than one for a whole cloud.",
        "A fixed version keeps an update from coming by itself.",
    )
    thing = "a provider"
    parts = "name {name}; package {package}; version {version}"
    train = (
        "{tool} provider {name} package {package} version {version}",
        "We want to install the package {package} in {tool}, version {version}. [Call|Name] the provider {name}.",
        "How do I install {package} in {tool}? The provider is called {name}, version {version}.",
    )
    held = ("In {tool}, I want a provider called {name} from the package {package}, version {version}.",)

    def sample(self, rng):
        services = "s3 rds ec2 iam sqs sns eks lambda dynamodb kms route53 cloudwatch".split()
        return {
            "name": words.name(rng),
            "package": f"provider-aws-{rng.choice(services)}",
            "version": f"v{rng.randint(0, 2)}.{rng.randint(0, 21)}.{rng.randint(0, 9)}",
        }

    def crossplane_facts(self, p):
        return {"Provider/metadata/name": p["name"]}

    def check(self, p, parsed, kind):
        """From whichever registry."""
        package = str(find(parsed, "Provider/spec/package")).rpartition("/")[2]
        problems, want = super().check(p, parsed, kind), f"{p['package']}:{p['version']}"
        return problems if package == want else [*problems, f"Provider/spec/package: {package}, asked for {want}"]

    def crossplane(self, p):
        package = f"xpkg.upbound.io/upbound/{p['package']}:{p['version']}"
        top = {"apiVersion": "pkg.crossplane.io/v1", "kind": "Provider", "metadata": {"name": p["name"]}}
        return manifest({**top, "spec": {"package": package}})


class Definition(Intent):
    name, kinds, title = "definition", ("crossplane",), "definition of a composite resource"
    notes = (
        "A definition (XRD) gives the cluster a kind of your own, which hides what it is made of.",
        "The name of a definition is its plural and its group.",
        "What stands under properties is all that a team may set.",
    )
    thing = "[a composite resource definition|an XRD]"
    parts = "kind {kind}; group {group}; field {field}"
    train = (
        "{tool} xrd kind {kind} group {group} field {field}",
        "We want the kind {kind} with the field {field} in {tool}. Write an XRD, its group is {group}.",
        "How do I write the kind {kind} in {tool}? An XRD with the group {group} and the field {field}.",
    )
    held = ("In {tool}, I want an XRD of the kind {kind} with the group {group} and the field {field}.",)

    def sample(self, rng):
        return {
            "kind": f"X{rng.choice(WANTS)}",
            "group": groups(rng),
            "field": rng.choice("size region version zone class team owner storage engine plan tier".split()),
        }

    def crossplane_facts(self, p):
        top, plural = "CompositeResourceDefinition", f"{p['kind'].lower()}s"
        fields = "versions/schema/openAPIV3Schema/properties/spec/properties"
        return {
            f"{top}/metadata/name": f"{plural}.{p['group']}",
            f"{top}/spec/group": p["group"],
            f"{top}/spec/names/kind": p["kind"],
            f"{top}/spec/names/plural": plural,
            f"{top}/spec/{fields}": {p["field"]: {"type": "string"}},
        }

    def crossplane(self, p):
        plural = f"{p['kind'].lower()}s"
        spec = {"type": "object", "properties": {p["field"]: {"type": "string"}}}
        schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}
        version = {"name": "v1alpha1", "served": True, "referenceable": True, "schema": schema}
        return manifest(
            {
                "apiVersion": "apiextensions.crossplane.io/v1",
                "kind": "CompositeResourceDefinition",
                "metadata": {"name": f"{plural}.{p['group']}"},
                "spec": {
                    "group": p["group"],
                    "names": {"kind": p["kind"], "plural": plural},
                    "versions": [version],
                },
            }
        )


class Composition(Intent):
    name, kinds, title = "composition", ("crossplane",), "composition"
    notes = (
        "A composition says what a composite resource is made of; here it is one bucket.",
        "Its pipeline calls functions, of which patch-and-transform is the most used.",
        "Several compositions may serve one kind: one for each cloud or size.",
    )
    thing = "a composition"
    parts = "name {name}; kind {kind}; group {group}; bucket in {region}"
    train = (
        "{tool} composition {name} kind {kind} group {group} bucket in {region}",
        "We want a bucket in {region} for the kind {kind} of the group {group} in {tool}. [Call|Name] the composition "
        "{name}.",
        "How do I write a composition of a bucket in {region} in {tool}? It is called {name}, the kind is {kind}, the "
        "group {group}.",
    )
    held = ("In {tool}, I want a composition called {name} for the kind {kind}, group {group}: a bucket in {region}.",)

    def sample(self, rng):
        return {
            "name": words.name(rng),
            "kind": f"X{rng.choice(WANTS)}",
            "group": groups(rng),
            "region": rng.choice(REGIONS),
        }

    def crossplane_facts(self, p):
        spec = "Composition/spec"
        base = f"{spec}/pipeline/input/resources/base"
        return {
            "Composition/metadata/name": p["name"],
            f"{spec}/compositeTypeRef/apiVersion": f"{p['group']}/v1alpha1",
            f"{spec}/compositeTypeRef/kind": p["kind"],
            f"{spec}/mode": "Pipeline",
            f"{base}/kind": "Bucket",
            f"{base}/spec/forProvider/region": p["region"],
        }

    def crossplane(self, p):
        bucket = {
            "apiVersion": "s3.aws.upbound.io/v1beta1",
            "kind": "Bucket",
            "spec": {"forProvider": {"region": p["region"]}},
        }
        step = {
            "step": "resources",
            "functionRef": {"name": "function-patch-and-transform"},
            "input": {
                "apiVersion": "pt.fn.crossplane.io/v1beta1",
                "kind": "Resources",
                "resources": [{"name": "bucket", "base": bucket}],
            },
        }
        return manifest(
            {
                "apiVersion": "apiextensions.crossplane.io/v1",
                "kind": "Composition",
                "metadata": {"name": p["name"]},
                "spec": {
                    "compositeTypeRef": {"apiVersion": f"{p['group']}/v1alpha1", "kind": p["kind"]},
                    "mode": "Pipeline",
                    "pipeline": [step],
                },
            }
        )


class Claim(Intent):
    name, kinds, title = "claim", ("crossplane",), "claim"
    notes = (
        "A claim lives in the namespace of a team and asks for one composite resource.",
        "The team needs no rights in the cloud: Crossplane has them.",
        "The parameters are those that the definition allows.",
    )
    thing = "a claim"
    parts = "name {name}; namespace {namespace}; kind {kind}; group {group}; size {size}"
    train = (
        "{tool} claim {name} namespace {namespace} kind {kind} group {group} size {size}",
        "We want to claim a {kind} of the group {group} in {tool}, size {size}, namespace {namespace}. [Call|Name] it "
        "{name}.",
        "How do I claim a {kind} in {tool}? The group is {group}, the size {size}; it is called {name}, namespace "
        "{namespace}.",
    )
    held = (
        "In {tool}, I want a claim called {name} for the kind {kind} of the group {group}, namespace {namespace}, size "
        "{size}.",
    )

    def sample(self, rng):
        return {
            "name": words.name(rng),
            "namespace": rng.choice(words.NAMESPACES),
            "kind": rng.choice(WANTS),
            "group": groups(rng),
            "size": rng.choice(("small", "medium", "large")),
        }

    def crossplane_facts(self, p):
        return {
            f"{p['kind']}/apiVersion": f"{p['group']}/v1alpha1",
            f"{p['kind']}/metadata/name": p["name"],
            f"{p['kind']}/metadata/namespace": p["namespace"],
            f"{p['kind']}/spec/size": p["size"],
        }

    def crossplane(self, p):
        metadata = {"name": p["name"], "namespace": p["namespace"]}
        top = {"apiVersion": f"{p['group']}/v1alpha1", "kind": p["kind"], "metadata": metadata}
        return manifest({**top, "spec": {"size": p["size"]}})
