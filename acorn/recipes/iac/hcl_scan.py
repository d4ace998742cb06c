"""What the HCL parser's parts stand on: where we are in the text, how errors and references are noted."""

import re
from bisect import bisect_right
from typing import NamedTuple

MAX_DEPTH = 60  # constructs open at once; each takes some five Python frames
IDENT = r"[^\W\d][\w-]*"
INLINE = re.compile(r"(?:[ \t\r]+|#[^\n]*|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
ANY = re.compile(r"(?:\s+|#[^\n]*|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
WORD = re.compile(IDENT)


class HclError(Exception):
    """Not HCL; line and column from 1."""

    def __init__(self, message: str, line: int, column: int):
        super().__init__(message)
        self.message, self.line, self.column = message, line, column


class Use(NamedTuple):
    """A reference. data.aws_ami.x[0].id -> ("data", "aws_ami", "x", "[]", "id"); a splat is "*"."""

    path: tuple[str, ...]
    line: int
    column: int


class Call(NamedTuple):
    name: str
    arguments: int
    expanded: bool  # f(list...)
    length: int  # of its text, in characters
    line: int
    column: int


class Scanner:
    """`at` is the place in the text. A method that reads something leaves it right behind that."""

    def __init__(self, text: str):
        self.text, self.at = text, 0
        self.space = INLINE  # what is skipped between tokens: line ends too, within brackets
        self.depth = 0
        self.scope: list[str] = []  # names that a surrounding for declares
        self.uses: list[Use] = []
        self.calls: list[Call] = []
        self.starts = [0, *(found.end() for found in re.finditer("\n", text))]

    # ---- places and errors -------------------------------------------------------------------------------------

    def place(self, at: int) -> tuple[int, int]:
        line = bisect_right(self.starts, at)
        return line, at - self.starts[line - 1] + 1

    def fail(self, message: str, at: int | None = None):
        raise HclError(message, *self.place(self.at if at is None else at))

    def found(self) -> str:
        """What stands here, for an error."""
        rest = self.text[self.at : self.at + 30]
        if not rest:
            return "the end of the text"
        if rest.startswith("/*"):
            self.fail("the comment /* is not closed by */")
        return "the end of the line" if rest[0] in "\r\n" else repr(re.match(r"\w+|.", rest)[0])

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.fail(f"nested too deep: more than {MAX_DEPTH} levels")

    def char(self) -> str:
        """Skip white space -> the character that comes, or ''."""
        self.at = at = self.space.match(self.text, self.at).end()
        return self.text[at : at + 1]

    def peek(self) -> tuple[str, int]:
        """(the character behind white space, its place); goes nowhere."""
        at = self.space.match(self.text, self.at).end()
        return self.text[at : at + 1], at

    def name(self) -> str:
        self.char()
        if not (found := WORD.match(self.text, self.at)):
            self.fail(f"for needs the name of a variable; found {self.found()}")
        self.at = found.end()
        return found[0]

    def word(self, word: str) -> None:
        self.char()
        if not (found := WORD.match(self.text, self.at)) or found[0] != word:
            self.fail(f"for needs {word!r}; found {self.found()}")
        self.at = found.end()
        self.char()
