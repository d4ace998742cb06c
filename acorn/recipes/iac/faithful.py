"""
Does code do what a request said? What the code is for is recognised, and said again in words: its names, numbers and
options have to be in the request, and those of the request in it. So an answer can be judged that nobody has an answer
key for; and where a value was copied wrongly, the request's own can be put in its place.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache
from random import Random
from re import compile as pattern

from acorn.recipes.iac import request
from acorn.recipes.iac.intents import INTENTS, Intent, Phrasing
from acorn.recipes.iac.recognise import Match, recognise

DRAWS = 24
TURNS = (0x1B873593, 0x5BD1E995)  # two ways to choose among words
STEPS = 4  # values of an answer that are put right at most
SPOKEN = pattern(r"[^\s\",;()=]+")
MARKUP = pattern(r"[\[\]<>|;]")
NUMBER = pattern(r"(\d+)[A-Za-z%]*")


@dataclass(frozen=True)
class Look:
    """What code is for, and where it says something else than the request."""

    match: Match
    kind: str
    request: str
    astray: tuple[str, ...]


def look(parsed: dict, kind: str, text: str) -> Look | None:
    """None where the code is nothing that is known."""
    if not parsed:
        return None
    found = recognise(parsed, kind, among=request.nearest(text, kind, 2))
    if found is None:
        return None
    if (own := checked(found.intent, found.p, kind, text)) is None:
        return None
    return Look(found, kind, text, (*(f"{one}: not asked for" for one in found.extra), *own[0]))


def checked(intent: Intent, p: dict, kind: str, text: str) -> tuple[list[str], str] | None:
    """(where parameters and a request differ, the code for them); None where parameters do not go together."""
    try:
        return (problems(intent, p, kind, text), intent.render(p, kind)) if intent.fits(p, kind) else None
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        return None


def problems(intent: Intent, p: dict, kind: str, text: str) -> list[str]:
    """Where parameters and a request differ."""
    said, known = words_of(text), habits(intent.name, kind)
    found = [f"{key} {one}: not asked for" for key in known.literal for one in scalars(p[key]) if unsaid(one, said)]
    own = intent.options(p)
    found += [f"{phrase}: not asked for" for phrase in own if phrase in known.options and unsaid(phrase, said)]
    spoken = set().union(*map(words_of, own)) if own else set()
    found += [f"{one}: asked for" for one in known.options if words_of(one) <= said and unsaid(one, spoken)]
    return found + [f"{value}: asked for" for value in left_out(intent, p, kind, text)]


def left_out(intent: Intent, p: dict, kind: str, text: str) -> list[str]:
    """The names and numbers of a request that nobody would say who wants these parameters."""
    words = sayable(intent, p, kind)
    return [value.text for value in request.values(text) if unsaid(value.text, words)]


def sayable(intent: Intent, p: dict, kind: str) -> set[str]:
    """Every word that a request for these parameters can have."""
    phrasings = [Phrasing(template(intent.name), turn) for turn in TURNS]
    return set().union(*(words_of(intent.describe(p, kind, one)) for one in phrasings))


@cache
def template(name: str) -> str:
    """All that a request for an intent says, one after the other."""
    intent = INTENTS[name]
    every = " ".join((intent.parts, *intent.train, "{thing} {thing} {thing} {tool} {tool} {code}"))
    return MARKUP.sub(" ", every)


@dataclass(frozen=True)
class Habits:
    literal: frozenset[str]  # parameters that requests say as they are
    options: tuple[str, ...]  # phrases for options that are always said alike, and only where they are on
    drawn: dict[str, tuple]  # the values that parameters had
    near: dict[str, frozenset[str]]  # the words before and behind the value of a parameter: "called <", "> replicas"


@cache
def habits(name: str, kind: str) -> Habits:
    """How people ask for an intent, learned from requests."""
    rng, intent = Random(f"habits {name}"), INTENTS[name]
    wanted = [intent.draw(rng, "train", kind) for _ in range(DRAWS)]
    asked = [(p, intent.describe(p, kind, intent.phrasing(rng, "train"))) for p in wanted]
    draws = [(p, words_of(text), intent.options(p)) for p, text in asked]
    keys = list(draws[0][0])
    literal = [key for key in keys if not any(unsaid(one, said) for p, said, _ in draws for one in scalars(p[key]))]
    phrases = Counter(phrase for _, _, own in draws for phrase in own)
    alike = [
        phrase
        for phrase in sorted(phrases)
        if phrases[phrase] > 1 and all(unsaid(phrase, said) != told(phrase, own) for _, said, own in draws)
    ]
    drawn = {key: tuple({repr(p[key]): p[key] for p, _, _ in draws}.values()) for key in keys}
    near: dict[str, set[str]] = {key: set() for key in keys}
    for p, text in asked:
        around = neighbours(text)
        for key in keys:
            near[key].update(*(around.get(one.lower(), ()) for one in scalars(p[key])))
    return Habits(frozenset(literal), tuple(alike), drawn, {key: frozenset(found) for key, found in near.items()})


def neighbours(text: str) -> dict[str, set[str]]:
    """{word: what stands before and behind it}"""
    said, found = spoken(text), {}
    for before, word, behind in zip(["", *said], said, [*said[1:], ""]):
        found.setdefault(word, set()).update((f"{before} <" if before else "<", f"> {behind}"))
    return found


def told(phrase: str, own: list[str]) -> bool:
    return any(not unsaid(phrase, words_of(one)) for one in own)


# --- putting right ----------------------------------------------------------------------------------------------------


def mended(look: Look) -> str | None:
    """The code with what the request says in place of what nobody said; None where that does not help."""
    intent, p, kind = look.match.intent, look.match.p, look.kind
    if look.match.extra or not look.astray:
        return None
    wrong, text = len(look.astray), None
    for _ in range(STEPS):
        tried = []
        for number, (new, likely) in enumerate(moves(intent, p, kind, look.request)):
            if found := checked(intent, new, kind, look.request):
                tried.append((len(found[0]), -likely, number, new, found[1]))
        if not tried or min(tried)[0] >= wrong:
            break
        wrong, _, _, p, text = min(tried)
        if not wrong:
            break
    return text


def moves(intent: Intent, p: dict, kind: str, text: str) -> Iterator[tuple[dict, float]]:
    """
    Parameters with one of them changed, and how likely that is meant. A plain word becomes a value only where the word
    before it says so.
    """
    said, known = words_of(text), habits(intent.name, kind)
    counts = Counter(spoken(text))
    used = Counter(word for key in known.literal for one in scalars(p[key]) for word in spoken(one))
    around, values = neighbours(text), {value.text: value for value in request.values(text)}
    left = [values[word] for word in left_out(intent, p, kind, text)]
    for key in p:
        others = [value for value in known.drawn[key] if value != p[key]]
        if key not in known.literal:  # one of a few values that have other names in requests
            yield from (({**p, key: value}, 0.0) for value in others)
            continue
        cues = {v.text: around.get(v.text.lower(), set()) & known.near[key] for v in left}
        meant = {word: bool(found) for word, found in cues.items()}
        words = [v.text for v in left if v.sure or any(cue.endswith(" <") for cue in cues[v.text])]
        for place, old in places(p[key], (key,)):
            if unsaid(old, said) or any(used[word] > counts[word] for word in spoken(old)):
                for word in words:
                    if (new := typed(word, old)) is not None:
                        alike = SequenceMatcher(None, str(old), str(new)).ratio()
                        yield replaced(p, place, new), 2 * meant[word] + alike
        like = next((one for value in known.drawn[key] for _, one in places(value, (key,))), None)
        fits = [(new, 2.0 * meant[word]) for word in words if (new := typed(word, like)) is not None]
        if isinstance(p[key], list):
            yield from (({**p, key: [*p[key], new]}, likely) for new, likely in fits)
            yield from (({**p, key: [one for one in p[key] if one != old]}, 0.0) for old in p[key] if unsaid(old, said))
        elif not scalars(p[key]):
            yield from (({**p, key: new}, likely) for new, likely in fits)
        yield from (({**p, key: one}, 0.0) for one in others if not any(unsaid(word, said) for word in scalars(one)))


def typed(word: str, like) -> str | int | None:
    """A word of a request as a value of the type of another; '40Gi' is the number 40. None if it can't be one."""
    if isinstance(like, str):
        return word
    number = NUMBER.fullmatch(word)
    return int(number[1]) if number and isinstance(like, int) else None


def places(value, path: tuple = ()) -> Iterator[tuple[tuple, object]]:
    """(place, name or number) of everything in a parameter; a key of a mapping is at (..., key, None)."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield (*path, key, None), key
            yield from places(one, (*path, key))
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from places(one, (*path, number))
    elif value is not None and not isinstance(value, bool):
        yield path, value


def replaced(value, place: tuple, new):
    """A copy with something else at a place."""
    if not place:
        return new
    first, rest = place[0], place[1:]
    if isinstance(value, list):
        return [replaced(one, rest, new) if number == first else one for number, one in enumerate(value)]
    if rest == (None,):
        return {new if key == first else key: one for key, one in value.items()}
    return {key: replaced(one, rest, new) if key == first else one for key, one in value.items()}


# --- words ------------------------------------------------------------------------------------------------------------


def unsaid(text, said: set[str]) -> bool:
    return not words_of(text) <= said


def words_of(text) -> set[str]:
    return set(spoken(text))


def spoken(text) -> list[str]:
    return [word for one in SPOKEN.findall(str(text)) if (word := one.strip(request.EDGE).lower())]


def scalars(value) -> list[str]:
    """The names and numbers of a parameter; whether something is on is no name."""
    if isinstance(value, dict):
        return [one for pair in value.items() for part in pair for one in scalars(part)]
    if isinstance(value, list):
        return [one for part in value for one in scalars(part)]
    return [] if value is None or isinstance(value, bool) else [str(value)]
