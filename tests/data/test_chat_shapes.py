"""The shapes that people have, read into one list of messages; what is wrong named by field and value."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acorn.data.chat_shapes import conversation
from acorn.tokenizer.chat import BadChat, check


def turns(*pairs):
    return [{"role": role, "content": content} for role, content in pairs]


def parts(*pairs):
    return [{"type": kind, "text": text} for kind, text in pairs]


def sharegpt(*pairs, **more):
    return {"conversations": [{"from": who, "value": value} for who, value in pairs], **more}


TALK = turns(("user", "a"), ("assistant", "b"))
GOOD = {"instruction": "hi", "output": "ho"}
CALL = json.dumps({"name": "add", "arguments": {"a": 1, "b": [True, None, "x"]}})
PYTHON = ("python", "add(a=1, b=[True, None, 'x'])")
CALLED = turns(("user", "q"), ("assistant", parts(PYTHON, ("output", "2"), ("text", "two"))))


@pytest.mark.parametrize(
    "row, shape, expected",
    [
        (GOOD, "Alpaca", turns(("user", "hi"), ("assistant", "ho"))),
        ({**GOOD, "input": ""}, "Alpaca", turns(("user", "hi"), ("assistant", "ho"))),
        ({**GOOD, "input": None, "messages": None}, "Alpaca", turns(("user", "hi"), ("assistant", "ho"))),
        ({**GOOD, "input": "there"}, "Alpaca", turns(("user", "hi\n\nthere"), ("assistant", "ho"))),
        ({"instruction": "a", "context": "b", "response": "c"}, "Dolly", turns(("user", "a\n\nb"), ("assistant", "c"))),
        (
            {**GOOD, "system": "s", "history": [["a", "b"]]},
            "Alpaca",
            turns(("system", "s"), ("user", "a"), ("assistant", "b"), ("user", "hi"), ("assistant", "ho")),
        ),
        ({"prompt": "a", "completion": "b"}, "prompt and completion", TALK),
        (TALK, "list of messages", TALK),
        ({"conversations": TALK}, "messages", TALK),
        (
            {
                "messages": [*turns(("system", "s"), ("user", "a")), {"role": "assistant", "content": "b", "id": 7}],
                "x": 1,
            },
            "messages",
            turns(("system", "s"), ("user", "a"), ("assistant", "b")),
        ),
        (
            {"messages": turns(("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "ü😀"))},
            "messages",
            turns(("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "ü😀")),
        ),
        (
            {"messages": turns(("user", parts(("text", "a"), ("text", "b"))), ("assistant", parts(("text", "c"))))},
            "messages",
            turns(("user", "ab"), ("assistant", "c")),
        ),
        (
            {"messages": turns(("user", "a"), ("assistant", [{"type": "python", "text": "1+1", "id": 7}]))},
            "messages",
            turns(("user", "a"), ("assistant", parts(("python", "1+1")))),
        ),
        (sharegpt(("human", "a"), ("gpt", "b")), "ShareGPT", TALK),
        (sharegpt(("system", "s"), ("user", "a"), ("assistant", "b")), "ShareGPT", turns(("system", "s")) + TALK),
        (sharegpt(("human", "a"), ("gpt", "b"), system="s", tools="[]"), "ShareGPT", turns(("system", "s")) + TALK),
        (
            sharegpt(("system", "t"), ("human", "a"), ("gpt", "b"), system="s", tools='[{"name": "add"}]'),
            "ShareGPT",
            turns(("system", 's\n\nt\n\nYou can call these tools:\n[{"name": "add"}]')) + TALK,
        ),
        (
            sharegpt(("human", "a"), ("gpt", "b"), tools=[{"name": "add"}]),
            "ShareGPT",
            turns(("system", 'You can call these tools:\n[{"name": "add"}]')) + TALK,
        ),
        (sharegpt(("human", "q"), ("function_call", CALL), ("observation", "2"), ("gpt", "two")), "ShareGPT", CALLED),
        (
            sharegpt(("human", "q"), ("gpt", "let me see"), ("function_call", CALL), ("human", "and?"), ("gpt", "no")),
            "ShareGPT",
            turns(
                ("user", "q"),
                ("assistant", parts(("text", "let me see"), PYTHON)),
                ("user", "and?"),
                ("assistant", "no"),
            ),
        ),
        (
            sharegpt(("human", "q"), ("function_call", '{"name": "a", "arguments": {"from": 1, "x y": "z"}}')),
            "ShareGPT",
            turns(("user", "q"), ("assistant", parts(("python", "a(**{'from': 1, 'x y': 'z'})")))),
        ),
        (
            {
                "messages": [
                    {"role": "user", "content": "q"},
                    {"role": "assistant", "content": None, "tool_calls": [{"function": json.loads(CALL)}]},
                    {"role": "tool", "content": "2"},
                    {"role": "assistant", "content": parts(("text", "two"))},
                ]
            },
            "messages",
            CALLED,
        ),
        (
            {
                "messages": [
                    {"role": "user", "content": "q"},
                    {"role": "assistant", "content": "", "function_call": {"name": "f", "arguments": "{}"}},
                    {"role": "function", "content": ""},
                ]
            },
            "messages",
            turns(("user", "q"), ("assistant", parts(("python", "f()"), ("output", "")))),
        ),
        (
            {
                "message_tree_id": "7",
                "prompt": {
                    "text": "a",
                    "replies": [
                        {"text": "worse", "rank": 1, "replies": []},
                        {"text": "gone", "rank": 0, "deleted": True},
                        {"text": "b", "rank": 0, "replies": [{"text": "not answered", "replies": []}]},
                    ],
                },
            },
            "OpenAssistant tree",
            TALK,
        ),
    ],
)
def test_shapes(row, shape, expected):
    assert conversation(json.loads(json.dumps(row))) == (shape, expected)
    check(expected)


@pytest.mark.parametrize(
    "row, cause, says",
    [
        (1, "unknown shape", "expected an object, got 1"),
        (None, "unknown shape", "expected an object, got None"),
        ({}, "unknown shape", "neither messages nor conversations nor instruction and .* it has nothing"),
        ({"instruction": "a", "output": None}, "unknown shape", "it has instruction, output"),
        ({"text": "a" * 99, "x\x1b[2J": 1}, "unknown shape", r"it has text, x\\x1b\[2J"),
        ({"instruction": 3, "output": "b"}, "wrong type", "instruction is 3; it must be text"),
        ({"instruction": "a", "input": [1], "output": "b"}, "wrong type", r"input is \[1\]; it must be text"),
        ({**GOOD, "output": ["x"]}, "wrong type", r"output is \['x'\]; it must be text"),
        ({**GOOD, "output": " "}, "empty turn", "output is empty: ' '"),
        ({**GOOD, "history": "x"}, "wrong type", "history is 'x'; it must be a list of"),
        ({**GOOD, "history": [["a", 1]]}, "wrong type", r"history\[0\]\[1\] is 1; it must be text"),
        ({**GOOD, "output": "x" * 5_000_000}, "too long", "longer than 4,194,304 characters"),
        ([], "wrong type", r"the line must be a list of objects, not \[\]"),
        ({"messages": []}, "wrong type", r"messages must be a list of objects, not \[\]"),
        ({"messages": "hi"}, "wrong type", "messages must be a list of objects, not 'hi'"),
        ({"messages": ["hi"]}, "wrong type", r"messages\[0\] is 'hi'; it must be an object"),
        ({"messages": turns(("user", None), ("assistant", "b"))}, "wrong type", "content of type NoneType; it must be"),
        ({"messages": turns(("user", ""), ("assistant", "b"))}, "empty turn", r"message 0 \(user\) is empty"),
        ({"messages": turns(("user", "a"), ("user", "b"))}, "wrong order", "comes from user, but it is assistant's"),
        ({"messages": turns(("assistant", "a"), ("user", "b"))}, "wrong order", "it is user's turn"),
        ({"messages": turns(("human", "a"), ("gpt", "b"))}, "unknown role", "has the role 'human'"),
        ({"messages": turns(("user", "a"), ("system", "s"))}, "wrong order", "only the first message can be one"),
        ({"messages": turns(("user", "a"))}, "no answer", "the assistant says nothing"),
        ({"messages": turns(("system", "a"))}, "no question", "at least one message from the user"),
        (
            {"messages": turns(("user", [{"type": "image_url", "image_url": "x"}]), ("assistant", "b"))},
            "unknown part",
            r"message 0 \(user\), content\[0\] has the type 'image_url'",
        ),
        (
            {"messages": turns(("user", "a"), ("tool", "2"))},
            "tool out of place",
            r"messages\[1\].content is a tool's output, but no call stands before it",
        ),
        (
            {"messages": turns(("user", "a"), ("robot", "b"), ("tool", "2"))},
            "unknown role",
            r"messages\[1\].role is 'robot'",
        ),
        (sharegpt(("human", "a"), ("robot", "b")), "unknown role", r"conversations\[1\].from is 'robot'; known are"),
        (sharegpt(("human", "a"), ("gpt", None)), "wrong type", r"conversations\[1\].value is None; it must be text"),
        (sharegpt(("human", "a"), ("gpt", "")), "empty turn", r"conversations\[1\].value is empty: ''"),
        (sharegpt(("gpt", "a"), ("human", "b")), "wrong order", r"conversations\[0\].value comes from assistant"),
        (sharegpt(("human", "a"), ("human", "b")), "wrong order", r"conversations\[1\].value comes from user, but"),
        (sharegpt(("human", "a"), ("gpt", "b"), ("gpt", "c")), "wrong order", r"conversations\[2\].value comes from"),
        (sharegpt(("human", "a"), ("system", "b")), "wrong order", r"conversations\[1\].value is from the system"),
        (sharegpt(("human", "a"), ("observation", "2")), "tool out of place", r"conversations\[1\].value is a tool's"),
        (sharegpt(("function_call", CALL)), "wrong order", r"conversations\[0\].value is a tool call before the user"),
        (sharegpt(("human", "a"), ("function_call", "f(")), "not a tool call", r"conversations\[1\].* not JSON: Exp"),
        (sharegpt(("human", "a"), ("function_call", "[1]")), "not a tool call", "a call has a name and arguments"),
        (sharegpt(("human", "a"), ("function_call", '{"name": "a b"}')), "not a tool call", "a call has a name"),
        ({"conversations": [1]}, "wrong type", r"conversations\[0\] is 1; it must be an object"),
        ({"message_tree_id": 1, "prompt": "a"}, "wrong type", "prompt is 'a'; it must be an object with text and"),
        (
            {"message_tree_id": 1, "prompt": {"replies": [{"text": "b"}]}},
            "wrong type",
            "prompt.text is None; it must be text",
        ),
    ],
)
def test_what_is_wrong_is_named(row, cause, says):
    with pytest.raises(BadChat, match=says) as e:
        conversation(row)
    assert e.value.cause == cause and len(e.value.message) < 300


NAMES = """messages conversations role content from value instruction input output response prompt completion replies
text rank deleted system tools history tool_calls function_call function name arguments type message_tree_id""".split()
WORDS = "user assistant system human gpt function_call observation tool python output text a".split() + ["", "{}", CALL]
KEYS, LEAVES = st.sampled_from(NAMES), st.sampled_from(WORDS) | st.none() | st.booleans() | st.integers() | st.floats()
ROWS = st.recursive(
    LEAVES | st.text(max_size=3), lambda x: st.lists(x, max_size=4) | st.dictionaries(KEYS, x, max_size=6)
)


@settings(max_examples=300, deadline=None)
@given(row=ROWS)
def test_no_row_breaks_it(row):
    """Whatever JSON has our field names gives messages that render, or BadChat."""
    try:
        _, messages = conversation(row)
    except BadChat:
        return
    check(messages)


TURN = st.fixed_dictionaries(
    {"from": st.sampled_from(WORDS[3:7] + ["system"]), "value": st.sampled_from(["a", "", CALL])}
)


@settings(max_examples=200, deadline=None)
@given(talk=st.lists(TURN, min_size=1, max_size=6))
def test_turns_in_any_order(talk):
    try:
        _, messages = conversation({"conversations": talk})
    except BadChat:
        return
    check(messages)
    said = [part for m in messages for part in ([m] if isinstance(m["content"], str) else m["content"])]
    assert len(said) == len(talk)  # nothing is lost


def test_deep_nesting_is_a_sentence():
    deep = json.loads("[" * 900 + "]" * 900)
    for row in (deep, {"messages": deep}, {"conversations": [{"from": deep, "value": deep}]},
                sharegpt(("human", "a"), ("function_call", {"name": "f", "arguments": {"a": deep}}))):  # fmt: skip
        try:
            conversation(row)
        except BadChat as e:
            assert len(e.message) < 300
