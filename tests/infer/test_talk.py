"""acorn sample and acorn chat: on a saved run of random weights, and on a model that notes what it was given."""

import io
import json
import re
import sys

import pytest
import torch
from rich.console import Console

from acorn.checkpoint import save_checkpoint
from acorn.commands import chat, typeset
from acorn.commands.chat import Conversation, Session
from acorn.commands.sample import visible
from acorn.commands.typeset import Typeset, is_code
from acorn.errors import UserError
from acorn.infer.engine import Engine
from acorn.infer.load import fastest_threads, load_engine
from acorn.infer.sample import Sampling


@pytest.fixture
def run(workplace, random_nano, tokenizer):
    """runs/tiny with both stages, runs/raw with a base model only."""
    save_checkpoint("runs/tiny/base", 5, random_nano(seed=1), {}, {}, tokenizer)
    save_checkpoint("runs/tiny/sft", 7, random_nano(seed=2), {}, {}, tokenizer)
    save_checkpoint("runs/raw/base", 3, random_nano(seed=1), {}, {}, tokenizer)
    return workplace


# ---- sample ----------------------------------------------------------------------------------------------------------


def test_sample_streams_what_the_engine_says(run, acorn):
    words = ("sample", "raw", "-p", "once", "--seed", 3, "--max-tokens", 20)
    code, out, err = acorn(*words)
    engine, where = load_engine("raw")
    sampling = Sampling(temperature=0.8, seed=3, max_tokens=20)
    (reply,) = engine.complete([[engine.tokenizer.bos, *b"once"]], sampling)
    assert code == 0 and out == reply.text + "\n"
    assert "runs/raw/base/checkpoint-000003: 0.0 M parameters, context 128, cpu" in err and "tokens/s]" in err
    code, out, _ = acorn(*words, "--json")
    found = json.loads(out)
    assert found["samples"] == [{"text": reply.text, "finish": reply.finish, "tokens": len(reply.ids)}]
    assert (found["run"], found["checkpoint"]) == ("raw", str(where))
    assert (found["prompt"], found["prompt_tokens"]) == ("once", 5)


def test_sample_takes_the_furthest_stage_or_the_one_named(run, acorn):
    for name, where in (("tiny", "sft/checkpoint-000007"), ("runs/tiny/base", "base/checkpoint-000005")):
        assert json.loads(acorn("sample", name, "--json")[1])["checkpoint"] == f"runs/tiny/{where}"


def test_sample_several(run, acorn):
    code, out, _ = acorn("sample", "raw", "--n", 3, "--max-tokens", 6, "--seed", 1)
    found = json.loads(acorn("sample", "raw", "--n", 3, "--max-tokens", 6, "--seed", 1, "--json")[1])
    texts = [s["text"] for s in found["samples"]]
    assert code == 0 and len(set(texts)) == 3
    assert out == "".join(f"--- {i} of 3\n{text}\n" for i, text in enumerate(texts, 1))


def test_sample_reads_the_prompt_from_stdin_or_a_file(run, acorn, monkeypatch):
    (run / "p.txt").write_text("from a file", encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", io.StringIO("from stdin"))
    assert json.loads(acorn("sample", "raw", "-p", "-", "--json")[1])["prompt"] == "from stdin"
    assert json.loads(acorn("sample", "raw", "-p", "FILE:p.txt", "--json")[1])["prompt"] == "from a file"


@pytest.mark.parametrize(
    "words, says",
    [
        (["raw", "-p", "FILE:no.txt"], "cannot read the prompt from no.txt: No such file or directory"),
        (["raw", "-p", "FILE:bad.txt"], "cannot read the prompt from bad.txt: it is not UTF-8 text (byte 1)"),
        (["raw", "-p", "x" * 200], "prompt 0 has 201 tokens; the model's context holds 128"),
        (["raw", "--n", "0"], "--n 0: expected 1 or more"),
        (["raw", "--temperature", "-1"], "temperature = -1.0: expected 0 to 100"),
        (["rawr"], "no run 'rawr' in runs/ (found: raw, tiny). Did you mean raw?"),
    ],
)
def test_sample_refuses_in_one_sentence(run, acorn, words, says):
    (run / "bad.txt").write_bytes(b"a\xff")
    code, out, err = acorn("sample", *words)
    assert code == 2 and out == "" and f"error: {says}" in err


def test_stop_can_be_given_twice(run, acorn):
    whole = json.loads(acorn("sample", "raw", "--seed", 1, "--json")[1])["samples"][0]["text"]
    first, second = whole[10], whole[20]
    words = ("sample", "raw", "--seed", 1, "--json", "--stop", first, "--stop", second)
    (sample,) = json.loads(acorn(*words)[1])["samples"]
    assert sample == {**sample, "text": whole[: min(whole.find(first), whole.find(second))], "finish": "stop"}


def test_control_characters_do_not_reach_a_terminal(monkeypatch):
    text = "a\x1b[31m\tb\n\x9b\r"
    assert visible(text) == text  # a file gets every byte
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert visible(text) == "a\ufffd[31m\tb\n\ufffd\ufffd"


def test_threads_are_one_or_all(nano):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        assert fastest_threads(nano, rows=2) in (1, 2)
    finally:
        torch.set_num_threads(before)


# ---- chat ------------------------------------------------------------------------------------------------------------


def test_chat_answers_once(run, acorn, tokenizer):
    code, out, err = acorn("chat", "tiny", "-p", "hi", "--seed", 1, "--max-tokens", 9)
    assert code == 0 and out.endswith("\n") and "runs/tiny/sft/checkpoint-000007" in err and "tokens/s" in err
    found = json.loads(acorn("chat", "tiny", "-p", "hi", "--seed", 1, "--max-tokens", 9, "--json")[1])
    assert out == found["reply"] + "\n" and found["prompt_tokens"] == len(b"hi") + 4


def test_chat_with_a_base_model_points_to_sample(run, acorn):
    code, _, err = acorn("chat", "raw")
    assert code == 2
    assert "runs/raw/base/checkpoint-000003 is a base model: it continues text, it was not taught to answer" in err
    assert "try: acorn sample raw -p" in err


def test_json_needs_a_prompt(run, acorn):
    code, _, err = acorn("chat", "tiny", "--json")
    assert code == 2 and err == "error: --json needs -p TEXT: a conversation is not one object\n"


class Parrot(torch.nn.Module):
    """Answers "ok" and ends; notes every prompt."""

    def __init__(self, reciter, tokenizer, interrupt_at=None):
        super().__init__()
        self.inner, self.tokenizer, self.prompts = reciter(""), tokenizer, []
        self.config, self.new_cache, self.interrupt_at = self.inner.config, self.inner.new_cache, interrupt_at
        self.head = torch.nn.Identity()

    def __deepcopy__(self, memo):
        return self

    def features(self, ids, cache):
        if ids.shape[1] > 1:
            self.prompts.append(self.tokenizer.decode(ids[0].tolist()))
            self.says = iter([*b"ok", self.tokenizer.special("<|assistant_end|>")])
        elif self.interrupt_at == len(self.prompts):
            raise KeyboardInterrupt
        logits = self.inner.features(ids, cache) * 0
        logits[:, -1, next(self.says)] = 1
        return logits


@pytest.fixture
def parrot(reciter, tokenizer):
    return Parrot(reciter, tokenizer)


def talk(model, tokenizer, monkeypatch, lines, **options):
    monkeypatch.setattr(sys, "stdin", io.StringIO(lines))
    session = Session(Engine(model, tokenizer), Sampling(temperature=0, max_tokens=8), **options)
    session.loop()
    return session


BOS, USER, END, SAY, DONE = "<|bos|>", "<|user_start|>", "<|user_end|>", "<|assistant_start|>", "<|assistant_end|>"


def test_a_conversation_remembers(parrot, tokenizer, monkeypatch, capsys):
    session = talk(parrot, tokenizer, monkeypatch, "one\ntwo\n\n/exit\nnever\n")
    assert parrot.prompts == [f"{BOS}{USER}one{END}{SAY}", f"{BOS}{USER}one{END}{SAY}ok{DONE}{USER}two{END}{SAY}"]
    assert capsys.readouterr().out == "ok\nok\n" and session.talk.turns == [("one", "ok"), ("two", "ok")]


def test_commands_of_a_conversation(parrot, tokenizer, monkeypatch, capsys):
    lines = "/regen\na\n/regen\n/system be brief\n/clear\nb\n/system\n/help\n/claer\n"
    session = talk(parrot, tokenizer, monkeypatch, lines)
    a = f"{BOS}{USER}a{END}{SAY}"
    assert parrot.prompts == [a, a, f"{BOS}<|system_start|>be brief<|system_end|>{USER}b{END}{SAY}"]
    err = capsys.readouterr().err
    assert "error: there is no answer yet" in err
    assert "error: no command /claer. Did you mean /clear?" in err
    assert "/regen             answer the last message again" in err
    assert session.talk.turns == [("b", "ok")] and session.talk.system is None


def test_a_backslash_continues_the_line(parrot, tokenizer, monkeypatch):
    talk(parrot, tokenizer, monkeypatch, "one\\\ntwo\\\nthree\nlast\\\n")
    assert parrot.prompts[0] == f"{BOS}{USER}one\ntwo\nthree{END}{SAY}"
    assert parrot.prompts[1].endswith(f"{USER}last{END}{SAY}")  # the input ended inside a message


def test_what_stands_between_quotation_marks_is_one_message(parrot, tokenizer, monkeypatch):
    talk(parrot, tokenizer, monkeypatch, '"""\none\n\n/clear\\\n"""\n"""\nlast\n')
    assert parrot.prompts[0] == f"{BOS}{USER}one\n\n/clear\\{END}{SAY}"
    assert parrot.prompts[1].endswith(f"{USER}last{END}{SAY}")  # the input ended inside


def test_undo_and_set(parrot, tokenizer, monkeypatch, capsys):
    lines = "/undo\na\nb\n/undo\n/set top_k 7\n/set\n/set temperature hot\n/set top_p 0\n/set topk 1\n"
    lines += "/set max_tokens 1\nc\n"
    session = talk(parrot, tokenizer, monkeypatch, lines)
    assert session.talk.turns == [("a", "ok"), ("c", "o")]
    assert (session.sampling.top_k, session.sampling.top_p, session.sampling.temperature) == (7, 1.0, 0)
    err = capsys.readouterr().err
    assert "error: there is no answer yet" in err and "taken back: b" in err
    assert "top_k              7" in err and "max_tokens         8" in err
    assert "error: /set temperature hot: expected a number" in err
    assert "error: top_p = 0 leaves no token to draw from" in err
    assert "error: no setting 'topk'. Did you mean top_k? There is: temperature, top_k" in err


def test_a_conversation_is_saved_and_gone_on_with(parrot, tokenizer, monkeypatch, capsys, tmp_path):
    file = tmp_path / "talk.jsonl"
    talk(parrot, tokenizer, monkeypatch, f"/save {file}\n/system be brief\na\n/save {file}\nb\n/save {file}\n/save\n")
    said = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "a"}]
    assert json.loads(file.read_text()) == {"messages": [*said, {"role": "assistant", "content": "ok"}]}
    err = capsys.readouterr().err
    assert "error: nothing was said yet" in err and "error: /save needs a FILE" in err
    assert f"1 turns in {file}" in err and f"error: {file} is there already; nothing was written" in err
    session = talk(parrot, tokenizer, monkeypatch, f"x\n/load {file}\nc\n/load {tmp_path}/none\n/load\n")
    assert session.talk.turns == [("a", "ok"), ("c", "ok")] and session.talk.system == "be brief"
    err = capsys.readouterr().err
    assert "error: /load needs a FILE" in err and f"{tmp_path}/none" in err


def test_history_is_private_and_kept(tmp_path, monkeypatch):
    readline = pytest.importorskip("readline")
    monkeypatch.setattr(chat, "HISTORY", tmp_path / "state" / "history")
    registered = []
    monkeypatch.setattr("atexit.register", lambda *call: registered.append(call))
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    chat.keep_history()
    assert not registered  # nobody types
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    chat.keep_history()
    readline.add_history("told before")
    registered[0][0](*registered[0][1:])
    assert "told before" in (tmp_path / "state" / "history").read_text()
    assert (tmp_path / "state" / "history").stat().st_mode & 0o077 == 0


# ---- set on a terminal -----------------------------------------------------------------------------------------------


def shown(pieces) -> str:
    screen = Console(
        file=io.StringIO(), force_terminal=True, width=60, height=12, color_system=None, legacy_windows=False
    )
    with Typeset(screen) as page:
        for piece in pieces:
            page.push(piece)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.file.getvalue())


def last_screen(text: str) -> list[str]:
    """The lines that are left when every line was overwritten by its last form."""
    return [line.rstrip() for line in shown([text]).replace("\r", "").split("\n") if line.strip()]


def test_markdown_is_set():
    text = "# Plan\n\nUse **two** of `nat`:\n\n- one\n- two\n\n```hcl\na = 1\n```\n"
    assert [line.strip() for line in last_screen(text)] == ["Plan", "Use two of nat:", "• one", "• two", "a = 1"]
    letter_by_letter = shown(text)
    for words in ("Use two of nat:", " • two", "a = 1"):
        assert words in letter_by_letter


FILE = 'resource "aws_vpc" "this" {\n  cidr_block = "10.0.0.0/16"\n\n  tags = {\n    # Name\n    Name = "a"\n  }\n}\n'


@pytest.mark.parametrize(
    "text, language",
    [
        (FILE, "tf"),
        ("apiVersion: v1\nkind: Pod\n", "yaml"),
        ("FROM node:20\nWORKDIR /a\n", "docker"),
        ('{\n  "a": 1\n}', "json"),
    ],
)
def test_a_bare_file_is_set_as_code(text, language):
    assert is_code(text) and typeset.language(text) == language
    assert last_screen(text) == [line for line in text.split("\n") if line.strip()]  # indentation and # are kept


def test_a_long_file_scrolls_and_is_printed_once():
    text = "locals {\n  x = 1\n" + "".join(f'  value_{i:03} = "{i}"\n' for i in range(100)) + "}\n"
    printed = shown([text[i : i + 7] for i in range(0, len(text), 7)])
    assert [printed.count(f"value_{i:03} =") >= 1 for i in range(100)] == [True] * 100
    assert len(printed) < 6 * len(text)  # what was printed is not drawn again with every token


def test_words_are_no_code():
    assert not is_code("Hello!\nHow are you: well?\n\nYes.") and not is_code("```\na = {\nb = {\n```")


def test_ctrl_c_stops_the_reply_not_the_program(reciter, tokenizer, monkeypatch, capsys):
    model = Parrot(reciter, tokenizer, interrupt_at=1)
    session = talk(model, tokenizer, monkeypatch, "one\ntwo\n")
    out, err = capsys.readouterr()
    assert out == "o\nok\n" and ", stopped]" in err
    assert session.talk.turns == [("one", "o"), ("two", "ok")]


def test_what_the_context_cannot_hold_is_forgotten_and_said(parrot, tokenizer, monkeypatch, capsys):
    parrot.config.block_size = 60
    session = talk(parrot, tokenizer, monkeypatch, "a" * 15 + "\n" + "b" * 15 + "\n" + "c" * 15 + "\n")
    assert session.talk.turns == [("b" * 15, "ok"), ("c" * 15, "ok")]
    assert "[the context of 60 tokens is full: the oldest turn is forgotten]" in capsys.readouterr().err


def test_a_message_beyond_the_context_does_not_end_the_conversation(parrot, tokenizer, monkeypatch, capsys):
    parrot.config.block_size = 60
    session = talk(parrot, tokenizer, monkeypatch, "a\n" + "x" * 80 + "\nb\n", system="be brief")
    err = capsys.readouterr().err
    assert "error: the message and the system prompt have 94 tokens; the model's context holds 60" in err
    assert session.talk.turns == [("a", "ok"), ("b", "ok")]  # nor does it cost what was said before


def test_control_words_typed_by_the_user_are_text(parrot, tokenizer):
    ids, _ = Conversation().prompt(Engine(parrot, tokenizer), "<|assistant_end|>")
    assert tokenizer.special("<|assistant_end|>") not in ids
    with pytest.raises(UserError, match="the message has 204 tokens; the model's context holds 128"):
        Conversation().prompt(Engine(parrot, tokenizer), "x" * 200)
