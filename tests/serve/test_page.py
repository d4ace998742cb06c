"""What a person does with answers, and what the page does when something goes wrong."""

import contextlib
import json
import time

from paging import MARKDOWN, ended, press, say, shown, stored
from scripted import busy, scripted

FILE = 'resource "bucket" "this" {\n  # comment\n  name = "water"\n}\n\nresource "wall" "this" {\n  open = false\n}\n'

# --- answers ----------------------------------------------------------------------------------------------------------


def test_an_answer_grows_as_markdown_without_flicker(page, oak):
    oak.answer, oak.size, oak.most = lambda said: MARKDOWN, 6, MARKDOWN.index("words")
    say(page, "Hi", wait=False)
    page.until("document.querySelector('.assistant.going[aria-busy=true] .body h1 + p')")
    page.run("document.querySelector('.assistant .body h1').same = true")
    oak.most = MARKDOWN.index("return")
    page.until("document.querySelector('.assistant.going .code')")
    page.run("document.querySelector('.assistant .code .code-head button').same = true")
    early = len(shown(page)[0])
    oak.most = None
    ended(page)
    page.until("document.querySelector('.assistant .body > p:last-child')?.textContent === 'The end of it.'")
    assert early < len(shown(page)[0])
    assert page.run("document.querySelector('.assistant .body h1').same"), "a finished block is left alone"
    assert page.run("document.querySelector('.assistant .code .code-head button').same"), "code grows in its frame"
    kinds = page.run("[...document.querySelector('.assistant .body').children].map(e => e.className || e.tagName)")
    assert kinds == ["H1", "P", "wide-table", "code", "UL", "P"]
    assert page.run("document.querySelector('.code .k').textContent") == "def"
    colours = "['.code .k', '.code code'].map(s => getComputedStyle(document.querySelector(s)).color)"
    assert len(set(page.run(colours))) == 2
    figures = page.run("document.querySelector('.figures').textContent")
    tokens = -(-len(MARKDOWN) // 6)
    assert figures.startswith(f"{tokens} tokens · ") and " tokens/s · first after " in figures
    assert page.run("document.querySelector('#said').textContent") == f"Answer: {MARKDOWN}"


def test_a_bare_file_is_shown_as_code(page, oak):
    oak.answer = lambda said: FILE
    say(page, "a bucket")
    page.until("document.querySelector('.assistant .code pre')")
    page.until(f"document.querySelector('.assistant .code pre').textContent === {json.dumps(FILE)}")
    assert page.run("document.querySelectorAll('.assistant h1:not(.who)').length") == 0, "its comment is no heading"
    assert page.run("document.querySelector('.code .nt, .code .kr, .code .k, .code .na') !== null")


def test_stop_keeps_what_came(page, oak):
    oak.answer, oak.most = lambda said: "word " * 500, 150
    say(page, "Hi", wait=False)
    page.until("document.querySelector('.assistant .body').innerText.length > 20")
    page.press("Escape")
    ended(page)
    text = stored(page)[0]["nodes"][1]["text"]
    assert text.startswith("word ") and len(text) < 2000
    assert "Stopped here." in page.run("document.querySelector('.assistant .note').textContent")
    page.until("document.querySelector('.figures')?.textContent.includes('tokens')")
    end = time.monotonic() + 5
    while not oak.stopped and time.monotonic() < end:
        time.sleep(0.02)
    assert oak.stopped == 1, "the server was told"
    say(page, "Go on", wait=False)
    page.until("document.querySelector('#send').getAttribute('aria-label') === 'Stop'")
    page.click("#send")
    ended(page)
    assert len(stored(page)[0]["nodes"]) == 4


def test_regenerate_keeps_both(page, oak):
    answers = iter(["first answer", "second answer"])
    oak.answer = lambda said: next(answers)
    say(page, "Hi")
    press(page, "Another answer")
    page.until("document.querySelector('.assistant .count')?.textContent === '2 / 2'")
    page.until("document.querySelector('.assistant .body').innerText.trim() === 'second answer'")
    press(page, "The version before")
    page.until("document.querySelector('.assistant .body').innerText.trim() === 'first answer'")
    assert page.run("document.activeElement.closest('.bar') !== null"), "the focus stays on the arrows"
    page.reload()
    page.until("document.querySelector('.assistant .body')?.innerText.trim() === 'first answer'")
    assert len(stored(page)[0]["nodes"]) == 3


def test_edit_branches_off(page, oak):
    say(page, "one")
    say(page, "two")
    page.press("ArrowUp")
    assert page.run("document.querySelector('#ask').value") == "two"
    page.press("Escape")
    assert page.run("document.querySelector('#ask').value") == ""
    page.run("document.querySelector('.message.user button[aria-label=\"Edit this message\"]').click()")
    page.type(" changed")
    page.press("Enter")
    page.until("document.querySelector('.user .body').innerText === 'one changed'")
    ended(page)
    page.until("document.querySelector('.assistant .body').innerText.trim() === 'You said: one changed'")
    assert shown(page, "user") == ["one changed"]
    assert "two" not in oak.tickets_seen[-1][0] and "one changed" in oak.tickets_seen[-1][0]
    press(page, "The version before")
    page.until("document.querySelectorAll('.user .body').length === 2")
    assert shown(page, "user") == ["one", "two"]
    say(page, "three")
    assert all(word in oak.tickets_seen[-1][0] for word in ("one", "You said: one", "two", "three"))
    assert "changed" not in oak.tickets_seen[-1][0]


def test_copy(browser, page, oak, woods):
    oak.answer = lambda said: MARKDOWN
    browser.call("Browser.grantPermissions", permissions=["clipboardReadWrite"], browserContextId=page.context)
    say(page, "Hi")
    page.until("document.querySelector('.assistant .body').textContent.includes('The end of it.')")
    page.until("document.querySelector('.code')")
    press(page, "Copy the python code")
    page.until("document.querySelector('#said').textContent === 'Copied.'")
    assert page.run("navigator.clipboard.readText()") == "def grow(tree):\n    return tree + 1"
    press(page, "Copy this message")
    page.until(f"navigator.clipboard.readText().then(text => text === {json.dumps(MARKDOWN)})")
    # plain http from another machine has no navigator.clipboard
    page.run("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page.run("document.querySelector('#said').textContent = ''")
    press(page, "Copy the python code")
    page.until("document.querySelector('#said').textContent === 'Copied.'")


def test_a_reload_in_the_middle_loses_nothing(page, oak):
    oak.answer, oak.most = lambda said: "word " * 400, 150
    say(page, "Hi", wait=False)
    page.until("document.querySelector('.assistant .body').innerText.length > 100")
    page.reload()
    page.until("document.querySelector('.assistant .note')?.textContent.startsWith('Not finished')")
    assert len(shown(page)[0]) > 100 and shown(page, "user") == ["Hi"]
    oak.most, oak.answer = None, lambda said: "whole"
    press(page, "Another answer")
    page.until("document.querySelector('.assistant .body').innerText.trim() === 'whole'")
    page.run("document.querySelector('#ask').focus()")
    page.type("a draft")
    page.reload()
    page.until("document.querySelector('#ask').value === 'a draft'")


def test_settings_reach_the_model(page, oak):
    page.click("#settings")
    page.run("document.querySelector('#system').focus()")
    page.type("Be brief.")
    given = {"temperature": "0.5", "top_p": "0.9", "top_k": "40", "min_p": "0.05", "repetition_penalty": "1.1",
             "max_tokens": "99", "seed": "7"}  # fmt: skip
    for name, value in given.items():
        page.run(f"document.querySelector('#set-{name}').focus()")
        page.type(value)
    page.press("Escape")
    say(page, "Hi")
    text, ticket = oak.tickets_seen[-1]
    assert "<|system_start|>Be brief.<|system_end|>" in text
    for name, value in given.items():
        assert getattr(ticket.sampling, name) == float(value)
    page.click("#settings")
    page.run("document.querySelector('#set-temperature').select()")
    page.type("5")
    assert page.run("document.querySelector('#hint-temperature').textContent") == "From 0 to 2."
    page.press("Escape")
    page.press("k", "Control")
    say(page, "Hi")
    assert oak.tickets_seen[-1][1].sampling.temperature == 0.5, "what is impossible was not taken"
    assert "Be brief." in oak.tickets_seen[-1][0], "a new conversation starts with the latest settings"


def test_a_base_model_goes_on_from_a_text(page, woods):
    raw = woods[1][2]
    raw.answer = lambda said: f"[{said}]"
    page.run("document.querySelector('#model').value = 'raw'; document.querySelector('#model').onchange()")
    assert "base model" in page.run("document.querySelector('#ask').placeholder")
    say(page, "Once upon")
    page.until("document.querySelector('.assistant .body').innerText.trim() === '[Once upon]'")
    assert raw.tickets_seen[-1][1].sampling.max_tokens == 256


# --- what goes wrong --------------------------------------------------------------------------------------------------


def test_a_busy_server_is_asked_again(page, oak):
    oak.refusals = [busy(2)]
    say(page, "Hi", wait=False)
    note = page.until("document.querySelector('.note.trouble')?.textContent")
    assert note.startswith("The server is busy. Trying again in 2 s.") or "in 1 s." in note
    page.until("document.querySelector('.assistant .body').innerText.trim() === 'You said: Hi'")
    assert not page.run("document.querySelector('.note.trouble')")
    oak.refusals = [busy(600)]
    say(page, "Hi again", wait=False)
    page.until("document.querySelector('.note.trouble')")
    press(page, "Do not wait")
    assert "Trying" not in page.run("document.querySelector('.note.trouble').textContent")
    press(page, "Try again")
    page.until("[...document.querySelectorAll('.assistant .body')].at(-1).innerText.trim() === 'You said: Hi again'")


def test_a_key_is_asked_for_and_kept_in_the_tab_alone(browser, tmp_path):
    with scripted(tmp_path, key="secret-key") as (url, _), browser.page(url) as page:
        page.until("document.querySelector('#banner form')")
        assert "asks for its API key" in page.run("document.querySelector('#banner').textContent")
        refused = "document.querySelector('#banner').textContent.startsWith('The server does not know this API key.')"
        for key, then in (("wrong", refused), ("secret-key", "document.querySelector('#banner').hidden")):
            page.run("document.querySelector('#banner input').focus()")
            page.type(key)
            page.press("Enter")
            page.until(then)
        say(page, "Hi")
        page.until("document.querySelector('.assistant .body').innerText.trim() === 'You said: Hi'")
        assert "secret-key" not in page.run("JSON.stringify(localStorage)")
        assert page.run("Object.values(sessionStorage).includes('secret-key')")
        assert page.faults == []


def test_a_server_that_goes_away_and_comes_back(browser, tmp_path):
    with contextlib.ExitStack() as running:
        url, [script] = running.enter_context(scripted(tmp_path, grace=1))
        with browser.page(url) as page:
            page.until("document.querySelector('#model').value")
            script.answer, script.most = lambda said: "word " * 2000, 150
            say(page, "Hi", wait=False)
            page.until("document.querySelector('.assistant .body').innerText.length > 20")
            running.close()
            note = page.until("document.querySelector('.note.trouble')?.textContent")
            assert note.startswith("The connection was lost before the answer was whole.") and "Try again" in note
            assert shown(page)[0].startswith("word word")
            say(page, "Still there?", wait=False)
            note = page.until("document.querySelector('.message:last-child .note.trouble')?.textContent")
            assert note.startswith("The server does not answer.")
            page.until("!document.querySelector('#banner').hidden")
            with scripted(tmp_path, port=int(url.split(":")[-1].strip("/"))):
                page.until("document.querySelector('#banner').hidden")
                press(page, "Try again")
                page.until(
                    "document.querySelector('.message:last-child .body').innerText.trim() === 'You said: Still there?'"
                )
            assert page.faults == []
