"""The page: whole by itself, the same for the same report, closed to text that would be markup, readable by anyone."""

import html
import json
import math
import os
import re
import subprocess
from html.parser import HTMLParser

import pytest
from browser import CHROMIUM, MISSING
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic_run import score

from acorn.evals.report.clean import clean
from acorn.evals.report.curves import charts, gather_buckets, sparkline, thin
from acorn.evals.report.gather import gather, write_report
from acorn.evals.report.markdown import markdown
from acorn.evals.report.markup import Markup, tag
from acorn.evals.report.page import page
from acorn.evals.report.svg import chart_svg, interval_svg, tick_names, ticks

ALL = ("base", "mid", "sft", "rl")
SVG = {"svg", "g", "line", "rect", "circle", "polygon", "polyline", "text", "clippath", "title"}
TAGS = SVG | set(
    "html head meta style body header main footer section nav div p ul ol li dl dt dd a b strong small span h1 h2 h3 "
    "table caption thead tbody tr th td figure figcaption pre code article".split()
)
ATTRIBUTES = set(
    "charset http-equiv content name lang class id href role tabindex scope aria-label aria-hidden viewbox x y x1 x2 "
    "y1 y2 cx cy r rx width height points clip-path text-anchor".split()
)


class Reader(HTMLParser):
    """Takes a page apart; every element must be closed where it was opened."""

    def __init__(self, text: str):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.attributes, self.texts = [], [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, name, attributes):
        self.handle_startendtag(name, attributes)
        self.open.append(name)

    def handle_startendtag(self, name, attributes):
        self.tags.append(name)
        self.attributes += [(name, *pair) for pair in attributes]

    def handle_endtag(self, name):
        assert self.open.pop() == name

    def handle_data(self, data):
        self.texts.append(data)

    def handle_comment(self, data):
        raise AssertionError(f"a comment: {data!r}")


def full_run(make_run):
    folder = make_run(stages=ALL)
    for stage, right, core in (("base", 4, 0.08), ("mid", 60, 0.14), ("rl", 184, 0.16)):
        score(folder, stage, right, core)
    return folder


def test_the_page_is_whole_and_asks_for_nothing(make_run):
    text = page(gather(full_run(make_run)))
    read = Reader(text)
    assert text.startswith("<!doctype html>\n<html") and set(read.tags) <= TAGS
    assert {name for _, name, _ in read.attributes} <= ATTRIBUTES, "no event handler, no style, no source"
    assert all(value.startswith("#") for _, name, value in read.attributes if name == "href")
    assert not re.search(r"https?:|//|@import|url\((?!#)|<script|javascript:", text.replace("<!doctype", ""))
    assert "default-src 'none'" in html.unescape(text)
    assert len(text) < 400_000


def test_the_page_can_be_read_by_all(make_run):
    read = Reader(page(gather(full_run(make_run))))
    ids = [value for _, name, value in read.attributes if name == "id"]
    assert len(ids) == len(set(ids)) and read.tags.count("h1") == read.tags.count("main") == 1
    links = {value[1:] for _, name, value in read.attributes if name == "href"}
    assert links <= set(ids) and len(links) == 6
    pictures = read.tags.count("svg")
    labels = [value for tag, name, value in read.attributes if tag == "svg" and name == "aria-label"]
    hidden = [value for tag, name, value in read.attributes if tag == "svg" and name == "aria-hidden"]
    assert pictures == len(labels) + len(hidden) and len(labels) > 20
    assert "Loss in nats per token over 200 steps: training from" in " ".join(labels)
    scopes = [value for tag, name, value in read.attributes if tag == "th" and name == "scope"]
    assert len(scopes) == read.tags.count("th")
    assert any("prefers-color-scheme: dark" in t for t in read.texts) and any("@media print" in t for t in read.texts)


def test_the_page_says_what_the_json_says(make_run):
    report = gather(full_run(make_run))
    said = " ".join(" ".join(Reader(page(report)).texts).split())
    for words in ("92.0 % garden: right 95 % interval 87.0–97.0 200 asked, after rl before: 81.0 % after sft",
                  "0.1600 CORE", "7:12 from start to end", "180,225 parameters", "winogrande", "pass@1",
                  "trees is 2, not 3", "checkpoint-000600",
                  "SHA-256 of what was asked 1212121212121212", "acorn speedrun configs/cpu.toml"):  # fmt: skip
        assert words in said, words
    assert "of a peak of 989 TFLOP/s 40 % are assumed to be reached, at $2.50 an hour" in said


PAYLOAD = (
    "</script></style></title><script>document.title='owned'</script><img src=x onerror=alert(1)>"
    "\"'>&amp;|`\x1b[2J\u202e\ud800\n# x"
)


def poisoned(value):
    if isinstance(value, dict):
        return {k: poisoned(v) for k, v in value.items()}
    if isinstance(value, list):
        return [poisoned(v) for v in value]
    return PAYLOAD if isinstance(value, str) else value


def renamed(value, key):
    """The dict with one more entry under a hostile name."""
    return {**value, PAYLOAD: value[key]}


def test_hostile_text_stays_text(make_run):
    """Every text of every file is the payload, and names of tasks, kinds, options and figures too."""
    folder = full_run(make_run)
    files = [folder / "eval.json", folder / "timings.json", folder / "data/manifest.json"]
    files += [
        folder / stage / name for stage in ALL for name in ("env.json", "eval.json") if (folder / stage / name).exists()
    ]
    for path in files:
        data = poisoned(json.loads(path.read_text()))
        if "tasks" in data:
            task = data["tasks"]["garden"]
            task["by_kind"], task[PAYLOAD] = renamed(task["by_kind"], "one"), 0.5
            data |= {
                "tasks": renamed(data["tasks"], "garden"),
                "stage": "rl" if path.parent == folder else path.parent.name,
            }
        path.write_text(json.dumps(data))
    log = folder / "rl" / "metrics.jsonl"
    log.write_text(log.read_text() + json.dumps({"step": 49, "eval": True, PAYLOAD: 1.0}) + "\n")
    toml = json.dumps(PAYLOAD.replace("\ud800", "").replace("\x1b", ""), ensure_ascii=False)
    (folder / "rl" / "run.toml").write_text(f"{toml} = {toml}\n".replace("\u202e", ""))
    hostile = folder.with_name("<b onclick=x>`|\x1b[1m&amp;")
    folder.rename(hostile)
    report = write_report(hostile)
    text = (hostile / "report.html").read_text(encoding="utf-8")
    read = Reader(text)
    assert set(read.tags) <= TAGS and {name for _, name, _ in read.attributes} <= ATTRIBUTES
    assert "document.title='owned'" in "".join(read.texts), "it is shown, as text"
    assert "<img" not in text and not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e\ud800-\udfff]", text)
    words = (hostile / "report.md").read_text(encoding="utf-8")
    outside = re.sub(r"(?ms)^(`{3,})$.*?^\1$", "", words)
    assert not re.search(r"(?<!\\)<|\x1b|\u202e", outside) and "\n# x" not in outside
    table = [line for line in outside.splitlines() if line.startswith("| ") and "&lt;" in line]
    assert table and all(line.endswith(" |") for line in table)
    assert report["notes"] == gather(hostile)["notes"] and markdown(report) == words


def test_tags_escape_what_is_not_markup():
    assert (
        tag("p", "<b>", Markup("<i></i>"), 3, None, cls='a"b', role=None) == '<p class="a&quot;b">&lt;b&gt;<i></i>3</p>'
    )
    assert tag("line", x1=0, clip_path="url(#a)") == '<line x1="0" clip-path="url(#a)" />'
    assert clean("a\tb\nc\r\x00\x1b\x7f\x9b\u202e\ud800é") == "a\tb\nc␍␀␛����é"


# ---- charts -----------------------------------------------------------------------------------------------------


def test_points_of_a_chart_lie_where_their_values_are():
    rows = [{"step": i, "loss": 10.0 - i} for i in range(11)] + [{"step": 10, "eval": True, "val_loss": 0.0}]
    (loss,) = charts(rows, "base")
    assert loss["series"][0]["points"][3] == [4, 7.0, 7.0, 7.0] and loss["series"][1]["dots"] == [[11, 0.0]]
    drawn = chart_svg(loss, 0)
    assert "held out, after 11 steps: 0" in drawn and "training, after 1 steps: 10" in drawn
    x = {
        int(step): float(at)
        for at, step in re.findall(r'<circle cx="([\d.]+)"[^>]*><title>[a-z ]+, after (\d+) steps', drawn)
    }
    assert x[11] == 330 and x[1] == pytest.approx(46 + 284 / 11, abs=0.06), (
        "from 0 at the left to the last step at the right"
    )
    y = [float(v) for v in re.findall(r'cy="([\d.]+)"', drawn)]
    assert y[0] == 8 and max(y) == 150, "10 is the top of the axis, 0 its foot"


def test_an_evaluation_before_the_first_step_stands_at_zero(make_run):
    folder = make_run(stages=("base",))
    log = folder / "base" / "metrics.jsonl"
    log.write_text('{"step": -1, "eval": true, "val_bpb": 3.5, "tokens": 0, "time_s": 0}\n' + log.read_text())
    report = gather(folder)
    bpb = next(chart for chart in report["curves"]["base"] if chart["title"] == "Held-out text")
    assert bpb["series"][0]["dots"][0] == [0, 3.5] and report["stages"][0]["val"]["val_bpb"]["first"] == 3.5
    assert not any("damaged" in note for note in report["notes"])


def test_any_figure_that_a_stage_logs_is_drawn():
    rows = [{"step": 0, "loss": 1, "wow": 2, "text": "x", "flag": True, "none": None, "huge": 1e99}]
    assert [chart["title"] for chart in charts(rows, "rl")] == ["Loss", "wow"]
    many = [{"step": 0, **{f"f{i}": 1 for i in range(100)}}]
    assert len(charts(many, "rl")) == 16


def test_long_logs_are_drawn_with_few_points():
    points = [(i, float(i % 7)) for i in range(10_000)]
    buckets = gather_buckets(points, 150)
    assert (
        len(buckets) == 150
        and buckets[0][0] < buckets[-1][0]
        and all(low <= mean <= high for _, mean, low, high in buckets)
    )
    assert [p for p in thin(list(range(100)), 4)] == [0, 33, 66, 99] and thin([1, 2], 4) == [1, 2]
    assert sparkline({"dots": [[0, 1], [1, 2], [2, 1.5]]}) == "▁█▅" and sparkline({"dots": [[0, 5]]}) == "▄"


@given(low=st.floats(-1e29, 1e29), span=st.floats(1e-6, 1e29))
def test_ticks_are_round_and_hold_the_range(low, span):
    high = low + span
    if high - low < 1e-9 * max(abs(low), abs(high)):
        return
    marks = ticks(low, high, 4)
    slack = 1e-6 * (high - low)
    assert 2 <= len(marks) <= 8 and marks[0] <= low + slack and marks[-1] >= high - slack
    assert len(tick_names(marks)) == len(marks)


@settings(deadline=None)
@given(st.lists(st.one_of(st.none(), st.floats(-1e40, 1e40)), min_size=1, max_size=60))
def test_every_curve_can_be_drawn(values):
    rows = [{"step": i, "loss": v} for i, v in enumerate(values)] + [{"step": 3, "eval": True, "pass@1": values[0]}]
    for i, chart in enumerate(charts(rows, "rl")):
        numbers = re.findall(r'(?:points|cx|cy|x|y)="([^"]*)"', chart_svg(chart, i))
        assert all(math.isfinite(float(n)) for text in numbers for n in re.split("[ ,]", text) if n)


def test_tick_names():
    assert ticks(0, 7.3, 4) == [0, 2, 4, 6, 8] and tick_names([0, 2, 4]) == ["0", "2", "4"]
    assert tick_names([0.0, 0.05, 0.1]) == ["0.00", "0.05", "0.10"] and tick_names([]) == []
    assert tick_names([0, 10_000, 20_000]) == ["0", "10 k", "20 k"] and tick_names([0, 500, 1000]) == [
        "0",
        "500",
        "1,000",
    ]
    assert tick_names([1e12, 2e12]) == ["1,000 G", "2,000 G"]


def test_an_interval_is_drawn_between_its_ends():
    drawn = interval_svg(0.5, 0.25, 1.2, 0.1)
    assert 'x="25"' in drawn and 'width="75"' in drawn and 'cx="50"' in drawn and 'x1="10"' in drawn


# ---- in a browser -----------------------------------------------------------------------------------------------

WRAPPER = """<!doctype html><title>-</title><iframe id=f width={width} height=3000 style="border:0" srcdoc="{page}">
</iframe><script>addEventListener('load', () => {{ const d = document.getElementById('f').contentDocument;
const box = [...d.querySelectorAll('.chart svg')].map(s => s.getBoundingClientRect().width);
const found = [d.title, d.documentElement.scrollWidth, Math.min(...box), getComputedStyle(d.body).maxWidth];
document.title = found.join(' / ') }})</script>"""


@pytest.mark.skipif(not CHROMIUM, reason=MISSING)
@pytest.mark.parametrize("width", [390, 1200])
def test_a_browser_shows_it_at_a_phones_width_and_runs_nothing(make_run, tmp_path, width):
    folder = full_run(make_run)
    data = json.loads((folder / "rl" / "eval.json").read_text())
    data["tasks"]["garden"]["samples"][0] |= {"request": PAYLOAD, "reply": "x" * 300, "why": PAYLOAD}
    (folder / "rl" / "eval.json").write_text(json.dumps(data))
    text = page(gather(folder))
    frame = tmp_path / "frame.html"
    frame.write_text(WRAPPER.format(width=width, page=html.escape(text, quote=True)), encoding="utf-8")
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    command = [CHROMIUM, *flags, f"--user-data-dir={tmp_path}/c", "--virtual-time-budget=1000", "--dump-dom"]
    home = {**os.environ, "HOME": str(tmp_path)}
    done = subprocess.run([*command, frame.as_uri()], capture_output=True, text=True, timeout=120, env=home)
    title, scroll, chart, style = re.search(r"<title>(.*?)</title>", done.stdout)[1].split(" / ")
    assert title == "oak: report card" and style == "1120px", "nothing in the page ran, its style did"
    assert int(scroll) <= width, "nothing sticks out"
    assert float(chart) >= 280, "a chart is never too small to read"
