"""
The one thread that owns a model. The event loop hands it tickets and takes pieces of replies from it; neither ever
waits for the other, so the server answers while the model computes.

    event loop                                  thread
    submit(ticket) ── admitted or 429 ── inbox ──> scheduler.submit
    cancel(ticket) ───────────────────── inbox ──> scheduler.cancel
    ticket.batches() <── one call a step, with the pieces of all tickets ── scheduler.step
"""

import asyncio
import logging
import queue
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from acorn.infer.constrain import Guide
from acorn.infer.engine import Engine
from acorn.infer.row import Event, Row
from acorn.infer.sample import Sampling
from acorn.infer.scheduler import READ_ALONE, READ_BESIDE
from acorn.infer.scoring import Scored, Scoring
from acorn.serve.errors import ApiError
from acorn.serve.metrics import Metrics

log = logging.getLogger("acorn.serve")


@dataclass(slots=True)
class Piece:
    """
    What one reply got in one step. finish: "stop", "length", or "cancel". stop: the stop token that ended it, which is
    not part of what it says; logprob and top are then of that token.
    """

    choice: int
    text: str = ""
    token: int | None = None
    finish: str | None = None
    stop: int | None = None
    logprob: float | None = None
    top: list[tuple[int, float]] | None = None


@dataclass(eq=False)
class Ticket:
    """
    One request: each prompt gets `samples` replies, choice i * samples + j being prompt i's reply j. score: also say
    how likely the prompts are. guide: makes what constrains a reply.
    """

    prompts: list[list[int]]
    sampling: Sampling
    samples: int = 1
    score: int | None = None  # how many of the likeliest tokens to name; None: prompts are not scored
    guide: Callable[[], Guide] | None = None

    begin: float = field(default_factory=time.perf_counter)
    rows: list[Row] = field(default_factory=list)  # the thread's
    cancelled: bool = False  # the thread's
    scored: dict[int, Scored] = field(default_factory=dict)
    # the event loop's
    pending: list[Piece] = field(default_factory=list)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    open: int = 0  # replies that have not ended
    failed: bool = False
    broken: str = ""  # why the grammar could not be followed to its end
    last: float | None = None  # when the newest piece came

    async def batches(self, patience: float | None = None) -> AsyncIterator[list[Piece]]:
        """The pieces as they come, until every reply has ended; an empty list when none came for `patience` seconds."""
        while self.open or self.pending:
            if not self.pending:
                try:
                    async with asyncio.timeout(patience):
                        await self.ready.wait()
                except TimeoutError:
                    yield []
                    continue
            self.ready.clear()
            if self.failed:
                raise ApiError(500, "the model failed on this request; the log of the server says why")
            if self.broken:
                raise ApiError(400, f"the grammar became too complex on the way: {self.broken}")
            pieces, self.pending = self.pending, []
            yield pieces


class Worker:
    """slots: replies generated together. max_queue: replies that may wait for a slot."""

    def __init__(self, engine: Engine, slots: int, max_queue: int, metrics: Metrics):
        self.engine, self.slots, self.max_queue, self.metrics = engine, slots, max_queue, metrics
        self.held = 0  # replies admitted and not ended
        self.tickets: set[Ticket] = set()
        self.seconds = 1.0  # that a reply takes, roughly
        self.inbox: queue.SimpleQueue = queue.SimpleQueue()
        self.scheduler = engine.scheduler(slots)
        self.to_score: list[tuple[Ticket, int]] = []
        self.scoring: tuple[Scoring, list[tuple[Ticket, int]]] | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        self.thread: threading.Thread | None = None
        self.live: dict[Ticket, int] = {}  # tickets begun, and how many of their replies have not ended
        self.out: dict[Ticket, list[Piece]] = {}  # what the event loop has not yet been told

    # --- the event loop's side ----------------------------------------------------------------------------------------

    def start(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.thread = threading.Thread(target=self._run, name="model", daemon=True)
        self.thread.start()

    async def stop(self) -> None:
        """End the thread; replies under way end as cancelled."""
        if self.thread and self.thread.is_alive():
            self.inbox.put(None)
            await asyncio.to_thread(self.thread.join)

    def submit(self, ticket: Ticket) -> None:
        """ApiError 429 when the queue is full."""
        rows = len(ticket.prompts) * ticket.samples
        if rows > self.slots + self.max_queue:
            raise ApiError(
                400,
                f"the request asks for {rows} replies; this server takes {self.slots + self.max_queue} at once",
                "n",
            )
        if self.held + rows > self.slots + self.max_queue:
            self.metrics.add("rejected_total")
            wait = max(1, min(60, round(self.seconds * self.held / self.slots)))
            raise ApiError(
                429,
                f"the queue is full: {self.held} replies are running or waiting. Try again in {wait} s",
                code="queue_full",
                headers={"retry-after": str(wait)},
            )
        ticket.open = rows
        self.held += rows
        self.tickets.add(ticket)
        self.metrics.add("prompt_tokens_total", sum(map(len, ticket.prompts)))
        self.inbox.put((self._begin, ticket))

    def cancel(self, ticket: Ticket) -> None:
        """Nobody waits for the rest. Nothing happens if it has ended."""
        if ticket in self.tickets:
            self.inbox.put((self._cancel, ticket))

    def _deliver(self, out: dict[Ticket, list[Piece]], failed: bool) -> None:
        now = time.perf_counter()
        self.metrics.add("failures_total", int(failed))
        for ticket, pieces in out.items():
            ticket.failed = ticket.failed or failed
            tokens = sum(piece.token is not None for piece in pieces)
            self.metrics.add("generated_tokens_total", tokens)
            if tokens:
                if ticket.last is None:
                    self.metrics.first_token.note(now - ticket.begin)
                else:
                    self.metrics.between_tokens.note(now - ticket.last)
                ticket.last = now
            ended = [piece for piece in pieces if piece.finish]
            ticket.open -= len(ended)
            self.held -= len(ended)
            if not ticket.open:
                self.tickets.discard(ticket)
                self.seconds = 0.9 * self.seconds + 0.1 * (now - ticket.begin)
            self.metrics.add("cancelled_total", sum(piece.finish == "cancel" for piece in ended))
            ticket.pending += pieces
            ticket.ready.set()

    # --- the thread's side --------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            try:
                if not self._take_orders():
                    return self._abandon(failed=False)
                self._work()
            except Exception:
                log.exception("the model failed; its replies end, new requests are taken")
                self._abandon(failed=True)

    def _take_orders(self) -> bool:
        """Do what the event loop asked for; wait for it where there is nothing else to do. False: stop."""
        idle = not (self.scheduler.busy or self.scoring or self.to_score)
        while True:
            try:
                order = self.inbox.get(block=idle)
            except queue.Empty:
                return True
            if order is None:
                return False
            do, ticket = order
            do(ticket)
            self._post()
            idle = False

    def _work(self) -> None:
        busy = bool(self.scheduler.rows)
        if self.scheduler.busy:
            for event in self.scheduler.step():
                self._note(event)
        if self.scoring is None and self.to_score:
            self.scoring = self._next_to_score()
        if self.scoring:
            scoring, owners = self.scoring
            if scoring.step(READ_BESIDE if busy else READ_ALONE):
                self.scoring = None
                for (ticket, i), found in zip(owners, scoring.found):
                    ticket.scored[i] = found
                    if not ticket.cancelled:
                        self._enter(ticket, i)
        self._post()

    def _begin(self, ticket: Ticket) -> None:
        self.live[ticket] = len(ticket.prompts) * ticket.samples
        for i in range(len(ticket.prompts)):
            if ticket.score is None:
                self._enter(ticket, i)
            else:
                self.to_score.append((ticket, i))

    def _enter(self, ticket: Ticket, i: int) -> None:
        """Prompt i joins the batch, or, where it was only to be scored, is done."""
        first = i * ticket.samples
        if ticket.sampling.max_tokens == 0:
            self._put(ticket, *(Piece(first + j, finish="length") for j in range(ticket.samples)))
            return
        for row in self.scheduler.submit(ticket.prompts[i], ticket.sampling, ticket.samples, first):
            row.tag = ticket, row
            row.guide = ticket.guide and ticket.guide()
            ticket.rows.append(row)

    def _next_to_score(self) -> tuple[Scoring, list[tuple[Ticket, int]]]:
        owners, longest = [], 0
        while self.to_score:
            ticket, i = self.to_score[0]
            longest = max(longest, len(ticket.prompts[i]))
            if owners and longest * (len(owners) + 1) > READ_ALONE:
                break
            owners.append(self.to_score.pop(0))
        prompts = [ticket.prompts[i] for ticket, i in owners]
        top = max(ticket.score for ticket, _ in owners)
        return Scoring(self.scheduler.model, self.scheduler.vocab, prompts, top), owners

    def _cancel(self, ticket: Ticket) -> None:
        """Every reply that has not ended ends now; those of prompts that were not yet scored never began."""
        ticket.cancelled = True
        for row in ticket.rows:
            if not row.finish:
                self.scheduler.cancel(row)
                self._put(ticket, Piece(row.number, finish="cancel"))
        self.to_score = [entry for entry in self.to_score if entry[0] is not ticket]
        if ticket.score is not None:
            for i in set(range(len(ticket.prompts))) - set(ticket.scored):
                first = i * ticket.samples
                self._put(ticket, *(Piece(first + j, finish="cancel") for j in range(ticket.samples)))

    def _note(self, event: Event) -> None:
        ticket, row = event.row
        if row.guide and row.guide.broken:
            ticket.broken = row.guide.broken
        piece = Piece(row.number, event.text if event.kind == "text" else "", event.token, event.finish)
        if event.token is not None and row.logprobs:
            piece.logprob, piece.top = row.logprobs[-1], row.top[-1]
        elif row.stop_logprob:
            piece.stop = row.stop
            piece.logprob, piece.top = row.stop_logprob
        self._put(ticket, piece)

    def _put(self, ticket: Ticket, *pieces: Piece) -> None:
        self.out.setdefault(ticket, []).extend(pieces)
        self.live[ticket] -= sum(piece.finish is not None for piece in pieces)
        if not self.live[ticket]:
            del self.live[ticket]

    def _post(self, failed: bool = False) -> None:
        """One call for all tickets: waking the event loop costs more than a piece does."""
        if self.out:
            out, self.out = self.out, {}
            self.loop.call_soon_threadsafe(self._deliver, out, failed)

    def _abandon(self, failed: bool) -> None:
        """Every reply that was begun ends here."""
        for ticket, replies in list(self.live.items()):
            self._put(ticket, *(Piece(0, finish="cancel") for _ in range(replies)))
        self._post(failed)
        self.to_score, self.scoring = [], None
        self.scheduler = self.engine.scheduler(self.slots)
