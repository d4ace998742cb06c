"""Counts of one process, in the text format that Prometheus reads. Touched by the event loop alone."""

from bisect import bisect_left
from collections import Counter

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)  # seconds

HELP = {
    "requests_total": "requests answered, by route and status",
    "prompt_tokens_total": "tokens of accepted prompts",
    "generated_tokens_total": "tokens said",
    "cancelled_total": "replies that nobody waited for any more",
    "rejected_total": "requests refused because the queue was full",
    "failures_total": "faults of the server that ended replies",
}


class Histogram:
    def __init__(self):
        self.counts, self.sum = [0] * (len(BUCKETS) + 1), 0.0

    def note(self, seconds: float) -> None:
        self.counts[bisect_left(BUCKETS, seconds)] += 1
        self.sum += seconds


class Metrics:
    def __init__(self):
        self.counters: dict[str, Counter] = {name: Counter() for name in HELP}
        self.first_token, self.between_tokens = Histogram(), Histogram()

    def add(self, name: str, amount: int = 1, **labels) -> None:
        self.counters[name][tuple(sorted(labels.items()))] += amount

    def text(self, gauges: dict[str, list[tuple[dict, float]]]) -> str:
        """gauges: name -> [(labels, value now)]"""
        lines = []
        for name, counter in self.counters.items():
            lines += [f"# HELP acorn_{name} {HELP[name]}", f"# TYPE acorn_{name} counter"]
            lines += [f"acorn_{name}{spell(dict(labels))} {value}" for labels, value in sorted(counter.items())]
        for name, values in gauges.items():
            lines.append(f"# TYPE acorn_{name} gauge")
            lines += [f"acorn_{name}{spell(labels)} {value:g}" for labels, value in values]
        for name, histogram in (
            ("time_to_first_token_seconds", self.first_token),
            ("time_per_token_seconds", self.between_tokens),
        ):
            lines.append(f"# TYPE acorn_{name} histogram")
            total = 0
            for bound, count in zip([*BUCKETS, "+Inf"], histogram.counts):
                total += count
                lines.append(f'acorn_{name}_bucket{{le="{bound}"}} {total}')
            lines += [f"acorn_{name}_sum {histogram.sum:.6f}", f"acorn_{name}_count {total}"]
        return "\n".join(lines) + "\n"


def spell(labels: dict) -> str:
    """{"route": "/health"} -> {route="/health"}, with what would break the line escaped."""
    if not labels:
        return ""
    escaped = {k: str(v).replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n") for k, v in labels.items()}
    return "{" + ",".join(f'{k}="{v}"' for k, v in escaped.items()) + "}"
