"""
The shapes that conversations have in the files of this world -> one list of messages.

    {"messages": [{"role": "user", "content": "hi"}, ...]}          messages; OpenAI's tool calls too
    [{"role": "user", "content": "hi"}, ...]                        list of messages (nanochat)
    {"conversations": [{"from": "human", "value": "hi"}, ...]}      ShareGPT; function_call, observation and tools too
    {"instruction": "hi", "input": "", "output": "ho"}              Alpaca; system and history too
    {"instruction": "hi", "context": "", "response": "ho"}          Dolly
    {"prompt": "hi", "completion": "ho"}                            prompt and completion
    {"message_tree_id": ..., "prompt": {"text": "hi", ...}}         OpenAssistant tree: its best-ranked path

Calls of tools become python parts of the assistant's turn, and what came back becomes output parts.
"""

import json
import keyword
from collections.abc import Iterable, Iterator

from acorn.tokenizer.chat import ROLES, BadChat, check, parts_of, show

MAX_CHARS = 4 << 20  # of a conversation
SHAREGPT = {
    "system": "system", "human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant",
    "function_call": "call", "observation": "output",
}  # fmt: skip
PAIRS = (
    ("Alpaca", "instruction", "input", "output"),
    ("Dolly", "instruction", "context", "response"),
    ("prompt and completion", "prompt", "", "completion"),
)
FIELDS = {"messages", "conversations", "message_tree_id", "system", "tools", "history"}
FIELDS |= {name for pair in PAIRS for name in pair[1:]}


def conversation(row) -> tuple[str, list[dict]]:
    """A row -> (name of its shape, messages); BadChat says what is wrong with it."""
    try:
        shape, messages = recognise(row)
        check(messages)
    except RecursionError:
        raise BadChat("not JSON", "nested too deeply") from None
    if all(m["role"] != "assistant" for m in messages):
        raise BadChat("no answer", "the assistant says nothing")
    size = 0
    for message in messages:
        parts = parts_of(message["content"])
        for part in parts:
            part["text"] = mend(part["text"])
            size += len(part["text"])
        plain = len(parts) == 1 and parts[0]["type"] == "text"
        message["content"] = parts[0]["text"] if plain else parts
    if size > MAX_CHARS:
        raise BadChat("too long", f"longer than {MAX_CHARS:,} characters")
    return shape, messages


def recognise(row) -> tuple[str, list[dict]]:
    if isinstance(row, list):
        return "list of messages", from_messages(row, "")
    if not isinstance(row, dict):
        raise BadChat("unknown shape", f"expected an object, got {show(row)}")
    has = {key for key, value in row.items() if value is not None}
    if "messages" in has:
        return "messages", from_messages(row["messages"], "messages")
    if "conversations" in has:
        turns = objects(row["conversations"], "conversations")
        if all("role" in turn for turn in turns):
            return "messages", from_messages(turns, "conversations")
        return "ShareGPT", assemble(sharegpt(row, turns))
    if {"prompt", "message_tree_id"} <= has:
        return "OpenAssistant tree", assemble(best_path(row["prompt"]))
    for shape, question, more, answer in PAIRS:
        if {question, answer} <= has:
            return shape, assemble(pair(row, question, more, answer))
    names = ", ".join(show(key)[1:-1] for key in list(row)[:8]) or "nothing"
    raise BadChat(
        "unknown shape", f"neither messages nor conversations nor instruction and output (or response); it has {names}"
    )


def objects(value, name: str) -> list[dict]:
    if not isinstance(value, list) or not value:
        raise BadChat("wrong type", f"{name or 'the line'} must be a list of objects, not {show(value)}")
    for i, item in enumerate(value):
        if not isinstance(item, dict):
            raise BadChat("wrong type", f"{name}[{i}] is {show(item)}; it must be an object")
    return value


def from_messages(value, name: str) -> list[dict]:
    """Messages as they are, or with OpenAI's tool_calls, function_call and the roles tool and function."""
    items = objects(value, name)
    if all(m.get("role") not in ("tool", "function") and not calls_of(m) for m in items):
        return [{"role": m.get("role"), "content": m.get("content")} for m in items]
    events = []
    for i, m in enumerate(items):
        where, role, content = f"{name}[{i}]", m.get("role"), m.get("content")
        kind = "output" if role in ("tool", "function") else role
        if kind not in (*ROLES, "output"):
            raise BadChat("unknown role", f"{where}.role is {show(role)}; roles are {', '.join(ROLES)}, tool, function")
        if isinstance(content, list):
            parts = objects(content, f"{where}.content")
            content = "".join(text(part.get("text"), f"{where}.content[{k}].text") for k, part in enumerate(parts))
        calls = calls_of(m)
        if content or not calls:
            events.append((f"{where}.content", kind, content))
        events += [(f"{where}.tool_calls", "call", call) for call in calls]
    return assemble(events)


def calls_of(message: dict) -> list:
    """[{"name": ..., "arguments": ...}]"""
    calls = message.get("tool_calls")
    found = [c.get("function") if isinstance(c, dict) else c for c in calls] if isinstance(calls, list) else []
    return found + ([message["function_call"]] if message.get("function_call") else [])


def sharegpt(row: dict, turns: list[dict]) -> Iterator[tuple]:
    tools = row.get("tools")
    tools = tools if isinstance(tools, str) else json.dumps(tools or [])
    system = [row.get("system") or "", f"You can call these tools:\n{tools}" if tools.strip() not in ("", "[]") else ""]
    if turns[0].get("from") == "system" and any(system):
        system.insert(1, text(turns[0].get("value"), "conversations[0].value"))
        turns, skipped = turns[1:], 1
    else:
        skipped = 0
    if any(system):
        yield "system", "system", "\n\n".join(filter(None, (text(part, "system") for part in system)))
    for i, turn in enumerate(turns, skipped):
        who = turn.get("from")
        if not isinstance(who, str) or who not in SHAREGPT:
            raise BadChat("unknown role", f"conversations[{i}].from is {show(who)}; known are {', '.join(SHAREGPT)}")
        yield f"conversations[{i}].value", SHAREGPT[who], turn.get("value")


def pair(row: dict, question: str, more: str, answer: str) -> Iterator[tuple]:
    if row.get("system"):
        yield "system", "system", row["system"]
    history = row.get("history") or []
    if not isinstance(history, list) or not all(isinstance(p, list) and len(p) == 2 for p in history):
        raise BadChat("wrong type", f"history is {show(history)}; it must be a list of [question, answer]")
    for i, (asked, said) in enumerate(history):
        yield f"history[{i}][0]", "user", asked
        yield f"history[{i}][1]", "assistant", said
    extra = text(row.get(more) or "", more)
    yield question, "user", text(row[question], question) + (f"\n\n{extra}" if extra else "")
    yield answer, "assistant", row[answer]


def best_path(node) -> Iterator[tuple]:
    """At every branch the reply with the best rank, up to the last answer."""
    path, where = [], "prompt"
    while node:
        if not isinstance(node, dict) or not isinstance(node.get("replies", []), list):
            raise BadChat("wrong type", f"{where} is {show(node)}; it must be an object with text and replies")
        path.append((f"{where}.text", "assistant" if len(path) % 2 else "user", node.get("text")))
        replies = [r for r in node.get("replies", []) if isinstance(r, dict) and not r.get("deleted")]
        ranked = [(r["rank"], i) for i, r in enumerate(replies) if type(r.get("rank")) is int]
        node = replies[min(ranked)[1] if ranked else 0] if replies else None
        where = "a reply"
    yield from path[: len(path) // 2 * 2]


def assemble(events: Iterable[tuple]) -> list[dict]:
    """
    (where, system | user | assistant | call | output, text) -> messages. Calls and outputs are parts of the assistant's
    turn, which goes on after them. `where` names the field, for errors.
    """
    messages, last = [], None
    for where, kind, value in events:
        value = python_call(value, where) if kind == "call" else text(value, where)
        if kind != "output" and not value.strip():
            raise BadChat("empty turn", f"{where} is empty: {show(value)}")
        if kind == "system" and last:
            raise BadChat("wrong order", f"{where} is from the system; only the first message can be")
        if kind == "user" and last == "user" or kind == "assistant" and last not in ("user", "call", "output"):
            raise BadChat("wrong order", f"{where} comes from {kind}, but the two speak by turns")
        if kind == "output" and last != "call":
            raise BadChat("tool out of place", f"{where} is a tool's output, but no call stands before it")
        if kind == "call" and last in (None, "system"):
            raise BadChat("wrong order", f"{where} is a tool call before the user said anything")
        if kind in ("system", "user"):
            messages.append({"role": kind, "content": value})
        else:
            if last in (None, "system", "user"):
                messages.append({"role": "assistant", "content": []})
            part = {"assistant": "text", "call": "python", "output": "output"}[kind]
            messages[-1]["content"].append({"type": part, "text": value})
        last = kind
    return messages


def python_call(call, where: str) -> str:
    """{"name": "search", "arguments": {"query": "rice"}}, or that as JSON -> search(query='rice')"""
    try:
        call = json.loads(call) if isinstance(call, str) else call
        arguments = call.get("arguments") or {} if isinstance(call, dict) else None
        arguments = json.loads(arguments) if isinstance(arguments, str) else arguments
    except ValueError as e:
        raise BadChat("not a tool call", f"{where} is a tool call that is not JSON: {e}") from None
    name = call.get("name") if isinstance(call, dict) else None
    if not isinstance(arguments, dict) or not isinstance(name, str) or not is_name(name):
        raise BadChat("not a tool call", f"{where} is {show(call)}; a call has a name and arguments by name")
    if all(map(is_name, arguments)):
        return f"{name}({', '.join(f'{key}={value!r}' for key, value in arguments.items())})"
    return f"{name}(**{arguments!r})"


def is_name(word: str) -> bool:
    return word.isidentifier() and not keyword.iskeyword(word)


def text(value, where: str) -> str:
    if not isinstance(value, str):
        raise BadChat("wrong type", f"{where} is {show(value)}; it must be text")
    return value


def mend(text: str) -> str:
    """Half a surrogate pair, which JSON can write as \\ud83d and UTF-8 cannot, becomes U+FFFD."""
    try:
        text.encode()
        return text
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
