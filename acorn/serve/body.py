"""The body of a request, read with a limit and a deadline."""

import asyncio
import time

from fastapi import Request

from acorn.serve.errors import ApiError

MOST = 1 << 20  # bytes of a body
DEADLINE = 10.0  # seconds for a whole body
LINGER = 16 << 20, 2.0  # bytes and seconds of a refused body that are read and dropped, so that its sender reads why


async def read_body(request: Request) -> bytes:
    """ApiError 413 as soon as more than 1 MB is announced or has come, 408 after 10 s, 415 for what is not JSON."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise ApiError(
            415,
            f"the body must be JSON: send Content-Type: application/json, not {kind[:80] or 'nothing'}",
            "content-type",
        )
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > MOST:
        raise too_large(request)
    parts, size = [], 0
    try:
        async with asyncio.timeout(DEADLINE):
            while True:
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    raise ApiError(400, "the connection ended before the body did")
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > MOST:
                    raise too_large(request)
                if not message.get("more_body"):
                    return b"".join(parts)
    except TimeoutError:
        raise ApiError(408, f"the body did not arrive within {DEADLINE:g} s", headers={"connection": "close"}) from None


def too_large(request: Request) -> ApiError:
    request.state.linger = True
    message = f"the body has more than {MOST:,} bytes, the most that is read"
    return ApiError(413, message, code="body_too_large", headers={"connection": "close"})


async def drop_rest(receive) -> None:
    """Read on for a moment: closing while data arrives resets the connection, and the answer is lost with it."""
    most, seconds = LINGER
    end = time.monotonic() + seconds
    try:
        async with asyncio.timeout(seconds):
            while most > 0 and time.monotonic() < end:
                message = await receive()
                most -= len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body"):
                    return
    except TimeoutError:
        return
