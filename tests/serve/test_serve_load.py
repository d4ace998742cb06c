"""Many clients at once, clients that leave, that send half of a request, that do not read; faults; the end."""

import contextlib
import json
import random
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from serving import ANSWER, CONTEXT, ask, http, post, running

from acorn.serve import connection, openai

CHAT, PLAIN = "/v1/chat/completions", "/v1/completions"
JSON = "content-type: application/json\r\n"
ZZZ = {"logit_bias": {str(ord("z")): 100}, "temperature": 0}  # says z until the context is full
LONG = {"prompt": [256, 65], "max_tokens": CONTEXT, **ZZZ}


def bodies(count: int) -> list[tuple[str, dict]]:
    """Requests of every kind, seeded, so that each has one right answer."""
    rng = random.Random(5)
    found = []
    for i in range(count):
        options = {"seed": i, "max_tokens": rng.randint(1, 60), "temperature": rng.choice([0, 0.7, 1, 1.5])}
        options |= rng.choice([{}, {"top_k": 5}, {"top_p": 0.8}, {"n": 3}, {"stop": ["o", "e "]}, {"min_p": 0.1},
                               {"guided_regex": "[a-f]{3,40}"}, {"repetition_penalty": 1.3}])  # fmt: skip
        if rng.random() < 0.6:
            found.append((CHAT, {"messages": ask("Hi" * rng.randint(1, 40)), **options}))
        else:
            found.append((PLAIN, {"prompt": [256, *rng.choices(range(256), k=rng.randint(1, 200))], **options}))
    return found


def texts(reply: httpx.Response) -> list[str]:
    assert reply.status_code == 200, reply.text
    return [c["text"] if "text" in c else c["message"]["content"] for c in reply.json()["choices"]]


def streamed(url: str, path: str, body: dict) -> list[str]:
    found: dict[int, str] = {}
    with http.stream("POST", url + path, json={**body, "stream": True}, timeout=60) as reply:
        for line in reply.iter_lines():
            if line.startswith("data: {"):
                for choice in json.loads(line[6:])["choices"]:
                    said = choice["text"] if "text" in choice else choice["delta"].get("content", "")
                    found[choice["index"]] = found.get(choice["index"], "") + said
    return [found[i] for i in sorted(found)]


def test_neighbours_change_nothing(server):
    """Whole or streamed, alone or among others: the same seed says the same."""
    asked = bodies(24)
    alone = [texts(post(server.url, path, **body)) for path, body in asked]
    assert len({tuple(a) for a in alone}) > 18
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(lambda a: texts(post(server.url, a[0], **a[1])), asked)) == alone
        assert list(pool.map(lambda a: streamed(server.url, *a), asked)) == alone
    assert server.idle()


def leave_somewhere(server, rng: random.Random) -> None:
    """Ask for something long and hang up, before, while or after it is answered."""
    kind = rng.choice([LONG, {**LONG, "n": 4}, {**LONG, "prompt": [65] * 400, "echo": True, "logprobs": 2}])
    body = json.dumps({**kind, "stream": rng.random() < 0.7}).encode()
    head = f"POST {PLAIN} HTTP/1.1\r\nhost: localhost\r\n{JSON}content-length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        whole = head.encode() + body
        client.sendall(whole[: rng.randint(1, len(whole))] if rng.random() < 0.2 else whole)
        time.sleep(rng.random() ** 3 * 0.3)
        with contextlib.suppress(OSError):
            if rng.random() < 0.3:
                client.recv(rng.randint(1, 4000))
            if rng.random() < 0.3:
                client.shutdown(socket.SHUT_WR)
            if rng.random() < 0.3:  # a reset, not a goodbye
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


@pytest.mark.parametrize("count", [60, pytest.param(1000, marks=pytest.mark.slow)])
def test_who_hangs_up_leaves_no_slot_behind(server, monkeypatch, count):
    monkeypatch.setattr(connection, "ARRIVE", 0.5)
    rngs = [random.Random(i) for i in range(count)]
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda rng: leave_somewhere(server, rng), rngs))
    assert server.idle(15), (server.worker.held, len(server.worker.scheduler.rows))
    assert post(server.url, CHAT, messages=ask(), temperature=0).json()["choices"][0]["message"]["content"] == ANSWER
    assert not server.worker.scheduler.open and not server.worker.scoring


def test_a_slot_is_free_within_a_second(server):
    with http.stream("POST", server.url + PLAIN, json={**LONG, "n": 8, "stream": True}) as reply:
        next(reply.iter_raw())
    assert server.idle(1)


def test_a_whole_answer_is_cancelled_too(server):
    before = server.metrics.counters["cancelled_total"].total()
    with pytest.raises(httpx.ReadTimeout):
        http.post(server.url + PLAIN, json={**LONG, "n": 8}, timeout=0.05)
    assert server.idle(2) and server.metrics.counters["cancelled_total"].total() > before


def test_a_full_queue_is_429_and_says_when_to_come_back(tmp_path):
    with running(tmp_path, slots=1, max_queue=2) as server, contextlib.ExitStack() as stack:
        answers = []
        for _ in range(3):
            answers.append(stack.enter_context(http.stream("POST", server.url + PLAIN, json={**LONG, "stream": True})))
        reply = post(server.url, PLAIN, **LONG)
        assert reply.status_code == 429 and 1 <= int(reply.headers["retry-after"]) <= 60
        found = reply.json()["error"]
        assert (found["type"], found["code"]) == ("rate_limit_error", "queue_full") and "3 replies" in found["message"]
        assert server.metrics.counters["rejected_total"].total() == 1
        answers[1].close()  # it waited; its place is free at once
        deadline = time.monotonic() + 5
        while server.worker.held == 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert post(server.url, PLAIN, **LONG, n=1).status_code == 200
        stack.close()
        assert server.idle()


def test_whoever_waits_hears_that_the_server_is_alive(tmp_path, monkeypatch):
    monkeypatch.setattr(openai, "QUIET", 0.02)
    with running(tmp_path, slots=1) as server:
        with http.stream("POST", server.url + PLAIN, json={**LONG, "stream": True}) as first:
            next(parts := first.iter_raw())  # noqa: F841 -- whoever drops it hangs up
            with http.stream("POST", server.url + PLAIN, json={**LONG, "stream": True, "max_tokens": 2}) as second:
                raw = b"".join(second.iter_raw())
    assert raw.startswith(b": ping\n\n") and raw.endswith(b"data: [DONE]\n\n") and b'"text":"z' in raw


def test_health_answers_while_others_stream(server):
    stop, slowest = threading.Event(), []

    def look():
        while not stop.is_set():
            begin = time.perf_counter()
            assert http.get(server.url + "/health", timeout=10).status_code == 200
            slowest.append(time.perf_counter() - begin)

    with ThreadPoolExecutor(9) as pool:
        watching = pool.submit(look)
        list(pool.map(lambda _: streamed(server.url, PLAIN, LONG), range(8)))
        stop.set()
        watching.result()
    assert len(slowest) > 5 and max(slowest) < 1  # of a busy machine; benchmarks/serve.py measures


# --- faults -----------------------------------------------------------------------------------------------------------


def test_a_fault_of_the_model_ends_its_replies_and_no_others(tmp_path, monkeypatch):
    broken = threading.Event()

    def wrap(engine):
        features = engine.frozen[0].features

        def fragile(*args, **kwargs):
            if broken.is_set():
                broken.clear()
                raise RuntimeError("out of luck")
            return features(*args, **kwargs)

        monkeypatch.setattr(engine.frozen[0], "features", fragile)

    with running(tmp_path, wrap=wrap) as server:
        with http.stream("POST", server.url + PLAIN, json={**LONG, "stream": True}) as reply:
            lines = reply.iter_lines()
            next(lines)
            broken.set()
            last = [line for line in lines if line][-1]
        found = json.loads(last.removeprefix("data: "))["error"]
        assert found["type"] == "server_error" and "luck" not in found["message"]
        broken.set()
        assert post(server.url, PLAIN, **LONG).status_code == 500
        assert texts(post(server.url, CHAT, messages=ask(), temperature=0)) == [ANSWER]
        assert server.idle() and server.metrics.counters["failures_total"].total() == 2
        assert http.get(server.url + "/health").status_code == 200


def test_the_end_lets_streams_finish(tmp_path):
    with running(tmp_path) as server:
        with http.stream("POST", server.url + PLAIN, json={**LONG, "stream": True}) as reply:
            raw = next(parts := reply.iter_raw())
            server.server.should_exit = True
            raw += b"".join(parts)
    events = [json.loads(line[6:]) for line in raw.decode().splitlines() if line.startswith("data: {")]
    assert "".join(c["text"] for e in events for c in e["choices"]) == "z" * (CONTEXT - 1)
    assert raw.endswith(b"data: [DONE]\n\n")


def test_the_end_does_not_wait_for_ever(tmp_path):
    """A queue that would take long is cut off after the grace."""
    with running(tmp_path, slots=1, max_queue=300, grace=1) as server:
        threads = [threading.Thread(target=quiet_post, args=(server.url,)) for _ in range(40)]
        for thread in threads:
            thread.start()
        while server.worker.held < 20:
            time.sleep(0.01)
        begin = time.monotonic()
        server.server.should_exit = True
        for thread in threads:
            thread.join()
        assert time.monotonic() - begin < 8


def quiet_post(url: str) -> None:
    with contextlib.suppress(httpx.HTTPError):
        post(url, PLAIN, **LONG)


# --- the wire ---------------------------------------------------------------------------------------------------------


def talk(port: int, data: bytes, seconds: float = 10) -> bytes:
    """Send it and read until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as client:
        answer = b""
        with contextlib.suppress(ConnectionError):
            client.sendall(data)
            while part := client.recv(65536):
                answer += part
    return answer


J = JSON.encode()
H = b"POST /v1/completions HTTP/1.1\r\nhost: localhost\r\n" + J
HALVES = [
    b"",
    b"P",
    b"POST /v1/chat/completions HT",
    b"POST / HTTP/1.1\r\nhost: localhost\r\n",
    b"GET /health HTTP/1.1\r\n",
    H + b"content-length: 99\r\n\r\n{",
    H + b'transfer-encoding: chunked\r\n\r\n5\r\n{"a"',
    b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\nGET /hea",
    b"POST /nothing HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99\r\n\r\nx",
]


@pytest.mark.parametrize("count, deadline", [(45, 0.5), pytest.param(1000, 10.0, marks=pytest.mark.slow)])
def test_half_sent_requests_lose_their_connection(server, monkeypatch, count, deadline):
    monkeypatch.setattr(connection, "ARRIVE", deadline)
    begin, clients = time.monotonic(), []
    for i in range(count):
        client = socket.create_connection(("127.0.0.1", server.port), timeout=deadline + 5)
        client.sendall(HALVES[i % len(HALVES)])
        clients.append(client)
    sent = time.monotonic() - begin
    assert http.get(server.url + "/health").status_code == 200
    for client in clients:
        with client, contextlib.suppress(ConnectionError):
            while client.recv(4096):
                pass
    assert time.monotonic() - begin < deadline + sent + 2
    assert server.idle()


def test_a_slow_but_steady_head_is_late_too(server, monkeypatch):
    monkeypatch.setattr(connection, "ARRIVE", 0.5)
    begin = time.monotonic()
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as client, contextlib.suppress(OSError):
        client.sendall(b"GET /health HTTP/1.1\r\nhost: localhost\r\n")
        while time.monotonic() - begin < 5:  # slowloris: a header now and then
            client.sendall(b"x-a: b\r\n")
            time.sleep(0.1)
    assert time.monotonic() - begin < 2


def test_an_answer_may_take_longer_than_a_request(server, monkeypatch):
    monkeypatch.setattr(connection, "ARRIVE", 0.2)
    with httpx.Client() as client:
        for _ in range(2):  # on one connection
            reply = client.post(server.url + PLAIN, json={**LONG, "n": 8}, timeout=30)
            assert reply.status_code == 200 and reply.elapsed.total_seconds() > 0.2


def test_an_idle_connection_is_kept_for_the_next_request(server, monkeypatch):
    monkeypatch.setattr(connection, "ARRIVE", 0.2)
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as client:
        for _ in range(3):
            client.sendall(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")
            answer = client.recv(4096)
            while b'{"status":"ok"}' not in answer:
                answer += client.recv(4096)
            assert answer.startswith(b"HTTP/1.1 200")
            time.sleep(0.4)


def test_who_does_not_read_is_left(server, monkeypatch):
    monkeypatch.setattr(connection, "READ", 0.3)
    body = json.dumps({**LONG, "n": 8, "stream": True, "logprobs": 20}).encode()
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", server.port))
        client.sendall(H + b"content-length: %d\r\n\r\n" % len(body) + body)
        assert wait(lambda: server.worker.held > 0) and server.idle(20)
        assert wait(lambda: not server.server.server_state.tasks, 10)  # nothing hangs on it


def wait(condition, seconds: float = 5) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return bool(condition())


SMUGGLED = b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    "data",
    [
        H + b"content-length: 5\r\ncontent-length: 6\r\n\r\n{}   ",
        H + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
        H + b"transfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n0\r\n\r\n" + SMUGGLED,
        H + b"transfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        H + b"transfer-encoding: identity\r\n\r\n{}",
        H + b"transfer-encoding : chunked\r\n\r\n0\r\n\r\n",
        H + b"content-length: -1\r\n\r\n",
        H + b"content-length: +2\r\n\r\n{}",
        H + b"content-length: 0x2\r\n\r\n{}",
        H + b"content-length: " + b"9" * 30 + b"\r\n\r\n{}",
        H + b"transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        H + b"transfer-encoding: chunked\r\n\r\n2;" + b"x" * 100_000 + b"\r\n{}\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: localhost\r\nhost: evil.example\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET  / HTTP/1.1\r\nhost: localhost\r\n\r\n",
        b"GET / HTTP/9.9\r\nhost: localhost\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nhost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: localhost\r\nx: a\x00b\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: localhost\r\nx y: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: localhost\r\nx: " + b"a" * 100_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: localhost\r\n" + b"x: a\r\n" * 10_000 + b"\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nhost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 40,  # TLS
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\r\n\r\n\r\nhello\r\n",
    ],
    ids=range(25),
)
def test_what_is_no_request(server, monkeypatch, data):
    """One 4xx at most, and the connection is closed: what a proxy and we may read apart never becomes two requests."""
    monkeypatch.setattr(connection, "ARRIVE", 0.5)
    monkeypatch.setattr(server.server.config, "timeout_keep_alive", 0.2)
    answer = talk(server.port, data)
    assert answer.count(b"HTTP/1.1 ") <= 1 and b"acorn_" not in answer
    if answer:
        assert answer.startswith(b"HTTP/1.1 4"), answer
        body = answer.partition(b"\r\n\r\n")[2]
        assert json.loads(body)["error"]["message"]


def test_pipelined_requests_are_answered_in_order(server):
    body = json.dumps({"prompt": [256, 65], "max_tokens": 2, **ZZZ}).encode()
    one = H + b"content-length: %d\r\n\r\n" % len(body) + body
    last = b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
    answer = talk(server.port, one + one + last)
    assert answer.count(b"HTTP/1.1 200") == 3 and answer.count(b'"text":"zz"') == 2
    assert answer.endswith(b'{"status":"ok"}')


def test_a_large_body_is_refused_before_it_is_sent(server):
    answer = talk(server.port, H + b"expect: 100-continue\r\ncontent-length: 99999999\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413") and b"100 Continue" not in answer


def test_the_client_that_expects_100_gets_it(server):
    body = b'{"prompt": "a", "max_tokens": 1}'
    head = H + b"expect: 100-continue\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body)
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as client:
        client.sendall(head)
        assert client.recv(4096).startswith(b"HTTP/1.1 100")
        client.sendall(body)
        assert client.recv(4096).startswith(b"HTTP/1.1 200")


def test_a_websocket_is_not_here(server):
    upgrade = b"GET / HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade, close\r\n\r\n"
    assert talk(server.port, upgrade).startswith(b"HTTP/1.1 200")


# --- fuzz -------------------------------------------------------------------------------------------------------------

VALUES = [
    None, True, False, 0, 1, -1, 2, 0.5, -0.5, 1e308, -1e308, 10**18, 10**30, "", "a", "x" * 3000, "\x00", "🌳",
    [], {}, [[]], [{}], ["a"], [1], [None], {"a": 1}, [1] * 50, "<|bos|>", [[1, 2]], {"type": "text"}, {"65": 5},
    {"role": "user", "content": "Hi"}, [{"role": "user", "content": "Hi"}], [{"role": "user", "content": [{}]}],
    {"type": "json_schema", "json_schema": {"schema": {"type": "array", "items": {"$ref": "#"}}}}, "[a-z]{2}",
    {"type": "json_object"}, 'start: "a"', {"include_usage": True},
]  # fmt: skip
FIELDS = [*openai.ChatRequest.model_fields, *openai.CompletionRequest.model_fields, "tokens", "content", "unknown"]
ROUTES = [CHAT, PLAIN, CHAT, PLAIN, "/tokenize", "/detokenize", "/render"]


def strange(rng: random.Random) -> tuple[str, bytes]:
    """A request that is nearly right, or not at all."""
    path = rng.choice(ROUTES)
    body = {"messages": ask(), "prompt": "Hi", "tokens": [65], "text": "*a*", "max_tokens": rng.randint(1, 4)}
    for _ in range(rng.choice([0, 1, 1, 2, 3])):
        body[rng.choice(FIELDS)] = rng.choice(VALUES)
    if isinstance(body.get("max_tokens"), int) and body["max_tokens"] > 4 or body.get("max_tokens") is None:
        body["max_tokens"] = 4
    body.pop("max_completion_tokens", None) if rng.random() < 0.9 else None
    raw = json.dumps(body).encode()
    if rng.random() < 0.25:  # damage
        at = rng.randrange(len(raw))
        raw = rng.choice([raw[:at], raw[:at] + bytes([rng.randrange(256)]) + raw[at + 1 :], raw[at:], raw + raw[:at],
                          raw.replace(b"1", b"1e999"), raw.replace(b'"', b"'"), b"[" * at + raw])  # fmt: skip
    return path, raw


@pytest.mark.parametrize("count", [400, pytest.param(10_000, marks=pytest.mark.slow)])
def test_fuzz(server, count):
    def part(k: int) -> dict[int, int]:
        counts: dict[int, int] = {}
        rng = random.Random(k)
        with httpx.Client(base_url=server.url, timeout=30) as client:
            for _ in range(count // 8):
                path, raw = strange(rng)
                reply = client.post(path, content=raw, headers={"content-type": "application/json"})
                assert reply.status_code in (200, 400, 404), (reply.status_code, path, raw[:500], reply.text[:500])
                if reply.headers["content-type"].startswith("text/event-stream"):
                    assert reply.text.endswith("data: [DONE]\n\n") or '"error"' in reply.text
                elif reply.status_code != 200:
                    assert reply.json()["error"]["message"]
                counts[reply.status_code] = counts.get(reply.status_code, 0) + 1
        return counts

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(part, range(8)))
    total = {status: sum(c.get(status, 0) for c in found) for status in (200, 400, 404)}
    assert sum(total.values()) == count and total[200] > count / 10 and total[400] > count / 10
    assert server.idle()
