"""Answers that are not a model's."""

from fastapi.responses import Response
from pydantic_core import to_json

from acorn.serve.body import drop_rest
from acorn.serve.errors import ApiError


def json_response(value, status: int = 200) -> Response:
    return Response(to_json(value), status, media_type="application/json")


def error_response(error: ApiError | None, status: int = 0) -> Response:
    if error is None:
        return Response(status_code=status)
    return Response(to_json(error.body()), error.status, error.headers, media_type="application/json")


class Refusal(Response):
    """An error whose request is still arriving: the answer goes out whole, then the rest is dropped for a while."""

    async def __call__(self, scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        await drop_rest(receive)
        await send({"type": "http.response.body", "body": b"", "more_body": False})
