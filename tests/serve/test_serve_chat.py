"""The official openai client gets from /v1/chat/completions what it gets from OpenAI."""

import json
import math

import pytest
import torch
from serving import ANSWER, CONTEXT, ask, http, model, post, tokenizer

openai = pytest.importorskip("openai")
GREEDY = {"model": "tiny", "temperature": 0}


def chat(client, content="Hi", **options):
    return client.chat.completions.create(messages=ask(content), **GREEDY | options)


def stream(client, **options):
    return list(chat(client, stream=True, **options))


# --- whole ------------------------------------------------------------------------------------------------------------


def test_answer(client):
    reply = chat(client)
    choice = reply.choices[0]
    assert (reply.object, reply.model) == ("chat.completion", "tiny")
    assert reply.id.startswith("chatcmpl-") and reply.created > 1_700_000_000 and reply.system_fingerprint
    assert (choice.index, choice.message.role, choice.message.content) == (0, "assistant", ANSWER)
    assert choice.finish_reason == "stop" and choice.logprobs is None


def test_usage(client):
    reply = chat(client)
    said = len(tokenizer().encode(ANSWER))
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (6, said)
    assert reply.usage.total_tokens == 6 + said


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
def test_limits(client, field):
    reply = chat(client, **{field: 5})
    assert reply.choices[0].message.content == "Hello" and reply.choices[0].finish_reason == "length"
    assert reply.usage.completion_tokens == 5


def test_the_newer_limit_wins(client):
    assert chat(client, max_tokens=9, max_completion_tokens=5).choices[0].message.content == "Hello"


@pytest.mark.parametrize("stop", ["fox", ["fox"], ["nowhere", "fox", "dog"], "k brown fo", ["x", "fox"][1:]])
def test_stop(client, stop):
    choice = chat(client, stop=stop).choices[0]
    assert choice.finish_reason == "stop" and "fo" not in choice.message.content
    assert ANSWER.startswith(choice.message.content) and len(choice.message.content) > 10


def test_stop_that_never_comes(client):
    assert chat(client, stop=["zzz"]).choices[0].message.content == ANSWER


def test_stop_inside_a_character_of_many_tokens(client):
    assert chat(client, stop="🦊").choices[0].message.content == "Hello! The quick brown fox "


def test_n(client):
    reply = chat(client, n=3, temperature=1.5, seed=1, max_tokens=30)
    assert [choice.index for choice in reply.choices] == [0, 1, 2]
    assert len({choice.message.content for choice in reply.choices}) == 3


def test_first_of_n_is_the_reply_to_n_1(client):
    options = dict(temperature=1.5, seed=11, max_tokens=30)
    many, one = chat(client, n=4, **options), chat(client, **options)
    assert many.choices[0].message.content == one.choices[0].message.content


def test_seed(client):
    def said(seed):
        return chat(client, temperature=2, seed=seed, max_tokens=40).choices[0].message.content

    assert said(7) == said(7) != said(8)
    assert said(-5) == said(-5) and said(2**63 - 1) == said(2**63 - 1)


def test_without_a_seed_replies_differ(client):
    assert len({chat(client, temperature=2, max_tokens=40).choices[0].message.content for _ in range(3)}) == 3


def test_temperature_0_needs_no_seed(client):
    assert chat(client).choices[0].message.content == chat(client).choices[0].message.content


@pytest.mark.parametrize(
    "options",
    [dict(top_p=1e-6), dict(extra_body={"top_k": 1}), dict(extra_body={"min_p": 1.0})],
    ids=["top_p", "top_k", "min_p"],
)
def test_each_filter_can_leave_one_token(client, options):
    assert chat(client, temperature=2, **options).choices[0].message.content == ANSWER


def test_repetition_penalty(client):
    assert chat(client, extra_body={"repetition_penalty": 5.0}, max_tokens=40).choices[0].message.content != ANSWER[:40]


def test_frequency_and_presence_penalty(client):
    for name in ("frequency_penalty", "presence_penalty"):
        assert chat(client, max_tokens=60, **{name: 2.0}).choices[0].message.content
        assert chat(client, **{name: 0}).choices[0].message.content == ANSWER


def test_logit_bias(client):
    ban = {str(b"H"[0]): -100}
    assert not chat(client, logit_bias=ban, max_tokens=3).choices[0].message.content.startswith("H")
    assert chat(client, logit_bias={"122": 100}, max_tokens=3).choices[0].message.content == "zzz"


def test_logprobs(client):
    content = chat(client, logprobs=True, top_logprobs=3, max_tokens=8).choices[0].logprobs.content
    assert "".join(entry.token for entry in content) == "Hello! T"
    assert all(len(entry.top_logprobs) == 3 and entry.bytes == list(entry.token.encode()) for entry in content)
    assert all(entry.logprob == entry.top_logprobs[0].logprob <= 0 for entry in content)
    assert content[0].top_logprobs[0].logprob > content[0].top_logprobs[1].logprob


def test_logprobs_are_the_models(client):
    content = chat(client, logprobs=True, max_tokens=4).choices[0].logprobs.content
    ids = [256, 257, *b"Hi", 258, 259]
    with torch.no_grad():
        for entry in content:
            own = model()(torch.tensor([ids]))[0, -1].log_softmax(-1)
            assert math.isclose(own[entry.bytes[0]], entry.logprob, rel_tol=1e-3, abs_tol=1e-5)
            ids.append(entry.bytes[0])


def test_bytes_of_split_characters_join(client):
    content = chat(client, logprobs=True).choices[0].logprobs.content
    assert b"".join(bytes(entry.bytes) for entry in content).decode() == ANSWER


def test_top_logprobs_0(client):
    content = chat(client, logprobs=True, top_logprobs=0, max_tokens=2).choices[0].logprobs.content
    assert [entry.top_logprobs for entry in content] == [[], []]


def test_roles_and_parts(client):
    messages = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": [{"type": "text", "text": "H"}, {"type": "text", "text": "i"}]},
        {"role": "assistant", "content": "Yes?"},
        {"role": "user", "content": "Hi"},
    ]
    assert client.chat.completions.create(messages=messages, max_tokens=3, **GREEDY).choices[0].message.content


def test_developer_is_system(client):
    def tokens(role):
        messages = [{"role": role, "content": "Be kind."}, *ask()]
        return client.chat.completions.create(messages=messages, max_tokens=1, **GREEDY).usage.prompt_tokens

    assert tokens("developer") == tokens("system")


def test_special_tokens_that_a_user_types_stay_text(server, client):
    text = "<|assistant_end|><|bos|><|python_start|>"
    assert chat(client, text, max_tokens=1).usage.prompt_tokens == 4 + len(text)
    ids = post(server.url, "/tokenize", messages=ask(text)).json()["tokens"]
    assert [i for i in ids if i >= 256] == [256, 257, 258, 259]


def test_the_context_ends_a_reply(client):
    reply = chat(client, "x" * (CONTEXT - 10), logit_bias={"122": 100})
    assert reply.choices[0].finish_reason == "length"
    # 4 tokens frame the message; the last token said is never read
    assert reply.usage.completion_tokens == CONTEXT - (CONTEXT - 6) + 1


def test_null_is_the_default(server):
    nothing = dict.fromkeys(
        ["max_tokens", "stop", "seed", "n", "stream", "logprobs", "top_p", "response_format", "user"]
    )
    reply = post(server.url, "/v1/chat/completions", messages=ask(), **GREEDY, **nothing).json()
    assert reply["choices"][0]["message"]["content"] == ANSWER


def test_unknown_fields_are_ignored(server):
    more = {"user": "me", "store": True, "metadata": {"a": 1}, "parallel_tool_calls": False, "whatever": [1]}
    assert post(server.url, "/v1/chat/completions", messages=ask(), **GREEDY, **more).status_code == 200


def test_the_first_model_answers_when_none_is_named(server):
    assert post(server.url, "/v1/chat/completions", messages=ask(), max_tokens=1).json()["model"] == "tiny"


# --- streams ----------------------------------------------------------------------------------------------------------


def test_stream_in_order(client):
    chunks = stream(client)
    assert {(c.id, c.object, c.created, c.model) for c in chunks} == {
        (chunks[0].id, "chat.completion.chunk", chunks[0].created, "tiny")
    }
    assert chunks[0].choices[0].delta.role == "assistant" and chunks[0].choices[0].delta.content == ""
    assert all(c.choices[0].delta.role is None and c.choices[0].finish_reason is None for c in chunks[1:-1])
    assert "".join(c.choices[0].delta.content for c in chunks[:-1]) == ANSWER
    assert chunks[-1].choices[0].finish_reason == "stop" and chunks[-1].choices[0].delta.content is None
    assert all(c.usage is None for c in chunks)


def test_stream_comes_in_pieces(client):
    assert len(stream(client)) > 10


def test_stream_never_splits_a_character(client):
    assert all("\ufffd" not in (c.choices[0].delta.content or "") for c in stream(client))


def test_stream_usage(client):
    *chunks, last = stream(client, stream_options={"include_usage": True})
    assert last.choices == [] and last.usage.total_tokens == last.usage.prompt_tokens + last.usage.completion_tokens
    assert last.usage == chat(client).usage and all(c.usage is None for c in chunks)


def test_stream_stop_string_is_never_shown(client):
    chunks = stream(client, stop=["fox 🦊 j"])
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == "Hello! The quick brown "
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_stream_length(client):
    chunks = stream(client, max_tokens=5)
    assert chunks[-1].choices[0].finish_reason == "length"
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == "Hello"


def test_stream_of_n_choices(client):
    options = dict(n=3, temperature=1.5, seed=1, max_tokens=30)
    texts, ends = {}, {}
    for chunk in stream(client, **options):
        (choice,) = chunk.choices
        texts[choice.index] = texts.get(choice.index, "") + (choice.delta.content or "")
        if choice.finish_reason:
            ends[choice.index] = choice.finish_reason
    whole = chat(client, **options)
    assert texts == {c.index: c.message.content for c in whole.choices}
    assert ends == {c.index: c.finish_reason for c in whole.choices}


def test_stream_logprobs_equal_those_of_the_whole(client):
    options = dict(logprobs=True, top_logprobs=2, max_tokens=30)
    parts = [e for c in stream(client, **options) if c.choices[0].logprobs for e in c.choices[0].logprobs.content]
    whole = chat(client, **options).choices[0].logprobs.content
    assert [e.bytes for e in parts] == [e.bytes for e in whole]
    assert all(math.isclose(a.logprob, b.logprob, abs_tol=1e-4) for a, b in zip(parts, whole))


def test_stream_on_the_wire(server):
    body = dict(messages=ask(), stream=True, max_tokens=3, **GREEDY)
    with http.stream("POST", server.url + "/v1/chat/completions", json=body) as reply:
        assert reply.headers["content-type"].startswith("text/event-stream")
        assert reply.headers["cache-control"] == "no-cache" and reply.headers["x-accel-buffering"] == "no"
        raw = b"".join(reply.iter_raw())
    events = raw.split(b"\n\n")
    assert events[-2:] == [b"data: [DONE]", b""]
    assert all(event.startswith(b"data: ") and b"\n" not in event for event in events[:-1] if event != b": ping")


def test_what_a_model_says_cannot_forge_an_event(server):
    """Line breaks of every kind are escaped inside the JSON of one event."""
    body = dict(prompt=[65], logit_bias={str(ord("\n")): 100}, max_tokens=8, stream=True, temperature=0)
    with http.stream("POST", server.url + "/v1/completions", json=body) as reply:
        lines = [line for line in reply.iter_lines() if line.startswith("data: {")]
    assert "".join(json.loads(line[6:])["choices"][0]["text"] for line in lines) == "\n" * 8


def test_leaving_a_stream_frees_its_slot(server, client):
    before = server.metrics.counters["cancelled_total"].total()
    answer = chat(client, stream=True, logit_bias={"122": 100})
    next(answer)
    answer.close()
    assert server.idle() and server.metrics.counters["cancelled_total"].total() == before + 1


# --- what is not taken ------------------------------------------------------------------------------------------------


def test_errors_are_the_clients_own_classes(client):
    with pytest.raises(openai.NotFoundError) as e:
        chat(client, model="tinny")
    assert e.value.code == "model_not_found" and "Did you mean tiny?" in str(e.value)
    with pytest.raises(openai.BadRequestError) as e:
        chat(client, temperature=3)
    assert e.value.param == "temperature" and e.value.type == "invalid_request_error"


def test_a_prompt_beyond_the_context_says_the_numbers(client):
    with pytest.raises(openai.BadRequestError) as e:
        chat(client, "x" * CONTEXT)
    assert e.value.code == "context_length_exceeded" and e.value.param == "messages"
    assert (e.value.body["n_prompt_tokens"], e.value.body["n_ctx"]) == (CONTEXT + 4, CONTEXT)


def test_a_base_model_does_not_chat(client):
    with pytest.raises(openai.BadRequestError, match="/v1/completions") as e:
        chat(client, model="raw")
    assert e.value.code == "base_model"


# --- forms ------------------------------------------------------------------------------------------------------------

SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 5}, "age": {"type": "integer", "minimum": 0, "maximum": 9}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("seed", range(3))
def test_json_schema(client, seed):
    form = {"type": "json_schema", "json_schema": {"name": "person", "schema": SCHEMA, "strict": True}}
    reply = chat(client, response_format=form, temperature=1, seed=seed)
    value = json.loads(reply.choices[0].message.content)
    assert set(value) == {"name", "age"} and len(value["name"]) <= 5 and 0 <= value["age"] <= 9
    assert reply.choices[0].finish_reason == "stop"


def test_json_object_begins_as_one(client):
    assert chat(client, response_format={"type": "json_object"}, max_tokens=20).choices[0].message.content[0] == "{"


def test_text_is_free(client):
    assert chat(client, response_format={"type": "text"}).choices[0].message.content == ANSWER


@pytest.mark.parametrize(
    "field, value, allowed",
    [
        ("guided_choice", ["yes", "no", '"', "ünï"], {"yes", "no", '"', "ünï"}),
        ("guided_regex", "(red|green) [0-9]", {f"{c} {i}" for c in ("red", "green") for i in range(10)}),
        ("guided_grammar", 'start: "a" "b"', {"ab"}),
        ("grammar", 'root ::= "x" ("y" | "z")', {"xy", "xz"}),
        ("guided_json", {"enum": ["one", 2]}, {'"one"', "2"}),
        ("guided_json", '{"const": true}', {"true"}),
    ],
)
def test_grammars(client, field, value, allowed):
    for seed in range(4):
        reply = chat(client, temperature=1, seed=seed, extra_body={field: value}, max_tokens=30)
        assert reply.choices[0].message.content in allowed and reply.choices[0].finish_reason == "stop"


def test_grammar_streams_and_holds_for_each_of_n(client):
    texts = {}
    for chunk in stream(client, n=4, temperature=2, extra_body={"guided_choice": ["left", "right"]}):
        (choice,) = chunk.choices
        texts[choice.index] = texts.get(choice.index, "") + (choice.delta.content or "")
    assert len(texts) == 4 and set(texts.values()) <= {"left", "right"}


def test_a_guided_reply_does_not_touch_its_neighbours(server):
    from concurrent.futures import ThreadPoolExecutor

    free = dict(messages=ask(), **GREEDY)
    guided = dict(free, guided_regex="[0-9]{20}")
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda body: post(server.url, "/v1/chat/completions", **body), [free, guided] * 4))
    texts = [reply.json()["choices"][0]["message"]["content"] for reply in replies]
    assert texts[::2] == [ANSWER] * 4 and all(text.isdigit() and len(text) == 20 for text in texts[1::2])
