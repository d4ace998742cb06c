"""Best-fit packing: put pieces of different lengths into rows of one length, wasting little."""

import numpy as np


def pack(lengths: np.ndarray, room: int) -> np.ndarray:
    """
    lengths (n,), each 1…room -> (n,) the row that each piece goes to, rows numbered from 0.
    Longest first, each into the fullest row that still has room.   pack([3, 5, 2], 5) -> [1, 0, 1]
    """
    lengths = np.asarray(lengths)
    row_of = np.empty(len(lengths), dtype=np.int64)
    if not len(lengths):
        return row_of
    if lengths.min() < 1 or lengths.max() > room:
        raise ValueError(f"lengths must lie between 1 and {room}, got {lengths.min()} and {lengths.max()}")
    full = np.flatnonzero(lengths == room)
    row_of[full] = np.arange(len(full))
    rest = np.flatnonzero(lengths < room)
    rest = rest[np.argsort(-lengths[rest], kind="stable")]
    rows = len(full)
    open_rows: list[list[int]] = [[] for _ in range(room + 1)]  # open_rows[r]: the rows with room r left
    some = 0  # bit r is set where open_rows[r] has any, so a shift and the lowest bit find the fullest row that fits
    placed = []
    for need in lengths[rest].tolist():
        fits = some >> need
        if fits:
            left = need + (fits & -fits).bit_length() - 1
            row = open_rows[left].pop()
            if not open_rows[left]:
                some ^= 1 << left
        else:
            row, left = rows, room
            rows += 1
        placed.append(row)
        if left > need:
            open_rows[left - need].append(row)
            some |= 1 << (left - need)
    row_of[rest] = placed
    return row_of
