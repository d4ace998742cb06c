"""
The heartbeat: the whole pipeline on a toy corpus, from nothing to a report card. What it leaves, that a second call
does nothing, that a killed one goes on to the same weights, and what it refuses.
"""

import json
import random
import time

import children
import pytest

from acorn import checkpoint

CONFIG = """
name = "tiny"

[tokenizer]
sources = ["recipe:iac:60"]
vocab_size = 512

[data]
sources = ["recipe:iac:120"]
val_fraction = 0.1

[base]
depth = 1
n_embd = 32
block_size = 256
batch_tokens = 1024
steps = 12
save_every = 3
eval_every = 6
eval_tokens = 2000
dtype = "float32"

[mid]
recipe = "iac"
count = 60
steps = 12
batch_tokens = 1024
save_every = 3
eval_every = 6
eval_tokens = 2000
dtype = "float32"

[sft]
recipe = "iac"
count = 60
steps = 12
batch_tokens = 1024
save_every = 3
eval_every = 6
dtype = "float32"

[rl]
tasks = ["json"]
count = 40
steps = 12
rounds = 1
round_prompts = 4
prompts = 2
samples = 2
max_tokens = 8
eval_prompts = 2
eval_samples = 0
save_every = 3
eval_every = 6
dtype = "float32"

[eval]
recipe = "iac"
n = 4
eval_tokens = 2000
"""
TRAINED = ("base", "mid", "sft", "rl")
STAGES = ("tokenizer", "data", *TRAINED, *(f"eval {stage}" for stage in TRAINED))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with tiny.toml and the run that it makes."""
    folder = tmp_path_factory.mktemp("pipeline")
    (folder / "tiny.toml").write_text(CONFIG)
    child = children.acorn("speedrun", "tiny.toml", folder=folder)
    assert child.wait() == 0, child.said()
    return folder, child.said()


@pytest.fixture
def config(workplace):
    (workplace / "tiny.toml").write_text(CONFIG)
    return workplace / "tiny.toml"


def result(folder) -> dict:
    """All that a run has found out, without what the clock decides."""
    run, found = folder / "runs" / "tiny", {}
    for stage in TRAINED:
        newest = checkpoint.find_checkpoint(run / stage)
        files = ("model.safetensors", "optimizer.safetensors", "tokenizer.json")
        found[stage] = [newest.name, *((newest / file).read_bytes() for file in files)]
        rows = [json.loads(line) for line in (run / stage / "metrics.jsonl").read_text().splitlines()]
        found[f"{stage} log"] = [{k: row[k] for k in row if k not in ("time_s", "tokens_per_s")} for row in rows]
    for name in ("eval", *(f"{stage}/eval" for stage in TRAINED)):
        found[name] = json.loads((run / f"{name}.json").read_text())
        for part in (found[name], *found[name]["tasks"].values()):
            del part["seconds"]
    return found


def test_every_stage_runs_and_the_report_holds_its_figures(finished):
    folder, said = finished
    run = folder / "runs" / "tiny"
    for stage in (*STAGES, "report"):
        assert f"[{stage}]\n" in said
    report, evaluation = json.loads((run / "report.json").read_text()), json.loads((run / "eval.json").read_text())
    task = evaluation["tasks"]["iac"]
    assert task["n"] == 4 == len(task["samples"]) == sum(kind["n"] for kind in task["by_kind"].values())
    for sample in task["samples"]:
        assert sample["request"] and sample["right"] <= sample["valid"] and (sample["right"] or sample["why"])
    assert 1 < evaluation["bpb"]["value"] < 8 and evaluation["checkpoint"] == "runs/tiny/rl/checkpoint-000012"
    card = (run / "report.md").read_text()
    assert f"{evaluation['bpb']['value']:.4f}" in card and task["samples"][0]["request"] in card
    assert f"{evaluation['bpb']['value']:.4f}"[:5] in json.dumps(report)
    for stage in TRAINED:
        assert checkpoint.find_checkpoint(run / stage).name == "checkpoint-000012"
    timings = json.loads((run / "timings.json").read_text())
    assert [stage["name"] for stage in timings["stages"]] == list(STAGES) and timings["peak_memory_bytes"] > 5e7
    assert "acorn chat tiny" in said and "runs/tiny/report.html" in said


def test_a_second_call_does_nothing(finished, acorn, monkeypatch):
    folder, _ = finished
    monkeypatch.chdir(folder)
    run = folder / "runs" / "tiny"
    ours = [p for p in run.rglob("*") if p.is_file() and p.parent != run or p.name in ("eval.json", "timings.json")]
    before, begin = {p: p.stat().st_mtime_ns for p in ours}, time.process_time()
    code, _, err = acorn("speedrun", "tiny.toml")
    assert code == 0 and all(f"[{stage}] done already" in err for stage in STAGES)
    assert {p: p.stat().st_mtime_ns for p in ours} == before
    assert time.process_time() - begin < 5


def test_the_run_can_be_used(finished, acorn, monkeypatch):
    monkeypatch.chdir(finished[0])
    before = result(finished[0])
    code, out, _ = acorn("eval", "tiny", "--json", "--eval-tokens", 2000)
    assert code == 0 and json.loads(out)["bpb"] == before["eval"]["bpb"]
    assert result(finished[0]) == before  # the tasks that were not asked again are still there
    code, out, err = acorn("sample", "runs/tiny/base", "-p", "resource", "--max-tokens", 5)
    assert code == 0 and out
    assert acorn("runs")[0] == 0


def test_killed_in_every_stage_it_goes_on_to_the_same_end(finished, config, workplace):
    run = workplace / "runs" / "tiny"

    def rows(stage):
        path = run / stage / "metrics.jsonl"
        return path.read_text().count('"loss"') if path.exists() else 0

    instants = [
        lambda: run.exists(),
        lambda: (run / "tokenizer.json").exists(),
        lambda: list(run.glob(".data.*")) or (run / "data").exists(),
        lambda: (run / "base" / "run.toml").exists(),
        lambda: rows("base") >= 5,
        lambda: list((run / "base").glob("checkpoint-000012")),
        lambda: rows("mid") >= 4,
        lambda: rows("sft") >= 7,
        lambda: rows("rl") >= 2,
        lambda: rows("rl") >= 7,
        lambda: (run / "timings.json").exists() and "eval mid" in (run / "timings.json").read_text(),
    ]
    for reached in instants:
        child = children.acorn("speedrun", "tiny.toml", folder=workplace)
        child.wait_for(reached)
        child.kill()
        assert child.wait() == -9
    child = children.acorn("speedrun", "tiny.toml", folder=workplace)
    assert child.wait() == 0, child.said()
    assert "[base] done already" in child.said()
    assert result(workplace) == result(finished[0])
    assert not list(run.glob(".data*")) and not list(run.glob("*/.checkpoint*")) and not list(run.glob("*/.dead*"))


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_random_instants(seed, finished, config, workplace):
    chance = random.Random(seed)
    for _ in range(3):
        child = children.acorn("speedrun", "tiny.toml", folder=workplace)
        child.process.join(chance.random() * 1.5)
        if child.process.is_alive():
            child.kill()
        assert child.wait() in (-9, 0), child.said()
    child = children.acorn("speedrun", "tiny.toml", folder=workplace)
    assert child.wait() == 0, child.said()
    assert result(workplace) == result(finished[0])


def test_a_changed_config_is_refused_with_the_difference(finished, acorn, monkeypatch, tmp_path):
    monkeypatch.chdir(finished[0])
    (tmp_path / "other.toml").write_text(CONFIG.replace("depth = 1", "depth = 2").replace("n = 4", "n = 4\nseed = 8"))
    code, _, err = acorn("speedrun", tmp_path / "other.toml")
    assert (
        code == 2
        and "runs/tiny was made with other settings: base.depth was 1, now 2; eval.seed was None, now 8" in err
    )
    assert "--name OTHER" in err
    assert result(finished[0])["eval"]["checkpoint"] == "runs/tiny/rl/checkpoint-000012"


@pytest.mark.parametrize(
    "before, after, says",
    [
        ("[sft]", "[stf]", "unknown section 'stf'. Did you mean sft? Known: name, tokenizer, data, base, mid, sft, rl"),
        ("depth = 1", "dept = 1", "unknown key 'dept'. Did you mean depth?"),
        ("depth = 1", 'depth = "1"', "depth = '1': expected int, got str"),
        ('name = "tiny"', "name = 5", "name = 5"),
        ('name = "tiny"', "base = 5", "base must be a section, [base]"),
        (CONFIG, 'name = "x"', "names no stage"),
        ("[sft]", "[sft", "is not valid TOML"),
        ("recipe:iac:60", "recipe:iax:60", "there is no recipe 'iax'. Did you mean iac?"),
    ],
)
def test_a_bad_config_is_refused_before_anything_is_made(before, after, says, config, workplace, acorn):
    text = CONFIG.replace(before, after, 1)
    if after == "base = 5":
        text = text.replace(text[text.index("[base]") : text.index("[mid]")], "")
    config.write_text(text)
    code, _, err = acorn("speedrun", "tiny.toml")
    assert code == 2 and says in err, err
    assert not list(workplace.glob("runs/*/*.bin")) and not list(workplace.glob("runs/*/tokenizer.json"))


def test_no_config(workplace, acorn):
    code, _, err = acorn("speedrun", "nothing.toml")
    assert code == 2 and "no config file nothing.toml" in err


def test_on_two_ranks(config, workplace):
    """The shared stages run on both, the others on the first, for which the second waits."""
    codes, said = children.acorn_ranks(2, "speedrun", "tiny.toml", folder=workplace)
    assert codes == [0, 0], said
    assert said.count("[report]\n") == 1 and said.count("[base]\n") == 1
    assert json.loads((workplace / "runs/tiny/eval.json").read_text())["checkpoint"].endswith("rl/checkpoint-000012")
