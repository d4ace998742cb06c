"""Ansible: what is found in playbooks and tasks, what is left alone, and how the facts are made."""

import pytest

from acorn.errors import UserError
from acorn.recipes.iac import validate
from acorn.recipes.iac.schemas.ansible import build_ansible
from acorn.recipes.iac.schemas.packed import Packed
from acorn.recipes.iac.validate.ansible_modules import arguments, converts, pairs, resolve

PLAY = """\
- name: Web servers
  hosts: web
  become: true
  vars:
    port: 80
  pre_tasks:
    - ansible.builtin.apt: update_cache=yes cache_valid_time=3600
  roles:
    - role: common
      tags: [base]
  tasks:
    - name: Install nginx
      ansible.builtin.apt:
        name: ["nginx", "{{ extra }}"]
        state: present
      when: ansible_os_family == "Debian"
      register: installed
      notify: Restart nginx
    - name: Copy the site
      copy:
        src: site/
        dest: /var/www
        mode: "0644"
      loop: "{{ sites }}"
      loop_control:
        label: "{{ item.name }}"
    - block:
        - command: nginx -t
          changed_when: false
        - shell: |
            echo {{ port }}
          args:
            chdir: /tmp
      rescue:
        - ansible.builtin.debug: { msg: broken }
    - include_tasks: more.yml
    - community.general.ufw: { rule: allow, port: "{{ port }}" }
    - set_fact:
        anything: 1
    - local_action: ansible.builtin.command date
    - name: Of a role's own library
      my_module: { a: 1 }
  handlers:
    - name: Restart nginx
      ansible.builtin.service:
        name: nginx
        state: restarted
- import_playbook: more.yml
"""
TASKS = "- name: Copy\n  ansible.builtin.copy:\n    src: a\n    dest: /b\n"


def found(text, **context):
    return [str(one) for one in validate.read(text, "ansible", **context)[1] if one.severity != "note"]


def test_a_playbook_that_is_right():
    parsed, findings = validate.read(PLAY, "ansible")
    [note] = findings
    assert note.severity == "note" and "my_module is no module that is known here" in note.message
    assert parsed["ansible.builtin.apt"][0] == {"update_cache": "yes", "cache_valid_time": "3600"}
    assert parsed["ansible.builtin.copy"][0]["dest"] == "/var/www" and parsed["play"][0]["hosts"] == "web"
    assert found(PLAY, modules=("my_module",)) == [] == found(TASKS)


@pytest.mark.parametrize(
    "text, old, new, message",
    [
        (PLAY, "  hosts: web\n", "", "line 1: [0]: hosts is missing"),
        (PLAY, "  hosts:", "  host:", "[0].host: host is no keyword of a play. Did you mean hosts?"),
        (PLAY, "handlers:", "handler:", "handler is no keyword of a play. Did you mean handlers?"),
        (PLAY, "become: true", "become: sure", "line 3: [0].become: 'sure' is a string, wanted a boolean"),
        (PLAY, "      when:", "      wehn:", "wehn is neither a keyword of a task nor a module. Did you mean when?"),
        (PLAY, "      register:", "        register:", "YAML: "),
        (PLAY, "      when:", "        when:", "ansible.builtin.apt has no argument when"),
        (PLAY, "builtin.apt:\n", "builtin.aptt:\n", "the collection ansible.builtin has no module aptt. D"),
        (PLAY, "      copy:", "      copyy:", "there is no module copyy. Did you mean copy?"),
        (PLAY, "community.general.ufw", "comunity.general.ufw", "no collection comunity.general. Did"),
        (PLAY, "state: present", "state: presnt", "'presnt' is not one of absent, build-dep, latest, present, fixed."),
        (PLAY, "dest: /var/www", "dst: /var/www", "ansible.builtin.copy has no argument dst. Did you mean dest?"),
        (PLAY, "        dest: /var/www\n", "", "line 20: [0].tasks[1].copy: argument dest of"),
        (PLAY, "cache_valid_time=3600", "cache_valid_time=long", "'long' is a string, wanted an integer"),
        (PLAY, "      copy:", "      file:\n        path: /a\n      copy:", "a task has one module; here are file"),
        (PLAY, "label:", "lable:", "loop_control has no lable. Did you mean label?"),
        (PLAY, "- role: common", "- rol: common", "role is missing: the name of the role"),
        (PLAY, "    - block:", "    - blok:", "blok is no keyword of a block"),
        (PLAY, "include_tasks: more.yml", "include_tasks: [a]", "the arguments of ansible.builtin.include"),
        (PLAY, "- import_playbook: more.yml", "- copy: {src: a, dest: b}", "a task among plays: it belongs"),
        (PLAY, PLAY, TASKS[2:].replace("\n  ", "\n"), "a task stands in a list: begin it with '- '"),
        (PLAY, PLAY, "hello\n", "a playbook or a file of tasks is a list, not a string"),
        (PLAY, PLAY, "# nothing\n", "no play, task or variable"),
        (TASKS, "dest: /b", "dest: {{ b }}", "line 4: YAML: a mapping or a list can't be a key; a value that begins"),
        (TASKS, "copy:\n    src: a\n    dest: /b", "apt: {deb: a, name: b}", "deb and package exclude each other"),
        (TASKS, "name: Copy", "nmae: Copy", "nmae is neither a keyword of a task nor a module. Did you mean name?"),
    ],
)  # fmt: skip
def test_findings(text, old, new, message):
    assert old in text
    assert any(message in one for one in found(text.replace(old, new, 1))), found(text.replace(old, new, 1))


def test_files_that_hold_no_tasks():
    inventory = "all:\n  hosts:\n    web1:\n      ansible_host: 10.0.0.1\n"
    assert found(inventory) == [] == found("port: 80\nport: 81\n".replace("port: 81\n", ""), path="group_vars/all.yml")
    assert found("- src: geerlingguy.nginx\n", path="requirements.yml") == []
    [note] = validate.read("---\n", "ansible", path="roles/web/tasks/main.yml")[1]
    assert note.severity == "note"
    [note] = validate.read("- hosts: all\n{% if x %}\n  tasks: []\n{% endif %}\n", "ansible")[1]
    assert note.severity == "note" and "a Jinja template" in note.message


def test_names_of_modules():
    assert resolve("copy") == resolve("ansible.legacy.copy") == "ansible.builtin.copy"
    assert resolve("docker_container") == "community.docker.docker_container"
    assert resolve("community.general.postgresql_db") == "community.postgresql.postgresql_db"
    assert resolve("no.such.thing") is resolve("thing") is None


def test_values_are_taken_as_ansible_converts_them():
    assert all(converts(value, "bool") for value in (True, "yes", 1, "off", 0.0, "T"))
    assert not any(converts(value, "bool") for value in ("maybe", [], 2))
    assert converts("42", "int") and converts(" 4.0 ", "int") and not converts("4.5", "int") and not converts([], "int")
    assert converts("a=b", "dict") and not converts("ab", "dict") and converts(3, "str") and not converts([], "path")
    assert pairs("src=a dest='/b c' mode=0644") == {"src": "a", "dest": "/b c", "mode": "0644"}
    assert not list(arguments("ansible.builtin.copy", "{{ args }}", ()))


MODULE = '''
DOCUMENTATION = r"""
module: thing
options:
  name: {description: x, required: true, aliases: [title]}
  token: {required: true, type: str}
  size: {type: int, choices: [1, 2]}
  colour: {choices: [red, blue]}
extends_documentation_fragment: my.own.shared
"""
def main():
    spec = dict(name=dict(required=True), size=dict(type="int", choices=[1, 2]), colour=dict(), extra=dict(type="str"),
                token=dict(required=True, fallback=(env, ["T"])), parts=dict(type="list", options=dict(inner=dict())))
    AnsibleModule(argument_spec=spec, mutually_exclusive=[["name", "size"]], required_one_of=[["a", "b"]])
'''
FRAGMENT = 'class ModuleDocFragment:\n    DOCUMENTATION = """\noptions:\n  host: {required: true, type: str}\n"""\n'


def test_facts_are_made_without_running_anything(tmp_path):
    plugins = tmp_path / "ansible_collections" / "my" / "own" / "plugins"
    for name, text in (("modules/thing.py", MODULE + "raise SystemExit(1)\n"), ("doc_fragments/shared.py", FRAGMENT)):
        (plugins / name).parent.mkdir(parents=True, exist_ok=True)
        (plugins / name).write_text(text)
    (plugins / "modules" / "broken.py").write_text("def (\n")
    (plugins.parent / "meta").mkdir()
    routing = "plugin_routing: {modules: {old: {redirect: my.own.thing}, gone: {tombstone: {}}}}\n"
    (plugins.parent / "meta" / "runtime.yml").write_text(routing)
    facts = Packed(build_ansible(tmp_path, tmp_path / "out.zip"))
    assert facts.index["modules"] == {"my.own": ["thing"]}
    assert facts.index["routes"] == {"my.own.old": "my.own.thing", "my.own.gone": None}
    thing = facts.part("my.own")["thing"]
    assert thing["o"] == {
        "name": {"r": 1, "a": ["title"]}, "token": {}, "size": {"t": "int", "c": [1, 2]}, "colour": {}, "host": {},
        "extra": {"t": "raw"}, "parts": {"t": "raw"},
    }  # fmt: skip
    assert thing["x"] == [["name", "size"]] and thing["n"] == [["a", "b"]]
    with pytest.raises(UserError, match="there is no Ansible module"):
        build_ansible(tmp_path / "nothing")
