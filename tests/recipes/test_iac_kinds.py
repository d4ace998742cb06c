"""Which kind a file is, and which files are templates that something has to fill in first."""

import time

import pytest

from acorn.recipes.iac.kinds import KINDS, detect, template

PLAY = "---\n# a play\n- name: Web\n  hosts: web\n  tasks: []\n"
MANIFEST = "apiVersion: v1\nkind: Service\n"
STACK = '{\n  "Resources": {"B": {"Type": "AWS::S3::Bucket"}}\n}\n'


@pytest.mark.parametrize(
    "path, text, kind",
    [
        ("main.tf", "", "terraform"),
        ("a/main.tf.json", "{}", "terraform"),
        ("Dockerfile", "", "dockerfile"),
        ("docker/Dockerfile.web", "", "dockerfile"),
        ("web.dockerfile", "", "dockerfile"),
        ("Dockerfile.md", "", None),
        ("Dockerfile.prod", "# base\nFROM a\n", "dockerfile"),
        ("web.dockerfile.faults", "DL3000\n- USER web\n", None),
        ("Dockerfile", "FORM a\n", "dockerfile"),
        ("a.yaml", MANIFEST, "kubernetes"),
        ("a.json", '{\n    "kind": "Service",\n    "apiVersion": "v1"\n}', "kubernetes"),
        ("a.yaml", "kind: Service\n# x\n---\napiVersion: v1\n", "kubernetes"),
        ("a.yaml", "apiVersion: s3.aws.upbound.io/v1beta1\nkind: Bucket\n", "crossplane"),
        ("a.yaml", "apiVersion: apiextensions.crossplane.io/v1\nkind: Composition\n", "crossplane"),
        ("docker-compose.prod.yml", "x: y\n", "compose"),
        ("stack.yml", "services:\n  web:\n    image: nginx\n", "compose"),
        ("a.json", STACK, "cloudformation"),
        ("a.template", "AWSTemplateFormatVersion: 2010-09-09\n", "cloudformation"),
        ("site.yml", PLAY, "ansible"),
        ("site.yml", "- import_playbook: web.yml\n", "ansible"),
        ("x.yml", "- name: Copy\n  ansible.builtin.copy:\n    src: a\n", "ansible"),
        ("x.yml", "- name: Copy\n  become: true\n  copy:\n    src: a\n", "ansible"),
        ("roles/web/defaults/main.yml", "port: 80\n", "ansible"),
        ("group_vars/all.yml", "port: 80\n", "ansible"),
        ("hosts.yml", "all:\n  hosts:\n    web1:\n", "ansible"),
        ("values.yaml", "replicas: 3\n", None),
        (".github/workflows/ci.yml", "on: push\njobs:\n  test:\n    steps:\n      - run: make\n", None),
        ("notes.txt", PLAY, None),
        ("", "FROM python:3.12\nRUN ls\n", "dockerfile"),
        ("", 'resource "aws_vpc" "a" {\n}\n', "terraform"),
        ("", MANIFEST, "kubernetes"),
        ("", "hello", None),
    ],
)
def test_detect(path, text, kind):
    assert detect(path, text) == kind and (kind is None or kind in KINDS)


@pytest.mark.parametrize(
    "text, said",
    [
        ("a: b\n", None),
        ("name: {{ .Release.Name }}-web\n", "a Helm template"),
        ('name: "{{ .Values.name }}"\n', "a Helm template"),
        ("{{- if .Values.on }}\na: b\n{{- end }}\n", "a Helm template"),
        ("metadata:\n  labels:\n    {{- include \"app.labels\" . | nindent 4 }}\n", "a Helm template"),
        ("{% if x %}\na: b\n{% endif %}\n", "a Jinja template"),
        ("name: {{ name }}\n", "a Jinja template"),
        ('- debug:\n    msg: "{{ name }}"\n- shell: echo {{ name }}\n', None),
        ('summary: "{{ $labels.instance }} is down {{ printf `%.2f` $value }}"\n', None),
        ("data:\n  x: |\n    {% if a %}\n    {{- if .Values.x }}\n  y: >-\n    {{ .Values.y }}\n", None),
        ("args: ['{{workflow.name}}']\n", None),
    ],
)  # fmt: skip
def test_template(text, said):
    assert template(text) == said


@pytest.mark.parametrize("piece", ["\n", " ", "{{", "{{ .", '"', "- ", "#\n", "a: ", "ARG \n", "resource ", "|\n"])
def test_nothing_takes_long(piece):
    start = time.process_time()
    text = piece * (1_000_000 // len(piece))
    for path in ("", "a.yaml", "Dockerfile"):
        detect(path, text)
    template("{{" + text)
    assert time.process_time() - start < 2
