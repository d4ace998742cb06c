"""Crossplane: definitions, compositions, packages and managed resources."""

import pytest

from acorn.recipes.iac import validate

BUCKET = """\
apiVersion: s3.aws.upbound.io/v1beta1
kind: Bucket
metadata:
  name: logs
spec:
  forProvider:
    region: eu-west-1
    tags: {team: shop}
  providerConfigRef:
    name: default
"""
PROVIDER = "apiVersion: pkg.crossplane.io/v1\nkind: Provider\nmetadata: {name: aws}\nspec: {package: 'x.io/aws:v1'}\n"
DEFINITION = """\
apiVersion: apiextensions.crossplane.io/v1
kind: CompositeResourceDefinition
metadata:
  name: xbuckets.shop.example.org
spec:
  group: shop.example.org
  names: {kind: XBucket, plural: xbuckets}
  claimNames: {kind: Bucket, plural: buckets}
  versions:
  - name: v1
    served: true
    referenceable: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            required: [region]
            properties:
              region: {type: string}
"""
COMPOSITION = """\
apiVersion: apiextensions.crossplane.io/v1
kind: Composition
metadata:
  name: buckets
spec:
  compositeTypeRef:
    apiVersion: shop.example.org/v1
    kind: XBucket
  mode: Pipeline
  pipeline:
  - step: make
    functionRef: {name: function-patch-and-transform}
    input:
      apiVersion: pt.fn.crossplane.io/v1beta1
      kind: Resources
      resources:
      - name: bucket
        base:
          apiVersion: s3.aws.upbound.io/v1beta1
          kind: Bucket
          spec:
            forProvider: {}
        patches:
        - type: FromCompositeFieldPath
          fromFieldPath: spec.region
          toFieldPath: spec.forProvider.region
"""
CLAIM = "apiVersion: shop.example.org/v1\nkind: Bucket\nmetadata: {name: a}\nspec: {region: eu-west-1}\n"
ALL = "---\n".join((DEFINITION, COMPOSITION, CLAIM))


def found(text, **context):
    return [str(one) for one in validate.read(text, "crossplane", **context)[1]]


def test_what_is_right_is_left_alone():
    for text in (BUCKET, PROVIDER, DEFINITION, COMPOSITION, ALL, CLAIM):
        assert found(text) == []
    assert list(validate.read(ALL, "crossplane")[0]) == ["CompositeResourceDefinition", "Composition", "Bucket"]


@pytest.mark.parametrize(
    "text, old, new, message",
    [
        (BUCKET, "region:", "regoin:", "line 7: spec.forProvider.regoin: there is no field regoin. Did"),
        (BUCKET, "    region: eu-west-1\n", "", "spec.forProvider: field region is missing"),
        (BUCKET, "{team: shop}", "[shop]", "spec.forProvider.tags: this is a list, wanted a mapping"),
        (BUCKET, "Bucket", "Buckt", "there is no kind Buckt in s3.aws.upbound.io. Did you mean Bucket?"),
        (BUCKET, "s3.aws", "s33.aws", "there is no group s33.aws.upbound.io. Did you mean s3.aws.upbound.io?"),
        (BUCKET, "/v1beta1", "/v1beta9", "the CRD of Bucket has no version v1beta9"),
        (BUCKET, "  name: logs", "  name: Logs_1", "metadata.name is not a name: 'Logs_1'"),
        (BUCKET, "  forProvider", " forProvider", "YAML: "),
        (PROVIDER, "package:", "pakage:", "there is no field pakage. Did you mean package?"),
        (DEFINITION, "name: xbuckets.", "name: buckets.", "has to be plural and group: xbuckets.shop.example.org"),
        (DEFINITION, "referenceable: true", "referenceable: false", "exactly one version has to be referenceable"),
        (DEFINITION, "region: {type: string}", "region: {type: strng}", "'strng' is not one of object, array, string"),
        (DEFINITION, "[region]", "[regoin]", "there is no property regoin. Did you mean region?"),
        (DEFINITION, "plural: xbuckets}", "plurl: xbuckets}", "there is no field plurl. Did you mean plural?"),
        (COMPOSITION, "  mode: Pipeline\n", "  mode: Pipelin\n", "'Pipelin' is not one of"),
        (COMPOSITION, "functionRef", "functionref", "there is no field functionref. Did you mean functionRef?"),
        (COMPOSITION, "forProvider: {}", "forProvider: {regin: a}", "forProvider.regin: there is no field regin. Did"),
        (COMPOSITION, "spec.forProvider.region", "spec.forProvider.regon", "there is no field regon on the way to"),
        (COMPOSITION, "        patches:", "        patchs:", "there is no field patchs. Did you mean patches?"),
        (ALL, "kind: XBucket\n", "kind: XBuckets\n", "no definition in the file makes XBuckets. Did you mean XBucket?"),
        (ALL, "spec: {region", "spec: {regions", "document 3: spec.regions: there is no field regions."),
        (CLAIM, CLAIM, "# nothing\n", "no manifest"),
    ],
)  # fmt: skip
def test_findings(text, old, new, message):
    assert old in text
    assert any(message in one for one in found(text.replace(old, new, 1))), found(text.replace(old, new, 1))


def test_what_is_needed_depends_on_what_is_to_be_done():
    bare = BUCKET.replace("    region: eu-west-1\n", "")
    versioning = bare.replace("kind: Bucket", "kind: BucketVersioning").replace(
        "    tags: {team: shop}\n", "    region: a\n"
    )
    assert "field versioningConfiguration is missing" in found(versioning)[0]
    assert found(versioning.replace("spec:\n", "spec:\n  managementPolicies: [Observe]\n", 1)) == []
    assert found(versioning.replace("spec:\n", "spec:\n  initProvider: {versioningConfiguration: []}\n", 1)) == []


def test_compositions_of_crossplane_1():
    text = COMPOSITION[: COMPOSITION.index("  mode:")] + "  resources:\n  - name: a\n    base:\n"
    text += "".join(
        f"      {line}\n" for line in BUCKET.splitlines() if "name: logs" not in line and line != "metadata:"
    )
    assert found(text) == [] and "there is no field regoin" in found(text.replace("region:", "regoin:"))[0]
