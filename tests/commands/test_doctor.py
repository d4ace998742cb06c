"""acorn doctor: it tells what is, by the rules a run would use, and survives a sick machine."""

import importlib.metadata
import json
import sys
import time

import pytest

from acorn.commands import doctor


@pytest.fixture
def lines(acorn, workplace):
    def call() -> tuple[int, dict]:
        code, out, err = acorn("doctor", "--json")
        answer = json.loads(out)
        assert err == "" and answer["ok"] is (code == 0)
        return code, {line["name"]: line for line in answer["lines"]}

    return call


def test_a_healthy_machine(lines):
    import torch

    code, found = lines()
    assert code == 0 and found["packages"]["data"]["torch"] == importlib.metadata.version("torch")
    assert found["dtype"]["data"]["dtype"] in ("float32", "bfloat16")
    assert all(speed > 0 for speed in found["dtype"]["data"]["gflops"].values())
    assert found["threads"]["data"]["torch"] == torch.get_num_threads()
    assert found["memory"]["data"]["total_bytes"] > found["memory"]["data"]["free_bytes"] > 0
    assert "attention" in found["attention"]["data"]["kernel"]
    assert found["disk"]["data"]["write_mb_per_s"] > 0


def test_the_dtype_is_what_a_run_would_take(lines, monkeypatch):
    from acorn import runtime

    for fast in ("float32", "bfloat16"):
        monkeypatch.setattr(
            runtime, "gemm_flops", lambda dtype, *a, fast=fast: 2e9 if str(dtype).endswith(fast) else 1e9
        )
        other = {"float32": "bfloat16", "bfloat16": "float32"}[fast]
        assert lines()[1]["dtype"]["text"] == f"{fast}: 512 x 512 products at 2 GFLOP/s, {other} at 1"


def test_as_text(acorn, workplace):
    code, out, _ = acorn("doctor")
    assert code == 0 and out.endswith("All that acorn needs is here.\n") and "ok      python" in out
    assert list(workplace.iterdir()) == [], "it leaves nothing behind"


def test_a_missing_requirement_is_exit_1_and_a_missing_extra_is_not(lines, monkeypatch):
    monkeypatch.setattr(
        doctor.importlib.metadata, "requires", lambda _: ["no-such-thing>=1", 'other-thing; extra == "export"']
    )
    code, found = lines()
    assert (
        code == 1
        and found["packages"]["text"] == "missing: no-such-thing"
        and found["packages"]["fix"] == "make install"
    )
    assert found["extra [export]"]["ok"] is None and "pip install -e '.[export]'" in found["extra [export]"]["fix"]


def test_without_torch(acorn, workplace, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    code, out, _ = acorn("doctor")
    assert code == 1 and "MISSING torch" in " ".join(out.split()) and "1 of these must be put right" in out
    assert "try: make install" in out


def test_attention_that_does_not_launch(lines, monkeypatch):
    from acorn.model import layers

    def broken(*args):
        raise RuntimeError("no kernel image")

    monkeypatch.setattr(layers, "attend", broken)
    code, found = lines()
    assert code == 1 and "no kernel image" in found["attention"]["text"]


def test_a_disk_that_is_full_or_closed(lines, monkeypatch):
    monkeypatch.setattr(doctor, "ROOM", 1 << 60)
    code, found = lines()
    assert code == 1 and "a run wants" in found["disk"]["text"] and found["disk"]["fix"].startswith("df -h")
    monkeypatch.undo()

    def refuse(folder):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(doctor, "write_speed", refuse)
    assert "cannot be written: Permission denied" in lines()[1]["disk"]["text"]


def test_requirements_are_the_installed_ones():
    found = doctor.requirements()
    assert {"torch", "numpy", "tyro"} <= set(found[""]) and found["export"] == ["gguf"] and "pytest" in found["dev"]


def test_it_is_quick(acorn, workplace):
    begin = time.perf_counter()
    acorn("doctor")
    assert time.perf_counter() - begin < 10, "about one second where nothing else runs"


def test_the_sandbox_is_tried_and_named(lines, monkeypatch):
    from acorn.infer.sandbox import Sandbox

    found = lines()[1]["sandbox"]
    if found["ok"]:
        assert "seccomp" in found["data"]["tier"] and found["data"]["tier"] in found["text"]
    monkeypatch.setattr(Sandbox, "start", lambda self, kind: "not on this machine")
    code, found = lines()
    assert code == 0, "nothing else needs it"
    assert found["sandbox"]["ok"] is None and "namespaces: not on this machine" in found["sandbox"]["text"]
