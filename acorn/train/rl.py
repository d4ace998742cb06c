"""
Learning from rewards that can be checked. Two ways, one after the other, on the one loop:

rejection sampling   The model answers many problems; right answers, each once, are finetuned on, together with answers
                     that the task knows (RAFT, arXiv 2504.11343). `rounds` of it.
policy gradient      REINFORCE with the group's mean as baseline: advantage = reward - mean reward of the replies to the
                     same problem; no division by the deviation and one constant length for all (Dr. GRPO, arXiv
                     2503.20783); problems whose replies are all worth the same are dropped and others drawn in their
                     place (DAPO, arXiv 2503.14476).

Replies are drawn from the whole distribution, at temperature 1, as the loss sees it; one update for each draw, so the
policy that is trained is the one that spoke.
"""

import json
import math
import random
import sys
from dataclasses import dataclass

import numpy as np
import torch

from acorn.data.chat_rows import ChatRows, groups, lay_out
from acorn.data.rows import Rows
from acorn.errors import UserError
from acorn.evals.task import Grade
from acorn.infer.engine import Engine
from acorn.infer.sample import Sampling
from acorn.runtime import Runtime
from acorn.tokenizer.chat import render, render_prompt
from acorn.train.curriculum import Curriculum, Problem
from acorn.train.loop import Batch
from acorn.train.rows import rows_of, to_batches

DRAWS = 4  # times that problems are drawn for a step, before it makes do with fewer informative ones
ROWS = 256  # replies that are decoded together: more are quicker and need more memory


@dataclass(frozen=True)
class RLConfig:
    prompts: int = 32  # problems of a step
    samples: int = 8  # replies to each
    max_tokens: int = 128  # of a reply; also the constant length that the loss is divided by
    valid_reward: float = 0.1  # of a reply that has the right form but is wrong; right ones have 1
    rounds: int = 0  # of rejection sampling before the policy gradient
    round_prompts: int = 256  # problems of a round
    round_epochs: float = 1.0  # passes over what a round kept
    gold: float = 0.5  # tokens of known answers beside what a round kept, as a share of the whole
    batch_tokens: int = 4096  # of a step in a round
    micro_tokens: int = 4096  # of one forward
    block_size: int | None = None  # longest conversation; None = the model's context
    seed: int = 1


@dataclass(frozen=True)
class Rollout:
    """A conversation with the reply that the model gave. learn: 1 where the model chose the token, 0 elsewhere."""

    ids: np.ndarray  # int32
    learn: np.ndarray  # float32, as long
    reward: float
    valid: bool
    right: bool


class RewardStage:
    def __init__(
        self,
        model,
        tokenizer,
        curriculum: Curriculum,
        held_out: list[Problem],
        runtime: Runtime,
        config: RLConfig,
        tool=None,
        eval_samples: int = 4,
    ):
        self.engine = Engine(model, tokenizer, max_batch=ROWS, tool=tool)
        self.tokenizer, self.length = tokenizer, config.block_size or model.config.block_size
        self.curriculum, self.held_out, self.runtime, self.config = curriculum, held_out, runtime, config
        self.eval_samples = eval_samples
        self.drawn = 0  # how often replies were drawn: seeds the next draw
        self.useful = 1.0  # share of problems that were informative, of late
        self.round, self.left = 0, 0  # rounds begun, steps left in the one under way
        self.kept: ChatRows | None = None  # what the round under way learns from
        self.notes: dict[str, float] = {}  # figures of the last step, for the log
        self.raised = 0  # replies whose grader failed

    # --- the loop's side ---------------------------------------------------------------------------------------------

    def batches(self) -> list[Batch]:
        self.notes = {}
        if self.left == 0 and self.round < self.config.rounds:
            self._begin_round()
        return self._imitate() if self.left else self._reinforce()

    @torch.no_grad()
    def evaluate(self, model) -> dict[str, float]:
        """
        Held-out problems: `greedy` is the share of right likeliest replies, `reward` what they earn on average, give
        or take `stderr`; of `eval_samples` drawn replies, pass@1 is the share of right ones and pass@k the share of
        problems with a right one among the k.
        """
        best = self._roll(self.held_out, 1, 0, temperature=0.0)
        k = self.eval_samples
        drawn = self._roll(self.held_out, k, -1) if k else []
        figures = {"greedy": mean(r.right for group in best for r in group)}
        figures["valid"] = mean(r.valid for group in best for r in group)
        rewards = [r.reward for group in best for r in group]
        figures |= {"reward": mean(rewards), "stderr": float(np.std(rewards)) / len(rewards) ** 0.5}
        if k:
            figures["pass@1"] = mean(r.right for group in drawn for r in group)
            figures[f"pass@{k}"] = mean(any(r.right for r in group) for group in drawn)
        return figures

    def state_dict(self) -> dict:
        kept = self.kept and {"conversations": dump(self.kept.conversations), "place": self.kept.state_dict()}
        place = {name: getattr(self, name) for name in ("drawn", "useful", "round", "left", "raised")}
        return {**place, "kept": kept, "curriculum": self.curriculum.state_dict()}

    def load_state_dict(self, state: dict) -> None:
        if state["curriculum"]["taken"].keys() != self.curriculum.groups.keys():
            raise UserError("the problems are not those that this run was practising: it cannot go on at its place")
        for name in ("drawn", "useful", "round", "left", "raised"):
            setattr(self, name, state[name])
        self.curriculum.load_state_dict(state["curriculum"])
        self.kept = None
        if state["kept"]:
            self.kept = ChatRows(undump(state["kept"]["conversations"]), self.length, self.config.seed + self.round)
            self.kept.load_state_dict(state["kept"]["place"])

    # --- rejection sampling ------------------------------------------------------------------------------------------

    def _begin_round(self) -> None:
        c, self.round = self.config, self.round + 1
        drawn = self._practise(c.round_prompts)
        right = {}  # the same words twice teach a habit, not the task
        for group in drawn:
            for r in group:
                if r.right:
                    right.setdefault(r.ids.tobytes(), (r.ids, r.learn))
        found = list(right.values())
        self.notes = self._notes(drawn) | {"kept": len(found)}
        tokens = sum(len(ids) for ids, _ in found)
        found += self._known_answers(tokens * c.gold / (1 - c.gold) if found else c.batch_tokens)
        if not found:
            raise UserError(
                f"round {self.round}: none of {len(drawn) * c.samples} replies is right, and no answers are known",
                "finetune first: acorn train sft, or practise an easier task",
            )
        self.kept = ChatRows(found, self.length, c.seed + self.round)
        rows = len(groups(self.kept.sizes, self.length + 1))
        self.left = max(1, round(c.round_epochs * rows / self._rows))

    @property
    def _rows(self) -> int:
        return rows_of(self.config.batch_tokens, self.length, self.runtime.world)

    def _imitate(self) -> list[Batch]:
        self.left -= 1
        rows = self.kept.next(self._rows, self.runtime.rank, self.runtime.world)
        return to_batches(rows, max(1, self.config.micro_tokens // self.length), rows.counted)

    def _known_answers(self, tokens: float) -> list[tuple[np.ndarray, np.ndarray]]:
        """Conversations with the answers that the tasks know, of about so many tokens."""
        found, total, before = [], 0, -1
        while total < tokens and total > before:  # a draw without any known answer ends it
            before = total
            for problem in self.curriculum.draw(self.config.round_prompts):
                if total >= tokens or problem.example.answer is None:
                    continue
                turns = [turn("user", problem.example.request), turn("assistant", problem.example.answer)]
                ids, mask = render(self.tokenizer, turns)
                if len(ids) <= self.length + 1:
                    found.append((np.asarray(ids, dtype=np.int32), np.asarray(mask, dtype=np.float32)))
                    total += len(ids)
        return found

    # --- policy gradient ---------------------------------------------------------------------------------------------

    def _reinforce(self) -> list[Batch]:
        c, informative, seen = self.config, [], []
        for _ in range(DRAWS):
            # as many as should give what is missing: one large batch of replies is quicker than several small ones
            missing = c.prompts - len(informative)
            drawn = self._practise(min(DRAWS * missing, math.ceil(missing / self.useful)))
            seen += drawn
            found = [group for group in drawn if len({r.reward for r in group}) > 1]
            self.useful = 0.7 * self.useful + 0.3 * max(1 / DRAWS, len(found) / len(drawn))
            informative = (informative + found)[: c.prompts]
            if len(informative) == c.prompts:
                break
        self.notes = self._notes(seen) | {"kept": len(informative), "drawn": len(seen)}
        learn = []
        for group in informative:
            baseline = mean(r.reward for r in group)
            learn += [(r.ids, r.learn * np.float32(r.reward - baseline)) for r in group if r.reward != baseline]
        places = groups(np.array([len(ids) for ids, _ in learn]), self.length + 1)
        rows = [[learn[i] for i in place] for place in places[self.runtime.rank :: self.runtime.world]]
        if not rows:
            return []
        ids, weights, starts = lay_out(rows, self.length)
        constant = c.prompts * c.samples * c.max_tokens
        return to_batches(Rows(ids, weights, constant, starts), max(1, c.micro_tokens // self.length), constant)

    # --- replies -----------------------------------------------------------------------------------------------------

    def _practise(self, count: int) -> list[list[Rollout]]:
        problems = self.curriculum.draw(count)
        drawn = self._roll(problems, self.config.samples, self.drawn)
        self.drawn += 1
        self.curriculum.report([(p, mean(r.right for r in group)) for p, group in zip(problems, drawn)])
        return drawn

    @torch.no_grad()
    def _roll(self, problems: list[Problem], samples: int, draw: int, temperature: float = 1.0) -> list[list[Rollout]]:
        """`samples` replies to each problem, graded; every rank makes its part and all get all."""
        mine = range(self.runtime.rank, len(problems), self.runtime.world)
        prompts = [render_prompt(self.tokenizer, [turn("user", problems[i].example.request)]) for i in mine]
        seed = random.Random(f"{self.config.seed}/{draw}/{self.runtime.rank}").getrandbits(62)
        sampling = Sampling(temperature=temperature, max_tokens=self.config.max_tokens, seed=seed)
        replies = self.engine.complete(prompts, sampling, samples) if prompts else []
        longest = self.length + 1
        ids = torch.zeros(len(problems), samples, longest, dtype=torch.int64)
        learn = torch.zeros(len(problems), samples, longest, dtype=torch.int64)
        facts = torch.zeros(len(problems), samples, 4, dtype=torch.float64)  # length, reward, valid, right
        for place, i in enumerate(mine):
            for j in range(samples):
                reply = replies[place * samples + j]
                said = reply.ids + ([reply.stop] if reply.stop is not None else [])
                chosen = [not forced for forced in reply.forced] + [True] * (len(said) - len(reply.ids))
                whole = (prompts[place] + said)[:longest]
                grade = self._grade(problems[i], reply.text)
                reward = 1.0 if grade.right else self.config.valid_reward * grade.valid
                ids[i, j, : len(whole)] = torch.tensor(whole)
                learn[i, j, len(prompts[place]) : len(whole)] = torch.tensor(chosen[: len(whole) - len(prompts[place])])
                facts[i, j] = torch.tensor([len(whole), reward, grade.valid, grade.right], dtype=torch.float64)
        shared = [self.runtime.sum(t.to(self.runtime.device)).cpu().numpy() for t in (ids, learn, facts)]
        return [[rollout(*parts) for parts in zip(*group)] for group in zip(*shared)]

    def _grade(self, problem: Problem, reply: str) -> Grade:
        try:
            return problem.task.grade(problem.example, reply)
        except Exception as e:  # whatever a grader does, the run goes on; it is said, and counted
            if not self.raised:
                what = f"{type(e).__name__}: {e}; its reply has no reward, further ones are counted (`raised`)"
                print(f"rl: the grader of {problem.task.name} failed on a reply: {what}", file=sys.stderr)
            self.raised += 1
            return Grade(False, False, f"the grader failed: {e}")

    def _notes(self, drawn: list[list[Rollout]]) -> dict[str, float]:
        everything = [r for group in drawn for r in group]
        figures = {"reward": mean(r.reward for r in everything), "right": mean(r.right for r in everything)}
        figures["reply_tokens"] = mean(float(r.learn.sum()) for r in everything)
        return figures | ({"raised": self.raised} if self.raised else {})


def rollout(ids: np.ndarray, learn: np.ndarray, facts: np.ndarray) -> Rollout:
    n = int(facts[0])
    return Rollout(
        ids[:n].astype(np.int32), learn[:n].astype(np.float32), float(facts[1]), bool(facts[2]), bool(facts[3])
    )


def turn(role: str, content) -> dict:
    return {"role": role, "content": content}


def mean(values) -> float:
    values = [float(v) for v in values]
    return sum(values) / max(1, len(values))


def dump(conversations: list[tuple[np.ndarray, np.ndarray]]) -> list[str]:
    """For a checkpoint's state: ids and weights as text, bit for bit."""
    return [json.dumps([ids.tolist(), weights.tobytes().hex()]) for ids, weights in conversations]


def undump(texts: list[str]) -> list[tuple[np.ndarray, np.ndarray]]:
    parts = [json.loads(text) for text in texts]
    return [
        (np.array(ids, dtype=np.int32), np.frombuffer(bytes.fromhex(weights), dtype=np.float32))
        for ids, weights in parts
    ]
