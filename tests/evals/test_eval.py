"""acorn eval: what it asks, counts and writes, with a small random model."""

import dataclasses
import json
from itertools import combinations

import pytest
import torch
from test_core import random_model, write_core
from test_tasks import write

from acorn.checkpoint import save_checkpoint
from acorn.errors import UserError
from acorn.evals.examples import pass_at, score_examples
from acorn.evals.likelihood import score_letters, score_likelihood
from acorn.evals.results import chatcore, deviation
from acorn.evals.task import Example, Grade, Task
from acorn.evals.tasks import get_task
from acorn.infer.engine import Engine
from acorn.tokenizer.chat import SPECIALS, render_prompt
from acorn.tokenizer.tokenizer import Tokenizer


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer("bpe", [bytes([i]) for i in range(256)], {name: 256 + i for i, name in enumerate(SPECIALS)})


@pytest.fixture(scope="module")
def model(tokenizer):
    return random_model(tokenizer, block_size=1024)


@pytest.fixture
def run(workplace, model, tokenizer):
    save_checkpoint(workplace / "runs/oak/sft", 7, model, {}, {}, tokenizer)
    return workplace / "runs/oak"


def questions(n=30):
    data = [
        {"letters": list("ABC"), "gold": i % 3, "context": f"{i} is", "choices": ["odd", "even ", f"{i}"]}
        for i in range(n)
    ]
    return [Example(f"What is {i}?", f"kind {i % 2}", d) for i, d in enumerate(data)]


TASK = Task("made", 3, lambda *_: [], lambda e, r: Grade(False, False, "no"), chance=0.25)


def log_likelihood(model, tokenizer, before, after):
    """Straight from the definition."""
    ids = torch.tensor([(before + after)[:-1]])  # nobody reads the last token
    with torch.no_grad():
        logp = model(ids)[0].double().log_softmax(-1)
    return sum(float(logp[len(before) - 1 + i, token]) for i, token in enumerate(after))


def test_likelihood_and_letters_equal_the_definition(model, tokenizer):
    examples = questions()
    likely, by_character, letters = [], [], []
    for e in examples:
        before = [tokenizer.bos] + tokenizer.encode(e.data["context"])
        scores = [log_likelihood(model, tokenizer, before, tokenizer.encode(" " + c)) for c in e.data["choices"]]
        likely.append(scores.index(max(scores)))
        scores = [score / len(choice) for score, choice in zip(scores, e.data["choices"])]
        by_character.append(scores.index(max(scores)))
        prompt = render_prompt(tokenizer, [{"role": "user", "content": e.request}])
        scores = [log_likelihood(model, tokenizer, prompt, tokenizer.encode(c)) for c in "ABC"]
        letters.append(scores.index(max(scores)))
    golds = [e.data["gold"] for e in examples]
    ticks = []
    found = score_likelihood(model, tokenizer, TASK, examples, ticks.append)
    assert sum(ticks) == 30 and found["n"] == 30 and found["version"] == 3 and found["chance"] == 0.25
    assert [s["reply"] for s in found["samples"]] == [e.data["choices"][i] for e, i in zip(examples, likely)]
    assert found["right"]["value"] == pytest.approx(sum(a == b for a, b in zip(likely, golds)) / 30)
    assert found["normalised"]["value"] == pytest.approx(sum(a == b for a, b in zip(by_character, golds)) / 30)
    assert sum(kind["right"] for kind in found["by_kind"].values()) == round(30 * found["right"]["value"])
    assert found["stderr"] == pytest.approx((found["right"]["value"] * (1 - found["right"]["value"]) / 29) ** 0.5)
    assert found["centred"] == pytest.approx((found["right"]["value"] - 0.25) / 0.75)
    other = score_letters(model, tokenizer, TASK, examples)
    assert [s["reply"] for s in other["samples"]] == ["ABC"[i] for i in letters] and other["hash"] != found["hash"]
    assert score_letters(model, tokenizer, TASK, examples)["hash"] == other["hash"]


def test_a_context_longer_than_the_models_loses_its_beginning(tokenizer):
    model = random_model(tokenizer, block_size=24)
    data = {"letters": ["A", "B"], "gold": 0, "context": "a b " * 20, "choices": ["cat", "dogs"]}
    scores = []
    for choice in ("  cat", "  dogs"):  # the blank that the context ends in is scored with the choice
        row = tokenizer.encode(("a b " * 20).rstrip() + choice)[-25:]
        scores.append(log_likelihood(model, tokenizer, row[: -len(choice)], row[-len(choice) :]))
    found = score_likelihood(model, tokenizer, TASK, [Example("long " * 20, "x", data)])
    assert found["right"]["value"] == (scores[0] > scores[1])
    assert score_letters(model, tokenizer, TASK, [Example("long " * 20, "x", data)])["n"] == 1


def test_pass_at_k_is_the_share_of_draws_with_a_right_one():
    rights, n = [0, 1, 3, 6], 6
    found = pass_at(rights, n)
    assert list(found) == ["pass@1", "pass@2", "pass@4", "pass@6"]
    for k in (1, 2, 4, 6):
        draws = [[any(i < c for i in draw) for draw in combinations(range(n), k)] for c in rights]
        assert found[f"pass@{k}"]["value"] == pytest.approx(sum(sum(d) / len(d) for d in draws) / 4)
    assert deviation([1.0]) == 0 == deviation([])


def test_generated_replies_are_counted(model, tokenizer):
    def grade(example, reply):
        if example.kind == "broken":
            raise ValueError("oh")
        return Grade(True, len(reply) % 2 == 1, "")

    task = Task("made", 1, lambda *_: [], grade, max_tokens=5)
    examples = [Example(f"say {i}", "fine") for i in range(6)] + [
        Example("x", "broken"),
        Example("long " * 400, "fine"),
    ]
    ticks = []
    found = score_examples(
        Engine(model, tokenizer), task, examples, samples=4, temperature=1.0, seed=3, tick=ticks.append
    )
    assert sum(ticks) == 8 == found["n"] and len(found["samples"]) == 32 and found["k"] == 4
    assert found["by_kind"]["broken"] == {"n": 4, "valid": 0, "right": 0}
    assert "the grader failed: ValueError('oh')" in {s["why"] for s in found["samples"]}
    assert found["right"] == found["pass@1"] and found["pass@1"]["value"] <= found["pass@2"]["value"]
    assert [s["reply"] for s in found["samples"] if s["request"].startswith("long")] == [""] * 4
    again = score_examples(Engine(model, tokenizer), task, examples, samples=4, temperature=1.0, seed=3)
    assert again == found
    once = score_examples(Engine(model, tokenizer), task, examples)
    assert "pass@1" not in once and once["right"]["low"] <= once["right"]["value"] <= once["right"]["high"]


def test_some_requests_are_answered_in_other_ways_too(model, tokenizer):
    examples = [Example(f"say {i}", "odd" if i % 2 else "even", answer=str(i)) for i in range(6)]
    told = []

    def way(engine, some, plain, seed):
        told.append((len(some), len(plain)))
        return ["wrong" if example.kind == "odd" else "fine" for example in some]

    task = Task("made", 1, lambda *_: [], lambda e, reply: Grade(True, reply == "fine"), max_tokens=4,
                inspect=lambda example, reply: {"short": len(reply) < 5}, ways={"other": way})  # fmt: skip
    found = score_examples(Engine(model, tokenizer), task, examples, ways=4)
    other = found["ways"]["other"]
    assert told == [(4, 4)] and found["right"]["value"] == 0 and other["right"]["value"] == 0.5
    assert other["by_kind"]["even"] == {"n": 2, "valid": 2, "right": 2, "steps": {"short": 2}}
    assert other["steps"]["short"]["value"] == 0.5 and {s["reply"] for s in other["samples"]} == {"wrong"}
    assert "ways" not in score_examples(Engine(model, tokenizer), task, examples)
    untaught = dataclasses.replace(task, grade=lambda e, reply: Grade(False, False))
    assert "ways" not in score_examples(Engine(model, tokenizer), untaught, examples, ways=4)


def test_the_command_writes_what_it_found(run, acorn, tmp_path):
    pytest.importorskip("yaml")
    data, core = write(tmp_path / "data"), write_core(tmp_path / "core")
    code, out, err = acorn("eval", "oak", "--tasks", "core,arc-easy,spelling", "--task-data", data, "--core", core,
                           "--n", 3, "--device", "cpu", "--dtype", "float32")  # fmt: skip
    assert code == 0 and "coqa is a stand-in" in " ".join(out.split()) and "arc-easy-letter" in out
    assert "resolve 12/12" in err and "spelling 3/3" in err
    found = json.loads((run / "eval.json").read_text())
    assert json.loads((run / "sft/eval.json").read_text()) == found and found["stage"] == "sft"
    assert set(found["tasks"]) == {"core", "arc-easy", "arc-easy-letter", "spelling"}
    for name, task in found["tasks"].items():
        assert len(task["hash"]) == 64 and task["seconds"] > 0 and "stderr" in task, name
    both = found["tasks"]["core"]
    assert list(both["tasks"]) == ["pick", "resolve", "coqa"] and both["n"] == 36
    parts = [(part["right"]["value"] - part["chance"]) / (1 - part["chance"]) for part in both["tasks"].values()]
    assert both["centred"]["value"] == pytest.approx(sum(parts) / 3)
    assert both["centred_v2"]["value"] < both["centred"]["value"], "a higher baseline"
    assert both["tasks"]["coqa"]["note"] == "stand-in: coqa_standin.jsonl"

    code, out, _ = acorn("eval", "oak", "--tasks", "letters", "--n", 2, "--samples", 2, "--json", "--device", "cpu")
    more = json.loads(out)
    assert code == 0 and more["tasks"]["core"] == found["tasks"]["core"], "what was known stays"
    assert "pass@2" in more["tasks"]["letters"]


def test_limits_ask_the_same_items_every_time(run, acorn, tmp_path):
    data = write(tmp_path / "data", {"svamp/SVAMP.json": [
        {"Body": f"{i} pens", "Question": "?", "Equation": "1", "Answer": i, "Type": "Add"} for i in range(20)
    ]})  # fmt: skip
    asked = []
    for limit in (5, 5, 3):
        out = acorn(
            "eval", "oak", "--tasks", "svamp", "--task-data", data, "--limit", limit, "--json", "--device", "cpu"
        )[1]
        asked.append([s["request"] for s in json.loads(out)["tasks"]["svamp"]["samples"]])
    assert asked[0] == asked[1] and asked[2] == asked[0][:3]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--tasks", "arceasy"], "there is no task 'arceasy'. Did you mean arc-easy?"),
        (["--tasks", "core"], "the task core needs its data"),
        (["--tasks", "mmlu"], "the task mmlu needs its data"),
        (["--tasks", "gsm8k-letter"], "there is no task 'gsm8k-letter'"),
        (["--tasks", "spelling", "--samples", "4", "--temperature", "0"], "at temperature 0 all are equal"),
        (["--tasks", "spelling", "--limit", "-1"], "--limit at least 0"),
        (["--tasks", "bpb"], "no token shards in"),
        ([], "nothing to score"),
    ],
)
def test_mistakes_are_said_before_any_work(run, acorn, options, said):
    code, _, err = acorn("eval", "oak", *options)
    assert code == 2 and said in err and "evaluating" not in err
    assert not (run / "eval.json").exists()


def test_chatcore_is_the_mean_of_five():
    part = {"n": 10, "hash": "x", "stderr": 0.1, "chance": 0.0, "centred": 0.5}
    names = ("arc-easy-letter", "arc-challenge-letter", "mmlu-letter", "gsm8k", "humaneval")
    tasks = {name: {**part, "centred": i / 10} for i, name in enumerate(names)}
    assert chatcore(tasks)["centred"]["value"] == pytest.approx(0.2) and chatcore(tasks)["n"] == 50
    assert chatcore(tasks)["stderr"] == pytest.approx(0.1 / 5**0.5)
    del tasks["gsm8k"]
    assert chatcore(tasks) is None


def test_real_tasks_need_nothing_but_their_folder(tmp_path):
    with pytest.raises(UserError, match="there is no .*test.jsonl"):
        get_task("mmlu", tmp_path).examples("test", 1, 1)
