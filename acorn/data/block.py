"""
Documents side by side in one array, so that a question about every byte is asked once for a few hundred of them.

    data    PAD zeros | document 0 | PAD zeros | document 1 | ... | PAD zeros
"""

from functools import cached_property

import numpy as np

PAD = 32  # zeros between documents: a window of up to 32 bytes never holds parts of two
BLOCK_CHARS = 2 << 20  # text to put into one block
LOWER = bytes(range(256)).lower()
MASKS = np.array([(1 << 8 * i) - 1 for i in range(9)], np.uint64)  # the first 0 to 8 bytes of a word


def mix(hashes: np.ndarray) -> np.ndarray:
    """Every bit of the input reaches every bit of the result (the finaliser of splitmix64). Works in place."""
    for shift, multiplier in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
        hashes ^= hashes >> np.uint64(shift)
        hashes *= np.uint64(multiplier)
    return hashes


MULTIPLIERS = mix(np.arange(1, 33, dtype=np.uint64)) | np.uint64(1)


def byte_table(chars: bytes) -> bytes:
    """For bytes.translate: 1 for these, 0 for all others."""
    return bytes(byte in chars for byte in range(256))


DIGITS = b"0123456789"
LETTERS = bytes(byte for byte in range(128) if chr(byte).isalpha())
WORD = byte_table(LETTERS + DIGITS + b"_" + bytes(range(128, 256)))


def combined(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> np.ndarray:
    """Four bytes -> 16 bits; all uint16."""
    return a * np.uint16(40503) + b * np.uint16(30011) + c * np.uint16(12347) + d * np.uint16(54321)


class Block:
    def __init__(self, documents: list[bytes]):
        """documents: UTF-8"""
        self.documents = documents
        self.data = bytes(PAD).join([b"", *documents, b""])
        self.bytes = np.frombuffer(self.data, np.uint8)
        self.sizes = np.array([len(document) for document in documents], np.int64)
        self.starts = PAD + np.concatenate([[0], np.cumsum(self.sizes + PAD)[:-1]]).astype(np.int64)
        self.ends = self.starts + self.sizes

    def __len__(self) -> int:
        return len(self.documents)

    @cached_property
    def lower(self) -> bytes:
        return self.data.translate(LOWER)

    @cached_property
    def fours(self) -> np.ndarray:
        """16 bits for the four lower-case bytes from each position."""
        lower = np.frombuffer(self.lower, np.uint8).astype(np.uint16)
        return combined(lower[:-3], lower[1:-2], lower[2:-1], lower[3:])

    def owners(self, positions: np.ndarray) -> np.ndarray:
        """The document that holds each of the positions."""
        return np.searchsorted(self.starts, positions, "right") - 1

    def per_document(self, positions: np.ndarray) -> np.ndarray:
        """Sorted positions -> how many of them are in each document."""
        return np.diff(np.searchsorted(positions, np.append(self.starts, len(self.data))))

    def where(self, table: bytes) -> np.ndarray:
        """Positions of the bytes that are 1 in a `byte_table`."""
        return np.flatnonzero(np.frombuffer(self.data.translate(table), bool))

    def count(self, table: bytes) -> np.ndarray:
        """How many bytes of each document are 1 in a `byte_table`."""
        return self.per_document(self.where(table))

    @cached_property
    def words(self) -> tuple[np.ndarray, np.ndarray]:
        """(start, end) of every run of letters, digits, underscores and bytes beyond ASCII."""
        inside = np.frombuffer(self.data.translate(WORD), np.uint8)
        edges = np.flatnonzero(inside[1:] != inside[:-1]) + 1
        return edges[0::2], edges[1::2]

    @cached_property
    def words_each(self) -> np.ndarray:
        return self.per_document(self.words[0])

    @cached_property
    def word_hashes(self) -> np.ndarray:
        """uint64 for each word, from its length, its first 8 and its last 8 bytes; upper case counts as lower."""
        start, end = self.words
        windows = np.ndarray((len(self.data) - 7,), "<u8", self.lower, strides=(1,))
        size = end - start
        hashes = (windows[start] & MASKS[np.minimum(size, 8)]) * MULTIPLIERS[31]
        long = np.flatnonzero(size > 8)
        hashes[long] += windows[end[long] - 8] * MULTIPLIERS[30] + size[long].astype(np.uint64) * MULTIPLIERS[29]
        return mix(hashes)

    def shingles(self, words: int) -> tuple[np.ndarray, np.ndarray]:
        """
        (hashes uint64, document of each), one for every run of so many words; the last of a document are of fewer.
        Layout, punctuation and case do not count.
        """
        owner = np.repeat(np.arange(len(self)), self.words_each)
        hashes = self.word_hashes * MULTIPLIERS[0]
        for i in range(1, words):
            same = owner[i:] == owner[:-i]
            hashes[:-i] += self.word_hashes[i:] * MULTIPLIERS[i] * same
        return mix(hashes), owner
