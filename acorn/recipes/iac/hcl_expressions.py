"""
Expressions of HCL: one recursive descent over the text, which also notes every reference and call on the way.

A value comes out as plain Python where it is literal, and as "${source text}" where it has to be computed. Strings keep
their ${...} and %{...} as written; $${ and %%{ stay doubled, so that a literal one is never taken for a template.
"""

import re

from acorn.recipes.iac.hcl_scan import ANY, IDENT, INLINE, WORD, Call, Use
from acorn.recipes.iac.hcl_templates import Templates

_SIMPLE = rf'(?:"([^"\\$%\n]*)"|(-?\d+(?:\.\d+)?)|({IDENT}(?:\.{IDENT})*))'
SIMPLE = {  # a whole expression that is one literal or one reference, by what white space may stand behind it
    INLINE: re.compile(rf"{_SIMPLE}(?=[ \t]*(?:[\n,\])}}]|\Z))"),
    ANY: re.compile(rf"{_SIMPLE}(?=\s*[,\])}}])"),
}
KEY = re.compile(rf'(?:({IDENT})|"([^"\\$%\n]*)")[ \t]*[=:](?![=>])[ \t]*')
FUNCTION = re.compile(rf"{IDENT}(?:::{IDENT})*")
NUMBER = re.compile(r"\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
OPERATOR = re.compile(r"\|\||&&|==|!=|>=|<=|[><+\-*/%]")
FOR = re.compile(r"for(?![\w-])")
IF = re.compile(r"if(?![\w-])")
DIGITS = re.compile(r"\d+")
STAR = re.compile(r"\*\s*\]")
CONSTANTS = {"true": True, "false": False, "null": None}


class Expressions(Templates):
    """A method that reads something begins at `at` and leaves it right behind what it has read."""

    def expression(self):
        """condition ? yes : no, or operands and operators in a row: for what is asked here, precedence is no matter."""
        text, start = self.text, self.at
        if simple := SIMPLE[self.space].match(text, start):
            return self.simple(simple)
        value, alone = self.operand(), True
        while True:
            char, at = self.peek()
            if char == "?":
                self.at = at + 1
                self.char()
                self.deeper()
                self.expression()
                self.depth -= 1
                if self.char() != ":":
                    self.fail(f"a condition needs a second value: expected ':', found {self.found()}")
                self.at += 1
            elif operator := OPERATOR.match(text, at):
                self.at = operator.end()
            else:
                return value if alone else f"${{{text[start : self.at]}}}"
            alone = False
            self.char()
            self.operand()

    def simple(self, match: re.Match):
        string, number, name = match.groups()
        self.at = match.end()
        if string is not None:
            return string
        if number is not None:
            return float(number) if "." in number or len(number) > 20 else int(number)
        if name in CONSTANTS:
            return CONSTANTS[name]
        self.use(tuple(name.split(".")), match.start())
        return f"${{{name}}}"

    def use(self, path: tuple[str, ...], at: int) -> None:
        if path[0] not in self.scope:
            self.uses.append(Use(path, *self.place(at)))

    def operand(self):
        """A term with what is before and behind it: -a.b[0]"""
        text, start = self.text, self.at
        while text[self.at : self.at + 1] in ("-", "!"):
            self.at += 1
            self.char()
        bare, root = self.at == start, self.at
        value, name = self.term()
        path = [name] if name else None
        stepped = self.steps(path)
        if path:
            self.use(tuple(path), root)
        elif not stepped and bare:
            return value
        return f"${{{text[start : self.at]}}}"

    def steps(self, path: list[str] | None) -> bool:
        """.name, .0, .*, [index], [*] behind a term, added to `path`. -> whether there were any"""
        text, any_ = self.text, False
        while True:
            char, at = self.peek()
            if char == "." and text[at : at + 3] != "...":
                self.at = at + 1
                char = self.char()
                if word := WORD.match(text, self.at):
                    step, self.at = word[0], word.end()
                elif char == "*":
                    step, self.at = "*", self.at + 1
                elif number := DIGITS.match(text, self.at):
                    step, self.at = "[]", number.end()
                    if text[self.at : self.at + 1] == "." and DIGITS.match(text, self.at + 1):
                        self.fail(f"of indices in a row, each stands in brackets: [{number[0]}][...]")
                else:
                    self.fail(f"behind the dot, the name of an attribute is missing: found {self.found()}")
            elif char == "[":
                step = self.index(at)
            else:
                return any_
            any_ = True
            if path is not None:
                path.append(step)

    def index(self, at: int) -> str:
        self.at = at + 1
        space, self.space = self.space, ANY
        self.deeper()
        if self.char() == "*" and (star := STAR.match(self.text, self.at)):
            self.at, step = star.end(), "*"
        else:
            self.expression()
            if self.char() != "]":
                self.fail(f"the index is not closed: expected ']', found {self.found()}")
            self.at, step = self.at + 1, "[]"
        self.depth -= 1
        self.space = space
        return step

    def term(self) -> tuple[object, str]:
        """(value, "") or, for a reference, (None, its root)"""
        text, start = self.text, self.at
        char = text[start : start + 1]
        if char == '"':
            return self.string(), ""
        if char == "[":
            return self.brackets(self.list), ""
        if char == "{":
            return self.brackets(self.object), ""
        if char == "(":
            self.brackets(self.group)
            return f"${{{text[start : self.at]}}}", ""
        if name := FUNCTION.match(text, start):
            self.at = name.end()
            char, at = self.peek()
            if char == "(":
                self.at = at
                self.call(name[0], start)
                return f"${{{text[start : self.at]}}}", ""
            if "::" in name[0]:
                self.fail(f"behind {name[0]}, the arguments in ( ) are missing")
            return (CONSTANTS[name[0]], "") if name[0] in CONSTANTS else (None, name[0])
        if number := NUMBER.match(text, start):
            self.at = number.end()
            literal = number[0]
            return (int(literal) if literal.isdigit() and len(literal) < 20 else float(literal)), ""
        if char == "<" and text[start : start + 2] == "<<":
            return self.heredoc(), ""
        if char == "'":
            self.fail('strings stand in double quotes ("), not in single ones')
        self.fail(f"expected a value, found {self.found()}")

    def brackets(self, inside):
        """Enter and leave a pair of brackets; `inside` reads from behind the first to behind the second."""
        start, space = self.at, self.space
        self.deeper()
        self.at += 1
        value = inside(start)
        self.depth -= 1
        self.space = space
        return value

    def group(self, start: int):
        self.space = ANY
        self.char()
        value = self.expression()
        self.close(")", start)
        return value

    def close(self, bracket: str, start: int) -> None:
        if self.char() != bracket:
            line = self.place(start)[0]
            self.fail(f"expected {bracket!r} for the {self.text[start]!r} of line {line}, found {self.found()}")
        self.at += 1

    def list(self, start: int):
        self.space = ANY
        if self.char() == "f" and FOR.match(self.text, self.at):
            return self.for_(start, "]")
        values = []
        while self.char() != "]":
            values.append(self.expression())
            if self.char() == ",":
                self.at += 1
            elif self.text[self.at : self.at + 1] != "]":
                self.missing_comma("]", start)
        self.at += 1
        return values

    def missing_comma(self, bracket: str, start: int):
        line, found = self.place(start)[0], self.found()
        self.fail(f"expected ',' or {bracket!r} (for the {self.text[start]!r} of line {line}), found {found}")

    def call(self, name: str, start: int) -> None:
        def inside(opened: int) -> None:
            self.space = ANY
            count, expanded = 0, False
            while self.char() != ")":
                self.expression()
                count += 1
                char = self.char()
                if char == "." and self.text.startswith("...", self.at):
                    self.at, expanded = self.at + 3, True
                    self.close(")", opened)
                    break
                if char == ",":
                    self.at += 1
                elif char != ")":
                    self.missing_comma(")", opened)
            else:
                self.at += 1
            self.calls.append(Call(name, count, expanded, self.at - start, *self.place(start)))

        self.brackets(inside)

    def object(self, start: int):
        """{ key = value, "key" = value, (expression) = value }; a comma or a line end between items."""
        self.at = ANY.match(self.text, self.at).end()
        if FOR.match(self.text, self.at):
            self.space = ANY
            return self.for_(start, "}")
        text, values, self.space = self.text, {}, INLINE
        while True:
            self.at = ANY.match(text, self.at).end()
            if text[self.at : self.at + 1] == "}":
                self.at += 1
                return values
            if key := KEY.match(text, self.at):
                name, self.at = key[1] or key[2] or "", key.end()
            else:
                name = self.key(start)
            self.char()
            values[name] = self.expression()
            if (char := self.char()) == ",":
                self.at += 1
            elif char not in ("\n", "}"):
                self.missing_comma("}", start)

    def key(self, start: int) -> str:
        """A key that is no plain word: (var.name), "a-${b}", 1"""
        at, first = self.at, len(self.uses)
        if at >= len(self.text):
            self.close("}", start)
        value = self.expression()
        source = self.text[at : self.at]
        if len(self.uses) > first and source == self.uses[first].path[0]:
            del self.uses[first:]  # a bare word is the key itself
        if WORD.match(source):
            value = source
        if self.char() not in ("=", ":") or self.text.startswith("==", self.at):
            self.fail(f"behind the key {source[:40]}, '=' and a value are missing: found {self.found()}")
        self.at += 1
        return value if isinstance(value, str) else str(value).lower()

    def for_(self, start: int, bracket: str) -> str:
        """for k, v in collection : value [if condition]; in an object, k => v... instead of the value."""
        self.at += 3
        names = [self.name()]
        if self.char() == ",":
            self.at += 1
            self.char()
            names.append(self.name())
        self.word("in")
        self.expression()
        if self.char() != ":":
            self.fail(f"for ... in ... needs ':' and a value; found {self.found()}")
        self.at += 1
        self.scope += names
        self.char()
        self.expression()
        if bracket == "}":
            self.char()
            if not self.text.startswith("=>", self.at):
                self.fail(f"for in {{ }} needs 'key => value'; found {self.found()}")
            self.at += 2
            self.char()
            self.expression()
            self.char()
            if self.text.startswith("...", self.at):
                self.at += 3
        elif self.char() == "=":
            self.fail("'key => value' makes an object: for stands in { }, not in [ ]")
        self.char()
        if IF.match(self.text, self.at):
            self.at += 2
            self.char()
            self.expression()
        self.close(bracket, start)
        del self.scope[-len(names) :]
        return f"${{{self.text[start : self.at]}}}"
