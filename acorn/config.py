"""
A command's options are one dataclass: its fields are the flags, their trailing comments the help, its TOML the file.
Precedence: flag > file (`--config F.toml`) > default in the dataclass. A key that no field has is refused by name.
"""

import dataclasses
import tomllib
import types
import typing
from pathlib import Path

from acorn.errors import UserError, did_you_mean


def parse(cls: type, argv: list[str], prog: str):
    """
    Command line -> instance of the dataclass `cls`. Exits with 0 after --help and 2 on bad flags, both written by tyro.
    A bool is a pair of flags, --json and --no-json, so that a flag can also take back what the file says.
    """
    import tyro  # here, so that `acorn --help` does not pay for it

    argv, file = take_config(argv)
    default = {"default": from_dict(cls, read_toml(file), str(file), partial=True)} if file else {}
    plain = (tyro.conf.DisallowNone,)  # --depth INT, not --depth {None}|INT: leaving a flag out says None
    return tyro.cli(cls, args=argv, prog=prog, description=cls.__doc__, config=plain, **default)


def take_config(argv: list[str]) -> tuple[list[str], Path | None]:
    """Take `--config F` out.  take_config(['--depth', '4', '--config', 'a.toml']) -> (['--depth', '4'], a.toml)"""
    rest, files, words = [], [], iter(argv)
    for word in words:
        if word == "--":  # what follows is the command's own
            rest += [word, *words]
        elif word == "--config" or word.startswith("--config="):
            value = word.removeprefix("--config").removeprefix("=") or next(words, "")
            if not value or value.startswith("--"):
                raise UserError("--config needs the path of a TOML file", "--config configs/cpu.toml")
            files.append(Path(value))
        else:
            rest.append(word)
    if len(files) > 1:
        raise UserError(f"--config is given twice: {files[0]} and {files[1]}")
    return rest, files[0] if files else None


def read_toml(path: Path) -> dict:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        here = ", ".join(sorted(str(p) for p in Path("configs").glob("*.toml"))) or "none in configs/"
        raise UserError(f"no config file {path} (found: {here})") from None
    except OSError as e:
        raise UserError(f"cannot read {path}: {e.strerror}") from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is not valid TOML: it is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as e:
        raise UserError(f"{path} is not valid TOML: {e}") from None


def from_dict(cls: type, values: dict, where: str, partial: bool = False, prefix: str = ""):
    """
    Dict -> dataclass, checked: unknown keys and wrong types raise UserError that names the file (`where`) and the key.
    partial: fields without default may be missing (they are then required on the command line).
    """
    fields = {f.name: f for f in dataclasses.fields(cls) if f.init}
    hints = typing.get_type_hints(cls)
    for key in values:
        if key not in fields:
            known = f"Known: {', '.join(fields)}" if fields else "This table takes no keys"
            raise UserError(f"{where}: unknown key {prefix + key!r}.{did_you_mean(key, fields)} {known}")
    kwargs = {key: convert(hints[key], value, where, prefix + key, partial) for key, value in values.items()}
    rest = {name: default_of(field) for name, field in fields.items() if name not in kwargs}
    missing = [name for name, value in rest.items() if value is dataclasses.MISSING]
    if not partial:
        if missing:
            raise UserError(f"{where}: missing {', '.join(repr(prefix + name) for name in missing)}")
        return cls(**kwargs)
    # A default for tyro, which builds (and lets __post_init__ check) the real one: here a field may still be MISSING.
    import tyro

    draft = object.__new__(cls)
    for name, value in (rest | kwargs).items():
        object.__setattr__(draft, name, tyro.MISSING if value is dataclasses.MISSING else value)
    return draft


def default_of(field: dataclasses.Field):
    """The default, or MISSING where there is none."""
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


def convert(hint, value, where: str, key: str, partial: bool = False):
    """One TOML value -> the Python value that `hint` asks for. int is accepted for float, nothing else is bent."""

    def wrong(expected: str) -> UserError:
        return UserError(f"{where}: {key} = {value!r}: expected {expected}, got {type(value).__name__}")

    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint is typing.Any:
        return value
    if origin in (typing.Union, types.UnionType):
        choices = [arg for arg in args if arg is not type(None)]
        for arg in choices[:-1]:
            try:
                return convert(arg, value, where, key, partial)
            except UserError:
                pass  # the next one may fit; the last one's error is the one to show
        return convert(choices[-1], value, where, key, partial)
    if origin is typing.Literal:
        if not any(value == arg and type(value) is type(arg) for arg in args):
            raise UserError(f"{where}: {key} = {value!r}: choose one of {', '.join(map(str, args))}")
        return value
    if origin in (list, tuple):
        if not isinstance(value, list):
            raise wrong("a list")
        if origin is list or args[1:] == (...,):
            args = args[:1] * len(value)
        if len(value) != len(args):
            raise UserError(f"{where}: {key} = {value!r}: expected {len(args)} values, got {len(value)}")
        return origin(convert(arg, v, where, f"{key}[{i}]", partial) for i, (arg, v) in enumerate(zip(args, value)))
    if origin is dict or dataclasses.is_dataclass(hint):
        if not isinstance(value, dict):
            raise wrong("a table")
        if origin is dict:
            return {k: convert(args[1], v, where, f"{key}.{k}", partial) for k, v in value.items()}
        return from_dict(hint, value, where, partial, f"{key}.")
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is Path and isinstance(value, str):
        return Path(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise wrong("str" if hint is Path else hint.__name__)
    return value


def to_dict(config) -> dict:
    """Dataclass -> plain dict that TOML and JSON can hold; None is left out, since TOML has no null."""

    def plain(value):
        if dataclasses.is_dataclass(value):
            fields = [f for f in dataclasses.fields(value) if f.init]
            lost = [f.name for f in fields if getattr(value, f.name) is None and f.default is not None]
            if lost:  # left out, it would come back as the default
                raise ValueError(f"{type(value).__name__}.{lost[0]} = None cannot be written: its default is not None")
            return {f.name: plain(v) for f in fields if (v := getattr(value, f.name)) is not None}
        if isinstance(value, (list, tuple)):
            return [plain(v) for v in value]
        if isinstance(value, dict):
            return {k: plain(v) for k, v in value.items() if v is not None}
        return str(value) if isinstance(value, Path) else value

    return plain(config)


def dump(config) -> str:
    """Dataclass -> TOML text; `from_dict(cls, tomllib.loads(dump(c)), ...) == c`."""
    import tomli_w

    return tomli_w.dumps(to_dict(config))
