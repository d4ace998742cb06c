"""Learn a vocabulary from text: byte-pair encoding with rustbpe, or one token per character."""

from collections.abc import Iterable

from acorn.errors import UserError
from acorn.tokenizer.chat import SPECIALS
from acorn.tokenizer.tokenizer import PATTERN, Tokenizer


def train_bpe(texts: Iterable[str], vocab_size: int, pattern: str = PATTERN) -> Tokenizer:
    """
    vocab_size counts the 256 bytes and the special tokens. The result has fewer when the text has no more pairs.
    Deterministic: the same texts give the same tokenizer.
    """
    least = 256 + len(SPECIALS)
    if vocab_size < least:
        raise UserError(
            f"--vocab-size {vocab_size} is too small: 256 bytes and {len(SPECIALS)} special tokens need {least}",
            f"--vocab-size {least} at least; 4096 is a good size for a small model",
        )
    import rustbpe

    bpe = rustbpe.Tokenizer()
    bpe.train_from_iterator(nonempty(texts), vocab_size - len(SPECIALS), pattern=pattern)
    # trap: two different merges can spell the same bytes (a+bc, ab+c). The later one can never be produced, so it goes.
    ranks = sorted(bpe.get_mergeable_ranks(), key=lambda pair: pair[1])
    tokens = list(dict.fromkeys(bytes(token) for token, _ in ranks))
    return with_specials("bpe", tokens, pattern)


def train_chars(texts: Iterable[str]) -> Tokenizer:
    """One token per character that occurs, in order of code point (as nanoGPT does), then the special tokens."""
    chars = set()
    for text in nonempty(texts):
        chars.update(text)
    return with_specials("chars", [c.encode() for c in sorted(chars)], "")


def with_specials(kind: str, tokens: list[bytes], pattern: str) -> Tokenizer:
    return Tokenizer(kind, tokens, {name: len(tokens) + i for i, name in enumerate(SPECIALS)}, pattern)


def nonempty(texts: Iterable[str]) -> Iterable[str]:
    empty = True
    for text in texts:
        empty = empty and not text
        yield text
    if empty:
        raise UserError("there is no text to train a tokenizer on")
