"""
How a conversation becomes tokens. The tokens that steer stand apart from the text: content is encoded as ordinary
text, so a user who types <|assistant_start|> has typed 20 characters and no more.

    messages   system                  user                      assistant
    ids    bos <|system_start|> S <|system_end|> <|user_start|> U <|user_end|> <|assistant_start|> A <|assistant_end|>
    mask   0   0                0 0              0              0 0            0                   1 1

A message is {"role": "system" | "user" | "assistant", "content": a string or a list of parts}, a part is
{"type": "text" | "python" | "output", "text": a string}. python is what the assistant sends to its tool, output is what
came back, which is never learned:

    A      text   <|python_start|> code <|python_end|>   <|output_start|> result <|output_end|>   text
    mask   1      1                1    1                0                0      0                1

An imported model has a template of its own: template.py.
"""

import itertools
import reprlib

from acorn.errors import UserError
from acorn.tokenizer import template

SPECIALS = (
    "<|bos|>",
    "<|user_start|>",
    "<|user_end|>",
    "<|assistant_start|>",
    "<|assistant_end|>",
    "<|python_start|>",
    "<|python_end|>",
    "<|output_start|>",
    "<|output_end|>",
    "<|system_start|>",
    "<|system_end|>",
)

ROLES = ("system", "user", "assistant")
PARTS = ("text", "python", "output")


def render(tokenizer, messages: list[dict]) -> tuple[list[int], list[int]]:
    """
    [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}] -> (ids, mask), equally long.
    mask[i] is 1 where ids[i] is for the assistant to say (its words, its calls and <|assistant_end|>): what is learned.
    """
    check(messages)
    return template.encode(tokenizer, messages) if tokenizer.kind == "foreign" else encode(tokenizer, messages)


def render_prompt(tokenizer, messages: list[dict]) -> list[int]:
    """Ids that end where the assistant is to go on: ... <|user_end|><|assistant_start|>"""
    check(messages, silence=True)
    if messages[-1]["role"] != "user":
        raise UserError(f"the last message before an answer must come from the user, not from {messages[-1]['role']}")
    if tokenizer.kind == "foreign":
        return template.encode_prompt(tokenizer, messages)
    return encode(tokenizer, messages)[0] + [tokenizer.special("<|assistant_start|>")]


def encode(tokenizer, messages: list[dict]) -> tuple[list[int], list[int]]:
    """Checked messages -> (ids, mask)"""
    ids, mask = [tokenizer.bos], [0]
    for message in messages:
        role = message["role"]
        learn = int(role == "assistant")
        ids.append(tokenizer.special(f"<|{role}_start|>"))
        mask.append(0)
        for part in parts_of(message["content"]):
            kind, words = part["type"], tokenizer.encode(part["text"])
            if kind != "text":
                words = [tokenizer.special(f"<|{kind}_start|>"), *words, tokenizer.special(f"<|{kind}_end|>")]
            ids += words
            mask += [learn if kind != "output" else 0] * len(words)
        ids.append(tokenizer.special(f"<|{role}_end|>"))
        mask.append(learn)
    return ids, mask


def parts_of(content: str | list[dict]) -> list[dict]:
    """'hi' -> [{"type": "text", "text": "hi"}]; texts in a row become one, since that is what they are to a reader."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    parts = []
    for kind, group in itertools.groupby(content, key=lambda part: part["type"]):
        texts = [part["text"] for part in group]
        parts += [{"type": kind, "text": text} for text in (["".join(texts)] if kind == "text" else texts)]
    return parts


def text_of(content: str | list[dict]) -> str:
    """What the assistant says to the user: the text without calls and outputs."""
    return "".join(part["text"] for part in parts_of(content) if part["type"] == "text")


def parse_reply(tokenizer, ids: list[int]) -> list[dict]:
    """
    Generated ids, what follows <|assistant_start|> -> parts, the inverse of `render` for one answer. Ends at
    <|assistant_end|> or <|bos|>. A call or an output that the reply ended in carries "closed": False. Special tokens
    that mean nothing where they stand (an end without a start, an output that answers no call) are left out.
    """
    names = {i: name for name, i in tokenizer.specials.items()}
    parts, kind, held = [], "text", []

    def close() -> None:
        if held or kind != "text":
            parts.append({"type": kind, "text": tokenizer.decode(held)})
            held.clear()

    for i in ids:
        name = names.get(i)
        if name in ("<|assistant_end|>", "<|bos|>"):
            break
        if name is None:
            held.append(i)
        elif name == "<|python_start|>" and kind == "text":
            close()
            kind = "python"
        elif name == "<|output_start|>" and kind == "text" and not held and parts and parts[-1]["type"] == "python":
            kind = "output"
        elif name == f"<|{kind}_end|>":
            close()
            kind = "text"
    close()
    if kind != "text":
        parts[-1]["closed"] = False
    return parts


class BadChat(UserError):
    """What is wrong with a conversation; `cause` is the same for all that have it, so that they can be counted."""

    def __init__(self, cause: str, message: str):
        super().__init__(message)
        self.cause = cause


def check(messages: list[dict], silence: bool = False) -> None:
    """
    At most one system message, first; then user and assistant by turns, nobody with empty hands. `silence` lets pass
    an assistant that said nothing: models do, and the talk goes on. Otherwise BadChat.
    """
    if not isinstance(messages, list):
        raise BadChat("wrong type", f"a conversation is a list of messages, not {show(messages)}")
    if not messages:
        raise BadChat("empty", "a conversation needs at least one message")
    turn = "user"
    for i, message in enumerate(messages):
        if not isinstance(message, dict):
            raise BadChat("wrong type", f"message {i} is {show(message)}; it must be an object with role and content")
        role = message.get("role")
        if role not in ROLES:
            raise BadChat("unknown role", f"message {i} has the role {show(role)}; roles are {', '.join(ROLES)}")
        if role == "system" and i:
            raise BadChat("wrong order", f"message {i} is a system message; only the first message can be one")
        if role not in ("system", turn):
            raise BadChat(
                "wrong order", f"message {i} comes from {role}, but it is {turn}'s turn; the two speak by turns"
            )
        check_content(message.get("content"), f"message {i} ({role})", role, silence and role == "assistant")
        if role != "system":
            turn = "assistant" if turn == "user" else "user"
    if messages[-1]["role"] == "system":
        raise BadChat("no question", "a conversation needs at least one message from the user")


def check_content(content, where: str, role: str, silence: bool) -> None:
    """where: 'message 1 (assistant)', for the text of errors."""
    if isinstance(content, str):
        if not silence and not content.strip():
            raise BadChat("empty turn", f"{where} is empty: content is {show(content)}")
        return
    if not isinstance(content, list):
        kind = type(content).__name__
        raise BadChat("wrong type", f"{where} has content of type {kind}; it must be a string or a list of parts")
    before, said = None, silence
    for k, part in enumerate(content):
        at = f"{where}, content[{k}]"
        if not isinstance(part, dict):
            raise BadChat("wrong type", f"{at} is {show(part)}; a part is an object with type and text")
        kind, text = part.get("type"), part.get("text")
        if kind not in PARTS:
            raise BadChat("unknown part", f"{at} has the type {show(kind)}; types are {', '.join(PARTS)}")
        if not isinstance(text, str):
            raise BadChat("wrong type", f"{at} ({kind}) has text of type {type(text).__name__}; it must be a string")
        if kind != "text" and role != "assistant":
            raise BadChat("tool out of place", f"{at} has the type {kind!r}; only the assistant has a tool")
        if kind == "output" and before != "python":
            raise BadChat("tool out of place", f"{at} is an output, but no python call stands before it")
        if kind == "python" and not silence and not text.strip():
            raise BadChat("empty turn", f"{at} is an empty python call")
        before, said = kind, said or bool(text.strip())
    if not said:
        raise BadChat("empty turn", f"{where} is empty: content is {show(content)}")


def show(value) -> str:
    """A value as an error names it: short, whatever it is."""
    return reprlib.repr(value)
