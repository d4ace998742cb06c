"""
Code of one kind -> the same in another. Rules go first: what the code is for is recognised, and rendered in the other
kind. They need no model and are right by construction, but only know what the intents know, and Compose. For the rest a
model is asked, in the words that it was taught, in the loop of generate.py; there a resource of the code counts as kept
when the answer has one of the types that intents put in its place. Whatever way: what comes out validates, and what did
not come along is named.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from random import Random

from acorn.errors import UserError
from acorn.recipes.iac import compose_rules, generate, kinds, opentofu, prompts, validate
from acorn.recipes.iac.intents import INTENTS
from acorn.recipes.iac.pieces import join, pieces
from acorn.recipes.iac.recognise import recognise

Ask = Callable[[str, str, str], generate.Answer]  # (code, kind, kind wanted) -> what a model answers
TOFU = ("opentofu", "tofu")


@dataclass
class Translation:
    text: str = ""  # what could be carried over, validated; "" where that is nothing
    ways: list[str] = field(default_factory=list)  # "unchanged", "rules", "model", one a piece of the code
    lost: list[str] = field(default_factory=list)  # what has no counterpart, by name
    notes: list[str] = field(default_factory=list)  # what a person should know

    @property
    def whole(self) -> bool:
        return bool(self.text) and not self.lost


def translate(code: str, kind: str, to: str, ask: Ask | None = None) -> Translation:
    """kind, to: names of kinds, or opentofu. ask: a model; None: rules alone."""
    kind, to = ("opentofu" if one in TOFU else one for one in (kind, to))
    if kind == to:
        raise UserError(f"from {kind} to {to} there is nothing to translate")
    check(code, "terraform" if kind in TOFU else kind)
    if {kind, to} == {"terraform", "opentofu"}:
        return opentofu.translate(code, to == "opentofu", Translation)
    kind, to = ("terraform" if one in TOFU else one for one in (kind, to))
    result, texts = Translation(), []
    for piece in [code] if whole(code, kind, to) else pieces(code, kind):
        before = len(result.lost)
        text, way = by_rules(piece, kind, to, result)
        if not text and ask:
            text, way = by_model(piece, kind, to, ask, result)
        if text:
            texts.append(text)
            result.ways.append(way)
        elif len(result.lost) == before:
            result.lost += names(piece, kind)
    if texts:
        text = join(texts, to)
        errors = [one for one in validate.validate(text, to) if one.severity == "error"]
        result.lost += [f"the result does not validate: {one}" for one in errors[:3]]
        result.text = "" if errors else text
    return result


def check(code: str, kind: str) -> None:
    if found := kinds.template(code):
        raise UserError(f"this is {found}: what is left open has to be filled in before it can be translated")
    parsed, findings = validate.read(code, kind)
    errors = [one for one in findings if one.severity == "error"]
    if errors or not parsed:
        what = "; ".join(str(one) for one in errors[:3]) or "there is nothing in it"
        raise UserError(f"this is not valid {kind}: {what}", "acorn iac validate FILE")


def whole(code: str, kind: str, to: str) -> bool:
    """Is all of it one thing that is known?"""
    found = recognise(validate.read(code, kind)[0], kind, to)
    return found is not None and not found.extra


def by_rules(piece: str, kind: str, to: str, result: Translation) -> tuple[str, str]:
    """(text, "rules"), or ("", "") where no rule knows this; adds to what is lost, and to the notes."""
    parsed = validate.read(piece, kind)[0]
    found = recognise(parsed, kind, to)
    if found and (not found.extra or (kind, to) != ("compose", "kubernetes")):
        about = f"{found.intent.title} {found.p.get('name') or ''}".strip()
        result.notes += [f"{about}: {one} is set, which the code left open" for one in found.added]
        result.lost += [f"{about}: {one}" for one in found.extra]
        return found.intent.render(found.p, to), "rules"
    if (kind, to) == ("compose", "kubernetes"):
        text, lost, notes = compose_rules.kubernetes(parsed)
        result.lost += lost
        result.notes += notes
        return text, "rules"
    return "", ""


def by_model(piece: str, kind: str, to: str, ask: Ask, result: Translation) -> tuple[str, str]:
    best = ask(piece, kind, to).best
    if not best.valid:
        result.lost += [f"{', '.join(names(piece, kind))}: no answer of the model is valid: {best.findings[0]}"]
        return "", ""
    result.lost += missing(validate.read(piece, kind)[0], kind, validate.read(best.text, to)[0], to)
    if absent := [value.text for value in best.missing if value.sure]:
        result.notes.append(f"not in the answer of the model: {', '.join(absent)}")
    return best.text, "model"


def missing(source: dict, kind: str, result: dict, to: str) -> list[str]:
    """The resources of the source that have no counterpart in the result."""
    known = counterparts(kind, to)
    found = []
    for type_ in source:
        if type_ in SILENT:
            continue
        if type_ not in known:
            found.append(f"{type_}: no counterpart is known in {to}")
        elif not known[type_] & set(result):
            found.append(f"{type_}: none of {', '.join(sorted(known[type_]))} is in the answer")
    return found


SILENT = {"variable", "output", "locals", "provider", "terraform", "play", "name", "version"}


@cache
def counterparts(kind: str, to: str) -> dict[str, set[str]]:
    """{type in one kind: types of which one stands for it in the other}, as the intents have them."""
    found: dict[str, set[str]] = {}
    for intent in INTENTS.values():
        if kind in intent.kinds and to in intent.kinds:
            rng = Random(f"counterparts {intent.name}")
            for _ in range(8):
                p = intent.draw(rng, "train", kind)
                if intent.fits(p, to):
                    there = types(intent.facts(p, to))
                    for type_ in types(intent.facts(p, kind)):
                        found.setdefault(type_, set()).update(there)
    return found


def types(facts: dict) -> set[str]:
    return {path.partition("/")[0] for path, wanted in facts.items() if wanted is not None}


def names(piece: str, kind: str) -> list[str]:
    """What a piece of code declares, as a person would call it."""
    match kind:
        case "terraform":
            found = re.findall(r'^(?:resource|data) "([\w-]+)" "([\w-]+)"', piece, re.MULTILINE)
            return [".".join(one) for one in found] or ["a block that is no resource"]
        case "kubernetes" | "crossplane":
            kinds = re.findall(r"^kind: (\S+)", piece, re.MULTILINE)
            return [f"{one} {name}" for one, name in zip(kinds, re.findall(r"^  name: (\S+)", piece, re.MULTILINE))]
        case "cloudformation":
            found = re.findall(r"^  ([A-Za-z0-9]+):\n(?:    .*\n)*?    Type: (\S+)", piece, re.MULTILINE)
            return [f"{name} ({type_})" for name, type_ in found]
        case "ansible":
            return re.findall(r"^ +(?:- )?((?:[a-z0-9_]+\.){2,}[a-z0-9_]+):", piece, re.MULTILINE) or ["the playbook"]
    return ["the file"]


def model(engine, library, samples: int = generate.SAMPLES, seed: int = 0) -> Ask:
    """A model that is asked in the words it was taught, and whose answers are validated."""

    def ask(code: str, kind: str, to: str) -> generate.Answer:
        (answer,) = generate.write(engine, [asked(code, kind, to)], samples, seed, library)
        return answer

    return ask


def asked(code: str, kind: str, to: str) -> generate.Ask:
    return generate.Ask(code, to, said=prompts.translate(code, kind, to))


def replies(engine, codes: Sequence[tuple[str, str, str]], plain: Sequence[str], seed: int) -> list[str]:
    """Evaluation: rules first, then the model, with its plain replies as drafts. (code, kind, to) -> text or ''"""
    from acorn.recipes.iac.grammar import Library

    made = [translate(*one) for one in codes]
    found = [one.text if one.whole else "" for one in made]
    left = [i for i, text in enumerate(found) if not text]
    if not left:
        return found
    asks = [asked(*codes[i]) for i in left]
    answers = generate.write(
        engine, asks, seed=seed, library=Library(engine.tokenizer), drafts=[plain[i] for i in left]
    )
    for i, answer in zip(left, answers):
        if answer.valid:
            found[i] = translate(*codes[i], ask=lambda code, kind, to, answer=answer: answer).text
    return found
