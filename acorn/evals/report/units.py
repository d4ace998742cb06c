"""Numbers as a person reads them."""

from acorn.runlog import clock


def percent(value: float) -> str:
    """0.815 -> '81.5 %'"""
    return f"{100 * value:.1f} %"


def interval(low: float, high: float) -> str:
    """(.755, .863) -> '75.5–86.3'"""
    return f"{100 * low:.1f}–{100 * high:.1f}"


def share(figure: dict) -> str:
    """{'value': .815, 'low': .755, 'high': .863} -> '81.5 % (75.5–86.3)'"""
    return f"{percent(figure['value'])} ({interval(figure['low'], figure['high'])})"


def bytes_text(n: float) -> str:
    """1234567 -> '1.2 MB'"""
    for unit in ("B", "kB", "MB", "GB"):
        if n < 1000:
            return f"{n:.0f} B" if unit == "B" else f"{n:.1f} {unit}"
        n /= 1000
    return f"{n:.1f} TB"


def count(n: int) -> str:
    """3214567 -> '3.2 M'"""
    return f"{n / 1e9:.2f} B" if n >= 1e9 else f"{n / 1e6:.1f} M" if n >= 1e6 else f"{n:,}"


def short(x: float) -> str:
    """20000 -> '20 k';  2500000 -> '2.5 M';  0.25 -> '0.25'"""
    for unit, name in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(x) >= unit:
            return f"{x / unit:.4g} {name}"
    return f"{x:.4g}"


def power(x: float) -> str:
    """32100000000000.0 -> '3.2e13'"""
    return f"{x:.1e}".replace("e+", "e").replace("e0", "e")


def duration(seconds: float) -> str:
    """4.64 -> '4.6 s';  75 -> '1:15'"""
    return f"{seconds:.1f} s" if seconds < 60 else clock(seconds)


def brief(seconds: float) -> str:
    """As duration, but what is too short to be read is said to be so."""
    return "under 0.1 s" if 0 < seconds < 0.1 else duration(seconds)


def dollars(x: float) -> str:
    """0.0004 -> 'under $0.01';  3.456 -> '$3.46';  1234.5 -> '$1,234'"""
    if 0 < x < 0.01:
        return "under $0.01"
    return f"${x:,.2f}" if x < 100 else f"${x:,.0f}"
