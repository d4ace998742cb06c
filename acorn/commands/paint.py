"""Tokens and conversations for people's eyes. Where there is no colour, signs say the same."""

import json
import re
import unicodedata
from pathlib import Path

from acorn.errors import UserError
from acorn.tokenizer.chat import parts_of
from acorn.tokenizer.tokenizer import Tokenizer

ROLE_STYLES = {"system": "magenta", "user": "cyan", "assistant": "green", "python": "yellow", "output": "blue"}


def find_tokenizer(run_or_file: str) -> tuple[Tokenizer, int | None]:
    """A tokenizer.json, a folder that has one, or RUN -> (tokenizer, context of the model where there is one)"""
    path = Path(run_or_file)
    if path.is_file() or path.suffix == ".json":
        return Tokenizer.load(path), None
    folder = next((p for p in (Path("runs") / path, path) if (p / "tokenizer.json").is_file()), None)
    if folder is None or any(folder.glob("*/checkpoint-*")):
        from acorn.checkpoint import resolve_run

        folder = resolve_run(run_or_file)
    try:
        context = json.loads((folder / "model.json").read_text(encoding="utf-8"))["config"]["block_size"]
    except FileNotFoundError:  # a run that has no model yet
        context = None
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise UserError(f"cannot read {folder / 'model.json'}: {e}") from None
    return Tokenizer.load(folder / "tokenizer.json"), context


def visible(text: str) -> str:
    """What would steer a terminal or turn the direction of writing is shown as its number; line ends and tabs stay."""
    return re.sub(r"[^\n\t -~]", lambda m: escaped(m[0]), text)


def escaped(char: str) -> str:
    if unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp") or char == "\u200d":  # joins emoji
        return char
    return f"\\x{ord(char):02x}" if ord(char) < 256 else f"\\u{ord(char):04x}"


def word_of(tokenizer: Tokenizer, token: int) -> str:
    """One token on one line. Part of a character is shown as its bytes."""
    raw = tokenizer.decode_bytes([token])
    try:
        return visible(raw.decode()).replace("\t", "⇥").replace("\n", "↵")
    except UnicodeDecodeError:
        return "".join(f"\\x{byte:02x}" for byte in raw)


def print_tokens(tokenizer: Tokenizer, ids: list[int], mask: list[int] | None = None) -> None:
    """
    In colour: neighbours differ in shade, special tokens are bold and underlined, what is trained on (mask 1) is green.
    Without: a bar between tokens, and what is trained on in brackets, a|b[c][d].
    """
    from rich.console import Console
    from rich.text import Text

    console, special, line = Console(highlight=False), set(tokenizer.specials.values()), Text()
    colour = console.color_system is not None and not console.no_color
    for n, i in enumerate(ids):
        word, learned = word_of(tokenizer, i), bool(mask and mask[n])
        if colour:
            if mask is None:
                shade = "black on bright_" + ("cyan", "yellow", "green", "magenta")[n % 4]
            else:
                shade = (("black on green", "black on bright_green") if learned else ("", "on bright_black"))[n % 2]
            line.append(word, shade + " bold underline" * (i in special))
        else:
            bar = "|" if n and not learned and not (mask and mask[n - 1]) else ""
            line.append(bar + (f"[{word}]" if learned else word))
        if "↵" in word and b"\n" in tokenizer.decode_bytes([i]):
            line.append("\n")
    console.print(line, soft_wrap=True)


def print_conversation(messages: list[dict], limit: int) -> None:
    """
    role  text, an assistant's calls and what they gave below it; ▌ stands where training learns. limit: characters
    of a turn that are shown, 0 is all.
    """
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    for message in messages:
        role = message["role"]
        parts = [(part["type"], part["text"]) for part in parts_of(message["content"])]
        if parts[0][0] != "text":
            parts.insert(0, ("text", ""))
        for k, (kind, text) in enumerate(parts):
            learned = role == "assistant" and kind != "output"
            name = role if not k else "" if kind == "text" else kind
            rest = len(text) - limit if limit and len(text) > limit * 1.1 else 0
            lines = Text(visible(text[:limit] if rest else text)).split("\n", allow_blank=True)
            if console.is_terminal:
                lines = [row for line in lines for row in line.wrap(console, max(20, console.width - 13))]
            for n, words in enumerate(lines):
                words.stylize("green" if learned else "")
                head = Text("▌ " if learned else "  ", "green")
                head.append(f"{'' if n else name:<10} ", f"bold {ROLE_STYLES.get(name, '')}")
                line = head + words
                line.rstrip()
                console.print(line, soft_wrap=True)
            if rest:
                console.print(Text(f"             … {rest:,} more characters", "dim"))
