"""
Tokenizers of other people's models, held exactly: the file of the Hugging Face `tokenizers` library, and that library
as the encoder. Byte-level BPE of any split pattern and any merges (GPT-2, Llama 3, Qwen, SmolLM); others are refused.

What a model needs to know beyond that stands in `model.acorn`, which the library does not read:
    bos       the token that a document begins with       adds_bos   whether its own tools put one before every prompt
    stops     tokens that end a reply                     names      bos_token, eos_token ... as its template calls them
    template  its chat template (Jinja), or null
"""

import copy
import json
from functools import cached_property

import numpy as np

from acorn.errors import UserError
from acorn.tokenizer.tokenizer import BYTE_CHARS, Tokenizer, content_hash

MAX_FILE = 64 << 20  # bytes of a tokenizer.json; the largest known has 34 MB
MAX_VOCAB = 1 << 20
MAX_TEMPLATE = 1 << 18


class ForeignTokenizer(Tokenizer):
    """
    file: the content of tokenizer.json. Tokens that it calls special never come from text; its other added tokens
    (Qwen's <think>) are text, as they are for its own tools.
    """

    def __init__(self, file: dict, bos: int, stops=(), adds_bos: bool = False, template: str | None = None,
                 names: dict[str, str] | None = None):  # fmt: skip
        check_file(file)
        self.kind = "foreign"
        self.file = {**file, "truncation": None, "padding": None, "model": {"type": "BPE", **file["model"]}}
        self.added = {t["id"]: t for t in file["added_tokens"]}
        self.specials = {t["content"]: i for i, t in sorted(self.added.items()) if t["special"]}
        self._tokens = spell(file["model"]["vocab"], self.added)
        self.n_vocab = len(self._tokens)
        for i in (bos, *stops):
            if i not in self.specials.values():
                raise UserError(
                    f"the tokenizer lets token {i} begin or end a text, and that is none of its special ones"
                )
        if template is not None and len(template) > MAX_TEMPLATE:
            raise UserError(f"the chat template has {len(template):,} characters; at most {MAX_TEMPLATE:,} are read")
        self.start, self.stops, self.adds_bos = bos, frozenset(stops), adds_bos
        self.template, self.names = template, names or {}
        self._library = encoder_of(self.file)

    @property
    def bos(self) -> int:
        return self.start

    def encode(self, text: str) -> list[int]:
        return self._library.encode(text, add_special_tokens=False).ids

    def encode_batch(self, texts: list[str]) -> list[list[int]]:
        return [e.ids for e in self._library.encode_batch_fast(texts, add_special_tokens=False)]

    def normalize(self, text: str) -> str:
        """text as the tokens spell it: Qwen's tokenizer composes characters first (NFC)."""
        return self._library.normalizer.normalize_str(text) if self._library.normalizer else text

    def token_bytes(self) -> np.ndarray:
        silent = set(self.specials.values())
        return np.array([0 if i in silent else len(t) for i, t in enumerate(self._tokens)], dtype=np.int32)

    @cached_property
    def hash(self) -> str:
        """Of all that decides how a document becomes tokens; the template does not."""
        return content_hash("foreign", {"file": self.file, "bos": self.start})

    @property
    def _body(self) -> dict:
        return self.file

    @property
    def _own(self) -> dict:
        more = {"bos": self.start, "stops": sorted(self.stops), "adds_bos": self.adds_bos}
        return {**super()._own, **more, "template": self.template, "names": self.names}


def load_foreign(path, own: dict, file: dict) -> ForeignTokenizer:
    """What `Tokenizer.load` read, ours and the library's -> the tokenizer."""
    try:
        more = {key: own[key] for key in ("bos", "stops", "adds_bos", "template", "names")}
    except KeyError as e:
        raise UserError(f"{path} is damaged: model.acorn has no {e}", "acorn import") from None
    return ForeignTokenizer(file, **more)


def check_file(file: dict) -> None:
    """UserError unless it is byte-level BPE, the one kind that maps every text to tokens and back without loss."""
    try:
        model, vocab = file["model"], file["model"]["vocab"]
        kinds = [part.get("type") for part in unfold(file.get("pre_tokenizer"), "pretokenizers")]
        decoders = [part.get("type") for part in unfold(file.get("decoder"), "decoders")]
        spaced = any(part.get("add_prefix_space") and part.get("type") == "ByteLevel"
                     for part in unfold(file.get("pre_tokenizer"), "pretokenizers"))  # fmt: skip
        added = [(t["id"], t["content"], t["special"]) for t in file["added_tokens"]]
    except (KeyError, TypeError, AttributeError, RecursionError) as e:
        raise UserError(f"tokenizer.json is not as the tokenizers library writes it: {e!r}") from None
    ends = model.get("continuing_subword_prefix") or model.get("end_of_word_suffix")
    problems = {
        f"its model is {model.get('type', 'of no stated type')}": model.get("type", "BPE") != "BPE",
        "it falls back to byte tokens (SentencePiece, as in Llama 2)": model.get("byte_fallback"),
        "it marks the beginning or end of words": ends,
        "it drops merges at random": model.get("dropout"),
        "it is not byte-level": "ByteLevel" not in kinds or "ByteLevel" not in decoders,
        "it puts a space before every text": spaced,
    }  # fmt: skip
    wrong = [text for text, found in problems.items() if found]
    if wrong:
        raise UserError(
            f"this tokenizer cannot be imported: {'; '.join(wrong)}. "
            "Supported: byte-level BPE, as of GPT-2, Llama 3, Qwen and SmolLM"
        )
    ids = [*vocab.values(), *(i for i, _, _ in added)] if isinstance(vocab, dict) else [None]
    if not all(type(i) is int and 0 <= i < MAX_VOCAB for i in ids):
        raise UserError(f"tokenizer.json has a token id that is not a number from 0 to {MAX_VOCAB - 1:,}")
    if not all(isinstance(text, str) and text and isinstance(special, bool) for _, text, special in added):
        raise UserError("tokenizer.json has an added token without text")
    if len(set(vocab.values())) != len(vocab):
        raise UserError("tokenizer.json gives two tokens the same id")


def unfold(part: dict | None, key: str) -> list[dict]:
    """A step or a Sequence of steps -> the steps."""
    if part is None:
        return []
    return [step for inner in part[key] for step in unfold(inner, key)] if part.get("type") == "Sequence" else [part]


def spell(vocab: dict[str, int], added: dict[int, dict]) -> list[bytes]:
    """-> the bytes of every token; b"" for an id that nobody has."""
    byte_of = {c: b for b, c in enumerate(BYTE_CHARS)}
    tokens = [b""] * (1 + max([*vocab.values(), *added]))
    for word, i in vocab.items():
        known = all(c in byte_of for c in word)
        tokens[i] = bytes(byte_of[c] for c in word) if known else word.encode()
    for i, token in added.items():
        tokens[i] = token["content"].encode()
    return tokens


def encoder_of(file: dict):
    """The library's tokenizer for plain text: it does not know the special tokens, so no text becomes one."""
    import tokenizers

    plain = {**file, "post_processor": None, "model": copy.copy(file["model"])}
    special = {t["content"] for t in file["added_tokens"] if t["special"]}
    plain["added_tokens"] = [t for t in file["added_tokens"] if not t["special"]]
    vocab = {word: i for word, i in file["model"]["vocab"].items() if word not in special}
    # trap: the library counts added tokens on from the vocabulary; those in it keep the id that they have
    plain["model"]["vocab"] = vocab | {t["content"]: t["id"] for t in plain["added_tokens"]}
    try:
        return tokenizers.Tokenizer.from_str(json.dumps(plain))
    except Exception as e:  # the library raises this very class
        raise UserError(f"the tokenizers library cannot use this tokenizer: {e}") from None
