"""
uvicorn's connection, with the deadlines that it lacks: a request that does not arrive in time, and a client that does
not read, lose their connection. Otherwise thousands of half-sent requests stay open for ever.
"""

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from acorn.serve.errors import ApiError
from acorn.serve.respond import error_response

ARRIVE = 10.0  # seconds for a whole request, head and body
READ = 30.0  # seconds that a client may leave an answer unread
LONGEST_HEAD = 32 << 10  # bytes
MOST_HEADERS = 100


class Strict(h11.Connection):
    """
    h11 follows the standard where it allows much. A proxy before us may read such a request in another way, and what it
    takes for a body would be a request to us.
    """

    def next_event(self):
        event = super().next_event()
        if isinstance(event, h11.Request):
            names = [name for name, _ in event.headers]
            size = len(event.target) + sum(len(name) + len(value) for name, value in event.headers)
            if (
                event.http_version not in (b"1.0", b"1.1")
                or (b"content-length" in names and b"transfer-encoding" in names)
                or len(names) > MOST_HEADERS
                or size > LONGEST_HEAD
            ):
                raise h11.RemoteProtocolError("refused")
        return event


class Connection(H11Protocol):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.conn = Strict(h11.SERVER, LONGEST_HEAD)
        self.arriving = self.reading = None  # timers

    def connection_made(self, transport) -> None:
        super().connection_made(transport)
        self._watch_arrival()

    def connection_lost(self, exc) -> None:
        for timer in (self.arriving, self.reading):
            if timer:
                timer.cancel()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        super().handle_events()
        self._watch_arrival()

    def _watch_arrival(self) -> None:
        """The clock runs while a request is expected or half here; an answered, idle connection has uvicorn's own."""
        half = self.conn.their_state in (h11.IDLE, h11.SEND_BODY)
        idle = self.conn.their_state is h11.IDLE and not self.conn.trailing_data[0] and self.timeout_keep_alive_task
        if half and not idle:
            if self.arriving is None:
                self.arriving = self.loop.call_later(ARRIVE, self._too_late)
        elif self.arriving is not None:
            self.arriving.cancel()
            self.arriving = None

    def _too_late(self) -> None:
        self.arriving = None
        if self.transport.is_closing():
            return
        if self.conn.our_state is h11.IDLE and self.conn.trailing_data[0]:
            self._refuse(ApiError(408, f"the request did not arrive within {ARRIVE:g} s"))
        else:
            self.transport.abort()

    def send_400_response(self, msg: str) -> None:
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._refuse(ApiError(400, "this is not an HTTP request that can be understood", code="bad_http"))
        else:
            self.transport.abort()

    def _refuse(self, error: ApiError) -> None:
        response = error_response(error)
        headers = [*response.raw_headers, (b"connection", b"close")]
        for event in (
            h11.Response(status_code=response.status_code, headers=headers),
            h11.Data(data=bytes(response.body)),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event))
        self.transport.close()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.reading = self.reading or self.loop.call_later(READ, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.reading:
            self.reading.cancel()
            self.reading = None
