"""Text of unknown origin made harmless for a terminal and a page: what cannot be seen is shown, not obeyed."""

import re

# everything below the space but tab and newline, DEL to U+009F, marks that turn the direction of writing, half a pair
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def clean(text: str) -> str:
    """'\\x1b[31m' -> '␛[31m': control characters become the signs for them, other invisible ones '�'."""
    return UNSEEN.sub(lambda m: chr(0x2400 + ord(m[0])) if ord(m[0]) < 32 else "�", text)


def one_line(text: str) -> str:
    return clean(" ".join(str(text).split()))
