"""
The calculator: what a model writes between <|python_start|> and <|python_end|>, worked out by our own small parser.

    run_tool("1,200 * 3 / 7")              '514.285714285714'
    run_tool("0.1 + 0.2")                  '0.3'         numbers are exact fractions until they are printed
    run_tool("'a,b,c'.count(',') + 1")     '3'
    run_tool("open('x')")                  None          no calculator expression: no answer

Nothing is looked up by name and no Python is run. Length, nesting and the size of every number on the way are bounded,
so an answer takes less than a few milliseconds and a few hundred digits whatever is asked.
"""

import re
from fractions import Fraction

MAX_LENGTH = 256  # characters of an expression
MAX_DEPTH = 32  # nested parentheses, signs and powers
MAX_BITS = 1024  # of a numerator or denominator, at every step: about 300 digits
SIGNIFICANT = 15  # digits shown of a result that has no short decimal form

NUMBER = re.compile(r"(\d{1,3}(?:,\d{3})+(?![\d,])|\d+)?(\.\d*)?([eE][+-]?\d{1,3})?", re.ASCII)
STRING = re.compile(r"""'((?:[^'\\\n]|\\['"\\nt])*)'|"((?:[^"\\\n]|\\['"\\nt])*)\"""")
ESCAPES = {"\\n": "\n", "\\t": "\t", "\\'": "'", '\\"': '"', "\\\\": "\\"}


class NoExpression(Exception):
    """This is not calculator language, or its numbers are out of bounds."""


def run_tool(code: str) -> str | None:
    """The value of a calculator expression as text; None if it is none, or has no value within the bounds."""
    if len(code) > MAX_LENGTH:
        return None
    try:
        return show(Parser(code.strip()).whole())
    except (NoExpression, ZeroDivisionError, OverflowError):
        return None


class Parser:
    """Recursive descent with Python's precedence. Every method eats what it names and gives its value."""

    def __init__(self, text: str):
        self.text, self.at, self.depth = text, 0, 0

    def whole(self) -> Fraction:
        value = self.sum()
        self.skip_blanks()
        if self.at < len(self.text):
            raise NoExpression
        return value

    def sum(self) -> Fraction:
        value = self.product()
        while sign := self.accept("+", "-"):
            right = self.product()
            value = bounded(value + right if sign == "+" else value - right)
        return value

    def product(self) -> Fraction:
        value = self.signed()
        while sign := self.accept("//", "*", "/", "%"):
            right = self.signed()
            if sign == "*":
                value = bounded(value * right)
            elif sign == "/":
                value = bounded(value / right)
            else:
                value = bounded(Fraction(value // right) if sign == "//" else value % right)
        return value

    def signed(self) -> Fraction:
        if sign := self.accept("-", "+"):
            value = self.deeper(self.signed)
            return -value if sign == "-" else value
        return self.power()

    def power(self) -> Fraction:
        base = self.atom()
        if self.accept("**"):
            return power(base, self.deeper(self.signed))  # to the right first: 2**3**2 is 2**9, 2**-1 is a half
        return base

    def atom(self) -> Fraction:
        if self.accept("("):
            value = self.deeper(self.sum)
            self.expect(")")
            return value
        if self.peek() in ("'", '"'):
            return self.count()
        found = NUMBER.match(self.text, self.at)
        whole, decimals, exponent = found.groups()
        if not whole and (not decimals or decimals == "."):
            raise NoExpression
        self.at = found.end()
        if self.text[self.at : self.at + 1].isalnum() or self.text[self.at : self.at + 1] in ("_", "."):
            raise NoExpression  # 3x, 1.2.3
        digits = (whole or "").replace(",", "") + (decimals or ".")[1:]
        if len(digits) > 300:
            raise NoExpression
        tens = int((exponent or "e0")[1:]) - len((decimals or ".")[1:])
        return bounded(Fraction(int(digits)) * power(Fraction(10), Fraction(tens)))

    def count(self) -> Fraction:
        """'strawberry'.count('r')"""
        text = self.string()
        self.expect(".")
        self.expect("count")
        self.expect("(")
        part = self.string()
        self.expect(")")
        return Fraction(text.count(part))

    def string(self) -> str:
        self.skip_blanks()
        found = STRING.match(self.text, self.at)
        if not found:
            raise NoExpression
        self.at = found.end()
        inside = found.group(1) if found.group(1) is not None else found.group(2)
        return re.sub(r"\\.", lambda m: ESCAPES[m.group()], inside)

    def deeper(self, part) -> Fraction:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise NoExpression
        value = part()
        self.depth -= 1
        return value

    def skip_blanks(self) -> None:
        while self.text[self.at : self.at + 1] in (" ", "\t", "\n", "\r"):
            self.at += 1

    def peek(self) -> str:
        self.skip_blanks()
        return self.text[self.at : self.at + 1]

    def accept(self, *signs: str) -> str:
        """Eat one of these and name it, or ''. A single star is not eaten from a double one."""
        self.skip_blanks()
        for sign in signs:
            if self.text.startswith(sign, self.at) and not (sign == "*" and self.text.startswith("**", self.at)):
                self.at += len(sign)
                return sign
        return ""

    def expect(self, word: str) -> None:
        if not self.accept(word):
            raise NoExpression


def bounded(value: Fraction) -> Fraction:
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > MAX_BITS:
        raise NoExpression
    return value


def power(base: Fraction, exponent: Fraction) -> Fraction:
    """Exact for whole exponents, to double precision for others; the size is known before the work is done."""
    if exponent.denominator == 1:
        if base in (1, -1):
            return base ** (exponent.numerator % 2)
        if base == 0 and exponent > 0:
            return base
        bits = max(abs(base.numerator).bit_length(), base.denominator.bit_length())
        if (bits - 1) * abs(exponent) > MAX_BITS:
            raise NoExpression
        return bounded(base**exponent.numerator)
    if base < 0:
        raise NoExpression  # a complex number
    return bounded(Fraction(f"{float(base) ** float(exponent):.{SIGNIFICANT}g}"))


def show(value: Fraction) -> str:
    """Whole numbers and short decimals exactly, others to 15 significant digits."""
    if value.denominator == 1:
        return str(value.numerator)
    places = 0
    while places <= SIGNIFICANT and 10**places % value.denominator:
        places += 1
    if places <= SIGNIFICANT:
        digits = str(abs(value.numerator) * 10**places // value.denominator).rjust(places + 1, "0")
        return f"{'-' if value < 0 else ''}{digits[:-places]}.{digits[-places:]}"
    return f"{float(value):.{SIGNIFICANT}g}"
