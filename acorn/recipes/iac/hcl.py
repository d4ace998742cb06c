"""
HCL text -> blocks and arguments with their places, or an HclError that says what is wrong and where.

The parser is our own and accepts what `terraform fmt` accepts. tree-sitter-hcl and python-hcl2 both take two arguments
on one line, blocks within a block of one line, strings over several lines and objects without commas for valid HCL, and
python-hcl2 needs 5 to 14 ms for a document; this one needs less than 1 ms.
"""

import re
from dataclasses import dataclass, field

from acorn.recipes.iac.hcl_expressions import Expressions
from acorn.recipes.iac.hcl_scan import ANY, WORD, Call, HclError, Use

__all__ = ["Attr", "Block", "Body", "Call", "HclError", "Use", "parse", "parse_expression", "parse_template"]

HEAD = re.compile(rf"({WORD.pattern})[ \t]*(?:=(?!=)[ \t]*|(\{{))?")
PLAIN = re.compile(r"[^$%]*")
LABEL = re.compile(rf'[ \t]*(?:"([^"\\$%\n]+)"|({WORD.pattern}))')


@dataclass(slots=True)
class Attr:
    """name = text"""

    name: str
    value: object  # plain Python; what has to be computed is a string "${...}"
    line: int
    column: int
    text: str  # the expression as it is written
    uses: list[Use]  # references in it
    calls: list[Call]  # functions that it calls


@dataclass(slots=True)
class Block:
    """type "label" ... { body }"""

    type: str
    labels: tuple[str, ...]
    body: "Body"
    line: int
    column: int


@dataclass(slots=True)
class Body:
    attributes: dict[str, Attr] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)
    twice: list[Attr] = field(default_factory=list)  # arguments that were set before; the first one counts


def parse(text: str) -> Body:
    return Parser(text).configuration()


def parse_expression(text: str):
    """'{ a = var.b }' -> (its value, its uses, its calls)"""
    parser = Parser(text)
    parser.space = ANY
    parser.char()
    value = parser.expression()
    if parser.char():
        parser.fail(f"did not expect {parser.found()} behind the expression")
    return value, parser.uses, parser.calls


def parse_template(text: str) -> tuple[list[Use], list[Call]]:
    """'a-${var.b}', the text of a string without its quotes -> (its uses, its calls)"""
    parser, open_ = Parser(text), []
    while parser.at < len(text):
        parser.at = PLAIN.match(text, parser.at).end()
        if parser.at < len(text):
            parser.sequence(open_)
    parser.directives_closed(open_)
    return parser.uses, parser.calls


class Parser(Expressions):
    """The structure around the expressions."""

    def configuration(self) -> Body:
        self.at = 1 if self.text.startswith("\ufeff") else 0
        self.suspect = ""  # where a block seems to lack its }
        return self.body(None)

    def body(self, opener: Block | None) -> Body:
        """Up to the } of `opener`, which is read too, or up to the end of the text."""
        text, body = self.text, Body()
        while True:
            self.at = ANY.match(text, self.at).end()
            char = text[self.at : self.at + 1]
            if char == "}" and opener:
                self.at += 1
                return body
            if not char:
                if opener:
                    self.unclosed(opener)
                return body
            self.item(body, opener)
            if (char := self.char()) not in ("\n", ""):
                self.fail(f"the next argument or block begins on a new line; found {self.found()}")

    def item(self, body: Body, opener: Block | None) -> None:
        """An argument or a block, added to `body`."""
        text, start = self.text, self.at
        if not (head := HEAD.match(text, start)):
            if text[start] == "}":
                self.fail("this } closes nothing")
            self.fail(f"expected the name of an argument or a block, found {self.found()}")
        name, self.at = head[1], head.end()
        line, column = self.place(start)
        if head[2]:
            self.block(body, Block(name, (), Body(), line, column), opener)
        elif "=" in head[0]:
            self.attribute(body, name, line, column)
        elif (char := self.char()) == "=" and not text.startswith("==", self.at):  # behind a comment
            self.at += 1
            self.attribute(body, name, line, column)
        elif char == "{":
            self.at += 1
            self.block(body, Block(name, (), Body(), line, column), opener)
        else:
            self.block(body, Block(name, self.labels(name), Body(), line, column), opener)

    def attribute(self, body: Body, name: str, line: int, column: int) -> None:
        if self.char() in ("\n", ""):
            self.fail(f"behind {name} =, the value is missing")
        start, uses, calls = self.at, len(self.uses), len(self.calls)
        value = self.expression()
        source = self.text[start : self.at]
        attribute = Attr(name, value, line, column, source, self.uses[uses:], self.calls[calls:])
        if name in body.attributes:
            body.twice.append(attribute)
        else:
            body.attributes[name] = attribute

    def labels(self, name: str) -> tuple[str, ...]:
        """Of a block, up to and with its {."""
        labels = []
        while (char := self.char()) != "{":
            if label := LABEL.match(self.text, self.at):
                labels.append(label[1] or label[2])
                self.at = label.end()
            elif char == '"':
                at = self.at
                if "${" in (value := self.string()) or "%{" in value:
                    self.fail("the label of a block is fixed text: no ${...}", at)
                labels.append(value)
            elif char == ":" and not labels:
                self.fail(f"{name}: an argument is set with =, not with :")
            elif labels:
                self.fail(f"{name} needs '{{' for a block or '=' for an argument; found {self.found()}")
            else:
                self.fail(f"{name} stands alone: an argument needs '=' and a value, a block needs '{{'")
        self.at += 1
        return tuple(labels)

    def block(self, body: Body, block: Block, opener: Block | None) -> None:
        """Behind the {. On one line, a block holds at most one argument."""
        if opener and block.column == 1 and opener.column == 1 and not self.suspect:
            where = f"of line {opener.line} is not closed before line {block.line}"
            self.suspect = f"{title(opener)} {where}: a }} is missing"
        self.deeper()
        body.blocks.append(block)
        if (char := self.char()) == "\n":
            block.body = self.body(block)
        elif char == "}":
            self.at += 1
        elif not char:
            self.unclosed(block)
        else:
            self.single(block)
        self.depth -= 1

    def single(self, block: Block) -> None:
        head = HEAD.match(self.text, self.at)
        if not head or head[2] or "=" not in head[0]:
            self.fail(f"on one line, {title(block)} can hold one argument; found {self.found()}. Begin a new line")
        (line, column), self.at = self.place(self.at), head.end()
        self.attribute(block.body, head[1], line, column)
        if self.char() != "}":
            what = f"{title(block)} can hold one argument; begin a new line behind the {{"
            self.fail(f"on one line, {what}; found {self.found()}")
        self.at += 1

    def unclosed(self, block: Block) -> None:
        self.at = len(self.text.rstrip())
        message = self.suspect or f"{title(block)} of line {block.line} is not closed: a }} is missing"
        self.fail(message, max(self.at - 1, 0))


def title(block: Block) -> str:
    """resource "aws_vpc" "main" """
    return " ".join([block.type, *(f'"{label}"' for label in block.labels)])
