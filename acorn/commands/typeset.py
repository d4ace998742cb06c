"""
A reply on a terminal, set as it comes: Markdown with coloured code, and a file that stands bare as code. Whatever can't
change any more is printed for good, only the last piece is drawn again, so that a long reply scrolls as text does.
"""

import re

from rich.console import Console, RenderableType
from rich.live import Live
from rich.markdown import Markdown
from rich.syntax import Syntax

# the page tells files from words in the same way: acorn/serve/page/shape.js
CODE_LINE = re.compile(r"[{}()\[\];,\\]$|^\s{2,}\S|^[\w.-]+\s*[:=](\s|$)|^[A-Z]{2,}\s\S|^[})\]<]|^(#|//)|^---$")
LIST_ITEM = re.compile(r"^\s*([-*+]|\d+[.)])\s")  # in YAML and in Markdown alike, so it says nothing
FENCE = re.compile(r"^ {0,3}(```|~~~)", re.MULTILINE)
LANGUAGES = {
    "json": re.compile(r'^[{\[]\s*($|["{\[\]}\d])'),
    "tf": re.compile(r'^[a-z_]+( "[^"]*")* \{$'),
    "docker": re.compile(r"^[A-Z]{3,} \S"),
    "yaml": re.compile(r"^(---|[\w.-]+:( |$))"),
    "python": re.compile(r"^(def|class|import|from|@)\b"),
}
THEME = "ansi_dark"  # the terminal's own colours, on light and dark ground


class Typeset:
    """`with Typeset(console) as page: page.push(text)` for every bit of the reply."""

    def __init__(self, console: Console):
        self.console, self.live = console, Live(console=console, auto_refresh=False, vertical_overflow="ellipsis")
        self.text, self.printed, self.code = "", 0, False

    def __enter__(self) -> "Typeset":
        self.live.start()
        return self

    def push(self, text: str) -> None:
        self.text += text
        if not self.printed:  # what was printed as words, or as code, can't be taken back
            self.code = is_code(self.text)
        pieces = lines(self.text) if self.code else blocks(self.text)
        for piece in pieces[self.printed : -1]:
            self.console.print(piece)
        self.printed = max(self.printed, len(pieces) - 1)
        self.live.update(pieces[-1] if pieces else "", refresh=True)

    def __exit__(self, *_) -> None:
        self.live.stop()


def is_code(text: str) -> bool:
    """Is it a file, rather than words?"""
    if FENCE.search(text):
        return False
    told = [line for line in text.split("\n") if line.strip() and not LIST_ITEM.match(line)]
    like = sum(bool(CODE_LINE.search(line)) for line in told)
    return like >= 2 and like / len(told) >= 0.75


def language(text: str) -> str:
    first = next((line for line in text.split("\n") if line.strip() and not line.startswith(("#", "//"))), "")
    return next((name for name, begins in LANGUAGES.items() if begins.search(first.rstrip())), "text")


def lines(text: str) -> list[RenderableType]:
    text = text.rstrip("\n")
    coloured = Syntax("", language(text), theme=THEME).highlight(text)  # adds a line break at the end
    return list(coloured.split("\n"))[: text.count("\n") + 1]


def blocks(text: str) -> list[RenderableType]:
    """One piece for each block of Markdown: paragraph, list, table, code."""
    from markdown_it import MarkdownIt

    starts = [token.map[0] for token in MarkdownIt().enable("table").parse(text) if token.map and token.level == 0]
    source = text.split("\n")
    ends = [*starts[1:], len(source)]
    return [Markdown("\n".join(source[a:b]), code_theme=THEME) for a, b in zip(starts, ends) if a < b]
