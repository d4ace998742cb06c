"""
Requests in, events out: the prompts of a batch are read at once, then every row grows by one token a step against the
KV cache. A row that finishes leaves the batch, so the rest goes faster. `complete` is a fold over `stream`: there is
one way to decode.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from acorn.errors import UserError
from acorn.infer.sample import Sampling, pick, stream_of_draws
from acorn.tokenizer.tokenizer import StreamDecoder

Finish = Literal["stop", "length"]

# Prompts are read in chunks that make at most this many logits (128 MB in fp32): a model gives them for all positions.
PREFILL_LOGITS = 1 << 25


@dataclass(frozen=True, slots=True)
class Event:
    """One step of one row. The texts of a row's events, joined, are its reply; the last event alone has `finish`."""

    row: int  # index of the prompt
    token: int | None  # None when nothing was added to the reply: it ended with a stop token, or max_tokens is 0
    text: str  # what is sure by now: whole characters that cannot become part of a stop string
    finish: Finish | None = None  # "stop": stop token or stop string; "length": max_tokens or the context is full


@dataclass
class Reply:
    ids: list[int] = field(default_factory=list)  # without the stop token, with the tokens of a stop string
    text: str = ""  # without either
    finish: Finish = "length"


class Engine:
    """
    model: `forward(ids, cache)`, `new_cache(batch, length)`, `config.block_size`. tokenizer: acorn.tokenizer.Tokenizer.
    max_batch: rows decoded together. More rows are faster in total and need more memory for keys and values.
    """

    def __init__(self, model: torch.nn.Module, tokenizer, max_batch: int = 64):
        self.model, self.tokenizer, self.max_batch = model, tokenizer, max_batch
        self.stop_ids = tokenizer.stops
        self.silent_ids = set(tokenizer.specials.values())

    @property
    def context(self) -> int:
        """Tokens that the model can look at."""
        return self.model.config.block_size

    def complete(self, prompts: Sequence[list[int]], sampling: Sampling) -> list[Reply]:
        replies = [Reply() for _ in prompts]
        for event in self.stream(prompts, sampling):
            reply = replies[event.row]
            if event.token is not None:
                reply.ids.append(event.token)
            reply.text += event.text
            reply.finish = event.finish
        return replies

    def stream(self, prompts: Sequence[list[int]], sampling: Sampling) -> Iterator[Event]:
        """Prompts are token ids. Events of different rows interleave; those of one row are in order."""
        for i, prompt in enumerate(prompts):
            self._check(i, prompt)
        return self._stream(prompts, sampling)

    def _check(self, i: int, prompt: list[int]) -> None:
        if not prompt:
            raise UserError(f"prompt {i} has no tokens: it needs at least one, such as <|bos|>")
        if len(prompt) > self.context:
            raise UserError(f"prompt {i} has {len(prompt)} tokens; the model's context holds {self.context}")
        if min(prompt) < 0 or max(prompt) >= self.tokenizer.n_vocab:
            odd = next(t for t in prompt if not 0 <= t < self.tokenizer.n_vocab)
            raise UserError(f"prompt {i} has token {odd}; the vocabulary ends at {self.tokenizer.n_vocab - 1}")

    def _stream(self, prompts: Sequence[list[int]], sampling: Sampling) -> Iterator[Event]:
        training = self.model.training
        self.model.eval()
        try:
            # like lengths together: less padding, and rows of equal length take the cache's fast path
            order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
            for start in range(0, len(order), self.max_batch):
                rows = [self._row(i, prompts[i], sampling) for i in order[start : start + self.max_batch]]
                for events in self._decode(rows, sampling):
                    yield from events
        finally:
            self.model.train(training)

    def _row(self, index: int, prompt: list[int], sampling: Sampling) -> "Row":
        # the last token of a reply is never read by the model, hence the 1
        limit = min(sampling.max_tokens, self.context - len(prompt) + 1)
        return Row(self, index, prompt, limit, sampling)

    # As a decorator, inference_mode holds while the generator runs and not while it waits for its caller.
    @torch.inference_mode()
    def _decode(self, rows: list["Row"], sampling: Sampling) -> Iterator[list[Event]]:
        """One batch -> the events of each step."""
        if sampling.max_tokens == 0:
            yield [Event(row.index, None, "", "length") for row in rows]
            return
        # trap: what a model builds in its first forward and keeps (rotary tables) must not become an inference tensor,
        # which no later training step could use
        with torch.inference_mode(False), torch.no_grad():
            cache = self.model.new_cache(len(rows), max(len(row.prompt) + row.limit - 1 for row in rows))
            logits = self._prefill(rows, cache)
        seen = self._seen(rows, logits) if sampling.repetition_penalty != 1 else None
        while True:
            ids = pick(logits, sampling, [row.draw() for row in rows] if sampling.temperature else (), seen)
            yield [row.push(token) for row, token in zip(rows, ids.tolist())]
            if seen is not None:
                seen.scatter_(1, ids[:, None], True)
            if any(row.finish for row in rows):
                keep = fill_gaps([i for i, row in enumerate(rows) if not row.finish])
                if not keep:
                    return
                rows = [rows[i] for i in keep]
                cache.keep(keep)
                ids = ids[keep]
                seen = None if seen is None else seen[keep]
            logits = self.model(ids[:, None], cache)[:, -1, : self.tokenizer.n_vocab]

    def _prefill(self, rows: list["Row"], cache) -> Tensor:
        """Read all prompts, padded on the right -> logits (B, V) after each row's last token."""
        lengths = torch.tensor([len(row.prompt) for row in rows])
        longest, vocab = int(lengths.max()), self.tokenizer.n_vocab
        padded = torch.zeros(len(rows), longest, dtype=torch.int64)
        for i, row in enumerate(rows):
            padded[i, : len(row.prompt)] = torch.tensor(row.prompt)
        device = cache.k.device
        padded, last = padded.to(device), (lengths - 1).to(device)
        logits = torch.empty(len(rows), vocab, device=device)
        chunk = max(16, PREFILL_LOGITS // (len(rows) * vocab))
        for start in range(0, longest, chunk):
            out = self.model(padded[:, start : start + chunk], cache)
            ends = ((last >= start) & (last < start + chunk)).nonzero()[:, 0]
            logits[ends] = out[ends, last[ends] - start, :vocab]
        cache.lengths[:] = lengths
        return logits

    def _seen(self, rows: list["Row"], logits: Tensor) -> Tensor:
        """(B, V) bool, the tokens of each prompt."""
        seen = torch.zeros_like(logits, dtype=torch.bool)
        for i, row in enumerate(rows):
            seen[i, torch.tensor(row.prompt, device=seen.device)] = True
        return seen


class Row:
    """What one reply remembers between steps."""

    def __init__(self, engine: Engine, index: int, prompt: list[int], limit: int, sampling: Sampling):
        self.index, self.prompt, self.limit = index, prompt, limit
        self.stop_ids, self.silent_ids = engine.stop_ids, engine.silent_ids
        self.decoder = StreamDecoder(engine.tokenizer)
        self.draw = stream_of_draws(sampling.seed, index)
        self.stops = StopStrings(sampling.stop) if sampling.stop else None
        self.count = 0
        self.finish: Finish | None = None

    def push(self, token: int) -> Event:
        """Take the next sampled token."""
        if token in self.stop_ids:
            return self._end(None, self._flush(""), "stop")
        self.count += 1
        text = "" if token in self.silent_ids else self.decoder.push(token)
        if self.stops and text:
            text = self.stops.push(text)
            if self.stops.found:
                return self._end(token, text, "stop")
        if self.count == self.limit:
            return self._end(token, self._flush(text), "length")
        return Event(self.index, token, text)

    def _flush(self, text: str) -> str:
        """text, then all that was held back: half a character, half a stop string."""
        rest = self.decoder.finish()
        return text + (self.stops.push(rest) + self.stops.rest() if self.stops else rest)

    def _end(self, token: int | None, text: str, finish: Finish) -> Event:
        self.finish = finish
        return Event(self.index, token, text, finish)


class StopStrings:
    """Finds the first of some strings in a text that arrives in pieces; lets through what cannot be part of one."""

    def __init__(self, stops: Sequence[str]):
        self.stops, self.held, self.found = list(stops), "", False

    def push(self, text: str) -> str:
        """-> the text that is sure now. After a stop string was found: what stood before it, and then nothing."""
        if self.found:
            return ""
        text = self.held + text
        places = [place for stop in self.stops if (place := text.find(stop)) >= 0]
        if places:
            self.found, self.held = True, ""
            return text[: min(places)]
        held = max(self._overlap(text, stop) for stop in self.stops)
        self.held = text[len(text) - held :]
        return text[: len(text) - held]

    def rest(self) -> str:
        """At the end of the text: what was held back."""
        rest, self.held = self.held, ""
        return rest

    @staticmethod
    def _overlap(text: str, stop: str) -> int:
        """Characters at the end of text with which stop begins."""
        return next((n for n in range(min(len(text), len(stop) - 1), 0, -1) if text.endswith(stop[:n])), 0)


def fill_gaps(alive: list[int]) -> list[int]:
    """
    Order for KVCache.keep that moves as few rows as possible: rows beyond the new end go to the places that fell free.
    fill_gaps([0, 2, 3, 5]) -> [0, 5, 2, 3]
    """
    size = len(alive)
    stay = [i for i in alive if i < size]
    late = [i for i in alive if i >= size]
    held = set(stay)
    return [i if i in held else late.pop() for i in range(size)]
