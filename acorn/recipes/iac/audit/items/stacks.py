"""CloudFormation, Compose and Terraform's JSON -> items."""

from acorn.recipes.iac import yamls
from acorn.recipes.iac.audit.items.manifests import _roots
from acorn.recipes.iac.audit.items.terraform import decoded, from_json
from acorn.recipes.iac.audit.rule import Item


class Tags(dict):
    """!Ref and !Condition by their names, !Sub as Fn::Sub; any other tag, such as those of Rain, in that way too."""

    def __contains__(self, tag) -> bool:
        return True

    def __missing__(self, tag: str):
        name = tag[1:] if tag in ("!Ref", "!Condition") else f"Fn::{tag[1:]}"
        return lambda value: {name: value}


TAGS = Tags()


def cloudformation(text: str) -> list[Item]:
    """Resources by their type, parameters as cfn/Parameter. Raises yamls.YamlError."""
    found = []
    for doc in yamls.documents(text, "1.1", TAGS):
        template = doc.value if isinstance(doc.value, dict) else {}
        parameters = {
            name: one["Default"]
            for name, one in _mapping(template.get("Parameters")).items()
            if isinstance(one, dict) and one.get("Default") is not None and "AllowedValues" not in one
        }
        for name, one in _mapping(template.get("Parameters")).items():
            found.append(_make(doc, "cfn/Parameter", str(name), _mapping(one), ("Parameters", name)))
        for name, one in _mapping(template.get("Resources")).items():
            if not isinstance(one, dict) or not isinstance(one.get("Type"), str):
                continue
            top = _make(doc, "cfn/resource", str(name), one, ("Resources", name))
            written = _mapping(one.get("Properties"))
            item = _make(doc, one["Type"], str(name), _filled(written, parameters), (*top.base, "Properties"), top)
            item.written = written
            found += [top, item]
    return found


def _filled(value, parameters: dict):
    """With the default of a parameter where it is referred to; policies in JSON opened up."""
    if isinstance(value, dict):
        name = value.get("Ref") if len(value) == 1 else None
        if isinstance(name, str) and name in parameters:
            return parameters[name]
        return {key: _filled(one, parameters) for key, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, parameters) for one in value]
    return decoded(value) if isinstance(value, str) else value


def compose(text: str) -> list[Item]:
    """Services as compose/service, the file as compose/file. Raises yamls.YamlError."""
    found = []
    for doc in yamls.documents(text, "1.2"):
        if not isinstance(doc.value, dict):
            continue
        top = _make(doc, "compose/file", "", doc.value, ())
        found.append(top)
        for name, one in _mapping(doc.value.get("services")).items():
            if isinstance(one, dict):
                found.append(_make(doc, "compose/service", str(name), one, ("services", name), top))
    return found


def terraform_json(text: str) -> list[Item]:
    """A .tf.json file. Raises yamls.YamlError."""
    return [
        _make(doc, type_, str(name), body if isinstance(body, dict) else {}, base)
        for doc in yamls.documents(text, "1.2")
        for type_, name, body, base in from_json(doc.value)
    ]


def _mapping(value) -> dict:
    return value if isinstance(value, dict) else {}


def _make(doc: yamls.Doc, type_: str, name: str, body: dict, base: tuple, parent: Item | None = None) -> Item:
    return Item(type_, name, body, lambda path: doc.position((*base, *path)), parent, base=base, roots=_roots(doc))
