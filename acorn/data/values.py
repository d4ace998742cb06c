"""Does a value look like a real secret, like an example of one, or like something that only refers to one?"""

import math
import re
from collections import Counter

EXAMPLE = re.compile(
    rb"example|change[_-]?(?:me|it|this)|replace[_-]?|redacted|placeholder|(?<![a-z0-9])your[_-]|xxxx|\*\*\*|\.\.\."
    rb"|(?<![a-z0-9])(?:fake|dummy|todo|fixme|insert|sample|not[_-]?real)(?![a-z0-9])"
    rb"|foobar|deadbeef|password|passw0rd$|123456|abcdef|qwerty|letmein",
    re.IGNORECASE,
)
PLAIN = frozenset(
    b"admin root test testing secret postgres mysql mariadb redis guest user none null true false nil string default "
    b"required optional sensitive minioadmin rabbitmq elastic grafana vagrant ansi empty unset hunter2 wordpress "
    b"undefined generated random basic bearer value values value1 value2 digest token private public "
    b"enabled disabled yes no".split()
)
REFERENCE = re.compile(
    rb"""[$<{(\[] | [&*@][\w./-]+$ | %\w+%$ | %\(    # ${x}, $(x), {{ x }}, <x>, &anchor, *alias, @file, %x%
    | !(?:[A-Z][A-Za-z:]+|vault|reference|unsafe|env|secret|include)(?:\s|$)   # !Tag
    | .*[({\[].*[)}\]]             # call(x), list[x], a{{ x }}b
    | .*(?:\$\{|\$\(|\{\{|\}\}|\#\{|<%)
    | .*::?secretsmanager: | arn: | projects/ | https?:// | (?:file|vault|ssm|env|secret|op|gcp|ref)(?:://|:|\#)""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
NAME = re.compile(rb"[A-Za-z_][A-Za-z_-]*$")
PATH = re.compile(
    rb"(?i)(?:/|\./|~/|[A-Z]:\\)[\w./~-]+$|.*\.(?:txt|pem|key|crt|json|ya?ml|env|sh|py|conf|cfg|j2|tf|gpg|asc|pub)$",
    re.DOTALL,
)
CALL = re.compile(rb"--|[A-Za-z_][\w.]*[(\[]")
DOTTED = re.compile(
    rb"[a-z_]+\d{0,2}(?:\.(?:[a-z_][a-z_0-9-]*|\d{1,3}|[A-Za-z_]+\d{0,2}))+$"
)  # var.db_password, self.token, os.environ
RUN = re.compile(rb"[A-Za-z0-9+/_-]+")
LONG = 400
CAPITALS = re.compile(rb"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$")  # MY_DB_PASSWORD
FILLED = frozenset(b"exampl0")
UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$", re.IGNORECASE)


def innocent(value: bytes) -> bool:
    """An example of a secret, not a secret: 'changeme', AKIAIOSFODNN7EXAMPLE, 'xxxxxxxx', what `placeholder` wrote."""
    lower = value.lower()
    if EXAMPLE.search(lower) or lower.strip(b"_-. ") in PLAIN or value.startswith((b"$", b"{", b"<", b"%(")):
        return True
    if b"${" in value or b"{{" in value or b"$(" in value:
        return True
    if CAPITALS.match(value) and not looks_random(value, 12):
        return True
    letters = {byte for byte in lower if 97 <= byte <= 122 or 48 <= byte <= 57}
    return len(letters) < 4 or letters <= FILLED


def refers(value: bytes, quoted: bool) -> bool:
    """Something that stands for a secret kept elsewhere: a variable, a call, a path, an address of a store."""
    if REFERENCE.match(value) or (PATH.match(value) and not looks_random(value, 24)):
        return True
    if quoted:
        return False
    return bool(CALL.match(value)) or bool(NAME.match(value) or DOTTED.match(value)) and not looks_random(value)


def looks_random(value: bytes, least: int = 16) -> bool:
    """A run of at least `least` characters that no name or sentence has: 'x7Fq…', 'a3f09…', base64."""
    return any(random_run(run, least) for run in RUN.findall(value) if len(run) >= least)


def random_run(run: bytes, least: int) -> bool:
    digits = sum(48 <= byte <= 57 for byte in run)
    upper = sum(65 <= byte <= 90 for byte in run)
    lower = sum(97 <= byte <= 122 for byte in run)
    parts = re.split(rb"[_-]", run)
    if len(run) >= 24 and digits > 1 and upper > len(run) // 5 and lower > len(run) // 5:
        return True
    if len(parts) > 2 and max(map(len, parts)) < least:  # words-joined-like-this
        mixed = sum(mix_of(part) for part in parts if len(part) > 3)
        return mixed * 2 > len(parts) or bool(UUID.match(run))
    if entropy(run) < 2.8 or not upper + lower:
        return False
    if digits:
        return digits >= 2 or mixed_case(run, upper, lower) or len(run) >= 24
    return mixed_case(run, upper, lower)


def mix_of(part: bytes) -> bool:
    digits = [48 <= byte <= 57 for byte in part]
    return sum(a != b for a, b in zip(digits, digits[1:])) > 1


def mixed_case(run: bytes, upper: int, lower: int) -> bool:
    """Capitals all over, unlike camelCase."""
    changes = sum((a & 32) != (b & 32) for a, b in zip(run, run[1:]))
    return upper and lower and 0.25 < upper / (upper + lower) < 0.75 and changes >= len(run) / 4


def entropy(value: bytes) -> float:
    """Bits a byte."""
    return -sum(n / len(value) * math.log2(n / len(value)) for n in Counter(value).values())


def placeholder(value: bytes) -> bytes:
    """
    A text of the same form that says what it is: letters become EXAMPLE (or example), digits and hex 0.
    b"aB3x-9fQ2/k=" -> b"EXAM-PLEE/X="; what is as long as a key file becomes one word
    """
    if len(value) > LONG:
        return b"EXAMPLE"
    out, i, letters = bytearray(), 0, b"EXAMPLE"
    if not re.search(rb"[A-Z]", value):
        letters = b"0" if not re.search(rb"[g-z]", value) else b"example"
    elif re.search(rb"[A-Z]", value) and not re.search(rb"[a-z]", value) and re.fullmatch(rb"[0-9A-F-]+", value):
        letters = b"0"
    for byte in value:
        if 48 <= byte <= 57 or 65 <= byte <= 90 or 97 <= byte <= 122 or byte >= 128:
            out.append(letters[i % len(letters)])
            i += 1
        else:
            out.append(byte)
    return bytes(out)
