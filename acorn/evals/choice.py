"""
How likely continuations are. A question is some rows of token ids, of each of which the end is scored: the choices
behind one context, one continuation behind several contexts, or a single row that is to be said word for word.

    root     what many questions begin with, such as the examples of a subject     read once for all of them
    prefix   what goes on in all rows of a question                                read once for the question
    tails    the rest of each row                                                  read side by side, each seeing the
                                                                                   root, the prefix and itself
So a question of n rows costs one prefix and n tails, not n prefixes; logits are computed only where a scored token is
predicted. Questions of like length share a batch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

BATCH_TOKENS = {"cpu": 2048, "cuda": 65536}  # read at once, padding included
ROOT, SHARERS = 64, 4  # a root has more tokens than this, and at least so many questions
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
    pieces = with_roots([piece for i, question in enumerate(questions) for piece in cut_up(question, i)])
    pieces.sort(key=lambda p: (p.family, len(p.prefix) // 8, sum(map(len, p.tails)), len(p.prefix)))
    scores: list[list] = [[None] * len(question.rows) for question in questions]
    left = [len(question.rows) for question in questions]
    training, root, family = model.training, {}, 0
    model.eval()
    try:
        for batch in batches(pieces, batch_tokens):
            done = 0
            if batch[0].family != family:
                family, root = batch[0].family, read_root(model, batch[0], device)
            for piece, found in zip(batch, score_batch(model, batch, root, device)):
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
    prefix: np.ndarray  # with the root
    tails: list[np.ndarray]
    root: int = 0  # tokens of the prefix that are read with the root; fewer than it has
    family: int = 0  # equal for those that share a root; 0 without one


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


def with_roots(pieces: list[Piece]) -> list[Piece]:
    """Finds those that begin alike."""
    families: dict[bytes, list[Piece]] = {}
    for piece in pieces:
        # the token that predicts the first scored one is not part of a root
        beginning = piece.prefix[:ROOT] if min(len(piece.prefix), *piece.starts) > ROOT else piece.prefix[:0]
        families.setdefault(beginning.tobytes(), []).append(piece)
    found = []
    for number, (beginning, members) in enumerate(families.items(), 1):
        if beginning and len(members) >= SHARERS:
            prefixes = [piece.prefix for piece in members]
            longest = min(min(len(piece.prefix), *piece.starts) for piece in members) - 1
            root = min(common_prefix(prefixes), longest)
            members = [replace(piece, root=root, family=number) for piece in members]
        found += members
    return found


def batches(pieces: list[Piece], tokens: int) -> list[list[Piece]]:
    """Neighbours of one family, as many as keep (longest prefix + longest tails) x pieces within `tokens`."""
    found, batch, prefix, tails = [], [], 0, 0
    for piece in pieces:
        own = len(piece.prefix) - piece.root, sum(map(len, piece.tails))
        p, t = max(prefix, own[0]), max(tails, own[1])
        if batch and (batch[0].family != piece.family or (len(batch) + 1) * (p + t) > tokens):
            found.append(batch)
            batch, (p, t) = [], own
        batch.append(piece)
        prefix, tails = p, t
    return [*found, batch] if batch else found


def read_root(model, piece: Piece, device) -> dict:
    """-> layer: keys and values of the root, (1, n_kv_head, R, head_dim)"""
    if not piece.root:
        return {}
    ids = torch.from_numpy(piece.prefix[: piece.root].astype(np.int64))[None].to(device)
    tree = Tree({})
    tree.go_on(torch.arange(piece.root, device=device)[None], torch.nn.functional.pad(ids[:, :-1], (1, 0)), None)
    model.features(ids, tree)
    return tree.kv


def score_batch(model, batch: list[Piece], root: dict, device) -> list[list[Score]]:
    """One family -> the scores of each piece's rows."""
    R = batch[0].root
    width = max(len(piece.prefix) for piece in batch) - R
    beam = max(sum(map(len, piece.tails)) for piece in batch)
    shape = len(batch), width + beam
    # each token, the one before it, its position, and which tail it belongs to (-1: none)
    ids, before, position, branch = (np.full(shape, fill, dtype=np.int64) for fill in (0, 0, 0, -1))
    position[:, :width] = np.arange(R, R + width)
    at, targets, owners = [], [], []  # flat places that predict a scored token, that token, the row that it counts for
    for b, piece in enumerate(batch):
        p, begin = len(piece.prefix), width
        ids[b, : p - R] = piece.prefix[R:]
        before[b, : p - R] = [piece.prefix[R - 1] if R else 0, *piece.prefix[R : p - 1]]
        for r, (row, start, tail) in enumerate(zip(piece.rows, piece.starts, piece.tails)):
            end = begin + len(tail)
            ids[b, begin:end], before[b, begin:end] = tail, row[p - 1 : p - 1 + len(tail)]
            position[b, begin:end], branch[b, begin:end] = np.arange(p, p + len(tail)), r
            places = np.arange(start - 1, len(row) - 1)  # in the row: tokens that predict
            at.append(b * (width + beam) + np.where(places < p, places - R, begin + places - p))
            targets.append(row[start:])
            owners.append(b)
            begin = end
    ids, before, position, branch = (torch.from_numpy(a).to(device) for a in (ids, before, position, branch))
    if R or beam:
        tree = Tree(dict(root))
        # of a row's own prefix a token sees what stands before it, which never is what pads it
        causal = torch.ones(width, R + width, dtype=torch.bool, device=device).tril(R)[None, None] if R else None
        tree.go_on(position[:, :width], before[:, :width], causal)
        features = model.features(ids[:, :width], tree)
    else:
        features = model.features(ids)
    if beam:
        lengths = torch.tensor([len(piece.prefix) for piece in batch], device=device)
        mask = tails_mask(lengths, branch[:, width:], R + width)
        tree.go_on(position[:, width:], before[:, width:], mask)
        features = torch.cat((features, model.features(ids[:, width:], tree)), dim=1)
    places, inverse = np.unique(np.concatenate(at), return_inverse=True)  # all choices begin at one place
    chosen = features.flatten(0, 1)[torch.from_numpy(places).to(device)]
    nll, likeliest = predict(model, chosen, inverse, np.concatenate(targets))
    results: list[list[Score]] = [[] for _ in batch]
    begin = 0
    for b, wanted in zip(owners, targets):
        end = begin + len(wanted)
        results[b].append(Score(float(nll[begin:end].sum()), len(wanted), bool((likeliest[begin:end] == wanted).all())))
        begin = end
    return results


def tails_mask(lengths: Tensor, branch: Tensor, before: int) -> Tensor:
    """lengths (B,) of root and prefix, padded to `before`; branch (B, S) -> (B, 1, S, before + S), True = may look."""
    S = branch.shape[1]
    order = torch.arange(max(before, S), device=branch.device)
    trunk = (order[:before] < lengths[:, None])[:, None].expand(-1, S, -1)
    own = (branch[:, :, None] == branch[:, None]) & (order[:S] <= order[:S, None])
    return torch.cat((trunk, own), dim=2)[:, None]


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
    Stands where a model expects a KVCache, for forwards that grow out of each other: a root of one row, the prefixes of
    a batch, then their tails side by side. What a token sees is in the mask.
    kv: layer -> keys and values (B, n_kv_head, S, head_dim) so far; nothing is allocated ahead or written to.
    """

    def __init__(self, kv: dict[int, tuple[Tensor, Tensor]]):
        self.kv = kv

    def go_on(self, positions: Tensor, before: Tensor, mask: Tensor | None) -> None:
        """
        Opens a forward of T tokens: their positions (B, T), the token before each (B, T), and where each may look,
        (B or 1, 1, T, S + T); None is causal.
        """
        self.next, self.before, self.mask = positions, before, mask

    def positions(self, T: int) -> Tensor:
        return self.next

    def append(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        if layer in self.kv:
            k, v = (
                torch.cat((old.expand(len(new), -1, -1, -1), new), dim=2) for old, new in zip(self.kv[layer], (k, v))
            )
        self.kv[layer] = k, v
        return k, v, self.mask

    def preceding(self, ids: Tensor) -> Tensor:
        return self.before

    def advance(self, T: int) -> None:
        pass
