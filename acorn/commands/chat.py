"""acorn chat: talk to a run in the terminal, or ask it one thing."""

import contextlib
import dataclasses
import json
import sys
import time
from dataclasses import dataclass
from typing import Annotated

import tyro

from acorn.commands.sample import make_sampling, print_stream, rate, read_prompt, say
from acorn.errors import UserError, did_you_mean
from acorn.infer.engine import Engine, Reply
from acorn.infer.load import describe, load_engine
from acorn.infer.sample import Sampling
from acorn.tokenizer.chat import render_prompt

HELP = """\
/regen         answer the last message again
/system TEXT   set the system prompt; without TEXT, remove it
/clear         forget the conversation, keep the system prompt
/exit          leave; so does Ctrl-D
Ctrl-C stops an answer. A line that ends in \\ goes on in the next."""


@dataclass
class Chat:
    """Talk to a run that was taught to chat. With -p, ask one thing and print the reply."""

    run_name: Annotated[tyro.conf.Positional[str], tyro.conf.arg(name="run", metavar="RUN")]  # name in runs/, or path
    prompt: Annotated[str | None, tyro.conf.arg(aliases=["-p"])] = None  # ask this; - is stdin, FILE:path a file
    system: str | None = None  # system prompt
    max_tokens: int = 512  # of a reply
    temperature: float = 0.6  # 0 always takes the likeliest token
    top_k: int = 50  # draw from the k likeliest tokens; 0 is all
    top_p: float = 1.0  # draw from the fewest tokens that together have this probability
    min_p: float = 0.0  # leave out tokens less likely than this times the likeliest
    repetition_penalty: float = 1.0  # above 1 makes tokens that were there already less likely
    seed: int | None = None  # the same seed gives the same replies
    json: bool = False  # with -p: print one JSON object instead
    device: str = "auto"  # auto, cpu or cuda

    def run(self) -> int:
        if self.json and self.prompt is None:
            raise UserError("--json needs -p TEXT: a conversation is not one object")
        sampling = make_sampling(self)
        text = None if self.prompt is None else read_prompt(self.prompt)
        engine, where = load_engine(self.run_name, self.device, say=say)
        if where.parent.name == "base" and engine.tokenizer.template is None:
            raise UserError(
                f"{where} is a base model: it continues text, it was not taught to answer",
                f"acorn sample {self.run_name} -p 'Once upon a time'",
            )
        say(describe(engine, where))
        session = Session(engine, sampling, self.system)
        if text is None:
            session.loop()
        elif self.json:
            ids, _ = session.talk.prompt(engine, text)
            begin = time.perf_counter()
            (reply,) = engine.complete([ids], sampling)
            seconds = round(time.perf_counter() - begin, 3)
            found = {"run": self.run_name, "checkpoint": str(where), "prompt": text, "prompt_tokens": len(ids)}
            result = {"reply": reply.text, "finish": reply.finish, "tokens": len(reply.ids), "seconds": seconds}
            print(json.dumps({**found, **result}))
        else:
            session.answer(text)
        return 0


class Conversation:
    """What was said, and the part of it that the context can hold."""

    def __init__(self, system: str | None = None):
        self.system, self.turns = system, []  # (user's text, assistant's text), finished turns alone

    def prompt(self, engine: Engine, text: str, reserve: int = 0) -> tuple[list[int], int]:
        """
        The user's next text -> (prompt ids, turns dropped). Forgets the oldest turns, for good, until `reserve` tokens
        are free for the reply. UserError when even the text alone does not fit.
        """
        for dropped in range(len(self.turns) + 1):
            ids = render_prompt(engine.tokenizer, self.messages(text, dropped))
            if len(ids) + reserve <= engine.context:
                break
        if len(ids) > engine.context:
            what = "the message and the system prompt have" if self.system else "the message has"
            raise UserError(f"{what} {len(ids)} tokens; the model's context holds {engine.context}")
        del self.turns[:dropped]
        return ids, dropped

    def messages(self, text: str, dropped: int) -> list[dict]:
        said = [("system", self.system)] if self.system else []
        for user, assistant in self.turns[dropped:]:
            said += [("user", user), ("assistant", assistant)]
        return [{"role": role, "content": content} for role, content in [*said, ("user", text)]]


class Session:
    """The loop of a conversation in a terminal."""

    def __init__(self, engine: Engine, sampling: Sampling, system: str | None = None):
        self.engine, self.sampling, self.talk = engine, sampling, Conversation(system)
        self.answers = 0

    def loop(self) -> None:
        with contextlib.suppress(ImportError):  # arrow keys and history; not on Windows
            import readline  # noqa: F401
        say("/help shows the commands, /exit leaves")
        while True:
            try:
                text = read_message()
            except KeyboardInterrupt:
                say("\nCtrl-D or /exit leaves")
                continue
            if text is None or text.strip() in ("/exit", "/quit"):
                return
            try:
                if text.startswith("/"):
                    self.command(text)
                elif text.strip():
                    self.answer(text)
            except UserError as e:  # such as a message that is too long: the conversation goes on
                say(f"error: {e}")

    def command(self, text: str) -> None:
        name, _, rest = text.strip().partition(" ")
        if name == "/help":
            say(HELP)
        elif name == "/clear":
            self.talk.turns.clear()
            say("forgotten")
        elif name == "/system":
            self.talk.system = rest.strip() or None
            say("system prompt set" if self.talk.system else "no system prompt")
        elif name == "/regen":
            if not self.talk.turns:
                raise UserError("there is no answer to give again yet")
            self.answer(self.talk.turns.pop()[0])
        else:
            near = did_you_mean(name, ("/help", "/clear", "/system", "/regen", "/exit"))
            raise UserError(f"no command {name}.{near}", "/help")

    def answer(self, text: str) -> None:
        """Stream the reply to stdout and remember it; Ctrl-C ends the reply and what was said counts."""
        # half of a small context at most, or a long --max-tokens would leave no room for the past
        reserve = min(self.sampling.max_tokens, self.engine.context // 2)
        ids, dropped = self.talk.prompt(self.engine, text, reserve)
        if dropped:
            turns = "oldest turn is" if dropped == 1 else f"{dropped} oldest turns are"
            say(f"[the context of {self.engine.context} tokens is full: the {turns} forgotten]")
        seed = self.sampling.seed
        if seed is not None:  # or a message said twice, and /regen, would get the same draws
            seed += self.answers
        self.answers += 1
        reply, note, begin = Reply(), "", time.perf_counter()
        try:
            print_stream(self.engine.stream([ids], dataclasses.replace(self.sampling, seed=seed)), reply)
            if reply.finish == "length":
                full = len(reply.ids) < self.sampling.max_tokens
                note = ", cut off: " + ("the context is full" if full else f"--max-tokens {self.sampling.max_tokens}")
        except KeyboardInterrupt:
            note = ", stopped"
        print()
        say(rate(len(reply.ids), time.perf_counter() - begin, note))
        self.talk.turns.append((text, reply.text))


def read_message() -> str | None:
    """One message, of several lines where they end in a backslash; None at the end of input."""
    lines = []
    while True:
        sign = ("… " if lines else "> ") if sys.stdin.isatty() else ""
        try:
            line = input(sign)
        except EOFError:
            return "\n".join(lines) if lines else None
        if not line.endswith("\\"):
            return "\n".join([*lines, line])
        lines.append(line[:-1])
