"""The picture of a run: training loss of each stage over seconds, and held-out bits per byte over tokens."""

from pathlib import Path

from acorn.errors import missing_extra

# Okabe-Ito, which colour-blind readers can tell apart
COLOURS = {"base": "#0072B2", "mid": "#009E73", "sft": "#D55E00", "rl": "#CC79A7"}
INK, FAINT = "#333333", "#dddddd"
HOLLOW = {"markersize": 4.5, "markerfacecolor": "white"}


def draw(curves: dict[str, list[dict]], path: Path) -> None:
    """curves: {'base': rows of metrics.jsonl, ...} in the order of training -> a PNG of about 60 kB."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # Agg by name: no display, no global state
        from matplotlib.figure import Figure
    except ImportError:
        raise missing_extra("matplotlib", "plot") from None

    scored = any(row.get("val_bpb") is not None for rows in curves.values() for row in rows)
    figure = Figure(figsize=(10.5 if scored else 6, 3.9), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, 2 if scored else 1, squeeze=False)[0]
    draw_loss(axes[0], curves)
    if scored:
        draw_bpb(axes[1], curves)
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
        ax.spines[["left", "bottom"]].set_color(FAINT)
        ax.grid(color=FAINT, linewidth=0.6)
        ax.tick_params(colors=INK, labelsize=9, length=0)
        ax.set_axisbelow(True)
    beside = path.with_name(f".{path.name}.tmp")
    figure.savefig(beside, format="png", facecolor="white")
    beside.replace(path)


def draw_loss(ax, curves: dict[str, list[dict]]) -> None:
    """Every step faint, a running mean on top; one stage after the other along the seconds of training."""
    begin, top = 0.0, []
    for name, rows in curves.items():
        steps = [row for row in rows if not row.get("eval") and row.get("loss") is not None]
        if not steps:
            continue
        seconds, loss = [begin + row["time_s"] for row in steps], [row["loss"] for row in steps]
        smooth = running_mean(loss, window=max(1, len(loss) // 50))
        ax.plot(seconds, loss, color=COLOURS[name], alpha=0.22, linewidth=0.8)
        ax.plot(seconds, smooth, color=COLOURS[name], linewidth=1.8, label=name)
        held_out = [(begin + row["time_s"], row["val_loss"]) for row in rows if row.get("val_loss") is not None]
        if held_out:
            ax.plot(*zip(*held_out), "o", color=COLOURS[name], label=f"{name}, held out", **HOLLOW)
        top += loss[len(loss) // 50 :]  # the first steps, at ln(vocabulary), would press the rest flat
        begin = seconds[-1]
    if top:
        ax.set_ylim(0 if min(top) < 1 else None, max(top) * 1.04)
        ax.legend(frameon=False, fontsize=9, labelcolor=INK)
    ax.set_xlim(left=0)
    ax.set_title("Loss", loc="left", fontsize=11, color=INK)
    ax.set_xlabel("seconds of training", color=INK)
    ax.set_ylabel("nats per counted token", color=INK)


def draw_bpb(ax, curves: dict[str, list[dict]]) -> None:
    begin = 0
    for name, rows in curves.items():
        points = [(begin + row["tokens"], row["val_bpb"]) for row in rows if row.get("val_bpb") is not None]
        if points:
            ax.plot(*zip(*points), "o-", linewidth=1.8, color=COLOURS[name], **HOLLOW)
            last = points[-1]
            ax.annotate(f"{last[1]:.3f}", last, (4, 10), textcoords="offset points", ha="right", fontsize=9, color=INK)
        begin += max((row.get("tokens", 0) for row in rows), default=0)
    ax.set_xlim(left=0)
    ax.xaxis.set_major_formatter(lambda tokens, _: tokens_text(tokens))
    ax.set_title("Held-out text", loc="left", fontsize=11, color=INK)
    ax.set_xlabel("tokens seen", color=INK)
    ax.set_ylabel("bits per byte", color=INK)


def tokens_text(tokens: float) -> str:
    """2500000 -> '2.5 M'"""
    for unit, name in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if tokens >= unit:
            return f"{tokens / unit:g} {name}"
    return f"{tokens:g}"


def running_mean(values: list[float], window: int) -> list[float]:
    """Mean of the last `window` values at each place.  running_mean([1, 3, 5], 2) -> [1, 2, 4]"""
    means, total = [], 0.0
    for i, value in enumerate(values):
        total += value - (values[i - window] if i >= window else 0.0)
        means.append(total / min(i + 1, window))
    return means
