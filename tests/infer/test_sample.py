"""Every filter on logits whose probabilities are known, the draws, and what Sampling refuses."""

import random

import pytest
import torch

from acorn.errors import UserError
from acorn.infer.sample import Sampling, pick, stream_of_draws

PROBS = torch.tensor([0.05, 0.4, 0.02, 0.25, 0.1, 0.03, 0.15])  # likeliest first: 1 3 6 4 0 5 2
LOGITS = PROBS.log()


def draw_many(sampling, n=20_000, logits=LOGITS):
    rng = random.Random(1)
    ids = pick(logits.expand(n, -1), sampling, [rng.random() for _ in range(n)])
    return torch.bincount(ids, minlength=len(logits))


def assert_distribution(counts, probs):
    """Pearson's chi-square, at five standard deviations of its distribution: seeded, so it never flickers."""
    expected = probs / probs.sum() * counts.sum()
    assert counts[probs == 0].sum() == 0, f"drew tokens that were left out: {counts.tolist()}"
    kept = probs > 0
    chi2 = ((counts[kept] - expected[kept]) ** 2 / expected[kept]).sum()
    freedom = max(1, int(kept.sum()) - 1)
    assert chi2 < freedom + 5 * (2 * freedom) ** 0.5, f"{counts.tolist()} instead of {expected.tolist()}"


def only(*tokens):
    return torch.where(torch.isin(torch.arange(len(PROBS)), torch.tensor(tokens)), PROBS, 0)


@pytest.mark.parametrize(
    "options, expected",
    [
        ({}, PROBS),
        ({"temperature": 0.5}, PROBS**2),
        ({"temperature": 2.0}, PROBS**0.5),
        ({"top_k": 1}, only(1)),
        ({"top_k": 3}, only(1, 3, 6)),
        ({"top_k": 99}, PROBS),
        ({"top_p": 0.3}, only(1)),
        ({"top_p": 0.41}, only(1, 3)),
        ({"top_p": 0.7}, only(1, 3, 6)),
        ({"min_p": 0.2}, only(1, 3, 6, 4)),  # at least 0.08
        ({"min_p": 1.0}, only(1)),
        ({"top_k": 4, "top_p": 0.8}, only(1, 3, 6)),  # 0.4 + 0.25 + 0.15 of the 0.9 that are left
        ({"top_p": 0.95, "min_p": 0.3}, only(1, 3, 6)),
        ({"temperature": 0.5, "min_p": 0.2}, only(1, 3) ** 2),  # after temperature: 0.16, 0.0625, 0.0225 ...
    ],
)
def test_filters_keep_the_right_tokens_in_the_right_proportion(options, expected):
    assert_distribution(draw_many(Sampling(**options)), expected)


def test_temperature_0_is_argmax_and_tiny_temperatures_tend_to_it():
    logits = torch.randn(50, 1000, generator=torch.Generator().manual_seed(0)) * 20
    assert torch.equal(pick(logits, Sampling(temperature=0)), logits.argmax(-1))
    for tiny in (1e-4, 1e-30, 1e-300):
        assert torch.equal(pick(logits, Sampling(temperature=tiny), [0.999] * 50), logits.argmax(-1))


@pytest.mark.parametrize("options", [{}, {"top_k": 5}, {"top_p": 0.5}, {"min_p": 0.5}])
def test_extreme_draws_stay_inside(options):
    logits = torch.tensor([[-torch.inf, 2.0, 1.0, 2.0, -torch.inf]])
    for draw in (0.0, 1 - 2**-53):
        assert pick(logits, Sampling(**options), [draw]).item() in (1, 2, 3)


def test_repetition_penalty_lowers_positive_and_negative_logits():
    logits = torch.tensor([[3.0, 2.0, -1.0, -1.5]])
    seen = torch.tensor([[True, False, True, False]])
    greedy = Sampling(temperature=0, repetition_penalty=2.0)
    assert pick(logits, greedy, seen=seen).item() == 1  # 3 / 2 < 2
    assert pick(logits[:, 2:], greedy, seen=seen[:, 2:]).item() == 1  # -1 * 2 < -1.5


def test_draws_belong_to_seed_and_row():
    def first(seed, row, n=5):
        draw = stream_of_draws(seed, row)
        return [draw() for _ in range(n)]

    assert first(1, 0) == first(1, 0)
    assert len({first(seed, row, 1)[0] for seed in (0, 1, -1, 2**40) for row in range(50)}) == 200
    assert first(None, 0) != first(None, 0)


def test_rows_do_not_influence_each_other():
    logits = torch.randn(6, 100, generator=torch.Generator().manual_seed(0))
    draws = [0.1, 0.9, 0.5, 0.3, 0.7, 0.2]
    for options in ({}, {"top_k": 10}, {"top_p": 0.8, "min_p": 0.01}):
        together = pick(logits, Sampling(**options), draws)
        alone = [pick(logits[i : i + 1], Sampling(**options), draws[i : i + 1]).item() for i in range(6)]
        assert together.tolist() == alone


@pytest.mark.parametrize(
    "options, says",
    [
        ({"temperature": -0.1}, "temperature = -0.1: expected 0 to 100"),
        ({"temperature": float("nan")}, "temperature = nan: expected 0 to 100"),
        ({"top_k": -1}, "top_k = -1: expected 0 or more"),
        ({"top_p": 1.5}, "top_p = 1.5: expected 0 to 1"),
        ({"top_p": 0.0}, "top_p = 0 leaves no token to draw from: expected more than 0, up to 1"),
        ({"min_p": -1}, "min_p = -1: expected 0 to 1"),
        ({"repetition_penalty": 0}, "repetition_penalty = 0: expected 0.01 to 100"),
        ({"max_tokens": -5}, "max_tokens = -5: expected 0 or more"),
        ({"stop": "word"}, "stop = 'word': expected a list of strings, none of them empty"),
        ({"stop": ["a", ""]}, "stop = ['a', '']: expected a list of strings, none of them empty"),
    ],
)
def test_bad_values_are_named_with_what_is_allowed(options, says):
    with pytest.raises(UserError) as e:
        Sampling(**options)
    assert str(e.value) == says
