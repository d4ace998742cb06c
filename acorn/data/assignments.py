"""
Secrets that are known by the name they are assigned to: password = "...", api_key: ..., --token ...,
<secret>...</secret>, name: DB_PASSWORD / value: ..., variable "db_password" { default = "..." }.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from acorn.data.values import UUID, innocent, looks_random, refers

# Where a name may tell of a secret; `find` looks at the whole name.
ANCHORS = (
    b"pass", b"pwd*", b"pwd\"", b"pwd'", b"pwd ", b"pwd=", b"pwd:", b"secret", b"token", b"credenti",
    b"api_key", b"api-key", b"apikey", b"_key", b"-key", b"skey", b"tkey", b"ekey", b"nkey", b"rkey", b"gkey", b"_auth",
    b"auth\"", b"auth'", b"auth:", b"auth=", b"connecti", b"connstr",
    b"dockerco", b"masterau", b"rootpw", b"salt", b"_pat*", b"_pat=", b"_pat:", b"_pat\"",
)  # fmt: skip

STRONG = re.compile(
    rb"(?:passw(?:or)?d|passwd|passphrase|passcode|pwd|(?:^|[_.-])pass|rootpw|requirepass|masterauth)\d{0,2}$"
)
CAMEL_PASS = re.compile(rb"[a-z]Pass$")
WEAK = re.compile(
    rb"(?:secret|token|credentials?|api[_.-]?key|(?:access|secret|private|encrypt(?:ion)?|sign(?:ing)?|auth(?:entication)?"
    rb"|account|storage|shared|licen[sc]e|master|admin|app|application|client|consumer|session|service|deploy|webhook"
    rb"|ingest(?:ion)?|root|crypto?|cipher|hmac|jwt|cookie|integration|subscription|unseal|recovery|write|function|data(?:dog)?|site|user|bot)"
    rb"[_.-]?key|(?:^|[_.-])auth|auth[_.-]?token|connection[_.-]?string|conn[_.-]?str|dockerconfigjson"
    rb"|dockercfg|secret[_.-]?id|key[_.-]?base|(?:^|[_.-])salt|(?:^|[_.-])pat"
    rb"|(?:secret|token|key)[_.-]?(?:value|string|text|data|plain))\d{0,2}$"
)
TRUSTED_UUID = re.compile(
    rb"(?:secret|api[_.-]?key|secret[_.-]?id|license[_.-]?key|heroku.*key|integration[_.-]?key|auth[_.-]?token)$"
)

OPEN = (  # from its opening quote to its closing one, or to a space
    rb"(?P<value>\\?\"(?:[^\"\\\n]|\\[^\"\n])*|'[^'\n]*|`[^`\n]*|[^\s\"'`,;)\]}|>\\][^\s\"'`,;\\<]*)"
)
ASSIGN = re.compile(
    rb"\\?[\"'`]?\]?[ \t]{0,40}(?P<op>:=|=>|\?=|\+=|==?|:|>)[ \t]{0,40}(?:!!?[\w/]{1,20}[ \t]{1,4})?"
    rb"(?:[|>][-+]?[ \t]*\r?\n[ \t]+|<<[-~]?[\"']?\w{1,20}[\"']?[ \t]*\r?\n[ \t]*)?" + OPEN
)
SPACED = re.compile(rb"[ \t]{1,8}(?P<op>)" + OPEN)
QUOTED = re.compile(rb"[ \t]{1,8}(?P<op>)(?P<value>'[^'\n]*)(?=')")
VALUE = (
    rb"\\?[\"']?(?:value|parametervalue|default|defaultvalue|string_?value)\\?[\"']?[ \t]{0,20}(?:=>|[:=])[ \t]{0,20}"
)
PAIR = re.compile(  # ... "DB_PASSWORD", value = "..."
    rb"(?i)\\?[\"']?[ \t]{0,40}(?:,[ \t]{0,40})?(?:\r?\n[ \t]{0,80})?" + VALUE + OPEN
)
BRACES = re.compile(rb"(?i)\\?[\"']?[ \t]{0,4}[:=]?[ \t]{0,20}\{[^{}]{0,400}?(?<![\w-])" + VALUE + OPEN)
LINES_BELOW = re.compile(rb"[ \t]{0,40}:[ \t]{0,40}\r?\n(?:[ \t][^\n]{0,200}\n){1,8}")
DEFAULT = re.compile(rb"(?i)(?<=[\n ])[\"']?default[\"']?[ \t]{0,20}:[ \t]{1,20}" + OPEN)
BEFORE_SPACED = re.compile(rb"(?:--|\bENV[ \t]+|\bset[ \t]+|(?:login|user)[ \t]+\S{1,80}\s+)$", re.IGNORECASE)
SETTING = re.compile(rb"requirepass|masterauth|rootpw", re.IGNORECASE)
TOKEN = re.compile(rb"[A-Za-z0-9_.-]*")
IN_NAMES = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"
LONGEST_NAME = 80


def find(data: bytes, position: int, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The spans of the values that the name around `position` is given. start, end: of the document."""
    head = data[max(start, position - LONGEST_NAME) : position]
    begin = position - len(head) + len(head.rstrip(IN_NAMES))
    stop = TOKEN.match(data, position, min(end, position + LONGEST_NAME)).end()
    name = data[begin:stop].strip(b"-.")
    strength = strength_of(name)
    if not strength:
        return
    limit = min(end, stop + 2000)
    value = ASSIGN.match(data, stop, limit)
    if value is None and spaced(data, name, start, begin, stop):
        value = SPACED.match(data, stop, limit)
    if value is None and strength == 2:
        value = QUOTED.match(data, stop, limit)
    for match in (value, PAIR.match(data, stop, limit), BRACES.match(data, stop, limit), default(data, stop, limit)):
        if match and (span := judged(data, match, name, strength)):
            yield span
            return


def default(data: bytes, stop: int, limit: int) -> re.Match | None:
    """name:\n    Type: String\n    Default: ..."""
    below = LINES_BELOW.match(data, stop, limit)
    return DEFAULT.search(data, *below.span()) if below else None


def spaced(data: bytes, name: bytes, start: int, begin: int, stop: int) -> bool:
    """Is a name followed by its value without a sign between them?"""
    dashes = len(data[begin:stop]) - len(data[begin:stop].lstrip(b"-"))
    return SETTING.fullmatch(name) or BEFORE_SPACED.search(data, max(start, begin - 100), begin + dashes)


@lru_cache(1 << 16)
def strength_of(name: bytes) -> int:
    """2: whatever is assigned is a secret. 1: if it looks like one. 0: no secret's name."""
    lower = name.lower()
    if STRONG.search(lower) or CAMEL_PASS.search(name):
        return 2
    return 1 if WEAK.search(lower) and b"public" not in lower else 0


def judged(data: bytes, match: re.Match, name: bytes, strength: int) -> tuple[int, int] | None:
    begin, stop = match.span("value")
    quoted = data[begin : begin + 1] in (b'"', b"'", b"`", b"\\")
    if quoted:
        begin += 2 if data[begin : begin + 1] == b"\\" else 1
    value = data[begin:stop]
    if not quoted:
        value = value.rstrip(b".,:")
    if value.endswith(b"\\"):  # of an escaped quote
        value = value[:-1]
    if len(value) < 6 - 2 * (strength == 2 and quoted) or innocent(value) or refers(value, quoted):
        return None
    if strength == 1:
        trusted = UUID.match(value) and TRUSTED_UUID.search(name.lower())
        if UUID.match(value) and not trusted or not (trusted or looks_random(value)):
            return None
    elif prose(value) or value.replace(b".", b"").replace(b"_", b"").isdigit() and len(value) < 6:
        return None
    return begin, begin + len(value)


def prose(value: bytes) -> bool:
    """'The password of the user'"""
    words = value.split()
    return len(words) > 2 and sum(word.strip(b".,:;!?()'").isalpha() for word in words) * 3 > 2 * len(words)
