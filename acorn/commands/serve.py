"""acorn serve: runs behind OpenAI's protocol, and a page to talk to them."""

import os
import sys
from dataclasses import dataclass
from typing import Annotated

import tyro

from acorn.errors import UserError

KEY = "ACORN_API_KEY"
RunNames = Annotated[tyro.conf.Positional[tuple[str, ...]], tyro.conf.arg(name="run", metavar="RUN...")]


@dataclass
class Serve:
    """Serve runs: a page to talk to them, and OpenAI's protocol for programs. Ctrl-C lets answers under way finish."""

    run_names: RunNames  # names in runs/, or paths
    host: str = "127.0.0.1"  # address to listen on; 0.0.0.0 is every network of this machine
    port: int = 8000  # 0 takes a free one
    api_key: str | None = None  # what clients must send; without it, the environment's ACORN_API_KEY
    insecure: bool = False  # listen on other addresses than this machine's own without a key
    slots: int = 0  # replies generated together; 0 takes what fits into memory, 64 at most
    max_queue: int = 256  # replies that may wait for a slot; more get 429
    allow_host: tyro.conf.UseAppendAction[tuple[str, ...]] = ()  # another name that the server is reached by
    allow_origin: tyro.conf.UseAppendAction[tuple[str, ...]] = ()  # a site whose pages may use it, https://example.org
    grace: int = 60  # seconds that answers under way have to finish when the server stops
    device: str = "auto"  # auto, cpu or cuda
    quant: str = "auto"  # weights on a CPU: none, int8 or int4; auto is int8 from 50 M parameters on

    def run(self) -> int:
        key = self.check()
        from acorn.serve.start import serve

        return serve(self, key)

    def check(self) -> str | None:
        """-> the API key"""
        from acorn.serve.guard import is_loopback

        if not self.run_names:
            raise UserError("which run is to be served?", "acorn runs")
        for name, low, high in (("port", 0, 65535), ("slots", 0, 4096), ("max_queue", 0, 1 << 20), ("grace", 0, 86400)):
            value = getattr(self, name)
            if not low <= value <= high:
                raise UserError(f"--{name.replace('_', '-')} {value}: expected {low} to {high}")
        key = self.api_key if self.api_key is not None else os.environ.get(KEY)
        if key is not None and (not key.strip() or not key.isascii() or not key.isprintable()):
            raise UserError("the API key must be printable ASCII characters, at least one")
        if not is_loopback(self.host) and not key and not self.insecure:
            make = f"{sys.executable} -c 'import secrets; print(secrets.token_urlsafe(24))'"
            raise UserError(
                f"--host {self.host} lets others reach this server, and it has no API key (--insecure goes without)",
                f"export {KEY}=$({make})",
            )
        return key
