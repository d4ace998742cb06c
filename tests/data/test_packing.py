import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acorn.data.packing import pack


def slow_best_fit(lengths, room):
    """Longest first, each into the fullest row with room; how full each row gets."""
    rows = []
    for need in sorted(lengths, reverse=True):
        fits = [r for r in range(len(rows)) if rows[r] + need <= room]
        if fits:
            rows[max(fits, key=lambda r: rows[r])] += need
        else:
            rows.append(need)
    return sorted(rows)


@settings(max_examples=200, deadline=None)
@given(data=st.data(), room=st.integers(1, 40))
def test_equals_the_slow_best_fit(data, room):
    lengths = data.draw(st.lists(st.integers(1, room), max_size=60))
    row_of = pack(np.array(lengths, dtype=np.int64), room)
    filled = np.bincount(row_of, weights=lengths) if lengths else np.array([])
    assert (filled <= room).all() and (filled > 0).all()  # rows are numbered without gaps
    assert sorted(filled) == slow_best_fit(lengths, room)


def test_the_example_in_the_docstring():
    assert pack([3, 5, 2], 5).tolist() == [1, 0, 1]
    assert pack([], 5).tolist() == []


@pytest.mark.parametrize("lengths", [[0], [6], [-1, 3]])
def test_impossible_lengths(lengths):
    with pytest.raises(ValueError, match="lengths must lie between 1 and 5"):
        pack(lengths, 5)


def test_little_is_wasted():
    lengths = np.clip(np.random.default_rng(0).lognormal(5, 1, 20_000).astype(int), 1, 2048)
    assert lengths.sum() / ((pack(lengths, 2048).max() + 1) * 2048) > 0.99
