"""Bits per byte: the score that can be compared between vocabularies. Every byte of each document is predicted once."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch

from acorn.runtime import Runtime


@dataclass(frozen=True)
class BitsPerByte:
    value: float
    bytes: int
    tokens: int
    documents: int
    nats: float


@torch.no_grad()
def bits_per_byte(model, documents: Iterable[np.ndarray], tokenizer, length: int, runtime: Runtime, max_tokens: int = 0,
                  batch_tokens: int = 8192) -> BitsPerByte:  # fmt: skip
    """
    documents: token arrays that begin with BOS. Each is cut into windows of `length` targets; every window starts at
    BOS again, so that a window is what a model sees when it is asked. max_tokens: stop after the document that reaches
    it; 0 = all. Ranks share the windows and agree on the result.
    """
    size = tokenizer.token_bytes()
    windows, n_bytes, n_tokens, n_documents = [], 0, 0, 0
    for document in documents:
        ids = np.asarray(document[1:], dtype=np.int64)
        windows += [np.concatenate(([tokenizer.bos], ids[i : i + length])) for i in range(0, len(ids), length)]
        n_bytes, n_tokens, n_documents = n_bytes + int(size[ids].sum()), n_tokens + len(ids), n_documents + 1
        if max_tokens and n_tokens >= max_tokens:
            break
    windows.sort(key=len)
    nats = torch.zeros(1, dtype=torch.float64, device=runtime.device)
    rows = max(1, batch_tokens // length)
    for group in [windows[i : i + rows] for i in range(0, len(windows), rows)][runtime.rank :: runtime.world]:
        longest = len(group[-1])
        ids, weights = torch.full((len(group), longest), tokenizer.bos), torch.zeros(len(group), longest - 1)
        for row, window in enumerate(group):
            ids[row, : len(window)] = torch.from_numpy(window)
            weights[row, : len(window) - 1] = 1.0
        ids, weights = ids.to(runtime.device), weights.to(runtime.device)
        nats += model.loss(ids[:, :-1], ids[:, 1:], weights).double()
    total = float(runtime.sum(nats))
    return BitsPerByte(total / math.log(2) / max(1, n_bytes), n_bytes, n_tokens, n_documents, total)
