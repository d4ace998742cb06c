"""Charts as inline SVG: axes with round numbers, a line with its band, dots for evaluations, a title on every point."""

import math

from acorn.evals.report.curves import first_value, last_value
from acorn.evals.report.markup import Markup, join, tag
from acorn.evals.report.units import short

WIDTH, HEIGHT = 340, 176
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 8, 26
SETTLED = 0.02  # share of a curve's beginning that does not count for the axis: it would press the rest flat
TITLES = 40  # points of a line that tell their value


def chart_svg(chart: dict, number: int) -> Markup:
    """A chart of curves.charts -> <svg>; `number` makes its ids its own."""
    steps = max(1, chart["steps"])
    y_low, y_high = y_range(chart)
    marks = ticks(y_low, y_high, 4)
    y_low, y_high = min(y_low, marks[0]), max(y_high, marks[-1])

    def x(value: float) -> float:
        return LEFT + value / steps * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return TOP + (y_high - value) / (y_high - y_low) * (HEIGHT - TOP - BOTTOM)

    parts = []
    for mark, name in zip(marks, tick_names(marks)):
        parts.append(tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=at(y(mark)), y2=at(y(mark)), cls="grid"))
        parts.append(tag("text", name, x=LEFT - 6, y=at(y(mark) + 3.5), text_anchor="end"))
    along = [mark for mark in ticks(0, steps, 4) if 0 < mark <= steps and mark == int(mark)]
    parts.append(tag("text", "step", x=LEFT, y=HEIGHT - 9))
    for mark, name in zip(along, tick_names(along)):
        last = x(mark) > WIDTH - 30
        parts.append(tag("text", name, x=at(x(mark)), y=HEIGHT - 9, text_anchor="end" if last else "middle"))
    curves = join(draw(line, i, x, y) for i, line in enumerate(chart["series"]))
    clip = f"clip-{number}"
    frame = tag("rect", x=LEFT - 4, y=TOP - 4, width=WIDTH - LEFT - RIGHT + 8, height=HEIGHT - TOP - BOTTOM + 8)
    parts += [tag("clipPath", frame, id=clip), tag("g", curves, clip_path=f"url(#{clip})")]
    return tag("svg", *parts, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=describe(chart))


def draw(line: dict, i: int, x, y) -> Markup:
    name, parts = line["name"], []
    if "dots" in line:
        at_points = [(x(step), y(value)) for step, value in line["dots"]]
        parts.append(tag("polyline", points=path(at_points), cls="thread"))
        for (step, value), (px, py) in zip(line["dots"], at_points):
            parts.append(tag("circle", tag("title", say(step, value, name)), cx=at(px), cy=at(py), r=3, cls="dot"))
        return tag("g", *parts, cls=f"s{i % 6}")
    points = line["points"]
    above = [(x(p[0]), y(p[3])) for p in points]
    below = [(x(p[0]), y(p[2])) for p in points]
    parts.append(tag("polygon", points=path(above + below[::-1]), cls="band"))
    middle = [(x(p[0]), y(p[1])) for p in points]
    if len(points) == 1:
        parts.append(tag("circle", cx=at(middle[0][0]), cy=at(middle[0][1]), r=3, cls="dot"))
    parts.append(tag("polyline", points=path(middle), cls="line"))
    every = max(1, math.ceil(len(points) / TITLES))
    for point, (px, py) in list(zip(points, middle))[::every]:
        parts.append(tag("circle", tag("title", say(point[0], point[1], name)), cx=at(px), cy=at(py), r=7, cls="touch"))
    return tag("g", *parts, cls=f"s{i % 6}")


def say(step: int, value: float, name: str) -> str:
    return f"{name}, after {step:,} steps: {short(value)}"


def describe(chart: dict) -> str:
    """What a reader hears who does not see the curve."""
    unit = f" in {chart['unit']}" if chart["unit"] else ""
    lines = [f"{line['name']} from {short(first_value(line))} to {short(last_value(line))}" for line in chart["series"]]
    return f"{chart['title']}{unit} over {chart['steps']:,} steps: {'; '.join(lines)}"


def y_range(chart: dict) -> tuple[float, float]:
    """Least and largest value that the axis must hold. A beginning far above the rest may leave at the top."""
    values, shares = [], chart["unit"] == "share"
    for line in chart["series"]:
        points = points_of(line)
        settled = points[int(len(points) * SETTLED) + 1 :] if len(points) > 20 else points
        values += [v for p in settled for v in p[1:]]
    low, high = min(values), max(values)
    if low >= 0 and (low < 0.5 * high or shares):
        low = 0.0
    if shares and high <= 1:
        high = 1.0
    if high - low <= 1e-9 * max(abs(low), abs(high), 1e-12):  # a constant
        room = abs(high) * 0.1 if abs(high) > 1e-12 else 1.0
        return (min(0.0, low), high + room) if low >= 0 else (low - room, high + room)
    return low, high


def points_of(line: dict) -> list:
    return line["dots"] if "dots" in line else line["points"]


def ticks(low: float, high: float, about: int) -> list[float]:
    """Round numbers from just below `low` to just above `high`.  ticks(0, 7.3, 4) -> [0, 2, 4, 6, 8]"""
    raw = (high - low) / about
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(size * k for k in (1, 2, 5, 10) if size * k >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [i * step for i in range(first, last + 1)]


def tick_names(marks: list[float]) -> list[str]:
    """All with as many digits after the point as the distance between them needs, in one unit."""
    if not marks:
        return []
    biggest = max(abs(mark) for mark in marks)
    unit, name = next(((u, n) for u, n in ((1e9, " G"), (1e6, " M"), (1e3, " k")) if biggest >= 10 * u), (1.0, ""))
    gap = (marks[1] - marks[0]) / unit if len(marks) > 1 else biggest / unit or 1.0
    if biggest / unit >= 1e5 or gap < 1e-5:
        return [f"{mark:.1e}" for mark in marks]
    digits = max(0, -math.floor(math.log10(gap) + 1e-9))
    return [f"{mark / unit:,.{digits}f}{name if mark else ''}" for mark in marks]


def path(points: list[tuple[float, float]]) -> str:
    return " ".join(f"{at(px)},{at(py)}" for px, py in points)


def at(value: float) -> str:
    """A place in the picture to a tenth of a pixel; far outside of it is outside enough."""
    return f"{max(-9999.0, min(9999.0, value)):.1f}".removesuffix(".0")


def interval_svg(value: float, low: float, high: float, chance: float | None) -> Markup:
    """A share between 0 and 100 % as a dot on a line, its interval as a bar, chance as a tick. The text says it too."""
    left, right = 100 * max(0.0, low), 100 * min(1.0, high)
    parts = [tag("line", x1=0, x2=100, y1=6, y2=6, cls="track")]
    parts.append(tag("rect", x=at(left), y=3, width=at(max(0.5, right - left)), height=6, rx=3, cls="span"))
    if chance:
        parts.append(tag("line", x1=at(100 * chance), x2=at(100 * chance), y1=1, y2=11, cls="chance"))
    parts.append(tag("circle", cx=at(100 * value), cy=6, r=2.6, cls="dot"))
    return tag("svg", *parts, viewBox="-4 0 108 12", cls="interval", aria_hidden="true")
