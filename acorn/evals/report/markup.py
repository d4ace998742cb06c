"""HTML and SVG, put together so that text is always escaped: only what `tag` returns counts as markup."""

import html

from acorn.evals.report.clean import clean

EMPTY = {"meta", "line", "circle", "rect", "polygon", "polyline"}  # elements that hold nothing


class Markup(str):
    """Text that is markup already."""


def text(value) -> Markup:
    """Any value as text of a page."""
    return value if isinstance(value, Markup) else Markup(html.escape(clean(str(value)), quote=True))


def tag(name: str, /, *children, **attributes) -> Markup:
    """
    tag('p', 'a < b', cls='note') -> '<p class="note">a &lt; b</p>'.  An attribute that is None is left out; `_` stands
    for `-`.
    """
    pairs = ((name_of(key), value) for key, value in attributes.items() if value is not None)
    head = "".join(f' {key}="{text(value)}"' for key, value in pairs)
    inside = "".join(text(child) for child in children if child is not None)
    return Markup(f"<{name}{head} />" if name in EMPTY and not inside else f"<{name}{head}>{inside}</{name}>")


def name_of(key: str) -> str:
    return "class" if key == "cls" else key if key == "viewBox" else key.replace("_", "-")


def join(parts) -> Markup:
    return Markup("".join(text(part) for part in parts))
