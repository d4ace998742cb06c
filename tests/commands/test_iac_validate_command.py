"""acorn iac validate: files, folders and standard input, forms of output, exit codes, what is no code at all."""

import io
import json
import sys
import xml.etree.ElementTree as tree

import pytest

from acorn.recipes.iac import results
from acorn.recipes.iac.validate import Finding

QUEUE = 'resource "aws_sqs_queue" "a" {\n  nmae = "x"\n}\n'
FINE = 'resource "aws_sqs_queue" "b" {\n  name = "x"\n}\n'


@pytest.fixture
def folder(workplace):
    (workplace / "net" / ".terraform").mkdir(parents=True)
    (workplace / "net" / "main.tf").write_text(QUEUE)
    (workplace / "net" / "variables.tf").write_text('variable "x" {}\n')
    (workplace / "net" / ".terraform" / "broken.tf").write_text("{{{")
    (workplace / "readme.md").write_text("# nothing")
    return workplace


def stdin(monkeypatch, data: bytes):
    stream = io.TextIOWrapper(io.BytesIO(data))
    monkeypatch.setattr(sys, "stdin", stream)


def test_a_folder(acorn, folder):
    code, out, _ = acorn("iac", "validate", ".")
    assert code == 1 and out == (
        "./net/main.tf:2:3: error: aws_sqs_queue.a: there is no argument nmae. Did you mean name? [unknown-argument]\n"
        '  2 |   nmae = "x"\n'
        "    |   ^\n"
        "1 error in 1 of 2 files\n"
    )
    (folder / "net" / "main.tf").write_text(FINE)
    assert acorn("iac", "validate", ".")[:2] == (0, "2 files, nothing found\n")


def test_a_file_is_judged_with_its_neighbours(acorn, folder):
    (folder / "net" / "main.tf").write_text(FINE.replace('"x"', "var.x"))
    assert acorn("iac", "validate", "net/main.tf")[0] == 0
    (folder / "net" / "variables.tf").write_text('variable "x" {')
    code, out, _ = acorn("iac", "validate", "net/main.tf")
    assert (code, out) == (0, "1 file, nothing found\n")  # what is not declared may stand in the broken one
    assert "syntax:" in acorn("iac", "validate", "net")[1]


def test_json(acorn, folder):
    code, out, _ = acorn("iac", "validate", "net", "--json")
    given = json.loads(out)
    assert code == 1 and given["files"] == 2 and given["counts"] == {"error": 1}
    assert given["findings"][0]["rule"] == "unknown-argument" and given["findings"][0]["line"] == 2


def test_sarif(acorn, folder):
    code, out, _ = acorn("iac", "validate", "net", "--sarif", "--out", "found/all.sarif")
    [run] = json.loads((folder / "found" / "all.sarif").read_text())["runs"]
    [one] = run["results"]
    assert code == 1 and out == "" and run["tool"]["driver"]["rules"][one["ruleIndex"]]["id"] == "unknown-argument"
    place = one["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "net/main.tf" and place["region"] == {"startLine": 2, "startColumn": 3}


def test_junit(acorn, folder):
    code, out, _ = acorn("iac", "validate", "net", "--junit")
    suite = tree.fromstring(out)
    assert code == 1 and suite.attrib["tests"] == "2" and suite.attrib["failures"] == "1"
    [failure] = suite.iter("failure")
    assert failure.attrib["type"] == "unknown-argument" and "net/main.tf:2:3: " in failure.text


def test_standard_input(acorn, workplace, monkeypatch):
    stdin(monkeypatch, QUEUE.encode())
    code, out, _ = acorn("iac", "validate", "-")
    assert code == 1 and "2:3: error: aws_sqs_queue.a" in out
    stdin(monkeypatch, b"apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\nspec: {}\n")
    code, out, _ = acorn("iac", "validate", "-", "--kind", "kubernetes")
    assert code == 1 and "containers" in out
    stdin(monkeypatch, b"hello")
    assert acorn("iac", "validate", "-")[0] == 2


@pytest.mark.parametrize(
    "content, message",
    [
        (b"\x00\x01\x02", "a binary file, not text"),
        (b"a = \xff\n", "not UTF-8 text: byte 0xff in line 1"),
        (b"a = 1\n" * 1_000_000, "too long: 6.0 MB is over the 4 MB that are read"),
    ],
)
def test_what_is_no_text(acorn, workplace, content, message):
    (workplace / "a.tf").write_bytes(content)
    code, out, _ = acorn("iac", "validate", "a.tf")
    assert code == 1 and message in out


def test_usage(acorn, folder):
    for words, message in [
        ((), "name at least one file or folder"),
        (("nothing.tf",), "there is no file or folder nothing.tf"),
        (("net", "--kind", "terrafrom"), "Did you mean terraform?"),
        (("net", "--json", "--sarif"), "--json and --sarif can't be had together"),
        (("readme.md",), "what kind of code is this?"),
        (("net/.terraform/..", "--crd", "none.yaml"), "there is no file none.yaml"),
    ]:
        code, _, err = acorn("iac", "validate", *words)
        assert code == 2 and message in err, (words, err)
    (folder / "empty").mkdir()
    assert acorn("iac", "validate", "empty")[0] == 2


def test_custom_resources_are_known_by_their_crd(acorn, workplace):
    (workplace / "crd.yaml").write_text(
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: rockets.acme.io}\n"
        "spec:\n  group: acme.io\n  scope: Namespaced\n  names: {kind: Rocket, plural: rockets}\n  versions:\n"
        "  - name: v1\n    served: true\n    storage: true\n    schema:\n      openAPIV3Schema:\n        type: object\n"
        "        properties: {spec: {type: object, properties: {fuel: {type: integer}}}}\n"
    )
    rocket = "apiVersion: acme.io/v1\nkind: Rocket\nmetadata: {name: a}\nspec: {fuel: x}\n"
    (workplace / "rocket.yaml").write_text(rocket)
    code, out, _ = acorn("iac", "validate", "rocket.yaml", "--crd", "crd.yaml")
    assert code == 1 and "rocket.yaml:4" in out and "fuel" in out
    assert "fuel" in acorn("iac", "validate", ".")[1]


def test_many_files_share_two_processes(acorn, workplace):
    for n in range(210):
        (workplace / f"m{n}").mkdir()
        (workplace / f"m{n}" / "main.tf").write_text(FINE if n % 10 else QUEUE)
    code, out, _ = acorn("iac", "validate", ".", "--jobs", "2", "--json")
    given = json.loads(out)
    assert code == 1 and given["files"] == 210 and given["counts"] == {"error": 21}
    assert [one["path"] for one in given["findings"]] == [f"./m{n}/main.tf" for n in sorted(range(0, 210, 10), key=str)]


def test_what_steers_a_terminal_is_shown_as_its_number():
    given = [("a\x1b[2J.tf", [Finding("bad \x1b[31m \u202e", 1, 1)])]
    text = results.render(given, "text", "t", {}, lambda path: "\x1b]0;x")
    assert "\x1b" not in text and "\\u001b[2J.tf" in text and "\\u202e" in text
    junit = results.render([("a.tf", [Finding("<&\x00>", 1, 1)])], "junit", "t", {})
    assert tree.fromstring(junit).find(".//failure").attrib["message"] == "<&\\u0000>"


def test_long_lines_are_cut_around_the_place():
    line = "x" * 500 + "HERE" + "y" * 500
    shown = results.render([("a", [Finding("m", 1, 501)])], "text", "t", {}, lambda path: line).split("\n")
    assert len(shown[1]) < 200 and shown[2].index("^") == shown[1].index("HERE")


def test_ones_own_terraform_is_asked_on_request(acorn, folder, monkeypatch):
    program = folder / "bin" / "tofu"
    program.parent.mkdir()
    place = {"filename": "main.tf", "start": {"line": 1, "column": 4}}
    said = {"severity": "error", "summary": "No", "detail": "so", "range": place}
    program.write_text(f"#!/bin/sh\necho '{json.dumps({'diagnostics': [said]})}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    code, out, _ = acorn("iac", "validate", "net", "--terraform")
    assert code == 1 and "net/main.tf:1:4: error: No: so (tofu) [tofu]" in out
    assert "(tofu)" not in acorn("iac", "validate", "net")[1]
    program.write_text("#!/bin/sh\necho broken\n")
    assert "tofu validate gave no result" in acorn("iac", "validate", "net", "--terraform")[1]
    monkeypatch.setenv("PATH", "")
    assert "neither tofu nor terraform is on PATH" in acorn("iac", "validate", "net", "--terraform")[2]
