"""Asking hadolint, cfn-lint and ansible-playbook: what comes back, and what is said where they are missing."""

import pytest

from acorn.recipes.iac import validate
from acorn.recipes.iac.validate import tools


def test_a_missing_tool_is_a_note(monkeypatch):
    monkeypatch.setattr(tools, "find", lambda name: None)
    monkeypatch.setattr(tools, "find_spec", lambda name: None)
    for one, name in ((tools.hadolint, "hadolint"), (tools.cfn_lint, "cfn-lint"), (tools.ansible_syntax, "ansible-pl")):
        [note] = one("FROM a\n")
        assert note.severity == "note" and note.message.startswith(f"{name}")


@pytest.mark.parametrize(
    "code, out, err, found",
    [
        (0, "", "", []),
        (4, "", "[ERROR]: conflicting action\nOrigin: /tmp/x/playbook.yml:3:5\n", ["line 3: ansible-playbook: con"]),
        (4, "", "ERROR! no action\nerror appears to be in 'x': line 7, column 2\n", ["line 7: ansible-playbook: no"]),
    ],
)  # fmt: skip
def test_what_ansible_playbook_says(monkeypatch, code, out, err, found):
    monkeypatch.setattr(tools, "find", lambda name: name)
    monkeypatch.setattr(tools, "ask", lambda *args: (code, out, err))
    said = [str(one) for one in tools.ansible_syntax("- hosts: all\n")]
    assert len(said) == len(found) and all(one.startswith(want) for one, want in zip(said, found))
    [note] = tools.ansible_syntax("- hosts: all\n  roles: [a]\n")
    assert note.severity == "note"


def test_hadolint():
    if tools.find("hadolint") is None:
        pytest.skip("hadolint is not installed")
    text = "FROM python:3.12\nRUN if ls\nCMD a\n"
    assert validate.validate(text, "dockerfile") == []
    [one] = validate.read(text, "dockerfile", full=True)[1]
    assert (one.line, one.rule) == (2, "SC1072")
    assert validate.read("FROM python:3.12\nRUN cd /a\nCMD a\n", "dockerfile", full=True)[1] == []
