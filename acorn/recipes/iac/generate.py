"""
The loop that writes code: draft, validate, compare with the request, put right what was copied wrongly, and where that
is not enough draw again under a grammar, until something is valid and holds what was asked for, or the candidates are
used up. Many requests are worked on together, a round at a time.

The first round is one likeliest reply without a grammar. A grammar changes nothing about a reply that it allows, so it
is compiled and followed only where the draft fails; by then the draft has said which resources it is about.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from acorn.errors import UserError
from acorn.recipes.iac import faithful, request, validate
from acorn.recipes.iac.context import NOTHING, Context
from acorn.recipes.iac.intents import PAIRS
from acorn.recipes.iac.validate.findings import Finding

if TYPE_CHECKING:
    from acorn.infer.engine import Engine
    from acorn.recipes.iac.grammar import Library

LONGEST = 480  # tokens of an answer, where the context holds as many
SHORTEST = 64  # tokens that a request has to leave for its answer
SAMPLES = 8
ROOMY, MENTIONED = 2048, 60  # a model with such a context is told of so many names of the folder


@dataclass(frozen=True)
class Ask:
    request: str
    kind: str
    context: Context = NOTHING  # what stands in the folder that the answer is for
    said: str = ""  # to the model, where that is more than the request


@dataclass(frozen=True)
class Candidate:
    """A reply, and what is wrong with it."""

    text: str
    way: str  # "draft", "grammar" or "sample"
    findings: tuple[Finding, ...]  # errors alone
    missing: tuple[request.Value, ...]  # names and numbers of the request that it does not hold
    look: faithful.Look | None = None  # what it is for, where that is known
    mended: bool = False  # whether values of the request were put in after it was drawn

    @property
    def valid(self) -> bool:
        return not self.findings

    @property
    def known(self) -> bool:
        return self.look is not None

    @property
    def doubts(self) -> list[str]:
        """Where it says something else than the request."""
        return list(self.look.astray) if self.look else [f"{one.text}: asked for" for one in self.missing if one.sure]

    @property
    def done(self) -> bool:
        """Valid, known, and what was asked for."""
        return self.valid and self.known and not self.doubts

    @property
    def will_do(self) -> bool:
        return self.valid and not self.doubts

    @property
    def lost(self) -> tuple[int, int, int]:
        """The smaller the better. What is nothing known is mostly nothing that was asked for."""
        return len(self.findings), len(self.doubts) + 2 * (not self.known), len(self.missing)


@dataclass
class Answer:
    ask: Ask
    candidates: list[Candidate] = field(default_factory=list)

    @property
    def best(self) -> Candidate:
        """The first of the best."""
        return min(self.candidates, key=lambda one: one.lost)

    @property
    def valid(self) -> bool:
        return self.best.valid

    def enough(self, round_: "Round") -> bool:
        """What was asked for in other than words cannot be known."""
        return self.best.will_do if round_.last or self.ask.said else self.best.done


@dataclass(frozen=True)
class Round:
    """
    samples: drawn for each request that is not done. copy: the grammar lets no names be made up. last: an answer that
    will do makes further rounds needless; before, only one that is done does.
    """

    samples: int
    temperature: float
    grammar: bool
    copy: bool
    last: bool


def rounds(samples: int, grammar: bool) -> list[Round]:
    """One draft, then one that is likeliest under the grammar, careful ones, bold ones: together `samples`."""
    second = int(grammar and samples > 1)
    careful = min(3, samples - 1 - second)
    bold = samples - 1 - second - careful
    plan = [
        Round(1, 0.0, False, False, False),
        Round(second, 0.0, grammar, grammar, False),
        Round(careful, 0.4, grammar, grammar, True),
        Round(bold, 0.8, grammar, False, True),
    ]
    return [round_ for round_ in plan if round_.samples > 0]


def prepare(kind: str) -> None:
    """Read the tables and load the parsers that the first request of a kind would wait for."""
    intent = next(intent for intent, its in PAIRS if its == kind)
    request.vocabulary()
    validate.validate(intent.render(intent.draw(Random(0), "train", kind), kind), kind)


def write(
    engine: "Engine",
    asks: Sequence[Ask],
    samples: int = SAMPLES,
    seed: int = 0,
    library: "Library | None" = None,
    drafts: Sequence[str] | None = None,
) -> list[Answer]:
    """
    An answer to each of `asks`, in their order. samples: candidates for each at most. library: the grammars of the
    engine's tokenizer; None draws without. drafts: likeliest replies, where they were drawn before.
    """
    answers = [Answer(ask) for ask in asks]
    prompts = [prompt(engine, ask) for ask in asks]
    wanted = [request.values(ask.request) for ask in asks]
    open_ = list(range(len(asks)))
    for number, round_ in enumerate(rounds(samples, library is not None)):
        left = open_
        if round_.grammar:  # where there is none for a kind, a second likeliest reply would be the draft again
            left = [i for i in open_ if round_.temperature or library.knows(asks[i].kind)]
        if not left:
            continue
        if number == 0 and drafts is not None:
            replies = [[(text, True)] for text in drafts]
        else:
            part, asked = [answers[i] for i in left], [prompts[i] for i in left]
            replies = draw(engine, part, asked, round_, seed + number, library)
        for i, found in zip(left, replies):
            for text, whole in found:
                add(answers[i], judge(asks[i], text, whole, wanted[i], round_), wanted[i])
        open_ = [i for i in open_ if not answers[i].enough(round_)]
        if not open_:
            break
    return answers


def prompt(engine: "Engine", ask: Ask) -> list[int]:
    from acorn.tokenizer.chat import render_prompt

    said = ask.said or request.phrase(ask.request, ask.kind)
    if engine.context >= ROOMY and (names := ask.context.names()):
        said += f"\n\nDeclared already: {', '.join(names[:MENTIONED])}"
    ids = render_prompt(engine.tokenizer, [{"role": "user", "content": said}])
    if len(ids) + SHORTEST > engine.context:
        raise UserError(
            f"the request has {len(ids)} tokens; of the {engine.context} that the model's context holds, "
            f"{SHORTEST} are kept for the answer"
        )
    return ids


def draw(
    engine: "Engine", answers: list[Answer], prompts: list[list[int]], round_: Round, seed: int, library
) -> list[list[tuple[str, bool]]]:
    """For each answer the round's replies: (text, whether it came to its end)."""
    from acorn.infer.sample import Sampling

    limits = [min(LONGEST, engine.context - len(ids)) for ids in prompts]
    sampling = [Sampling(temperature=round_.temperature, max_tokens=limit, seed=seed) for limit in limits]
    guides = []
    if round_.grammar:
        drafts = [[one.text for one in answer.candidates] for answer in answers]
        guides = [library.guide(answer.ask, found, round_.copy) for answer, found in zip(answers, drafts)]
    replies = engine.complete(prompts, sampling, round_.samples, guides)
    texts = [(reply.text, reply.finish == "stop") for reply in replies]
    return [texts[i : i + round_.samples] for i in range(0, len(texts), round_.samples)]


def judge(ask: Ask, text: str, whole: bool, wanted: list[request.Value], round_: Round) -> Candidate:
    way = "grammar" if round_.grammar else "sample" if round_.temperature else "draft"
    text = ask.context.fit(bare(text), ask.kind)
    if not whole:
        cut = Finding("the reply did not come to its end", text.count("\n") + 1)
        return Candidate(text, way, (cut,), tuple(request.missing(wanted, text)))
    return Candidate(text, way, *seen(ask, text, wanted))


def seen(ask: Ask, text: str, wanted: list[request.Value]) -> tuple:
    """(findings, missing, look) of a text."""
    findings = ask.context.errors(text, ask.kind)
    parsed = {} if findings or ask.said else validate.read(text, ask.kind)[0]
    return tuple(findings), tuple(request.missing(wanted, text)), faithful.look(parsed, ask.kind, ask.request)


def add(answer: Answer, candidate: Candidate, wanted: list[request.Value]) -> None:
    """A candidate, and what it becomes when it is put right; a text that is there already is not added again."""
    if any(candidate.text == one.text for one in answer.candidates):
        return
    answer.candidates.append(candidate)
    text = faithful.mended(candidate.look) if candidate.look and candidate.valid else None
    if text and not any(text == one.text for one in answer.candidates):
        text = answer.ask.context.fit(text, answer.ask.kind)
        found = Candidate(text, candidate.way, *seen(answer.ask, text, wanted), mended=True)
        answer.candidates.append(found)


def bare(text: str) -> str:
    """Code alone: what stands in the first fence if there is one; it ends with one newline."""
    if "```" in text:
        inside = text.split("```")[1]
        text = inside.partition("\n")[2] or inside
    return text.rstrip() + "\n"
