"""
What a trained model is asked about a finding: what the code is, in a sentence, and how to write it without the finding.
A model makes things up, so its sentence is shown only when the code holds what it names, and of its code only what
differs from the text in one place, where the finding is. (Whether that patch holds is looked at like any other.)
"""

import re
from collections.abc import Callable, Iterable, Iterator
from difflib import SequenceMatcher

from acorn.recipes.iac import prompts

LARGEST = 6  # lines that a patch may take away, or add
LONGEST = 400  # characters of a sentence about code
ENDS = ".:,*-"
SIGN = re.compile(r"[\d_./:@*-]")  # what only this code can hold has one of these inside, or comes after "name"
NAMED = re.compile(r"[\w./:@*-]+")
CALLED = re.compile(r"\b(?:name|called) ([\w./:@*-]+)")
WORD = re.compile(r"[a-z]{2,}\d*")
# Words that fit any code: they are no sign that it was read.
COMMON = set(
    "this that the and with for from into only one two its own are was has have not can web app name named "
    "called terraform kubernetes manifest ansible playbook docker dockerfile compose cloudformation crossplane "
    "template".split()
)

# (code, kind, title of the rule, as training says it) -> ways to write the code, the best first
Propose = Callable[[str, str, str], Iterable[str]]
Explain = Callable[[str, str], str]  # (code, kind) -> a sentence, or ''


def asking(engine, samples: int = 4) -> Propose:
    """The likeliest answer first, then others; nothing where the code is too long for the model."""
    from acorn.recipes.iac.generate import bare

    def propose(code: str, kind: str, message: str) -> Iterator[str]:
        seen = set()
        for text in answers(engine, prompts.fix(code, kind, message), code, samples):
            if (new := bare(text)) not in seen:
                seen.add(new)
                yield new

    return propose


def explaining(engine) -> Explain:
    def explain(code: str, kind: str) -> str:
        text = next(answers(engine, prompts.explain(code, kind), "", 1), "").strip()
        return text if fits(text, code) else ""

    return explain


def answers(engine, said: str, code: str, samples: int) -> Iterator[str]:
    """Replies that came to their end, each drawn when it is wanted."""
    from acorn.infer.sample import Sampling
    from acorn.tokenizer.chat import render_prompt

    ids = render_prompt(engine.tokenizer, [{"role": "user", "content": said}])
    room = engine.context - len(ids)
    if room < len(engine.tokenizer.encode(code)) + 32:
        return
    for seed in range(samples):
        [reply] = engine.complete([ids], Sampling(temperature=0.7 * bool(seed), max_tokens=room, seed=seed))
        if reply.finish == "stop":
            yield reply.text


def fits(text: str, code: str) -> bool:
    """Whether a sentence is about this code: what it names stands there, and so do words of its first part."""
    if not text or len(text) > LONGEST or "\n" in text or "{" in text:
        return False
    lower = code.lower()
    named = [one for word in NAMED.findall(text) if SIGN.search(one := word.strip(ENDS))]
    named += [one.strip(ENDS) for one in CALLED.findall(text)]
    if any(one.lower() not in lower for one in named):
        return False
    here = set(WORD.findall(lower))
    about = [word for word in WORD.findall(text.lower().split(":")[0]) if len(word) > 2 and word not in COMMON]
    return any(word in here or word.removesuffix("s") in here for word in about)


def strays(old: str, new: str, first: int, one) -> str:
    """
    Why a model's patch is not looked at, or ''. first: the line of the file where `old` begins. one: the Found. Lines
    are compared without the spaces within them; where something is missing, none may go.
    """
    was, now = (text.split("\n") for text in (old, new))
    matcher = SequenceMatcher(None, *([" ".join(line.split()) for line in text] for text in (was, now)), False)
    changes = [part[1:] for part in matcher.get_opcodes() if part[0] != "equal"]
    changes = [(a, b, c, d) for a, b, c, d in changes if any(map(str.strip, was[a:b] + now[c:d]))]
    if len(changes) != 1:
        return "it changes more than one place"
    [(a, b, c, d)] = changes
    if max(b - a, d - c) > LARGEST:
        return f"it changes more than {LARGEST} lines"
    low, high = stands(one)
    lost = [i for i in range(a, b) if not low <= first + i <= high]
    return "it takes away what the finding is not about" if lost else ""


def stands(one) -> tuple[int, int]:
    """The first and the last line of what the finding is about; (1, 0) where something is missing."""
    item, path = one.item, one.hit.path
    if item.type.startswith("docker/"):
        return item.base if item.type != "docker/file" else (1, 0)
    value = item.body
    for part in path:
        if not (isinstance(value, dict) and part in value or isinstance(value, list) and part in range(len(value))):
            return 1, 0
        value = value[part]
    line = one.place[0]
    return (line, line + LARGEST) if path else (1, 0)
