"""GPT-2's tokenizer from its two published files, to compare with and to train on from."""

import json
from pathlib import Path

from acorn.errors import UserError
from acorn.tokenizer.tokenizer import BYTE_CHARS, Tokenizer

PATTERN = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""
END = "<|endoftext|>"


def load_gpt2(vocab: Path, merges: Path) -> Tokenizer:
    """encoder.json and vocab.bpe (also known as vocab.json and merges.txt) -> a Tokenizer with GPT-2's ids."""
    try:
        ids = json.loads(Path(vocab).read_text(encoding="utf-8"))
        lines = Path(merges).read_text(encoding="utf-8").split("\n")
    except OSError as e:
        raise UserError(f"cannot read GPT-2's vocabulary: {e.filename}: {e.strerror}") from None
    except ValueError as e:
        raise UserError(f"{vocab} or {merges} is damaged: {e}") from None
    byte_of = {c: b for b, c in enumerate(BYTE_CHARS)}
    words = sorted((w for w in ids if w != END), key=ids.get)
    # GPT-2's 256 bytes come first, the printable ones before the others; then one token a merge, in order of the merges
    joined = ["".join(line.split(" ")) for line in lines if line.count(" ") == 1 and not line.startswith("#version")]
    if words[256:] != joined or list(map(ids.get, words)) != list(range(len(words))) or ids.get(END) != len(words):
        raise UserError(f"{vocab} and {merges} do not belong together: their tokens differ")
    return Tokenizer("bpe", [bytes(byte_of[c] for c in w) for w in words], {END: len(words)}, PATTERN)
