"""
Continuous batching. Requests join and leave a running batch at every step: a step makes every running row one token
longer, and reads a chunk of what waits. A prompt is read once for all rows that begin with it; its keys and values are
then copied into a slot for each of them. Running rows are rows 0 to n - 1 of one cache, so a forward costs n rows.

What a row says follows from its prompt, its sampling and its number alone. In fp32 that holds to the token, whoever
runs beside it (tests/infer/test_scheduler.py), as long as no two tokens are within rounding of a draw or of each other:
products of matrices of different heights differ in their last bits. In bf16 those bits are the eighth of a number, and
a seeded reply can take another turn in another company. Where that matters, decode in fp32.

    rows = scheduler.submit(prompt, sampling, samples=8)
    while scheduler.busy: events = scheduler.step()
"""

from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from acorn.infer.native.step import decode
from acorn.infer.prefixes import Prefixes
from acorn.infer.row import Event, Row, Rules
from acorn.infer.sample import Mix, Sampling
from acorn.model.branches import Branches
from acorn.model.cache import KVCache, fill_gaps

# Tokens read in one step: what keeps a CPU's caches busy, and less while rows run that wait for it.
READ_ALONE, READ_BESIDE = 8192, 256


@dataclass(eq=False)
class Prompt:
    """A prompt and the rows that wait to go on from it."""

    ids: list[int]
    rows: list[Row] = field(default_factory=list)
    # where it stands when it was read: a row of a cache, and (V,) the logits after its last token
    cache: KVCache | None = None
    place: int = 0
    logits: Tensor | None = None


class Reading:
    """Prompts that are being read together, a chunk a step, padded on the right. at: tokens that the cache holds."""

    def __init__(self, prompts: list[Prompt], cache: KVCache, at: int = 0):
        self.prompts, self.cache, self.at = prompts, cache, at
        lengths = torch.tensor([len(p.ids) for p in prompts])
        padded = torch.zeros(len(prompts), int(lengths.max()), dtype=torch.int64)
        for i, p in enumerate(prompts):
            padded[i, : len(p.ids)] = torch.tensor(p.ids)
        self.lengths, self.ids, self.last = lengths, padded.to(cache.k.device), (lengths - 1).to(cache.k.device)
        self.features: Tensor | None = None  # (prompts, C) after each prompt's last token

    def step(self, model, budget: int) -> bool:
        """Read up to `budget` tokens more -> whether all is read."""
        start = self.at
        self.at = min(self.ids.shape[1], start + max(1, budget // len(self.prompts)))
        x = model.features(self.ids[:, start : self.at], self.cache)
        if self.features is None:
            self.features = x.new_empty(len(self.prompts), x.shape[-1])
        ends = ((self.last >= start) & (self.last < self.at)).nonzero()[:, 0]
        self.features[ends] = x[ends, self.last[ends] - start]
        if self.at < self.ids.shape[1]:
            return False
        self.cache.lengths[:] = self.lengths
        return True


class Share(NamedTuple):
    """What rows that share prompts have to fit into."""

    prompts: int  # at most so many different ones
    prompt: int  # tokens of the longest
    reply: int  # tokens of the longest


class Scheduler:
    """
    model: as acorn.infer.weights.inference_copy gives it. slots: rows that run together. length: tokens that a row can
    hold, prompt and reply. share: where prompts have several rows each, so that these look at one copy of it. prefixes:
    what rows leave for the next turn of their conversation.
    """

    def __init__(
        self,
        model,
        rules: Rules,
        slots: int,
        length: int,
        share: Share | None = None,
        prefixes: Prefixes | None = None,
    ):
        self.model, self.rules, self.slots, self.length = model, rules, slots, length
        self.share, self.prefixes = share, prefixes
        self.vocab = rules.tokenizer.n_vocab
        self.cache: KVCache | Branches | None = None  # made when the first row runs
        self.rows: list[Row] = []  # running; row i is row i of the cache
        self.last: Tensor | None = None  # (n,) the token that each of them said last, not yet read
        self.mix: Mix | None = None
        self.waiting: deque[Prompt] = deque()
        self.reading: Reading | None = None
        self.read: deque[Prompt] = deque()  # read, and rows of it have no slot yet
        self.open: dict[tuple[int, ...], Prompt] = {}  # prompts that more rows can join
        self.early: list[Event] = []  # of rows that ended when they were submitted

    @property
    def busy(self) -> bool:
        return bool(self.rows or self.waiting or self.reading or self.read or self.early)

    def submit(
        self, prompt: list[int], sampling: Sampling, samples: int = 1, number: int = 0, watch: bool = True
    ) -> list[Row]:
        """`samples` replies to one prompt, as rows `number`, `number + 1` and so on."""
        # the last token of a reply is never read by the model, hence the 1
        limit = min(sampling.max_tokens, self.length - len(prompt) + 1)
        rows = [Row(self.rules, number + j, prompt, limit, sampling, watch) for j in range(samples)]
        if sampling.max_tokens == 0:
            self.early += [event for row in rows if (event := row.end("length"))]
            return rows
        key = tuple(prompt)
        entry = self.open.get(key)
        if entry is None:
            entry = self.open[key] = Prompt(prompt)
            self.waiting.append(entry)
        entry.rows += rows
        return rows

    @torch.inference_mode()
    def cancel(self, row: Row) -> None:
        """The row ends now, wherever it is; what it said stays in it. Nothing happens if it has ended."""
        if row.finish:
            return
        row.end("cancel")
        if row in self.rows:
            self._leave()
            return
        entry = self.open[tuple(row.prompt)]
        entry.rows.remove(row)
        if not entry.rows:
            self._close(entry)

    @torch.inference_mode()
    def step(self) -> list[Event]:
        """Every running row says a token, and new rows begin. -> the events of watched rows."""
        events, self.early = self.early, []
        if self.rows:
            logits = decode(self.model, self.last, self.cache)[:, : self.vocab]
            self.mix = self.mix or Mix([row.sampling for row in self.rows], self.last.device)
            self.last = self._say(self.rows, logits, self.mix, events)
            self._leave()
        self._read()
        new, logits = self._enter()
        if new:
            said = self._say(new, logits, Mix([row.sampling for row in new], logits.device), events)
            self.last = said if self.last is None else torch.cat((self.last, said))
            self.rows += new
            self.mix = None
            self._leave()
        return events

    def _logits(self, features: Tensor) -> Tensor:
        """(B, C) -> (B, V) fp32, without the tokens that only pad the model's vocabulary."""
        return self.model.head(features)[:, : self.vocab].float()

    def _say(self, rows: list[Row], logits: Tensor, mix: Mix, events: list[Event]) -> Tensor:
        """One token more for each of the rows -> (B,) the tokens."""
        draws = [0.0 if row.queue or not row.sampling.temperature else row.draw() for row in rows]
        seen = self._seen(rows, logits) if mix.penalised else None
        tokens = mix.pick(self._guided(rows, logits), draws, seen).tolist()
        for i, row in enumerate(rows):
            if row.queue:
                tokens[i] = row.queue[0]
        if mix.logprobs:
            self._note_logprobs(rows, logits, tokens)
        for row, token in zip(rows, tokens):
            event = row.push(token)
            if event is not None:
                events.append(event)
        return torch.tensor(tokens, device=logits.device)

    def _guided(self, rows: list[Row], logits: Tensor) -> Tensor:
        """logits, changed where a row has a guide. A row that says a tool's answer draws nothing."""
        guided = [i for i, row in enumerate(rows) if row.guide and not row.queue]
        if guided:
            logits = logits.clone()
            for i in guided:
                logits[i] = rows[i].guide.shape(logits[i])
        return logits

    def _seen(self, rows: list[Row], logits: Tensor) -> Tensor:
        """(B, V) bool, the tokens of prompt and reply, for rows with a repetition penalty."""
        seen = torch.zeros(logits.shape, dtype=torch.bool)
        for i, row in enumerate(rows):
            if row.sampling.repetition_penalty != 1:
                seen[i, torch.tensor(row.prompt + row.ids)] = True
        return seen.to(logits.device)

    def _note_logprobs(self, rows: list[Row], logits: Tensor, tokens: list[int]) -> None:
        """What the model itself thinks of the tokens, before temperature, filters and penalty."""
        asked = [i for i, row in enumerate(rows) if row.sampling.logprobs is not None]
        logprobs = logits[asked].log_softmax(dim=-1)
        chosen = logprobs.gather(1, torch.tensor([[tokens[i]] for i in asked], device=logits.device))[:, 0].tolist()
        most = max(rows[i].sampling.logprobs for i in asked)
        values, ids = logprobs.topk(min(most, logprobs.shape[1]), dim=-1)
        for i, logprob, value, best in zip(asked, chosen, values.tolist(), ids.tolist()):
            top = list(zip(best, value))[: rows[i].sampling.logprobs]
            if rows[i].queue or tokens[i] not in self.rules.stop_ids:
                rows[i].logprobs.append(logprob)
                rows[i].top.append(top)
            else:
                rows[i].stop_logprob = logprob, top

    def _leave(self) -> None:
        """Rows that ended give their slots back."""
        keep = fill_gaps([i for i, row in enumerate(self.rows) if not row.finish])
        if len(keep) == len(self.rows):
            return
        if self.prefixes and not self.share:
            for i, row in enumerate(self.rows):
                if row.finish:
                    self.prefixes.keep(row.prompt + row.ids, self.cache, i)
        self.cache.keep(keep)
        self.rows, self.last, self.mix = [self.rows[i] for i in keep], self.last[keep], None

    # --- prompts ------------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        """Read a chunk of the prompts that are next in line, if there will be a slot for them."""
        if self.reading is None and self.waiting and not self.read and len(self.rows) < self.slots:
            self.reading = self._next_in_line(self.slots - len(self.rows))
        if self.reading is None:
            return
        if self.reading.step(self.model, READ_BESIDE if self.rows else READ_ALONE):
            done, self.reading = self.reading, None
            logits = self._logits(done.features)
            for i, prompt in enumerate(done.prompts):
                prompt.cache, prompt.place, prompt.logits = done.cache, i, logits[i]
            self.read += [prompt for prompt in done.prompts if prompt.rows]

    def _next_in_line(self, free: int) -> Reading:
        """Prompts to read together: first come, first served, until the slots are taken or reading them takes long."""
        first = self.waiting[0]
        found = self.prefixes and self.prefixes.find(first.ids)
        if found:  # read alone: rows of one reading begin at one place
            cache = self.model.new_cache(1, len(first.ids))
            cache.keep([])
            cache.add(found[0], 0, found[1])
            return Reading([self.waiting.popleft()], cache, found[1])
        prompts, rows, longest = [], 0, 0
        while self.waiting and rows < free:
            longest = max(longest, len(self.waiting[0].ids))
            if prompts and longest * (len(prompts) + 1) > READ_ALONE:
                break
            prompts.append(self.waiting.popleft())
            rows += len(prompts[-1].rows)
        return Reading(prompts, self.model.new_cache(len(prompts), max(len(p.ids) for p in prompts)))

    def _enter(self) -> tuple[list[Row], Tensor | None]:
        """Give free slots to rows whose prompt was read -> those rows, and (B, V) the logits of their first tokens."""
        new, logits = [], []
        while self.read and (free := self.slots - len(self.rows) - len(new)):
            prompt = self.read[0]
            rows, prompt.rows = prompt.rows[:free], prompt.rows[free:]
            if self.cache is None:
                self.cache = self._new_cache()
            self.cache.add(prompt.cache, prompt.place, len(prompt.ids), len(rows))
            new += rows
            logits.append(prompt.logits.expand(len(rows), -1))
            if not prompt.rows:
                self._close(prompt)
        return new, torch.cat(logits) if new else None

    def _new_cache(self) -> KVCache | Branches:
        if self.share:
            own = self.model.new_cache(self.slots, self.share.reply)
            return Branches(own, self.model.new_cache(min(self.slots, self.share.prompts), self.share.prompt))
        cache = self.model.new_cache(self.slots, self.length)
        cache.keep([])
        return cache

    def _close(self, prompt: Prompt) -> None:
        """No row of it waits any more."""
        del self.open[tuple(prompt.ids)]
        for line in (self.waiting, self.read):
            if prompt in line:
                line.remove(prompt)
