"""docs/iac.md: its commands are commands, what can run here does what it says, its numbers are the program's."""

import re
import shlex
from collections import Counter
from pathlib import Path

import pytest

from acorn.recipes.iac import schemas
from acorn.recipes.iac.audit.rules import rules
from acorn.recipes.iac.intents import INTENTS, PAIRS

PAGE = (Path(__file__).parents[2] / "docs/iac.md").read_text(encoding="utf-8")
LINES = re.findall(r"^(acorn .*)$", PAGE, re.MULTILINE)
EBS = 'resource "aws_ebs_volume" "d" {\n  availability_zone = "a"\n  size              = 1\n  tags = { a = "b" }\n}\n'


@pytest.mark.parametrize("line", LINES)
def test_commands_are_commands(line):
    from acorn.cli import find, load
    from acorn.config import parse

    name, rest = find(shlex.split(line)[1:])
    assert callable(parse(load(name), rest, prog=f"acorn {name}").run)


def test_the_story_of_the_page(workplace, acorn):
    ask = lambda line: acorn(*shlex.split(line)[1:])
    lines = iter([line for line in LINES if " audit " in line and " --run " not in line])
    (workplace / "main.tf").write_text(EBS)
    assert ask(next(lines))[0] == 1
    assert ask(next(lines))[0] == 1 and (workplace / "found.sarif").read_text().startswith("{")
    code, out, _ = ask(next(lines))
    assert code == 0 and "CKV_AWS_3" in out
    assert ask(next(lines))[0] == 0 and ask(next(lines))[0] == 0
    assert "+  encrypted" in ask(next(lines))[1] and ask(next(lines))[0] == 0
    assert "encrypted" in (workplace / "main.tf").read_text() and ask("acorn iac audit .")[0] == 0
    (workplace / "ci.yml").write_text("on: push\n")
    assert ask("acorn iac validate ci.yml main.tf --ignore-unknown")[0] == 0
    assert ask("acorn iac validate ci.yml main.tf")[0] == 2


def test_numbers_of_the_page():
    every = rules().values()
    counts = Counter(rule.severity for rule in every)
    said = re.search(r"(\d+) are\s+high.*?(\d+) medium, (\d+) low", PAGE, re.DOTALL)
    assert tuple(map(int, said.groups())) == (counts["high"], counts["medium"], counts["low"])
    family = Counter(rule.id.split("-")[1] for rule in every)
    names = {"AWS": "AWS", "K8S": "Kubernetes", "GCP": "Google", "AZ": "Azure", "ANSIBLE": "Ansible",
             "TF": "in general", "DOCKER": "Dockerfile", "COMPOSE": "Compose", "CFN": "own",
             "XP": "Crossplane's own"}  # fmt: skip
    flat = " ".join(PAGE.split())
    assert f"{len(every)} rules:" in flat and set(family) == set(names)
    assert all(re.search(rf"{names[one]} {number}\b", flat) for one, number in family.items())
    types = [sum(len(one.types(kind)) for one in schemas.providers().values()) for kind in ("resource", "data")]
    assert f"{len(schemas.providers())} providers: {types[0]:,} resources, {types[1]:,} data sources" in flat
    assert f"{len(INTENTS)} things" in flat and f"({len(PAIRS)} pairs)" in flat and PAGE.count("\n") <= 150
