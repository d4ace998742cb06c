"""What a stage hands to the loop: every token once, weights that sum to 1, the place to go on from."""

import json
import math
from collections import Counter

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from acorn.data.chat_rows import ChatRows, Mixture
from acorn.data.rows import RowStream
from acorn.data.shards import open_shards
from acorn.errors import UserError
from acorn.evals.bpb import bits_per_byte
from acorn.model.nano import Nano, NanoConfig
from acorn.runtime import Runtime
from acorn.tokenizer.tokenizer import Tokenizer
from acorn.train.loop import Batch, forward_backward
from acorn.train.rows import RowStage, chat_figures, document_figures, render_all, weigh

CPU = Runtime(torch.device("cpu"), torch.float32)
PAIR = [Runtime(torch.device("cpu"), torch.float32, rank, 2) for rank in range(2)]


@pytest.fixture(scope="module")
def tokenizer(corpus):
    return Tokenizer.load(corpus / "runs/t/tokenizer.json")


@pytest.fixture(scope="module")
def shards(corpus, tokenizer):
    return open_shards(corpus / "runs/t/data", tokenizer)


def nano(vocab, seed=0, block_size=64, bigram=0):
    model = Nano(NanoConfig(vocab, 2, 2, 1, 32, block_size, bigram=bigram))
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
    figures = [document_figures(shards, tokenizer, runtime, 32, eval_tokens=0)]
    return RowStage(RowStream(shards, "train", 32, seed=1), figures, runtime, rows=8, micro_rows=micro_rows)


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


LENGTH = 64  # of a row; the longest of `talks` has less


def chat(train, runtime=CPU, prompt_weight=0.0, rows=4, micro_rows=3):
    stream = ChatRows(weigh(train, prompt_weight), LENGTH, seed=5)
    return RowStage(stream, [chat_figures(train[:9], runtime, LENGTH, micro_rows)], runtime, rows, micro_rows)


def conversations_of(batch):
    """(ids, weights of its targets) of every conversation of a micro-batch, padding left out"""
    for inputs, targets, weights, starts in zip(batch.inputs, batch.targets, batch.weights, batch.starts):
        for start in starts.unique().tolist():
            at = (starts == start).nonzero()[:, 0]
            assert torch.equal(at, torch.arange(start, start + len(at)))  # in one piece
            ids = inputs[at].tolist() + [int(targets[at[-1]])]
            if weights[at].any():
                last = int(weights[at].nonzero().max()) + 1  # the end of the assistant's turn is a target
                yield tuple(ids[: last + 1]), weights[at][:last].tolist()
                assert not weights[at][last:].any() and len(at) - last in (0, 1)  # 1: the step to the next one


def test_every_conversation_once_an_epoch_in_another_order(tokenizer):
    train = talks(tokenizer)
    stage, names, orders = chat(train, rows=1), {tuple(ids) for ids, _ in train}, []
    assert len(names) == len(train)
    for epoch in range(3):
        order = []
        while len(order) < len(train):
            assert stage.stream.epoch in (epoch, epoch - 1)
            order += [talk for b in stage.batches() for talk, _ in conversations_of(b)]
        assert len(order) == len(train) and set(order) == names
        orders.append(order)
    assert orders[0] != orders[1] != orders[2]


@pytest.mark.parametrize("prompt_weight", [0.0, 0.1, 1.0])
def test_weights_of_chats(prompt_weight, tokenizer):
    """1/N on what the assistant says, prompt_weight/N on the rest, 0 on padding; N is of the whole step, all ranks."""
    train = talks(tokenizer)
    mask_of = {tuple(ids): mask for ids, mask in train}
    for stages in ([chat(train, prompt_weight=prompt_weight)], [chat(train, r, prompt_weight) for r in PAIR]):
        for _ in range(10):
            batches = [b for stage in stages for b in stage.batches()]
            assert sum(float(b.weights.sum()) for b in batches) == pytest.approx(1, abs=1e-5)
            found = [pair for b in batches for pair in conversations_of(b)]
            counted = sum(1 if m else prompt_weight for talk, _ in found for m in mask_of[talk][1:])
            for talk, weights in found:
                wanted = [(1 if m else prompt_weight) / counted for m in mask_of[talk][1:]]
                assert weights == pytest.approx(wanted, abs=1e-7)


def test_rows_of_chats_are_nearly_full(tokenizer):
    """Best-fit: next to no padding. A row never goes beyond the context."""
    stage = chat(talks(tokenizer, 400))
    batches = [b for _ in range(10) for b in stage.batches()]
    assert all(b.inputs.shape[1] == LENGTH and len(b.inputs) <= 3 for b in batches)
    used = sum(len(talk) for b in batches for talk, _ in conversations_of(b))
    assert used > 0.95 * sum(b.inputs.numel() for b in batches)


@pytest.mark.parametrize("bigram", [0, 16])
@pytest.mark.parametrize("grad", [True, False])
def test_conversations_in_a_row_do_not_see_each_other(grad, bigram, tokenizer):
    """Loss and gradient of packed rows equal those of every conversation by itself, bit for bit but rounding."""
    model = nano(tokenizer.n_vocab, bigram=bigram)
    batches = chat(talks(tokenizer), prompt_weight=0.5).batches()
    alone = []
    for b in batches:
        for talk, weights in conversations_of(b):
            ids = torch.tensor([talk])
            alone.append(Batch(ids[:, :-1], ids[:, 1:], torch.tensor([weights])))
    assert len(alone) > 3 * sum(len(b.inputs) for b in batches) / 2
    if not grad:
        with torch.no_grad():
            together, single = (sum(model.loss(*b.to("cpu")) for b in part) for part in (batches, alone))
        torch.testing.assert_close(together, single)
        return
    together, packed = gradients(model, batches)
    single, plain = gradients(model, alone)
    torch.testing.assert_close(together, single)
    for a, b in zip(packed, plain):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-6)


def test_chats_go_on_where_they_were(tokenizer):
    stage, again = chat(talks(tokenizer)), chat(talks(tokenizer))
    for _ in range(11):
        stage.batches()
    assert stage.stream.epoch > 0 and stage.stream.row > 0
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
        whole = Counter(talk for b in alone.batches() for talk, _ in conversations_of(b))
        halves = Counter(talk for stage in pair for b in stage.batches() for talk, _ in conversations_of(b))
        assert whole == halves


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


# --- mixtures ---------------------------------------------------------------------------------------------------------


def mixture(shards, tokenizer, share=0.3):
    documents = RowStream(shards, "train", LENGTH, seed=1)
    chats = ChatRows(weigh(talks(tokenizer), 1.0), LENGTH, seed=5)
    return Mixture({"documents": documents, "conversations": chats}, {"documents": share, "conversations": 1 - share})


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 1.0])
def test_a_mixture_keeps_its_shares_at_every_row(share, shards, tokenizer):
    stream = mixture(shards, tokenizer, share)
    for n in range(1, 60):
        stream.take(1, [])
        assert abs(stream.given["documents"] - share * n) <= 1


def test_a_mixture_gives_the_rows_of_its_streams_in_their_order(shards, tokenizer):
    documents = RowStream(shards, "train", LENGTH, seed=1).next(6).ids.tolist()
    found = mixture(shards, tokenizer).next(20).ids.tolist()
    assert [row for row in found if row in documents] == documents


def test_a_mixture_goes_on_where_it_was_and_is_shared_by_ranks(shards, tokenizer):
    stream, again = mixture(shards, tokenizer), mixture(shards, tokenizer)
    for _ in range(7):
        stream.next(4)
    again.load_state_dict(json.loads(json.dumps(stream.state_dict())))
    halves = [mixture(shards, tokenizer) for _ in range(2)]
    for half in halves:
        half.load_state_dict(stream.state_dict())
    for _ in range(5):
        whole, same = stream.next(4), again.next(4)
        parts = [half.next(4, rank, 2) for rank, half in enumerate(halves)]
        for name in ("ids", "weights", "starts"):
            np.testing.assert_array_equal(getattr(whole, name), getattr(same, name))
            rows = sorted(row for part in parts for row in getattr(part, name).tolist())
            assert rows == sorted(getattr(whole, name).tolist())
        assert whole.counted == same.counted == parts[0].counted == parts[1].counted
    with pytest.raises(UserError, match="a mixture of documents, conversations, now of documents"):
        Mixture({"documents": stream.streams["documents"]}, {"documents": 1.0}).load_state_dict(stream.state_dict())


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
