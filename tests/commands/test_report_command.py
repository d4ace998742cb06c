"""acorn report and acorn runs, as they are typed."""

import json

import pytest

from acorn.commands.runs import age_text
from acorn.evals.intervals import wilson


def test_report_prints_the_card_and_writes_it(make_run, acorn):
    folder = make_run()
    code, out, err = acorn("report", "oak")
    assert code == 0 and err == "written: runs/oak/report.json, report.md, report.html\n"
    for part in ("oak: report card\nOf 200 held-out garden requests", "garden: right", "validates, but: trees is 2",
                 "base: steps 600, tokens 4,915,200", "done before", "torch 2.13.0", "peak memory"):  # fmt: skip
        assert part in out
    assert acorn("report", str(folder))[0] == 0, "a path is as good as a name"


def test_report_as_json_is_report_json(make_run, acorn):
    folder = make_run()
    code, out, err = acorn("report", "oak", "--json")
    assert (code, err) == (0, "") and json.loads(out) == json.loads((folder / "report.json").read_text())


def test_text_of_data_is_never_obeyed_by_a_terminal(make_run, acorn):
    folder = make_run()
    data = json.loads((folder / "eval.json").read_text())
    sample = {
        "request": "[red]a\x1b[2J",
        "reply": "[/bold]\x1b]0;title\x07\x9b5m\ud800",
        "kind": "\x1bk",
        "right": True,
    }
    data["tasks"] = {"[blink]g\x1b": {**data["tasks"]["garden"], "samples": [sample]}}
    (folder / "eval.json").write_text(json.dumps(data))
    code, out, _ = acorn("report", "oak")
    assert code == 0 and "[red]a␛[2J" in out and "[/bold]␛]0;title␇�5m�" in out and "[blink]g␛: right" in out
    assert not set(map(ord, out)) & {*range(9), *range(11, 32), *range(127, 160)}


def test_the_price_is_an_option(make_run, acorn):
    folder = make_run()
    assert acorn("report", "oak", "--dollars", "7", "--mfu", "0.2", "--gpu-tflops", "100")[0] == 0
    price = json.loads((folder / "report.json").read_text())["compute"]["price"]
    assert price == {"peak_flops": 1e14, "use": 0.2, "dollars": 7.0}
    code, _, err = acorn("report", "oak", "--mfu", "1.5")
    assert code == 2 and "--mfu 1.5" in err and "the share between 0 and 1" in err


def test_report_of_a_run_that_is_not_there(make_run, acorn):
    make_run("oak")
    assert acorn("report", "oka") == (2, "", "error: no run 'oka' in runs/. Did you mean oak?\n  try: acorn runs\n")
    assert acorn("report", "zzz") == (2, "", "error: no run 'zzz' in runs/.\n  try: acorn runs\n")
    assert "Missing from acorn report" in acorn("report")[2]


def test_report_open_without_a_desktop(make_run, acorn, monkeypatch):
    page = (make_run() / "report.html").as_uri()
    monkeypatch.setenv("PATH", "")
    code, _, err = acorn("report", "oak", "--open")
    assert code == 2 and err.endswith(f"cannot show runs/oak/report.html here\n  try: open {page} in a browser\n")


# ---- acorn runs -------------------------------------------------------------------------------------------------


def test_no_runs(workplace, acorn):
    text = "There are no runs in runs/ yet. The first one: acorn speedrun configs/cpu.toml\n"
    assert acorn("runs") == (0, text, "")
    assert json.loads(acorn("runs", "--json")[1]) == {"runs": []}
    assert "no runs in elsewhere/ yet" in acorn("runs", "--runs", "elsewhere")[1]


def test_runs_are_listed_a_line_a_stage(make_run, acorn, workplace):
    make_run("oak")
    make_run("elm", stages=("base",), evaluated=False)
    (workplace / "runs/new").mkdir()
    code, out, err = acorn("runs")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert (code, err) == (0, "") and lines[0] == "run stage steps loss held out newest checkpoint size age"
    assert any(line.startswith("oak base 600 1.4") and "bits/byte checkpoint-000600" in line for line in lines)
    assert any(line.startswith("sft 200 0.") and "nats/token checkpoint-000200" in line for line in lines)
    assert any(line.startswith("elm base 600") for line in lines)
    assert any(line.startswith("new nothing trained yet") for line in lines)
    assert "oak: garden: valid 96.5 % (93.0–98.3), right 81.0 % (75.0–85.8) of 200" in lines


def test_runs_as_json(make_run, acorn):
    make_run("oak")
    (run,) = json.loads(acorn("runs", "--json")[1])["runs"]
    assert run["name"] == "oak" and run["checkpoint"] == "runs/oak/sft/checkpoint-000200" and run["problems"] == []
    assert (
        [stage["name"] for stage in run["stages"]] == ["base", "sft"] and run["bytes"] > 700_000 and run["age_s"] < 60
    )
    low, high = wilson(162, 200)
    assert run["eval"]["garden"]["right"] == {
        "value": 0.81,
        "low": pytest.approx(low, abs=1e-4),
        "high": pytest.approx(high, abs=1e-4),
    }


def test_a_sick_run_does_not_hide_the_others(make_run, acorn):
    make_run("elm")
    folder = make_run("oak")
    (folder / "eval.json").write_text("{")
    path = folder / "base" / "checkpoint-000600" / "model.safetensors"
    path.write_bytes(b"\x00" * path.stat().st_size)
    code, out, err = acorn("runs")
    assert code == 0 and "elm" in out and "oak" in out
    assert "warning: oak: runs/oak/eval.json is damaged and left out" in err and "model.safetensors is damaged" in err


def test_age_text():
    assert [age_text(s) for s in (3.9, 60, 7200, 86400, 3e5)] == ["3 s", "1 min", "2 h", "1 day", "3 days"]
