"""acorn sample: continue a text with a run."""

import json
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from acorn.errors import UserError
from acorn.infer.engine import Event, Reply
from acorn.infer.load import describe, load_engine
from acorn.infer.sample import Sampling


@dataclass
class Sample:
    """Continue a text with a run. The text goes to stdout as it comes, talk goes to stderr."""

    run_name: Annotated[tyro.conf.Positional[str], tyro.conf.arg(name="run", metavar="RUN")]  # name in runs/, or path
    prompt: Annotated[str, tyro.conf.arg(aliases=["-p"])] = ""  # what to continue; - is stdin, FILE:path a file
    n: Annotated[int, tyro.conf.arg(aliases=["-n"])] = 1  # how many continuations
    max_tokens: int = 256  # of each
    temperature: float = 0.8  # 0 always takes the likeliest token
    top_k: int = 0  # draw from the k likeliest tokens; 0 is all
    top_p: float = 1.0  # draw from the fewest tokens that together have this probability
    min_p: float = 0.0  # leave out tokens less likely than this times the likeliest
    repetition_penalty: float = 1.0  # above 1 makes tokens that were there already less likely
    seed: int | None = None  # the same seed gives the same text
    stop: tyro.conf.UseAppendAction[tuple[str, ...]] = ()  # end before this text; can be given several times
    json: bool = False  # print one JSON object instead
    device: str = "auto"  # auto, cpu or cuda
    dtype: str = "auto"  # of activations: auto, float32 or bfloat16
    quant: str = "auto"  # weights on a CPU: none, int8 or int4; auto is int8 from 50 M parameters on

    def run(self) -> int:
        if self.n < 1:
            raise UserError(f"--n {self.n}: expected 1 or more")
        sampling = make_sampling(self)
        text = read_prompt(self.prompt)
        engine, where = load_engine(self.run_name, self.device, min(self.n, 64), say, self.dtype, self.quant)
        say(describe(engine, where))
        ids = [engine.tokenizer.bos, *engine.tokenizer.encode(text)]
        begin = time.perf_counter()
        if self.n == 1 and not self.json:
            reply = print_stream(engine.stream([ids], sampling))
            print()
            say(rate(len(reply.ids), time.perf_counter() - begin))
            return 0
        replies = engine.complete([ids] * self.n, sampling)
        seconds = time.perf_counter() - begin
        tokens = sum(len(r.ids) for r in replies)
        if self.json:
            samples = [{"text": r.text, "finish": r.finish, "tokens": len(r.ids)} for r in replies]
            speed = round(tokens / seconds, 1)
            found = {"run": self.run_name, "checkpoint": str(where), "prompt": text, "prompt_tokens": len(ids)}
            print(json.dumps({**found, "samples": samples, "seconds": round(seconds, 3), "tokens_per_s": speed}))
            return 0
        for i, reply in enumerate(replies, 1):
            print(f"--- {i} of {self.n}\n{visible(reply.text)}")
        say(rate(tokens, seconds))
        return 0


def make_sampling(options, **more) -> Sampling:
    """The fields that a command shares with Sampling."""
    names = ("temperature", "top_k", "top_p", "min_p", "repetition_penalty", "seed", "max_tokens")
    return Sampling(**{name: getattr(options, name) for name in names}, stop=getattr(options, "stop", ()), **more)


def read_prompt(prompt: str) -> str:
    """- is stdin, FILE:path is a file, anything else is the text itself."""
    if prompt == "-":
        return sys.stdin.read()
    if not prompt.startswith("FILE:"):
        return prompt
    path = Path(prompt.removeprefix("FILE:"))
    try:
        return path.read_text(encoding="utf-8")
    except OSError as e:
        raise UserError(f"cannot read the prompt from {path}: {e.strerror}") from None
    except UnicodeDecodeError as e:
        raise UserError(f"cannot read the prompt from {path}: it is not UTF-8 text (byte {e.start})") from None


def print_stream(events: Iterable[Event], reply: Reply | None = None) -> Reply:
    """
    Print the text of one row as it comes, without calls and outputs -> the whole reply. Give a `reply` to fill where
    you need what was said so far when Ctrl-C cuts it off.
    """
    reply = Reply() if reply is None else reply
    for event in follow(events, reply):
        print(visible(event.text), end="", flush=True)
    return reply


def follow(events: Iterable[Event], reply: Reply) -> Iterator[Event]:
    """The events that have text for the reader; the reply is filled on the way."""
    for event in events:
        if event.token is not None:
            reply.ids.append(event.token)
        reply.finish = event.finish
        if event.text and event.kind == "text":
            reply.text += event.text
            yield event


def visible(text: str) -> str:
    """What a model says must not steer the terminal: there, control characters but newline and tab show as U+FFFD."""
    return text.translate(CONTROLS) if sys.stdout.isatty() else text


CONTROLS = {i: "\ufffd" for i in [*range(32), *range(127, 160)] if chr(i) not in "\n\t"}


def rate(tokens: int, seconds: float, note: str = "") -> str:
    return f"[{tokens} tokens, {tokens / max(seconds, 1e-9):,.0f} tokens/s{note}]"


def say(text: str) -> None:
    """Talk goes to stderr, dimmed on a terminal, so that stdout holds the text alone."""
    print(f"\033[2m{text}\033[0m" if sys.stderr.isatty() else text, file=sys.stderr, flush=True)
