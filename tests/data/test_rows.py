"""Every target once an epoch, the same order for every number of ranks, exact resumption."""

from collections import Counter
from itertools import chain

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from acorn.data.documents import Document
from acorn.data.rows import RowStream
from acorn.data.shards import open_shards, write_shards
from acorn.errors import UserError
from acorn.tokenizer.train import train_chars

LETTERS = "abcdefghij"
TOKENIZER = train_chars([LETTERS])
BOS = TOKENIZER.bos


def shards_of(texts, folder, **options):
    write_shards(map(Document, texts), TOKENIZER, folder, force=True, **{"val_fraction": 0.0, **options})
    return open_shards(folder, TOKENIZER)


def random_texts(seed, n, longest):
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list(LETTERS), size=rng.integers(0, longest))) for _ in range(n)]


def epoch(stream):
    """All rows of the epoch that begins now."""
    now, rows = stream.epoch, []
    while stream.epoch == now:
        rows.append(stream.next(1))
    return rows


def pairs(rows):
    """(context, target) of every counted target."""
    found = Counter()
    for row in rows:
        ids, on = row.ids[0], row.weights[0] == 1
        found.update(zip(ids[:-1][on].tolist(), ids[1:][on].tolist()))
    return found


def wanted(shards, split="train"):
    documents = ([*d.tolist(), BOS] for d in shards.documents(split))
    return Counter(chain.from_iterable(zip(d, d[1:]) for d in documents))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(st.text(LETTERS, max_size=70), min_size=1, max_size=25),
    length=st.integers(1, 30),
    shard_tokens=st.sampled_from([20, 100, 10_000]),
)
def test_every_target_is_counted_exactly_once_an_epoch(texts, length, shard_tokens, tmp_path):
    """Also the bos that ends each document. Neighbours are compared, so nothing crosses from document to document."""
    shards = shards_of(texts, tmp_path / "s", shard_tokens=shard_tokens)
    stream = RowStream(shards, "train", length, seed=3)
    for _ in range(3):
        rows = epoch(stream)
        assert pairs(rows) == wanted(shards)
        assert sum(row.counted for row in rows) == shards.count("train") == sum(row.weights.sum() for row in rows)


def test_the_picture_in_the_docstring(tmp_path):
    """Two short documents share a row and the bos between them; a third goes on in a row of its own."""
    shards = shards_of(["aaaa", "bb", "c" * 12], tmp_path / "s")
    rows = epoch(RowStream(shards, "train", 8, seed=0))
    a, b, c = TOKENIZER.encode("abc")
    found = {tuple(row.ids[0].tolist()): row.weights[0].tolist() for row in rows}
    whole = {tuple([BOS] + [c] * 8): [1] * 8, tuple([c] * 5 + [BOS] * 4): [1] * 5 + [0] * 3}
    short = {(BOS, a, a, a, a, BOS, b, b, BOS): [1] * 8, (BOS, b, b, BOS, a, a, a, a, BOS): [1] * 8}
    assert whole.items() <= found.items() and len(found) == 3
    assert any(item in short.items() for item in found.items())


def test_documents_that_continue_bring_their_first_token_as_input_only(tmp_path):
    shards = shards_of(["a" * 9, "b" * 10], tmp_path / "s")  # remainders of 2 and 3 targets, packed into one row
    rows = epoch(RowStream(shards, "train", 8, seed=0))
    mixed = [row for row in rows if len(set(row.ids[0].tolist())) == 3]
    assert len(rows) == 3 and len(mixed) == 1
    ids, weights = mixed[0].ids[0].tolist(), mixed[0].weights[0].tolist()
    a, b = TOKENIZER.encode("ab")
    options = [([a, a, BOS, b, b, b, BOS, BOS, BOS], [1, 1, 0, 1, 1, 1, 0, 0]),
               ([b, b, b, BOS, a, a, BOS, BOS, BOS], [1, 1, 1, 0, 1, 1, 0, 0])]  # fmt: skip
    assert (ids, weights) in options


def test_one_long_document_becomes_windows(tmp_path):
    """As nanoGPT reads a corpus of one text, but each character once an epoch, and cut elsewhere in the next."""
    text = "".join(LETTERS[i * i % 10] for i in range(1003))
    shards = shards_of([text], tmp_path / "s")
    stream = RowStream(shards, "train", 10, seed=5)
    starts = []
    for _ in range(3):
        rows = epoch(stream)
        assert len(rows) in (101, 102) and pairs(rows) == wanted(shards)
        assert sum((row.weights == 1).all() for row in rows) >= 99  # all but the first and the last
        starts.append([row.ids[0].tolist() for row in rows if (row.ids[0] == BOS).any()])
    assert starts[0] != starts[1] != starts[2]


@pytest.fixture
def shards(tmp_path):
    return shards_of(random_texts(1, 60, 50), tmp_path / "s", shard_tokens=300)


@pytest.mark.parametrize("world", [2, 4])
def test_ranks_share_out_the_same_order(shards, world):
    alone = RowStream(shards, "train", 16, seed=7)
    ranks = [RowStream(shards, "train", 16, seed=7) for _ in range(world)]
    for _ in range(30):  # several epochs
        whole = alone.next(8)
        parts = [stream.next(8, rank, world) for rank, stream in enumerate(ranks)]
        for rank, part in enumerate(parts):
            assert part.counted == whole.counted
            np.testing.assert_array_equal(part.ids, whole.ids[rank::world])
            np.testing.assert_array_equal(part.weights, whole.weights[rank::world])
    assert alone.epoch >= 2


@pytest.mark.parametrize("before, after", [(1, 1), (1, 4), (4, 2), (2, 1)])
def test_resuming_equals_going_on_at_any_number_of_ranks(shards, before, after):
    straight = RowStream(shards, "train", 16, seed=7)
    first = [RowStream(shards, "train", 16, seed=7) for _ in range(before)]
    for _ in range(11):
        straight.next(4)
        for rank, stream in enumerate(first):
            stream.next(4, rank, before)
    states = [stream.state_dict() for stream in first]
    assert all(state == states[0] == straight.state_dict() for state in states)
    second = [RowStream(shards, "train", 16, seed=7) for _ in range(after)]
    for stream in second:
        stream.load_state_dict(states[0])
    for _ in range(20):
        whole = straight.next(4)
        for rank, stream in enumerate(second):
            np.testing.assert_array_equal(stream.next(4, rank, after).ids, whole.ids[rank::after])


def test_the_batch_size_does_not_change_the_order(shards):
    one, five = RowStream(shards, "train", 16, seed=7), RowStream(shards, "train", 16, seed=7)
    for _ in range(20):
        np.testing.assert_array_equal(five.next(5).ids, np.concatenate([one.next(1).ids for _ in range(5)]))


def test_a_batch_may_span_epochs(tmp_path):
    shards = shards_of(["abc", "de"], tmp_path / "s")
    rows = RowStream(shards, "train", 8, seed=0).next(50)
    assert rows.ids.shape == (50, 9) and rows.weights.shape == (50, 8)
    assert rows.ids.dtype == np.int64 and rows.weights.dtype == np.float32
    assert rows.counted == 50 * 7


def test_seed_and_epoch_change_the_order(shards):
    order = lambda seed, skip: np.concatenate([r.ids for r in [epoch(s) for s in [RowStream(shards, "train", 16, seed)]
                                                               for _ in range(skip + 1)][-1]])  # fmt: skip
    orders = [order(1, 0), order(2, 0), order(1, 1)]
    assert not any(np.array_equal(a, b) for i, a in enumerate(orders) for b in orders[:i])
    np.testing.assert_array_equal(order(1, 0), orders[0])


def test_resuming_with_other_data_is_refused(shards, tmp_path):
    state = RowStream(shards, "train", 16, seed=7).state_dict()
    for stream, name in [
        (RowStream(shards, "train", 16, seed=8), "seed"),
        (RowStream(shards, "train", 17, seed=7), "length"),
        (RowStream(shards_of(random_texts(2, 60, 50), tmp_path / "t"), "train", 16, seed=7), "files"),
    ]:
        with pytest.raises(UserError, match=f"with {name} .* now with {name} .*: it cannot go on at its place"):
            stream.load_state_dict(state)


def test_impossible_requests(shards):
    with pytest.raises(UserError, match="has no val documents"):
        RowStream(shards, "val", 16, seed=0)
    with pytest.raises(UserError, match="room for at least 1 token, got 0"):
        RowStream(shards, "train", 0, seed=0)
    with pytest.raises(ValueError, match="3 rows cannot be shared out evenly to 2 ranks"):
        RowStream(shards, "train", 16, seed=0).next(3, 0, 2)
