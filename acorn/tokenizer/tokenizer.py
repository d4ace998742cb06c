"""
Text <-> token ids, and the one file that a tokenizer lives in.

`tokenizer.json` is what the Hugging Face `tokenizers` library loads, so transformers, vLLM and llama.cpp's converter
read the very file we train with, and cut text into the same ids. Our own fields (format version, kind, hash) stand in
`model.acorn`: the library refuses unknown keys at the top level and ignores them in `model` (0.19, 0.21 and 0.23 do).

Three kinds:
    bpe      byte-level byte-pair encoding, split GPT-4 style before merging; encodes any text
    chars    one token per character seen in training (nanoGPT's character level); an unknown character is an error
    foreign  of an imported model (foreign.py)
In the first two, special tokens come last. Text never becomes one: `<|bos|>` in a document is six tokens or so.
"""

import codecs
import hashlib
import json
import os
import re
from functools import cached_property
from pathlib import Path

import numpy as np

from acorn.errors import StorageError, UserError

FORMAT = 1

# Llama 3's pattern: cl100k's with case-insensitive contractions; numbers in groups of at most three digits.
# llama.cpp knows it under the name `llama-bpe`.
PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


# Where a reply ends
STOPS = ("<|assistant_end|>", "<|bos|>")


class Tokenizer:
    """`tokens[i]` is the bytes of ordinary token i; `specials` maps names to the ids that follow."""

    adds_bos = True  # a prompt begins with bos
    template: str | None = None  # a chat template of its own; None: acorn.tokenizer.chat

    def __init__(self, kind: str, tokens: list[bytes], specials: dict[str, int], pattern: str = PATTERN):
        self.kind, self.specials, self.pattern = kind, specials, pattern
        self._tokens = tokens + [name.encode() for name in specials]
        self._encoder = {"bpe": BpeEncoder, "chars": CharEncoder}[kind](tokens, pattern)
        self.n_vocab = len(self._tokens)

    @property
    def ordinary(self) -> list[bytes]:
        return self._tokens[: self.n_vocab - len(self.specials)]

    @property
    def bos(self) -> int:
        return self.special("<|bos|>")

    @cached_property
    def stops(self) -> frozenset[int]:
        """Tokens that end a reply."""
        return frozenset(self.specials[name] for name in STOPS if name in self.specials)

    def special(self, name: str) -> int:
        """special('<|bos|>') -> 4085"""
        if name not in self.specials:
            known = ", ".join(self.specials) or "none"
            raise UserError(f"this tokenizer has no special token {name!r} (it has: {known})")
        return self.specials[name]

    def encode(self, text: str) -> list[int]:
        return self._encoder.encode(text)

    def encode_batch(self, texts: list[str]) -> list[list[int]]:
        """Same as [encode(t) for t in texts], on all cores."""
        return self._encoder.encode_batch(texts)

    def decode_bytes(self, ids) -> bytes:
        """Special tokens decode to their names."""
        return b"".join([self._tokens[i] for i in ids])

    def decode(self, ids) -> str:
        return self.decode_bytes(ids).decode("utf-8", errors="replace")

    def token_bytes(self) -> np.ndarray:
        """(n_vocab,) int32: how many bytes of text each token stands for, 0 for specials. For bits per byte."""
        return np.array([len(t) for t in self.ordinary] + [0] * len(self.specials), dtype=np.int32)

    @cached_property
    def hash(self) -> str:
        return content_hash(self.kind, self._body)

    @cached_property
    def _body(self) -> dict:
        """The file without our own fields."""
        return bpe_body(self) if self.kind == "bpe" else char_body(self)

    @property
    def _own(self) -> dict:
        return {"format": FORMAT, "kind": self.kind, "hash": self.hash}

    def save(self, path) -> None:
        """Atomic: a kill leaves the old file or the new one, never half of one."""
        path = Path(path)
        file = {**self._body, "model": {"type": "BPE", "acorn": self._own, **self._body["model"]}}
        text = json.dumps(file, ensure_ascii=False, indent=1)
        beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(beside, "w", encoding="utf-8") as f:
                f.write(text)
                f.flush()
                os.fsync(f.fileno())
            os.replace(beside, path)
        except OSError as e:
            beside.unlink(missing_ok=True)
            raise StorageError(f"cannot write the tokenizer to {path}: {e.strerror or e}") from None

    @classmethod
    def load(cls, path) -> "Tokenizer":
        path = Path(path)
        again = f"acorn tokenizer train SOURCE... --out {path} --force"
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UserError(f"no tokenizer at {path}", again.removesuffix(" --force")) from None
        except OSError as e:
            raise UserError(f"cannot read the tokenizer {path}: {e.strerror or e}") from None
        except (ValueError, RecursionError) as e:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
            raise UserError(f"{path} is damaged, it is not JSON: {e}", again) from None
        try:
            own = data["model"].pop("acorn")
            version, kind, digest = own["format"], own["kind"], own["hash"]
        except (KeyError, TypeError, AttributeError):
            raise UserError(f"{path} is not a tokenizer that acorn wrote (it has no model.acorn)", again) from None
        if version != FORMAT:
            raise UserError(f"{path} has tokenizer format {version!r}; this acorn reads format {FORMAT}", again)
        foreign = None
        if kind == "foreign":
            from acorn.tokenizer.foreign import load_foreign

            foreign = load_foreign(path, own, data)
        found = foreign.hash if foreign else content_hash(kind, data)
        if found != digest:
            raise UserError(f"{path} is damaged: its content hashes to {found[:12]}, not to {str(digest)[:12]}", again)
        if foreign:
            return foreign
        specials = {t["content"]: t["id"] for t in data["added_tokens"]}
        vocab = data["model"]["vocab"]
        words = [word for word in sorted(vocab, key=vocab.get) if word not in specials]
        if kind == "chars":
            return cls(kind, [w.encode() for w in words], specials)
        byte_of = {c: b for b, c in enumerate(BYTE_CHARS)}
        pattern = data["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"]
        return cls(kind, [bytes(byte_of[c] for c in w) for w in words], specials, pattern)


class BpeEncoder:
    def __init__(self, tokens: list[bytes], pattern: str):
        import tiktoken

        ranks = {token: rank for rank, token in enumerate(tokens)}
        self._enc = tiktoken.Encoding("acorn", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})

    def encode(self, text: str) -> list[int]:
        if len(text) < LONG_SPACE:
            return self._enc.encode_ordinary(text)
        return [i for part in cut_long_spaces(text) for i in self._enc.encode_ordinary(part)]

    def encode_batch(self, texts: list[str]) -> list[list[int]]:
        if max(map(len, texts), default=0) < LONG_SPACE:
            return self._enc.encode_ordinary_batch(texts, num_threads=os.cpu_count() or 1)
        parts = [cut_long_spaces(text) for text in texts]
        flat = [part for text_parts in parts for part in text_parts]
        encoded = iter(self._enc.encode_ordinary_batch(flat, num_threads=os.cpu_count() or 1))
        return [[i for _ in text_parts for i in next(encoded)] for text_parts in parts]


# trap: on about a million blanks in a row the lookahead in PATTERN overflows the regex engine's stack and it panics.
# Such a run is cut first; only there the ids may differ from those of the `tokenizers` library.
LONG_SPACE = 100_000


def cut_long_spaces(text: str) -> list[str]:
    """[text], cut inside every run of LONG_SPACE or more white space characters."""
    if len(text) < LONG_SPACE:
        return [text]
    ends = [m.end() for m in re.finditer(rf"\s{{{LONG_SPACE}}}", text)]
    return [text[a:b] for a, b in zip([0, *ends], [*ends, len(text)]) if a < b] or [""]


class CharEncoder:
    def __init__(self, tokens: list[bytes], pattern: str):
        self._ids = {token.decode(): i for i, token in enumerate(tokens)}

    def encode(self, text: str) -> list[int]:
        try:
            return [self._ids[c] for c in text]
        except KeyError as e:
            char, at = e.args[0], text.index(e.args[0])
            raise UserError(
                f"character {char!r} (U+{ord(char):04X}) at position {at} is not among the {len(self._ids)} characters "
                "that this character-level tokenizer was trained on",
                "train a tokenizer without --chars; it encodes any text",
            ) from None

    def encode_batch(self, texts: list[str]) -> list[list[int]]:
        return [self.encode(text) for text in texts]


class StreamDecoder:
    """Ids one by one -> text in pieces: '' while a character is not yet whole, so no � in the middle of an emoji."""

    def __init__(self, tokenizer: Tokenizer):
        self._tokens = tokenizer._tokens
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")

    def push(self, token: int) -> str:
        return self._utf8.decode(self._tokens[token])

    def finish(self) -> str:
        """What is left when no more tokens come: � for a character that was cut off, else ''."""
        return self._utf8.decode(b"", final=True)


# --- the file ---------------------------------------------------------------------------------------------------------


def content_hash(kind: str, body: dict) -> str:
    """sha256 of the kind and the library's fields in one canonical spelling: layout and order of keys do not matter."""
    return hashlib.sha256(json.dumps([kind, body], sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def byte_chars() -> list[str]:
    """GPT-2's map of bytes to printable characters: printable Latin-1 stays, the other 68 move to U+0100 and up."""
    printable = {*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)}
    moved = iter(range(256, 512))
    return [chr(b) if b in printable else chr(next(moved)) for b in range(256)]


BYTE_CHARS = byte_chars()


def bpe_body(tokenizer: Tokenizer) -> dict:
    words = ["".join(BYTE_CHARS[b] for b in t) for t in tokenizer.ordinary]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    split = {"type": "Split", "pattern": {"Regex": tokenizer.pattern}, "behavior": "Isolated", "invert": False}
    return body(
        tokenizer,
        words,
        merges=merges_of(words),
        pre_tokenizer={"type": "Sequence", "pretokenizers": [split, byte_level]},
        decoder=byte_level,
    )


def char_body(tokenizer: Tokenizer) -> dict:
    words = [t.decode() for t in tokenizer.ordinary]
    return body(tokenizer, words, merges=[], pre_tokenizer=None, decoder={"type": "Fuse"})


def body(tokenizer: Tokenizer, words: list[str], merges: list[str], pre_tokenizer, decoder) -> dict:
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": i, "content": name, **plain} for name, i in tokenizer.specials.items()],
        "normalizer": None,
        "pre_tokenizer": pre_tokenizer,
        "post_processor": None,
        "decoder": decoder,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            # a piece that is a token as a whole is that token; tiktoken and llama.cpp's llama-bpe do so too
            "ignore_merges": True,
            "vocab": {word: i for i, word in enumerate(words + list(tokenizer.specials))},
            "merges": merges,
        },
    }


def merges_of(words: list[str]) -> list[str]:
    """
    Words in order of rank -> merges in order of rank. tiktoken joins *any* two neighbours whose concatenation is a
    token, so every way of cutting a token into two tokens is a merge of its rank:
    ['a', 'b', 'c', 'bc', 'ab', 'abc'] -> ['b c', 'a b', 'a bc', 'ab c']
    """
    rank = {word: i for i, word in enumerate(words)}
    merges = []
    for word in words:
        halves = ((word[:k], word[k:]) for k in range(1, len(word)))
        cuts = [(rank[a], rank[b], f"{a} {b}") for a, b in halves if a in rank and b in rank]
        merges += [merge for _, _, merge in sorted(cuts)]
    return merges
