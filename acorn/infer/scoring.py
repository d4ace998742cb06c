"""How likely a model finds the tokens of given texts, each after those before it."""

from dataclasses import dataclass

import torch
from torch import Tensor

LOGITS = 1 << 21  # computed at once: 8 MB in fp32


@dataclass
class Scored:
    """logprobs[i] and top[i] belong to token i; the first has nothing before it, so they are None there."""

    logprobs: list[float | None]
    top: list[list[tuple[int, float]] | None]
    logits: Tensor | None = None  # (V,) after the last token


class Scoring:
    """Some prompts, read together a chunk a step. top: how many of the likeliest tokens to name beside each."""

    def __init__(self, model, vocab: int, prompts: list[list[int]], top: int):
        self.model, self.vocab, self.prompts, self.most = model, vocab, prompts, min(top, vocab)
        width = max(map(len, prompts))
        self.cache = model.new_cache(len(prompts), width)
        self.ids = torch.zeros(len(prompts), width, dtype=torch.int64)
        for i, prompt in enumerate(prompts):
            self.ids[i, : len(prompt)] = torch.tensor(prompt)
        self.ids = self.ids.to(self.cache.k.device)
        self.at = 0
        self.found = [Scored([None], [None]) for _ in prompts]

    @torch.inference_mode()
    def step(self, budget: int) -> bool:
        """Read up to `budget` tokens more -> whether all is read."""
        start, self.at = self.at, min(self.ids.shape[1], self.at + max(1, budget // len(self.prompts)))
        features = self.model.features(self.ids[:, start : self.at], self.cache)
        for prompt, x, found in zip(self.prompts, features, self.found):
            rows = max(1, LOGITS // self.vocab)
            for low in range(start, min(self.at, len(prompt)), rows):
                high = min(low + rows, self.at, len(prompt))
                self._note(prompt, low, high, x[low - start : high - start], found)
        return self.at == self.ids.shape[1]

    def _note(self, prompt: list[int], low: int, high: int, features: Tensor, found: Scored) -> None:
        """features (high - low, C) of tokens low to high of the prompt, which predict the tokens one further."""
        logits = self.model.head(features)[:, : self.vocab].float()
        if high == len(prompt):
            found.logits = logits[-1].clone()
            logits = logits[:-1]
        if not len(logits):
            return
        logprobs = logits.log_softmax(dim=-1)
        targets = torch.tensor(prompt[low + 1 : low + 1 + len(logits)], device=logits.device)
        found.logprobs += logprobs.gather(1, targets[:, None])[:, 0].tolist()
        values, ids = logprobs.topk(self.most, dim=-1)
        found.top += [list(zip(best, value)) for best, value in zip(ids.tolist(), values.tolist())]
