"""acorn iac audit: exit codes, forms of output, settings, baselines, patches."""

import json
import xml.etree.ElementTree as xml

import jsonschema
import pytest

from acorn.errors import UserError

CLEAN = """resource "aws_ebs_volume" "d" {
  availability_zone = "a"
  size = 1
  encrypted = true
  tags = { a = "b" }
}
"""
PLAIN = CLEAN.replace("  encrypted = true\n", "")
UNTAGGED = CLEAN.replace('  tags = { a = "b" }\n', "")
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: b}\nspec:\n  hostNetwork: true\n  containers: []\n"

# What of SARIF 2.1.0 its readers rely on. (The output was checked once with the whole schema of OASIS.)
REGION = {"type": "object", "required": ["startLine"], "properties": {"startLine": {"type": "integer", "minimum": 1},
          "startColumn": {"type": "integer", "minimum": 1}}, "additionalProperties": False}  # fmt: skip
PLACE = {"type": "object", "required": ["physicalLocation"], "properties": {"physicalLocation": {
    "type": "object", "required": ["artifactLocation"], "properties": {"region": REGION, "artifactLocation": {
        "type": "object", "required": ["uri"], "properties": {"uri": {"type": "string"}}}}}}}  # fmt: skip
SARIF = {
    "type": "object", "required": ["version", "runs"],
    "properties": {"version": {"const": "2.1.0"}, "$schema": {"type": "string"}, "runs": {"type": "array", "items": {
        "type": "object", "required": ["tool", "results"],
        "properties": {
            "tool": {"type": "object", "required": ["driver"], "properties": {"driver": {
                "type": "object", "required": ["name"], "properties": {"rules": {"type": "array", "items": {
                    "type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}}}}}},
            "results": {"type": "array", "items": {
                "type": "object", "required": ["message"],
                "properties": {"level": {"enum": ["none", "note", "warning", "error"]},
                               "ruleIndex": {"type": "integer", "minimum": 0},
                               "message": {"type": "object", "required": ["text"]},
                               "locations": {"type": "array", "items": PLACE}}}},
        }}}},
}  # fmt: skip


@pytest.fixture
def place(tmp_path, monkeypatch):
    """place(name, text) writes a file in the folder that the test stands in."""
    monkeypatch.chdir(tmp_path)

    def write(name: str, text: str):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize(
    "text, flags, code",
    [
        (CLEAN, (), 0), (PLAIN, (), 1), (UNTAGGED, (), 0), (UNTAGGED, ("--fail-on", "low"), 1),
        (PLAIN, ("--soft-fail",), 0), (PLAIN, ("--sarif",), 1), (PLAIN, ("--skip-rule", "ACORN-AWS-010"), 0),
        (PLAIN, ("--rule", "ACORN-AWS"), 1), (PLAIN, ("--rule", "ACORN-K8S"), 0), ("resource {", (), 1),
        (POD, ("--kind", "kubernetes"), 1), (PLAIN, ("--exclude", "*.tf"), 0), (PLAIN, ("--fail-on", "nothing"), 2),
        (PLAIN, ("--rule", "ACORN-AWS-999"), 2), (PLAIN, ("--json", "--sarif"), 2), (PLAIN, ("--write",), 2),
        (PLAIN, ("--baseline", "none.json"), 2), (PLAIN, ("--update-baseline",), 2), (PLAIN, ("--kind", "x"), 2),
    ],
)  # fmt: skip
def test_exit_codes(place, acorn, text, flags, code):
    place("main.tf", text)
    assert acorn("iac", "audit", ".", *flags)[0] == code


def test_no_paths_and_missing_paths_are_said(place, acorn):
    assert acorn("iac", "audit")[0] == 2
    code, _, err = acorn("iac", "audit", "nowhere")
    assert code == 2 and "nowhere" in err


def test_text_says_where_what_why_and_what_to_do(place, acorn):
    place("a/main.tf", PLAIN)
    place("b/pod.yaml", POD)
    _, out, _ = acorn("iac", "audit", ".")
    assert "a/main.tf" in out and "1:1  high  EBS volume without encryption: aws_ebs_volume.d" in out
    assert '| resource "aws_ebs_volume" "d" {' in out and "why  " in out and "do   Set encrypted = true" in out
    assert "5:3  high  Pod on the network of its node" in out and out.rstrip().endswith("in 2 of 2 files")
    _, out, _ = acorn("iac", "audit", ".", "--explain", "--severity", "high")
    assert "see  CKV_AWS_3" in out and "low" not in out


def test_json_and_junit(place, acorn):
    place("main.tf", PLAIN)
    place("ok.tf", CLEAN.replace('"d"', '"e"'))
    found = json.loads(acorn("iac", "audit", ".", "--json")[1])
    (one,) = found["findings"]
    assert one["rule"] == "ACORN-AWS-010" and one["severity"] == "error" and one["line"] == 1 and found["files"] == 2
    tree = xml.fromstring(acorn("iac", "audit", ".", "--junit")[1])
    assert tree.attrib["tests"] == "2" and tree.attrib["failures"] == "1" and tree.find(".//failure") is not None


def test_sarif_is_sarif(place, acorn):
    place("main.tf", PLAIN + UNTAGGED.replace('"d"', '"e"'))
    place("odd name.yaml", POD)
    code, out, _ = acorn("iac", "audit", ".", "--sarif", "--out", "found.sarif")
    sarif = json.loads(open("found.sarif", encoding="utf-8").read())
    jsonschema.validate(sarif, SARIF)
    (run,) = sarif["runs"]
    ids = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert code == 1 and out == "" and len(run["results"]) >= 3
    assert all(ids[one["ruleIndex"]] == one["ruleId"] for one in run["results"])


def test_baselines_hide_what_is_known_and_show_what_is_new(place, acorn, monkeypatch, tmp_path):
    place("code/main.tf", PLAIN)
    assert acorn("iac", "audit", "code", "--baseline", "known.json", "--update-baseline")[0] == 0
    code, out, _ = acorn("iac", "audit", "code", "--baseline", "known.json")
    assert code == 0 and "1 known by the baseline" in out
    place("code/main.tf", "# moved\n\n" + PLAIN + PLAIN.replace('"d"', '"new"'))
    code, out, _ = acorn("iac", "audit", "code", "--baseline", "known.json")
    assert code == 1 and "aws_ebs_volume.new" in out and "aws_ebs_volume.d" not in out
    monkeypatch.chdir(tmp_path / "code")
    assert "aws_ebs_volume.d:" not in acorn("iac", "audit", "main.tf", "--baseline", "../known.json")[1]
    place("broken.json", "[]")
    assert acorn("iac", "audit", ".", "--baseline", "../broken.json")[0] == 2


def test_settings_lie_beside_the_code(place, acorn):
    place("main.tf", PLAIN)
    place("acorn-audit.toml", 'skip_rule = "ACORN-AWS-010"\n')
    assert acorn("iac", "audit", ".")[0] == 0
    assert acorn("iac", "audit", ".", "--skip-rule", "ACORN-AWS-011")[0] == 1
    place("acorn-audit.toml", "skip_rules = 1\n")
    code, _, err = acorn("iac", "audit", ".")
    assert code == 2 and "skip_rule" in err


def test_a_named_file_is_seen_with_its_neighbours(place, acorn):
    place("main.tf", CLEAN.replace('{ a = "b" }', "var.tags"))
    place("vars.tf", 'variable "tags" {\n  default = {}\n}\n')
    _, out, _ = acorn("iac", "audit", "main.tf", "--fail-on", "low")
    assert "ACORN-AWS-092" in out and "by var.tags" in out and "1 of 1 file" in out


def test_fix_shows_a_diff_and_writes_only_when_asked(place, acorn):
    path = place("main.tf", PLAIN.replace("\n", "\r\n"))
    code, out, err = acorn("iac", "audit", ".", "--fix")
    assert (
        code == 1 and "+  encrypted " in out and out.startswith("--- a/main.tf\n+++ b/main.tf\n") and "--write" in err
    )
    assert b"encrypted" not in path.read_bytes()
    code, _, err = acorn("iac", "audit", ".", "--fix", "--write")
    assert code == 0 and "1 finding in 1 file removed" in err
    assert b"encrypted         = true\r\n" in path.read_bytes() and b"\n\n" not in path.read_bytes()
    assert acorn("iac", "audit", ".")[0] == 0


def test_standard_input(place, acorn, monkeypatch):
    import io
    import sys

    class Stdin:
        buffer = io.BytesIO(PLAIN.encode())

    monkeypatch.setattr(sys, "stdin", Stdin)
    code, out, _ = acorn("iac", "audit", "-", "--kind", "terraform")
    assert code == 1 and "<stdin>" in out
    assert acorn("iac", "audit", "-")[0] == 2


def test_what_is_skipped_is_said(place, acorn, tmp_path):
    (tmp_path / "a.tf").write_bytes(b"\0\1")
    place("b.tf", "#" * 1_100_000)
    place("chart.yaml", "apiVersion: v1\nkind: Pod\nmetadata:\n  {{- if .Values.x }}\n  name: a\n  {{- end }}\n")
    place("notes.txt", "nothing")
    code, out, _ = acorn("iac", "audit", "a.tf", "b.tf", "chart.yaml", "notes.txt", "--fail-on", "high")
    assert code == 0 and "4 not audited" in out and "Helm template" in out and "--kind" in out


def test_rules_are_listed(acorn):
    code, out, _ = acorn("iac", "audit", "--list-rules")
    assert code == 0 and "ACORN-K8S-001" in out and "rules:" in out.splitlines()[-1]
    assert len(json.loads(acorn("iac", "audit", "--list-rules", "--json")[1])) > 250
    _, out, _ = acorn("iac", "audit", "--list-rules", "--rule", "ACORN-AWS-001", "--explain")
    assert (
        out.splitlines()[0].startswith("ACORN-AWS-001  high") and "why  " in out and "do   " in out and "1 rule" in out
    )
    few = json.loads(acorn("iac", "audit", "--list-rules", "--rule", "ACORN-AWS", "--severity", "high", "--json")[1])
    assert few and all(one["severity"] == "high" and one["id"].startswith("ACORN-AWS") for one in few)


def test_several_processes_find_the_same(place, monkeypatch):
    from acorn.commands import iac
    from acorn.recipes.iac.audit import scan

    for index in range(6):
        place(f"m{index}/main.tf", PLAIN if index % 2 else CLEAN)
        place(f"m{index}/pod.yaml", POD)
    paths = list(iac.files((".",), scan.wanted))
    alone = scan.scan(paths, iac.source)
    monkeypatch.setattr(scan, "MANY", 3)
    assert scan.scan(paths, iac.source, processes=2) == alone and sum(bool(rows) for _, rows in alone) == 9


def test_checkov_is_asked_for_by_name_when_it_is_missing(place, monkeypatch):
    import sys

    from acorn.recipes.iac.audit import checkov

    monkeypatch.setitem(sys.modules, "checkov.runner_filter", None)
    with pytest.raises(UserError, match="checkov"):
        checkov.look({"a.tf": "terraform"})


def test_a_run_is_asked_where_no_rule_knows_a_patch(place, acorn, monkeypatch):
    from acorn.infer import load
    from acorn.recipes.iac.audit import model

    monkeypatch.setattr(load, "load_engine", lambda run, device, say: (f"engine of {run}", "checkpoint"))
    code = UNTAGGED.strip("\n")
    answers = ["resource {", code.replace('"d"', '"other"'), f'{code[:-1]}  tags = {{ a = "b" }}\n}}']
    monkeypatch.setattr(model, "asking", lambda engine: lambda code, kind, message: answers if engine else [])
    monkeypatch.setattr(model, "explaining", lambda engine: lambda code, kind: "This is an EBS volume.")
    path = place("main.tf", UNTAGGED)
    asked = ("iac", "audit", ".", "--run", "oak", "--rule", "ACORN-AWS-092", "--fail-on", "low")
    code, out, err = acorn(*asked)
    assert code == 1 and '+  tags = { a = "b" }' in out and "2 patches did not hold" in err
    assert "This is an EBS volume. (says the model)" in out and "ACORN-AWS-092" in out and path.read_text() == UNTAGGED
    assert acorn(*asked, "--fix")[1].startswith("--- a/main.tf") and acorn(*asked, "--json")[0] == 2
    assert acorn(*asked, "--fix", "--write")[0] == 0 and 'tags = { a = "b" }' in path.read_text()


def test_patches_are_for_what_is_reported(place, acorn):
    path = place("main.tf", PLAIN + UNTAGGED.replace('"d"', '"e"').replace("  encrypted = true\n", ""))
    acorn("iac", "audit", ".", "--baseline", "known.json", "--update-baseline")
    place("new.tf", PLAIN.replace('"d"', '"f"'))
    code, out, _ = acorn("iac", "audit", ".", "--fix", "--baseline", "known.json")
    assert "+++ b/new.tf" in out and "main.tf" not in out
    assert acorn("iac", "audit", ".", "--fix", "--json")[0] == 2
    assert acorn("iac", "audit", ".", "--fix", "--severity", "high", "--skip-rule", "ACORN-AWS-010")[1] == ""
    (path.parent / "link.tf").symlink_to("main.tf")
    path.chmod(0o640)
    acorn("iac", "audit", "link.tf", "--fix", "--write")
    assert path.stat().st_mode & 0o777 == 0o640 and (path.parent / "link.tf").is_symlink()
    assert path.read_text().count("encrypted") == 2
