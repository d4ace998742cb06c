"""
The command table and the only place where an error becomes text and an exit code.
A command is a dataclass with a `run()` in `acorn/commands/`; its module is imported only when it is chosen.
"""

import importlib
import os
import sys

from acorn.errors import AcornError, UserError, did_you_mean

# command -> (module:Class, what it does)
COMMANDS = {
    "speedrun": ("acorn.commands.speedrun:Speedrun", "every stage a config names, one after the other; finished ones are skipped"),
    "plan": ("acorn.commands.plan:PlanCommand", "parameters, tokens, FLOPs, batch, time and memory of a --depth; trains nothing"),
    "doctor": ("acorn.commands.doctor:Doctor", "what this machine can do, and what is missing"),
    "data import": ("acorn.commands.data:Import", "text, Markdown, jsonl, parquet, folders of code -> token shards"),
    "data download": ("acorn.commands.data:Download", "fetch a public pretraining set, resumable and hash-checked"),
    "data stats": ("acorn.commands.data:Stats", "what is in a folder of token shards"),
    "tokenizer train": ("acorn.commands.tokenizer:Train", "learn a BPE (or character) vocabulary from text"),
    "tokenizer eval": ("acorn.commands.tokenizer:Eval", "bytes per token, by kind of text, beside GPT-2's"),
    "tokenizer show": ("acorn.commands.tokenizer:Show", "how a text is cut into tokens, in colour"),
    "train base": ("acorn.commands.train:Base", "pretrain on token shards"),
    "train sft": ("acorn.commands.train:Sft", "finetune a run on conversations"),
    "eval": ("acorn.commands.eval:Eval", "score a run: bits per byte and the recipe's tasks"),
    "sample": ("acorn.commands.sample:Sample", "continue a text with a run"),
    "chat": ("acorn.commands.chat:Chat", "talk to a run in the terminal"),
    "report": ("acorn.commands.report:Report", "write and print the report card of a run"),
    "runs": ("acorn.commands.runs:Runs", "list the runs, their stages and newest checkpoints"),
}


def main(argv: list[str] | None = None) -> int:
    argv = sys.argv[1:] if argv is None else argv
    try:
        return dispatch(argv)
    except AcornError as e:
        print(f"error: {e}", file=sys.stderr)
        return e.exit_code
    except BrokenPipeError:  # `acorn runs | head`: the reader has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 75


def dispatch(argv: list[str]) -> int:
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(help_text())
        return 0
    if argv[0] == "--version":
        from acorn import __version__

        print(f"acorn {__version__}")
        return 0
    name, rest = find(argv)
    module, _, cls = COMMANDS[name][0].partition(":")
    command = getattr(importlib.import_module(module), cls)
    from acorn.config import parse

    return parse(command, rest, prog=f"acorn {name}").run() or 0


def find(argv: list[str]) -> tuple[str, list[str]]:
    """['train', 'base', '--depth', '4'] -> ('train base', ['--depth', '4'])"""
    if argv[0] in COMMANDS:
        return argv[0], argv[1:]
    below = [name.split()[1] for name in COMMANDS if name.startswith(argv[0] + " ")]
    if below:
        if len(argv) > 1 and argv[1] in below:
            return f"{argv[0]} {argv[1]}", argv[2:]
        if len(argv) < 2 or argv[1] in ("-h", "--help"):
            raise SystemExit(print(help_text(argv[0] + " ")) or 0)
        raise UserError(
            f"acorn {argv[0]} has no command {argv[1]!r}.{did_you_mean(argv[1], below)} It has: {', '.join(below)}",
            f"acorn {argv[0]} --help",
        )
    tops = list(dict.fromkeys(name.split()[0] for name in COMMANDS))
    raise UserError(f"no command {argv[0]!r}.{did_you_mean(argv[0], tops)}", "acorn --help")


def help_text(prefix: str = "") -> str:
    rows = [(name, what) for name, (_, what) in COMMANDS.items() if name.startswith(prefix)]
    width = max(len(name) for name, _ in rows)
    lines = ["usage: acorn COMMAND [OPTIONS]      acorn COMMAND --help      every option can also stand in a file: --config F.toml", ""]
    return "\n".join(lines + [f"  acorn {name:<{width}}  {what}" for name, what in rows])
