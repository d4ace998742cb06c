"""
Where a few hundred short words may occur in megabytes of text: the places that are worth a regular expression.

Four bytes of an anchor, whatever their case, are looked up for all positions of a block at once in a table of 64 K
entries. What the table lets through is compared with the anchors that have these four bytes.
"""

from collections.abc import Iterable

import numpy as np

from acorn.data.block import Block, combined

ANY = b"abcdefghijklmnopqrstuvwxyz0123456789_-"  # what * stands for


class Anchors:
    def __init__(self, words: Iterable[tuple[bytes, int]]):
        """(anchor, number): at least 4 bytes in lower case, of which * is any of ANY and # a digit; only 8 count."""
        table: dict[int, list[tuple[int, int, int]]] = {}  # first four bytes -> (mask, eight bytes, number)
        for word, number in words:
            rest = word[4:8]
            mask, eight = (1 << 8 * len(rest)) - 1 << 32, int.from_bytes(rest, "little") << 32
            for first in expanded(word[:4]):
                table.setdefault(int.from_bytes(first, "little"), []).append((mask, eight, number))
        self.table = table
        self.fours = np.array(sorted(table), np.uint32)
        self.likely = np.zeros(1 << 16, bool)
        self.likely[
            combined(*((self.fours >> np.uint32(8 * i) & np.uint32(255)).astype(np.uint16) for i in range(4)))
        ] = True

    def find(self, block: Block) -> list[tuple[int, int]]:
        """(position, number) in order of position."""
        at = np.flatnonzero(self.likely[block.fours])
        at = at[at < len(block.lower) - 8]  # the padding
        windows = np.ndarray((len(block.lower) - 7,), "<u8", block.lower, strides=(1,))[at]
        fours = windows.astype(np.uint32)
        sure = self.fours[np.minimum(np.searchsorted(self.fours, fours), len(self.fours) - 1)] == fours
        table, found = self.table, []
        for position, window in zip(at[sure].tolist(), windows[sure].tolist()):
            for mask, eight, number in table[window & 0xFFFFFFFF]:
                if window & mask == eight:
                    found.append((position, number))
        return found


def expanded(word: bytes) -> list[bytes]:
    for wildcard, choices in ((b"*", ANY), (b"#", b"0123456789")):
        if wildcard in word:
            return [one for byte in choices for one in expanded(word.replace(wildcard, bytes([byte]), 1))]
    return [word]
