"""Strings of HCL and what they may hold: escapes, ${interpolations} and %{directives}; texts of several lines."""

import re
from textwrap import dedent

from acorn.recipes.iac.hcl_scan import ANY, IDENT, Scanner

LITERAL = re.compile(r'[^"\\$%\n]+')
LINE = re.compile(r"[^$%\n]*")
ESCAPE = re.compile(r'\\(?:([nrt"\\])|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))')
ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}
HEREDOC = re.compile(rf"<<(-?)({IDENT})\r?\n")
DIRECTIVE = re.compile(r"(if|else|endif|for|endfor)(?![\w-])")


class Templates(Scanner):
    def expression(self):
        raise NotImplementedError  # hcl_expressions.py; each may stand in the other

    def string(self) -> str:
        """ "..." on one line, with escapes and templates."""
        text, start, parts, open_ = self.text, self.at, [], []
        self.at += 1
        while True:
            if found := LITERAL.match(text, self.at):
                parts.append(found[0])
                self.at = found.end()
            char = text[self.at : self.at + 1]
            if char == '"':
                self.at += 1
                self.directives_closed(open_)
                return "".join(parts)
            if char == "\\":
                if not (found := ESCAPE.match(text, self.at)):
                    self.fail(f"there is no escape {text[self.at : self.at + 2]!r} in strings; a backslash is '\\\\'")
                code = found[2] or found[3]
                if code and int(code, 16) > 0x10FFFF:
                    self.fail(f"there is no character {found[0]}")
                parts.append(chr(int(code, 16)) if code else ESCAPES[found[1]])
                self.at = found.end()
            elif char in ("$", "%"):
                parts.append(self.sequence(open_))
            else:
                self.fail("the string is not closed in its line (a text of several lines is written <<EOT)", start)

    def heredoc(self) -> str:
        text, start = self.text, self.at
        if not (head := HEREDOC.match(text, start)):
            self.fail("<< begins a text of several lines: a word such as EOT stands right behind it, alone")
        end = re.compile(rf"[ \t]*{re.escape(head[2])}[ \t\r]*(?=\n|\Z)")
        self.at, open_ = head.end(), []
        line = self.at
        while True:
            if self.at == line and (found := end.match(text, self.at)):
                self.directives_closed(open_)
                value, self.at = text[head.end() : self.at], found.end()
                return dedent(value) if head[1] else value
            self.at = LINE.match(text, self.at).end()
            char = text[self.at : self.at + 1]
            if char == "\n":
                self.at += 1
                line = self.at
            elif char:
                self.sequence(open_)
            else:
                self.fail(f"the text that begins with {head[0].strip()} has no end: {head[2]} alone on a line", start)

    def sequence(self, open_: list) -> str:
        """At $ or %: an interpolation, a directive, an escape or just the character -> as it is written."""
        text, start = self.text, self.at
        sign = text[start]
        if text.startswith(sign * 2 + "{", start):
            self.at += 3
        elif text[start + 1 : start + 2] != "{":
            self.at += 1
        else:
            space, self.space = self.space, ANY
            self.deeper()
            self.at += 3 if text[start + 2 : start + 3] == "~" else 2
            if sign == "$":
                self.char()
                self.expression()
            else:
                self.directive(open_, start)
            if self.char() == "~":
                self.at += 1
            if text[self.at : self.at + 1] != "}":
                self.fail(f"expected '}}' for the {sign}{{ of line {self.place(start)[0]}, found {self.found()}")
            self.at += 1
            self.depth -= 1
            self.space = space
        return text[start : self.at]

    def directive(self, open_: list, start: int) -> None:
        """open_: (word, place, names in scope) of the directives that are not closed yet."""
        self.char()
        if not (found := DIRECTIVE.match(self.text, self.at)):
            self.fail(f"%{{ needs if, else, endif, for or endfor; found {self.found()}")
        word, self.at = found[1], found.end()
        if word == "if":
            self.char()
            self.expression()
            open_.append(("if", start, 0))
        elif word == "for":
            names = [self.name()]
            if self.char() == ",":
                self.at += 1
                names.append(self.name())
            self.word("in")
            self.expression()
            self.scope += names
            open_.append(("for", start, len(names)))
        else:
            opener = {"else": "if", "endif": "if", "endfor": "for"}[word]
            last = open_.pop() if open_ else ("", 0, 0)
            if last[0] != opener and not (word == "endif" and last[0] == "else"):
                self.fail(f"%{{ {word} }} without %{{ {opener} }}", start)
            if word == "else":
                open_.append(("else", last[1], 0))
            if last[2]:
                del self.scope[-last[2] :]

    def directives_closed(self, open_: list) -> None:
        if open_:
            word = "for" if open_[-1][0] == "for" else "if"
            self.fail(f"%{{ {word} }} is not closed by %{{ end{word} }}", open_[-1][1])
