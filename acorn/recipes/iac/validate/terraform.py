"""
Terraform: python-hcl2 for the syntax, the provider's own facts (aws.py) for names and required arguments, and
references that must lead somewhere. A text is judged as a whole configuration: what it uses it has to declare.
"""

import os
import re
import sys
import time
from functools import cache

from acorn.errors import did_you_mean, missing_extra
from acorn.recipes.iac.validate.aws import DATA, META, RESOURCES, facts
from acorn.recipes.iac.validate.findings import Finding, line_of

LABELS = {  # top-level block -> its number of labels
    "resource": 2,
    "data": 2,
    "module": 1,
    "variable": 1,
    "output": 1,
    "provider": 1,
    "locals": 0,
    "terraform": 0,
    "moved": 0,
    "import": 0,
    "removed": 0,
    "check": 1,
}
# aws_vpc.main.id, data.aws_ssm_parameter.image.value, var.name, local.name, module.name.output
REFERENCE = re.compile(r"(?<![\w.\"-])(?:(data)\.)?(aws_\w+|var|local|module)\.([A-Za-z_][\w-]*)")
JSONENCODE = re.compile(r"\$\{jsonencode\((.*)\)\}", re.DOTALL)


def read(text: str) -> tuple[dict, list[Finding]]:
    parsed, findings = _parse(text)
    if findings:
        return {}, findings
    if not parsed:
        return {}, [Finding("no block: a configuration with nothing in it")]
    bodies, findings = _blocks(parsed, text)
    for type_, found in bodies.items():
        if type_ in LABELS:
            continue
        known = facts(DATA if type_.startswith("data.") else RESOURCES)
        bare = type_.removeprefix("data.")
        if bare not in known:
            message = f"{type_} is not a type whose arguments are known here.{did_you_mean(bare, known)}"
            findings.append(Finding(message, line_of(text, rf'"{re.escape(bare)}"')))
            continue
        for label, body in found:
            line = line_of(text, rf'"{re.escape(bare)}"\s+"{re.escape(label)}"')
            findings += [
                Finding(f"{type_}.{label}: {problem}", line) for problem in _problems(known[bare], body, top=True)
            ]
    findings += _references(text, bodies)
    return {type_: [_plain(body) for _, body in found] for type_, found in bodies.items()}, findings


def _parse(text: str) -> tuple[dict, list[Finding]]:
    hcl2, lark = _libraries()
    from hcl2.utils import SerializationOptions

    _tables()
    options = SerializationOptions(with_comments=False, strip_string_quotes=True)
    try:
        tree = hcl2.parses_to_tree(text)
        if findings := _repeated(tree):
            return {}, findings
        return hcl2.serialize(hcl2.transform(tree), serialization_options=options), []
    except lark.exceptions.UnexpectedInput as error:
        token = getattr(error, "token", None)
        last = text.rstrip().count("\n") + 1
        if token is not None and token.type == "$END":
            return {}, [Finding("syntax: did not expect the end of the text", last)]
        what = str(token if token is not None else error.char)
        return {}, [Finding(f"syntax: did not expect {what[:60]!r}", max(min(error.line, last), 1))]
    except lark.exceptions.LarkError as error:
        return {}, [Finding(f"syntax: {str(error).splitlines()[0][:200]}")]
    except RecursionError:
        return {}, [Finding("nested too deep")]
    except Exception as error:  # the library's own slips on hostile text must not end an evaluation
        return {}, [Finding(f"python-hcl2 failed: {type(error).__name__}: {str(error)[:200]}")]


def _repeated(tree) -> list[Finding]:
    """Arguments set twice in one body. The parser keeps the last one silently, Terraform refuses."""
    findings = []
    for body in tree.find_data("body"):
        seen = set()
        for attribute in body.children:
            if getattr(attribute, "data", "") != "attribute":
                continue
            name = str(attribute.children[0].children[0])
            if name in seen:
                findings.append(Finding(f"argument {name} is set twice", attribute.meta.line))
            seen.add(name)
    return findings


def _blocks(parsed: dict, text: str) -> tuple[dict, list[Finding]]:
    """{"aws_vpc" | "data.aws_ami" | "variable" ...: [(label, body), ...]}, and what can't stand at the top."""
    bodies, findings, seen = {}, [], set()
    for word, blocks in parsed.items():
        line = line_of(text, rf"^\s*{re.escape(word)}\b")
        if word not in LABELS:
            findings.append(
                Finding(f"{word!r} can't stand at the top of a configuration.{did_you_mean(word, LABELS)}", line)
            )
            continue
        for one in blocks if isinstance(blocks, list) else [blocks]:
            labels, body = [], one
            while isinstance(body, dict) and "__is_block__" not in body and len(body) == 1:
                (label, body), *_ = body.items()
                labels.append(label)
            if not isinstance(body, dict) or "__is_block__" not in body or len(labels) != LABELS[word]:
                findings.append(Finding(f"{word} needs {LABELS[word]} labels and a body in braces", line))
                continue
            type_ = {"resource": labels[0] if labels else "", "data": f"data.{labels[0]}" if labels else ""}.get(
                word, word
            )
            label = labels[-1] if labels else ""
            if label and (type_, label) in seen and word != "provider":
                findings.append(Finding(f"{type_}.{label} is declared twice", line))
            seen.add((type_, label))
            bodies.setdefault(type_, []).append((label, body))
    return bodies, findings


def _problems(known: dict, body: dict, top: bool = False) -> list[str]:
    """Missing and unknown arguments of one block, and of the blocks in it."""
    arguments, blocks = known["arguments"], known["blocks"]
    problems = [f"argument {name} is missing" for name, required in arguments.items() if required and name not in body]
    problems += [f"block {name} is missing" for name, below in blocks.items() if below["required"] and name not in body]
    for name, value in body.items():
        if name == "__is_block__" or (top and name in META):
            continue
        if name in blocks and (_is_blocks(value) or name not in arguments):
            if not _is_blocks(value):
                problems.append(f"{name} is a block, not an argument: no equals sign")
                continue
            problems += [f"{name}: {problem}" for one in value for problem in _problems(blocks[name], one)]
        elif name == "dynamic" and _is_blocks(value) or name in arguments and not _is_blocks(value):
            continue
        elif name in arguments:
            problems.append(f"{name} is an argument, not a block: it needs an equals sign")
        else:
            problems.append(f"there is no argument {name}.{did_you_mean(name, [*arguments, *blocks])}")
    return problems


def _is_blocks(value) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(one, dict) and "__is_block__" in one for one in value)
    )


def _references(text: str, bodies: dict) -> list[Finding]:
    """Every aws_x.y, data.aws_x.y, var.x, local.x and module.x in an expression must be declared in the text."""
    declared = {(type_, label) for type_, found in bodies.items() for label, _ in found}
    local = {name for _, body in bodies.get("locals", []) for name in body}
    findings = {}
    for value in _expressions(bodies):
        for data, type_, label in REFERENCE.findall(value):
            known = {
                "var": ("variable", label) in declared,
                "local": label in local,
                "module": ("module", label) in declared,
            }.get(type_, (f"data.{type_}" if data else type_, label) in declared)
            if not known:
                name = f"{'data.' if data else ''}{type_}.{label}"
                findings[name] = Finding(
                    f"{name} is used but not declared", line_of(text, rf"{re.escape(type_)}\.{re.escape(label)}")
                )
    return list(findings.values())


def _expressions(value):
    """The insides of all ${...} in a parsed value, without the string literals in them."""
    if isinstance(value, str):
        for inside in _interpolations(value):
            yield re.sub(r'"(?:[^"\\$]|\\.|\$(?!\{))*"', '""', inside)
    elif isinstance(value, dict):
        for one in value.values():
            yield from _expressions(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _expressions(one)


def _interpolations(text: str):
    """'a-${b}-${c["${d}"]}' -> 'b', 'c["${d}"]'"""
    depth = start = 0
    for found in re.finditer(r"\$\{|[{}]", text):
        if found[0] == "}":
            depth -= depth > 0
            if depth == 0 and start:
                yield text[start : found.start()]
                start = 0
        elif depth or found[0] == "${":
            start = start or found.end()
            depth += 1


def _plain(value):
    """Without the parser's marks, with what jsonencode holds as data."""
    if isinstance(value, dict):
        return {key.strip('"'): _plain(one) for key, one in value.items() if key != "__is_block__"}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, str) and (inside := JSONENCODE.fullmatch(value)):
        parsed, findings = _parse(f"value = {inside[1]}")
        return value if findings else _plain(parsed["value"])
    return value


# ----------------------------------------------------------------------------------------------------------------------
# python-hcl2 builds its parser tables on the very first parse of an installation (1 to 9 s) and keeps them beside its
# files; every process after that loads them in 0.06 s. Where that folder can't be written, every process builds them.


def prepare() -> str:
    """Load or build the tables now. -> 'HCL tables: loaded in 0.06 s'"""
    _libraries()
    return _tables()


@cache
def _tables() -> str:
    from hcl2 import parser

    kept, start = os.path.exists(parser.PARSER_FILE), time.perf_counter()
    if not kept:
        print("python-hcl2 builds its parser tables (once for an installation, 1 to 9 s)", file=sys.stderr, flush=True)
    parser.parser()
    seconds = time.perf_counter() - start
    if kept:
        return f"HCL tables: loaded in {seconds:.2f} s"
    keeping = (
        f"kept in {parser.PARSER_FILE}"
        if os.path.exists(parser.PARSER_FILE)
        else "NOT kept: the folder of hcl2 can't be written"
    )
    return f"HCL tables: built in {seconds:.2f} s, {keeping}"


@cache
def _libraries():
    try:
        import hcl2
        import lark
    except ImportError as error:
        raise missing_extra("python-hcl2", "iac") from error
    return hcl2, lark
