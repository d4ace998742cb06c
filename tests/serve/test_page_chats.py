"""Conversations that are kept, how the page looks, and those who use it without a mouse or without eyes."""

import json

from paging import MARKDOWN, ended, export, load, press, say, shown, stored, talk_of

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


def test_export_and_import(browser, woods, page, tmp_path):
    say(page, "one")
    press(page, "Another answer")
    page.until("document.querySelector('.assistant .count')")
    ended(page)
    path = tmp_path / "saved.json"
    path.write_text(export(page), encoding="utf-8")
    assert load(page, path) == "Imported 0 conversations. 1 was here already."
    with browser.page(woods[0]) as other:
        assert load(other, path) == "Imported 1 conversation."
        assert stored(other) == stored(page)
        other.run("document.querySelector('#toasts').replaceChildren()")
        for text, said in (("{", "This file is not JSON."), ("[1]", "This file holds no conversations of acorn."),
                           ('{"format": "acorn-conversations", "conversations": [null, {"nodes": 3}, {"nodes": []}]}',
                            "Imported 0 conversations. 3 could not be read.")):  # fmt: skip
            path.write_text(text)
            assert load(other, path) == said
            other.run("document.querySelector('#toasts').replaceChildren()")


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


def test_a_phone(browser, woods, oak):
    oak.answer = lambda said: MARKDOWN + "\n\n```\n" + "x" * 300 + "\n```\n\n" + "y" * 300
    with browser.page(woods[0], 390, 844, mobile=True, scale=2) as page:
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
