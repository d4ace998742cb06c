"""
Does a value have the shape that a JSON schema wants? In sentences that name the field and what was meant, about 100
times as fast as a general library: what Kubernetes, CRDs, Compose and CloudFormation use of JSON schema, nothing else.
The schema may be a stranger's (a CRD in the same folder), so work is counted and doubtful patterns are left out.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from acorn.errors import did_you_mean

LIMIT = 20  # problems that are told of one value
STEPS = 300_000  # about a second
NAMES = {dict: "a mapping", list: "a list", str: "a string", bool: "a boolean", int: "an integer", float: "a number"}
WANTED = {"object": "a mapping", "array": "a list", "string": "a string", "boolean": "a boolean",
          "integer": "an integer", "number": "a number", "null": "nothing"}  # fmt: skip
RANGES = {"int32": 2**31, "int64": 2**63}
REPEATED_GROUP = re.compile(r"\)[*+{]")


@dataclass(frozen=True)
class Problem:
    path: tuple
    message: str  # without the path
    rule: str

    def __str__(self) -> str:
        return f"{dotted(self.path)}: {self.message}" if self.path else self.message


def dotted(path: tuple) -> str:
    """('spec', 'ports', 0, 'a.b') -> spec.ports[0]['a.b']"""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif isinstance(part, str) and re.fullmatch(r"[\w$-]+", part):
            text += f".{part}"
        else:
            text += f"[{str(part)[:60]!r}]"
    return text.removeprefix(".")


class TooMuch(Exception):
    """The work on one value has no end in sight."""


class Shape:
    """
    resolve(ref) gives the schema behind a $ref. trusted: the schema is ours. accept(value) says that a value is left
    alone whatever is wanted (an expression that something fills in later). noun: what the keys of a mapping are called.
    loose: the program that reads this converts between strings, numbers and booleans. doubtful(value): a field with
    this value may turn out not to be there.
    """

    def __init__(
        self,
        resolve: Callable[[str], dict] | None = None,
        trusted: bool = True,
        accept: Callable[[object], bool] | None = None,
        noun: str = "field",
        loose: bool = False,
        doubtful: Callable[[object], bool] = lambda value: False,
    ):
        self.resolve, self.trusted, self.accept, self.noun, self.loose = resolve, trusted, accept, noun, loose
        self.doubtful = doubtful
        self.steps = 0

    def check(self, value, schema: dict | bool, path: tuple = ()) -> list[Problem]:
        found: list[Problem] = []
        self.steps = 0
        try:
            self._walk(value, schema, path, found)
        except (TooMuch, RecursionError):
            found.append(Problem((), "too much to check: the rest was not looked at", "too-much"))
        except (TypeError, AttributeError, ValueError, KeyError) as error:
            if self.trusted:
                raise
            found.append(Problem((), f"the schema that was given can't be used: {str(error)[:100]}", "broken-schema"))
        return found[:LIMIT]

    def fits(self, value, schema: dict | bool) -> bool:
        found: list[Problem] = []
        self._walk(value, schema, (), found)
        return not found

    def _walk(self, value, schema, path: tuple, found: list[Problem]) -> None:
        self.steps += 1
        if self.steps > STEPS:
            raise TooMuch
        if len(found) >= LIMIT:
            return
        if schema is True or (self.accept is not None and self.accept(value)):
            return
        if schema is False:
            found.append(Problem(path, "nothing may stand here", "unknown-field"))
            return
        if "$ref" in schema and self.resolve is not None:
            self._walk(value, self.resolve(schema["$ref"]), path, found)
            if len(schema) <= 2:  # with a description beside it
                return
        if value is None and (schema.get("nullable") or schema.get("x-kubernetes-int-or-string")):
            return
        if not self._type(value, schema, path, found):
            return
        if "enum" in schema and not self._among(value, schema["enum"]):
            self._say_enum(value, schema["enum"], path, found)
        if "const" in schema and value != schema["const"]:
            found.append(Problem(path, f"{short(value)} is not {short(schema['const'])}", "wrong-value"))
        if isinstance(value, dict):
            self._object(value, schema, path, found)
        elif isinstance(value, list):
            self._array(value, schema, path, found)
        elif isinstance(value, str):
            self._string(value, schema, path, found)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            self._number(value, schema, path, found)
        self._combined(value, schema, path, found)

    def _type(self, value, schema: dict, path: tuple, found: list[Problem]) -> bool:
        if schema.get("x-kubernetes-int-or-string"):
            wanted = ["integer", "string"]
        else:
            wanted = schema.get("type")
        if wanted is None:
            return True
        wanted = [wanted] if isinstance(wanted, str) else wanted
        if any(self._is(value, one) for one in wanted):
            return True
        names = " or ".join(WANTED.get(one, str(one)) for one in wanted if one != "null" or len(wanted) == 1)
        found.append(Problem(path, f"{short(value)} is {name(value)}, wanted {names}", "wrong-type"))
        return False

    def _is(self, value, wanted: str) -> bool:
        if isinstance(value, bool):
            return wanted == "boolean" or (self.loose and wanted == "string")
        if isinstance(value, int | float):
            whole = isinstance(value, int) or (math.isfinite(value) and value == int(value))
            return (
                wanted == "number"
                or (wanted == "integer" and whole)
                or (self.loose and wanted in ("string", "boolean"))
            )
        if self.loose and isinstance(value, str) and wanted in ("integer", "number", "boolean"):
            return loosely(value, wanted)
        return isinstance(value, {"object": dict, "array": list, "string": str, "null": type(None)}.get(wanted, ()))

    def _among(self, value, choices: list) -> bool:
        if any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in choices):
            return True
        return self.loose and any(str(value).lower() == str(one).lower() for one in choices)

    def _say_enum(self, value, choices: list, path: tuple, found: list[Problem]) -> None:
        choices = [one for one in choices if one not in (None, "")]
        near = did_you_mean(str(value)[:60], [str(one) for one in choices]) if isinstance(value, str) else ""
        some = ", ".join(str(one) for one in choices[:8]) + (", ..." if len(choices) > 8 else "")
        found.append(Problem(path, f"{short(value)} is not one of {some}.{near}", "wrong-value"))

    def _object(self, value: dict, schema: dict, path: tuple, found: list[Problem]) -> None:
        known = schema.get("properties") or {}
        patterns = schema.get("patternProperties") or {}
        extra = schema.get("additionalProperties", True)
        for key, one in value.items():
            here = (*path, key)
            if key in known:
                self._walk(one, known[key], here, found)
                continue
            matched = [inner for pattern, inner in patterns.items() if self._matches(pattern, str(key))]
            for inner in matched:
                self._walk(one, inner, here, found)
            if matched:
                continue
            if len(found) >= LIMIT:
                return
            if extra is False:
                near = did_you_mean(str(key)[:60], [one for one in known if one not in value])
                found.append(Problem(here, f"there is no {self.noun} {str(key)[:60]}.{near}", "unknown-field"))
            elif extra is not True:
                self._walk(one, extra, here, found)
        for key in schema.get("required") or ():
            if key not in value:
                found.append(Problem(path, f"{self.noun} {key} is missing", "missing-field"))
        self._size(len(value), schema, "Properties", "entry", path, found)
        if "propertyNames" in schema:
            for key in value:
                self._walk(key, schema["propertyNames"], (*path, key), found)
        for key, needs in (schema.get("dependentRequired") or {}).items():
            for one in needs if key in value else ():
                if one not in value:
                    found.append(Problem(path, f"{key} needs {one} beside it", "missing-field"))
        for key, others in (schema.get("dependentExcluded") or {}).items():
            for one in others if key in value and not self.doubtful(value[key]) else ():
                if one in value and not self.doubtful(value[one]):
                    found.append(Problem((*path, key), f"{key} and {one} exclude each other", "exclusive-fields"))
        one_of = [key for key in schema.get("requiredXor") or () if not self.doubtful(value.get(key))]
        if one_of and sum(key in value for key in one_of) != 1 and len(one_of) == len(schema["requiredXor"]):
            found.append(Problem(path, f"exactly one of {', '.join(one_of)} is wanted", "missing-field"))
        if (some_of := schema.get("requiredOr")) and not any(key in value for key in some_of):
            found.append(Problem(path, f"one of {', '.join(some_of)} is wanted", "missing-field"))

    def _array(self, value: list, schema: dict, path: tuple, found: list[Problem]) -> None:
        items = schema.get("items", True)
        for index, one in enumerate(value):
            inner = items if not isinstance(items, list) else items[index] if index < len(items) else True
            if inner is not True:
                self._walk(one, inner, (*path, index), found)
        self._size(len(value), schema, "Items", "item", path, found)
        if schema.get("uniqueItems"):
            seen = set()
            for index, one in enumerate(value):
                if (mark := repr(one)) in seen:
                    found.append(Problem((*path, index), f"{short(one)} is there twice", "repeated"))
                seen.add(mark)

    def _size(self, size: int, schema: dict, what: str, thing: str, path: tuple, found: list[Problem]) -> None:
        least, most = schema.get(f"min{what}"), schema.get(f"max{what}")
        if least is not None and size < least:
            found.append(Problem(path, f"{count(size, thing)}, at least {least} wanted", "too-few"))
        if most is not None and size > most:
            found.append(Problem(path, f"{count(size, thing)}, at most {most} allowed", "too-many"))

    def _string(self, value: str, schema: dict, path: tuple, found: list[Problem]) -> None:
        self._size(len(value), schema, "Length", "character", path, found)
        pattern = schema.get("pattern")
        if isinstance(pattern, str) and not self._matches(pattern, value):
            found.append(Problem(path, f"{short(value)} does not fit the pattern {pattern[:120]}", "wrong-value"))

    def _matches(self, pattern: str, value: str) -> bool:
        """True too where we can't tell: a stranger's pattern may repeat a group, which can take for ever."""
        if not self.trusted and (REPEATED_GROUP.search(pattern) or len(pattern) > 500 or len(value) > 500):
            return True
        compiled = compiled_pattern(pattern)
        return compiled is None or compiled.search(value) is not None

    def _number(self, value: int | float, schema: dict, path: tuple, found: list[Problem]) -> None:
        low, high = schema.get("minimum"), schema.get("maximum")
        if isinstance(low, int | float):
            over = schema.get("exclusiveMinimum") is True
            if value < low or (over and value == low):
                found.append(Problem(path, f"{short(value)} is too small: at least {low}", "out-of-range"))
        if isinstance(high, int | float):
            under = schema.get("exclusiveMaximum") is True
            if value > high or (under and value == high):
                found.append(Problem(path, f"{short(value)} is too big: at most {high}", "out-of-range"))
        bound = RANGES.get(schema.get("format", ""))
        if bound and not -bound <= value < bound:
            found.append(Problem(path, f"{short(value)} does not fit into {schema['format']}", "out-of-range"))

    def _combined(self, value, schema: dict, path: tuple, found: list[Problem]) -> None:
        for inner in schema.get("allOf") or ():
            self._walk(value, inner, path, found)
        for word in ("anyOf", "oneOf"):
            if not (choices := schema.get(word)):
                continue
            tries = []
            for inner in choices:
                tries.append([])
                self._walk(value, inner, path, tries[-1])
            fit = sum(not one for one in tries)
            if not fit:
                found += self._nearest(value, tries, path)
            elif fit > 1 and word == "oneOf" and not self._same_type(choices):
                found.append(Problem(path, "fits several forms of which exactly one is wanted", "wrong-value"))
        if "not" in schema and self.fits(value, schema["not"]):
            found.append(Problem(path, "is just what must not stand here", "wrong-value"))
        if "if" in schema:
            branch = "then" if self.fits(value, schema["if"]) else "else"
            if branch in schema:
                self._walk(value, schema[branch], path, found)

    @staticmethod
    def _same_type(choices: list) -> bool:
        """oneOf over plain types that overlap (integer, number): either will do."""
        return all(isinstance(one, dict) and set(one) <= {"type", "format", "description"} for one in choices)

    @staticmethod
    def _nearest(value, tries: list[list[Problem]], path: tuple) -> list[Problem]:
        """What the best of the failed branches says; of branches that fail by their type alone, all types at once."""
        deeper = [one for one in tries if not (len(one) == 1 and one[0].rule == "wrong-type" and one[0].path == path)]
        if deeper:
            return min(deeper, key=len)
        wanted = list(dict.fromkeys(one[0].message.rpartition(", wanted ")[2] for one in tries))
        return [Problem(path, f"{short(value)} is {name(value)}, wanted {' or '.join(wanted)}", "wrong-type")]


@cache
def compiled_pattern(pattern: str) -> re.Pattern | None:
    """None for what Python's engine does not know (\\p{L}): such a pattern is not checked."""
    try:
        return re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return None


def loosely(text: str, wanted: str) -> bool:
    """Does a string read as a boolean or a number, where a program converts it?"""
    if wanted == "boolean":
        return text.lower() in ("true", "false")
    return (
        re.fullmatch(r"[-+]?\d+" if wanted == "integer" else r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?", text)
        is not None
    )


def name(value) -> str:
    return "nothing" if value is None else NAMES.get(type(value), type(value).__name__)


def short(value, limit: int = 60) -> str:
    if isinstance(value, dict | list):
        return "this" if value else "{}" if isinstance(value, dict) else "[]"
    text = "null" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def count(n: int, thing: str) -> str:
    plural = {"entry": "entries"}.get(thing, f"{thing}s")
    return f"{n:,} {thing if n == 1 else plural}"
