"""SARIF and JUnit XML of `acorn iac validate` and `acorn iac audit` as strict readers take them."""

import ast
import json
import os
import re
import urllib.parse
import xml.etree.ElementTree as xml
from pathlib import Path

import jsonschema
import pytest

from acorn.recipes.iac import validate
from acorn.recipes.iac.audit import report
from acorn.recipes.iac.audit.rules import rules
from acorn.recipes.iac.validate.rules import RULES

EBS = 'resource "aws_ebs_volume" "d" {\n  availability_zone = "a"\n  size = 1\n}\n'
CLEAN = EBS.replace("  size = 1\n", '  size = 1\n  encrypted = true\n  tags = { a = "b" }\n')


def of(**properties) -> dict:
    """An object that holds nothing else; a name that ends with _ must be there."""
    needed = [name.rstrip("_") for name in properties if name.endswith("_")]
    return ({"required": needed} if needed else {}) | {
        "type": "object",
        "properties": {name.rstrip("_"): one for name, one in properties.items()},
        "additionalProperties": False,
    }


# What of SARIF 2.1.0 we write, as OASIS has it, closed: what it does not name we may not write. (The output was checked
# by hand with the whole schema, which is too long to keep here.)
TEXT, COUNT = {"type": "string"}, {"type": "integer", "minimum": 1}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
SAID = of(text_=TEXT)
RULE = of(
    id_=TEXT, shortDescription=SAID, fullDescription=SAID, help=SAID, defaultConfiguration=of(level=LEVEL),
    properties={"type": "object", "properties": {"tags": {"type": "array", "uniqueItems": True, "items": TEXT}}},
)  # fmt: skip
PLACE = of(physicalLocation=of(artifactLocation=of(uri=TEXT), region=of(startLine=COUNT, startColumn=COUNT)))
RESULT = of(
    message_=SAID, ruleId=TEXT, ruleIndex={"type": "integer", "minimum": -1}, level=LEVEL,
    locations={"type": "array", "items": PLACE},
    partialFingerprints={"type": "object", "additionalProperties": TEXT},
)  # fmt: skip
DRIVER = of(name_=TEXT, version=TEXT, rules={"type": "array", "uniqueItems": True, "items": RULE})
RUN = of(
    tool_=of(driver_=DRIVER), columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
    results={"type": "array", "items": RESULT},
)  # fmt: skip
SARIF = {"$schema": "http://json-schema.org/draft-04/schema#"} | of(
    version_={"enum": ["2.1.0"]}, runs_={"type": "array", "items": RUN}, **{"$schema": TEXT}
)
URI = re.compile(r"(?:file:///)?(?:[\w.~/@!$&'()*+,;=-]|%[0-9A-F]{2})+")
ODD = (
    "odd name/ma in.tf",
    "ünï/テスト.tf",
    "new\nline/a.tf",
    "a%20#?/x&<y>\"'.tf",
    "a:b/c:d.tf",
    "ctl\x01\x1b[31m/a.tf",
)


@pytest.fixture
def odd(workplace):
    for name in ODD:
        (workplace / name).parent.mkdir()
        (workplace / name).write_text(EBS)
    latin = os.fsencode(workplace) + b"/latin\xe9\xff.tf"
    Path(os.fsdecode(latin)).write_text(EBS)
    (workplace / "broken.tf").write_text("resource {")
    (workplace / "bin.tf").write_bytes(b"\0\1")
    (workplace / "wrong.tf").write_text('resource "aws_s3_bucket" "x\u202ey" {\n  b\ufffec = "\u2028<&\x7f"\n}\n')
    (workplace / "many").mkdir()
    (workplace / "many" / "a.tf").write_text("".join(EBS.replace('"d"', f'"d{i}"') for i in range(60)))
    return workplace


def sarif(acorn, *words: str) -> dict:
    given = json.loads(acorn("iac", *words, "--sarif")[1])
    assert [one.message for one in jsonschema.Draft4Validator(SARIF).iter_errors(given)] == []
    [run] = given["runs"]
    ids = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(set(ids)) == len(ids) and all(ids[one["ruleIndex"]] == one["ruleId"] for one in run["results"])
    for one in run["results"]:
        assert URI.fullmatch(one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])
    return run


@pytest.mark.parametrize("command", ["validate", "audit"])
def test_sarif_of_odd_files(acorn, odd, command):
    run = sarif(acorn, command, ".")
    found = {one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for one in run["results"]}
    names = {os.fsdecode(urllib.parse.unquote_to_bytes(one)) for one in found}
    assert {"broken.tf", "bin.tf"} <= names and all(os.path.exists(one) for one in names)
    if command == "audit":
        assert set(ODD) <= names and "latin%E9%FF.tf" in found and len(run["results"]) > 120


@pytest.mark.parametrize("command", ["validate", "audit"])
def test_sarif_of_none_one_outside_and_absolute(acorn, workplace, command):
    (workplace / "in" / "side").mkdir(parents=True)
    (workplace / "clean.tf").write_text(CLEAN)
    (workplace / "one.tf").write_text("resource {")
    assert sarif(acorn, command, "clean.tf")["results"] == []
    os.chdir("in/side")
    for path, uri in [("../../one.tf", "../../one.tf"), (f"{workplace}/one.tf", f"file://{workplace}/one.tf")]:
        [one] = sarif(acorn, command, path)["results"]
        assert one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri


def test_audit_tells_programs_what_a_rule_is(acorn, workplace):
    (workplace / "main.tf").write_text(EBS)
    run = sarif(acorn, "audit", ".", "--severity", "high")
    [one], [rule] = run["results"], run["tool"]["driver"]["rules"]
    assert rule["properties"] == {"tags": ["security"], "security-severity": "8.0"}
    assert "CKV_AWS_3" in rule["help"]["text"]
    found = json.loads(acorn("iac", "audit", ".", "--severity", "high", "--json")[1])["findings"]
    assert found[0]["fingerprint"] == one["partialFingerprints"]["acorn/v1"]
    acorn("iac", "audit", ".", "--baseline", "known.json", "--update-baseline")
    assert sarif(acorn, "audit", ".", "--baseline", "known.json")["results"] == []
    (workplace / "main.tf").write_text("# acorn:ignore ACORN-AWS-010, ACORN-AWS-092 a scratch disk\n" + EBS)
    assert sarif(acorn, "audit", ".")["results"] == []


@pytest.mark.parametrize("command", ["validate", "audit"])
def test_junit_is_xml(acorn, odd, command):
    text = acorn("iac", command, ".", "--junit")[1]
    suites = xml.fromstring(text.encode())
    [suite] = suites
    cases = suite.findall("testcase")
    assert suite.attrib["tests"] == str(len(cases)) and all(case.attrib["name"] for case in cases)
    assert suite.attrib["failures"] == str(sum(case.find("failure") is not None for case in cases)) != "0"


@pytest.mark.parametrize("command", ["validate", "audit"])
def test_text_of_odd_files_steers_no_terminal(acorn, odd, command):
    text = acorn("iac", command, ".")[1]
    assert text.isprintable() or not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202e\ud800-\udfff]", text)


@pytest.mark.parametrize("command", ["validate", "audit"])
def test_standard_input_is_shown_and_places_that_cannot_be_written_are_said(acorn, workplace, monkeypatch, command):
    import io
    import sys

    (workplace / "clean.tf").write_text(CLEAN)
    for place, why in [(".", "it is a folder"), ("clean.tf/a.json", "it would lie in a file")]:
        code, _, err = acorn("iac", command, "clean.tf", "--json", "--out", place)
        assert code == 2 and why in err
    text = EBS.replace("size = 1", 'size = "a"')
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    code, out, _ = acorn("iac", command, "-", "--kind", "terraform")
    assert code == 1 and "<stdin>" in out and ("size = " in out or "resource " in out)


def test_baselines_that_cannot_be(acorn, workplace):
    (workplace / "clean.tf").write_text(CLEAN)
    for place in (".", "clean.tf/b.json"):
        assert acorn("iac", "audit", "clean.tf", "--baseline", place, "--update-baseline")[0] == 2
        assert acorn("iac", "audit", "clean.tf", "--baseline", place)[0] == 2
    assert "no JSON" in acorn("iac", "audit", "clean.tf", "--baseline", "clean.tf")[2]
    assert sorted(path.name for path in workplace.iterdir()) == ["clean.tf"]


def test_every_rule_is_described():
    """The names that findings of the validator carry, by the source."""
    folder, used = Path(validate.__file__).parent, set()
    where = {"Problem": 2, "Finding": 3, "report": -1, "say": -1}
    for path in [*folder.glob("*.py"), *folder.parent.joinpath("terraform").glob("*.py")]:
        for call in ast.walk(ast.parse(path.read_text())):
            name = isinstance(call, ast.Call) and getattr(call.func, "id", getattr(call.func, "attr", ""))
            if name in where:
                at = [k.value for k in call.keywords if k.arg == "rule"] or call.args[where[name] :][:1]
                used |= {one.value for one in at if isinstance(one, ast.Constant) and isinstance(one.value, str)}
    used = {one for one in used if re.fullmatch(r"[a-z]+(-[a-z]+)*", one)}
    assert len(used) > 50 and used - {"error"} <= set(RULES)
    told = report.about()
    assert all(told[one].why and told[one].remedy and told[one].level for one in rules())


@pytest.mark.parametrize("command", ["validate", "audit"])
def test_what_is_no_code_is_passed_over_in_hooks(acorn, workplace, command):
    (workplace / "ci.yml").write_text("on: push\njobs: {}\n")
    (workplace / "package.json").write_text("{}")
    (workplace / "clean.tf").write_text(CLEAN)
    names = ("ci.yml", "package.json", "clean.tf")
    code, out, _ = acorn("iac", command, *names, "--ignore-unknown")
    assert code == 0 and out.startswith("1 file, nothing found")
    assert acorn("iac", command, *names[:2], "--ignore-unknown")[0] == 0
    code, out, err = acorn("iac", command, *names)
    assert "kind" in out + err and code == (2 if command == "validate" else 0)


@pytest.mark.parametrize("command, code", [("validate", 1), ("audit", 1)])
def test_what_cannot_be_read_is_wrong_only_where_it_is_code_by_its_name(acorn, workplace, command, code):
    (workplace / "data").mkdir()
    (workplace / "data" / "big.json").write_bytes(b"[" + b"1, " * 1_500_000 + b"1]")
    (workplace / "data" / "clean.tf").write_text(CLEAN)
    found, out, _ = acorn("iac", command, "data")
    assert found == 0 and "too long" in out
    (workplace / "data" / "main.tf").write_bytes(b"\0\1")
    assert acorn("iac", command, "data")[0] == code and acorn("iac", command, "data/main.tf")[0] == code
    assert acorn("iac", "validate", "data/big.json")[0] == 1
