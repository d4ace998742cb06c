"""Text that would rather be markup: said by people and by models, in titles, names, files and storage."""

import json

from paging import HOSTILE, load, say, shown, talk_of

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


def test_hostile_text_is_harmless(page, oak, woods, tmp_path):
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
