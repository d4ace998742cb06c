"""Downloads against a server on this machine that fails in every way we know."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import acorn.data.download as module
from acorn.data.download import DATASETS, Dataset, fetch
from acorn.errors import Stopped, StorageError, UserError

BODY = bytes(range(256)) * 4000  # 1,024,000 bytes
SHA = hashlib.sha256(BODY).hexdigest()


class Server(ThreadingHTTPServer):
    """`answers` are played one a request, then "fine" for ever; `requests` keeps what was asked."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers, self.requests, self.etag, self.body = [], [], f'"{SHA}"', BODY

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        server = self.server
        wanted = self.headers.get("Range", "")
        server.requests.append((self.path, wanted, self.headers.get("If-Range", "")))
        answer = server.answers.pop(0) if server.answers else "fine"
        if isinstance(answer, int):
            self.send_response(answer)
            self.send_header("Retry-After", "0")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        if answer == "redirect":
            self.send_response(302)
            self.send_header("Location", f"{server.url}/storage{self.path}")
            self.send_header("X-Linked-Etag", f'"{SHA}"')
            self.send_header("Content-Length", "0")
            return self.end_headers()
        body, etag = server.body, server.etag
        start = int(wanted[6:-1]) if wanted and answer != "no ranges" else 0
        if start and self.headers.get("If-Range", etag) != etag:
            start = 0  # the file has changed: all of it
        if start >= len(body):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(body)}")
            self.send_header("ETag", etag)
            self.send_header("Content-Length", "0")
            return self.end_headers()
        self.send_response(206 if start else 200)
        if start:
            at = start + (1 if answer == "wrong place" else 0)
            self.send_header("Content-Range", f"bytes {at}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - start))
        self.send_header("ETag", etag)
        self.end_headers()
        part = body[start:]
        if answer == "cut":
            part = part[: len(part) // 2]
        if answer == "corrupt":
            part = b"\xff" * len(part)
        self.wfile.write(part)
        if answer == "cut":
            self.close_connection = True


@pytest.fixture
def server(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def get(server, path, name="a.parquet", **options) -> bool:
    return fetch(f"{server.url}/{name}", path, first_wait=0.001, timeout=5, **options)


def test_fetch_and_fetch_again(server, tmp_path):
    heard = []
    assert get(server, tmp_path / "new" / "a", on_bytes=lambda have, total: heard.append((have, total)))
    assert (tmp_path / "new" / "a").read_bytes() == BODY
    assert heard[-1] == (len(BODY), len(BODY)) and heard == sorted(heard)
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["a"]
    assert not get(server, tmp_path / "new" / "a") and len(server.requests) == 1


def test_a_cut_connection_is_taken_up_where_it_broke(server, tmp_path):
    server.answers = ["cut", "cut"]
    get(server, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == BODY
    assert [r[1] for r in server.requests] == ["", "bytes=512000-", "bytes=768000-"]
    assert server.requests[1][2] == f'"{SHA}"'


def test_a_killed_download_goes_on_in_the_next_run(server, tmp_path):
    (tmp_path / "a.part").write_bytes(BODY[:1000])
    get(server, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == BODY and server.requests[0][1] == "bytes=1000-"


def test_a_part_that_is_all_there_is_only_checked(server, tmp_path):
    (tmp_path / "a.part").write_bytes(BODY)
    get(server, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == BODY and len(server.requests) == 1


@pytest.mark.parametrize("junk", [BODY[:500] + b"x" + BODY[501:1000], BODY + b"more"])
def test_a_wrong_part_is_fetched_anew(junk, server, tmp_path):
    (tmp_path / "a.part").write_bytes(junk)
    get(server, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == BODY and server.requests[-1][1] == ""


def test_a_file_that_changed_on_the_server_is_not_mixed(server, tmp_path):
    server.answers = ["cut", 503, 503]
    with pytest.raises(UserError, match="503"):
        get(server, tmp_path / "a", attempts=2)
    server.body, server.etag = BODY[::-1], f'"{hashlib.sha256(BODY[::-1]).hexdigest()}"'
    server.requests.clear()
    get(server, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == BODY[::-1] and server.requests[0][1:] == ("bytes=512000-", f'"{SHA}"')


@pytest.mark.parametrize("answers", [["cut", "no ranges"], ["cut", "wrong place"], [500, 503, 429, 502]])
def test_servers_with_manners_of_their_own(answers, server, tmp_path):
    server.answers = answers
    get(server, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == BODY


def test_the_hubs_hash_counts_not_the_storages(server, tmp_path):
    server.answers, server.etag = ["redirect"], '"of-another-kind"'
    get(server, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == BODY
    assert [r[0] for r in server.requests] == ["/a.parquet", "/storage/a.parquet"]
    server.answers = ["redirect", "corrupt", "redirect"]
    get(server, tmp_path / "b")  # the second time it is right
    assert (tmp_path / "b").read_bytes() == BODY


def test_a_resumed_redirect(server, tmp_path):
    server.answers = ["redirect", "cut", "redirect"]
    get(server, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == BODY and server.requests[-1][:2] == ("/storage/a.parquet", "bytes=512000-")


def test_wrong_content_twice_is_refused(server, tmp_path):
    server.answers = ["corrupt", "corrupt"]
    with pytest.raises(UserError, match=f"does not have the content it promises: sha256 .*, not {SHA[:12]}"):
        get(server, tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_without_a_hash_the_size_decides(server, tmp_path):
    server.etag = 'W/"weak"'
    server.answers = ["cut"]
    get(server, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == BODY and server.requests[1][2] == ""


@pytest.mark.parametrize("code", [401, 403, 404, 410])
def test_what_waiting_does_not_cure_fails_at_once(code, server, tmp_path):
    server.answers = [code]
    with pytest.raises(UserError, match=f"the server answers {code}"):
        get(server, tmp_path / "a")
    assert len(server.requests) == 1 and not (tmp_path / "a").exists()


def test_giving_up_says_what_is_kept(server, tmp_path):
    server.answers = ["cut", *[500] * 9]
    with pytest.raises(UserError, match=r"the server answers 500 .* \(3 times in a row, 512,000 bytes are kept\)") as e:
        get(server, tmp_path / "a", attempts=3)
    assert e.value.hint == "run the same command again; it goes on where it stopped"
    assert (tmp_path / "a.part").stat().st_size == 512_000


def test_no_server(tmp_path):
    with pytest.raises(UserError, match="cannot download http://127.0.0.1:9/a: .*refused"):
        fetch("http://127.0.0.1:9/a", tmp_path / "a", attempts=2, first_wait=0.001)
    for url in ("file:///etc/passwd", "ftp://x/y", "shard.parquet"):
        with pytest.raises(UserError, match="is not an http or https address"):
            fetch(url, tmp_path / "a")


def test_never_from_https_to_http():
    request = module.urllib.request.Request("https://127.0.0.1/a")
    with pytest.raises(UserError, match="sends us on to http://127.0.0.1/b, which is not encrypted"):
        module.Redirects().redirect_request(request, None, 302, "Found", {}, "http://127.0.0.1/b")


def test_a_full_disk(server, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.os, "fsync", full)
    with pytest.raises(StorageError, match="cannot write .*a.part: No space left on device; what has come is kept"):
        get(server, tmp_path / "a")


def test_stopping_keeps_the_part(server, tmp_path):
    stop = threading.Event()
    with pytest.raises(Stopped, match="what has come of a is kept"):
        get(server, tmp_path / "a", stop=stop, on_bytes=lambda have, total: stop.set())
    assert 0 < (tmp_path / "a.part").stat().st_size < len(BODY)


def test_names():
    climbmix = DATASETS["climbmix"]
    assert climbmix.names(2) == ["shard_00000.parquet", "shard_00001.parquet"]
    assert climbmix.names(6543)[-1] == "shard_06542.parquet"
    for n in (0, 6544):
        with pytest.raises(UserError, match=f"--shards {n}: choose 1 to 6,543"):
            climbmix.names(n)


def test_the_command(server, workplace, acorn, monkeypatch):
    monkeypatch.setitem(DATASETS, "tiny", Dataset(server.url, "shard_{:05d}.parquet", 3, "for tests"))
    code, out, err = acorn("data", "download", "tiny", "--shards", "3", "--out", "raw")
    assert code == 0 and out == "raw: 3 fetched, 0 were there\n" and "shard_00002.parquet: fetched" in err
    assert sorted(p.name for p in (workplace / "raw").iterdir()) == [f"shard_0000{i}.parquet" for i in range(3)]
    server.answers = [404]
    code, out, err = acorn("data", "download", "climbmix", "--out", "raw2", "--url", server.url + "/mirror/")
    assert code == 2 and f"cannot download {server.url}/mirror/shard_00000.parquet: the server answers 404" in err
    code, out, err = acorn("data", "download", "climbmx", "--out", "raw2")
    assert code == 2 and "no set 'climbmx'. Did you mean climbmix?" in err
