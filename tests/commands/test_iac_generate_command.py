"""acorn iac generate: what goes to standard output, what into files, and how it ends."""

import json

import pytest

from acorn.commands import iac_generate

GOOD = 'resource "aws_s3_bucket" "this" {\n  bucket = "orders"\n}\n'
BROKEN = 'resource "aws_s3_bucket" "this" {\n  buckett = "orders"\n}\n'
ASKED = "S3 bucket orders"


@pytest.fixture
def says(monkeypatch, workplace):
    """says(text, ...): what the model answers."""
    import sys
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).parents[1] / "recipes"))
    from iac_writer import Parrot

    def set_(*texts: str):
        monkeypatch.setattr(iac_generate, "load", lambda run, device, say: (Parrot(["orders", *texts]), Path("runs/x")))

    return set_


def test_standard_output_holds_the_code_alone(acorn, says):
    says(GOOD)
    code, out, err = acorn("iac", "generate", ASKED)
    assert (code, out) == (0, GOOD) and "valid terraform" in err


def test_what_fails_is_not_printed(acorn, says):
    says(BROKEN)
    code, out, err = acorn("iac", "generate", ASKED)
    assert (code, out) == (1, "") and "buckett" in err


def test_json(acorn, says):
    says(BROKEN)
    code, out, _ = acorn("iac", "generate", ASKED, "--json")
    found = json.loads(out)
    assert code == 1 and found["valid"] is False and found["code"] is None and found["rejected"] == BROKEN
    assert found["findings"][0]["line"] == 2
    says(GOOD)
    code, out, _ = acorn("iac", "generate", ASKED, "--json", "--kind", "terraform")
    assert code == 0 and json.loads(out)["code"] == GOOD


def test_a_file_is_written_once(acorn, says, workplace):
    says(GOOD)
    assert acorn("iac", "generate", ASKED, "-o", "main.tf")[:2] == (0, "")
    assert (workplace / "main.tf").read_text() == GOOD
    code, _, err = acorn("iac", "generate", ASKED, "-o", "main.tf")
    assert code == 2 and "is there already" in err and "--force" in err
    assert acorn("iac", "generate", ASKED, "-o", "main.tf", "--force")[0] == 0
    assert [path.name for path in workplace.iterdir()] == ["main.tf"]


def test_nothing_is_written_when_nothing_is_valid(acorn, says, workplace):
    says(BROKEN)
    assert acorn("iac", "generate", ASKED, "-o", "main.tf")[0] == 1
    assert not (workplace / "main.tf").exists()


def test_the_folder_is_heeded(acorn, says, workplace):
    (workplace / "infra").mkdir()
    (workplace / "infra" / "main.tf").write_text(GOOD)
    says(GOOD)
    code, out, _ = acorn("iac", "generate", ASKED, "--context", "infra")
    assert code == 0 and 'resource "aws_s3_bucket" "orders" {' in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["", "--kind", "terraform"], "empty"),
        ([ASKED, "--kind", "terrafrom"], "Did you mean terraform?"),
        ([ASKED, "--samples", "0"], "expected 1 to 64"),
        ([ASKED, "--context", "nothing"], "no such folder"),
        ([ASKED, "-o", "nothing/main.tf"], "no folder"),
        ([ASKED, "-o", ".", "--force"], "this is a folder"),
        ([ASKED, "-o", "/proc/main.tf"], "cannot be written"),
        (["queue \udcff name"], "not UTF-8"),
    ],
)
def test_mistakes(acorn, says, words, said):
    says(GOOD)
    code, out, err = acorn("iac", "generate", *words)
    assert code == 2 and out == "" and said in err


def test_without_a_run(acorn, workplace):
    code, _, err = acorn("iac", "generate", ASKED)
    assert code == 2 and "no run" in err and "speedrun" in err


def test_the_newest_run_of_the_recipe_is_taken(workplace):
    import os

    for age, (name, recipe) in enumerate([("new", "iac"), ("old", "iac"), ("other", "")]):
        folder = workplace / "runs" / name / "sft"
        folder.mkdir(parents=True)
        (folder / "run.toml").write_text(f'recipe = "{recipe}"\n')
        os.utime(folder / "run.toml", (10_000 - age, 10_000 - age))
    assert iac_generate.newest_run() == "runs/new"
