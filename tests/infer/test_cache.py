"""The cache against the plain forward: chunks, ragged rows, rows that leave, and what it refuses."""

import pytest
import torch

from acorn.model.cache import KVCache


def random_ids(*shape, seed=0):
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def in_chunks(model, ids, size):
    cache = model.new_cache(ids.shape[0], ids.shape[1])
    return torch.cat([model(ids[:, i : i + size], cache) for i in range(0, ids.shape[1], size)], dim=1)


@pytest.mark.parametrize("n_kv_head", [1, 2, 4])
@pytest.mark.parametrize("size", [1, 3, 7, 16, 64])
def test_reading_in_chunks_equals_one_forward(random_nano, size, n_kv_head):
    model, ids = random_nano(n_kv_head=n_kv_head), random_ids(3, 64)
    with torch.no_grad():
        plain = model(ids)
    assert plain.std() > 0.5  # the logits are worth comparing
    torch.testing.assert_close(in_chunks(model, ids, size), plain, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_ragged_rows_go_on_at_their_own_positions(nano):
    """Prompts of 2, 5 and 9 tokens padded to 9, then four tokens more each: first one, then three at once."""
    lengths, more = [2, 5, 9], 4
    ids = random_ids(3, 9 + more)
    cache = nano.new_cache(3, 9 + more)
    nano(ids[:, :9], cache)
    cache.lengths[:] = torch.tensor(lengths)
    tail = torch.stack([ids[row, n : n + more] for row, n in enumerate(lengths)])
    got = torch.cat([nano(tail[:, :1], cache), nano(tail[:, 1:], cache)], dim=1)
    for row, n in enumerate(lengths):
        torch.testing.assert_close(got[row], nano(ids[row : row + 1, : n + more])[0, n:], rtol=1e-5, atol=1e-5)
    assert cache.lengths.tolist() == [n + more for n in lengths] and cache.room == 0


@torch.no_grad()
@pytest.mark.parametrize("rows", [[0, 1, 2], [2], [3, 1], [0, 3, 2], [1, 0, 3, 2]])
@pytest.mark.parametrize("lengths", [[6, 6, 6, 6], [6, 1, 4, 3]])
def test_rows_that_stay_do_not_notice(nano, rows, lengths):
    ids, n = random_ids(4, 6), torch.tensor(lengths)
    cache = nano.new_cache(4, 12)
    nano(ids, cache)
    cache.lengths[:] = n
    cache.keep(rows)
    assert cache.batch == len(rows) and cache.lengths.tolist() == [lengths[r] for r in rows]
    more = random_ids(4, 2, seed=1)
    got = torch.cat([nano(more[rows, :1], cache), nano(more[rows, 1:], cache)], dim=1)
    for i, row in enumerate(rows):
        whole = torch.cat([ids[row, : lengths[row]], more[row]])[None]
        torch.testing.assert_close(got[i], nano(whole)[0, lengths[row] :], rtol=1e-5, atol=1e-5)


def test_the_fast_path_needs_no_mask():
    cache = KVCache(1, 2, 1, 16, 4, torch.float32, "cpu")
    kv = torch.ones(2, 1, 5, 4)

    def mask_of(T):
        cache.positions(T)
        keys, _, mask = cache.append(0, kv[:, :, :T], kv[:, :, :T])
        assert keys.shape[2] == cache.lengths.max() + T and keys.data_ptr() == cache.k.data_ptr()  # a view, no copy
        cache.advance(T)
        return mask

    assert mask_of(5) is None and mask_of(1) is None  # fresh prefill, then one token
    assert mask_of(2).shape == (1, 1, 2, 8)  # a later chunk: one mask for all rows
    cache.lengths[0] = 3
    assert mask_of(1).tolist() == [[[[True] * 4 + [False] * 5]], [[[True] * 9]]]


@pytest.mark.parametrize("lengths", [[4, 4, 4], [0, 1, 4]])
def test_preceding_gives_the_token_before(lengths):
    cache = KVCache(1, 3, 1, 8, 2, torch.float32, "cpu")
    old, new = random_ids(3, 4), random_ids(3, 2, seed=1)
    cache.positions(4)
    assert cache.preceding(old).tolist() == [[0, *row[:-1]] for row in old.tolist()]
    cache.advance(4)
    cache.lengths[:] = torch.tensor(lengths)
    cache.keep([0, 2])
    cache.positions(2)
    before = [[old[row, lengths[row] - 1].item() if lengths[row] else 0, new[row, 0].item()] for row in (0, 2)]
    assert cache.preceding(new[[0, 2]]).tolist() == before


def test_overflow_is_said_with_numbers():
    cache = KVCache(1, 1, 1, 8, 2, torch.float32, "cpu")
    cache.positions(6)
    cache.advance(6)
    with pytest.raises(ValueError, match="holds 8 tokens a row: 6 are used, 3 more do not fit"):
        cache.positions(3)


def test_bf16_model_gets_a_bf16_cache(random_nano):
    model = random_nano()
    model.compute_dtype = torch.bfloat16
    assert model.new_cache(1, 4).k.dtype == torch.bfloat16
    assert in_chunks(model, random_ids(1, 4), 2).dtype == torch.float32


@torch.no_grad()
def test_rows_join_from_another_cache(nano):
    """Three copies of a row that was read elsewhere join one that runs, more rows than a row has tokens."""
    ids, more = random_ids(2, 6), random_ids(4, 1, seed=1)
    running, read = nano.new_cache(20, 8), nano.new_cache(2, 6)
    nano(ids, read)
    running.keep([])
    running.add(read, 0, 4)
    running.add(read, 1, 6, copies=3)
    assert running.batch == 4 and running.slots == 20 and running.lengths.tolist() == [4, 6, 6, 6]
    got = nano(more, running)
    for row, (source, n) in enumerate([(0, 4), (1, 6), (1, 6), (1, 6)]):
        whole = torch.cat([ids[source, :n], more[row]])[None]
        torch.testing.assert_close(got[row], nano(whole)[0, n:], rtol=1e-5, atol=1e-5)
    with pytest.raises(ValueError, match="17 rows of 2 tokens do not fit: 16 of 8"):
        running.add(read, 0, 2, copies=17)


@torch.no_grad()
def test_more_rows_than_tokens(nano):
    cache, ids = nano.new_cache(40, 5), random_ids(40, 5)
    nano(ids[:, :4], cache)
    cache.lengths[3] = 2
    again = nano(ids[:, 4:], cache)
    torch.testing.assert_close(again[0], nano(ids[:1])[0, 4:], rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_a_row_can_be_taken_out(nano):
    cache, ids = nano.new_cache(3, 8), random_ids(3, 6)
    nano(ids, cache)
    taken = cache.take(1, 5)
    assert taken.batch == 1 and taken.capacity == 5 and taken.lengths.tolist() == [5]
    cache.k.zero_()
    back = nano.new_cache(1, 8)
    back.keep([])
    back.add(taken, 0, 5)
    torch.testing.assert_close(nano(ids[1:2, 5:], back)[0], nano(ids[1:2])[0, 5:], rtol=1e-5, atol=1e-5)
