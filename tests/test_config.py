"""Config: flags, files, their precedence, the text of every refusal, and the round trip."""

import dataclasses
import tomllib
import typing
from pathlib import Path

import pytest
import tyro

from acorn.config import dump, from_dict, parse, take_config, to_dict
from acorn.errors import UserError


@dataclasses.dataclass(frozen=True)
class Optim:
    lr: float = 0.02  # learning rate of the matrices
    betas: tuple[float, float] = (0.9, 0.95)  # of the rest
    fused: bool = True  # one kernel for all


@dataclasses.dataclass
class Needs:
    size: int  # a size that has no default
    name: str = "x"


@dataclasses.dataclass
class Grow:
    """Grow something."""

    run: tyro.conf.Positional[str]  # the run's name or folder
    depth: int | None = None  # layers
    rate: float = 1.0
    ratio: int | float = 1
    texts: list[str] = dataclasses.field(default_factory=list)  # files and folders
    kind: typing.Literal["bpe", "chars", 1] = "bpe"
    out: Path = Path("runs")
    weights: dict[str, float] = dataclasses.field(default_factory=dict)
    optim: Optim = dataclasses.field(default_factory=Optim)
    json: bool = False  # one JSON object on stdout
    anything: typing.Any = None

    def __post_init__(self):
        if self.depth is not None and self.depth < 1:
            raise UserError(f"depth = {self.depth}: at least 1")


@pytest.fixture
def grow(workplace, capsys):
    """grow('name', '--depth', '4', file='depth = 2') -> Grow"""

    def call(*argv, file: str | None = None) -> Grow:
        if file is not None:
            Path("c.toml").write_text(file)
            argv = ("--config", "c.toml", *argv)
        return parse(Grow, list(argv), prog="acorn grow")

    return call


def refusal(call, *args, **kwargs) -> str:
    with pytest.raises(UserError) as caught:
        call(*args, **kwargs)
    return str(caught.value)


# ---- precedence -------------------------------------------------------------------------------------------------


def test_flag_over_file_over_default(grow):
    assert grow("a").depth is None
    assert grow("a", file="depth = 2").depth == 2
    assert grow("a", "--depth", "3", file="depth = 2").depth == 3


def test_a_file_can_hold_what_is_required(grow):
    assert grow(file='run = "b"').run == "b"
    assert grow("a", file='run = "b"').run == "a"


def test_sections_are_nested_dataclasses(grow):
    config = grow("a", "--optim.lr", "0.5", file="[optim]\nlr = 1\nbetas = [0.8, 0.9]")
    assert config.optim == Optim(lr=0.5, betas=(0.8, 0.9))


def test_a_bool_is_a_flag_and_takes_back_what_the_file_says(grow):
    assert grow("a").json is False
    assert grow("a", "--json").json is True
    assert grow("--json", "a").json is True, "a flag does not eat the next word"
    assert grow("a", file="json = true").json is True
    assert grow("a", "--no-json", file="json = true").json is False
    assert grow("a", "--optim.no-fused").optim.fused is False


def test_post_init_sees_only_finished_configs(grow):
    assert grow("a", "--depth", "1", file="depth = 0").depth == 1
    assert refusal(grow, "a", file="depth = 0") == "depth = 0: at least 1"


def test_missing_in_a_section_of_the_file_is_asked_for_on_the_command_line(workplace, capsys):
    @dataclasses.dataclass
    class Outer:
        inner: Needs

    Path("c.toml").write_text('[inner]\nname = "n"')
    assert parse(Outer, ["--config", "c.toml", "--inner.size", "3"], prog="p") == Outer(Needs(3, "n"))
    with pytest.raises(SystemExit) as caught:
        parse(Outer, ["--config", "c.toml"], prog="p")
    assert caught.value.code == 2 and "--inner.size INT" in capsys.readouterr().err


# ---- help and tyro's refusals -----------------------------------------------------------------------------------


def test_help_comes_from_the_dataclass(grow, capsys):
    with pytest.raises(SystemExit) as caught:
        grow("--help", file="depth = 7")
    text = capsys.readouterr().out
    assert caught.value.code == 0
    assert "usage: acorn grow" in text and "Grow something." in text
    for part in ("the run's name or folder", "layers (default: 7)", "learning rate of the mat", "--json, --no-json"):
        assert part in text


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["a", "--detph", "3"], ["Unrecognized options: --detph", "Perhaps you meant:", "--depth"]),
        (["a", "b"], ["Unrecognized options: b"]),
        (["a", "--rate", "fast"], ["Error parsing --rate", "could not convert string to float: 'fast'"]),
        (["a", "--kind", "bp"], ["invalid choice 'bp' for argument '--kind'", "bpe"]),
        (["a", "--depth"], ["Missing value for argument '--depth'"]),
        ([], ["Missing from acorn grow", "the run's name or folder"]),
    ],
)
def test_bad_flags_exit_2_and_say_which(grow, capsys, argv, says):
    with pytest.raises(SystemExit) as caught:
        grow(*argv)
    out, err = capsys.readouterr()
    assert caught.value.code == 2 and out == ""
    for part in [*says, "acorn grow --help"]:
        assert part in err


# ---- --config ---------------------------------------------------------------------------------------------------


def test_config_can_stand_anywhere_and_in_both_forms():
    expected = (["a", "--depth", "4"], Path("x.toml"))
    assert take_config(["--config", "x.toml", "a", "--depth", "4"]) == expected
    assert take_config(["a", "--config=x.toml", "--depth", "4"]) == expected
    assert take_config(["a", "--depth", "4", "--config", "x.toml"]) == expected
    assert take_config(["a"]) == (["a"], None)
    assert take_config(["a", "--", "--config", "x"]) == (["a", "--", "--config", "x"], None)


def test_config_refusals(grow, workplace):
    needs = "--config needs the path of a TOML file\n  try: --config configs/cpu.toml"
    assert refusal(take_config, ["--config"]) == needs
    assert refusal(take_config, ["--config="]) == needs
    assert refusal(take_config, ["--config", "--json"]) == needs
    assert refusal(take_config, ["--config", "a.toml", "--config=b"]) == "--config is given twice: a.toml and b"
    assert refusal(grow, "--config", "no.toml") == "no config file no.toml (found: none in configs/)"
    Path("configs").mkdir()
    Path("configs/cpu.toml").touch()
    assert refusal(grow, "--config", "no.toml") == "no config file no.toml (found: configs/cpu.toml)"
    assert refusal(grow, "--config", "configs") == "cannot read configs: Is a directory"
    assert refusal(grow, file="depth = = 2") == "c.toml is not valid TOML: Invalid value (at line 1, column 9)"
    Path("b.toml").write_bytes(b"\xff\xfe")
    assert refusal(grow, "--config", "b.toml") == "b.toml is not valid TOML: it is not UTF-8 text"


# ---- what a file may hold ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("detph = 2",
         "c.toml: unknown key 'detph'. Did you mean depth? "
         "Known: run, depth, rate, ratio, texts, kind, out, weights, optim, json, anything"),
        ("[optim]\nlrr = 1", "c.toml: unknown key 'optim.lrr'. Did you mean lr? Known: lr, betas, fused"),
        ("[optim]\nzzz = 1", "c.toml: unknown key 'optim.zzz'. Known: lr, betas, fused"),
        ("depth = 2.5", "c.toml: depth = 2.5: expected int, got float"),
        ("depth = true", "c.toml: depth = True: expected int, got bool"),
        ('rate = "1"', "c.toml: rate = '1': expected float, got str"),
        ("rate = true", "c.toml: rate = True: expected float, got bool"),
        ('ratio = "1"', "c.toml: ratio = '1': expected float, got str"),
        ("json = 1", "c.toml: json = 1: expected bool, got int"),
        ("out = 3", "c.toml: out = 3: expected str, got int"),
        ('texts = "a"', "c.toml: texts = 'a': expected a list, got str"),
        ('texts = ["a", 1]', "c.toml: texts[1] = 1: expected str, got int"),
        ('kind = "bp"', "c.toml: kind = 'bp': choose one of bpe, chars, 1"),
        ("kind = true", "c.toml: kind = True: choose one of bpe, chars, 1"),
        ("optim = 3", "c.toml: optim = 3: expected a table, got int"),
        ("[optim]\nbetas = [0.9]", "c.toml: optim.betas = [0.9]: expected 2 values, got 1"),
        ("weights = []", "c.toml: weights = []: expected a table, got list"),
        ('[weights]\nwiki = "much"', "c.toml: weights.wiki = 'much': expected float, got str"),
        ("[run]\na = 1", "c.toml: run = {'a': 1}: expected str, got dict"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_refused_with_key_value_and_type(grow, text, message):
    assert refusal(grow, "a", file=text) == message


def test_from_dict_alone_wants_every_required_key():
    assert refusal(from_dict, Grow, {}, "run.toml") == "run.toml: missing 'run'"
    assert refusal(from_dict, Needs, {"name": "a"}, "run.toml", prefix="inner.") == "run.toml: missing 'inner.size'"


# ---- round trip -------------------------------------------------------------------------------------------------

AWKWARD = [
    Grow(run="plain"),
    Grow(run='quote " backslash \\ newline \n tab \t é 🌰 [x] = # no comment', texts=["", " ", "a\nb", "--flag"]),
    Grow(run="", depth=2**40, rate=1e-300, ratio=-0.0, kind=1, out=Path("a b/ü")),
    Grow(run="inf", rate=float("inf"), ratio=3, weights={"a.b": 1.0, "": 0.1, "ключ": 1 / 3, "x y": -1e22}),
    Grow(run="nested", optim=Optim(lr=5e-324, betas=(0.0, 1.0), fused=False), json=True, anything=[{"a": 1}, "b"]),
]


@pytest.mark.parametrize("config", AWKWARD, ids=lambda c: c.run[:6] or "empty")
def test_round_trip(config, workplace):
    again = from_dict(Grow, tomllib.loads(dump(config)), "run.toml")
    assert again == config and type(again.out) is type(config.out) and isinstance(again.optim.betas, tuple)
    Path("run.toml").write_text(dump(config), encoding="utf-8")
    assert parse(Grow, ["--config", "run.toml"], prog="p") == config, "`--config run.toml` repeats the run"


def test_none_is_left_out_and_refused_where_it_would_not_come_back():
    assert "depth" not in to_dict(Grow(run="a"))

    @dataclasses.dataclass
    class Odd:
        depth: int | None = 12

    with pytest.raises(ValueError, match="Odd.depth = None cannot be written: its default is not None"):
        dump(Odd(depth=None))
