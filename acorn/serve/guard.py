"""
Who may ask. It stands before every route:

    Host     a page on evil.example can point its own name at 127.0.0.1 (DNS rebinding); its requests name evil.example
    Origin   a page elsewhere can send requests here, with the browser's help (CSRF); browsers say where they come from
    key      Authorization: Bearer KEY, for everything but the page's own files and /health
"""

import hmac
import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from acorn.serve.errors import ApiError
from acorn.serve.respond import error_response

OPEN = ("/", "/health", "/v1/health", "/favicon.ico")  # and /static/: no secrets there
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
SECURITY = {
    b"content-security-policy": b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    b"font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": b"camera=(), microphone=(), geolocation=()",
}


class Guard:
    """
    host: what the server is bound to. allow_hosts: more names that it is reached by. allow_origins: other sites whose
    pages may use it, as https://site:port.
    """

    def __init__(
        self,
        app: ASGIApp,
        host: str = "127.0.0.1",
        key: str | None = None,
        allow_hosts: Sequence[str] = (),
        allow_origins: Sequence[str] = (),
    ):
        self.app, self.key = app, key.encode() if key else None
        self.hosts = {name.lower().strip("[]") for name in (*LOOPBACK_NAMES, host, *allow_hosts)}
        self.any_address = not is_loopback(host)  # a name can be rebound, a bare address cannot
        self.origins = {origin.lower().rstrip("/") for origin in allow_origins}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        origin = headers.get(b"origin")
        more = list(SECURITY.items())
        if origin and origin.lower() in self.origins:
            more += [(b"access-control-allow-origin", origin.encode("latin-1")), (b"vary", b"origin")]

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                have = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(item for item in more if item[0] not in have)]
            await send(message)

        try:
            self.check_host(headers)
            self.check_origin(scope, headers)
            if scope["method"] == "OPTIONS" and origin and b"access-control-request-method" in headers:
                more += [(b"access-control-allow-methods", b"GET, POST"),
                         (b"access-control-allow-headers", b"authorization, content-type"),
                         (b"access-control-max-age", b"600")]  # fmt: skip
                return await error_response(None, 204)(scope, receive, send_safely)
            self.check_key(scope, headers)
        except ApiError as e:
            return await error_response(e)(scope, receive, send_safely)
        await self.app(scope, receive, send_safely)

    def check_host(self, headers: dict[bytes, str]) -> None:
        host = headers.get(b"host", "")
        name = host_name(host)
        if name in self.hosts or (self.any_address and is_address(name)):
            return
        raise ApiError(
            403,
            f"this server does not answer to the name {host[:100]!r}; start it with --allow-host NAME if it should",
            code="host_not_allowed",
        )

    def check_origin(self, scope: Scope, headers: dict[bytes, str]) -> None:
        origin, site = headers.get(b"origin"), headers.get(b"sec-fetch-site")
        if origin is not None:
            if origin.lower() in self.origins:
                return
            here = headers[b"host"].lower()
            parts = urlsplit(origin.lower()) if origin.isascii() else None
            if parts is None or parts.scheme not in ("http", "https") or parts.netloc != here:
                raise foreign(origin)
        elif site in ("cross-site", "same-site"):
            # following a link to the page is fine, anything else is a page elsewhere that reaches in
            if not (scope["method"] == "GET" and scope["path"] == "/" and headers.get(b"sec-fetch-mode") == "navigate"):
                raise foreign(f"another site (Sec-Fetch-Site: {site})")

    def check_key(self, scope: Scope, headers: dict[bytes, str]) -> None:
        path = scope["path"]
        if self.key is None or (scope["method"] in ("GET", "HEAD") and (path in OPEN or path.startswith("/static/"))):
            return
        scheme, _, given = headers.get(b"authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode("latin-1"), self.key):
            raise ApiError(
                401,
                "this server wants its API key: send Authorization: Bearer KEY",
                code="invalid_api_key",
                headers={"www-authenticate": "Bearer"},
            )


def foreign(origin: str) -> ApiError:
    return ApiError(
        403,
        f"requests from {origin[:100]!r} are not taken; start with --allow-origin if they should be",
        code="origin_not_allowed",
    )


def host_name(host: str) -> str:
    """'Localhost:8000' -> localhost; '[::1]:8000' -> ::1; '' for what is no host at all."""
    try:
        parts = urlsplit(f"//{host.lower()}")
        parts.port  # noqa: B018 -- raises when it is no number
    except ValueError:
        return ""
    if parts.path or parts.query or parts.fragment or "@" in host or any(c.isspace() for c in host):
        return ""
    return parts.hostname or ""


def is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    return host == "localhost" or (is_address(host) and ipaddress.ip_address(host).is_loopback)
