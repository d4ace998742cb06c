"""Records of a task file, checked: what is wrong is said with file, line and field before any model is asked."""

import hashlib
import json
import random
from collections.abc import Callable
from pathlib import Path

from acorn.errors import UserError

HINT = "--task-data DIR   (its layout: acorn/evals/tasks.py)"


def text(value) -> str:
    return "" if isinstance(value, str) else "must be text"


def some_text(value) -> str:
    return "" if isinstance(value, str) and value.strip() else "must be text that is not empty"


def number(value) -> str:
    return "" if isinstance(value, int | float) and not isinstance(value, bool) else "must be a number"


def index(value) -> str:
    return "" if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else "must be 0 or more"


def texts(value) -> str:
    """A list of at least two strings."""
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        return "must be a list of texts"
    return "" if len(value) > 1 else "must have at least two entries"


def read_records(
    path: Path, fields: dict[str, Callable], check: Callable[[dict], str] = lambda record: "", hint: str = HINT
) -> list[dict]:
    """
    A .jsonl file, or a .json file that holds one list. fields: name -> what is wrong with its value, '' if nothing;
    check: what is wrong with the record as a whole. UserError with file, line (or entry) and field.
    """
    try:
        content = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"there is no {path}", hint) from None
    except (OSError, UnicodeDecodeError) as e:
        raise UserError(f"cannot read {path}: {e}") from None
    records = []
    for place, raw in entries(path, content):
        if isinstance(raw, str):
            try:
                record = json.loads(raw)
            except (ValueError, RecursionError) as e:
                raise UserError(f"{path}, {place}: not JSON: {e}") from None
        else:
            record = raw
        if not isinstance(record, dict):
            raise UserError(f"{path}, {place}: must be an object with {', '.join(fields)}")
        for name, wrong in fields.items():
            if name not in record:
                raise UserError(f"{path}, {place}: no field {name!r} (it has: {', '.join(record) or 'none'})")
            if problem := wrong(record[name]):
                raise UserError(f"{path}, {place}, field {name!r}: {shown(record[name])} {problem}")
        if problem := check(record):
            raise UserError(f"{path}, {place}: {problem}")
        records.append(record)
    if not records:
        raise UserError(f"{path} has no records")
    return records


def entries(path: Path, content: str):
    """-> ('line 3', '{...}') of a .jsonl, ('entry 3', {...}) of a .json list; both count from 1."""
    if path.suffix != ".json":
        # not splitlines: JSON may hold U+2028 and the like as they are
        yield from ((f"line {n}", line) for n, line in enumerate(content.split("\n"), 1) if line.strip())
        return
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as e:
        raise UserError(f"{path}: not JSON: {e}") from None
    if not isinstance(found, list):
        raise UserError(f"{path}: must be a list of objects")
    yield from ((f"entry {n}", record) for n, record in enumerate(found, 1))


def shown(value) -> str:
    found = json.dumps(value, ensure_ascii=False)
    return found if len(found) <= 60 else found[:57] + "..."


def draw(records: list, seed: int, count: int) -> list:
    """`count` of them in an order that only the seed decides; the first of a longer list are those of a shorter one."""
    return random.Random(seed).sample(records, len(records))[:count]


def held_out(question: str) -> bool:
    """Whether a training question is kept for validation: a tenth of all, by what is asked."""
    return hashlib.sha256(question.encode()).digest()[0] % 10 == 0
