"""/v1/completions: prompts of every kind, echo, and the log-probabilities that lm-eval asks for."""

import math

import pytest
import torch
from serving import ANSWER, CONTEXT, http, model, post, tokenizer

openai = pytest.importorskip("openai")
PROMPT = [256, 257, *b"Hi", 258, 259]  # as the model learned it
GREEDY = {"model": "tiny", "temperature": 0}

ZZZ = {"logit_bias": {str(ord("z")): 100}}


def complete(client, prompt=PROMPT, **options):
    return client.completions.create(prompt=prompt, **GREEDY | options)


def test_token_ids(client):
    reply = complete(client, max_tokens=200)
    assert reply.object == "text_completion" and reply.id.startswith("cmpl-")
    assert reply.choices[0].text == ANSWER and reply.choices[0].finish_reason == "stop"
    assert reply.usage.prompt_tokens == 6 and reply.usage.completion_tokens == len(ANSWER.encode())


def test_16_tokens_unless_told(client):
    assert complete(client).usage.completion_tokens == 16


def test_a_string_begins_with_bos(client):
    text, ids = complete(client, "ab"), complete(client, [256, *b"ab"])
    assert text.choices[0].text == ids.choices[0].text and text.usage.prompt_tokens == 3


def test_lists(client):
    reply = complete(client, ["a", "b"], max_tokens=4)
    assert [c.index for c in reply.choices] == [0, 1] and reply.usage.prompt_tokens == 4
    assert reply.usage.completion_tokens == 8
    lists = complete(client, [PROMPT, PROMPT[:3]], max_tokens=4)
    assert lists.choices[0].text == "Hell" and len(lists.choices) == 2


def test_choices_of_lists_are_prompt_major(client):
    options = dict(n=2, temperature=1.5, seed=3, max_tokens=12)
    reply = complete(client, [PROMPT, [256, 65]], **options)
    assert [c.index for c in reply.choices] == [0, 1, 2, 3]
    assert [c.text for c in reply.choices[:2]] == [c.text for c in complete(client, PROMPT, **options).choices]


@pytest.mark.parametrize("limit", [0, 1, 5])
def test_echo(client, limit):
    reply = complete(client, "Hello", echo=True, max_tokens=limit, **ZZZ)
    assert reply.choices[0].text == "Hello" + "z" * limit and reply.usage.completion_tokens == limit
    assert reply.choices[0].finish_reason == "length"


def test_no_tokens_at_all(client):
    assert complete(client, max_tokens=0).choices[0].text == ""


def test_logprobs_shape(client):
    found = complete(client, logprobs=2, max_tokens=30).choices[0].logprobs
    assert "".join(found.tokens[:5]) == "Hello" and found.text_offset[:5] == [0, 1, 2, 3, 4]
    assert len(found.tokens) == len(found.token_logprobs) == len(found.top_logprobs) == len(found.text_offset) == 30
    assert all(2 <= len(top) <= 3 and token in top for token, top in zip(found.tokens, found.top_logprobs))
    fox = found.tokens.index("bytes:\\xf0")
    assert found.tokens[fox : fox + 4] == ["bytes:\\xf0", "bytes:\\x9f", "bytes:\\xa6", "bytes:\\x8a"][: 30 - fox]


@pytest.mark.parametrize("limit", [0, 1])
@pytest.mark.parametrize("size", [1, 2, 90, CONTEXT])
def test_echoed_logprobs_are_one_plain_forward(client, limit, size):
    """What lm-eval's local-completions computes with: echo, logprobs 1, token ids."""
    ids = (PROMPT + tokenizer().encode(ANSWER) * 6)[:size]
    found = complete(client, ids, echo=True, logprobs=1, max_tokens=limit).choices[0].logprobs
    with torch.no_grad():
        logits = model()(torch.tensor([ids]))[0].log_softmax(-1)
    own = [None, *logits[range(size - 1), ids[1:]].tolist()]
    assert len(found.token_logprobs) == size + limit and found.token_logprobs[0] is None is found.top_logprobs[0]
    for i in range(1, size):
        assert math.isclose(found.token_logprobs[i], own[i], rel_tol=1e-3, abs_tol=1e-4)
        greedy = found.token_logprobs[i] == max(found.top_logprobs[i].values())
        assert greedy == (logits[i - 1].argmax().item() == ids[i])
    if limit:
        assert found.token_logprobs[-1] is not None


def test_a_stop_token_is_among_the_logprobs_though_not_in_the_text(client):
    """lm-eval asks for one token more than it scores and drops it: it must be there, also when it ends the reply."""
    ids = PROMPT + tokenizer().encode(ANSWER)
    for options in ({}, {"n": 2}):
        for choice in complete(client, ids, echo=True, logprobs=1, max_tokens=1, **options).choices:
            assert choice.finish_reason == "stop" and choice.text == tokenizer().decode(ids)
            assert choice.logprobs.tokens[-1] == "<|assistant_end|>" and len(choice.logprobs.tokens) == len(ids) + 1
            assert choice.logprobs.token_logprobs[-1] == max(choice.logprobs.top_logprobs[-1].values()) > -1
    chunks = complete(client, ids, logprobs=0, max_tokens=5, stream=True)
    tokens = [t for c in chunks if c.choices[0].logprobs for t in c.choices[0].logprobs.tokens]
    assert tokens == ["<|assistant_end|>"]


def test_many_prompts_are_scored_together(client):
    prompts = [PROMPT + tokenizer().encode(ANSWER)[:n] for n in (1, 30, 7, 60)]
    together = complete(client, prompts, echo=True, logprobs=1, max_tokens=1)
    for prompt, choice in zip(prompts, together.choices):
        alone = complete(client, prompt, echo=True, logprobs=1, max_tokens=1).choices[0]
        assert alone.text == choice.text and alone.logprobs.tokens == choice.logprobs.tokens
        pairs = zip(alone.logprobs.token_logprobs[1:], choice.logprobs.token_logprobs[1:])
        assert all(math.isclose(a, b, rel_tol=1e-3, abs_tol=1e-4) for a, b in pairs)


def test_a_string_echoes_as_it_was_with_offsets_into_it(client):
    found = complete(client, "Hé 🌳", echo=True, logprobs=0, max_tokens=0).choices[0]
    assert found.text == "Hé 🌳" and found.logprobs.tokens[0] == "<|bos|>"
    assert found.logprobs.text_offset == [0, 0, 1, 1, 2, 3, 3, 3, 3]
    assert found.logprobs.top_logprobs[1:] == [
        {t: p} for t, p in zip(found.logprobs.tokens[1:], found.logprobs.token_logprobs[1:])
    ]


def test_stream(client):
    whole = complete(client, max_tokens=40, logprobs=1)
    chunks = list(complete(client, max_tokens=40, logprobs=1, stream=True, stream_options={"include_usage": True}))
    assert "".join(c.choices[0].text for c in chunks[:-1]) == whole.choices[0].text
    tokens = [t for c in chunks[:-1] if c.choices[0].logprobs for t in c.choices[0].logprobs.tokens]
    assert tokens == whole.choices[0].logprobs.tokens
    assert chunks[-2].choices[0].finish_reason == "length" and chunks[-1].usage == whole.usage


def test_stream_echoes_first(client):
    chunks = list(complete(client, "Hello", max_tokens=3, echo=True, logprobs=1, stream=True, **ZZZ))
    assert chunks[0].choices[0].text == "Hello" and len(chunks[0].choices[0].logprobs.tokens) == 6
    offsets = [o for c in chunks if c.choices[0].logprobs for o in c.choices[0].logprobs.text_offset]
    assert offsets == [0, 0, 1, 2, 3, 4, 5, 6, 7]


def test_stream_of_several_prompts(client):
    texts = {}
    for chunk in complete(client, ["a", PROMPT], max_tokens=5, stream=True):
        texts[chunk.choices[0].index] = texts.get(chunk.choices[0].index, "") + chunk.choices[0].text
    assert texts[1] == "Hello" and set(texts) == {0, 1}


def test_a_prompt_as_long_as_the_context(client):
    ids = [256, *[65] * (CONTEXT - 1)]
    assert complete(client, ids, max_tokens=5).usage.completion_tokens == 1
    with pytest.raises(openai.BadRequestError) as e:
        complete(client, [*ids, 65])
    assert e.value.code == "context_length_exceeded"


def test_base_models_complete(client):
    assert complete(client, model="raw", max_tokens=5).choices[0].text == "Hello"


def test_tokenizer_routes(server):
    text = "Hé <|bos|>"
    tokens = post(server.url, "/tokenize", prompt=text, add_special_tokens=False).json()
    assert tokens == {"count": 11, "max_model_len": CONTEXT, "tokens": list(text.encode())}
    assert post(server.url, "/v1/tokenize", content="a", add_special_tokens=True).json()["tokens"] == [256, 97]
    assert post(server.url, "/tokenize", messages=[{"role": "user", "content": "Hi"}]).json()["tokens"] == PROMPT
    assert post(server.url, "/tokenize", prompt="<|bos|>").json()["tokens"] == [256]  # the name alone: for lm-eval
    assert post(server.url, "/detokenize", tokens=tokens["tokens"]).json() == {"prompt": text}
    info = http.get(server.url + "/tokenizer_info").json()
    assert info["bos_token"] == "<|bos|>" and info["chat_template"] is None and info["vocab_size"] == 267


def test_models(server, client):
    listed = client.models.list().data
    assert [(m.id, m.object, m.owned_by) for m in listed] == [("tiny", "model", "acorn"), ("raw", "model", "acorn")]
    one = client.models.retrieve("tiny")
    assert one == listed[0] and one.meta["n_ctx"] == CONTEXT and one.meta["chat"] and not listed[1].meta["chat"]
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("other")
