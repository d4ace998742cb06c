"""
Terraform and OpenTofu: our own parser for the syntax, the providers' schemas for names, types and what is required, and
references that must lead somewhere. A text is judged as a whole configuration: what it uses it has to declare.
"""

from acorn.recipes.iac import schemas
from acorn.recipes.iac.terraform.check import check, load
from acorn.recipes.iac.terraform.plain import plain
from acorn.recipes.iac.validate.findings import Finding

MAX_CHARS = 2_000_000  # 0.5 s
MAX_DEPTH = None  # the parser bounds it


def read(text: str, path: str = "") -> tuple[dict, list[Finding]]:
    """path: only its suffix counts; .json is Terraform's JSON syntax."""
    configuration = load({path: text})
    findings = check(configuration)
    if not configuration.places and not findings:
        return {}, [Finding("no block: a configuration with nothing in it", rule="empty", path=path)]
    parsed = plain(configuration) if configuration.complete else {}
    return parsed, sorted(findings, key=lambda one: (one.line, one.column))


def prepare() -> str:
    """Find the schemas now. -> 'schemas of 16 providers'"""
    return f"schemas of {len(schemas.providers())} providers"
