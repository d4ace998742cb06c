"""The report card: every figure is one that the run folder holds, absent parts are named, damage stops nothing."""

import dataclasses
import json

import pytest
from safetensors.torch import save_file

from acorn.errors import UserError
from acorn.evals.intervals import wilson
from acorn.evals.report import units
from acorn.evals.report.files import model_figures, read_json, read_rows
from acorn.evals.report.gather import Price, gather, write_report
from acorn.evals.report.markdown import escape, fenced, markdown
from acorn.evals.report.results import metrics, pick_samples, read_results, table
from acorn.model import MODELS, build
from acorn.model.lora import Lora, add_lora

PARAMETERS = 2 * 1024 * 64 + 4 * 64 * 64 + 2 * 256 * 64 + 1


def rows(folder, stage="base", kind="loss"):
    text = (folder / stage / "metrics.jsonl").read_text()
    return [row for row in map(json.loads, text.splitlines()) if kind in row]


def test_figures_are_those_of_the_files(make_run):
    folder = make_run()
    report = gather(folder)
    base, sft = report["stages"]
    losses = [row["loss"] for row in rows(folder)]
    assert (base["name"], base["steps"], base["tokens"], base["seconds"]) == ("base", 600, 600 * 8192, 300.0)
    assert base["tokens_per_s"] == pytest.approx(600 * 8192 / 300)
    assert base["first_loss"] == losses[0] and base["final_loss"] == pytest.approx(sum(losses[-20:]) / 20)
    scores = [row["val_bpb"] for row in rows(folder, kind="val_bpb")]
    assert base["val"] == {"val_bpb": {"first": scores[0], "last": scores[-1], "best": min(scores)}}
    assert list(sft["val"]) == ["val_loss"] and sft["skipped_steps"] == 0
    assert report["model"]["parameters"] == PARAMETERS == sum(report["model"]["groups"].values())
    assert report["model"]["groups"]["matrix"] == 4 * 64 * 64 + 2 * 256 * 64
    assert report["sizes"]["data_bytes"] > 200_000 and report["sizes"]["run_bytes"] > 700_000
    assert report["data"]["splits"]["train"]["bytes_per_token"] == 2.75
    assert report["commands"] == ["acorn speedrun configs/cpu.toml"], "named once, without this machine's path"
    assert report["environment"]["commit"] == "0123456789abcdef" and report["notes"] == []
    assert report["config"] == {"base": {"steps": "600", "seed": "1"}, "sft": {"steps": "200", "seed": "1"}}
    assert report["time"]["seconds"] == pytest.approx(11.2 + 300.5 + 120.25), "what was done before does not count"


@pytest.mark.parametrize("lora", [None, Lora(rank=2, alpha=4.0)])
@pytest.mark.parametrize("kind", MODELS)
def test_models_of_every_kind_are_counted(tmp_path, kind, lora):
    model = build(kind, MODELS[kind][0](vocab_size=64, n_layer=2, n_head=4, n_embd=16, block_size=32))
    plain = sum(p.numel() for p in model.parameters())
    expected = model.flops_per_token(32)
    description = {"kind": kind, "config": dataclasses.asdict(model.config)}
    if lora:
        add_lora(model, lora)
        description["lora"] = dataclasses.asdict(lora)
    (tmp_path / "model.json").write_text(json.dumps(description))
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    problems: list[str] = []
    found = model_figures(tmp_path, problems)
    assert problems == [] and found["parameters"] == sum(p.numel() for p in model.parameters())
    assert found["parameters"] == sum(found["groups"].values())
    assert found["flops_per_token"] == expected and found["groups"].get("adapters", 0) == found["parameters"] - plain


@pytest.mark.parametrize("change", [{"kind": "other"}, {"config": {"n_layer": 10**9}}, {"config": {"n_embd": 63}}])
def test_a_model_that_cannot_be_built_is_named(make_run, change):
    folder = make_run() / "sft" / "checkpoint-000200"
    description = json.loads((folder / "model.json").read_text())
    config = {**description["config"], **change.get("config", {})}
    (folder / "model.json").write_text(json.dumps(description | change | {"config": config}))
    problems: list[str] = []
    found = model_figures(folder, problems)
    assert found["flops_per_token"] is None and "FLOPs are not known" in problems[0]
    assert found["parameters"] == PARAMETERS


def test_cost_is_flops_over_what_a_gpu_is_assumed_to_do(make_run):
    report = gather(make_run(), Price(peak_flops=1e12, use=0.5, dollars=3.6))
    a_token = 6 * (4 * 64 * 64 + 2 * 256 * 64 + 1024 * 64) + 6 * 1 * 64 * 128
    assert report["compute"]["flops_per_token"] == a_token
    base, everything = report["compute"]["stages"]["base"], report["compute"]["stages"]["all"]
    assert base["flops"] == a_token * 600 * 8192 and base["flops_per_s"] == base["flops"] / 300
    assert everything["flops"] == a_token * (600 * 8192 + 200 * 4096)
    assert everything["gpu_seconds"] == pytest.approx(everything["flops"] / 5e11)
    assert everything["dollars"] == pytest.approx(everything["gpu_seconds"] / 1000)


def test_the_file_says_it_all(make_run):
    text = markdown(gather(make_run()))
    for line in (
        "# oak: report card",
        "Of 200 held-out garden requests 96.5 % (93.0–98.3) get a valid reply, 81.0 % (75.0–85.8) a right one. "
        "180,225 parameters, trained for 7:00 on A CPU, 2 threads.",
        "|  | BASE | SFT | chance | n |",
        "| garden: right | – | 81.0 % (75.0–85.8) | – | 200 |",
        "| bits per byte | – | 0.7012 (0.6816–0.7208) | – | 120 |",
        "| one | 98.3 % (94.1–99.5) | 91.7 % (85.3–95.4) | 120 |",
        "one: **right**\n\nRequest: a private plot \\| herbs",
        "two: **validates, but: trees is 2, not 3**",
        "| tokenizer | done before | – | – | – | – | – | – | – |",
        "| model | nano: vocab_size 1024, n_layer 1, n_head 2, n_kv_head 2, n_embd 64, block_size 128 |",
        "| versions | torch 2.13.0, python 3.11.7, numpy 2.4.0 |",
        "| acorn | 0.1.0, 0123456789ab |",
        "| train | 90 | 100,000 | 275.0 kB | 2.75 | cdcdcdcdcdcdcdcd |",
        "| seed | 1 | 1 |",
        "acorn speedrun configs/cpu.toml",
    ):
        assert line in text, line
    assert "40 % are assumed to be reached, at \\$2.50 an hour" in text, "the assumption is named with its value"


def test_all_three_files_are_written_and_a_second_time_they_are_the_same(make_run):
    folder = make_run(stages=("base", "mid", "sft", "rl"))
    first = write_report(folder)
    names = ("report.json", "report.md", "report.html")
    before = {name: (folder / name).read_bytes() for name in names}
    assert json.loads(before["report.json"]) == first
    write_report(folder)
    assert {name: (folder / name).read_bytes() for name in names} == before
    assert not list(folder.glob("*.tmp")) + list(folder.glob(".*.tmp"))


def test_what_is_absent_is_said(make_run):
    folder = make_run("young", stages=("base",), evaluated=False, timed=False)
    assert write_report(folder)["notes"] == [
        "It has not been evaluated yet: `acorn eval young`.",
        "Only the training itself is timed; `acorn speedrun` times the whole pipeline.",
    ]
    text = (folder / "report.md").read_text()
    assert "180,225 parameters, trained for 5:00 on A CPU, 2 threads." in text
    assert "> It has not been evaluated yet: `acorn eval young`." in text


def test_a_run_cut_off_before_its_first_checkpoint(make_run):
    folder = make_run("seed", stages=("base",), evaluated=False)
    checkpoint = folder / "base" / "checkpoint-000600"
    for path in checkpoint.iterdir():
        path.unlink()
    checkpoint.rmdir()
    (folder / "base" / "env.json").unlink()
    log = folder / "base" / "metrics.jsonl"
    log.write_text("\n".join(log.read_text().splitlines()[:100]) + '\n{"step": 99, "lo')  # a kill within a line
    report = write_report(folder)
    assert report["model"] == {} and report["stages"][0]["steps"] == 99
    assert "There is no whole checkpoint yet." in report["notes"]
    assert "base is not finished: 99 of 600 steps. Run its command again to go on." in report["notes"]
    assert not any("damaged" in note for note in report["notes"]), "a cut last line is no damage"
    assert "A model, trained for 0:50." in (folder / "report.md").read_text()


def test_steps_without_a_loss(make_run):
    folder = make_run(stages=("base",), evaluated=False)
    row = {
        "step": 0,
        "loss": None,
        "grad_norm": None,
        "skipped": True,
        "lr": 1,
        "tokens": 10,
        "tokens_per_s": 5,
        "time_s": 2,
    }
    (folder / "base" / "metrics.jsonl").write_text(json.dumps(row) + "\n" + '{"step": 1, "loss": NaN, "lr": 1e999}\n')
    report = write_report(folder)
    stage = report["stages"][0]
    assert (stage["final_loss"], stage["skipped_steps"], stage["steps"]) == (None, 2, 2)
    assert "base: 2 of 2 steps were skipped; their loss or gradient was not finite." in report["notes"]
    assert "NaN" not in (folder / "report.json").read_text(), "JSON knows no NaN"


def test_damaged_lines_are_named_and_passed_over(make_run):
    folder = make_run(stages=("base",))
    log = folder / "base" / "metrics.jsonl"
    lines = log.read_text().splitlines()
    lines[3:5] = ["{", "[]", '{"step": "x"}', '{"step": -1}', '{"no": 1}', "[" * 5000]
    log.write_text("\n".join(lines) + "\n")
    report = gather(folder)
    assert report["notes"][-1] == f"{log}: 6 damaged lines left out (line 4, 5, 6, 7, 8 …)."
    assert report["stages"][0]["steps"] == 600


def test_a_log_with_repeated_steps_reads_as_if_the_run_had_not_stopped(tmp_path):
    log = tmp_path / "metrics.jsonl"
    steps = [(0, 9), (1, 8), (2, 7), (1, 5), (2, 4)]
    text = [json.dumps({"step": step, "loss": loss}) for step, loss in steps]
    scores = ['{"step": 2, "eval": true, "a": 1}', '{"step": 2, "eval": true, "b": 2}']
    log.write_text("\n".join([*text[:3], '{"step": 2, "eval": true, "a": 0}', *text[3:], *scores]))
    found = read_rows(log, [])
    assert [(row["step"], row.get("loss")) for row in found] == [(0, 9), (1, 5), (2, 4), (2, None)]
    assert found[-1] == {"step": 2, "eval": True, "a": 1, "b": 2}


def test_a_damaged_checkpoint_is_named(make_run):
    folder = make_run()
    path = folder / "sft" / "checkpoint-000200" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    report = gather(folder)
    assert report["stages"][1]["checkpoint"] is None and report["model"]["parameters"] == PARAMETERS
    assert any(line.startswith("sft: ") and "model.safetensors is damaged" in line for line in report["notes"])


def test_results_of_an_older_checkpoint_and_of_other_versions_are_said(make_run):
    folder = make_run()
    data = json.loads((folder / "eval.json").read_text())
    (folder / "eval.json").write_text(json.dumps(data | {"checkpoint": "runs/oak/sft/checkpoint-000100"}))
    data["tasks"]["garden"]["version"] = 2
    (folder / "base" / "eval.json").write_text(
        json.dumps(data | {"stage": "base", "checkpoint": "base/checkpoint-000600"})
    )
    notes = gather(folder)["notes"]
    assert notes[0].startswith("The results of sft are those of sft/checkpoint-000100, the newest checkpoint is sft/")
    assert notes[1] == "garden: the stages were not asked the same, so their results do not compare."


def test_stages_of_different_commits_are_said(make_run):
    folder = make_run()
    path = folder / "base" / "env.json"
    path.write_text(path.read_text().replace("0123456789abcdef", "f" * 16))
    assert "The stages were made at different commits; the newest is shown." in gather(folder)["notes"]


def test_an_imported_model_has_a_card(make_run):
    folder = make_run(stages=("base",), evaluated=False, timed=False)
    (folder / "base" / "metrics.jsonl").unlink()
    (folder / "base" / "checkpoint-000600").rename(folder / "base" / "checkpoint-000000")
    state = {"imported": {"from": "some/model.gguf", "sha256": "99" * 32}}
    (folder / "base" / "checkpoint-000000" / "state.json").write_text(json.dumps(state))
    report = write_report(folder)
    assert report["stages"][0]["imported"] == state["imported"] and report["curves"] == {}
    text = (folder / "report.md").read_text()
    assert "180,225 parameters, imported, not trained here." in text and "| base: from | some/model.gguf |" in text


def test_nothing_to_report(workplace):
    (workplace / "runs/empty").mkdir(parents=True)
    with pytest.raises(UserError) as caught:
        gather(workplace / "runs/empty")
    where = workplace / "runs/empty"
    said = f"nothing to report: no stage in {where} has made a step\n  try: acorn train base --run empty"
    assert str(caught.value) == said


@pytest.mark.parametrize("text", ["{", "[]", '"x"', "\xff", "[" * 100_000, '{"a": ' + "9" * 5000 + "}"])
def test_a_damaged_file_is_named(workplace, text):
    path, problems = workplace / "eval.json", []
    path.write_text(text, encoding="latin-1")
    assert read_json(path, problems) == {} and len(problems) == 1 and problems[0].startswith(f"{path} is ")


WRONG = [None, 1, -1.5, "x", True, [], [1], {}, {"a": 1}, {"tasks": 3}, {"value": "x"}, "nan", 10**400]


@pytest.mark.parametrize("name", ["eval.json", "timings.json", "base/env.json", "data/manifest.json"])
def test_values_of_other_types_count_as_absent(make_run, name):
    """Every value of every file in turn is one that it should not be: there is still a report."""
    folder = make_run()
    path = folder / name
    good = json.loads(path.read_text())

    for i, where in enumerate(places(good)):
        path.write_text(json.dumps(replaced(good, where, WRONG[(i * 5) % len(WRONG)])))
        markdown(gather(folder))


def places(value, at=()):
    """Where every value in a JSON value stands: ('tasks', 'garden', 'samples', 0), ..."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield (*at, key)
        yield from places(child, (*at, key))


def replaced(value, at, new):
    if not at:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[at[0]] = replaced(value[at[0]], at[1:], new)
    return copy


# ---- results of several stages ----------------------------------------------------------------------------------


def test_results_of_every_stage_stand_in_one_table(make_run):
    folder = make_run(stages=("base", "mid", "sft", "rl"))
    share = lambda value: {"value": value, "low": value - 0.1, "high": value + 0.1}
    for stage, right in (("base", 0.1), ("rl", 0.9)):
        task = {"version": 1, "n": 200, "valid": share(0.5), "right": share(right), "samples": []}
        more = {"arc": {"version": 1, "n": 100, "chance": 0.25, "acc": 0.5, "acc_stderr": 0.05}, "odd": [1]}
        result = {"stage": stage, "checkpoint": "", "tasks": {"garden": task, **more}}
        (folder / stage / "eval.json").write_text(json.dumps(result))
    report = gather(folder)
    garden, _, acc, bpb = report["results"]["rows"][1], *report["results"]["rows"][1:4]
    assert {stage: cell["value"] for stage, cell in garden["cells"].items()} == {"base": 0.1, "sft": 0.81, "rl": 0.9}
    assert acc["cells"]["rl"] == {"value": 0.5, "low": pytest.approx(0.402), "high": pytest.approx(0.598), "n": 100}
    assert bpb["metric"] == "bpb" and list(bpb["cells"]) == ["sft"]
    text = markdown(report)
    assert "| garden: right | 10.0 % (0.0–20.0) | – | 81.0 % (75.0–85.8) | 90.0 % (80.0–100.0) | – | 200 |" in text
    assert "| arc: acc | 50.0 % (40.2–59.8) | – | – | 50.0 % (40.2–59.8) | 25.0 % | 100 |" in text
    assert "| pass@1 | – | – | – | 75.0 % |" in text


def test_steps_of_grades_and_other_ways_have_rows_and_tables(make_run):
    folder = make_run(stages=("sft",))
    share = lambda value: {"value": value, "low": value - 0.1, "high": value + 0.1}
    kinds = {"rose": {"n": 2, "valid": 2, "right": 1, "steps": {"parses": 2}}, "fern": {"n": 1, "valid": 1, "right": 0}}
    task = {"version": 1, "n": 3, "valid": share(0.9), "right": share(0.3), "steps": {"parses": share(0.9)}}
    task |= {"by_kind": kinds, "samples": [], "ways": {"pruned": {**task, "n": 2, "by_kind": kinds}}}
    (folder / "sft" / "eval.json").write_text(json.dumps({"stage": "sft", "tasks": {"garden": task}}))
    text = markdown(gather(folder))
    assert "| garden: parses | 90.0 % (80.0–100.0) | – | 3 |" in text
    assert "| garden: right (pruned) | 30.0 % (20.0–40.0) | – | 2 |" in text and "garden (pruned) by kind" in text
    assert "| kind | valid | right | parses | n |" in text


def test_a_stages_own_file_wins(tmp_path):
    (tmp_path / "sft").mkdir()
    (tmp_path / "eval.json").write_text(json.dumps({"stage": "sft", "tasks": {"a": {"x": 1}, "b": {"x": 1}}}))
    (tmp_path / "sft" / "eval.json").write_text(json.dumps({"tasks": {"a": {"x": 2}}}))
    results = read_results(tmp_path, [])
    assert [(row["task"], row["cells"]["sft"]["value"]) for row in table(results)] == [("a", 2), ("b", 1)]


def test_a_metric_is_known_by_its_look():
    task = {"n": 9, "version": 2, "chance": 0.5, "seconds": 3, "hash": "x", "stderr": 0.1, "flag": True,
            "core": {"value": 0.2, "low": 0.1, "high": 0.3}, "acc": 0.4, "acc_stderr": 0.1, "empty": {}}  # fmt: skip
    found = metrics(task)
    assert found["core"] == {"value": 0.2, "low": 0.1, "high": 0.3} and set(found) == {"core", "acc"}
    assert found["acc"] == {"value": 0.4, "low": pytest.approx(0.204), "high": pytest.approx(0.596)}


def test_samples_show_right_and_wrong_of_every_kind():
    samples = [
        {"kind": k, "right": r, "request": i} for i, (k, r) in enumerate([("b", 0), ("a", 1), ("a", 1), ("b", 1)])
    ]
    assert [s["request"] for s in pick_samples({"valid": {}, "samples": [*samples, "junk", None]})] == ["1", "3", "0"]
    assert [s["request"] for s in pick_samples({"samples": samples})] == ["1", "3"], "of chosen answers only two"
    long = pick_samples({"samples": [{"reply": "x\n" * 100}]})[0]
    assert long["reply"].count("x") == 40 and long["more_lines"] == 60
    assert pick_samples({"samples": 3}) == []


# ---- text -------------------------------------------------------------------------------------------------------


def test_text_cannot_become_markdown():
    assert escape("a|b\n*c* _d_ e_f [x](y) <b> `z` ~~q~~") == (
        r"a\|b \*c\* \_d\_ e_f \[x\](y) &lt;b&gt; \`z\` \~\~q\~\~"
    )
    assert [escape(s) for s in ("# x", "- x", "1. x", "---", "===", "-0.5", "0.5")] == [
        "\\# x", "\\- x", "1\\. x", "\\---", "\\===", "-0.5", "0.5"]  # fmt: skip
    assert fenced("```\n````x\x1b[2J") == "`````\n```\n````x␛[2J\n`````"


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [
        (8, 10, 0.4902, 0.9433),
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (162, 200, 0.7499, 0.8584),
        (0, 0, 0.0, 1.0),
    ],
)
def test_wilson_against_published_values(hits, n, low, high):
    """The values are those of statsmodels' proportion_confint(method='wilson')."""
    assert wilson(hits, n) == pytest.approx((low, high), abs=2e-4)


def test_numbers_are_readable():
    assert [units.duration(n) for n in (0.06, 59.9, 60, 3700)] == ["0.1 s", "59.9 s", "1:00", "1:01:40"]
    assert [units.bytes_text(n) for n in (0, 999, 1000, 1_234_567, 9e9, 9e13)] == [
        "0 B", "999 B", "1.0 kB", "1.2 MB", "9.0 GB", "90.0 TB"]  # fmt: skip
    assert [units.count(n) for n in (999_999, 3_214_567, 1_540_000_000)] == ["999,999", "3.2 M", "1.54 B"]
    assert [units.short(n) for n in (0.25, 20_000, 2.5e6, -1.2e9)] == ["0.25", "20 k", "2.5 M", "-1.2 G"]
    assert [units.power(n) for n in (3.21e13, 0.0)] == ["3.2e13", "0.0e0"]
    assert [units.dollars(n) for n in (0, 0.0004, 3.456, 1234.5)] == ["$0.00", "under $0.01", "$3.46", "$1,234"]
