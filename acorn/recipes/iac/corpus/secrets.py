"""Secrets that only these kinds of files have: the data of a Kubernetes Secret, what Ansible Vault has encrypted."""

import re
from collections.abc import Iterator

from acorn.data.secret_rules import decoded
from acorn.data.values import innocent

KIND = re.compile(rb"(?m)^(?P<indent>[ ]*(?:- )?)\"?kind\"?:[ ]*[\"']?Secret[\"']?[ ]*,?[ ]*(?:\#.*)?\r?$")
DATA = re.compile(rb"(?P<indent>[ ]*)[\"']?(?:data|stringData)[\"']?:[ ]*\{?[ ]*(?:\#.*)?\r?$")
ENTRY = re.compile(
    rb"[ ]+[\"']?[\w./-]+[\"']?[ ]*:[ ]*"
    rb"(?:\"(?P<double>[^\"]*)|'(?P<single>[^']*)|(?P<plain>[^\s\"'#][^#\n]*?))(?:[\"']|\s|,|$)"
)
VAULT = re.compile(rb"\$ANSIBLE_VAULT;[\w.;-]{3,60}\s{1,40}(?P<s>(?:[0-9a-f]{10,80}\s{0,40}){1,2000})")
CERTIFICATE = b"-----BEGIN CERTIFICATE"


def secret_object(data: bytes, position: int, start: int, end: int) -> Iterator[tuple[int, int]]:
    """What stands under `data` and `stringData` beside the line `kind: Secret`."""
    begin = max(data.rfind(b"\n---", start, position) + 1, start)
    stop = data.find(b"\n---", position, end)
    stop = end if stop < 0 else stop
    line = data.rfind(b"\n", start, position) + 1 or start
    kind = KIND.match(data, line, stop)
    if not kind:
        return
    column, at, inside, block = len(kind["indent"]), begin, None, None
    while at < stop:
        after = data.find(b"\n", at, stop)
        after = stop if after < 0 else after
        text = data[at:after]
        indent = len(text) - len(text.lstrip(b" -"))
        if text.strip() and inside is not None and indent <= inside:
            inside = block = None
        if inside is None:
            head = DATA.match(text)
            inside = len(head["indent"]) if head and indent == column else None
        elif block is not None and (indent > block or not text.strip()):
            stripped = text.strip()
            if stripped and not innocent(stripped):
                yield at + text.index(stripped), at + text.index(stripped) + len(stripped)
        elif entry := ENTRY.match(text):
            name = entry.lastgroup
            block = indent if name == "plain" and entry["plain"][:1] in (b"|", b">") else None
            if block is None and is_secret(entry[name]):
                yield at + entry.start(name), at + entry.end(name)
        at = after + 1


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
