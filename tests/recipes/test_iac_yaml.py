"""YAML from strangers: what it means, where things stand, what is refused, and how soon."""

import time

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from acorn.recipes.iac.yamls import MAX_DEPTH, YamlError, documents


def value(text, **options):
    [one] = documents(text, **options)
    return one.value


def test_values_are_what_the_program_reads():
    text = "{a: yes, b: no, c: on, d: y, e: 010, f: 0x1f, g: 1_000, h: 1.5, i: 1e3, j: ~, k: 2024-01-01, l: '1', m: NO}"
    common = {"e": 8, "f": 31, "g": 1000, "h": 1.5, "i": 1000.0, "j": None, "k": "2024-01-01", "l": "1"}
    assert value(text) == {**common, "a": True, "b": False, "c": True, "d": "y", "m": False}
    want = {**common, "a": True, "b": False, "c": True, "d": True, "m": False}
    assert value(text.replace("d: y", "d: y")) != want == value(text, dialect="kubernetes")
    assert value(text, dialect="1.2") == {**common, "a": "yes", "b": "no", "c": "on", "d": "y", "m": "NO"}
    assert value("{1: a, true: b, 1.5: c}", dialect="kubernetes") == {"1": "a", "true": "b", "1.5": "c"}
    assert value("{1: a, x: .inf, y: !!str 1, z: !!float 1}") == {1: "a", "x": float("inf"), "y": "1", "z": 1.0}


def test_merges_aliases_tags_and_documents():
    text = "a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  y: 3\nc:\n  <<: [{x: 5}, *a]\n"
    assert value(text) == {"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 3}, "c": {"x": 5, "y": 2}}
    assert [one.value for one in documents("--- 1\n---\n...\n---\n[]\n")] == [1, None, []]
    tags = {"!Ref": lambda v: {"Ref": v}}
    assert value("a: !Ref b", tags=tags) == {"a": {"Ref": "b"}} and value("a: !vault b") == {"a": "b"}
    with pytest.raises(YamlError, match=r"line 1, column 4: the tag !Reff is not known here. Did you mean !Ref\?"):
        documents("a: !Reff b", tags=tags)


def test_positions():
    one, two = documents("# x\na: b\n---\nc:\n  - d\n  - e: f\n    g: &g {h: 1}\ni:\n  <<: *g\n")
    assert one.position(("a",)) == (2, 1) and one.position(()) == (2, 1)
    assert two.position(("c", 1)) == (6, 5) and two.position(("c", 1, "g", "h")) == (7, 12)
    assert two.position(("i", "h")) == (7, 12) and two.position(("c", 7)) == (4, 1)
    assert two.line == 3 and documents("a: 1\nb: 2\na: 3\n")[0].repeats == [("a", 3, 1)]


@pytest.mark.parametrize(
    "text, message",
    [
        ("a:\n\tb: c\n", "line 2, column 1: a tab in the indentation: YAML is indented with spaces"),
        ("a: b: c\n", "line 1, column 5: a ': ' where no key can stand"),
        ("a:\n  - b\n c: d\n", "line 3, column 2: no key where one has to stand: the indentation does not fit"),
        ("- a\nb: c\n", "line 2, column 1: no '- ' where an item has to stand: .* begins in line 1"),
        ("a: 'x\nb: c\n", "line 1, column 4: the quotes that open in line 1 do not close"),
        ("a: [1,\n  2\nb: c\n", "line 3, column 2: the \\[ of line 1 is not closed, or a comma is missing"),
        ("a: {{ x }}\n", "line 1, column 5: .* a value that begins with {{ has to stand in quotes"),
        ("a: @b\n", "line 1, column 4: no value begins with '@' unless in quotes"),
        ("a: &a [*a]\n", "the alias \\*a stands inside what it names"),
        ("a: *b\n", "line 1, column 4: the alias \\*b names nothing that comes before it"),
        ("a: 1\n<<: 3\n", "<< merges a mapping"),
        ("a: !!python/object/apply:os.system [ls]\n", "the tag !!python/object/apply:os.system is not known here"),
        ("a: !!int b\n", "'b' is no !!int"),
        ("a: \x00\n", "line 1, column 4: not text: it holds the character U\\+0000"),
        ("a: \ud800\n", "not text: it holds the character U\\+D800"),
        ("[" * 1000, f"line 1, column 65: nested deeper than {MAX_DEPTH} levels"),
        ("a" * 5_000_000, "too long: 5,000,000 characters, at most 4,194,304 are read"),
    ],
)
def test_what_is_refused(text, message):
    with pytest.raises(YamlError, match=message):
        documents(text)


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefghijkl", "bcdefghijklm")
)
MERGE = "a: &a {x: 1}\n" + "".join(
    f"{b}: &{b}\n  <<: [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi")
)
HOSTILE = {
    "aliases": BOMB,
    "merged aliases": MERGE,
    "brackets": "[" * 1_000_000,
    "braces": "{a: " * 250_000,
    "pairs": "[[]," * 250_000,
    "dashes": "- " * 500_000,
    "questions": "? " * 500_000,
    "keys": "".join(f"k{n}: v\n" for n in range(120_000)),
    "documents": "---\na: b\n" * 120_000,
    "quotes": '"' * 1_000_000,
    "anchors": "&a " * 300_000,
    "merges": "a: &a\n" + "".join(f"  k{n}: v\n" for n in range(2_000)) + "b: {<<: *a}\n" * 60_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_are_refused_soon(name):
    start = time.process_time()
    with pytest.raises(YamlError):
        documents(HOSTILE[name])
    assert time.process_time() - start < 2


def test_a_megabyte_is_read_soon():
    start = time.process_time()
    assert len(value("".join(f"key-{n}: [a, true]\n" for n in range(39_000)))) == 39_000
    assert len(value("a: |\n" + "  text\n" * 150_000)["a"]) == 750_000
    assert time.process_time() - start < 2


LETTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\x85\u2028\u2029")  # line breaks to PyYAML alone
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.text(LETTERS, max_size=12), st.floats(allow_nan=False))
PLAIN = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(LETTERS, max_size=8), inner, max_size=4)
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(given=PLAIN, flow=st.booleans())
def test_reads_what_pyyaml_writes(given, flow):
    text = yaml.safe_dump(given, default_flow_style=flow, allow_unicode=True)
    try:
        assert value(text) == given
    except YamlError as error:
        assert "not text" in error.message


@settings(max_examples=300, deadline=None, derandomize=True)
@given(text=st.text(alphabet="ab1:-[]{},&*!|>'\"# \n\t%@?<", max_size=40))
def test_agrees_with_pyyaml_on_any_text(text):
    try:
        theirs = list(yaml.load_all(text, Loader=yaml.CSafeLoader))
    except (yaml.YAMLError, ValueError):
        theirs = None
    try:
        ours = [one.value for one in documents(text)]
    except YamlError:
        ours = None
    local = "!" in text or "<<" in text
    assert ours == theirs or (local and theirs is None) or ours is None and ("&" in text or local)
