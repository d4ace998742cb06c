"""The runs that a server offers: what it knows about each, and the steps from a request to a ticket of its worker."""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import torch

from acorn.errors import UserError, did_you_mean
from acorn.infer.constrain import Bias, Both, Grammars, Guide
from acorn.infer.engine import Engine
from acorn.infer.quant import parameter_count, quant_of
from acorn.serve.errors import ApiError
from acorn.serve.fields import Generation
from acorn.serve.worker import Worker
from acorn.tokenizer.chat import render_prompt

OFF_LOOP = 2000  # characters from which on encoding happens in another thread
MOST_SLOTS = 64
MEMORY_SHARE = 0.25  # of what the machine has, for keys and values


@dataclass
class Served:
    name: str
    engine: Engine
    where: Path  # its checkpoint
    worker: Worker
    created: int = field(init=False)

    def __post_init__(self):
        self.created = int(self.where.stat().st_mtime)

    @property
    def tokenizer(self):
        return self.engine.tokenizer

    @property
    def chats(self) -> bool:
        """Whether it was taught to answer: a base model was not."""
        return self.where.parent.name != "base" or self.tokenizer.template is not None

    @cached_property
    def longest_token(self) -> int:
        return int(self.tokenizer.token_bytes().max())

    @cached_property
    def grammars(self) -> Grammars:
        return Grammars(self.tokenizer)

    def card(self) -> dict:
        parameters = parameter_count(self.engine.model)
        meta = {"n_ctx": self.engine.context, "n_vocab": self.tokenizer.n_vocab, "n_params": parameters}
        meta |= {"stage": self.where.parent.name, "chat": self.chats, "slots": self.worker.slots}
        meta["quant"] = quant_of(self.engine.model)
        return {"id": self.name, "object": "model", "created": self.created, "owned_by": "acorn", "meta": meta}

    async def encode(self, text: str, param: str) -> list[int]:
        """As a document or a prompt is encoded; text that cannot fit is not read at all."""
        least = len(text.encode()) // max(1, self.longest_token)
        if least > self.engine.context:
            raise self.too_long(least, param, "at least ")
        ids = await off_loop(len(text), self.tokenizer.encode, text, param=param)
        return [self.tokenizer.bos, *ids] if self.tokenizer.adds_bos else ids

    async def encode_chat(self, messages: list[dict]) -> list[int]:
        if not self.chats:
            raise ApiError(
                400,
                f"{self.name} is a base model: it was not taught to answer. Use /v1/completions",
                "model",
                "base_model",
            )
        messages = [{**m, "role": "system"} if m.get("role") == "developer" else m for m in messages]
        size = sum(len(str(message.get("content"))) for message in messages)
        if size > self.engine.context * max(1, self.longest_token):
            raise self.too_long(size // self.longest_token, "messages", "at least ")
        return await off_loop(OFF_LOOP, render_prompt, self.tokenizer, messages, param="messages")

    def check_fits(self, ids: list[int], param: str) -> None:
        if not ids:
            raise ApiError(400, f"{param} has no tokens; it needs at least one", param, "invalid_value")
        if len(ids) > self.engine.context:
            raise self.too_long(len(ids), param)

    def too_long(self, tokens: int, param: str, about: str = "") -> ApiError:
        context = self.engine.context
        return ApiError(
            400,
            f"{param}: {about}{tokens:,} tokens; the context of {self.name} holds {context:,}",
            param,
            "context_length_exceeded",
            n_prompt_tokens=tokens,
            n_ctx=context,
        )

    async def guide(self, request: Generation) -> Callable[[], Guide] | None:
        """What makes the guide of each reply that the request asks for."""
        makers: list[Callable[[], Guide]] = []
        bias = self.bias(request.logit_bias or {})
        present, counted = request.presence_penalty or 0.0, request.frequency_penalty or 0.0
        if bias or present or counted:
            makers.append(lambda: Bias(bias, present, counted))
        constraint = request.constraint()
        if constraint:
            name, kind, text = constraint
            if not self.tokenizer.stops:
                raise ApiError(400, f"{self.name} has no token that ends a reply, so it cannot follow a grammar", name)
            compiled = await off_loop(OFF_LOOP, lambda: self.grammars.compile(kind, text), param=name)
            makers.append(compiled.begin)
        if len(makers) > 1:
            return lambda: Both([make() for make in makers])
        return makers[0] if makers else None

    def bias(self, given: dict[str, float]) -> dict[int, float]:
        found = {}
        for word, value in given.items():
            if not (word.isascii() and word.isdigit() and len(word) < 10 and int(word) < self.tokenizer.n_vocab):
                last = self.tokenizer.n_vocab - 1
                raise ApiError(400, f"logit_bias: {word[:40]!r} is not a token id from 0 to {last}", "logit_bias")
            found[int(word)] = value
        return found


async def off_loop(size: int, work: Callable, *args, param: str):
    """Run it here, or elsewhere if that takes long; what a person can fix becomes a 400 of that field."""
    try:
        return await asyncio.to_thread(work, *args) if size >= OFF_LOOP else work(*args)
    except UserError as e:
        raise ApiError(400, e.message, param, "invalid_value") from None


class Models:
    """Those that are offered, by name; the first is who answers when nobody is named."""

    def __init__(self, served: list[Served]):
        self.served = {one.name: one for one in served}

    def pick(self, name: str | None) -> Served:
        if name is None:
            return next(iter(self.served.values()))
        if name not in self.served:
            near = did_you_mean(name, self.served)
            raise ApiError(
                404, f"no model {name[:100]!r} here.{near} GET /v1/models lists them", "model", "model_not_found"
            )
        return self.served[name]


def fitting_slots(engine: Engine) -> int:
    """Replies that can run together: as many as fit into a share of the memory, 64 at most."""
    model = engine.model
    cache = model.new_cache(1, 1)
    token = 2 * cache.k.numel() * cache.k.element_size()
    if cache.k.is_cuda:
        memory = torch.cuda.mem_get_info()[0]
    else:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return int(max(1, min(MOST_SLOTS, memory * MEMORY_SHARE // (token * engine.context))))
