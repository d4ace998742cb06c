"""
The card as one HTML page: no script, no request, nothing but this file. Text reaches it only through markup.tag, which
escapes; should that ever fail, the page's own policy forbids scripts, pictures and requests.
"""

from acorn.evals.report import card
from acorn.evals.report.curves import last_value
from acorn.evals.report.markup import Markup, join, tag, text
from acorn.evals.report.style import STYLE
from acorn.evals.report.svg import chart_svg, interval_svg
from acorn.evals.report.units import short

POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page(report: dict) -> str:
    title, numbers = card.title(report), iter(range(10**9))
    sections = card.sections(report)
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        tag("style", Markup(STYLE)),
    )
    body = tag(
        "body",
        header(report, sections),
        tag("main", *(section(part, numbers) for part in sections)),
        tag("footer", "Written by ", tag("code", f"acorn report {report['run']}"), " from the files in ",
            tag("code", report["folder"]), ". The same figures, for programs: report.json."),
    )  # fmt: skip
    return "<!doctype html>\n" + tag("html", head, body, lang="en") + "\n"


def header(report: dict, sections: list[card.Section]) -> Markup:
    stages = join(tag("li", stage["name"]) for stage in report["stages"])
    tiles = [
        tag("li", tag("b", tile.value), tag("span", tile.label), *(tag("small", d) for d in tile.details))
        for tile in card.tiles(report)
    ]
    notes = [tag("li", with_code(note)) for note in report["notes"]]
    links = [tag("a", part.title, href=f"#{slug(part.title)}") for part in sections]
    return tag(
        "header",
        tag("p", "report card", cls="over"),
        tag("div", tag("h1", report["run"]), tag("ol", stages, cls="stages", aria_label="stages"), cls="name"),
        tag("p", card.summary(report), cls="lead"),
        tag("ul", *tiles, cls="tiles") if tiles else None,
        tag("ul", *notes, cls="notes", aria_label="notes") if notes else None,
        tag("nav", *links, aria_label="sections"),
    )


def section(part: card.Section, numbers) -> Markup:
    blocks = join(render(block, numbers) for block in part.blocks)
    return tag("section", tag("h2", part.title), blocks, id=slug(part.title))


def render(block, numbers) -> Markup:
    match block:
        case card.Text(words):
            return tag("p", with_code(words), cls="small")
        case card.Code(words, caption):
            return tag("figure", tag("figcaption", caption), tag("pre", tag("code", words), tabindex="0"), cls="code")
        case card.Table():
            return table(block)
        case card.Samples(task, samples):
            return tag("div", tag("h3", task), tag("div", *map(sample, samples), cls="samples"))
        case card.Curves(stage, facts, charts):
            rows = [tag("div", tag("dt", name), tag("dd", value)) for name, value in facts]
            first = tag("div", tag("h3", stage), tag("dl", *rows), cls="facts")
            return tag("div", first, *(chart(c, next(numbers)) for c in charts), cls="charts")
    raise TypeError(f"no such block: {block!r}")


def table(block: card.Table) -> Markup:
    caption = tag("caption", block.caption) if block.caption else None
    facts = not any(block.head)  # pairs of a name and a fact
    head = None if facts else tag("thead", tag("tr", *(
        tag("th", name, scope="col", cls="number" if i >= block.words else None) for i, name in enumerate(block.head)
    )))  # fmt: skip
    rows = []
    for row in block.rows:
        cells = [tag("th", row[0], scope="row")]
        cells += [figure(cell, i >= block.words) for i, cell in enumerate(row[1:], 1)]
        rows.append(tag("tr", *cells, cls="total" if row[0] == "all" else None))
    whole = tag("table", caption, head, tag("tbody", *rows), cls="pairs" if facts else None)
    return tag("div", whole, cls="wide", role="region", tabindex="0", aria_label=block.caption or "table")


def figure(cell: card.Cell, number: bool) -> Markup:
    if isinstance(cell, card.Figure):
        span = tag("small", cell.span()) if cell.span() else None
        drawn = interval_svg(cell.value, cell.low, cell.high, cell.chance) if cell.share and span else None
        return tag("td", tag("b", cell.main()), " ", span, drawn, cls="number result")
    return tag("td", cell, cls="number" if number else None)


def sample(found: dict) -> Markup:
    state = "right" if found["right"] else "valid" if found["valid"] else "wrong"
    more = tag("p", f"… {found['more_lines']} more lines", cls="small") if found["more_lines"] else None
    return tag(
        "article",
        tag(
            "p",
            tag("span", found["kind"], cls="kind") if found["kind"] else None,
            tag("span", found["request"]),
            cls="ask",
        ),
        tag("pre", tag("code", found["reply"]), tabindex="0")
        if found["reply"]
        else tag("p", "(no reply)", cls="small"),
        more,
        tag("p", card.verdict(found), cls="verdict"),
        cls=f"sample {state}",
    )


def chart(found: dict, number: int) -> Markup:
    lines, names, now = found["series"], None, None
    if len(lines) > 1:
        names = tag("div", *(key(line, i) for i, line in enumerate(lines)), cls="keys")
    else:
        now = tag("b", short(last_value(lines[0])))
    caption = tag("figcaption", tag("span", tag("strong", found["title"]), " ", tag("small", found["unit"])), now)
    return tag("figure", caption, names, chart_svg(found, number), cls="chart")


def key(line: dict, i: int) -> Markup:
    shape = " ring" if "dots" in line else ""
    return tag("span", line["name"], " ", tag("b", short(last_value(line))), cls=f"key s{i % 6}{shape}")


def with_code(words: str) -> Markup:
    """`so` is a command."""
    parts = words.split("`")
    if len(parts) % 2 == 0:  # an odd one out is only a letter
        return text(words)
    return join(tag("code", part) if i % 2 else text(part) for i, part in enumerate(parts))


def slug(title: str) -> str:
    return title.lower().replace(" ", "-")
