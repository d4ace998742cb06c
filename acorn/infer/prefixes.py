"""
What was read and said before, kept for the next turn of a conversation: its prompt begins with this one's prompt and
reply, and only the rest is read.
"""

from dataclasses import dataclass

import numpy as np

from acorn.model.cache import KVCache

SHORTEST = 16  # tokens in common from which on reading alone, without company, is worth it


@dataclass(eq=False)
class Prefix:
    ids: np.ndarray  # (n,) int64
    cache: KVCache  # one row of n tokens


class Prefixes:
    """
    The last used, up to `room` tokens in all. They belong to one model as it is: who changes its weights begins anew.
    """

    def __init__(self, room: int):
        self.room = room
        self.held: list[Prefix] = []  # the last used stands last

    def keep(self, ids: list[int], cache: KVCache, row: int) -> None:
        """Remember the tokens that this row of the cache holds."""
        new = np.array(ids[: int(cache.lengths[row])])
        if len(new) > self.room:
            return
        # an earlier turn of the same conversation is part of this one
        self.held = [p for p in self.held if len(p.ids) > len(new) or common(p.ids, new) < len(p.ids)]
        self.held.append(Prefix(new, cache.take(row, len(new))))
        while sum(len(p.ids) for p in self.held) > self.room:
            self.held.pop(0)

    def find(self, prompt: list[int]) -> tuple[KVCache, int] | None:
        """-> (cache, tokens of its row 0 that the prompt begins with). The last token of a prompt is always read."""
        ids = np.array(prompt[:-1])
        lengths = [common(p.ids, ids) for p in self.held]
        if not lengths or max(lengths) < SHORTEST:
            return None
        place = max(range(len(lengths)), key=lengths.__getitem__)
        self.held.append(self.held.pop(place))
        return self.held[-1].cache, lengths[place]


def common(a: np.ndarray, b: np.ndarray) -> int:
    """Tokens that both begin with."""
    n = min(len(a), len(b))
    differ = (a[:n] != b[:n]).nonzero()[0]
    return int(differ[0]) if len(differ) else n
