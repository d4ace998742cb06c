"""
What a request asks for, as facts about the *parsed* answer: `{"aws_s3_bucket/bucket": "billing-archive", ...}`.
Order and formatting of the answer do not matter; a value that is missing, different or there twice is a problem.
"""

import re


class Missing:
    """What `find` returns when nothing stands at a path."""

    def __repr__(self) -> str:
        return "missing"


MISSING = Missing()
UNITS = {"": 1, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


class Quantity(str):
    """A Kubernetes quantity: '500m' is 0.5 and '1Gi' is '1024Mi'."""


class Refers(str):
    """
    An expression that names this resource type, whatever its label: Refers('aws_vpc') fits ${aws_vpc.main.id}. In
    CloudFormation a name does not say its type: Refers('AWS::IAM::Role') fits every !Ref and !GetAtt; the validator
    says whether it leads somewhere.
    """


class Like(str):
    """A string that matches this pattern as a whole."""


class Each:
    """
    A list of as many items as given, in any order, each with its own facts: Each({"type": "A"}, {"type": "B"}). Where
    the list has one item, a path goes on into it, so there one dict of facts is enough.
    """

    def __init__(self, *facts: dict):
        self.facts = facts

    def __repr__(self) -> str:
        return f"{len(self.facts)} of them: {', '.join(map(str, self.facts))}"

    def fits(self, got) -> bool:
        left = list(got) if isinstance(got, list) else [got]
        if len(left) != len(self.facts):
            return False
        for facts in self.facts:
            fitting = [one for one in left if not compare(facts, one)]
            if not fitting:
                return False
            left.remove(fitting[0])
        return True


def find(parsed, path: str):
    """The value at 'a/b/c'. A list of exactly one item is looked through; of several, the whole list is returned."""
    for part in path.split("/"):
        if isinstance(parsed, list) and len(parsed) == 1:
            parsed = parsed[0]
        if not isinstance(parsed, dict) or part not in parsed:
            return parsed if isinstance(parsed, list) and len(parsed) > 1 else MISSING
        parsed = parsed[part]
    return parsed


def compare(facts: dict, parsed) -> list[str]:
    """A problem for every fact that does not hold. None means: must not be there."""
    problems = []
    for path, want in facts.items():
        got = find(parsed, path)
        if not same(want, got):
            asked = "must not be there" if want is None else f"asked for {want!r}"
            problems.append(f"{path}: {short(got)}, {asked}")
    return problems


def same(want, got) -> bool:
    if want is None:
        return got is MISSING or got is None or got == []
    if isinstance(want, Each):
        return want.fits(got)
    if isinstance(want, bool):
        return got is want or got == str(want).lower()
    if isinstance(got, bool):
        return False
    if isinstance(want, Refers) and "::" in want:
        return isinstance(got, dict) and len(got) == 1 and got.keys() <= {"Ref", "Fn::GetAtt"}
    if isinstance(want, Refers):
        return isinstance(got, str) and re.fullmatch(rf"\$\{{{want}\.\w+(\[[^\]]+\])?\.\w+\}}", got) is not None
    if isinstance(want, Like):
        return isinstance(got, str) and re.fullmatch(want, got) is not None
    if isinstance(want, Quantity):
        return quantity(want) == quantity(got)
    if isinstance(want, dict):
        return isinstance(got, dict) and want.keys() == got.keys() and all(same(want[key], got[key]) for key in want)
    if isinstance(want, set | frozenset):
        return isinstance(got, list) and sorted(map(str, want)) == sorted(map(str, got))
    if isinstance(want, list | tuple):
        return isinstance(got, list) and len(want) == len(got) and all(same(a, b) for a, b in zip(want, got))
    return isinstance(got, str | int | float) and str(want) == str(got)


def quantity(text) -> float | None:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([A-Za-z]{0,2})", str(text))
    return float(match[1]) * UNITS[match[2]] if match and match[2] in UNITS else None


def short(value, limit: int = 60) -> str:
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"
