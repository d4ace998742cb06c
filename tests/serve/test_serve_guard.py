"""Other sites' pages and other names for this machine are turned away; so is who has no key."""

import socket

import pytest
from serving import ask, http, running

CHAT = "/v1/chat/completions"
PATHS = ["/", "/health", "/v1/models", "/metrics"]


def ask_raw(port: int, method: str, path: str, headers: dict, body: bytes = b"") -> tuple[int, str]:
    """-> (status, headers and body): a client that sends what it is told, Host included."""
    head = {"content-length": str(len(body)), "connection": "close", **headers}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items()), "", ""]
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall("\r\n".join(lines).encode("latin-1") + body)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    return int(answer.split()[1]), answer.decode()


HOSTS = """
evil.example evil.example:{port} localhost.evil.example 127.0.0.1.evil.example:{port} 169.254.1.1 10.0.0.1:{port}
localhost@evil.example evil.example#localhost [::2]:{port} 0.0.0.0
""".split()
REBINDING = [(host, "GET", path) for host in HOSTS for path in ("/", "/v1/models")]
ORIGINS = """
https://evil.example http://evil.example:{port} null http://localhost:1 https://127.0.0.1:{port}.evil file://
http://localhost.evil.example http://[::1]:{port} chrome-extension://abc http://127.0.0.1
""".split()
CSRF = [(origin, method) for origin in ORIGINS for method in ("POST", "OPTIONS")]


def test_there_are_40():
    assert len(REBINDING) + len(CSRF) == 40


@pytest.mark.parametrize("host, method, path", REBINDING)
def test_rebinding(server, host, method, path):
    status, answer = ask_raw(server.port, method, path, {"host": host.format(port=server.port)})
    assert status == 403 and "host_not_allowed" in answer


@pytest.mark.parametrize("origin, method", CSRF)
def test_csrf(server, origin, method):
    """A form's text/plain, a fetch with JSON, and the preflight that asks whether it may."""
    host = {"host": f"127.0.0.1:{server.port}", "origin": origin.format(port=server.port)}
    more = {"access-control-request-method": "POST"} if method == "OPTIONS" else {"content-type": "application/json"}
    status, answer = ask_raw(server.port, method, CHAT, host | more, b'{"messages": []}')
    assert status == 403 and "origin_not_allowed" in answer and "access-control" not in answer.lower()


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_browsers_say_so_where_they_send_no_origin(server, site):
    host = {"host": f"localhost:{server.port}", "sec-fetch-site": site}
    for path in ("/v1/models", "/static/index.html"):
        assert ask_raw(server.port, "GET", path, host)[0] == 403
    assert ask_raw(server.port, "GET", "/", host | {"sec-fetch-mode": "no-cors"})[0] == 403
    assert ask_raw(server.port, "GET", "/?q=x", host | {"sec-fetch-mode": "navigate"})[0] == 200  # a link to the page


@pytest.mark.parametrize("host", ["localhost:{port}", "127.0.0.1:{port}", "LOCALHOST", "[::1]:{port}"])
def test_our_own_names(server, host):
    host = host.format(port=server.port)
    assert ask_raw(server.port, "GET", "/health", {"host": host, "sec-fetch-site": "same-origin"})[0] == 200
    assert ask_raw(server.port, "GET", "/health", {"host": host, "origin": f"http://{host}"})[0] == 200


@pytest.mark.parametrize("host", ["a b", "x:y", "localhost:99999999", "", "localhost/..", "\xe9"])
def test_what_is_no_host(server, host):
    assert ask_raw(server.port, "GET", "/v1/models", {"host": host})[0] in (400, 403)


def test_key_and_names(tmp_path):
    guard = {"key": "s3cret", "allow_hosts": ["gpu.example"], "allow_origins": ["https://chat.example"]}
    with running(tmp_path, **guard) as server:
        named = {"host": f"gpu.example:{server.port}"}
        assert ask_raw(server.port, "GET", "/health", named)[0] == 200  # open
        assert ask_raw(server.port, "GET", "/", named)[0] == 200
        assert ask_raw(server.port, "GET", "/static/code.css", named)[0] == 200
        for path in ("/v1/models", "/metrics", "/tokenizer_info", "/nothing"):
            for wrong in ({}, {"authorization": "Bearer s3cre"}, {"authorization": "Bearer \xe9"},
                          {"authorization": "Basic s3cret"}, {"authorization": "s3cret"}):  # fmt: skip
                status, answer = ask_raw(server.port, "GET", path, named | wrong)
                assert status == 401 and "authentication_error" in answer and "s3cret" not in answer
        assert ask_raw(server.port, "POST", CHAT, named | {"content-type": "application/json"}, b"{}")[0] == 401
        right = named | {"authorization": "Bearer s3cret"}
        assert ask_raw(server.port, "GET", "/v1/models", right)[0] == 200

        friend = {"origin": "https://chat.example"}
        status, answer = ask_raw(
            server.port, "OPTIONS", CHAT, named | friend | {"access-control-request-method": "POST"}
        )
        assert status == 204 and "access-control-allow-origin: https://chat.example" in answer
        status, answer = ask_raw(server.port, "GET", "/v1/models", right | friend)
        assert status == 200 and "access-control-allow-origin: https://chat.example" in answer
        assert ask_raw(server.port, "GET", "/v1/models", right | {"origin": "https://other.example"})[0] == 403

        with_key = {"authorization": "Bearer s3cret"}
        reply = http.post(server.url + CHAT, json={"messages": ask(), "max_tokens": 1}, headers=with_key)
        assert reply.status_code == 200


def test_bound_to_every_network_any_address_is_fine_but_no_name(tmp_path):
    with running(tmp_path, host="0.0.0.0") as server:
        assert ask_raw(server.port, "GET", "/health", {"host": "192.168.1.5:8000"})[0] == 200
        assert ask_raw(server.port, "GET", "/health", {"host": "evil.example"})[0] == 403
