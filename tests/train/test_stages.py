"""What a stage hands to the loop: every token once, weights that sum to 1, the place to go on from."""

import math
from collections import Counter

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from acorn.data.shards import open_shards
from acorn.errors import UserError
from acorn.evals.bpb import bits_per_byte
from acorn.model.nano import Nano, NanoConfig
from acorn.runtime import Runtime
from acorn.tokenizer.tokenizer import Tokenizer
from acorn.train.base import BaseStage
from acorn.train.chat import ChatStage, render_all
from acorn.train.loop import forward_backward

CPU = Runtime(torch.device("cpu"), torch.float32)
PAIR = [Runtime(torch.device("cpu"), torch.float32, rank, 2) for rank in range(2)]


@pytest.fixture(scope="module")
def tokenizer(corpus):
    return Tokenizer.load(corpus / "runs/t/tokenizer.json")


@pytest.fixture(scope="module")
def shards(corpus, tokenizer):
    return open_shards(corpus / "runs/t/data", tokenizer)


def nano(vocab, seed=0, block_size=64):
    model = Nano(NanoConfig(vocab, 2, 2, 1, 32, block_size))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in model.parameters():
            p.normal_(0, 0.5 if p.ndim < 2 else p.shape[-1] ** -0.5, generator=generator)
    return model


def gradients(model, batches):
    loss = forward_backward(model, batches, CPU)
    found = [p.grad.clone() for p in model.parameters()]
    for p in model.parameters():
        p.grad = None
    return loss, found


# --- base -------------------------------------------------------------------------------------------------------------


def base(shards, tokenizer, runtime=CPU, micro_rows=3):
    return BaseStage(shards, tokenizer, runtime, 32, rows=8, micro_rows=micro_rows, seed=1, eval_tokens=0)


def test_micro_batches_are_one_big_batch(shards, tokenizer):
    """Loss and gradient of 8 rows at once equal those of 3 + 3 + 2 and of 8 single ones."""
    model = nano(tokenizer.n_vocab)
    big_loss, big = gradients(model, base(shards, tokenizer, micro_rows=8).batches())
    for micro_rows, count in ((3, 3), (1, 8)):
        batches = base(shards, tokenizer, micro_rows=micro_rows).batches()
        assert len(batches) == count
        loss, small = gradients(model, batches)
        torch.testing.assert_close(loss, big_loss)
        for a, b in zip(small, big):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_weights_sum_to_1_and_targets_follow_inputs(shards, tokenizer):
    stage, pair = base(shards, tokenizer), [base(shards, tokenizer, runtime) for runtime in PAIR]
    for _ in range(20):
        batches, halves = stage.batches(), [s.batches() for s in pair]
        assert sum(float(b.weights.sum()) for b in batches) == pytest.approx(1, abs=1e-5)
        assert sum(float(b.weights.sum()) for half in halves for b in half) == pytest.approx(1, abs=1e-5)
        for b in batches:
            assert b.inputs.shape == b.targets.shape == b.weights.shape and b.inputs.dtype == torch.int64
            assert torch.equal(b.inputs[:, 1:], b.targets[:, :-1])


def test_base_goes_on_where_it_was(shards, tokenizer):
    stage = base(shards, tokenizer)
    for _ in range(7):
        stage.batches()
    state, again = stage.state_dict(), base(shards, tokenizer)
    again.load_state_dict(state)
    for a, b in zip(stage.batches(), again.batches()):
        assert torch.equal(a.inputs, b.inputs) and torch.equal(a.weights, b.weights)


# --- chats ------------------------------------------------------------------------------------------------------------


def talks(tokenizer, n=40):
    """Conversations of different lengths that can be told apart by their first words."""
    say = lambda role, text: {"role": role, "content": text}
    found = [
        [say("user", f"{i} " * (1 + i % 5)), say("assistant", "oak " * (1 + i % 7))]
        + ([say("user", "and?"), say("assistant", "elm")] if i % 3 == 0 else [])
        for i in range(n)
    ]
    return render_all(found, tokenizer, 10**6)[0]


def chat(train, runtime=CPU, prompt_weight=0.0, batch_tokens=200, micro_tokens=120):
    return ChatStage(train, train[:9], runtime, batch_tokens, micro_tokens, 5, prompt_weight)


def conversations_of(batch):
    """The rows of a micro-batch without their padding, as (inputs…, last target)."""
    for inputs, targets, weights in zip(batch.inputs, batch.targets, batch.weights):
        n = int(weights.nonzero().max()) + 1  # the last word of the assistant is a target
        yield tuple(inputs[:n].tolist()) + (int(targets[n - 1]),)


def test_every_conversation_once_an_epoch(tokenizer):
    train = talks(tokenizer)
    stage, seen, names = chat(train), Counter(), {tuple(ids) for ids, _ in train}
    assert len(names) == len(train)
    while stage.epoch < 3:  # within a step the order is by length, so what is told after each step is how often
        seen.update(talk for b in stage.batches() for talk in conversations_of(b))
        done, more = divmod(seen.total(), len(train))
        assert seen.keys() <= names and Counter(seen[name] - done for name in names) == Counter(
            {0: len(train) - more, 1: more} if more else {0: len(train)}
        )


def test_every_epoch_has_another_order(tokenizer):
    train = talks(tokenizer)
    stage = chat(train, batch_tokens=1)  # one conversation a step
    orders = [[next(conversations_of(b)) for _ in train for b in stage.batches()] for _ in range(2)]
    assert sorted(orders[0]) == sorted(orders[1]) and orders[0] != orders[1]


@pytest.mark.parametrize("prompt_weight", [0.0, 0.1, 1.0])
def test_weights_of_chats(prompt_weight, tokenizer):
    """1/N on what the assistant says, prompt_weight/N on the rest, 0 on padding; N is of the whole step, all ranks."""
    train = talks(tokenizer)
    mask_of = {tuple(ids): mask for ids, mask in train}
    for stages in ([chat(train, prompt_weight=prompt_weight)], [chat(train, r, prompt_weight) for r in PAIR]):
        for _ in range(10):
            batches = [b for stage in stages for b in stage.batches()]
            assert sum(float(b.weights.sum()) for b in batches) == pytest.approx(1, abs=1e-5)
            rows = [row for b in batches for row in zip(conversations_of(b), b.weights.tolist(), b.inputs.tolist())]
            masks = [mask_of[talk] for talk, _, _ in rows]
            counted = sum(1 if m else prompt_weight for mask in masks for m in mask[1:])
            for mask, (talk, weights, inputs) in zip(masks, rows):
                wanted = [(1 if m else prompt_weight) / counted for m in mask[1:]]  # targets: one to the left
                assert weights == pytest.approx(wanted + [0] * (len(weights) - len(wanted)), abs=1e-7)
                assert set(inputs[len(talk) :]) <= {0}


def test_micro_batches_stay_within_their_size_and_the_context(tokenizer):
    train = talks(tokenizer)
    longest = max(len(ids) for ids, _ in train)
    assert (longest - 1) % 32  # so that rounding up would go beyond it
    for _ in range(2):
        for b in chat(train, batch_tokens=2000, micro_tokens=150).batches():
            rows, width = b.inputs.shape
            assert width <= longest - 1 and (rows == 1 or rows * (width + 1) <= 150)


def test_chats_go_on_where_they_were(tokenizer):
    stage, again = chat(talks(tokenizer)), chat(talks(tokenizer))
    for _ in range(11):
        stage.batches()
    assert stage.epoch > 0 and stage.cursor > 0
    again.load_state_dict(stage.state_dict())
    for _ in range(5):
        for a, b in zip(stage.batches(), again.batches(), strict=True):
            assert torch.equal(a.inputs, b.inputs) and torch.equal(a.weights, b.weights)
    with pytest.raises(UserError, match="are not those"):
        chat(talks(tokenizer)[1:]).load_state_dict(stage.state_dict())


def test_ranks_share_the_conversations(tokenizer):
    train = talks(tokenizer)
    alone, pair = chat(train), [chat(train, runtime) for runtime in PAIR]
    for _ in range(6):
        whole = Counter(talk for b in alone.batches() for talk in conversations_of(b))
        assert whole == Counter(talk for stage in pair for b in stage.batches() for talk in conversations_of(b))


def test_held_out_loss_is_the_mean_over_what_the_assistant_says(tokenizer):
    train, model = talks(tokenizer), nano(tokenizer.n_vocab)
    total, count = 0.0, 0
    with torch.no_grad():
        for ids, mask in train[:9]:
            ids, mask = torch.tensor(ids[None]).long(), torch.tensor(mask)
            nll = F.cross_entropy(model(ids[:, :-1])[0], ids[0, 1:], reduction="none")
            total, count = total + float(nll[mask[1:]].sum()), count + int(mask[1:].sum())
        found = chat(train, prompt_weight=0.5).evaluate(model)
    assert found == {"val_loss": pytest.approx(total / count, rel=1e-5)}


def test_what_does_not_fit_is_left_out_and_counted(tokenizer):
    say = lambda role, text: {"role": role, "content": text}
    short, long = [say("user", "a"), say("assistant", "b")], [say("user", "a" * 99), say("assistant", "b")]
    fit, dropped = render_all([short, long, [say("user", "only asks")]], tokenizer, 50)
    assert (len(fit), dropped) == (1, 2)
    exact = len(fit[0][0]) - 1  # its inputs fill the context exactly
    assert render_all([short], tokenizer, exact)[1] == 0 and render_all([short], tokenizer, exact - 1)[1] == 1


# --- bits per byte ----------------------------------------------------------------------------------------------------


def slow_bpb(model, documents, tokenizer, length):
    """Token by token, one forward for each."""
    nats, size = 0.0, 0
    for document in documents:
        ids = [int(i) for i in document[1:]]
        size += len(tokenizer.decode_bytes(ids))
        for i, target in enumerate(ids):
            context = [tokenizer.bos, *ids[i - i % length : i]]
            logits = model(torch.tensor([context]))[0, -1].double()
            nats -= float(logits.log_softmax(-1)[target])
    return nats / math.log(2) / size, size


@pytest.mark.parametrize("length", [7, 64])
@torch.no_grad()
def test_bits_per_byte_equals_a_slow_loop(length, shards, tokenizer):
    model = nano(tokenizer.n_vocab)
    documents = list(shards.documents("val"))[:6]
    value, size = slow_bpb(model, documents, tokenizer, length)
    for batch_tokens in (1, 100, 8192):
        found = bits_per_byte(model, documents, tokenizer, length, CPU, batch_tokens=batch_tokens)
        assert found.value == pytest.approx(value, rel=1e-5)
        assert (found.bytes, found.documents) == (size, 6) and found.tokens == sum(len(d) - 1 for d in documents)


def test_bits_per_byte_stops_after_the_document_that_reaches_the_limit(shards, tokenizer):
    documents = list(shards.documents("val"))
    model, lengths = nano(tokenizer.n_vocab), np.cumsum([len(d) - 1 for d in documents])
    found = bits_per_byte(model, documents, tokenizer, 32, CPU, max_tokens=int(lengths[2]))
    assert (found.documents, found.tokens) == (3, lengths[2])
    assert bits_per_byte(model, documents, tokenizer, 32, CPU, max_tokens=int(lengths[2]) + 1).documents == 4


def test_an_even_guess_costs_log2_of_the_vocabulary_a_token(shards, tokenizer):
    model = nano(tokenizer.n_vocab)
    torch.nn.init.zeros_(model.head.weight)
    found = bits_per_byte(model, shards.documents("val"), tokenizer, 32, CPU)
    assert found.value == pytest.approx(math.log2(tokenizer.n_vocab) * found.tokens / found.bytes, rel=1e-5)
    assert found.documents == shards.count("val", "documents") and found.bytes == shards.count("val", "bytes")
