"""acorn chat: talk to a run in the terminal, or ask it one thing."""

import contextlib
import dataclasses
import json
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from acorn.commands.sample import follow, make_sampling, print_stream, rate, read_prompt, say, visible
from acorn.data.chats import read_conversations
from acorn.errors import UserError, did_you_mean
from acorn.infer.engine import Engine, Event, Reply
from acorn.infer.load import describe, load_engine
from acorn.infer.sample import Sampling
from acorn.tokenizer.chat import render_prompt

COMMANDS = {
    "/regen": ("", "answer the last message again"),
    "/undo": ("", "take the last message and its answer back"),
    "/set": ("NAME VALUE", "change the sampling, such as /set temperature 0; without both, show it"),
    "/system": ("TEXT", "set the system prompt; without TEXT, remove it"),
    "/clear": ("", "forget the conversation, keep the system prompt"),
    "/save": ("FILE", "write the conversation, in a form that /load and `train sft` read"),
    "/load": ("FILE", "go on with the first conversation of such a file"),
    "/help": ("", "this"),
    "/exit": ("", "leave; so does Ctrl-D"),
}
HELP = "\n".join(f"{f'{name} {what}':<18} {does}" for name, (what, does) in COMMANDS.items()) + (
    "\nCtrl-C stops an answer. A line that ends in \\ goes on in the next; what is pasted between two lines of "
    '""" is one message.'
)
QUOTES = '"""'
HISTORY = Path("~/.local/state/acorn/chat-history")  # what the arrow keys bring back, also the next time


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
    plain: bool = False  # print replies as they are, even on a terminal, where Markdown and code are set
    json: bool = False  # with -p: print one JSON object instead
    device: str = "auto"  # auto, cpu or cuda
    quant: str = "auto"  # weights on a CPU: none, int8 or int4; auto is int8 from 50 M parameters on

    def run(self) -> int:
        if self.json and self.prompt is None:
            raise UserError("--json needs -p TEXT: a conversation is not one object")
        sampling = make_sampling(self)
        text = None if self.prompt is None else read_prompt(self.prompt)
        engine, where = load_engine(self.run_name, self.device, say=say, quant=self.quant)
        if where.parent.name == "base" and engine.tokenizer.template is None:
            raise UserError(
                f"{where} is a base model: it continues text, it was not taught to answer",
                f"acorn sample {self.run_name} -p 'Once upon a time'",
            )
        say(describe(engine, where))
        session = Session(engine, sampling, self.system, not self.plain)
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

    def take(self, messages: list[dict]) -> None:
        """Go on with this conversation. Only the finished turns count; what tools were asked is left out."""
        texts = [(one["role"], words(one["content"])) for one in messages]
        self.system = next((text for role, text in texts if role == "system"), None)
        self.turns = [(a[1], b[1]) for a, b in pairwise(texts) if (a[0], b[0]) == ("user", "assistant")]

    def messages(self, text: str, dropped: int) -> list[dict]:
        said = [("system", self.system)] if self.system else []
        for user, assistant in self.turns[dropped:]:
            said += [("user", user), ("assistant", assistant)]
        return [{"role": role, "content": content} for role, content in [*said, ("user", text)]]


class Session:
    """The loop of a conversation in a terminal."""

    def __init__(self, engine: Engine, sampling: Sampling, system: str | None = None, markdown: bool = True):
        self.engine, self.sampling, self.talk = engine, sampling, Conversation(system)
        self.markdown, self.answers = markdown, 0

    def loop(self) -> None:
        keep_history()
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
                if text.startswith("/") and "\n" not in text:
                    self.command(text)
                elif text.strip():
                    self.answer(text)
            except UserError as e:  # such as a message that is too long: the conversation goes on
                say(f"error: {e}")

    def command(self, text: str) -> None:
        name, _, rest = text.strip().partition(" ")
        rest = rest.strip()
        if name not in COMMANDS:
            raise UserError(f"no command {name}.{did_you_mean(name, COMMANDS)}", "/help")
        getattr(self, name[1:])(*([rest] if COMMANDS[name][0] else []))

    def help(self) -> None:
        say(HELP)

    def clear(self) -> None:
        self.talk.turns.clear()
        say("forgotten")

    def system(self, text: str) -> None:
        self.talk.system = text or None
        say("system prompt set" if text else "no system prompt")

    def undo(self) -> str:
        if not self.talk.turns:
            raise UserError("there is no answer yet")
        text, _ = self.talk.turns.pop()
        say(f"taken back: {short(text)}")
        return text

    def regen(self) -> None:
        self.answer(self.undo())

    def set(self, text: str) -> None:
        name, _, value = text.partition(" ")
        names = [field.name for field in dataclasses.fields(Sampling) if field.name in Chat.__dataclass_fields__]
        if not value.strip():
            say("\n".join(f"{name:<18} {getattr(self.sampling, name)}" for name in names))
            return
        if name not in names:
            raise UserError(f"no setting {name!r}.{did_you_mean(name, names)} There is: {', '.join(names)}")
        kind = float if isinstance(getattr(self.sampling, name), float) else int
        try:
            self.sampling = dataclasses.replace(self.sampling, **{name: kind(value)})
        except ValueError:
            raise UserError(f"/set {name} {value}: expected a number") from None
        say(f"{name} {getattr(self.sampling, name)}")

    def save(self, file: str) -> None:
        if not file or not self.talk.turns:
            raise UserError("nothing was said yet" if file else "/save needs a FILE")
        path = Path(file).expanduser()
        if path.exists():
            raise UserError(f"{path} is there already; nothing was written")
        messages = self.talk.messages("", 0)[:-1]
        try:
            path.write_text(json.dumps({"messages": messages}, ensure_ascii=False) + "\n", encoding="utf-8")
        except OSError as e:
            raise UserError(f"cannot write {path}: {e.strerror}") from None
        say(f"{len(self.talk.turns)} turns in {path}")

    def load(self, file: str) -> None:
        if not file:
            raise UserError("/load needs a FILE")
        self.talk.take(read_conversations(Path(file).expanduser(), say)[0])
        say(f"{len(self.talk.turns)} turns from {file}")

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
            self.print(self.engine.stream([ids], dataclasses.replace(self.sampling, seed=seed)), reply)
            if reply.finish == "length":
                full = len(reply.ids) < self.sampling.max_tokens
                note = ", cut off: " + ("the context is full" if full else f"--max-tokens {self.sampling.max_tokens}")
        except KeyboardInterrupt:
            note = ", stopped"
        say(rate(len(reply.ids), time.perf_counter() - begin, note))
        self.talk.turns.append((text, reply.text))

    def print(self, events: Iterable[Event], reply: Reply) -> None:
        """Set on a terminal, plain elsewhere."""
        if not (self.markdown and sys.stdout.isatty()):
            try:
                print_stream(events, reply)
            finally:
                print()
            return
        from acorn.commands.typeset import Typeset

        with Typeset(Console()) as page:
            for event in follow(events, reply):
                page.push(visible(event.text))


def read_message() -> str | None:
    """
    One message: a line, of several where they end in a backslash, or all between two lines of three quotation marks.
    None at the end of input.
    """
    lines, quoted = [], False
    while True:
        sign = ("… " if lines or quoted else "> ") if sys.stdin.isatty() else ""
        try:
            line = input(sign)
        except EOFError:
            return "\n".join(lines) if lines else None
        if line.strip() == QUOTES:
            if quoted:
                return "\n".join(lines)
            quoted = not lines
        elif quoted:
            lines.append(line)
        elif line.endswith("\\"):
            lines.append(line[:-1])
        else:
            return "\n".join([*lines, line])


def keep_history() -> None:
    """Arrow keys, and what was typed the last times. Without readline, as on Windows, or a home, there is none."""
    if not sys.stdin.isatty():
        return
    with contextlib.suppress(ImportError, OSError, RuntimeError):
        import atexit
        import readline

        file = HISTORY.expanduser()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        readline.set_history_length(1000)
        readline.read_history_file(file)
        atexit.register(readline.write_history_file, file)


def words(content: str | list[dict]) -> str:
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return "".join(part["text"] for part in parts if part["type"] == "text")


def short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else line[:59] + "…"
