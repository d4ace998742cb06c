"""
Finetuning on conversations: weight mask/N, where the mask is 1 on what the assistant says and `prompt_weight` on the
rest.

A step takes conversations in shuffled order until it has its tokens, sorts them by length and cuts them into
micro-batches, each padded to its own longest: next to no padding, no attention from one conversation to another, and
every one starts at position 0, as when chatting.
"""

import hashlib

import numpy as np
import torch

from acorn.errors import UserError
from acorn.runtime import Runtime
from acorn.tokenizer.chat import render
from acorn.train.loop import Batch


class ChatStage:
    """
    train, val: lists of (ids, mask) as `render` gives them. batch_tokens: of one step, over all ranks. micro_tokens:
    of one forward.
    """

    def __init__(
        self,
        train: list,
        val: list,
        runtime: Runtime,
        batch_tokens: int,
        micro_tokens: int,
        seed: int,
        prompt_weight: float,
    ):
        self.train, self.val, self.runtime, self.seed = train, val, runtime, seed
        self.batch_tokens, self.micro_tokens, self.prompt_weight = batch_tokens, micro_tokens, prompt_weight
        self.epoch, self.cursor = 0, 0
        self.data = fingerprint(train)
        self.longest = max(len(ids) for ids, _ in train + val)  # within the context, where padding must stay too
        self._order, self._order_epoch = None, -1

    def batches(self) -> list[Batch]:
        taken, tokens = [], 0
        while tokens < self.batch_tokens:
            ids, mask = self._next()
            taken.append((ids, mask))
            tokens += len(ids)
        counted = sum(float(self._weights(mask).sum()) for _, mask in taken)
        return [self._batch(group, counted) for group in self._micro(taken)[self.runtime.rank :: self.runtime.world]]

    def evaluate(self, model) -> dict[str, float]:
        """Mean nats per assistant token of the held-out conversations."""
        total = torch.zeros(2, dtype=torch.float64, device=self.runtime.device)
        for group in self._micro(self.val)[self.runtime.rank :: self.runtime.world]:
            b = self._batch(group, 1.0, prompt_weight=0.0)
            inputs, targets, weights = (t.to(self.runtime.device) for t in (b.inputs, b.targets, b.weights))
            total += torch.stack([model.loss(inputs, targets, weights), weights.sum()]).double()
        nats, count = self.runtime.sum(total).tolist()
        return {"val_loss": nats / max(1.0, count)}

    def state_dict(self) -> dict:
        return {"epoch": self.epoch, "cursor": self.cursor, "data": self.data}

    def load_state_dict(self, state: dict) -> None:
        if state["data"] != self.data:
            raise UserError("the conversations are not those that this run was reading: it cannot go on at its place")
        self.epoch, self.cursor = state["epoch"], state["cursor"]

    def _next(self):
        if self.cursor == len(self.train):
            self.epoch, self.cursor = self.epoch + 1, 0
        if self._order_epoch != self.epoch:  # a function of (seed, epoch), so that the position alone restores it
            self._order = np.random.default_rng((self.seed, self.epoch)).permutation(len(self.train))
            self._order_epoch = self.epoch
        self.cursor += 1
        return self.train[self._order[self.cursor - 1]]

    def _micro(self, conversations: list) -> list[list]:
        """Sorted by length, in groups whose padded size stays within micro_tokens."""
        groups = []
        for item in sorted(conversations, key=lambda c: -len(c[0])):
            if groups and self._padded(groups[-1]) * (len(groups[-1]) + 1) <= self.micro_tokens:
                groups[-1].append(item)
            else:
                groups.append([item])
        return groups

    def _padded(self, group: list) -> int:
        """
        Tokens of a row: the first conversation's, up to the next 32 k + 1, so that inputs come in few shapes: every new
        one costs a kernel and a hole in the heap.
        """
        return min(-(-(len(group[0][0]) - 1) // 32) * 32 + 1, self.longest)

    def _weights(self, mask, prompt_weight: float | None = None) -> np.ndarray:
        """mask of the tokens -> weight of each target (the mask moved one to the left)"""
        weight = self.prompt_weight if prompt_weight is None else prompt_weight
        return np.where(mask[1:], 1.0, weight)

    def _batch(self, group: list, counted: float, prompt_weight: float | None = None) -> Batch:
        longest = self._padded(group)
        ids = torch.zeros(len(group), longest, dtype=torch.int64)
        weights = torch.zeros(len(group), longest - 1)
        for row, (tokens, mask) in enumerate(group):
            ids[row, : len(tokens)] = torch.from_numpy(np.asarray(tokens, dtype=np.int64))
            weights[row, : len(tokens) - 1] = torch.from_numpy(self._weights(mask, prompt_weight) / counted)
        return Batch(ids[:, :-1].contiguous(), ids[:, 1:].contiguous(), weights)


def fingerprint(conversations: list) -> str:
    digest = hashlib.sha256()
    for ids, mask in conversations:
        for part in ([len(ids)], ids, mask):
            digest.update(np.asarray(part, dtype=np.int32).tobytes())
    return digest.hexdigest()


def render_all(conversations: list, tokenizer, length: int) -> tuple[list, int]:
    """
    Conversations -> ((ids int32, mask bool) of those that fit `length` + 1 tokens and have something to learn, how many
    were dropped). Arrays, since lists of Python ints would take ten times the memory.
    """
    kept = []
    for messages in conversations:
        ids, mask = render(tokenizer, messages)
        if len(ids) <= length + 1 and any(mask[1:]):
            kept.append((np.asarray(ids, dtype=np.int32), np.asarray(mask, dtype=bool)))
    return kept, len(conversations) - len(kept)
