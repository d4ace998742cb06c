"""The card as a Markdown file. Text that comes from data, a model or a person cannot become markup."""

import re

from acorn.evals.report import card
from acorn.evals.report.clean import clean, one_line
from acorn.evals.report.curves import first_value, last_value, sparkline
from acorn.evals.report.units import short


def markdown(report: dict) -> str:
    parts = [f"# {escape(card.title(report))}", escape(card.summary(report))]
    parts += [f"> {escape(line, code=True)}" for line in report["notes"]]
    for section in card.sections(report):
        parts.append(f"## {escape(section.title)}")
        for block in section.blocks:
            parts += render(block)
    return "\n\n".join(parts) + "\n"


def render(block) -> list[str]:
    match block:
        case card.Text(text):
            return [escape(text, code=True)]
        case card.Code(text, caption):
            return [*([escape(caption)] if caption else []), fenced(text)]
        case card.Table(head, rows, words, caption):
            return [*([escape(caption)] if caption else []), tabulate(head, rows, words)]
        case card.Samples(task, samples):
            return [f"### {escape(task)}", *(part for sample in samples for part in sample_parts(sample))]
        case card.Curves(stage, facts, charts):
            rows = curve_rows(charts)
            drawn = [tabulate(["curve", "first", "last", ""], rows)] if rows else []
            return [f"### {escape(stage)}", tabulate(["", ""], [list(fact) for fact in facts], 2), *drawn]
    raise TypeError(f"no such block: {block!r}")


def curve_rows(charts: list[dict]) -> list[list[str]]:
    """A row a curve: name, first and last value, the curve in letters."""
    rows = []
    for chart in charts:
        for line in chart["series"]:
            name = chart["title"] if len(chart["series"]) == 1 else f"{chart['title']}, {line['name']}"
            unit = f" ({chart['unit']})" if chart["unit"] else ""
            rows.append([name + unit, short(first_value(line)), short(last_value(line)), sparkline(line)])
    return rows


def sample_parts(sample: dict) -> list[str]:
    more = f"\n... ({sample['more_lines']} more lines)" if sample["more_lines"] else ""
    kind = f"{escape(sample['kind'])}: " if sample["kind"] else ""
    return [
        f"{kind}**{escape(card.verdict(sample))}**",
        f"Request: {escape(sample['request'])}",
        fenced(sample["reply"] + more),
    ]


def tabulate(head: list[str], rows: list[list], words: int = 1) -> str:
    rule = ["---" if i < words else "---:" for i in range(len(head))]
    cells = [[escape(str(cell)) for cell in head], rule, *([escape(str(cell)) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)


def fenced(text: str) -> str:
    text = clean(text)
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"


def escape(text: str, code: bool = False) -> str:
    """
    One line that reads as it stands: no emphasis, link, image, code, HTML or table cell begins in it. `code`: our own
    backticks around commands stay.
    """
    marks = r"[\\*\[\]|~<>&$]" if code else r"[\\`*\[\]|~<>&$]"
    text = re.sub(marks, lambda m: {"<": "&lt;", ">": "&gt;", "&": "&amp;"}.get(m[0], "\\" + m[0]), one_line(text))
    text = re.sub(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", r"\\_", text)  # inside a word it is plain
    return re.sub(r"^(\d*)([-+.)](?=\s|$)|#+(?=\s|$)|[-=]+$)", r"\1\\\2", text)  # a list, a heading, a rule
