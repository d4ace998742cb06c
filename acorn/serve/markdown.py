"""
Markdown to HTML that is safe to put into a page, whoever wrote it. Three walls: raw HTML is text to markdown-it, what
comes out passes nh3's list of allowed tags, and the page's Content-Security-Policy runs no inline script. Pictures are
not loaded, since their address can carry away what was said.
"""

from functools import cache

LONGEST_CODE = 20_000  # characters of one block that are coloured; regular expressions can be slow

TAGS = {
    "a", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "s",
    "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
ATTRIBUTES = {
    "a": {"href", "title"},
    "span": {"class"},
    "code": {"class"},
    "ol": {"start"},
    "th": {"class"},
    "td": {"class"},
}


def render_blocks(text: str) -> list[str]:
    """One piece of HTML for each block (paragraph, list, table, code): those before the last change no more."""
    parser, env = markdown(), {}
    blocks, level, start = [], 0, 0
    tokens = parser.parse(text, env)
    for i, token in enumerate(tokens, 1):
        level += token.nesting
        if level == 0:
            blocks.append(clean(parser.renderer.render(tokens[start:i], parser.options, env)))
            start = i
    return blocks


def clean(html: str) -> str:
    import nh3

    return nh3.clean(
        html,
        tags=TAGS,
        attributes=ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )


@cache
def markdown():
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False, "highlight": highlight, "maxNesting": 20})
    return parser.enable(["table", "strikethrough"]).disable("image")


def highlight(code: str, language: str, attributes: str) -> str:
    """Pygments' spans; '' leaves the block as plain, escaped text."""
    from pygments import highlight as colour
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    if not language or len(code) > LONGEST_CODE:
        return ""
    try:
        lexer = get_lexer_by_name(language)
    except ClassNotFound:
        return ""
    return colour(code, lexer, HtmlFormatter(nowrap=True))
