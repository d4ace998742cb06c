"""The routes, and what happens when one of them fails."""

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from acorn import __version__
from acorn.serve import openai, tokens
from acorn.serve.body import read_body
from acorn.serve.errors import ApiError
from acorn.serve.fields import RenderRequest, parse
from acorn.serve.guard import Guard
from acorn.serve.markdown import render_blocks
from acorn.serve.metrics import Metrics
from acorn.serve.models import Models, Served, off_loop
from acorn.serve.respond import Refusal, error_response, json_response

log = logging.getLogger("acorn.serve")
READ = ["GET", "HEAD"]
PAGE = Path(__file__).with_name("page")


def build_app(served: Sequence[Served], metrics: Metrics, **guard) -> FastAPI:
    """served: their workers begin and end with the app. guard: host, key, allow_hosts, allow_origins of Guard."""
    models = Models(list(served))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        for one in served:
            one.worker.start()
        yield
        for one in served:
            await one.worker.stop()

    # FastAPI's own documentation pages load scripts from elsewhere
    app = FastAPI(
        title="acorn", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None
    )
    app.add_middleware(Guard, **guard)
    app.add_middleware(Count, metrics=metrics)
    app.exception_handler(ApiError)(api_error)
    app.exception_handler(HTTPException)(http_error)
    app.exception_handler(Exception)(fault)

    def post(path: str, handler) -> None:
        async def route(request: Request) -> Response:
            return await handler(request, models)

        app.post(path)(route)

    for path in ("/v1/chat/completions", "/chat/completions"):
        post(path, openai.chat)
    for path in ("/v1/completions", "/completions"):
        post(path, openai.completions)
    for prefix in ("", "/v1"):
        post(f"{prefix}/tokenize", tokens.tokenize)
        post(f"{prefix}/detokenize", tokens.detokenize)

    @app.get("/tokenizer_info")
    @app.get("/v1/tokenizer_info")
    async def tokenizer_info(request: Request) -> Response:
        return await tokens.tokenizer_info(request, models)

    @app.get("/v1/models")
    async def list_models() -> Response:
        return json_response({"object": "list", "data": [one.card() for one in models.served.values()]})

    @app.get("/v1/models/{name}")
    async def one_model(name: str) -> Response:
        return json_response(models.pick(name).card())

    @app.api_route("/health", methods=READ)
    @app.api_route("/v1/health", methods=READ)
    async def health() -> Response:
        alive = all(one.worker.thread and one.worker.thread.is_alive() for one in served)
        if not alive:
            raise ApiError(503, "a model has stopped; restart the server")
        return json_response({"status": "ok"})

    @app.get("/metrics")
    async def show_metrics() -> Response:
        gauges = {"replies_held": [], "slots": [], "queue_limit": []}
        for one in served:
            labels = {"model": one.name}
            gauges["replies_held"].append((labels, one.worker.held))
            gauges["slots"].append((labels, one.worker.slots))
            gauges["queue_limit"].append((labels, one.worker.max_queue))
        return Response(metrics.text(gauges), media_type="text/plain; version=0.0.4")

    @app.post("/render")
    async def render(request: Request) -> Response:
        """Markdown -> {"blocks": [HTML of each block]}, safe to insert."""
        asked = parse(RenderRequest, await read_body(request))
        return json_response({"blocks": await off_loop(len(asked.text), render_blocks, asked.text, param="text")})

    @app.api_route("/", methods=READ)
    async def page() -> Response:
        return FileResponse(PAGE / "index.html", headers={"cache-control": "no-cache"})

    app.mount("/static", PageFiles(directory=PAGE), name="static")
    return app


class PageFiles(StaticFiles):
    """Browsers ask each time whether a file is still the same: after an update, old and new files must not mix."""

    def file_response(self, *args, **kwargs) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["cache-control"] = "no-cache"
        return response


class Count:
    """Counts answers by route and status. Routes that do not exist count as one, or anybody could add lines."""

    def __init__(self, app, metrics: Metrics):
        self.app, self.metrics = app, metrics

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)

        async def counting(message) -> None:
            if message["type"] == "http.response.start":
                route = scope.get("route")
                path = getattr(route, "path", "other")
                self.metrics.add("requests_total", route=path, status=message["status"])
            await send(message)

        await self.app(scope, receive, counting)


async def api_error(request: Request, error: ApiError) -> Response:
    if not getattr(request.state, "linger", False):
        return error_response(error)
    plain = error_response(error)
    return Refusal(plain.body, error.status, error.headers, media_type="application/json")


async def http_error(request: Request, error: HTTPException) -> Response:
    """404 and 405 of the router."""
    path = request.scope["path"][:100]
    what = {404: f"no route {path}", 405: f"{request.method} is not for {path}"}
    headers = dict(error.headers or {})
    return error_response(ApiError(error.status_code, what.get(error.status_code, error.detail), headers=headers))


async def fault(request: Request, error: Exception) -> Response:
    """A fault of ours: the traceback goes to the log, never to the client."""
    # uvicorn closes the connection after a fault, so say so
    return error_response(ApiError(500, "a fault of the server; its log says more", headers={"connection": "close"}))
