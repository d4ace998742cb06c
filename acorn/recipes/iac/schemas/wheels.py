"""
Provider schemas out of the cdktf-cdktf-provider-* wheels: their JavaScript names every argument with type, nesting and
whether it is required or computed. Only these facts are taken, no descriptions. Nothing of the wheel is run.

    synthesizeHclAttributes() { const attrs = { cors_rule: { value: listMapperHcl(s3BucketCorsRuleToHclTerraform, true)
    ..., isBlock: true, type: "list", storageClassType: "S3BucketCorsRuleList" }, ...
    // cors_rule - computed: false, optional: true, required: false
"""

import re
import tarfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from acorn.errors import UserError

SIMPLE = {"string": "s", "number": "n", "boolean": "b", "any": "a", "unknown": "a"}
WRAP = {"List": "L", "Map": "M", "Set": "T"}
REQUIRED_SETTINGS = {"azurerm": "features"}  # a block of `provider` that is required; the wheels do not say so
MAX_FILE = 64_000_000  # bytes of one module's file; the largest is 17 MB
TYPE_NAME = re.compile(r'^(\w+)\.tfResourceType = "(\w+)";', re.M)
SECTION = re.compile(
    r"^(?:class (\w+) extends cdktf\.(\w+)|function (\w+)ToHclTerraform\(struct\)) \{\n(.*?)^\}", re.M | re.S
)
ATTRS = re.compile(r"const attrs = \{\n(.*?)\n {4,8}\};", re.S)
ATTR = re.compile(
    r'^ +"?([\w-]+)"?: \{\s+value: (.*?),\s+isBlock: (true|false),\s+type: "(\w+)",\s+storageClassType: "(\w+)",', re.M
)
NOTE = re.compile(r"// ([\w-]+) - computed: ")
NESTED = re.compile(r"(?<!cdktf\.)\b(\w+)ToHclTerraform(?:, (true|false))?")  # (structure, whether written as a block)
GETTER = re.compile(r"this\.get(\w*)Attribute\(|new (cdktf\.)?(?:\w+\.)?(\w+)\(this, ")
INTERFACE = re.compile(r"^export interface (\w+) (?:extends [\w.]+ )?\{\n(.*?)^\}", re.M | re.S)
PROPERTY = re.compile(r"/\*\*(.*?)\*/\s+readonly (\w+)(\??):", re.S)


@dataclass
class Module:
    """What is known of one folder of the archive: a resource, a data source or the provider."""

    types: dict[str, str] = field(default_factory=dict)  # class -> aws_s3_bucket
    bases: dict[str, str] = field(default_factory=dict)  # class -> TerraformResource ...
    arguments: dict[str, list] = field(default_factory=dict)  # class or structure -> matches of ATTR
    computed: dict[str, dict[str, str]] = field(default_factory=dict)  # class or structure -> {name: type}
    declared: dict[str, dict] = field(default_factory=dict)  # interface -> {name: (required, a block)}


def read_wheel(path: Path) -> tuple[str, str, dict]:
    """-> (provider, its version, {"resource": {type: body}, "data": ..., "provider": body}), see schemas/__init__.py"""
    modules, provider, version = _modules(path)
    found: dict = {"resource": {}, "data": {}, "provider": {}}
    for module in modules.values():
        for cls, base in module.bases.items():
            if base == "TerraformProvider":
                found["provider"] = _body(module, cls, f"{cls}Config")
            elif cls in module.types:
                kind = "resource" if base == "TerraformResource" else "data"
                found[kind][module.types[cls]] = _body(module, cls, f"{cls}Config")
    if (name := REQUIRED_SETTINGS.get(provider)) in found["provider"].get("b", {}):
        found["provider"]["b"][name]["r"] = 1
    if not found["resource"] and not found["data"]:
        raise UserError(f"{path}: no schema in it; is it a cdktf-cdktf-provider-* wheel?")
    return provider, version, found


def _modules(path: Path) -> tuple[dict[str, Module], str, str]:
    """The folders of the archive that the wheel holds, and the provider's name and version."""
    modules: dict[str, Module] = {}
    provider = version = ""
    try:
        with zipfile.ZipFile(path) as wheel:
            inner = [name for name in wheel.namelist() if re.fullmatch(r"[\w./-]+/_jsii/[\w.@-]+\.jsii\.tgz", name)]
            if len(inner) != 1:
                raise UserError(f"{path}: not a cdktf-cdktf-provider-* wheel: {len(inner)} .jsii.tgz files in it")
            with wheel.open(inner[0]) as packed, tarfile.open(fileobj=packed, mode="r|gz") as archive:
                for member in archive:
                    name = re.fullmatch(r"package/lib/([\w-]+)/(?:index|index-structs/\w+)(\.js|\.d\.ts)", member.name)
                    if not name or not member.isfile():
                        continue
                    if member.size > MAX_FILE:
                        raise UserError(f"{member.name} has {member.size:,} bytes; at most {MAX_FILE:,} are read")
                    text = archive.extractfile(member).read().decode()
                    module = modules.setdefault(name[1], Module())
                    if name[2] == ".js":
                        _code(module, text)
                        continue
                    module.declared |= {one[0]: _interface(one[1]) for one in INTERFACE.findall(text)}
                    if not version and (link := re.search(r"/providers/[\w-]+/([\w-]+)/([\w.+-]+)/docs", text)):
                        provider, version = link.groups()
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} can't be read: {error}") from None
    return modules, provider, version


def _code(module: Module, text: str) -> None:
    module.types |= dict(TYPE_NAME.findall(text))
    for cls, base, function, inside in SECTION.findall(text):
        start = inside.find("synthesizeHclAttributes") if cls else 0
        settable = ATTRS.search(inside, start) if start >= 0 else None
        name = cls.removesuffix("OutputReference") or function[0].upper() + function[1:]
        if settable:
            module.arguments[name] = ATTR.findall(settable[1])
        if base.startswith("Terraform"):
            module.bases[cls] = base
        if cls and not cls.endswith(("List", "Map")):
            module.computed[name] = {
                note[1]: _computed(inside[note.end() : note.end() + 300].split("// ")[0])
                for note in NOTE.finditer(inside)
            }


def _interface(text: str) -> dict[str, tuple[bool, bool]]:
    """{name without underscores: (required, a block)}"""
    found = {}
    for doc, name, optional in PROPERTY.findall(text):
        found[name.lower()] = (not optional, re.search(r"\* \S+ block$", doc, re.M) is not None)
    return found


def _body(module: Module, struct: str, interface: str = "") -> dict:
    """struct: the class of a resource, data source or provider, or the name of a structure in it"""
    body: dict = {"a": {}, "b": {}, "o": {}}
    declared = module.declared.get(interface or struct, {})
    for name, value, _, sort, storage in module.arguments.get(struct, ()):
        if name == "alias" and module.bases.get(struct) == "TerraformProvider":
            continue
        required, block = declared.get(re.sub(r"[_-]", "", name).lower(), (False, False))
        flag = "!" if required else "?"
        nested = NESTED.search(value)
        if not nested:
            body["a"][name] = flag + _type(storage, sort)
            continue
        inner = _body(module, nested[1][0].upper() + nested[1][1:])
        if block or nested[2] == "true":
            many = "*" if value.startswith("cdktf.listMapper") else "1"
            body["b"][name] = {"k": many, **({"r": 1} if required else {}), **inner}
        else:
            body["a"][name] = flag + {"list": "L", "set": "T", "map": "M"}.get(sort, "") + "o"
            body["o"][name] = inner
    for name, code in module.computed.get(struct, {}).items():
        if name not in body["a"] and name not in body["b"]:
            body["a"][name] = "=" + code
    return {key: value for key, value in body.items() if value}


def _type(storage: str, sort: str) -> str:
    """('stringListList', 'list') -> 'LLs'; the outermost container may be a set."""
    words = re.findall(r"[A-Z]?[a-z]+", storage)
    code = SIMPLE.get(words[0], "a")
    for word in words[1:]:
        code = WRAP.get(word, "") + code
    return "T" + code[1:] if sort == "set" and code.startswith("L") else code


def _computed(text: str) -> str:
    found = GETTER.search(text)
    if not found:
        return "a"
    if found[1] is not None:
        return {"": "a", "List": "Ls", "NumberList": "Ln"}.get(found[1]) or _type(
            found[1][0].lower() + found[1][1:], ""
        )
    if found[2]:  # cdktf.StringMap
        return _type(found[3][0].lower() + found[3][1:], "")
    return "Lo" if found[3].endswith("List") else "Mo" if found[3].endswith("Map") else "o"
