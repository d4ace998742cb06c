"""What oneDNN may keep: its own limit let an evaluation of 300 replies grow to 5.9 GB, this one to 0.8."""

import os

from acorn import runtime

LIMIT = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"


def test_compiled_products_are_few_unless_the_user_says_otherwise(monkeypatch):
    monkeypatch.delenv(LIMIT, raising=False)
    runtime.start("cpu", "float32")
    assert os.environ[LIMIT] == "128"
    monkeypatch.setenv(LIMIT, "1024")
    runtime.start("cpu", "float32")
    assert os.environ[LIMIT] == "1024"
