"""
Tasks without data: problems made by rule, graded by rule, as hard as wanted.

    make("add2")                       sums of two numbers of two digits
    make("arithmetic", low=1, high=3)  + - * with one to three digits

A problem belongs to train, val or test (80, 10, 10 %) by a hash of what is asked about: two numbers and what is done to
them, a word, some numbers to sort, a JSON object. The hash knows neither task nor phrasing nor order: a sum that `add2`
holds out is in no training of `arithmetic`, and a word that `spelling` tests is not in what `letters` trains on.

What counts as right is strict, since whatever counts will be learned: the last line of a reply gives the answer, alone
or after `=`, `:`, `####`, `is` or `equals`, and with nothing behind it. A reply of JSON is one object and nothing else.
"""

import hashlib
import json
import random
import re
from collections.abc import Callable, Iterator
from functools import partial

from acorn.errors import UserError, did_you_mean
from acorn.evals.task import SPLITS, Example, Grade, Task

VERSION = 1
OPEN = 1 << 40  # problems of a level that nobody counted
LISTED = 100_000  # a level of so many problems or fewer is shuffled as a whole, so that it can be had to the last
PATIENCE = 20_000  # a larger level has ended where so many draws in a row bring nothing new


class Family:
    """
    One sort of problem. Levels count from 1. A problem of a level is a number below size(level): a number gives the
    same problem for ever.
    """

    name, levels, max_tokens, chance = "", 4, 48, 0.0

    def size(self, level: int) -> int:
        return OPEN

    def problem(self, level: int, number: int) -> dict:
        """-> what answer and grade need, as JSON. A family invents it, or overrides this where it can count."""
        return self.invent(random.Random(f"{self.name} {level} {number}"), level)

    def key(self, data: dict) -> str:
        """What decides the split: equal for problems that give each other away."""
        raise NotImplementedError

    def kind(self, data: dict, level: int) -> str:  # the heading under which a result is counted
        raise NotImplementedError

    def request(self, data: dict, rng: random.Random) -> str:
        raise NotImplementedError

    def answer(self, data: dict) -> str | list[dict]:
        raise NotImplementedError

    def grade(self, data: dict, reply: str) -> Grade:
        raise NotImplementedError


class Arithmetic(Family):
    """Two numbers of `level` digits; the second factor of a product has one digit less."""

    def __init__(self, name: str, signs: str, tool: bool = False):
        self.name, self.signs, self.tool = name, signs, tool

    def size(self, level: int) -> int:
        return sum(len(a) * len(b) for a, b in (operands(sign, level) for sign in self.signs))

    def problem(self, level: int, number: int) -> dict:
        for sign in self.signs:
            first, second = operands(sign, level)
            if number < len(first) * len(second):
                a, b = divmod(number, len(second))
                return {"a": first[a], "sign": sign, "b": second[b]}
            number -= len(first) * len(second)
        raise IndexError(number)

    def key(self, data: dict) -> str:
        a, b = data["a"], data["b"]
        return f"{a}-{b}" if data["sign"] == "-" else f"{min(a, b)}{data['sign']}{max(a, b)}"

    def kind(self, data: dict, level: int) -> str:
        return f"{data['sign']} {level} digit{'s' * (level > 1)}"

    def request(self, data: dict, rng: random.Random) -> str:
        return rng.choice(SUMS[data["sign"]] + SUMS["any"]).format(**data)

    def answer(self, data: dict) -> str | list[dict]:
        value = str(value_of(data))
        return called(f"{data['a']}{data['sign']}{data['b']}", value) if self.tool else value

    def grade(self, data: dict, reply: str) -> Grade:
        return number_grade(reply, value_of(data))


def operands(sign: str, level: int) -> tuple[range, range]:
    of = lambda digits: range(10 ** (digits - 1) if digits > 1 else 0, 10**digits)
    return of(level), of(max(1, level - 1) if sign == "*" else level)


def value_of(data: dict) -> int:
    a, b = data["a"], data["b"]
    return {"+": a + b, "-": a - b, "*": a * b}[data["sign"]]


SUMS = {
    "any": ["{a} {sign} {b} = ?", "What is {a} {sign} {b}?", "Calculate {a} {sign} {b}.", "{a}{sign}{b}"],
    "+": ["Add {a} and {b}.", "What is {a} plus {b}?", "What is the sum of {a} and {b}?"],
    "-": ["Subtract {b} from {a}.", "What is {a} minus {b}?", "Take {b} away from {a}."],
    "*": ["Multiply {a} by {b}.", "What is {a} times {b}?", "What is the product of {a} and {b}?"],
}


class Words(Family):
    def key(self, data: dict) -> str:
        return data["word"]

    def kind(self, data: dict, level: int) -> str:
        return f"{len(data['word'])} letters"


class Letters(Words):
    """How often a letter occurs in a made-up word of 3 + 2 * level letters."""

    chance = 0.27  # of always "2"

    def __init__(self, name: str, tool: bool = False):
        self.name, self.tool = name, tool

    def invent(self, rng: random.Random, level: int) -> dict:
        word = make_word(rng, 3 + 2 * level)
        return {"word": word, "letter": rng.choice(word * 2 + "aeinrst")}

    def request(self, data: dict, rng: random.Random) -> str:
        return rng.choice(
            [
                "How many times does the letter {letter} occur in {word}?",
                "How many {letter}'s are in the word {word}?",
                "Count the letter {letter} in {word}.",
                "How often is {letter} in {word}?",
            ]
        ).format(**data)

    def answer(self, data: dict) -> str | list[dict]:
        value = str(data["word"].count(data["letter"]))
        return called(f'"{data["word"]}".count("{data["letter"]}")', value) if self.tool else value

    def grade(self, data: dict, reply: str) -> Grade:
        return number_grade(reply, data["word"].count(data["letter"]))


class Spelling(Words):
    """The letters of a made-up word of 3 + 2 * level letters, one by one."""

    name, max_tokens = "spelling", 64

    def invent(self, rng: random.Random, level: int) -> dict:
        return {"word": make_word(rng, 3 + 2 * level)}

    def request(self, data: dict, rng: random.Random) -> str:
        return rng.choice(
            [
                "Spell the word {word}.",
                "How is {word} spelled?",
                "Which letters does the word {word} have? List them in order.",
                "Write {word} letter by letter, with commas between.",
            ]
        ).format(**data)

    def answer(self, data: dict) -> str:
        return ", ".join(data["word"])

    def grade(self, data: dict, reply: str) -> Grade:
        found = re.fullmatch(r"(?:.*[:=]|)\s*([a-z](?:[ ,-]+[a-z])*)\.?", last_line(reply).lower())
        if not found:
            return Grade(False, False, "the last line is not a list of letters")
        word = "".join(re.findall("[a-z]", found[1]))
        return Grade(True, word == data["word"], "" if word == data["word"] else f"{word}, not {data['word']}")


class Sorting(Family):
    """2 + level numbers: of one digit at level 1, of up to two from level 2, of up to three at level 4."""

    name, max_tokens = "sorting", 64

    def invent(self, rng: random.Random, level: int) -> dict:
        below = {1: 10, 4: 1000}.get(level, 100)
        return {"numbers": [rng.randrange(below) for _ in range(2 + level)], "down": rng.random() < 0.3}

    def key(self, data: dict) -> str:
        return ",".join(map(str, sorted(data["numbers"])))

    def kind(self, data: dict, level: int) -> str:
        return f"{len(data['numbers'])} numbers"

    def request(self, data: dict, rng: random.Random) -> str:
        numbers = ", ".join(map(str, data["numbers"]))
        if data["down"]:
            asks = ["Sort {} from largest to smallest.", "Put in descending order: {}", "Largest first: {}"]
        else:
            asks = ["Sort {}.", "Sort these numbers: {}", "Put in ascending order: {}", "Smallest first: {}"]
        return rng.choice(asks).format(numbers)

    def answer(self, data: dict) -> str:
        return ", ".join(map(str, sorted(data["numbers"], reverse=data["down"])))

    def grade(self, data: dict, reply: str) -> Grade:
        found = re.fullmatch(r"(?:.*[:=]|)\s*\[?([0-9]{1,9}(?:[ ,]+[0-9]{1,9})*)\]?\.?", last_line(reply))
        if not found:
            return Grade(False, False, "the last line is not a list of numbers")
        given = ", ".join(re.findall("[0-9]+", found[1]))
        right = given == self.answer(data)
        return Grade(True, right, "" if right else f"{given}, not {self.answer(data)}")


class Fields(Family):
    """Make a JSON object of 1 + level fields, or keep some fields of one. The values are to be copied, never known."""

    name, max_tokens = "json", 160
    fields = ("name", "age", "city", "email", "active", "color", "score", "team")

    def invent(self, rng: random.Random, level: int) -> dict:
        whole = {field: self.value(field, rng) for field in rng.sample(self.fields, 1 + level)}
        keep = rng.sample(list(whole), rng.randint(1, level)) if rng.random() < 0.5 else []
        return {"object": whole, "keep": keep}

    def value(self, field: str, rng: random.Random):
        if field in ("age", "score"):
            return rng.randrange(100)
        if field == "active":
            return rng.random() < 0.5
        word = make_word(rng, rng.randint(3, 6))
        return f"{word}@{make_word(rng, 4)}.org" if field == "email" else word.capitalize()

    def key(self, data: dict) -> str:
        return canonical(data["object"])

    def kind(self, data: dict, level: int) -> str:
        return f"{'keep' if data['keep'] else 'make'}, {len(data['object'])} fields"

    def request(self, data: dict, rng: random.Random) -> str:
        if data["keep"]:
            asks = ["Keep only {} of {}", "Give me {} of this as JSON: {}", "Which JSON is left with only {}? {}"]
            return rng.choice(asks).format(listed(data["keep"]), json.dumps(data["object"]))
        asks = ["Write a JSON object with {}.", "As JSON: {}", "Give me JSON with the fields {}."]
        return rng.choice(asks).format(listed([f"{k} {json.dumps(v)}" for k, v in data["object"].items()]))

    def answer(self, data: dict) -> str:
        return json.dumps(self.wanted(data))

    def wanted(self, data: dict) -> dict:
        return {k: v for k, v in data["object"].items() if k in (data["keep"] or data["object"])}

    def grade(self, data: dict, reply: str) -> Grade:
        text = reply.strip()
        if fenced := re.fullmatch(r"```(?:json)?\n(.*)\n```", text, re.DOTALL):
            text = fenced[1]
        try:
            given = canonical(one_object(text))
        except (ValueError, RecursionError) as e:
            return Grade(False, False, f"not one JSON object: {str(e)[:100] or 'nested too deeply'}")
        right = given == canonical(self.wanted(data))
        return Grade(True, right, "" if right else f"{given[:200]}, not {canonical(self.wanted(data))}")


def one_object(text: str) -> dict:
    """ValueError where a key occurs twice, where a value is NaN, and where it is no object or too long."""

    def unique(pairs: list[tuple]) -> dict:
        if len(dict(pairs)) < len(pairs):
            raise ValueError("a key occurs twice")
        return dict(pairs)

    def never(word: str):
        raise ValueError(f"{word} is not JSON")

    if len(text) > 10_000:
        raise ValueError("longer than 10,000 characters")
    found = json.loads(text, object_pairs_hook=unique, parse_constant=never)
    if not isinstance(found, dict):
        raise ValueError(f"it is of type {type(found).__name__}")
    return found


def canonical(value: dict) -> str:
    """Equal for equal objects, whatever the order of keys; 1, 1.0 and true differ."""
    return json.dumps(value, sort_keys=True)


def listed(items: list[str]) -> str:
    """['a', 'b', 'c'] -> 'a, b and c'"""
    return " and ".join([", ".join(items[:-1])] * (len(items) > 1) + items[-1:])


def make_word(rng: random.Random, length: int) -> str:
    """A word of few different letters, so that they repeat: 'sanasi'. Vowels and consonants by turns."""
    consonants, vowels, first = rng.sample("bcdfghklmnprstvw", 3), rng.sample("aeiou", 2), rng.randrange(2)
    return "".join(rng.choice(vowels if (i + first) % 2 else consonants) for i in range(length))


def called(code: str, output: str) -> list[dict]:
    """An answer that asks the calculator first."""
    parts = ("python", code), ("output", output), ("text", output)
    return [{"type": kind, "text": text} for kind, text in parts]


NUMBER = re.compile(r"(?:.*(?:[=:]|####|\bis\b|\bequals\b)\s*|)(-?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+))\.?")


def number_grade(reply: str, value: int) -> Grade:
    found = NUMBER.fullmatch(last_line(reply))
    if not found:
        return Grade(False, False, "the last line does not end in a number after '=', ':', '####', 'is' or 'equals'")
    given = found[1].replace(",", "")  # compared as text: 007 is no way to write 7, and int() has a limit
    return Grade(True, given == str(value), "" if given == str(value) else f"{given[:20]}, not {value}")


def last_line(reply: str) -> str:
    """Without asterisks, since bold is no mistake; '' where it is too long to be an answer."""
    line = reply.rstrip().rpartition("\n")[2].strip().strip("*")
    return line if len(line) <= 1000 else ""


# --- tasks ------------------------------------------------------------------------------------------------------------


def split_of(key: str) -> str:
    """-> 'train', 'val' or 'test'"""
    place = int.from_bytes(hashlib.sha256(f"acorn problem {key}".encode()).digest()[:4], "big") % 10
    return {0: "test", 1: "val"}.get(place, "train")


def task(family: Family, name: str = "", low: int = 1, high: int | None = None) -> Task:
    """The problems of levels `low` to `high`, equally many of each, as long as there are any."""
    high = family.levels if high is None else high
    if not 1 <= low <= high <= family.levels:
        raise UserError(f"{family.name} has levels 1 to {family.levels}, not {low} to {high}")
    whole = (low, high) == (1, family.levels)
    name = name or (family.name if whole else f"{family.name}-{low}" + (f"-{high}" if high > low else ""))

    def examples(split: str, seed: int, count: int) -> list[Example]:
        """The first of a longer list are those of a shorter one."""
        if split not in SPLITS:
            raise UserError(f"no split {split!r}; there are {', '.join(SPLITS)}")
        rng, found = random.Random(f"{family.name} {split} {seed}"), []
        streams = {level: problems(family, level, split, seed) for level in range(low, high + 1)}
        while streams and len(found) < count:
            for level, stream in list(streams.items()):
                data = next(stream, None)
                if data is None:
                    del streams[level]
                    continue
                request, kind = family.request(data, rng), family.kind(data, level)
                found.append(Example(request, kind, data, family.answer(data), level - low))
        return found[:count]

    def grade(example: Example, reply: str) -> Grade:
        return family.grade(example.data, reply)

    return Task(name, VERSION, examples, grade, high - low + 1, family.chance, family.max_tokens)


def problems(family: Family, level: int, split: str, seed: int) -> Iterator[dict]:
    """The problems of a level and split, each once, in the order of the seed."""
    rng, size, seen = random.Random(f"{family.name} {level} {seed}"), family.size(level), set()
    numbers = rng.sample(range(size), size) if size <= LISTED else iter(lambda: rng.randrange(size), None)
    misses = 0
    for number in numbers:
        data = family.problem(level, number)
        if split_of(family.key(data)) == split and (same := canonical(data)) not in seen:
            seen.add(same)
            misses = 0
            yield data
        elif (misses := misses + 1) == PATIENCE and size > LISTED:
            return


PROCEDURAL: dict[str, Callable[..., Task]] = {
    "add2": partial(task, Arithmetic("addition", "+"), "add2", 2, 2),
    "addition": partial(task, Arithmetic("addition", "+")),
    "arithmetic": partial(task, Arithmetic("arithmetic", "+-*")),
    "arithmetic-tool": partial(task, Arithmetic("arithmetic-tool", "+-*", tool=True)),
    "letters": partial(task, Letters("letters")),
    "letters-tool": partial(task, Letters("letters-tool", tool=True)),
    "spelling": partial(task, Spelling()),
    "sorting": partial(task, Sorting()),
    "json": partial(task, Fields()),
}


def make(name: str, **dials) -> Task:
    """make("sorting", low=2, high=3): a task by name; the dials are the lowest and the highest level."""
    if name not in PROCEDURAL:
        raise UserError(f"no task {name!r}.{did_you_mean(name, PROCEDURAL)} There is: {', '.join(PROCEDURAL)}")
    if odd := [dial for dial in dials if dial not in ("low", "high")]:
        raise UserError(f"the task {name} has no dial {odd[0]!r}; its dials are low and high")
    return PROCEDURAL[name](**dials)
