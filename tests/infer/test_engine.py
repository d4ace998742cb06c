"""Decoding with a cache, many rows and early leavers says token for token what the plain forward says."""

import gc

import pytest
import torch

from acorn.errors import UserError
from acorn.infer.engine import Engine, Event
from acorn.infer.sample import Sampling, pick, stream_of_draws
from acorn.model.cache import fill_gaps

GREEDY = Sampling(temperature=0, max_tokens=8)


def random_prompts(*lengths, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(0, 256, (n,), generator=generator).tolist() for n in lengths]


@torch.no_grad()
def plain_decode(model, prompt, sampling, stop_ids=(), row=0):
    """The slow twin: no cache, no batch, everything read again for every token."""
    ids, draw = list(prompt), stream_of_draws(sampling.seed, row)
    while len(ids) - len(prompt) < sampling.max_tokens and len(ids) <= model.config.block_size:
        logits = model(torch.tensor([ids]))[:, -1]
        seen = torch.zeros_like(logits, dtype=torch.bool)
        seen[:, ids] = True
        token = pick(logits, sampling, [draw()], seen).item()
        if token in stop_ids:
            break
        ids.append(token)
    return ids[len(prompt) :]


def test_greedy_equals_the_plain_forward_for_every_prompt_length(nano, tokenizer):
    engine, prompts = Engine(nano, tokenizer), random_prompts(*range(1, 65))
    plain = [plain_decode(nano, prompt, GREEDY, engine.stop_ids) for prompt in prompts]
    assert len({tuple(p) for p in plain}) > 50  # the replies differ: there is something to confuse
    assert [engine.complete([prompt], GREEDY)[0].ids for prompt in prompts] == plain  # one by one
    assert [reply.ids for reply in engine.complete(prompts, GREEDY)] == plain  # all 64 in one ragged batch


SAMPLINGS = {
    "greedy": Sampling(temperature=0, max_tokens=20),
    "seeded": Sampling(temperature=1.0, seed=3, max_tokens=20),
    "filtered": Sampling(temperature=0.8, top_k=20, top_p=0.9, min_p=0.01, seed=4, max_tokens=20),
    "penalty": Sampling(temperature=0.7, repetition_penalty=1.5, seed=5, max_tokens=20),
}


@pytest.mark.parametrize("name", SAMPLINGS)
@pytest.mark.parametrize("lengths", [[5] * 6, [9, 2, 30, 2, 17, 1]])
def test_batched_rows_equal_the_plain_decode_of_each(nano, tokenizer, name, lengths):
    sampling, prompts = SAMPLINGS[name], random_prompts(*lengths)
    # 40 stop tokens, so that rows leave at different steps
    wide, small = Engine(nano, tokenizer), Engine(nano, tokenizer, max_batch=4)
    wide.stop_ids = small.stop_ids = wide.stop_ids | set(range(100, 110))
    replies = wide.complete(prompts, sampling)
    for row, prompt in enumerate(prompts):
        assert replies[row].ids == plain_decode(nano, prompt, sampling, wide.stop_ids, row), f"row {row}"
    assert small.complete(prompts, sampling) == replies  # batches are sorted by length, results come in our order


def test_rows_leave_when_they_are_done(reciter, tokenizer):
    """Replies of 1, 2, ... tokens: each step of the batch is one row narrower, and the last row decodes alone."""
    model = reciter("abcd" + "x" * 20)
    sampling = Sampling(temperature=0, stop=["x"])
    engine = Engine(model, tokenizer)
    replies = engine.complete([[0] * n for n in (1, 2, 3, 4)], sampling)
    assert [r.text for r in replies] == ["abcd", "bcd", "cd", "d"]
    assert model.forwards == [(4, 4), (4, 1), (3, 1), (2, 1), (1, 1)]


def test_long_prompts_of_many_rows_are_read_in_chunks(nano, tokenizer, monkeypatch):
    prompts = random_prompts(60, 33, 32, 5, 64)
    whole = Engine(nano, tokenizer).complete(prompts, GREEDY)
    monkeypatch.setattr("acorn.infer.scheduler.READ_ALONE", 16)
    assert Engine(nano, tokenizer).complete(prompts, GREEDY) == whole


def test_same_seed_same_reply_other_seed_another(nano, tokenizer):
    engine, (prompt,) = Engine(nano, tokenizer), random_prompts(4)

    def texts(seed):
        return [r.ids for r in engine.complete([prompt] * 3, Sampling(seed=seed, max_tokens=12))]

    first = texts(1)
    assert texts(1) == first and texts(2) != first and texts(None) != texts(None)
    assert len({tuple(ids) for ids in first}) == 3  # equal prompts, different rows
    assert [r.ids for r in engine.complete([prompt], Sampling(seed=1, max_tokens=12))] == first[:1]


# --- samples, refills, settings of each row ---------------------------------------------------------------------------


def read_tokens(model):
    """Counts what a Reciter reads with more than one token a row: prompts."""
    return sum(rows * tokens for rows, tokens in model.forwards if tokens > 1)


def test_a_prompt_is_read_once_for_all_its_samples(reciter, tokenizer):
    model = reciter("abcdefghijkl")
    engine = Engine(model, tokenizer)
    prompts, sampling = [[0] * 5, [1] * 5, [0] * 5], Sampling(temperature=0, max_tokens=3)
    assert [r.text for r in engine.complete(prompts, sampling, samples=4)] == ["efg"] * 12
    assert model.forwards == [(2, 5), (12, 1), (12, 1)]  # two distinct prompts, then twelve rows
    model.forwards.clear()
    assert len(Engine(model, tokenizer, max_batch=3).complete(prompts, sampling, samples=4)) == 12
    assert read_tokens(model) == 10  # also when the samples do not fit into one batch


@pytest.mark.parametrize("max_batch", [64, 7, 1])
def test_samples_are_the_rows_of_their_numbers(nano, tokenizer, max_batch):
    prompts, sampling = random_prompts(9, 2, 30), Sampling(seed=3, max_tokens=12)
    replies = Engine(nano, tokenizer, max_batch).complete(prompts, sampling, samples=4)
    stops = Engine(nano, tokenizer).stop_ids
    assert [r.ids for r in replies] == [plain_decode(nano, prompts[n // 4], sampling, stops, n) for n in range(12)]
    assert len({tuple(r.ids) for r in replies}) == 12


def test_free_slots_are_refilled_at_once(reciter, tokenizer):
    """Replies of 8, 7, ... tokens in two slots: no step has an idle slot while a prompt waits."""
    model = reciter("abcdefgh")
    model.config.block_size = 9
    prompts = [[0] * n for n in (1, 2, 3, 4, 5, 6)]
    replies = Engine(model, tokenizer, max_batch=2).complete(prompts, Sampling(temperature=0, stop=["h"]))
    assert [r.text for r in replies] == ["abcdefg", "bcdefg", "cdefg", "defg", "efg", "fg"]
    steps = [rows for rows, tokens in model.forwards if tokens == 1]
    said = sum(len(r.ids) for r in replies)
    # the first token of a row comes from reading its prompt
    assert sum(steps) == said - 6 and steps.count(1) <= 3


def test_every_row_has_its_own_settings(nano, tokenizer):
    prompts = random_prompts(9, 2, 30, 2, 17, 1, 5)
    each = [*SAMPLINGS.values(), Sampling(seed=9, top_k=1), Sampling(seed=1, max_tokens=3, stop=["q"]), GREEDY]
    engine = Engine(nano, tokenizer)
    mixed = engine.complete(prompts, each)
    for n, (prompt, sampling) in enumerate(zip(prompts, each)):
        assert mixed[n].ids == plain_decode(nano, prompt, sampling, engine.stop_ids, n), f"row {n}"


def test_as_many_settings_as_prompts(nano, tokenizer):
    with pytest.raises(ValueError, match="2 prompts, but 1 samplings"):
        Engine(nano, tokenizer).complete([[1], [2]], [GREEDY])


@pytest.mark.parametrize("n", [0, 3])
def test_logprobs_are_the_models_own(nano, tokenizer, n):
    prompts = random_prompts(9, 2)
    sampling = Sampling(seed=1, temperature=0.3, top_k=5, repetition_penalty=1.3, max_tokens=6, logprobs=n)
    for prompt, reply in zip(prompts, Engine(nano, tokenizer).complete(prompts, sampling)):
        with torch.no_grad():
            logprobs = nano(torch.tensor([prompt + reply.ids]))[0, len(prompt) - 1 : -1].log_softmax(-1)
        own = logprobs.gather(1, torch.tensor(reply.ids)[:, None])[:, 0]
        torch.testing.assert_close(torch.tensor(reply.logprobs), own, rtol=1e-4, atol=1e-5)
        best = logprobs.topk(n)
        assert [[i for i, _ in step] for step in reply.top] == best.indices.tolist()
    quiet = Engine(nano, tokenizer).complete(prompts, Sampling(max_tokens=2))[0]
    assert quiet.logprobs is None and quiet.top is None


# --- text -------------------------------------------------------------------------------------------------------------


def say(reciter, tokenizer, text, **options):
    """-> (texts of the events, the reply) of a model that says `text` and then <|assistant_end|>."""
    says = [*(tokenizer.encode(text) if isinstance(text, str) else text), tokenizer.special("<|assistant_end|>")]
    engine = Engine(reciter(says), tokenizer)
    sampling = Sampling(temperature=0, **options)
    return [e.text for e in engine.stream([[0]], sampling)], engine.complete([[0]], sampling)[0]


@pytest.mark.parametrize(
    "stop, text, finish_text",
    [
        (["END"], "one END two", "one "),
        (["END"], "one EN", "one EN"),  # half a stop string at the end is text
        (["END"], "ENENDEND", "EN"),
        (["aab"], "aaaab", "aa"),  # the match begins inside what was held back
        (["b", "abc"], "xabc", "xa"),  # the first that is complete
        (["\n\n", "###"], "a\n#\n##\n###", "a\n#\n##\n"),
        (["é!"], "caf\u00e9 caf\u00e9! x", "caf\u00e9 caf"),  # split inside a character as well
        (["x"], "x", ""),
    ],
)
def test_stop_strings_across_tokens(reciter, tokenizer, stop, text, finish_text):
    pieces, reply = say(reciter, tokenizer, text, stop=stop)
    assert reply.text == "".join(pieces) == finish_text and reply.finish == "stop"
    said = ""
    for piece in pieces:  # nothing was shown that had to be taken back
        said += piece
        assert finish_text.startswith(said)


def test_text_comes_at_once_when_it_cannot_be_part_of_a_stop_string(reciter, tokenizer):
    assert say(reciter, tokenizer, "a--b---", stop=["---"])[0] == ["a", "", "", "--b", "", "", ""]
    assert say(reciter, tokenizer, "ab")[0] == ["a", "b", ""]


def test_characters_come_whole(reciter, tokenizer):
    pieces, reply = say(reciter, tokenizer, "aé→🌳e")
    assert pieces == ["a", "", "é", "", "", "→", "", "", "", "🌳", "e", ""]
    assert reply.text == "aé→🌳e" and reply.ids == tokenizer.encode("aé→🌳e") and reply.finish == "stop"


def test_a_character_cut_off_by_the_end_shows_as_replacement(reciter, tokenizer):
    pieces, reply = say(reciter, tokenizer, "a🌳", max_tokens=3)
    assert pieces == ["a", "", "\ufffd"] and reply.finish == "length"
    assert say(reciter, tokenizer, [0xFF, 0x61])[1].text == "\ufffda"


def test_special_tokens_make_no_text(reciter, tokenizer):
    user = tokenizer.special("<|user_start|>")
    _, reply = say(reciter, tokenizer, [*b"ab", user, *b"c"])
    assert reply.text == "abc" and reply.ids == [*b"ab", user, *b"c"]


@pytest.mark.parametrize("name", ["<|assistant_end|>", "<|bos|>"])
def test_stop_tokens_end_the_reply_without_being_in_it(reciter, tokenizer, name):
    engine = Engine(reciter([*b"ab", tokenizer.special(name), *b"cd"]), tokenizer)
    assert list(engine.stream([[0]], Sampling(temperature=0))) == [
        Event(0, 97, "a"),
        Event(0, 98, "b"),
        Event(0, None, "", "stop"),
    ]


# --- limits -----------------------------------------------------------------------------------------------------------


def test_max_tokens(nano, tokenizer):
    engine, prompts = Engine(nano, tokenizer), random_prompts(3, 5)
    for n in (0, 1, 7):
        replies = engine.complete(prompts, Sampling(temperature=0, max_tokens=n))
        assert [(len(r.ids), r.finish) for r in replies] == [(n, "length")] * 2


def test_the_context_ends_a_reply(random_nano, tokenizer):
    model = random_nano(block_size=16)
    engine, prompts = Engine(model, tokenizer), random_prompts(16, 15, 4)
    sampling = Sampling(temperature=0, max_tokens=100)
    replies = engine.complete(prompts, sampling)
    # the last token is said, not read: a full context can still say one
    assert [(len(r.ids), r.finish) for r in replies] == [(1, "length"), (2, "length"), (13, "length")]
    assert [r.ids for r in replies] == [plain_decode(model, p, sampling) for p in prompts]


@pytest.mark.parametrize(
    "prompt, says",
    [
        ([1] * 129, "prompt 1 has 129 tokens; the model's context holds 128"),
        ([], "prompt 1 has no tokens: it needs at least one, such as <|bos|>"),
        ([5, 999], "prompt 1 has token 999; the vocabulary ends at 266"),
        ([-1], "prompt 1 has token -1; the vocabulary ends at 266"),
    ],
)
def test_impossible_prompts_are_refused_before_anything_runs(nano, tokenizer, prompt, says):
    with pytest.raises(UserError) as e:
        Engine(nano, tokenizer).stream([[1], prompt], GREEDY)  # not even iterated
    assert str(e.value) == says


def test_no_prompts_no_replies(nano, tokenizer):
    assert Engine(nano, tokenizer).complete([], GREEDY) == []


# --- manners ----------------------------------------------------------------------------------------------------------


def test_the_model_is_given_back_as_it_was(random_nano, tokenizer):
    """Train mode, gradients and tensors that a later training step can use, even when the reader leaves early."""
    for training in (True, False):
        model = random_nano().train(training)
        engine = Engine(model, tokenizer)
        stream = engine.stream([[1, 2]], GREEDY)
        next(stream)
        assert not torch.is_inference_mode_enabled()  # while it waits, we compute what we like
        assert model.training is training  # decoding has a copy of its own
        stream.close()
        assert model.training is training
        engine.complete([[1, 2]], GREEDY)
        assert model.training is training
        model(torch.tensor([[1, 2, 3]])).sum().backward()
        assert all(p.grad is not None for p in model.parameters())
    gc.collect()


def test_a_call_sees_the_weights_as_they_are(random_nano, tokenizer):
    model, other, (prompt,) = random_nano(seed=0), random_nano(seed=1), random_prompts(5)
    engine = Engine(model, tokenizer)
    before = engine.complete([prompt], GREEDY)
    for mine, theirs in zip(model.parameters(), other.parameters()):
        mine.data.copy_(theirs)  # the way an optimizer does it, unseen by version counters
    after = engine.complete([prompt], GREEDY)
    assert after != before and after == Engine(other, tokenizer).complete([prompt], GREEDY)


def test_two_streams_at_once_do_not_mix(nano, tokenizer):
    engine, (a, b) = Engine(nano, tokenizer), random_prompts(6, 11)
    mixed = list(zip(engine.stream([a], GREEDY), engine.stream([b], GREEDY)))
    assert [e.token for e, _ in mixed] == engine.complete([a], GREEDY)[0].ids
    assert [e.token for _, e in mixed] == engine.complete([b], GREEDY)[0].ids


@pytest.mark.parametrize("alive, order", [([0, 2, 3, 5], [0, 5, 2, 3]), ([1], [1]), ([4, 5, 6], [6, 5, 4]), ([], [])])
def test_gaps_are_filled_from_the_end(alive, order):
    assert fill_gaps(alive) == order
