"""
Blocks of HCL from Python data. Strings are quoted, `Ref` is written as it stands, a dict is a map, a `Block` is a
nested block, a list of Blocks is one block each. Neighbouring one-line arguments are aligned, what is longer stands
between empty lines.
"""

LINE = 80  # a list that is longer goes on several lines


class Ref(str):
    """An expression: aws_vpc.this.id"""


class Block(dict):
    """A nested block: no equals sign, may repeat."""


def resource(type_: str, body: dict, label: str = "this") -> str:
    return block(f'resource "{type_}" "{label}"', body)


def data(type_: str, body: dict, label: str = "this") -> str:
    return block(f'data "{type_}" "{label}"', body)


def variable(*names: str, type_: str = "string") -> str:
    """What the caller of the module has to give; in a list one after the other."""
    return "\n".join(block(f'variable "{name}"', {"type": Ref(type_)}) for name in names)


def block(header: str, body: dict) -> str:
    return f"{header} {{\n{_body(body, '  ')}}}\n"


def _body(body: dict, indent: str, between: str = "\n") -> str:
    """Arguments and blocks in the order given, each line indented; `between` stands before and after long ones."""
    groups, lines = [], []  # a group is what no empty line divides
    for key, value in body.items():
        if isinstance(value, Block):
            value = [value]
        if isinstance(value, list) and value and isinstance(value[0], Block):
            groups.append(_aligned(lines, indent))
            lines = []
            groups += [_nested(key, one, indent) for one in value]
        elif isinstance(value, dict) or "\n" in (text := expression(value, indent)):
            text = expression(value, indent)
            groups.append(_aligned(lines, indent))
            lines = []
            groups.append(f"{indent}{key} = {text}\n")
        else:
            lines.append((key, text))
    groups.append(_aligned(lines, indent))
    return between.join(group for group in groups if group)


def _nested(key: str, body: Block, indent: str) -> str:
    return f"{indent}{key} {{\n{_body(body, indent + '  ')}{indent}}}\n" if body else f"{indent}{key} {{}}\n"


def _aligned(lines: list[tuple[str, str]], indent: str) -> str:
    width = max((len(key) for key, _ in lines), default=0)
    return "".join(f"{indent}{key:<{width}} = {text}\n" for key, text in lines)


def expression(value, indent: str = "") -> str:
    if isinstance(value, Ref):
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    if isinstance(value, list):
        texts = [expression(item, indent) for item in value]
        inline = f"[{', '.join(texts)}]"
        if len(inline) <= LINE and "\n" not in inline:
            return inline
        return "[\n" + "".join(f"{indent}  {expression(item, indent + '  ')},\n" for item in value) + f"{indent}]"
    if isinstance(value, dict):
        return f"{{\n{_body(value, indent + '  ', between='')}{indent}}}"
    raise TypeError(f"no HCL for {value!r}")


def jsonencode(value: dict, indent: str = "  ") -> Ref:
    return Ref(f"jsonencode({expression(value, indent)})")
