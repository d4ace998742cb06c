"""
A command's options are one dataclass: its fields are the flags, their trailing comments the help, its TOML the file form.
Precedence: flag > file (`--config F.toml`) > default in the dataclass. A key that no field has is refused, with the nearest name.
"""

import dataclasses
import tomllib
import types
import typing
from pathlib import Path

from acorn.errors import UserError, did_you_mean


def parse(cls: type, argv: list[str], prog: str):
    """Command line -> instance of the dataclass `cls`. Exits with 0 after --help and 2 on bad flags, both written by tyro."""
    import tyro  # here, so that `acorn --help` does not pay for it

    argv, file = take_config(argv)
    default = from_dict(cls, read_toml(file), str(file), partial=True) if file else None
    kwargs = {} if default is None else {"default": default}
    return tyro.cli(cls, args=argv, prog=prog, description=cls.__doc__, config=(tyro.conf.FlagConversionOff,), **kwargs)


def take_config(argv: list[str]) -> tuple[list[str], Path | None]:
    """Split `--config F` off the arguments.  take_config(['--depth', '4', '--config', 'a.toml']) -> (['--depth', '4'], Path('a.toml'))"""
    rest, file, words = [], None, iter(argv)
    for word in words:
        if word == "--config" or word.startswith("--config="):
            value = word.partition("=")[2] if "=" in word else next(words, "")
            if not value:
                raise UserError("--config needs the path of a TOML file")
            file = Path(value)
        else:
            rest.append(word)
    return rest, file


def read_toml(path: Path) -> dict:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        here = ", ".join(sorted(str(p) for p in Path("configs").glob("*.toml"))) or "none in configs/"
        raise UserError(f"no config file {path} (found: {here})") from None
    except (OSError, UnicodeDecodeError) as e:
        raise UserError(f"cannot read {path}: {e}") from None
    except tomllib.TOMLDecodeError as e:
        raise UserError(f"{path} is not valid TOML: {e}") from None


def from_dict(cls: type, values: dict, where: str, partial: bool = False):
    """
    Dict -> dataclass, checked: unknown keys and wrong types raise UserError that names `where`.
    partial: fields without default may be missing (they are then required on the command line).
    """
    fields = {f.name: f for f in dataclasses.fields(cls) if f.init}
    hints = typing.get_type_hints(cls)
    kwargs = {}
    for key, value in values.items():
        if key not in fields:
            raise UserError(f"{where}: unknown key {key!r}.{did_you_mean(key, fields)} Known: {', '.join(fields)}")
        kwargs[key] = convert(hints[key], value, f"{where}: {key}")
    for name, field in fields.items():
        if name not in kwargs and field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            if not partial:
                raise UserError(f"{where}: missing key {name!r}")
            import tyro

            kwargs[name] = tyro.MISSING
    return cls(**kwargs)


def convert(hint, value, where: str):
    """One TOML value -> the Python value that `hint` asks for. int is accepted for float, nothing else is bent."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:  # tyro.conf.Positional[...]
        return convert(args[0], value, where)
    if origin in (typing.Union, types.UnionType):
        for arg in args:
            if arg is not type(None):
                try:
                    return convert(arg, value, where)
                except UserError as e:
                    error = e
        raise error
    if origin is typing.Literal:
        if value not in args:
            raise UserError(f"{where} = {value!r}: choose one of {', '.join(map(str, args))}")
        return value
    if origin in (list, tuple):
        if not isinstance(value, list):
            raise UserError(f"{where} = {value!r}: expected a list")
        return origin(convert(args[0], v, f"{where}[{i}]") for i, v in enumerate(value))
    if origin is dict:
        if not isinstance(value, dict):
            raise UserError(f"{where} = {value!r}: expected a table")
        return {k: convert(args[1], v, f"{where}.{k}") for k, v in value.items()}
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, dict):
            raise UserError(f"{where} = {value!r}: expected a table")
        return from_dict(hint, value, where)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is Path and isinstance(value, str):
        return Path(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise UserError(f"{where} = {value!r}: expected {hint.__name__}, got {type(value).__name__}")
    return value


def to_dict(config) -> dict:
    """Dataclass -> plain dict that TOML and JSON can hold; None is left out, since TOML has no null."""

    def plain(value):
        if dataclasses.is_dataclass(value):
            return {f.name: plain(v) for f in dataclasses.fields(value) if (v := getattr(value, f.name)) is not None}
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
