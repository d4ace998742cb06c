import pytest

from acorn.errors import UserError
from acorn.tokenizer.train import train_bpe, train_chars


@pytest.mark.parametrize("size", [-1, 0, 256, 266])
def test_too_small_a_vocabulary_names_the_minimum(size):
    with pytest.raises(UserError, match=f"--vocab-size {size} is too small: .* need 267"):
        train_bpe(["abc"], size)


def test_the_smallest_vocabulary_is_bytes_and_specials():
    tokenizer = train_bpe(["abcabc"], 267)
    assert tokenizer.n_vocab == 267 and tokenizer.encode("abc") == list(b"abc")


def test_little_text_gives_fewer_tokens():
    assert train_bpe(["abc abc"], 5000).n_vocab < 300


@pytest.mark.parametrize("train", [lambda texts: train_bpe(texts, 300), train_chars])
@pytest.mark.parametrize("texts", [[], [""], ["", ""]])
def test_no_text(train, texts):
    with pytest.raises(UserError, match="there is no text to train a tokenizer on"):
        train(texts)


def test_slow_bpe_agrees():
    """The textbook algorithm, the most frequent pair first. The counts are unequal, so that no tie decides."""
    words = {"abab": 50, "abc": 21, "bcd": 10, "dd": 3}
    text = " ".join(word for word, n in words.items() for _ in range(n))  # the blank belongs to the word behind it
    pieces = {}
    for i, word in enumerate(text.split(" ")):
        piece = tuple(bytes([b]) for b in (word if i == 0 else " " + word).encode())
        pieces[piece] = pieces.get(piece, 0) + 1
    learned = []
    for _ in range(5):
        pairs = {}
        for piece, n in pieces.items():
            for pair in zip(piece, piece[1:]):
                pairs[pair] = pairs.get(pair, 0) + n
        best = max(pairs, key=pairs.get)
        learned.append(b"".join(best))
        merged = {}
        for piece, n in pieces.items():
            out, i = [], 0
            while i < len(piece):
                step = 2 if piece[i : i + 2] == best else 1
                out.append(b"".join(piece[i : i + step]))
                i += step
            merged[tuple(out)] = merged.get(tuple(out), 0) + n
        pieces = merged
    assert train_bpe([text], 267 + 5).ordinary[256:] == learned
