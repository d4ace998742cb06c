"""Secrets that only these kinds of files have: the data of a Kubernetes Secret, what Ansible Vault has encrypted."""

import re
from collections.abc import Iterator

from acorn.data.secret_rules import decoded
from acorn.data.values import innocent

KIND = re.compile(rb"(?P<indent>[ ]*(?:- )?)\"?kind\"?:[ ]*[\"']?Secret[\"']?[ ]*,?[ ]*(?:\#.*)?\r?$")
DATA = re.compile(rb"(?P<indent>[ ]*)[\"']?(?:data|stringData)[\"']?:[ ]*\{?[ ]*(?:\#.*)?\r?$")
ENTRY = re.compile(
    rb"[ ]+[\"']?[\w./-]+[\"']?[ ]*:[ ]*"
    rb"(?:\"(?P<double>[^\"]*)|'(?P<single>[^']*)|(?P<plain>[^\s\"'#][^#\n]*?))(?:[\"']|\s|,|$)"
)
VAULT = re.compile(rb"\$ANSIBLE_VAULT;[\w.;-]{3,60}\s{1,40}(?P<s>(?:[0-9a-f]{10,80}\s{0,40}){1,2000})")
COMMENT = re.compile(rb"^([ ]*)#")
BASE64 = re.compile(rb"[A-Za-z0-9+/]{16,}={0,2}")
CERTIFICATE = b"-----BEGIN CERTIFICATE"


def secret_object(data: bytes, position: int, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The values under `data` and `stringData` beside `kind: Secret`; files among them are left to the rules."""
    line = data.rfind(b"\n", start, position) + 1 or start
    kind = KIND.match(plain(data[line : until(data, line, end)]))
    if not kind:
        return
    column, inside, block = len(kind["indent"]), None, None
    for at, text in object_lines(data, line, column, start, end):
        indent = len(text) - len(text.lstrip(b" -"))
        if text.strip() and inside is not None and indent <= inside:
            inside = block = None
        if inside is None:
            head = DATA.match(text)
            inside = len(head["indent"]) if head and indent == column else None
        elif block is not None and (indent > block or not text.strip()):
            if BASE64.fullmatch(text.strip()):
                yield at + indent, at + len(text.rstrip())
        elif entry := ENTRY.match(text):
            name = entry.lastgroup
            block = indent if name == "plain" and entry["plain"][:1] in (b"|", b">") else None
            if block is None and is_secret(entry[name]):
                yield at + entry.start(name), at + entry.end(name)


def object_lines(data: bytes, line: int, column: int, start: int, end: int) -> Iterator[tuple[int, bytes]]:
    """(position, text) of the lines around `line` that belong to the same object: none between has a smaller indent."""

    def outside(text: bytes) -> bool:
        bare = text.lstrip(b" ")
        indent = len(text) - len(bare)
        other = bare.startswith((b"kind:", b'"kind"')) and indent == column  # an object has one kind
        return other or bare.startswith(b"---") or bool(bare) and indent < column

    first = line
    while first > start:
        before = data.rfind(b"\n", start, first - 1) + 1 or start
        if outside(plain(data[before : first - 1])):
            break
        first = before
    while first < end:
        after = until(data, first, end)
        text = plain(data[first:after])
        if first > line and outside(text):
            return
        yield first, text
        first = after + 1


def until(data: bytes, at: int, end: int) -> int:
    """The end of the line."""
    after = data.find(b"\n", at, end)
    return end if after < 0 else after


def plain(line: bytes) -> bytes:
    """A line that is commented out, as if it were not; everything stays in its column."""
    return COMMENT.sub(rb"\1 ", line, count=1)


def is_secret(value: bytes) -> bool:
    inner = decoded(value)
    readable = inner and all(9 <= byte < 127 for byte in inner)
    return len(value) > 3 and not innocent(value) and not (readable and (innocent(inner) or CERTIFICATE in inner))


def vault(data: bytes, position: int, start: int, end: int) -> Iterator[tuple[int, int]]:
    if match := VAULT.match(data, position, end):
        yield match.span("s")


EXTRA = (
    ("data of a Secret", (b"kind: se", b'kind: "s', b'kind": "', b"kind:  s"), secret_object),
    ("Ansible Vault", (b"$ansible",), vault),
)
