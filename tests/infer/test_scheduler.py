"""Requests that come and go in any order: each gets what it would have got alone, and no slot is lost."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import build_nano, build_tokenizer

from acorn.infer.engine import Engine
from acorn.infer.sample import Sampling
from acorn.infer.scheduler import Share

TOKENIZER = build_tokenizer()
MODEL = build_nano(block_size=64)
PROMPTS = [[7], [7, 8], [9] * 20, list(range(40)), [7, 8, 9, 10], list(range(60))]


def engine(**options):
    built = Engine(MODEL, TOKENIZER, **options)
    built.stop_ids = frozenset({*built.stop_ids, *range(100, 104)})  # so that replies end at different lengths
    return built


def run(scheduler):
    events = []
    while scheduler.busy:
        events += scheduler.step()
    return events


def assert_empty(scheduler):
    """Nothing is left of anything: no slot, no prompt, no row that waits."""
    assert not scheduler.busy and not scheduler.rows and not scheduler.open and scheduler.reading is None
    assert scheduler.cache is None or scheduler.cache.batch == 0


def assert_told_once(events, rows):
    """The events of a row say its tokens, each once and in order, and its end once, last."""
    for row in rows:
        mine = [e for e in events if e.row == row.number]
        said = [e.token for e in mine if e.token is not None]
        if row.finish == "cancel":
            assert said == row.ids[: len(said)] and not any(e.finish for e in mine)
        else:
            assert said == row.ids and [e.finish for e in mine if e.finish] == [row.finish] and mine[-1].finish


@st.composite
def histories(draw):
    """What happens, in order: (submit, prompt, sampling, samples), (step,), (cancel, which of those asked)."""
    sampling = st.builds(
        Sampling,
        temperature=st.sampled_from([0, 1.0, 1.5]),
        top_k=st.sampled_from([0, 0, 20]),
        top_p=st.sampled_from([1.0, 0.9]),
        repetition_penalty=st.sampled_from([1.0, 1.3]),
        seed=st.integers(0, 3),
        max_tokens=st.integers(0, 12),
        logprobs=st.sampled_from([None, None, 2]),
    )
    submit = st.tuples(st.just("submit"), st.sampled_from(PROMPTS), sampling, st.integers(1, 3))
    event = submit | st.just(("step",)) | st.just(("step",)) | st.tuples(st.just("cancel"), st.integers(0, 40))
    return draw(st.lists(event, max_size=25))


ALONE = {}


def alone(row):
    """The reply of this row with nobody beside it, by the plain forward's twin: a batch of one."""
    key = (tuple(row.prompt), row.sampling, row.number)
    if key not in ALONE:
        (single,) = (scheduler := engine().scheduler(1)).submit(row.prompt, row.sampling, 1, row.number)
        run(scheduler)
        ALONE[key] = single
    return ALONE[key]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(histories(), st.integers(1, 6), st.booleans(), st.booleans())
def test_neighbours_change_nothing(history, slots, share, frozen):
    shares = Share(slots, 60, 12) if share else None
    scheduler = engine(frozen=frozen).scheduler(slots, share=shares)
    rows, events = [], []
    for what, *details in history:
        if what == "submit":
            rows += scheduler.submit(*details, number=len(rows))
        elif what == "step":
            events += scheduler.step()
            assert len(scheduler.rows) <= slots
        elif rows:
            scheduler.cancel(rows[details[0] % len(rows)])
    events += run(scheduler)
    assert_empty(scheduler)
    assert_told_once(events, rows)
    for row in rows:
        single = alone(row)
        if row.finish == "cancel":
            assert row.ids == single.ids[: len(row.ids)]
        else:
            assert (row.ids, row.finish, row.stop) == (single.ids, single.finish, single.stop)
        torch.testing.assert_close(row.logprobs, single.logprobs[: len(row.logprobs)], rtol=1e-3, atol=1e-4)


def test_a_cancelled_row_gives_its_place_at_once():
    scheduler = engine().scheduler(2)
    first, second, third = scheduler.submit([1, 2], Sampling(seed=0, max_tokens=30), samples=3)
    scheduler.step()
    assert scheduler.rows == [first, second]
    scheduler.cancel(first)
    assert scheduler.rows == [second] and scheduler.cache.batch == 1
    scheduler.step()
    assert scheduler.rows == [second, third]
    scheduler.cancel(third)
    scheduler.cancel(third)  # twice does nothing
    scheduler.cancel(second)
    assert_empty(scheduler)


def test_cancel_while_the_prompt_is_read(monkeypatch):
    monkeypatch.setattr("acorn.infer.scheduler.READ_ALONE", 10)
    scheduler = engine().scheduler(2)
    (row,) = scheduler.submit(list(range(40)), Sampling())
    scheduler.step()
    assert scheduler.reading is not None and not row.ids
    scheduler.cancel(row)
    (again,) = scheduler.submit(list(range(40)), Sampling(seed=0, max_tokens=3))
    run(scheduler)
    assert_empty(scheduler)
    assert len(again.ids) == 3 and row.finish == "cancel" and not row.ids


def test_a_long_prompt_does_not_stop_the_others(monkeypatch):
    """While 60 tokens are read 10 at a time, the running row says a token a step."""
    monkeypatch.setattr("acorn.infer.scheduler.READ_BESIDE", 10)
    scheduler = engine().scheduler(2)
    (running,) = scheduler.submit([1], Sampling(temperature=0, max_tokens=20), number=0)
    scheduler.step()
    (late,) = scheduler.submit(list(range(60)), Sampling(temperature=0, max_tokens=2), number=1)
    said = []
    while not late.ids:
        scheduler.step()
        said.append(len(running.ids))
    assert said == [2, 3, 4, 5, 6, 7]


def test_prompts_are_read_in_the_order_they_came(monkeypatch):
    monkeypatch.setattr("acorn.infer.scheduler.READ_ALONE", 50)
    scheduler = engine().scheduler(1)
    rows = [scheduler.submit(p, Sampling(temperature=0, max_tokens=2), number=i)[0] for i, p in enumerate(PROMPTS)]
    order = [e.row for e in run(scheduler) if e.finish]
    assert order == sorted(order) == [row.number for row in rows]


# --- conversations ----------------------------------------------------------------------------------------------------


class Reads:
    """Counts the tokens that a model reads as prompts."""

    def __init__(self, scheduler):
        self.tokens, features = 0, scheduler.model.features

        def counted(ids, cache):
            self.tokens += ids.numel() if ids.shape[1] > 1 else 0
            return features(ids, cache)

        scheduler.model.features = counted


def talk(frozen, turns):
    """-> (the ids of every reply, tokens read as prompts)"""
    built, prompt, said = engine(frozen=frozen), list(range(20)), []
    scheduler = built.scheduler(1)
    reads = Reads(scheduler)
    for turn in range(turns):
        (row,) = scheduler.submit(prompt, Sampling(seed=turn, max_tokens=4))
        run(scheduler)
        said.append(row.ids)
        prompt = prompt + row.ids + [200 + turn, 201]
    return said, reads.tokens


def test_the_next_turn_reads_its_own_words_alone():
    plain, all_tokens = talk(False, 5)
    remembered, few = talk(True, 5)
    assert remembered == plain
    assert few < 20 + 4 * 4 and all_tokens > 5 * 20


@pytest.mark.parametrize("words", [15, 16])
def test_short_prefixes_are_not_worth_it(words):
    scheduler = engine(frozen=True).scheduler(1)
    scheduler.submit(list(range(words)) + [77], Sampling(max_tokens=1))
    run(scheduler)
    reads = Reads(scheduler)
    scheduler.submit(list(range(words)) + [78, 79], Sampling(max_tokens=1))
    run(scheduler)
    assert reads.tokens == (words + 2 if words < 16 else 2)


def test_what_is_remembered_is_bounded():
    built = engine(frozen=True)
    scheduler = built.scheduler(2)
    for i in range(30):
        scheduler.submit([i] * 50, Sampling(seed=0, max_tokens=5))
        run(scheduler)
        assert sum(len(p.ids) for p in built.frozen[1].held) <= 4 * 64
    assert len(built.frozen[1].held) >= 4
    first, last = built.frozen[1].find([0] * 60), built.frozen[1].find([29] * 60)
    assert first is None and last[1] >= 50


def test_streams_of_a_frozen_engine_remember_and_batches_do_not():
    built = engine(frozen=True)
    built.complete([[5] * 30], Sampling(max_tokens=3))
    assert built.frozen[1].held == []
    list(built.stream([[5] * 30], Sampling(max_tokens=3)))
    assert len(built.frozen[1].held) == 1
