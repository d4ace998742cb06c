"""
The command table and the only place where an error becomes text and an exit code.
A command is a dataclass with a `run()` in `acorn/commands/`; its module is imported only when it is chosen.
"""

import errno
import importlib
import os
import sys

from acorn.errors import AcornError, StorageError, UserError, did_you_mean

# command -> (module:Class, what it does)
COMMANDS = {
    "speedrun": ("acorn.commands.speedrun:Speedrun", "every stage that a config names; finished ones are skipped"),
    "plan": ("acorn.commands.plan:PlanCommand", "size, FLOPs, batch, hours and memory of a --depth; trains nothing"),
    "doctor": ("acorn.commands.doctor:Doctor", "what this machine can do, and what is missing"),
    "data import": ("acorn.commands.data:Import", "text, jsonl, parquet, code, nanoGPT's token files -> token shards"),
    "data preview": ("acorn.commands.data:Preview", "what files of conversations hold, and what of it is learned"),
    "data clean": ("acorn.commands.clean:Clean", "duplicates, secrets, personal data and rubbish out of a corpus"),
    "data download": ("acorn.commands.data:Download", "fetch a public pretraining set, resumable and hash-checked"),
    "data stats": ("acorn.commands.data:Stats", "what is in a folder of token shards"),
    "tokenizer train": ("acorn.commands.tokenizer:Train", "learn a BPE (or character) vocabulary from text"),
    "tokenizer import": ("acorn.commands.tokenizer:Import", "a public tokenizer, such as GPT-2's -> tokenizer.json"),
    "tokenizer eval": ("acorn.commands.tokenizer:Eval", "bytes per token, by kind of text, beside GPT-2's"),
    "tokenizer show": ("acorn.commands.tokenizer:Show", "how a text is cut into tokens, in colour"),
    "train base": ("acorn.commands.train:Base", "pretrain on token shards"),
    "train mid": ("acorn.commands.train:Mid", "go on pretraining, with conversations mixed in"),
    "train sft": ("acorn.commands.train:Sft", "finetune a run on conversations"),
    "train rl": ("acorn.commands.train:Rl", "learn from the rewards of tasks that grade themselves"),
    "eval": ("acorn.commands.eval:Eval", "score a run: bits per byte, a recipe's tasks, CORE, MMLU, HumanEval ..."),
    "sample": ("acorn.commands.sample:Sample", "continue a text with a run"),
    "chat": ("acorn.commands.chat:Chat", "talk to a run in the terminal"),
    "serve": ("acorn.commands.serve:Serve", "a page to talk to runs, and OpenAI's protocol for programs"),
    "import hf": ("acorn.commands.import_:Hf", "a Hugging Face folder -> a run (Llama, SmolLM2, Qwen, GPT-2, Apertus)"),
    "import gguf": ("acorn.commands.import_:Gguf", "a GGUF file of llama.cpp's -> a run"),
    "import gpt2": ("acorn.commands.import_:Gpt2", "OpenAI's GPT-2 -> a run"),
    "export hf": ("acorn.commands.export:Hf", "a run -> a folder for transformers, vLLM and mlx-lm"),
    "export gguf": ("acorn.commands.export:Gguf", "a run -> a GGUF file for llama.cpp and Ollama"),
    "iac generate": ("acorn.commands.iac_generate:Generate", "write code that was asked for in words, validated"),
    "iac corpus": ("acorn.commands.iac_corpus:Corpus", "a training corpus out of folders, archives, repositories"),
    "iac translate": ("acorn.commands.iac_translate:Translate", "write code of one kind in another, validated"),
    "iac validate": ("acorn.commands.iac_validate:Validate", "check infrastructure code; exit code 1 with findings"),
    "iac schema": ("acorn.commands.iac_schema:Schema", "what is known of providers: list, show TYPE, build"),
    "iac audit": ("acorn.commands.iac_audit:Audit", "look for what is unsafe in infrastructure code; for CI too"),
    "bench infer": ("acorn.commands.bench:Infer", "how fast a run reads and decodes here, beside the memory's limit"),
    "report": ("acorn.commands.report:Report", "write and print the report card of a run"),
    "runs": ("acorn.commands.runs:Runs", "list the runs, their stages and newest checkpoints"),
}

NO_ROOM = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "the disk quota is used up", errno.EIO: "the disk failed"}
NOT_ALLOWED = {errno.EACCES: "permission denied", errno.EPERM: "not permitted", errno.EROFS: "read-only file system"}


def main(argv: list[str] | None = None) -> int:
    argv = sys.argv[1:] if argv is None else argv
    try:
        code = dispatch(argv)
        sys.stdout.flush()  # here, so that a reader who left is noticed below and not by the interpreter
        return code
    except AcornError as e:
        return fail(e)
    except BrokenPipeError:  # `acorn runs | head`: the reader has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as e:
        if e.errno in NO_ROOM:
            return fail(StorageError(f"{NO_ROOM[e.errno]}{at(e)}; what was complete before is intact", "df -h ."))
        if e.errno in NOT_ALLOWED:
            return fail(UserError(f"{NOT_ALLOWED[e.errno]}{at(e)}"))
        raise
    except SystemExit as e:  # --help and bad flags, from tyro
        return e.code if isinstance(e.code, int) else 0
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 75


def fail(error: AcornError) -> int:
    print(f"error: {error}", file=sys.stderr)
    return error.exit_code


def at(error: OSError) -> str:
    return f": {error.filename}" if error.filename else ""


def dispatch(argv: list[str]) -> int:
    if argv and argv[0] == "help":
        argv = [*argv[1:], "--help"]
    if not argv or argv[0] in ("-h", "--help"):
        print(help_text())
        return 0
    if argv[0] == "--version":
        from acorn import __version__

        print(f"acorn {__version__}")
        return 0
    group = [name for name in COMMANDS if name.startswith(argv[0] + " ")]
    if group and argv[1:2] in ([], ["-h"], ["--help"]):
        print(help_text(group))
        return 0
    name, rest = find(argv)
    command = load(name)
    from acorn.config import parse

    return parse(command, rest, prog=f"acorn {name}").run() or 0


def find(argv: list[str]) -> tuple[str, list[str]]:
    """find(['train', 'base', '--depth', '4']) -> ('train base', ['--depth', '4'])"""
    for words in (1, 2):
        if (name := " ".join(argv[:words])) in COMMANDS:
            return name, argv[words:]
    below = [name.split()[1] for name in COMMANDS if name.startswith(argv[0] + " ")]
    if below:
        near = f"{did_you_mean(argv[1], below)} It has: {', '.join(below)}"
        raise UserError(f"acorn {argv[0]} has no command {argv[1]!r}.{near}", f"acorn {argv[0]} --help")
    tops = list(dict.fromkeys(name.split()[0] for name in COMMANDS))
    raise UserError(f"no command {argv[0]!r}.{did_you_mean(argv[0], tops)}", "acorn --help")


def load(name: str) -> type:
    module, _, cls = COMMANDS[name][0].partition(":")
    try:
        return getattr(importlib.import_module(module), cls)
    except ModuleNotFoundError as e:
        if e.name is None or e.name.partition(".")[0] == "acorn":
            raise
        raise UserError(f"the Python package {e.name} is not installed", "make install") from None


def help_text(names: list[str] | None = None) -> str:
    names = names or list(COMMANDS)
    width = max(map(len, names))
    rows = [f"  acorn {name:<{width}}  {COMMANDS[name][1]}" for name in names]
    group = names[0].split()[0] + " " if len({name.split()[0] for name in names}) == 1 else ""
    foot = f"acorn {group}COMMAND --help shows its options; a file can hold them too: --config F.toml"
    return "\n".join([f"usage: acorn {group}COMMAND [OPTIONS]", "", *rows, "", foot])
