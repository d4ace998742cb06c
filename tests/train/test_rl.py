"""Rewards: what is practised, what a step learns from, and that it learns."""

import json
from collections import Counter

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from acorn.errors import UserError
from acorn.evals.task import Example, Grade, Task
from acorn.model.nano import Nano, NanoConfig
from acorn.optim.muon import MuonAdamW
from acorn.runtime import Runtime
from acorn.tokenizer.chat import SPECIALS, render_prompt
from acorn.tokenizer.tokenizer import Tokenizer
from acorn.train.curriculum import Curriculum, Problem
from acorn.train.loop import forward_backward
from acorn.train.rl import RewardStage, RLConfig

CPU = Runtime(torch.device("cpu"), torch.float32)
LETTERS = "abcdefgh? "


@pytest.fixture(scope="module")
def tokenizer():
    tokens = [c.encode() for c in LETTERS]
    names = [name for name in SPECIALS if "python" not in name and "output" not in name]
    return Tokenizer("chars", tokens, {name: len(tokens) + i for i, name in enumerate(names)})


def nano(tokenizer, seed=0, scale=0.5):
    model = Nano(NanoConfig(tokenizer.n_vocab, 2, 2, 1, 32, block_size=32))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in model.parameters():
            p.normal_(0, 0.5 if p.ndim < 2 else scale * p.shape[-1] ** -0.5, generator=generator)
    return model.eval()


def examples(split, seed, count):
    return [Example("abcdefgh"[i % 8] + "?", "ab"[i % 2], {"n": i}, "a", level=i % 3) for i in range(count)]


TASK = Task("letters", 1, examples, lambda example, reply: Grade("b" in reply, "a" in reply))


def problems(count, task=TASK):
    return [Problem(task, one) for one in task.examples("train", 1, count)]


def stage(tokenizer, model=None, task=TASK, **options):
    settings = {"prompts": 8, "samples": 4, "max_tokens": 5, "micro_tokens": 64, "batch_tokens": 64} | options
    model = nano(tokenizer) if model is None else model
    return RewardStage(
        model, tokenizer, Curriculum(problems(24, task), 1), problems(6, task), CPU, RLConfig(**settings)
    )


# --- what is practised ------------------------------------------------------------------------------------------------


def test_what_is_sometimes_right_is_drawn_most():
    curriculum = Curriculum(problems(240), 1)
    share = {"letters/a/0": 0.0, "letters/b/0": 1.0, "letters/a/1": 0.5}
    drawn = Counter()
    for _ in range(40):
        ones = curriculum.draw(32)
        drawn.update(p.group for p in ones)
        curriculum.report([(p, share.get(p.group, 0.0)) for p in ones])
    best = drawn["letters/a/1"]
    others = max(n for name, n in drawn.items() if name != "letters/a/1")
    assert best > 0.4 * drawn.total() > 3 * others and drawn.keys() == curriculum.groups.keys()


def test_every_problem_once_before_any_again():
    curriculum = Curriculum([p for p in problems(120) if p.group == "letters/a/0"], 1)
    size = len(curriculum.groups["letters/a/0"])
    for _ in range(3):
        assert len({p.example.data["n"] for p in curriculum.draw(size)}) == size


def test_a_curriculum_goes_on_where_it_was():
    one, other = Curriculum(problems(50), 1), Curriculum(problems(50), 1)
    for _ in range(5):
        one.report([(p, 0.25) for p in one.draw(7)])
    other.load_state_dict(json.loads(json.dumps(one.state_dict())))
    for _ in range(5):
        assert one.draw(7) == other.draw(7)


# --- policy gradient --------------------------------------------------------------------------------------------------


def test_the_gradient_is_that_of_reinforce(tokenizer):
    """Against a loop over replies, each in a forward of its own: Σ (mean - reward) · log p / constant."""
    model = nano(tokenizer)
    ours = stage(tokenizer, model)
    rolled = []
    whole = ours._roll
    ours._roll = lambda *args, **more: rolled.append(whole(*args, **more)) or rolled[-1]
    batches = ours.batches()
    informative = [g for drawn in rolled for g in drawn if len({r.reward for r in g}) > 1][:8]
    assert 0 < ours.notes["kept"] == len(informative)
    loss = torch.zeros(())
    for group in informative:
        baseline = np.mean([r.reward for r in group])
        for r in group:
            ids = torch.tensor(r.ids[None]).long()
            logp = F.log_softmax(model(ids[:, :-1])[0], -1)[torch.arange(len(r.ids) - 1), ids[0, 1:]]
            loss = loss - (r.reward - baseline) * (logp * torch.tensor(r.learn[1:])).sum() / (8 * 4 * 5)
    loss.backward()
    plain = [p.grad.clone() for p in model.parameters()]
    for p in model.parameters():
        p.grad = None
    torch.testing.assert_close(forward_backward(model, batches, CPU), loss.detach(), rtol=1e-4, atol=1e-6)
    for p, wanted in zip(model.parameters(), plain):
        torch.testing.assert_close(p.grad, wanted, rtol=1e-3, atol=1e-6)


def test_a_rollout_is_the_prompt_and_what_the_model_chose(tokenizer):
    ours = stage(tokenizer)
    seen = problems(8)
    for problem, group in zip(seen, ours._roll(seen, 4, 0)):
        prompt = render_prompt(tokenizer, [{"role": "user", "content": problem.example.request}])
        for r in group:
            n = len(prompt)
            assert r.ids[:n].tolist() == prompt and len(r.ids) <= n + 5 and len(r.ids) > n
            assert r.learn.tolist() == [0] * n + [1] * (len(r.ids) - n)
            said = tokenizer.decode([i for i in r.ids[n:] if i < len(LETTERS)])
            assert r.right == ("a" in said) and r.reward == (1.0 if "a" in said else 0.1 * ("b" in said))
            ended = int(r.ids[-1]) in (tokenizer.bos, tokenizer.special("<|assistant_end|>"))
            assert ended or len(r.ids) == n + 5  # the token that ends a reply is the model's choice too


def test_groups_that_teach_nothing_are_dropped_and_others_drawn(tokenizer):
    """Half of the problems are always wrong: they are replaced until the step is full or the draws are used up."""
    task = Task("half", 1, examples, lambda e, reply: Grade(False, e.data["n"] % 2 == 0 and "a" in reply))
    ours = stage(tokenizer, task=task, samples=8, valid_reward=0.0)
    for _ in range(3):
        batches = ours.batches()
        assert ours.notes["drawn"] > 8 and 0 < ours.notes["kept"] <= 8
        total = sum(float(b.weights.double().sum()) for b in batches)  # not 0: replies differ in length
        assert abs(total) < 1 and all(b.starts is not None for b in batches)


def test_a_step_without_any_difference_changes_nothing(tokenizer):
    ours = stage(tokenizer, task=Task("never", 1, examples, lambda e, reply: Grade(False, False)))
    assert ours.batches() == [] and ours.notes == {"reward": 0, "right": 0, "reply_tokens": ours.notes["reply_tokens"],
                                                   "kept": 0, "drawn": ours.notes["drawn"]}  # fmt: skip


def test_a_grader_that_fails_costs_its_reply_only(tokenizer, capsys):
    def grade(example, reply):
        if "c" in reply:
            raise ZeroDivisionError("division by zero")
        return Grade(True, "a" in reply)

    ours = stage(tokenizer, task=Task("shaky", 1, examples, grade))
    ours.batches()
    said = capsys.readouterr().err
    assert ours.raised > 1 and ours.notes["raised"] == ours.raised
    assert said.count("rl: the grader of shaky failed on a reply: ZeroDivisionError: division by zero") == 1


def test_it_learns_what_is_rewarded(tokenizer):
    model = nano(tokenizer).train()
    ours = stage(tokenizer, model, prompts=16, samples=8, valid_reward=0.0)
    groups = model.groups()
    lr = {"matrix": 0.02, "embed": 0.05, "head": 0.02, "scalar": 0.01}
    optimizer = MuonAdamW(dict(model.named_parameters()), groups, lr, 0.0, torch.float32)
    first = ours.evaluate(model)["pass@1"]
    for _ in range(25):
        forward_backward(model, ours.batches(), CPU)
        optimizer.step(1.0)
        for p in model.parameters():
            p.grad = None
    last = ours.evaluate(model)
    assert first < 0.6 and last["pass@1"] > 0.95 and last["greedy"] == last["pass@4"] == 1


# --- rejection sampling -----------------------------------------------------------------------------------------------


def test_a_round_keeps_each_right_reply_once(tokenizer):
    ours = stage(tokenizer, rounds=1, round_prompts=30, samples=8, gold=0.0)
    rolled, whole = [], ours._roll
    ours._roll = lambda *args, **more: rolled.append(whole(*args, **more)) or rolled[-1]
    batches, steps = ours.batches(), 1 + ours.left
    right = {tuple(r.ids.tolist()) for group in rolled[0] for r in group if r.right}
    assert [tuple(ids.tolist()) for ids, _ in ours.kept.conversations] == list(dict.fromkeys(
        tuple(r.ids.tolist()) for group in rolled[0] for r in group if r.right))  # fmt: skip
    assert ours.notes["kept"] == len(right) < sum(r.right for group in rolled[0] for r in group)
    assert sum(float(b.weights.sum()) for b in batches) == pytest.approx(1)
    for _ in range(steps - 1):
        ours.batches()
    assert len(rolled) == 1 and ours.left == 0
    ours.batches()
    assert len(rolled) > 1 and "drawn" in ours.notes  # on to the policy gradient


def test_known_answers_are_mixed_in_and_can_do_alone(tokenizer):
    ours = stage(tokenizer, rounds=1, round_prompts=20, gold=0.5)
    ours.batches()
    kept = int(ours.notes["kept"])
    sizes = [len(ids) for ids, _ in ours.kept.conversations]
    assert sum(sizes[kept:]) == pytest.approx(sum(sizes[:kept]), rel=0.5) and len(sizes) > kept
    never = Task("never", 1, examples, lambda e, reply: Grade(False, False))
    assert len(stage(tokenizer, task=never, rounds=1).batches()) > 0
    unknown = Task("never", 1, lambda *a: [Example("a?", "k") for _ in range(9)], never.grade)
    with pytest.raises(UserError, match="round 1: none of 1024 replies is right, and no answers are known"):
        stage(tokenizer, task=unknown, rounds=1).batches()


@pytest.mark.parametrize("steps", [1, 3, 9])
def test_the_stage_goes_on_where_it_was(steps, tokenizer):
    options = {"rounds": 2, "round_prompts": 24, "samples": 6}
    one, other = stage(tokenizer, **options), stage(tokenizer, **options)
    for _ in range(steps):
        one.batches()
    other.load_state_dict(json.loads(json.dumps(one.state_dict())))
    for _ in range(6):
        for a, b in zip(one.batches(), other.batches(), strict=True):
            assert all(torch.equal(x, y) for x, y in zip(a.to("cpu"), b.to("cpu")))
        assert one.notes == other.notes
    with pytest.raises(UserError, match="the problems are not those"):
        fewer = Curriculum([p for p in problems(24) if p.example.level], 1)
        RewardStage(nano(tokenizer), tokenizer, fewer, problems(2), CPU, RLConfig()).load_state_dict(one.state_dict())
