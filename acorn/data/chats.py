"""
Conversations from files: one JSON object a line, in any of the shapes people have.
    {"messages": [{"role": ..., "content": ...}, ...]}                        messages
    {"instruction": ..., "input" or "context": ..., "output" or "response": ...}    Alpaca, Dolly
"""

import json
import sys
from pathlib import Path

from acorn.errors import UserError
from acorn.tokenizer.chat import check

MAX_LINE = 4 << 20  # characters; a longer line is no conversation
BAD_SHARE = 0.05  # of the lines; above it the file is refused


def read_conversations(path: Path) -> list[list[dict]]:
    """
    -> lists of {"role", "content"}. Broken lines are counted and reported; above 5 % of them (or when nothing is left)
    UserError names the first one.
    """
    good, bad, first = [], 0, ""
    try:
        with open(path, encoding="utf-8") as f:
            for number, line in enumerate(f, 1):
                if not line.strip():
                    continue
                try:
                    good.append(conversation(line))
                except ValueError as e:
                    bad, first = bad + 1, first or f"line {number}: {e}"
    except FileNotFoundError:
        raise UserError(f"no file {path}") from None
    except (OSError, UnicodeDecodeError) as e:
        raise UserError(f"cannot read {path}: {e}") from None
    if not good or bad > BAD_SHARE * (bad + len(good)):
        raise UserError(f"{path}: {bad} of {bad + len(good)} lines are no conversation; {first or 'it is empty'}")
    if bad:
        print(f"{path}: {bad} of {bad + len(good)} lines are left out; {first}", file=sys.stderr)
    return good


def conversation(line: str) -> list[dict]:
    """One line -> messages; ValueError says what is wrong with it."""
    if len(line) > MAX_LINE:
        raise ValueError(f"longer than {MAX_LINE:,} characters")
    try:
        row = json.loads(line)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(row, dict):
        raise ValueError(f"expected an object, got {type(row).__name__}")
    if "messages" in row:
        messages = row["messages"]
        if not isinstance(messages, list) or not messages or not all(isinstance(m, dict) for m in messages):
            raise ValueError("messages must be a list of objects")
        messages = [{"role": m.get("role"), "content": m.get("content")} for m in messages]
        try:
            check(messages)
        except UserError as e:
            raise ValueError(e.message) from None
        if all(m["role"] != "assistant" for m in messages):
            raise ValueError("the assistant says nothing")
        return messages
    question, more = row.get("instruction"), row.get("input") or row.get("context") or ""
    answer = row.get("output") or row.get("response")
    if not isinstance(question, str) or not isinstance(answer, str) or not isinstance(more, str):
        raise ValueError("neither messages nor instruction and output (or response)")
    return [
        {"role": "user", "content": f"{question}\n\n{more}" if more else question},
        {"role": "assistant", "content": answer},
    ]
