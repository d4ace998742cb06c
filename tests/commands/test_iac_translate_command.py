"""acorn iac translate: what goes to standard output, what is said of the rest, and how it ends."""

import io
import json
import sys

import pytest

QUEUE = 'resource "aws_sqs_queue" "a" {\n  name                    = "jobs"\n  sqs_managed_sse_enabled = true\n}\n'
WEB = "services:\n  web:\n    image: nginx:1.27\n    ports:\n      - 8080:80\n"


@pytest.fixture
def folder(workplace):
    (workplace / "main.tf").write_text(QUEUE)
    (workplace / "compose.yaml").write_text(WEB)
    (workplace / "risky.yaml").write_text(WEB + "    privileged: true\n")
    (workplace / "chart.yaml").write_text("kind: Service\nmetadata:\n  name: {{ .Release.Name }}\n")
    (workplace / "half.tf").write_text("resource {")
    (workplace / "notes.txt").write_text("hello")
    (workplace / "data.bin").write_bytes(b"\0\1")
    return workplace


def test_standard_output_holds_the_code_alone(acorn, folder):
    code, out, err = acorn("iac", "translate", "main.tf", "--to", "opentofu")
    assert (code, out) == (0, QUEUE) and "nothing left out" in err
    code, out, err = acorn("iac", "translate", "compose.yaml", "--to", "kubernetes", "--rules")
    assert code == 0 and out.startswith("apiVersion: ") and "by rules" in err


def test_what_has_no_counterpart_is_named(acorn, folder):
    code, out, err = acorn("iac", "translate", "risky.yaml", "--from", "compose", "--to", "kubernetes", "--rules")
    assert (code, out) == (1, "") and "services.web.privileged" in err and "--partial" in err
    code, out, err = acorn("iac", "translate", "risky.yaml", "--from", "compose", "--to", "kubernetes", "--partial")
    assert code == 1 and "kind: Deployment" in out and "services.web.privileged" in err


def test_json_and_files(acorn, folder):
    code, out, _ = acorn("iac", "translate", "compose.yaml", "--to", "kubernetes", "--rules", "--json", "-o", "k.yaml")
    found = json.loads(out)
    assert (
        code == 0 and found["whole"] and found["code"] == (folder / "k.yaml").read_text() and found["from"] == "compose"
    )
    code, _, err = acorn("iac", "translate", "compose.yaml", "--to", "kubernetes", "--rules", "-o", "k.yaml")
    assert code == 2 and "--force" in err


def test_standard_input(acorn, folder, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(WEB.encode())))
    assert acorn("iac", "translate", "-", "--to", "kubernetes", "--rules")[0] == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["main.tf", "--to", "kubernets"], "Did you mean kubernetes?"),
        (["main.tf", "--from", "terrafrom", "--to", "kubernetes"], "Did you mean terraform?"),
        (["main.tf", "--to", "terraform"], "nothing to translate"),
        (["half.tf", "--to", "cloudformation"], "not valid terraform"),
        (["chart.yaml", "--from", "kubernetes", "--to", "terraform"], "Helm"),
        (["notes.txt", "--to", "terraform"], "what kind of code is this?"),
        (["notes.txt", "--from", "kubernetes", "--to", "terraform"], "not valid kubernetes"),
        (["data.bin", "--from", "terraform", "--to", "kubernetes"], "binary"),
        (["nothing.tf", "--to", "kubernetes"], "no such file"),
        ([".", "--to", "kubernetes"], "not a file"),
        (["main.tf", "--to", "cloudformation", "-o", "nothing/x.yaml"], "no folder"),
        (["main.tf", "--to", "cloudformation", "--samples", "0"], "expected 1 to 64"),
    ],
)
def test_mistakes(acorn, folder, words, said):
    code, out, err = acorn("iac", "translate", *words)
    assert (code, out) == (2, "") and said in err, err


def test_commands_and_evaluation_draw_as_many_candidates():
    """The evaluation takes the loop's own number; the commands say theirs in --help, before the loop is imported."""
    from acorn.commands.iac_generate import Generate
    from acorn.commands.iac_translate import Translate
    from acorn.recipes.iac.generate import SAMPLES

    assert Generate.samples == Translate.samples == SAMPLES
