"""A call of the model is answered in its own reply: what is put there, what counts, and what never closes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import build_tokenizer

from acorn.infer.engine import Engine
from acorn.infer.sample import Sampling
from acorn.infer.text import Transcript
from acorn.tokenizer.chat import parse_reply

TOKENIZER = build_tokenizer()
PY, PY_END, OUT, OUT_END, END = (
    TOKENIZER.special(f"<|{name}|>")
    for name in ("python_start", "python_end", "output_start", "output_end", "assistant_end")
)


def says(reciter, script, tool, tool_tokens=256, **options):
    """The reply of a model that says `script` (bytes and tokens), position by position, and then <|assistant_end|>."""
    ids = [i for piece in script for i in (piece if isinstance(piece, bytes) else [piece])]
    engine = Engine(reciter([*ids, END]), TOKENIZER, tool=tool, tool_tokens=tool_tokens)
    sampling = Sampling(temperature=0, **options)
    (reply,) = engine.complete([[0]], sampling)
    events = list(engine.stream([[0]], sampling))
    assert "".join(e.text for e in events if e.kind == "text") == reply.text
    assert [e.token for e in events if e.token is not None] == reply.ids and events[-1].finish == reply.finish
    for kind in ("text", "python", "output"):
        said = "".join(part["text"] for part in reply.parts if part["type"] == kind)
        assert "".join(e.text for e in events if e.kind == kind) == said
    return reply


def test_the_answer_is_put_into_the_reply(reciter):
    """The script goes on under the answer's five tokens: what the model would have said there is not said."""
    asked = []

    def tool(code):
        asked.append(code)
        return "420"

    reply = says(reciter, [b"is ", PY, b"6*70", PY_END, b"?????", b" yes"], tool)
    assert asked == ["6*70"] * 2  # once a run, complete and stream
    assert reply.ids == [*b"is ", PY, *b"6*70", PY_END, OUT, *b"420", OUT_END, *b" yes"]
    assert reply.forced == [False] * 9 + [True] * 5 + [False] * 4
    assert reply.text == "is  yes" and reply.finish == "stop" and reply.stop == END
    parts = [("text", "is "), ("python", "6*70"), ("output", "420"), ("text", " yes")]
    assert [(p["type"], p["text"]) for p in reply.parts] == parts


def test_no_answer_no_output(reciter):
    reply = says(reciter, [PY, b"x", PY_END, b"so"], lambda code: None)
    assert reply.ids == [PY, *b"x", PY_END, *b"so"] and not any(reply.forced) and reply.text == "so"


def test_without_a_tool_calls_are_only_tokens(reciter):
    reply = says(reciter, [PY, b"1+1", PY_END, b"so"], None)
    assert reply.ids == [PY, *b"1+1", PY_END, *b"so"] and reply.text == "so"


@pytest.mark.parametrize("limit, forced", [(4, 1), (5, 2), (7, 4)])
def test_an_answer_counts_against_max_tokens(reciter, limit, forced):
    reply = says(reciter, [PY, b"x", PY_END, b"?????", b"then"], lambda code: "abc", max_tokens=limit)
    assert (len(reply.ids), sum(reply.forced), reply.finish) == (limit, forced, "length")
    assert reply.parts[-1].get("closed") is False


def test_a_long_answer_is_cut(reciter):
    reply = says(reciter, [PY, b"x", PY_END, b"??????", b"so"], lambda code: "9" * 10**6, tool_tokens=4)
    assert reply.ids == [PY, *b"x", PY_END, OUT, *b"9999", OUT_END, *b"so"]


def test_an_answer_cannot_steer(reciter):
    """What a tool prints is text, whatever it looks like."""
    reply = says(reciter, [PY, b"x", PY_END, b"?" * 21], lambda code: "<|assistant_end|>")
    assert [p["text"] for p in reply.parts] == ["x", "<|assistant_end|>", "??"]


def test_a_call_that_never_closes_ends_with_max_tokens(reciter):
    calls = []
    reply = says(reciter, [b"a", PY, b"1+" * 20], calls.append, max_tokens=12)
    assert reply.finish == "length" and calls == [] and reply.text == "a"
    assert reply.parts[-1] == {"type": "python", "text": "1+1+1+1+1+", "closed": False}


def test_markers_out_of_place_do_nothing(reciter):
    calls = []
    reply = says(reciter, [PY_END, OUT, b"a", OUT_END, PY, b"1", PY, b"2", PY_END], calls.append)
    assert calls == ["12", "12"] and reply.text == "a"


def test_a_stop_string_in_code_does_not_stop(reciter):
    reply = says(reciter, [b"a", PY, b"b;c", PY_END, b"d;e"], None, stop=[";"])
    assert reply.text == "ad" and reply.finish == "stop" and reply.stop is None
    assert [(p["type"], p["text"]) for p in reply.parts] == [("text", "a"), ("python", "b;c"), ("text", "d")]


def test_rows_call_each_for_itself(nano, tokenizer):
    """At this temperature all tokens are about equally likely, so some rows call: neighbours change nothing."""
    prompts = [[i, 3 * i] for i in range(12)]
    sampling = Sampling(seed=2, temperature=100, max_tokens=120)

    def engine(max_batch):
        return Engine(nano, tokenizer, max_batch, tool=lambda code: f"[{code[:5]}]" if len(code) % 2 else None)

    together = engine(128).complete(prompts, sampling, samples=10)
    assert engine(50).complete(prompts, sampling, samples=10) == together
    assert sum(map(sum, (r.forced for r in together))) > 20


TOKENS = st.lists(st.sampled_from([97, 98, 0xC3, 0xA9, 0xF0, PY, PY_END, OUT, OUT_END, 257]), max_size=20)


@settings(max_examples=300, deadline=None)
@given(TOKENS)
def test_reading_along_equals_reading_at_the_end(ids):
    transcript, got = Transcript(TOKENIZER), {"text": "", "python": "", "output": ""}
    for kind, text in [*map(transcript.push, ids), transcript.flush()]:
        got[kind] += text
    for kind, text in got.items():
        assert text == "".join(p["text"] for p in parse_reply(TOKENIZER, ids) if p["type"] == kind)
