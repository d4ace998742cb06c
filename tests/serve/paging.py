"""The page in a real Chromium, and what a person does there."""

import json

import pytest
from browser import CHROMIUM, MISSING, Chromium
from scripted import scripted

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


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    if not CHROMIUM:
        pytest.skip(MISSING)
    browser = Chromium(tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def woods(tmp_path_factory):
    """-> (address, scripts): a server of three models, one of which has a hostile name and one of which is a base."""
    with scripted(tmp_path_factory.mktemp("served"), ("oak", HOSTILE, "raw"), base=("raw",)) as (url, scripts):
        yield url, scripts


@pytest.fixture
def oak(woods):
    """The script of the first model, as it was at first."""
    script = woods[1][0]
    script.reset()
    return script


@pytest.fixture
def page(browser, woods, oak):
    origin = woods[0]
    with browser.page(origin) as page:
        page.until("document.querySelector('#model').value")
        yield page
        assert page.faults == [] and page.dialogs == []
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


def talk_of(turns, text="A **bold** word"):
    nodes, parent = [], None
    for i in range(turns):
        for role in ("user", "assistant"):
            nodes.append({"id": f"{role}{i}", "parent": parent, "role": role, "text": f"{text} {i}", "finish": "stop"})
            parent = nodes[-1]["id"]
    return {"id": "long", "title": "Long", "nodes": nodes, "leaf": parent, "created": 1, "updated": 2}
