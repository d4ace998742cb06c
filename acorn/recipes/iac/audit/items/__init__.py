"""A text of some kind -> the items that rules look at. Where it can't be parsed, Unread says why and where."""

from acorn.recipes.iac.audit.rule import Item
from acorn.recipes.iac.validate.findings import bounds

MAX_CHARS = 1_000_000


class Unread(Exception):
    """Why a text can't be audited."""

    def __init__(self, message: str, line: int = 0, column: int = 0, rule: str = "unreadable"):
        super().__init__(message)
        self.message, self.line, self.column, self.rule = message, line, column, rule


def read(text: str, kind: str, path: str = "") -> list[Item]:
    """Every item of a text. Raises Unread."""
    from acorn.recipes.iac import hcl, kinds, yamls
    from acorn.recipes.iac.audit.items import ansible, dockerfile, manifests, stacks, terraform

    if problems := bounds(text, MAX_CHARS, None):
        if problems[0].rule == "empty":
            return []
        raise Unread(problems[0].message, problems[0].line, problems[0].column, problems[0].rule)
    if kind not in ("terraform", "dockerfile") and (what := kinds.template(text)) and kind != "ansible":
        raise Unread(f"{what}: it can be audited once it is filled in", rule="template")
    try:
        if kind == "terraform":
            return stacks.terraform_json(text) if path.endswith(".json") else terraform.items(text)
        if kind == "dockerfile":
            return dockerfile.items(text)
        if kind == "ansible":
            return ansible.items(text)
        if kind in ("kubernetes", "crossplane"):
            return manifests.items(text)
        return stacks.compose(text) if kind == "compose" else stacks.cloudformation(text)
    except (hcl.HclError, yamls.YamlError) as error:
        raise Unread(f"can't be parsed: {error.message}", error.line, error.column) from error
