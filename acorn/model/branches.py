"""
Many rows that go on from few prompts, as samples of a prompt do. The keys and values of a prompt are held once, and all
its rows look at them in one product of matrices, where rows with copies of their own would each read them again: with
8 samples of 40 tokens that is most of what a step reads.

    trunk   row p is a prompt                own   row b is what sample b of some prompt has said

Stands where a model expects a KVCache; a forward appends one token to every row.
"""

import torch
from torch import Tensor

from acorn.model.cache import KVCache, fill_gaps


class Plan:
    """Which row goes on from which prompt, as indices: between rows, and groups (prompts, most rows of a prompt)."""

    def __init__(self, owners: list[int], trunk: KVCache):
        device, lengths = trunk.k.device, trunk.lengths
        members: list[list[int]] = [[] for _ in range(trunk.batch)]
        places = []
        for row, owner in enumerate(owners):
            places.append(len(members[owner]))
            members[owner].append(row)
        most = max(map(len, members))
        self.owners = torch.tensor(owners, device=device)[:, None]  # (B, 1)
        self.starts = lengths[owners].to(device)[:, None]  # (B, 1) tokens of the prompt
        # rows (P, M) of each prompt; groups that are smaller repeat a row, and nobody reads what comes of it
        self.rows = torch.tensor([rows + rows[:1] * (most - len(rows)) for rows in members], device=device)
        self.places = torch.tensor([owner * most + place for owner, place in zip(owners, places)], device=device)
        self.beyond = (torch.arange(trunk.capacity) >= lengths[:, None])[:, None, None].to(device)  # (P, 1, 1, S)

    def gather(self, x: Tensor) -> Tensor:
        """(B, G, R, N) -> (P, G, M * R, N): R heads of each row that share keys, by prompt."""
        _, G, R, N = x.shape
        P, M = self.rows.shape
        return x[self.rows].transpose(1, 2).reshape(P, G, M * R, N)

    def scatter(self, x: Tensor, R: int) -> Tensor:
        """The inverse: (P, G, M * R, N) -> (B, G, R, N)"""
        P, G, MR, N = x.shape
        return x.view(P, G, MR // R, R, N).transpose(1, 2).reshape(-1, G, R, N)[self.places]


class Shared:
    """What `attend` gets for a mask: prompts (P, G, S, D) beside the rows' own keys, and the mask of those."""

    def __init__(self, plan: Plan, k: Tensor, v: Tensor, mask: Tensor | None):
        self.plan, self.k, self.v, self.mask = plan, k, v, mask

    def attend(self, q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
        """q (B, H, 1, D), k and v (B, G, S, D) of the rows themselves -> (B, H, 1, D)"""
        B, H, _, D = q.shape
        q = (q * scale).view(B, k.shape[1], -1, D)  # (B, G, R, D)
        own = (k @ q.transpose(2, 3)).transpose(2, 3)  # keys on the left, as in layers.attend_one
        if self.mask is not None:
            own = own.masked_fill(self.mask.logical_not(), float("-inf"))
        prompt = (self.plan.gather(q) @ self.k.transpose(2, 3)).masked_fill_(self.plan.beyond, float("-inf"))
        probs = torch.cat((self.plan.scatter(prompt, q.shape[2]), own), dim=-1).softmax(-1)
        of_prompt, of_own = probs.split((self.k.shape[2], k.shape[2]), dim=-1)
        y = self.plan.scatter(self.plan.gather(of_prompt) @ self.v, q.shape[2]) + of_own @ v
        return y.view(B, H, 1, D)


class Branches:
    """
    own, trunk: caches of one model, as its new_cache makes them. `lengths` counts tokens of prompt and reply together.
    """

    def __init__(self, own: KVCache, trunk: KVCache):
        self.own, self.trunk = own, trunk
        own.keep([])
        trunk.keep([])
        self.owners: list[int] = []  # of each row, the row of the trunk that it goes on from
        self.origins: list[tuple[KVCache, int]] = []  # of each row of the trunk, where it was read
        self._plan = None

    @property
    def batch(self) -> int:
        return self.own.batch

    @property
    def lengths(self) -> Tensor:
        return self.own.lengths + self.trunk.lengths[self.owners]

    def add(self, source: KVCache, row: int, length: int, copies: int = 1) -> None:
        """Append `copies` rows that go on from the first `length` tokens of a row of another cache."""
        if (source, row) not in self.origins:
            self.trunk.add(source, row, length)
            self.origins.append((source, row))
        self.owners += [self.origins.index((source, row))] * copies
        self.own.add(source, row, 0, copies)
        self._plan = None

    def keep(self, rows: list[int]) -> None:
        """As KVCache.keep; prompts that no row goes on from leave too."""
        self.own.keep(rows)
        owners = [self.owners[row] for row in rows]
        alive = fill_gaps(sorted(set(owners)))
        self.trunk.keep(alive)
        self.origins = [self.origins[old] for old in alive]
        place = {old: new for new, old in enumerate(alive)}
        self.owners = [place[owner] for owner in owners]
        self._plan = None

    def positions(self, T: int) -> Tensor:
        """Opens a forward of one token a row -> (B, 1) int64."""
        if T != 1:
            raise ValueError(f"{T} tokens a row: rows that share prompts are read one token at a time")
        if self._plan is None:
            self._plan = Plan(self.owners, self.trunk)
        return self.own.positions(T) + self._plan.starts

    def preceding(self, ids: Tensor) -> Tensor:
        """(B, 1) -> the token before each."""
        before = self.own.preceding(ids)
        first = (self.own.lengths == 0)[:, None].to(ids.device)
        return torch.where(first, self.trunk.ids[self._plan.owners, self._plan.starts - 1], before)

    def append(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor, "Shared"]:
        """-> (keys, values) of what the rows said themselves, and the rest of what they look at, for `attend`."""
        k, v, mask = self.own.append(layer, k, v)
        return k, v, Shared(self._plan, *self.trunk.layer(layer), mask)

    def advance(self, T: int) -> None:
        self.own.advance(T)
