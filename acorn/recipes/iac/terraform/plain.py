"""A configuration as plain data, for those who look at what it holds: {"aws_vpc" | "data.aws_ami": [body, ...]}."""

import re

from acorn.recipes.iac import hcl
from acorn.recipes.iac.terraform.configuration import RESOURCES, Configuration

JSONENCODE = re.compile(r"\$\{jsonencode\((.*)\)\}", re.DOTALL)


def plain(configuration: Configuration) -> dict[str, list[dict]]:
    """A body is {argument: value, block: [body, ...]}; what jsonencode holds is data, too."""
    found: dict[str, list[dict]] = {}
    for place in configuration.places:
        block, name = place.block, place.block.type
        if name in RESOURCES:
            name = block.labels[0] if name == "resource" else f"{name}.{block.labels[0]}"
        found.setdefault(name, []).append(_body(block.body))
    return found


def _body(body: hcl.Body) -> dict:
    values = {name: _value(attribute.value) for name, attribute in body.attributes.items()}
    for block in body.blocks:
        inner = _body(block.body)
        for label in reversed(block.labels):
            inner = {label: inner}
        before = values.get(block.type)
        values[block.type] = [*before, inner] if isinstance(before, list) else [inner]
    return values


def _value(value):
    if isinstance(value, dict):
        return {key: _value(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_value(one) for one in value]
    if isinstance(value, str) and (inside := JSONENCODE.fullmatch(value)):
        try:
            return _value(hcl.parse_expression(inside[1])[0])
        except hcl.HclError:  # jsonencode(a) + jsonencode(b) is no single call
            return value
    return value
