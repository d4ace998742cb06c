"""Personal data: e-mail addresses, telephone numbers, cards, bank accounts, US social security numbers."""

import re
from collections.abc import Iterator

import numpy as np

from acorn.data.block import DIGITS, Block, byte_table

EMAIL = re.compile(
    rb"[A-Za-z0-9](?:[A-Za-z0-9._%+-]{0,62}[A-Za-z0-9_+-])?@"
    rb"(?P<host>(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,5}[A-Za-z]{2,18})(?![\w@:/.-]*@)"
)
LOCAL = re.compile(rb"[A-Za-z0-9._%+-]{1,64}$")
NOBODY = re.compile(  # hosts that are no person's, and names that are no person's
    rb"(?i)(?:^|\.)(?:example|test|invalid|local|localhost|internal|localdomain|cluster|svc|lan|corp|home)$"
    rb"|(?:^|\.)example\.\w+$"
    rb"|gserviceaccount\.com$|noreply\.github\.com$|(?:your|my|some)[\w-]*\.(?:com|org|net|io)$"
    rb"|(?:^|\.)(?:domain|company|acme|foo|bar|email|mail)\.\w{2,3}$"
    rb"|\.(?:png|jpe?g|svg|gif|service|socket|timer|target|mount|sh|py|js|ts|md|json|ya?ml|tf|git|sha|v\d)$"
)  # fmt: skip
ROLE = re.compile(
    rb"(?i)(?:git|no-?reply|do-?not-?reply|root|admin|administrator|postmaster|hostmaster|webmaster|abuse"
    rb"|security|support|info|hello|contact|sales|team"
    rb"|help|helpdesk|alerts?|notifications?|ops|devops|sre|user(?:name)?|you|me|name|email"
    rb"|someone|nobody|test|foo|bar|bot|ci|build|oncall|billing)\d*$"
)  # fmt: skip
PHONE = re.compile(
    rb"\+[1-9]\d{0,2}[ .-]?(?:\(0?\d{1,4}\)[ .-]?)?\d{2,8}(?:[ .-]\d{2,8}){1,4}(?![\w.-]*\d)"
    rb"|\+[1-9]\d{9,14}(?!\w)|\(\d{3}\) ?\d{3}-\d{4}(?!\d)"
)
CARD = re.compile(rb"(?<![\w-])[3-6]\d{3}([ -])\d{4}\1\d{4}\1\d{4}(?![\w-])")
IBAN = re.compile(rb"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Za-z0-9])")
SSN = re.compile(rb"(?i)(?:ssn|social.security)[^\n\d]{0,40}(?P<s>(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4})(?!\d)")
TEST_CARDS = {b"4111111111111111", b"4242424242424242", b"5555555555554444", b"4012888888881881", b"4000056655665556"}


def find(block: Block) -> Iterator[tuple[int, int, str, bytes]]:
    """(start, end, what, what to put there) in the block's bytes."""
    data, raw = block.data, block.bytes
    for at in np.flatnonzero(raw == ord("@")).tolist():
        local = LOCAL.search(data, max(0, at - 64), at)
        if not local or data[local.start() - 1 : local.start()] in (b"/", b"$", b"}", b"%"):  # https://USER@host
            continue
        match = EMAIL.match(data, local.start())
        if match and match.end() > at and is_a_person(data[match.start() : at], match["host"]):
            yield match.start(), match.end(), "e-mail address", b"name@example.com"
    digit = np.frombuffer(data.translate(byte_table(DIGITS)), bool)
    for at in np.flatnonzero((raw[:-1] == ord("+")) & digit[1:] & ~digit_before(digit)[:-1]).tolist():
        match = PHONE.match(data, at)
        if match and 9 <= sum(48 <= c <= 57 for c in match[0]) <= 15:
            yield *match.span(), "telephone number", masked(match[0])
    for at in np.flatnonzero((raw[:-1] == ord("(")) & digit[1:]).tolist():
        if match := PHONE.match(data, at):
            yield *match.span(), "telephone number", masked(match[0])
    gap = (raw == ord(" ")) | (raw == ord("-"))
    for at in (np.flatnonzero(digit[:-15] & gap[4:-11] & digit[5:-10] & gap[9:-6] & gap[14:-1] & digit[15:])).tolist():
        match = CARD.match(data, at)
        if match and luhn(number := re.sub(rb"\D", b"", match[0])) and number not in TEST_CARDS:
            yield *match.span(), "card number", masked(match[0])
    upper = (raw >= 65) & (raw <= 90)
    for at in np.flatnonzero(upper[:-3] & upper[1:-2] & digit[2:-1] & digit[3:]).tolist():
        match = IBAN.match(data, at)
        if match and is_iban(match[0].replace(b" ", b"")):
            yield *match.span(), "bank account", match[0][:2] + masked(match[0][2:])
    for at in np.flatnonzero(digit[:-6] & (raw[3:-3] == ord("-")) & (raw[6:] == ord("-"))).tolist():
        match = SSN.search(data, max(0, at - 60), at + 11)
        if match and match.start("s") == at:
            yield *match.span("s"), "social security number", b"000-00-0000"


def digit_before(digit: np.ndarray) -> np.ndarray:
    before = np.empty_like(digit)
    before[0], before[1:] = False, digit[:-1]
    return before


def is_a_person(local: bytes, host: bytes) -> bool:
    return not (NOBODY.search(host) or ROLE.match(local))


def masked(number: bytes) -> bytes:
    return re.sub(rb"[0-9A-Z]", b"0", number)


def luhn(number: bytes) -> bool:
    digits = [byte - 48 for byte in number[::-1]]
    return (sum(digits[0::2]) + sum(sum(divmod(2 * d, 10)) for d in digits[1::2])) % 10 == 0


def is_iban(text: bytes) -> bool:
    number = "".join(str(int(c, 36)) for c in (text[4:] + text[:4]).decode())
    return 15 <= len(text) <= 34 and int(number) % 97 == 1 and int(text[4:], 36) > 0
