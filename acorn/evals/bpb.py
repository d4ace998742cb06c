"""Bits per byte: the score that can be compared between vocabularies. Every byte of each document is predicted once."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch

from acorn.evals.choice import Question, score
from acorn.runtime import Runtime


@dataclass(frozen=True)
class BitsPerByte:
    value: float
    bytes: int
    tokens: int
    documents: int
    nats: float
    stderr: float  # of value: what other documents of this kind would have changed; 0 for fewer than two


def bits_per_byte(model, documents: Iterable[np.ndarray], tokenizer, length: int, runtime: Runtime, max_tokens: int = 0,
                  batch_tokens: int = 8192) -> BitsPerByte:  # fmt: skip
    """
    documents: token arrays that begin with BOS. Each is cut into windows of `length` targets; every window starts at
    BOS again, so that a window is what a model sees when it is asked. max_tokens: stop after the document that reaches
    it; 0 = all. Ranks share the windows and agree on the result.
    """
    size = tokenizer.token_bytes()
    windows, owners, n_bytes, n_tokens = [], [], [], 0
    for document in documents:
        ids = np.asarray(document[1:], dtype=np.int64)
        cut = [np.concatenate(([tokenizer.bos], ids[i : i + length])) for i in range(0, len(ids), length)]
        windows += cut
        owners += [len(n_bytes)] * len(cut)
        n_bytes.append(int(size[ids].sum()))
        n_tokens += len(ids)
        if max_tokens and n_tokens >= max_tokens:
            break
    nats = torch.zeros(max(1, len(n_bytes)), dtype=torch.float64)  # of each document
    mine = sorted(range(len(windows)), key=lambda i: len(windows[i]))[runtime.rank :: runtime.world]
    for i, (found,) in zip(mine, score(model, [Question([windows[i]], [1]) for i in mine], batch_tokens)):
        nats[owners[i]] += found.nll
    nats = runtime.sum(nats.to(runtime.device)).cpu().numpy()
    return in_bits(nats, np.array(n_bytes), n_tokens)


def in_bits(nats: np.ndarray, n_bytes: np.ndarray, n_tokens: int) -> BitsPerByte:
    """Of each document -> of all. The error is that of a ratio of two means (Cochran 1977, 2.11)."""
    n, total = len(n_bytes), max(1, int(n_bytes.sum()))
    value = float(nats.sum()) / math.log(2) / total
    rest = nats[:n] / math.log(2) - value * n_bytes
    stderr = math.sqrt(n / (n - 1) * float(rest @ rest)) / total if n > 1 else 0.0
    return BitsPerByte(value, int(n_bytes.sum()), n_tokens, n, float(nats.sum()), stderr)
