"""CORE and the scorer under it: the same numbers as the slow definition, example by example."""

import json
import random
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from slow_core import losses_of, score_item

from acorn.errors import UserError
from acorn.evals import choice, core
from acorn.evals.choice import Question, common_prefix, crop, score
from acorn.model import MODELS, build
from acorn.tokenizer.chat import SPECIALS
from acorn.tokenizer.tokenizer import Tokenizer

DATA = Path(__file__).parents[3] / "shared" / "data" / "core_eval"
PAIRS = ["th", "he", "in", "er", "an", " t", " a", "  ", "\n\n", "on", "re", "the", " the", " in", " an", "ing", ". "]


@pytest.fixture(scope="module")
def tokenizer():
    """Bytes and a few merges, so that a continuation can change how the text before it is cut."""
    tokens = [bytes([i]) for i in range(256)] + [pair.encode() for pair in PAIRS]
    return Tokenizer("bpe", tokens, {name: len(tokens) + i for i, name in enumerate(SPECIALS)})


def random_model(tokenizer, kind="nano", block_size=256, **config):
    config = dict(n_layer=2, n_head=4, n_kv_head=2, n_embd=32) | config
    if kind == "gpt2":
        del config["n_kv_head"]
    model = build(kind, MODELS[kind][0](vocab_size=tokenizer.n_vocab, block_size=block_size, **config))
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for p in model.parameters():
            p.normal_(0, 2 / p.shape[-1] ** 0.5 if p.ndim > 1 else 0.5, generator=generator)
    return model.eval()


@pytest.fixture(scope="module")
def model(tokenizer):
    return random_model(tokenizer)


def agree(model, tokenizer, task, items, context=None):
    """Fast and slow on every item: the same verdict, the same losses."""
    context = context or model.config.block_size
    asked = core.questions(task, items, range(len(items)), tokenizer, context)
    fast = score(model, asked, batch_tokens=2000)
    rights = []
    for i, (item, scores) in enumerate(zip(items, fast)):
        right, slow = score_item(model, tokenizer, task.kind, items, i, task.shots, task.delimiter, context)
        assert [s.tokens for s in scores] == [n for _, n, _ in slow]
        np.testing.assert_allclose([s.nll for s in scores], [nll for nll, _, _ in slow], rtol=2e-5, atol=1e-4)
        if task.kind == "language_modeling":
            assert scores[0].greedy == slow[0][2]
        assert core.is_right(task, item, scores) == right
        rights.append(right)
    return rights


# ---- hand-made files of all three kinds --------------------------------------------------------------------------

WORDS = "the cat sat on a mat and then ran in the rain, while another thing was in the tin .".split()


def sentence(rng, low=1, high=9):
    return " ".join(rng.choices(WORDS, k=rng.randint(low, high)))


def make_items(kind, n, seed=0):
    rng = random.Random(seed)
    if kind == "multiple_choice":
        return [
            {"query": sentence(rng), "choices": [sentence(rng, 1, 5) for _ in range(k)], "gold": rng.randrange(k)}
            for k in (rng.randint(2, 5) for _ in range(n))
        ]
    if kind == "schema":
        items = []
        for _ in range(n):
            stem = sentence(rng)
            both = [f"{stem} {sentence(rng, 1, 3)}" for _ in range(2)]
            items.append({"context_options": both, "continuation": sentence(rng, 1, 4), "gold": rng.randrange(2)})
        return items
    return [
        {"context": sentence(rng) + rng.choice(["", " ", "\n"]), "continuation": sentence(rng, 1, 2)} for _ in range(n)
    ]


def task_of(kind, shots=0, delimiter=" ", file="x.jsonl"):
    return core.CoreTask("made", kind, Path(file), shots, delimiter)


@pytest.mark.parametrize("delimiter", [" ", "\nAnswer: "])
@pytest.mark.parametrize("shots", [0, 3])
@pytest.mark.parametrize("kind", core.KINDS)
def test_equals_the_definition_item_by_item(model, tokenizer, kind, shots, delimiter):
    agree(model, tokenizer, task_of(kind, shots, delimiter), make_items(kind, 25, seed=shots))


@pytest.mark.parametrize("kind", core.KINDS)
def test_prompts_longer_than_the_context_lose_their_beginning(model, tokenizer, kind):
    agree(model, tokenizer, task_of(kind, 4), make_items(kind, 15), context=40)
    agree(model, tokenizer, task_of(kind, 4), make_items(kind, 15), context=9)


@pytest.mark.parametrize("kind", [kind for kind in MODELS if kind != "nano"] + ["bigram"])
def test_every_kind_of_model_is_scored_alike(tokenizer, kind):
    other = random_model(tokenizer, bigram=50) if kind == "bigram" else random_model(tokenizer, kind)
    for task in core.KINDS:
        agree(other, tokenizer, task_of(task, 1), make_items(task, 8))


def test_greedy_continuations_are_found(model, tokenizer):
    """Random continuations are never the likeliest; what the model says itself is."""
    items = make_items("language_modeling", 6)
    for item in items[::2]:
        ids = [tokenizer.bos] + tokenizer.encode(item["context"].strip() + " ")
        assert losses_of(model, ids)
        text = bytes([int(model(torch.tensor([ids]))[0, -1, :256].argmax())]).decode("latin-1")
        item["continuation"] = text
    fast = score(model, core.questions(task_of("language_modeling"), items, range(6), tokenizer, 256))
    assert [s[0].greedy for s in fast] == [
        score_item(model, tokenizer, "language_modeling", items, i, 0, " ", 256)[1][0][2] for i in range(6)
    ]


# ---- odd inputs --------------------------------------------------------------------------------------------------

odd_text = st.text(alphabet=st.sampled_from("the in a.\n é"), max_size=12)


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(core.KINDS),
    fields=st.lists(odd_text, min_size=4, max_size=4),
    delimiter=st.sampled_from([" ", "", "\nAnswer: "]),
    context=st.sampled_from([256, 7]),
)
def test_odd_items_are_scored_as_defined(model, tokenizer, kind, fields, delimiter, context):
    """Empty continuations, equal choices, one choice beginning another, a continuation that merges with its context."""
    a, b, c, d = fields
    item = {
        "multiple_choice": {"query": a, "choices": [b, c, d, c], "gold": 1},
        "schema": {"context_options": [a, b, a], "continuation": c, "gold": 1},
        "language_modeling": {"context": a, "continuation": b},
    }[kind]
    agree(model, tokenizer, task_of(kind, 0, delimiter), [item], context)


def test_equal_choices_tie_and_the_first_wins(model, tokenizer):
    items = [{"query": "the cat", "choices": ["sat on", "in the", "in the", "sat on"], "gold": g} for g in range(4)]
    scores = score(model, core.questions(task_of("multiple_choice"), items, range(4), tokenizer, 256))
    for found in scores:
        assert found[0] == found[3] and found[1] == found[2]
    assert [core.is_right(task_of("multiple_choice"), i, s) for i, s in zip(items, scores)].count(True) == 1


def test_a_choice_without_a_token_of_its_own(tokenizer):
    """It begins all the others: its mean is NaN, which wins in the first place and loses elsewhere, as in nanochat."""
    scored, empty = choice.Score(2.0, 2, False), choice.Score(0.0, 0, True)
    task = task_of("multiple_choice")
    assert core.is_right(task, {"gold": 0}, [empty, scored])
    assert core.is_right(task, {"gold": 0}, [scored, empty])
    assert not core.is_right(task_of("language_modeling"), {}, [empty])


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.lists(st.integers(0, 3), min_size=1, max_size=9), st.integers(1, 9)), min_size=1, max_size=5),
    st.integers(1, 60),
)
def test_any_rows_in_any_batches(model, rows, batch_tokens):
    """The scorer under CORE: rows that share nothing, or everything, or begin one another."""
    question = crop([np.array(row) for row, _ in rows], [min(s, len(row)) for row, s in rows], 256)
    lone = Question([np.array([1, 2, 3, 4])], [2])
    ticks = []
    found, other = score(model, [question, lone], batch_tokens, ticks.append)
    assert sum(ticks) == 2 and other[0].tokens == 2
    for row, start, result in zip(question.rows, question.starts, found):
        losses, likeliest = losses_of(model, row.tolist()) if len(row) > 1 else ([], [])
        assert result.tokens == len(row) - start
        assert result.nll == pytest.approx(sum(losses[start - 1 :]), rel=2e-5, abs=1e-4)
        assert result.greedy == (likeliest[start - 1 :] == row[start:].tolist())


@pytest.fixture
def counting(model):
    """(model, list of how many tokens each forward reads)"""
    read = []
    spy = SimpleNamespace(
        config=model.config, training=False, eval=lambda: None, train=lambda on: None, head=model.head,
        parameters=model.parameters, features=lambda ids, *tree: read.append(ids.numel()) or model.features(ids, *tree),
    )  # fmt: skip
    return spy, read


def test_a_prefix_is_read_once(counting):
    """What makes it fast: tokens that the model reads."""
    rows = [np.array([*range(100), 200 + i, 7]) for i in range(4)]
    score(counting[0], [Question(rows, [100] * 4)])
    assert counting[1] == [100, 4]


def test_a_root_is_read_once(model, counting):
    """Questions behind the same examples: 90 tokens once, then 10 and 2 x 1 of each question, whatever the batches."""
    rng = np.random.default_rng(0)
    shared = rng.integers(0, 250, 90)
    asked = []
    for _ in range(6):
        prefix = [*shared, *rng.integers(0, 250, 10)]
        asked.append(Question([np.array([*prefix, i, 7]) for i in range(2)], [100, 100]))
    for batch_tokens, batches in ((1000, 1), (1, 6)):
        counting[1].clear()
        found = score(counting[0], asked, batch_tokens)
        assert sum(counting[1]) == 90 + 6 * 12 and len(counting[1]) == 1 + 2 * batches
        for question, scores in zip(asked, found):
            for row, result in zip(question.rows, scores):
                assert result.nll == pytest.approx(sum(losses_of(model, row.tolist())[0][99:]), rel=2e-5)


@pytest.mark.parametrize("kind", core.KINDS)
@pytest.mark.parametrize("bigram", [0, 50])
def test_items_that_begin_alike_are_scored_as_defined(tokenizer, kind, bigram):
    """Stories with several questions each, as in coqa; and an item twice."""
    model, items = random_model(tokenizer, bigram=bigram), make_items(kind, 12)
    stories = ["Once there was the cat, and then another. " * 3, "In the rain, a mat and a thing sat in the tin. " * 3]
    for i, item in enumerate(items[:10]):
        story = stories[i % 2]
        for key in ("query", "context"):
            if key in item:
                item[key] = story + item[key]
        if "context_options" in item:
            item["context_options"] = [story + option for option in item["context_options"]]
    agree(model, tokenizer, task_of(kind), [*items, items[0]])


def test_common_prefix():
    assert common_prefix([np.array([1, 2, 3]), np.array([1, 2, 5, 6])]) == 2
    assert common_prefix([np.array([1]), np.array([1, 2])]) == 1
    assert common_prefix([np.array([3]), np.array([4])]) == 0


# ---- the folder --------------------------------------------------------------------------------------------------

YAML = """icl_tasks:
-
  label: pick
  dataset_uri: a/pick.jsonl
  num_fewshot: [2]
  icl_task_type: multiple_choice
  continuation_delimiter: "\\nAnswer: "
-
  label: resolve
  dataset_uri: resolve.jsonl
  num_fewshot: [0]
  icl_task_type: schema
-
  label: coqa
  dataset_uri: coqa_standin.jsonl
  num_fewshot: [1]
  icl_task_type: language_modeling
"""


def write_core(folder: Path, n=12) -> Path:
    files = {"a/pick": "multiple_choice", "resolve": "schema", "coqa_standin": "language_modeling"}
    for seed, (name, kind) in enumerate(files.items()):
        path = folder / "eval_data" / f"{name}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(item) + "\n" for item in make_items(kind, n, seed)))
    (folder / "core.yaml").write_text(YAML)
    (folder / "eval_meta_data.csv").write_text("Eval Task,Random baseline\npick,25\nresolve,50\ncoqa,0\n")
    (folder / "eval_meta_data_v2.csv").write_text("Eval Task,Random baseline\npick,40.5\nresolve,50\ncoqa,0\n")
    return folder


def test_the_folder_is_read(tmp_path):
    pytest.importorskip("yaml")
    found = core.open_core(write_core(tmp_path))
    assert [(t.label, t.kind, t.shots, t.delimiter, t.standin) for t in found.tasks] == [
        ("pick", "multiple_choice", 2, "\nAnswer: ", False),
        ("resolve", "schema", 0, " ", False),
        ("coqa", "language_modeling", 1, " ", True),
    ]
    assert found.baselines["eval_meta_data.csv"]["pick"] == 0.25
    assert found.baselines["eval_meta_data_v2.csv"]["pick"] == 0.405


def test_a_limit_is_the_beginning_of_the_same_order(tmp_path):
    pytest.importorskip("yaml")
    task = core.open_core(write_core(tmp_path)).tasks[0]
    whole = core.load_items(task)
    assert core.load_items(task, 5) == whole[:5] and len(whole) == 12
    plain = [json.loads(line) for line in task.file.read_text().splitlines()]
    random.Random(1337).shuffle(plain)
    assert whole == plain
    with pytest.raises(UserError, match="--limit 2 is too small: pick shows 2 other items before each"):
        core.load_items(task, 2)


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("core.yaml", "icl_tasks", "tasks", r"core.yaml is not YAML with a list icl_tasks"),
        ("core.yaml", "label: pick", "name: pick", r"core.yaml, task 1: field 'label' is None, it must be a str"),
        ("core.yaml", "schema", "cloze", r"task 2: icl_task_type 'cloze' is none of multiple_choice, schema"),
        ("core.yaml", "resolve.jsonl", "../../x.jsonl", r"task 2: dataset_uri '../../x.jsonl' leads out of"),
        ("core.yaml", "[2]", "[a]", r"task 1: num_fewshot must be like \[10\]"),
        ("eval_meta_data.csv", "pick,25", "pick,x", r"eval_meta_data.csv needs the columns"),
        ("eval_meta_data.csv", "pick,25", "peck,25", r"no baseline from 0 to below 100 for 'pick'"),
        ("eval_data/a/pick.jsonl", '"gold"', '"geld"', r"pick.jsonl, line 1: no field 'gold' \(it has: query, choices"),
        ("eval_data/a/pick.jsonl", '"query": "', '"query": 3, "q": "', r"line 1, field 'query': 3 must be text"),
        ("eval_data/a/pick.jsonl", '{"query"', '{query', r"line 1: not JSON"),
        ("eval_data/a/pick.jsonl", '"gold": ', '"gold": 1', r"line 1: field .gold. is 1\d, but .choices. has"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(tmp_path, file, old, new, said):
    pytest.importorskip("yaml")
    path = write_core(tmp_path) / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(UserError, match=said):
        core.load_items(core.open_core(tmp_path).tasks[0])


def test_missing_files_are_named(tmp_path):
    pytest.importorskip("yaml")
    with pytest.raises(UserError, match="cannot read .*core.yaml: No such file"):
        core.open_core(tmp_path)
    write_core(tmp_path)
    (tmp_path / "eval_data/a/pick.jsonl").unlink()
    with pytest.raises(UserError, match="there is no .*pick.jsonl"):
        core.load_items(core.open_core(tmp_path).tasks[0])


@pytest.mark.skipif(not DATA.exists(), reason="no CORE data here")
def test_a_part_of_the_real_tasks(tokenizer):
    pytest.importorskip("yaml")
    model = random_model(tokenizer, block_size=1200)
    found = core.open_core(DATA)
    assert len(found.tasks) == 22 and [t.label for t in found.tasks if t.standin] == ["coqa"]
    by_label = {task.label: task for task in found.tasks}
    for label in ("copa", "winograd", "bigbench_operators", "arc_easy", "openbook_qa", "lambada_openai"):
        task = by_label[label]
        items = core.load_items(task, 12)
        agree(model, tokenizer, task, items)
