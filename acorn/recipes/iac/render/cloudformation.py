"""CloudFormation templates: resources by logical name, each a type and its properties."""

from acorn.recipes.iac.render.manifest import Tag, manifest

KEPT = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}


def stack(kept: tuple[str, ...] = (), **resources: tuple[str, dict]) -> str:
    """stack(Queue=("AWS::SQS::Queue", {"QueueName": "a"})); what is in `kept` stays when the stack goes."""
    bodies = {
        name: {"Type": type_, **(KEPT if name in kept else {}), "Properties": body}
        for name, (type_, body) in resources.items()
    }
    return manifest({"Resources": bodies})


def ref(name: str) -> Tag:
    return Tag(f"!Ref {name}")


def get(name: str, attribute: str) -> Tag:
    return Tag(f"!GetAtt {name}.{attribute}")
