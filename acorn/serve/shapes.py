"""Replies in the words of OpenAI's protocol."""

import time
import uuid
from dataclasses import dataclass, field

from pydantic_core import to_json

from acorn import __version__
from acorn.infer.scoring import Scored
from acorn.serve.worker import Piece
from acorn.tokenizer.tokenizer import StreamDecoder

FINGERPRINT = f"acorn-{__version__}"
DONE = b"data: [DONE]\n\n"
PING = b": ping\n\n"


def sse(value: dict) -> bytes:
    """One event. JSON holds no raw line break, so nothing that a model says can end it early."""
    return b"data: " + to_json(value) + b"\n\n"


@dataclass
class Frame:
    """What all chunks of one answer share."""

    object: str
    model: str
    id: str
    created: int = field(default_factory=lambda: int(time.time()))

    def wrap(self, choices: list[dict], **more) -> dict:
        head = {"id": self.id, "object": self.object, "created": self.created, "model": self.model}
        return {**head, "system_fingerprint": FINGERPRINT, "choices": choices, **more}


def new_id(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:24]}"


def usage(prompts: list[list[int]], generated: int) -> dict:
    read = sum(map(len, prompts))
    return {"prompt_tokens": read, "completion_tokens": generated, "total_tokens": read + generated}


def spelled(tokenizer, token: int) -> str:
    """A token as a string of its own; half a character as bytes:\\xe2, so that no two tokens look alike."""
    raw = tokenizer.decode_bytes([token])
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in raw)


def chat_logprobs(tokenizer, pieces: list[Piece]) -> dict:
    """The tokens of some pieces -> choices[].logprobs of a chat completion."""
    content = []
    for piece in pieces:
        if piece.token is not None:
            top = [chat_token(tokenizer, token, logprob) for token, logprob in piece.top]
            content.append({**chat_token(tokenizer, piece.token, piece.logprob), "top_logprobs": top})
    return {"content": content, "refusal": None}


def chat_token(tokenizer, token: int, logprob: float) -> dict:
    raw = tokenizer.decode_bytes([token])
    return {"token": raw.decode("utf-8", errors="replace"), "logprob": finite(logprob), "bytes": list(raw)}


class PlainLogprobs:
    """choices[].logprobs of a plain completion, as they grow."""

    def __init__(self, tokenizer):
        self.tokenizer, self.decoder = tokenizer, StreamDecoder(tokenizer)
        self.offset = 0  # of the next token in the text
        self.clear()

    def clear(self) -> None:
        self.tokens, self.logprobs, self.top, self.offsets = [], [], [], []

    def add(self, token: int, logprob: float | None, top: list[tuple[int, float]] | None) -> None:
        self.tokens.append(spelled(self.tokenizer, token))
        self.logprobs.append(None if logprob is None else finite(logprob))
        named = None
        if top is not None:
            named = {spelled(self.tokenizer, i): finite(value) for i, value in top}
            named.setdefault(self.tokens[-1], finite(logprob))
        self.top.append(named)
        self.offsets.append(max(0, self.offset))
        self.offset += len(self.decoder.push(token))

    def add_prompt(self, prompt: list[int], scored: Scored, top: int, text: str) -> None:
        self.offset = len(text) - len(self.tokenizer.decode(prompt))  # the text does not show a bos that we added
        for token, logprob, likeliest in zip(prompt, scored.logprobs, scored.top):
            self.add(token, logprob, likeliest and likeliest[:top])

    def take(self) -> dict:
        found = {"tokens": self.tokens, "token_logprobs": self.logprobs, "top_logprobs": self.top}
        found["text_offset"] = self.offsets
        self.clear()
        return found


def finite(logprob: float) -> float:
    """JSON has no infinity."""
    return max(logprob, -9999.0)
