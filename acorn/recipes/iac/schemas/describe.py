"""A body of a schema in words, for people and for scripts."""

WORDS = {"s": "string", "n": "number", "b": "bool", "a": "any", "o": "object"}
WRAPS = {"L": "list", "T": "set", "M": "map"}


def type_name(code: str) -> str:
    """'LMs' -> 'list(map(string))'"""
    return f"{WRAPS[code[0]]}({type_name(code[1:])})" if code[0] in WRAPS else WORDS[code]


def describe(body: dict) -> dict:
    """{"arguments": {name: {"type", "required"}}, "blocks": {name: {"required", "many", ...}}, "computed": {...}}"""
    arguments, computed = {}, {}
    for name, code in sorted(body.get("a", {}).items()):
        if code[0] == "=":
            computed[name] = type_name(code[1:])
            continue
        arguments[name] = {"type": type_name(code[1:]), "required": code[0] == "!"}
        if name in body.get("o", {}):
            arguments[name]["attributes"] = describe(body["o"][name])["arguments"]
    blocks = {
        name: {"required": bool(block.get("r")), "many": block["k"] == "*", **describe(block)}
        for name, block in sorted(body.get("b", {}).items())
    }
    found = {"arguments": arguments, "blocks": blocks, "computed": computed}
    return {key: value for key, value in found.items() if value}


def lines(described: dict, indent: str = "") -> list[str]:
    """What is required comes first, marked *."""
    arguments = described.get("arguments", {})
    order = sorted(arguments, key=lambda name: (not arguments[name]["required"], name))
    width = max((len(name) + arguments[name]["required"] for name in order), default=0) + 2
    rows = []
    for name in order:
        one = arguments[name]
        rows.append(f"{indent}{name + '*' * one['required']:<{width}}{one['type']}")
        if "attributes" in one:
            rows += lines({"arguments": one["attributes"]}, indent + "    ")
    blocks = described.get("blocks", {})
    for name in sorted(blocks, key=lambda name: (not blocks[name]["required"], name)):
        one = blocks[name]
        rows.append(f"{indent}{name}{'*' * one['required']} {{ }}{', any number' * one['many']}")
        rows += lines(one, indent + "    ")
    return rows
