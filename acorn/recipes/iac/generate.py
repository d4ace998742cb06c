"""
The loop that writes code: draft, validate, and where that fails draw again under a grammar, until something is valid
and holds what was asked for, or the candidates are used up. Many requests are worked on together, a round at a time.

The first round is one likeliest reply without a grammar. A grammar changes nothing about a reply that it allows, so it
is compiled and followed only where the draft fails; by then the draft has said which resources it is about.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from acorn.errors import UserError
from acorn.recipes.iac import request
from acorn.recipes.iac.context import NOTHING, Context
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


@dataclass(frozen=True)
class Candidate:
    """A reply, and what is wrong with it."""

    text: str
    way: str  # "draft", "grammar" or "sample"
    findings: tuple[Finding, ...]  # errors alone
    missing: tuple[request.Value, ...]  # names and numbers of the request that it does not hold

    @property
    def valid(self) -> bool:
        return not self.findings

    @property
    def lost(self) -> tuple[int, int, int]:
        """The smaller the better: what is wrong, what is surely missing, what may be."""
        return len(self.findings), sum(value.sure for value in self.missing), len(self.missing)


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


@dataclass(frozen=True)
class Round:
    """
    samples: drawn for each request that is not done. copy: the grammar lets no names be made up. good: what makes
    further rounds needless.
    """

    samples: int
    temperature: float
    grammar: bool
    copy: bool
    good: tuple[int, int, int]


def rounds(samples: int, grammar: bool) -> list[Round]:
    """One draft, then one that is likeliest under the grammar, careful ones, bold ones: together `samples`."""
    enough = (0, 0, 1 << 30)
    second = int(grammar and samples > 1)
    careful = min(3, samples - 1 - second)
    bold = samples - 1 - second - careful
    plan = [
        Round(1, 0.0, False, False, (0, 0, 0)),
        Round(second, 0.0, grammar, grammar, (0, 0, 0)),
        Round(careful, 0.4, grammar, grammar, enough),
        Round(bold, 0.8, grammar, False, enough),
    ]
    return [round_ for round_ in plan if round_.samples > 0]


def write(
    engine: "Engine",
    asks: Sequence[Ask],
    samples: int = SAMPLES,
    seed: int = 0,
    library: "Library | None" = None,
    tick: Callable[[int], None] = lambda n: None,
) -> list[Answer]:
    """
    An answer to each of `asks`, in their order. samples: candidates for each at most. library: the grammars of the
    engine's tokenizer; None draws without. tick(n) is told of n requests that are done.
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
        replies = draw(engine, [answers[i] for i in left], [prompts[i] for i in left], round_, seed + number, library)
        for i, found in zip(left, replies):
            seen = {candidate.text for candidate in answers[i].candidates}
            for text, whole in found:
                candidate = judge(asks[i], text, whole, wanted[i], round_)
                if candidate.text not in seen:
                    answers[i].candidates.append(candidate)
                    seen.add(candidate.text)
        still = [i for i in open_ if not all(a <= b for a, b in zip(answers[i].best.lost, round_.good))]
        tick(len(open_) - len(still))
        open_ = still
        if not open_:
            break
    tick(len(open_))
    return answers


def prompt(engine: "Engine", ask: Ask) -> list[int]:
    from acorn.tokenizer.chat import render_prompt

    said = request.phrase(ask.request, ask.kind)
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
    text = ask.context.fit(bare(text), ask.kind)
    if whole:
        findings = ask.context.errors(text, ask.kind)
    else:
        findings = [Finding("the reply did not come to its end", text.count("\n") + 1)]
    way = "grammar" if round_.grammar else "sample" if round_.temperature else "draft"
    return Candidate(text, way, tuple(findings), tuple(request.missing(wanted, text)))


def bare(text: str) -> str:
    """Code alone: what stands in the first fence if there is one; it ends with one newline."""
    if "```" in text:
        inside = text.split("```")[1]
        text = inside.partition("\n")[2] or inside
    return text.rstrip() + "\n"
