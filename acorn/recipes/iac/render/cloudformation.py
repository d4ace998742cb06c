"""CloudFormation templates: resources by logical name, each a type and its properties."""

from acorn.recipes.iac.render.manifest import Tag, manifest


def stack(**resources: tuple[str, dict]) -> str:
    """stack(Queue=("AWS::SQS::Queue", {"QueueName": "a"})); what the caller has to give: see `parameters`."""
    return template({name: {"Type": type_, "Properties": body} for name, (type_, body) in resources.items()})


def template(resources: dict, *parameters: str, type_: str = "String") -> str:
    top = {"Parameters": {name: {"Type": type_} for name in parameters}} if parameters else {}
    return manifest({**top, "Resources": resources})


def ref(name: str) -> Tag:
    return Tag(f"!Ref {name}")


def get(name: str, attribute: str) -> Tag:
    return Tag(f"!GetAtt {name}.{attribute}")
