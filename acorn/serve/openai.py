"""/v1/chat/completions and /v1/completions, whole and as a stream."""

import asyncio
import contextlib
import reprlib
from collections.abc import AsyncIterator

from fastapi import Request
from fastapi.responses import Response, StreamingResponse
from pydantic_core import to_json

from acorn.serve.body import read_body
from acorn.serve.errors import ApiError
from acorn.serve.fields import ChatRequest, CompletionRequest, Generation, parse
from acorn.serve.models import Models, Served
from acorn.serve.shapes import DONE, PING, Frame, PlainLogprobs, chat_logprobs, new_id, sse, usage
from acorn.serve.worker import Piece, Ticket

QUIET = 15.0  # seconds without a word after which a stream says that it is alive
STREAM_HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}
DEFAULT_COMPLETION = 16  # tokens of a plain completion, OpenAI's default
MOST_LOGPROBS = 1 << 20  # in one answer; each takes about 100 bytes here


class Answer:
    """A request on its way to its reply: what the two kinds of completion do in their own words."""

    object, chunk_object, prefix = "", "", ""

    def __init__(self, served: Served, request: Generation, ticket: Ticket):
        self.served, self.request, self.ticket = served, request, ticket
        self.generated = 0
        self.id = new_id(self.prefix)

    def first(self) -> list[dict]:
        """Choices of the chunks that come before anything was said, one a chunk."""
        return []

    def part(self, choice: int, pieces: list[Piece]) -> dict:
        """Pieces of one choice -> the choice in a chunk, without its end."""
        raise NotImplementedError

    def whole(self, choice: int, pieces: list[Piece]) -> dict:
        """All pieces of one choice -> the choice."""
        raise NotImplementedError

    def frame(self, kind: str) -> Frame:
        return Frame(kind, self.served.name, self.id)

    def usage(self) -> dict:
        return usage(self.ticket.prompts, self.generated)

    def count(self, pieces: list[Piece]) -> None:
        self.generated += sum(piece.token is not None for piece in pieces)

    async def stream(self) -> AsyncIterator[bytes]:
        """Events in OpenAI's order: what comes first, deltas, the end of each choice, usage if asked, [DONE]."""
        frame = self.frame(self.chunk_object)
        more = {"usage": None} if self.request.usage_wanted else {}
        try:
            opened = self.ticket.score is None  # scores of a prompt are there with the first pieces
            for choice in self.first() if opened else []:
                yield sse(frame.wrap([choice], **more))
            async for pieces in self.ticket.batches(QUIET):
                if pieces and not opened:
                    opened = True
                    for choice in await asyncio.to_thread(self.first):
                        yield sse(frame.wrap([choice], **more))
                self.count(pieces)
                chunks = []
                for choice, mine in by_choice(pieces).items():
                    end = mine[-1].finish
                    if end == "cancel":
                        raise ApiError(503, "the server is going down")
                    if any(piece.text or self.shows(piece) for piece in mine):
                        chunks.append(frame.wrap([self.part(choice, mine)], **more))
                    if end:
                        chunks.append(frame.wrap([self.end(choice, end)], **more))
                yield b"".join(map(sse, chunks)) or PING
            if self.request.usage_wanted:
                yield sse(frame.wrap([], usage=self.usage()))
            yield DONE
        except ApiError as e:
            yield sse(e.body())

    def shows(self, piece: Piece) -> bool:
        """Whether a piece without text has logprobs to tell."""
        return piece.token is not None and piece.top is not None

    def end(self, choice: int, finish: str) -> dict:
        raise NotImplementedError

    async def collect(self) -> bytes:
        """The whole answer as JSON."""
        said: dict[int, list[Piece]] = {}
        async for pieces in self.ticket.batches():
            self.count(pieces)
            for choice, mine in by_choice(pieces).items():
                said.setdefault(choice, []).extend(mine)
        if any(mine[-1].finish == "cancel" for mine in said.values()):
            raise ApiError(503, "the server is going down")

        def build() -> bytes:
            choices = [self.whole(choice, said[choice]) for choice in sorted(said)]
            return to_json(self.frame(self.object).wrap(choices, usage=self.usage()))

        # logprobs can be a million numbers, for which the event loop has no time
        return build() if self.ticket.sampling.logprobs is None else await asyncio.to_thread(build)


class ChatAnswer(Answer):
    object, chunk_object, prefix = "chat.completion", "chat.completion.chunk", "chatcmpl"

    def first(self) -> list[dict]:
        delta = {"role": "assistant", "content": ""}
        return [{"index": i, "delta": delta, "finish_reason": None} for i in range(self.ticket.samples)]

    def logprobs(self, pieces: list[Piece]) -> dict | None:
        return chat_logprobs(self.served.tokenizer, pieces) if self.request.logprobs else None

    def part(self, choice: int, pieces: list[Piece]) -> dict:
        delta = {"content": "".join(piece.text for piece in pieces)}
        return {"index": choice, "delta": delta, "logprobs": self.logprobs(pieces), "finish_reason": None}

    def end(self, choice: int, finish: str) -> dict:
        return {"index": choice, "delta": {}, "logprobs": None, "finish_reason": finish}

    def whole(self, choice: int, pieces: list[Piece]) -> dict:
        message = {"role": "assistant", "content": "".join(piece.text for piece in pieces), "refusal": None}
        end = {"logprobs": self.logprobs(pieces), "finish_reason": pieces[-1].finish}
        return {"index": choice, "message": message, **end}


class PlainAnswer(Answer):
    object, chunk_object, prefix = "text_completion", "text_completion", "cmpl"

    def __init__(self, served: Served, request: CompletionRequest, ticket: Ticket, texts: list[str]):
        super().__init__(served, request, ticket)
        self.texts = texts  # of the prompts
        self.notes: dict[int, PlainLogprobs] = {}

    def note(self, choice: int) -> PlainLogprobs:
        """Where the logprobs of a choice are collected; an echoed prompt comes first."""
        if choice not in self.notes:
            prompt = choice // self.ticket.samples
            notes = self.notes[choice] = PlainLogprobs(self.served.tokenizer)
            if self.ticket.score is not None:
                scored, text = self.ticket.scored[prompt], self.texts[prompt]
                notes.add_prompt(self.ticket.prompts[prompt], scored, self.request.logprobs, text)
        return self.notes[choice]

    def echoed(self, choice: int) -> str:
        return self.texts[choice // self.ticket.samples] if self.request.echo else ""

    def first(self) -> list[dict]:
        if not self.request.echo:
            return []
        every = range(len(self.ticket.prompts) * self.ticket.samples)
        asked = self.request.logprobs is not None
        return [self.choice(i, self.echoed(i), self.note(i).take() if asked else None, None) for i in every]

    def choice(self, index: int, text: str, logprobs: dict | None, finish: str | None) -> dict:
        return {"text": text, "index": index, "logprobs": logprobs, "finish_reason": finish}

    def logprobs(self, choice: int, pieces: list[Piece]) -> dict | None:
        if self.request.logprobs is None:
            return None
        notes = self.note(choice)
        for piece in pieces:
            token = piece.stop if piece.token is None else piece.token
            if token is not None:
                notes.add(token, piece.logprob, piece.top)
        return notes.take()

    def shows(self, piece: Piece) -> bool:
        """The stop token counts: lm-eval asks for one token and drops the last, whatever it is."""
        return super().shows(piece) or piece.stop is not None

    def part(self, choice: int, pieces: list[Piece]) -> dict:
        text = "".join(piece.text for piece in pieces)
        return self.choice(choice, text, self.logprobs(choice, pieces), None)

    def end(self, choice: int, finish: str) -> dict:
        return self.choice(choice, "", None, finish)

    def whole(self, choice: int, pieces: list[Piece]) -> dict:
        text = self.echoed(choice) + "".join(piece.text for piece in pieces)
        return self.choice(choice, text, self.logprobs(choice, pieces), pieces[-1].finish)


async def chat(request: Request, models: Models) -> Response:
    asked = parse(ChatRequest, await read_body(request))
    for name in ("tools", "functions"):
        if getattr(asked, name):
            raise ApiError(400, f"{name} are not supported: these models call no functions", name, "unsupported")
    if asked.top_logprobs is not None and not asked.logprobs:
        raise ApiError(400, "top_logprobs needs logprobs to be true", "top_logprobs", "invalid_value")
    served = models.pick(asked.model)
    ids = await served.encode_chat(asked.messages)
    served.check_fits(ids, "messages")
    limit = asked.max_completion_tokens or asked.max_tokens or served.engine.context
    sampling = asked.sampling(limit, (asked.top_logprobs or 0) if asked.logprobs else None)
    ticket = Ticket([ids], sampling, asked.n or 1, guide=await served.guide(asked))
    return await answer(request, ChatAnswer(served, asked, ticket))


async def completions(request: Request, models: Models) -> Response:
    asked = parse(CompletionRequest, await read_body(request))
    if asked.suffix:
        raise ApiError(400, "suffix is not supported: these models only go on from a text", "suffix", "unsupported")
    if asked.best_of is not None and asked.best_of != (asked.n or 1):
        raise ApiError(400, "best_of other than n is not supported", "best_of", "unsupported")
    served = models.pick(asked.model)
    prompts, texts = await read_prompts(asked.prompt, served)
    limit = DEFAULT_COMPLETION if asked.max_tokens is None else asked.max_tokens
    score = asked.logprobs if asked.echo else None
    ticket = Ticket(prompts, asked.sampling(limit, asked.logprobs), asked.n or 1, score, await served.guide(asked))
    return await answer(request, PlainAnswer(served, asked, ticket, texts))


async def read_prompts(prompt, served: Served) -> tuple[list[list[int]], list[str]]:
    """A string, token ids, or a list of either -> (ids, text) of each."""
    if prompt is None:
        raise ApiError(400, "prompt is missing", "prompt", "missing_field")
    whole = isinstance(prompt, str) or (isinstance(prompt, list) and prompt and type(prompt[0]) is int)
    each = [prompt] if whole else prompt
    most = served.worker.slots + served.worker.max_queue
    if not isinstance(each, list) or not each or len(each) > most:
        raise ApiError(
            400, f"prompt: expected a string, token ids, or a list of 1 to {most} of these", "prompt", "invalid_value"
        )
    prompts, texts = [], []
    for i, one in enumerate(each):
        name = "prompt" if whole else f"prompt[{i}]"
        if isinstance(one, str):
            prompts.append(await served.encode(one, name))
            texts.append(one)
        elif isinstance(one, list):
            bad = [t for t in one if type(t) is not int or not 0 <= t < served.tokenizer.n_vocab]
            if bad:
                last, shown = served.tokenizer.n_vocab - 1, reprlib.repr(bad[0])
                raise ApiError(400, f"{name}: {shown} is no token id from 0 to {last}", name, "invalid_value")
            prompts.append(one)
            texts.append(served.tokenizer.decode(one))
        else:
            shown = reprlib.repr(one)
            raise ApiError(400, f"{name}: expected a string or token ids, got {shown}", name, "invalid_value")
        served.check_fits(prompts[-1], name)
    return prompts, texts


class Streamed(StreamingResponse):
    def __init__(self, answer: Answer):
        super().__init__(answer.stream(), media_type="text/event-stream", headers=STREAM_HEADERS)
        self.answer = answer

    async def __call__(self, scope, receive, send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:  # not in the generator: who hangs up before the first chunk never starts it
            self.answer.served.worker.cancel(self.answer.ticket)


async def answer(request: Request, answer: Answer) -> Response:
    """Hand the ticket over. Whoever hangs up gives the slot back."""
    worker = answer.served.worker
    check_logprobs(answer)
    worker.submit(answer.ticket)
    if answer.request.stream:
        return Streamed(answer)
    work, gone = asyncio.ensure_future(answer.collect()), asyncio.ensure_future(hangs_up(request))
    try:
        await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return Response(await work, media_type="application/json")
        return Response(status_code=499)  # read by nobody; nginx's number for it in the log
    finally:
        worker.cancel(answer.ticket)
        for task in (work, gone):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, ApiError):
                await task


def check_logprobs(answer: Answer) -> None:
    ticket, context = answer.ticket, answer.served.engine.context
    if ticket.sampling.logprobs is None:
        return
    said = sum(min(ticket.sampling.max_tokens, context - len(prompt) + 1) for prompt in ticket.prompts)
    read = sum(map(len, ticket.prompts)) if ticket.score is not None else 0
    count = (said + read) * ticket.samples * (1 + ticket.sampling.logprobs)
    if count > MOST_LOGPROBS:
        raise ApiError(
            400,
            f"logprobs: up to {count:,} numbers are asked for, {MOST_LOGPROBS:,} at most are given; "
            "lower max_tokens, n, the number of prompts or of likeliest tokens",
            "logprobs",
            "invalid_value",
        )


async def hangs_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def by_choice(pieces: list[Piece]) -> dict[int, list[Piece]]:
    found: dict[int, list[Piece]] = {}
    for piece in pieces:
        found.setdefault(piece.choice, []).append(piece)
    return found
