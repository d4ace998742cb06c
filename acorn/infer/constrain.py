"""
What has a say before a row draws its next token. A guide shapes the row's logits and hears which token was taken:

    Grammar   only tokens that a JSON schema, a regular expression or a Lark grammar allows (llguidance)
    Bias      some tokens more or less likely: OpenAI's logit_bias, presence_penalty and frequency_penalty

Log-probabilities are reported as the model has them, before any guide.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from acorn.errors import UserError

# As json.dumps writes it. A model that may put blanks wherever it likes can go on with them for ever.
SPACING = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}


class Guide(Protocol):
    broken: str  # why it could not be followed to its end; "" while all is well

    def shape(self, logits: Tensor) -> Tensor:
        """(V,) fp32 -> (V,), a tensor of its own or the same one unchanged."""

    def push(self, token: int) -> None:
        """This token was taken."""


class Bias:
    """counted: taken off for every time that the reply has the token; present: once if it has it."""

    broken = ""

    def __init__(self, bias: dict[int, float], present: float = 0.0, counted: float = 0.0):
        self.bias, self.present, self.counted = bias, present, counted
        self.said: Counter[int] = Counter()

    def shape(self, logits: Tensor) -> Tensor:
        added = dict(self.bias)
        for token, count in self.said.items():
            added[token] = added.get(token, 0.0) - self.present - self.counted * count
        if not added:
            return logits
        logits = logits.clone()
        logits[list(added)] += torch.tensor(list(added.values()), device=logits.device)
        return logits

    def push(self, token: int) -> None:
        if self.present or self.counted:
            self.said[token] += 1


class Grammar:
    """One reply on its way through a grammar. When the grammar is complete, only stop tokens are left to say."""

    def __init__(self, matcher, stops: frozenset[int]):
        self.matcher, self.stops = matcher, stops

    @property
    def broken(self) -> str:
        """Why the grammar could not be followed to its end: it became too complex. '' while all is well."""
        return self.matcher.get_error() if self.matcher.is_error() else ""

    def shape(self, logits: Tensor) -> Tensor:
        if self.matcher.is_stopped():
            allowed = torch.zeros(len(logits), dtype=torch.bool)
            allowed[list(self.stops)] = True
        else:
            bits = torch.frombuffer(bytearray(self.matcher.compute_bitmask()), dtype=torch.uint8)
            allowed = (bits[:, None] >> torch.arange(8, dtype=torch.uint8) & 1).flatten()[: len(logits)].bool()
        return logits.masked_fill(~allowed.to(logits.device), float("-inf"))

    def push(self, token: int) -> None:
        if token not in self.stops and not self.matcher.is_stopped():
            self.matcher.consume_token(token)


class Grammars:
    """Makes grammars for one tokenizer; costs a moment to build, so keep it."""

    def __init__(self, tokenizer):
        import llguidance

        words = Words(tokenizer)
        self.stops = tokenizer.stops
        self.library = llguidance
        self.tokens = llguidance.LLTokenizer(llguidance.TokenizerWrapper(words), eos_token=sorted(self.stops))

    def compile(self, kind: str, text: str) -> "Compiled":
        """kind: json_schema, regex or grammar (Lark, or llama.cpp's GBNF). UserError if it cannot be followed."""
        matcher = self.library.LLMatcher
        try:
            if kind == "json_schema":
                source = matcher.grammar_from_json_schema(text, overrides=SPACING)
            elif kind == "regex":
                source = matcher.grammar_from_regex(text)
            else:
                source = matcher.grammar_from_lark(self.library.gbnf_to_lark.any_to_lark(text))
        except Exception as e:  # the converters of the library raise what they like at bad input
            raise UserError(f"this {kind} cannot be read: {brief(e)}") from None
        made = matcher(self.tokens, source, log_level=0)
        if made.is_error():
            raise UserError(f"this {kind} cannot be followed: {brief(made.get_error())}")
        return Compiled(made, self.stops)


class Compiled:
    """A grammar that was checked once; each reply gets a copy to walk through."""

    def __init__(self, matcher, stops: frozenset[int]):
        self.matcher, self.stops = matcher, stops

    def begin(self) -> Grammar:
        return Grammar(self.matcher.deep_copy(), self.stops)


class Both:
    """Several guides, one after the other."""

    def __init__(self, guides: Sequence[Guide]):
        self.guides = guides

    def shape(self, logits: Tensor) -> Tensor:
        for guide in self.guides:
            logits = guide.shape(logits)
        return logits

    def push(self, token: int) -> None:
        for guide in self.guides:
            guide.push(token)

    @property
    def broken(self) -> str:
        return next((guide.broken for guide in self.guides if guide.broken), "")


class Words:
    """A tokenizer as llguidance wants to see it."""

    def __init__(self, tokenizer):
        self.tokens = [tokenizer.decode_bytes([i]) for i in range(tokenizer.n_vocab)]
        self.special_token_ids = sorted(tokenizer.specials.values())
        self.eos_token_id, self.bos_token_id = min(tokenizer.stops), tokenizer.bos
        self.encode = tokenizer.encode

    def __call__(self, text: bytes | str) -> list[int]:
        return self.encode(text.decode("utf-8", errors="replace") if isinstance(text, bytes) else text)


def brief(error) -> str:
    return " ".join(str(error).split())[:300]
