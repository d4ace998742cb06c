"""Rows of metrics.jsonl -> the curves of a stage: few enough points to draw, every figure that the rows have."""

import re

from acorn.evals.report.files import number

BUCKETS = 150  # points of a drawn line
DOTS = 60  # evaluations that are drawn
MOST = 16  # charts of a stage
LARGEST = 1e30  # what is larger has overflowed, and no axis holds it

#         title             unit                       figures
CHARTS = (
    ("Loss", "nats per token", r"loss|val_loss"),
    ("Held-out text", "bits per byte", r"val_bpb"),
    ("Reward", "mean of a reply", r"reward"),
    ("Right answers", "share", r"right|greedy|pass@\d+"),
    ("Valid replies", "share", r"valid"),
    ("Throughput", "tokens per second", r"tokens_per_s"),
    ("Learning rate", "share of its peak", r"lr"),
    ("Gradient norm", "", r"grad_norm"),
)  # fmt: skip
NOT_DRAWN = {"step", "eval", "tokens", "time_s", "skipped", "stderr"}
NAMES = {"loss": "training", "val_loss": "held out", "val_bpb": "held out", "right": "practised",
         "greedy": "held out, greedy", "valid": "held out, greedy"}  # fmt: skip


def charts(rows: list[dict], stage: str) -> list[dict]:
    """
    [{"title", "unit", "steps": of the stage, "series": [...]}], a series having "name" and "points":
    [[steps done, mean, low, high], ...] of training, or "dots": [[steps done, value], ...] of evaluations. Steps
    of a line are gathered into buckets; low and high are the least and the largest of a bucket.
    """
    found: dict[tuple[str, bool], list[tuple[int, float]]] = {}
    for row in rows:
        scored = bool(row.get("eval"))
        for name, value in row.items():
            if name not in NOT_DRAWN and number(value) is not None and abs(value) < LARGEST:
                found.setdefault((name, scored), []).append((row["step"] + 1, value))
    drawn, steps = [], max((row["step"] for row in rows), default=0) + 1
    for title, unit, pattern in CHARTS:
        mine = sorted((key for key in found if re.fullmatch(pattern, key[0])), key=lambda key: (key[1], key[0]))
        if mine:
            unit = "" if title == "Loss" and stage == "rl" else unit  # of rewards, or of tokens: as rl was asked to
            lines = [series(key, found.pop(key)) for key in mine]
            drawn.append({"title": title, "unit": unit, "steps": steps, "series": lines})
    for name in sorted({name for name, _ in found}):
        mine = [key for key in ((name, False), (name, True)) if key in found]
        lines = [series(key, found[key]) for key in mine]
        drawn.append({"title": name[:40], "unit": "", "steps": steps, "series": lines})
    return drawn[:MOST]


def series(key: tuple[str, bool], points: list[tuple[int, float]]) -> dict:
    name, scored = key
    label = NAMES.get(name, f"held out, {name}" if scored else name)[:40]
    if scored:
        return {"name": label, "dots": [list(p) for p in thin(points, DOTS)]}
    return {"name": label, "points": gather_buckets(points, BUCKETS)}


def thin(points: list, most: int) -> list:
    """At most `most` of them, evenly spread, with the first and the last."""
    if len(points) <= most:
        return points
    return [points[round(i * (len(points) - 1) / (most - 1))] for i in range(most)]


def gather_buckets(points: list[tuple[int, float]], most: int) -> list[list[float]]:
    """[(step, value), ...] -> [[middle step, mean, least, largest], ...] of `most` equal shares, in order."""
    n = min(most, len(points))
    result = []
    for i in range(n):
        part = points[i * len(points) // n : (i + 1) * len(points) // n]
        values = [value for _, value in part]
        result.append([part[len(part) // 2][0], sum(values) / len(values), min(values), max(values)])
    return result


def last_value(line: dict) -> float:
    return line["dots"][-1][1] if "dots" in line else line["points"][-1][1]


def first_value(line: dict) -> float:
    return line["dots"][0][1] if "dots" in line else line["points"][0][1]


def sparkline(line: dict, width: int = 24) -> str:
    """The curve in a row of letters, for where nothing can be drawn.  [[0, 1], [1, 2]] -> '▁█'"""
    values = [p[1] for p in thin(line.get("dots") or line["points"], width)]
    low, high = min(values), max(values)
    return "".join("▁▂▃▄▅▆▇█"[round(7 * (v - low) / (high - low)) if high > low else 3] for v in values)
