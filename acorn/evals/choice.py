"""
How likely continuations are. A question is some rows of token ids, of each of which the end is scored: the choices
behind one context, one continuation behind several contexts, or a single row that is to be said word for word.

    row 0   bos Q : the cat sat on | the mat            prefix  what all rows begin with: read once
    row 1   bos Q : the cat sat on | a sofa . .         tails   the rest of each row: read side by side in a second
                                                                forward, each seeing the prefix and itself

So a question of n rows costs one prefix and n tails, not n prefixes; logits are computed only where a scored token is
predicted. Questions of like length share a batch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

BATCH_TOKENS = {"cpu": 4096, "cuda": 65536}  # read at once, padding included
HEAD_LOGITS = {"cpu": 1 << 21, "cuda": 1 << 26}  # computed at once: 8 MB and 256 MB in fp32


@dataclass(frozen=True)
class Question:
    """rows: token ids of each candidate. Scored are rows[i][starts[i]:], each start being at least 1."""

    rows: list[np.ndarray]
    starts: list[int]


@dataclass(frozen=True)
class Score:
    nll: float  # nats, summed over the scored tokens
    tokens: int  # how many were scored
    greedy: bool  # each of them was the likeliest one

    @property
    def mean(self) -> float:
        """Nats a token; NaN if nothing was scored."""
        return self.nll / self.tokens if self.tokens else float("nan")


def crop(rows: Sequence[np.ndarray], starts: Sequence[int], context: int) -> Question:
    """
    Rows longer than the context lose their beginning, each for itself. A scored token that comes first in what is left
    has nothing to be predicted from and is not scored.
    """
    cut = [max(0, len(row) - context) for row in rows]
    return Question([row[c:] for row, c in zip(rows, cut)], [max(1, s - c) for s, c in zip(starts, cut)])


def common_prefix(rows: Sequence[np.ndarray]) -> int:
    """[1, 2, 3], [1, 2, 5, 6] -> 2"""
    shortest = min(map(len, rows))
    first = rows[0][:shortest]
    differs = np.zeros(shortest, dtype=bool)
    for row in rows[1:]:
        differs |= row[:shortest] != first
    return int(differs.argmax()) if differs.any() else shortest


@torch.no_grad()  # not inference_mode: what a model builds in its first forward and keeps must stay usable for training
def score(
    model, questions: Sequence[Question], batch_tokens: int = 0, tick: Callable[[int], None] | None = None
) -> list[list[Score]]:
    """-> the scores of each row of each question. tick(n) is called when n more questions are done."""
    device = next(model.parameters()).device
    batch_tokens = batch_tokens or BATCH_TOKENS[device.type]
    pieces = [piece for i, question in enumerate(questions) for piece in cut_up(question, i)]
    pieces.sort(key=lambda piece: (len(piece.prefix) // 8, sum(map(len, piece.tails)), len(piece.prefix)))
    scores: list[list] = [[None] * len(question.rows) for question in questions]
    left = [len(question.rows) for question in questions]
    training = model.training
    model.eval()
    try:
        for batch in batches(pieces, batch_tokens):
            done = 0
            for piece, found in zip(batch, score_batch(model, batch, device)):
                for rows, result in zip(piece.of, found):
                    for row in rows:
                        scores[piece.question][row] = result
                        left[piece.question] -= 1
                done += left[piece.question] == 0
            if tick:
                tick(done)
    finally:
        model.train(training)
    return scores


@dataclass(frozen=True)
class Piece:
    """Rows of a question that are read together: row i is prefix + tails[i] + its last token, which nobody reads."""

    question: int
    of: list[list[int]]  # which rows of the question each of ours is: equal rows are read once
    rows: list[np.ndarray]
    starts: list[int]
    prefix: np.ndarray
    tails: list[np.ndarray]


def cut_up(question: Question, index: int) -> list[Piece]:
    """One piece if all rows share a beginning, else one a row (cropping shifts rows of unequal length)."""
    of: dict[tuple, list[int]] = {}
    for i, (row, start) in enumerate(zip(question.rows, question.starts)):
        of.setdefault((row.tobytes(), start), []).append(i)
    groups = list(of.values())
    rows, starts = ([side[group[0]] for group in groups] for side in (question.rows, question.starts))
    shared = min(common_prefix(rows), *starts, *(len(row) - 1 for row in rows)) if len(rows) > 1 else 0
    if shared:
        return [Piece(index, groups, rows, starts, rows[0][:shared], [row[shared:-1] for row in rows])]
    return [
        Piece(index, [group], [row], [start], row[: max(1, len(row) - 1)], [row[:0]])
        for group, row, start in zip(groups, rows, starts)
    ]


def batches(pieces: list[Piece], tokens: int) -> list[list[Piece]]:
    """Neighbours, as many as keep (longest prefix + longest tails) x pieces within `tokens`; at least one."""
    found, batch, prefix, tails = [], [], 0, 0
    for piece in pieces:
        p, t = max(prefix, len(piece.prefix)), max(tails, sum(map(len, piece.tails)))
        if batch and (len(batch) + 1) * (p + t) > tokens:
            found.append(batch)
            batch, p, t = [], len(piece.prefix), sum(map(len, piece.tails))
        batch.append(piece)
        prefix, tails = p, t
    return [*found, batch] if batch else found


def score_batch(model, batch: list[Piece], device) -> list[list[Score]]:
    width = max(len(piece.prefix) for piece in batch)
    beam = max(sum(map(len, piece.tails)) for piece in batch)
    ids = np.zeros((len(batch), width + beam), dtype=np.int64)
    lengths = np.array([len(piece.prefix) for piece in batch])
    branch = np.full((len(batch), beam), -1)  # which tail a token belongs to; -1 is padding
    depth = np.zeros((len(batch), beam), dtype=np.int64)  # tokens of its tail before it
    at, targets, owners = [], [], []  # flat places that predict a scored token, that token, the row that it counts for
    for b, piece in enumerate(batch):
        ids[b, : len(piece.prefix)] = piece.prefix
        begin = 0
        for r, (row, start, tail) in enumerate(zip(piece.rows, piece.starts, piece.tails)):
            end, p = begin + len(tail), len(piece.prefix)
            ids[b, width + begin : width + end] = tail
            branch[b, begin:end], depth[b, begin:end] = r, np.arange(len(tail))
            before = np.arange(start - 1, len(row) - 1)  # place in the row of the token that predicts
            at.append(b * (width + beam) + np.where(before < p, before, width + begin + before - p))
            targets.append(row[start:])
            owners.append((b, r))
            begin = end
    tokens = torch.from_numpy(ids).to(device)
    if beam:
        tree = Tree(torch.from_numpy(lengths), torch.from_numpy(branch), torch.from_numpy(depth), device)
        trunk = model.features(tokens[:, :width], tree)
        tree.branch_off(tokens[:, :width])
        features = torch.cat((trunk, model.features(tokens[:, width:], tree)), dim=1)
    else:
        features = model.features(tokens)
    places, inverse = np.unique(np.concatenate(at), return_inverse=True)  # all choices begin at one place
    chosen = features.flatten(0, 1)[torch.from_numpy(places).to(device)]
    nll, likeliest = predict(model, chosen, inverse, np.concatenate(targets))
    results: list[list[Score]] = [[] for _ in batch]
    begin = 0
    for (b, _), wanted in zip(owners, targets):
        end = begin + len(wanted)
        results[b].append(Score(float(nll[begin:end].sum()), len(wanted), bool((likeliest[begin:end] == wanted).all())))
        begin = end
    return results


def predict(model, features: Tensor, place: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """
    features (P, C); place (N,) row of features that predicts each of targets (N,) -> nll (N,) float64 and the likeliest
    token (N,). The (P, V) logits never exist as a whole.
    """
    device = features.device
    # by place, so that the targets of a chunk of places lie together
    order = np.argsort(place, kind="stable")
    place_of, target_of = (torch.from_numpy(a[order]).to(device) for a in (place, targets.astype(np.int64)))
    rows = max(64, HEAD_LOGITS[device.type] // model.config.vocab_size)
    nll, likeliest = [], []
    for start in range(0, features.shape[0], rows):
        logits = model.head(features[start : start + rows]).float()
        low, high = torch.searchsorted(place_of, torch.tensor([start, start + rows], device=device)).tolist()
        at, wanted = place_of[low:high] - start, target_of[low:high]
        nll.append(logits.logsumexp(dim=-1)[at] - logits[at, wanted])
        likeliest.append(logits.argmax(dim=-1)[at])
    back = np.empty(len(order), dtype=np.int64)
    back[order] = np.arange(len(order))
    joined = (torch.cat(side).cpu().numpy() if side else np.zeros(0) for side in (nll, likeliest))
    losses, tokens = joined
    return losses.astype(np.float64)[back], tokens[back]


class Tree:
    """
    Stands where a model expects a KVCache, for two forwards: the prefixes of a batch (B, P), padded on the right, and
    then the tails that branch off them (B, S), side by side. A token of a tail sees its row's prefix and what stands
    before it in its own tail. Nothing is copied: the keys of the prefix stay the tensors that the model made.
    """

    def __init__(self, lengths: Tensor, branch: Tensor, depth: Tensor, device):
        self.lengths, self.branch, self.depth = lengths.to(device), branch.to(device), depth.to(device)
        self.kv: dict[int, tuple[Tensor, Tensor]] = {}
        self.prefix: Tensor | None = None  # ids (B, P), once they are read
        self.mask: Tensor | None = None

    def branch_off(self, prefix: Tensor) -> None:
        """The next forward reads the tails."""
        self.prefix = prefix
        P, S = prefix.shape[1], self.branch.shape[1]
        order = torch.arange(max(P, S), device=prefix.device)
        trunk = (order[:P] < self.lengths[:, None])[:, None].expand(-1, S, -1)
        own = (self.branch[:, :, None] == self.branch[:, None]) & (order[:S] <= order[:S, None])
        self.mask = torch.cat((trunk, own), dim=2)[:, None]  # (B, 1, S, P + S)

    def positions(self, T: int) -> Tensor:
        if self.prefix is None:
            return torch.arange(T, device=self.lengths.device).expand(len(self.lengths), T)
        return torch.where(self.branch < 0, 0, self.lengths[:, None] + self.depth)

    def append(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        if self.prefix is None:
            self.kv[layer] = k, v
            return k, v, None  # causal: what pads a prefix comes after it
        old_k, old_v = self.kv[layer]
        return torch.cat((old_k, k), dim=2), torch.cat((old_v, v), dim=2), self.mask

    def preceding(self, ids: Tensor) -> Tensor:
        """(B, T) -> the token before each; 0 before the first."""
        before = torch.nn.functional.pad(ids[:, :-1], (1, 0))
        if self.prefix is None:
            return before
        last = self.prefix.gather(1, self.lengths[:, None] - 1)
        return torch.where(self.depth == 0, last, before)

    def advance(self, T: int) -> None:
        pass
