"""The page in a real Chromium, in front of the real server. The models say what a test makes them say."""

import contextlib
import json
import time

import pytest
from browser import CHROMIUM, MISSING, Chromium
from scripted import busy, scripted

pytestmark = pytest.mark.skipif(not CHROMIUM, reason=MISSING)

HOSTILE = "<img src=x onerror=window.owned=1>"
MARKDOWN = """# A heading

Some **bold** words and `code`.

| a | b |
|---|---|
| 1 | 2 |

```python
def grow(tree):
    return tree + 1
```

- one
- two

The end of it."""
FILE = 'resource "bucket" "this" {\n  # comment\n  name = "water"\n}\n\nresource "wall" "this" {\n  open = false\n}\n'


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = Chromium(tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with scripted(tmp_path_factory.mktemp("served"), ("oak", HOSTILE, "raw"), base=("raw",)) as (url, scripts):
        yield url, scripts


@pytest.fixture
def oak(server):
    """The script of the first model, as it was at first."""
    script = server[1][0]
    script.pace, script.size, script.refusals, script.answer = 0.0, 7, [], lambda said: f"You said: {said}"
    script.tickets_seen.clear()
    script.stopped = 0
    return script


@pytest.fixture
def page(browser, server, oak):
    with browser.page(server[0]) as page:
        page.until("document.querySelector('#model').value")
        yield page
        assert page.faults == [] and page.dialogs == []
        origin = server[0]
        assert all(address.startswith((origin, "blob:" + origin, "data:")) for address in page.requests), page.requests


def say(page, text, wait=True):
    page.run("document.querySelector('#ask').focus()")
    page.type(text)
    page.press("Enter")
    if wait:
        ended(page)


def ended(page):
    page.until("document.querySelector('.message.assistant:last-child:not(.going) .bar button')")


def shown(page, role="assistant"):
    return page.run(f"[...document.querySelectorAll('.message.{role} .body')].map(e => e.textContent.trim())")


def stored(page):
    script = "Object.entries(localStorage).filter(([k]) => k.startsWith('acorn.chat.')).map(([, v]) => JSON.parse(v))"
    return page.run(script)


def press(page, label):
    """Press the last button of this name, as a person would."""
    page.run(
        f"[...document.querySelectorAll('button')].findLast(b => (b.getAttribute('aria-label') ?? b.textContent)"
        f".trim() === {json.dumps(label)}).click()",
        click=True,
    )


# --- answers ----------------------------------------------------------------------------------------------------------


def test_an_answer_grows_as_markdown_without_flicker(page, oak):
    oak.answer, oak.pace, oak.size = lambda said: MARKDOWN, 0.03, 6
    say(page, "Hi", wait=False)
    page.until("document.querySelector('.assistant.going[aria-busy=true] .body h1 + p')")
    page.run("document.querySelector('.assistant .body h1').same = true")
    page.until("document.querySelector('.assistant.going .code')")
    page.run("document.querySelector('.assistant .code .code-head button').same = true")
    early = len(shown(page)[0])
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
    oak.answer, oak.pace = lambda said: "word " * 500, 0.02
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


def test_copy(browser, page, oak, server):
    oak.answer = lambda said: MARKDOWN
    browser.call("Browser.grantPermissions", permissions=["clipboardReadWrite"], browserContextId=page.context)
    say(page, "Hi")
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
    oak.answer, oak.pace = lambda said: "word " * 400, 0.02
    say(page, "Hi", wait=False)
    page.until("document.querySelector('.assistant .body').innerText.length > 100")
    page.reload()
    page.until("document.querySelector('.assistant .note')?.textContent.startsWith('Not finished')")
    assert len(shown(page)[0]) > 100 and shown(page, "user") == ["Hi"]
    oak.pace, oak.answer = 0.0, lambda said: "whole"
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


def test_a_base_model_goes_on_from_a_text(page, server):
    raw = server[1][2]
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
            script.answer, script.pace = lambda said: "word " * 2000, 0.02
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


# --- conversations ----------------------------------------------------------------------------------------------------


def test_conversations_are_kept_found_renamed_deleted(page):
    for text in ("about apples", "about pears"):
        page.press("k", "Control")
        say(page, text)
    titles = "[...document.querySelectorAll('#chats .open')].map(e => e.textContent)"
    assert page.run(titles) == ["about pears", "about apples"]
    page.run("document.querySelector('#search').focus()")
    page.type("You said apples")
    assert page.run(titles) == ["about apples"]
    press(page, "More for about apples")
    press(page, "Rename")
    page.type("Fruit")
    page.press("Enter")
    page.run("document.querySelector('#search').value = ''")
    page.run("document.querySelector('#search').dispatchEvent(new Event('input'))")
    assert page.run(titles) == ["about pears", "Fruit"]
    press(page, "More for about pears")
    press(page, "Delete")
    assert page.run(titles) == ["Fruit"] and page.run("document.querySelector('#welcome').hidden") is False
    press(page, "Undo")
    assert page.run(titles) == ["about pears", "Fruit"]
    page.reload()
    page.until(f"{titles}.length === 2")
    press(page, "Fruit")
    page.until("document.querySelector('.user .body')?.innerText === 'about apples'")
    assert page.run("document.title") == "Fruit · acorn"


def export(page):
    page.run("URL.createObjectURL = (blob) => { window.blob = blob; return 'blob:none' }")
    page.run("HTMLAnchorElement.prototype.click = () => {}")
    press(page, "Export all")
    return page.until("window.blob?.text()")


def load(page, path):
    root = page.call("DOM.getDocument")["root"]["nodeId"]
    node = page.call("DOM.querySelector", nodeId=root, selector="#file")["nodeId"]
    page.call("DOM.setFileInputFiles", files=[str(path)], nodeId=node)
    return page.until("document.querySelector('.toast span')?.textContent")


def test_export_and_import(browser, server, page, tmp_path):
    say(page, "one")
    press(page, "Another answer")
    page.until("document.querySelector('.assistant .count')")
    ended(page)
    path = tmp_path / "saved.json"
    path.write_text(export(page), encoding="utf-8")
    assert load(page, path) == "Imported 0 conversations. 1 was here already."
    with browser.page(server[0]) as other:
        assert load(other, path) == "Imported 1 conversation."
        assert stored(other) == stored(page)
        other.run("document.querySelector('#toasts').replaceChildren()")
        for text, said in (("{", "This file is not JSON."), ("[1]", "This file holds no conversations of acorn."),
                           ('{"format": "acorn-conversations", "conversations": [null, {"nodes": 3}, {"nodes": []}]}',
                            "Imported 0 conversations. 3 could not be read.")):  # fmt: skip
            path.write_text(text)
            assert load(other, path) == said
            other.run("document.querySelector('#toasts').replaceChildren()")


def talk_of(turns, text="A **bold** word"):
    nodes, parent = [], None
    for i in range(turns):
        for role in ("user", "assistant"):
            nodes.append({"id": f"{role}{i}", "parent": parent, "role": role, "text": f"{text} {i}", "finish": "stop"})
            parent = nodes[-1]["id"]
    return {"id": "long", "title": "Long", "nodes": nodes, "leaf": parent, "created": 1, "updated": 2}


def test_a_long_conversation_stays_quick(page, tmp_path):
    path = tmp_path / "long.json"
    path.write_text(json.dumps({"format": "acorn-conversations", "conversations": [talk_of(500)]}))
    load(page, path)
    page.requests.clear()
    spent = page.run("""(() => {
        const begin = performance.now();
        document.querySelector('#chats .open').click();
        document.querySelector('#scroll').getBoundingClientRect();
        return performance.now() - begin;
    })()""")
    page.until("[...document.querySelectorAll('.message')].at(-1).querySelector('strong')")
    assert page.run("document.querySelectorAll('.message').length") == 1000
    assert spent < 2000
    assert sum(address.endswith("/render") for address in page.requests) < 60, "those out of sight wait"
    below = "(s => s.scrollHeight - s.scrollTop - s.clientHeight)(document.querySelector('#scroll'))"
    page.until(f"{below} < 5")
    say(page, "Hi")
    page.until(f"{below} < 5")


# --- hostile text -----------------------------------------------------------------------------------------------------

PAYLOADS = [
    "<script>window.owned=1</script>",
    "<img src=x onerror=window.owned=1>",
    "<svg onload=window.owned=1>",
    "<svg><script>window.owned=1</script></svg>",
    "<iframe srcdoc='<script>parent.owned=1</script>'></iframe>",
    "<iframe src=javascript:parent.owned=1>",
    "<body onload=window.owned=1>",
    "<details open ontoggle=window.owned=1>x</details>",
    "<input autofocus onfocus=window.owned=1>",
    "<a href=javascript:window.owned=1>x</a>",
    "[x](javascript:window.owned=1)",
    "[x](JaVaScRiPt&#58;window.owned=1)",
    "[x](data:text/html,<script>window.owned=1</script>)",
    "[x](vbscript:owned)",
    "![x](http://evil.example/?leak)",
    "![x](x \"onerror=window.owned=1\")",
    "[x](http://evil.example/\"onmouseover=window.owned=1)",
    "```\"><img/src/onerror=window.owned=1>\ncode\n```",
    "<math><mtext><table><mglyph><style><img src=x onerror=window.owned=1>",
    "<form action=http://evil.example><button>x</button></form><meta http-equiv=refresh content=0;url=http://evil.example>",
    "<link rel=stylesheet href=http://evil.example/x.css><style>@import 'http://evil.example'</style>",
    "<base href=http://evil.example/><noscript><p title='</noscript><img src=x onerror=window.owned=1>'>",
    "`${window.owned=1}` {{constructor.constructor('window.owned=1')()}}",
    "</textarea></title></style><script>window.owned=1</script>",
    "| <img src=x onerror=window.owned=1> |\n|---|\n| [x](javascript:window.owned=1) |",
]  # fmt: skip
HARMLESS = """(() => {
    const found = [];
    for (const e of document.querySelectorAll('*')) {
        const names = [...e.attributes].map(a => a.name).filter(n => e.id !== 'ask' || n !== 'style');
        if (names.some(n => /^on|^style$|^srcdoc$/i.test(n))) found.push(e.outerHTML);
        if (/^(iframe|object|embed|base|math|style|video|audio|frame)$/i.test(e.tagName)) found.push(e.outerHTML);
        const said = e.closest('#talk, #chats');
        if (said && /^(img|script|link|meta|form|input)$/i.test(e.tagName)) found.push(e.outerHTML);
        if (e.href && !/^(https?|mailto|blob):/i.test(e.href)) found.push(e.outerHTML);
        if (e.matches('#talk a') && !/noopener/.test(e.rel)) found.push(e.outerHTML);
    }
    return [window.owned ?? null, found];
})()"""


def hostile_file(path):
    chats = []
    for i, text in enumerate(PAYLOADS):
        chat = talk_of(1, text)
        chat |= {
            "id": text if i % 2 else f"chat{i}",
            "title": text,
            "model": text,
            "options": {"system": text, "seed": text},
        }
        chat["nodes"][1] |= {
            "model": text,
            "trouble": {"kind": text, "text": text},
            "stats": {"tokens": text, "first": text},
        }
        chats.append(chat)
    raw = json.dumps({"format": "acorn-conversations", "conversations": chats})
    path.write_text(raw.replace('"title"', '"__proto__": {"owned": 1, "title": "x"}, "constructor": {"a": 1}, "title"'))


def test_hostile_text_is_harmless(page, oak, server, tmp_path):
    oak.answer = lambda said: said  # the model says what the person says
    everything = "\n\n".join(PAYLOADS)
    say(page, everything)
    for payload in PAYLOADS:
        page.press("k", "Control")
        say(page, payload)
        page.until("!document.querySelector('.assistant .body.plain')")
        assert page.run(HARMLESS) == [None, []], payload
        assert shown(page, "user") == [payload.strip()]
    hostile_file(tmp_path / "hostile.json")
    assert load(page, tmp_path / "hostile.json") == f"Imported {len(PAYLOADS)} conversations."
    assert page.run("[({}).owned ?? null, ({}).a ?? null]") == [None, None]
    titles = page.run("[...document.querySelectorAll('#chats .open')].map(e => e.textContent)")
    assert sum(title in titles for title in PAYLOADS) == len(PAYLOADS), "they are shown, as text"
    for at in [i for i, title in enumerate(titles) if title in PAYLOADS][: len(PAYLOADS)]:
        page.run(f"document.querySelectorAll('#chats .open')[{at}].click()")
        page.until("document.querySelector('.assistant .body') && !document.querySelector('.assistant .body.plain')")
        assert page.run(HARMLESS) == [None, []], titles[at]
    page.run(
        f"document.querySelector('#model').value = {json.dumps(HOSTILE)}; document.querySelector('#model').onchange()"
    )
    page.press("k", "Control")
    say(page, "Hi")
    assert page.run("document.querySelector('.who').textContent") == HOSTILE
    page.reload()
    page.until("document.querySelectorAll('#chats li').length > 40")
    assert page.run(HARMLESS) == [None, []]


def test_damaged_storage_is_left_out(page):
    page.run("""localStorage['acorn.chat.a'] = '{'; localStorage['acorn.chat.b'] = 'null';
        localStorage['acorn.chat.c'] = '{"id":"other","nodes":[{"id":"x","parent":null,"role":"user","text":"x"}]}';
        localStorage['acorn.chat.d'] = JSON.stringify({id: 'd', nodes: [{id: 'x', parent: 'y', role: 'user', text: 'x'},
            {id: 'y', parent: 'x', role: 'assistant', text: 'x'}]});
        localStorage['acorn.options'] = '[]'; localStorage['acorn.theme'] = '"><script>'""")
    page.reload()
    page.until("document.querySelector('#model').value")
    assert page.run("document.querySelectorAll('#chats li').length") == 0
    say(page, "Hi")


# --- looks, and hands -------------------------------------------------------------------------------------------------


def test_dark_and_light(page):
    ground = "getComputedStyle(document.body).backgroundColor"
    page.dark(False)
    light = page.run(ground)
    page.dark(True)
    dark = page.run(ground)
    assert light == "rgb(253, 252, 250)" and dark == "rgb(27, 26, 24)"
    page.click("#settings")
    page.run("document.querySelector('[name=theme][value=light]').click()")
    assert page.run(ground) == light
    page.reload()
    assert page.run(ground) == light and page.run("document.documentElement.dataset.theme") == "light"
    page.dark(False)
    page.click("#settings")
    page.run("document.querySelector('[name=theme][value=dark]').click()")
    assert page.run(ground) == dark


CONTRAST = """(() => {
    const parse = (c) => c.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => [r, g, b].map(v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
    const ground = (e) => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor;
        if (c.startsWith('rgb(')) return parse(c) } return [255, 255, 255] };
    const low = [];
    for (const e of document.querySelectorAll('.message *, header *, #side *')) {
        if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) || !e.getClientRects().length) continue;
        const [a, b] = [light(parse(getComputedStyle(e).color)), light(ground(e))];
        const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
        if (ratio < 4.5) low.push([e.className || e.tagName, e.textContent.slice(0, 20), ratio.toFixed(2)]);
    }
    return low;
})()"""


def test_text_stands_out_in_both_themes(page, oak):
    oak.answer = lambda said: (
        MARKDOWN + "\n\n> quoted [link](https://example.org)\n\n```yaml\n# note\na: 1\nb: 'x'\n```"
    )
    say(page, "Hi")
    page.until("document.querySelectorAll('.code').length === 2")
    for dark in (False, True):
        page.dark(dark)
        assert page.run(CONTRAST) == []


def test_a_phone(browser, server, oak):
    oak.answer = lambda said: MARKDOWN + "\n\n```\n" + "x" * 300 + "\n```\n\n" + "y" * 300
    with browser.page(server[0], 390, 844, mobile=True, scale=2) as page:
        page.until("document.querySelector('#model').value")
        say(page, "z" * 300)
        page.until("document.querySelectorAll('.code').length === 2")
        wide = "[document.documentElement, document.querySelector('#scroll')].map(e => e.scrollWidth)"
        assert max(page.run(wide)) <= 390
        sizes = page.run("[...document.querySelectorAll('textarea, input:not([type=file], [hidden]), select')]"
                         ".map(e => parseFloat(getComputedStyle(e).fontSize))")  # fmt: skip
        assert min(sizes) >= 16, "smaller, and a phone zooms in"
        seen = "[...document.querySelectorAll('#main button')].filter(b => b.getClientRects().length)"
        sizes = page.run(f"{seen}.map(b => b.getBoundingClientRect()).map(b => Math.min(b.width, b.height))")
        assert min(sizes) >= 40, "fingers are thick"
        assert page.run("document.querySelector('#side').inert")
        page.click("#menu")
        page.until("document.querySelector('#side').getBoundingClientRect().x === 0")
        assert page.run("document.querySelector('#main').inert && document.activeElement.id === 'new'")
        page.press("Escape")
        page.until("document.querySelector('#side').inert && document.activeElement.id === 'menu'")
        page.click("#settings")
        assert max(page.run(wide)) <= 390
        assert page.faults == []


def test_the_keyboard_alone(page):
    assert page.run("document.activeElement.id") == "ask"
    page.type("one")
    page.press("Enter", "Shift")
    page.type("two")
    page.press("Enter")
    ended(page)
    assert shown(page, "user") == ["one\ntwo"]
    page.run("document.activeElement.blur(); document.querySelector('.skip').focus()")
    order = []
    while order[-1:] != ["ask"] and len(order) < 30:
        page.press("Tab")
        name = "(e => e.id || e.getAttribute('aria-label') || e.textContent)(document.activeElement)"
        order.append(page.run(name))
        style = "(e => getComputedStyle(e).outlineStyle)(document.activeElement)"
        assert order[-1] == "ask" or page.run(style) != "none", f"the focus on {order[-1]} cannot be seen"
    frame = ["new", "search", "one", "More for one", "import", "export", "model", "settings"]
    messages = ["Copy this message", "Edit this message", "Copy this message", "Another answer"]
    assert order == [*frame, *messages, "ask"]
    page.press("k", "Control")
    assert page.run("document.querySelectorAll('.message').length") == 0


NAMED = "button textbox combobox searchbox spinbutton radio link dialog navigation complementary".split()


def test_everything_has_a_name(page):
    say(page, "Hi")
    for _ in range(2):
        nodes = [node for node in page.call("Accessibility.getFullAXTree")["nodes"] if not node["ignored"]]
        named = [node for node in nodes if node["role"]["value"] in NAMED]
        assert len(named) > 8
        assert [node["role"]["value"] for node in named if not node.get("name", {}).get("value")] == []
        page.click("#settings")
    assert page.run("document.querySelector('#said').getAttribute('aria-live')") == "polite"
