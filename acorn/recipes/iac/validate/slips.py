"""Words that are a slip of the finger away from others: likelier meant than names of the user's own."""

from collections.abc import Iterable
from difflib import SequenceMatcher, get_close_matches


def close(word: str, words: Iterable[str], least: float = 0.9) -> bool:
    """Is one of the words nearly the same, by the share of letters in common?"""
    return any(SequenceMatcher(None, word, one).ratio() > least for one in words if one)


def slip(word: str, words: Iterable[str]) -> str:
    """The word that is one slip away (two in long words): then it is likelier meant than a name of the user's own."""
    near = get_close_matches(word, [one for one in words if abs(len(one) - len(word)) < 3], n=5, cutoff=0.6)
    return next((one for one in near if slips(word, one) <= (1 if len(word) < 8 else 2)), "")


def slips(a: str, b: str) -> int:
    """Letters to drop, add, change, or swap with their neighbour to make one word of the other."""
    before, row = [], list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        older, before, row = before, row, [i]
        for j, y in enumerate(b, 1):
            best = min(before[j] + 1, row[-1] + 1, before[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and y == a[i - 2]:
                best = min(best, older[j - 2] + 1)
            row.append(best)
    return row[-1]
