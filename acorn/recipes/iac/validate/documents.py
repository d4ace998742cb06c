"""What all YAML kinds share: read the documents, say what is wrong with the YAML, say where a problem stands."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from acorn.recipes.iac.kinds import template
from acorn.recipes.iac.validate.findings import Finding
from acorn.recipes.iac.validate.shape import Problem
from acorn.recipes.iac.yamls import Doc, YamlError, documents

LIMIT = 50  # problems that are told of one document
HOW_TO_FILL = {
    "a Helm template": "helm template . | acorn iac validate -",
    "a Jinja template": "fill it in first, then validate what comes out",
}


def load(
    text: str, dialect: str, tags: dict[str, Callable] | None = None, repeats: str = "error", templates: bool = True
) -> tuple[list[Doc], list[Finding]]:
    """Documents that are not empty. A template is said to be one (a note), and there is no document then."""
    if templates and (what := template(text)):
        return [], [Finding(f"{what}, which is not checked", 1, 1, "template", "note", hint=HOW_TO_FILL[what])]
    try:
        docs = documents(text, dialect, tags)
    except YamlError as error:
        return [], [Finding(f"YAML: {error.message}", error.line, error.column, "yaml")]
    findings = [
        Finding(f"YAML: the key {str(key)[:60]!r} is there twice", line, column, "repeated-key", repeats)
        for one in docs
        for key, line, column in one.repeats[:LIMIT]
    ]
    return [one for one in docs if one.value is not None], findings


def few(problems: Iterable[Problem]) -> Iterator[Problem]:
    """The first LIMIT: looking for more, with a guess for each at what was meant, could take minutes."""
    return islice(problems, LIMIT)


def placed(problem: Problem, doc: Doc, before: str = "", severity: str = "error") -> Finding:
    line, column = doc.position(problem.path)
    return Finding(f"{before}{problem}", line, column, problem.rule, severity)
