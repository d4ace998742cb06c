"""The report card: every figure is one that the run folder holds, absent parts are named, damage is an error."""

import json
import struct
import sys

import pytest

from acorn.errors import UserError
from acorn.evals.card import bytes_text, count, cut, duration, markdown, pick_samples
from acorn.evals.curves import running_mean, tokens_text
from acorn.evals.intervals import wilson
from acorn.evals.report import gather, read_json, write_report


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
    assert base["val"] == {"val_bpb": {"last": scores[-1], "best": min(scores)}}
    assert list(sft["val"]) == ["val_loss"] and sft["skipped_steps"] == 0
    assert report["model"]["parameters"] == 2 * 1024 * 64 + 192 * 64
    assert report["model"]["vocabulary_parameters"] == 2 * 1024 * 64
    assert report["model"]["checkpoint"] == "sft/checkpoint-000200", "the furthest stage's"
    assert report["sizes"]["data_bytes"] == 200_000 and report["sizes"]["run_bytes"] > 700_000
    assert report["commands"] == ["acorn speedrun configs/cpu.toml"], "named once, without this machine's path"
    assert report["environment"]["commit"] == "0123456789abcdef" and report["absent"] == []
    assert report["headline"] == (
        "Of 200 held-out garden requests 96.5 % (93.0–98.3) validate and 81.0 % (75.0–85.8) do what was asked. "
        "0.7012 bits per byte. 143,360 parameters, trained for 7:00 on A CPU, 2 threads."
    )


def test_the_page_says_it_all(make_run):
    page = markdown(gather(make_run()), picture=True)
    for line in (
        "# oak: report card",
        "![loss and bits per byte](loss.png)",
        "| kind | requests | validate | do what was asked |",
        "| one | 120 | 98.3 % (94.1–99.5) | 91.7 % (85.3–95.4) |",
        "| all | 200 | 96.5 % (93.0–98.3) | 81.0 % (75.0–85.8) |",
        "**right**  a private plot | herbs",
        "**validates, but: trees is 2, not 3**  three trees",
        "````\n```\n[bold]x\n````",  # a fence in the reply cannot end ours
        "| tokenizer | done before |",
        "| all | 7:12 |",
        "| model | nano: vocab_size 1024, n_layer 1, n_head 2, n_embd 64 |",
        "| peak memory | 1.2 GB |",
        "| versions | torch 2.13.0, python 3.11.7, numpy 2.4.0 |",
        "| acorn | 0.1.0, 0123456789ab |",
    ):
        assert line in page


def test_all_three_files_are_written_and_a_second_time_is_the_same(make_run):
    folder = make_run()
    first = write_report(folder)
    assert json.loads((folder / "report.json").read_text()) == first
    png = (folder / "loss.png").read_bytes()
    assert png[:8] == b"\x89PNG\r\n\x1a\n" and struct.unpack(">II", png[16:24]) == (1155, 429) and len(png) < 150_000
    assert "](loss.png)" in (folder / "report.md").read_text()
    again = write_report(folder)
    assert again["stages"] == first["stages"] and again["headline"] == first["headline"]
    assert not list(folder.glob("*.tmp")) + list(folder.glob(".*.tmp"))


def test_what_is_absent_is_said(make_run):
    folder = make_run("young", stages=("base",), evaluated=False, timed=False)
    report = write_report(folder)
    assert report["absent"] == [
        "It has not been evaluated yet: `acorn eval young`.",
        "There are no timings of the whole pipeline: `acorn speedrun` writes them.",
    ]
    assert report["headline"] == "143,360 parameters, trained for 5:00 on A CPU, 2 threads."
    assert "> It has not been evaluated yet: `acorn eval young`." in (folder / "report.md").read_text()


def test_a_run_cut_off_before_its_first_checkpoint(make_run):
    folder = make_run("seed", stages=("base",), evaluated=False)
    checkpoint = folder / "base" / "checkpoint-000600"
    for path in checkpoint.iterdir():
        path.unlink()
    checkpoint.rmdir()
    (folder / "base" / "env.json").unlink()
    with (folder / "base" / "metrics.jsonl").open("a") as f:
        f.write('{"step": 600, "lo')  # a kill in the middle of a line
    report = write_report(folder)
    assert (
        report["model"] == {}
        and report["stages"][0]["steps"] == 600
        and "There is no whole checkpoint yet." in report["absent"]
    )
    assert report["headline"] == "A model, trained for 5:00."


def test_only_skipped_steps(make_run):
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
    (folder / "base" / "metrics.jsonl").write_text(json.dumps(row) + "\n")
    stage = write_report(folder)["stages"][0]
    assert (stage["final_loss"], stage["skipped_steps"]) == (None, 1)


def test_a_damaged_checkpoint_is_named(make_run):
    folder = make_run()
    path = folder / "sft" / "checkpoint-000200" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    report = gather(folder)
    assert report["model"]["checkpoint"] == "base/checkpoint-000600"
    assert any(line.startswith("sft: ") and "model.safetensors is damaged" in line for line in report["absent"])
    assert any(
        line.startswith("The figures are of sft/checkpoint-000200, the newest is base/checkpoint-000600")
        for line in report["absent"]
    )


def test_stages_of_different_commits_are_said(make_run):
    folder = make_run()
    path = folder / "base" / "env.json"
    path.write_text(path.read_text().replace("0123456789abcdef", "f" * 16))
    assert "The stages were made at different commits; the newest is shown." in gather(folder)["absent"]


def test_nothing_to_report(workplace):
    (workplace / "runs/empty").mkdir(parents=True)
    with pytest.raises(UserError) as caught:
        gather(workplace / "runs/empty")
    where = workplace / "runs/empty"
    assert (
        str(caught.value)
        == f"nothing to report: no stage in {where} has made a step\n  try: acorn train base --run empty"
    )


@pytest.mark.parametrize("text", ["{", "[]", '"x"', "\xff"])
def test_a_damaged_file_is_named(workplace, text):
    path = workplace / "eval.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(UserError, match=r"eval\.json") as caught:
        read_json(path)
    assert caught.value.hint == f"rm {path}"


def test_without_matplotlib_everything_but_the_picture(make_run, monkeypatch):
    folder = make_run()
    write_report(folder)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(UserError, match="this needs the Python package matplotlib") as caught:
        write_report(folder)
    assert "pip install -e '.[plot]'" in caught.value.hint
    assert (folder / "report.json").exists() and not (folder / "loss.png").exists(), "no picture of another day"
    assert "loss.png" not in (folder / "report.md").read_text()


def test_samples_show_right_and_wrong_of_different_kinds():
    samples = [
        {"kind": k, "right": r, "id": i} for i, (k, r) in enumerate([("a", 1), ("a", 1), ("b", 1), ("a", 0), ("a", 0)])
    ]
    assert [s["id"] for s in pick_samples(samples, each=2)] == [0, 2, 3, 4]
    assert [s["id"] for s in pick_samples(samples, each=1)] == [0, 3] and pick_samples([]) == []


# ---- small things -----------------------------------------------------------------------------------------------


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


def test_running_mean():
    assert running_mean([1, 3, 5, 7], 2) == [1, 2, 4, 6] and running_mean([], 3) == [] and running_mean([4], 9) == [4]


def test_numbers_are_readable():
    assert [tokens_text(n) for n in (0, 400, 20_000, 2.5e6, 1.2e9)] == ["0", "400", "20 k", "2.5 M", "1.2 B"]
    assert [duration(n) for n in (0.06, 59.9, 60, 3700)] == ["0.1 s", "59.9 s", "1:00", "1:01:40"]
    assert cut("a\nb\nc\n", 3) == "a\nb\nc" and cut("a\nb\nc\nd", 2) == "a\nb\n... (2 more lines)"
    assert [bytes_text(n) for n in (0, 999, 1000, 1_234_567, 9e9, 9e13)] == [
        "0 B",
        "999 B",
        "1.0 kB",
        "1.2 MB",
        "9.0 GB",
        "90.0 TB",
    ]
    assert [count(n) for n in (999_999, 3_214_567, 1_540_000_000)] == ["999,999", "3.2 M", "1.54 B"]
