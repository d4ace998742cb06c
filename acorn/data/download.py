"""
Fetch public pretraining sets over HTTP: resumable, size- and hash-checked, tried again when the network fails.

A file is written as NAME.part and gets its name when it is whole, so a file under its name needs no second look. Beside
the part lies NAME.part.etag: when the server's file has changed since, the download starts over, not mixing the two.
"""

import http.client
import os
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from acorn.data.shards import sha256
from acorn.errors import Stopped, StorageError, UserError

CHUNK = 1 << 18
MAX_WAIT = 60.0  # seconds between two attempts


@dataclass(frozen=True)
class Dataset:
    url: str  # folder that holds the files
    name: str  # of file number i
    files: int
    what: str

    def names(self, shards: int) -> list[str]:
        if not 1 <= shards <= self.files:
            raise UserError(f"--shards {shards}: choose 1 to {self.files:,}")
        return [self.name.format(i) for i in range(shards)]


DATASETS = {
    "climbmix": Dataset(
        "https://huggingface.co/datasets/karpathy/climbmix-400b-shuffle/resolve/main",
        "shard_{:05d}.parquet",
        6543,
        "about 400 billion tokens of filtered web text, shuffled; a file holds some 60 million tokens",
    ),
    "shakespeare": Dataset(
        "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare",
        "input.txt",
        1,
        "Tiny Shakespeare, 1.1 MB: one text for character models",
    ),
}


class TryAgain(Exception):
    """This attempt failed in a way that the next may not. `wait`: seconds that the server asked for."""

    def __init__(self, why: str, wait: float = 0.0):
        super().__init__(why)
        self.wait = wait


def fetch(
    url: str,
    path: Path,
    attempts: int = 6,
    first_wait: float = 1.0,
    timeout: float = 30.0,
    on_bytes: Callable[[int, int | None], None] = lambda have, total: None,
    stop: threading.Event | None = None,
) -> bool:
    """
    URL -> file; False when the file is there already. Waits 1, 2, 4 … s between attempts, each of which goes on where
    the last one stopped; one that brought something new starts the count again. on_bytes(have, total) hears of it all.
    """
    if not url.startswith(("https://", "http://")):
        raise UserError(f"{url!r} is not an http or https address")
    if path.exists():
        return False
    part, failures, hash_failures, stop = Path(f"{path}.part"), 0, 0, stop or threading.Event()
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            digest = attempt(url, part, timeout, on_bytes, stop)
            if digest is None or sha256(part) == digest:
                os.replace(part, path)
                etag_of(part).unlink(missing_ok=True)
                return True
            found = sha256(part)
            forget(part)
            hash_failures += 1
            if hash_failures == 2:
                raise UserError(f"{url} does not have the content it promises: sha256 {found[:12]}, not {digest[:12]}")
            why, wait = "wrong hash", 0.0
        except TryAgain as e:
            why, wait = str(e), e.wait
        except OSError as e:
            raise StorageError(f"cannot write {part}: {e.strerror or e}; what has come is kept") from None
        have = part.stat().st_size if part.exists() else 0
        failures = 1 if have > before else failures + 1
        if failures >= attempts:
            raise UserError(
                f"cannot download {url}: {why} ({failures} times in a row, {have:,} bytes are kept)",
                "run the same command again; it goes on where it stopped",
            )
        if stop.wait(min(MAX_WAIT, max(wait, first_wait * 2 ** (failures - 1)))):
            raise Stopped(f"stopped; what has come of {path.name} is kept")


def attempt(url: str, part: Path, timeout: float, on_bytes, stop: threading.Event) -> str | None:
    """One request that completes `part`; returns the sha256 that the server promises, if it does. Else raises."""
    part.parent.mkdir(parents=True, exist_ok=True)
    have = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": "acorn", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
        if etag_of(part).exists():
            headers["If-Range"] = etag_of(part).read_text(encoding="utf-8")
    redirects = Redirects()
    request = urllib.request.Request(url, headers=headers)
    try:
        response = urllib.request.build_opener(redirects).open(request, timeout=timeout)
    except urllib.error.HTTPError as e:
        e.close()
        if e.code == 416 and e.headers.get("Content-Range", "") == f"bytes */{have}":
            return promised_hash(redirects.linked or e.headers)  # all of it was there
        if e.code == 416:
            forget(part)
            raise TryAgain("the server has another file than the part here") from None
        if e.code in (408, 425, 429) or e.code >= 500:
            asked = e.headers.get("Retry-After", "")
            raise TryAgain(f"the server answers {e.code} {e.reason}", int(asked) if asked.isdigit() else 0) from None
        raise UserError(f"cannot download {url}: the server answers {e.code} {e.reason}") from None
    except (urllib.error.URLError, http.client.HTTPException, OSError) as e:  # every network error is an OSError
        raise TryAgain(str(getattr(e, "reason", e)) or type(e).__name__) from None
    with response:
        start, total = place(response, have)
        digest = promised_hash(redirects.linked or response.headers)
        if start == 0:
            etag = response.headers.get("ETag", "")
            if etag and not etag.startswith("W/"):
                etag_of(part).write_text(etag, encoding="utf-8")
            else:
                etag_of(part).unlink(missing_ok=True)
        receive(response, part, start, total, on_bytes, stop)
    return digest


def place(response, have: int) -> tuple[int, int | None]:
    """(where this answer begins in the file, size of the file if known)"""
    if response.status == 206:
        match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        if not match or int(match[1]) != have:
            raise TryAgain(f"the server sent another part than asked for: {response.headers.get('Content-Range')!r}")
        return have, None if match[2] == "*" else int(match[2])
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdigit() else None


def receive(response, part: Path, start: int, total: int | None, on_bytes, stop: threading.Event) -> None:
    have = start
    with open(part, "r+b" if start else "wb") as file:
        file.seek(start)
        while True:
            try:
                chunk = response.read(CHUNK)
            except (http.client.HTTPException, OSError) as e:
                raise TryAgain(f"the connection broke after {have:,} bytes: {e}") from None
            if not chunk:
                break
            file.write(chunk)
            have += len(chunk)
            on_bytes(have, total)
            if stop.is_set():
                raise Stopped(f"stopped; what has come of {part.stem} is kept")
        file.flush()
        os.fsync(file.fileno())
    if total is not None and have < total:
        raise TryAgain(f"the connection ended after {have:,} of {total:,} bytes")
    if total is not None and have > total:
        forget(part)
        raise TryAgain(f"the server sent {have:,} bytes instead of {total:,}")


class Redirects(urllib.request.HTTPRedirectHandler):
    """Keeps what the hub says about a file before it sends us on to its storage; never goes from https to http."""

    linked = None

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        if headers.get("X-Linked-Etag"):
            self.linked = headers
        if req.full_url.startswith("https://") and not newurl.startswith("https://"):
            raise UserError(f"{req.full_url} sends us on to {newurl}, which is not encrypted")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def promised_hash(headers) -> str | None:
    """The hub's ETag of a large file is its sha256; elsewhere an ETag can be anything."""
    etag = (headers.get("X-Linked-Etag") or headers.get("ETag") or "").strip('"').lower()
    return etag if re.fullmatch(r"[0-9a-f]{64}", etag) else None


def etag_of(part: Path) -> Path:
    return Path(f"{part}.etag")


def forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    etag_of(part).unlink(missing_ok=True)
