"""
The keys and values of the tokens a model has already read, so that the next token costs one position instead of all.

A row is one sequence. Rows have their own lengths; a forward appends T tokens to every row behind what the row holds:

    positions = cache.positions(T)                  # opens a forward
    k_all, v_all, mask = cache.append(layer, k, v)  # in every layer
    cache.advance(T)                                # closes it

Ragged prompts are padded on the right, forwarded together, and then `cache.lengths[:] = true lengths`: what lies behind
a row's length is never attended to, and overwritten later.

Rows come and go: the memory is for `slots` rows, the first `batch` of them are in use. `add` appends rows, `keep` drops
some; a forward takes those in use.
"""

import torch
from torch import Tensor


class KVCache:
    """
    k, v: (n_layer, slots, n_kv_head, S, head_dim), allocated once.
    ids: (slots, S) int64, the tokens themselves, for models that look at the one before (`preceding`); else unused.
    lengths: (batch,) int64, tokens held by each row. It lives on the CPU whatever the device: the shapes of every
    forward follow from it, and reading it back from an accelerator would stall each step.
    """

    def __init__(self, n_layer: int, batch: int, n_kv_head: int, length: int, head_dim: int, dtype, device):
        # zeros, not empty: a masked position has weight 0, but 0 * NaN from uninitialised memory is NaN
        self.k = torch.zeros(n_layer, batch, n_kv_head, length, head_dim, dtype=dtype, device=device)
        self.v = torch.zeros_like(self.k)
        self.ids = torch.zeros(batch, length, dtype=torch.int64, device=device)
        self._range = torch.arange(max(batch, length), device=device)
        self._use(torch.zeros(batch, dtype=torch.int64))

    def _use(self, lengths: Tensor) -> None:
        """The first len(lengths) rows are in use now."""
        self.lengths = lengths
        self._forward = None  # what positions() found out, for the layers of this forward
        # views made once: indexing costs as much as a small matmul
        batch = len(lengths)
        self._layers = list(zip(self.k[:, :batch].unbind(0), self.v[:, :batch].unbind(0)))

    @property
    def batch(self) -> int:
        return len(self.lengths)

    @property
    def slots(self) -> int:
        return self.k.shape[1]

    @property
    def capacity(self) -> int:
        """Tokens that a row can hold."""
        return self.k.shape[3]

    @property
    def room(self) -> int:
        """Tokens that every row can still take."""
        return self.capacity - max(self.lengths.tolist(), default=0)

    def positions(self, T: int) -> Tensor:
        """Opens a forward of T new tokens a row -> (B, T) int64, their absolute positions."""
        lengths = self.lengths.tolist()
        shortest, longest = min(lengths), max(lengths)
        used = longest + T
        if used > self.capacity:
            raise ValueError(f"the cache holds {self.capacity} tokens a row: {longest} are used, {T} more do not fit")
        if shortest == longest:  # one slice for all rows, no index and, unless it is a later chunk, no mask
            positions, rows = self._range[longest:used].expand(len(lengths), T), None
            plain = T == 1 or longest == 0  # one token sees all; a fresh cache is plainly causal
            mask = None if plain else (self._range[:used] <= positions[:1, :, None])[:, None]  # (1, 1, T, used)
        else:
            starts = self.lengths.to(self.k.device, non_blocking=True)
            positions, rows = starts[:, None] + self._range[:T], self._range[: len(lengths), None]
            mask = (self._range[:used] <= positions[..., None])[:, None]  # (B, 1, T, used)
        self._forward = (longest, T, used, positions, rows, mask)
        return positions

    def preceding(self, ids: Tensor) -> Tensor:
        """Inside a forward: remember ids (B, T) -> (B, T), the token before each of them; 0 before a row's first."""
        start, T, used, positions, rows, mask = self._forward
        if rows is None:
            held = self.ids[: self.batch]
            held[:, start:used] = ids
            return held[:, start - 1 : used - 1] if start else torch.nn.functional.pad(ids[:, :-1], (1, 0))
        self.ids[rows, positions] = ids
        return self.ids[rows, (positions - 1).clamp(min=0)].masked_fill(positions == 0, 0)

    def append(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """
        Write k, v (B, n_kv_head, T, head_dim) behind each row -> (keys, values, mask), keys and values being views
        (B, n_kv_head, used, head_dim). mask is (B or 1, 1, T, used), True where a query may look, or None: then attend
        to all when T is 1, and causally when T is more.
        """
        start, T, used, positions, rows, mask = self._forward
        k_all, v_all = self._layers[layer]
        if rows is None:
            k_all.narrow(2, start, T).copy_(k)
            v_all.narrow(2, start, T).copy_(v)
        else:
            k_all[rows, :, positions] = k.transpose(1, 2)  # indices apart from each other: (B, T, n_kv_head, head_dim)
            v_all[rows, :, positions] = v.transpose(1, 2)
        return k_all.narrow(2, 0, used), v_all.narrow(2, 0, used), mask

    def layer(self, layer: int) -> tuple[Tensor, Tensor]:
        """The keys and values of all rows in use, (B, n_kv_head, S, head_dim), as far as they can reach."""
        return self._layers[layer]

    def advance(self, T: int) -> None:
        """Closes a forward: every row now holds T tokens more."""
        self.lengths += T
        self._forward = None

    def add(self, source: "KVCache", row: int, length: int, copies: int = 1) -> None:
        """Append `copies` rows, each the first `length` tokens of that row of another cache of the same model."""
        start, stop = self.batch, self.batch + copies
        if stop > self.slots or length > self.capacity:
            raise ValueError(f"{copies} rows of {length} tokens do not fit: {self.slots - start} of {self.capacity}")
        for mine, theirs in ((self.k, source.k), (self.v, source.v)):
            mine[:, start:stop, :, :length] = theirs[:, row : row + 1, :, :length]
        self.ids[start:stop, :length] = source.ids[row, :length]
        self._use(torch.cat((self.lengths, torch.full((copies,), length))))

    def take(self, row: int, length: int) -> "KVCache":
        """A copy of the first tokens of one row, as a cache that holds nothing else."""
        L, _, G, _, D = self.k.shape
        copy = KVCache(L, 1, G, length, D, self.k.dtype, self.k.device)
        copy.keep([])
        copy.add(self, row, length)
        return copy

    def keep(self, rows: list[int]) -> None:
        """
        Keep only these rows: row i becomes what row rows[i] was. Only rows that change place are copied, so filling
        each gap from the end costs one row, not the whole cache.
        """
        moves = [(new, old) for new, old in enumerate(rows) if new != old]
        if moves:
            new, old = (torch.tensor(side, device=self.k.device) for side in zip(*moves))
            used = int(self.lengths[list(rows)].max())
            for held in (self.k, self.v):
                held[:, new, :, :used] = held[:, old, :, :used]
            self.ids[new, :used] = self.ids[old, :used]
        self._use(self.lengths[list(rows)])


def fill_gaps(alive: list[int]) -> list[int]:
    """
    Order for KVCache.keep that moves as few rows as possible: rows beyond the new end go to the places that fell free.
    fill_gaps([0, 2, 3, 5]) -> [0, 5, 2, 3]
    """
    size = len(alive)
    stay = [i for i in alive if i < size]
    late = [i for i in alive if i >= size]
    held = set(stay)
    return [i if i in held else late.pop() for i in range(size)]
