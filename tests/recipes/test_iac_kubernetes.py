"""Kubernetes manifests: what is found, where, and what is left alone."""

import sys

import jsonschema
import pytest
import referencing
from hypothesis import given, settings
from hypothesis import strategies as st

from acorn.errors import UserError
from acorn.recipes.iac import validate
from acorn.recipes.iac.validate import kubernetes
from acorn.recipes.iac.validate.kubernetes_schema import custom, schemas
from acorn.recipes.iac.validate.shape import Shape
from acorn.recipes.iac.yamls import documents

SERVICE = """\
apiVersion: v1
kind: Service
metadata:
  name: mail-api
  namespace: shop
spec:
  type: NodePort
  selector:
    app: mail-api
  ports:
  - port: 80
    targetPort: 8080
"""
WEB = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 2
  selector:
    matchLabels:
      app: web
  template:
    metadata:
      labels:
        app: web
    spec:
      containers:
      - name: web
        image: nginx:1.29
        ports:
        - name: http
          containerPort: 8080
        livenessProbe:
          httpGet:
            path: /
            port: http
        resources:
          requests:
            cpu: 100m
            memory: 64Mi
          limits:
            cpu: "0.5"
            memory: 128Mi
        volumeMounts:
        - name: data
          mountPath: /data
      volumes:
      - name: data
        emptyDir: {}
"""
JOB = """\
apiVersion: batch/v1
kind: CronJob
metadata:
  name: tidy
spec:
  schedule: "0 3 * * *"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: OnFailure
          containers:
          - name: tidy
            image: busybox
"""
SECRET = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: a\ndata:\n  key: aGVsbG8=\n"
CLAIM = """\
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: data
spec:
  accessModes: [ReadWriteOnce]
  resources:
    requests:
      storage: 10Gi
"""
RBAC = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: system:reader
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: view
subjects:
- kind: ServiceAccount
  name: a
  namespace: b
"""
SCALER = """\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: web
spec:
  minReplicas: 1
  maxReplicas: 3
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
"""


def found(text, **context):
    return [str(one) for one in validate.read(text, "kubernetes", **context)[1]]


@pytest.mark.parametrize("text", [SERVICE, WEB, JOB, SECRET, CLAIM, RBAC, SCALER])
def test_what_is_right_is_left_alone(text):
    assert found(text) == []


@pytest.mark.parametrize(
    "text, old, new, message",
    [
        (SERVICE, SERVICE, "---\n", "no manifest"),
        (SERVICE, SERVICE, "hello\n", "line 1: a manifest is a mapping, not a string"),
        (SERVICE, SERVICE, "- a\n", "a manifest is a mapping, not a list"),
        (SERVICE, "apiVersion: v1\n", "", "line 1: apiVersion: apiVersion is missing or not a string"),
        (SERVICE, "kind: Service", "kind: 3", "line 2: kind: kind is missing or not a string"),
        (SERVICE, "Service", "Sirvice", "has no kind 'Sirvice' in apiVersion 'v1'. Did you mean Service?"),
        (SERVICE, "v1", "apps/v1", "Kubernetes 1.34.0 has no kind 'Service' in apiVersion 'apps/v1'"),
        (SERVICE, "v1", "../../v1", "has no kind 'Service'"),
        (SERVICE, "port: 80\n", 'port: "80"\n', "line 11: spec.ports[0].port: '80' is a string, wanted an integer"),
        (SERVICE, "selector:", "selecter:", "line 8: spec.selecter: there is no field selecter. Did you mean selector"),
        (SERVICE, "mail-api", "Mail_Api", "line 4: metadata.name: metadata.name is not a name: 'Mail_Api'"),
        (SERVICE, "  type: NodePort", "  type: NodePort\n  type: ClusterIP", "line 8: YAML: the key 'type'"),
        (SERVICE, "NodePort", "Nodeport", "'Nodeport' is not one of ClusterIP, NodePort, LoadBalancer, ExternalName."),
        (SERVICE, "  type:", "   type:", "line 8: YAML: no key where one has to stand"),
        (SERVICE, "  type:", "\ttype:", "line 7: YAML: a tab in the indentation"),
        (SERVICE, "port: 80\n", "port: 80000\n", "80000 is not a port"),
        (SERVICE, "app: mail-api", "app: yes", "spec.selector.app: true is a boolean, wanted a string"),
        (WEB, "apps/v1", "extensions/v1beta1", "in apiVersion 'extensions/v1beta1'; it is in apps/v1"),
        (WEB, "apps/v1", "app/v1", "it is in apps/v1. Did you mean apps/v1?"),
        (WEB, "replicas: 2", "replicas: two", "line 6: spec.replicas: 'two' is a string, wanted an integer"),
        (WEB, "      app: web", "      app: api", "selects app=api, but template.metadata.labels has 'web'"),
        (WEB, "image: nginx:1.29\n", "imagee: a\n", "there is no field imagee. Did you mean image?"),
        (WEB, "        image: nginx:1.29\n", "", "spec.containers[0]: field image is missing"),
        (WEB, "port: http", "port: htp", "no container port is called htp. Did you mean http?"),
        (WEB, "- name: data\n          ", "- name: date\n          ", "there is no volume date. Did you mean data?"),
        (WEB, "cpu: 100m", "cpu: 600m", "requests 600m is more than the limit 0.5"),
        (WEB, "64Mi", "64MB", "'64MB' is no quantity such as 500m or 1Gi"),
        (WEB, "      containers:", "      restartPolicy: Never\n      containers:", "Never is not one of Always"),
        (JOB, "          restartPolicy: OnFailure\n", "", "restartPolicy is missing: a CronJob needs OnFailure"),
        (JOB, "0 3 * * *", "0 3 * *", "'0 3 * *' is no schedule of five fields"),
        (JOB, "  schedule", "  scedule", "there is no field scedule. Did you mean schedule?"),
        (SECRET, "aGVsbG8=", "hello!", "'hello!' is not base64; plain text goes into stringData"),
        (CLAIM, "10Gi", "10GiB", "'10GiB' is no quantity such as 10Gi"),
        (CLAIM, "ReadWriteOnce", "ReadWrite", "'ReadWrite' is not one of ReadWriteOnce, "),
        (RBAC, "  namespace: b\n", "", "a ServiceAccount here needs its namespace"),
        (RBAC, "kind: ClusterRole\n", "kind: Role\n", "'Role' is not one of ClusterRole"),
        (SCALER, "minReplicas: 1", "minReplicas: 5", "minReplicas 5 is more than maxReplicas 3"),
    ],
)  # fmt: skip
def test_findings(text, old, new, message):
    assert old in text
    assert any(message in one for one in found(text.replace(old, new, 1))), found(text.replace(old, new, 1))


def test_documents_lists_and_places():
    text = SERVICE + "---\n" + SERVICE.replace("targetPort: 8080", "targetPort: [8080]")
    _, [one] = validate.read(text, "kubernetes")
    assert str(one) == "line 25: document 2: spec.ports[0].targetPort: this is a list, wanted a string or an integer"
    assert (one.line, one.column, one.rule, one.severity) == (25, 5, "wrong-type", "error")
    inner = "\n".join("  " + line for line in SERVICE.replace("port: 80\n", "prt: 80\n").splitlines())
    parsed, findings = validate.read("apiVersion: v1\nkind: List\nitems:\n-" + inner[1:] + "\n", "kubernetes")
    assert len(parsed["Service"]) == 1
    assert [one.line for one in findings] == [14, 14] and "items[0].spec.ports[0].prt" in findings[0].message


def test_keys_of_a_config_map_in_the_same_file():
    env = "        env:\n        - name: A\n          valueFrom: {configMapKeyRef: {name: c, key: kee}}\n"
    text = WEB.replace("        volumeMounts:", env + "        volumeMounts:")
    config = "---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\ndata:\n  key: a\n"
    assert found(text) == []
    assert "ConfigMap c has no key kee. Did you mean key?" in found(text + config)[0]


CRD = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: widgets.shop.example.org
spec:
  group: shop.example.org
  scope: Namespaced
  names: {kind: Widget, plural: widgets}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        required: [spec]
        properties:
          spec:
            type: object
            required: [size]
            properties:
              size: {type: integer, minimum: 1}
              port: {x-kubernetes-int-or-string: true}
              free: {type: object, x-kubernetes-preserve-unknown-fields: true}
"""
WIDGET = """\
apiVersion: shop.example.org/v1
kind: Widget
metadata: {name: a}
spec: {size: 3, port: http, free: {a: b}}
"""


def test_custom_kinds():
    crds = custom(one.value for one in documents(CRD))
    assert found(CRD) == found(WIDGET, crds=crds) == found(CRD + "---\n" + WIDGET) == []
    [note] = validate.validate(WIDGET, "kubernetes")
    assert note.severity == "note" and "no CRD of Widget in shop.example.org was given" in note.message
    for old, new, message in (
        ("size: 3", "sise: 3", "there is no field sise. Did you mean size?"),
        ("size: 3", "size: 0", "0 is too small: at least 1"),
        ("port: http", "port: [1]", "this is a list, wanted an integer or a string"),
        ("org/v1", "org/v2", "the CRD of Widget has no version v2; it has v1"),
    ):
        assert any(message in one for one in found(WIDGET.replace(old, new), crds=crds))
    broken = {("shop.example.org", "Widget"): {"v1": {"properties": {"spec": {"enum": 3, "type": 7}}}}}
    assert "can't be used" in found(WIDGET, crds=broken)[0]
    assert custom([{"kind": "CustomResourceDefinition", "spec": {"versions": [3], "names": 4}}, 3, None]) == {}


def test_what_something_fills_in_later_is_a_note():
    for text in (
        WEB.replace("replicas: 2", "replicas: ${REPLICAS}"),
        "metadata:\n  name: {{ .Release.Name }}\n",
    ):
        [note] = validate.validate(text, "kubernetes")
        assert note.severity == "note"
    patch = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 5}\n"
    assert found(patch) != [] == found(patch, path="prod/replicas-patch.yaml") == found(patch, path="overlays/a/b.yaml")


def test_the_package_that_is_missing_is_named(monkeypatch):
    schemas.cache_clear()
    monkeypatch.setitem(sys.modules, "kubernetes_validate", None)
    with pytest.raises(UserError, match="kubernetes-validate, which is not installed") as error:
        validate.validate(SERVICE, "kubernetes")
    assert ".[iac]" in error.value.hint
    monkeypatch.undo()
    schemas.cache_clear()
    kubernetes.prepare()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["a", "TCP", "", "x y"]) | st.floats(0, 9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "name"]), inner, max_size=3),
    max_leaves=8,
)
LEAF = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["object", "array", "string", "integer", "number", "boolean", ["string", "null"]]),
        "enum": st.lists(st.sampled_from(["a", "TCP", 1, True, None]), min_size=1, max_size=3, unique_by=repr),
        "minLength": st.integers(0, 2), "maxItems": st.integers(0, 2), "minimum": st.integers(-3, 3),
        "required": st.lists(st.sampled_from(["a", "b"]), max_size=2, unique=True), "pattern": st.just("^[a-z]+$"),
        "uniqueItems": st.booleans(), "maxProperties": st.integers(0, 2),
    },
)  # fmt: skip
SCHEMA = st.recursive(
    LEAF,
    lambda inner: st.builds(
        lambda leaf, more: {**leaf, **more},
        LEAF,
        st.fixed_dictionaries(
            {},
            optional={
                "properties": st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2),
                "additionalProperties": st.booleans() | inner, "items": inner, "not": inner,
                "anyOf": st.lists(inner, min_size=1, max_size=2), "allOf": st.lists(inner, min_size=1, max_size=2),
                "patternProperties": st.dictionaries(st.just("^n"), inner, max_size=1), "if": inner, "then": inner,
            },
        ),
    ),
    max_leaves=6,
)  # fmt: skip


@settings(max_examples=80, deadline=None, derandomize=True)
@given(value=JSON, schema=SCHEMA)
def test_shape_agrees_with_jsonschema(value, schema):
    theirs = jsonschema.Draft202012Validator(schema).is_valid(value)
    assert (not Shape().check(value, schema)) == theirs, Shape().check(value, schema)


def test_agrees_with_jsonschema_on_manifests():
    """The same verdict as the library's, on right and wrong manifests, before the rules of our own."""
    known = schemas()
    contents = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": known.definitions}
    resource = referencing.Resource.from_contents(contents)
    registry = referencing.Registry().with_resource("file:///api/_definitions.json", resource)
    for text in (SERVICE, WEB, JOB, CLAIM, RBAC, SCALER):
        manifest = documents(text, "kubernetes")[0].value
        name = known.names[manifest["apiVersion"], manifest["kind"]]
        schema = {"$id": "file:///api/x.json", "$ref": f"/api/_definitions.json#/$defs/{name}"}
        validator = jsonschema.Draft202012Validator(schema, registry=registry)
        for damage in ({}, {"spec": []}, {"metadata": {"name": 3}}, {"specs": {}}, {"kind": "X"}, {"spec": {"a": 1}}):
            one = {**manifest, **damage}
            assert (not Shape(known.resolve).check(one, known.definitions[name])) == validator.is_valid(one), damage
