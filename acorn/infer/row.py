"""One reply in the making: what was asked, what was said so far, and how it ended."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from acorn.infer.constrain import Guide
from acorn.infer.sample import Sampling, stream_of_draws
from acorn.infer.text import Kind, Transcript
from acorn.tokenizer.chat import parse_reply

Finish = Literal["stop", "length", "cancel"]
Tool = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Event:
    """One step of one row. The texts of a row's events, joined, are all it says; the last event alone has `finish`."""

    row: object  # its tag: the number of the row as it was submitted, unless somebody gave it another one
    token: int | None  # None when nothing was added to the reply: it ended with a stop token, or max_tokens is 0
    text: str  # what is sure by now: whole characters that cannot become part of a stop string
    finish: Finish | None = None  # "stop": stop token or stop string; "length": max_tokens or the context is full
    kind: Kind = "text"  # text is for people; python goes to the tool, output is what the tool said


@dataclass(frozen=True)
class Rules:
    """What the tokens of a vocabulary do to a reply."""

    tokenizer: object
    stop_ids: frozenset[int]
    tool: Tool | None
    tool_tokens: int  # of a tool's answer at most; the rest is cut off

    def special(self, name: str) -> int | None:
        return self.tokenizer.specials.get(name)

    def notable(self) -> frozenset[int]:
        """Tokens that do more than stand in the reply."""
        calls = ("<|python_start|>", "<|python_end|>") if self.tool else ()
        return self.stop_ids | {i for name in calls if (i := self.special(name)) is not None}


class Row:
    """
    number: names the row in events, and with the seed it is what the draws come from. limit: tokens it may say.
    watch: make events, so text is decoded along; otherwise only where a stop string has to be found.
    """

    def __init__(self, rules: Rules, number: int, prompt: list[int], limit: int, sampling: Sampling, watch: bool):
        self.rules, self.number, self.prompt, self.limit, self.sampling = rules, number, prompt, limit, sampling
        self.watch = watch
        self.tag: object = number
        self.guide: Guide | None = None  # has a say in what is drawn
        self.notable = rules.notable()
        self.draw = stream_of_draws(sampling.seed, number)
        self.transcript = Transcript(rules.tokenizer, sampling.stop) if watch or sampling.stop else None
        self.ids: list[int] = []  # without the stop token, with the tokens of a stop string
        self.queue: deque[int] = deque()  # tokens of a tool's answer that the row will say next, whatever is drawn
        self.forced_at: set[int] = set()
        self.call: int | None = None  # where in ids the code of an open call begins
        self.logprobs: list[float] = []
        self.top: list[list[tuple[int, float]]] = []
        self.stop_logprob: tuple[float, list[tuple[int, float]]] | None = None  # of the stop token, with the likeliest
        self.finish: Finish | None = None
        self.stop: int | None = None  # the stop token that ended it

    def push(self, token: int) -> Event | None:
        """Take the next token, drawn or of a tool. -> its event, if somebody watches."""
        if self.guide:
            self.guide.push(token)
        if self.queue:
            self.queue.popleft()
            self.forced_at.add(len(self.ids))
        elif token in self.notable:
            if token in self.rules.stop_ids:
                self.stop = token
                return self.end("stop")
            self._call(token)
        self.ids.append(token)
        kind, text = self.transcript.push(token) if self.transcript else ("text", "")
        if self.transcript and self.transcript.found:
            return self.end("stop", token, text)
        if len(self.ids) == self.limit:
            return self.end("length", token, text)
        return Event(self.tag, token, text, None, kind) if self.watch else None

    def end(self, finish: Finish, token: int | None = None, text: str = "") -> Event | None:
        self.finish = finish
        kind = "text"
        if self.transcript:
            kind, rest = self.transcript.flush()
            text += rest
        return Event(self.tag, token, text, finish, kind) if self.watch else None

    def _call(self, token: int) -> None:
        """A call opens, or closes and is answered: the answer is what the row says next."""
        if token == self.rules.special("<|python_start|>"):
            if self.call is None:
                self.call = len(self.ids) + 1
            return
        if self.call is None:
            return
        code, self.call = self.ids[self.call :], None
        specials = self.rules.tokenizer.specials.values()
        answer = self.rules.tool(self.rules.tokenizer.decode([i for i in code if i not in specials]))
        if answer is not None:
            # encoding a long answer whole would cost far more than what is kept of it
            words = self.rules.tokenizer.encode(answer[: 16 * self.rules.tool_tokens])[: self.rules.tool_tokens]
            self.queue += [self.rules.special("<|output_start|>"), *words, self.rules.special("<|output_end|>")]

    def parts(self) -> list[dict]:
        """[{"type": "text" | "python" | "output", "text"}], the text ending before a stop string."""
        parts = parse_reply(self.rules.tokenizer, self.ids)
        if self.transcript and self.transcript.found:
            parts[-1]["text"] = self.transcript.text
        return parts
