"""
Prompts in, replies out: all prompts and all their samples in one batch. `stream` and `complete` fold over the
scheduler, which is the one way to decode.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch

from acorn.errors import UserError
from acorn.infer.constrain import Guide
from acorn.infer.prefixes import Prefixes
from acorn.infer.row import Event, Finish, Row, Rules, Tool
from acorn.infer.sample import Sampling
from acorn.infer.scheduler import Scheduler, Share
from acorn.infer.weights import inference_copy

__all__ = ["Engine", "Event", "Reply"]

REMEMBERED = 4  # contexts full of tokens that a frozen engine keeps for next turns


@dataclass
class Reply:
    ids: list[int] = field(default_factory=list)  # without the stop token, with the tokens of a stop string
    text: str = ""  # without either, and without calls and outputs
    finish: Finish = "length"
    forced: list[bool] = field(default_factory=list)  # True for a token that a tool said and not the model
    stop: int | None = None  # the stop token that ended it
    parts: list[dict] = field(default_factory=list)  # all of it: {"type": "text" | "python" | "output", "text"}
    logprobs: list[float] | None = None  # of ids, by the model itself: temperature 1, nothing left out; None: not asked
    top: list[list[tuple[int, float]]] | None = None  # with each, the likeliest tokens


class Engine:
    """
    model: `features(ids, cache)`, `head`, `new_cache(batch, length)`, `config.block_size`. It can go on learning: every
    call takes its weights as they are then. tokenizer: acorn.tokenizer.Tokenizer.
    max_batch: rows decoded together. More rows are faster in total and need more memory for keys and values.
    tool: takes the code of a call and gives its answer, which the engine puts into the reply; None: go on without one.
    frozen: the model does not learn. Then what streams have read and said is remembered, so that the next turn of a
    conversation reads its own words alone.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        tokenizer,
        max_batch: int = 64,
        tool: Tool | None = None,
        tool_tokens: int = 256,
        frozen: bool = False,
    ):
        self.model, self.tokenizer, self.max_batch = model, tokenizer, max_batch
        self.tool, self.tool_tokens = tool, tool_tokens
        self.frozen: tuple[torch.nn.Module, Prefixes] | None = None
        if frozen:
            self.frozen = inference_copy(model), Prefixes(REMEMBERED * self.context)
        self.stop_ids = tokenizer.stops

    @property
    def context(self) -> int:
        """Tokens that the model can look at."""
        return self.model.config.block_size

    def complete(
        self,
        prompts: Sequence[list[int]],
        sampling: Sampling | Sequence[Sampling],
        samples: int = 1,
        guides: Sequence[Callable[[], Guide] | None] = (),
    ) -> list[Reply]:
        """
        sampling: of all prompts, or one a prompt. Prompt i's sample j is at i * samples + j; that is also the row that
        its draws come from, so a reply does not depend on which others were asked for. guides: none, or for each prompt
        what makes the guide of each of its replies, or None.
        """
        scheduler, rows = self._start(prompts, sampling, samples, watch=False)
        for i, begin in enumerate(guides):
            for row in rows[i * samples : (i + 1) * samples]:
                row.guide = begin and begin()
        while scheduler.busy:
            scheduler.step()
        return [reply_of(row) for row in rows]

    def stream(
        self, prompts: Sequence[list[int]], sampling: Sampling | Sequence[Sampling], samples: int = 1
    ) -> Iterator[Event]:
        """Prompts are token ids. Events of different rows interleave; those of one row are in order."""
        scheduler, _ = self._start(prompts, sampling, samples, watch=True)

        def events():
            while scheduler.busy:
                yield from scheduler.step()

        return events()

    def scheduler(
        self, slots: int, length: int | None = None, share: Share | None = None, remember: bool = True
    ) -> Scheduler:
        """One to submit to and step by hand; it keeps the weights of now. remember: only a frozen engine does."""
        rules = Rules(self.tokenizer, self.stop_ids, self.tool, self.tool_tokens)
        model, prefixes = self.frozen or (inference_copy(self.model), None)
        return Scheduler(model, rules, slots, length or self.context, share, prefixes if remember else None)

    def _start(self, prompts, sampling, samples: int, watch: bool) -> tuple[Scheduler, list[Row]]:
        each = [sampling] * len(prompts) if isinstance(sampling, Sampling) else list(sampling)
        if len(each) != len(prompts):
            raise ValueError(f"{len(prompts)} prompts, but {len(each)} samplings")
        for i, prompt in enumerate(prompts):
            self._check(i, prompt)
        rows = min(self.max_batch, max(1, len(prompts) * samples))
        longest = max((len(prompt) + s.max_tokens for prompt, s in zip(prompts, each)), default=1)
        share = None
        if samples > 1 and prompts:
            reply = min(self.context, max(1, max(s.max_tokens for s in each)))
            share = Share(len(prompts), max(map(len, prompts)), reply)
        scheduler = self.scheduler(rows, min(longest, self.context), share, remember=watch)
        # like lengths together: less padding
        mine = {}
        for i in sorted(range(len(prompts)), key=lambda i: len(prompts[i])):
            mine[i] = scheduler.submit(prompts[i], each[i], samples, i * samples, watch)
        return scheduler, [row for i in range(len(prompts)) for row in mine[i]]

    def _check(self, i: int, prompt: list[int]) -> None:
        if not prompt:
            raise UserError(f"prompt {i} has no tokens: it needs at least one, such as <|bos|>")
        if len(prompt) > self.context:
            raise UserError(f"prompt {i} has {len(prompt)} tokens; the model's context holds {self.context}")
        if min(prompt) < 0 or max(prompt) >= self.tokenizer.n_vocab:
            odd = next(t for t in prompt if not 0 <= t < self.tokenizer.n_vocab)
            raise UserError(f"prompt {i} has token {odd}; the vocabulary ends at {self.tokenizer.n_vocab - 1}")


def reply_of(row: Row) -> Reply:
    parts = row.parts()
    text = "".join(part["text"] for part in parts if part["type"] == "text")
    asked = row.sampling.logprobs is not None
    return Reply(
        ids=row.ids,
        text=text,
        finish=row.finish,
        forced=[i in row.forced_at for i in range(len(row.ids))],
        stop=row.stop,
        parts=parts,
        logprobs=row.logprobs if asked else None,
        top=row.top if asked else None,
    )
