"""
Reads YAML that nobody vouches for. libyaml's events are taken one at a time and built into plain values without
recursion, so that size, depth, and what aliases stand for are known before anything is made of them. Every value has
its position. What a plain word means differs between programs, hence the dialects.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

from acorn.errors import did_you_mean, missing_extra

MAX_CHARS = 4 * 2**20  # where libyaml is missing: SLOW_CHARS
SLOW_CHARS = 2**17
MAX_DEPTH = 64
MAX_VALUES = 200_000  # of all documents together, with every alias counted as what it stands for
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")

TRUE, FALSE = ("true", "True", "TRUE"), ("false", "False", "FALSE")
YES, NO = ("yes", "Yes", "YES", "on", "On", "ON"), ("no", "No", "NO", "off", "Off", "OFF")
# What a plain word is read as: PyYAML (Ansible, CloudFormation), Go's YAML 1.1 (Kubernetes), YAML 1.2 (Compose).
WORDS = {
    "1.1": {**dict.fromkeys(TRUE + YES, True), **dict.fromkeys(FALSE + NO, False)},
    "kubernetes": {**dict.fromkeys((*TRUE, *YES, "y", "Y"), True), **dict.fromkeys((*FALSE, *NO, "n", "N"), False)},
    "1.2": {**dict.fromkeys(TRUE, True), **dict.fromkeys(FALSE, False)},
}
NULLS = ("", "~", "null", "Null", "NULL")
INT = re.compile(r"[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|0|[1-9][0-9_]*)\Z")
FLOAT = re.compile(r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?\Z|[-+]?[0-9]+[eE][-+]?[0-9]+\Z")
SPECIAL = re.compile(r"([-+]?)\.(inf|Inf|INF)\Z|\.(nan|NaN|NAN)\Z")
STANDARD = "tag:yaml.org,2002:"


class YamlError(Exception):
    """What is wrong and where, counted from 1."""

    def __init__(self, message: str, line: int = 0, column: int = 0):
        super().__init__(message)
        self.message, self.line, self.column = message, line, column

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.message}" if self.line else self.message


@dataclass
class Doc:
    value: object  # dict, list, str, int, float, bool or None
    line: int  # where the document begins
    marks: dict[int, dict]  # id of a dict or list -> {key or index: (line, column)}
    repeats: list[tuple[object, int, int]] = field(default_factory=list)  # a key given twice: key, line, column

    def position(self, path: tuple) -> tuple[int, int]:
        """Of the key or item at a path, or of the nearest thing above it; () is the first key or item."""
        value, place = self.value, min(self.marks.get(id(self.value), {}).values(), default=(self.line, 1))
        for part in path:
            marks = self.marks.get(id(value), {})
            if part not in marks:
                return place
            place, value = marks[part], value[part]
        return place


@dataclass(slots=True)
class _Open:
    """A dict or list whose end has not come."""

    value: dict | list
    tag: str | None
    anchor: str | None
    place: tuple[int, int]
    size: int = 1  # values in it, aliases written out
    height: int = 1  # levels in it
    key: object = None
    key_place: tuple[int, int] | None = None  # not None: a key was read, its value comes next
    merges: list = field(default_factory=list)


def documents(text: str, dialect: str = "1.1", tags: dict[str, Callable] | None = None) -> list[Doc]:
    """
    Every document of a text; raises YamlError. `tags` {"!Ref": value -> value} are the only local tags that are known
    then; without it local tags are skipped. Kubernetes' keys become text, as it does itself.
    """
    _bounds(text)
    found, builder, total = [], None, 0
    try:
        for event in _events(text):
            name = type(event).__name__
            if name == "DocumentStartEvent":
                builder = _Builder(dialect, tags, total, event.start_mark.line + 1)
            elif name == "DocumentEndEvent":
                found.append(builder.doc)
                total = builder.total
            elif builder is not None and name != "StreamEndEvent":
                builder.take(name, event)
    except UnicodeError as error:
        raise YamlError(f"not text: {error.reason}") from error
    except _yaml().YAMLError as error:
        raise _told(error, text) from error
    return found


def _bounds(text: str) -> None:
    limit = MAX_CHARS if hasattr(_yaml(), "CSafeLoader") else SLOW_CHARS
    if len(text) > limit:
        raise YamlError(f"too long: {len(text):,} characters, at most {limit:,} are read")
    if bad := CONTROL.search(text):
        line, column = text.count("\n", 0, bad.start()) + 1, bad.start() - text.rfind("\n", 0, bad.start())
        raise YamlError(f"not text: it holds the character U+{ord(bad[0]):04X}", line, column)


@cache
def _yaml():
    try:
        import yaml
    except ImportError as error:
        raise missing_extra("PyYAML", "iac") from error
    return yaml


def _events(text: str):
    yaml = _yaml()
    return yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


class _Builder:
    """One document, from its events."""

    def __init__(self, dialect: str, tags: dict | None, total: int, line: int):
        self.words, self.text_keys, self.tags, self.total = WORDS[dialect], dialect == "kubernetes", tags, total
        self.doc = Doc(None, line, {})
        self.open: list[_Open] = []
        self.anchors: dict[str, tuple[object, int, int]] = {}  # name -> value, size, height

    def take(self, name: str, event) -> None:
        place = event.start_mark.line + 1, event.start_mark.column + 1
        if name == "ScalarEvent":
            value = self._tagged(event.tag, self._scalar(event, place), place)
            self._add(value, 1, 0, place, merge=event.value == "<<" and event.implicit[0])
            if event.anchor:
                self.anchors[event.anchor] = (value, 1, 0)
        elif name == "AliasEvent":
            if event.anchor not in self.anchors:
                known = any(one.anchor == event.anchor for one in self.open)
                what = "stands inside what it names" if known else "names nothing that comes before it"
                raise YamlError(f"the alias *{event.anchor[:60]} {what}", *place)
            self._add(*self.anchors[event.anchor], place)
        elif name in ("MappingStartEvent", "SequenceStartEvent"):
            if len(self.open) >= MAX_DEPTH:
                raise YamlError(f"nested deeper than {MAX_DEPTH} levels", *place)
            value = {} if name[0] == "M" else []
            self.doc.marks[id(value)] = {}
            self.open.append(_Open(value, event.tag, event.anchor, place))
        else:
            self._close()

    def _close(self) -> None:
        one = self.open.pop()
        for merged in one.merges:
            for key, value in merged.items():
                if key not in one.value:
                    one.value[key] = value
                    self.doc.marks[id(one.value)][key] = self.doc.marks[id(merged)][key]
                    self._count(1, one.place)
        value = self._tagged(one.tag, one.value, one.place)
        if one.anchor:
            self.anchors[one.anchor] = (value, one.size, one.height)
        self.total -= one.size - 1  # they were counted when they came; _add counts them again with this
        self._add(value, one.size, one.height, one.place)

    def _count(self, size: int, place) -> None:
        self.total += size
        if self.total > MAX_VALUES:
            raise YamlError(f"more than {MAX_VALUES:,} values, aliases written out", *place)

    def _add(self, value, size: int, height: int, place, merge: bool = False) -> None:
        """A finished value: the document itself, an item, a key, or the value of a key."""
        self._count(size, place)
        if not self.open:
            self.doc.value = value
            return
        inside = self.open[-1]
        inside.size, inside.height = inside.size + size, max(inside.height, height + 1)
        if len(self.open) + height > MAX_DEPTH:
            raise YamlError(f"nested deeper than {MAX_DEPTH} levels, aliases written out", *place)
        marks = self.doc.marks[id(inside.value)]
        if isinstance(inside.value, list):
            marks[len(inside.value)] = place
            inside.value.append(value)
        elif inside.key_place is None:
            inside.key, inside.key_place = _MERGE if merge else self._key(value, place), place
        else:
            key, key_place, inside.key_place = inside.key, inside.key_place, None
            if key is _MERGE:
                inside.merges += self._mappings(value, place)
                return
            if key in inside.value:
                self.doc.repeats.append((key, *key_place))
            inside.value[key], marks[key] = value, key_place

    def _mappings(self, value, place) -> list[dict]:
        found = value if isinstance(value, list) else [value]
        if not all(isinstance(one, dict) for one in found):
            raise YamlError("<< merges a mapping or a list of mappings into this one, nothing else", *place)
        return found

    def _key(self, value, place):
        if isinstance(value, dict | list):
            hint = "; a value that begins with {{ has to stand in quotes" if isinstance(value, dict) else ""
            raise YamlError(f"a mapping or a list can't be a key{hint}", *place)
        if self.text_keys and not isinstance(value, str):
            return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
        return value

    def _scalar(self, event, place):
        text, tag = event.value, event.tag
        if tag and tag.startswith(STANDARD):
            return self._standard(tag.removeprefix(STANDARD), text, place)
        return text if tag or not event.implicit[0] else plain(text, self.words)

    def _standard(self, tag: str, text: str, place):
        if tag in ("str", "binary", "timestamp"):
            return text
        value = plain(text, self.words)
        if tag == "float" and type(value) is int:
            return float(value)
        wanted = {"int": int, "float": float, "bool": bool, "null": type(None)}.get(tag)
        if wanted is None:
            raise YamlError(f"the tag !!{tag[:60]} is not known here", *place)
        if type(value) is not wanted:
            raise YamlError(f"{text[:60]!r} is no !!{tag[:60]}", *place)
        return value

    def _tagged(self, tag: str | None, value, place):
        if not tag or tag == "!":
            return value
        if tag.startswith(STANDARD):
            known = {dict: ("map", "set", "omap"), list: ("seq", "omap", "pairs")}.get(type(value))
            if known and tag.removeprefix(STANDARD) not in known:
                raise YamlError(f"the tag !!{tag.removeprefix(STANDARD)[:60]} is not known here", *place)
            return value
        if self.tags is None:
            return value
        if tag not in self.tags:
            raise YamlError(f"the tag {tag[:60]} is not known here.{did_you_mean(tag, self.tags)}", *place)
        made = self.tags[tag](value)
        if isinstance(made, dict | list):
            inner = {key: place for key in (made if isinstance(made, dict) else range(len(made)))}
            self.doc.marks[id(made)] = inner
        return made


_MERGE = object()


def plain(text: str, words: dict[str, bool] = WORDS["1.1"]):
    """What a word without quotes means. Dates stay text, as every kind here wants them."""
    if text in NULLS:
        return None
    if text in words:
        return words[text]
    if text[0] not in "0123456789+-." or len(text) > 300:
        return text
    if INT.match(text):
        digits = text.replace("_", "")
        try:
            octal = digits.lstrip("+-").startswith("0") and digits.lstrip("+-")[1:].isdigit()
            return int(digits, 8) if octal else int(digits, 0)
        except ValueError:  # no digits but underscores
            return text
    if FLOAT.match(text):
        return float(text.replace("_", ""))
    if special := SPECIAL.match(text):
        return float("nan") if special[3] else float(special[1] + "inf")
    return text


# What libyaml says -> what we say. {context} is the line where the thing began.
SENTENCES = {
    "mapping values are not allowed": "a ': ' where no key can stand: the indentation is off, or a value with ': ' in "
    "it needs quotes",
    "could not find expected ':'": "a key without ': ' after it, or a text that is not indented deeper than its key",
    "did not find expected key": "no key where one has to stand: the indentation does not fit the mapping that begins "
    "in line {context}, or quotes or brackets above do not close",
    "did not find expected '-' indicator": "no '- ' where an item has to stand: the indentation does not fit the list "
    "that begins in line {context}",
    "block sequence entries are not allowed": "a '- ' where no list can begin",
    "did not find expected ',' or '}'": "the {{ of line {context} is not closed, or a comma is missing",
    "did not find expected ',' or ']'": "the [ of line {context} is not closed, or a comma is missing",
    "did not find expected node content": "no value where one has to stand",
    "found unexpected end of stream": "the quotes that open in line {context} do not close",
    "found unexpected document indicator": "the quotes that open in line {context} do not close",
    "found undefined tag handle": "this tag's prefix is not declared",
    "did not find expected <document start>": "nothing more can follow here: the document has ended, or its first "
    "lines are indented differently",
    "found unknown escape character": "an escape that double quotes do not know; single quotes take \\ as it is",
    "did not find expected alphabetic or numeric": "& and * begin an anchor or alias; a value that begins so needs "
    "quotes",
    "did not find expected comment or line break": "after | or > only a comment can stand on the line",
    "did not find expected digit": "this escape needs hexadecimal digits",
}


def _told(error, text: str) -> YamlError:
    """libyaml's words as a sentence that says what to look for."""
    problem = str(getattr(error, "problem", None) or error).splitlines()[0]
    mark, context = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
    if mark is None:
        return YamlError(problem[:200])
    lines = text.split("\n")
    line, column = min(mark.line + 1, len(lines)), mark.column + 1
    here = lines[line - 1]
    if (tab := re.match(r" *\t", here)) and (column <= len(tab[0]) or "token" in problem or "indent" in problem):
        return YamlError("a tab in the indentation: YAML is indented with spaces", line, len(tab[0]))
    if "tab character" in problem:
        return YamlError("a tab in the indentation: YAML is indented with spaces", line, column)
    if "cannot start any token" in problem:
        return YamlError(f"no value begins with {here[column - 1 : column]!r} unless in quotes", line, column)
    for start, sentence in SENTENCES.items():
        if start in problem:
            said = sentence.format(context=context.line + 1 if context else line)
            if "quotes that open" in sentence and context:
                line, column = context.line + 1, context.column + 1
            return YamlError(said, line, column)
    return YamlError(problem[:200], line, column)
