"""Folders of Terraform: files together, calls of local modules, circles, override and lock files."""

import time

import pytest

from acorn.recipes.iac.terraform.modules import Folders


def read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return None


@pytest.fixture
def check(tmp_path):
    def call(files: dict[str, str], folder: str = "") -> list[str]:
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        here = tmp_path / folder
        paths = [str(here / name) for name in sorted(p.name for p in here.iterdir() if p.name.endswith(".tf"))]
        found = Folders(read).check(paths)
        rows = []
        for path, findings in found.items():
            rows += [f"{path.rpartition('/')[2]}:{one.line}: {one.message} ({one.severity})" for one in findings]
        return rows

    return call


CHILD = {
    "m/main.tf": 'variable "name" { type = string }\nvariable "tags" {\n  type = map(string)\n  default = {}\n}\n',
    "m/outputs.tf": 'output "id" { value = var.name }\n',
}


def call(body, name="m"):
    return f'module "{name}" {{\n  source = "./m"\n  {body}\n}}\n'


@pytest.mark.parametrize(
    "text, message",
    [
        (call(""), "main.tf:1: module m: input name is missing, the module has no default for it"),
        (call('name = "a"\n  nmae = "b"'), "main.tf:4: module m: the module has no variable nmae. Did you mean name?"),
        (call('name = "a"\n  tags = "b"'), "main.tf:4: module m: tags: a map(string) is needed, this is one string"),
        (call('name = ["a"]'), "main.tf:3: module m: name: a string is needed, this is a list"),
        (call('name = "a"') + 'output "x" { value = module.m.ids }', "module.m has no output ids. Did you mean id?"),
        (call('name = "a"').replace("./m", "./n"), "main.tf:2: module m: there is no module in ./n"),
        (call('name = "a"') * 2, "main.tf:5: module.m is declared twice; the first time in"),
    ],
)
def test_calls_of_local_modules(check, text, message):
    assert any(message in one for one in check({**CHILD, "main.tf": text})), check({**CHILD, "main.tf": text})


def test_a_right_call_is_fine(check):
    text = call('name = "a"\n  for_each = toset(["x"])') + 'output "x" { value = module.m["x"].id }\n'
    assert check({**CHILD, "main.tf": text, "empty.tf": "\n"}) == []
    assert check({**CHILD, "main.tf": text}, "m") == []


def test_what_is_declared_in_another_file_is_known(check):
    files = {"a.tf": 'output "x" { value = var.x }\n', "b.tf": 'variable "x" {}\n'}
    assert check(files) == []
    assert check({**files, "b.tf": 'variable "x" {'})[0].startswith("b.tf:1: syntax:")
    assert len(check({**files, "b.tf": 'variable "x" {'})) == 1  # var.x may stand in what can't be read
    twice = {**files, "b.tf": 'variable "x" {}\n', "c.tf": 'variable "x" {}\n'}
    assert "c.tf:1: var.x is declared twice" in check(twice)[0] and "b.tf:1" in check(twice)[0]


def test_override_files_may_say_it_again(check):
    assert check({"a.tf": 'variable "x" {}\n', "a_override.tf": 'variable "x" {\n  default = 1\n}\n'}) == []


def test_circles_are_found_and_end(check):
    step = 'module "next" {{\n  source = "../{}"\n}}\n'
    files = {"a/main.tf": step.format("b"), "b/main.tf": step.format("c"), "c/main.tf": step.format("b")}
    start = time.process_time()
    [one] = check(files, "a")
    assert "module next: the modules call each other in a circle: ../b -> ../c -> ../b" in one
    [one] = check({"d/main.tf": step.format("d")}, "d")
    assert "in a circle: . -> ." in one
    assert time.process_time() - start < 2


def test_many_ways_through_the_same_modules_end_soon(check):
    files = {
        f"m{n}/main.tf": "".join(f'module "c{k}" {{\n  source = "../m{k}"\n}}\n' for k in range(n + 1, 40))
        or 'output "x" { value = 1 }\n'
        for n in range(40)
    }
    start = time.process_time()
    assert check(files, "m0") == []
    assert time.process_time() - start < 2


def test_the_lock_file_says_the_version(check):
    text = 'resource "aws_eip" "a" {\n  vpc = true\n}\n'
    assert check({"main.tf": text}) == ["main.tf:2: aws_eip.a: there is no argument vpc. (error)"]
    lock = 'provider "registry.example/hashicorp/aws" {\n  version = "4.2.0"\n}\n'
    assert all(one.endswith("(note)") for one in check({"main.tf": text, ".terraform.lock.hcl": lock}))
    assert len(check({"main.tf": text, ".terraform.lock.hcl": "broken {"})) == 1
