"""
What the card says, apart from how it looks: report.json -> sections of a few kinds of blocks. The terminal, the
Markdown file and the page each draw these blocks in their way, so that none of them knows more than another.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from acorn.checkpoint import STAGES
from acorn.evals.intervals import wilson
from acorn.evals.report.files import LAST
from acorn.evals.report.units import brief, bytes_text, count, dollars, duration, interval, percent, power, short
from acorn.runlog import clock

NAMES = {"bpb": "bits per byte", "val_bpb": "bits per byte", "val_loss": "loss, nats per token",
         "normalised": "right, by character", "greedy": "right, greedy"}  # fmt: skip
PLAIN = ("bpb", "loss", "reward", "centred")  # metrics that are no share of something
PARTS = ("tokenizer", "data", *reversed(STAGES), "eval")  # of the pipeline, in order
SHARES = r"right|greedy|valid|pass@\d+"  # figures of a log that are shares
HEADLINES = ("right", "centred", "valid", "bpb")  # metrics that may stand at the top, in this order


@dataclass(frozen=True)
class Figure:
    """A cell with a result: its value, the 95 % interval if there is one, and of a share what guessing would reach."""

    value: float
    low: float | None = None
    high: float | None = None
    chance: float | None = None
    share: bool = True

    def main(self) -> str:
        return percent(self.value) if self.share else figure(self.value)

    def span(self) -> str:
        if self.low is None or self.high is None:
            return ""
        return interval(self.low, self.high) if self.share else f"{figure(self.low)}–{figure(self.high)}"

    def __str__(self) -> str:
        return f"{self.main()} ({self.span()})" if self.span() else self.main()


Cell = str | Figure


@dataclass(frozen=True)
class Table:
    """`words`: how many columns from the left hold words; the others hold figures."""

    head: list[str]
    rows: list[list[Cell]]
    words: int = 1
    caption: str = ""


@dataclass(frozen=True)
class Text:
    text: str


@dataclass(frozen=True)
class Code:
    text: str
    caption: str = ""


@dataclass(frozen=True)
class Samples:
    task: str
    samples: list[dict]


@dataclass(frozen=True)
class Curves:
    """Charts of one stage (curves.charts) and its facts [(name, value)]."""

    stage: str
    facts: list[tuple[str, str]]
    charts: list[dict]


@dataclass(frozen=True)
class Tile:
    value: str
    label: str
    details: list[str]


@dataclass(frozen=True)
class Section:
    title: str
    blocks: list


def title(report: dict) -> str:
    return f"{report['run']}: report card"


def sections(report: dict) -> list[Section]:
    found = [results_section(report), samples_section(report), training_section(report), time_section(report),
             model_section(report), provenance_section(report)]  # fmt: skip
    return [section for section in found if section.blocks]


def tiles(report: dict) -> list[Tile]:
    """The figures that a person wants first: what it can do, how sure that is, how long it took."""
    found, results, stages = [], report["results"], list(report["results"]["stages"])
    if stages:
        last, before = stages[-1], stages[:-1]
        scored = [row for row in results["rows"] if last in row["cells"] and row["metric"] in HEADLINES]
        scored.sort(key=lambda row: HEADLINES.index(row["metric"]))
        for row in scored[:4]:
            now = cell_of(row, last)
            details = [f"95 % interval {now.span()}"] if now.span() else []
            details.append(
                f"{row['cells'][last]['n']:,} {'documents' if row['metric'] == 'bpb' else 'asked'}, after {last}"
            )
            earlier = [stage for stage in before if stage in row["cells"]]
            details += [f"before: {cell_of(row, earlier[-1]).main()} after {earlier[-1]}"] if earlier else []
            found.append(Tile(now.main(), label(row), details))
    model, machine = report["model"], report["environment"]
    if seconds := report["time"]["seconds"]:
        threads = f", {machine['threads']} threads" if machine.get("threads") else ""
        where = f"{machine['device']}{threads}" if machine.get("device") else "machine not known"
        found.append(Tile(clock(seconds), "from start to end" if report["time"]["parts"] else "of training", [where]))
    if model.get("parameters"):
        weights = f"{bytes_text(report['sizes']['weights_bytes'])} of weights"
        found.append(Tile(count(model["parameters"]), "parameters", [weights]))
    return found


def summary(report: dict) -> str:
    """The run in one or two sentences."""
    said, stages = [], list(report["results"]["stages"])
    by_task: dict[str, dict[str, Figure]] = {}
    for row in report["results"]["rows"]:
        if stages and stages[-1] in row["cells"] and row["metric"] in ("right", "valid"):
            by_task.setdefault(row["task"], {})[row["metric"]] = cell_of(row, stages[-1])
    for name, found in by_task.items():
        if set(found) == {"right", "valid"}:
            n = report["results"]["asked"][name]["n"]
            said.append(
                f"Of {n:,} held-out {name} requests {found['valid']} get a valid reply, {found['right']} a right one."
            )
    seconds = sum(stage["seconds"] for stage in report["stages"])
    size_text = f"{count(report['model']['parameters'])} parameters" if report["model"] else "A model"
    machine = report["environment"]
    where = f" on {machine['device']}, {machine['threads']} threads" if machine.get("device") else ""
    trained = f"trained for {clock(seconds)}{where}" if seconds else "imported, not trained here"
    return " ".join([*said[:3], f"{size_text}, {trained}."])


def results_section(report: dict) -> Section:
    results, blocks = report["results"], []
    stages = [s["name"] for s in report["stages"]]
    stages = [*stages, *(s for s in results["stages"] if s not in stages)]
    rows = [result_row(row, label(row), stages) for row in results["rows"]]
    head = ["", *map(str.upper, stages), "chance", "n"]
    if rows:
        caption = "With 95 % intervals. n: how many were asked; for bits per byte, how many documents."
        blocks.append(Table(head, rows, caption=caption))
    if rows := in_training(report, stages):
        blocks.append(
            Table(["", *map(str.upper, stages)], rows, caption="Held out, at the end of each stage's training")
        )
    for name, found in results["parts"].items():
        part_rows = [result_row(row, row["task"], stages) for row in found]
        blocks.append(Table(head, part_rows, caption=f"{title_of(name)}: right answers by task"))
    for name, found in results["kinds"].items():
        keys = [key for key in ("valid", "right") if any(key in kind for kind in found)]
        keys += dict.fromkeys(step for kind in found for step in kind.get("steps", ()))
        flat = [{**kind.get("steps", {}), **kind} for kind in found]
        kinds = [[k["kind"], *(part_of(k, key) for key in keys), f"{k['n']:,}"] for k in flat]
        blocks.append(Table(["kind", *keys, "n"], kinds, caption=f"{title_of(name)} by kind"))
    return Section("Results", blocks)


def result_row(row: dict, name: str, stages: list[str]) -> list[Cell]:
    cells = [cell_of(row, stage) if stage in row["cells"] else "–" for stage in stages]
    asked = " / ".join(dict.fromkeys(f"{cell['n']:,}" for cell in row["cells"].values() if cell["n"])) or "–"
    chance = percent(row["chance"]) if row["chance"] and is_share(row) else "–"
    return [name, *cells, chance, asked]


def in_training(report: dict, stages: list[str]) -> list[list[Cell]]:
    """The last held-out figures of each stage's own log, a row a figure."""
    logs = {stage["name"]: stage["val"] for stage in report["stages"]}
    rows: list[list[Cell]] = []
    for name in list(dict.fromkeys(name for log in logs.values() for name in log))[:16]:
        last = {stage: logged(name, log[name]["last"]) for stage, log in logs.items() if name in log}
        rows.append([NAMES.get(name, name), *(last.get(stage, "–") for stage in stages)])
    return rows


def logged(name: str, value: float) -> Figure:
    return Figure(value, share=bool(re.fullmatch(SHARES, name)) and 0 <= value <= 1)


def samples_section(report: dict) -> Section:
    return Section("Samples", [Samples(name, found) for name, found in report["results"]["samples"].items()])


def training_section(report: dict) -> Section:
    blocks = []
    for stage in report["stages"]:
        if stage["steps"]:
            blocks.append(Curves(stage["name"], stage_facts(stage), report["curves"].get(stage["name"], [])))
    if blocks:
        blocks.append(Text(f"The final loss is the mean of the last {LAST} steps. Bands span the least and the largest "
                           "of the steps that a point of the line stands for."))  # fmt: skip
    return Section("Training", blocks)


def stage_facts(stage: dict) -> list[tuple[str, str]]:
    asked = stage["steps_asked"]
    steps = f"{stage['steps']:,}" + (f" of {asked:,}" if asked and asked != stage["steps"] else "")
    facts = [("steps", steps), ("tokens", f"{stage['tokens']:,}"), ("time", clock(stage["seconds"])),
             ("tokens/s", f"{stage['tokens_per_s']:,.0f}")]  # fmt: skip
    if stage["final_loss"] is not None:
        facts.append(("loss", f"{stage['first_loss']:.4f} → {stage['final_loss']:.4f}"))
    for name, value in list(stage["val"].items())[:6]:
        first, last, best = (logged(name, value[key]).main() for key in ("first", "last", "best"))
        course = last if first == last else f"{first} → {last}"
        facts.append((f"held out: {NAMES.get(name, name)}", course if best == last else f"{course}, best {best}"))
    if stage["skipped_steps"]:
        facts.append(("skipped steps", f"{stage['skipped_steps']:,}"))
    facts.append(("checkpoint", Path(stage["checkpoint"]).name if stage["checkpoint"] else "none"))
    return facts


def time_section(report: dict) -> Section:
    """Every part of the pipeline, and what its tokens cost."""
    time, compute = report["time"], report["compute"]
    trained = {stage["name"]: stage for stage in report["stages"] if stage["steps"]}
    parts = {part["name"]: part for part in time["parts"]}
    known = [name for name in PARTS if name in parts or name in trained]
    names = [*known, *(name for name in parts if name not in PARTS)]
    rows: list[list[Cell]] = []
    for name in names:
        part, stage = parts.get(name), trained.get(name)
        took = "–" if part is None else "done before" if part["skipped"] else duration(part["seconds"])
        peak = bytes_text(part["peak_memory_bytes"]) if part and part["peak_memory_bytes"] else "–"
        rows.append([name, took, *compute_cells(compute, name, bool(stage)), peak])
    total = duration(time["seconds"]) if time["parts"] else "–"
    peak = bytes_text(time["peak_memory_bytes"]) if time["peak_memory_bytes"] else "–"
    rows.append(["all", total, *compute_cells(compute, "all", bool(trained)), peak])
    head = ["part", "time", "in steps", "tokens", "FLOPs", "FLOP/s", "one GPU", "cost", "peak memory"]
    return Section("Time and cost", [Table(head, rows), Text(how_cost(report))] if names else [])


def compute_cells(compute: dict, name: str, trained: bool) -> list[str]:
    found = compute["stages"].get(name)
    if not found or not trained:
        return ["–"] * 6
    speed = f"{short(found['flops_per_s'])}" if found["flops_per_s"] else "–"
    return [duration(found["seconds"]), count(found["tokens"]), power(found["flops"]), speed,
            brief(found["gpu_seconds"]), dollars(found["dollars"])]  # fmt: skip


def how_cost(report: dict) -> str:
    compute, price = report["compute"], report["compute"]["price"]
    if compute["flops_per_token"] is None:
        return "The FLOPs of this model are not known, so neither is its cost."
    context = report["model"]["config"].get("block_size")
    rollouts = "; the replies that rl makes to learn from are not counted" if "rl" in report["curves"] else ""
    return (
        f"FLOPs are tokens times {short(compute['flops_per_token'])}, those of training on one token at the full "
        f"context of {context} tokens (forward and backward). One GPU and its cost are an estimate: of a peak of "
        f"{price['peak_flops'] / 1e12:g} TFLOP/s {100 * price['use']:g} % are assumed to be reached, at "
        f"${price['dollars']:.2f} an hour. A small model reaches less{rollouts}. For other assumptions: "
        "`acorn report RUN --gpu-tflops N --mfu N --dollars N`."
    )


def model_section(report: dict) -> Section:
    model, sizes, data, blocks = report["model"], report["sizes"], report["data"], []
    facts: list[list[Cell]] = []
    if model:
        shape = ", ".join(f"{k} {v}" for k, v in model["config"].items() if v is not None)
        facts.append(["model", f"{model['kind']}: {shape}"])
        if model["lora"]:
            facts.append(["LoRA", ", ".join(f"{k} {v}" for k, v in model["lora"].items())])
        groups = ", ".join(f"{name} {n:,}" for name, n in model["groups"].items())
        facts.append(["parameters", f"{model['parameters']:,}" + (f" ({groups})" if groups else "")])
        facts.append(["weights", f"{bytes_text(sizes['weights_bytes'])}; with the optimizer's state "
                                 f"{bytes_text(sizes['checkpoint_bytes'])} a checkpoint"])  # fmt: skip
    if tokenizer := data.get("tokenizer"):
        facts.append(
            ["tokenizer", f"{tokenizer['kind']}, {tokenizer['vocabulary']:,} tokens, {tokenizer['hash'][:16]}"]
        )
    facts.append(["run folder", f"{bytes_text(sizes['run_bytes'])}, of it {bytes_text(sizes['data_bytes'])} data"])
    blocks.append(Table(["", ""], facts, words=2))
    splits: list[list[Cell]] = []
    for name, split in data.get("splits", {}).items():
        ratio = f"{split['bytes_per_token']:.2f}" if split["bytes_per_token"] else "–"
        hashes = ", ".join(h[:16] for h in split["sha256"][:3]) + (" …" if len(split["sha256"]) > 3 else "")
        splits.append(
            [name, f"{split['documents']:,}", count(split["tokens"]), bytes_text(split["bytes"]), ratio, hashes]
        )
    if splits:
        head = ["data", "documents", "tokens", "bytes", "bytes/token", "SHA-256 of the shards"]
        blocks.append(Table(head, splits))
    return Section("Model and data", blocks)


def provenance_section(report: dict) -> Section:
    env, facts = report["environment"], []
    if env:
        dirty = " with uncommitted changes" if env["dirty"] else ""
        facts.append(["acorn", f"{env['acorn']}, {env['commit'][:12] or 'unknown commit'}{dirty}"])
        facts.append(["versions", f"torch {env['torch']}, python {env['python']}, numpy {env['numpy']}"])
        cores = f"{env['threads']} threads on {env['cpu_count']} cores"
        cores += f", {env['world']} processes" if env["world"] > 1 else ""
        facts.append(["machine", ", ".join(filter(None, [env["device"], cores, env["dtype"], env["system"]]))])
    for stage in report["stages"]:
        if stage["checkpoint"]:
            facts.append(
                [stage["name"], f"{Path(stage['checkpoint']).name}, SHA-256 {stage['sha256'][:16] or 'not known'}"]
            )
        facts += [[f"{stage['name']}: {key}", value] for key, value in stage["imported"].items()]
    for name, asked in report["results"]["asked"].items():
        facts.append(
            [
                f"task {name}",
                f"version {asked['version']}, SHA-256 of what was asked {asked['hash'][:16] or 'not known'}",
            ]
        )
    if report["time"]["started"]:
        facts.append(["started", f"{report['time']['started']}, finished {report['time']['finished']}"])
    elif env:
        facts.append(["started", env["started"]])
    blocks: list = [Table(["", ""], facts, words=2)] if facts else []
    if report["commands"]:
        blocks.append(Code("\n".join(report["commands"]), "Made by"))
    if config := report["config"]:
        options = list(dict.fromkeys(key for values in config.values() for key in values))
        rows: list[list[Cell]] = [[key, *(values.get(key, "–") for values in config.values())] for key in options]
        blocks.append(Table(["option", *config], rows, caption="Every option, as it was resolved"))
    return Section("Provenance", blocks)


def label(row: dict) -> str:
    """'spelling: right', 'CORE', 'bits per byte'"""
    name = NAMES.get(row["metric"], row["metric"])
    if not row["task"]:
        return name
    return title_of(row["task"]) if row["metric"] == "centred" else f"{title_of(row['task'])}: {name}"


def title_of(task: str) -> str:
    return {"core": "CORE", "chatcore": "ChatCORE"}.get(task, task)


def is_share(row: dict) -> bool:
    plain = any(word in row["metric"].lower() for word in PLAIN)
    return not plain and all(0 <= cell["value"] <= 1 for cell in row["cells"].values())


def cell_of(row: dict, stage: str) -> Figure:
    cell = row["cells"][stage]
    return Figure(cell["value"], cell["low"], cell["high"], row["chance"], is_share(row))


def part_of(kind: dict, key: str) -> Cell:
    return Figure(kind[key] / kind["n"], *wilson(kind[key], kind["n"])) if key in kind else "–"


def figure(value: float) -> str:
    return f"{value:.4f}" if abs(value) < 1000 else short(value)


def verdict(sample: dict) -> str:
    if sample["right"]:
        return "right"
    why = sample["why"] or "it is not what was asked"
    return f"validates, but: {why}" if sample["valid"] else f"does not validate: {why}"
