"""The HCL parser: what it takes and gives, what it refuses, in what words and where. It agrees with terraform fmt."""

import shutil
import subprocess
import time
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acorn.recipes.iac import hcl

VALID = [
    "",
    "# nothing\n",
    "a = 1",
    "a {}",
    '\ufeffa "b" c {\n  d = 1 # e\n}\n',
    "a { b = 1 }\n",
    "a {\r\n  b = 1\r\n}\r\n",
    "a = 1 /* x\n y */\nb = 2\n",
    "for = 1\nif = 2\nnull = 3\n_x-y = 4\nä = 5\n",
    'a = "${\n x\n}"\n',
    'a = "${f("x", "y${z}")}"\n',
    'a = "%{if x}b%{else}c%{endif}${y}%{for k, v in z~}${k}%{~endfor}"\n',
    'a = "$${x} $x $$ % %% %%{x} \\u00e9 \\U0001F600 \\n\\r\\t\\"\\\\"\n',
    'a = <<E\n$ % $${x} %%{y} "q" \\n ${z}\n  E\nb = 1\n',
    "a = f(<<-E\n  x\n  E\n  , 1)\n",
    "a = f(\n1,\n2,\n)\nb = f(x...)\nc = provider::p::f()\n",
    'a = x[*].y.*.z.0.q["a"][b.c[0]].d\n',
    "a = -1\nb = !x\nc = - 1\nd = !!x\ne = 1e5\nf = -(1 + 2) * 3 % 4 / 5\n",
    "a = (1\n+ 2)\nb = (c\n.d)\n",
    "a = b == c && !d || e != f && g >= h\n",
    "a = b ? c ? 1 : 2 : d ? e : f\n",
    'a = { b = 1, "c" : 2\n (d) = 3, "e${f}" = 4\n\n 5 = 6, g.h = 7 }\n',
    "a = [1, [2,\n3], {},]\n",
    "a = {for k, v in x : k => v... if v}\nb = [\nfor x in y :\nx.z\nif x\n]\n",
    "a = [for x in [for y in z : y] : { b = x }]\n",
    "a = true.x\nb = [1][0]\nc = (d).e\nf = g().h[0]\ni = \"j\"[0]\n",
]
WRONG = {
    "a {\n b = 1 c = 2\n}\n": "2:8: the next argument or block begins on a new line; found 'c'",
    "a { b = 1 c = 2 }\n": "1:11: on one line, a can hold one argument; begin a new line behind the {; found 'c'",
    "a { b { c = 1 } }\n": "1:5: on one line, a can hold one argument; found 'b'. Begin a new line",
    "a {\n b =\n 1\n}\n": "2:5: behind b =, the value is missing",
    "a\n{\n}\n": "1:2: a stands alone: an argument needs '=' and a value, a block needs '{'",
    'a "b"\n': "1:6: a needs '{' for a block or '=' for an argument; found the end of the line",
    "a: 1\n": "1:2: a: an argument is set with =, not with :",
    "a = [1 2]\n": "1:8: expected ',' or ']' (for the '[' of line 1), found '2'",
    "a = {x=1 y=2}\n": "1:10: expected ',' or '}' (for the '{' of line 1), found 'y'",
    "a = {\n b\n}\n": "2:3: behind the key b, '=' and a value are missing: found the end of the line",
    "a = f(1\n": "2:1: expected ',' or ')' (for the '(' of line 1), found the end of the text",
    'r "x" "y" {\n b = 1\n': '2:6: r "x" "y" of line 1 is not closed: a } is missing',
    'r "x" "y" {\n b = 1\n\nr "z" "w" {\n}\n': '5:1: r "x" "y" of line 1 is not closed before line 4: a } is missing',
    "a {\n}\n}\n": "3:1: this } closes nothing",
    'a = "x\n': "1:5: the string is not closed in its line (a text of several lines is written <<EOT)",
    'a = "\\q"\n': "1:6: there is no escape '\\\\q' in strings; a backslash is '\\\\'",
    "a = 'x'\n": '1:5: strings stand in double quotes ("), not in single ones',
    'a = "${x"\n': "1:9: expected '}' for the ${ of line 1, found '\"'",
    'a = "%{ if x }y"\n': "1:6: %{ if } is not closed by %{ endif }",
    'a = "%{ endfor }"\n': "1:6: %{ endfor } without %{ for }",
    "a = <<E\nx\n": "1:5: the text that begins with <<E has no end: E alone on a line",
    'a = <<"E"\nx\nE\n': "1:5: << begins a text of several lines: a word such as EOT stands right behind it, alone",
    "a = 1 +\n": "1:8: expected a value, found the end of the line",
    "a = b ? c\n": "1:10: a condition needs a second value: expected ':', found the end of the line",
    "a = b.\n": "1:7: behind the dot, the name of an attribute is missing: found the end of the line",
    "a = b.0.1\n": "1:8: of indices in a row, each stands in brackets: [0][...]",
    "a = b[\n": "2:1: expected a value, found the end of the text",
    "a = [for x in y : k => v]\n": "1:21: 'key => value' makes an object: for stands in { }, not in [ ]",
    "a = {for x in y : x}\n": "1:20: for in { } needs 'key => value'; found '}'",
    "a = /* x\n": "1:5: the comment /* is not closed by */",
    'a "${b}" {\n}\n': "1:3: the label of a block is fixed text: no ${...}",
    "1a = 1\n": "1:1: expected the name of an argument or a block, found '1a'",
    "a = " + "[" * 100 + "]" * 100: "1:65: nested too deep: more than 60 levels",
}  # fmt: skip


@pytest.mark.parametrize("text", VALID)
def test_takes(text):
    hcl.parse(text)


@pytest.mark.parametrize("text, message", WRONG.items(), ids=map(repr, WRONG))
def test_refuses_and_says_where(text, message):
    with pytest.raises(hcl.HclError) as error:
        hcl.parse(text)
    assert f"{error.value.line}:{error.value.column}: {error.value}" == message


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("terraform"), reason="terraform is the judge here")
def test_verdicts_are_terraforms():
    for text in [*VALID, *WRONG]:
        run = subprocess.run(["terraform", "fmt", "-"], input=text.encode(), capture_output=True)
        assert (run.returncode == 0) == (text in VALID or len(text) > 100), text


def test_values_places_and_references():
    text = """resource "aws_vpc" "main" {
  a = [1, -2.5, "x", true, null, { b = "c", (d) = "${e}" }]
  f = merge(var.tags, { for k, v in local.m : k => upper(v) })
  g = "a-${aws_vpc.x[0].id}"
  h = <<-EOT
    two
      lines
  EOT
  i = aws_vpc.x["k"].y.*.id
  tags { j = "\\"\\u00e9" }
  k = "$${l}"
}
"""
    [block] = hcl.parse(text).blocks
    values = {name: one.value for name, one in block.body.attributes.items()}
    assert (block.type, block.labels, block.line, block.column) == ("resource", ("aws_vpc", "main"), 1, 1)
    assert values == {
        "a": [1, -2.5, "x", True, None, {"b": "c", "${(d)}": "${e}"}],
        "f": "${merge(var.tags, { for k, v in local.m : k => upper(v) })}",
        "g": "a-${aws_vpc.x[0].id}",
        "h": "two\n  lines\n",
        "i": '${aws_vpc.x["k"].y.*.id}',
        "k": "$${l}",
    }
    attributes = block.body.attributes
    assert attributes["f"].uses == [(("var", "tags"), 3, 13), (("local", "m"), 3, 37)]
    assert attributes["f"].calls == [("upper", 1, False, 8, 3, 52), ("merge", 2, False, 56, 3, 7)]
    assert attributes["g"].uses == [(("aws_vpc", "x", "[]", "id"), 4, 12)]
    assert attributes["i"].uses == [(("aws_vpc", "x", "[]", "y", "*", "id"), 9, 7)]
    assert (attributes["a"].line, attributes["a"].column, attributes["g"].text) == (2, 3, '"a-${aws_vpc.x[0].id}"')
    [tags] = block.body.blocks
    assert tags.body.attributes["j"].value == '"é' and (tags.line, tags.column) == (10, 3)


def test_an_argument_that_is_set_twice_is_kept_apart():
    body = hcl.parse("a = 1\na = 2\n")
    assert body.attributes["a"].value == 1 and [(one.value, one.line) for one in body.twice] == [(2, 2)]


def test_an_expression_alone():
    value, uses, calls = hcl.parse_expression("\n{ a = var.b,\n c = f(1) }\n")
    assert value == {"a": "${var.b}", "c": "${f(1)}"} and uses[0].path == ("var", "b") and calls[0].name == "f"
    with pytest.raises(hcl.HclError, match="did not expect 'b' behind the expression"):
        hcl.parse_expression("a b")


# ---- bad input ---------------------------------------------------------------------------------------------------

RESOURCE = 'resource "a" "b" {{\n  x = {}\n}}\n'
HOSTILE = ["[" * 300_000, "a {\n" * 100_000, RESOURCE.format("!" * 300_000 + "x"), RESOURCE.format("- " * 300_000),
           RESOURCE.format("a." * 300_000 + "b"), RESOURCE.format("x ? 1 : " * 100_000 + "1"), "/*" * 300_000,
           RESOURCE.format("1 + " * 200_000 + "1"), RESOURCE.format("<<A\n" * 200_000), '"' * 300_000,
           RESOURCE.format('"' + "${" * 39 + "}" * 39 + '"'), RESOURCE.format("[" + "1," * 300_000 + "]"),
           RESOURCE.format('"' + "%{if x}" * 100_000 + '"'), RESOURCE.format("[for x in " * 50_000), "a=" * 300_000,
           RESOURCE.format("a[" * 100_000), RESOURCE.format("<<A\n" + " \n$" * 200_000), "\n" * 900_000, " " * 900_000,
           RESOURCE.format("f(" * 100_000), RESOURCE.format("(x) ? (" * 50_000), 'a "' + "b " * 300_000]  # fmt: skip


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_hostile_texts_end_soon(number):
    start = time.process_time()
    try:
        hcl.parse(HOSTILE[number])
    except hcl.HclError as error:
        assert len(error.message) < 500
    assert time.process_time() - start < 2


@settings(max_examples=150, deadline=None, derandomize=True)
@given(text=st.one_of(st.text(max_size=100), st.text('ab ={}[]()"$%<~E\n.,:?*!-0', max_size=60)))
def test_any_text_is_parsed_or_refused(text):
    try:
        hcl.parse(text)
    except hcl.HclError as error:
        assert 1 <= error.line <= text.count("\n") + 1 and error.column >= 1


def test_damaged_texts_are_parsed_or_refused():
    rng, base = Random(7), "".join(text for text in VALID[3:] if text.endswith("\n"))
    for _ in range(600):
        a, b = sorted(rng.randrange(len(base)) for _ in range(2))
        for text in (base[a:b], base[:a] + base[a + 1 :], base[:a] + rng.choice('{}[]()"$%=\n,') + base[a:]):
            try:
                hcl.parse(text)
            except hcl.HclError as error:
                assert error.line >= 1
