"""
How a conversation becomes tokens. The tokens that steer stand apart from the text: content is encoded as ordinary
text, so a user who types <|assistant_start|> has typed 20 characters and no more.

    messages   system                  user                      assistant
    ids    bos <|system_start|> S <|system_end|> <|user_start|> U <|user_end|> <|assistant_start|> A <|assistant_end|>
    mask   0   0                0 0              0              0 0            0                   1 1
"""

from acorn.errors import UserError

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


def render(tokenizer, messages: list[dict]) -> tuple[list[int], list[int]]:
    """
    [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}] -> (ids, mask), equally long.
    mask[i] is 1 where ids[i] is for the assistant to say (its words and <|assistant_end|>): the targets to learn from.
    """
    check(messages)
    ids, mask = [tokenizer.bos], [0]
    for message in messages:
        role = message["role"]
        content = tokenizer.encode(message["content"])
        learn = int(role == "assistant")
        ids += [tokenizer.special(f"<|{role}_start|>"), *content, tokenizer.special(f"<|{role}_end|>")]
        mask += [0] + [learn] * (len(content) + 1)
    return ids, mask


def render_prompt(tokenizer, messages: list[dict]) -> list[int]:
    """Ids that end where the assistant is to go on: ... <|user_end|><|assistant_start|>"""
    if not messages or messages[-1].get("role") != "user":
        last = messages[-1].get("role") if messages else "nothing"
        raise UserError(f"the last message before an answer must come from the user, not from {last}")
    return render(tokenizer, messages)[0] + [tokenizer.special("<|assistant_start|>")]


def check(messages: list[dict]) -> None:
    """At most one system message, first; then user and assistant by turns."""
    if not messages:
        raise UserError("a conversation needs at least one message")
    turn = "user"
    for i, message in enumerate(messages):
        role, content = message.get("role"), message.get("content")
        if role not in ROLES:
            raise UserError(f"message {i} has the role {role!r}; roles are {', '.join(ROLES)}")
        if not isinstance(content, str):
            raise UserError(f"message {i} ({role}) has content of type {type(content).__name__}; it must be a string")
        if role == "system":
            if i:
                raise UserError(f"message {i} is a system message; only the first message can be one")
            continue
        if role != turn:
            raise UserError(f"message {i} comes from {role}, but it is {turn}'s turn; the two speak by turns")
        turn = "assistant" if turn == "user" else "user"
    if turn == "user" and messages[-1]["role"] == "system":
        raise UserError("a conversation needs at least one message from the user")
