"""
Conversations in the words of an imported model's own chat template.

The template sees each content as a mark that nobody can guess, with the white space around it and Qwen's <think> and
its like left in place, since templates trim and split by these. What it renders is cut at the special tokens that the
template itself wrote; only then do the contents take the place of their marks, and each piece is encoded as one text.
So a user's <|im_end|> stays ten characters, and for all other contents the ids are those of transformers'
apply_chat_template.
"""

import functools
import itertools
import json
import re
import secrets
import subprocess
import sys
import threading
import weakref
from pathlib import Path

from acorn.errors import UserError

WORKER = Path(__file__).with_name("template_worker.py")


def encode(tokenizer, messages: list[dict]) -> tuple[list[int], list[int]]:
    """
    Checked messages -> (ids, mask). An assistant's part begins where a prompt for it would end and goes up to and with
    the next token that ends a reply.
    """
    turns = [i for i, message in enumerate(messages) if message["role"] == "assistant"]
    texts, contents = expand(tokenizer, messages, [(len(messages), False), *((i, True) for i in turns)])
    whole, prompts = texts[0], texts[1:]
    for turn, prompt in zip(turns, prompts):
        if not whole.startswith(prompt):
            raise UserError(
                f"this model's chat template writes what stands before message {turn} in another way once the answer "
                "is there, so its words cannot be told apart from the prompt"
            )
    ids, mask, starts, learn, at = [], [], [len(p) for p in prompts], False, 0
    for piece in pieces(tokenizer, whole):
        if piece in tokenizer.specials:
            token = tokenizer.specials[piece]
            learn = learn or bool(starts and at >= starts[0])
            ids.append(token)
            mask.append(int(learn))
            learn = learn and token not in tokenizer.stops
        else:
            tokens = tokenizer.encode(restore(piece, contents))
            ids += tokens
            # the first byte that the assistant says; a token that begins before it belongs to the prompt
            first = 0 if learn else None
            if starts and at <= starts[0] < at + len(piece):
                first = len(tokenizer.normalize(restore(piece[: starts[0] - at], contents)).encode())
            sizes = itertools.accumulate((len(tokenizer.decode_bytes([t])) for t in tokens), initial=0)
            mask += [int(first is not None and size >= first) for _, size in zip(tokens, sizes)]
            learn = first is not None
        at += len(piece)
        while starts and starts[0] < at:
            starts.pop(0)
    return ids, mask


def encode_prompt(tokenizer, messages: list[dict]) -> list[int]:
    """Checked messages, the last from the user -> ids that end where the assistant is to go on."""
    (text,), contents = expand(tokenizer, messages, [(len(messages), True)])
    ids = []
    for piece in pieces(tokenizer, text):
        special = tokenizer.specials.get(piece)
        ids += tokenizer.encode(restore(piece, contents)) if special is None else [special]
    return ids


def check_template(tokenizer) -> None:
    """UserError if its template cannot be read or cannot render the smallest conversation."""
    if tokenizer.template is not None:
        encode_prompt(tokenizer, [{"role": "user", "content": "Hello"}])


def expand(tokenizer, messages: list[dict], cuts: list[tuple[int, bool]]) -> tuple[list[str], dict[str, str]]:
    """-> (what the template makes of the first n messages, for each cut; mark -> content)"""
    if tokenizer.template is None:
        raise UserError(
            "this run has no chat template, so it cannot hold a conversation",
            "import it again with --template FILE.jinja (or --template plain)",
        )
    contents: dict[str, str] = {}
    key = f"\ue000{secrets.randbelow(10**20)}."
    plain = [t["content"] for t in tokenizer.added.values() if not t["special"]]
    seen = [{**m, "content": disguise(content_of(m, i), plain, contents, key)} for i, m in enumerate(messages)]
    names = json.dumps(tokenizer.names, sort_keys=True)
    texts = worker(tokenizer.template, names).render(seen, cuts)
    if any(text.count("\ue000") != sum(map(text.count, contents)) for text in texts):
        raise UserError("this model's chat template changes what people say, beyond trimming it: it cannot be used")
    return texts, contents


def content_of(message: dict, i: int) -> str:
    content = message["content"]
    if isinstance(content, str):
        return content
    if any(part["type"] != "text" for part in content):
        raise UserError(f"message {i} calls a tool; for that this model's chat template has no place")
    return "".join(part["text"] for part in content)


def disguise(content: str, plain: list[str], contents: dict[str, str], key: str) -> str:
    """'  hi <think>' -> '  MARK <think>', and the mark is noted in contents."""

    def mark(text: str) -> str:
        core = text.strip()
        if not core:
            return text
        name = f"{key}{len(contents)}\ue001"
        contents[name] = core
        start = text.index(core)
        return text[:start] + name + text[start + len(core) :]

    if not plain:
        return mark(content)
    parts = re.split("(" + "|".join(map(re.escape, sorted(plain, key=len, reverse=True))) + ")", content)
    return "".join(part if i % 2 else mark(part) for i, part in enumerate(parts))


def pieces(tokenizer, text: str) -> list[str]:
    """The text, cut before and after each special token."""
    if not tokenizer.specials:
        return [text]
    names = sorted(tokenizer.specials, key=len, reverse=True)
    return [piece for piece in re.split("(" + "|".join(map(re.escape, names)) + ")", text) if piece]


def restore(piece: str, contents: dict[str, str]) -> str:
    return re.sub("\ue000[0-9]+[.][0-9]+\ue001", lambda mark: contents[mark[0]], piece) if contents else piece


class Worker:
    """The process that renders one template."""

    def __init__(self, template: str, names: str):
        self.process = subprocess.Popen(
            [sys.executable, "-I", str(WORKER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, encoding="utf-8",
        )  # fmt: skip
        self.lock = threading.Lock()
        self.close = weakref.finalize(self, end, self.process)
        self.ask({"template": template, "names": json.loads(names)})

    def render(self, messages: list[dict], cuts: list[tuple[int, bool]]) -> list[str]:
        return self.ask({"messages": messages, "cuts": cuts})["texts"]

    def ask(self, request: dict) -> dict:
        with self.lock:
            try:
                self.process.stdin.write(json.dumps(request) + "\n")
                self.process.stdin.flush()
                line = self.process.stdout.readline()
            except OSError:
                line = ""
        if not line:
            worker.cache_clear()  # the next conversation gets a new one
            raise UserError("this model's chat template does not come to an end, or needs too much memory: stopped")
        answer = json.loads(line)
        if "error" in answer:
            raise UserError(f"this model's chat template cannot render the conversation: {answer['error'][:500]}")
        return answer


def end(process: subprocess.Popen) -> None:
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


@functools.lru_cache(maxsize=4)
def worker(template: str, names: str) -> Worker:
    return Worker(template, names)
