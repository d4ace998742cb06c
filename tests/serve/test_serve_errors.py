"""Bad input gets the right 4xx in OpenAI's shape, naming the field; what is not a model's answer works too."""

import json
import logging
import time

import httpx
import pytest
from serving import ANSWER, CONTEXT, ask, http, post, tokenizer

CHAT, PLAIN = "/v1/chat/completions", "/v1/completions"


def error(reply: httpx.Response, status: int) -> dict:
    """-> error of the body, after checking that it is whole."""
    assert reply.status_code == status, reply.text
    assert set(reply.json()) == {"error"} and {"message", "type", "param", "code"} <= set(reply.json()["error"])
    assert "Traceback" not in reply.text and 'File "' not in reply.text
    return reply.json()["error"]


CHAT_FAULTS = [
    ({"messages": None}, "messages"),
    ({"messages": []}, "messages"),
    ({"messages": "Hi"}, "messages"),
    ({"messages": [5]}, "messages[0]"),
    ({"messages": [{"role": "wizard", "content": "Hi"}]}, "messages"),
    ({"messages": [{"content": "Hi"}]}, "messages"),
    ({"messages": [{"role": "user"}]}, "messages"),
    ({"messages": [{"role": "user", "content": ""}]}, "messages"),
    ({"messages": [{"role": "user", "content": 5}]}, "messages"),
    ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages"),
    ({"messages": [{"role": "user", "content": [{"type": "text", "text": 5}]}]}, "messages"),
    ({"messages": [{"role": ["user"], "content": "Hi"}]}, "messages"),
    ({"messages": [{"role": "assistant", "content": "Hi"}]}, "messages"),
    ({"messages": [*ask(), {"role": "assistant", "content": "ho"}]}, "messages"),
    ({"messages": [*ask(), *ask()]}, "messages"),
    ({"messages": [*ask(), {"role": "system", "content": "late"}]}, "messages"),
    ({"temperature": -0.1}, "temperature"),
    ({"temperature": 2.1}, "temperature"),
    ({"temperature": 1e308}, "temperature"),
    ({"temperature": "1"}, "temperature"),
    ({"temperature": True}, "temperature"),
    ({"temperature": [1]}, "temperature"),
    ({"top_p": 0}, "top_p"),
    ({"top_p": 1.01}, "top_p"),
    ({"top_k": -2}, "top_k"),
    ({"top_k": 1.5}, "top_k"),
    ({"top_k": 2**40}, "top_k"),
    ({"min_p": -1}, "min_p"),
    ({"repetition_penalty": 0}, "repetition_penalty"),
    ({"presence_penalty": 3}, "presence_penalty"),
    ({"frequency_penalty": -3}, "frequency_penalty"),
    ({"max_tokens": 0}, "max_tokens"),
    ({"max_tokens": -1}, "max_tokens"),
    ({"max_tokens": 10**30}, "max_tokens"),
    ({"max_tokens": "many"}, "max_tokens"),
    ({"max_completion_tokens": 1.0}, "max_completion_tokens"),
    ({"n": 0}, "n"),
    ({"n": 129}, "n"),
    ({"n": 10**9}, "n"),
    ({"seed": 1.5}, "seed"),
    ({"seed": 2**70}, "seed"),
    ({"stop": ""}, "stop[0]"),
    ({"stop": [""]}, "stop[0]"),
    ({"stop": 5}, "stop"),
    ({"stop": ["a"] * 17}, "stop"),
    ({"stop": [5]}, "stop[0]"),
    ({"stop": "x" * 1025}, "stop[0]"),
    ({"stream": "yes"}, "stream"),
    ({"stream": 1}, "stream"),
    ({"stream_options": 5}, "stream_options"),
    ({"stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
    ({"logprobs": 1}, "logprobs"),
    ({"top_logprobs": 2}, "top_logprobs"),
    ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
    ({"logprobs": True, "top_logprobs": -1}, "top_logprobs"),
    ({"logit_bias": {"a": 1}}, "logit_bias"),
    ({"logit_bias": {"267": 1}}, "logit_bias"),
    ({"logit_bias": {"-1": 1}}, "logit_bias"),
    ({"logit_bias": {"1": 101}}, "logit_bias.1"),
    ({"logit_bias": []}, "logit_bias"),
    ({"response_format": "json"}, "response_format"),
    ({"response_format": {"type": "xml"}}, "response_format.type"),
    ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
    ({"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}}, "response_format.json_schema.schema"),
    ({"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "foo"}}}}, "response_format"),
    ({"guided_regex": "(("}, "guided_regex"),
    ({"guided_json": 5}, "guided_json"),
    ({"guided_json": "{"}, "guided_json"),
    ({"guided_choice": []}, "guided_choice"),
    ({"guided_choice": [""]}, "guided_choice[0]"),
    ({"grammar": "!!"}, "grammar"),
    ({"grammar": ""}, "grammar"),
    ({"grammar": "x" * 70_000}, "grammar"),
    ({"grammar": 'start: "a"', "guided_regex": "a"}, "grammar"),
    ({"tools": [{"type": "function"}]}, "tools"),
    ({"model": 5}, "model"),
    ({"model": "x" * 300}, "model"),
]


@pytest.mark.parametrize("change, param", CHAT_FAULTS, ids=[json.dumps(c)[:40] for c, _ in CHAT_FAULTS])
def test_chat_names_the_field(server, change, param):
    found = error(post(server.url, CHAT, **{"messages": ask(), **change}), 400)
    assert found["param"] == param and found["type"] == "invalid_request_error" and len(found["message"]) < 600


PLAIN_FAULTS = [
    ({"prompt": None}, "prompt"),
    ({"prompt": ""}, None),
    ({"prompt": []}, "prompt"),
    ({"prompt": {}}, "prompt"),
    ({"prompt": 5}, "prompt"),
    ({"prompt": [[]]}, "prompt[0]"),
    ({"prompt": [1.5]}, "prompt[0]"),
    ({"prompt": [1, "a"]}, "prompt"),
    ({"prompt": [1, True]}, "prompt"),
    ({"prompt": ["a", 5]}, "prompt[1]"),
    ({"prompt": [[1], [None]]}, "prompt[1]"),
    ({"prompt": [-1]}, "prompt"),
    ({"prompt": [267]}, "prompt"),
    ({"prompt": [10**30]}, "prompt"),
    ({"prompt": ["a"] * 1000}, "prompt"),
    ({"prompt": "a", "max_tokens": -1}, "max_tokens"),
    ({"prompt": "a", "logprobs": 21}, "logprobs"),
    ({"prompt": "a", "logprobs": True}, "logprobs"),
    ({"prompt": "a", "echo": "yes"}, "echo"),
    ({"prompt": "a", "best_of": 2}, "best_of"),
    ({"prompt": "a", "suffix": "b"}, "suffix"),
    ({"prompt": ["a"] * 50, "n": 2}, "n"),
]


@pytest.mark.parametrize("change, param", PLAIN_FAULTS, ids=[json.dumps(c)[:40] for c, _ in PLAIN_FAULTS])
def test_completions_name_the_field(server, change, param):
    if param is None:  # an empty text is bos alone
        assert post(server.url, PLAIN, **change).status_code == 200
        return
    assert error(post(server.url, PLAIN, **change), 400)["param"] == param


def raw(server, body: bytes, path: str = CHAT, kind: str = "application/json") -> httpx.Response:
    return http.post(server.url + path, content=body, headers={"content-type": kind})


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"5", b"null", b'"x"', b'{"messages": "\xff"}', b"\xff\xfe{}", b'{"a": NaN}', b'{"a": Infinity}',
     b'{"a": "\\ud800"}', b"[" * 100_000, b'{"a":' * 50_000, b'{"n": ' + b"9" * 5000 + b"}", b"{'a': 1}", b"{}x"],
    ids=lambda body: repr(body[:16]),
)  # fmt: skip
def test_what_is_not_json(server, body):
    found = error(raw(server, body), 400)
    assert found["code"] == "invalid_json" and len(found["message"]) < 300


def test_the_same_key_twice_is_the_last(server):
    body = b'{"messages": 5, "messages": [{"role": "user", "content": "Hi"}], "temperature": 0}'
    assert raw(server, body).json()["choices"][0]["message"]["content"] == ANSWER


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_other_media_types(server, kind):
    assert "application/json" in error(raw(server, b"{}", kind=kind), 415)["message"]


@pytest.mark.parametrize("path", ["/v1/embeddings", "/v1/responses", "/nothing", "/static/../app.py", "/docs"])
def test_no_such_route(server, path):
    assert error(http.get(server.url + path), 404)["type"] == "not_found_error"


def test_no_such_method(server):
    reply = http.get(server.url + CHAT)
    assert error(reply, 405)["message"] == f"GET is not for {CHAT}" and reply.headers["allow"] == "POST"


def test_huge_texts_are_refused_before_they_are_read(server):
    found = error(post(server.url, CHAT, messages=ask("x" * 900_000)), 400)
    assert found["code"] == "context_length_exceeded" and found["n_ctx"] == CONTEXT


@pytest.mark.parametrize("size", [1_100_000, 10_000_000])
def test_bodies_over_a_megabyte(server, size):
    reply = post(server.url, CHAT, messages=ask("x" * size))
    assert error(reply, 413)["code"] == "body_too_large" and reply.headers["connection"] == "close"


def test_bodies_over_a_megabyte_that_do_not_say_so(server):
    def parts():
        for _ in range(40):
            yield b"x" * 100_000

    reply = http.post(server.url + CHAT, content=parts(), headers={"content-type": "application/json"})
    assert error(reply, 413)["code"] == "body_too_large"


def test_other_routes_name_the_field_too(server):
    assert error(post(server.url, "/tokenize"), 400)["param"] == "prompt"
    assert error(post(server.url, "/tokenize", prompt=5), 400)["param"] == "prompt"
    assert error(post(server.url, "/detokenize", tokens=[1, -1]), 400)["param"] == "tokens[1]"
    assert error(post(server.url, "/detokenize", tokens=[1, 267]), 400)["param"] == "tokens[1]"
    assert error(post(server.url, "/detokenize"), 400)["code"] == "missing_field"
    assert error(post(server.url, "/tokenize", prompt="a", model="none"), 404)["param"] == "model"
    assert error(http.get(server.url + "/tokenizer_info?model=none"), 404)["code"] == "model_not_found"
    assert error(post(server.url, "/render", text=5), 400)["param"] == "text"


@pytest.fixture
def log(caplog):
    """What the server writes, beside what caplog has."""
    loggers = [logging.getLogger(name) for name in ("uvicorn", "uvicorn.error", "acorn.serve")]
    for logger in loggers:
        logger.addHandler(caplog.handler)
    yield lambda: "".join(logging.Formatter().format(r) for r in caplog.records if r.name[:4] != "http")
    for logger in loggers:
        logger.removeHandler(caplog.handler)


def test_a_fault_of_ours_is_a_500_without_its_traceback(server, monkeypatch, log):
    monkeypatch.setattr("acorn.serve.models.render_prompt", lambda *_: 1 // 0)
    found = error(post(server.url, CHAT, messages=ask()), 500)
    assert found["type"] == "server_error" and "ZeroDivision" not in found["message"]
    deadline = time.monotonic() + 10  # it is logged after the answer is sent
    while "ZeroDivisionError" not in (said := log()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert "ZeroDivisionError" in said


def test_log_lines_cannot_be_forged(server, log):
    http.get(server.url + "/%0aERROR%20forged?%0aERROR", headers={"user-agent": "x\tERROR forged"})
    raw(server, b"{\nERROR forged", "/v1/models/%0aERROR%20forged")
    assert "forged" not in log()


def test_health(server):
    for path in ("/health", "/v1/health"):
        assert http.get(server.url + path).json() == {"status": "ok"}


def test_metrics(server):
    post(server.url, PLAIN, prompt="a", max_tokens=3, logit_bias={"122": 100})
    http.get(server.url + "/never/seen/before")
    reply = http.get(server.url + "/metrics")
    lines = dict(line.rsplit(" ", 1) for line in reply.text.splitlines() if not line.startswith("#"))
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert int(lines["acorn_generated_tokens_total"]) >= 3 and lines['acorn_replies_held{model="tiny"}'] == "0"
    assert int(lines['acorn_requests_total{route="/v1/completions",status="200"}']) >= 1
    assert "never" not in reply.text and 'route="other",status="404"' in reply.text
    assert (
        lines['acorn_time_to_first_token_seconds_bucket{le="+Inf"}'] == lines["acorn_time_to_first_token_seconds_count"]
    )


def test_page_and_its_headers(server):
    reply = http.get(server.url + "/")
    assert reply.status_code == 200 and reply.headers["content-type"].startswith("text/html")
    policy = reply.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script-src 'self';" in policy and "unsafe" not in policy
    assert reply.headers["x-content-type-options"] == "nosniff" and "access-control-allow-origin" not in reply.headers
    assert "server" not in reply.headers
    assert ".k " in http.get(server.url + "/static/code.css").text


# --- Markdown ---------------------------------------------------------------------------------------------------------


def render(server, text: str) -> list[str]:
    return post(server.url, "/render", text=text).json()["blocks"]


def test_markdown(server):
    text = "# A\n\nb *c* `d`\n\n- 1\n- 2\n\n| x | y |\n|---|---|\n| 1 | 2 |\n\n```python\ndef f(): pass\n```\n"
    blocks = render(server, text)
    assert [block.strip()[:4] for block in blocks] == ["<h1>", "<p>b", "<ul>", "<tab", "<pre"]
    assert '<span class="k">def</span>' in blocks[-1] and 'class="language-python"' in blocks[-1]


def test_finished_blocks_do_not_change(server):
    text = '# A\n\nfirst\n\n```hcl\nresource "a" {}\n```\n\nlast words'
    whole = render(server, text)
    for end in range(40, len(text)):
        assert render(server, text[:end])[:2] == whole[:2]


PAYLOADS = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "![x](https://evil.example/p.png?secret)",
    "[a](javascript:alert(1))", "[a](JaVaScRiPt&#58;alert(1))", "[a](data:text/html,<script>alert(1)</script>)",
    "<a href='javascript:alert(1)'>a</a>", "<svg onload=alert(1)>", "<iframe src=//evil.example>", "<style>*{}</style>",
    "[a](vbscript:x)", "```<script>\nx\n```", "```html\n<script>alert(1)</script>\n```", "`<b onclick=x>`",
    '[a](http://x "onmouseover=alert(1)")', '[a](<http://x" onclick="alert(1)>)', "<math><mtext><script>x</script>",
    "<object data=x>", "<form action=//evil.example><input>", "[x]: javascript:alert(1)\n\n[x]", "<!-- --><script>x",
    "\x00<script>x</script>", "&lt;script&gt;alert(1)&lt;/script&gt;", "[a](\x01javascript:alert(1))",
]  # fmt: skip


@pytest.mark.parametrize("payload", PAYLOADS)
def test_markdown_runs_nothing(server, payload):
    import re
    from html.parser import HTMLParser

    found = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            found.append((tag, dict(attrs)))

    Reader().feed("".join(render(server, payload)))
    for tag, attrs in found:
        assert tag not in ("script", "img", "svg", "iframe", "style", "object", "form", "input", "math", "base", "meta")
        assert not any(name.startswith("on") or name in ("style", "src", "srcdoc") for name in attrs)
        assert re.match(r"(https?|mailto):", attrs.get("href", "http:")), attrs


def test_the_tokenizer_of_the_tests_knows_every_text():
    assert tokenizer().decode(tokenizer().encode(ANSWER)) == ANSWER
