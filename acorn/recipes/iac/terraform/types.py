"""
Types of values, in the letters of the schemas (schemas/__init__.py): what a type constraint asks for, and whether a
value can become that, as Terraform converts: "5" is a number, 5 a string.
"""

import re

from acorn.recipes.iac import hcl
from acorn.recipes.iac.schemas.describe import type_name

NUMBER = re.compile(r"\s*-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\s*")
CONSTRAINTS = {"string": "s", "number": "n", "bool": "b", "any": "a", "list": "La", "set": "Ta", "map": "Ma"}


def computed(value) -> bool:
    """Whether a value is an expression, or a string that holds one."""
    return isinstance(value, str) and re.search(r"(?<!\$)\$\{|(?<!%)%\{", value) is not None


def whole(value) -> bool:
    """Whether a value is one expression and nothing around it: "${f("${x}")}", but not "${a}-${b}\""""
    if not isinstance(value, str) or not value.startswith("${"):
        return False
    depth = 0
    for bracket in re.finditer(r"[{}]", value):
        depth += 1 if bracket[0] == "{" else -1
        if not depth:
            return bracket.end() == len(value)
    return False


def problem(value, code: str, expression: str = "a") -> str:
    """
    Why a value can't be what `code` asks for, or ''. expression: the type of the value where it is one expression and
    that is known.
    """
    if value is None or code == "a":
        return ""
    if whole(value):
        return "" if fits(expression, code) else f"a {type_name(code)} is needed, this is a {type_name(expression)}"
    if isinstance(value, list):
        if code[0] in "LT":
            inner = next((one for item in value if (one := problem(item, code[1:]))), "")
            return inner and f"an item of the list: {inner}"
        return f"a {type_name(code)} is needed, this is a list"
    if isinstance(value, dict):
        if code[0] == "M":
            wrong = ((key, problem(item, code[1:])) for key, item in value.items())
            return next((f"{key}: {one}" for key, one in wrong if one), "")
        return "" if code == "o" else f"a {type_name(code)} is needed, this is an object"
    if code[0] in "LTMo":
        hint = f": [{_short(value)}]" if code[0] in "LT" else ""
        return f"a {type_name(code)} is needed, this is one {_kind(value)}{hint}"
    if code == "b" and not (isinstance(value, bool) or value in ("true", "false", "1", "0") or computed(value)):
        return f"true or false is needed, this is {_short(value)}"
    if code == "n" and (isinstance(value, bool) or isinstance(value, str) and not _number(value)):
        return f"a number is needed, this is {_short(value)}"
    return ""


def _number(text: str) -> bool:
    return computed(text) or NUMBER.fullmatch(text) is not None or text.startswith("0x")


def fits(given: str, wanted: str) -> bool:
    """Whether a value of one type can become one of another, as far as types tell."""
    if "a" in (given, wanted):
        return True
    if given[0] in "LT" or wanted[0] in "LT":
        return given[0] in "LT" and wanted[0] in "LT" and fits(given[1:], wanted[1:])
    if given[0] in "Mo" or wanted[0] in "Mo":
        both = given[0] == wanted[0] == "M"
        return given[0] in "Mo" and wanted[0] in "Mo" and (not both or fits(given[1:], wanted[1:]))
    return {given, wanted} != {"n", "b"}


def of_constraint(value) -> tuple[str, str]:
    """The type of a variable as written: "${list(string)}" -> ('Ls', ''); or ('a', what is wrong)."""
    if not isinstance(value, str):
        return "a", "a type is string, number, bool, any, list(...), set(...), map(...), object({...}) or tuple([...])"
    if not value.startswith("${"):
        return "a", f"{value!r} is a text, not a type; types stand without quotes"
    source = value[2:-1].strip()
    if source in CONSTRAINTS:
        return CONSTRAINTS[source], ""
    head = re.match(r"(\w+)\s*\(", source)
    if not head or not source.endswith(")"):
        return "a", f"{source[:40]} is not a type"
    inside = source[head.end() : -1]
    if head[1] in ("list", "set", "map"):
        code, wrong = of_constraint(f"${{{inside.strip().rstrip(',')}}}")
        return CONSTRAINTS[head[1]][0] + code, wrong
    if head[1] == "object":
        return "o", _object(inside)
    return ("a", "") if head[1] == "tuple" else ("a", f"{head[1]} is not a type")


def _object(source: str) -> str:
    try:
        fields = hcl.parse_expression(source)[0]
    except hcl.HclError as error:
        return error.message
    if not isinstance(fields, dict):
        return "object(...) needs a type for each name in { }"
    for name, value in fields.items():
        if isinstance(value, str) and (optional := re.match(r"\$\{optional\s*\(", value)):
            inside = value[optional.end() : -2]
            try:
                arguments = hcl.parse_expression(f"[{inside}]")[0]
            except hcl.HclError as error:
                return error.message
            if not 1 <= len(arguments) <= 2:
                return f"{name}: optional(...) takes a type and a default"
            value = arguments[0]
        if wrong := of_constraint(value)[1]:
            return f"{name}: {wrong}"
    return ""


def _kind(value) -> str:
    return "bool" if isinstance(value, bool) else "number" if isinstance(value, int | float) else "string"


def _short(value, limit: int = 40) -> str:
    text = f'"{value}"' if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"
